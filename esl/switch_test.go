package esl_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ringback/dialler"
	"ringback/dialler/switchtest"
	"ringback/esl"
	"ringback/esl/esltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func startFake(t testing.TB, o esltest.Options) *esltest.FreeSWITCH {
	t.Helper()
	if o.Detectors == nil {
		o.Detectors = map[string]string{"amd": "amd_result"}
	}
	if o.Dialplan == nil {
		o.Dialplan = map[string]string{"ringback-bot,agent": "bridge:sofia/gateway/bot/agent", "ringback-bot,socket": "socket",
			"lab-bots,vars":  `says:RINGBACK_CALLBACK_REQUESTED=yes&RINGBACK_CALLBACK_PREFERRED_TIME_TEXT=5 %E0%A4%AE%e0%a4%bf%E0%A4%A8%E0%A4%9F&RINGBACK_CALLBACK_CONFIDENCE=0.8&RINGBACK_ANALYSIS={"mood":"100%","callback_reason":"driving"}`,
			"lab-bots,event": "event:callback_requested=true&callback_preferred_time_text=5%20minutes&callback_reason=driving", "lab-bots,silent": "says:"}
	}
	fs, err := esltest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fs.Close)
	return fs
}

func onFake(t testing.TB, fs *esltest.FreeSWITCH, change ...func(*esl.Options)) *esl.Switch {
	t.Helper()
	o := esl.Options{
		Addr: fs.Addr(), Password: "ClueCon", RetryDelay: 200 * time.Millisecond, RequestTimeout: 20 * time.Second,
		Detector: "amd", DetectorVariable: "amd_result", Logger: logger(t),
	}
	for _, f := range change {
		f(&o)
	}
	sw, err := esl.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return sw
}

// logger writes to the test's log.
func logger(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}

// endings are the last digits of a number, as in the lab's phone book.
var endings = map[switchtest.Person]string{
	switchtest.Talks: "00", switchtest.IsBusy: "01", switchtest.NeverThere: "02", switchtest.Rejects: "03",
	switchtest.NoSuchOne: "04", switchtest.Congested: "05", switchtest.EarlyBusy: "06", switchtest.Leaves: "07",
	switchtest.Voicemail: "08", switchtest.Silent: "09", switchtest.Slow: "10", switchtest.EarlyTalks: "17",
	switchtest.Unreachable: "30",
}

func harness(fs *esltest.FreeSWITCH) switchtest.Harness {
	var numbers atomic.Int64
	bot := func(user string) dialler.Bot {
		return dialler.Bot{Name: user, Endpoint: "sofia/gateway/bot/" + user}
	}
	return switchtest.Harness{
		New: func(t *testing.T) dialler.Switch { return onFake(t, fs) },
		Refused: func(t *testing.T) dialler.Switch {
			return onFake(t, fs, func(o *esl.Options) { o.Password = "wrong" })
		},
		Trunk:   dialler.Trunk{Name: "carrier", Switch: "pbx", Dial: "sofia/gateway/trunk/{number}"},
		Nowhere: dialler.Trunk{Name: "nowhere", Switch: "pbx", Dial: "sofia/gateway/no-such-trunk/{number}"},
		Number: func(p switchtest.Person) dialler.Number {
			return dialler.Number(fmt.Sprintf("+9198%06d%s", numbers.Add(1), endings[p]))
		},
		Bot: bot("agent"), BotLeaves: bot("leaves"), BotBusy: bot("busy"), BotNever: bot("never"),
		Extension:   dialler.Bot{Name: "extension", Extension: "ringback-bot,agent"},
		NoSuchExt:   dialler.Bot{Name: "none", Extension: "no-such-context,s,1"},
		ByVariables: dialler.Bot{Name: "variables", Extension: "lab-bots,vars,1"}, ByEvent: dialler.Bot{Name: "event", Extension: "lab-bots,event,1"},
		ByNothing: dialler.Bot{Name: "nothing", Extension: "lab-bots,silent,1"},
		Sound:     "tone_stream://%(200,100,440)",
		Seen: func() []switchtest.Seen {
			var out []switchtest.Seen
			for _, i := range fs.Invites() {
				out = append(out, switchtest.Seen{
					Bot: i.Gateway == "bot", Number: i.Number, From: i.From, Live: i.Live, Fields: i.Headers,
				})
			}
			return out
		},
		Cut: func() {
			fs.Cut()
			fs.Deafen()
			time.Sleep(time.Second)
			if err := fs.Reload(); err != nil {
				panic(err)
			}
		},
		Crash: func(t *testing.T) {
			fs.Kill()
			time.Sleep(50 * time.Millisecond)
			if err := fs.Start(); err != nil {
				t.Fatal(err)
			}
		},
		Headers: true,
	}
}

// The fake behaves as FreeSWITCH does: the same suite passes on both.
func TestSwitchOnFake(t *testing.T) {
	t.Parallel()
	fs := startFake(t, esltest.Options{Calm: true})
	switchtest.Run(t, harness(fs))
	leftNothing(t, fs)
}

// Events in odd orders, twice, late and in pieces cost nothing at all.
func TestSwitchOnMisbehavingFake(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{1, 2, 3} {
		t.Run(fmt.Sprint("seed-", seed), func(t *testing.T) {
			t.Parallel()
			fs := startFake(t, esltest.Options{Seed: seed})
			switchtest.Run(t, harness(fs))
			leftNothing(t, fs)
		})
	}
}

// leftNothing waits until no leg is left.
func leftNothing(t *testing.T, fs *esltest.FreeSWITCH) {
	t.Helper()
	for began := time.Now(); len(fs.Legs()) > 0; time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > 2*time.Minute {
			t.Fatalf("%d legs are left", len(fs.Legs()))
		}
	}
}

// run runs a Switch until stop is called, or the test ends.
func run(t testing.TB, sw *esl.Switch, deliver func(dialler.Event)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- sw.Run(ctx, deliver) }()
	stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		done <- nil
	}
	t.Cleanup(stop)
	return stop
}
