package storetest

import (
	"errors"
	"slices"
	"time"

	"ringback/dialler"
)

// found pages through a search, two at a time.
func (w *world) found(q dialler.ContactQuery) []dialler.Number {
	w.Helper()
	out := []dialler.Number{}
	q.Limit = 2
	for {
		page, next, err := w.s.FindContacts(w.ctx, q)
		w.must(err)
		for _, ct := range page {
			if q.State != "" && ct.State != q.State {
				w.Fatalf("asked for %s, got %+v", q.State, ct)
			}
			out = append(out, ct.Number)
		}
		if next == "" {
			return out
		}
		if len(page) != q.Limit {
			w.Fatalf("a page of %d, with more to come, has %d", q.Limit, len(page))
		}
		q.After = next
	}
}

// wrong fails the test unless err is about that field.
func (w *world) wrong(err error, name string) {
	w.Helper()
	var field *dialler.FieldError
	if !errors.As(err, &field) || field.Field != name {
		w.Fatalf("got %v, want something about %s", err, name)
	}
}

var findTests = []test{
	{"contacts are found in every order, page by page", func(w *world) {
		a, b := w.campaign("a"), w.campaign("b")
		n := []dialler.Number{"+919800000103", "+919800000101", "+449800000102", "+919800000204", "+919800000105"}
		w.add(a, n...)
		w.add(b, n[:3]...)
		sorted := slices.Sorted(slices.Values(n))
		q := dialler.ContactQuery{Campaign: a.ID}
		w.eq("by list", w.found(q), n)
		q.Order = dialler.ByNewest
		newest := slices.Clone(n)
		slices.Reverse(newest)
		w.eq("newest", w.found(q), newest)
		q.Order = dialler.ByNumber
		w.eq("by number", w.found(q), sorted)
		for prefix, want := range map[string][]dialler.Number{
			"+": sorted, "+9198000001": {n[1], n[0], n[4]}, "+44": {n[2]}, "+919800000204": {n[3]}, "+9198000002049": {}, "+1": {}, "+9": {n[1], n[0], n[4], n[3]},
		} {
			for _, order := range []dialler.ContactOrder{dialler.ByList, dialler.ByNumber, dialler.ByDue, dialler.ByNewest} {
				w.eq(prefix, w.found(dialler.ContactQuery{Campaign: a.ID, Number: prefix, Order: order}), want)
			}
		}
	}},
	{"contacts of each state, and one being rung is dialling and nothing else", func(w *world) {
		c, n, ringing := w.mixed("c")
		excluded := w.people(c, 1)
		w.must(w.s.Exclude(w.ctx, excluded, w.now()))
		total := 0
		for state, number := range n {
			got := w.found(dialler.ContactQuery{Campaign: c.ID, State: state})
			total += len(got)
			if !slices.Contains(got, number) {
				w.Fatalf("%s: got %v, want %s among them", state, got, number)
			}
			w.eq(string(state)+" by the counters", len(got), w.counters(c).Contacts[state])
			w.eq(string(state)+" with its number", w.found(dialler.ContactQuery{Campaign: c.ID, State: state, Number: string(number)}), []dialler.Number{number})
		}
		w.eq("excluded", w.found(dialler.ContactQuery{Campaign: c.ID, State: dialler.ExcludedContact}), excluded)
		w.eq("all", len(w.found(dialler.ContactQuery{Campaign: c.ID})), total+1)
		w.eq("all by number", len(w.found(dialler.ContactQuery{Campaign: c.ID, Order: dialler.ByNumber})), total+1)
		w.settle(ringing, dialler.Busy)
		w.eq("dialling", w.found(dialler.ContactQuery{Campaign: c.ID, State: dialler.Dialling}), []dialler.Number{})
	}},
	{"what is due, the first at the head", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 4)
		for i, l := range w.lease(3, c) {
			w.settle(l, dialler.Answered)
			w.hear(l, later([]string{"3 hours", "1 hour", "2 hours"}[i], ""))
		}
		l := w.one(c)
		w.settle(l, dialler.Busy) // a retry, in a quarter of an hour
		w.people(c, 1)
		q := dialler.ContactQuery{Campaign: c.ID, Order: dialler.ByDue}
		w.eq("due", w.found(q), []dialler.Number{n[3], n[1], n[2], n[0]})
		q.State = dialler.CallbackScheduled
		w.eq("callbacks due", w.found(q), []dialler.Number{n[1], n[2], n[0]})
		q.State = dialler.Pending
		w.eq("pending", len(w.found(q)), 1)
	}},
	{"a test call is an ordinary one to a marked contact, again and again", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 3)
		fresh := w.numbers(2)
		for i, number := range []dialler.Number{fresh[0], fresh[1], fresh[0]} {
			done, err := dialler.PlaceTest(w.ctx, w.s, c.ID, number, "ops", w.now())
			w.must(err)
			w.eq("contact", []any{done.Contact.IsTest(), done.Contact.State, done.Contact.Ahead, done.Contact.Attempts}, []any{true, dialler.Pending, true, 0})
			w.settle(w.leased([]dialler.Number{number}, c)[0], dialler.Answered)
			if i == 2 {
				break
			}
			found, _, err := w.s.FindContacts(w.ctx, dialler.ContactQuery{Campaign: c.ID, Test: true, Limit: 1})
			w.must(err)
			w.eq("the newest for tests", found[0].Number, number)
		}
		w.eq("all for tests", w.found(dialler.ContactQuery{Campaign: c.ID, Test: true}), []dialler.Number{fresh[1], fresh[0]})
		_, err := dialler.PlaceTest(w.ctx, w.s, c.ID, n[0], "ops", w.now())
		w.wrong(err, "number")
		w.must(w.s.Exclude(w.ctx, fresh[:1], w.now()))
		_, err = dialler.PlaceTest(w.ctx, w.s, c.ID, fresh[0], "ops", w.now())
		var refused *dialler.InterventionError
		w.eq("an excluded one is refused", errors.As(err, &refused), true)
		w.audit()
	}},
	{"a query that makes no sense is refused by field", func(w *world) {
		c := w.campaign("c")
		for name, q := range map[string]dialler.ContactQuery{
			"state": {State: "asleep"}, "order": {Order: "colour"}, "number": {Number: "98"}, "after": {After: "x"},
		} {
			q.Campaign = c.ID
			_, _, err := w.s.FindContacts(w.ctx, q)
			w.wrong(err, name)
		}
		for _, number := range []string{"98", "+91x", "+91 98", "+1234567890123456", "+'--"} {
			_, _, err := w.s.FindContacts(w.ctx, dialler.ContactQuery{Campaign: c.ID, Number: number})
			w.wrong(err, "number")
			_, _, err = w.s.Calls(w.ctx, dialler.CallQuery{Campaign: c.ID, Number: number})
			w.wrong(err, "number")
		}
		_, _, err := w.s.FindContacts(w.ctx, dialler.ContactQuery{Campaign: c.ID, Order: dialler.ByDue, State: dialler.Completed})
		w.wrong(err, "order")
		_, _, err = w.s.FindContacts(w.ctx, dialler.ContactQuery{Campaign: c.ID + 99})
		w.is(err, dialler.ErrNotFound)
		_, err = w.s.Forecast(w.ctx, c.ID+99, w.now(), time.Minute, 1)
		w.is(err, dialler.ErrNotFound)
	}},
	{"calls by number, in every tab, newest or oldest first", func(w *world) {
		c := w.campaign("c")
		w.add(c, "+919800000101", "+919800000102", "+919800000201")
		asked := map[dialler.Number]dialler.CallID{}
		for range 3 {
			l := w.one(c)
			asked[l.Attempt.Number] = l.Attempt.ID
			w.settle(l, dialler.Answered)
			w.hear(l, later("1 hour", ""))
			time.Sleep(time.Millisecond)
		}
		one, two, other := asked["+919800000101"], asked["+919800000102"], asked["+919800000201"]
		w.intervene(w.contact(c, "+919800000102").ID, dialler.Intervention{Kind: dialler.CancelCallback})
		list := func(q dialler.CallQuery) []dialler.CallID {
			w.Helper()
			q.Campaign, q.Limit = c.ID, 1
			var out []dialler.CallID
			for {
				page, next, err := w.s.Calls(w.ctx, q)
				w.must(err)
				if out = append(out, ids(page)...); next == "" {
					return out
				}
				q.After = next
			}
		}
		w.eq("all", list(dialler.CallQuery{}), []dialler.CallID{other, two, one})
		w.eq("oldest first", list(dialler.CallQuery{Oldest: true}), []dialler.CallID{one, two, other})
		w.eq("by number", list(dialler.CallQuery{Number: "+9198000001"}), []dialler.CallID{two, one})
		w.eq("by number, oldest first", list(dialler.CallQuery{Number: "+9198000001", Oldest: true}), []dialler.CallID{one, two})
		w.eq("by another", list(dialler.CallQuery{Number: "+44"}), []dialler.CallID(nil))
		for f, want := range map[dialler.CallFilter][2][]dialler.CallID{
			dialler.CallbacksRequested: {{other, two, one}, {two, one}},
			dialler.CallbacksPending:   {{other, one}, {one}},
			dialler.CallbacksCancelled: {{two}, {two}},
			dialler.CallbacksCompleted: {nil, nil},
		} {
			w.eq(string(f), list(dialler.CallQuery{Filter: f}), want[0])
			w.eq(string(f)+" by number", list(dialler.CallQuery{Filter: f, Number: "+9198000001"}), want[1])
			slices.Reverse(want[0])
			w.eq(string(f)+" oldest first", list(dialler.CallQuery{Filter: f, Oldest: true}), want[0])
		}
		id := w.contact(c, "+919800000101").ID
		w.eq("of one contact", list(dialler.CallQuery{Contact: id, Number: "+91"}), []dialler.CallID{one})
		w.eq("of one contact and another's number", list(dialler.CallQuery{Contact: id, Number: "+9198000002"}), []dialler.CallID(nil))
	}},
	{"a search of calls that finds too many asks for more digits", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, dialler.MaxMatches+1)
		_, _, err := w.s.Calls(w.ctx, dialler.CallQuery{Campaign: c.ID, Number: string(n[0][:4])})
		w.wrong(err, "number")
		_, _, err = w.s.Calls(w.ctx, dialler.CallQuery{Campaign: c.ID, Number: string(n[0])})
		w.must(err)
	}},
	{"a forecast counts what becomes due, step by step", func(w *world) {
		c := w.campaign("c", func(c *dialler.Campaign) { c.RetryDelay = 30 * time.Minute })
		w.people(c, 5)
		ls := w.lease(5, c)
		for i, l := range ls[:4] {
			w.settle(l, dialler.Answered)
			w.hear(l, later([]string{"10 minutes", "70 minutes", "75 minutes", "5 hours"}[i], ""))
		}
		w.settle(ls[4], dialler.Busy) // in half an hour
		from := w.now().Add(-time.Minute)
		f, err := w.s.Forecast(w.ctx, c.ID, from, time.Hour, 3)
		w.must(err)
		w.eq("forecast", f.Slots, []dialler.Slot{{Callbacks: 1, Retries: 1}, {Callbacks: 2}, {}})
		w.eq("whole", []any{f.Overdue, f.Until.Equal(from.Add(3 * time.Hour))}, []any{dialler.Slot{}, true})
		w.pass(12 * time.Minute)
		f, err = w.s.Forecast(w.ctx, c.ID, w.now(), time.Hour, 3)
		w.must(err)
		w.eq("later", []any{f.Overdue, f.Slots[0]}, []any{dialler.Slot{Callbacks: 1}, dialler.Slot{Callbacks: 1, Retries: 1}})
		w.one(c) // the callback
		f, err = w.s.Forecast(w.ctx, c.ID, w.now(), time.Hour, 3)
		w.must(err)
		w.eq("one being rung is due no more", f.Overdue, dialler.Slot{})
	}},
	{"I5 the time talked is the sum of the conversations", func(w *world) {
		c := w.campaign("c")
		w.people(c, 3)
		for i, l := range w.lease(3, c) {
			o := w.ended(dialler.Answered)
			if i == 2 {
				o.Disposition = dialler.Abandoned
			} else {
				o.Joined = o.Ended.Add(-time.Duration(i+1) * time.Minute)
			}
			_, err := w.s.Settle(w.ctx, l, o)
			w.must(err)
		}
		n := w.counters(c)
		w.eq("talk", []any{n.Talk, n.AvgTalk()}, []any{3 * time.Minute, 90 * time.Second})
		w.audit()
	}},
}
