package console_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"ringback/dialler"
	"ringback/dialler/console"
)

// edited is what the edit page's form sends, with the three steps' fields.
func edited(name string) url.Values {
	all := url.Values{}
	for _, step := range steps() {
		for field, v := range step {
			all[field] = v
		}
	}
	all.Set("name", name)
	return all
}

func (h *house) current() dialler.Campaign {
	h.Helper()
	c, err := h.store.Campaign(h.Context(), h.campaign.ID)
	h.must(err)
	return c
}

func TestACampaignIsEdited(t *testing.T) {
	h := newHouse(t).signIn()
	has(t, h.page(h.at("")), "Edit", "Clone", "Remove…")
	page := h.page(h.at("/edit"))
	has(t, page, `value="renewals"`, `value="Asia/Kolkata"`, `value="09:00-18:00"`, `value="15m"`, "Dialler Config")
	hasNot(t, page, "readonly", "aria-invalid")
	form := edited("renamed")
	if wrong := h.wrongs(h.at("/edit"), form); len(wrong) != 0 || h.current().Name != "renewals" {
		t.Errorf("a check: %v, %s", wrong, h.current().Name)
	}
	if w := h.send(h.at("/edit"), form); w.Code != 303 || w.Header().Get("Location") != h.at("?done=saved") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if c := h.current(); c.Name != "renamed" || c.Seats != 4 || c.Mode != dialler.SingleDay || c.RetryDelay != 20*time.Minute || c.State != dialler.CampaignDraft {
		t.Errorf("edited to %+v", c)
	}
	has(t, h.page(h.at("?done=saved")), "Campaign saved.")

	// What comes back from the page is what is there.
	before := fmt.Sprint(h.current().Settings())
	form = edited("renamed")
	form.Set("seats", "0")
	w := h.send(h.at("/edit"), form)
	if w.Code != 422 || fmt.Sprint(h.current().Settings()) != before {
		t.Errorf("0 seats: %d", w.Code)
	}
	has(t, w.Body.String(), "Got &#34;0&#34;; want 1 to 10000.", "One field is not right yet", `aria-invalid="true"`)
	form = edited("renewals")
	form["retry_on"] = []string{"busy", "busy"}
	if at := wrongAt(h.send(h.at("/edit"), form).Body.String(), "retry_on"); at != `Got "busy"; want each disposition once.` {
		t.Errorf("busy twice: %s", at)
	}
	if w := h.ask("GET", "/campaigns/99/edit", nil); w.Code != 404 {
		t.Errorf("no such campaign: %d", w.Code)
	}
}

// What has run keeps its name and bot; what runs is not edited.
func TestWhatHasRunIsLocked(t *testing.T) {
	h := newHouse(t).signIn()
	h.must(h.store.PutBot(t.Context(), dialler.Bot{Name: "ravi", Endpoint: "PJSIP/ravi"}))
	h.do(h.at("/start"))
	hasNot(t, h.page(h.at("")), `id="edit"`, `id="remove"`)
	for _, path := range []string{"/edit", "/confirm/remove"} {
		if w := h.ask("GET", h.at(path), nil); w.Code != 409 {
			t.Errorf("%s while it runs: %d", path, w.Code)
		}
	}
	w := h.send(h.at("/edit"), edited("renewals"))
	if w.Code != 409 {
		t.Errorf("edited while it runs: %d", w.Code)
	}
	has(t, w.Body.String(), "Campaign &#34;renewals&#34; is running; pause it to edit it.")
	if w := h.do(h.at("/remove")); w.Code != 409 || !strings.Contains(w.Body.String(), "only a draft can be removed") {
		t.Errorf("removed while it runs: %d", w.Code)
	}

	h.do(h.at("/pause"))
	page := h.page(h.at("/edit"))
	has(t, page, "It has run: its name, its bot and the contacts it has stay.", "readonly", "Clone the campaign to change it.")
	hasNot(t, page, `<select id="f-bot"`)
	form := edited("another")
	if wrong := h.wrongs(h.at("/edit"), form); !strings.Contains(wrong["name"], `Got "another"; want what it was, as the campaign has run`) {
		t.Errorf("another name: %v", wrong)
	}
	if w := h.send(h.at("/edit"), form); w.Code != 422 {
		t.Errorf("another name: %d", w.Code)
	}
	form = edited("renewals")
	form.Set("bot", "ravi")
	if w := h.send(h.at("/edit"), form); w.Code != 422 || !strings.Contains(w.Body.String(), "Got &#34;ravi&#34;; want what it was") {
		t.Errorf("another bot: %d", w.Code)
	}
	if w := h.send(h.at("/edit"), edited("renewals")); w.Code != 303 {
		t.Errorf("other settings: %d %s", w.Code, w.Body)
	}
	if c := h.current(); c.Name != "renewals" || c.Bot != "asha" || c.Seats != 4 || c.State != dialler.CampaignPaused {
		t.Errorf("edited to %+v", c)
	}

	h.do(h.at("/stop"))
	w = h.ask("GET", h.at("/edit"), nil)
	if w.Code != 409 {
		t.Errorf("edited when completed: %d", w.Code)
	}
	has(t, w.Body.String(), "only a draft or a paused campaign can be edited, so clone it, or restart and pause it")
	has(t, h.page(h.at("")), "Restart", "Clone")
}

