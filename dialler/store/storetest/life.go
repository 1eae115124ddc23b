package storetest

import (
	"errors"
	"time"

	"ringback/dialler"
)

// lifeTests are about who is there: nodes that come, beat, sleep, die, leave,
// and what is left of them.
var lifeTests = []test{
	{"a node is listed as it said it is, and as alive until its TTL is over", func(w *world) {
		n := w.alive(node, "first", map[string]bool{"pbx": true, "backup": false})
		n.Draining = true
		w.eq("silent", w.beat(n), time.Duration(0))
		c := w.campaign("c")
		w.people(c, 3)
		w.lease(2, c)
		got := w.nodes()
		w.eq("nodes", len(got), 1)
		w.near("heard", got[0].Heard, w.now())
		n.Heard, n.Alive, n.Held = got[0].Heard, true, 2
		w.at("started", got[0].Started, n.Started)
		n.Started = got[0].Started
		w.eq("node", got[0], n)
		w.pass(ttl / 2)
		w.eq("alive", w.nodes()[0].Alive, true)
		w.pass(ttl)
		w.eq("alive", w.nodes()[0].Alive, false)
		w.alive("pbx-2", "x", nil)
		w.eq("nodes", []string{w.nodes()[0].Name, w.nodes()[1].Name}, []string{node, "pbx-2"})
		w.pass(dialler.ForgetNodes + ttl)
		w.alive("pbx-3", "x", nil)
		w.eq("in the end", []any{len(w.nodes()), w.nodes()[0].Name}, []any{1, "pbx-3"})
	}},
	{"two processes of one name: the second is refused, and told who has it", func(w *world) {
		first := w.alive(node, "first", map[string]bool{"pbx": true})
		err := w.outlived(w.newborn(node, "second"), nil)
		w.eq("by", []any{err.By.Name, err.By.Instance, err.By.Process, err.By.Alive}, []any{node, "first", first.Process, true})
		w.at("since", err.By.Started, first.Started)
		w.eq("has the name", w.nodes()[0].Instance, "first")
		w.eq("silent", w.beat(first), time.Duration(0))
		w.alive("pbx-2", "second", nil) // under another name it is welcome
	}},
	{"the name of a node that died or left is free", func(w *world) {
		w.alive(node, "first", nil)
		w.pass(2 * ttl)
		w.eq("silent", w.beat(w.newborn(node, "second")), time.Duration(0)) // the first was, not the second
		w.must(w.s.Leave(w.ctx, w.newborn(node, "second")))
		w.eq("nodes", len(w.nodes()), 0)
		w.alive(node, "third", nil)
		w.must(w.s.Leave(w.ctx, w.newborn(node, "second"))) // somebody else's by now
		w.eq("has the name", w.nodes()[0].Instance, "third")
	}},
	{"a life that is known to have ended is replaced at once, unless it was heard of since", func(w *world) {
		first := w.alive(node, "first", nil)
		seen := w.outlived(w.newborn(node, "second"), nil).By
		w.pass(time.Second)
		w.beat(first)
		again := w.outlived(w.newborn(node, "second"), &seen).By
		if !again.Heard.After(seen.Heard) {
			w.Fatalf("heard %v, and then %v", seen.Heard, again.Heard)
		}
		other := again
		other.Instance = "somebody else"
		w.eq("by", w.outlived(w.newborn(node, "second"), &other).By.Instance, "first")
		_, err := w.s.Beat(w.ctx, dialler.Beat{Node: w.newborn(node, "second"), Now: w.now(), Over: &again})
		w.must(err)
		w.eq("has the name", w.nodes()[0].Instance, "second")
		w.eq("by", w.outlived(first, nil).By.Instance, "second")
	}},
	{"a node that slept is told so, and one whose name was taken meanwhile is refused", func(w *world) {
		first := w.alive(node, "first", nil)
		w.pass(3 * ttl)
		if silent := w.beat(first); silent < 3*ttl || silent > 3*ttl+time.Minute {
			w.Fatalf("silent for %v, want %v", silent, 3*ttl)
		}
		w.eq("silent", w.beat(first), time.Duration(0))
		w.pass(3 * ttl)
		w.alive(node, "second", nil)
		w.eq("by", w.outlived(first, nil).By.Instance, "second")
		w.eq("has the name", w.nodes()[0].Instance, "second")
	}},
	{"I3 calls on a switch that nobody will ask are stranded once the hold is over", func(w *world) {
		const hold = 10 * time.Minute
		c := w.campaign("c")
		w.people(c, 2)
		w.alive(node, "first", map[string]bool{"pbx": true})
		ls := w.lease(2, c)
		w.settle(ls[1], dialler.Answered)
		stranded := func() int {
			as, err := w.s.Stranded(w.ctx, w.now(), hold)
			w.must(err)
			for _, a := range as {
				w.eq("attempt", a, ls[0].Attempt)
			}
			return len(as)
		}
		w.eq("before the lease lapsed", stranded(), 0)
		w.pass(2 * ttl)
		w.eq("before the hold is over", stranded(), 0)
		w.pass(hold)
		w.eq("nobody is there", stranded(), 1)
		for _, n := range []struct {
			name  string
			links map[string]bool
			want  int
		}{
			{"pbx-2", map[string]bool{"elsewhere": true}, 1},
			{"pbx-2", map[string]bool{"pbx": false}, 1}, // it serves the switch, and cannot ask
			{"pbx-2", map[string]bool{"pbx": true}, 0},  // it asks
			{node, map[string]bool{"pbx": false}, 0},    // it has come back, and waits for its link
			{node, map[string]bool{"elsewhere": true}, 1},
		} {
			w.alive(n.name, n.name, n.links)
			w.eq("stranded", stranded(), n.want)
			w.pass(2 * ttl)
		}
		w.none(c)
		l, err := w.s.Adopt(w.ctx, ls[0].Attempt.ID, "pbx-3", w.now(), ttl)
		w.must(err)
		w.eq("of one that was adopted", stranded(), 0)
		w.settle(l, dialler.Failed)
		w.none(c) // the retry delay holds
		w.audit()
	}},
}

