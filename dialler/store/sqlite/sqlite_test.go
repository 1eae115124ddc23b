package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"

	"ringback/dialler"
	"ringback/dialler/store/sqlite"
	"ringback/dialler/store/storetest"
)

func open(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStoreInMemory(t *testing.T) {
	storetest.Run(t, func(t *testing.T) dialler.Store { return open(t, sqlite.Memory) })
}

func TestStoreInFile(t *testing.T) {
	inFile := func(t *testing.T) dialler.Store { return open(t, filepath.Join(t.TempDir(), "ringback.db")) }
	storetest.Run(t, inFile, storetest.Options{Reopen: afterCrash})
}

// afterCrash opens what a process that was killed this instant would have left
// on the disk: the files as they are, the log not yet folded in.
func afterCrash(t *testing.T, s dialler.Store) dialler.Store {
	from := s.(*sqlite.Store).Path()
	to := filepath.Join(t.TempDir(), "ringback.db")
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(from + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to+suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return open(t, to)
}
