package dialler

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// asNode is this process as others are to see it now.
func (l *Loop) asNode() Node {
	n := l.self
	st := l.Status()
	n.Links, n.Draining = st.Links, st.Draining
	return n
}

// beat lets the other nodes know that this one is alive. A process that stood
// still for longer than its TTL learns it here: others took it for dead.
func (l *Loop) beat(ctx context.Context, over *Node) error {
	silent, err := l.store.Beat(ctx, Beat{Node: l.asNode(), Now: time.Now(), Over: over})
	if err != nil {
		return fmt.Errorf("beat: %w", err)
	}
	if silent > 0 {
		l.tell(Happening{Kind: NodeSlept, Reason: fmt.Sprintf(
			"not heard of for %v: asleep, or cut off from the store; calls that others have taken over meanwhile are let go of", silent.Round(time.Millisecond))})
		l.renew(ctx) // now, not at the next turn: it tells which terms are lost
	}
	return nil
}

// enlist makes this process known under its name, before anything else. After
// a kill the life before it still seems alive: where that cannot be told from
// the process table, it is given the time of a beat to be heard of. If it is,
// it lives, and this process must not dial: it would take the other's calls
// for its own from before a restart, and ask its own switch about them.
func (l *Loop) enlist(ctx context.Context) error {
	var over *Node
	slow := newBackOff()
	for {
		err := l.beat(ctx, over)
		var taken *NodeTakenError
		var wait time.Duration
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.As(err, &taken):
			l.tell(Happening{Kind: HasTrouble, Doing: "beat", Err: err})
			wait = slow.NextBackOff()
		case l.gone != nil && l.gone(taken.By.Process) && (over == nil || over.Instance != taken.By.Instance):
			over = &taken.By
		case over == nil:
			over, wait = &taken.By, 3*taken.By.TTL/BeatsInTTL/2
			l.log.Warn("the node name is in use, or was until a moment ago; waiting to see whether the other process is still there",
				"name", l.node, "other", taken.By.Process.String(), "for", wait)
		default:
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// keepBeating beats until ctx ends, and returns early, with a [NodeTakenError],
// when another process has the name: nobody can say any more which calls are
// whose.
func (l *Loop) keepBeating(ctx context.Context) error {
	tick := time.NewTicker(max(l.ttl/BeatsInTTL, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-l.pulse:
		}
		err := l.beat(ctx, nil)
		var taken *NodeTakenError
		if errors.As(err, &taken) {
			return fmt.Errorf("this process was not heard of for so long that another has taken over its name and its calls: %w", taken)
		}
		if err != nil && ctx.Err() == nil {
			l.tell(Happening{Kind: HasTrouble, Doing: "beat", Err: err})
		}
	}
}

// quicken has the next beat come at once: something changed that others are to
// know.
func (l *Loop) quicken() {
	select {
	case l.pulse <- struct{}{}:
	default:
	}
}

// leave takes this process off the list of nodes. If that cannot be done the
// others will notice by themselves.
func (l *Loop) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := l.store.Leave(ctx, l.self); err != nil {
		l.tell(Happening{Kind: HasTrouble, Doing: "leave", Err: fmt.Errorf("leave: %w", err)})
	}
}

// giveUp settles the calls that no node will ever ask about: their node is
// dead, and its switch is nobody else's. Each counts as made (I3), and the
// hold keeps it from being rung again while it may still be up.
func (l *Loop) giveUp(ctx context.Context) {
	stranded, err := l.store.Stranded(ctx, time.Now(), l.hold)
	if err != nil {
		if ctx.Err() == nil {
			l.tell(Happening{Kind: HasTrouble, Doing: "sweep", Err: fmt.Errorf("look for stranded calls: %w", err)})
		}
		return
	}
	for _, a := range stranded {
		if l.has(a.ID) {
			continue
		}
		if err := l.takeUp(ctx, a, (*ring).giveUp); err != nil && ctx.Err() == nil {
			l.tell(Happening{Kind: HasTrouble, Doing: "sweep", Err: fmt.Errorf("give up call %s: %w", a.ID, err)})
		}
	}
}