// lifeOnClock are those that need a store's own clock.
var lifeOnClock = []test{
	{"a node is alive by the store's clock, however wrong its own is", func(w *world) {
		for name, off := range map[string]time.Duration{"fast": 3 * time.Hour, "slow": -3 * time.Hour} {
			_, err := w.s.Beat(w.ctx, dialler.Beat{Node: w.newborn(name, name), Now: w.now().Add(off)})
			w.must(err)
		}
		born := w.now()
		for _, want := range []bool{true, false} {
			for _, n := range w.nodes() {
				w.near("heard", n.Heard, born)
				w.eq(n.Name+" is alive", n.Alive, want)
			}
			w.pass(ttl + time.Second)
		}
	}},
}

// newborn is a node that nobody has heard of yet.
func (w *world) newborn(name, instance string) dialler.Node {
	return dialler.Node{
		Name: name, Instance: instance, Process: dialler.Process{Host: "h", PID: 7, Machine: "m"}, Version: "1.2", Started: w.now(), TTL: ttl,
	}
}

func (w *world) beat(n dialler.Node) time.Duration {
	w.Helper()
	silent, err := w.s.Beat(w.ctx, dialler.Beat{Node: n, Now: w.now()})
	w.must(err)
	return silent
}

// alive brings a node to life.
func (w *world) alive(name, instance string, links map[string]bool) dialler.Node {
	w.Helper()
	n := w.newborn(name, instance)
	n.Links = links
	w.beat(n)
	return n
}

// outlived fails the test unless another has the name of n.
func (w *world) outlived(n dialler.Node, over *dialler.Node) *dialler.NodeTakenError {
	w.Helper()
	_, err := w.s.Beat(w.ctx, dialler.Beat{Node: n, Now: w.now(), Over: over})
	var taken *dialler.NodeTakenError
	if !errors.As(err, &taken) {
		w.Fatalf("got %v, want a NodeTakenError", err)
	}
	return taken
}

func (w *world) nodes() []dialler.Node {
	w.Helper()
	ns, err := w.s.Nodes(w.ctx, w.now())
	w.must(err)
	return ns
}
