package dialler

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A ring is one call in progress: the goroutine that owns its state machine,
// and the means to act on its orders.
type ring struct {
	loop  *Loop
	sw    Switch
	lease Lease // guarded by loop.mu: the renewer replaces it
	inbox *inbox
	lost  chan struct{} // closed when the lease is lost

	clear Clearance // campaign, bot and trunk as they were at the moment of dialling
	call  *call
}

// Waits between asking the switch about a call and asking again.
const (
	askAgain  = time.Second     // it could not say
	sureAfter = 2 * time.Second // a call it does not know may still be on its way in
)

// place rings the contact, and sees the call through to its end.
func (r *ring) place(ctx context.Context) {
	defer r.loop.release(r)
	at := r.loop.attempt(r)

	err := r.loop.retry(ctx, "clear", r, func() (err error) {
		r.clear, err = r.loop.store.Clear(ctx, r.loop.held(r))
		return err
	})
	if err != nil {
		return // the process ends; the attempt is adrift
	}
	now := time.Now()
	refused := r.clear.Refuse(now)
	if refused == "" && !now.Before(r.loop.held(r).Trusted) {
		refused = "the lease was about to lapse"
	}
	if refused != "" {
		r.withdraw(ctx, refused, nil)
		return
	}

	c := r.clear.Campaign.WithDefaults()
	r.call = newCall(c, now)
	r.loop.tell(Happening{Kind: HasOriginated, Switch: at.Switch, Lease: r.loop.held(r), Late: now.Sub(dueSince(at))})
	err = r.sw.Originate(ctx, Origination{
		ID: at.ID, Number: at.Number, CallerID: c.CallerID, Trunk: r.clear.Trunk,
		RingTimeout: c.RingTimeout, Screen: c.Screen,
	})
	var refusal *RefusedError
	switch {
	case err == nil:
	case errors.As(err, &refusal):
		r.obey(ctx, r.call.end(time.Now(), refusal.Disposition, refusal.Cause))
		return
	case errors.Is(err, ErrDown):
		r.withdraw(ctx, "the switch is away", err)
		return
	default: // perhaps it rings: ask before anything else
		r.trouble("originate", err)
		if !r.find(ctx) {
			return
		}
	}
	r.see(ctx)
}

// resume takes up a call from before a crash, and sees it through.
func (r *ring) resume(ctx context.Context) {
	defer r.loop.release(r)
	at := r.loop.attempt(r)
	err := r.loop.retry(ctx, "clear", r, func() (err error) {
		r.clear, err = r.loop.store.Clear(ctx, r.loop.held(r))
		return err
	})
	if err != nil {
		return
	}
	r.call = newCall(r.clear.Campaign, time.Now())
	r.call.Outcome = at.Outcome
	if !at.Joined.IsZero() {
		r.call.enter(talking, time.Now(), r.call.limits.talk)
	}
	if r.find(ctx) {
		r.see(ctx)
	}
}

// see waits for news and deadlines until the call is over, its lease is lost,
// or the process ends.
func (r *ring) see(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for r.call.phase != over {
		timer.Reset(time.Until(r.call.deadline))
		select {
		case <-ctx.Done():
			return
		case <-r.lost:
			r.loop.tell(Happening{Kind: LeaseLapsed, Switch: r.loop.attempt(r).Switch, Lease: r.loop.held(r)})
			return
		case <-timer.C:
			r.obey(ctx, r.call.expire(time.Now()))
		case <-r.inbox.ready:
			r.read(ctx)
		}
	}
}

// read takes what is in the inbox.
func (r *ring) read(ctx context.Context) {
	for _, ev := range r.inbox.take() {
		r.take(ctx, ev)
	}
}

func (r *ring) take(ctx context.Context, ev Event) {
	switch ev.Kind {
	case LinkDown:
	case LinkUp: // something may have been missed
		r.obey(ctx, []order{ask})
	default:
		orders := r.call.hear(ev, time.Now())
		if len(orders) == 0 || orders[0] != settle {
			r.report(ev)
		}
		r.obey(ctx, orders)
	}
}

