// Package switchlink is what a [dialler.Switch] does whatever the switch is:
// it tells the news in order, says when its link comes and goes, does chores
// and sets timers beside that, and ends as a whole. The adapters, packages ari
// and esl, stand on it.
package switchlink

import (
	"context"
	"sync"
	"time"

	"ringback/dialler"
)

// A Link is a switch's, from [New] to the end of [Link.Run]. Methods whose name
// ends in Locked are called with the adapter's lock held, the others without.
type Link struct {
	mu sync.Locker // the adapter's own

	life   context.Context // ends with Run
	end    context.CancelFunc
	chores sync.WaitGroup
	news   news

	// With mu held:
	ended bool // Run has returned or is about to: no more chores
	up    bool
}

// New returns a link that is down. mu guards the state of the adapter.
func New(mu sync.Locker) *Link {
	l := &Link{mu: mu, news: news{more: make(chan struct{}, 1)}}
	l.life, l.end = context.WithCancel(context.Background())
	return l
}

// Run delivers the news, one after the other, while keep keeps the connection.
// It ends with ctx, or when keep returns, with keep's error; by then nothing
// that was begun here is running, and no timer will do anything.
func (l *Link) Run(ctx context.Context, keep func(context.Context) error, deliver func(dialler.Event)) error {
	ctx, cancel := context.WithCancel(ctx)
	fault := make(chan error, 1)
	go func() {
		defer cancel()
		fault <- keep(ctx)
	}()
	for {
		ev, ok := l.news.take(ctx)
		if !ok {
			break
		}
		deliver(ev)
	}
	err := <-fault
	l.End()
	return err
}

// End is how Run ends: the link is down, chores are told to stop and are waited
// for, and no more are begun.
func (l *Link) End() {
	l.mu.Lock()
	l.ended, l.up = true, false
	l.mu.Unlock()
	l.end()
	l.chores.Wait()
}

// Up reports whether the link is up.
func (l *Link) Up() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.up
}

// UpLocked reports whether the link is up.
func (l *Link) UpLocked() bool { return l.up }

// RaiseLocked tells that the link has come up.
func (l *Link) RaiseLocked() {
	l.up = true
	l.Tell(dialler.Event{Kind: dialler.LinkUp, At: time.Now()})
}

// DropLocked tells that the link has gone, and why.
func (l *Link) DropLocked(why error) {
	l.up = false
	l.Tell(dialler.Event{Kind: dialler.LinkDown, At: time.Now(), Reason: why.Error()})
}

// Tell puts news among those to be delivered. It never waits, and may be
// called with the lock held or without.
func (l *Link) Tell(events ...dialler.Event) { l.news.put(events) }

// Told takes all news that was not delivered yet.
func (l *Link) Told() []dialler.Event { return l.news.all() }

// Go runs f beside everything else, until Run ends; ctx ends then. f is short:
// a request or two.
func (l *Link) Go(f func(ctx context.Context)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.GoLocked(f)
}

// GoLocked is [Link.Go]. It reports whether f is run: not if Run has ended.
func (l *Link) GoLocked(f func(ctx context.Context)) bool {
	if l.ended {
		return false
	}
	l.chores.Go(func() { f(l.life) })
	return true
}

// After runs f after d, holding the lock, unless Run has ended by then.
func (l *Link) After(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if !l.ended {
			f()
		}
	})
}

// news holds events until they are delivered. It has no limit: what would a
// dialler do with lost news? A live call makes some ten.
type news struct {
	mu    sync.Mutex
	items []dialler.Event
	more  chan struct{} // has room for one signal
}

func (n *news) put(events []dialler.Event) {
	if len(events) == 0 {
		return
	}
	n.mu.Lock()
	n.items = append(n.items, events...)
	n.mu.Unlock()
	select {
	case n.more <- struct{}{}:
	default:
	}
}

func (n *news) all() []dialler.Event {
	n.mu.Lock()
	defer n.mu.Unlock()
	items := n.items
	n.items = nil
	return items
}

// take waits for the next; false once ctx has ended.
func (n *news) take(ctx context.Context) (dialler.Event, bool) {
	for ctx.Err() == nil {
		n.mu.Lock()
		if len(n.items) > 0 {
			ev := n.items[0]
			n.items[0] = dialler.Event{}
			n.items = n.items[1:]
			if len(n.items) == 0 {
				n.items = nil // let go of what a burst took
			}
			n.mu.Unlock()
			return ev, true
		}
		n.mu.Unlock()
		select {
		case <-n.more:
		case <-ctx.Done():
		}
	}
	return dialler.Event{}, false
}
