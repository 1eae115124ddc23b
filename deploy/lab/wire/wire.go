// Package wire is the network between two programs, for tests in which it
// fails: a TCP proxy on loopback that can be cut, stalled, slowed down, and
// can lose connections without a word.
package wire

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A Wire passes on what is sent over it to one address. Its methods may be
// called from any goroutine.
type Wire struct {
	Addr string // the host:port to connect to instead

	to   string
	ln   net.Listener
	life context.Context
	end  context.CancelFunc
	work sync.WaitGroup

	mu    sync.Mutex
	open  map[*link]bool
	shut  time.Time     // no connection is made before
	slow  time.Duration // how much later what is sent arrives
	stall chan struct{} // closed when what is held may go on; nil: nothing is held
	most  int
}

// A link is one connection: the side that called, and the side that was called.
type link struct {
	in, out net.Conn
	lost    bool // guarded by Wire.mu: nothing is passed on any more
}

// Lay makes a wire to an address, a host:port.
func Lay(to string) (*Wire, error) {
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("laying a wire to %s: %w", to, err)
	}
	w := &Wire{Addr: ln.Addr().String(), to: to, ln: ln, open: map[*link]bool{}}
	w.life, w.end = context.WithCancel(context.Background())
	w.work.Go(w.accept)
	return w, nil
}

// Cut resets every connection and lets none be made for a while. What was held
// by Stall is gone with them; what follows flows.
func (w *Wire) Cut(pause time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shut = time.Now().Add(pause)
	w.flowLocked()
	for l := range w.open {
		reset(l)
		delete(w.open, l) // at once: who carries it may be long in noticing
	}
}

// Stall holds everything that is sent, both ways, on all connections, until
// Mend: nothing is lost, it is late.
func (w *Wire) Stall() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stall == nil {
		w.stall = make(chan struct{})
	}
}

// Slow makes everything that is sent arrive later by d, both ways.
func (w *Wire) Slow(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slow = d
}

// Lose drops the connections there are without telling either side, as a
// firewall does that forgets them: what is sent is gone, and nobody hangs up.
// After notice both sides find out, as they would by TCP's keepalive, which a
// proxy's own sockets would answer. Connections made from now on are good.
func (w *Wire) Lose(notice time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for l := range w.open {
		if l.lost {
			continue
		}
		l.lost = true
		w.work.Go(func() {
			select {
			case <-time.After(notice):
			case <-w.life.Done():
			}
			reset(l)
		})
	}
}

// Mend ends what Stall, Slow and Cut began.
func (w *Wire) Mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slow, w.shut = 0, time.Time{}
	w.flowLocked()
}

// Most is how many connections were open at once, at most. One that its caller
// has closed is open no more, also while nobody here has noticed.
func (w *Wire) Most() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.most
}

// Close ends all connections and waits for everything that was started.
func (w *Wire) Close() error {
	w.end()
	err := w.ln.Close()
	w.Cut(0)
	w.work.Wait()
	return err
}

func (w *Wire) flowLocked() {
	if w.stall != nil {
		close(w.stall)
		w.stall = nil
	}
}

func reset(l *link) {
	for _, c := range []net.Conn{l.in, l.out} {
		if t, ok := c.(*net.TCPConn); ok {
			_ = t.SetLinger(0) // RST, not FIN
		}
		_ = c.Close()
	}
}

// established reports whether the peer has not closed c: what the kernel knows,
// who may have been told long before whoever reads from c has had a turn.
func established(c net.Conn) bool {
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		return false
	}
	yes := false
	_ = raw.Control(func(fd uintptr) { // an error says that we have closed it
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		yes = err == nil && info.State == unix.BPF_TCP_ESTABLISHED
	})
	return yes
}

func (w *Wire) accept() {
	for {
		in, err := w.ln.Accept()
		if err != nil {
			return
		}
		w.work.Go(func() { w.carry(in) })
	}
}

func (w *Wire) carry(in net.Conn) {
	defer func() { _ = in.Close() }()
	out, err := new(net.Dialer).DialContext(w.life, "tcp", w.to)
	if err != nil {
		reset(&link{in: in, out: in})
		return
	}
	l := &link{in: in, out: out}
	w.mu.Lock()
	if time.Now().Before(w.shut) || w.life.Err() != nil {
		w.mu.Unlock()
		reset(l)
		return
	}
	w.open[l] = true
	n := 0
	for l := range w.open {
		if established(l.in) {
			n++
		}
	}
	w.most = max(w.most, n)
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		delete(w.open, l)
		w.mu.Unlock()
		_ = out.Close()
	}()
	var both sync.WaitGroup
	both.Go(func() { w.pass(l, in, out) })
	both.Go(func() { w.pass(l, out, in) })
	both.Wait()
}

// A parcel is something that was sent, nil for the end of it, and when.
type parcel struct {
	data []byte
	at   time.Time
}

// pass carries one direction, until its end.
func (w *Wire) pass(l *link, from, to net.Conn) {
	parcels := make(chan parcel, 64) // then the sender has to wait, as on any wire
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(parcels)
		buf := make([]byte, 32<<10)
		for {
			n, err := from.Read(buf)
			if n > 0 {
				parcels <- parcel{append([]byte(nil), buf[:n]...), time.Now()}
			}
			if err != nil {
				parcels <- parcel{nil, time.Now()}
				return
			}
		}
	}()
	defer func() { <-read }()
	for p := range parcels {
		if !w.deliver(l, p, to) {
			reset(l) // the reader ends, whatever it waits for
			for range parcels {
			}
		}
	}
}

// deliver hands over a parcel when its time has come, and reports whether that
// could be done.
func (w *Wire) deliver(l *link, p parcel, to net.Conn) bool {
	for {
		w.mu.Lock()
		lost, wait, stall := l.lost, time.Until(p.at.Add(w.slow)), w.stall
		w.mu.Unlock()
		switch {
		case lost:
			return true
		case stall != nil:
			select {
			case <-stall:
			case <-w.life.Done():
				return false
			}
		case wait > 0:
			time.Sleep(min(wait, 50*time.Millisecond)) // it may be mended meanwhile
		case p.data == nil:
			if t, ok := to.(*net.TCPConn); ok {
				_ = t.CloseWrite()
			}
			return true
		default:
			_, err := to.Write(p.data)
			return err == nil
		}
	}
}
