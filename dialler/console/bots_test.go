package console_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"ringback/dialler"
	"ringback/dialler/console"
)

// send posts a form as a page of the session does.
func (h *house) send(path string, form url.Values, with ...func(*http.Request)) *httptest.ResponseRecorder {
	h.Helper()
	form.Set("csrf", csrf(h.T, h.page("/")))
	return h.ask("POST", path, form, with...)
}

// wrongs is what the script is told of a form so far.
func (h *house) wrongs(path string, form url.Values) map[string]string {
	h.Helper()
	w := h.send(path, form, func(r *http.Request) { r.Header.Set("Ringback-Check", "1") })
	var answer struct{ Wrong map[string]string }
	if w.Code != 200 || json.Unmarshal(w.Body.Bytes(), &answer) != nil {
		h.Fatalf("checking %s: %d %s", path, w.Code, w.Body)
	}
	return answer.Wrong
}

func (h *house) bot(name string) (dialler.Bot, bool) {
	h.Helper()
	bots, err := h.store.Bots(h.Context())
	h.must(err)
	for _, b := range bots {
		if b.Name == name {
			return b, true
		}
	}
	return dialler.Bot{}, false
}

func TestABotIsMadeAndEdited(t *testing.T) {
	h := newHouse(t).signIn()
	has(t, h.page("/"), `<a href="/bots">Bots</a>`)
	has(t, h.page("/bots/new"), "New bot", "Create bot")
	form := url.Values{"name": {"रवि / 2"}, "extension": {"bots,ravi,1"}, "capacity": {"9"}, "callbacks": {"on"}}
	if wrong := h.wrongs("/bots/new", form); len(wrong) != 0 {
		t.Errorf("wrong with a bot that is right: %v", wrong)
	}
	if _, there := h.bot("रवि / 2"); there {
		t.Error("a check made a bot")
	}
	w := h.send("/bots/new", form)
	if w.Code != 303 || w.Header().Get("Location") != "/bots?done=created" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if b, _ := h.bot("रवि / 2"); b != (dialler.Bot{Name: "रवि / 2", Extension: "bots,ravi,1", Capacity: 9, Callbacks: true}) {
		t.Errorf("made %+v", b)
	}
	has(t, h.page("/bots?done=created"), "Bot created.", "रवि / 2", "bots,ravi,1", "9 at once", "Callbacks on", "none yet")
	if !strings.Contains(h.log.String(), "bot created") || !strings.Contains(h.log.String(), "token=ops") {
		t.Errorf("the log does not say who made it: %s", h.log)
	}

	at := "/bots/" + url.PathEscape("रवि / 2") + "/edit"
	has(t, h.page(at), `value="bots,ravi,1"`, `name="callbacks" type="checkbox" value="on" checked`, "readonly", "A bot keeps its name")
	w = h.send(at, url.Values{"name": {"another"}, "endpoint": {"PJSIP/ravi"}, "capacity": {""}})
	if w.Code != 303 || w.Header().Get("Location") != "/bots?done=saved" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if b, _ := h.bot("रवि / 2"); b != (dialler.Bot{Name: "रवि / 2", Endpoint: "PJSIP/ravi"}) {
		t.Errorf("edited to %+v", b)
	}
	if _, there := h.bot("another"); there {
		t.Error("editing made another bot")
	}
	for _, path := range []string{"/bots/nobody/edit"} {
		if w := h.ask("GET", path, nil); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
		if w := h.send(path, url.Values{}); w.Code != 404 {
			t.Errorf("POST %s: %d", path, w.Code)
		}
	}
}

// Every error the form can give, on the page and to the script, in the API's
// words; and nothing is written.
func TestABotThatIsNotRight(t *testing.T) {
	h := newHouse(t).signIn()
	good := url.Values{"name": {"ravi"}, "endpoint": {"PJSIP/ravi"}, "capacity": {"3"}}
	for _, tt := range []struct{ name, field, value, says string }{
		{"name", "name", "", "Nothing is given; want 1 to 100 printable characters, no space at either end."},
		{"name", "name", " ravi", "Got &#34; ravi&#34;; want 1 to 100 printable characters, no space at either end."},
		{"name", "name", "asha", "Got &#34;asha&#34;; want a name that no other bot has."},
		{"endpoint", "endpoint", "", "Got endpoint &#34;&#34; and extension &#34;&#34;; want exactly one of the two."},
		{"endpoint", "extension", "bots,ravi,1", "Got endpoint &#34;PJSIP/ravi&#34; and extension &#34;bots,ravi,1&#34;; want exactly one of the two."},
		{"endpoint", "endpoint", "PJSIP/ra\nvi", "want a dial string such as PJSIP/bot, at most 1000 printable characters."},
		{"capacity", "capacity", "-1", "Got &#34;-1&#34;; want 0 (no limit) or more."},
		{"capacity", "capacity", "many", "Got &#34;many&#34;; want a whole number."},
	} {
		form := url.Values{}
		for k, v := range good {
			form[k] = v
		}
		form.Set(tt.field, tt.value)
		wrong := h.wrongs("/bots/new", form)
		if plain := strings.ReplaceAll(tt.says, "&#34;", `"`); len(wrong) != 1 || !strings.Contains(wrong[tt.name], plain) {
			t.Errorf("%s %q: the script is told %v", tt.field, tt.value, wrong)
		}
		w := h.send("/bots/new", form)
		if w.Code != 422 {
			t.Errorf("%s %q: %d", tt.field, tt.value, w.Code)
		}
		has(t, w.Body.String(), tt.says, `aria-invalid="true"`, "One field is not right yet")
		if tt.value != "" && !strings.Contains(tt.value, "\n") {
			has(t, w.Body.String(), `value="`+tt.value+`"`) // what was typed is kept
		}
		if _, there := h.bot("ravi"); there {
			t.Fatalf("%s %q: a bot was made", tt.field, tt.value)
		}
	}
	wrong := h.wrongs("/bots/new", url.Values{"name": {"ravi"}, "extension": {"bots ravi"}})
	if !strings.Contains(wrong["extension"], "want context,exten,priority such as bots,agent,1") {
		t.Errorf("an extension: %v", wrong)
	}
	has(t, h.send("/bots/new", url.Values{"capacity": {"x"}}).Body.String(), "3 fields are not right yet")
	w := h.send("/bots/asha/edit", url.Values{"endpoint": {""}})
	if b, _ := h.bot("asha"); w.Code != 422 || b.Endpoint != "PJSIP/asha" {
		t.Errorf("editing: %d, %+v", w.Code, b)
	}
	h.handler = console.New(console.Options{Store: broken{Store: h.store}, Door: h.door()})
	h.signIn()
	if w := h.ask("GET", "/bots", nil); w.Code != 500 {
		t.Errorf("a store that fails: %d", w.Code)
	}
}

