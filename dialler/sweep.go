package dialler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"
)

// goThrough asks for a switch's calls to be gone through: those adrift are
// adopted, those that nobody answers for are hung up.
func (l *Loop) goThrough(name string) {
	l.mu.Lock()
	l.sweeps[name] = true
	l.mu.Unlock()
	select {
	case l.sweep <- struct{}{}:
	default:
	}
}

func (l *Loop) sweepUp(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.sweep:
		}
		l.mu.Lock()
		names := slices.Sorted(maps.Keys(l.sweeps))
		clear(l.sweeps)
		names = slices.DeleteFunc(names, func(name string) bool { return !l.up[name] }) // its LinkUp will ask again
		l.mu.Unlock()
		for _, name := range names {
			if err := l.sweepSwitch(ctx, name); err != nil && ctx.Err() == nil {
				l.tell(Happening{Kind: HasTrouble, Switch: name, Doing: "sweep", Err: err})
				time.AfterFunc(askAgain, func() { l.goThrough(name) })
			}
		}
	}
}

// sweepSwitch adopts what is adrift on a switch, then hangs up the calls there
// that bear our mark and that no attempt under way stands for: better silence
// than a phone that rings for nobody.
func (l *Loop) sweepSwitch(ctx context.Context, name string) error {
	// The switch is asked first. What is placed after that is not on the
	// list, so nothing newly placed is taken for an orphan.
	onSwitch, err := l.switches[name].Live(ctx)
	if err != nil {
		return fmt.Errorf("list the calls on %q: %w", name, err)
	}
	if err := l.adopt(ctx, name); err != nil {
		return err
	}
	for _, id := range onSwitch {
		switch c, err := l.store.Call(ctx, id); {
		case errors.Is(err, ErrNoCall):
		case err != nil:
			return fmt.Errorf("look up call %s: %w", id, err)
		case c.Live() || l.has(id): // somebody's, here or on another node
			continue
		}
		if s, err := l.switches[name].Find(ctx, id); err == nil && !s.Found {
			continue // it has ended since
		}
		if err := l.switches[name].Hangup(ctx, id); err != nil {
			return fmt.Errorf("hang up call %s, which no attempt stands for: %w", id, err)
		}
		l.tell(Happening{Kind: OrphanEnded, Switch: name, Lease: Lease{Attempt: Attempt{ID: id, Switch: name}}})
	}
	return nil
}

// adopt takes over the attempts adrift on a switch. Ours, from before a
// restart, at once; another node's once its lease has lapsed, and only when the
// switch no longer has the call: its events go to that node's link.
func (l *Loop) adopt(ctx context.Context, name string) error {
	adrift, err := l.store.Adrift(ctx, l.node, time.Now())
	if err != nil {
		return fmt.Errorf("look for calls adrift: %w", err)
	}
	for _, a := range adrift {
		if a.Switch != name || l.has(a.ID) {
			continue
		}
		if a.Node != l.node {
			if s, err := l.switches[name].Find(ctx, a.ID); err != nil || s.Found {
				continue // it cannot say, or the call goes on: another time
			}
		}
		if err := l.takeUp(ctx, a, (*ring).resume); err != nil {
			return fmt.Errorf("adopt call %s: %w", a.ID, err)
		}
	}
	return nil
}

// takeUp adopts one attempt, unless it has been taken up meanwhile, and goes
// on with it as how says.
func (l *Loop) takeUp(ctx context.Context, a Attempt, how func(*ring, context.Context)) error {
	l.taking <- struct{}{}
	defer func() { <-l.taking }()
	if l.has(a.ID) {
		return nil
	}
	lease, err := l.store.Adopt(ctx, a.ID, l.node, time.Now(), l.ttl)
	switch {
	case errors.Is(err, ErrLeaseLost), errors.Is(err, ErrNoCall): // settled or withdrawn since
		return nil
	case err != nil:
		return err
	}
	l.tell(Happening{Kind: WasAdopted, Switch: a.Switch, Lease: lease})
	l.start(ctx, lease, how)
	return nil
}

// has reports whether a ring of this process stands for the call.
func (l *Loop) has(id CallID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rings[id] != nil
}

// logHappening writes the line that the person at 3 a.m. reads.
func (l *Loop) logHappening(h Happening) {
	at := h.Lease.Attempt
	level, attrs := slog.LevelDebug, []slog.Attr{}
	add := func(a ...slog.Attr) { attrs = append(attrs, a...) }
	if at.ID != "" {
		add(slog.String("call", string(at.ID)))
	}
	if at.Number != "" {
		add(slog.String("number", string(at.Number)), slog.Int64("contact", int64(at.Contact)), slog.Int64("campaign", int64(at.Campaign)))
	}
	if h.Switch != "" {
		add(slog.String("switch", h.Switch))
	}
	switch h.Kind {
	case HasOriginated:
		level = slog.LevelInfo
		add(slog.String("class", string(at.Class)), slog.Int("attempt", at.N), slog.Duration("late", h.Late))
	case HasNews:
		add(slog.String("event", string(h.Event.Kind)))
		if h.Event.Reason != "" {
			add(slog.String("reason", h.Event.Reason))
		}
	case HasSettled:
		level = slog.LevelInfo
		add(slog.String("disposition", string(at.Disposition)), slog.String("cause", at.Cause.String()), slog.String("contact_state", string(h.Settled.Contact.State)))
		if !h.Settled.Contact.Due.IsZero() {
			add(slog.Time("due", h.Settled.Contact.Due))
		}
	case HasHeard:
		level = slog.LevelInfo
		add(slog.String("verdict", string(h.Ruling.Verdict)))
		if h.Err != nil { // whoever asked to be rung on this call will not be
			level = slog.LevelWarn
		}
	case WasAdopted:
		level = slog.LevelWarn
		add(slog.String("begun_by", at.Node))
	case OrphanEnded, LeaseLapsed:
		level = slog.LevelWarn
	case LinkChanged:
		level = slog.LevelInfo
		if h.Event.Kind == LinkDown {
			level = slog.LevelWarn
		}
		add(slog.String("event", string(h.Event.Kind)), slog.String("reason", h.Reason))
	case WasWithdrawn:
		add(slog.String("reason", h.Reason))
	case NodeSlept:
		level = slog.LevelWarn
		add(slog.String("node", l.node), slog.String("reason", h.Reason))
	case CampaignEnded:
		level = slog.LevelInfo
		add(slog.String("name", h.Campaign.Name), slog.String("reason", h.Reason))
	case HasTrouble:
		level = slog.LevelWarn
	}
	if h.Err != nil {
		add(slog.String("error", h.Err.Error()))
	}
	l.log.LogAttrs(context.Background(), level, string(h.Kind), attrs...)
}
