package sim

import (
	"errors"
	"testing"
	"time"

	"ringback/dialler"
)

// TestTwoOfOneName: a second process under a node's name does not dial, and
// says why; the first goes on. Under the name of one that was killed it waits
// until it is sure, and takes up its calls.
func TestTwoOfOneName(t *testing.T) {
	s := tell("").campaign(seats(3)).
		person("Asha", Talks(2*time.Second, 10*time.Minute)).
		person("Bala", Busy(), Talks(2*time.Second, 10*time.Second))
	var second, third *process
	again := func(w *world) *process {
		p, err := start(name(0), "pbx", w.store, w.sw, w.fault, w.plan.ttl)
		w.must(err)
		return p
	}
	s.at(30*time.Second, func(w *world) {
		second = again(w)
		<-second.done
		if d := time.Since(s.opens); d < 30*time.Second || d > 40*time.Second {
			t.Errorf("it gave up at %v", d)
		}
	}).at(4*time.Minute, func(w *world) {
		w.rec.blind = true // nothing is known of PIDs
		w.take(0).kill()
		third = again(w)
		w.mu.Lock()
		w.nodes[0] = third
		w.mu.Unlock()
	}).until(20 * time.Minute)
	bubble(t, s, func(w *world) {
		var taken *dialler.NodeTakenError
		if !errors.As(second.err, &taken) || taken.By.Process.PID != 1 {
			t.Errorf("the second ended with %v", second.err)
		}
		if third.err != nil {
			t.Errorf("the third ended with %v", third.err)
		}
		if n := len(w.rec.order); n != 3 {
			t.Errorf("%d calls; want 3", n)
		}
		for _, h := range w.rec.order {
			if h.outcome.Disposition == dialler.Failed {
				t.Errorf("%s: failed", w.rec.who(h.lease.Attempt.Number))
			}
		}
	})
}

// TestTheNodesThemselves: who is there is what the store shows of them.
func TestTheNodesThemselves(t *testing.T) {
	s := tell("").campaign().person("Asha", Talks(2*time.Second, 10*time.Minute))
	s.nodes = 2
	look := func(w *world) map[string]dialler.Node {
		ns, err := w.store.Nodes(w.ctx, time.Now())
		w.must(err)
		out := map[string]dialler.Node{}
		for _, n := range ns {
			out[n.Name] = n
		}
		return out
	}
	s.at(10*time.Second, func(w *world) {
		got := look(w)
		if a, b := got["node1"], got["node2"]; !a.Alive || !b.Alive || !a.Links["pbx"] || a.Held+b.Held != 1 || a.Draining {
			t.Errorf("%+v", got)
		}
		w.cut(0, 2*time.Minute)
	}).at(11*time.Second, func(w *world) {
		if got := look(w); got["node1"].Links["pbx"] || !got["node2"].Links["pbx"] {
			t.Errorf("node1 has lost its link: %+v", got)
		}
		w.each(func(p *process) {
			if p.node == name(1) {
				go func() { _ = p.Loop.Drain(w.ctx) }()
			}
		})
	}).at(12*time.Second, func(w *world) {
		if got := look(w); !got["node2"].Draining {
			t.Errorf("node2 is draining: %+v", got)
		}
		w.take(1).stop()
	}).at(13*time.Second, func(w *world) {
		if got := look(w); len(got) != 1 {
			t.Errorf("node2 has left: %+v", got)
		}
		w.freeze(0, 2*time.Minute)
	}).at(2*time.Minute, func(w *world) {
		if got := look(w); got["node1"].Alive {
			t.Errorf("node1 sleeps: %+v", got)
		}
	}).at(3*time.Minute, func(w *world) {
		if got := look(w); !got["node1"].Alive {
			t.Errorf("node1 is awake: %+v", got)
		}
	})
	bubble(t, s, func(*world) {})
}
