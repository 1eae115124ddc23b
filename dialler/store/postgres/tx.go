package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"ringback/dialler"
	"ringback/dialler/store"
)

// The first halves of our advisory locks; the second says of what.
const (
	lockExclusions = 1919512161
	lockCampaign   = 1919512162
	lockOutbox     = 1919512163
	lockMigrate    = 1919512164
)

// database is the store as package store sees it.
type database struct{ s *Store }

func (d database) Update(ctx context.Context, what string, f func(store.Tx) error) error {
	return d.s.update(ctx, what, func(t *tx) error { return f(t) })
}

func (d database) View(ctx context.Context, what string, f func(store.Tx) error) error {
	return d.s.view(ctx, what, func(t *tx) error { return f(t) })
}

func (d database) Rouse()                     { d.s.rouse() }
func (d database) Loosen(store.Tx) error      { return nil } // no foreign key leads there
func (d database) Time(t time.Time) time.Time { return d.s.now(t) }

// Clock is the database's own; the parameter is there to be used.
func (d database) Clock(param string) string {
	return `coalesce(ringback_now(), ` + param + `)`
}

func (d database) Taken(err error) bool { return is(err, "23505") } // unique_violation

// Add inserts them in one statement that passes over those that are there. It
// was measured beside a COPY into a temporary table with an INSERT from there,
// in turns on one server: the same time on the clock and of the processor, for
// it is the indexes that take it.
func (d database) Add(t store.Tx, in store.Intake) (map[dialler.Number]dialler.ContactState, error) {
	numbers, vars := make([]string, len(in.List)), make([]*string, len(in.List))
	for i, nc := range in.List {
		numbers[i] = string(nc.Number)
		if v, ok := store.VarsColumn(nc.Vars).(string); ok {
			vars[i] = &v
		}
	}
	added := make(map[dialler.Number]dialler.ContactState, len(in.List))
	err := t.Read(store.Rows(func(r store.Scanner) error {
		var n dialler.Number
		var state dialler.ContactState
		err := r.Scan(&n, &state)
		added[n] = state
		return err
	}, `INSERT INTO contact (campaign_id, number, vars, state, due, added)
		SELECT $1, l.number, l.vars, CASE WHEN x.number IS NULL THEN $4 ELSE 'excluded' END, CASE WHEN x.number IS NULL THEN CAST($5 AS BIGINT) END, $6
		FROM unnest(CAST($2 AS TEXT[]), CAST($3 AS TEXT[])) WITH ORDINALITY AS l (number, vars, place)
		LEFT JOIN exclusion AS x ON x.number = l.number
		ORDER BY l.place
		ON CONFLICT (number, campaign_id) DO NOTHING RETURNING number, state`,
		in.Campaign, numbers, vars, string(in.State), in.Due, in.Added))
	return added, err
}

func is(err error, code string) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == code
}

// A tx is a transaction under way. Statements are collected and sent when a
// read needs the answer, BEGIN with the first and COMMIT with the last.
type tx struct {
	ctx     context.Context
	conn    *pgxpool.Conn
	pending *pgx.Batch
	done    bool // COMMIT was sent
	after   []func()
	cut     func(*tx, *pgx.Batch) error // of tests: may end the connection in the middle of what is sent; nil: does not
}

// tries is how often a transaction is run that loses against others.
const tries = 5

