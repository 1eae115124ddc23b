package wire_test

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"ringback/deploy/lab/wire"
)

// echo answers every connection with what it says.
func echo(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	return ln.Addr().String()
}

func lay(t *testing.T) *wire.Wire {
	t.Helper()
	w, err := wire.Lay(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func dial(t *testing.T, w *wire.Wire) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", w.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// patience is for what must come; brief for what must not.
const (
	patience = 20 * time.Second
	brief    = 200 * time.Millisecond
)

// says sends a word and reports what came back in time.
func says(c net.Conn, word string, limit time.Duration) (string, error) {
	_ = c.SetDeadline(time.Now().Add(limit))
	if _, err := io.WriteString(c, word); err != nil {
		return "", err
	}
	b := make([]byte, len(word))
	n, err := io.ReadFull(c, b)
	return string(b[:n]), err
}

func passes(t *testing.T, c net.Conn) {
	t.Helper()
	if got, err := says(c, "hello", patience); got != "hello" || err != nil {
		t.Fatalf("hello comes back as %q, %v", got, err)
	}
}

func silent(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

func TestCut(t *testing.T) {
	w := lay(t)
	c := dial(t, w)
	passes(t, c)
	w.Cut(time.Hour)
	if _, err := says(c, "x", patience); err == nil || silent(err) {
		t.Errorf("a connection that is cut fails with %v, want a reset", err)
	}
	if c, err := net.Dial("tcp", w.Addr); err == nil { // else it was reset before it was made
		t.Cleanup(func() { _ = c.Close() })
		if _, err := says(c, "x", patience); err == nil || silent(err) {
			t.Errorf("a connection made meanwhile fails with %v, want a reset", err)
		}
	}
	w.Mend()
	passes(t, dial(t, w))
	if most := w.Most(); most != 1 {
		t.Errorf("%d connections at once, want 1", most)
	}
}

func TestStall(t *testing.T) {
	w := lay(t)
	c := dial(t, w)
	passes(t, c)
	w.Stall()
	if got, err := says(c, "held", brief); got != "" || !silent(err) {
		t.Errorf("over a stalled wire comes %q, %v", got, err)
	}
	other := dial(t, w) // is made, and is as silent
	if got, err := says(other, "held", brief); got != "" || !silent(err) {
		t.Errorf("over a new connection comes %q, %v", got, err)
	}
	w.Mend()
	for _, c := range []net.Conn{c, other} {
		_ = c.SetDeadline(time.Now().Add(patience))
		b := make([]byte, 4)
		if _, err := io.ReadFull(c, b); string(b) != "held" {
			t.Errorf("what was held comes as %q, %v", b, err)
		}
	}
}

// A connection is open until its caller closes it, and not until that has come
// through.
func TestMost(t *testing.T) {
	w := lay(t)
	w.Stall()
	most := func(want int) {
		t.Helper()
		for end := time.Now().Add(patience); w.Most() < want && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		if got := w.Most(); got != want {
			t.Fatalf("%d connections at once, want %d", got, want)
		}
	}
	first := dial(t, w)
	dial(t, w)
	dial(t, w)
	most(3)
	_ = first.Close()
	dial(t, w)
	dial(t, w)
	most(4)
	time.Sleep(brief)
	most(4)
}

func TestSlow(t *testing.T) {
	w := lay(t)
	c := dial(t, w)
	passes(t, c)
	w.Slow(brief)
	began := time.Now()
	passes(t, c)
	if took := time.Since(began); took < 2*brief {
		t.Errorf("there and back took %v, want %v at least", took, 2*brief)
	}
	w.Mend()
	passes(t, c)
}

func TestLose(t *testing.T) {
	w := lay(t)
	c := dial(t, w)
	passes(t, c)
	w.Lose(2 * brief)
	if got, err := says(c, "gone", brief); got != "" || !silent(err) {
		t.Errorf("over a lost connection comes %q, %v", got, err)
	}
	w.Mend() // what is lost stays lost
	passes(t, dial(t, w))
	_ = c.SetDeadline(time.Now().Add(patience))
	if n, err := c.Read(make([]byte, 4)); n != 0 || silent(err) {
		t.Errorf("then comes %d bytes, %v, want a reset", n, err)
	}
}

// The end of what one side says is passed on; the other may still speak.
func TestHalfClosed(t *testing.T) {
	w := lay(t)
	c := dial(t, w)
	if _, err := io.WriteString(c, "last words"); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	if all, err := io.ReadAll(c); string(all) != "last words" || err != nil {
		t.Errorf("they come back as %q, %v", all, err)
	}
}
