package dialler

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"ringback/callback"
)

// Options are what a Loop needs. Node, Store and Switches must be given.
type Options struct {
	Node     string // this process's name, the same after a restart
	Store    Ledger
	Switches map[string]Switch // by the name that trunks give
	LeaseTTL time.Duration     // 0: one minute; renewed three times in each
	Hold     time.Duration     // 0: DefaultHold

	// What others are told of this process, and what it can tell of them.
	Version string
	Process Process
	Gone    func(Process) bool // reports whether a process has surely ended; nil: nobody can say

	Logger *slog.Logger // nil: slog.Default()

	// Observe is told all that happens, one thing at a time, from many
	// goroutines; it must not block. nil: nobody.
	Observe func(Happening)
}

// DefaultLeaseTTL is how long a lease holds without being renewed, and so how
// long a dead process's calls are left alone by others.
const DefaultLeaseTTL = time.Minute

// DefaultHold is how long the calls of a dead node are left alone, once their
// leases have lapsed, where nobody can be asked about them.
const DefaultHold = 5 * time.Minute

// A Loop rings whoever is due, for as long as Run runs.
type Loop struct {
	node     string
	store    Ledger
	switches map[string]Switch
	ttl      time.Duration
	hold     time.Duration
	self     Node // as it is told to others, but for how its links stand
	gone     func(Process) bool
	log      *slog.Logger
	observe  func(Happening)

	paces *paces
	kick  chan struct{} // something changed: look again; holds one token
	sweep chan struct{} // sweeps is not empty; holds one token
	pulse chan struct{} // the others are to know now how this node stands; holds one token

	strays *inbox // analyses of calls that this process does not hold

	// taking holds a token from before an attempt is leased or adopted until
	// its ring is in rings: an attempt that is just being taken up must not
	// look like one adrift. Not a mutex, for the store is asked meanwhile.
	taking chan struct{}

	mu       sync.Mutex
	rings    map[CallID]*ring
	sweeps   map[string]bool // switches whose calls are to be gone through
	up       map[string]bool // switch links
	draining bool
	drained  chan struct{} // closed when draining and no ring is left

	rung  sync.WaitGroup // one for each ring's goroutine
	tells sync.Mutex     // one happening at a time
}

// NewLoop makes a loop. The error names what is missing.
func NewLoop(o Options) (*Loop, error) {
	switch {
	case o.Node == "":
		return nil, errors.New("dialler: no node name: a process must know after a restart which calls were its own")
	case o.Store == nil:
		return nil, errors.New("dialler: no store")
	case len(o.Switches) == 0:
		return nil, errors.New("dialler: no switch to dial with")
	}
	l := &Loop{
		node: o.Node, store: o.Store, switches: o.Switches, ttl: o.LeaseTTL, hold: o.Hold, gone: o.Gone, log: o.Logger, observe: o.Observe,
		paces: newPaces(), kick: make(chan struct{}, 1), sweep: make(chan struct{}, 1), pulse: make(chan struct{}, 1), taking: make(chan struct{}, 1), sweeps: map[string]bool{},
		strays: newInbox(), rings: map[CallID]*ring{}, up: map[string]bool{}, drained: make(chan struct{}),
	}
	if l.ttl == 0 {
		l.ttl = DefaultLeaseTTL
	}
	if l.hold == 0 {
		l.hold = DefaultHold
	}
	if l.log == nil {
		l.log = slog.Default()
	}
	l.self = Node{Name: l.node, Instance: rand.Text(), Process: o.Process, Version: o.Version, Started: time.Now(), TTL: l.ttl}
	return l, nil
}

