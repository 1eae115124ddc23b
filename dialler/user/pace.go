package user

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// A pace lets so many turns go by a second for each key, after a burst.
type pace struct {
	limit rate.Limit
	burst int

	mu   sync.Mutex
	keys map[string]*rate.Limiter
}

// mostKeys bounds what strangers can make us remember.
const mostKeys = 10_000

func newPace(limit rate.Limit, burst int) *pace {
	return &pace{limit: limit, burst: burst, keys: map[string]*rate.Limiter{}}
}

// turn takes a turn of key at now. wait is how long there is none to be had, 0
// if it was taken; back gives it back.
func (p *pace) turn(key string, now time.Time) (wait time.Duration, back func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.keys[key]
	if l == nil {
		if len(p.keys) >= mostKeys {
			p.forget(now)
		}
		l = rate.NewLimiter(p.limit, p.burst)
		p.keys[key] = l
	}
	r := l.ReserveN(now, 1)
	if wait = r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return wait, func() {}
	}
	return 0, func() { r.CancelAt(now) }
}

// forget drops the keys that have all their turns: to start anew makes no
// difference to them. If there is none, some others go.
func (p *pace) forget(now time.Time) {
	for key, l := range p.keys {
		if l.TokensAt(now) >= float64(p.burst) {
			delete(p.keys, key)
		}
	}
	for key := range p.keys {
		if len(p.keys) < mostKeys*9/10 {
			return
		}
		delete(p.keys, key)
	}
}
