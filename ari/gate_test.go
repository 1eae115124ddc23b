package ari

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

// No connection is made while there is no place for it, and one that is closed
// gives back the one place that it had.
func TestGate(t *testing.T) {
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	g := &gate{places: make(chan struct{}, 1)}
	dial := func(limit time.Duration) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		return g.dial(ctx, "tcp", ln.Addr().String())
	}
	for range 2 {
		conn, err := dial(time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		var refused *net.OpError
		if _, err := dial(10 * time.Millisecond); !errors.As(err, &refused) || refused.Op != "dial" {
			t.Errorf("a second connection: %v, want one that was never dialled", err)
		}
		_ = conn.Close()
		_ = conn.Close()
	}
	_ = ln.Close()
	for range 2 {
		if _, err := dial(time.Minute); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nobody listens: %v", err)
		}
	}
}
