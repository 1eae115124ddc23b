package storetest

import (
	"time"

	"ringback/dialler"
)

// crash loses the process and starts another.
func (w *world) crash() {
	w.Helper()
	w.s = w.o.Reopen(w.T, w.s)
}

var crashTests = []test{
	{"I2 I3 an attempt survives, and its contact is not rung before it was asked after", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 2)
		l := w.leased(n[:1], c)[0]
		w.crash()
		as := w.adrift(node)
		w.eq("adrift", []any{len(as), as[0].ID}, []any{1, l.Attempt.ID})
		w.leased(n[1:], c)
		a, err := w.s.Adopt(w.ctx, l.Attempt.ID, node, w.now(), ttl)
		w.must(err)
		if a.Term <= l.Term {
			w.Fatalf("I7: term %d after %d", a.Term, l.Term)
		}
		_, err = w.s.Settle(w.ctx, l, w.ended(dialler.Answered))
		w.is(err, dialler.ErrLeaseLost)
		w.settle(a, dialler.Failed)
		w.eq("state", w.state(c, n[0]), dialler.RetryScheduled)
		w.audit()
	}},
	{"I12 what was acknowledged is there, step by step", func(w *world) {
		c := w.campaign("c")
		w.crash()
		n := w.people(c, 3)
		w.crash()
		l := w.one(c)
		w.crash()
		answered := w.now()
		w.must(w.s.Mark(w.ctx, l, dialler.Outcome{Answered: answered}))
		w.crash()
		call, err := w.s.Call(w.ctx, l.Attempt.ID)
		w.must(err)
		w.at("answered", call.Answered, answered)
		w.eq("verdict", w.hear(l, later("1 hour", "driving")).Verdict, dialler.RulingDeferred)
		w.crash()
		st := w.settle(l, dialler.Answered)
		w.eq("rulings", len(st.Rulings), 1)
		w.crash()
		w.eq("state", w.state(c, n[0]), dialler.CallbackScheduled)
		w.eq("again", w.hear(l, later("1 hour", "driving")).Duplicate, true)
		w.must(w.s.Exclude(w.ctx, n[1:2], w.now()))
		w.crash()
		w.eq("state", w.state(c, n[1]), dialler.ExcludedContact)
		w.must(w.s.Withdraw(w.ctx, w.one(c), w.now().Add(time.Hour), w.now()))
		w.crash()
		w.none(c)
		w.audit()
		w.pass(2 * time.Hour)
		w.leased([]dialler.Number{n[0], n[2]}, c)
		w.do(c, dialler.Stop)
		w.crash()
		w.eq("state", w.campaignNow(c).State, dialler.CampaignCompleted)
		w.audit()
	}},
	{"terms go on from where they were", func(w *world) {
		c := w.campaign("c")
		w.people(c, 3)
		l := w.one(c)
		w.settle(l, dialler.Answered) // nothing is live: only a sequence knows
		w.crash()
		if m := w.one(c); m.Term <= l.Term {
			w.Fatalf("I7: term %d after %d", m.Term, l.Term)
		}
	}},
	{"I5 counters and the outbox are as they were", func(w *world) {
		c, _, ringing := w.mixed("c")
		w.must(w.s.Exclude(w.ctx, []dialler.Number{ringing.Attempt.Number}, w.now()))
		before, told := w.counters(c), len(w.outbox(dialler.CallSettled))
		w.crash()
		w.eq("counters", w.counters(c), before)
		w.eq("messages", len(w.outbox(dialler.CallSettled)), told)
		w.settle(ringing, dialler.Busy)
		w.audit()
	}},
}
