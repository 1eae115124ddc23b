package console_test

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"ringback/dialler"
	"ringback/dialler/console"
	"ringback/dialler/user"
)

// wizard begins a campaign and returns where its steps are.
func (h *house) wizard() string {
	h.Helper()
	w := h.send("/campaigns/new", url.Values{})
	at, ok := strings.CutSuffix(w.Header().Get("Location"), "/basics")
	if w.Code != 303 || !ok {
		h.Fatalf("a new campaign: %d %s", w.Code, w.Body)
	}
	return at
}

// steps are what is typed on the first three, all of it right.
func steps() map[string]url.Values {
	v := map[string]url.Values{
		"basics":  {"name": {"winter"}, "bot": {"asha"}},
		"numbers": {"trunk": {"carrier"}, "caller_id": {"+911140001000"}, "region": {"in"}},
		"dialling": {
			"seats": {"4"}, "cps": {"0.5"}, "window.zone": {"Asia/Kolkata"}, "window.holidays": {"2026-01-26\n2026-08-15"}, "mode": {"single_day"},
			"max_attempts": {"3"}, "retry_delay": {"20m"}, "retry_on": {"busy", "no_answer"}, "screen": {"on"},
			"callback_detection": {"on"}, "callback_max_attempts": {"2"}, "max_callback_reschedules": {"-1"},
			"ring_timeout": {"25s"}, "bot_timeout": {""}, "max_duration": {"10m"}, "apology": {"sound:sorry"},
			"window.hours.mon.on": {"on"}, "window.hours.mon": {"09:00-13:00, 14:00-18:00"},
			"window.hours.sat.on": {"on"}, "window.hours.sat": {"22:00-02:00"},
			"window.hours.sun": {"not looked at: nobody works on Sunday"},
		},
	}
	return v
}

// sent sends the first three steps.
func (h *house) sent(at string) {
	h.Helper()
	for _, step := range []string{"basics", "numbers", "dialling"} {
		if w := h.send(at+"/"+step, steps()[step]); w.Code != 303 {
			h.Fatalf("%s: %d %s", step, w.Code, w.Body)
		}
	}
}

// upload sends the form with a list: the fields in the order of the page.
func (h *house) upload(path, seal, numbers, name string, file io.Reader) *httptest.ResponseRecorder {
	h.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	h.must(m.WriteField("csrf", seal))
	h.must(m.WriteField("numbers", numbers))
	part, err := m.CreateFormFile("file", name)
	h.must(err)
	if file != nil {
		_, err = io.Copy(part, file)
		h.must(err)
	}
	h.must(m.Close())
	r := httptest.NewRequestWithContext(h.Context(), "POST", path, &b)
	r.Header.Set("Content-Type", m.FormDataContentType())
	for _, c := range h.cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return w
}

func (h *house) named(name string) (dialler.Campaign, bool) {
	h.Helper()
	c, err := h.store.CampaignNamed(h.Context(), name)
	return c, err == nil
}

