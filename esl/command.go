package esl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/percipia/eslgo/command"
)

// commands is the connection that commands go by, one at a time: a reply does
// not say what it is the reply to. After any timeout the connection is closed,
// since the reply that comes late would be taken for the next one's, and the
// next command makes a new one.
//
// The commands are eslgo's; its connection is not used. Close in v1.5.2 deletes
// from a map that two goroutines of Dial's read without the lock: the race
// detector says so whenever a connection ends soon after it was made, and
// without it the runtime ends the process when the two meet ("concurrent map
// read and map write"). Nothing outside the library can keep them apart, for it
// closes by itself when FreeSWITCH does.
type commands struct {
	opts  Options
	turn  chan struct{} // holds a token while nobody has the wire
	wire  *wire         // whoever has the token may touch it; nil: not connected
	stale atomic.Bool   // the wire is not to be used again
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

// api runs a command of FreeSWITCH's and returns what it says, without the
// line end. "-ERR …" and "-USAGE…" are a *refusal; errNotSent says that it was
// surely not run, and any other error that it may have been.
func (c *commands) api(ctx context.Context, line string) (string, error) {
	verb, args, _ := strings.Cut(line, " ")
	if strings.ContainsAny(line, "\r\n\x00") {
		return "", fmt.Errorf("%s: %w (%w)", verb, errLineBreak, errNotSent)
	}
	return c.do(ctx, verb, command.API{Command: verb, Arguments: args}.BuildMessage())
}

// bgapi starts a command as a job, whose end comes as a BACKGROUND_JOB event
// with that name. FreeSWITCH takes a job's name as it is, up to 36 characters.
func (c *commands) bgapi(ctx context.Context, job, line string) error {
	verb, args, _ := strings.Cut(line, " ")
	if strings.ContainsAny(line+job, "\r\n\x00") {
		return fmt.Errorf("%s: %w (%w)", verb, errLineBreak, errNotSent)
	}
	message := command.API{Command: verb, Arguments: args, Background: true}.BuildMessage()
	_, err := c.do(ctx, verb, message+"\nJob-UUID: "+job)
	return err
}

func (c *commands) do(ctx context.Context, verb, message string) (string, error) {
	began := time.Now()
	text, err := c.exchange(ctx, message)
	if err == nil {
		err = refused(verb, text)
	} else {
		err = fmt.Errorf("%s: %w", verb, err)
	}
	if c.opts.Observe != nil {
		c.opts.Observe(Observation{What: verb, Took: time.Since(began), Failed: err != nil})
	}
	return text, err
}

func refused(verb, text string) error {
	if strings.HasPrefix(text, "-ERR") || strings.HasPrefix(text, "-USAGE") {
		return &refusal{verb, strings.TrimSpace(strings.TrimPrefix(text, "-ERR"))}
	}
	return nil
}

func (c *commands) exchange(ctx context.Context, message string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.RequestTimeout)
	defer cancel()
	select {
	case <-c.turn:
		defer func() { c.turn <- struct{}{} }()
	case <-ctx.Done():
		return "", fmt.Errorf("%w: %w", errNotSent, ctx.Err())
	}
	if c.stale.Swap(false) || c.wire != nil && c.wire.ended() {
		c.drop()
	}
	if c.wire == nil {
		w, err := dialWire(ctx, c.opts)
		if err != nil {
			return "", fmt.Errorf("%w: %w", errNotSent, err)
		}
		c.wire = w
	}
	text, err := c.wire.ask(ctx, message)
	if err != nil {
		c.drop()
	}
	return text, err
}

// drop closes the wire. Whoever calls it has the token.
func (c *commands) drop() {
	if c.wire != nil {
		c.wire.close()
		c.wire = nil
	}
}

// distrust has the next command make a new connection: the event connection
// has broken, and this one may be dead without knowing it.
func (c *commands) distrust() { c.stale.Store(true) }

