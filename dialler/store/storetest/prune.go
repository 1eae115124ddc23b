package storetest

import (
	"fmt"
	"time"

	"ringback/dialler"
)

// prune lets go of what ended before a moment, n calls at a time, and keeps in
// mind what was there, so that the audit can count it.
func (w *world) prune(c dialler.Campaign, before time.Time, n int) (out dialler.Pruned) {
	w.Helper()
	was := w.allCalls(c, dialler.AllCalls)
	counted := w.counters(c)
	for after, pages := "", 0; ; pages++ {
		p, err := w.s.(dialler.Pruner).Prune(w.ctx, dialler.PruneQuery{Campaign: c.ID, Before: before, After: after, N: n})
		w.must(err)
		out.Calls, out.Analyses, out.Callbacks, out.Messages = out.Calls+p.Calls, out.Analyses+p.Analyses, out.Callbacks+p.Callbacks, out.Messages+p.Messages
		if p.Next == "" {
			break
		}
		if after = p.Next; pages > len(was)+len(w.contacts(c))+100 {
			w.Fatalf("still not at the end after %d pages of %d calls: %q", pages, n, after)
		}
	}
	w.eq("counters", w.counters(c), counted)
	there := map[dialler.CallID]bool{}
	for _, call := range w.allCalls(c, dialler.AllCalls) {
		there[call.ID] = true
	}
	if w.pruned == nil {
		w.pruned = map[dialler.CampaignID][]dialler.Call{}
	}
	for _, call := range was {
		if !there[call.ID] {
			w.pruned[c.ID] = append(w.pruned[c.ID], call)
		}
	}
	w.eq("calls that went", out.Calls, len(was)-len(there))
	w.audit()
	return out
}

// rungAgain has somebody ask to be rung again, and rings him.
func (w *world) rungAgain(c dialler.Campaign, d dialler.Disposition) (asked, keeping dialler.Lease) {
	w.Helper()
	w.people(c, 1)
	asked = w.one(c)
	w.settle(asked, dialler.Answered)
	w.eq("verdict", w.hear(asked, later("1 hour", "driving")).Verdict, dialler.RulingScheduled)
	w.pass(2 * time.Hour)
	keeping = w.one(c)
	w.eq("rung again", keeping.Attempt.Number, asked.Attempt.Number)
	w.settle(keeping, d)
	return asked, keeping
}

