package esl

import (
	"context"
	"regexp"
	"strconv"
	"time"

	"ringback/dialler"
)

// whyOutOfOrder finds out what FreeSWITCH meant by DESTINATION_OUT_OF_ORDER.
// It says so when it will not make a leg, for any of four reasons: there is
// one of that name, calls out are paused, a limit of its own is reached, or
// it made nothing of the dial string. Only the first means that a phone rings.
func (s *Switch) whyOutOfOrder(ctx context.Context, c *call) {
	const name = "DESTINATION_OUT_OF_ORDER"
	there, err := s.exists(ctx, string(c.id))
	if err != nil {
		return // the link is down, or about to be: Find is asked when it is up
	}
	if there {
		s.log.Warn("freeswitch: a second originate of a call was refused; the first goes on", "call", c.id)
		return
	}
	d, why := dialler.Failed, "FreeSWITCH made nothing of the dial string"
	if text, err := s.cmd.api(ctx, "fsctl pause_check outbound"); err == nil && text == "true" {
		d, why = dialler.Congestion, "calls out are paused (fsctl pause outbound)"
	} else if text, err := s.cmd.api(ctx, "status"); err == nil {
		if limit := limitReached(text); limit != "" {
			d, why = dialler.Congestion, limit
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.gone {
		return
	}
	s.tell(c, dialler.Event{Kind: dialler.HungUp, At: time.Now(), Disposition: d,
		Cause: dialler.Cause{Q850: q850[name], Text: name + ": " + why}})
	c.stopTimers()
	c.finish()
}

var (
	statusRate = regexp.MustCompile(`(?m)^(\d+) session\(s\) per Sec out of max (\d+), peak (\d+)`)
	statusNow  = regexp.MustCompile(`(?m)^(\d+) session\(s\) - peak`)
	statusMax  = regexp.MustCompile(`(?m)^(\d+) session\(s\) max`)
)

// limitReached reads "status": which of FreeSWITCH's own limits it is at, if
// any. The rate is of the second that is running, so that a limit reached just
// before the second's end may be missed; nine tenths of it count as reached.
func limitReached(status string) string {
	if m := statusRate.FindStringSubmatch(status); m != nil {
		now, most := atoi(m[1]), atoi(m[2])
		if most > 0 && now*10 >= most*9 {
			return "FreeSWITCH starts no more than " + m[2] + " calls a second (sessions-per-second)"
		}
	}
	now, most := statusNow.FindStringSubmatch(status), statusMax.FindStringSubmatch(status)
	if now != nil && most != nil && atoi(most[1]) > 0 && atoi(now[1]) >= atoi(most[1]) {
		return "FreeSWITCH holds no more than " + most[1] + " calls (max-sessions)"
	}
	return ""
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s) // the pattern has digits only
	return n
}
