package ari

import (
	"context"
	"strings"

	asterisk "github.com/CyCoreSystems/ari/v6"

	"ringback/dialler"
)

// handle moves the call that an event is about. It asks nothing of Asterisk
// itself: the link is not read meanwhile, and Asterisk cuts off a client that
// does not read for some 0.9 s.
func (s *Switch) handle(e *event) {
	s.observe(Observation{What: "event " + e.Type})
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e.Type {
	case asterisk.Events.Dial:
		if l := s.legs[callIDOf(e.Peer)]; l != nil {
			s.dialled(l, e)
		}
		if l := s.legs[callIDOf(e.Caller)]; l != nil && !l.isBot && l.call.ext {
			s.dialplanDialled(l.call, e)
		}
		return
	case asterisk.Events.PlaybackFinished:
		if e.Playback != nil {
			id, ok := strings.CutPrefix(e.Playback.TargetURI, "channel:")
			if l := s.legs[id]; ok && l != nil && !l.isBot {
				s.tell(l.call, dialler.Event{Kind: dialler.PlayDone, At: e.at()})
			}
		}
		return
	}
	l := s.legs[callIDOf(e.Channel)]
	if l == nil {
		if e.Type == asterisk.Events.StasisStart && e.Channel != nil {
			s.stray(e)
		}
		return
	}
	c := l.call
	switch e.Type {
	case asterisk.Events.StasisStart:
		l.start()
		if !l.isBot && len(e.Args) > 0 && e.Args[0] == roleScreened {
			s.screened(c, e.Args[1:], e)
		}
	case asterisk.Events.StasisEnd:
		l.stasis, l.bridged = false, false
	case asterisk.Events.ChannelStateChange:
		switch e.Channel.State {
		case stateRinging:
			s.ringing(l, e)
		case stateUp:
			s.answered(l, e)
		}
	case asterisk.Events.ChannelEnteredBridge:
		if e.Bridge == nil {
			break
		}
		if e.Bridge.ID == string(c.id) {
			l.bridged = true
			if l.isBot && l.up {
				s.botUp(c, e)
			}
		} else if c.ext && !l.isBot {
			s.join(c, e) // with whomever the dialplan found
		}
	case asterisk.Events.ChannelLeftBridge:
		if e.Bridge != nil && e.Bridge.ID == string(c.id) {
			l.bridged = false
		}
	case asterisk.Events.ChannelDialplan:
		// Asterisk says of a customer who has just hung up that they are in our
		// own application, once more.
		if c.ext && !l.isBot && talks[e.DialplanApp] && stasisArgs(e.Channel, s.opts.App) == nil {
			s.join(c, e)
		}
	case asterisk.Events.ChannelUserevent:
		if e.EventName == dialler.AnalysisEvent {
			s.analysed(c, e)
		} else if c.ext && !l.isBot {
			s.dialplanSaid(c, e)
		}
	case asterisk.Events.ChannelHangupRequest:
		if e.Soft {
			l.soft |= e.Cause
		}
	case asterisk.Events.ChannelDestroyed:
		s.destroyed(l, e)
	}
}

func (s *Switch) dialled(l *leg, e *event) {
	switch e.DialStatus {
	case "RINGING":
		s.ringing(l, e)
	case "PROGRESS":
		if !l.isBot && !l.early && !l.call.answered {
			l.early = true
			s.tell(l.call, dialler.Event{Kind: dialler.EarlyMedia, At: e.at()})
		}
	case "ANSWER":
		s.answered(l, e)
	}
}

func (s *Switch) ringing(l *leg, e *event) {
	if l.rang || l.up {
		return
	}
	l.rang = true
	if !l.isBot {
		s.tell(l.call, dialler.Event{Kind: dialler.Ringing, At: e.at()})
	}
}

// answered hears of an answer twice, by Dial and by ChannelStateChange, in
// either order, and now and then only by the latter.
func (s *Switch) answered(l *leg, e *event) {
	if l.up {
		return
	}
	l.up = true
	c := l.call
	if l.isBot {
		s.botUp(c, e)
		return
	}
	s.customerUp(c, e)
}

func (s *Switch) customerUp(c *call, e *event) {
	c.answered, c.customer.up = true, true
	if c.ring != nil {
		c.ring.Stop()
	}
	s.tell(c, dialler.Event{Kind: dialler.Up, At: e.at()})
	if c.screen == screenWanted && c.ending == notEnding && e.Type != asterisk.Events.ChannelDestroyed {
		s.startScreening(c)
	}
}

func (s *Switch) botUp(c *call, e *event) {
	if c.bot == nil || !c.bot.up || !c.bot.bridged || c.bot.unwanted {
		return
	}
	s.join(c, e)
}

func (s *Switch) join(c *call, e *event) {
	if c.joined || c.ending != notEnding {
		return
	}
	c.joined, c.talked = true, true
	c.stopWait()
	s.tell(c, dialler.Event{Kind: dialler.Joined, At: e.at()})
}

func (s *Switch) destroyed(l *leg, e *event) {
	c := l.call
	cause := dialler.Cause{Q850: e.Cause, SIP: e.TechCause, Text: e.CauseText}
	l.stasis, l.bridged = false, false
	l.end()
	delete(s.legs, l.id)
	if l.isBot {
		s.botGone(c, l, cause, e)
		return
	}
	if e.Channel.State == stateUp && !c.answered {
		s.customerUp(c, e) // answered unseen; then this is its end, all the same
	}
	if c.ending == ringTimeout && !c.answered {
		cause = dialler.Cause{Q850: 19, Text: "ring timeout"} // not the network's word
	}
	s.varsSaid(c, e)
	s.tell(c, dialler.Event{Kind: dialler.HungUp, At: e.at(), Cause: cause, Disposition: c.disposition(cause)})
	bot := c.bot
	s.forgetLocked(c)
	s.link.GoLocked(func(ctx context.Context) { s.clear(ctx, c.id, bot, false) })
}

// botGone is the end of a bot leg.
func (s *Switch) botGone(c *call, l *leg, cause dialler.Cause, e *event) {
	if c.bot != l {
		return
	}
	c.bot = nil
	if l.unwanted || c.ending != notEnding {
		return
	}
	if c.joined {
		c.joined = false
		s.tell(c, dialler.Event{Kind: dialler.BotLeft, At: e.at(), Cause: cause})
		return
	}
	s.botFailed(c, cause, "the bot did not answer: "+cause.String(), e)
}

func (s *Switch) botFailed(c *call, cause dialler.Cause, why string, e *event) {
	c.stopWait()
	ev := dialler.Event{Kind: dialler.BotFailed, Cause: cause, Reason: why}
	if e != nil {
		ev.At = e.at()
	}
	s.tell(c, ev)
}

// stray is the start of a channel of ours that nobody waits for: a request
// given up for lost was obeyed late. It was never dialled; it must not stay.
func (s *Switch) stray(e *event) {
	if e.Channel.State != stateDown || len(e.Args) == 0 || e.Args[0] != roleCustomer && e.Args[0] != roleBot {
		return
	}
	id := e.Channel.ID
	s.log.Warn("asterisk: a channel nobody waits for is taken down", "channel", id, "role", e.Args[0])
	s.link.GoLocked(func(ctx context.Context) {
		s.remove(ctx, "channels/"+id)
		if e.Args[0] == roleCustomer {
			s.remove(ctx, "bridges/"+id)
		}
	})
}
