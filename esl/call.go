package esl

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"ringback/dialler"
)

// A call is what we know of one call. [Switch].mu guards it.
//
//	asked ─▶ ringing ─▶ answered ─▶ parked ─┬─▶ screening ─▶ parked
//	                                        ├─▶ bot leg ─▶ bridged ─▶ (bot left) parked
//	                                        └─▶ in the dialplan
//
// and from everywhere to gone, when the customer leg is. Events may come in
// any order and twice; each step is told once.
type call struct {
	id   dialler.CallID
	ours bool // this process placed it, or was asked about it

	bot  string   // ID of the bot leg; "": there was none yet
	legs []string // of every bot leg there was

	created  bool // FreeSWITCH has told of the customer leg
	rang     bool
	early    bool
	answered bool
	parked   bool
	settled  chan struct{} // closed when parked: only then may it be moved
	gone     bool
	done     chan struct{} // closed when gone
	over     time.Time     // when it was gone, or could not be found; zero: neither
	ending   ending
	screen   screening
	play     playing

	state  botState
	ext    bool   // handed over to the dialplan
	reason string // RINGBACK_CALLBACK_REASON as we set it, decoded
	joined bool   // the bot is on the line
	talked bool   // it has been

	ringWait   *time.Timer // cancels at the end of the ring time
	screenWait *time.Timer // for the verdict
	botWait    *time.Timer // for the bot
	jobWait    *time.Timer // for the end of a leg whose job has failed
	playWait   *time.Timer // for a sound to begin
}

type screening int

const (
	noScreening screening = iota
	screenWanted
	screenRunning
	screenDone
)

type playing int

const (
	notPlaying playing = iota
	playAsked
	playStarted
)

// ending says whether it was us who hung up.
type ending int

const (
	notEnding ending = iota
	ringTimeout
	hungUpByUs
)

// botState is where the bot leg stands.
type botState int

const (
	noBot       botState = iota
	botAsked             // bgapi originate was sent
	botParked            // it has answered and waits
	botBridging          // uuid_bridge was sent
	botJoined
	botGone
)

// ownBotLocked makes leg the bot leg of a call. Each has an ID of its own: what
// is still told of one that failed is not taken for news of the next.
func (s *Switch) ownBotLocked(c *call, leg string) {
	c.bot = leg
	if s.bots[leg] != c {
		s.bots[leg] = c
		c.legs = append(c.legs, leg)
	}
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

func checkID(id dialler.CallID) error {
	if !uuidForm.MatchString(string(id)) {
		return fmt.Errorf("call ID: got %.60q; want a UUID in lower case", string(id))
	}
	return nil
}

func newCall(id dialler.CallID) *call {
	return &call{id: id, settled: make(chan struct{}), done: make(chan struct{})}
}

// addLocked makes a call known, so that no event of it is missed.
func (s *Switch) addLocked(id dialler.CallID) *call {
	s.sweepLocked(time.Now())
	c := newCall(id)
	s.calls[id] = c
	return c
}

// remembered is how long a call that is over is remembered, so that what is
// still told of it is not taken for news of another.
const remembered = 2 * time.Minute

func (s *Switch) sweepLocked(now time.Time) {
	if now.Sub(s.swept) < remembered/4 {
		return
	}
	s.swept = now
	for _, c := range s.calls {
		if !c.over.IsZero() && now.Sub(c.over) > remembered {
			s.forgetLocked(c)
		}
	}
}

// forgetLocked drops a call, so that nothing more is told of it.
func (s *Switch) forgetLocked(c *call) {
	c.stopTimers()
	if s.calls[c.id] == c {
		delete(s.calls, c.id)
		for _, leg := range c.legs {
			delete(s.bots, leg)
		}
	}
}

// forgetAllLocked drops every call: FreeSWITCH was restarted and has none.
func (s *Switch) forgetAllLocked() {
	for _, c := range s.calls {
		s.forgetLocked(c)
		c.finish()
	}
}

func (c *call) finish() {
	if !c.gone {
		c.gone, c.over = true, time.Now()
		close(c.done)
	}
}

func (c *call) stopTimers() {
	for _, t := range []*time.Timer{c.ringWait, c.screenWait, c.botWait, c.jobWait, c.playWait} {
		if t != nil {
			t.Stop()
		}
	}
}

// kill hangs up a leg in the background. That it is gone already is fine.
func (s *Switch) killLocked(leg, cause string) {
	s.link.GoLocked(func(ctx context.Context) {
		if err := s.kill(ctx, leg, cause); err != nil && ctx.Err() == nil {
			s.log.Warn("freeswitch: could not hang up; it is looked for when the link comes back", "leg", leg, "error", err)
		}
	})
}
