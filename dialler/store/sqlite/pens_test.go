package sqlite_test

import (
	"context"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"ringback/dialler/store/sqlite"
)

// TestReadersDoNotWaitForEachOther: many reads whose statements nobody has
// prepared yet, all at once. Each has a connection and needs no second one.
func TestReadersDoNotWaitForEachOther(t *testing.T) {
	for range 20 {
		s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "r.db"), sqlite.Options{Readers: 2})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		begin := make(chan struct{})
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				<-begin
				if _, err := s.Campaigns(ctx); err != nil {
					t.Error(err)
				}
				if _, err := s.Trunks(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		close(begin)
		wg.Wait()
		cancel()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A reader that is called away at any moment, as a browser's request is when its
// user goes on, leaves a connection that the next can read with.
func TestReadersCalledAway(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "ringback.db"))
	var readers sync.WaitGroup
	for reader := range 8 {
		readers.Go(func() {
			for i := range 300 {
				ctx, cancel := context.WithCancel(t.Context())
				var away sync.WaitGroup
				away.Go(func() {
					for range (i*7 + reader*13) % 100 {
						runtime.Gosched()
					}
					cancel()
				})
				if _, err := s.Campaigns(ctx); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
				away.Wait()
			}
		})
	}
	readers.Wait()
	for range 32 {
		if _, err := s.Campaigns(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
