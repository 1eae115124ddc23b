package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"ringback/dialler/store"
)

// numbered is query with its parameters as SQLite writes them.
func numbered(query string) string { return strings.ReplaceAll(query, "$", "?") }

// A pen is the one connection that writes. Whoever has put a token into turn
// holds it.
type pen struct {
	db    *sql.DB
	conn  *sql.Conn
	turn  chan struct{}
	stmts map[string]*sql.Stmt
}

func (p *pen) close() error {
	p.turn <- struct{}{} // for good: let a transaction under way end, let none begin
	var errs []error
	for _, st := range p.stmts {
		errs = append(errs, st.Close())
	}
	if p.conn != nil {
		errs = append(errs, p.conn.Close())
	}
	return errors.Join(append(errs, p.db.Close())...)
}

// A tx is a transaction under way. Its statements are prepared once for each
// connection.
type tx struct {
	ctx     context.Context
	prepare func(query string) (*sql.Stmt, error)
	after   []func() // once it is committed
}

// update runs f in a transaction that writes. If f fails nothing is written.
// A transaction that has begun is not interrupted by the end of ctx: it is
// short, and half of one is worth nothing.
func (s *Store) update(ctx context.Context, what string, f func(*tx) error) (err error) {
	p := s.write
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("%s: waiting to write: %w", what, ctx.Err())
	}
	var after []func()
	defer func() {
		if err == nil {
			for _, g := range after {
				g()
			}
		}
		<-p.turn
	}()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	ctx = context.WithoutCancel(ctx)
	t := &tx{ctx: ctx, prepare: func(query string) (*sql.Stmt, error) {
		if st := p.stmts[query]; st != nil {
			return st, nil
		}
		st, err := p.conn.PrepareContext(ctx, numbered(query))
		if err == nil {
			p.stmts[query] = st
		}
		return st, err
	}}
	if err := t.Do(`BEGIN IMMEDIATE`); err != nil {
		return fmt.Errorf("%s: begin: %w", what, err)
	}
	done := false
	defer func() {
		if done {
			return
		}
		// Also on a panic of f: the connection must not keep the transaction.
		if e := t.Do(`ROLLBACK`); e != nil && err != nil {
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
	st, err := s.read.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("%s: begin: %w", what, err)
	}
	defer func() { _ = st.Rollback() }() // nothing was written
	t := &tx{ctx: ctx, prepare: func(query string) (*sql.Stmt, error) {
		if known, ok := s.readStmts.Load(query); ok {
			return st.StmtContext(ctx, known.(*sql.Stmt)), nil
		}
		fresh, err := s.read.PrepareContext(ctx, numbered(query))
		if err != nil {
			return nil, err
		}
		if known, lost := s.readStmts.LoadOrStore(query, fresh); lost {
			_ = fresh.Close() // another was quicker
			fresh = known.(*sql.Stmt)
		}
		return st.StmtContext(ctx, fresh), nil
	}}
	if err := f(t); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// Do is as [store.Tx] says; it writes at once.
func (t *tx) Do(query string, args ...any) error {
	_, err := t.Count(query, args...)
	return err
}

// Count is as [store.Tx] says.
func (t *tx) Count(query string, args ...any) (int64, error) {
	st, err := t.prepare(query)
	if err != nil {
		return 0, err
	}
	res, err := st.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// insert returns the new row's key.
func (t *tx) insert(query string, args ...any) (int64, error) {
	st, err := t.prepare(query)
	if err != nil {
		return 0, err
	}
	res, err := st.ExecContext(t.ctx, args...)
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
