// Package browsertest opens the console's pages in a headless Chromium, for tests.
//
// A [Tab] is driven by what a person sees and does: [Tab.Shows], [Tab.Click],
// [Tab.Go]. It waits for the page, never for a time. What the browser's console
// complains of is kept, and [Tab.Faults] fails the test with it.
//
// [Tab.Shot] has the page, wide and narrow, light and dark, looked at by axe-core
// for faults of accessibility, and keeps a picture of each where
// $RINGBACK_SCREENSHOTS says. Chromium and axe-core are installed by
// deploy/lab/tools.sh (make setup).
package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"ringback/deploy/lab"
)

// patience is how long a page may take to show something. Pages take
// milliseconds; the machine may be busy.
const patience = 2 * time.Minute

// unhurried has what a page takes away again after some seconds (a note of what was
// done) stay until a test has looked, however busy the machine.
const unhurried = `{ const later = window.setTimeout; window.setTimeout = (f, ms, ...args) => later.call(window, f, ms > 5000 ? ms + 120000 : ms, ...args); }`

// A Tab is a browser's only tab, signed in to nothing yet. Its methods fail the
// test when the page does not do what they say.
type Tab struct {
	*testing.T

	// Log is what the server at the other end logged, for the text of a
	// failure; nil: nothing.
	Log fmt.Stringer

	ctx  context.Context
	base string
	axe  string // the script

	mu     sync.Mutex
	faults []string // what the browser's console complained of
}

// Require skips the test where there is no Chromium or no axe-core, and fails it if
// RINGBACK_TEST_REQUIRE says that nothing may be skipped.
func Require(t *testing.T) (chromium, axe string) {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err == nil {
		var folder string
		if folder, err = lab.Folder(); err == nil {
			axe = filepath.Join(folder, "axe", "node_modules", "axe-core", "axe.min.js")
			_, err = os.Stat(axe)
		}
	}
	if err != nil {
		if os.Getenv("RINGBACK_TEST_REQUIRE") != "" {
			t.Fatal(err, "(RINGBACK_TEST_REQUIRE=1: not skipping; run make setup)")
		}
		t.Skip(err, "(to run this test: make setup)")
	}
	return chromium, axe
}

// Open starts a browser for the pages at base ("http://127.0.0.1:8090"); see
// [Require]. It ends with the test.
func Open(t *testing.T, base string) *Tab {
	t.Helper()
	path, axe := Require(t)
	script, err := os.ReadFile(axe)
	if err != nil {
		t.Fatal(err)
	}
	alloc, done := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(2*time.Minute),
		chromedp.WindowSize(1280, 900),
	)
	t.Cleanup(done)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	ctx, late := context.WithTimeout(ctx, 10*time.Minute)
	t.Cleanup(late)
	b := &Tab{T: t, ctx: ctx, base: base, axe: string(script)}
	if err := chromedp.Listen(ctx, func(ev any) {
		switch ev := ev.(type) {
		case *runtime.EventConsoleAPICalled:
			if ev.Type != runtime.ConsoleAPICalledTypeLog {
				text, _ := json.Marshal(ev.Args)
				b.fault("console: %s", text)
			}
		case *runtime.EventExceptionThrown:
			b.fault("exception: %+v", ev.ExceptionDetails)
		case *log.EventEntryAdded:
			// Some remarks depend on who was quicker, as that of an autofocus
			// that came after the first key.
			if ev.Entry.Level == log.EntryLevelWarning || ev.Entry.Level == log.EntryLevelError {
				b.fault("log: %s %s", ev.Entry.Text, ev.Entry.URL)
			}
		case *page.EventJavascriptDialogOpening:
			b.fault("a script opened a dialog: %s", ev.Message)
		}
	}); err != nil {
		t.Fatal(err)
	}
	b.Run("start", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := cdp.Call(ctx, t, log.Enable, cdp.Empty{}); err != nil {
			return err
		}
		if _, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: unhurried}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, t, runtime.Enable, cdp.Empty{})
		return err
	}))
	return b
}

func (b *Tab) fault(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, fmt.Sprintf(format, args...))
}

// Faults fails the test with what the browser's console complained of until now.
func (b *Tab) Faults() {
	b.Helper()
	b.mu.Lock()
	faults := slices.Clone(b.faults)
	b.mu.Unlock()
	for _, f := range faults {
		b.Error(f)
	}
}

// Refused waits for the browser to log that the form sent to path was refused,
// and takes that from the faults: the test wanted it.
func (b *Tab) Refused(path string) {
	b.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
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

// Run does what Chromium can; what names it in a failure.
func (b *Tab) Run(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.Fatalf("%s: %v; faults %q", what, err, b.faults)
	}
}

// Eval returns what a script of the test's own finds on the page.
func (b *Tab) Eval(js string) any {
	b.Helper()
	out, err := chromedp.Run(b.ctx, chromedp.Evaluate[any](js))
	if err != nil {
		b.Fatalf("%s: %v", js, err)
	}
	return out
}

// Until waits for the page to show something: js becomes true.
func (b *Tab) Until(js string) {
	b.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		// A page that is just being loaded has nothing to say, and its scripts
		// do not listen yet.
		if ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("document.readyState === 'complete' && Boolean("+js+")")); err == nil && ok {
			return
		}
	}
	b.Shot("failed")
	said := ""
	if b.Log != nil {
		said = "; the log says\n" + b.Log.String()
	}
	b.Fatalf("waited in vain for %s; the page says\n%v%s", js, b.Eval("document.body.innerText"), said)
}

