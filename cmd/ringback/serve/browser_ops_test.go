package serve_test

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"ringback/dialler"
)

// signedIn opens a browser that is signed in to a running process.
func signedIn(t *testing.T, r *running) *tab {
	t.Helper()
	b := open(t, "http://"+r.Addr())
	b.log = r.log
	b.goTo("/sign-in")
	b.run("sign in", chromedp.SendKeys("#token", token+kb.Enter))
	b.shows("h1", "Campaigns")
	b.shows("#live-says", "Live")
	return b
}

// clean fails the test for whatever the browser's console complained of.
func (b *tab) clean() {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.faults {
		b.Error(f)
	}
	b.faults = nil
}

// refused waits for the browser to log that a form was refused, which is what
// the test wanted and no fault.
func (b *tab) refused(path string) {
	b.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		b.mu.Lock()
		n := len(b.faults)
		b.faults = slices.DeleteFunc(b.faults, func(f string) bool { return strings.Contains(f, "status of 4") && strings.HasSuffix(f, path) })
		n -= len(b.faults)
		b.mu.Unlock()
		if n > 0 {
			return
		}
	}
	b.Errorf("no form was refused at %s", path)
}

// An operator moves a callback, has it dialled now, cancels the next one, and
// puts somebody ahead of the list: each from the contact's page, with real
// calls behind it, and nothing is loaded again.
func TestInterventionsInABrowser(t *testing.T) {
	if _, err := exec.LookPath("chromium"); err != nil {
		open(t, "") // skips, or fails
	}
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
	b.goTo("/contacts/1")
	b.shows("#why", "The callback is not due before")
	b.eval("window.kept = true")

	// Moved: words that say nothing leave the question open, with what is wrong.
	b.click("#move")
	b.shows("dialog[open]", "Move the callback to +919812345601")
	b.until("document.activeElement.id === 'move-words'")
	b.run("type", chromedp.SendKeys("#move-words", "the colour blue"+kb.Enter))
	b.shows("dialog[open] [data-wrong]", "names no clear time")
	b.shot("move")
	b.refused("/contacts/1/move")
	b.eval("document.querySelector('#move-words').value = ''")
	b.run("type", chromedp.SendKeys("#move-words", "kal subah"+kb.Enter))
	b.shows("#said", "The callback is moved to 10:00 on")
	b.until("!document.querySelector('dialog') && document.activeElement.id === 'move'")
	b.shows(".promise", "moved by an operator")

	// Now: it waits for the one seat, and is rung ahead of those never rung.
	b.click("#dial")
	b.shows("dialog[open]", "Dial +919812345601 now?")
	b.click("dialog .main")
	b.shows("#said", "The callback is due now")
	b.shows("#why", "All of the campaign's seats are taken (1 of 1)")
	end(second)
	again := on("+919812345601")
	b.shows("#why", "a call is under way")
	b.until("!document.querySelector('#move, #cancel, #dial')")

	// It asks again, and an operator cancels that.
	asks(again)
	third := on("+919812345603")
	b.shows("#cancel", "Cancel callback")
	b.click("#cancel")
	b.shows("dialog[open]", "Cancel the callback to +919812345601?")
	b.click("dialog .danger")
	b.shows("#said", "The callback is cancelled")
	b.shows(".promise", "because an operator cancelled it")
	b.shows("#why", "cancelled by an operator")
	b.shot("contact-cancelled")
	b.until("window.kept")

	// The last of the list goes ahead of one who came before it.
	r.want(200, "POST", "/v1/campaigns/1/contacts", `{"contacts":[{"number":"+919812345605"}]}`, "")
	b.goTo("/contacts/5")
	b.click("#dial")
	b.click("dialog .main")
	b.shows("#said", "ahead of the whole list")
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
	b.clean()
}
