package sim

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"ringback/callback"
	"ringback/dialler"
)

// A process is one life of a dialler: a Loop between its start and its end by
// kill -9 or otherwise. All it does goes through here: what a killed process
// was about to do does not happen, and a stopped one (SIGSTOP) does it when it
// is let go on.
type process struct {
	node   string
	store  *tap
	port   dialler.Switch
	faults *faults
	rec    *record

	Loop   *dialler.Loop
	cancel context.CancelFunc
	ended  <-chan struct{} // closed by cancel
	done   chan struct{}
	err    error // of Run; read after done
	dead   atomic.Bool
	wake   chan struct{}

	mu     sync.Mutex
	frozen chan struct{} // closed when it goes on; nil: it runs
}

var (
	_ dialler.Ledger = (*process)(nil)
	_ dialler.Switch = (*wire)(nil)
)

// start starts a process that reaches the switch, and knows it under the name
// pbx: that of all trunks, unless it is to be a switch of its own.
func start(node, pbx string, store *tap, sw *Switch, f *faults, ttl time.Duration) (*process, error) {
	p := &process{node: node, store: store, port: sw.Port(node), faults: f, rec: store.record, done: make(chan struct{}), wake: make(chan struct{}, 1)}
	loop, err := dialler.NewLoop(dialler.Options{
		Node: node, Store: p, Switches: map[string]dialler.Switch{pbx: &wire{p}}, LeaseTTL: ttl, Logger: slog.New(slog.DiscardHandler),
		Process: dialler.Process{PID: p.rec.born(p)}, Gone: p.rec.gone, Observe: p.observe,
	})
	if err != nil {
		return nil, err
	}
	p.Loop = loop
	var ctx context.Context
	ctx, p.cancel = context.WithCancel(context.Background())
	p.ended = ctx.Done()
	p.rec.mu.Lock()
	p.rec.starts[node] = append(p.rec.starts[node], time.Now())
	p.rec.mu.Unlock()
	go func() {
		defer close(p.done)
		if p.err = loop.Run(ctx); p.err != nil {
			p.rec.note(node, "stopped by itself: %v", p.err)
		}
	}()
	return p, nil
}

// kill ends the process at once: nothing it has begun comes to an end, except
// what had left it already.
func (p *process) kill() {
	p.dead.Store(true)
	p.stop()
}

// stop ends the process as SIGTERM does without waiting for its calls.
func (p *process) stop() {
	p.goOn()
	p.cancel()
	<-p.done
}

// freeze stops the process until goOn.
func (p *process) freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.frozen == nil {
		p.frozen = make(chan struct{})
	}
}

func (p *process) goOn() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.frozen != nil {
		close(p.frozen)
		p.frozen = nil
	}
}

// thaw waits until the process runs, and fails when it never will again.
func (p *process) thaw(ctx context.Context) error {
	p.mu.Lock()
	frozen := p.frozen
	p.mu.Unlock()
	if frozen != nil {
		select {
		case <-frozen:
		case <-ctx.Done():
		}
	}
	return p.alive(ctx)
}

// alive fails in a process that was killed: once that has ended, whatever the
// asker's ctx is.
func (p *process) alive(ctx context.Context) error {
	if p.dead.Load() {
		<-p.ended
		return context.Canceled
	}
	return ctx.Err()
}

func (p *process) observe(h dialler.Happening) {
	if p.dead.Load() {
		return
	}
	switch h.Kind {
	case dialler.LinkChanged:
		p.rec.note(p.node, "%s", h.Event.Kind)
	case dialler.OrphanEnded:
		p.rec.note(p.node, "hangs up a call that nobody stands for")
	case dialler.NodeSlept:
		p.rec.note(p.node, "notices that it stood still, and was taken for dead")
	case dialler.LeaseLapsed:
		p.rec.note(p.rec.who(h.Lease.Attempt.Number), "%s lets go: its lease is lost", p.node)
	case dialler.HasTrouble:
		who, err := p.node, h.Err
		if n := h.Lease.Attempt.Number; n != "" {
			who = p.rec.who(n)
		}
		for errors.Unwrap(err) != nil {
			err = errors.Unwrap(err)
		}
		p.rec.note(who, "trouble with %s: %v", h.Doing, err)
	case dialler.CampaignEnded:
		p.rec.note("campaign "+h.Campaign.Name, "is over: %s", h.Reason)
	}
}