// obey carries orders out. An order that fails is itself news to the call.
func (r *ring) obey(ctx context.Context, orders []order) {
	for len(orders) > 0 {
		o := orders[0]
		orders = orders[1:]
		id := r.loop.attempt(r).ID
		var err error
		var then []order
		switch o {
		case connect:
			if err = r.sw.Connect(ctx, id, r.handover()); err != nil {
				then = r.call.hear(Event{Kind: BotFailed, Call: id, At: time.Now(), Reason: err.Error()}, time.Now())
			}
		case play:
			if err = r.sw.Play(ctx, id, r.call.limits.apology); err != nil {
				then = r.call.hear(Event{Kind: PlayDone, Call: id, At: time.Now()}, time.Now())
			}
		case hangup:
			err = r.sw.Hangup(ctx, id) // its deadline asks again
		case mark:
			err = r.loop.store.Mark(ctx, r.loop.held(r), r.call.Outcome)
		case ask:
			var s Sighting
			if s, err = r.sw.Find(ctx, id); err == nil {
				if !s.Found { // how it ended may have been told already
					r.read(ctx)
				}
				then = r.call.resume(s, time.Now())
			} else if !errors.Is(err, ErrDown) { // when it is down, LinkUp will ask
				time.AfterFunc(askAgain, func() { r.inbox.put(Event{Kind: LinkUp}) })
			}
		case settle:
			r.settle(ctx)
			return
		}
		if err != nil && ctx.Err() == nil {
			r.trouble(string(o), err)
		}
		orders = append(then, orders...)
	}
}

// find asks the switch, until it can say, whether it has a call that may or
// may not have been placed, and reports whether the call goes on. A call that
// is not there is asked for twice: it may still be on its way in.
func (r *ring) find(ctx context.Context) bool {
	id := r.loop.attempt(r).ID
	absent := false
	for {
		wait := askAgain
		s, err := r.sw.Find(ctx, id)
		switch {
		case err == nil && (s.Found || absent):
			r.obey(ctx, r.call.resume(s, time.Now()))
			return r.call.phase != over
		case err == nil:
			absent, wait = true, sureAfter
		}
		select {
		case <-ctx.Done():
			return false
		case <-r.lost:
			return false
		case <-time.After(wait):
		}
	}
}

func (r *ring) handover() Handover {
	return Handover{
		Bot: r.clear.Bot, Context: NewContext(r.loop.held(r), r.clear.Campaign),
		Timeout: r.call.limits.bot,
	}
}

func (r *ring) settle(ctx context.Context) {
	l := r.loop.held(r)
	var done Settlement
	err := r.loop.retry(ctx, "settle", r, func() (err error) {
		done, err = r.loop.store.Settle(ctx, l, r.call.Outcome)
		return err
	})
	if err != nil {
		return
	}
	l.Attempt.Outcome = r.call.Outcome
	r.loop.tell(Happening{Kind: HasSettled, Switch: l.Attempt.Switch, Lease: l, Settled: done})
}

func (r *ring) withdraw(ctx context.Context, why string, cause error) {
	l := r.loop.held(r)
	var notBefore time.Time
	if cause != nil {
		notBefore = time.Now().Add(askAgain)
	}
	err := r.loop.retry(ctx, "withdraw", r, func() error {
		return r.loop.store.Withdraw(ctx, l, notBefore, time.Now())
	})
	if err == nil {
		r.loop.tell(Happening{Kind: WasWithdrawn, Switch: l.Attempt.Switch, Lease: l, Reason: why, Err: cause})
	}
}

// report tells observers of an event, with the attempt as it now stands.
func (r *ring) report(ev Event) {
	l := r.loop.held(r)
	l.Attempt.Outcome = r.call.Outcome
	r.loop.tell(Happening{Kind: HasNews, Switch: l.Attempt.Switch, Lease: l, Event: ev})
}

func (r *ring) trouble(verb string, err error) {
	at := r.loop.attempt(r)
	r.loop.tell(Happening{Kind: HasTrouble, Switch: at.Switch, Lease: r.loop.held(r), Doing: verb, Err: fmt.Errorf("%s call %s: %w", verb, at.ID, err)})
}

// dueSince is since when the contact has waited to be rung.
func dueSince(a Attempt) time.Time {
	if a.Due.IsZero() {
		return a.Leased
	}
	return a.Due
}
