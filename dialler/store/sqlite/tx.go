package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"ringback/dialler/store"
)

// numbered is query with its parameters as SQLite writes them.
func numbered(query string) string { return strings.ReplaceAll(query, "$", "?") }

// A pen is a connection with the statements prepared on it. The store has one
// that writes and some that read. One transaction at a time holds a pen, and
// needs no other: a transaction that waited for a second connection while it
// held its own could wait for ever.
type pen struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

func newPen(ctx context.Context, db *sql.DB) (*pen, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &pen{conn: conn, stmts: map[string]*sql.Stmt{}}, nil
}

func (p *pen) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if st := p.stmts[query]; st != nil {
		return st, nil
	}
	st, err := p.conn.PrepareContext(ctx, numbered(query))
	if err == nil {
		p.stmts[query] = st
	}
	return st, err
}

func (p *pen) close() error {
	var errs []error
	for _, st := range p.stmts {
		errs = append(errs, st.Close())
	}
	return errors.Join(append(errs, p.conn.Close())...)
}

// A rack holds pens that are not in use, as many as there may be. A nil one is
// yet to be made, or was broken.
type rack struct {
	db   *sql.DB
	pens chan *pen
}

func newRack(db *sql.DB, n int) *rack {
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	r := &rack{db: db, pens: make(chan *pen, n)}
	for range n {
		r.pens <- nil
	}
	return r
}

// take waits for a pen.
func (r *rack) take(ctx context.Context) (*pen, error) {
	select {
	case p := <-r.pens:
		if p != nil {
			return p, nil
		}
		p, err := newPen(ctx, r.db)
		if err != nil {
			r.pens <- nil
		}
		return p, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// back puts a pen back; broken throws it away, and the connection with it:
// otherwise database/sql would hand it out again, in the middle of what it was
// doing.
func (r *rack) back(p *pen, broken bool) {
	if broken {
		for _, st := range p.stmts {
			_ = st.Close() // there is a better error than those of closing
		}
		_ = p.conn.Raw(func(any) error { return driver.ErrBadConn })
		_ = p.conn.Close()
		p = nil
	}
	r.pens <- p
}

// close lets transactions under way end. One that wants to begin later is told
// that the database is closed.
func (r *rack) close() error {
	var errs []error
	for range cap(r.pens) {
		if p := <-r.pens; p != nil {
			errs = append(errs, p.close())
		}
	}
	errs = append(errs, r.db.Close())
	for range cap(r.pens) {
		r.pens <- nil
	}
	return errors.Join(errs...)
}

// A tx is a transaction under way. Its statements are prepared once for each
// connection.
type tx struct {
	ctx   context.Context
	pen   *pen
	after []func()     // once it is committed
	fault func() error // of tests, asked before each statement; nil: none
}

// update runs f in a transaction that writes. If f fails nothing is written.
// A transaction that has begun is not interrupted by the end of ctx: it is
// short, and half of one is worth nothing.
func (s *Store) update(ctx context.Context, what string, f func(*tx) error) (err error) {
	p, err := s.write.take(ctx)
	if err != nil {
		return fmt.Errorf("%s: waiting to write: %w", what, err)
	}
	var after []func()
	broken := false
	defer func() {
		if err == nil {
			for _, g := range after {
				g()
			}
		}
		s.write.back(p, broken)
	}()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	ctx = context.WithoutCancel(ctx)
	t := &tx{ctx: ctx, pen: p, fault: s.fault}
	if err := t.Do(`BEGIN IMMEDIATE`); err != nil {
		return fmt.Errorf("%s: begin: %w", what, err)
	}
	done := false
	defer func() {
		if done {
			return
		}
		// Also on a panic of f: the connection must not keep the transaction.
		if e := t.Do(`ROLLBACK`); e != nil {
			// SQLite may have rolled back by itself, as when the disk is full;
			// a fresh connection knows.
			broken = !s.memory()
			err = errors.Join(err, fmt.Errorf("roll back: %w", e))
		}
	}()
	if err := f(t); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if err := t.Do(`COMMIT`); err != nil {
		return fmt.Errorf("%s: commit: %w", what, err)
	}
	done, after = true, t.after
	return nil
}

// view runs f on a snapshot.
func (s *Store) view(ctx context.Context, what string, f func(*tx) error) error {
	if s.read == nil {
		return s.update(ctx, what, f)
	}
	p, err := s.read.take(ctx)
	if err != nil {
		return fmt.Errorf("%s: waiting to read: %w", what, err)
	}
	broken := false
	defer func() { s.read.back(p, broken) }()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	// Neither the beginning nor the end is interrupted: a BEGIN that is may
	// have been carried out.
	edge := &tx{ctx: context.WithoutCancel(ctx), pen: p}
	if err := edge.Do(`BEGIN`); err != nil {
		broken = true
		return fmt.Errorf("%s: begin: %w", what, err)
	}
	defer func() { // also on a panic of f; nothing was written
		broken = edge.Do(`ROLLBACK`) != nil
	}()
	if err := f(&tx{ctx: ctx, pen: p}); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// Do is as [store.Tx] says; it writes at once.
func (t *tx) Do(query string, args ...any) error {
	_, err := t.Count(query, args...)
	return err
}

func (t *tx) exec(query string, args ...any) (sql.Result, error) {
	st, err := t.prepare(query)
	if err != nil {
		return nil, err
	}
	return st.ExecContext(t.ctx, args...)
}

func (t *tx) prepare(query string) (*sql.Stmt, error) {
	if t.fault != nil {
		if err := t.fault(); err != nil {
			return nil, err
		}
	}
	return t.pen.prepare(t.ctx, query)
}

// Count is as [store.Tx] says.
func (t *tx) Count(query string, args ...any) (int64, error) {
	res, err := t.exec(query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// insert returns the new row's key.
func (t *tx) insert(query string, args ...any) (int64, error) {
	res, err := t.exec(query, args...)
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

// Read is as [store.Tx] says.
func (t *tx) Read(qs ...store.Query) error {
	for _, q := range qs {
		if err := t.each(q.Each, q.SQL, q.Args...); err != nil {
			return err
		}
	}
	return nil
}

// Lock has nothing to do: there is one writer.
func (t *tx) Lock(store.Lock) error { return nil }

// After is as [store.Tx] says.
func (t *tx) After(f func()) { t.after = append(t.after, f) }

// each calls f with each row. f must not use t: the row is still open.
func (t *tx) each(f func(store.Scanner) error, query string, args ...any) (err error) {
	st, err := t.prepare(query)
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(t.ctx, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
