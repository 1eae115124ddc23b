package serve_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"ringback/cmd/ringback/serve"
	"ringback/config"
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

// A tab is a browser's, signed in to nothing yet.
type tab struct {
	*testing.T
	ctx  context.Context
	base string
	log  *journal // of the process

	mu     sync.Mutex
	faults []string // what the browser's console complained of
}

// open starts a browser. A test that needs one is skipped where there is none,
// unless RINGBACK_TEST_REQUIRE says that nothing may be.
func open(t *testing.T, base string) *tab {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		const how = "chromium is not installed: run deploy/lab/tools.sh (or make setup)"
		if os.Getenv("RINGBACK_TEST_REQUIRE") != "" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	alloc, done := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(2*time.Minute),
		chromedp.WindowSize(1280, 900),
	)
	t.Cleanup(done)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	ctx, late := context.WithTimeout(ctx, 4*time.Minute)
	t.Cleanup(late)
	b := &tab{T: t, ctx: ctx, base: base, log: &journal{}}
	fault := func(format string, args ...any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.faults = append(b.faults, fmt.Sprintf(format, args...))
	}
	if err := chromedp.Listen(ctx, func(ev any) {
		switch ev := ev.(type) {
		case *runtime.EventConsoleAPICalled:
			if ev.Type != runtime.ConsoleAPICalledTypeLog {
				text, _ := json.Marshal(ev.Args)
				fault("console: %s", text)
			}
		case *runtime.EventExceptionThrown:
			fault("exception: %+v", ev.ExceptionDetails)
		case *log.EventEntryAdded:
			fault("log: %s %s", ev.Entry.Text, ev.Entry.URL)
		case *page.EventJavascriptDialogOpening:
			fault("a script opened a dialog: %s", ev.Message)
		}
	}); err != nil {
		t.Fatal(err)
	}
	b.run("start", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := cdp.Call(ctx, t, log.Enable, cdp.Empty{}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, t, runtime.Enable, cdp.Empty{})
		return err
	}))
	return b
}

func (b *tab) run(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.Fatalf("%s: %v; faults %q", what, err, b.faults)
	}
}

// eval returns what a script of the test's own finds on the page.
func (b *tab) eval(js string) any {
	b.Helper()
	out, err := chromedp.Run(b.ctx, chromedp.Evaluate[any](js))
	if err != nil {
		b.Fatalf("%s: %v", js, err)
	}
	return out
}

// until waits for the page to show something: js becomes true.
func (b *tab) until(js string) {
	b.Helper()
	for end := time.Now().Add(40 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		// A page that is just being loaded has nothing to say.
		if ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+js+")")); err == nil && ok {
			return
		}
	}
	b.shot("failed")
	b.Fatalf("waited in vain for %s; the page says\n%v\nthe log says\n%s", js, b.eval("document.body.innerText"), b.log)
}

func (b *tab) text(selector string) string {
	b.Helper()
	return fmt.Sprint(b.eval(fmt.Sprintf("document.querySelector(%q)?.innerText ?? 'nothing'", selector)))
}

func (b *tab) shows(selector, want string) {
	b.Helper()
	b.until(fmt.Sprintf("document.querySelector(%q)?.innerText.includes(%q)", selector, want))
}

func (b *tab) click(selector string) {
	b.Helper()
	b.until(fmt.Sprintf("document.querySelector(%q)", selector))
	b.run("click "+selector, chromedp.Click(selector))
}

func (b *tab) goTo(path string) {
	b.Helper()
	b.run("go to "+path, chromedp.Navigate(b.base+path))
}

// shot keeps a picture of the page, wide and narrow, light and dark, where
// RINGBACK_SCREENSHOTS says, and has each looked at by axe-core, if RINGBACK_AXE
// says where its script is.
func (b *tab) shot(name string) {
	b.Helper()
	dir, axe := os.Getenv("RINGBACK_SCREENSHOTS"), os.Getenv("RINGBACK_AXE")
	if dir == "" && axe == "" {
		return
	}
	judge := ""
	if axe != "" {
		script, err := os.ReadFile(axe)
		if err != nil {
			b.Fatal(err)
		}
		judge = string(script) + `;axe.run().then(r => JSON.stringify(r.violations.map(v => v.impact + " " + v.id + ": " + v.nodes.map(n => n.html + " " + n.failureSummary).join(" | "))))`
	}
	for _, width := range []int64{1280, 390} {
		for _, scheme := range []string{"light", "dark"} {
			b.emulate(width, scheme)
			if judge != "" {
				found, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](judge, chromedp.EvalAwaitPromise))
				if err != nil || found != "[]" {
					b.Errorf("%s, %d px, %s: axe-core says %s %v", name, width, scheme, found, err)
				}
			}
			if dir == "" {
				continue
			}
			png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
			if err != nil {
				b.Fatal(err)
			}
			// Nothing sticks out at the side.
			if wide := b.eval("document.documentElement.scrollWidth - innerWidth").(float64); wide > 0 {
				b.Errorf("%s is %v px too wide at %d px", name, wide, width)
			}
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", name, width, scheme)), png, 0o644); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.emulate(1280, "light")
}