// tx is one call of the store, with what may go wrong before it and, harder,
// after it.
func tx[T any](ctx context.Context, p *process, verb string, do func() (T, error)) (v T, err error) {
	var none T
	if err := p.thaw(ctx); err != nil {
		return none, err
	}
	before, after, wait := p.faults.draw(verb)
	if wait[0] > 0 {
		if err := sleep(ctx, wait[0]); err != nil {
			return none, err
		}
	}
	if before {
		return none, errLostBefore
	}
	if err := p.thaw(ctx); err != nil {
		return none, err
	}
	v, err = do()
	if wait[1] > 0 {
		if err := sleep(ctx, wait[1]); err != nil {
			return none, err
		}
	}
	if err := p.thaw(ctx); err != nil {
		return none, err
	}
	if after {
		return none, errLostAfter
	}
	return v, err
}

var (
	errLostBefore = errors.New("store: connection refused")
	errLostAfter  = errors.New("store: connection lost, and with it the answer")
)

func (p *process) Lease(ctx context.Context, req dialler.LeaseRequest) ([]dialler.Lease, error) {
	if age := time.Since(req.Now); age > 0 { // a store sets our clock by it
		p.rec.mu.Lock()
		p.rec.violated("clock", "a lease was asked for as of %v ago", age)
		p.rec.mu.Unlock()
	}
	return tx(ctx, p, "lease", func() ([]dialler.Lease, error) { return p.store.Lease(ctx, req) })
}

func (p *process) Renew(ctx context.Context, ls []dialler.Lease, now time.Time, ttl time.Duration) ([]dialler.Lease, error) {
	return tx(ctx, p, "renew", func() ([]dialler.Lease, error) { return p.store.Renew(ctx, ls, now, ttl) })
}

func (p *process) Clear(ctx context.Context, l dialler.Lease) (dialler.Clearance, error) {
	c, err := tx(ctx, p, "clear", func() (dialler.Clearance, error) { return p.store.Clear(ctx, l) })
	p.rec.mu.Lock()
	defer p.rec.mu.Unlock()
	if h := p.rec.calls[l.Attempt.ID]; h != nil && err == nil {
		h.told = time.Now()
	}
	return c, err
}

func (p *process) Withdraw(ctx context.Context, l dialler.Lease, notBefore, now time.Time) error {
	_, err := tx(ctx, p, "withdraw", func() (struct{}, error) { return struct{}{}, p.store.Withdraw(ctx, l, notBefore, now) })
	return err
}

func (p *process) Mark(ctx context.Context, l dialler.Lease, o dialler.Outcome) error {
	_, err := tx(ctx, p, "mark", func() (struct{}, error) { return struct{}{}, p.store.Mark(ctx, l, o) })
	return err
}

func (p *process) Settle(ctx context.Context, l dialler.Lease, o dialler.Outcome) (dialler.Settlement, error) {
	return tx(ctx, p, "settle", func() (dialler.Settlement, error) { return p.store.Settle(ctx, l, o) })
}

func (p *process) Hear(ctx context.Context, id dialler.CallID, a callback.Analysis, now time.Time) (dialler.Ruling, error) {
	return tx(ctx, p, "hear", func() (dialler.Ruling, error) { return p.store.Hear(ctx, id, a, now) })
}

func (p *process) Adrift(ctx context.Context, node string, now time.Time) ([]dialler.Attempt, error) {
	return tx(ctx, p, "adrift", func() ([]dialler.Attempt, error) { return p.store.Adrift(ctx, node, now) })
}

