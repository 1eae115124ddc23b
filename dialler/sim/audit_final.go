package sim

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"ringback/dialler"
)

// final checks what the store says in the end.
func (r *record) final(ctx context.Context, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fail := func(err error) bool {
		if err != nil {
			r.violated("store", "%v", err)
		}
		return err != nil
	}
	cs, err := r.base.Campaigns(ctx)
	if fail(err) {
		return
	}
	var contacts []dialler.Contact
	for _, c := range cs {
		list, err := r.base.Contacts(ctx, c.ID, 0, 1000)
		if fail(err) {
			return
		}
		contacts = append(contacts, list...)
	}
	kept := map[dialler.CallID]dialler.Call{}
	for _, c := range cs {
		calls, err := allCalls(ctx, r.base, c.ID)
		if fail(err) {
			return
		}
		for _, call := range calls {
			kept[call.Attempt.ID] = call
		}
		r.counted(ctx, c, calls, contacts)
	}
	for _, h := range r.order {
		r.accounted(h, kept)
	}
	for id, hs := range r.asked {
		r.answered(kept[id], hs)
	}
	for _, ct := range contacts {
		r.stuck(ct, cs[ct.Campaign-1], kept, now)
	}
}

func allCalls(ctx context.Context, s dialler.Store, id dialler.CampaignID) (out []dialler.Call, err error) {
	for q := (dialler.CallQuery{Campaign: id, Limit: 100}); ; {
		page, next, err := s.Calls(ctx, q)
		if err != nil {
			return nil, err
		}
		if out = append(out, page...); next == "" {
			return out, nil
		}
		q.After = next
	}
}

// accounted checks that what was rung is written down.
func (r *record) accounted(h *history, kept map[dialler.CallID]dialler.Call) {
	who := r.who(h.lease.Attempt.Number)
	call, ok := kept[h.lease.Attempt.ID]
	switch {
	case ok != h.withdrawn.IsZero():
		r.violated("I2", "%s: call %s is in the store: %v; it was withdrawn: %v", who, h.lease.Attempt.ID, ok, !h.withdrawn.IsZero())
	case ok && call.Attempt.Live() != h.settled.IsZero():
		r.violated("I7", "%s: call %s is live: %v; it was settled: %v", who, call.Attempt.ID, call.Attempt.Live(), !h.settled.IsZero())
	case ok && !call.Attempt.Live() && call.Disposition != h.outcome.Disposition:
		r.violated("I7", "%s: call %s was settled %s; it now says %s", who, call.Attempt.ID, h.outcome.Disposition, call.Disposition)
	}
}

// answered checks that every analysis has had its answer, and one only.
func (r *record) answered(call dialler.Call, hs []heard) {
	who := r.who(call.Number)
	wants := hs[0].an.Requested
	if len(call.Analysis) == 0 {
		r.violated("I5", "%s: the analysis of call %s is not there", who, call.Attempt.ID)
	}
	switch v := call.Ruling.Verdict; v {
	case dialler.RulingScheduled:
		if !wants || call.Ruling.Callback == nil {
			r.violated("I5", "%s: asked: %v; scheduled: %+v", who, wants, call.Ruling.Callback)
		}
	case dialler.RulingRefused, dialler.RulingNone:
		if wants != (v == dialler.RulingRefused) {
			r.violated("I5", "%s: asked: %v; the ruling is %s", who, wants, v)
		}
	case dialler.RulingDeferred:
		if call.Contact.State != dialler.Dialling {
			r.violated("I5", "%s: nobody rings, and the request of call %s still waits", who, call.Attempt.ID)
		}
	default:
		r.violated("I5", "%s: call %s has no ruling", who, call.Attempt.ID)
	}
	var made dialler.CallbackID
	for _, h := range hs {
		if cb := h.ruling.Callback; cb != nil {
			if made != 0 && made != cb.ID {
				r.violated("I11", "%s: the analysis of call %s made callbacks %d and %d", who, call.Attempt.ID, made, cb.ID)
			}
			made = cb.ID
		}
	}
}

