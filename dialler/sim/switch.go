package sim

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"ringback/dialler"
)

// A Switch is made up: its phones ring as the cast says. It keeps its own
// record of what it did, and outlives the processes that use it. Each process
// has a link of its own, by its node's name, and hears of the calls it placed.
type Switch struct {
	// Cast says how the nth call (from 1) to a number goes.
	Cast func(n dialler.Number, nth int) Part
	// Told is told what the switch does, as it does it; it must not call
	// back. nil: nobody.
	Told func(Fact)
	// Talked is told, ahead, when the bot platform will deliver a record of
	// a call: once for each of its analyses. nil: nobody.
	Talked func(*Leg, time.Time)
	// Delay is how long a request takes to arrive, and its answer.
	Delay time.Duration
	// Lag is how long the nth piece of news of a link takes, and Twice
	// whether it is told again. nil: at once, once.
	Lag   func(n int) time.Duration
	Twice func(n int) bool

	mu    sync.Mutex
	legs  map[dialler.CallID]*Leg // live
	nth   map[dialler.Number]int
	links map[string]*link
	away  bool // no link can be had
}

// A Fact is something the switch did.
type Fact struct {
	At   time.Time
	Kind FactKind
	Leg  *Leg
	Text string
}

// FactKind says what the switch did.
type FactKind string

// The facts.
const (
	Asked    FactKind = "asked to originate"
	Refused  FactKind = "refuses"
	Invite   FactKind = "INVITE"
	Answers  FactKind = "answers"
	Bridged  FactKind = "talks with the bot"
	BotGone  FactKind = "the bot leaves"
	Gone     FactKind = "is gone"
	SaidGone FactKind = "Find says it is not there" // the answer was delivered
	ToldGone FactKind = "HungUp is delivered"
)

// NewSwitch returns a switch on which nothing happens yet.
func NewSwitch(cast func(n dialler.Number, nth int) Part) *Switch {
	return &Switch{
		Cast: cast, legs: map[dialler.CallID]*Leg{}, nth: map[dialler.Number]int{}, links: map[string]*link{},
	}
}

// Port returns the switch as node's process sees it.
func (s *Switch) Port(node string) dialler.Switch { return port{s, node} }

type port struct {
	*Switch
	node string
}

// A link carries news to one process, in order.
type link struct {
	mu    sync.Mutex
	queue []delayed
	ready chan struct{}
	last  time.Time
	up    bool
	n     int
	cut   int // how often it was cut
}

type delayed struct {
	dialler.Event
	at  time.Time // when it arrives
	leg *Leg
}

func (l *link) put(ev dialler.Event, leg *Leg, lag time.Duration) {
	l.mu.Lock()
	at := time.Now().Add(lag)
	if at.Before(l.last) {
		at = l.last // in order
	}
	l.last = at
	l.queue = append(l.queue, delayed{ev, at, leg})
	l.mu.Unlock()
	select {
	case l.ready <- struct{}{}:
	default:
	}
}

// Run is as [dialler.Switch] says.
func (p port) Run(ctx context.Context, deliver func(dialler.Event)) error {
	l := &link{ready: make(chan struct{}, 1)}
	p.mu.Lock()
	p.links[p.node] = l
	if !p.away {
		l.up = true
		l.put(dialler.Event{Kind: dialler.LinkUp, At: time.Now()}, nil, 0)
	}
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		if p.links[p.node] == l {
			delete(p.links, p.node)
		}
		p.mu.Unlock()
	}()
	for {
		l.mu.Lock()
		var next delayed
		if len(l.queue) > 0 {
			next = l.queue[0]
		}
		l.mu.Unlock()
		var arrives <-chan time.Time
		if next.Kind != "" {
			wait := time.Until(next.at)
			if wait <= 0 {
				l.mu.Lock()
				// A cut may have taken it back meanwhile.
				ok := len(l.queue) > 0 && l.queue[0] == next
				if ok {
					l.queue = l.queue[1:]
				}
				l.mu.Unlock()
				if ok && ctx.Err() == nil {
					if next.Kind == dialler.HungUp {
						p.tell(Fact{Kind: ToldGone, Leg: next.leg})
					}
					deliver(next.Event)
				}
				continue
			}
			t := time.NewTimer(wait)
			defer t.Stop()
			arrives = t.C
		}
		select {
		case <-ctx.Done():
			return nil
		case <-l.ready:
		case <-arrives:
		}
	}
}

