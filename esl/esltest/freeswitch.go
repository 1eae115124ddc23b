package esltest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Options of a FreeSWITCH. The zero value listens on a free port of loopback,
// misbehaves with seed 0, and has the gateways trunk, bot and dead.
type Options struct {
	Addr     string // "": 127.0.0.1:0, a free port
	Password string // "": ClueCon
	Seed     uint64 // picks the misbehaviour
	Calm     bool   // behaves
	// Who says how the nth call to a number is taken; ok false looks in the
	// phone book, where the last two digits decide. Legs to a bot are asked for
	// by what follows the gateway.
	Who func(number string, n int) (t Take, ok bool)
	// Carrier places calls in earnest. nil: the phone book.
	Carrier Carrier
	// Gateways are what sofia/gateway/NAME/… can name; true: up. nil: trunk and
	// bot up, dead down.
	Gateways map[string]bool
	// Dialplan is the application that an extension runs, by "context,exten":
	// "bridge:sofia/gateway/bot/agent", "socket", "hangup".
	Dialplan map[string]string
	// JobDelay is how long a background job waits for its thread.
	JobDelay time.Duration
	// Detectors are the applications that screen, and the variable each leaves
	// its verdict in.
	Detectors map[string]string
}

// FreeSWITCH is one. It may be used from any goroutine.
type FreeSWITCH struct {
	opts Options

	mu       sync.Mutex
	ln       net.Listener
	addr     string
	rng      *rand.Rand
	core     string
	seq      int
	up       bool
	channels map[string]*channel
	names    []string // of channels, in order of making
	conns    map[*conn]bool
	paused   bool
	sps, max int // limits; 0: none
	unsaid   string
	begun    []time.Time
	times    map[string]int // calls per number

	invites  []Invite
	commands []string
	apps     []string // run by the application interface
	work     sync.WaitGroup
}

// Start starts one. Close ends it.
func Start(o Options) (*FreeSWITCH, error) {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.Password == "" {
		o.Password = "ClueCon"
	}
	if o.Gateways == nil {
		o.Gateways = map[string]bool{"trunk": true, "bot": true, "dead": false}
	}
	fs := &FreeSWITCH{opts: o, rng: rand.New(rand.NewPCG(o.Seed, 7)), conns: map[*conn]bool{}, times: map[string]int{}}
	if err := fs.Start(); err != nil {
		return nil, err
	}
	return fs, nil
}

// Start starts it again after Shutdown or Kill, at the same address.
func (fs *FreeSWITCH) Start() error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.up {
		return errors.New("it is running")
	}
	fs.core, fs.seq, fs.channels, fs.names = uuid.NewString(), 400, map[string]*channel{}, nil
	fs.paused = false
	fs.up = true
	return fs.listenLocked()
}

func (fs *FreeSWITCH) listenLocked() error {
	addr := fs.opts.Addr
	if fs.addr != "" {
		addr = fs.addr
	}
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	// Where it was before, somebody's connection may have its near end meanwhile.
	for began := time.Now(); err != nil && fs.addr != "" && time.Since(began) < 2*time.Minute; {
		time.Sleep(10 * time.Millisecond)
		ln, err = new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	}
	if err != nil {
		return err
	}
	fs.ln, fs.addr = ln, ln.Addr().String()
	fs.work.Go(func() { fs.accept(ln) })
	return nil
}

func (fs *FreeSWITCH) accept(ln net.Listener) {
	for {
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		c := newConn(fs, nc)
		fs.mu.Lock()
		fs.conns[c] = true
		fs.mu.Unlock()
		fs.work.Go(c.write)
		fs.work.Go(c.read)
	}
}

// Addr is the host:port of its event socket.
func (fs *FreeSWITCH) Addr() string {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.addr
}

// Close ends it, without a word.
func (fs *FreeSWITCH) Close() {
	fs.Kill()
	fs.work.Wait()
}

// Kill is kill -9: the connections end, and so do the calls.
func (fs *FreeSWITCH) Kill() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.dropLocked(func(c *conn) { c.shut(nil) })
	fs.up = false
	for _, ch := range fs.channels {
		ch.stop()
	}
	fs.channels, fs.names = map[string]*channel{}, nil
}

// Shutdown is SIGTERM: every call is hung up with SYSTEM_SHUTDOWN and told,
// then the connections are closed with a notice.
func (fs *FreeSWITCH) Shutdown() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.emit("SHUTDOWN", nil, "Event-Info", "System Shutting Down")
	for _, id := range append([]string(nil), fs.names...) {
		if ch := fs.channels[id]; ch != nil {
			fs.hangup(ch, "SYSTEM_SHUTDOWN", 0)
		}
	}
	fs.dropLocked(func(c *conn) { c.shut([]byte(shutdownNotice)) })
	fs.up = false
}

// Reload is "reload mod_event_socket": the same notice as a shutdown, and the
// calls go on.
func (fs *FreeSWITCH) Reload() error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.dropLocked(func(c *conn) { c.shut([]byte(shutdownNotice)) })
	return fs.listenLocked()
}

// Cut ends the connections in the middle of a frame; the calls go on.
func (fs *FreeSWITCH) Cut() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	e := fs.event("CHANNEL_STATE", nil)
	frame := e.Plain()
	for c := range fs.conns {
		c.shut(frame[:len(frame)/2])
		delete(fs.conns, c)
	}
}

// Mute makes it stop answering on the connections there are, without closing
// them, as a firewall that forgot them does; the calls go on.
func (fs *FreeSWITCH) Mute() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for c := range fs.conns {
		c.mute()
		delete(fs.conns, c)
	}
}

