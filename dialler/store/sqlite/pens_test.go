package sqlite_test

import (
	"context"
	"path/filepath"
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
