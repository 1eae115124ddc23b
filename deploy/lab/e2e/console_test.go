package e2e

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	_ "modernc.org/sqlite" // to count what the screen shows

	"ringback/deploy/lab/browsertest"
	"ringback/deploy/lab/farend"
	"ringback/dialler/api"
)

// TestConsole is an operator's day in the console, on real calls: a user made by
// the command line signs in, builds a bot and a single-day campaign by the wizard,
// uploads a list and starts it; watches callbacks being asked for, one being kept
// and the other cancelled when the window closes; and looks at campaigns whose
// gates stand open and shut, in all four combinations.
func TestConsole(t *testing.T) {
	t.Parallel()
	browsertest.Require(t)
	waits, soon, busy := number(1, "96"), number(2, "96"), number(3, "96")
	r := newRig(t, farend.Options{BotTalk: time.Second, Who: cast(map[string]farend.Person{
		waits: {Says: []farend.Saying{{Callback: true, Phrase: "2 ghante baad", Reason: "meeting"}}},
		soon:  {Says: []farend.Saying{{Callback: true, Phrase: "call me back in 15 seconds", Reason: "driving"}, {}}},
		busy:  {Takes: []farend.Take{{Status: 486}}},
	})})

	add := exec.CommandContext(r.ctx, binary, "user", "add", "meera", "--role", "operator", "--config", r.proc.Config)
	const password = "chai before calls"
	add.Stdin = strings.NewReader(password + "\n")
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("ringback user add: %v: %s", err, out)
	}
	b := browsertest.Open(t, r.base)
	b.Log = r.log
	b.Go("/sign-in")
	b.Run("sign in", chromedp.SendKeys("#name", "meera"), chromedp.SendKeys("#password", password+kb.Enter))
	b.Shows("h1", "Campaigns")
	b.Shows("#live-says", "Live")

	// A bot.
	b.Go("/bots/new")
	b.Fill("name", "Meera")
	b.Fill("endpoint", "PJSIP/bot")
	b.Click("#f-callbacks")
	b.Click("#save")
	b.Shows("#said", "Bot created.")

	// A campaign.
	b.Go("/")
	b.Click("#new-campaign")
	b.Shows(".stepper.here", "Basics")
	b.Fill("name", "Floor")
	b.Run("choose the bot", chromedp.SendKeys("#f-bot", "Meera"))
	b.Click("#next")
	b.Shows(".stepper.here", "Number Pool")
	b.Click("#next")
	b.Shows(".stepper.here", "Dialler Config")
	b.Run("choose the mode", chromedp.SendKeys("#f-mode", "Single Day"))
	b.Fill("seats", "3")
	b.Fill("retry_delay", "30m")
	b.Fill("window-zone", "Asia/Kolkata")
	b.Click("#f-callback_detection")
	zone, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	// It closes with a minute, and far enough away for what is to be seen before.
	closes := time.Now().In(zone).Add(100 * time.Second).Truncate(time.Minute).Add(time.Minute)
	hours := closes.Add(-12*time.Hour).Format("15:04") + "-" + closes.Format("15:04")
	for _, day := range []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"} {
		b.Fill("window-hours-"+day, hours)
		b.Eval(fmt.Sprintf("(e => e.checked || e.click())(document.querySelector('#f-window-hours-%s-on'))", day))
	}
	b.Click("#next")
	b.Shows(".stepper.here", "Contacts")
	file := filepath.Join(t.TempDir(), "floor.csv")
	if err := os.WriteFile(file, []byte("phone_number,name\n"+waits+",रवि\n"+soon+",Asha\n"+busy+",Dev\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.Run("choose the file", chromedp.SetUploadFiles("#f-file", []string{file}))
	b.Click("#take")
	b.Shows("#h-intake", "floor.csv: 3 added")
	b.Click("#next")
	b.Shows(".stepper.here", "Review")
	b.Until("document.querySelector('#review') && !document.querySelector('#gates')")
	b.Click("#start")
	b.Shows(".under .badge", "Running")

	var campaigns struct {
		Campaigns []api.Campaign `json:"campaigns"`
	}
	r.must("GET", "/v1/campaigns", nil, &campaigns)
	p := campaign{rig: r}
	for _, c := range campaigns.Campaigns {
		if c.Name == "Floor" {
			p.id = c.ID
		}
	}

	// Two ask to be rung back: panel, badge and tabs, without loading the page again.
	b.Eval("window.kept = true")
	row := func(number, selector string) string {
		return fmt.Sprintf("[...document.querySelectorAll('#call-list tbody tr')].some(tr => tr.innerText.includes(%q) && tr.querySelector(%q))", number, selector)
	}
	b.Shows("#n-requested", "2")
	b.Until(row(waits, ".badge.callback"))
	b.Shot("asked")
	b.Click("#tab-pending")
	b.Until(fmt.Sprintf("document.querySelector('#tab-pending').ariaSelected === 'true' && document.querySelector('#call-list').innerText.includes(%q)", waits))

	// One is due, and kept.
	p.state(soon, "completed")
	b.Shows("#n-completed", "1")
	b.Shows("#n-pending", "1")
	b.Until("document.querySelectorAll('#call-list tbody tr').length === 1")
	for tab, want := range map[string][]string{"requested": {waits, soon}, "completed": {soon}, "cancelled": nil, "all": {waits, soon, busy}} {
		b.Click("#tab-" + tab)
		b.Until(fmt.Sprintf("document.querySelector('#tab-%s').ariaSelected === 'true' && document.querySelectorAll('[role=tab][aria-selected=true]').length === 1", tab))
		for _, number := range want {
			b.Shows("#call-list", number)
		}
		if n := map[string]int{"requested": 2, "completed": 1, "cancelled": 0, "all": 4}[tab]; true {
			b.Until(fmt.Sprintf("document.querySelectorAll('#call-list tbody tr').length === %d", n))
		}
	}
	p.sameAsStored(b)

	// The four combinations of gates, while the window is still open.
	for i, gate := range []struct {
		bot      string
		campaign bool
		says     string // "": nothing
	}{
		{"deaf", false, "Callback Detection is off"},
		{"deaf", true, "the callback toggle of the bot deaf is off"},
		{"asha", false, "Callback Detection is off"},
		{"asha", true, ""},
	} {
		who := number(10+i, "47")
		g := r.campaign(api.Campaign{Name: fmt.Sprintf("%s-%v", gate.bot, gate.campaign), Bot: gate.bot, Callbacks: gate.campaign, Retry: "30m"}, who)
		g.until("the analysis is ruled on", func() bool {
			calls := g.calls("")
			return len(calls) > 0 && calls[0].Ruling != nil && calls[0].Ruling.Verdict != "deferred"
		})
		b.Go(fmt.Sprintf("/campaigns/%d", g.id))
		b.Shows("#call-list", who)
		b.Until(fmt.Sprintf("(document.querySelectorAll('[role=tab]').length === 5) === %v", gate.campaign))
		if gate.says == "" {
			b.Until("!document.querySelector('#gates')")
			b.Shows("#n-pending", "1")
			b.Until(row(who, ".badge.callback"))
		} else {
			b.Shows("#gates", gate.says)
			b.Until("!document.querySelector('#callbacks-panel, .badge.callback')")
		}
		b.Shot("gates-" + fmt.Sprintf("%s-%v", gate.bot, gate.campaign))
	}

	// The window closes: the callback that waits is cancelled.
	b.Go(fmt.Sprintf("/campaigns/%d", p.id))
	b.Eval("window.kept = true")
	p.state(waits, "window_closed")
	if now := time.Now(); now.Before(closes) {
		t.Errorf("closed at %v, before the window did at %v", now, closes)
	}
	b.Shows("#n-cancelled", "1")
	b.Shows(".under .badge", "Completed")
	b.Until("!document.querySelector('.badge.callback')")
	b.Click("#tab-cancelled")
	b.Until(fmt.Sprintf("document.querySelectorAll('#call-list tbody tr').length === 1 && document.querySelector('#call-list').innerText.includes(%q)", waits))
	b.Until("window.kept")
	b.Shot("closed")
	p.sameAsStored(b)
	p.sober()
	b.Faults()
}

// sameAsStored compares the panel of the page that is open with the rows of the
// database's own tables.
func (p campaign) sameAsStored(b *browsertest.Tab) {
	p.t.Helper()
	db, err := sql.Open("sqlite", "file:"+p.database+"?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for at, where := range map[string]string{
		"#n-requested": "1", "#n-pending": "state = 'scheduled'", "#n-completed": "state IN ('completed', 'exhausted', 'closed')",
		"#n-exhausted": "state = 'exhausted'", "#n-voicemail": "why = 'voicemail'", "#n-abandoned": "why = 'abandoned'", "#n-cancelled": "state = 'cancelled'",
	} {
		var n int
		if err := db.QueryRowContext(p.ctx, "SELECT count(*) FROM callback WHERE campaign_id = ? AND "+where, p.id).Scan(&n); err != nil {
			p.t.Fatal(err)
		}
		if got := b.Text(at); got != fmt.Sprint(n) {
			p.t.Errorf("%s says %s, the database %d", at, got, n)
		}
	}
}
