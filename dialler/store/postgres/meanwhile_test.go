package postgres_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ringback/dialler"
)

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
	for start, waiting := time.Now(), false; !waiting; {
		if err := other.QueryRow(ctx, `SELECT pg_sleep(0.01)::TEXT = '' AND EXISTS (SELECT FROM pg_locks WHERE NOT granted)`).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
		if time.Since(start) > time.Minute {
			t.Fatal("nobody waits for the campaign that has the bot")
		}
	}
	if _, err := other.Exec(ctx, `COMMIT`); err != nil {
		t.Fatal(err)
	}
	var used *dialler.UsedError
	if err := <-dropped; !errors.As(err, &used) || !slices.Equal(used.Campaigns, []string{c.Name}) {
		t.Errorf("removed: %v", err)
	}
}