// From the first step to a campaign that runs, with every setting.
func TestTheWizard(t *testing.T) {
	h := newHouse(t).signIn()
	has(t, h.page("/"), "New campaign")
	at := h.wizard()
	page := h.page(at + "/basics")
	has(t, page, "Basics", "Number Pool", "Dialler Config", "Contacts", "Review", `aria-current="step"`, `value="asha" selected`) // the only bot
	hasNot(t, page, "aria-invalid", "not right yet")
	has(t, h.page("/"), "Being entered", "Unnamed campaign")

	w := h.send(at+"/basics", steps()["basics"])
	if w.Code != 303 || w.Header().Get("Location") != at+"/numbers" {
		t.Fatalf("next: %d %s", w.Code, w.Header().Get("Location"))
	}
	has(t, h.page(at+"/numbers"), "PJSIP/{number}@carrier", "winter", ", done")
	h.send(at+"/numbers", steps()["numbers"])
	has(t, h.page(at+"/dialling"), `<option value="Asia/Kolkata" label="India">`, "Single Day", "Multi Day", "Callback Detection",
		"Detect customer callback requests in post-call analysis and schedule them inside this campaign.", "No answer")
	w = h.send(at+"/dialling", steps()["dialling"])
	if w.Code != 303 || w.Header().Get("Location") != at+"/contacts" {
		t.Fatalf("next: %d %s", w.Code, w.Body)
	}

	// Nothing but the draft is there before contacts are.
	if _, there := h.named("winter"); there {
		t.Error("the campaign is there before it is made")
	}
	has(t, h.page(at+"/contacts"), "No contacts yet", "A column phone_number")
	w = h.upload(at+"/upload", csrf(t, h.page("/")), "", "list.csv", strings.NewReader("phone_number,name\n9812345601,Ravi\n12,Short\n+919812345602,Asha\n9812345601,Again\n"))
	if w.Code != 303 || w.Header().Get("Location") != at+"/contacts" {
		t.Fatalf("upload: %d %s", w.Code, w.Body)
	}
	page = h.page(at + "/contacts") // as often as it is loaded
	has(t, page, "2 contacts so far", "list.csv", "2 added, 1 not valid, 1 there already", `data-label="Line">3<`, "too short", "the same number as on line 2")
	if w := h.upload(at+"/upload", csrf(t, h.page("/")), "+919812345603\n98123 45604\nnonsense\n", "", nil); w.Code != 303 {
		t.Fatalf("pasted: %d %s", w.Code, w.Body)
	}
	has(t, h.page(at+"/contacts"), "4 contacts so far", "The list: 2 added, 1 not valid, 0 there already", `data-label="Line">3<`)

	page = h.page(at + "/review")
	has(t, page, "winter", "asha", "carrier", "911140001000", "4 seats", "Single Day", "Asia/Kolkata", "Monday 09:00-13:00, 14:00-18:00", "Saturday 22:00-02:00",
		"2026-08-15", "20m", "Busy", "Callback Detection", ">4<", "sound:sorry")
	hasNot(t, page, "disabled", `id="gates"`, `id="nobody"`, "Sunday")
	if n := strings.Count(h.page("/"), "winter"); n != 2 { // its link and the name of its action, and no card
		t.Errorf("the list names the campaign %d times", n)
	}

	w = h.send(at+"/review", url.Values{"go": {"start"}})
	c, there := h.named("winter")
	if !there || w.Code != 303 || w.Header().Get("Location") != fmt.Sprintf("/campaigns/%d?done=start", c.ID) {
		t.Fatalf("create and start: %d %s", w.Code, w.Body)
	}
	window, err := dialler.NewWindow("Asia/Kolkata", dialler.Hours{"mon": {"09:00-13:00", "14:00-18:00"}, "sat": {"22:00-02:00"}}, "2026-01-26", "2026-08-15")
	h.must(err)
	want := dialler.Campaign{
		Name: "winter", Mode: dialler.SingleDay, Window: window, Trunk: "carrier", Bot: "asha", CallerID: "+911140001000", Region: "IN", Seats: 4, CPS: 0.5,
		MaxAttempts: 3, RetryDelay: 20 * time.Minute, RetryOn: []dialler.Disposition{dialler.Busy, dialler.NoAnswer}, RingTimeout: 25 * time.Second, Screen: true,
		MaxDuration: 10 * time.Minute, Apology: "sound:sorry", CallbackDetection: true, CallbackMaxAttempts: 2, MaxCallbackReschedules: -1,
	}.WithDefaults()
	if got, want := fmt.Sprintf("%+v", c.Settings()), fmt.Sprintf("%+v", want.Settings()); got != want || c.State != dialler.CampaignRunning {
		t.Errorf("made %s, %s\nwant %s", c.State, got, want)
	}
	list, err := h.store.Contacts(t.Context(), c.ID, 0, 10)
	h.must(err)
	if len(list) != 4 || list[0].Number != "+919812345601" || list[0].Vars["name"] != "Ravi" || list[3].Number != "+919812345604" {
		t.Errorf("contacts %+v", list)
	}
	hasNot(t, h.page("/"), "Being entered")
	if w := h.ask("GET", at+"/basics", nil); w.Code != 404 {
		t.Errorf("a draft that is done with: %d", w.Code)
	}
	has(t, h.log.String(), "campaign start by the wizard", "token=ops")
}

