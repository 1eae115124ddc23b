package dialler

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// lookAgain is how long the loop trusts that nothing became due unheard: the
// safety poll behind Wake and the timers.
const lookAgain = 30 * time.Second

// batch bounds what is leased at once where neither seats nor CPS do.
const batch = 100

// dial leases and rings until ctx ends. It sleeps until the next thing can
// happen: somebody is due, a pacer allows a call, a window opens, a day ends,
// a seat is free, the store has news.
func (l *Loop) dial(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		next, err := l.round(ctx)
		if err != nil && ctx.Err() == nil {
			l.tell(Happening{Kind: HasTrouble, Doing: "dial", Err: err})
			next = time.Now().Add(time.Second)
		}
		timer.Reset(time.Until(next))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-l.kick:
		case <-l.store.Wake():
		}
	}
}

// round does once all that can be done now, and returns when there may be more
// to do.
func (l *Loop) round(ctx context.Context) (time.Time, error) {
	now := time.Now()
	next := now.Add(lookAgain)
	sooner := func(t time.Time) {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	works, err := l.store.Running(ctx, now)
	if err != nil {
		return next, fmt.Errorf("read the running campaigns: %w", err)
	}

	req := LeaseRequest{Node: l.node, Now: now, TTL: l.ttl}
	trunks := map[string]bool{}
	for _, w := range works {
		if ended, err := l.endIfOver(ctx, w, now); err != nil || ended {
			if err != nil {
				return next, err
			}
			continue
		}
		sooner(w.Campaign.Closes)
		if w.Campaign.State != CampaignRunning || w.NextDue.IsZero() || !l.reachable(w.Trunk.Switch) {
			continue
		}
		if w.NextDue.After(now) {
			sooner(w.NextDue)
			continue
		}
		if !w.Campaign.Window.Contains(now) {
			if opens, ok := w.Campaign.Window.Next(now); ok {
				sooner(opens)
			}
			continue
		}
		onTrunk, n, at := l.paces.allow(w, now, batch, min(batch, w.Campaign.Seats-w.Live))
		sooner(at)
		if n <= 0 || onTrunk <= 0 {
			continue
		}
		req.Campaigns = append(req.Campaigns, CampaignQuota{w.Campaign.ID, n})
		if !trunks[w.Trunk.Name] {
			trunks[w.Trunk.Name] = true
			req.Trunks = append(req.Trunks, TrunkQuota{w.Trunk.Name, onTrunk})
		}
	}
	if len(req.Campaigns) == 0 {
		return next, nil
	}

	n, err := l.take(ctx, req, works)
	if n > 0 {
		next = now // there may be more; the pacers say when
	}
	// Where something is due and nothing was leased, a limit of the store is
	// reached: a seat, the bot, a channel. Its release wakes us.
	return next, err
}

// take leases what req asks for, and rings it.
func (l *Loop) take(ctx context.Context, req LeaseRequest, works []Work) (int, error) {
	l.taking <- struct{}{}
	defer func() { <-l.taking }()
	if l.Status().Draining {
		return 0, nil
	}
	// The store sets our clock against its own by this. The round may have begun
	// long ago: what it read first may have waited for a database that was away.
	req.Now = time.Now()
	leases, err := l.store.Lease(ctx, req)
	if err != nil {
		// Perhaps it was written all the same. Then there are attempts that
		// nobody stands for.
		for name := range l.switches {
			l.goThrough(name)
		}
		return 0, fmt.Errorf("lease: %w", err)
	}
	for _, lease := range leases {
		for _, w := range works {
			if w.Campaign.ID == lease.Attempt.Campaign {
				l.paces.leased(w, req.Now)
			}
		}
		l.tell(Happening{Kind: WasLeased, Switch: lease.Attempt.Switch, Lease: lease})
		l.start(ctx, lease, (*ring).place)
	}
	return len(leases), nil
}

// reachable reports whether calls can be placed by the named switch now.
func (l *Loop) reachable(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.up[name] && !l.draining && l.switches[name] != nil
}

// endIfOver completes a campaign whose day is over, or that has nobody left.
func (l *Loop) endIfOver(ctx context.Context, w Work, now time.Time) (bool, error) {
	var what CampaignEvent
	var why string
	switch {
	case w.Campaign.DayOver(now):
		what, why = CloseDay, "its day is over"
	case w.Campaign.State == CampaignRunning && w.Contacts > 0 && w.Waiting == 0 && w.Live == 0:
		what, why = Finish, "nobody is left to ring"
	default:
		return false, nil
	}
	c, err := l.store.Transition(ctx, w.Campaign.ID, what, now)
	var moved *TransitionError
	switch {
	case errors.As(err, &moved):
		return true, nil // another node, or somebody at the console, was quicker
	case err != nil:
		return false, fmt.Errorf("%s campaign %q: %w", what, w.Campaign.Name, err)
	}
	if c.State == CampaignCompleted {
		l.tell(Happening{Kind: CampaignEnded, Campaign: c, Reason: why})
	}
	return c.State == CampaignCompleted, nil
}
