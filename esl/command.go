package esl

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/percipia/eslgo"
)

// commands is the connection that commands go by, one at a time: eslgo gives
// replies to whoever waits, so two at once would swap them, and a reply that
// nobody waited for any more would go to the next. After any timeout the
// connection is therefore closed, and the next command makes a new one.
type commands struct {
	opts  Options
	turn  chan struct{} // holds a token while nobody has the connection
	conn  *eslgo.Conn   // whoever has the token may touch it; nil: not connected
	stale atomic.Bool   // conn is not to be used again
}

func newCommands(o Options) *commands {
	c := &commands{opts: o, turn: make(chan struct{}, 1)}
	c.turn <- struct{}{}
	return c
}

var (
	errNotSent   = errors.New("command was not sent")
	errNoReply   = errors.New("no reply")
	errLineBreak = errors.New("a command cannot hold a line end")
	errNoSession = errors.New("no such channel")
)

// A refusal is what FreeSWITCH says when it does not do what it was told.
type refusal struct{ command, text string }

func (e *refusal) Error() string { return fmt.Sprintf("%s: %s", e.command, e.text) }

func (e *refusal) Is(target error) bool {
	return target == errNoSession && strings.Contains(e.text, "No such channel")
}

// raw is a command as it goes over the wire; eslgo adds the empty line.
type raw string

func (r raw) BuildMessage() string { return string(r) }

// api runs a command of FreeSWITCH's and returns what it says, without the
// line end. "-ERR …" and "-USAGE…" are a *refusal; errNotSent says that it was
// surely not run, and any other error that it may have been.
func (c *commands) api(ctx context.Context, command string) (string, error) {
	verb, _, _ := strings.Cut(command, " ")
	if strings.ContainsAny(command, "\r\n\x00") {
		return "", fmt.Errorf("%s: %w (%w)", verb, errLineBreak, errNotSent)
	}
	return c.do(ctx, verb, raw("api "+command))
}

// bgapi starts a command as a job, whose end comes as a BACKGROUND_JOB event
// with that name. FreeSWITCH takes a job's name as it is, up to 36 characters.
func (c *commands) bgapi(ctx context.Context, job, command string) error {
	verb, _, _ := strings.Cut(command, " ")
	if strings.ContainsAny(command+job, "\r\n\x00") {
		return fmt.Errorf("%s: %w (%w)", verb, errLineBreak, errNotSent)
	}
	_, err := c.do(ctx, verb, raw("bgapi "+command+"\r\nJob-UUID: "+job))
	return err
}

func (c *commands) do(ctx context.Context, verb string, message raw) (string, error) {
	began := time.Now()
	text, err := c.exchange(ctx, message)
	if err == nil && (strings.HasPrefix(text, "-ERR") || strings.HasPrefix(text, "-USAGE")) {
		err = &refusal{verb, strings.TrimSpace(strings.TrimPrefix(text, "-ERR"))}
	} else if err != nil {
		err = fmt.Errorf("%s: %w", verb, err)
	}
	if c.opts.Observe != nil {
		c.opts.Observe(Observation{What: verb, Took: time.Since(began), Failed: err != nil})
	}
	return text, err
}

func (c *commands) exchange(ctx context.Context, message raw) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.RequestTimeout)
	defer cancel()
	select {
	case <-c.turn:
		defer func() { c.turn <- struct{}{} }()
	case <-ctx.Done():
		return "", fmt.Errorf("%w: %w", errNotSent, ctx.Err())
	}
	if ctx.Err() != nil { // both were ready
		return "", fmt.Errorf("%w: %w", errNotSent, ctx.Err())
	}
	if c.stale.Swap(false) {
		c.drop()
	}
	var reply *eslgo.RawResponse
	for fresh := false; ; {
		if c.conn == nil {
			conn, err := dialCommands(ctx, c.opts)
			if err != nil {
				return "", fmt.Errorf("%w: %w", errNotSent, err)
			}
			c.conn, fresh = conn, true
		}
		var err error
		reply, err = c.conn.SendCommand(ctx, message)
		if err == nil {
			break
		}
		c.drop()
		// Closed since the last command: the empty line that makes a
		// command whole was never sent.
		if !errors.Is(err, net.ErrClosed) {
			return "", fmt.Errorf("%w: %w", errNoReply, err)
		} else if fresh {
			return "", fmt.Errorf("%w: %w", errNotSent, err)
		}
	}
	if text := reply.GetHeader("Reply-Text"); text != "" {
		return strings.TrimRight(text, "\n"), nil
	}
	return strings.TrimRight(string(reply.Body), "\n"), nil
}

// drop closes the connection. Whoever calls it has the token.
func (c *commands) drop() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// distrust has the next command make a new connection. If the event connection
// has broken, this one may be dead without knowing it: eslgo falls silent for
// good when a frame ends in the middle.
func (c *commands) distrust() { c.stale.Store(true) }

// close closes the connection as soon as nobody uses it.
func (c *commands) close() {
	<-c.turn
	c.drop()
	c.turn <- struct{}{}
}

// dialCommands connects. eslgo's Dial knows no limit for the TCP connection,
// so it is left to itself when ctx ends.
func dialCommands(ctx context.Context, o Options) (*eslgo.Conn, error) {
	type result struct {
		conn *eslgo.Conn
		err  error
	}
	done := make(chan result, 1)
	limit := o.RequestTimeout
	if d, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(d))
	}
	go func() {
		conn, err := eslgo.InboundOptions{
			Options: eslgo.Options{
				Context: context.Background(), Logger: eslgo.NilLogger{}, ExitTimeout: time.Second,
			},
			Network: "tcp", Password: o.Password, AuthTimeout: limit,
		}.Dial(o.Addr)
		done <- result{conn, err}
	}()
	select {
	case r := <-done:
		return r.conn, r.err
	case <-ctx.Done():
		go func() {
			if r := <-done; r.conn != nil {
				r.conn.Close()
			}
		}()
		return nil, ctx.Err()
	}
}
