package esl

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"ringback/dialler"
)

// A Switch is a FreeSWITCH, driven over its event socket. Use [New].
type Switch struct {
	opts Options
	log  *slog.Logger
	cmd  *commands
	news *queue

	life  context.Context // ends with Run; commands that nobody waits for live in it
	end   context.CancelFunc
	chore sync.WaitGroup

	mu     sync.Mutex
	ended  bool      // Run has returned or is about to: no more chores
	up     bool      // the link is
	since  time.Time // when it came up
	core   string    // Core-UUID of the FreeSWITCH last seen
	calls  map[dialler.CallID]*call
	bots   map[string]*call // by the ID of the bot leg
	places map[string]bool  // dialplan extensions known to exist, since the link came up
	swept  time.Time        // when calls long over were last forgotten
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
		opts:   o,
		log:    o.Logger,
		cmd:    newCommands(o),
		news:   newQueue(),
		calls:  map[dialler.CallID]*call{},
		bots:   map[string]*call{},
		places: map[string]bool{},
	}
	s.life, s.end = context.WithCancel(context.Background())
	return s, nil
}

// Version asks a FreeSWITCH what it is, without asking for events; an operator
// who checks a configuration wants to know that it answers.
func Version(ctx context.Context, o Options) (string, error) {
	o, err := o.withDefaults()
	if err != nil {
		return "", err
	}
	c := newCommands(o)
	defer c.close()
	text, err := c.api(ctx, "version")
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(text, "\n")
	return line, nil
}

// Run implements [dialler.Switch]. It returns an error if FreeSWITCH refuses
// the password.
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
	s.cmd.close()
	return err
}

// background runs f beside everything else, until Run ends. f is short: a
// command or two.
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

func (s *Switch) linkUp() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.up
}

// tell hands news of a call on.
func (s *Switch) tell(c *call, ev dialler.Event) {
	ev.Call = c.id
	if ev.At.IsZero() {
		ev.At = time.Now()
	}
	s.news.put(ev)
}

func (s *Switch) observe(o Observation) {
	if s.opts.Observe != nil {
		s.opts.Observe(o)
	}
}

// A queue holds news until it is delivered. It has no limit: what would a
// dialler do with lost news? A live call makes some ten.
type queue struct {
	mu    sync.Mutex
	items []dialler.Event
	more  chan struct{} // has room for one signal
}

func newQueue() *queue { return &queue{more: make(chan struct{}, 1)} }

func (q *queue) put(ev dialler.Event) {
	q.mu.Lock()
	q.items = append(q.items, ev)
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
