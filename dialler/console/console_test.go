package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"ringback/callback"
	"ringback/dialler"
	"ringback/dialler/console"
	"ringback/dialler/push"
	"ringback/dialler/store/sqlite"
	"ringback/dialler/user"
)

const token = "0123456789abcdef0123456789abcdef"

// morning is a Thursday in Kolkata, 11:20.
var morning = time.Date(2026, 3, 12, 5, 50, 0, 0, time.UTC)

// A house is the console on a real store, with one campaign that runs.
type house struct {
	*testing.T
	store    *sqlite.Store
	live     *console.Live
	handler  http.Handler
	campaign dialler.Campaign
	now      time.Time
	status   dialler.Status
	log      *bytes.Buffer
	cookies  map[string]*http.Cookie // what the browser keeps
	sessions map[user.Role]*http.Cookie
}

func newHouse(t *testing.T, edits ...func(*dialler.Campaign, *dialler.Bot)) *house {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Memory, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	h := &house{T: t, store: store, live: console.NewLive(), now: morning, cookies: map[string]*http.Cookie{}, sessions: map[user.Role]*http.Cookie{}, log: &bytes.Buffer{}, status: dialler.Status{Links: map[string]bool{"pbx": true}}}
	window, err := dialler.NewWindow("Asia/Kolkata", dialler.Hours{"mon-sat": {"09:00-18:00"}})
	if err != nil {
		t.Fatal(err)
	}
	c := dialler.Campaign{Name: "renewals", Trunk: "carrier", Bot: "asha", Seats: 5, MaxAttempts: 3, CallbackDetection: true, Window: window, CallbackMaxAttempts: 1}
	b := dialler.Bot{Name: "asha", Endpoint: "PJSIP/asha", Callbacks: true}
	for _, edit := range edits {
		edit(&c, &b)
	}
	h.must(store.PutTrunk(t.Context(), dialler.Trunk{Name: "carrier", Switch: "pbx", Dial: "PJSIP/{number}@carrier"}))
	h.must(store.PutBot(t.Context(), b))
	h.campaign, err = store.CreateCampaign(t.Context(), c)
	h.must(err)
	guard, err := push.NewGuard([]string{"127.0.0.1"})
	h.must(err)
	sender := push.NewSender(guard, "test", 0)
	t.Cleanup(sender.Close)
	h.handler = console.New(console.Options{
		Store: store, Users: store, Sender: sender, Door: h.door(), Live: h.live, Status: func() dialler.Status { return h.status },
		Logger: slog.New(slog.NewTextHandler(h.log, nil)), Now: func() time.Time { return h.now },
	})
	return h
}

