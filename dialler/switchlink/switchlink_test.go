package switchlink_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ringback/dialler"
	"ringback/dialler/switchlink"
)

// keep is a connection that is kept until it is told to end.
func keep(ctx context.Context) error { <-ctx.Done(); return nil }

func TestNewsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		l := switchlink.New(&mu)
		ctx, cancel := context.WithCancel(t.Context())
		var told []dialler.EventKind
		go func() {
			mu.Lock()
			l.RaiseLocked()
			mu.Unlock()
			l.Tell(dialler.Event{Kind: dialler.Ringing}, dialler.Event{Kind: dialler.Up})
		}()
		if err := l.Run(ctx, keep, func(e dialler.Event) {
			time.Sleep(time.Second) // nobody waits for who is slow
			switch told = append(told, e.Kind); e.Kind {
			case dialler.Ringing:
				mu.Lock()
				l.DropLocked(errors.New("cut")) // news that comes while others are delivered
				mu.Unlock()
			case dialler.LinkDown:
				if e.Reason != "cut" {
					t.Errorf("the link went for %q", e.Reason)
				}
				l.Tell(dialler.Event{Kind: dialler.HungUp})
				cancel()
			}
		}); err != nil {
			t.Error(err)
		}
		want := []dialler.EventKind{dialler.LinkUp, dialler.Ringing, dialler.Up, dialler.LinkDown}
		if !slices.Equal(told, want) {
			t.Errorf("told %v, want %v", told, want)
		}
		if left := l.Told(); len(left) != 1 || left[0].Kind != dialler.HungUp {
			t.Errorf("left over: %v", left)
		}
	})
}

// What was begun is over when Run has returned, and nothing is begun after.
func TestEndsAsAWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		l := switchlink.New(&mu)
		var over, late bool
		l.Go(func(ctx context.Context) {
			<-ctx.Done()
			time.Sleep(time.Second)
			over = true
		})
		inTime := 0
		l.After(time.Minute, func() {
			if mu.TryLock() {
				t.Error("a timer runs without the lock")
			}
			inTime++
		})
		l.After(time.Hour, func() { late = true })
		refused := errors.New("wrong password")
		err := l.Run(t.Context(), func(context.Context) error {
			mu.Lock()
			l.RaiseLocked()
			mu.Unlock()
			time.Sleep(30 * time.Minute)
			return refused
		}, func(dialler.Event) {})
		if !errors.Is(err, refused) {
			t.Errorf("Run: %v, want what keep returned", err)
		}
		if !over || inTime != 1 || l.Up() {
			t.Errorf("the chore is over: %v; the timer ran %d times; the link is up: %v", over, inTime, l.Up())
		}
		mu.Lock()
		if l.GoLocked(func(context.Context) { late = true }) {
			t.Error("a chore was begun after the end")
		}
		mu.Unlock()
		l.Go(func(context.Context) { late = true })
		time.Sleep(2 * time.Hour)
		if late {
			t.Error("something ran after the end")
		}
	})
}
