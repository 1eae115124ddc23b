package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"ringback/callback"
	"ringback/dialler"
)

// Mark is as [dialler.Ledger] says.
func (b *Book) Mark(ctx context.Context, l dialler.Lease, o dialler.Outcome) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	e, err := b.held(l)
	if err != nil {
		return err
	}
	mark := dialler.Outcome{Rang: o.Rang, Answered: o.Answered, Joined: o.Joined, Machine: o.Machine}
	e.Outcome = merge(e.Outcome, mark)
	return nil
}

// merge returns what was marked, under what is told at the end.
func merge(marked, o dialler.Outcome) dialler.Outcome {
	keep := func(to *time.Time, was time.Time) {
		if to.IsZero() {
			*to = was
		}
	}
	keep(&o.Rang, marked.Rang)
	keep(&o.Answered, marked.Answered)
	keep(&o.Joined, marked.Joined)
	if o.Machine == "" {
		o.Machine = marked.Machine
	}
	return o
}

// Withdraw is as [dialler.Ledger] says.
func (b *Book) Withdraw(ctx context.Context, l dialler.Lease, notBefore, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	e, err := b.held(l)
	if err != nil {
		return err
	}
	b.drop(e)
	b.calls = slices.DeleteFunc(b.calls, func(o *entry) bool { return o == e })
	b.heard = slices.DeleteFunc(b.heard, func(o *entry) bool { return o == e })
	ct := b.contacts[e.Contact-1]
	r, closed := b.record(ct).Withdraw(notBefore, now)
	*ct = r.Contact
	b.put(closed)
	b.ruleDeferred(ct, now)
	b.rouse()
	return nil
}

// put writes what became of a callback, and tells of its end.
func (b *Book) put(cb *dialler.Callback) {
	if cb == nil {
		return
	}
	*b.callbacks[cb.ID-1] = *cb
	if cb.State != dialler.CallbackWaiting {
		b.post(dialler.NewCallbackMessage(dialler.CallbackOver, *b.campaigns[cb.Campaign-1], *b.contacts[cb.Contact-1], *cb, nil, cb.Closed))
	}
}

func (b *Book) post(m dialler.Message) {
	m.ID = int64(len(b.outbox) + 1)
	b.outbox = append(b.outbox, m)
}

// Settle is as [dialler.Ledger] says.
func (b *Book) Settle(ctx context.Context, l dialler.Lease, o dialler.Outcome) (out dialler.Settlement, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return out, err
	}
	if o.Ended.IsZero() || o.Disposition == "" {
		return out, fmt.Errorf("settle call %s: the outcome has no end or no disposition", l.Attempt.ID)
	}
	e, err := b.held(l)
	if err != nil {
		return out, err
	}
	e.Outcome = merge(e.Outcome, o)
	b.drop(e)
	ct := b.contacts[e.Contact-1]
	r, cb := b.record(ct).Settle(e.Attempt)
	*ct = r.Contact
	b.post(dialler.NewCallMessage(*b.campaigns[e.Campaign-1], e.Attempt, *ct))
	b.put(cb)
	if ct.Callback != nil {
		ct.Callback = b.callbacks[ct.Callback.ID-1]
	}
	out.Callback = cb
	out.Rulings = b.ruleDeferred(ct, e.Ended)
	out.Contact = clone(ct)
	b.rouse()
	return out, nil
}

