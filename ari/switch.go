package ari

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"ringback/dialler"
)

// A Switch is an Asterisk, driven over ARI. Use [New].
type Switch struct {
	opts Options
	log  *slog.Logger
	http *http.Client
	news *queue

	slots    chan struct{} // one for each request under way
	clearing chan struct{} // of these, for taking things down

	life  context.Context // ends with Run; requests that nobody waits for live in it
	end   context.CancelFunc
	chore sync.WaitGroup

	mu     sync.Mutex
	ended  bool // Run has returned or is about to: no more chores
	up     bool // the link is
	linked int  // how often it came up
	calls  map[dialler.CallID]*call
	legs   map[string]*leg // by channel ID, of every call
	places map[string]bool // dialplan extensions known to exist, since the link came up
}

var _ dialler.Switch = (*Switch)(nil)

// New returns a Switch that is not connected yet; [Switch.Run] does that. The
// error says which option is wrong.
func New(o Options) (*Switch, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Switch{
		opts:     o,
		log:      o.Logger,
		http:     &http.Client{Transport: newTransport(o)},
		news:     newQueue(),
		slots:    make(chan struct{}, o.Connections-1), // the WebSocket has one, too
		clearing: make(chan struct{}, max(1, (o.Connections-1)/2)),
		calls:    map[dialler.CallID]*call{},
		legs:     map[string]*leg{},
		places:   map[string]bool{},
	}
	s.life, s.end = context.WithCancel(context.Background())
	return s, nil
}

// Run implements [dialler.Switch]. It returns an error if Asterisk refuses the
// user or the password.
//
// If another process connects with the same App, Asterisk gives it the events
// and tells us so (ApplicationReplaced), once. The link is then down; it is
// tried again after a minute, in the hope that the other has gone.
func (s *Switch) Run(ctx context.Context, deliver func(dialler.Event)) error {
	ctx, cancel := context.WithCancel(ctx)
	fault := make(chan error, 1)
	go func() {
		defer cancel()
		fault <- s.keepLink(ctx)
	}()
	for {
		ev, ok := s.news.take(ctx)
		if !ok {
			break
		}
		deliver(ev)
	}
	err := <-fault

	s.mu.Lock()
	s.ended, s.up = true, false
	for _, c := range s.calls {
		c.stopTimers()
	}
	s.mu.Unlock()
	s.end()
	s.chore.Wait()
	s.http.CloseIdleConnections()
	return err
}

// background runs f beside everything else, until Run ends. f is short: a
// request or two.
func (s *Switch) background(f func(context.Context)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.backgroundLocked(f)
}

func (s *Switch) backgroundLocked(f func(context.Context)) {
	if s.ended {
		return
	}
	s.chore.Go(func() { f(s.life) })
}

func (s *Switch) linkUp() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.up
}

// A queue holds news until it is delivered. It has no limit: what would a
// dialler do with lost news? A live call makes some ten.
type queue struct {
	mu    sync.Mutex
	items []dialler.Event
	more  chan struct{} // has room for one signal
}

func newQueue() *queue { return &queue{more: make(chan struct{}, 1)} }

func (q *queue) put(events ...dialler.Event) {
	if len(events) == 0 {
		return
	}
	q.mu.Lock()
	q.items = append(q.items, events...)
	q.mu.Unlock()
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// take waits for the next item; false once ctx has ended.
func (q *queue) take(ctx context.Context) (dialler.Event, bool) {
	for ctx.Err() == nil {
		q.mu.Lock()
		if len(q.items) > 0 {
			ev := q.items[0]
			q.items[0] = dialler.Event{}
			q.items = q.items[1:]
			if len(q.items) == 0 {
				q.items = nil // let go of what a burst took
			}
			q.mu.Unlock()
			return ev, true
		}
		q.mu.Unlock()
		select {
		case <-q.more:
		case <-ctx.Done():
		}
	}
	return dialler.Event{}, false
}

// after runs f, holding the lock, unless Run has ended by then.
func (s *Switch) after(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.ended {
			f()
		}
	})
}