// Text is what a person reads in the first element that matches.
func (b *Tab) Text(selector string) string {
	b.Helper()
	return fmt.Sprint(b.Eval(fmt.Sprintf("document.querySelector(%q)?.innerText ?? 'nothing'", selector)))
}

// Shows waits until the first element that matches has want among its words.
func (b *Tab) Shows(selector, want string) {
	b.Helper()
	b.Until(fmt.Sprintf("document.querySelector(%q)?.innerText.includes(%q)", selector, want))
}

// Click waits for the first element that matches and clicks it.
func (b *Tab) Click(selector string) {
	b.Helper()
	for tries := 0; ; tries++ {
		// A form that is being checked may say something, and what is clicked moves.
		b.Until(fmt.Sprintf("document.querySelector(%q) && !document.querySelector('[data-checking]')", selector))
		err := chromedp.Do(b.ctx, chromedp.Click(selector))
		if err == nil {
			return
		}
		// A page that shows news in that moment may put another element in its place.
		if tries == 5 || !strings.Contains(err.Error(), "-32000") {
			b.Fatalf("click %s: %v", selector, err)
		}
	}
}

// Press is a slow click on the first element that matches: the button comes up
// again, at the same place, when js has become true.
func (b *Tab) Press(selector, js string) {
	b.Helper()
	b.Until(fmt.Sprintf("document.querySelector(%q)", selector))
	at, ok := b.Eval(fmt.Sprintf("(e => { e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect(); return [r.x + r.width/2, r.y + r.height/2]; })(document.querySelector(%q))", selector)).([]any)
	if !ok {
		b.Fatalf("no place of %s", selector)
	}
	x, y := at[0].(float64), at[1].(float64)
	left := func(p *input.DispatchMouseEventParams) { p.Button, p.ClickCount = input.MouseButtonLeft, 1 }
	b.Run("press "+selector, chromedp.MouseEvent(chromedp.MousePressed, x, y, left))
	b.Until(js)
	b.Run("let go of "+selector, chromedp.MouseEvent(chromedp.MouseReleased, x, y, left))
}

// Fill goes to the field whose ID is "f-" and field, as all of the console's are,
// and types text in place of what is there.
func (b *Tab) Fill(field, text string) {
	b.Helper()
	at := "#f-" + field
	b.Until(fmt.Sprintf("document.querySelector(%q)", at))
	b.Eval(fmt.Sprintf("(e => { e.focus(); e.select(); })(document.querySelector(%q))", at))
	if text == "" {
		text = kb.Delete
	}
	b.Run("type into "+field, chromedp.KeyEvent(text))
}

// Leave goes on to the next field, by the Tab key.
func (b *Tab) Leave() {
	b.Helper()
	b.Run("tab", chromedp.KeyEvent(kb.Tab))
}

// Go loads the page at path.
func (b *Tab) Go(path string) {
	b.Helper()
	b.Run("go to "+path, chromedp.Navigate(b.base+path))
}

// Shot looks at the page as it is now; see the package.
func (b *Tab) Shot(name string) {
	b.Helper()
	dir := os.Getenv("RINGBACK_SCREENSHOTS")
	if dir != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			b.Fatal(err)
		}
	}
	for _, width := range []int64{1280, 390} {
		for _, scheme := range []string{"light", "dark"} {
			b.emulate(width, scheme)
			found, err := b.judge(scheme == "dark")
			if err != nil || found != "[]" {
				b.Errorf("%s, %d px, %s: axe-core says %s %v", name, width, scheme, found, err)
			}
			// Nothing sticks out at the side.
			if wide, _ := b.Eval("document.documentElement.scrollWidth - innerWidth").(float64); wide > 0 {
				b.Errorf("%s is %v px too wide at %d px", name, wide, width)
			}
			if dir == "" {
				continue
			}
			png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
			if err != nil {
				b.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%s-%d-%s.png", strings.ReplaceAll(b.Name(), "/", "-"), name, width, scheme)), png, 0o644); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.emulate(1280, "light")
}

// judge has axe-core look at the page, and returns what it finds as a JSON array.
// A page differs in the dark from what it is in the light by its colours alone, so
// again is only for the rules that look at those.
func (b *Tab) judge(again bool) (string, error) {
	b.Helper()
	// It is long: a page is given it once.
	if b.Eval("typeof axe") == "undefined" {
		if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[any](b.axe+";0")); err != nil {
			return "", err
		}
	}
	rules := ""
	if again {
		rules = `, runOnly: ["color-contrast", "link-in-text-block"]` //nolint:misspell // the rule's own name
	}
	return chromedp.Run(b.ctx, chromedp.Evaluate[string](`axe.run({resultTypes: ["violations"]`+rules+
		`}).then(r => JSON.stringify(r.violations.map(v => v.impact + " " + v.id + ": " + v.nodes.map(n => n.html + " " + n.failureSummary).join(" | "))))`, chromedp.EvalAwaitPromise))
}

func (b *Tab) emulate(width int64, scheme string) {
	b.Helper()
	b.Run("emulate", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := cdp.Call(ctx, t, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 900, DeviceScaleFactor: 1, Mobile: width < 500}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}) //nolint:misspell // CSS spells it so
		return err
	}))
}
