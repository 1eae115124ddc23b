package postgres

import (
	"context"
	"runtime"
	"slices"
	"sync"
)

// A crew does together what many ask for at once: who asks while others are
// being served waits for these and is then served with all who have come
// meanwhile, in one transaction. Who asks alone is served at once.
//
// There is no goroutine for this: one of those who ask serves a batch, and then
// gives its turn to the first that waits.
type crew[T any] struct {
	// fits reports whether x may be served with those of the batch.
	fits func(batch []T, x T) bool
	// serve serves a batch; ctx is that of the one who asked, if there is but
	// one, and else never ends.
	serve func(ctx context.Context, batch []T)
	// split is the size from which a batch is worth a turn of its own: of more
	// than twice as many each free turn is given its part. 0: it never is.
	split int

	mu        sync.Mutex
	queue     []*asking[T]
	busy      int  // turns taken
	gathering bool // one of them by somebody who looks who else is coming
}

// turns is how many batches of a crew are under way at once: one computes while
// another is on its way to the disk.
const turns = 2

type asking[T any] struct {
	what T
	wake chan bool // true: it is your turn; false: you were served
}

// do sees to it that x is served, with others if there are any. It returns
// false if ctx ended before anybody began with it.
func (c *crew[T]) do(ctx context.Context, x T) bool {
	a := &asking[T]{what: x, wake: make(chan bool, 1)}
	c.mu.Lock()
	if c.busy < turns && !c.gathering {
		c.busy++
		c.gathering = true
		c.mu.Unlock()
		c.gather()
	} else {
		c.queue = append(c.queue, a)
		c.mu.Unlock()
		var mine bool
		select {
		case mine = <-a.wake:
		case <-ctx.Done():
			if c.leave(a) {
				return false
			}
			mine = <-a.wake // Options.Timeout bounds it
		}
		if !mine {
			return true
		}
	}
	others := c.take(x)
	batch := []T{x}
	for _, o := range others {
		batch = append(batch, o.what)
	}
	if len(batch) > 1 {
		ctx = context.WithoutCancel(ctx)
	}
	c.serve(ctx, batch)
	for _, o := range others {
		o.wake <- false
	}
	c.handOver()
	return true
}

// gather waits for those who are about to ask, as long as any comes: of ten
// calls that end at one moment the first is not settled by itself. Where nobody
// else wants to run, this takes some microseconds.
func (c *crew[T]) gather() {
	came := 0
	for idle := 0; idle < 20; idle++ {
		runtime.Gosched()
		c.mu.Lock()
		if n := len(c.queue); n != came {
			came, idle = n, 0
		}
		c.mu.Unlock()
	}
	c.mu.Lock()
	c.gathering = false
	c.mu.Unlock()
}

// take takes those off the queue that are served with x.
func (c *crew[T]) take(x T) (others []*asking[T]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	batch, limit := []T{x}, len(c.queue)+1
	if n := limit / (turns - c.busy + 1); c.split > 0 && n >= c.split {
		limit = n
	}
	c.queue = slices.DeleteFunc(c.queue, func(a *asking[T]) bool {
		if len(batch) == limit || !c.fits(batch, a.what) {
			return false
		}
		batch, others = append(batch, a.what), append(others, a)
		return true
	})
	if len(c.queue) > 0 && c.busy < turns && !c.gathering {
		c.busy++
		c.wakeFirst()
	}
	return others
}

// leave takes a off the queue, if it is still there.
func (c *crew[T]) leave(a *asking[T]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.queue)
	c.queue = slices.DeleteFunc(c.queue, func(x *asking[T]) bool { return x == a })
	return len(c.queue) < n
}

// handOver gives a turn that is over to the first that waits.
func (c *crew[T]) handOver() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		c.busy--
		return
	}
	c.wakeFirst()
}

// wakeFirst gives a turn to the first that waits.
func (c *crew[T]) wakeFirst() {
	c.queue[0].wake <- true
	c.queue = slices.Delete(c.queue, 0, 1)
}
