package sim

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringback/dialler"
)

// TestDrain: no new calls, those in progress end by themselves, and only then
// does Drain return; or when its patience ends. Whoever was not rung is rung by
// the next process.
func TestDrain(t *testing.T) {
	s := tell("").campaign(seats(2)).
		person("Asha", Talks(2*time.Second, time.Minute)).
		person("Bala", Talks(2*time.Second, 10*time.Second)).
		person("Chetan", Talks(2*time.Second, 10*time.Second))
	var drained, gaveUp time.Duration
	s.at(5*time.Second, func(w *world) {
		go func() {
			if err := w.nodes[0].Loop.Drain(w.ctx); err != nil {
				t.Error(err)
			}
			drained = time.Since(s.opens)
		}()
		impatient, cancel := context.WithTimeout(w.ctx, 20*time.Second)
		defer cancel()
		if err := w.nodes[0].Loop.Drain(impatient); err == nil || !strings.Contains(err.Error(), "1 calls still in progress") {
			t.Errorf("Drain: %v", err)
		}
		gaveUp = time.Since(s.opens)
	}).at(30*time.Minute, func(w *world) { w.crash(0, time.Second, true) })
	bubble(t, s, func(w *world) {
		if len(w.rec.order) != 3 || w.rec.order[2].placed.Sub(s.opens) != 30*time.Minute+time.Second {
			t.Errorf("%d calls; want the two that had begun, and the third half an hour later", len(w.rec.order))
		}
		if want := 62300 * time.Millisecond; drained != want || gaveUp != 25*time.Second {
			t.Errorf("drained after %v, want %v; gave up after %v", drained, want, gaveUp)
		}
	})
}

// TestOrphan: a request that we gave up on is placed after all, when its call
// is long settled. Better silence than a phone that rings for nobody: at the
// first news of it, it is hung up. The auditor is not fooled.
func TestOrphan(t *testing.T) {
	late := NobodyHome()
	late.Uncertain = PlacedAfterAll
	s := tell("").campaign().person("Asha", late).until(time.Minute + 30*time.Second)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, s.plan, NewBook(nil))
		w.run()
		h := w.rec.order[0]
		if h.outcome.Disposition != dialler.Failed || h.placed.IsZero() {
			t.Errorf("settled %s, placed %v", h.outcome.Disposition, h.placed)
		}
		if up := h.ended.Sub(h.placed); up != time.Second { // when it told that it rings
			t.Errorf("the orphan rang for %v", up)
		}
		if v := w.rec.verdict(); !strings.Contains(v, "I3") {
			t.Errorf("the auditor says %q", v)
		}
	})
}

// TestOthersCalls: a node that goes through the calls on a switch leaves those
// of the other node alone.
func TestOthersCalls(t *testing.T) {
	s := tell("").campaign().person("Asha", Talks(2*time.Second, 5*time.Minute))
	s.nodes = 2
	s.at(10*time.Second, func(w *world) { w.cut(0, time.Second) }).
		at(20*time.Second, func(w *world) { w.cut(1, time.Second) }).
		at(30*time.Second, func(w *world) { w.crash(0, time.Second, false) }).
		at(40*time.Second, func(w *world) { w.crash(1, time.Second, false) }).
		until(10 * time.Minute)
	bubble(t, s, func(w *world) {
		if h := w.rec.order[0]; h.ended.Sub(h.placed) != 302300*time.Millisecond || h.outcome.Disposition != dialler.Answered {
			t.Errorf("they talked for %v; settled %s", h.ended.Sub(h.placed), h.outcome.Disposition)
		}
	})
}