// door lets in who holds the token, and users.
func (h *house) door() *user.Door {
	return user.NewDoor(user.Options{Store: h.store, Tokens: map[string]string{"ops": token, "nobody": ""}, Now: func() time.Time { return h.now }})
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// ask sends a request with the browser's cookies, and keeps those it is given.
func (h *house) ask(method, path string, form url.Values, with ...func(*http.Request)) *httptest.ResponseRecorder {
	h.Helper()
	r := httptest.NewRequestWithContext(h.Context(), method, path, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range h.cookies {
		r.AddCookie(c)
	}
	for _, f := range with {
		f(r)
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	saw(w.Body.String())
	for _, c := range w.Result().Cookies() {
		if h.cookies[c.Name] = c; c.MaxAge < 0 {
			delete(h.cookies, c.Name)
		}
	}
	return w
}

// page is what the browser is shown at path.
func (h *house) page(path string) string {
	h.Helper()
	w := h.ask("GET", path, nil)
	if w.Code != 200 {
		h.Fatalf("GET %s: %d %s", path, w.Code, w.Body)
	}
	return w.Body.String()
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

func csrf(t *testing.T, page string) string {
	t.Helper()
	m := csrfField.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no CSRF field in %s", page)
	}
	return m[1]
}

func (h *house) signIn() *house {
	h.Helper()
	clear(h.cookies)
	form := url.Values{"password": {token}, "csrf": {csrf(h.T, h.page("/sign-in"))}}
	if w := h.ask("POST", "/sign-in", form); w.Code != 303 || w.Header().Get("Location") != "/" {
		h.Fatalf("signing in: %d %s", w.Code, w.Body)
	}
	return h
}

// do posts an action, as its form on a page does.
func (h *house) do(path string) *httptest.ResponseRecorder {
	h.Helper()
	return h.ask("POST", path, url.Values{"csrf": {csrf(h.T, h.page("/"))}})
}

func (h *house) at(format string) string {
	return fmt.Sprintf("/campaigns/%d%s", h.campaign.ID, format)
}

// ring starts the campaign if need be, adds somebody, and rings them: how it
// ends and what the analysis says are given; "" is not yet.
func (h *house) ring(number dialler.Number, end dialler.Disposition, analysis string) dialler.Lease {
	h.Helper()
	ctx := h.Context()
	if c, err := h.store.Campaign(ctx, h.campaign.ID); err != nil || c.State == dialler.CampaignDraft {
		_, err = h.store.Transition(ctx, h.campaign.ID, dialler.Start, h.now)
		h.must(err)
	}
	_, err := h.store.AddContacts(ctx, h.campaign.ID, []dialler.NewContact{{Number: number}}, h.now)
	h.must(err)
	l := h.lease()
	if end != "" {
		h.settle(l, end, analysis)
	}
	return l
}

func (h *house) lease() dialler.Lease {
	h.Helper()
	ls, err := h.store.Lease(h.Context(), dialler.LeaseRequest{Node: "n1", Now: h.now, TTL: time.Minute,
		Trunks: []dialler.TrunkQuota{{Trunk: "carrier", N: 1}}, Campaigns: []dialler.CampaignQuota{{Campaign: h.campaign.ID, N: 1}}})
	if err != nil || len(ls) != 1 {
		h.Fatalf("leased %d: %v", len(ls), err)
	}
	return ls[0]
}

func (h *house) settle(l dialler.Lease, end dialler.Disposition, analysis string) {
	h.Helper()
	o := dialler.Outcome{Ended: h.now, Disposition: end, Cause: dialler.Cause{Q850: 17, SIP: 486, Text: "User busy"}}
	if end == dialler.Answered {
		o.Answered, o.Joined, o.Cause = h.now, h.now, dialler.Cause{Q850: 16}
	}
	_, err := h.store.Settle(h.Context(), l, o)
	h.must(err)
	if analysis != "" {
		a, err := callback.ParseAnalysis([]byte(analysis))
		h.must(err)
		_, err = h.store.Hear(h.Context(), l.Attempt.ID, a, h.now)
		h.must(err)
	}
}

const asks = `{"callback_requested":true,"callback_preferred_time_text":"call me back in two hours","callback_reason":"driving","callback_confidence":0.9}`

func has(t *testing.T, page string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func hasNot(t *testing.T, page string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if strings.Contains(page, want) {
			t.Errorf("the page says %q", want)
		}
	}
}

// Every POST wants the session's own seal, and comes from our own pages.
func TestForgery(t *testing.T) {
	h := newHouse(t).signIn()
	other := newHouse(t).signIn()
	good := csrf(t, h.page("/"))
	for _, tt := range []struct {
		name string
		form url.Values
		site string
		want int
	}{
		{"no seal", url.Values{}, "", 403},
		{"an empty one", url.Values{"csrf": {""}}, "", 403},
		{"another session's", url.Values{"csrf": {csrf(t, other.page("/"))}}, "", 403},
		{"from another site, the seal known", url.Values{"csrf": {good}}, "cross-site", 403},
		{"ours", url.Values{"csrf": {good}}, "same-origin", 303},
	} {
		for _, path := range []string{h.at("/start"), "/sign-out"} {
			if path == "/sign-out" && tt.want == 303 {
				continue
			}
			w := h.ask("POST", path, tt.form, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", tt.site) })
			if w.Code != tt.want {
				t.Errorf("%s, %s: %d, want %d", path, tt.name, w.Code, tt.want)
			}
		}
		c, _ := h.store.Campaign(t.Context(), h.campaign.ID)
		if started := c.State == dialler.CampaignRunning; started != (tt.want == 303) {
			t.Errorf("%s: the campaign is %s", tt.name, c.State)
		}
	}
}

func TestHeaders(t *testing.T) {
	h := newHouse(t).signIn()
	for _, path := range []string{"/", "/sign-in", "/static/console.js", "/nowhere", h.at("")} {
		head := h.ask("GET", path, nil).Result().Header
		if p := head.Get("Content-Security-Policy"); !strings.Contains(p, "default-src 'none'; script-src 'self'") || strings.Contains(p, "unsafe") {
			t.Errorf("%s: policy %q", path, p)
		}
		if head.Get("X-Content-Type-Options") != "nosniff" || head.Get("Cache-Control") == "" {
			t.Errorf("%s: headers %v", path, head)
		}
	}
	// The policy lets no script or style run that stands in a page; there is none.
	for _, path := range []string{"/", h.at(""), h.at("/contacts")} {
		if m := regexp.MustCompile(`(?i)<script>|<style|\sstyle=|\son[a-z]+=|javascript:`).FindString(h.page(path)); m != "" {
			t.Errorf("%s has %q in it", path, m)
		}
	}
	if w := h.ask("GET", "/nowhere", nil); w.Code != 404 {
		t.Errorf("/nowhere: %d", w.Code)
	}
}

// The actions fit the state, do what they say, and say so when they can not.
func TestActions(t *testing.T) {
	h := newHouse(t).signIn()
	_, err := h.store.AddContacts(t.Context(), h.campaign.ID, []dialler.NewContact{{Number: "+919812345601"}}, h.now)
	h.must(err)
	all := []string{"start", "pause", "resume", "stop", "restart"}
	for _, step := range []struct {
		state string
		fit   []string
		then  string
	}{
		{"Draft", []string{"start"}, "start"},
		{"Running", []string{"pause", "stop"}, "pause"},
		{"Paused", []string{"resume", "stop"}, "resume"},
		{"Running", []string{"pause", "stop"}, "stop"},
		{"Completed", []string{"restart"}, "restart"},
		{"Running", []string{"pause", "stop"}, ""},
	} {
		for _, path := range []string{"/", h.at("")} {
			page := h.page(path)
			has(t, page, ">"+step.state+"</span>")
			for _, a := range all {
				offered := strings.Contains(page, fmt.Sprintf(`id="do-%s-%d"`, a, h.campaign.ID))
				fits := strings.Contains(strings.Join(step.fit, " ")+" ", a+" ")
				if fits = fits && (a != "start" || step.state == "Draft"); offered != fits {
					t.Errorf("%s, %s: %s is offered: %v", path, step.state, a, offered)
				}
			}
		}
		for _, a := range all {
			if strings.Contains(" "+strings.Join(step.fit, " ")+" ", " "+a+" ") {
				continue
			}
			if w := h.do(h.at("/" + a)); w.Code != 409 || !strings.Contains(w.Body.String(), "cannot "+a) {
				t.Errorf("%s of a %s campaign: %d", a, step.state, w.Code)
			}
		}
		if step.then == "" {
			break
		}
		if step.then == "stop" || step.then == "restart" {
			has(t, h.page(h.at("/confirm/"+step.then)), `action="`+h.at("/"+step.then)+`"`, "renewals?")
		}
		w := h.do(h.at("/" + step.then))
		if w.Code != 303 {
			t.Fatalf("%s: %d %s", step.then, w.Code, w.Body)
		}
		has(t, h.page(w.Header().Get("Location")), "data-said>Campaign ")
	}
	for path, want := range map[string]int{h.at("/finish"): 404, h.at("/closeday"): 404, "/campaigns/99/start": 404, "/campaigns/x/start": 404, "/contacts/99/exclude": 404} {
		if w := h.do(path); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	for path, want := range map[string]int{
		"/campaigns/99": 404, "/campaigns/x": 404, "/contacts/99": 404, h.at("?after=x"): 400, h.at("?calls=lost"): 400, h.at("/contacts?after=x"): 400,
		h.at("/confirm/start"): 409, h.at("/confirm/explode"): 404,
	} {
		if w := h.ask("GET", path, nil); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
}

// Both gates in all four combinations: note, tabs, panel.
func TestGates(t *testing.T) {
	for _, campaign := range []bool{true, false} {
		for _, bot := range []bool{true, false} {
			t.Run(fmt.Sprintf("campaign %v bot %v", campaign, bot), func(t *testing.T) {
				h := newHouse(t, func(c *dialler.Campaign, b *dialler.Bot) { c.CallbackDetection, b.Callbacks = campaign, bot }).signIn()
				h.ring("+919812345601", dialler.Answered, asks)
				page := h.page(h.at(""))
				note := map[[2]bool]string{{true, false}: "the callback toggle of the bot asha is off", {false, true}: "the bot asha asks for them", {false, false}: "and so is the callback toggle"}[[2]bool{campaign, bot}]
				if both := campaign && bot; both != !strings.Contains(page, `id="gates"`) || both != strings.Contains(page, `id="callbacks-panel"`) || both != strings.Contains(page, `class="badge callback"`) {
					t.Errorf("both gates open: %v; the note, the panel or the badge say otherwise", both)
				} else if !both {
					has(t, page, note, "1 request was not granted")
				}
				if campaign != strings.Contains(page, `role="tab"`) {
					t.Errorf("Callback Detection is %v; the tabs say otherwise", campaign)
				}
			})
		}
	}
}

var stat = regexp.MustCompile(`id="(n-\w+|attempted|answered|asr)">([^<]*)<`)

func figures(page string) map[string]string {
	m := map[string]string{}
	for _, f := range stat.FindAllStringSubmatch(page, -1) {
		m[f[1]] = f[2]
	}
	return m
}

var selected = regexp.MustCompile(`id="tab-(\w+)"[^>]*aria-selected="true"`)

// The panel, the tabs and the badge, in every state a callback can have.
func TestCallbacks(t *testing.T) {
	h := newHouse(t).signIn()
	hasNot(t, h.page(h.at("")), `id="callbacks-panel"`) // before there is one
	has(t, h.page("/"), "None waits")
	h.ring("+919812345600", dialler.Busy, "")
	ends := map[dialler.Number]dialler.Disposition{"+919812345601": dialler.Answered, "+919812345602": dialler.Busy, "+919812345603": dialler.Machine, "+919812345604": dialler.Abandoned}
	calls := map[dialler.Number]dialler.Lease{}
	for number := range ends {
		calls[number] = h.ring(number, dialler.Answered, asks)
	}
	calls["+919812345605"] = h.ring("+919812345605", dialler.Answered, asks)
	h.must(h.store.Exclude(t.Context(), []dialler.Number{"+919812345605"}, h.now))
	h.now = h.now.Add(2*time.Hour + time.Minute)
	for range ends {
		l := h.lease()
		h.settle(l, ends[l.Attempt.Number], "")
	}
	calls["+919812345606"] = h.ring("+919812345606", dialler.Answered, asks)

	page := h.page(h.at(""))
	want := map[string]string{"n-requested": "6", "n-pending": "1", "n-completed": "4", "n-exhausted": "1", "n-voicemail": "1", "n-abandoned": "1", "n-cancelled": "1", "n-delay": "2 h",
		"attempted": "11", "answered": "9", "asr": "82 %"}
	got := figures(page)
	for name, n := range want {
		if got[name] != n {
			t.Errorf("%s is %q, want %s", name, got[name], n)
		}
	}
	if n := strings.Count(page, `class="badge callback"`); n != 1 {
		t.Errorf("%d badges, want that of the one who waits", n)
	}
	has(t, h.page("/"), "in 2 h")
	for tab, numbers := range map[string][]dialler.Number{
		"": {"+919812345600"}, "requested": {"+919812345601", "+919812345602", "+919812345603", "+919812345604", "+919812345605", "+919812345606"},
		"pending": {"+919812345606"}, "completed": {"+919812345601", "+919812345602", "+919812345603", "+919812345604"}, "cancelled": {"+919812345605"},
	} {
		page := h.page(h.at("?calls=" + tab))
		name := tab
		if tab == "" {
			name = "all"
		}
		if m := selected.FindAllStringSubmatch(page, -1); len(m) != 1 || m[0][1] != name {
			t.Errorf("tab %s: selected are %v", name, m)
		}
		has(t, page, `role="tabpanel" aria-labelledby="tab-`+name+`"`)
		rows := strings.Count(page, `<tr id="call-`)
		if tab != "" && rows != len(numbers) || tab == "" && rows != 11 {
			t.Errorf("tab %s has %d rows", name, rows)
		}
		for _, n := range numbers {
			if tab != "" {
				has(t, page, `<tr id="call-`+string(calls[n].Attempt.ID)+`"`)
			}
		}
	}
}

// Pages of calls and of contacts, cut by key.
func TestPaging(t *testing.T) {
	h := newHouse(t).signIn()
	var list []dialler.NewContact
	for i := range 120 {
		list = append(list, dialler.NewContact{Number: dialler.Number(fmt.Sprintf("+9198123%05d", i))})
	}
	_, err := h.store.AddContacts(t.Context(), h.campaign.ID, list, h.now)
	h.must(err)
	_, err = h.store.Transition(t.Context(), h.campaign.ID, dialler.Start, h.now)
	h.must(err)
	for range 70 {
		h.now = h.now.Add(time.Second)
		h.settle(h.lease(), dialler.Unallocated, "")
	}
	older := regexp.MustCompile(`id="older" href="([^"]+)"`)
	page := h.page(h.at(""))
	m := older.FindStringSubmatch(page)
	if n := strings.Count(page, `<tr id="call-`); n != 50 || m == nil {
		t.Fatalf("the first page has %d calls, and older ones at %v", n, m)
	}
	where, _, _ := strings.Cut(strings.ReplaceAll(m[1], "&amp;", "&"), "#")
	next := h.page(where)
	if n := strings.Count(next, `<tr id="call-`); n != 20 || older.MatchString(next) || !strings.Contains(next, ">Newest</a>") {
		t.Errorf("the second page has %d calls", n)
	}
	seen := map[string]bool{}
	for _, id := range regexp.MustCompile(`<tr id="(call-[^"]+)"`).FindAllStringSubmatch(page+next, -1) {
		seen[id[1]] = true
	}
	if len(seen) != 70 {
		t.Errorf("%d of 70 calls were seen", len(seen))
	}
	page = h.page(h.at("/contacts"))
	m = regexp.MustCompile(`href="([^"]+)">Next`).FindStringSubmatch(page)
	if n := strings.Count(page, `<tr id="contact-`); n != 100 || m == nil {
		t.Fatalf("%d contacts, next %v", n, m)
	}
	if n := strings.Count(h.page(m[1]), `<tr id="contact-`); n != 20 {
		t.Errorf("%d contacts on the second page", n)
	}
}

// The whole story of a contact; and words that would like to be a page.
func TestContact(t *testing.T) {
	h := newHouse(t).signIn()
	body, _ := json.Marshal(map[string]any{
		"callback_requested": true, "callback_preferred_time_text": `</bdi><script>alert("x")</script> tonight at 11 pm`,
		"callback_reason": `"><img src=x onerror=alert(1)>`, "summary": `</pre><script>alert(2)</script>`,
	})
	l := h.ring("+919812345601", dialler.Answered, string(body))
	path := fmt.Sprintf("/contacts/%d", l.Contact.ID)
	page := h.page(path)
	has(t, page, `&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;`, `&lt;img src=x`, "clipped", "How the time was read", "Q.850 16", "The callback is not due before 09:00 on Fri 13 Mar",
		`data-reason="due"`, "a callback was scheduled", `class="badge callback"`)
	hasNot(t, page, "<script>", "<img", "</bdi><script")
	hasNot(t, h.page(h.at("?calls=pending")), "<script>", "<img")

	// Another, whose request is refused and who is told why.
	h.must(h.store.PutBot(t.Context(), dialler.Bot{Name: "asha", Endpoint: "PJSIP/asha"}))
	r := h.ring("+919812345602", dialler.Answered, asks)
	has(t, h.page(fmt.Sprintf("/contacts/%d", r.Contact.ID)), "Not scheduled:", "the bot&#39;s callback toggle is off", "conversation was held")
	b := h.ring("+919812345603", dialler.Busy, "")
	has(t, h.page(fmt.Sprintf("/contacts/%d", b.Contact.ID)), "Q.850 17 · SIP 486", "User busy", "The retry is not due before 11:35", "No analysis has come")

	// It says what the lines allow.
	h.now = h.now.Add(time.Hour)
	there := fmt.Sprintf("/contacts/%d", b.Contact.ID)
	has(t, h.page(there), `data-reason="turn"`)
	h.status.Links["pbx"] = false
	has(t, h.page(there), `data-reason="link"`, "The link to the switch pbx is down")
	h.status.Links["pbx"] = true
	for i := range 5 {
		h.must(func() error {
			_, err := h.store.AddContacts(t.Context(), h.campaign.ID, []dialler.NewContact{{Number: dialler.Number(fmt.Sprintf("+91981234570%d", i))}}, h.now)
			return err
		}())
		h.lease()
	}
	has(t, h.page(there), `data-reason="seats"`, "(5 of 5)")

	// Excluded, after a question.
	has(t, h.page(path+"/confirm/exclude"), "Exclude &#43;919812345601?")
	w := h.do(path + "/exclude")
	if w.Code != 303 {
		t.Fatalf("exclude: %d %s", w.Code, w.Body)
	}
	page = h.page(w.Header().Get("Location"))
	has(t, page, "Number excluded", `data-reason="excluded"`, "because the number was excluded", "On the do-not-call list")
	if out, err := h.store.Excluded(t.Context(), "+919812345601"); err != nil || !out {
		t.Error("the number is not excluded")
	}
}

// The script is given the main part alone, and is told when it is signed out.
func TestParts(t *testing.T) {
	h := newHouse(t).signIn()
	part := func(r *http.Request) { r.Header.Set("Ringback-Part", "main") }
	w := h.ask("GET", h.at(""), nil, part)
	if body := w.Body.String(); w.Code != 200 || !strings.HasPrefix(strings.TrimSpace(body), "<main") || strings.Contains(body, "<html") {
		t.Errorf("%d %.80s", w.Code, body)
	}
	clear(h.cookies)
	if w := h.ask("GET", h.at(""), nil, part); w.Code != 401 {
		t.Errorf("signed out: %d", w.Code)
	}
}

type broken struct {
	console.Store
	crash bool
}

func (b broken) Campaigns(context.Context) ([]dialler.Campaign, error) {
	if b.crash {
		panic("secret of the stack")
	}
	return nil, errors.New("secret of the disk")
}

func TestOurOwnFaultsTellNobody(t *testing.T) {
	for _, crash := range []bool{false, true} {
		h := newHouse(t)
		h.handler = console.New(console.Options{Store: broken{h.store, crash}, Door: h.door(), Logger: slog.New(slog.NewTextHandler(h.log, nil))})
		h.signIn()
		w := h.ask("GET", "/", nil)
		if w.Code != 500 || strings.Contains(w.Body.String(), "secret") || !strings.Contains(h.log.String(), "secret") {
			t.Errorf("crash %v: %d %s", crash, w.Code, w.Body)
		}
	}
}