// close closes the connection as soon as nobody uses it.
func (c *commands) close() {
	<-c.turn
	c.drop()
	c.turn <- struct{}{}
}

// A wire is a connection on which a reply follows each command. It is read all
// the time, so that its end is known before the next command is sent.
type wire struct {
	conn    net.Conn
	replies chan string
	over    chan struct{} // closed when it ends
	err     error         // why; after over
}

// dialWire connects and says the password.
func dialWire(ctx context.Context, o Options) (*wire, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", o.Addr)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	frames := newFrameReader(conn)
	err = authenticate(conn, frames, o.Password)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	w := &wire{conn: conn, replies: make(chan string, 1), over: make(chan struct{})}
	go w.read(frames)
	return w, nil
}

// authenticate waits to be asked for the password, and says it.
func authenticate(conn net.Conn, frames *frameReader, password string) error {
	f, err := frames.next()
	if err != nil {
		return fmt.Errorf("waiting to be asked for the password: %w", err)
	}
	switch kind := string(f.get("Content-Type")); kind {
	case typeAuth:
	case typeRejection:
		return errors.New("the ACL of the event socket (apply-inbound-acl) keeps us out: " + firstLine(f.body))
	default:
		return fmt.Errorf("%w: %.40q where a password should be asked for", errFrame, kind)
	}
	if _, err := ask(conn, frames, command.Auth{Password: password}.BuildMessage()); err != nil {
		if r := new(refusal); errors.As(err, &r) {
			return fmt.Errorf("%w: %s", ErrPassword, r.text)
		}
		return fmt.Errorf("authenticating: %w", err)
	}
	return nil
}

// ask sends a command and waits for the reply. What else comes meanwhile is
// passed over.
func ask(conn net.Conn, frames *frameReader, message string) (string, error) {
	if _, err := io.WriteString(conn, message+"\n\n"); err != nil {
		return "", err
	}
	for {
		f, err := frames.next()
		if err != nil {
			return "", err
		}
		switch string(f.get("Content-Type")) {
		case typeReply:
			verb, _, _ := strings.Cut(message, " ")
			text := string(f.get("Reply-Text"))
			return text, refused(verb, text)
		case typeDisconnect:
			return "", errors.New("disconnected: " + firstLine(f.body))
		}
	}
}

func (w *wire) read(frames *frameReader) {
	for {
		f, err := frames.next()
		if err != nil {
			w.err = err
			close(w.over)
			return
		}
		var text string
		switch string(f.get("Content-Type")) {
		case typeReply:
			text = string(f.get("Reply-Text"))
		case typeAPI:
			text = strings.TrimRight(string(f.body), "\n")
		default: // a notice of disconnection; its end follows
			continue
		}
		select {
		case w.replies <- text:
		default: // one that nobody asked for: the stream is out of step
			_ = w.conn.Close()
		}
	}
}

func (w *wire) ended() bool {
	select {
	case <-w.over:
		return true
	default:
		return false
	}
}

func (w *wire) ask(ctx context.Context, message string) (string, error) {
	message += "\n\n"
	if d, ok := ctx.Deadline(); ok {
		_ = w.conn.SetWriteDeadline(d)
	}
	if n, err := io.WriteString(w.conn, message); err != nil && n < len(message) {
		// The empty line that makes it whole was not sent.
		return "", fmt.Errorf("%w: %w", errNotSent, err)
	}
	select {
	case text := <-w.replies:
		return text, nil
	case <-ctx.Done():
		return "", fmt.Errorf("%w: %w", errNoReply, ctx.Err())
	case <-w.over:
		select {
		case text := <-w.replies: // it came just before the end
			return text, nil
		default:
			return "", fmt.Errorf("%w: %w", errNoReply, w.err)
		}
	}
}

// close ends it and waits for its reader.
func (w *wire) close() {
	_ = w.conn.Close()
	<-w.over
}
