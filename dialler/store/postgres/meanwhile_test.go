package postgres_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ringback/dialler"
)

// waited returns when somebody waits for what a connection has locked.
func waited(t *testing.T, c *pgx.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for waiting := false; !waiting; {
		if err := c.QueryRow(ctx, `SELECT pg_sleep(0.01)::TEXT = '' AND EXISTS (
			SELECT FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid)))`).Scan(&waiting); err != nil {
			t.Fatalf("nobody waits: %v", err)
		}
	}
}

// A bot that a campaign takes while it is being removed is not, and whose it
// is now is said.
func TestTakenMeanwhile(t *testing.T) {
	url := database(t)
	s, c := filled(t, url, 1)
	ctx := t.Context()
	if err := s.PutBot(ctx, dialler.Bot{Name: "ravi", Endpoint: "PJSIP/ravi"}); err != nil {
		t.Fatal(err)
	}
	other, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close(ctx) }()
	if _, err := other.Exec(ctx, `BEGIN; UPDATE campaign SET bot = 'ravi'`); err != nil {
		t.Fatal(err)
	}
	dropped := make(chan error, 1)
	go func() { dropped <- s.DropBot(ctx, "ravi") }()
	waited(t, other)
	if _, err := other.Exec(ctx, `COMMIT`); err != nil {
		t.Fatal(err)
	}
	var used *dialler.UsedError
	if err := <-dropped; !errors.As(err, &used) || !slices.Equal(used.Campaigns, []string{c.Name}) {
		t.Errorf("removed: %v", err)
	}
}

// A call that ends while a lease is under way, and whose seat that takes, had
// ended when the lease was: who reads the book finds no more calls at once than
// there are seats.
func TestEndedMeanwhile(t *testing.T) {
	url := database(t)
	s, c := filled(t, url, 2)
	ctx := t.Context()
	run(t, url, `UPDATE campaign SET seats = 1`)
	first := lease(t, s, c, 2)
	if len(first) != 1 {
		t.Fatalf("leased %d calls for one seat", len(first))
	}
	other, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close(ctx) }()
	// What limits trunks is read where calls under way are counted.
	if _, err := other.Exec(ctx, `BEGIN; LOCK TABLE trunk`); err != nil {
		t.Fatal(err)
	}
	leased := make(chan []dialler.Lease, 1)
	go func() { leased <- lease(t, s, c, 1) }()
	waited(t, other)
	ended := time.Now()
	if _, err := s.Settle(ctx, first[0], dialler.Outcome{Ended: ended, Disposition: dialler.Answered}); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Exec(ctx, `COMMIT`); err != nil {
		t.Fatal(err)
	}
	switch second := <-leased; {
	case len(second) != 1:
		t.Errorf("leased %d calls for the seat that was free again", len(second))
	case second[0].Attempt.Leased.Before(ended.Truncate(time.Microsecond)):
		t.Errorf("leased %v before the call ended whose seat it has", ended.Sub(second[0].Attempt.Leased))
	}
}
