package esltest

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// A conn is one connection to the event socket.
type conn struct {
	fs *FreeSWITCH
	nc net.Conn

	// Guarded by fs.mu.
	format     string // of events; "": none are wanted
	events     map[string]bool
	subclasses map[string]bool
	filters    [][2]string
	held       bool // a blocking command runs: events wait
	waiting    [][]byte

	mu     sync.Mutex
	out    [][]byte
	last   bool // nothing may follow what is in out
	muted  bool
	signal chan struct{}
}

func newConn(fs *FreeSWITCH, nc net.Conn) *conn {
	return &conn{fs: fs, nc: nc, events: map[string]bool{}, subclasses: map[string]bool{}, signal: make(chan struct{}, 1)}
}

func (c *conn) put(frame []byte) {
	c.mu.Lock()
	if !c.last && !c.muted {
		c.out = append(c.out, frame)
	}
	c.mu.Unlock()
	c.wake()
}

func (c *conn) wake() {
	select {
	case c.signal <- struct{}{}:
	default:
	}
}

// shut ends the connection after some last bytes.
func (c *conn) shut(last []byte) {
	if len(last) > 0 {
		c.put(last)
	}
	c.mu.Lock()
	c.last = true
	c.mu.Unlock()
	c.wake()
}

// mute makes it fall silent and stay open.
func (c *conn) mute() {
	c.mu.Lock()
	c.muted, c.out = true, nil
	c.mu.Unlock()
}

// write sends frames, in pieces unless it is calm.
func (c *conn) write() {
	defer func() { _ = c.nc.Close() }()
	for {
		c.mu.Lock()
		frames, last := c.out, c.last
		c.out = nil
		c.mu.Unlock()
		for _, f := range frames {
			for len(f) > 0 {
				n := len(f)
				if c.fs.flip(20) {
					n = 1 + c.fs.pick(n)
				}
				if _, err := c.nc.Write(f[:n]); err != nil {
					return
				}
				f = f[n:]
			}
		}
		if last && len(frames) == 0 {
			return
		}
		if len(frames) == 0 {
			<-c.signal
		}
	}
}

func (fs *FreeSWITCH) flip(percent int) bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.perhaps(percent)
}

func (fs *FreeSWITCH) pick(n int) int {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.rng.IntN(n)
}

// tell sends an event, if it was asked for. fs.mu is held.
func (c *conn) tell(e *Event) {
	name := e.Get("Event-Name")
	wanted := c.events[name] || c.events["ALL"]
	if name == "CUSTOM" {
		wanted = c.subclasses[e.Get("Event-Subclass")] || c.events["ALL"]
	}
	if c.format == "" || !wanted || !c.passes(e) {
		return
	}
	frame := e.Plain()
	if c.format == "json" {
		frame = e.JSON()
	}
	if c.held {
		c.waiting = append(c.waiting, frame)
		return
	}
	c.put(frame)
}

// passes reports whether one of the filters fits; without any, all pass.
func (c *conn) passes(e *Event) bool {
	for _, f := range c.filters {
		if strings.EqualFold(e.Get(f[0]), f[1]) {
			return true
		}
	}
	return len(c.filters) == 0
}

func reply(text string, more ...string) []byte {
	s := "Content-Type: command/reply\nReply-Text: " + text + "\n"
	for _, m := range more {
		s += m + "\n"
	}
	return []byte(s + "\n")
}

func response(body string) []byte {
	return fmt.Appendf(nil, "Content-Type: api/response\nContent-Length: %d\n\n%s", len(body), body)
}

const goodbye = "Content-Type: text/disconnect-notice\nContent-Length: 67\n\nDisconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"