// Both gates in all four combinations, on both screens.
func TestGatesOnBothScreens(t *testing.T) {
	for _, tt := range []struct {
		campaign, bot bool
		there, here   string // on the bots' page, on the campaign's
	}{
		{true, true, "Callbacks are scheduled: both gates stand open.", ""},
		{true, false, "Callback Detection is on there, but this bot’s callback toggle is off.", "Callback Detection is on here, but the callback toggle of the bot asha is off."},
		{false, true, "this bot’s callback toggle is on, but Callback Detection is off there.", "the bot asha asks for them, but Callback Detection is off in this campaign."},
		{false, false, "this bot’s callback toggle is off, and Callback Detection is off there too.", "Callback Detection is off in this campaign, and so is the callback toggle of the bot asha."},
	} {
		h := newHouse(t, func(c *dialler.Campaign, b *dialler.Bot) { c.CallbackDetection, b.Callbacks = tt.campaign, tt.bot }).signIn()
		for _, path := range []string{"/bots", "/bots/asha/edit"} {
			has(t, h.page(path), tt.there, h.at(""), "renewals")
		}
		if tt.here == "" {
			hasNot(t, h.page(h.at("")), `id="gates"`)
			hasNot(t, h.page("/bots"), `class="gate"`)
			continue
		}
		has(t, h.page(h.at("")), `id="gates"`, tt.here)
	}
}

// What the configuration declares says so.
func TestDeclaredBots(t *testing.T) {
	h := newHouse(t)
	h.must(h.store.PutBot(t.Context(), dialler.Bot{Name: "ravi", Endpoint: "PJSIP/ravi"}))
	h.handler = console.New(console.Options{
		Store: h.store, Door: h.door(),
		Declared: console.Declared{File: "ringback.yaml", Bots: []string{"asha"}},
	})
	h.signIn()
	if n := strings.Count(h.page("/bots"), ">declared in the configuration<"); n != 1 {
		t.Errorf("%d bots are said to be declared, want 1", n)
	}
	has(t, h.page("/bots/asha/edit"), "Declared in ringback.yaml. What is changed here holds until Ringback is started again")
	hasNot(t, h.page("/bots/ravi/edit"), "Declared in")
}

func TestABotIsRemovedThatNoCampaignHas(t *testing.T) {
	h := newHouse(t).signIn()
	h.must(h.store.PutBot(t.Context(), dialler.Bot{Name: "ra vi/2", Endpoint: "PJSIP/ravi"}))
	hasNot(t, h.page("/bots/asha/edit"), `id="remove"`)
	for _, w := range []*httptest.ResponseRecorder{h.ask("GET", "/bots/asha/confirm/remove", nil), h.do("/bots/asha/remove")} {
		if w.Code != 409 {
			t.Errorf("a bot in use: %d", w.Code)
		}
		has(t, w.Body.String(), "The bot &#34;asha&#34; is that of &#34;renewals&#34;; give them another")
	}
	const here = "/bots/ra%20vi%2F2"
	has(t, h.page(here+"/edit"), `href="`+here+`/confirm/remove"`)
	has(t, h.page(here+"/confirm/remove"), "Remove the bot ra vi/2?", "data-leave", `action="`+here+`/remove"`)
	if w := h.do(here + "/remove"); w.Code != 303 || w.Header().Get("Location") != "/bots?done=removed" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	has(t, h.page("/bots?done=removed"), "Bot removed.")
	if _, there := h.bot("ra vi/2"); there {
		t.Error("it is still there")
	}
	if w := h.do(here + "/remove"); w.Code != 404 {
		t.Errorf("again: %d", w.Code)
	}
}