func (p *process) Adopt(ctx context.Context, id dialler.CallID, node string, now time.Time, ttl time.Duration) (dialler.Lease, error) {
	return tx(ctx, p, "adopt", func() (dialler.Lease, error) { return p.store.Adopt(ctx, id, node, now, ttl) })
}

func (p *process) Stranded(ctx context.Context, now time.Time, hold time.Duration) ([]dialler.Attempt, error) {
	return tx(ctx, p, "stranded", func() ([]dialler.Attempt, error) { return p.store.Stranded(ctx, now, hold) })
}

func (p *process) Beat(ctx context.Context, b dialler.Beat) (time.Duration, error) {
	return tx(ctx, p, "beat", func() (time.Duration, error) { return p.store.Beat(ctx, b) })
}

// Leave does not happen in a process that was killed.
func (p *process) Leave(ctx context.Context, n dialler.Node) error {
	if p.dead.Load() {
		return errLostBefore
	}
	_, err := tx(ctx, p, "leave", func() (struct{}, error) { return struct{}{}, p.store.Leave(ctx, n) })
	return err
}

func (p *process) Call(ctx context.Context, id dialler.CallID) (dialler.Call, error) {
	return tx(ctx, p, "call", func() (dialler.Call, error) { return p.store.Call(ctx, id) })
}

func (p *process) Running(ctx context.Context, now time.Time) ([]dialler.Work, error) {
	return tx(ctx, p, "running", func() ([]dialler.Work, error) { return p.store.Running(ctx, now) })
}

func (p *process) Transition(ctx context.Context, id dialler.CampaignID, what dialler.CampaignEvent, now time.Time) (dialler.Campaign, error) {
	return tx(ctx, p, "transition", func() (dialler.Campaign, error) { return p.store.Transition(ctx, id, what, now) })
}

func (p *process) Wake() <-chan struct{} { return p.wake }

func (p *process) rouse() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// A wire is the switch as the process reaches it.
type wire struct{ p *process }

func (w *wire) Run(ctx context.Context, deliver func(dialler.Event)) error {
	return w.p.port.Run(ctx, func(ev dialler.Event) {
		if w.p.thaw(ctx) == nil {
			deliver(ev)
		}
	})
}

// Originate does not wait for a frozen process: between its last look and the
// request there is nothing it could be stopped at, short of the kernel.
func (w *wire) Originate(ctx context.Context, o dialler.Origination) error {
	if err := w.p.alive(ctx); err != nil {
		return err
	}
	err := w.p.port.Originate(ctx, o)
	if gone := w.p.thaw(ctx); gone != nil {
		return gone
	}
	return err
}

func (w *wire) Connect(ctx context.Context, id dialler.CallID, h dialler.Handover) error {
	return w.do(ctx, func() error { return w.p.port.Connect(ctx, id, h) })
}

func (w *wire) Play(ctx context.Context, id dialler.CallID, sound string) error {
	return w.do(ctx, func() error { return w.p.port.Play(ctx, id, sound) })
}

func (w *wire) Hangup(ctx context.Context, id dialler.CallID) error {
	return w.do(ctx, func() error { return w.p.port.Hangup(ctx, id) })
}

func (w *wire) Find(ctx context.Context, id dialler.CallID) (s dialler.Sighting, err error) {
	err = w.do(ctx, func() error { s, err = w.p.port.Find(ctx, id); return err })
	return s, err
}

func (w *wire) Live(ctx context.Context) (ids []dialler.CallID, err error) {
	err = w.do(ctx, func() error { ids, err = w.p.port.Live(ctx); return err })
	return ids, err
}

func (w *wire) do(ctx context.Context, ask func() error) error {
	if err := w.p.thaw(ctx); err != nil {
		return err
	}
	err := ask()
	if gone := w.p.thaw(ctx); gone != nil {
		return gone
	}
	return err
}
