// Package sqlite is the store that comes with Ringback: one file, no server,
// one dialler process.
//
// # How it keeps its word
//
// Every write goes through one connection, one transaction at a time, and is
// on disk when the method returns (WAL, synchronous=FULL), so an attempt is
// there before the switch is asked (I2) and a request before its 2xx (I12).
// Reads go through a pool of their own and never wait for a write.
//
// A lease is a row in the table live, whose unique number is the rule that no
// number is rung twice at once (I1); its key is the term (I7). The contact's
// own row is left alone until the call is settled. What a contact, callback
// or campaign becomes is decided by package dialler; this one only reads the
// record, asks, and writes the answer, in one transaction. Where thousands of
// rows move at once (stop, close of day, exclusion, restart) one UPDATE does.
// Most of that is in package store, which the stores on SQL share.
//
// The schema, with a word on each table, is migrations/00001_init.sql.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"ringback/callback"
	"ringback/dialler"
	"ringback/dialler/store"
)

var (
	_ dialler.Store      = (*Store)(nil)
	_ dialler.Deliveries = (*Store)(nil)
	_ dialler.Records    = (*Store)(nil)
	_ dialler.Pruner     = (*Store)(nil)
)

// Memory is the path of a store that is not kept: it lives in memory and is
// gone when closed.
const Memory = ":memory:"

// Options of a store. The zero value is ready to use.
type Options struct {
	// Words reads what customers said; nil: the built-in words only.
	Words *callback.Resolver
	// Readers is how many reads may go on at once; 0: 4. A store in memory
	// has one connection for everything.
	Readers int
}

// A Store keeps everything in one SQLite file. Its methods may be called from
// any goroutine.
type Store struct {
	*store.SQL // all but what follows

	path string
	wake chan struct{}
	lock *fileLock // nil: in memory

	write *rack // of one
	read  *rack // nil: in memory, reads take turns with writes

	turns store.Turns // guarded by write

	fault func() error // see tx; of tests
}

//go:embed migrations/*.sql
var migrations embed.FS

// Open opens the store in the file at path, making it and bringing its schema
// up to date as needed. It fails with a [*InUseError] if another process has
// it open.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	s := &Store{path: path, wake: make(chan struct{}, 1)}
	s.SQL = store.New(database{s}, o.Words)
	if path == "" {
		return nil, fmt.Errorf("open SQLite store: no path; give that of a file, or %s", Memory)
	}
	if path != Memory {
		l, err := lockFile(path)
		if err != nil {
			return nil, fmt.Errorf("open SQLite store: %w", err)
		}
		s.lock = l
	}
	if err := s.open(ctx, path, o); err != nil {
		return nil, errors.Join(fmt.Errorf("open SQLite store %s: %w", path, err), s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, path string, o Options) error {
	db, err := sql.Open("sqlite", dsn(path,
		"busy_timeout(5000)", // a backup tool may hold the file for a moment
		"journal_mode(WAL)",
		"synchronous(FULL)", // in WAL mode: the log is synced at every commit
		"foreign_keys(1)",
		"cache_size(-65536)", // 64 MB
		"temp_store(MEMORY)",
	))
	if err != nil {
		return err
	}
	db.SetConnMaxIdleTime(0)
	s.write = newRack(db, 1)
	if err := migrate(ctx, db); err != nil {
		return err
	}
	if s.memory() {
		return nil
	}
	n := o.Readers
	if n <= 0 {
		n = 4
	}
	readers, err := sql.Open("sqlite", dsn(path, "busy_timeout(5000)", "query_only(1)", "cache_size(-16384)"))
	if err != nil {
		return err
	}
	s.read = newRack(readers, n)
	return s.Ping(ctx)
}

// memory reports whether the store is gone when its connection is.
func (s *Store) memory() bool { return s.path == Memory }

func dsn(path string, pragmas ...string) string {
	if path == Memory {
		return "file::memory:?" + url.Values{"_pragma": pragmas}.Encode()
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + url.Values{"_pragma": pragmas}.Encode()
}

// migrate brings the schema up to date. SQLite reads a file of many statements
// by itself, so none is taken apart here: goose's own parser would take 8 MB for
// each, at every start.
func migrate(ctx context.Context, db *sql.DB) error {
	steps, err := steps()
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, nil, goose.WithDisableGlobalRegistry(true), goose.WithGoMigrations(steps...))
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// steps has a step for each file of migrations, in a transaction of its own.
func steps() ([]*goose.Migration, error) {
	files, err := fs.ReadDir(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	var out []*goose.Migration
	for _, f := range files {
		version, err := goose.NumericComponent(f.Name())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		script, err := migrations.ReadFile("migrations/" + f.Name())
		if err != nil {
			return nil, err
		}
		out = append(out, goose.NewGoMigration(version, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, string(script))
			return err
		}}, nil))
	}
	return out, nil
}

// Close closes the store and lets another process have the file. It may be
// called again, and does nothing then.
func (s *Store) Close() error {
	var errs []error
	if s.read != nil {
		errs = append(errs, s.read.close())
	}
	if s.write != nil {
		errs = append(errs, s.write.close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.release())
	}
	return errors.Join(errs...)
}

// Path is the file the store was opened with.
func (s *Store) Path() string { return s.path }

// Wake is as [dialler.Ledger] says.
func (s *Store) Wake() <-chan struct{} { return s.wake }

func (s *Store) rouse() {
	select {
	case s.wake <- struct{}{}:
	default: // it has been told and has not looked yet
	}
}