var pruneTests = []test{
	{"I5 what is long over goes with all that hangs on it, and stays counted", func(w *world) {
		for _, n := range []int{1, 3, 100} {
			c := w.campaign(fmt.Sprint("c", n))
			other := w.campaign(fmt.Sprint("other", n))
			w.people(other, 1)
			w.settle(w.one(other), dialler.Answered)
			w.rungAgain(c, dialler.Answered)
			asked, keeping := w.rungAgain(c, dialler.Answered)
			w.eq("verdict", w.hear(keeping, content()).Verdict, dialler.RulingNone)
			w.people(c, 3)
			for _, l := range w.lease(3, c) {
				w.settle(l, dialler.Unallocated)
			}
			w.eq("young", w.prune(c, w.now().Add(-24*time.Hour), n), dialler.Pruned{})
			w.eq("old", w.prune(c, w.now().Add(24*time.Hour), n), dialler.Pruned{Calls: 7, Analyses: 3, Callbacks: 2})
			w.eq("calls", len(w.allCalls(c, dialler.AllCalls)), 0)
			w.eq("contacts", len(w.contacts(c)), 5)
			w.eq("of another campaign", len(w.allCalls(other, dialler.AllCalls)), 1)
			_, err := w.s.Hear(w.ctx, asked.Attempt.ID, content(), w.now())
			w.is(err, dialler.ErrNoCall)
			_, err = w.s.Call(w.ctx, keeping.Attempt.ID)
			w.is(err, dialler.ErrNoCall)
		}
	}},
	{"a promise that is owed, and a call in progress, keep all that led to them", func(w *world) {
		c, n, ringing := w.mixed("c") // ringing keeps a promise
		far := w.now().Add(24 * time.Hour)
		w.eq("pruned", w.prune(c, far, 2), dialler.Pruned{Calls: 2}) // of the retry and the completed
		w.eq("state", w.state(c, n[dialler.RetryScheduled]), dialler.RetryScheduled)
		w.eq("state", w.state(c, n[dialler.CallbackScheduled]), dialler.CallbackScheduled)

		// The promise is kept, and makes another.
		w.settle(ringing, dialler.Answered)
		w.eq("verdict", w.hear(ringing, later("1 hour", "still driving")).Verdict, dialler.RulingScheduled)
		w.eq("pruned", w.prune(c, far, 2), dialler.Pruned{})
		w.do(c, dialler.Stop) // which closes both promises
		w.eq("pruned", w.prune(c, far, 2), dialler.Pruned{Calls: 3, Analyses: 3, Callbacks: 3})
	}},
	{"a call goes no sooner than the last that hangs on it", func(w *world) {
		c := w.campaign("c")
		w.people(c, 1)
		asked := w.one(c)
		w.settle(asked, dialler.Answered)
		w.hear(asked, later("20 hours", "on a train"))
		w.pass(21 * time.Hour)
		l := w.one(c)
		w.settle(l, dialler.Answered)
		w.eq("pruned", w.prune(c, w.now().Add(-10*time.Hour), 100), dialler.Pruned{})
		w.eq("kept", w.callNow(l).Kept.AskedOn, asked.Attempt.ID)
		w.eq("pruned", w.prune(c, w.now().Add(24*time.Hour), 100), dialler.Pruned{Calls: 2, Analyses: 1, Callbacks: 1})
	}},
	{"an analysis that waits to be ruled on keeps its call", func(w *world) {
		c := w.campaign("c")
		w.people(c, 1)
		first := w.one(c)
		w.settle(first, dialler.Busy)
		w.pass(time.Hour)
		second := w.one(c)
		w.eq("verdict", w.hear(first, later("1 hour", "driving")).Verdict, dialler.RulingDeferred)
		w.eq("pruned", w.prune(c, w.now().Add(24*time.Hour), 100), dialler.Pruned{})
		w.settle(second, dialler.NoAnswer)
		w.eq("state", w.contacts(c)[0].State, dialler.CallbackScheduled)
		w.audit()
	}},
	{"messages go once they are delivered, and no sooner", func(w *world) {
		p := w.post()
		quiet := w.campaign("quiet")
		for _, c := range []dialler.Campaign{p.c, quiet} {
			w.people(c, 4)
			for _, l := range w.lease(4, c) {
				w.settle(l, dialler.Unallocated)
			}
		}
		far, kept := w.now().Add(24*time.Hour), len(w.outbox(dialler.CallSettled))
		gone := func(c dialler.Campaign) int {
			w.Helper()
			n := 0
			for q := (dialler.PruneQuery{Campaign: c.ID, Before: far, N: 3}); ; {
				out, err := w.s.(dialler.Pruner).Prune(w.ctx, q)
				w.must(err)
				n += out.Messages
				if q.After = out.Next; q.After == "" {
					return n
				}
			}
		}
		w.eq("not in line yet", gone(p.c)+gone(quiet), 0)
		list := p.claim(4)
		w.eq("on their way", gone(p.c), 0)
		w.must(p.d.EndTry(w.ctx, list[0], dialler.Try{Status: 200, State: dialler.Delivered}, w.now()))
		w.must(p.d.EndTry(w.ctx, list[1], dialler.Try{Status: 500, State: dialler.DeliveryDead}, w.now()))
		w.eq("one delivered", gone(p.c), 1)
		w.eq("for nobody", gone(quiet), 4)
		w.eq("left", len(w.outbox(dialler.CallSettled)), kept-5)
		_, err := p.d.Delivery(w.ctx, list[1].Message.ID)
		w.must(err)
	}},
	{"whoever is to be rung is rung as if nothing had gone", func(w *world) {
		c := w.campaign("c", func(c *dialler.Campaign) { c.MaxAttempts = 2 })
		w.people(c, 1)
		w.settle(w.one(c), dialler.Busy)
		w.eq("pruned", w.prune(c, w.now().Add(24*time.Hour), 100), dialler.Pruned{Calls: 1})
		w.pass(time.Hour)
		l := w.one(c)
		w.eq("attempt", l.Attempt.N, 2)
		w.settle(l, dialler.Busy)
		w.eq("state", w.contacts(c)[0].State, dialler.Exhausted) // I4
		w.audit()
		_, err := w.s.(dialler.Pruner).Prune(w.ctx, dialler.PruneQuery{Campaign: c.ID, Before: w.now(), After: "nowhere"})
		if err == nil {
			w.Fatal("a place that no answer named is taken for one")
		}
	}},
}

func (w *world) callNow(l dialler.Lease) dialler.Call {
	w.Helper()
	call, err := w.s.Call(w.ctx, l.Attempt.ID)
	w.must(err)
	return call
}
