package esl

import (
	"context"
	"maps"
	"strings"
	"time"

	"ringback/dialler"
)

// handle moves the call that an event is about. It asks nothing of FreeSWITCH
// itself: events are not read meanwhile.
func (s *Switch) handle(e *event) {
	s.observe(Observation{What: "event " + e.name})
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.name == evJob {
		s.jobDone(e)
		return
	}
	if c := s.bots[e.leg]; c != nil {
		s.botEvent(c, e)
		return
	}
	if c := s.calls[dialler.CallID(e.leg)]; c != nil {
		s.customerEvent(c, e)
		return
	}
	// A leg of ours that this process does not know: from before a restart,
	// or another node's. Its mark is inherited by the other half of a
	// loopback channel, which is no leg of ours.
	if e.app != s.opts.App || e.own != e.leg || !uuidForm.MatchString(e.call) {
		return
	}
	id := dialler.CallID(e.call)
	c := s.calls[id]
	if c == nil {
		c = s.addLocked(id)
	}
	if e.leg == e.call {
		s.customerEvent(c, e)
	} else if c.bot == "" {
		s.ownBotLocked(c, e.leg)
		c.state = botAsked
		s.botEvent(c, e)
	}
}

func (s *Switch) customerEvent(c *call, e *event) {
	if c.gone {
		return
	}
	switch e.name {
	case evDestroy, evHangup:
		// Not subscribed to, and not needed. Of a leg that was never
		// dialled DESTROY comes without a cause; its job tells that.
		if e.name == evHangup || e.cause == "" {
			return
		}
		fallthrough
	case evHangupComplete:
		s.customerGone(c, e)
		return
	}
	c.created = true
	switch e.name {
	case evCreate:
		if c.ending != notEnding { // Hangup came before there was a leg
			s.killLocked(string(c.id), "NORMAL_CLEARING")
		}
	case evProgress:
		if !c.rang && !c.answered {
			c.rang = true
			s.tell(c, dialler.Event{Kind: dialler.Ringing, At: e.when()})
		}
	case evProgressMedia:
		if !c.early && !c.answered {
			c.early = true
			s.tell(c, dialler.Event{Kind: dialler.EarlyMedia, At: e.when()})
		}
	case evAnswer:
		s.customerUp(c, e.when())
	case evPark:
		if e.state == "answered" {
			s.customerUp(c, e.when())
			s.customerParked(c)
		}
	case evBridge:
		if c.ext || c.bot != "" && (e.bridge[0] == c.bot || e.bridge[1] == c.bot) {
			s.join(c, e.when())
		}
	case evPlayStart:
		if c.play == playAsked {
			c.play = playStarted
			c.playWait.Stop()
		}
	case evPlayStop:
		s.playDone(c, e.when())
	case evCustom:
		switch {
		case e.subclass == dialler.AnalysisSubclass:
			s.analysed(c, e)
		case e.subclass == beep && s.opts.Detector == "":
			s.screened(c, dialler.VerdictMachine, e.when())
		}
	}
	if e.verdict != "" && e.name == evPark {
		s.screened(c, verdictOf(e.verdict), e.when())
	}
}

// customerUp hears of an answer up to three times: by CHANNEL_ANSWER, by
// CHANNEL_PARK and by the originate job, in any order.
func (s *Switch) customerUp(c *call, at time.Time) {
	if c.answered || c.gone {
		return
	}
	c.answered = true
	if c.ringWait != nil {
		c.ringWait.Stop()
	}
	s.tell(c, dialler.Event{Kind: dialler.Up, At: at})
	s.startScreening(c)
}

func (s *Switch) customerParked(c *call) {
	if !c.parked {
		c.parked = true
		close(c.settled)
	}
	s.bridge(c)
}

// customerGone is the end of the customer leg.
func (s *Switch) customerGone(c *call, e *event) {
	if e.talked {
		s.customerUp(c, e.when()) // answered unseen; then this is its end, all the same
	}
	s.analysed(c, e)
	s.hungUp(c, e.cause, e.hangupCause(), e.when())
}

// analysed tells what the dialplan said of the call: by the variables that the
// leg ends with, or by an event of its own. A reason that we set ourselves, as
// part of the context, is what the customer gave last time.
func (s *Switch) analysed(c *call, e *event) {
	said := e.vars
	if c.reason != "" && said["callback_reason"] == c.reason {
		delete(said, "callback_reason")
	}
	if e.name == evCustom { // which carries the variables too
		if said == nil {
			said = map[string]string{}
		}
		maps.Copy(said, e.said)
	}
	if record := dialler.NewAnalysis(said); record != "" && !c.gone {
		s.tell(c, dialler.Event{Kind: dialler.Analysed, At: e.when(), Analysis: record})
	}
}

func (s *Switch) hungUp(c *call, name string, cause dialler.Cause, at time.Time) {
	if c.gone {
		return
	}
	if c.ending == ringTimeout && !c.answered {
		cause = dialler.Cause{Q850: 19, Text: "ring timeout"} // not the network's word
	}
	s.tell(c, dialler.Event{Kind: dialler.HungUp, At: at, Cause: cause, Disposition: c.disposition(name, cause)})
	c.stopTimers()
	c.finish()
	switch c.state {
	case botAsked, botParked, botBridging, botJoined:
		// It has no reason to stay. One that is still to be made is hung up
		// when it is.
		s.killLocked(c.bot, "NORMAL_CLEARING")
	}
}