// Run dials until ctx ends, then lets go of the calls in progress: they stay
// up on the switch, and the next Run asks after them. It returns early only if
// a switch's link cannot be had by any retrying, with that switch's error, or
// if another process has this node's name, with a [*NodeTakenError].
func (l *Loop) Run(ctx context.Context) error {
	if err := l.enlist(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for name, sw := range l.switches {
		wg.Go(func() {
			if err := sw.Run(ctx, func(ev Event) { l.deliver(name, ev) }); err != nil {
				cancel(fmt.Errorf("switch %q: %w", name, err))
			}
		})
	}
	wg.Go(func() { l.keepLeases(ctx) })
	wg.Go(func() { l.sweepUp(ctx) })
	wg.Go(func() {
		if err := l.keepBeating(ctx); err != nil {
			cancel(err)
		}
	})
	wg.Go(func() { l.hearStrays(ctx) })
	l.dial(ctx)
	wg.Wait()
	l.rung.Wait()
	l.leave(ctx)
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// Drain stops new calls and returns when those in progress have ended, or ctx
// has.
func (l *Loop) Drain(ctx context.Context) error {
	select {
	case l.taking <- struct{}{}: // what is being leased now is seen to its end
	case <-ctx.Done():
		return fmt.Errorf("drain: %w", ctx.Err())
	}
	l.mu.Lock()
	if !l.draining {
		l.draining = true
		if len(l.rings) == 0 {
			close(l.drained)
		}
	}
	l.mu.Unlock()
	<-l.taking
	l.look()
	l.quicken()
	select {
	case <-l.drained:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%d calls still in progress: %w", l.Status().Live, ctx.Err())
	}
}

// A Status is the loop as an operator sees it.
type Status struct {
	Node     string
	Links    map[string]bool // by switch: whether the link is up
	Live     int             // calls this process has in progress
	Draining bool
}

// Status returns how the loop stands.
func (l *Loop) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Status{Node: l.node, Links: map[string]bool{}, Live: len(l.rings), Draining: l.draining}
	for name := range l.switches {
		s.Links[name] = l.up[name]
	}
	return s
}

// deliver takes the news of switch name. It never blocks.
func (l *Loop) deliver(name string, ev Event) {
	switch ev.Kind {
	case LinkUp, LinkDown:
		l.mu.Lock()
		l.up[name] = ev.Kind == LinkUp
		var on []*ring
		for _, r := range l.rings {
			if r.lease.Attempt.Switch == name {
				on = append(on, r)
			}
		}
		l.mu.Unlock()
		for _, r := range on {
			r.inbox.put(ev)
		}
		l.tell(Happening{Kind: LinkChanged, Switch: name, Event: ev, Reason: ev.Reason})
		if ev.Kind == LinkUp {
			l.goThrough(name)
		}
		l.quicken()
		l.look()
	default:
		l.mu.Lock()
		r := l.rings[ev.Call]
		if r != nil {
			r.inbox.put(ev) // under the lock: release goes through what was put here
		}
		l.mu.Unlock()
		switch {
		case r != nil:
		case ev.Kind == Analysed: // settled already, or another's: the store knows it all the same
			l.strays.put(ev)
		case ev.Kind != HungUp: // a call we hold no lease for: a crash's, or nobody's
			l.goThrough(name)
		}
	}
}

// hearStrays has the store hear the analyses of calls that this process does
// not hold, until ctx ends.
func (l *Loop) hearStrays(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.strays.ready:
		}
		for _, ev := range l.strays.take() {
			lease := Lease{Attempt: Attempt{ID: ev.Call}}
			_, err := backoff.Retry(ctx, func() (struct{}, error) {
				err := l.hear(ctx, lease, ev.Analysis)
				if err != nil && ctx.Err() == nil {
					l.tell(Happening{Kind: HasTrouble, Lease: lease, Doing: "hear", Err: fmt.Errorf("hear call %s: %w", ev.Call, err)})
				}
				return struct{}{}, err
			}, backoff.WithBackOff(newBackOff()), backoff.WithMaxElapsedTime(0))
			if err != nil {
				return // the process ends
			}
		}
	}
}

// hear reads an analysis that came by the switch and has the store hear it. One
// that cannot be read, or is of a call that never was, is told and no error.
func (l *Loop) hear(ctx context.Context, lease Lease, record string) error {
	h := Happening{Kind: HasHeard, Switch: lease.Attempt.Switch, Lease: lease}
	an, err := callback.ParseAnalysis([]byte(record))
	if err == nil {
		h.Ruling, err = l.store.Hear(ctx, lease.Attempt.ID, an, time.Now())
		if err != nil && !errors.Is(err, ErrNoCall) {
			return err
		}
	}
	h.Err = err
	l.tell(h)
	return nil
}

