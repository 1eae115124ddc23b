package aritest

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Faults are what may go wrong. Each is a probability from 0, never, to 1,
// always.
type Faults struct {
	// Of each event:
	Cut    float64 // the WebSocket is closed before it is sent: it is lost
	Half   float64 // half of it is sent
	Repeat float64 // it is sent twice
	Delay  float64 // it, and with it all that follow, comes up to MaxDelay late

	// Of each WebSocket, which is opened all the same:
	Deaf float64 // the application is taken away, if no call is in it
	Mute float64 // the application is there, and nobody gets its events

	// Of each request but the first ones of a link:
	Before   float64 // 500 or 503, and nothing is done
	After    float64 // 500 or 503, and all is done
	Slow     float64 // it is answered up to MaxDelay late
	Reset    float64 // it is done, and the connection is closed without an answer
	HalfBody float64 // the answer ends half-way
	Lie      float64 // of creating a channel: 409, "already exists", and nothing is done

	MaxDelay time.Duration // 0: 50 ms
}

// Misbehaving are the faults of a Server that is not told otherwise. With them
// one call in three meets at least one. Mute is not among them: each takes a client
// as long to find out as it waits for an answer.
func Misbehaving() Faults {
	return Faults{
		Cut: 0.01, Half: 0.002, Repeat: 0.2, Delay: 0.2, Deaf: 0.05,
		Before: 0.02, After: 0.02, Slow: 0.1, Reset: 0.01, HalfBody: 0.01, Lie: 0.02,
	}
}

// dice decide. They are thrown from many goroutines.
type dice struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func newDice(seed uint64) *dice { return &dice{rng: rand.New(rand.NewPCG(seed, 0x5eed))} }

func (d *dice) hit(p float64) bool {
	if p <= 0 {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rng.Float64() < p
}

func (d *dice) upTo(most time.Duration) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Duration(d.rng.Int64N(int64(most) + 1))
}
