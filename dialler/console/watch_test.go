package console_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"ringback/dialler"
)

// A wave of promises is seen before it comes: how high, when, and how late the
// last of it would be rung.
func TestTimeline(t *testing.T) {
	h := newHouse(t, func(c *dialler.Campaign, b *dialler.Bot) { c.Seats, c.CPS = 40, 0.05 }).signIn() // 3 calls a minute
	has(t, h.page("/timeline"), "No campaign runs or is paused.")
	for i := range 7 {
		h.ring(dialler.Number(fmt.Sprintf("+9198123456%02d", i)), dialler.Answered, asks) // in two hours, 13:20
	}
	h.ring("+919812345699", dialler.Busy, "")
	for _, path := range []string{h.at("/timeline"), "/timeline"} {
		page := h.page(path)
		has(t, page, `aria-current="true">3 hours`, "7 callbacks and 1 retry become due", "Most at once at 13:20:00: 7 callbacks, and room for 3 calls.",
			"Those due at 13:20:00 would be rung up to 2 min late", `class="t-callback"`, `class="t-retry"`, `class="t-capacity" d="M0.0 `, "The figures as a table",
			"its limit of 0.05 new calls a second that is 3.0 calls a minute", `<td data-label="Callbacks">7</td>`, "up to 2 min")
	}
	page := h.page(h.at("/timeline?hours=24"))
	has(t, page, `aria-current="true">24 hours`, "7 callbacks and 1 retry", "All of them can be rung when they are due.") // 45 calls fit in a quarter of an hour
	if n := strings.Count(page, `class="t-callback" x=`); n != 1 {
		t.Errorf("%d bars of callbacks", n)
	}

	// Outside the hours there is no capacity: what is due at the end of the day waits.
	h.now = h.now.Add(2*time.Hour + time.Minute)
	has(t, h.page(h.at("/timeline")), "Due already: 7 callbacks")
	h.now = time.Date(2026, 3, 12, 12, 29, 0, 0, time.UTC) // 17:59 there
	page = h.page(h.at("/timeline"))
	has(t, page, "Due already: 7 callbacks")
	if line := page[strings.Index(page, `d="M0.0`):]; !strings.Contains(line[:80], "200.0") {
		t.Errorf("the line of capacity does not fall to nothing at 18:00: %s", line[:80])
	}

	for path, want := range map[string]int{h.at("/timeline?hours=5"): 400, "/timeline?hours=x": 400, "/campaigns/99/timeline": 404} {
		if w := h.ask("GET", path, nil); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
}

// What shares a trunk shares its channels.
func TestTimelineOfATrunkShared(t *testing.T) {
	h := newHouse(t, func(c *dialler.Campaign, b *dialler.Bot) { c.Seats = 9; c.RingTimeout = 60 * time.Second }).signIn()
	h.must(h.store.PutTrunk(t.Context(), dialler.Trunk{Name: "carrier", Switch: "pbx", Dial: "X/{number}", CPS: 0.05}))
	h.ring("+919812345600", dialler.Answered, asks)
	other := h.campaign
	other.Name = "another"
	other, err := h.store.CreateCampaign(t.Context(), other)
	h.must(err)
	_, err = h.store.Transition(t.Context(), other.ID, dialler.Start, h.now)
	h.must(err)
	has(t, h.page("/timeline"), "1 callback, and room for 3 calls.", "<bdi>another</bdi>", "<bdi>renewals</bdi>")
}

var checkState = func(page, id string) string {
	_, rest, ok := strings.Cut(page, `id="check-`+id+`" data-check-state="`)
	if !ok {
		return "missing"
	}
	state, _, _ := strings.Cut(rest, `"`)
	return state
}

// Each check tells what is, and changes with it.
func TestChecklist(t *testing.T) {
	h := newHouse(t, func(c *dialler.Campaign, b *dialler.Bot) {
		c.Region, c.CallbackDetection, b.Callbacks = "IN", false, false
	}).signIn()
	path := h.at("/checklist")
	want := func(states ...string) string {
		t.Helper()
		page := h.page(path)
		for i, id := range []string{"bot", "campaign", "test", "zone", "callbacks"} {
			if got := checkState(page, id); got != states[i] {
				t.Errorf("%s is %s, want %s", id, got, states[i])
			}
		}
		return page
	}
	has(t, want("bad", "bad", "open", "open", "open"), "callback toggle of the bot asha is off", "No test call was placed yet", "There are no contacts yet", "No callback was asked for yet")

	h.must(h.store.PutBot(t.Context(), dialler.Bot{Name: "asha", Endpoint: "PJSIP/asha", Callbacks: true}))
	c := h.campaign
	c.CallbackDetection = true
	_, err := h.store.UpdateCampaign(t.Context(), c)
	h.must(err)
	place := func(number string) (int, string) {
		t.Helper()
		return h.submit(h.at("/test-call"), url.Values{"number": {number}})
	}
	if code, said := place("9812345600"); code != 409 || !strings.Contains(said, "is draft: nobody is rung until it is started") {
		t.Errorf("a test call in a draft: %d %s", code, said)
	}
	_, err = h.store.Transition(t.Context(), c.ID, dialler.Start, h.now)
	h.must(err)
	for _, bad := range []string{"", "12", "Ravi"} {
		if code, said := place(bad); code != 400 || !strings.Contains(said, "want a telephone number such as") || !strings.Contains(said, "data-failed") {
			t.Errorf("a test call to %q: %d", bad, code)
		}
	}
	_, err = h.store.AddContacts(t.Context(), c.ID, []dialler.NewContact{{Number: "+919812345601"}}, h.now)
	h.must(err)
	if code, said := place("+919812345601"); code != 400 || !strings.Contains(said, "which is on the campaign&#39;s list") {
		t.Errorf("a test call to a customer: %d", code)
	}

	// Busy; then answered, without an analysis; then with one.
	for _, step := range []struct {
		end      dialler.Disposition
		analysis string
		state    string
		says     string
	}{
		{dialler.Busy, "", "bad", "did not reach the bot: busy (cause 17/486 User busy)"},
		{dialler.Answered, "", "warn", "No analysis of it has come"},
		{dialler.Answered, `{"summary":"fine"}`, "good", "asked for no callback"},
		{dialler.Answered, asks, "good", "which was scheduled for 13:20"},
	} {
		code, said := place("098123 45600")
		if code != 303 || !strings.Contains(said, "Test call placed. It is dialled as soon as a line is free, ahead of the whole list") {
			t.Fatalf("placing: %d %s", code, said)
		}
		has(t, h.page(path), "waits to be dialled")
		l := h.lease()
		if l.Attempt.Number != "+919812345600" || !l.Contact.IsTest() {
			t.Fatalf("leased %+v", l)
		}
		has(t, h.page(path), "is being dialled")
		h.settle(l, step.end, step.analysis)
		page := h.page(path)
		if got := checkState(page, "test"); got != step.state {
			t.Errorf("%s: %s, want %s", step.says, got, step.state)
		}
		has(t, page, step.says)
		h.now = h.now.Add(time.Second)
	}
	has(t, want("good", "good", "good", "good", "open"), "1 callback is pending. The next is due at 13:20", "Asia/Kolkata goes with the contacts’ numbers (&#43;91).")

	// Late; then fired, late, and one on time.
	h.now = h.now.Add(2*time.Hour + 5*time.Minute)
	has(t, want("good", "good", "good", "good", "bad"), "The one due first has waited for 5 min")
	h.settle(h.lease(), dialler.Answered, asks)
	has(t, want("good", "good", "good", "good", "warn"), "1 began more than 1 min late, the latest by 5 min")

	// A number of somewhere else.
	_, err = h.store.AddContacts(t.Context(), c.ID, []dialler.NewContact{{Number: "+442071838750"}}, h.now)
	h.must(err)
	has(t, want("good", "good", "good", "warn", "warn"), "Numbers of &#43;44, such as &#43;442071838750: It is 07:", "(Europe/London)")
	if w := h.ask("GET", "/campaigns/99/checklist", nil); w.Code != 404 {
		t.Errorf("no such campaign: %d", w.Code)
	}
	if w := h.do("/campaigns/99/test-call"); w.Code != 404 {
		t.Errorf("no such campaign: %d", w.Code)
	}
}
