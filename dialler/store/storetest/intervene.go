package storetest

import (
	"errors"
	"reflect"
	"strings"
	"time"

	"ringback/dialler"
)

// intervene does what must work.
func (w *world) intervene(id dialler.ContactID, i dialler.Intervention) dialler.Intervened {
	w.Helper()
	done, err := w.s.Intervene(w.ctx, id, i, w.now())
	w.must(err)
	return done
}

// refused does what must not, and fails the test unless nothing came of it.
func (w *world) refused(id dialler.ContactID, i dialler.Intervention) string {
	w.Helper()
	before, err := w.s.Contact(w.ctx, id)
	w.must(err)
	_, err = w.s.Intervene(w.ctx, id, i, w.now())
	var why *dialler.InterventionError
	if !errors.As(err, &why) || why.Kind != i.Kind {
		w.Fatalf("%s: got %v, want an InterventionError", i.Kind, err)
	}
	after, err := w.s.Contact(w.ctx, id)
	w.must(err)
	if !reflect.DeepEqual(after, before) {
		w.Fatalf("%s: the contact is %+v afterwards, was %+v", i.Kind, after, before)
	}
	return why.Why
}

// movedTo fails the test unless the outbox tells of these callbacks that they
// were moved, each to when it is due, and of no other.
func (w *world) movedTo(cbs ...dialler.Callback) {
	w.Helper()
	ms := w.outbox(dialler.CallbackMoved)
	if len(ms) != len(cbs) {
		w.Fatalf("%d messages of moved callbacks, want %d", len(ms), len(cbs))
	}
	for i, cb := range cbs {
		m := body[dialler.CallbackMessage](w, ms[i])
		w.eq("told", []any{ms[i].Call, ms[i].Contact, m.Callback, m.State, m.Chain}, []any{cb.AskedOn, cb.Contact, cb.ID, dialler.CallbackWaiting, cb.Chain})
		w.eq("told to be due", []any{m.Due.Equal(cb.Due), m.Scheduled.Equal(cb.Scheduled)}, []any{true, true})
	}
}

