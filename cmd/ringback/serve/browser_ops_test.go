package serve_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"ringback/deploy/lab/browsertest"
	"ringback/dialler"
)

// signedIn opens a browser that is signed in to a running process.
func signedIn(t *testing.T, r *running) *browsertest.Tab {
	t.Helper()
	b := browsertest.Open(t, "http://"+r.Addr())
	b.Log = r.log
	b.Go("/sign-in")
	b.Run("sign in", chromedp.SendKeys("#password", token+kb.Enter))
	b.Shows("h1", "Campaigns")
	b.Shows("#live-says", "Live")
	return b
}

// An operator moves a callback, has it dialled now, cancels the next one, and
// puts somebody ahead of the list: each from the contact's page, with real
// calls behind it, and nothing is loaded again.
func TestInterventionsInABrowser(t *testing.T) {
	browsertest.Require(t)
	cfg := house(t)
	c := cfg.Campaigns["renewals"]
	c.Seats, c.MaxAttempts = 1, 3
	cfg.Campaigns["renewals"] = c
	p := newPBX()
	r := &running{T: t, pbx: p, happening: make(chan dialler.Happening, 10000), log: &journal{}}
	r.Process = startWith(t, cfg, p, r)
	r.want(200, "POST", "/v1/campaigns/1/contacts", `{"contacts":[{"number":"+919812345601"},{"number":"+919812345602"},{"number":"+919812345603"},{"number":"+919812345604"}]}`, "")
	on := func(number dialler.Number) dialler.CallID {
		t.Helper()
		return r.await("the call to "+string(number), func(h dialler.Happening) bool { return joined(h) && h.Lease.Attempt.Number == number }).Lease.Attempt.ID
	}
	end := func(id dialler.CallID) {
		t.Helper()
		_ = p.Hangup(t.Context(), id)
		r.await("the end of the call", func(h dialler.Happening) bool { return h.Kind == dialler.HasSettled && h.Lease.Attempt.ID == id })
	}
	asks := func(id dialler.CallID) {
		t.Helper()
		end(id)
		r.want(200, "POST", "/v1/calls/"+string(id)+"/analysis", `{"callback_requested":true,"callback_preferred_time_text":"5 hours","callback_reason":"driving"}`, "scheduled")
	}
	asks(on("+919812345601"))
	second := on("+919812345602")

	b := signedIn(t, r)
	b.Go("/contacts/1")
	b.Shows("#why", "The callback is not due before")
	b.Eval("window.kept = true")

	// Moved: words that say nothing leave the question open, with what is wrong.
	b.Click("#move")
	b.Shows("dialog[open]", "Move the callback to +919812345601")
	b.Until("document.activeElement.id === 'move-words'")
	b.Run("type", chromedp.SendKeys("#move-words", "the colour blue"+kb.Enter))
	b.Shows("dialog[open] [data-wrong]", "names no clear time")
	b.Shot("move")
	b.Refused("/contacts/1/move")
	b.Eval("document.querySelector('#move-words').value = ''")
	b.Run("type", chromedp.SendKeys("#move-words", "kal subah"+kb.Enter))
	b.Shows("#said", "The callback is moved to 10:00 on")
	b.Until("!document.querySelector('dialog') && document.activeElement.id === 'move'")
	b.Shows(".promise", "moved by an operator")

	// Now: it waits for the one seat, and is rung ahead of those never rung.
	b.Click("#dial")
	b.Shows("dialog[open]", "Dial +919812345601 now?")
	b.Click("dialog .main")
	b.Shows("#said", "The callback is due now")
	b.Shows("#why", "All of the campaign's seats are taken (1 of 1)")
	end(second)
	again := on("+919812345601")
	b.Shows("#why", "a call is under way")
	b.Until("!document.querySelector('#move, #cancel, #dial')")

	// It asks again, and an operator cancels that.
	asks(again)
	third := on("+919812345603")
	b.Shows("#cancel", "Cancel callback")
	b.Click("#cancel")
	b.Shows("dialog[open]", "Cancel the callback to +919812345601?")
	b.Click("dialog .danger")
	b.Shows("#said", "The callback is cancelled")
	b.Shows(".promise", "because an operator cancelled it")
	b.Shows("#why", "cancelled by an operator")
	b.Shot("contact-cancelled")
	b.Until("window.kept")

	// The last of the list goes ahead of one who came before it.
	r.want(200, "POST", "/v1/campaigns/1/contacts", `{"contacts":[{"number":"+919812345605"}]}`, "")
	b.Go("/contacts/5")
	b.Click("#dial")
	b.Click("dialog .main")
	b.Shows("#said", "ahead of the whole list")
	end(third)
	end(on("+919812345605"))
	end(on("+919812345604"))

	n, err := r.Store().Counters(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if want := "2 1 1 1"; fmt.Sprint(n.Requested, n.Completed(), n.Callbacks[dialler.CallbackCancelled], n.Closed[dialler.ByOperator]) != want {
		t.Errorf("counters %+v", n)
	}
	b.Faults()
}

// An operator looks for calls and contacts, in place.
func TestFindInABrowser(t *testing.T) {
	browsertest.Require(t)
	cfg := house(t)
	c := cfg.Campaigns["renewals"]
	c.Seats, c.Region = 5, "IN"
	cfg.Campaigns["renewals"] = c
	p := newPBX()
	r := &running{T: t, pbx: p, happening: make(chan dialler.Happening, 10000), log: &journal{}}
	r.Process = startWith(t, cfg, p, r)
	r.want(200, "POST", "/v1/campaigns/1/contacts", `{"contacts":[{"number":"+919812345601"},{"number":"+919812345602"},{"number":"+917712345603"}]}`, "")
	for range 3 {
		r.await("a call", joined)
	}
	b := signedIn(t, r)
	b.Go("/campaigns/1")
	b.Eval("window.kept = true")
	b.Until("document.querySelectorAll('#call-list tbody tr').length === 3")
	b.Run("type", chromedp.SendKeys("#calls-number", "98123"+kb.Enter))
	b.Until("document.querySelectorAll('#call-list tbody tr').length === 2 && location.search === '?number=98123'")
	b.Click("#tab-requested")
	b.Shows("#call-list", "No call here to a number that begins so.")
	b.Until("document.querySelector('#calls-number').value === '98123'")
	b.Click("#tab-all")
	b.Until("document.querySelectorAll('#call-list tbody tr').length === 2")
	b.Eval(`(() => { const s = document.querySelector("#calls-order"); s.value = "oldest"; s.dispatchEvent(new Event("change", { bubbles: true })); })()`)
	b.Until("location.search.includes('order=oldest') && window.kept")
	b.Shot("calls-found")
	b.Go("/campaigns/1/contacts")
	b.Eval("window.kept = true")
	b.Eval(`(() => { const s = document.querySelector("#contacts-state"); s.value = "dialling"; s.dispatchEvent(new Event("change", { bubbles: true })); })()`)
	b.Until("document.querySelectorAll('#contacts tbody tr').length === 3 && location.search.includes('state=dialling')")
	b.Run("type", chromedp.SendKeys("#contacts-number", "letters"+kb.Enter))
	b.Shows("#contacts-wrong", "want digits")
	b.Until("window.kept")
	b.Shot("contacts-wrong")
	b.Faults()
}

// An operator places a test call from the checklist, and sees a promise come up
// on the timeline, as it happens.
func TestWatchingInABrowser(t *testing.T) {
	browsertest.Require(t)
	p := newPBX()
	r := &running{T: t, pbx: p, happening: make(chan dialler.Happening, 10000), log: &journal{}}
	r.Process = startWith(t, house(t), p, r)
	r.want(200, "POST", "/v1/campaigns/1/contacts", `{"contacts":[{"number":"+919812345601"}]}`, "")
	customer := r.await("the bot on the line", joined).Lease.Attempt.ID
	b := signedIn(t, r)
	b.Go("/campaigns/1/checklist")
	b.Eval("window.kept = true")
	b.Shows("#check-test", "No test call was placed yet")
	// The page has not been fetched anew when the number that was refused has been
	// put right. (It is fetched once when it has begun to listen.)
	b.Until("performance.getEntriesByType('resource').some((e) => e.initiatorType === 'fetch' && e.name === location.href)")
	b.Eval("{ const fetched = fetch, held = new Promise((go) => { window.release = go; }); window.fetch = (url, o) => o.method ? fetched(url, o) : held.then(() => fetched(url, o)); }")
	b.Run("type", chromedp.SendKeys("#test-number", "+919812345601"+kb.Enter))
	b.Shows("#failed", "on the campaign's list")
	b.Refused("/campaigns/1/test-call")
	b.Eval("document.querySelector('#test-number').value = ''")
	b.Run("type", chromedp.SendKeys("#test-number", "+919800000001"+kb.Enter))
	b.Shows("#said", "Test call placed.")
	b.Eval("release()")
	call := r.await("the test call", joined).Lease.Attempt.ID
	b.Shows("#check-test", "+919800000001 is being dialled")
	_ = p.Hangup(t.Context(), call)
	b.Shows("#check-test", "talked with the bot")
	b.Until("document.querySelector('#check-test').dataset.checkState === 'warn' && window.kept") // no analysis
	b.Shot("checklist")

	b.Go("/timeline")
	b.Eval("window.kept = true")
	b.Shows("#says", "0 callbacks")
	_ = p.Hangup(t.Context(), customer)
	r.await("the end of the call", func(h dialler.Happening) bool {
		return h.Kind == dialler.HasSettled && h.Lease.Attempt.ID == customer
	})
	r.want(200, "POST", "/v1/calls/"+string(customer)+"/analysis", `{"callback_requested":true,"callback_preferred_time_text":"1 hour"}`, "scheduled")
	b.Shows("#says", "1 callback and 0 retries become due")
	b.Until("document.querySelectorAll('svg .t-callback').length >= 2") // the bar, and the legend's
	b.Click("#hours-12")
	b.Until("location.search === '?hours=12' && document.querySelector('#hours-12').getAttribute('aria-current') && window.kept")
	b.Click("#figures summary")
	b.Shows("#figures tbody", "1")
	b.Shot("timeline")
	b.Faults()
}
