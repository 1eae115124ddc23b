package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"ringback/callback"
	"ringback/cmd/ringback/serve"
	"ringback/config"
	"ringback/deploy/lab"
	"ringback/deploy/lab/farend"
	"ringback/dialler"
	"ringback/dialler/store/sqlite"
)

// limit bounds the story, set-up not counted.
const limit = 4 * time.Minute

// ErrStory says that the story did not come true; what is wrong has been printed.
var ErrStory = errors.New("the story did not come true")

// Run sets up, tells the story on out, and returns nil if it came true. What the
// process logs goes to a file that is named on out if something went wrong.
func Run(ctx context.Context, out io.Writer) (err error) {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) }
	if err := lab.Install(ctx, out); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "ringback-demo-")
	if err != nil {
		return err
	}
	logFile, err := os.Create(filepath.Join(dir, "ringback.log"))
	if err != nil {
		return err
	}
	defer func() {
		_ = logFile.Close()
		if err != nil {
			say("ringback's log is %s", logFile.Name())
		} else {
			_ = os.RemoveAll(dir)
		}
	}()

	far, err := farend.Start(farend.Options{BotTalk: botTalks, Ring: 300 * time.Millisecond})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, far.Close()) }()
	pbx, err := lab.Start(ctx, lab.Options{Name: "demo", FarEnd: far.Addr})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pbx.Close()) }()
	say("demo: Asterisk %s listens for SIP on %s; %d customers and a bot are at %s", pbx.Version, pbx.SIPAddr, len(cast), far.Addr)

	words, err := callback.NewResolver(callback.Lexicon{})
	if err != nil {
		return err
	}
	store, err := sqlite.Open(ctx, filepath.Join(dir, "ringback.db"), sqlite.Options{Words: words})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()

	tale := newStory(out)
	log := slog.New(slog.NewTextHandler(logFile, &slog.HandlerOptions{Level: slog.LevelDebug}))
	proc, err := serve.Start(ctx, settings(pbx), serve.Options{
		Version: "demo", Logger: log, Observe: tale.observe, Store: listening{store, tale.ruled},
	})
	if err != nil {
		return err
	}
	defer func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, proc.Stop(stopping))
	}()
	far.PostTo("http://"+proc.Addr(), token)
	say("demo: ringback answers on http://%s; a call every %v, %d seats, retries after %v", proc.Addr(), time.Second/cps, seats, retryDelay)
	say("")

	id, err := enlist(ctx, store, tale)
	if err != nil {
		return err
	}
	if err := play(ctx, store, id, tale); err != nil {
		return err
	}
	return judge(ctx, out, store, id, far, tale)
}

const token = "demo-token-of-loopback-only"

// settings is the configuration of the demo's process, as a YAML file would have it.
func settings(pbx *lab.Asterisk) config.Config {
	always := config.Window{Zone: "Asia/Kolkata", Hours: map[string][]string{"daily": {"00:00-24:00"}}}
	return config.Config{
		Node: "demo",
		HTTP: config.HTTP{Listen: "127.0.0.1:0", Tokens: map[string]config.Secret{"demo": config.Secret(token)}},
		Switches: map[string]config.Switch{"pbx": {
			Kind: "asterisk", URL: pbx.ARIURL, User: pbx.User, Password: config.Secret(pbx.Password), App: "ringback-demo",
		}},
		Trunks: map[string]config.Trunk{"trunk": {Switch: "pbx", Dial: "PJSIP/{number}@trunk"}},
		Bots:   map[string]config.Bot{"asha": {Endpoint: "PJSIP/bot", Callbacks: true}},
		Campaigns: map[string]config.Campaign{campaign: {
			Trunk: "trunk", Bot: "asha", Window: always, Seats: seats, CPS: cps,
			MaxAttempts: maxAttempts, RetryDelay: retryDelay, RingTimeout: ringTimeout, Screen: true, CallbackDetection: true,
		}},
	}
}

const campaign = "demo"

