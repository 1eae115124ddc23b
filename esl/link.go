package esl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// ErrPassword says that FreeSWITCH refuses the password.
var ErrPassword = errors.New("FreeSWITCH refuses the password")

// keepLink connects, again and again, until ctx ends or connecting is in vain.
func (s *Switch) keepLink(ctx context.Context) error {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = s.opts.RetryDelay/50, s.opts.RetryDelay
	said := ""
	for {
		began := time.Now()
		l, err := s.connect(ctx)
		s.observe(Observation{What: "connect", Took: time.Since(began), Failed: err != nil})
		if err == nil {
			said = ""
			wait.Reset()
			err = s.hold(ctx, l)
		} else if why := err.Error(); why != said && ctx.Err() == nil {
			said = why
			s.log.Warn("freeswitch: cannot connect; trying on", "addr", s.opts.Addr, "error", err)
		}
		if errors.Is(err, ErrPassword) && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait.NextBackOff()):
		}
	}
}

// A link is the connection that events come by.
type link struct {
	conn   net.Conn
	frames *frameReader
	core   string
}

// connect makes both connections and asks for events.
func (s *Switch) connect(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.RequestTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.opts.Addr)
	if err != nil {
		return nil, err
	}
	l := &link{conn: conn, frames: newFrameReader(conn)}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err = s.greet(ctx, l)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return l, nil
}

// greet says who we are, and what we want to hear of.
func (s *Switch) greet(ctx context.Context, l *link) error {
	err := authenticate(l.conn, l.frames, s.opts.Password)
	if err != nil {
		return err
	}
	for _, line := range append(filters(s.opts.App), subscription) {
		if _, err := ask(l.conn, l.frames, line); err != nil {
			return fmt.Errorf("asking for events: %w", err)
		}
	}
	// From here on nothing is missed. Which FreeSWITCH this is tells a
	// restart from a lost connection; it is asked for by the other
	// connection, to have seen that one work too.
	l.core, err = s.cmd.api(ctx, "global_getvar core_uuid")
	return err
}

// hold tells that the link is up, reads it until it breaks, and tells that.
func (s *Switch) hold(ctx context.Context, l *link) error {
	s.mu.Lock()
	switch s.core {
	case "":
	case l.core:
		s.log.Info("freeswitch: connected again; it is the same one, so its calls went on", "addr", s.opts.Addr)
	default:
		s.log.Warn("freeswitch: connected again; it was restarted, so its calls are gone", "addr", s.opts.Addr)
		s.forgetAllLocked()
	}
	for _, c := range s.calls {
		if !c.ours { // of another node, and its end may have been missed
			s.forgetLocked(c)
		}
	}
	s.core, s.since = l.core, time.Now()
	clear(s.places)
	s.link.RaiseLocked()
	s.mu.Unlock()

	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() { _ = l.conn.Close() })
	pinged := make(chan struct{})
	go func() {
		defer close(pinged)
		s.ping(ctx, l)
	}()
	err := s.read(l)
	cancel()
	stop()
	_ = l.conn.Close()
	s.cmd.distrust()
	<-pinged

	s.mu.Lock()
	defer s.mu.Unlock()
	s.link.DropLocked(err)
	return err
}

// read hands on what comes, until something is wrong. A link that is silent
// for two pings is taken for dead: a connection whose other end vanished, or
// stopped in the middle of a frame, tells nobody.
func (s *Switch) read(l *link) error {
	d := decoder{}
	if s.opts.DetectorVariable != "" {
		d.verdict = "variable_" + s.opts.DetectorVariable
	}
	for {
		if err := l.conn.SetReadDeadline(time.Now().Add(2 * s.opts.PingInterval)); err != nil {
			return err
		}
		f, err := l.frames.next()
		if err != nil {
			return fmt.Errorf("reading events: %w", err)
		}
		switch kind := f.get("Content-Type"); string(kind) {
		case typeEvent:
			e, err := d.decode(f.body)
			if err != nil {
				return err // nobody knows what was lost
			}
			s.handle(&e)
		case typeDisconnect:
			// The same words for a shutdown, which ends all calls, and for
			// a reload of mod_event_socket, which ends none: which it was
			// is seen when there is somebody to ask again.
			return errors.New("FreeSWITCH closed the event socket: " + firstLine(f.body))
		case typeReply, typeAPI: // of a ping
		default:
			return fmt.Errorf("%w: of type %.40q", errFrame, kind)
		}
	}
}

// ping asks for a sign of life on both connections.
func (s *Switch) ping(ctx context.Context, l *link) {
	tick := time.NewTicker(s.opts.PingInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		_ = l.conn.SetWriteDeadline(time.Now().Add(s.opts.PingInterval))
		if _, err := io.WriteString(l.conn, "api uptime\n\n"); err != nil {
			_ = l.conn.Close()
			return
		}
		// That one which does not answer is closed by the asking.
		_, _ = s.cmd.api(ctx, "uptime")
	}
}

func firstLine(b []byte) string {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return string(line)
}
