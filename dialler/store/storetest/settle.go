package storetest

import (
	"time"

	"ringback/dialler"
)

var settleTests = []test{
	{"a conversation completes the contact", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 1)
		l := w.one(c)
		o := w.ended(dialler.Answered)
		st, err := w.s.Settle(w.ctx, l, o)
		w.must(err)
		w.eq("state", st.Contact.State, dialler.Completed)
		ct := w.contact(c, n[0])
		w.eq("contact", st.Contact, ct)
		w.eq("attempts", ct.Attempts, 1)
		w.at("settled", ct.Settled, o.Ended)
		w.pass(24 * time.Hour)
		w.none(c)
		w.audit()
	}},
	{"the outcome is kept, and told in call.settled", func(w *world) {
		c := w.campaign("c")
		w.people(c, 1)
		l := w.one(c)
		end := w.now()
		o := dialler.Outcome{
			Rang: end.Add(-9 * time.Second), Answered: end.Add(-8 * time.Second), Joined: end.Add(-7 * time.Second), Ended: end,
			Disposition: dialler.Answered, Cause: dialler.Cause{Q850: 16, SIP: 200, Text: "Normal Clearing"}, Machine: dialler.VerdictHuman,
		}
		_, err := w.s.Settle(w.ctx, l, o)
		w.must(err)
		call, err := w.s.Call(w.ctx, l.Attempt.ID)
		w.must(err)
		w.eq("outcome", call.Outcome, o)
		ms := w.outbox(dialler.CallSettled)
		w.eq("messages", len(ms), 1)
		m := body[dialler.CallMessage](w, ms[0])
		w.eq("call", []any{ms[0].Call, ms[0].Contact, ms[0].Campaign, m.Call, m.CampaignID, m.Campaign}, []any{l.Attempt.ID, l.Contact.ID, c.ID, l.Attempt.ID, c.ID, "c"})
		w.eq("told", []any{m.Disposition, m.Q850, m.SIP, m.ContactState, m.Vars["name"], m.Attempt, m.Class, m.Machine},
			[]any{dialler.Answered, 16, 200, dialler.Completed, l.Contact.Vars["name"], 1, dialler.ClassPending, dialler.VerdictHuman})
		w.at("ended", m.Ended, end)
		w.at("answered", m.Answered, o.Answered)
	}},
	{"marks are kept, and the settlement adds to them", func(w *world) {
		c := w.campaign("c")
		w.people(c, 1)
		l := w.one(c)
		rang, answered, joined := w.now(), w.now().Add(time.Second), w.now().Add(2*time.Second)
		w.must(w.s.Mark(w.ctx, l, dialler.Outcome{Rang: rang}))
		w.must(w.s.Mark(w.ctx, l, dialler.Outcome{Answered: answered, Machine: dialler.VerdictUnsure}))
		w.must(w.s.Mark(w.ctx, l, dialler.Outcome{}))
		call, err := w.s.Call(w.ctx, l.Attempt.ID)
		w.must(err)
		w.eq("marked", call.Outcome, dialler.Outcome{Rang: rang, Answered: answered, Machine: dialler.VerdictUnsure})
		w.must(w.s.Mark(w.ctx, l, dialler.Outcome{Joined: joined}))
		o := dialler.Outcome{Ended: w.now().Add(time.Minute), Disposition: dialler.Answered}
		_, err = w.s.Settle(w.ctx, l, o)
		w.must(err)
		call, err = w.s.Call(w.ctx, l.Attempt.ID)
		w.must(err)
		w.eq("settled", call.Outcome, dialler.Outcome{Rang: rang, Answered: answered, Joined: joined, Ended: o.Ended, Disposition: dialler.Answered, Machine: dialler.VerdictUnsure})
	}},
	{"an outcome without an end or a disposition settles nothing", func(w *world) {
		c := w.campaign("c")
		w.people(c, 1)
		l := w.one(c)
		for _, o := range []dialler.Outcome{{}, {Ended: w.now()}, {Disposition: dialler.Busy}} {
			if _, err := w.s.Settle(w.ctx, l, o); err == nil {
				w.Fatalf("%+v was taken", o)
			}
		}
		w.settle(l, dialler.Busy)
	}},
	{"I4 an ordinary contact is retried until its attempts are used up", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 1)
		for try := 1; try <= 3; try++ {
			l := w.one(c)
			w.eq("attempt", l.Attempt.N, try)
			o := w.ended(dialler.NoAnswer)
			st, err := w.s.Settle(w.ctx, l, o)
			w.must(err)
			if try < 3 {
				w.eq("state", st.Contact.State, dialler.RetryScheduled)
				w.at("due", st.Contact.Due, o.Ended.Add(time.Minute))
			}
			w.pass(2 * time.Minute)
		}
		w.eq("state", w.state(c, n[0]), dialler.Exhausted)
		w.none(c)
		w.audit()
	}},
	{"a disposition that is not retried exhausts at once", func(w *world) {
		c := w.campaign("c", func(c *dialler.Campaign) { c.RetryOn = []dialler.Disposition{dialler.Busy} })
		w.people(c, 1)
		w.eq("state", w.settle(w.one(c), dialler.NoAnswer).Contact.State, dialler.Exhausted)
	}},
	{"a callback that fails stays a callback, before everyone who never asked", func(w *world) {
		c := w.campaign("c", func(c *dialler.Campaign) { c.MaxAttempts = 9 })
		n := w.people(c, 1)
		r := w.promised(c)
		w.pass(2 * time.Hour)
		o := w.ended(dialler.Busy)
		st, err := w.s.Settle(w.ctx, w.one(c), o)
		w.must(err)
		w.eq("state", st.Contact.State, dialler.CallbackScheduled)
		w.eq("callback", []any{st.Callback.ID, st.Callback.State, st.Callback.Attempts}, []any{r.Callback.ID, dialler.CallbackWaiting, 1})
		w.at("due", st.Contact.Due, o.Ended.Add(time.Minute))
		w.at("callback due", st.Contact.Callback.Due, o.Ended.Add(time.Minute))
		w.at("first promised", st.Contact.Callback.Scheduled, r.Callback.Scheduled)
		w.audit()
		w.people(c, 1)
		w.pass(2 * time.Minute)
		l := w.leased(n, c)[0]
		w.eq("attempts to keep it", l.Contact.Callback.Attempts, 1)
		w.settle(l, dialler.Answered)
		for i, call := range w.allCalls(c, dialler.AllCalls)[:2] { // that one, and the try before
			w.eq("tries before this one", []any{call.Kept.ID, call.Kept.Attempts, call.Kept.State}, []any{r.Callback.ID, 1 - i, dialler.CallbackCompleted})
		}
	}},
	{"I5 a callback ends in one final state", func(w *world) {
		for _, tt := range []struct {
			d     dialler.Disposition
			state dialler.ContactState
			cb    dialler.CallbackState
			why   dialler.CloseReason
		}{
			{dialler.Answered, dialler.Completed, dialler.CallbackCompleted, ""},
			{dialler.Machine, dialler.MachineReached, dialler.CallbackClosed, dialler.ByVoicemail},
			{dialler.Abandoned, dialler.AbandonedContact, dialler.CallbackClosed, dialler.ByAbandoned},
			{dialler.NoAnswer, dialler.Exhausted, dialler.CallbackExhausted, ""},
		} {
			c := w.campaign(string(tt.d), func(c *dialler.Campaign) { c.CallbackMaxAttempts = 1 })
			n := w.people(c, 1)
			r := w.promised(c)
			w.pass(2 * time.Hour)
			o := w.ended(tt.d)
			st, err := w.s.Settle(w.ctx, w.one(c), o)
			w.must(err)
			w.eq("contact", st.Contact.State, tt.state)
			if st.Callback == nil || st.Contact.Callback != nil {
				w.Fatalf("%s: settlement %+v", tt.d, st)
			}
			w.eq("callback", []any{st.Callback.ID, st.Callback.State, st.Callback.Why, st.Callback.Attempts}, []any{r.Callback.ID, tt.cb, tt.why, 1})
			w.at("closed", st.Callback.Closed, o.Ended)
			w.eq("contact", w.state(c, n[0]), tt.state)
			got := w.counters(c)
			w.eq("requested, pending, completed", []int{got.Requested, got.Pending(), got.Completed()}, []int{1, 0, 1})
			w.eq("closed", got.Closed[tt.why], map[bool]int{true: 1}[tt.why != ""])
			w.none(c)
		}
		w.audit()
	}},
	{"what a settled call frees can be leased, and the loop is told", func(w *world) {
		a, b := w.campaign("a"), w.campaign("b")
		n := w.numbers(1)
		w.add(a, n...)
		w.add(b, n...)
		l := w.one(a)
		w.drain()
		w.settle(l, dialler.Answered)
		w.eq("woken", w.woken(), true)
		w.leased(n, b)
	}},
}
