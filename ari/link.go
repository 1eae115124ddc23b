package ari

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	asterisk "github.com/CyCoreSystems/ari/v6"
	"github.com/cenkalti/backoff/v5"
	"github.com/coder/websocket"
)

// errReplaced is the end of a link whose events another process now gets. Its
// socket stays open and is silent for ever.
var errReplaced = errors.New("another process has connected to Asterisk with our application name")

// errDeaf is the end of a link whose WebSocket is open, answers, and gets no
// events. When one connection follows another within the moment in which Asterisk
// clears up after that, it may take the application from the newcomer: by its
// name, without asking whose it is. Seen in 72 of 3000 such connections to 22.10.
var errDeaf = errors.New("Asterisk has opened the WebSocket without giving us our application's events")

// A proof is an event of our own making: that it comes back says that the link
// gets the application's events.
type proof struct {
	name string        // of the event
	came chan struct{} // closed when it has come
	over chan struct{} // closed when nothing will come any more
}

// proofPrefix begins the names of such events.
const proofPrefix = "RingbackLink-"

func newProof() *proof {
	return &proof{name: proofPrefix + rand.Text(), came: make(chan struct{}), over: make(chan struct{})}
}

// is reports whether e is a proof, this one or that of an earlier link.
func (p *proof) is(e *event) bool {
	if e.Type != asterisk.Events.ChannelUserevent || e.Channel != nil || !strings.HasPrefix(e.EventName, proofPrefix) {
		return false
	}
	if e.EventName == p.name {
		select {
		case <-p.came:
		default:
			close(p.came)
		}
	}
	return true
}

// replacedPause is how long we leave it to that process.
const replacedPause = time.Minute

// A faultError is one that no reconnecting mends.
type faultError struct{ error }

func (e faultError) Unwrap() error { return e.error }

// keepLink connects, and connects again, until ctx ends or there is a fault.
func (s *Switch) keepLink(ctx context.Context) error {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = s.opts.RetryDelay/50, s.opts.RetryDelay
	for {
		began := time.Now()
		err := s.hold(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // err is of the end that was asked for
		}
		var fault faultError
		if errors.As(err, &fault) {
			s.log.Error("asterisk: gave up", "error", err)
			return fault.error
		}
		if time.Since(began) > 2*s.opts.RetryDelay {
			pause.Reset()
		}
		wait := pause.NextBackOff()
		if errors.Is(err, errReplaced) {
			wait = replacedPause
		}
		s.log.Warn("asterisk: no link", "error", err, "retry_in", wait.Round(time.Millisecond))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
	}
}

// hold is one connection, from the first request to its loss.
func (s *Switch) hold(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	began := time.Now()
	// The WebSocket's own refusal tells less of what is wrong.
	var info asterisk.AsteriskInfo
	if err := s.do(ctx, http.MethodGet, "asterisk/info", nil, nil, &info); err != nil {
		switch code(err) {
		case http.StatusUnauthorized:
			return faultError{fmt.Errorf("user or password: Asterisk at %s refuses user %q: %w", s.opts.URL, s.opts.User, err)}
		case http.StatusForbidden:
			return faultError{fmt.Errorf("user: Asterisk at %s lets user %q only read (ari.conf, read_only): %w", s.opts.URL, s.opts.User, err)}
		}
		return err
	}
	conn, err := s.dialEvents(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.CloseNow() }()

	lost := make(chan error, 2)
	var heard atomic.Int64
	ours := newProof()
	go func() { lost <- s.read(ctx, conn, &heard, ours) }()
	go func() { lost <- s.ping(ctx, conn, &heard) }()
	running := 2
	err = s.arrive(ctx, ours)
	s.observe(Observation{What: "connect", Took: time.Since(began)})
	if err == nil {
		s.mu.Lock()
		s.linked++
		clear(s.places) // the dialplan may have been reloaded
		s.link.RaiseLocked()
		s.mu.Unlock()
		s.log.Info("asterisk: link up", "version", info.SystemInfo.Version, "started", info.StatusInfo.StartupTime.String())
		err = <-lost
		running--
		s.mu.Lock()
		s.link.DropLocked(err)
		s.mu.Unlock()
	}
	cancel()
	_ = conn.CloseNow()
	var others error // of our own making by now
	for range running {
		others = errors.Join(others, <-lost)
	}
	s.log.Debug("asterisk: link closed", "error", err, "others", others)
	return err
}