// Deafen keeps new connections out until Reload.
func (fs *FreeSWITCH) Deafen() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.dropLocked(func(c *conn) { c.shut(nil) })
}

func (fs *FreeSWITCH) dropLocked(end func(*conn)) {
	_ = fs.ln.Close()
	for c := range fs.conns {
		end(c)
		delete(fs.conns, c)
	}
}

const shutdownNotice = "Content-Type: text/disconnect-notice\nContent-Length: 31\n\nThe system is being shut down.\n"

// Pause is "fsctl pause outbound", and its end.
func (fs *FreeSWITCH) Pause(on bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.paused = on
}

// Limit sets sessions-per-second and max-sessions; 0: no limit.
func (fs *FreeSWITCH) Limit(perSecond, sessions int) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.sps, fs.max = perSecond, sessions
}

// Swallow has the reply to the next command of that verb get lost; the command
// is obeyed.
func (fs *FreeSWITCH) Swallow(verb string) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.unsaid = verb
}

// swallowed reports whether that reply is to be lost. The lock is held.
func (fs *FreeSWITCH) swallowed(verb string) bool {
	if fs.unsaid != verb {
		return false
	}
	fs.unsaid = ""
	return true
}

// Invites are the INVITEs it has sent, in order.
func (fs *FreeSWITCH) Invites() []Invite {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	all := append([]Invite(nil), fs.invites...)
	for i := range all {
		ch := fs.channels[all[i].Leg]
		all[i].Live = ch != nil && !ch.hung
	}
	return all
}

// Commands are those it was given, in order, without pings.
func (fs *FreeSWITCH) Commands() []string {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return append([]string(nil), fs.commands...)
}

// Apps are the applications that commands made it run, other than play a file:
// none, if nothing got through that should not.
func (fs *FreeSWITCH) Apps() []string {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return append([]string(nil), fs.apps...)
}

// Legs are the IDs of the live legs.
func (fs *FreeSWITCH) Legs() []string {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return append([]string(nil), fs.names...)
}

// Variable returns a variable of a live leg.
func (fs *FreeSWITCH) Variable(leg, name string) (string, bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if ch := fs.channels[leg]; ch != nil {
		return ch.get(name)
	}
	return "", false
}

// HangUp makes the far end of a leg hang up.
func (fs *FreeSWITCH) HangUp(leg string) bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	ch := fs.channels[leg]
	if ch == nil {
		return false
	}
	ch.replied = true
	fs.hangup(ch, "NORMAL_CLEARING", 200)
	return true
}

// perhaps is true that often, in a hundred, unless it is calm.
func (fs *FreeSWITCH) perhaps(percent int) bool {
	return !fs.opts.Calm && fs.rng.IntN(100) < percent
}

// event makes one, with what every event begins with.
func (fs *FreeSWITCH) event(name string, ch *channel, pairs ...string) *Event {
	fs.seq++
	seq := fs.seq
	if fs.perhaps(10) {
		seq -= 1 + fs.rng.IntN(3)
	}
	now := time.Now()
	e := &Event{}
	e.add("Event-Name", name)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] == "Event-Subclass" {
			e.add(pairs[i], pairs[i+1])
		}
	}
	e.add("Core-UUID", fs.core, "FreeSWITCH-Hostname", "vm", "FreeSWITCH-Switchname", "fslab",
		"FreeSWITCH-IPv4", "192.0.2.2", "FreeSWITCH-IPv6", "fd00::2",
		"Event-Date-Local", now.Format("2006-01-02 15:04:05"), "Event-Date-GMT", now.UTC().Format("Mon, 02 Jan 2006 15:04:05")+" GMT",
		"Event-Date-Timestamp", strconv.FormatInt(now.UnixMicro(), 10), "Event-Calling-File", "switch_channel.c",
		"Event-Calling-Function", "switch_channel_perform_mark_answered", "Event-Calling-Line-Number", "3848",
		"Event-Sequence", strconv.Itoa(seq))
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] != "Event-Subclass" {
			e.add(pairs[i], pairs[i+1])
		}
	}
	if ch != nil {
		ch.data(e)
	}
	return e
}

// emit tells an event to whoever asked for it, now and then twice.
func (fs *FreeSWITCH) emit(name string, ch *channel, pairs ...string) {
	e := fs.event(name, ch, pairs...)
	fs.send(e)
	if fs.perhaps(3) {
		fs.send(e)
	}
}

func (fs *FreeSWITCH) send(e *Event) {
	for c := range fs.conns {
		c.tell(e)
	}
}

// after runs f with the lock, if the channel is still there.
func (fs *FreeSWITCH) after(ch *channel, d time.Duration, f func()) {
	ch.timers = append(ch.timers, time.AfterFunc(d, func() {
		fs.mu.Lock()
		defer fs.mu.Unlock()
		if fs.channels[ch.id] == ch && !ch.hung {
			f()
		}
	}))
}

func (c *channel) stop() {
	for _, t := range c.timers {
		t.Stop()
	}
	c.timers = nil
}

// jobEnd tells of the end of a background job.
func (fs *FreeSWITCH) jobEnd(job, verb, arg, result string) {
	e := fs.event("BACKGROUND_JOB", nil, "Job-UUID", job, "Job-Command", verb, "Job-Command-Arg", arg)
	e.Body = result
	fs.send(e)
}

func (fs *FreeSWITCH) String() string { return fmt.Sprintf("FreeSWITCH at %s", fs.Addr()) }
