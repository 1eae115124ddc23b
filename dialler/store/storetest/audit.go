package storetest

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"ringback/dialler"
)

// Audit fails the test where the counters, the lists and the outbox of a store
// that nobody uses right now disagree.
func Audit(t *testing.T, s dialler.Store) {
	t.Helper()
	(&world{T: t, s: s, ctx: t.Context()}).audit()
}

// audit counts every campaign anew from its lists, and fails the test where
// the counters or the outbox say otherwise, or a promise of DESIGN §5 that can
// be read from the lists is broken.
func (w *world) audit() {
	w.Helper()
	cs, err := w.s.Campaigns(w.ctx)
	w.must(err)
	live := map[dialler.Number]dialler.CallID{}
	made, over := w.told()
	for _, c := range cs {
		w.auditOne(c, live, made, over)
	}
	if len(made) > 0 || len(over) > 0 {
		w.Fatalf("I5: messages of callbacks that are nowhere: %v %v", made, over)
	}
}

// told reads of which callbacks the outbox tells: that they were made, and
// that they are over and how.
func (w *world) told() (made map[dialler.CallbackID]bool, over map[dialler.CallbackID]dialler.CallbackMessage) {
	w.Helper()
	made, over = map[dialler.CallbackID]bool{}, map[dialler.CallbackID]dialler.CallbackMessage{}
	for _, m := range w.outbox(dialler.CallbackMade) {
		b := body[dialler.CallbackMessage](w, m)
		if made[b.Callback] {
			w.Fatalf("I11: callback %d was told twice", b.Callback)
		}
		made[b.Callback] = true
	}
	for _, m := range w.outbox(dialler.CallbackOver) {
		b := body[dialler.CallbackMessage](w, m)
		if _, twice := over[b.Callback]; twice {
			w.Fatalf("I5: the end of callback %d was told twice", b.Callback)
		}
		over[b.Callback] = b
	}
	return made, over
}

func body[T any](w *world, m dialler.Message) (b T) {
	w.Helper()
	if err := json.Unmarshal(m.Body, &b); err != nil {
		w.Fatalf("message %d (%s): %v", m.ID, m.Kind, err)
	}
	return b
}

// allCalls pages through a campaign's calls, a few at a time.
func (w *world) allCalls(c dialler.Campaign, f dialler.CallFilter) []dialler.Call {
	w.Helper()
	var out []dialler.Call
	q := dialler.CallQuery{Campaign: c.ID, Filter: f, Limit: 9}
	for {
		page, next, err := w.s.Calls(w.ctx, q)
		w.must(err)
		out = append(out, page...)
		if next == "" {
			return out
		}
		if len(page) != q.Limit {
			w.Fatalf("a page of %d calls, with more to come, has %d", q.Limit, len(page))
		}
		q.After = next
	}
}

func (w *world) auditOne(c dialler.Campaign, live map[dialler.Number]dialler.CallID, made map[dialler.CallbackID]bool, over map[dialler.CallbackID]dialler.CallbackMessage) {
	w.Helper()
	got := w.counters(c)
	want := dialler.Counters{
		Contacts: map[dialler.ContactState]int{}, Dispositions: map[dialler.Disposition]int{},
		Callbacks: map[dialler.CallbackState]int{}, Closed: map[dialler.CloseReason]int{}, Refused: map[dialler.RefusalReason]int{},
	}
	dialling := map[dialler.ContactID]bool{}
	promises := map[dialler.CallbackID]dialler.Callback{}
	var delay time.Duration
	for _, call := range append(w.allCalls(c, dialler.AllCalls), w.pruned[c.ID]...) {
		want.Attempts++
		if call.Live() {
			want.Live++
			if other, twice := live[call.Number]; twice {
				w.Fatalf("I1: %s is rung by %s and %s", call.Number, other, call.ID)
			}
			live[call.Number] = call.ID
			dialling[call.Attempt.Contact] = true
		} else {
			want.Dispositions[call.Disposition]++
			if call.Disposition == dialler.Answered && !call.Joined.IsZero() {
				want.Talk += max(call.Ended.Sub(call.Joined), 0)
			}
		}
		if call.Ruling.Refused != "" {
			want.Refused[call.Ruling.Refused]++
		}
		if cb := call.Ruling.Callback; cb != nil {
			promises[cb.ID] = *cb
			want.Requested++
			want.Callbacks[cb.State]++
			if cb.Why != "" {
				want.Closed[cb.Why]++
			}
			delay += cb.Delay()
		}
	}
	for _, ct := range w.contacts(c) {
		want.Contacts[ct.State]++
		if (ct.State == dialler.Dialling) != dialling[ct.ID] {
			w.Fatalf("contact %d is %s, and its live calls say otherwise", ct.ID, ct.State)
		}
		switch owed := ct.Callback; {
		case owed == nil && ct.State == dialler.CallbackScheduled:
			w.Fatalf("I5: contact %d is %s with no callback", ct.ID, ct.State)
		case owed != nil && ct.State != dialler.CallbackScheduled && ct.State != dialler.Dialling:
			w.Fatalf("I5: contact %d is %s and still owed callback %d", ct.ID, ct.State, owed.ID)
		case owed != nil:
			if !reflect.DeepEqual(promises[owed.ID], *owed) {
				w.Fatalf("I5: contact %d is owed %+v, its call says %+v", ct.ID, *owed, promises[owed.ID])
			}
			delete(promises, owed.ID)
			w.toldOf(*owed, made, over)
		}
		if c.State == dialler.CampaignCompleted && ct.State.Waiting() {
			w.Fatalf("contact %d is %s in a campaign that is over", ct.ID, ct.State)
		}
	}
	for _, cb := range promises { // those nobody is owed any more
		if cb.State == dialler.CallbackWaiting {
			w.Fatalf("I5: callback %d is %s and its contact does not know", cb.ID, cb.State)
		}
		w.toldOf(cb, made, over)
	}
	if want.Requested > 0 {
		want.AvgDelay = delay / time.Duration(want.Requested)
	}
	if (got.AvgDelay - want.AvgDelay).Abs() > time.Microsecond {
		w.Fatalf("I5: campaign %s: average delay is %v, counted %v", c.Name, got.AvgDelay, want.AvgDelay)
	}
	got.AvgDelay = want.AvgDelay
	for _, m := range []any{got.Contacts, got.Dispositions, got.Callbacks, got.Closed, got.Refused} {
		dropZeros(reflect.ValueOf(m))
	}
	if !reflect.DeepEqual(got, want) {
		w.Fatalf("I5: campaign %s: counters are\n%+v, counted\n%+v", c.Name, got, want)
	}
}

// toldOf strikes a callback from what the outbox told of, and fails the test
// if it told something else.
func (w *world) toldOf(cb dialler.Callback, made map[dialler.CallbackID]bool, over map[dialler.CallbackID]dialler.CallbackMessage) {
	w.Helper()
	if !made[cb.ID] {
		w.Fatalf("I5: nobody was told of callback %d", cb.ID)
	}
	m, ended := over[cb.ID]
	if ended != (cb.State != dialler.CallbackWaiting) || ended && (m.State != cb.State || m.Why != cb.Why) {
		w.Fatalf("I5: callback %d is %s %s; told: %v %s %s", cb.ID, cb.State, cb.Why, ended, m.State, m.Why)
	}
	delete(made, cb.ID)
	delete(over, cb.ID)
}

func dropZeros(m reflect.Value) {
	for _, k := range m.MapKeys() {
		if m.MapIndex(k).IsZero() {
			m.SetMapIndex(k, reflect.Value{})
		}
	}
}