var interventionTests = []test{
	{"a callback is cancelled by an operator, and the contact rung no more", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 1)
		made := w.promised(c)
		done := w.intervene(made.Contact, dialler.Intervention{Kind: dialler.CancelCallback, By: "ops"})
		w.eq("done", []any{done.Contact.State, done.Contact.Callback, done.Callback.State, done.Callback.Why}, []any{dialler.Stopped, (*dialler.Callback)(nil), dialler.CallbackCancelled, dialler.ByOperator})
		w.near("closed", done.Callback.Closed, w.now())
		w.movedTo()
		over := body[dialler.CallbackMessage](w, w.outbox(dialler.CallbackOver)[0])
		w.eq("told", []any{over.Callback, over.State, over.Why}, []any{done.Callback.ID, dialler.CallbackCancelled, dialler.ByOperator})
		call, err := w.s.Call(w.ctx, made.Call)
		w.must(err)
		w.eq("the promise as its call tells it", *call.Ruling.Callback, *done.Callback)
		if last := call.Ruling.Callback.Trace; !strings.HasPrefix(last[len(last)-1], "cancelled by ops on ") {
			w.Fatalf("trace %q", last)
		}
		w.eq("closed", w.counters(c).Closed, map[dialler.CloseReason]int{dialler.ByOperator: 1})
		w.audit()
		w.pass(24 * time.Hour)
		w.none(c)
		w.refused(made.Contact, dialler.Intervention{Kind: dialler.CancelCallback})
		w.eq("a campaign with nobody left finishes", w.do(c, dialler.Finish).State, dialler.CampaignCompleted)
		w.do(c, dialler.Restart)
		w.leased(n, c)
	}},
	{"a later analysis does not undo an operator's cancellation", func(w *world) {
		c := w.campaign("c")
		w.people(c, 1)
		made := w.promised(c)
		w.intervene(made.Contact, dialler.Intervention{Kind: dialler.CancelCallback})
		r, err := w.s.Hear(w.ctx, made.Call, later("2 hours", "again"), w.now())
		w.must(err)
		w.eq("ruling", []any{r.Duplicate, r.Callback.State}, []any{true, dialler.CallbackCancelled})
		w.none(c)
		w.audit()
	}},
	{"a callback is moved, and keeps what was first promised", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 1)
		made := w.promised(c)
		to := w.now().Add(3 * time.Hour)
		w.drain()
		done := w.intervene(made.Contact, dialler.Intervention{Kind: dialler.MoveCallback, By: "ops", To: to})
		w.eq("woken", w.woken(), true)
		w.eq("due", []any{done.Contact.Due.Equal(to), done.Contact.Callback.Due.Equal(to), done.Callback.Due.Equal(to), done.Clipped}, []any{true, true, true, false})
		w.eq("scheduled", done.Callback.Scheduled, made.Callback.Scheduled)
		w.movedTo(*done.Callback)
		w.intervene(made.Contact, dialler.Intervention{Kind: dialler.MoveCallback, To: to}) // where it is already: nothing to tell
		w.movedTo(*done.Callback)
		ct := w.contact(c, n[0])
		w.eq("contact", []any{ct.State, ct.Due.Equal(to), ct.Callback.Due.Equal(to), len(ct.Callback.Trace) > len(made.Callback.Trace)}, []any{dialler.CallbackScheduled, true, true, true})
		next, err := w.s.NextCallback(w.ctx, c.ID)
		w.must(err)
		w.eq("next", next.Equal(to), true)
		w.audit()
		w.pass(2 * time.Hour)
		w.none(c)
		w.pass(time.Hour + time.Minute)
		l := w.leased(n, c)[0]
		w.eq("class", l.Attempt.Class, dialler.ClassCallback)
	}},
	{"a callback is moved by words, read as said now", func(w *world) {
		c := w.campaign("c")
		w.people(c, 1)
		made := w.promised(c)
		done := w.intervene(made.Contact, dialler.Intervention{Kind: dialler.MoveCallback, Words: "2 ghante baad"})
		w.near("due", done.Callback.Due, w.now().Add(2*time.Hour))
		before := w.contacts(c)
		for _, i := range []dialler.Intervention{{Words: "the colour blue"}, {}, {Words: "kal", To: w.now().Add(time.Hour)}, {To: w.now().Add(-time.Minute)}, {To: w.now().Add(9000 * time.Hour)}} {
			i.Kind = dialler.MoveCallback
			_, err := w.s.Intervene(w.ctx, made.Contact, i, w.now())
			var field *dialler.FieldError
			if !errors.As(err, &field) || field.Field != "to" {
				w.Fatalf("%+v: %v", i, err)
			}
		}
		if after := w.contacts(c); !reflect.DeepEqual(after, before) {
			w.Fatalf("contacts %+v, want %+v", after, before)
		}
		w.audit()
	}},
	{"a callback dialled now is due now", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 1)
		made := w.promised(c)
		w.none(c)
		done := w.intervene(made.Contact, dialler.Intervention{Kind: dialler.DialNow, By: "ops"})
		w.near("due", done.Callback.Due, w.now())
		w.eq("ahead", done.Contact.Ahead, false)
		w.movedTo(*done.Callback)
		w.intervene(made.Contact, dialler.Intervention{Kind: dialler.DialNow}) // it is due: nothing to tell
		w.movedTo(*done.Callback)
		more := w.people(c, 1)
		w.leased([]dialler.Number{n[0], more[0]}, c)
		w.audit()
	}},
	{"a contact dialled now goes ahead of the whole list, in every campaign", func(w *world) {
		a, b := w.campaign("a"), w.campaign("b")
		n, other := w.people(a, 4), w.people(b, 2)
		third := w.contact(a, n[2])
		done := w.intervene(third.ID, dialler.Intervention{Kind: dialler.DialNow})
		w.eq("contact", []any{done.Contact.State, done.Contact.Ahead, done.Contact.Due.IsZero()}, []any{dialler.Pending, true, true})
		w.eq("read", w.contact(a, n[2]).Ahead, true)
		w.leased([]dialler.Number{n[2]}, a, b)
		work, err := w.s.Running(w.ctx, w.now())
		w.must(err)
		w.eq("waiting", []any{work[0].Waiting, work[1].Waiting}, []any{3, 2})
		last := w.contact(b, other[1])
		w.intervene(last.ID, dialler.Intervention{Kind: dialler.DialNow})
		ls := w.lease(1, a, b)
		w.eq("then", called(ls), []dialler.Number{other[1]})
		w.eq("due", ls[0].Attempt.Due.IsZero(), true)
		st := w.settle(ls[0], dialler.Busy)
		w.eq("a retry is none that goes ahead", []any{st.Contact.State, st.Contact.Ahead}, []any{dialler.RetryScheduled, false})
		w.audit()
	}},
	{"a retry dialled now goes ahead of those never rung, a due callback before it", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 1)
		w.promised(c)
		w.people(c, 1)
		busy := w.one(c)
		w.settle(busy, dialler.Busy)
		fresh := w.people(c, 2)
		w.intervene(busy.Contact.ID, dialler.Intervention{Kind: dialler.DialNow})
		w.eq("state", w.state(c, busy.Attempt.Number), dialler.Pending)
		w.pass(2 * time.Hour)
		ls := w.leased([]dialler.Number{n[0], busy.Attempt.Number, fresh[0]}, c)
		w.eq("attempt", ls[1].Attempt.N, 2)
		w.audit()
	}},
	{"one put ahead whose lease is withdrawn stays ahead, unless it is to wait", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 3)
		id := w.contact(c, n[1]).ID
		w.intervene(id, dialler.Intervention{Kind: dialler.DialNow})
		w.must(w.s.Withdraw(w.ctx, w.leased(n[1:2], c)[0], time.Time{}, w.now()))
		w.eq("ahead", w.contact(c, n[1]).Ahead, true)
		w.must(w.s.Withdraw(w.ctx, w.leased(n[1:2], c)[0], w.now().Add(time.Hour), w.now()))
		w.eq("ahead", w.contact(c, n[1]).Ahead, false)
		w.leased([]dialler.Number{n[0], n[2]}, c)
		w.audit()
	}},
	{"a callback asked for late takes the place of being ahead", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 1)
		l := w.one(c)
		w.settle(l, dialler.Busy)
		w.intervene(l.Contact.ID, dialler.Intervention{Kind: dialler.DialNow})
		w.hear(l, later("1 hour", ""))
		ct := w.contact(c, n[0])
		w.eq("contact", []any{ct.State, ct.Ahead, ct.Due.Equal(ct.Callback.Due)}, []any{dialler.CallbackScheduled, false, true})
		w.none(c)
		w.audit()
	}},
	{"what cannot be done is refused in a sentence, and nothing is written", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 2)
		cancel, move, dial := dialler.Intervention{Kind: dialler.CancelCallback}, dialler.Intervention{Kind: dialler.MoveCallback, Words: "1 hour"}, dialler.Intervention{Kind: dialler.DialNow}
		says := func(id dialler.ContactID, want string, is ...dialler.Intervention) {
			w.Helper()
			for _, i := range is {
				if why := w.refused(id, i); !strings.Contains(why, want) {
					w.Fatalf("%s: %q, want %q", i.Kind, why, want)
				}
			}
		}
		id := w.contact(c, n[0]).ID
		says(id, "No callback waits", cancel, move)
		l := w.one(c)
		says(id, "being dialled", cancel, move, dial)
		w.settle(l, dialler.Answered)
		says(id, "conversation was held", dial)
		r := w.hear(l, later("1 hour", ""))
		w.eq("verdict", r.Verdict, dialler.RulingScheduled)
		w.do(c, dialler.Pause)
		says(id, "paused", dial)
		w.intervene(id, move) // it may be moved while the campaign is paused
		w.do(c, dialler.Resume)
		w.must(w.s.Exclude(w.ctx, n[1:], w.now()))
		says(w.contact(c, n[1]).ID, "do-not-call", dial)
		w.audit()
		_, err := w.s.Intervene(w.ctx, id+1000, dial, w.now())
		w.is(err, dialler.ErrNotFound)
		_, err = w.s.Intervene(w.ctx, id, dialler.Intervention{Kind: "hop"}, w.now())
		var field *dialler.FieldError
		w.eq("an unknown kind", errors.As(err, &field) && field.Field == "kind", true)
	}},
}
