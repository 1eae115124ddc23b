package push

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"ringback/dialler"
)

// A Store is what a Pusher needs of one.
type Store interface {
	dialler.Deliveries
	Call(ctx context.Context, id dialler.CallID) (dialler.Call, error)
}

// Options of a Pusher. Store and Sender must be given.
type Options struct {
	Store  Store
	Sender *Sender
	// Observe is told of every try once its end is on disk; it must not
	// block. nil: nobody.
	Observe func(Result)
	// InFlight is how many requests are under way at once; 0: 32. Of those a
	// campaign has at most a fourth, at least one.
	InFlight int
	// Poll is how often the store is asked for what other processes have
	// done, and for what has become due; 0: one second.
	Poll   time.Duration
	Logger *slog.Logger // nil: slog.Default()
	Now    func() time.Time
}

// A Result is a try that has ended.
type Result struct {
	Delivery dialler.Delivery // as it was claimed
	Try      dialler.Try
	Took     time.Duration
}

const (
	// claimTime is how long a claim holds: longer than a request and its
	// writing down can take.
	claimTime = time.Minute
	// grace is how long requests may go on once the process is to end.
	grace = 3 * time.Second
	// suspect is how many tries in a row fail before a receiver is asked by
	// one request at a time.
	suspect = 3
)

// A Pusher delivers what is due, for as long as it runs. Any number of them may
// run on one store.
type Pusher struct {
	Options
	log   *slog.Logger
	nudge chan struct{}

	mu      sync.Mutex
	flying  map[dialler.CampaignID]int // requests in flight
	all     int                        // their sum
	failing map[dialler.CampaignID]int // tries that failed in a row
	ended   chan struct{}              // one token: a try has ended
}

// New makes one.
func New(o Options) *Pusher {
	p := &Pusher{Options: o, log: o.Logger, nudge: make(chan struct{}, 1), ended: make(chan struct{}, 1),
		flying: map[dialler.CampaignID]int{}, failing: map[dialler.CampaignID]int{}}
	if p.log == nil {
		p.log = slog.Default()
	}
	if p.InFlight <= 0 {
		p.InFlight = 32
	}
	if p.Poll <= 0 {
		p.Poll = time.Second
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	return p
}

// Nudge says that there may be something new: a call was settled, a webhook
// changed.
func (p *Pusher) Nudge() { poke(p.nudge) }

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it has been told and has not looked yet
	}
}

// Run delivers until ctx ends, and returns when no request is under way.
func (p *Pusher) Run(ctx context.Context) {
	sending, cutOff := context.WithCancel(context.WithoutCancel(ctx))
	defer cutOff()
	var work sync.WaitGroup
	poll := time.NewTicker(p.Poll)
	defer poll.Stop()
	troubled := false
	for ctx.Err() == nil {
		err := p.round(ctx, sending, &work)
		switch {
		case err != nil && ctx.Err() == nil:
			if !troubled {
				p.log.Warn("results are not pushed, and will be once the store answers", "error", err.Error())
			}
			troubled = true
		case err == nil && troubled:
			p.log.Info("results are pushed again")
			troubled = false
		}
		select {
		case <-ctx.Done():
		case <-poll.C:
		case <-p.nudge:
		case <-p.ended:
		}
	}
	timer := time.AfterFunc(grace, cutOff)
	defer timer.Stop()
	work.Wait()
}

// round puts in line what has come and begins tries of what is due.
func (p *Pusher) round(ctx, sending context.Context, work *sync.WaitGroup) error {
	for more := true; more; {
		var err error
		if more, err = p.Store.QueueDeliveries(ctx, p.Now()); err != nil {
			return err
		}
	}
	due, err := p.Store.DueDeliveries(ctx, p.Now())
	if err != nil {
		return err
	}
	// Each gets what it may have beside the others; the longest due first.
	for _, id := range due {
		n := p.room(id)
		if n == 0 {
			continue
		}
		w, list, err := p.Store.ClaimDeliveries(ctx, id, n, p.Now(), claimTime)
		if err != nil {
			return err
		}
		p.fly(id, len(list))
		for _, d := range list {
			work.Go(func() { p.try(sending, w, d) })
		}
	}
	return nil
}

// room is how many more requests a campaign may have in flight.
func (p *Pusher) room(id dialler.CampaignID) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	most := max(1, p.InFlight/4)
	if p.failing[id] >= suspect {
		most = 1
	}
	return max(0, min(most-p.flying[id], p.InFlight-p.all))
}

func (p *Pusher) fly(id dialler.CampaignID, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flying[id] += n
	p.all += n
	if p.flying[id] == 0 {
		delete(p.flying, id)
	}
}

// try sends a delivery once.
func (p *Pusher) try(ctx context.Context, w dialler.Webhook, d dialler.Delivery) {
	defer poke(p.ended)
	defer p.fly(d.Campaign, -1)
	answer := p.send(ctx, w, d)
	result := Result{d, Next(d, answer, p.Now(), rand.Float64()), answer.Took}
	if ctx.Err() != nil && !answer.OK() { // not the receiver's fault
		result.Try = dialler.Try{State: dialler.DeliveryWaiting, Said: "cut off, as Ringback was stopped"}
	}
	p.mu.Lock()
	if answer.OK() {
		delete(p.failing, d.Campaign)
	} else {
		p.failing[d.Campaign]++
	}
	p.mu.Unlock()

	// Whatever comes, the answer is to be written down; if it is not, the
	// claim lapses and the message is sent again.
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimTime/2)
	defer cancel()
	err := p.Store.EndTry(within, d, result.Try, p.Now())
	log := p.log.With("message", d.Key(), "campaign", int64(d.Campaign), "contact", int64(d.Contact), "try", d.Tries)
	switch {
	case errors.Is(err, dialler.ErrLeaseLost):
		log.Warn("a try took longer than its claim; the message is sent again", "took", answer.Took)
		return
	case err != nil:
		log.Error("what came of a try could not be written down; the message is sent again", "error", err.Error())
		return
	}
	switch result.Try.State {
	case dialler.Delivered:
		log.Debug("a result is delivered", "status", answer.Status, "took", answer.Took)
	case dialler.DeliveryDead:
		log.Warn("a result is given up; it can be sent again from the console", "because", result.Try.Said)
	default:
		log.Info("a result is not delivered yet", "because", result.Try.Said, "again", result.Try.Again.Round(time.Second))
	}
	if p.Observe != nil {
		p.Observe(result)
	}
}

func (p *Pusher) send(ctx context.Context, w dialler.Webhook, d dialler.Delivery) Answer {
	body, err := p.body(ctx, w, d.Message)
	if err != nil {
		return Answer{Said: "the body could not be written: " + clean(err.Error())}
	}
	return p.Sender.Send(ctx, w, d.Key(), body)
}

func (p *Pusher) body(ctx context.Context, w dialler.Webhook, m dialler.Message) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, DefaultTimeout)
	defer cancel()
	call, err := p.Store.Call(ctx, m.Call)
	if err != nil && !errors.Is(err, dialler.ErrNoCall) { // tidied away
		return nil, fmt.Errorf("read the call: %w", err)
	}
	facts, err := NewFacts(m, call)
	if err != nil {
		return nil, err
	}
	b, _, err := Render(w.Mapping, facts)
	return b, err
}
