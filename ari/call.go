package ari

import (
	"time"

	asterisk "github.com/CyCoreSystems/ari/v6"

	"ringback/dialler"
)

// A call is what we know of one call. [Switch].mu guards it.
//
//	creating ─▶ asked ─▶ ringing ─▶ answered ─┬─▶ screening ─▶ answered
//	                                          ├─▶ bot leg ─▶ joined ─▶ (bot left) answered
//	                                          └─▶ in the dialplan ─▶ joined
//
// and from everywhere to gone, when the customer leg is destroyed.
type call struct {
	id       dialler.CallID
	customer *leg
	bot      *leg // nil: none, or the bot is an extension

	// News that must not be told yet: until Asterisk has taken the request
	// to dial, the call may still come out as refused, without any news.
	holding bool
	held    []dialler.Event

	answered bool
	joined   bool // the bot is on the line
	talked   bool // it has been
	screen   screening
	ext      bool   // in the dialplan of a bot that is an extension
	extFail  bool   // which has failed
	reason   string // RINGBACK_CALLBACK_REASON as we set it, encoded
	ending   ending

	ring *time.Timer // cancels at the end of the ring time
	wait *time.Timer // for the verdict, or for the bot
}

type screening int

const (
	noScreening screening = iota
	screenWanted
	screenRunning
	screenDone
)

// ending says whether it was us who hung up, and why: Asterisk's cause for
// that is one that a network gives too (19 and 480 for a ring timeout).
type ending int

const (
	notEnding ending = iota
	ringTimeout
	hungUpByUs
)

// A leg is one channel.
type leg struct {
	id       string
	call     *call
	isBot    bool
	started  chan struct{} // closed at StasisStart
	gone     chan struct{} // closed when destroyed
	stasis   bool          // under our control
	bridged  bool          // in the call's bridge
	up       bool
	rang     bool
	early    bool
	unwanted bool // we are taking it down: its end is no news
	soft     int  // flags of a local hang-up
}

func newLeg(id string, c *call, isBot bool) *leg {
	return &leg{id: id, call: c, isBot: isBot, started: make(chan struct{}), gone: make(chan struct{})}
}

// register makes a call known, so that no event of it is missed. It is done
// before Asterisk is asked for the channel: one StasisStart in fifty comes
// before the answer to the request. nil: there is one already.
func (s *Switch) register(id dialler.CallID) *call {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls[id] != nil {
		return nil
	}
	c := &call{id: id}
	c.customer = newLeg(string(id), c, false)
	s.calls[id], s.legs[c.customer.id] = c, c.customer
	return c
}

// forgetLocked drops a call, so that nothing more is told of it.
func (s *Switch) forgetLocked(c *call) {
	c.stopTimers()
	if s.calls[c.id] == c {
		delete(s.calls, c.id)
	}
	if s.legs[c.customer.id] == c.customer {
		delete(s.legs, c.customer.id)
	}
	if c.bot != nil && s.legs[c.bot.id] == c.bot {
		delete(s.legs, c.bot.id)
	}
	c.customer.end()
	if c.bot != nil {
		c.bot.end()
	}
}

func (c *call) stopTimers() {
	for _, t := range []*time.Timer{c.ring, c.wait} {
		if t != nil {
			t.Stop()
		}
	}
}

func (c *call) stopWait() {
	if c.wait != nil {
		c.wait.Stop()
		c.wait = nil
	}
}

func (l *leg) start() {
	l.stasis = true
	select {
	case <-l.started:
	default:
		close(l.started)
	}
}

func (l *leg) end() {
	select {
	case <-l.gone:
	default:
		close(l.gone)
	}
}

// tell hands news of a call on, or holds it back.
func (s *Switch) tell(c *call, ev dialler.Event) {
	ev.Call = c.id
	if ev.At.IsZero() {
		ev.At = time.Now()
	}
	if c.holding {
		c.held = append(c.held, ev)
		return
	}
	s.link.Tell(ev)
}

// release tells what was held back.
func (s *Switch) release(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.holding = false
	s.link.Tell(c.held...)
	c.held = nil
}

// Arguments of our channels' StasisStart. Asterisk shows them with the channel
// (dialplan.app_data), so that they tell what a channel is that a process
// before this one has made.
const (
	roleCustomer = "customer" // and forScreening, if it is to be screened
	forScreening = "screen"
	roleBot      = "bot" // and the call
	roleScreened = "amd" // and AMDSTATUS and AMDCAUSE, by the dialplan
)

func callIDOf(ch *asterisk.ChannelData) string {
	if ch == nil {
		return ""
	}
	return ch.ID
}