// What is entered is kept as it was typed, right or wrong: on the way back, by
// another session, by another process.
func TestTheWizardKeepsWhatIsEntered(t *testing.T) {
	h := newHouse(t).signIn()
	at := h.wizard()
	h.send(at+"/basics", url.Values{"name": {"half"}, "bot": {"asha"}})
	bad := url.Values{"seats": {"many"}, "window.zone": {"Asia/Kol"}, "window.hours.tue": {"25:00-26:00"}, "window.hours.tue.on": {"on"}, "mode": {"single_day"}}
	wrong := h.wrongs(at+"/dialling", bad) // as the script does when a field is left
	if len(wrong) == 0 || wrong["trunk"] != "" || wrong["name"] != "" {
		t.Errorf("the script is told of %v", wrong)
	}
	page := h.page(at + "/dialling")
	has(t, page, `value="many"`, `value="Asia/Kol"`, `value="25:00-26:00"`, `value="single_day" selected`)
	hasNot(t, page, "aria-invalid") // it was not sent yet
	bad.Set("go", "basics")
	if w := h.send(at+"/dialling", bad); w.Code != 303 || w.Header().Get("Location") != at+"/basics" {
		t.Fatalf("back: %d", w.Code)
	}
	has(t, h.page(at+"/basics"), `value="half"`, "not right yet")

	another := console.New(console.Options{Store: h.store, Now: func() time.Time { return h.now },
		Door: user.NewDoor(user.Options{Store: h.store, Tokens: map[string]string{"night": token}, Now: func() time.Time { return h.now }})})
	h.handler = another
	clear(h.cookies)
	h.signIn()
	has(t, h.page("/"), "Being entered", "half", "by <bdi>ops</bdi>")
	page = h.page(at + "/dialling")
	has(t, page, `value="many"`, `value="25:00-26:00"`, `aria-invalid="true"`, "Got &#34;many&#34;; want a whole number.")

	// Boxes that are not ticked any more are not.
	good := steps()["dialling"]
	h.send(at+"/dialling", good)
	good.Del("screen")
	good.Del("window.hours.sat.on")
	good.Del("retry_on")
	h.send(at+"/dialling", good)
	h.wrongs(at+"/numbers", url.Values{}) // the only trunk, chosen already, is not any more
	page = h.page(at + "/review")
	has(t, page, "nothing", "Number Pool is not right yet", "disabled")
	hasNot(t, page, "Saturday")
	if w := h.send(at+"/review", url.Values{"go": {"create"}}); w.Code != 303 {
		has(t, w.Body.String(), "Number Pool is not right yet")
	} else {
		t.Error("a campaign without a trunk was made")
	}
	has(t, h.page(at+"/numbers"), `aria-describedby="wrong-trunk"`, "carrier")
}

