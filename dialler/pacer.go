package dialler

import (
	"math"
	"time"
)

// A Pacer spaces the starts of calls: at most CPS a second, none sooner than
// 1/CPS after the one before, whatever came earlier (the generic cell rate
// algorithm of ITU-T I.371 with no burst). It reads no clock: its caller says
// what time it is. The zero Pacer, with a CPS, is ready to use; CPS 0 is no
// limit.
type Pacer struct {
	CPS  float64
	next time.Time // the theoretical arrival time: no new call before this
}

// longest is as far ahead as a Pacer looks: so many years mean never, and a
// time that far from now can still be computed.
const longest = 100 * 365 * 24 * time.Hour

// Allow returns how many calls, at most want, may be started at now, and, if
// that is none, when the next may.
func (p *Pacer) Allow(now time.Time, want int) (n int, next time.Time) {
	switch {
	case want <= 0:
		return 0, time.Time{}
	case p.CPS <= 0:
		return want, time.Time{}
	case now.Before(p.next):
		return 0, p.next
	}
	return 1, time.Time{}
}

// Take says that n calls were started at now.
func (p *Pacer) Take(now time.Time, n int) {
	if p.CPS <= 0 || n <= 0 {
		return
	}
	if p.next.Before(now) {
		p.next = now
	}
	// Rounded up: a nanosecond short, and one second would hold a call more.
	gap := math.Ceil(float64(n) * float64(time.Second) / p.CPS)
	p.next = p.next.Add(time.Duration(min(gap, float64(longest))))
}