// look wakes the dialling.
func (l *Loop) look() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

// start takes up a lease and its call in a goroutine of its own.
func (l *Loop) start(ctx context.Context, lease Lease, how func(*ring, context.Context)) {
	r := &ring{loop: l, sw: l.switches[lease.Attempt.Switch], lease: lease, inbox: newInbox(), lost: make(chan struct{})}
	l.mu.Lock()
	l.rings[lease.Attempt.ID] = r
	l.mu.Unlock()
	l.rung.Go(func() { how(r, ctx) })
}

// release lets go of a call that is over or no longer ours. What was said on it
// that the store has not heard goes the way of what is said on others' calls.
func (l *Loop) release(r *ring) {
	l.mu.Lock()
	id := r.lease.Attempt.ID
	delete(l.rings, id)
	for _, ev := range r.inbox.take() {
		if ev.Kind == Analysed {
			r.said = append(r.said, ev.Analysis)
		}
	}
	if l.draining && len(l.rings) == 0 {
		select {
		case <-l.drained:
		default:
			close(l.drained)
		}
	}
	l.mu.Unlock()
	for _, record := range r.said {
		l.strays.put(Event{Kind: Analysed, Call: id, At: time.Now(), Analysis: record})
	}
	l.look() // a seat is free
}

// held is r's lease as last renewed.
func (l *Loop) held(r *ring) Lease {
	l.mu.Lock()
	defer l.mu.Unlock()
	return r.lease
}

func (l *Loop) attempt(r *ring) Attempt { return l.held(r).Attempt }

// keepLeases renews the leases of calls in progress, and looks now and then
// for calls whose process has died.
func (l *Loop) keepLeases(ctx context.Context) {
	tick := time.NewTicker(l.ttl / 3)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		l.renew(ctx)
		if n%3 == 0 {
			for name := range l.switches {
				l.goThrough(name)
			}
			l.giveUp(ctx)
		}
	}
}

func (l *Loop) renew(ctx context.Context) {
	l.mu.Lock()
	var have []Lease
	for _, r := range l.rings {
		have = append(have, r.lease)
	}
	l.mu.Unlock()
	if len(have) == 0 {
		return
	}
	kept, err := l.store.Renew(ctx, have, time.Now(), l.ttl)
	if err != nil {
		l.tell(Happening{Kind: HasTrouble, Doing: "renew", Err: fmt.Errorf("renew %d leases: %w", len(have), err)})
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range kept {
		if r := l.rings[k.Attempt.ID]; r != nil && r.lease.Term == k.Term {
			r.lease.Trusted = k.Trusted
		}
	}
	for _, h := range have {
		same := func(k Lease) bool { return k.Attempt.ID == h.Attempt.ID }
		if r := l.rings[h.Attempt.ID]; r != nil && r.lease.Term == h.Term && !slices.ContainsFunc(kept, same) {
			r.lose()
		}
	}
}

// lapse lets it be known that r has lost its lease. Somebody else may stand for
// the call now. If nobody does, we are as good as any, and a customer may be on
// the line: look at once.
func (l *Loop) lapse(r *ring) {
	h := l.held(r)
	l.tell(Happening{Kind: LeaseLapsed, Switch: h.Attempt.Switch, Lease: h})
	l.goThrough(h.Attempt.Switch)
}

// retry calls f until it succeeds, the lease turns out to be lost, or ctx
// ends; the calls in progress go on meanwhile.
func (l *Loop) retry(ctx context.Context, verb string, r *ring, f func() error) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := f()
		switch {
		case errors.Is(err, ErrLeaseLost):
			l.lapse(r)
			return struct{}{}, backoff.Permanent(err)
		case err != nil && ctx.Err() == nil:
			r.trouble(verb, err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(newBackOff()), backoff.WithMaxElapsedTime(0))
	return err
}

func newBackOff() backoff.BackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = 100*time.Millisecond, 5*time.Second
	return b
}

// tell lets the log and the observer know.
func (l *Loop) tell(h Happening) {
	h.At = time.Now()
	l.logHappening(h)
	if l.observe != nil {
		l.tells.Lock()
		defer l.tells.Unlock()
		l.observe(h)
	}
}
