package ari

import (
	"context"
	"strings"

	"ringback/dialler"
)

// startScreening sends an answered customer to AMD(). The lock is held.
func (s *Switch) startScreening(c *call) {
	c.screen = screenRunning
	c.wait = s.link.After(s.opts.ScreenTimeout, func() {
		if s.calls[c.id] == c {
			s.screenFailed(c, "no verdict in time", nil)
		}
	})
	s.link.GoLocked(func(ctx context.Context) {
		amd := place{s.opts.AMDContext, "s", "1"}
		ok, err := s.exists(ctx, amd)
		if err == nil && ok {
			err = s.send(ctx, c.customer, amd)
		}
		var why string
		switch {
		case err != nil:
			why = err.Error()
		case !ok:
			why = "the dialplan has no extension s in context " + s.opts.AMDContext
		default:
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.screenFailed(c, why, err)
	})
}

// screenFailed settles for unsure, which is treated as a person. The lock is
// held.
func (s *Switch) screenFailed(c *call, why string, err error) {
	if c.screen != screenRunning || c.ending != notEnding {
		return
	}
	s.log.Error("asterisk: machine screening failed; the call goes to the bot", "call", c.id, "why", why)
	s.verdictIs(c, dialler.VerdictUnsure, nil)
}

// screened hears AMD()'s verdict: the channel has come back with it.
func (s *Switch) screened(c *call, args []string, e *event) {
	if c.screen != screenRunning {
		return // heard already, or too late
	}
	s.verdictIs(c, verdict(args), e)
}

func (s *Switch) verdictIs(c *call, v dialler.Verdict, e *event) {
	c.screen = screenDone
	c.stopWait()
	ev := dialler.Event{Kind: dialler.Screened, Verdict: v}
	if e != nil {
		ev.At = e.at()
	}
	s.tell(c, ev)
}

// verdict reads AMD()'s AMDSTATUS and AMDCAUSE (apps/app_amd.c). Only what was
// heard makes a machine: more words than a person says on answering
// (MAXWORDS), or a greeting longer than theirs (LONGGREETING). Nothing heard at
// all (INITIALSILENCE) is as often a person who waits, and one endless sound
// (MAXWORDLENGTH) as often a noisy street, although AMD() calls both MACHINE.
func verdict(args []string) dialler.Verdict {
	status, why := "", ""
	if len(args) > 0 {
		status = args[0]
	}
	if len(args) > 1 {
		why, _, _ = strings.Cut(args[1], "-") // MAXWORDS-3-2
	}
	switch {
	case status == "HUMAN":
		return dialler.VerdictHuman
	case status == "MACHINE" && (why == "MAXWORDS" || why == "LONGGREETING"):
		return dialler.VerdictMachine
	}
	return dialler.VerdictUnsure
}