// tell lets the record know.
func (s *Switch) tell(f Fact) {
	f.At = time.Now()
	if s.Told != nil {
		s.Told(f)
	}
}

// news tells the process whose call it is. Its caller holds mu.
func (s *Switch) news(leg *Leg, ev dialler.Event) {
	l := s.links[leg.Node]
	if l == nil || !l.up {
		return
	}
	ev.Call, ev.At = leg.ID, time.Now()
	l.n++
	var lag time.Duration
	if s.Lag != nil {
		lag = s.Lag(l.n)
	}
	l.put(ev, leg, lag)
	if s.Twice != nil && s.Twice(l.n) {
		l.put(ev, leg, lag)
	}
}

// Cut loses a node's link for d, with the news on its way and all that happens
// meanwhile.
func (s *Switch) Cut(node string, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut(s.links[node], d)
}

func (s *Switch) cut(l *link, d time.Duration) {
	if l == nil || !l.up {
		return
	}
	l.mu.Lock()
	l.queue, l.up = nil, false
	l.cut++
	l.mu.Unlock()
	l.put(dialler.Event{Kind: dialler.LinkDown, At: time.Now(), Reason: "the link was cut"}, nil, 0)
	time.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if l.up || s.away {
			return
		}
		l.up = true
		l.put(dialler.Event{Kind: dialler.LinkUp, At: time.Now()}, nil, 0)
	})
}

// Restart ends every call, untold, and brings the links back after d.
func (s *Switch) Restart(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.links {
		s.cut(l, d)
	}
	s.away = true
	time.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.away = false
		for _, l := range s.links {
			if !l.up {
				l.up = true
				l.put(dialler.Event{Kind: dialler.LinkUp, At: time.Now()}, nil, 0)
			}
		}
	})
	for _, leg := range s.sorted() {
		s.end(leg, dialler.Cause{}, "", false)
	}
}

func (s *Switch) sorted() (out []*Leg) {
	for _, leg := range s.legs {
		out = append(out, leg)
	}
	slices.SortFunc(out, func(a, b *Leg) int { return a.Placed.Compare(b.Placed) })
	return out
}

// request carries do to the switch and its answer back. What is on its way is
// not called back when the asker dies; when the link is cut meanwhile, the
// asker cannot know.
func (p port) request(ctx context.Context, do func()) error {
	p.mu.Lock()
	l := p.links[p.node]
	if l == nil || !l.up {
		p.mu.Unlock()
		return dialler.ErrDown
	}
	cut := l.cut
	if p.Delay == 0 {
		do()
		p.mu.Unlock()
		return ctx.Err()
	}
	p.mu.Unlock()
	time.AfterFunc(p.Delay, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if !p.away {
			do()
		}
	})
	if err := sleep(ctx, 2*p.Delay); err != nil {
		return err
	}
	p.mu.Lock() // what do has found is ours to read from here
	defer p.mu.Unlock()
	if l.cut != cut {
		return fmt.Errorf("the link was cut: %w", dialler.ErrUncertain)
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return ctx.Err()
	}
}

// patience is how long an asker waits for an answer that does not come.
const patience = 5 * time.Second

