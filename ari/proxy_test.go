package ari_test

import (
	"io"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// A proxy stands between a Switch and Asterisk, and can cut every connection.
type proxy struct {
	url    string
	target string
	quit   sync.WaitGroup
	ln     net.Listener

	mu     sync.Mutex
	open   map[net.Conn]bool
	until  time.Time // no connection before
	stuck  bool      // nothing more is passed on
	inward int       // connections from the Switch
	peak   int
}

func startProxy(t testing.TB, target string) *proxy {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{target: u.Host, ln: ln, open: map[net.Conn]bool{}}
	u.Host = ln.Addr().String()
	p.url = u.String()
	p.quit.Go(p.serve)
	t.Cleanup(func() {
		_ = ln.Close()
		p.cut(0)
		p.quit.Wait()
	})
	return p
}

func (p *proxy) serve() {
	for {
		in, err := p.ln.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		wait := time.Now().Before(p.until)
		if !wait {
			p.open[in] = true
			p.inward++
			p.peak = max(p.peak, p.inward)
		}
		p.mu.Unlock()
		if wait {
			_ = in.Close()
			continue
		}
		p.quit.Go(func() { p.pass(in) })
	}
}

func (p *proxy) pass(in net.Conn) {
	defer func() {
		p.forget(in)
		p.mu.Lock()
		p.inward--
		p.mu.Unlock()
	}()
	out, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	p.mu.Lock()
	p.open[out] = true
	p.mu.Unlock()
	defer p.forget(out)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(out, in)
		_ = out.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(gate{p, in}, out)
	p.forget(in)
	p.forget(out)
	<-done
}

func (p *proxy) forget(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
	_ = c.Close()
}

// freeze passes on nothing more of what Asterisk says, on connections as they
// are.
func (p *proxy) freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stuck = true
}

func (p *proxy) most() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.peak
}

type gate struct {
	p *proxy
	net.Conn
}

func (g gate) Write(b []byte) (int, error) {
	g.p.mu.Lock()
	stuck := g.p.stuck
	g.p.mu.Unlock()
	if stuck {
		return len(b), nil
	}
	return g.Conn.Write(b)
}

// cut resets every connection, and lets none be made for a while.
func (p *proxy) cut(pause time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = time.Now().Add(pause)
	p.stuck = false
	for c := range p.open {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
}

// logger writes to the test's log, for as long as the test runs.
func logger(t testing.TB) *slog.Logger {
	w := &testLog{t: t}
	t.Cleanup(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.t = nil
	})
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

type testLog struct {
	mu sync.Mutex
	t  testing.TB
}

func (w *testLog) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.t != nil {
		w.t.Log(string(b[:max(len(b)-1, 0)]))
	}
	return len(b), nil
}
