package esl

import (
	"context"
	"strings"
	"time"

	"ringback/dialler"
)

// Screening looks for a machine from the answer on, for ScreenTimeout at most.
//
//   - mod_avmd, the default, listens for the beep of a voicemail and tells it
//     by avmd::beep, each event twice. It cannot tell a person: no beep in time
//     is unsure.
//   - A detector application runs before park and leaves its verdict in a
//     variable, which is on the event CHANNEL_PARK that follows; one that works
//     in the background is asked for its variable when the time is up.
func (s *Switch) startScreening(c *call) {
	if c.screen != screenWanted || c.ending != notEnding || c.gone {
		return
	}
	c.screen = screenRunning
	c.screenWait = s.link.After(s.opts.ScreenTimeout, func() {
		s.link.GoLocked(func(ctx context.Context) { s.endScreening(ctx, c) })
	})
}

func (s *Switch) endScreening(ctx context.Context, c *call) {
	verdict := dialler.VerdictUnsure
	if s.opts.Detector != "" {
		text, err := s.cmd.api(ctx, "uuid_getvar "+string(c.id)+" "+s.opts.DetectorVariable)
		if err == nil {
			verdict = verdictOf(text)
		}
	} else if s.link.Up() {
		// It would go on listening, and hear beeps in the conversation.
		_, _ = s.cmd.api(ctx, "avmd "+string(c.id)+" stop")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.screened(c, verdict, time.Now())
}

func (s *Switch) screened(c *call, v dialler.Verdict, at time.Time) {
	if c.screen != screenRunning || c.gone {
		return
	}
	c.screen = screenDone
	if c.screenWait != nil {
		c.screenWait.Stop()
	}
	s.tell(c, dialler.Event{Kind: dialler.Screened, At: at, Verdict: v})
}

// verdictOf reads a detector's variable. Whatever is not clearly a machine is
// not one.
func verdictOf(text string) dialler.Verdict {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "machine":
		return dialler.VerdictMachine
	case "human":
		return dialler.VerdictHuman
	}
	return dialler.VerdictUnsure
}
