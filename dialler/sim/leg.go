package sim

import (
	"time"

	"ringback/dialler"
)

// A Leg is a call on the switch. Its times are guarded by the switch.
type Leg struct {
	dialler.Origination
	Part
	Nth  int
	Node string // whose it is

	Asked, Placed, Answered, Joined, Left, Ended time.Time

	screen  bool
	sentFor bool
	timers  []*time.Timer
}

// place sends the INVITE. Its caller holds mu.
func (s *Switch) place(leg *Leg) {
	if s.away {
		return // it went down with the switch
	}
	leg.Placed = time.Now()
	s.tell(Fact{Kind: Invite, Leg: leg})
	s.legs[leg.ID] = leg
	if leg.Rings >= 0 {
		s.after(leg, leg.Rings, func() {
			if leg.Answered.IsZero() {
				s.news(leg, dialler.Event{Kind: dialler.Ringing})
			}
		})
	}
	switch {
	case leg.Fails != "":
		s.after(leg, leg.Ends, func() { s.end(leg, leg.Cause, leg.Fails, true) })
	case leg.Answers > 0:
		s.after(leg, leg.Answers, func() { s.answer(leg) })
	}
	if !leg.Forgets {
		s.after(leg, leg.RingTimeout, func() {
			if leg.Answered.IsZero() {
				s.end(leg, dialler.Cause{Q850: 19, Text: "No answer from the user"}, dialler.NoAnswer, true)
			}
		})
	}
}

// after does something with a leg that is still there by then.
func (s *Switch) after(leg *Leg, d time.Duration, do func()) {
	leg.timers = append(leg.timers, time.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.legs[leg.ID] == leg {
			do()
		}
	}))
}

func (s *Switch) answer(leg *Leg) {
	leg.Answered = time.Now()
	s.tell(Fact{Kind: Answers, Leg: leg})
	s.news(leg, dialler.Event{Kind: dialler.Up})
	if leg.screen && leg.Voice != "" {
		s.after(leg, leg.Listens, func() { s.news(leg, dialler.Event{Kind: dialler.Screened, Verdict: leg.Voice}) })
	}
	if leg.Leaves > 0 {
		s.after(leg, leg.Leaves, func() {
			if leg.Joined.IsZero() {
				s.end(leg, dialler.Cause{Q850: 16, Text: "Normal clearing"}, dialler.Answered, true)
			}
		})
	}
}

// end takes the leg down. Its caller holds mu.
func (s *Switch) end(leg *Leg, cause dialler.Cause, d dialler.Disposition, told bool) {
	leg.Ended = time.Now()
	for _, t := range leg.timers {
		t.Stop()
	}
	delete(s.legs, leg.ID)
	s.tell(Fact{Kind: Gone, Leg: leg, Text: cause.String()})
	if told {
		s.news(leg, dialler.Event{Kind: dialler.HungUp, Cause: cause, Disposition: d})
	}
	if !leg.Joined.IsZero() && leg.Left.IsZero() {
		leg.Left = leg.Ended
		s.talked(leg, leg.Left, func(d time.Duration) bool { return d >= 0 })
	}
}

// talked hands out the records that are due from a moment on.
func (s *Switch) talked(leg *Leg, from time.Time, which func(time.Duration) bool) {
	if s.Talked == nil {
		return
	}
	for _, d := range leg.Analyses {
		if which(d) {
			s.Talked(leg, from.Add(d))
		}
	}
}

// join bridges the two legs. Its caller holds mu.
func (s *Switch) join(leg *Leg) {
	if !leg.Joined.IsZero() {
		return
	}
	leg.Joined = time.Now()
	s.tell(Fact{Kind: Bridged, Leg: leg})
	s.news(leg, dialler.Event{Kind: dialler.Joined})
	s.talked(leg, leg.Joined.Add(leg.Talk), func(d time.Duration) bool { return d < 0 })
	s.after(leg, leg.Talk, func() {
		if !leg.BotEnds {
			s.end(leg, dialler.Cause{Q850: 16, Text: "Normal clearing"}, dialler.Answered, true)
			return
		}
		leg.Left = time.Now()
		s.tell(Fact{Kind: BotGone, Leg: leg})
		s.news(leg, dialler.Event{Kind: dialler.BotLeft})
		s.talked(leg, leg.Left, func(d time.Duration) bool { return d >= 0 })
		s.after(leg, 2*time.Minute, func() { // in the end they give up by themselves
			s.end(leg, dialler.Cause{Q850: 16, Text: "Normal clearing"}, dialler.Answered, true)
		})
	})
}
