package storetest

import (
	"slices"
	"time"

	"ringback/dialler"
)

var termTests = []test{
	{"terms go up with every lease and adoption", func(w *world) {
		c := w.campaign("c")
		w.people(c, 3)
		var last int64
		for range 3 {
			l := w.one(c)
			if l.Term <= last {
				w.Fatalf("term %d after %d", l.Term, last)
			}
			a, err := w.s.Adopt(w.ctx, l.Attempt.ID, node, w.now(), ttl)
			w.must(err)
			if a.Term <= l.Term {
				w.Fatalf("term %d after %d", a.Term, l.Term)
			}
			last = a.Term
			w.settle(a, dialler.Answered)
		}
	}},
	{"I7 a stale holder changes nothing", func(w *world) {
		c := w.campaign("c")
		w.people(c, 1)
		old := w.one(c)
		w.pass(2 * ttl)
		l, err := w.s.Adopt(w.ctx, old.Attempt.ID, "pbx-2", w.now(), ttl)
		w.must(err)
		before, err := w.s.Call(w.ctx, old.Attempt.ID)
		w.must(err)

		kept, err := w.s.Renew(w.ctx, []dialler.Lease{old}, w.now(), time.Hour)
		w.must(err)
		w.eq("renewed", len(kept), 0)
		w.is(w.s.Mark(w.ctx, old, dialler.Outcome{Rang: w.now()}), dialler.ErrLeaseLost)
		w.is(w.s.Withdraw(w.ctx, old, time.Time{}, w.now()), dialler.ErrLeaseLost)
		_, err = w.s.Settle(w.ctx, old, w.ended(dialler.Busy))
		w.is(err, dialler.ErrLeaseLost)
		cl, err := w.s.Clear(w.ctx, old)
		w.must(err)
		w.eq("held", cl.Held, false)

		after, err := w.s.Call(w.ctx, old.Attempt.ID)
		w.must(err)
		w.eq("call", after, before)
		w.eq("messages", len(w.outbox(dialler.CallSettled)), 0)
		w.settle(l, dialler.Answered)
		_, err = w.s.Settle(w.ctx, l, w.ended(dialler.Busy))
		w.is(err, dialler.ErrLeaseLost)
		w.eq("messages", len(w.outbox(dialler.CallSettled)), 1)
		w.audit()
	}},
	{"I7 a term is good for its own call only", func(w *world) {
		c := w.campaign("c")
		w.people(c, 2)
		ls := w.lease(2, c)
		mixed := ls[0]
		mixed.Term = ls[1].Term
		_, err := w.s.Settle(w.ctx, mixed, w.ended(dialler.Busy))
		w.is(err, dialler.ErrLeaseLost)
		w.is(w.s.Withdraw(w.ctx, mixed, time.Time{}, w.now()), dialler.ErrLeaseLost)
		w.eq("live", w.counters(c).Live, 2)
	}},
	{"renewing counts from now, and tells the lost from the kept", func(w *world) {
		c := w.campaign("c")
		w.people(c, 2)
		ls := w.lease(2, c)
		w.settle(ls[0], dialler.Answered)
		now := w.now()
		kept, err := w.s.Renew(w.ctx, ls, now, time.Hour)
		w.must(err)
		w.eq("kept", called(kept), called(ls[1:]))
		w.at("trusted", kept[0].Trusted, now.Add(time.Hour-time.Duration(dialler.LeaseMargin*float64(time.Hour))))
		w.eq("term", kept[0].Term, ls[1].Term)
		w.pass(30 * time.Minute)
		w.eq("adrift", len(w.adrift("pbx-2")), 0)
		w.pass(31 * time.Minute)
		w.eq("adrift", len(w.adrift("pbx-2")), 1)
	}},
	{"I3 a lapsed lease's contact is not leased before it was adopted and settled", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 1)
		old := w.one(c)
		w.pass(24 * time.Hour)
		w.none(c)
		l, err := w.s.Adopt(w.ctx, old.Attempt.ID, "pbx-2", w.now(), ttl)
		w.must(err)
		w.none(c)
		w.settle(l, dialler.Failed)
		w.none(c) // the retry delay holds
		w.pass(2 * time.Minute)
		got := w.leased(n, c)[0]
		w.eq("attempt", got.Attempt.N, 2)
	}},
	{"a lapsed lease that nobody adopted is still its holder's", func(w *world) {
		c := w.campaign("c")
		w.people(c, 2)
		ls := w.lease(2, c)
		w.pass(time.Hour)
		kept, err := w.s.Renew(w.ctx, ls[:1], w.now(), ttl)
		w.must(err)
		w.eq("kept", len(kept), 1)
		w.eq("adrift", len(w.adrift("pbx-2")), 1)
		w.settle(ls[1], dialler.Answered)
		w.audit()
	}},
	{"I3 adrift is what the node holds, and what has lapsed", func(w *world) {
		c := w.campaign("c")
		w.people(c, 3)
		lapsed := w.one(c)
		w.pass(2 * ttl)
		req := w.request(1, c)
		req.Node = "pbx-2"
		theirs, err := w.s.Lease(w.ctx, req)
		w.must(err)
		mine := w.one(c)
		ids := func(as []dialler.Attempt) []dialler.CallID {
			out := []dialler.CallID{}
			for _, a := range as {
				out = append(out, a.ID)
			}
			slices.Sort(out)
			return out
		}
		want := func(ls ...dialler.Lease) []dialler.CallID {
			out := []dialler.CallID{}
			for _, l := range ls {
				out = append(out, l.Attempt.ID)
			}
			slices.Sort(out)
			return out
		}
		w.eq("of pbx-1", ids(w.adrift(node)), want(lapsed, mine))
		w.eq("of pbx-2", ids(w.adrift("pbx-2")), want(lapsed, theirs[0]))
		w.eq("of pbx-3", ids(w.adrift("pbx-3")), want(lapsed))
		w.settle(mine, dialler.Answered)
		w.eq("of pbx-1", ids(w.adrift(node)), want(lapsed))
		for _, a := range w.adrift(node) {
			w.eq("attempt", a, lapsed.Attempt)
		}
	}},
	{"I3 one node adopts, and no other after it", func(w *world) {
		c := w.campaign("c")
		w.people(c, 1)
		old := w.one(c)
		_, err := w.s.Adopt(w.ctx, old.Attempt.ID, "pbx-2", w.now(), ttl)
		w.is(err, dialler.ErrLeaseLost) // it holds
		w.must(w.s.Mark(w.ctx, old, dialler.Outcome{Rang: w.now()}))
		w.pass(2 * ttl)
		now := w.now()
		l, err := w.s.Adopt(w.ctx, old.Attempt.ID, "pbx-2", now, ttl)
		w.must(err)
		w.eq("node", l.Node, "pbx-2")
		w.eq("attempt", l.Attempt.ID, old.Attempt.ID)
		if l.Attempt.Rang.IsZero() {
			w.Fatal("how far the call had come is lost")
		}
		w.at("trusted", l.Trusted, now.Add(ttl-time.Duration(dialler.LeaseMargin*float64(ttl))))
		w.eq("contact", l.Contact, old.Contact)
		for _, other := range []string{node, "pbx-3"} {
			_, err = w.s.Adopt(w.ctx, old.Attempt.ID, other, w.now(), ttl)
			w.is(err, dialler.ErrLeaseLost)
		}
		w.settle(l, dialler.Failed)
		_, err = w.s.Adopt(w.ctx, old.Attempt.ID, "pbx-2", w.now(), ttl)
		w.is(err, dialler.ErrLeaseLost)
		_, err = w.s.Adopt(w.ctx, "8f14e45f-ceea-467f-a9d5-000000000001", "pbx-2", w.now(), ttl)
		w.is(err, dialler.ErrLeaseLost)
	}},
	{"an adopted callback still knows its promise", func(w *world) {
		c := w.campaign("c")
		w.people(c, 1)
		w.promised(c)
		w.pass(2 * time.Hour)
		old := w.one(c)
		l, err := w.s.Adopt(w.ctx, old.Attempt.ID, node, w.now(), ttl)
		w.must(err)
		w.eq("callback", l.Contact.Callback.ID, old.Contact.Callback.ID)
		w.eq("state", l.Contact.State, dialler.CallbackScheduled)
		st := w.settle(l, dialler.Busy)
		w.eq("state", st.Contact.State, dialler.CallbackScheduled)
		w.audit()
	}},
	{"I6 what must be checked at the moment of dialling is what holds then", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 1)
		l := w.one(c)
		now := func() dialler.Clearance {
			cl, err := w.s.Clear(w.ctx, l)
			w.must(err)
			return cl
		}
		cl := now()
		w.eq("held, excluded", []bool{cl.Held, cl.Excluded}, []bool{true, false})
		w.eq("refused", cl.Refuse(w.now()), "")
		w.eq("campaign, bot, trunk", []string{cl.Campaign.Name, cl.Bot.Name, cl.Trunk.Name}, []string{"c", bot, trunk})
		w.do(c, dialler.Pause)
		w.eq("campaign", now().Campaign.State, dialler.CampaignPaused)
		w.must(w.s.Exclude(w.ctx, n, w.now()))
		w.eq("excluded", now().Excluded, true)
		w.must(w.s.PutBot(w.ctx, dialler.Bot{Name: bot, Endpoint: "PJSIP/new"}))
		w.eq("bot", now().Bot.Endpoint, "PJSIP/new")
		w.settle(l, dialler.Failed)
		w.eq("held", now().Held, false)
	}},
	{"a withdrawn lease leaves no trace", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 1)
		before := w.contact(c, n[0])
		l := w.one(c)
		w.must(w.s.Withdraw(w.ctx, l, time.Time{}, w.now()))
		w.eq("contact", w.contact(c, n[0]), before)
		_, err := w.s.Call(w.ctx, l.Attempt.ID)
		w.is(err, dialler.ErrNoCall)
		w.eq("attempts", w.counters(c).Attempts, 0)
		w.eq("messages", len(w.outbox(dialler.CallSettled)), 0)
		w.audit()
		w.eq("attempt", w.one(c).Attempt.N, 1)
	}},
	{"a withdrawn lease is not given again before its time", func(w *world) {
		c := w.campaign("c")
		w.people(c, 1)
		w.must(w.s.Withdraw(w.ctx, w.one(c), w.now().Add(time.Hour), w.now()))
		w.none(c)
		w.pass(61 * time.Minute)
		w.one(c)
	}},
	{"a withdrawn callback is still owed, and still first", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 1)
		r := w.promised(c)
		w.pass(2 * time.Hour)
		w.must(w.s.Withdraw(w.ctx, w.one(c), time.Time{}, w.now()))
		w.people(c, 1)
		l := w.leased(n, c)[0]
		w.eq("callback", l.Attempt.Callback, r.Callback.ID)
		w.eq("attempts to keep it", l.Contact.Callback.Attempts, 0)
		w.audit()
	}},
	{"a withdrawn lease of a campaign stopped since is cancelled with the rest", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 1)
		w.promised(c)
		w.pass(2 * time.Hour)
		l := w.one(c)
		w.do(c, dialler.Stop)
		w.eq("state", w.state(c, n[0]), dialler.Dialling)
		w.must(w.s.Withdraw(w.ctx, l, time.Time{}, w.now()))
		w.eq("state", w.state(c, n[0]), dialler.Stopped)
		w.eq("cancelled", w.counters(c).Closed[dialler.ByStop], 1)
		w.audit()
	}},
}

func (w *world) adrift(node string) []dialler.Attempt {
	w.Helper()
	as, err := w.s.Adrift(w.ctx, node, w.now())
	w.must(err)
	return as
}
