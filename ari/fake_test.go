package ari_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ringback/ari"
	"ringback/ari/aritest"
	"ringback/dialler"
	"ringback/dialler/switchtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func startFake(t testing.TB, o aritest.Options) *aritest.Server {
	s := aritest.Start(o)
	t.Cleanup(s.Close)
	return s
}

func onFake(t testing.TB, s *aritest.Server, change ...func(*ari.Options)) *ari.Switch {
	t.Helper()
	o := ari.Options{
		URL: s.URL, Password: s.Password, RetryDelay: 200 * time.Millisecond, Logger: logger(t),
	}
	for _, f := range change {
		f(&o)
	}
	return newSwitch(t, o)
}

func fakeHarness(s *aritest.Server, faulty bool) switchtest.Harness {
	var numbers atomic.Int64
	bot := func(user string) dialler.Bot { return dialler.Bot{Name: user, Endpoint: "PJSIP/" + user + "@bot"} }
	return switchtest.Harness{
		New: func(t *testing.T) dialler.Switch { return onFake(t, s) },
		Refused: func(t *testing.T) dialler.Switch {
			return onFake(t, s, func(o *ari.Options) { o.Password = "wrong" })
		},
		Trunk:   dialler.Trunk{Name: "carrier", Switch: "pbx", Dial: "PJSIP/{number}@trunk"},
		Nowhere: dialler.Trunk{Name: "nowhere", Switch: "pbx", Dial: "PJSIP/{number}@no-such-trunk"},
		Number: func(p switchtest.Person) dialler.Number {
			return dialler.Number(fmt.Sprintf("+9198%06d%s", numbers.Add(1), endings[p]))
		},
		Bot: bot("bot"), BotLeaves: bot("bot-leaves"), BotBusy: bot("bot-busy"), BotNever: bot("bot-slow"),
		Extension:   dialler.Bot{Name: "extension", Extension: "ringback-bot,s,1"},
		NoSuchExt:   dialler.Bot{Name: "none", Extension: "no-such-context,s,1"},
		ByVariables: dialler.Bot{Name: "variables", Extension: "lab-bots,vars,1"}, ByEvent: dialler.Bot{Name: "event", Extension: "lab-bots,event,1"},
		ByNothing: dialler.Bot{Name: "nothing", Extension: "lab-bots,silent,1"},
		Sound:     "beep",
		Seen: func() []switchtest.Seen {
			var out []switchtest.Seen
			for _, c := range s.Calls() {
				out = append(out, switchtest.Seen{Bot: c.Bot, Number: c.Number, From: c.From, Live: c.Live, Fields: c.Fields})
			}
			return out
		},
		Cut:     func() { s.Cut(time.Second) },
		Crash:   func(*testing.T) { s.Crash() },
		Headers: true,
		Faulty:  faulty,
	}
}

// The fake behaves as Asterisk does: the same suite passes on both.
func TestSwitchOnFake(t *testing.T) {
	t.Parallel()
	s := startFake(t, aritest.Options{Faults: &aritest.Faults{}})
	switchtest.Run(t, fakeHarness(s, false))
	leftNothing(t, s)
}

// What goes wrong may cost a call, and never the truth.
func TestSwitchOnMisbehavingFake(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{1, 2, 3} {
		t.Run(fmt.Sprint("seed-", seed), func(t *testing.T) {
			t.Parallel()
			s := startFake(t, aritest.Options{Seed: seed})
			switchtest.Run(t, fakeHarness(s, true))
			leftNothing(t, s)
		})
	}
}

// leftNothing looks, with a link of its own, whether all was taken down.
func leftNothing(t *testing.T, s *aritest.Server) {
	t.Helper()
	s.Misbehave(aritest.Faults{})
	sw := onFake(t, s)
	stop := run(t, sw, func(dialler.Event) {})
	defer stop()
	for began := time.Now(); s.Channels() > 0 || s.Bridges() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > 2*time.Minute {
			t.Fatalf("%d channels and %d bridges are left", s.Channels(), s.Bridges())
		}
	}
}