func TestACampaignIsCloned(t *testing.T) {
	h := newHouse(t).signIn()
	h.send(h.at("/edit"), edited("renewals"))
	h.ring("+919812345601", dialler.Answered, "")
	w := h.do(h.at("/clone"))
	at, ok := strings.CutSuffix(w.Header().Get("Location"), "/basics")
	if w.Code != 303 || !ok {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	has(t, h.page(at+"/basics"), `value="renewals (copy)"`, "A clone of <bdi>renewals</bdi>.")
	has(t, h.page(at+"/contacts"), "No contacts yet")
	if w := h.send(at+"/review", url.Values{"go": {"create"}}); w.Code != 303 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	c, there := h.named("renewals (copy)")
	want := h.current().Settings()
	want.Name = c.Name
	if !there || c.State != dialler.CampaignDraft || fmt.Sprint(c.Settings()) != fmt.Sprint(want) {
		t.Errorf("cloned %+v\nwant   %+v", c.Settings(), want)
	}
	w = h.do(h.at("/clone"))
	has(t, h.page(w.Header().Get("Location")), `value="renewals (copy 2)"`)
	if w := h.do("/campaigns/99/clone"); w.Code != 404 {
		t.Errorf("no such campaign: %d", w.Code)
	}
}

func TestADraftCampaignIsRemoved(t *testing.T) {
	h := newHouse(t).signIn()
	has(t, h.page(h.at("/confirm/remove")), "Remove renewals?", "data-leave")
	if w := h.do(h.at("/remove")); w.Code != 303 || w.Header().Get("Location") != "/?done=removed" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	has(t, h.page("/?done=removed"), "Campaign removed.", "No campaigns yet")
	if w := h.ask("GET", h.at(""), nil); w.Code != 404 {
		t.Errorf("it is there still: %d", w.Code)
	}
}

func TestDeclaredCampaigns(t *testing.T) {
	h := newHouse(t)
	h.handler = console.New(console.Options{
		Store: h.store, Door: h.door(), Now: func() time.Time { return h.now },
		Declared: console.Declared{Campaigns: []string{"renewals"}},
	})
	h.signIn()
	const says = "Declared in the configuration. Whenever Ringback is started while this campaign is a draft or paused, the file’s settings are taken over."
	has(t, h.page(h.at("")), says)
	has(t, h.page(h.at("/edit")), says)
}

// Every zone that is offered is one.
func TestZones(t *testing.T) {
	h := newHouse(t).signIn()
	at := h.wizard()
	page := h.page(at + "/dialling")
	n := 0
	for _, rest := range strings.Split(page[strings.Index(page, `<datalist id="zones">`):], `<option value="`)[1:] {
		name, _, _ := strings.Cut(rest, `"`)
		if strings.HasPrefix(name, "single") {
			break
		}
		if _, err := dialler.NewWindow(name, dialler.Hours{"daily": {"00:00-24:00"}}); err != nil {
			t.Error(err)
		}
		n++
	}
	if n < 400 {
		t.Errorf("%d zones are offered", n)
	}
}