// read takes commands, one at a time.
func (c *conn) read() {
	defer func() {
		c.shut(nil)
		c.fs.mu.Lock()
		delete(c.fs.conns, c)
		c.fs.mu.Unlock()
	}()
	c.put([]byte("Content-Type: auth/request\n\n"))
	in := bufio.NewReader(c.nc)
	authed := false
	for {
		var lines []string
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			line = strings.TrimRight(line, "\r\n")
			if line == "" {
				break
			}
			lines = append(lines, line)
		}
		if len(lines) == 0 {
			continue
		}
		c.mu.Lock()
		muted := c.muted
		c.mu.Unlock()
		if muted {
			continue
		}
		verb, arg, _ := strings.Cut(strings.TrimLeft(lines[0], " "), " ")
		if c.fs.flip(5) {
			time.Sleep(time.Duration(c.fs.pick(10)) * time.Millisecond) // slow to reply
		}
		switch {
		case verb == "exit":
			c.put(reply("+OK bye"))
			c.shut([]byte(goodbye))
			return
		case verb == "auth" && !authed:
			if arg != c.fs.opts.Password {
				c.put(reply("-ERR invalid"))
				c.shut([]byte(goodbye))
				return
			}
			authed = true
			c.put(reply("+OK accepted"))
		case !authed:
			c.put(reply("-ERR command not found"))
		default:
			c.command(verb, arg, lines[1:])
		}
	}
}

func (c *conn) command(verb, arg string, headers []string) {
	fs := c.fs
	if verb != "api" || arg != "uptime" {
		fs.mu.Lock()
		fs.commands = append(fs.commands, strings.Join(append([]string{verb + " " + arg}, headers...), "\n"))
		fs.mu.Unlock()
	}
	switch verb {
	case "event":
		c.subscribe(arg)
	case "noevents":
		fs.mu.Lock()
		c.format = ""
		fs.mu.Unlock()
		c.put(reply("+OK no longer listening for events"))
	case "filter":
		name, value, _ := strings.Cut(arg, " ")
		fs.mu.Lock()
		c.filters = append(c.filters, [2]string{name, value})
		fs.mu.Unlock()
		c.put(reply(fmt.Sprintf("+OK filter added. [%s]=[%s]", name, value)))
	case "api":
		c.api(arg)
	case "bgapi":
		if arg == "" {
			c.put(reply("-ERR command not found"))
			return
		}
		job := uuid.NewString()
		for _, h := range headers {
			if v, ok := strings.CutPrefix(h, "Job-UUID: "); ok {
				job = v[:min(len(v), 36)]
			}
		}
		name, rest, _ := strings.Cut(arg, " ")
		fs.mu.Lock()
		if !fs.swallowed(name) {
			c.put(reply("+OK Job-UUID: "+job, "Job-UUID: "+job))
		}
		fs.mu.Unlock()
		run := func() {
			fs.mu.Lock()
			defer fs.mu.Unlock()
			switch {
			case !fs.up:
			case name == "originate":
				fs.originate(rest, func(result string) { fs.jobEnd(job, name, rest, result) })
			default:
				fs.jobEnd(job, name, rest, fs.runAPI(name, rest))
			}
		}
		if fs.opts.JobDelay > 0 {
			fs.work.Go(func() { time.Sleep(fs.opts.JobDelay); run() })
		} else {
			run()
		}
	default:
		c.put(reply("-ERR command not found"))
	}
}

// subscribe takes "event plain A B CUSTOM c::d": what follows CUSTOM is a
// subclass, whatever it looks like.
func (c *conn) subscribe(arg string) {
	words := strings.Fields(arg)
	if len(words) < 2 {
		c.put(reply("-ERR no keywords supplied"))
		return
	}
	c.fs.mu.Lock()
	defer c.fs.mu.Unlock()
	c.format = "plain"
	if words[0] == "json" {
		c.format = "json"
	}
	custom := false
	for _, w := range words[1:] {
		switch {
		case custom:
			c.subclasses[w] = true
		case w == "CUSTOM":
			custom = true
		default:
			c.events[w] = true
		}
	}
	c.put(reply("+OK event listener enabled " + c.format))
}

// api runs a command while its connection waits, events included.
func (c *conn) api(arg string) {
	fs := c.fs
	name, rest, _ := strings.Cut(arg, " ")
	if name == "originate" {
		result := make(chan string, 1)
		fs.mu.Lock()
		c.held = true
		fs.originate(rest, func(s string) { result <- s })
		fs.mu.Unlock()
		text := <-result
		c.put(response(text))
		fs.mu.Lock()
		defer fs.mu.Unlock()
		c.held = false
		for _, f := range c.waiting {
			c.put(f)
		}
		c.waiting = nil
		return
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if !fs.up {
		return
	}
	text := fs.runAPI(name, rest)
	if !fs.swallowed(name) {
		c.put(response(text))
	}
}
