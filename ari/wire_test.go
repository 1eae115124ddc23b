package ari_test

import (
	"log/slog"
	"net/url"
	"sync"
	"testing"

	"ringback/deploy/lab/wire"
)

// layWire lays a wire between a Switch and Asterisk, and returns what the
// Switch is to take for Asterisk's address.
func layWire(t testing.TB, target string) (w *wire.Wire, address string) {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	if w, err = wire.Lay(u.Host); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	u.Host = w.Addr
	return w, u.String()
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
