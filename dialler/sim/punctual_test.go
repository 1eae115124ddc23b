package sim

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"ringback/dialler"
)

// TestPunctual asks for a hundred callbacks at odd moments, with nothing in
// the way. Each INVITE leaves at the very instant it was promised for.
func TestPunctual(t *testing.T) {
	s := tell("").campaign(seats(200), tries(9))
	r := from(1, "punctual")
	for i := range 100 {
		asks := Says(Talks(between(r, time.Second, 20*time.Second), between(r, time.Second, time.Minute)), fmt.Sprintf("%d minutes", 2+r.IntN(20)))
		s.person(fmt.Sprint("P", i), asks, Talks(time.Second, time.Second))
	}
	bubble(t, s, func(w *world) {
		kept := 0
		for _, h := range w.rec.order {
			if h.lease.Attempt.Class != dialler.ClassCallback {
				continue
			}
			kept++
			if late := h.placed.Sub(h.lease.Contact.Callback.Due); late != 0 {
				t.Errorf("%s was rung %v late", w.rec.who(h.lease.Attempt.Number), late)
			}
		}
		if kept != 100 {
			t.Errorf("%d callbacks were rung, of 100", kept)
		}
	})
}

// TestPunctualRetries does the same for retries, a window's opening and a
// campaign's resumption.
func TestPunctualRetries(t *testing.T) {
	s := tell("").campaign(func(c *dialler.Campaign) {
		c.Window, _ = dialler.NewWindow("Asia/Kolkata", dialler.Hours{"daily": {"10:07-10:20", "10:31-18:00"}})
		c.RetryDelay = 13 * time.Minute
	}).person("Asha", Busy(), Busy(), Talks(time.Second, time.Second))
	s.at(32*time.Minute, func(w *world) { w.transition(0, dialler.Pause) })
	s.at(47*time.Minute+321*time.Millisecond, func(w *world) { w.transition(0, dialler.Resume) })
	bubble(t, s, func(w *world) {
		want := []time.Duration{7 * time.Minute, 31 * time.Minute, 47*time.Minute + 321*time.Millisecond}
		for i, h := range w.rec.order {
			if got := h.placed.Sub(s.opens); i >= len(want) || got != want[i] {
				t.Errorf("call %d left at %v of %v", i+1, got, want)
			}
		}
		if len(w.rec.order) != len(want) {
			t.Errorf("%d calls; want %d", len(w.rec.order), len(want))
		}
	})
}

// TestIdle counts how often the loop looks while there is nothing to do: the
// safety poll, and nothing else. Neither due contacts that cannot be rung (no
// seat, a closed window, a number that talks elsewhere) nor a switch that is
// away make it look more often.
func TestIdle(t *testing.T) {
	const anHour = 60*60/30 + 20 // a round each half minute, and some for what happened
	long := Talks(time.Second, 55*time.Minute)
	for name, s := range map[string]*story{
		"nothing due": tell("").campaign().person("Asha", Says(Talks(time.Second, time.Second), "kal subah")),
		"no seat":     tell("").campaign().person("Asha", long).person("Bala", Busy()).person("Chetan", Busy()),
		"window closed": tell("").campaign(func(c *dialler.Campaign) {
			c.Window, _ = dialler.NewWindow("Asia/Kolkata", dialler.Hours{"daily": {"20:00-21:00"}})
		}).person("Asha", long),
		"number talks elsewhere": func() *story {
			s := tell("").campaign().person("Asha", long).campaign()
			s.lists[1] = s.lists[0]
			return s
		}(),
		"bot has no room": func() *story {
			s := tell("").campaign(seats(5)).person("Asha", long).person("Bala", long)
			s.bots[0].Capacity = 1
			return s
		}(),
		"switch away": tell("").campaign().person("Asha", Busy(), Busy(), Busy()).at(time.Minute, func(w *world) { w.restartSwitch(58 * time.Minute) }),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, s, func(w *world) {
				if w.rec.rounds > anHour {
					t.Errorf("%d rounds in an hour; want at most %d", w.rec.rounds, anHour)
				}
				if w.rec.rounds < 60*60/30 {
					t.Errorf("%d rounds in an hour: the safety poll is missing", w.rec.rounds)
				}
			})
		})
	}
}

func bubble(t *testing.T, s *story, check func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, s.plan, NewBook(nil))
		w.run()
		if v := w.rec.verdict(); v != "" {
			t.Error(v)
		}
		check(w)
		if t.Failed() {
			t.Log(w.rec.transcript())
		}
	})
}
