package sim

import (
	"fmt"
	"testing"
	"testing/synctest"

	"ringback/dialler/store/sqlite"
)

// TestSeedsSQLite lets some of the seeds come true on the store that Ringback
// comes with, in memory.
func TestSeedsSQLite(t *testing.T) {
	for s := *first; s < *first+uint64(*onDisk); s++ {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store, err := sqlite.Open(t.Context(), sqlite.Memory, sqlite.Options{})
				if err != nil {
					t.Fatal(err)
				}
				w := newWorld(t, draw(s), store)
				w.run()
				if v := w.rec.verdict(); v != "" {
					t.Errorf("seed %d on SQLite: %s", s, v)
					t.Log(w.rec.transcript())
				}
				if err := store.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
