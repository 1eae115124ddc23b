package esl

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"ringback/dialler"
	"ringback/dialler/switchlink"
)

// A Switch is a FreeSWITCH, driven over its event socket. Use [New].
type Switch struct {
	opts Options
	log  *slog.Logger
	cmd  *commands
	link *switchlink.Link

	mu     sync.Mutex
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
		calls:  map[dialler.CallID]*call{},
		bots:   map[string]*call{},
		places: map[string]bool{},
	}
	s.link = switchlink.New(&s.mu)
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
	err := s.link.Run(ctx, s.keepLink, deliver)
	s.mu.Lock()
	for _, c := range s.calls {
		c.stopTimers()
	}
	s.mu.Unlock()
	s.cmd.close()
	return err
}

// tell hands news of a call on.
func (s *Switch) tell(c *call, ev dialler.Event) {
	ev.Call = c.id
	if ev.At.IsZero() {
		ev.At = time.Now()
	}
	s.link.Tell(ev)
}

func (s *Switch) observe(o Observation) {
	if s.opts.Observe != nil {
		s.opts.Observe(o)
	}
}
