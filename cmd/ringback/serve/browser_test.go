package serve_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"ringback/cmd/ringback/serve"
	"ringback/config"
	"ringback/deploy/lab/browsertest"
	"ringback/dialler"
)

// An exchange is a pbx on which the last digits of a number pick the outcome:
// …17 is busy, and all others talk until the test hangs up.
type exchange struct{ *pbx }

func (e exchange) Originate(ctx context.Context, o dialler.Origination) error {
	if !strings.HasSuffix(string(o.Number), "17") {
		return e.pbx.Originate(ctx, o)
	}
	e.deliver(dialler.Event{Kind: dialler.Ringing, Call: o.ID, At: time.Now()})
	e.deliver(dialler.Event{Kind: dialler.HungUp, Call: o.ID, At: time.Now(), Disposition: dialler.Busy, Cause: dialler.Cause{Q850: 17, SIP: 486, Text: "User busy"}})
	return nil
}

// calls returns the calls that are up, by number.
func (r *running) calls(campaign dialler.CampaignID) map[dialler.Number]dialler.CallID {
	r.Helper()
	list, _, err := r.Store().Calls(context.Background(), dialler.CallQuery{Campaign: campaign})
	if err != nil {
		r.Fatal(err)
	}
	up := map[dialler.Number]dialler.CallID{}
	for _, c := range list {
		if c.Live() && !c.Joined.IsZero() {
			up[c.Number] = c.ID
		}
	}
	return up
}

