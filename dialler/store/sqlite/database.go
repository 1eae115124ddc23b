package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

// Loosen is for this transaction only.
func (d database) Loosen(t store.Tx) error { return t.Do(`PRAGMA defer_foreign_keys = ON`) }

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

// chunks are how many contacts one statement inserts: each is prepared once, and
// any number is made up of them.
var chunks = []int{256, 32, 4, 1}

// inserts has the statement for each of chunks.
var inserts = func() map[int]string {
	out := map[int]string{}
	for _, n := range chunks {
		var values strings.Builder
		for i := range n {
			if i > 0 {
				values.WriteByte(',')
			}
			_, _ = fmt.Fprintf(&values, "(%d,$%d,$%d)", i, 5+2*i, 6+2*i)
		}
		out[n] = `WITH l (place, number, vars) AS (VALUES ` + values.String() + `)
			INSERT INTO contact (campaign_id, number, vars, state, due, added)
			SELECT $1, l.number, l.vars, iif(x.number IS NULL, $2, 'excluded'), iif(x.number IS NULL, $3, NULL), $4
			FROM l LEFT JOIN exclusion AS x ON x.number = l.number
			WHERE true ORDER BY l.place
			ON CONFLICT (number, campaign_id) DO NOTHING RETURNING number, state`
	}
	return out
}()

// Add inserts them in a few statements: what a statement costs by itself is more
// than what a row does.
func (d database) Add(t store.Tx, in store.Intake) (map[dialler.Number]dialler.ContactState, error) {
	added := make(map[dialler.Number]dialler.ContactState, len(in.List))
	var args []any
	for left, i := in.List, 0; len(left) > 0; {
		n := chunks[i]
		if n > len(left) {
			i++
			continue
		}
		args = append(args[:0], in.Campaign, in.State, in.Due, in.Added)
		for _, nc := range left[:n] {
			args = append(args, nc.Number, store.VarsColumn(nc.Vars))
		}
		left = left[n:]
		if err := t.Read(store.Rows(func(r store.Scanner) error {
			var number dialler.Number
			var state dialler.ContactState
			err := r.Scan(&number, &state)
			added[number] = state
			return err
		}, inserts[n], args...)); err != nil {
			return nil, err
		}
	}
	return added, nil
}
