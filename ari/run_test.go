package ari_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"ringback/ari"
	"ringback/dialler"
)

// run runs a Switch until the test ends, and returns when its link is up.
func run(t testing.TB, sw *ari.Switch, deliver func(dialler.Event)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	up, done := make(chan struct{}), make(chan error, 1)
	once := sync.OnceFunc(func() { close(up) })
	go func() {
		done <- sw.Run(ctx, func(e dialler.Event) {
			if e.Kind == dialler.LinkUp {
				once()
			}
			deliver(e)
		})
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	select {
	case <-up:
	case <-time.After(2 * time.Minute):
		t.Fatal("no link")
	}
	return stop
}