func (b *tab) emulate(width int64, scheme string) {
	b.Helper()
	b.run("emulate", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := cdp.Call(ctx, t, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 900, DeviceScaleFactor: 1, Mobile: width < 500}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}) //nolint:misspell // CSS spells it so
		return err
	}))
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
	if _, err := exec.LookPath("chromium"); err != nil {
		open(t, "") // skips, or fails
	}
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

	b := open(t, "http://"+r.Addr())
	b.log = r.log
	b.goTo("/")
	b.until("location.pathname === '/sign-in'")
	b.shot("sign-in")
	b.run("sign in", chromedp.SendKeys("#token", token+kb.Enter))
	b.shows("h1", "Campaigns")
	b.shows("#live-says", "Live")
	b.shows(fmt.Sprintf("#campaign-%d", id), "0 of 6")
	b.shows(fmt.Sprintf("#campaign-%d .badge", id), "Draft")

	// Start: four of the six are rung, one is busy; nothing is loaded again.
	b.eval("window.kept = true")
	b.click(fmt.Sprintf("#do-start-%d", id))
	b.shows(fmt.Sprintf("#campaign-%d .badge", id), "Running")
	b.shows("#said", "Campaign started.")
	b.shows(fmt.Sprintf("#campaign-%d", id), "4 of 4 seats")
	b.until(fmt.Sprintf("document.activeElement.id === 'do-pause-%d'", id)) // the keyboard stays where it was
	b.shot("campaigns")
	b.until("window.kept")

	b.goTo(fmt.Sprintf("/campaigns/%d", id))
	b.eval("window.kept = true")
	b.until("document.querySelectorAll('.live li').length === 4")
	b.shows(".live", "Talking with bot")
	b.until("!document.querySelector('#callbacks-panel')") // none has been asked for
	b.until("document.querySelectorAll('[role=tab]').length === 5")
	b.until("!document.querySelector('.badge.callback')")

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
	b.shows("#n-requested", "1")
	b.shows("#n-pending", "1")
	b.shows(".badge.callback", "Callback")
	b.shows("#tab-pending", "1")

	// One is kept within seconds, ahead of the one never rung.
	asks("+919812345603", "call me back in 2 seconds", "in a meeting")
	b.shows("#n-requested", "2")
	await := func(number dialler.Number, also func(dialler.Attempt) bool) {
		t.Helper()
		r.await("the call to "+string(number), func(h dialler.Happening) bool {
			return joined(h) && h.Lease.Attempt.Number == number && also(h.Lease.Attempt)
		})
	}
	await("+919812345603", func(a dialler.Attempt) bool { return a.Class == dialler.ClassCallback })
	b.until("[...document.querySelectorAll('.live li')].some(li => li.innerText.includes('+919812345603') && li.querySelector('.badge.kept'))")
	b.shot("campaign")
	up = r.calls(id)
	_ = p.Hangup(t.Context(), up["+919812345603"])
	b.shows("#n-completed", "1")

	// Each tab filters in place, by mouse and by keyboard.
	b.click("#tab-requested")
	b.until("document.querySelector('#tab-requested').ariaSelected === 'true' && document.querySelectorAll('tbody tr').length === 2")
	b.until("document.querySelectorAll('[role=tab][aria-selected=true]').length === 1")
	b.run("to the right", chromedp.KeyEvent(kb.ArrowRight))
	b.until("document.activeElement.id === 'tab-pending' && document.querySelector('#tab-pending').ariaSelected === 'true' && document.querySelectorAll('tbody tr').length === 1")
	b.shows("tbody", "<script>alert(1)</script>") // as words, not as a script
	b.click("#tab-completed")
	b.until("document.querySelectorAll('tbody tr').length === 1 && document.querySelector('tbody').innerText.includes('in 2 seconds')")
	b.click("#tab-cancelled")
	b.shows("#call-list", "No such callbacks.")
	b.until("location.search === '?calls=cancelled'")
	b.eval("history.back()")
	b.until("document.querySelector('#tab-completed').ariaSelected === 'true'")

	// A gate is shut, and opened.
	b.until("!document.querySelector('#gates')")
	r.want(200, "PUT", "/v1/bots/asha", `{"endpoint":"PJSIP/asha","callbacks":false}`, "")
	b.shows("#gates", "the callback toggle of the bot asha is off")
	r.want(200, "PUT", "/v1/bots/asha", `{"endpoint":"PJSIP/asha","callbacks":true}`, "")
	b.until("!document.querySelector('#gates')")

	// Pause and resume; stop asks first, and Escape is no.
	b.click(fmt.Sprintf("#do-pause-%d", id))
	b.shows(".under .badge", "Paused")
	b.click(fmt.Sprintf("#do-resume-%d", id))
	b.shows(".under .badge", "Running")
	b.click(fmt.Sprintf("#do-stop-%d", id))
	b.shows("dialog[open]", "Stop renewals?")
	b.shot("stop")
	b.run("escape", chromedp.KeyEvent(kb.Escape))
	b.until(fmt.Sprintf("!document.querySelector('dialog') && document.activeElement.id === 'do-stop-%d'", id))

	// The contact who asked first, with every word of theirs.
	list, err := r.Store().Contacts(t.Context(), id, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	b.until("window.kept")
	b.goTo(fmt.Sprintf("/campaigns/%d/contacts", id))
	b.until("document.querySelectorAll('tbody tr').length === 6")
	b.shot("contacts")
	b.goTo(fmt.Sprintf("/contacts/%d", list[0].ID))
	b.shows("blockquote", hostile)
	b.shows("#why", "The callback is not due before")
	b.shows(".trail", "Q.850 16")
	b.click(".promise summary")
	b.until("document.querySelector('.promise details').open")
	b.shows(".trace", "a delay")
	b.shot("contact")
	b.eval("window.kept = true")

	// Excluded: the callback is cancelled, and what was open stays open.
	b.click("#exclude")
	b.shows("dialog[open]", "do-not-call")
	b.click("dialog .danger")
	b.shows("#said", "Number excluded")
	b.shows("#why", "on the do-not-call list")
	b.shows(".promise", "because the number was excluded")
	b.until("document.querySelector('.promise details').open && window.kept")

	// Stop, and the panel is what the store counts.
	b.goTo(fmt.Sprintf("/campaigns/%d", id))
	b.click(fmt.Sprintf("#do-stop-%d", id))
	b.click("dialog .danger")
	b.shows(".under .badge", "Completed")
	b.shows("#tab-cancelled", "1")
	n, err := r.Store().Counters(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]int{
		"#n-requested": n.Requested, "#n-pending": n.Pending(), "#n-completed": n.Completed(), "#n-cancelled": n.Callbacks[dialler.CallbackCancelled],
		"#n-exhausted": n.Callbacks[dialler.CallbackExhausted], "#n-voicemail": n.Closed[dialler.ByVoicemail], "#n-abandoned": n.Closed[dialler.ByAbandoned],
	} {
		if got := b.text(at); got != fmt.Sprint(want) {
			t.Errorf("%s says %s, the store %d", at, got, want)
		}
	}
	if n.Requested != 2 || n.Completed() != 1 || n.Callbacks[dialler.CallbackCancelled] != 1 {
		t.Errorf("counters %+v", n)
	}

	// Where Callback Detection is off there is no panel, and there are no tabs.
	b.goTo(fmt.Sprintf("/campaigns/%d", plain))
	b.shows("#gates", "Callback Detection is off")
	b.until("!document.querySelector('#callbacks-panel, [role=tab]')")
	b.shot("no-callbacks")

	b.mu.Lock()
	faults := b.faults
	b.mu.Unlock()
	for _, f := range faults {
		t.Error(f)
	}

	// A refresh that is under way when the session ends is refused, and Chromium
	// logs that: what it logs from here on is no fault.
	b.click(".out button")
	b.until("location.pathname === '/sign-in'")
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