// counted checks a campaign's counters against its lists (I5).
func (r *record) counted(ctx context.Context, c dialler.Campaign, calls []dialler.Call, contacts []dialler.Contact) {
	got, err := r.base.Counters(ctx, c.ID)
	if err != nil {
		r.violated("store", "%v", err)
		return
	}
	want := dialler.Counters{
		Contacts: map[dialler.ContactState]int{}, Dispositions: map[dialler.Disposition]int{},
		Callbacks: map[dialler.CallbackState]int{}, Closed: map[dialler.CloseReason]int{}, Refused: map[dialler.RefusalReason]int{},
	}
	promises := map[dialler.CallbackID]dialler.Callback{}
	asked := map[dialler.CallID]bool{}
	var delay time.Duration
	for _, call := range calls {
		want.Attempts++
		if call.Attempt.Live() {
			want.Live++
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
			if _, twice := promises[cb.ID]; twice || asked[cb.AskedOn] {
				r.violated("I11", "callback %d is there twice", cb.ID)
			}
			promises[cb.ID], asked[cb.AskedOn] = *cb, true
			want.Requested++
			want.Callbacks[cb.State]++
			if cb.Why != "" {
				want.Closed[cb.Why]++
			}
			delay += cb.Delay()
			final := cb.State != dialler.CallbackWaiting
			if final == cb.Closed.IsZero() || (cb.Why != "") != (cb.State == dialler.CallbackClosed || cb.State == dialler.CallbackCancelled) {
				r.violated("I5", "callback %d is %s, closed at %s, because %q", cb.ID, cb.State, r.clock(cb.Closed), cb.Why)
			}
			if told := r.ended[cb.ID]; final != (told != "") || final && told != cb.State {
				r.violated("I5", "callback %d is %s; the outbox told of %q", cb.ID, cb.State, told)
			}
			limit := map[bool]int{true: 5, false: max(c.MaxCallbackReschedules, 0)}[c.MaxCallbackReschedules == 0]
			if cb.Chain > limit+1 {
				r.violated("I4", "callback %d is the %dth of its chain; %d may follow the first", cb.ID, cb.Chain, limit)
			}
		}
	}
	for _, ct := range contacts {
		if ct.Campaign != c.ID {
			continue
		}
		want.Contacts[ct.State]++
		switch owed := ct.Callback; {
		case (ct.State == dialler.CallbackScheduled) && owed == nil, owed != nil && ct.State != dialler.CallbackScheduled && ct.State != dialler.Dialling:
			r.violated("I5", "%s is %s, and is owed %+v", r.who(ct.Number), ct.State, owed)
		case owed != nil:
			if promises[owed.ID].State != dialler.CallbackWaiting {
				r.violated("I5", "%s is owed callback %d, which is %s", r.who(ct.Number), owed.ID, promises[owed.ID].State)
			}
			delete(promises, owed.ID)
		}
		if c.State == dialler.CampaignCompleted && ct.State.Waiting() {
			r.violated("I5", "%s waits (%s) in campaign %s, which is over", r.who(ct.Number), ct.State, c.Name)
		}
	}
	for _, cb := range promises {
		if cb.State == dialler.CallbackWaiting {
			r.violated("I5", "callback %d waits, and its contact does not know", cb.ID)
		}
	}
	if want.Requested > 0 {
		want.AvgDelay = delay / time.Duration(want.Requested)
	}
	if d := got.AvgDelay - want.AvgDelay; d.Abs() <= time.Microsecond {
		got.AvgDelay = want.AvgDelay
	}
	for _, m := range []any{got.Contacts, got.Dispositions, got.Callbacks, got.Closed, got.Refused} {
		v := reflect.ValueOf(m)
		for _, k := range v.MapKeys() {
			if v.MapIndex(k).IsZero() {
				v.SetMapIndex(k, reflect.Value{})
			}
		}
	}
	if !reflect.DeepEqual(got, want) {
		r.violated("I5", "the counters of %s are\n%+v; counted\n%+v", c.Name, got, want)
	}
}

// stuck checks that nobody was forgotten: whoever is due long since, with
// nothing against it, should have been rung.
func (r *record) stuck(ct dialler.Contact, c dialler.Campaign, kept map[dialler.CallID]dialler.Call, now time.Time) {
	const long = 6 * time.Minute
	for _, call := range kept {
		if call.Attempt.Live() && now.Sub(call.Leased) > 2*time.Hour {
			r.violated("I5", "call %s to %s is not settled after %v", call.Attempt.ID, r.who(call.Number), now.Sub(call.Leased))
		}
	}
	if !ct.State.Waiting() || c.State != dialler.CampaignRunning || now.Sub(ct.Due) < long || now.Sub(r.changed[c.ID]) < long || now.Sub(ct.Added) < long {
		return
	}
	for at := now.Add(-long); at.Before(now); at = at.Add(10 * time.Second) {
		if !c.Window.Contains(at) {
			return
		}
	}
	bot, trunk := r.bot(c.Bot), r.trunk(c.Trunk)
	for _, h := range r.order {
		a := h.lease.Attempt
		over := h.settled
		if !h.withdrawn.IsZero() {
			over = h.withdrawn
		}
		if (over.IsZero() || now.Sub(over) < long) && (a.Campaign == c.ID || a.Number == ct.Number || bot.Capacity > 0 && a.Bot == c.Bot || a.Trunk == c.Trunk && (trunk.Channels > 0 || trunk.CPS > 0)) {
			return // somebody else had the seat, the line or the phone
		}
	}
	r.violated("I5", "%s (%s, campaign %s) has been due since %s, and nothing stands against it", r.who(ct.Number), ct.State, c.Name, r.clock(ct.Due))
}

// verdict is what the auditor has to say, empty if nothing.
func (r *record) verdict() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.wrong) == 0 {
		return ""
	}
	s := fmt.Sprintf("%d violations:", len(r.wrong))
	for i, w := range r.wrong {
		if i == 10 {
			s += "\n  …"
			break
		}
		s += "\n  " + w
	}
	return s
}
