package dialler

import (
	"fmt"
	"math"
	"time"
)

// A Capacity is how many calls a campaign can begin in a minute, as it goes.
type Capacity struct {
	PerMinute float64
	Hold      time.Duration // how long a call holds a seat, ringing included, on average
	Why       string        // how it was worked out, in sentences
}

// assumedTalk stands for the mean conversation while none was held.
const assumedTalk = 2 * time.Minute

// Expect works out what the seats, the bot, the trunk and the CPS allow. It is
// an estimate: a call is taken to ring for half its limit, and to be talked on
// for the mean of those so far, as often as calls have been answered so far.
func (c Campaign) Expect(b Bot, t Trunk, n Counters) Capacity {
	c = c.WithDefaults()
	settled := 0
	for _, k := range n.Dispositions {
		settled += k
	}
	ring, talk, share := c.RingTimeout/2, n.AvgTalk(), 1.0
	if settled > 0 {
		share = float64(n.Dispositions[Answered]) / float64(settled)
	}
	why := fmt.Sprintf("%.0f %% of its calls were talked on, for %v on average, and half of the %v a phone may ring is counted, so a call holds its seat for about ", 100*share, talk.Round(time.Second), c.RingTimeout)
	if talk == 0 {
		talk, share = assumedTalk, 1
		why = fmt.Sprintf("No conversation was held yet: each call is taken to be talked on for %v, and half of the %v a phone may ring is counted, so a call holds its seat for about ", talk, c.RingTimeout)
	}
	out := Capacity{Hold: ring + time.Duration(share*float64(talk))}
	why += fmt.Sprintf("%v. ", out.Hold.Round(time.Second))

	out.PerMinute = math.Inf(1)
	limit := ""
	least := func(perMinute float64, what string, args ...any) {
		if perMinute < out.PerMinute {
			out.PerMinute, limit = perMinute, fmt.Sprintf(what, args...)
		}
	}
	held := func(k int) float64 { return float64(k) * float64(time.Minute) / float64(out.Hold) }
	least(held(c.Seats), "its %d seats", c.Seats)
	if b.Capacity > 0 {
		least(held(b.Capacity), "the %d conversations of the bot %s", b.Capacity, b.Name)
	}
	if t.Channels > 0 {
		least(held(t.Channels), "the %d channels of the trunk %s", t.Channels, t.Name)
	}
	if c.CPS > 0 {
		least(60*c.CPS, "its limit of %v new calls a second", c.CPS)
	}
	if t.CPS > 0 {
		least(60*t.CPS, "the %v new calls a second of the trunk %s", t.CPS, t.Name)
	}
	out.Why = why + fmt.Sprintf("By %s that is %.1f calls a minute.", limit, out.PerMinute)
	return out
}

// Open reports whether the campaign, if it runs, may ring at t.
func (c Campaign) Open(t time.Time) bool { return c.Window.Contains(t) && !c.DayOver(t) }