// TestStoreAway: while the store is away calls go on and none begins; when it
// is back they are settled, with the times at which they ended.
func TestStoreAway(t *testing.T) {
	s := tell("").campaign(seats(2)).
		person("Asha", Talks(2*time.Second, 20*time.Second)).
		person("Bala", Talks(2*time.Second, 4*time.Minute)).
		person("Chetan", Talks(2*time.Second, 20*time.Second))
	s.outages = [][2]time.Duration{{5 * time.Second, 3 * time.Minute}}
	bubble(t, s, func(w *world) {
		for i, want := range []struct {
			ended, settledBy time.Duration
		}{{22300 * time.Millisecond, 190 * time.Second}, {242300 * time.Millisecond, 243 * time.Second}, {0, time.Hour}} {
			h := w.rec.order[i]
			ended, settled := h.outcome.Ended.Sub(s.opens), h.settled.Sub(s.opens)
			if h.outcome.Disposition != dialler.Answered || want.ended != 0 && ended != want.ended || settled > want.settledBy {
				t.Errorf("call %d: %s, ended %v, settled %v; want %+v", i+1, h.outcome.Disposition, ended, settled, want)
			}
			// The loop asks again every 5 s, give or take half of that.
			if i == 2 && (h.placed.Sub(s.opens) < 3*time.Minute || h.placed.Sub(s.opens) > 3*time.Minute+8*time.Second) {
				t.Errorf("Chetan was rung at %v", h.placed.Sub(s.opens))
			}
		}
	})
}

// TestSwitchAway: nothing is leased while the switch is away, and what is due
// is rung the moment it is back.
func TestSwitchAway(t *testing.T) {
	s := tell("").campaign().person("Asha", Busy(), Talks(time.Second, time.Second))
	s.at(time.Minute, func(w *world) { w.restartSwitch(10 * time.Minute) })
	bubble(t, s, func(w *world) {
		if len(w.rec.order) != 2 {
			t.Fatalf("%d calls were leased; want 2", len(w.rec.order))
		}
		if at := w.rec.order[1].placed.Sub(s.opens); at != 11*time.Minute {
			t.Errorf("the retry left at %v; want 11m", at)
		}
	})
}

// TestAnalysesOfTheDialplan: what the switch tells of a call goes the way of what
// is POSTed. The store is away when it is told of Asha, in mid-call, of Chetan,
// whose call is over and waits to be settled, and of Bala, long after: nothing is
// lost. One that nobody can read, one of a call that never was, and the same once
// more change nothing.
func TestAnalysesOfTheDialplan(t *testing.T) {
	const asks = `{"callback_requested":true,"callback_preferred_time_text":"5 minutes"}`
	s := tell("").campaign(seats(3)).
		person("Asha", Talks(4*time.Second, 20*time.Second), Talks(4*time.Second, 20*time.Second)).
		person("Bala", Talks(4*time.Second, 20*time.Second), Talks(4*time.Second, 20*time.Second)).
		person("Chetan", Talks(4*time.Second, 20*time.Second), Talks(4*time.Second, 20*time.Second)).
		until(30 * time.Minute)
	s.outages = [][2]time.Duration{{10 * time.Second, 40 * time.Second}, {2 * time.Minute, 3 * time.Minute}}
	s.at(15*time.Second, func(w *world) {
		w.sw.Say(w.rec.nth(0), asks)
		w.sw.Say(w.rec.nth(0), `{"callback_requested":"perhaps"}`)
	}).at(35*time.Second, func(w *world) {
		w.sw.Say(w.rec.nth(2), asks)
	}).at(2*time.Minute+10*time.Second, func(w *world) {
		w.sw.Say("00000000-0000-4000-8000-000000000000", asks)
		w.sw.Say(w.rec.nth(1), asks)
	}).at(4*time.Minute, func(w *world) {
		w.sw.Say(w.rec.nth(1), asks)
	})
	bubble(t, s, func(w *world) {
		n, err := w.store.Counters(w.ctx, w.ids[0])
		if err != nil || n.Requested != 3 || n.Callbacks[dialler.CallbackCompleted] != 3 || n.Attempts != 6 {
			t.Errorf("%+v %v, want three callbacks that were kept, by six calls", n, err)
		}
	})
}

// nth is the call that was leased nth, from 0.
func (r *record) nth(n int) dialler.CallID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.order[n].lease.Attempt.ID
}
