package sqlite_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ringback/dialler"
	"ringback/dialler/store/sqlite"
	"ringback/dialler/store/storetest"
	"ringback/dialler/user"
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

func TestStoreInFile(t *testing.T) {
	// The schema is made once, and its file copied: under the race detector,
	// which watches all of SQLite, that is what takes time.
	path := filepath.Join(t.TempDir(), "empty.db")
	empty, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err == nil {
		err = empty.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, func(t *testing.T) dialler.Store {
		to := filepath.Join(t.TempDir(), "ringback.db")
		copyFile(t, path, to)
		return open(t, to)
	}, storetest.Options{Reopen: afterCrash, Whole: true, Cut: func(_ *testing.T, s dialler.Store, n int) func() bool {
		return s.(*sqlite.Store).Cut(n)
	}})
}

func TestUsers(t *testing.T) {
	storetest.RunUsers(t, func(t *testing.T) user.Store { return open(t, sqlite.Memory) })
}

func TestReceipts(t *testing.T) {
	storetest.RunReceipts(t, func(t *testing.T) dialler.Receipts { return open(t, sqlite.Memory) })
}

// In memory reads take turns with writes on one connection; all else is as in
// a file.
func TestStoreInMemory(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			storetest.Walk(t, open(t, sqlite.Memory), 100+seed, 300)
		})
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// afterCrash opens what a process that was killed this instant would have left
// on the disk: the files as they are, the log not yet folded in.
func afterCrash(t *testing.T, s dialler.Store) dialler.Store {
	from := s.(*sqlite.Store).Path()
	to := filepath.Join(t.TempDir(), "ringback.db")
	for _, suffix := range []string{"", "-wal"} {
		copyFile(t, from+suffix, to+suffix)
	}
	return open(t, to)
}

func TestOneProcessAStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ringback.db")
	s := open(t, path)
	_, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	var used *sqlite.InUseError
	if !errors.As(err, &used) || used.Path != path || used.PID != os.Getpid() {
		t.Fatalf("opened twice: %v", err)
	}
	if want := fmt.Sprintf("%s is in use by process %d", path, os.Getpid()); !strings.Contains(err.Error(), want) {
		t.Fatalf("error %q does not say %q", err, want)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestReopenAfterClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a folder, with #? and %41 in its name")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(path, "ringback.db")
	for i := range 3 { // the schema is brought up to date once
		s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		trunks, err := s.Trunks(t.Context())
		if err != nil || len(trunks) != i {
			t.Fatalf("%d trunks, want %d: %v", len(trunks), i, err)
		}
		if err := s.PutTrunk(t.Context(), dialler.Trunk{Name: fmt.Sprint(i), Switch: "s", Dial: "X/{number}"}); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Trunks(t.Context()); err == nil {
			t.Fatal("a store that was closed was read")
		}
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
}

func TestOpenWithoutAPath(t *testing.T) {
	if _, err := sqlite.Open(t.Context(), "", sqlite.Options{}); err == nil {
		t.Fatal("opened")
	}
	if _, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "no", "folder", "x.db"), sqlite.Options{}); err == nil {
		t.Fatal("opened")
	}
}

// BenchmarkImport is a list in CSV, from its first row to its last on disk.
func BenchmarkImport(b *testing.B) {
	n := 1_000_000
	if testing.Short() {
		n = 100_000
	}
	storetest.BenchmarkImport(b, func(b *testing.B) dialler.Store { return open(b, filepath.Join(b.TempDir(), "import.db")) }, n)
}