// An operator signs in, starts a campaign, and watches callbacks being asked
// for, kept and cancelled, without ever loading a page again.
func TestConsoleInABrowser(t *testing.T) {
	browsertest.Require(t)
	cfg := house(t)
	c := cfg.Campaigns["renewals"]
	c.Start, c.Seats, c.MaxAttempts = false, 4, 2
	cfg.Campaigns["renewals"] = c
	c.CallbackDetection = false
	cfg.Campaigns["no callbacks here"] = c
	p := newPBX()
	r := &running{T: t, pbx: p, happening: make(chan dialler.Happening, 10000), log: &journal{}}
	r.Process = startWith(t, cfg, exchange{p}, r)
	campaigns, err := r.Store().Campaigns(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var id, plain dialler.CampaignID
	for _, c := range campaigns {
		if c.Name == "renewals" {
			id = c.ID
		} else {
			plain = c.ID
		}
	}
	r.want(200, "POST", fmt.Sprintf("/v1/campaigns/%d/contacts", id), `{"contacts":[
		{"number":"+919812345601","variables":{"name":"Ravi <b>Kumar</b>","plan":"Gold"}},{"number":"+919812345617","variables":{"name":"Busy"}},
		{"number":"+919812345603"},{"number":"+919812345604"},{"number":"+919812345605"},{"number":"+919812345606"}]}`, "")

	b := browsertest.Open(t, "http://"+r.Addr())
	b.Log = r.log
	b.Go("/")
	b.Until("location.pathname === '/sign-in'")
	b.Shot("sign-in")
	b.Run("sign in", chromedp.SendKeys("#password", token+kb.Enter))
	b.Shows("h1", "Campaigns")
	b.Shows("#live-says", "Live")
	b.Shows(fmt.Sprintf("#campaign-%d", id), "0 of 6")
	b.Shows(fmt.Sprintf("#campaign-%d .badge", id), "Draft")

	// Start: four of the six are rung, one is busy; nothing is loaded again.
	b.Eval("window.kept = true")
	b.Click(fmt.Sprintf("#do-start-%d", id))
	b.Shows(fmt.Sprintf("#campaign-%d .badge", id), "Running")
	b.Shows("#said", "Campaign started.")
	b.Shows(fmt.Sprintf("#campaign-%d", id), "4 of 4 seats")
	b.Until(fmt.Sprintf("document.activeElement.id === 'do-pause-%d'", id)) // the keyboard stays where it was
	b.Shot("campaigns")
	b.Until("window.kept")

	b.Go(fmt.Sprintf("/campaigns/%d", id))
	b.Eval("window.kept = true")
	b.Until("document.querySelectorAll('.live li').length === 4")
	b.Shows(".live", "Talking with bot")
	b.Until("!document.querySelector('#callbacks-panel')") // none has been asked for
	b.Until("document.querySelectorAll('[role=tab]').length === 5")
	b.Until("!document.querySelector('.badge.callback')")

	// The first customer asks to be rung in some hours: panel, badge and tabs.
	up := r.calls(id)
	asks := func(number dialler.Number, phrase, reason string) {
		t.Helper()
		body, _ := json.Marshal(map[string]any{"callback_requested": true, "callback_preferred_time_text": phrase, "callback_reason": reason, "callback_confidence": 0.93})
		_ = p.Hangup(t.Context(), up[number])
		r.await("the end of the call", func(h dialler.Happening) bool {
			return h.Kind == dialler.HasSettled && h.Lease.Attempt.ID == up[number]
		})
		r.want(200, "POST", "/v1/calls/"+string(up[number])+"/analysis", string(body), "scheduled")
	}
	const hostile = `call me in 5 hours <script>alert(1)</script><img src=x onerror=alert(2)>`
	asks("+919812345601", hostile, "driving \u202e drawkcab")
	b.Shows("#n-requested", "1")
	b.Shows("#n-pending", "1")
	b.Shows(".badge.callback", "Callback")
	b.Shows("#tab-pending", "1")

	// One is kept within seconds, ahead of the one never rung.
	asks("+919812345603", "call me back in 2 seconds", "in a meeting")
	b.Shows("#n-requested", "2")
	await := func(number dialler.Number, also func(dialler.Attempt) bool) {
		t.Helper()
		r.await("the call to "+string(number), func(h dialler.Happening) bool {
			return joined(h) && h.Lease.Attempt.Number == number && also(h.Lease.Attempt)
		})
	}
	await("+919812345603", func(a dialler.Attempt) bool { return a.Class == dialler.ClassCallback })
	b.Until("[...document.querySelectorAll('.live li')].some(li => li.innerText.includes('+919812345603') && li.querySelector('.badge.kept'))")
	b.Shot("campaign")
	up = r.calls(id)
	_ = p.Hangup(t.Context(), up["+919812345603"])
	b.Shows("#n-completed", "1")

	// Each tab filters in place, by mouse and by keyboard.
	b.Click("#tab-requested")
	b.Until("document.querySelector('#tab-requested').ariaSelected === 'true' && document.querySelectorAll('tbody tr').length === 2")
	b.Until("document.querySelectorAll('[role=tab][aria-selected=true]').length === 1")
	b.Run("to the right", chromedp.KeyEvent(kb.ArrowRight))
	b.Until("document.activeElement.id === 'tab-pending' && document.querySelector('#tab-pending').ariaSelected === 'true' && document.querySelectorAll('tbody tr').length === 1")
	b.Shows("tbody", "<script>alert(1)</script>") // as words, not as a script
	b.Click("#tab-completed")
	b.Until("document.querySelectorAll('tbody tr').length === 1 && document.querySelector('tbody').innerText.includes('in 2 seconds')")
	b.Click("#tab-cancelled")
	b.Shows("#call-list", "No such callbacks.")
	b.Until("location.search === '?calls=cancelled'")
	b.Eval("history.back()")
	b.Until("document.querySelector('#tab-completed').ariaSelected === 'true'")

	// A gate is shut, and opened.
	b.Until("!document.querySelector('#gates')")
	r.want(200, "PUT", "/v1/bots/asha", `{"endpoint":"PJSIP/asha","callbacks":false}`, "")
	b.Shows("#gates", "the callback toggle of the bot asha is off")
	r.want(200, "PUT", "/v1/bots/asha", `{"endpoint":"PJSIP/asha","callbacks":true}`, "")
	b.Until("!document.querySelector('#gates')")

	// Pause, and resume as soon as the news has brought that button, with the
	// first answer still to come; stop asks first, and Escape is no.
	b.Eval("{ const was = fetch; window.fetch = async (...of) => { const answer = await was(...of); if (of[1]?.method === 'POST') { window.fetch = was; await new Promise((come) => { window.come = come; }); } return answer; }; }")
	b.Click(fmt.Sprintf("#do-pause-%d", id))
	b.Shows(".under .badge", "Paused")
	b.Click(fmt.Sprintf("#do-resume-%d", id))
	b.Shows(".under .badge", "Running")
	b.Eval("come()")
	b.Click(fmt.Sprintf("#do-stop-%d", id))
	b.Shows("dialog[open]", "Stop renewals?")
	b.Shot("stop")
	b.Run("escape", chromedp.KeyEvent(kb.Escape))
	b.Until(fmt.Sprintf("!document.querySelector('dialog') && document.activeElement.id === 'do-stop-%d'", id))

	// The contact who asked first, with every word of theirs.
	list, err := r.Store().Contacts(t.Context(), id, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	b.Until("window.kept")
	b.Go(fmt.Sprintf("/campaigns/%d/contacts", id))
	b.Until("document.querySelectorAll('tbody tr').length === 6")
	b.Shot("contacts")
	b.Go(fmt.Sprintf("/contacts/%d", list[0].ID))
	b.Shows("blockquote", hostile)
	b.Shows("#why", "The callback is not due before")
	b.Shows(".trail", "Q.850 16")
	b.Click(".promise summary")
	b.Until("document.querySelector('.promise details').open")
	b.Shows(".trace", "a delay")
	b.Shot("contact")
	b.Eval("window.kept = true")

	// Excluded: the callback is cancelled, and what was open stays open.
	b.Click("#exclude")
	b.Shows("dialog[open]", "do-not-call")
	b.Click("dialog .danger")
	b.Shows("#said", "Number excluded")
	b.Shows("#why", "on the do-not-call list")
	b.Shows(".promise", "because the number was excluded")
	b.Until("document.querySelector('.promise details').open && window.kept")

	// Stop, and the panel is what the store counts.
	b.Go(fmt.Sprintf("/campaigns/%d", id))
	b.Click(fmt.Sprintf("#do-stop-%d", id))
	b.Click("dialog .danger")
	b.Shows(".under .badge", "Completed")
	b.Shows("#tab-cancelled", "1")
	n, err := r.Store().Counters(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]int{
		"#n-requested": n.Requested, "#n-pending": n.Pending(), "#n-completed": n.Completed(), "#n-cancelled": n.Callbacks[dialler.CallbackCancelled],
		"#n-exhausted": n.Callbacks[dialler.CallbackExhausted], "#n-voicemail": n.Closed[dialler.ByVoicemail], "#n-abandoned": n.Closed[dialler.ByAbandoned],
	} {
		if got := b.Text(at); got != fmt.Sprint(want) {
			t.Errorf("%s says %s, the store %d", at, got, want)
		}
	}
	if n.Requested != 2 || n.Completed() != 1 || n.Callbacks[dialler.CallbackCancelled] != 1 {
		t.Errorf("counters %+v", n)
	}

	// Where Callback Detection is off there is no panel, and there are no tabs.
	b.Go(fmt.Sprintf("/campaigns/%d", plain))
	b.Shows("#gates", "Callback Detection is off")
	b.Until("!document.querySelector('#callbacks-panel, [role=tab]')")
	b.Shot("no-callbacks")

	b.Faults()
	// A refresh that is under way when the session ends is refused, and Chromium
	// logs that: what it logs from here on is no fault.
	b.Click(".out button")
	b.Until("location.pathname === '/sign-in'")
}

// startWith is start with a switch of the test's own.
func startWith(t *testing.T, cfg config.Config, sw dialler.Switch, r *running) *serve.Process {
	t.Helper()
	p, err := serve.Start(t.Context(), cfg, serve.Options{
		Version: "test", Logger: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Switches: map[string]dialler.Switch{"pbx": sw},
		Observe:  func(h dialler.Happening) { r.happening <- h },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // whatever is still up stays up
		if err := p.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return p
}
