package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	sqlite3 "modernc.org/sqlite"
	sqlite3lib "modernc.org/sqlite/lib"

	"ringback/dialler"
	"ringback/dialler/store"
)

// database is the store as package store sees it.
type database struct{ s *Store }

func (d database) Update(ctx context.Context, what string, f func(store.Tx) error) error {
	return d.s.update(ctx, what, func(t *tx) error { return f(t) })
}

func (d database) View(ctx context.Context, what string, f func(store.Tx) error) error {
	return d.s.view(ctx, what, func(t *tx) error { return f(t) })
}

func (d database) Rouse() { d.s.rouse() }

// Time is t: the one process there is decides by its own clock.
func (d database) Time(t time.Time) time.Time { return t }

func (d database) Clock(param string) string { return param }

// Messages, Number and Unnumbered: with one writer IDs are given in the order
// of commits.
func (d database) Messages() string           { return `outbox` }
func (d database) Number(store.Tx, int) error { return nil }
func (d database) Unnumbered() string         { return `false` }

// SkipLocked has nothing to skip, with one writer.
func (d database) SkipLocked(string) string { return `` }

func (d database) Taken(err error) bool {
	var e *sqlite3.Error
	return errors.As(err, &e) && (e.Code() == sqlite3lib.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3lib.SQLITE_CONSTRAINT_PRIMARYKEY)
}

func (d database) Add(t store.Tx, in store.Intake) (map[dialler.Number]dialler.ContactState, error) {
	added := make(map[dialler.Number]dialler.ContactState, len(in.List))
	for _, nc := range in.List {
		var state dialler.ContactState
		found := false
		err := t.Read(store.One(&found, []any{&state}, `INSERT INTO contact (campaign_id, number, vars, state, due, added)
			SELECT $1, $2, $3, iif(x, 'excluded', $4), iif(x, NULL, $5), $6
			FROM (SELECT EXISTS (SELECT 1 FROM exclusion WHERE number = $2) AS x) WHERE true
			ON CONFLICT (number, campaign_id) DO NOTHING RETURNING state`,
			in.Campaign, nc.Number, store.VarsColumn(nc.Vars), in.State, in.Due, in.Added))
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
		if found {
			added[nc.Number] = state
		}
	}
	return added, nil
}
