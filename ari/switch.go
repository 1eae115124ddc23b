package ari

import (
	"context"
	"log/slog"
	"net/http"
	"sync"

	"ringback/dialler"
	"ringback/dialler/switchlink"
)

// A Switch is an Asterisk, driven over ARI. Use [New].
type Switch struct {
	opts Options
	log  *slog.Logger
	http *http.Client
	link *switchlink.Link

	slots    chan struct{} // one for each request under way
	clearing chan struct{} // of these, for taking things down

	mu     sync.Mutex
	linked int // how often it came up
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
		slots:    make(chan struct{}, o.Connections-1), // the WebSocket has one, too
		clearing: make(chan struct{}, max(1, (o.Connections-1)/2)),
		calls:    map[dialler.CallID]*call{},
		legs:     map[string]*leg{},
		places:   map[string]bool{},
	}
	s.link = switchlink.New(&s.mu)
	return s, nil
}

// Run implements [dialler.Switch]. It returns an error if Asterisk refuses the
// user or the password.
//
// If another process connects with the same App, Asterisk gives it the events
// and tells us so (ApplicationReplaced), once. The link is then down; it is
// tried again after a minute, in the hope that the other has gone.
func (s *Switch) Run(ctx context.Context, deliver func(dialler.Event)) error {
	err := s.link.Run(ctx, s.keepLink, deliver)
	s.mu.Lock()
	for _, c := range s.calls {
		c.stopTimers()
	}
	s.mu.Unlock()
	s.http.CloseIdleConnections()
	return err
}