// jobDone is the end of an originate. Its success says that the leg has
// answered and is being parked; its failure may come before the leg's end,
// after it, or without there having been a leg.
func (s *Switch) jobDone(e *event) {
	text := strings.TrimSpace(string(e.result))
	name, failed := strings.CutPrefix(text, "-ERR")
	name = strings.TrimSpace(name)
	if strings.HasPrefix(text, "-USAGE") {
		name, failed = "INVALID_URL", true
	}
	if c := s.bots[e.job]; c != nil {
		switch {
		case e.job != c.bot: // of one that was given up
		case failed:
			cause := dialler.Cause{Q850: q850[name], Text: name}
			s.botEnded(c, cause, "the bot did not answer: "+cause.String(), e.when())
		default:
			s.botUp(c)
		}
		return
	}
	c := s.calls[dialler.CallID(e.job)]
	switch {
	case c == nil || c.gone:
	case !failed:
		c.created = true
		s.customerUp(c, e.when())
		s.customerParked(c)
	case name == "DESTINATION_OUT_OF_ORDER" && !c.created:
		s.link.GoLocked(func(ctx context.Context) { s.whyOutOfOrder(ctx, c) })
	default:
		s.awaitEnd(c, name, e.when(), 0)
	}
}

// awaitEnd waits for the leg's own account of its end, which has the Q.850
// cause and the SIP status; if there is none, the job's word has to do.
func (s *Switch) awaitEnd(c *call, name string, at time.Time, asked int) {
	wait := 250 * time.Millisecond
	if c.created {
		wait = 2 * time.Second
	}
	if c.jobWait != nil {
		c.jobWait.Stop()
	}
	c.jobWait = s.link.After(wait, func() {
		s.link.GoLocked(func(ctx context.Context) {
			there, err := s.exists(ctx, string(c.id))
			s.mu.Lock()
			defer s.mu.Unlock()
			switch {
			case err != nil || c.gone: // a link that is down asks when it is up
			case there && asked < 10:
				s.awaitEnd(c, name, at, asked+1)
			default:
				s.hungUp(c, name, dialler.Cause{Q850: q850[name], Text: name}, at)
			}
		})
	})
}

// botEvent moves the bot leg.
func (s *Switch) botEvent(c *call, e *event) {
	if e.leg != c.bot { // one that was given up
		if e.name == evCreate || e.name == evPark {
			s.killLocked(e.leg, "NORMAL_CLEARING")
		}
		return
	}
	switch e.name {
	case evCreate:
		if c.gone || c.ending != notEnding || c.state == botGone {
			s.killLocked(c.bot, "NORMAL_CLEARING")
		}
	case evPark:
		if e.state == "answered" {
			s.botUp(c)
		}
	case evBridge:
		s.join(c, e.when())
	case evCustom:
		if e.subclass == dialler.AnalysisSubclass {
			s.analysed(c, e)
		}
	case evHangupComplete, evDestroy:
		if e.name == evDestroy && e.cause == "" {
			return
		}
		cause := e.hangupCause()
		s.botEnded(c, cause, "the bot did not answer: "+cause.String(), e.when())
	}
}

func (s *Switch) botUp(c *call) {
	switch {
	case c.gone || c.state == botGone:
		s.killLocked(c.bot, "NORMAL_CLEARING")
	case c.state == botAsked:
		c.state = botParked
		s.bridge(c)
	}
}

// bridge puts the two legs together once both wait. A leg whose originate is
// not over yet would be parked right after, out of the bridge. Legs of another
// node are for that to bridge: done twice, the first bridge ends, and with it
// the bot.
func (s *Switch) bridge(c *call) {
	if !c.ours || c.state != botParked || !c.parked || c.gone || c.ending != notEnding {
		return
	}
	c.state = botBridging
	bot := c.bot
	s.link.GoLocked(func(ctx context.Context) {
		_, err := s.cmd.api(ctx, "uuid_bridge "+string(c.id)+" "+bot)
		if err == nil || ctx.Err() != nil {
			return // CHANNEL_BRIDGE tells the rest
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if c.state == botBridging && c.bot == bot {
			s.killLocked(c.bot, "NORMAL_CLEARING")
			s.botEnded(c, dialler.Cause{}, "the bot could not be bridged: "+err.Error(), time.Now())
		}
	})
}

func (s *Switch) join(c *call, at time.Time) {
	if c.joined || c.gone || c.ending != notEnding || c.state == botGone {
		return
	}
	c.joined, c.talked = true, true
	if !c.ext {
		c.state = botJoined
	}
	if c.botWait != nil {
		c.botWait.Stop()
	}
	s.tell(c, dialler.Event{Kind: dialler.Joined, At: at})
}

// botEnded is the end of the bot leg, or of the wait for it.
func (s *Switch) botEnded(c *call, cause dialler.Cause, why string, at time.Time) {
	if c.state == noBot || c.state == botGone {
		return
	}
	c.state = botGone
	if c.botWait != nil {
		c.botWait.Stop()
	}
	switch {
	case c.gone || c.ending != notEnding:
	case c.joined:
		c.joined = false
		s.tell(c, dialler.Event{Kind: dialler.BotLeft, At: at, Cause: cause})
	default:
		s.tell(c, dialler.Event{Kind: dialler.BotFailed, At: at, Cause: cause, Reason: why})
	}
}
