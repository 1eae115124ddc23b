package sqlite

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/pressly/goose/v3"

	"ringback/dialler"
	"ringback/dialler/store"
)

// What waited to be pushed before the outbox was rebuilt waits after it, and no
// number is given twice, though its message is gone.
func TestMigrateOutbox(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "ringback.db")
	before(ctx, t, path, 13,
		`INSERT INTO outbox (kind, campaign_id, contact_id, call_id, body, at) VALUES ('call.settled', 1, 2, 'a', '{}', 5), ('call.analysed', 1, 2, 'a', '{}', 6), ('call.settled', 1, 3, 'b', '{}', 7)`,
		`INSERT INTO delivery (message_id, campaign_id, contact_id, state, made, due) VALUES (1, 1, 2, 'waiting', 5, 5), (2, 1, 2, 'waiting', 6, NULL)`,
		`DELETE FROM outbox WHERE id = 3`, // pruned
		`UPDATE outbox_reader SET upto = 3`)
	s, err := Open(ctx, path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	waiting, _, err := s.Deliveries(ctx, dialler.DeliveryQuery{State: dialler.DeliveryWaiting})
	if err != nil || len(waiting) != 2 || waiting[0].Kind != dialler.CallAnalysed || waiting[1].Kind != dialler.CallSettled {
		t.Errorf("waiting: %+v, %v", waiting, err)
	}
	var next int64
	err = s.update(ctx, "post", func(t *tx) error {
		return t.Read(store.One(nil, []any{&next}, `INSERT INTO outbox (kind, campaign_id, contact_id, call_id, body, at) VALUES ('callback.moved', 1, 2, 'a', '{}', 8) RETURNING id`))
	})
	if err != nil || next != 4 {
		t.Errorf("the next message is %d, %v; want 4", next, err)
	}
}

// before makes a file with the schema as it was at a version, and what else is
// to be in it.
func before(ctx context.Context, t *testing.T, path string, version int64, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(path, "foreign_keys(1)"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	all, err := steps()
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, nil, goose.WithDisableGlobalRegistry(true), goose.WithGoMigrations(all...))
	if err == nil {
		_, err = p.UpTo(ctx, version)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := db.ExecContext(ctx, s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}
