package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

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
		st, err := p.conn.PrepareContext(ctx, query)
		if err == nil {
			p.stmts[query] = st
		}
		return st, err
	}}
	if err := t.exec(`BEGIN IMMEDIATE`); err != nil {
		return fmt.Errorf("%s: begin: %w", what, err)
	}
	done := false
	defer func() {
		if done {
			return
		}
		// Also on a panic of f: the connection must not keep the transaction.
		if e := t.exec(`ROLLBACK`); e != nil && err != nil {
			err = errors.Join(err, fmt.Errorf("roll back: %w", e))
		}
	}()
	if err := f(t); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if err := t.exec(`COMMIT`); err != nil {
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
		fresh, err := s.read.PrepareContext(ctx, query)
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

func (t *tx) exec(query string, args ...any) error {
	_, err := t.execN(query, args...)
	return err
}

// execN returns how many rows were changed.
func (t *tx) execN(query string, args ...any) (int64, error) {
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

// A scanner is a row that can be read: *sql.Row, *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

type failed struct{ err error }

func (f failed) Scan(...any) error { return f.err }

func (t *tx) row(query string, args ...any) scanner {
	st, err := t.prepare(query)
	if err != nil {
		return failed{err}
	}
	return st.QueryRowContext(t.ctx, args...)
}

// each calls f with each row. f must not use t: the row is still open.
func (t *tx) each(f func(scanner) error, query string, args ...any) (err error) {
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