// A field that is left and the step that is sent come at once. Whoever is last,
// the step was sent.
func TestTheWizardIsSavedByManyAtOnce(t *testing.T) {
	h := newHouse(t).signIn()
	at := h.wizard()
	form := steps()["basics"]
	form.Set("csrf", csrf(t, h.page("/")))
	request := func(check bool) *http.Request {
		r := httptest.NewRequestWithContext(t.Context(), "POST", at+"/basics", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if check {
			r.Header.Set("Ringback-Check", "1")
		}
		for _, c := range h.cookies {
			r.AddCookie(c)
		}
		return r
	}
	var all sync.WaitGroup
	for i := range 16 {
		r := request(i != 8)
		all.Go(func() { h.handler.ServeHTTP(httptest.NewRecorder(), r) })
	}
	all.Wait()
	has(t, h.page(at+"/numbers"), `Basics<span class="unseen">, done`)
}

// Every error a step can give, in the API's words, to the script and on the
// page; and it leads no further.
func TestStepsThatAreNotRight(t *testing.T) {
	h := newHouse(t).signIn()
	at := h.wizard()
	h.sent(at)
	for _, tt := range []struct{ step, field, value, at, says string }{
		{"basics", "name", "", "", `Nothing is given; want 1 to 100 printable characters, no space at either end.`},
		{"basics", "name", strings.Repeat("x", 101), "", `want 1 to 100 printable characters`},
		{"basics", "name", "renewals", "", `Got "renewals"; want a name that no other campaign has.`},
		{"basics", "bot", "", "", `Nothing is given; want the name of a bot.`},
		{"basics", "bot", "gone", "", `Got "gone"; want the name of a bot that exists.`},
		{"numbers", "trunk", "", "", `Nothing is given; want the name of a trunk.`},
		{"numbers", "trunk", "gone", "", `Got "gone"; want the name of a trunk that exists.`},
		{"numbers", "caller_id", "011 4000 1000", "", `Got "011 4000 1000"; want an E.164 number such as +911234567890.`},
		{"numbers", "region", "India", "", `Got "India"; want an ISO 3166 code in capitals such as IN.`},
		{"dialling", "seats", "", "", `Nothing is given; want 1 to 10000.`},
		{"dialling", "seats", "10001", "", `Got "10001"; want 1 to 10000.`},
		{"dialling", "seats", "ten", "", `Got "ten"; want a whole number.`},
		{"dialling", "cps", "fast", "", `Got "fast"; want a number such as 2 or 0.5.`},
		{"dialling", "cps", "NaN", "", `Got "NaN"; want a number such as 2 or 0.5.`},
		{"dialling", "cps", "-1", "", `Got "-1"; want 0 (no limit) to 1000.`},
		{"dialling", "window.zone", "", "", `Nothing is given; want an IANA time zone such as Asia/Kolkata.`},
		{"dialling", "window.zone", "IST", "", `Got "IST"; want an IANA time zone such as Asia/Kolkata.`},
		{"dialling", "window.hours.mon", "", "", `Nothing is given; want hours such as 09:00-18:00, 22:00-02:00 or 00:00-24:00.`},
		{"dialling", "window.hours.mon", "9 to 5", "", `Got "9 to 5"; want hours such as 09:00-18:00, 22:00-02:00 or 00:00-24:00.`},
		{"dialling", "window.hours.mon", "09:00-13:00, 12:00-18:00", "window.hours", `Got "mon 09:00-13:00 and 12:00-18:00"; want intervals that do not overlap.`},
		{"dialling", "window.holidays", "26 Jan", "", `Got "26"; want dates such as 2026-01-26. Got "Jan"; want dates such as 2026-01-26.`},
		{"dialling", "mode", "weekly", "", `Got "weekly"; want single_day or multi_day.`},
		{"dialling", "max_attempts", "101", "", `Got "101"; want 1 to 100.`},
		{"dialling", "max_attempts", "few", "", `Got "few"; want a whole number.`},
		{"dialling", "retry_delay", "15", "", `Got "15"; want a duration such as 30s, 15m or 1h30m.`},
		{"dialling", "retry_delay", "1000h", "", `Got "1000h"; want 1s to 720h.`},
		{"dialling", "retry_on", "answered", "", `Got "answered"; want busy, no_answer, rejected, congestion, unallocated, machine, abandoned or failed.`},
		{"dialling", "callback_max_attempts", "101", "", `Got "101"; want 0 (the contact's) to 100.`},
		{"dialling", "callback_max_attempts", "x", "", `Got "x"; want a whole number.`},
		{"dialling", "max_callback_reschedules", "-2", "", `Got "-2"; want -1 (none), 0 (5) or up to 100.`},
		{"dialling", "max_callback_reschedules", "x", "", `Got "x"; want a whole number.`},
		{"dialling", "ring_timeout", "10m", "", `Got "10m"; want 1s to 5m.`},
		{"dialling", "ring_timeout", "x", "", `Got "x"; want a duration such as 30s, 15m or 1h30m.`},
		{"dialling", "bot_timeout", "2m", "", `Got "2m"; want 100ms to 1m.`},
		{"dialling", "max_duration", "25h", "", `Got "25h"; want 1s to 24h.`},
		{"dialling", "apology", strings.Repeat("x", 1001), "", `want at most 1000 printable characters.`},
	} {
		form := steps()[tt.step]
		form.Set(tt.field, tt.value)
		if tt.at == "" {
			tt.at = tt.field
		}
		wrong := h.wrongs(at+"/"+tt.step, form)
		if len(wrong) != 1 || !strings.Contains(wrong[tt.at], tt.says) {
			t.Errorf("%s %q: the script is told %v, want %s", tt.field, tt.value, wrong, tt.says)
		}
		w := h.send(at+"/"+tt.step, form)
		if w.Code != 422 {
			t.Errorf("%s %q: %d", tt.field, tt.value, w.Code)
		}
		has(t, w.Body.String(), strings.ReplaceAll(html.EscapeString(tt.says), "+", "&#43;"), "One field is not right yet")
		if tt.at != "window.hours" && tt.field != "trunk" && tt.field != "retry_on" {
			has(t, w.Body.String(), `aria-invalid="true"`)
		}
		// The others say that it is not right, and nothing is made of it.
		has(t, h.page(at+"/review"), "is not right yet", "disabled")
		if w := h.send(at+"/review", url.Values{"go": {"start"}}); w.Code != 422 {
			t.Errorf("%s %q: made all the same: %d", tt.field, tt.value, w.Code)
		}
		has(t, h.page(at+"/contacts"), "Contacts can be taken in once it is.")
		h.send(at+"/"+tt.step, steps()[tt.step])
	}
	none := steps()["dialling"]
	none.Del("window.hours.mon.on")
	none.Del("window.hours.sat.on")
	if wrong := h.wrongs(at+"/dialling", none); wrong["window.hours"] != "Got no hours; want at least one interval, or nobody can ever be rung." {
		t.Errorf("a week without hours: %v", wrong)
	}
	if _, there := h.named("winter"); there {
		t.Error("a campaign was made")
	}
	for _, path := range []string{"/drafts/gone/basics", at + "/nowhere"} {
		if w := h.ask("GET", path, nil); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
		if w := h.send(path, url.Values{}); w.Code != 404 {
			t.Errorf("POST %s: %d", path, w.Code)
		}
	}
}

func TestTheWizardWarnsOfGatesAndOfNobody(t *testing.T) {
	h := newHouse(t, func(_ *dialler.Campaign, b *dialler.Bot) { b.Callbacks = false }).signIn()
	at := h.wizard()
	h.sent(at)
	const shut = "Callback Detection is on here, but the callback toggle of the bot asha is off."
	has(t, h.page(at+"/review"), `id="gates"`, shut, `id="nobody"`, "it has nobody to ring")
	has(t, h.page(at+"/dialling"), shut)
	w := h.send(at+"/dialling", steps()["dialling"], func(r *http.Request) { r.Header.Set("Ringback-Check", "1") })
	has(t, w.Body.String(), `"notes":{"gates":"Callbacks are not scheduled`)
	h.must(h.store.PutBot(t.Context(), dialler.Bot{Name: "asha", Endpoint: "PJSIP/asha", Callbacks: true}))
	hasNot(t, h.page(at+"/review"), `id="gates"`)
	if w := h.send(at+"/review", url.Values{"go": {"create"}}); w.Code != 303 {
		t.Fatalf("create: %d %s", w.Code, w.Body)
	}
	c, _ := h.named("winter")
	if c.State != dialler.CampaignDraft {
		t.Errorf("created %s", c.State)
	}
	has(t, h.page(fmt.Sprintf("/campaigns/%d?done=created", c.ID)), "it is a draft until it is started", "Edit", "Clone", "Remove…")
}

func TestListsThatAreNotRight(t *testing.T) {
	h := newHouse(t).signIn()
	at := h.wizard()
	h.sent(at)
	seal := csrf(t, h.page("/"))
	for _, tt := range []struct{ numbers, name, file, says string }{
		{"", "", "", "Choose a CSV file, or paste numbers."},
		{"  \n", "", "", "Choose a CSV file, or paste numbers."},
		{"", "empty.csv", "", "The file is empty; want a first line with the names of the columns, phone_number among them."},
		{"", "head.csv", "phone_number,name\n", "There is no row beneath the names of the columns."},
		{"", "other.csv", "who,what\na,b\n", "No column phone_number; there are: who, what."},
		{"", "two.csv", "phone,mobile\n1,2\n", "Several columns may hold the phone number (phone, mobile); name the right one phone_number."},
		{"", "book.xlsx", "PK\x03\x04…", "The file is a spreadsheet or an archive; save it as CSV."},
		{"Ravi 98123", "", "", "No column phone_number; there are: Ravi 98123."},
		{strings.Repeat("+919812345678\n", 400_000), "", "", "What was pasted is longer than 4 MB. Save it as a file and upload that."},
	} {
		if w := h.upload(at+"/upload", seal, tt.numbers, tt.name, strings.NewReader(tt.file)); w.Code != 303 {
			t.Fatalf("%s: %d %s", tt.says, w.Code, w.Body)
		}
		has(t, h.page(at+"/contacts"), html.EscapeString(tt.says), "No contacts yet", "0 added")
	}
	long := io.MultiReader(strings.NewReader("phone_number,x\n+919812345678,"+strings.Repeat("x", 4000)+"\n"), strings.NewReader("\""+strings.Repeat("y", 2<<20)))
	h.upload(at+"/upload", seal, "", "quote.csv", long)
	has(t, h.page(at+"/contacts"), "is a &#34; not closed?", "1 added", "1 contact so far") // what came before it
	for name, seal := range map[string]string{"no seal": "", "another's": "abc"} {
		if w := h.upload(at+"/upload", seal, "+919812345699", "", nil); w.Code != 403 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	if w := h.ask("POST", at+"/upload", url.Values{"csrf": {seal}}); w.Code != 400 {
		t.Errorf("a form of another kind: %d", w.Code)
	}
	cookies := h.cookies
	h.cookies = map[string]*http.Cookie{}
	if w := h.upload(at+"/upload", seal, "+919812345699", "", nil); w.Code != 401 {
		t.Errorf("signed out: %d", w.Code)
	}
	h.cookies = cookies
	// Taken out again: the campaign that held them is gone, what was entered is not.
	h.upload(at+"/upload", seal, "+919812345601\n+919812345602", "", nil)
	has(t, h.page(at+"/contacts"), "3 contacts so far", "Take all contacts out again")
	if w := h.send(at+"/empty", url.Values{}); w.Code != 303 {
		t.Fatalf("emptied: %d", w.Code)
	}
	has(t, h.page(at+"/contacts"), "No contacts yet")
	if _, there := h.named("winter"); there {
		t.Error("the campaign is there still")
	}
	has(t, h.page(at+"/review"), "winter")
}

// A list that is too long is told of, and what came before the limit is there.
func TestAListThatIsTooLong(t *testing.T) {
	h := newHouse(t).signIn()
	var b bytes.Buffer
	b.WriteString("phone_number,note\n")
	note := strings.Repeat("x", 4000)
	for i := range 100 {
		fmt.Fprintf(&b, "+9198%08d,%s\n", i, note)
	}
	for b.Len() < 58<<20 {
		fmt.Fprintf(&b, "12,%s\n", note)
	}
	w := h.upload(h.at("/add"), csrf(t, h.page("/")), "", "long.csv", &b)
	if w.Code != 422 {
		t.Fatalf("%d", w.Code)
	}
	has(t, w.Body.String(), "The file is longer than 50 MB. What came before the limit is added; split the file, or use ringback import.")
	n, err := h.store.Counters(t.Context(), h.campaign.ID)
	h.must(err)
	if got := n.Contacts[dialler.Pending]; got != 100 {
		t.Errorf("%d contacts are there, want 100", got)
	}
	has(t, w.Body.String(), "100 added", "rows more.")
}

func TestContactsAreAddedLater(t *testing.T) {
	h := newHouse(t).signIn()
	has(t, h.page(h.at("/contacts")), "add some")
	has(t, h.page(h.at("/add")), "Add contacts", "A column phone_number")
	w := h.upload(h.at("/add"), csrf(t, h.page("/")), "", "späť & more.csv", strings.NewReader("mobile;stadt\n+919812345601;Köln\n12;x\n"))
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	has(t, w.Body.String(), "späť &amp; more.csv", "1 added, 1 not valid, 0 there already", "is not a phone number")
	h.do(h.at("/start"))
	has(t, h.page(h.at("/add")), "The campaign is running: who is added is rung when their turn comes.")
	h.do(h.at("/stop"))
	has(t, h.page(h.at("/add")), "The campaign is completed: who is added waits for its restart.")
	if w := h.upload("/campaigns/99/add", csrf(t, h.page("/")), "+919812345601", "", nil); w.Code != 404 {
		t.Errorf("no such campaign: %d", w.Code)
	}
	if w := h.ask("GET", "/campaigns/99/add", nil); w.Code != 404 {
		t.Errorf("no such campaign: %d", w.Code)
	}
}

func TestADraftIsDiscarded(t *testing.T) {
	h := newHouse(t).signIn()
	at := h.wizard()
	has(t, h.page(at+"/confirm/discard"), "Discard this unnamed campaign?")
	h.sent(at)
	h.upload(at+"/upload", csrf(t, h.page("/")), "+919812345601", "", nil)
	has(t, h.page(at+"/confirm/discard"), "Discard winter?", "and the contacts that were uploaded with it")
	if w := h.send(at+"/discard", url.Values{}); w.Code != 303 || w.Header().Get("Location") != "/?done=discarded" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if _, there := h.named("winter"); there {
		t.Error("its campaign is there still")
	}
	hasNot(t, h.page("/"), "Being entered")
	for _, path := range []string{at + "/confirm/discard", at + "/review"} {
		if w := h.ask("GET", path, nil); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	for _, path := range []string{"/discard", "/empty", "/review"} {
		if w := h.send(at+path, url.Values{}); w.Code != 404 {
			t.Errorf("POST %s: %d", path, w.Code)
		}
	}

	// One that was started behind the wizard's back stays, and cannot be made anew.
	at = h.wizard()
	h.sent(at)
	h.upload(at+"/upload", csrf(t, h.page("/")), "+919812345601", "", nil)
	c, _ := h.named("winter")
	_, err := h.store.Transition(t.Context(), c.ID, dialler.Start, h.now)
	h.must(err)
	w := h.send(at+"/review", url.Values{"go": {"start"}})
	if w.Code != 409 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	has(t, w.Body.String(), "Campaign &#34;winter&#34; is running; pause it to edit it.")
	if w := h.send(at+"/empty", url.Values{}); w.Code != 409 {
		t.Errorf("its contacts are taken out while it runs: %d", w.Code)
	}
	h.send(at+"/discard", url.Values{})
	if _, there := h.named("winter"); !there {
		t.Error("a running campaign went with a draft")
	}
}