func (s *Switch) dialEvents(ctx context.Context) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.RequestTimeout)
	defer cancel()
	login := base64.StdEncoding.EncodeToString([]byte(s.opts.User + ":" + s.opts.Password))
	address := strings.Replace(s.opts.URL, "http", "ws", 1) + "/events?" + url.Values{"app": {s.opts.App}}.Encode()
	conn, resp, err := websocket.Dial(ctx, address, &websocket.DialOptions{ //nolint:bodyclose // Dial says that it never needs closing
		HTTPClient:   s.http,
		HTTPHeader:   http.Header{"Authorization": {"Basic " + login}},
		Subprotocols: []string{"ari"},
	})
	if err != nil {
		if resp != nil && resp.StatusCode == http.StatusForbidden {
			return nil, faultError{fmt.Errorf("user: Asterisk refuses events to user %q: %w", s.opts.User, err)}
		}
		return nil, fmt.Errorf("connecting for events: %w", err)
	}
	conn.SetReadLimit(4 << 20)
	return conn, nil
}

// arrive does what a new link needs before it is any good: with it, Asterisk
// has made the application anew unless calls were left in it.
func (s *Switch) arrive(ctx context.Context, ours *proof) error {
	type kind struct {
		Type string `json:"type"`
	}
	filter := struct {
		Disallowed []kind `json:"disallowed"`
	}{}
	for _, t := range unwanted {
		filter.Disallowed = append(filter.Disallowed, kind{t})
	}
	err := s.do(ctx, http.MethodPut, "applications/"+s.opts.App+"/eventFilter", nil, filter, nil)
	if err != nil && code(err)/100 != 4 { // a 4xx: too old for filters; then we hear more than we need
		return err
	}
	if err := s.prove(ctx, ours); err != nil {
		return err
	}
	return s.sweep(ctx)
}

// prove has Asterisk send an event to the application, and waits for it.
func (s *Switch) prove(ctx context.Context, ours *proof) error {
	err := s.do(ctx, http.MethodPost, "events/user/"+ours.name, url.Values{"application": {s.opts.App}}, nil, nil)
	if code(err) == http.StatusNotFound {
		return fmt.Errorf("%w: %w", errDeaf, err)
	}
	if err != nil {
		return err
	}
	limit := time.NewTimer(s.opts.RequestTimeout)
	defer limit.Stop()
	select {
	case <-ours.came:
		return nil
	case <-ours.over:
		return errors.New("the WebSocket ended before its first event")
	case <-ctx.Done():
		return ctx.Err()
	case <-limit.C:
		return errDeaf
	}
}

// read hands on what Asterisk says, until it says no more, and counts the
// messages.
func (s *Switch) read(ctx context.Context, conn *websocket.Conn, heard *atomic.Int64, ours *proof) error {
	defer close(ours.over)
	for {
		_, message, err := conn.Read(ctx)
		if err != nil {
			return fmt.Errorf("reading events: %w", err)
		}
		heard.Add(1)
		e, err := decode(message)
		if err != nil {
			// What it was about is lost: that is a gap, and after a gap
			// every call is asked for.
			return err
		}
		if e == nil || ours.is(e) {
			continue
		}
		if e.Type == asterisk.Events.ApplicationReplaced {
			s.observe(Observation{What: "replaced"})
			return errReplaced
		}
		s.handle(e)
	}
}

// ping asks for signs of life: a peer that is gone without a word would
// otherwise be believed in for as long as TCP does, some minutes. An event is as
// good a sign as an answer, which comes behind all those that were sent before.
func (s *Switch) ping(ctx context.Context, conn *websocket.Conn, heard *atomic.Int64) error {
	tick := time.NewTicker(s.opts.PingInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		before := heard.Load()
		limit, cancel := context.WithTimeout(ctx, s.opts.PingInterval)
		err := conn.Ping(limit)
		cancel()
		if err != nil && (!errors.Is(err, context.DeadlineExceeded) || heard.Load() == before) {
			return fmt.Errorf("no answer to a ping within %v: %w", s.opts.PingInterval, err)
		}
	}
}