// Hear is as [dialler.Ledger] says.
func (b *Book) Hear(ctx context.Context, id dialler.CallID, an callback.Analysis, now time.Time) (dialler.Ruling, error) {
	body, err := an.Body()
	if err != nil {
		return dialler.Ruling{}, fmt.Errorf("hear call %s: %w", id, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return dialler.Ruling{}, err
	}
	e := b.call(id)
	if e == nil {
		return dialler.Ruling{}, fmt.Errorf("call %s: %w", id, dialler.ErrNoCall)
	}
	if e.heard != nil {
		same := sameJSON(e.body, body)
		again := copied(e.ruling)
		again.Duplicate = same || again.Verdict == dialler.RulingScheduled
		if again.Duplicate || again.Verdict == dialler.RulingDeferred {
			if !same {
				e.heard, e.heardAt, e.body = &an, now, body
				if again.Duplicate {
					b.tell(e, again, now)
				}
			}
			return again, nil
		}
	} else {
		b.heard = append(b.heard, e)
	}
	e.heard, e.heardAt, e.body = &an, now, body
	ct := b.contacts[e.Contact-1]
	if b.ringing(ct) {
		e.ruling = dialler.Ruling{Call: id, Contact: ct.ID, Verdict: dialler.RulingDeferred}
		return e.ruling, nil
	}
	return copied(b.rule(e, ct, now)), nil
}

// sameJSON reports whether two records say the same, however they are spaced
// and ordered.
func sameJSON(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var v, w any
	return json.Unmarshal(a, &v) == nil && json.Unmarshal(b, &w) == nil && reflect.DeepEqual(v, w)
}

func copied(r dialler.Ruling) dialler.Ruling {
	if r.Callback != nil {
		cb := *r.Callback
		r.Callback = &cb
	}
	return r
}

// ruleDeferred rules on the analyses that waited for ct to be rung no more.
func (b *Book) ruleDeferred(ct *dialler.Contact, now time.Time) (out []dialler.Ruling) {
	for _, e := range b.heard {
		if e.Contact == ct.ID && e.ruling.Verdict == dialler.RulingDeferred {
			at := now
			if e.heardAt.After(at) {
				at = e.heardAt
			}
			out = append(out, copied(b.rule(e, ct, at)))
		}
	}
	return out
}

func (b *Book) rule(e *entry, ct *dialler.Contact, now time.Time) dialler.Ruling {
	var kept *dialler.Callback
	if e.Callback != 0 {
		cb := *b.callbacks[e.Callback-1]
		kept = &cb
	}
	r, ruling := b.record(ct).Hear(e.Attempt, kept, *e.heard, b.words, now)
	if cb := ruling.Callback; cb == nil {
		b.tell(e, ruling, now)
	} else {
		cb.ID = dialler.CallbackID(len(b.callbacks) + 1) // r.Contact.Callback, where it waits, is the same one
		b.callbacks = append(b.callbacks, cb)
		*ct = r.Contact
		b.tell(e, ruling, now)
		b.post(dialler.NewCallbackMessage(dialler.CallbackMade, r.Campaign, *ct, *cb, e.body, now))
		b.put(cb)
		b.rouse()
	}
	c := b.campaigns[ct.Campaign-1]
	c.State, c.Ended = r.Campaign.State, r.Campaign.Ended
	e.ruling = ruling
	return ruling
}

// tell tells of an analysis and of what was ruled on it.
func (b *Book) tell(e *entry, ruling dialler.Ruling, at time.Time) {
	ct := b.contacts[e.Contact-1]
	b.post(dialler.NewAnalysisMessage(*b.campaigns[ct.Campaign-1], e.Attempt, *ct, ruling, e.body, at))
}

// Transition is as [dialler.Ledger] says.
func (b *Book) Transition(ctx context.Context, id dialler.CampaignID, what dialler.CampaignEvent, now time.Time) (dialler.Campaign, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return dialler.Campaign{}, err
	}
	c, err := b.campaign(id)
	if err != nil {
		return dialler.Campaign{}, err
	}
	next, err := c.Apply(what, now)
	if err != nil {
		return *c, err
	}
	if what == dialler.Finish {
		for _, ct := range b.contacts {
			if ct.Campaign == id && (ct.State.Waiting() || b.ringing(ct)) {
				return *c, nil
			}
		}
	}
	*c = next
	if s, why, ok := what.Cancels(); ok {
		b.cancel(s, why, now, func(ct *dialler.Contact) bool { return ct.Campaign == id })
	}
	if what == dialler.Restart {
		for _, ct := range b.contacts {
			if ct.Campaign != id || ct.State == dialler.Completed || ct.State == dialler.ExcludedContact {
				continue
			}
			ct.Attempts = 0
			switch {
			case ct.State.Waiting():
			case b.excluded[ct.Number]:
				ct.State = dialler.ExcludedContact
			default:
				ct.State, ct.Due = dialler.Pending, time.Time{}
			}
		}
	}
	b.rouse()
	return *c, nil
}

// cancel moves the contacts that wait and are meant to s.
func (b *Book) cancel(s dialler.ContactState, why dialler.CloseReason, now time.Time, meant func(*dialler.Contact) bool) {
	for _, ct := range b.contacts {
		if !meant(ct) || !ct.State.Waiting() || b.ringing(ct) {
			continue
		}
		if cb := ct.Callback; cb != nil {
			over := *cb
			over.State, over.Why, over.Closed = dialler.CallbackCancelled, why, now
			b.put(&over)
		}
		ct.State, ct.Due, ct.Ahead, ct.Callback = s, time.Time{}, false, nil
	}
}
