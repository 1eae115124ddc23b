package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"time"

	"ringback/dialler"
	"ringback/dialler/store/sqlite"
)

// onSQLite is the store on SQLite. It has nobody beside it: River does not
// claim to be made for it.
type onSQLite struct {
	desk
	path string
}

func newSQLite(ctx context.Context, path string) (*onSQLite, error) {
	s, err := sqlite.Open(ctx, path, sqlite.Options{})
	return &onSQLite{desk: desk{s: s}, path: path}, err
}

func (*onSQLite) database() string { return "" }

// load fills a file made anew.
func (s *onSQLite) load(ctx context.Context, n, campaigns int) error {
	if err := s.s.Close(); err != nil {
		return err
	}
	for _, end := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(s.path + end)
	}
	var err error
	if s.s, err = sqlite.Open(ctx, s.path, sqlite.Options{}); err != nil {
		return err
	}
	if err := s.prepare(ctx, campaigns); err != nil {
		return err
	}
	if err := s.s.Close(); err != nil {
		return err
	}
	if err := s.insert(ctx, n, campaigns); err != nil {
		return err
	}
	s.s, err = sqlite.Open(ctx, s.path, sqlite.Options{})
	return err
}

func (s *onSQLite) insert(ctx context.Context, n, campaigns int) error {
	db, err := sql.Open("sqlite", "file:"+s.path+"?_pragma=synchronous(off)")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	contact, err := tx.PrepareContext(ctx, `INSERT INTO contact (id, campaign_id, number, vars, state, due, attempts, callback_id, added) VALUES (?, ?, ?, '{"name":"someone"}', ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	promise, err := tx.PrepareContext(ctx, `INSERT INTO callback (id, contact_id, campaign_id, asked_on, asked_leased, chain, phrase, reason, confidence, requested, scheduled, due, read, rule, clipped, state)
		VALUES (?, ?, ?, ?, ?1, 1, 'in an hour', '', 1, ?5, ?5, ?5, ?5, 'relative', 0, 'scheduled')`)
	if err != nil {
		return err
	}
	now := time.Now()
	for i := range n {
		p := personOf(i, now)
		attempts, cb := 1, any(nil)
		switch p.state {
		case dialler.Pending:
			attempts = 0
		case dialler.CallbackScheduled:
			cb = i/20 + 1
			if _, err := promise.ExecContext(ctx, cb, i+1, i/20%campaigns+1, fmt.Sprint("before ", i), p.due); err != nil {
				return err
			}
		}
		if _, err := contact.ExecContext(ctx, i+1, i/20%campaigns+1, p.number, string(p.state), p.due, attempts, cb, now.UnixMicro()); err != nil {
			return err
		}
	}
	return tx.Commit()
}
