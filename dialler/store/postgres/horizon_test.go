package postgres_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ringback/dialler/store/postgres"
)

// A transaction that somebody holds open is told, idle or not, and no other.
func TestOldestTransaction(t *testing.T) {
	url := database(t)
	s := open(t, url, postgres.Options{})
	other, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close(t.Context()) }()
	if _, err := other.Exec(t.Context(), `BEGIN`); err != nil {
		t.Fatal(err)
	}
	var before time.Duration
	for start := time.Now(); before < 300*time.Millisecond; {
		if before, err = s.OldestTransaction(t.Context()); err != nil {
			t.Fatal(err)
		}
		if since := time.Since(start); since > time.Minute {
			t.Fatalf("after %v the transaction is said to be %v old", since, before)
		}
	}
	if _, err := other.Exec(t.Context(), `COMMIT`); err != nil {
		t.Fatal(err)
	}
	// Ours are short: what the other held is not told any more.
	for start := time.Now(); ; {
		after, err := s.OldestTransaction(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if after < before {
			return
		}
		if time.Since(start) > time.Minute {
			t.Fatalf("a minute after it ended, a transaction %v old is open", after)
		}
	}
}