// Originate is as [dialler.Switch] says.
func (p port) Originate(ctx context.Context, o dialler.Origination) error {
	if !o.Until.IsZero() && !time.Now().Before(o.Until) {
		return dialler.ErrLate
	}
	p.mu.Lock()
	leg := &Leg{Origination: o, Node: p.node, Asked: time.Now(), screen: o.Screen}
	down := p.links[p.node] == nil || !p.links[p.node].up
	if !down {
		p.nth[o.Number]++
		leg.Nth = p.nth[o.Number]
		leg.Part = p.Cast(o.Number, leg.Nth)
		p.tell(Fact{Kind: Asked, Leg: leg})
	}
	p.mu.Unlock()
	if down {
		return dialler.ErrDown
	}
	switch leg.Uncertain {
	case NotPlaced:
		if err := sleep(ctx, patience); err != nil {
			return err
		}
		return fmt.Errorf("no answer: %w", dialler.ErrUncertain)
	case PlacedOnce, PlacedLate, PlacedAfterAll:
		after := time.Second
		switch leg.Uncertain {
		case PlacedLate:
			after = patience + 1200*time.Millisecond
		case PlacedAfterAll:
			after = patience + 20*time.Second
		}
		time.AfterFunc(after, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.place(leg)
		})
		if err := sleep(ctx, patience); err != nil {
			return err
		}
		return fmt.Errorf("no answer: %w", dialler.ErrUncertain)
	}
	if leg.Slow > 0 {
		// The switch has the request; the asker may die, it is placed all
		// the same.
		done := make(chan struct{})
		time.AfterFunc(leg.Slow, func() {
			defer close(done)
			p.mu.Lock()
			defer p.mu.Unlock()
			p.place(leg)
		})
		select {
		case <-done:
			return ctx.Err()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var refused error
	err := p.request(ctx, func() {
		if leg.Refuse != "" {
			p.tell(Fact{Kind: Refused, Leg: leg, Text: string(leg.Refuse)})
			refused = &dialler.RefusedError{Disposition: leg.Refuse, Cause: dialler.Cause{Q850: 34}, Reason: "all circuits are busy"}
			return
		}
		p.place(leg)
	})
	if err != nil {
		return err
	}
	return refused
}

// Connect is as [dialler.Switch] says.
func (p port) Connect(ctx context.Context, id dialler.CallID, h dialler.Handover) error {
	var missing error
	err := p.request(ctx, func() {
		leg := p.legs[id]
		switch {
		case leg == nil || leg.Answered.IsZero():
			missing = fmt.Errorf("connect call %s: no such call, or not answered", id)
			return
		case leg.sentFor:
			return // a second request makes no second bot leg
		}
		leg.sentFor = true
		fail := func() {
			leg.sentFor = false
			p.news(leg, dialler.Event{Kind: dialler.BotFailed, Reason: "the bot does not answer"})
		}
		switch {
		case leg.NoBot:
			p.after(leg, leg.Bot, fail)
		case leg.Bot == 0 || leg.Bot > h.Timeout:
			p.after(leg, h.Timeout, fail)
		default:
			p.after(leg, leg.Bot, func() { p.join(leg) })
		}
	})
	if err != nil {
		return err
	}
	return missing
}

// Play is as [dialler.Switch] says.
func (p port) Play(ctx context.Context, id dialler.CallID, _ string) error {
	return p.request(ctx, func() {
		if leg := p.legs[id]; leg != nil {
			p.after(leg, 3*time.Second, func() { p.news(leg, dialler.Event{Kind: dialler.PlayDone}) })
		}
	})
}

// Hangup is as [dialler.Switch] says.
func (p port) Hangup(ctx context.Context, id dialler.CallID) error {
	return p.request(ctx, func() {
		leg := p.legs[id]
		switch {
		case leg == nil:
		case leg.LosesHang > 0:
			leg.LosesHang--
		case leg.Answered.IsZero():
			p.end(leg, dialler.Cause{Q850: 16, Text: "Normal clearing"}, dialler.NoAnswer, true)
		default:
			p.end(leg, dialler.Cause{Q850: 16, Text: "Normal clearing"}, dialler.Answered, true)
		}
	})
}

// Find is as [dialler.Switch] says.
func (p port) Find(ctx context.Context, id dialler.CallID) (dialler.Sighting, error) {
	var s dialler.Sighting
	err := p.request(ctx, func() {
		leg := p.legs[id]
		if leg == nil {
			p.tell(Fact{Kind: SaidGone, Leg: &Leg{Origination: dialler.Origination{ID: id}}})
			return
		}
		s = dialler.Sighting{Found: true, Answered: !leg.Answered.IsZero(), Joined: !leg.Joined.IsZero() && leg.Left.IsZero()}
	})
	if err != nil {
		return dialler.Sighting{}, err
	}
	return s, nil
}

// Live is as [dialler.Switch] says.
func (p port) Live(ctx context.Context) ([]dialler.CallID, error) {
	var ids []dialler.CallID
	err := p.request(ctx, func() {
		for _, leg := range p.sorted() {
			ids = append(ids, leg.ID)
		}
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

// Say has the dialplan tell what came of a call, as a bot does that lives in it.
func (s *Switch) Say(id dialler.CallID, record string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.links {
		if l.up {
			l.put(dialler.Event{Kind: dialler.Analysed, Call: id, At: time.Now(), Analysis: record}, s.legs[id], 0)
		}
	}
}
