package storetest

import (
	"errors"
	"slices"
	"time"

	"ringback/dialler"
)

func ids(cs []dialler.Call) []dialler.CallID {
	out := []dialler.CallID{}
	for _, c := range cs {
		out = append(out, c.ID)
	}
	return out
}

var reportTests = []test{
	{"calls, newest first, page by page", func(w *world) {
		c := w.campaign("c")
		var want []dialler.CallID
		w.people(c, 25)
		for range 25 {
			want = append(want, w.one(c).Attempt.ID)
			time.Sleep(time.Millisecond) // a clock of microseconds has moved
		}
		slices.Reverse(want)
		w.eq("calls", ids(w.allCalls(c, dialler.AllCalls)), want)
		page, next, err := w.s.Calls(w.ctx, dialler.CallQuery{Campaign: c.ID})
		w.must(err)
		w.eq("without a limit", []any{len(page), next}, []any{25, ""})
		page, next, err = w.s.Calls(w.ctx, dialler.CallQuery{Campaign: c.ID, Limit: 25})
		w.must(err)
		w.eq("a page that is just full", []any{len(page), next}, []any{25, ""})
	}},
	{"a page is not shifted by calls begun since", func(w *world) {
		c := w.campaign("c")
		w.people(c, 20)
		var want []dialler.CallID
		for range 10 {
			want = append(want, w.one(c).Attempt.ID)
			time.Sleep(time.Millisecond)
		}
		slices.Reverse(want)
		var got []dialler.CallID
		q := dialler.CallQuery{Campaign: c.ID, Limit: 3}
		for {
			page, next, err := w.s.Calls(w.ctx, q)
			w.must(err)
			got = append(got, ids(page)...)
			if next == "" {
				break
			}
			q.After = next
			w.one(c)
		}
		w.eq("calls", got, want)
	}},
	{"calls leased in one moment are each listed once", func(w *world) {
		c := w.campaign("c")
		w.people(c, 30)
		var want []dialler.CallID
		for _, l := range w.lease(30, c) {
			want = append(want, l.Attempt.ID)
		}
		got := ids(w.allCalls(c, dialler.AllCalls))
		slices.Sort(want)
		slices.Sort(got)
		w.eq("calls", got, want)
	}},
	{"the tabs select calls by the callback that was asked for on them", func(w *world) {
		c := w.campaign("c", func(c *dialler.Campaign) { c.CallbackMaxAttempts = 1 })
		asked := func() dialler.CallID {
			l := w.asked(c)
			w.hear(l, later("1 hour", ""))
			return l.Attempt.ID
		}
		kept, exhausted, machine, excluded := asked(), asked(), asked(), asked()
		call, err := w.s.Call(w.ctx, excluded)
		w.must(err)
		w.must(w.s.Exclude(w.ctx, []dialler.Number{call.Number}, w.now()))
		w.pass(2 * time.Hour)
		for _, l := range w.lease(3, c) {
			switch l.Contact.Callback.AskedOn {
			case kept:
				w.settle(l, dialler.Answered)
			case exhausted:
				w.settle(l, dialler.Busy)
			case machine:
				w.settle(l, dialler.Machine)
			}
		}
		pending := asked()
		w.hear(w.asked(c), content())
		for f, want := range map[dialler.CallFilter][]dialler.CallID{
			dialler.CallbacksRequested: {kept, exhausted, machine, excluded, pending},
			dialler.CallbacksPending:   {pending},
			dialler.CallbacksCompleted: {kept, exhausted, machine},
			dialler.CallbacksCancelled: {excluded},
		} {
			got := ids(w.allCalls(c, f))
			slices.Sort(got)
			slices.Sort(want)
			w.eq(string(f), got, want)
		}
		w.eq("all", len(w.allCalls(c, dialler.AllCalls)), 9)
		n := w.counters(c)
		w.eq("cards", []int{n.Requested, n.Pending(), n.Completed(), n.Callbacks[dialler.CallbackCancelled]}, []int{5, 1, 3, 1})
		w.audit()
	}},
	{"calls of one contact, and none of another campaign", func(w *world) {
		a, b := w.campaign("a"), w.campaign("b")
		w.people(a, 1)
		w.people(b, 1)
		l := w.one(a)
		w.one(b)
		w.settle(l, dialler.Busy)
		w.people(a, 1)
		w.one(a)
		w.pass(2 * time.Minute)
		m := w.one(a)
		page, _, err := w.s.Calls(w.ctx, dialler.CallQuery{Campaign: a.ID, Contact: l.Contact.ID})
		w.must(err)
		w.eq("calls", ids(page), []dialler.CallID{m.Attempt.ID, l.Attempt.ID})
		w.eq("calls of b", len(w.allCalls(b, dialler.AllCalls)), 1)
	}},
	{"a filter or a page that is not one is named", func(w *world) {
		c := w.campaign("c")
		for _, q := range []dialler.CallQuery{
			{Campaign: c.ID, Filter: "some"},
			{Campaign: c.ID, After: "' OR 1=1 --"},
		} {
			_, _, err := w.s.Calls(w.ctx, q)
			var fe *dialler.FieldError
			if !errors.As(err, &fe) || fe.Field == "" || fe.Want == "" {
				w.Fatalf("%+v: %v", q, err)
			}
		}
	}},
	{"contacts page by page", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 250)
		var got []dialler.Number
		for _, ct := range w.contacts(c) {
			got = append(got, ct.Number)
		}
		w.eq("contacts", got, n)
	}},
	{"the next callback is the one due first of those that wait", func(w *world) {
		a, b := w.campaign("a"), w.campaign("b")
		next := func() time.Time {
			due, err := w.s.NextCallback(w.ctx, a.ID)
			w.must(err)
			return due
		}
		w.people(a, 1)
		w.people(b, 1)
		w.eq("with nobody who asked", next(), time.Time{})
		w.hear(w.asked(b), later("1 minute", ""))
		w.eq("with one of another campaign", next(), time.Time{})
		second := w.hear(w.asked(a), later("2 hours", "")).Callback
		w.at("with one", next(), second.Due)
		first := w.hear(w.asked(a), later("1 hour", "")).Callback
		w.at("with two", next(), first.Due)
		w.pass(90 * time.Minute)
		w.at("past due", next(), first.Due)
		for _, l := range w.lease(9, a) {
			if l.Contact.ID == first.Contact {
				w.at("while it is being rung", next(), second.Due)
				w.settle(l, dialler.Answered)
			}
		}
		w.at("kept", next(), second.Due)
		w.do(a, dialler.Stop)
		w.eq("with all cancelled", next(), time.Time{})
		_, err := w.s.NextCallback(w.ctx, 1e9)
		w.is(err, dialler.ErrNotFound)
	}},
	{"the outbox in order, from any message on", func(w *world) {
		c := w.campaign("c")
		w.people(c, 5)
		for _, l := range w.lease(5, c) {
			w.settle(l, dialler.Answered)
			w.hear(l, later("1 hour", ""))
		}
		all, err := w.s.Outbox(w.ctx, 0, 100)
		w.must(err)
		w.eq("messages", len(all), 15)
		rest, err := w.s.Outbox(w.ctx, all[3].ID, 2)
		w.must(err)
		w.eq("messages", []int64{rest[0].ID, rest[1].ID}, []int64{all[4].ID, all[5].ID})
		w.eq("kinds", []string{all[0].Kind, all[1].Kind, all[2].Kind}, []string{dialler.CallSettled, dialler.CallAnalysed, dialler.CallbackMade})
		none, err := w.s.Outbox(w.ctx, all[14].ID, 10)
		w.must(err)
		w.eq("messages", len(none), 0)
	}},
	{"the store answers", func(w *world) { w.must(w.s.Ping(w.ctx)) }},
	{"an empty campaign counts nothing", func(w *world) {
		w.campaign("c")
		w.audit()
	}},
}