// enlist adds the first wave to the campaign and starts it.
func enlist(ctx context.Context, store dialler.Store, tale *story) (dialler.CampaignID, error) {
	c, err := store.CampaignNamed(ctx, campaign)
	if err != nil {
		return 0, err
	}
	if err := add(ctx, store, c.ID, 0, firstWave, tale); err != nil {
		return 0, err
	}
	tale.begin()
	_, err = store.Transition(ctx, c.ID, dialler.Start, time.Now())
	return c.ID, err
}

// add adds those of the cast from first up to, not including, end.
func add(ctx context.Context, store dialler.Store, id dialler.CampaignID, first, end int, tale *story) error {
	var list []dialler.NewContact
	for i := first; i < end; i++ {
		list = append(list, dialler.NewContact{Number: number(i), Vars: map[string]string{"name": fmt.Sprintf("Customer %d", i+1)}})
	}
	tale.added(len(list))
	_, err := store.AddContacts(ctx, id, list, time.Now())
	return err
}

// play adds the second wave when it is time, waits until the only contacts that wait
// are those who are due another day, and then stops the campaign.
func play(ctx context.Context, store dialler.Store, id dialler.CampaignID, tale *story) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the story was not over after %v", limit))
	defer cancel()
	others := 0 // contacts that are to wait for another day
	for _, p := range cast {
		if p.state == dialler.Stopped {
			others++
		}
	}
	wave := time.After(tale.until(secondWave))
	for all := false; ; {
		n, err := store.Counters(ctx, id)
		if err != nil {
			return fmt.Errorf("read the counters: %w", err)
		}
		waiting := n.Contacts[dialler.Pending] + n.Contacts[dialler.RetryScheduled] + n.Contacts[dialler.CallbackScheduled]
		if all && n.Live == 0 && waiting == others && n.Contacts[dialler.CallbackScheduled] == others && tale.quiet() {
			break
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tale.moved:
		case <-wave:
			tale.say("", "%d more contacts are added to the list, just before the first callbacks are due", len(cast)-firstWave)
			if err := add(ctx, store, id, firstWave, len(cast), tale); err != nil {
				return err
			}
			all = true
		}
	}
	_, err := store.Transition(ctx, id, dialler.Stop, time.Now())
	tale.say("", "the campaign is stopped: who asked for another day is let off")
	return err
}

func judge(ctx context.Context, out io.Writer, store dialler.Store, id dialler.CampaignID, far *farend.FarEnd, tale *story) error {
	calls, err := allCalls(ctx, store, id)
	if err != nil {
		return err
	}
	n, err := store.Counters(ctx, id)
	if err != nil {
		return err
	}
	wrong, err := verdict(ctx, store, id, far)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "\n%s\n%d calls to %d contacts in %v. Callbacks: %d requested, %d completed (%d held, %d exhausted, %d voicemail, %d abandoned), %d cancelled; rung %v after they were due at the most.\n",
		table(calls), n.Attempts, len(cast), time.Since(tale.began).Round(time.Second), n.Requested, n.Completed(),
		n.Callbacks[dialler.CallbackCompleted], n.Callbacks[dialler.CallbackExhausted], n.Closed[dialler.ByVoicemail], n.Closed[dialler.ByAbandoned],
		n.Callbacks[dialler.CallbackCancelled], tale.latest.Round(time.Millisecond))
	if len(wrong) == 0 {
		_, _ = fmt.Fprintln(out, "The story came true.")
		return nil
	}
	for _, w := range wrong {
		_, _ = fmt.Fprintln(out, "WRONG:", w)
	}
	return fmt.Errorf("%w: %d things are wrong", ErrStory, len(wrong))
}

// listening lets the story hear what is decided on analyses.
type listening struct {
	serve.Store
	ruled func(dialler.Ruling)
}

// Hear is the store's, and tells the story.
func (l listening) Hear(ctx context.Context, id dialler.CallID, a callback.Analysis, now time.Time) (dialler.Ruling, error) {
	r, err := l.Store.Hear(ctx, id, a, now)
	if err == nil {
		l.ruled(r)
	}
	return r, err
}