// update runs f in a transaction that writes. If f fails nothing is written.
func (s *Store) update(ctx context.Context, what string, f func(*tx) error) (err error) {
	for try := 1; ; try++ {
		err = s.once(ctx, f)
		// Told apart from a failure of which nobody knows whether it was one.
		conflict := is(err, "40P01") || is(err, "40001") || // a deadlock; a snapshot that no longer holds
			is(err, "23503") // what was looked for, as a bot by a campaign, went or came meanwhile: once more, and f says so
		if err == nil || try == tries || ctx.Err() != nil || !conflict && !pgconn.SafeToRetry(err) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func (s *Store) once(ctx context.Context, f func(*tx) error) error {
	having, had := context.WithTimeout(ctx, s.o.Timeout)
	conn, err := s.pool.Acquire(having)
	had()
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	// A connection left in a transaction is closed here, not given to others.
	defer conn.Release()
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.o.Timeout)
	defer cancel()
	t := &tx{ctx: ctx, conn: conn, pending: &pgx.Batch{}, cut: s.cut}
	t.pending.Queue(`BEGIN`)
	if err := f(t); err != nil {
		t.rollback()
		return err
	}
	if !t.done {
		if err := t.finish(); err != nil {
			t.rollback()
			return err
		}
	}
	for _, g := range t.after {
		g()
	}
	return nil
}

func (t *tx) rollback() {
	if c := t.conn.Conn(); !c.IsClosed() && c.PgConn().TxStatus() != 'I' {
		_, _ = t.conn.Exec(t.ctx, `ROLLBACK`) // or Release closes it
	}
}

// view runs f on a snapshot.
func (s *Store) view(ctx context.Context, what string, f func(*tx) error) error {
	read := func() error {
		// A connection may have died without a word, and TCP takes a quarter
		// of an hour to notice.
		ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
		defer cancel()
		conn, err := s.pool.Acquire(ctx)
		if err != nil {
			return fmt.Errorf("connect: %w", err)
		}
		defer conn.Release()
		t := &tx{ctx: ctx, conn: conn, pending: &pgx.Batch{}}
		t.pending.Queue(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`)
		err = f(t)
		t.rollback()
		return err
	}
	err := read()
	if err != nil && pgconn.SafeToRetry(err) && ctx.Err() == nil { // the connection was dead
		err = read()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// send sends what is pending and takes the answers.
func (t *tx) send() error {
	b := t.pending
	t.pending = &pgx.Batch{}
	if b.Len() == 0 {
		return nil
	}
	if t.cut != nil {
		if err := t.cut(t, b); err != nil {
			return err
		}
	}
	return t.conn.SendBatch(t.ctx, b).Close()
}

// Do is as [store.Tx] says.
func (t *tx) Do(query string, args ...any) error {
	t.pending.Queue(query, args...)
	return nil
}

// Count is as [store.Tx] says.
func (t *tx) Count(query string, args ...any) (n int64, err error) {
	t.pending.Queue(query, args...).Exec(func(tag pgconn.CommandTag) error {
		n = tag.RowsAffected()
		return nil
	})
	err = t.send()
	return n, err
}

// Read is as [store.Tx] says.
func (t *tx) Read(qs ...store.Query) error {
	if len(qs) == 0 {
		return nil
	}
	t.queue(qs)
	return t.send()
}

func (t *tx) queue(qs []store.Query) {
	for _, q := range qs {
		t.pending.Queue(q.SQL, q.Args...).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				if err := q.Each(rows); err != nil {
					return err
				}
			}
			return rows.Err()
		})
	}
}

// finish commits, and reads what is to be read after that, in one round trip
// with what is pending.
func (t *tx) finish(after ...store.Query) error {
	t.pending.Queue(`COMMIT`)
	t.queue(after)
	err := t.send()
	t.done = err == nil
	return err
}

// Lock is as [store.Tx] says; see the package comment for the order.
func (t *tx) Lock(l store.Lock) error {
	how := func(alone bool) string {
		if alone {
			return `pg_advisory_xact_lock`
		}
		return `pg_advisory_xact_lock_shared`
	}
	if l.Contacts != nil {
		t.pending.Queue(`SELECT 1 FROM contact WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE`, l.Contacts)
		return nil
	}
	// What is selected is worked out from left to right.
	all := how(l.Exclusions) + `($1, 0)`
	switch {
	case l.Deliveries != 0:
		t.pending.Queue(`SELECT `+how(l.Deliveries == store.Alone)+`($1, 0)`, lockOutbox)
	case l.Call != "":
		t.pending.Queue(`SELECT `+all+`, pg_advisory_xact_lock_shared($2, CAST(campaign_id % 2147483647 AS INT)) FROM attempt WHERE id = $3`, lockExclusions, lockCampaign, l.Call)
		t.pending.Queue(`SELECT 1 FROM contact WHERE id = (SELECT contact_id FROM attempt WHERE id = $1) FOR NO KEY UPDATE`, l.Call)
	case l.Contact != 0:
		t.pending.Queue(`SELECT `+all+`, pg_advisory_xact_lock_shared($2, CAST(campaign_id % 2147483647 AS INT)) FROM contact WHERE id = $3`, lockExclusions, lockCampaign, int64(l.Contact))
		t.pending.Queue(`SELECT 1 FROM contact WHERE id = $1 FOR NO KEY UPDATE`, int64(l.Contact))
	case l.Campaign != 0:
		t.pending.Queue(`SELECT `+all+`, `+how(l.Moves)+`($2, CAST(CAST($3 AS BIGINT) % 2147483647 AS INT))`, lockExclusions, lockCampaign, int64(l.Campaign))
	default:
		t.pending.Queue(`SELECT `+all, lockExclusions)
	}
	return nil
}

// After is as [store.Tx] says.
func (t *tx) After(f func()) { t.after = append(t.after, f) }
