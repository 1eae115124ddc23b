package esl

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/percipia/eslgo"

	"ringback/dialler"
)

// event120 is a frame with the event CHANNEL_ANSWER of a leg with 120
// variables, made of the recorded ones.
func event120(tb testing.TB) []byte {
	var body bytes.Buffer
	vars := 0
	for _, sent := range [][]byte{transcripts(tb)["05p-answer-far-end-bye"]} {
		all := bodies(tb, sent)
		_, _ = eachLine(all[len(all)-2], func(line []byte) { // CHANNEL_HANGUP_COMPLETE
			name, value, _ := cutHeader(line)
			if bytes.HasPrefix(name, []byte("variable_")) {
				if vars == 120 {
					return
				}
				vars++
			}
			fmt.Fprintf(&body, "%s: %s\n", name, value)
		})
	}
	if vars != 120 {
		tb.Fatalf("%d variables", vars)
	}
	body.WriteByte('\n')
	return fmt.Appendf(nil, "Content-Length: %d\nContent-Type: text/event-plain\n\n%s", body.Len(), body.Bytes())
}

// again gives the same bytes again and again.
type again struct {
	b  []byte
	at int
}

func (a *again) Read(p []byte) (int, error) {
	n := copy(p, a.b[a.at:])
	a.at = (a.at + n) % len(a.b)
	return n, nil
}

// BenchmarkEvent is an event of 120 variables: from the bytes in memory to the
// state machine of its call, the same over a TCP connection, and beside it
// eslgo over a TCP connection to a listener that does nothing.
func BenchmarkEvent(b *testing.B) {
	frame := event120(b)
	ours := func(b *testing.B, in io.Reader) {
		s, err := New(Options{})
		if err != nil {
			b.Fatal(err)
		}
		fr := newFrameReader(in)
		f, err := fr.next()
		if err != nil {
			b.Fatal(err)
		}
		e, err := decoder{}.decode(f.body)
		if err != nil {
			b.Fatal(err)
		}
		s.mu.Lock()
		s.addLocked(dialler.CallID(e.leg)).gone = true // known, and nothing more to tell
		s.mu.Unlock()
		b.SetBytes(int64(len(frame)))
		b.ReportAllocs()
		for b.Loop() {
			f, err := fr.next()
			if err != nil {
				b.Fatal(err)
			}
			e, err := decoder{}.decode(f.body)
			if err != nil {
				b.Fatal(err)
			}
			s.handle(&e)
		}
	}
	b.Run("ringback", func(b *testing.B) { ours(b, &again{b: frame}) })
	b.Run("ringback/tcp", func(b *testing.B) {
		addr, stop := pour(b, frame, "")
		defer stop()
		c, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		ours(b, c)
		_ = c.Close()
	})
	b.Run("eslgo/tcp", func(b *testing.B) {
		addr, stop := pour(b, frame, "Content-Type: auth/request\n\nContent-Type: command/reply\nReply-Text: +OK accepted\n\n")
		defer stop()
		o := eslgo.DefaultInboundOptions
		o.Logger = eslgo.NilLogger{}
		conn, err := o.Dial(addr)
		if err != nil {
			b.Fatal(err)
		}
		heard, over := make(chan struct{}, 1024), make(chan struct{})
		conn.RegisterEventListener(eslgo.EventListenAll, func(*eslgo.Event) {
			select {
			case heard <- struct{}{}:
			case <-over:
			}
		})
		b.SetBytes(int64(len(frame)))
		b.ReportAllocs()
		for b.Loop() {
			<-heard
		}
		close(over)
		conn.Close()
	})
}

// pour sends a greeting, and then the frame for ever, to who connects.
func pour(b *testing.B, frame []byte, greeting string) (addr string, stop func()) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		_, _ = io.WriteString(c, greeting)
		many := bytes.Repeat(frame, 16)
		for {
			if _, err := c.Write(many); err != nil {
				return
			}
		}
	})
	return ln.Addr().String(), func() { _ = ln.Close(); served.Wait() }
}
