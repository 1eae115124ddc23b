package dialler

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A ring is one call in progress: the goroutine that owns its state machine,
// and the means to act on its orders.
type ring struct {
	loop  *Loop
	sw    Switch
	lease Lease // guarded by loop.mu: the renewer replaces it
	inbox *inbox
	lost  chan struct{} // closed, by lose, when the lease is lost
	once  sync.Once

	// Of the goroutine alone:
	blind   bool     // the link is down: what cannot be seen is not judged
	finding bool     // find asks, and needs no reminding
	said    []string // analyses that are not in the store yet

	clear Clearance // campaign, bot and trunk as they were at the moment of dialling
	call  *call
}

// Waits between asking the switch about a call and asking again.
const (
	askAgain  = time.Second     // it could not say
	sureAfter = 2 * time.Second // a call it does not know may still be on its way in

	// As sureAfter, of a call that another process may have asked for in the
	// instant before it died: nobody has waited for that answer yet.
	sureOfOthers = 10 * time.Second
)

// place rings the contact, and sees the call through to its end.
func (r *ring) place(ctx context.Context) {
	defer r.loop.release(r)
	at := r.loop.attempt(r)

	refused, ok := r.wait(ctx)
	if !ok {
		return // the process ends; the attempt is adrift
	}
	if refused != "" {
		r.withdraw(ctx, refused, nil)
		return
	}

	now := time.Now()
	c := r.clear.Campaign.WithDefaults()
	r.call = newCall(c, now)
	r.loop.tell(Happening{Kind: HasOriginated, Switch: at.Switch, Lease: r.loop.held(r), Late: now.Sub(dueSince(at))})
	err := r.sw.Originate(ctx, Origination{
		ID: at.ID, Number: at.Number, CallerID: c.CallerID, Trunk: r.clear.Trunk,
		RingTimeout: c.RingTimeout, Screen: c.Screen, Until: r.loop.held(r).Trusted,
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
	case errors.Is(err, ErrLate): // somebody else may stand for it by now
		r.withdraw(ctx, "the lease was about to lapse", err)
		return
	default: // perhaps it rings: ask before anything else
		r.trouble("originate", err)
		if !r.find(ctx, sureAfter) {
			return
		}
	}
	r.see(ctx)
}

// wait looks once more whether the call may be dialled, and waits for its turn;
// after that it looks again, so that nothing lies between the last look and the
// request (I6). It returns why the call may not be dialled, empty if it may,
// and false if it is not to be thought of any more.
func (r *ring) wait(ctx context.Context) (refused string, ok bool) {
	var w waiting
	defer r.loop.paces.leave(&w)
	for n := 0; ; n++ {
		var asked time.Time
		err := r.loop.retry(ctx, "clear", r, func() (err error) {
			asked = time.Now()
			r.clear, err = r.loop.store.Clear(ctx, r.loop.held(r))
			return err
		})
		if err != nil {
			return "", false
		}
		now := time.Now()
		if refused := r.clear.Refuse(now); refused != "" {
			return refused, true
		}
		if !now.Before(r.loop.held(r).Trusted) {
			return "the lease was about to lapse", true
		}
		if r.clear.Paced && now.Sub(asked) > TurnHolds {
			continue // its turn, if it was given one, may be over
		}
		mine, next := r.loop.paces.turn(r.clear, now, &w)
		if mine {
			if n > 0 {
				r.loop.look() // it held back on our behalf
			}
			return "", true
		}
		select {
		case <-ctx.Done():
			return "", false
		case <-time.After(time.Until(next)):
		}
	}
}

// resume takes up a call from before a crash, and sees it through.
func (r *ring) resume(ctx context.Context) {
	defer r.loop.release(r)
	if !r.restore(ctx) {
		return
	}
	at := r.loop.attempt(r)
	sure := sureOfOthers
	if !at.Joined.IsZero() {
		sure = sureAfter // it was there, long since
	}
	if r.find(ctx, sure) {
		r.see(ctx)
	}
}

// restore brings a call from before a crash to where it is known to have come.
func (r *ring) restore(ctx context.Context) bool {
	err := r.loop.retry(ctx, "clear", r, func() (err error) {
		r.clear, err = r.loop.store.Clear(ctx, r.loop.held(r))
		return err
	})
	if err != nil {
		return false
	}
	at := r.loop.attempt(r)
	r.call = newCall(r.clear.Campaign, time.Now())
	r.call.began = at.Leased
	r.call.Outcome = at.Outcome
	if !at.Joined.IsZero() {
		r.call.enter(talking, time.Now(), r.call.limits.talk)
	}
	return true
}

// giveUp settles a call of which nobody can be asked any more: it counts as
// made, and what is known of it as having happened (I3).
func (r *ring) giveUp(ctx context.Context) {
	defer r.loop.release(r)
	if r.restore(ctx) {
		r.obey(ctx, r.call.end(time.Now(), r.call.outcome(gone), Cause{Text: "its node is dead, and no other has its switch to ask"}))
	}
}

// see waits for news and deadlines until the call is over, its lease is lost,
// or the process ends. While the link is down no deadline counts: the customer
// may be talking with the bot, unseen. LinkUp tells.
func (r *ring) see(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for r.call.phase != over {
		expired := timer.C
		if r.blind {
			expired = nil
		}
		timer.Reset(time.Until(r.call.deadline))
		select {
		case <-ctx.Done():
			return
		case <-r.lost:
			r.loop.lapse(r)
			return
		case <-expired:
			r.obey(ctx, r.call.expire(time.Now()))
		case <-r.inbox.ready:
			r.read(ctx)
		}
	}
}

// read takes what is in the inbox, and reports whether any of it was news of
// the call itself.
func (r *ring) read(ctx context.Context) (news bool) {
	for _, ev := range r.inbox.take() {
		if r.call.phase == over && ev.Kind != Analysed {
			continue // the switch said it twice
		}
		news = r.take(ctx, ev) || news
	}
	return news
}

func (r *ring) take(ctx context.Context, ev Event) (news bool) {
	switch ev.Kind {
	case LinkDown:
		r.blind = true
	case LinkUp: // something may have been missed
		r.blind = false
		if !r.finding {
			r.obey(ctx, []order{ask})
		}
	case Analysed:
		r.blind = false
		r.said = append(r.said, ev.Analysis)
		if err := r.hear(ctx); err != nil && ctx.Err() == nil {
			r.trouble("hear", err) // settle tries again
		}
		return true
	default:
		r.blind = false
		orders := r.call.hear(ev, time.Now())
		if r.call.phase != over {
			r.report(ev)
		}
		r.obey(ctx, orders)
		return true
	}
	return false
}

// lose is told that the lease is lost.
func (r *ring) lose() { r.once.Do(func() { close(r.lost) }) }

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
			err = r.sw.Connect(ctx, id, r.handover())
			if err != nil && !errors.Is(err, ErrDown) && !errors.Is(err, ErrUncertain) {
				// Of the other two it cannot be said that no bot comes: its
				// news, LinkUp or the deadline will tell.
				then = r.call.hear(Event{Kind: BotFailed, Call: id, At: time.Now(), Reason: err.Error()}, time.Now())
			}
		case play:
			if err = r.sw.Play(ctx, id, r.call.limits.apology); err != nil {
				then = r.call.hear(Event{Kind: PlayDone, Call: id, At: time.Now()}, time.Now())
			}
		case hangup:
			err = r.sw.Hangup(ctx, id) // its deadline asks again
		case mark:
			// Also while the process ends: the next must know that a bot had joined.
			err = r.loop.store.Mark(context.WithoutCancel(ctx), r.loop.held(r), r.call.Outcome)
			if errors.Is(err, ErrLeaseLost) {
				r.lose()
			}
		case ask:
			var s Sighting
			if s, err = r.sw.Find(ctx, id); err == nil {
				then = r.sight(ctx, s)
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

// sight takes what the switch said of the call. How one that is gone has ended
// may have been told already.
func (r *ring) sight(ctx context.Context, s Sighting) []order {
	if !s.Found {
		r.read(ctx)
	}
	return r.call.resume(s, time.Now())
}

// find asks the switch, until it can say, whether it has a call that may or
// may not have been placed, and reports whether the call goes on. A call that
// is not there is asked for twice: it may still be on its way in. News of the
// call answers the question as well.
func (r *ring) find(ctx context.Context, sure time.Duration) bool {
	id := r.loop.attempt(r).ID
	r.finding = true
	defer func() { r.finding = false }()
	absent := false
	for {
		wait := askAgain
		s, err := r.sw.Find(ctx, id)
		switch {
		case err == nil && (s.Found || absent):
			r.obey(ctx, r.sight(ctx, s))
			return r.call.phase != over
		case err == nil:
			absent, wait = true, sure
		default:
			absent = false
		}
		again := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			again.Stop()
			return false
		case <-r.lost:
			again.Stop()
			r.loop.lapse(r)
			return false
		case <-r.inbox.ready:
			again.Stop()
			if r.read(ctx) {
				return r.call.phase != over
			}
			absent = false // the link came or went
		case <-again.C:
		}
	}
}

func (r *ring) handover() Handover {
	return Handover{
		Bot: r.clear.Bot, Context: NewContext(r.loop.held(r), r.clear.Campaign),
		Timeout: r.call.limits.bot,
	}
}

// hear has the store hear what the dialplan said of the call.
func (r *ring) hear(ctx context.Context) error {
	for len(r.said) > 0 {
		if err := r.loop.hear(ctx, r.loop.held(r), r.said[0]); err != nil {
			return err
		}
		r.said = r.said[1:]
	}
	return nil
}

func (r *ring) settle(ctx context.Context) {
	// First, so that the call is not over before what was said on it is on disk:
	// the switch says it once.
	if len(r.said) > 0 && r.loop.retry(ctx, "hear", r, func() error { return r.hear(ctx) }) != nil {
		return
	}
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
