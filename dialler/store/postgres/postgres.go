// Package postgres is the store for several dialler processes: one Postgres
// (14 or newer), and nothing else between them.
//
// # How it keeps its word
//
// A lease is a row in the table live, whose primary key is the number: that no
// number is rung twice at once (I1) is that key, over all campaigns and nodes.
// Its term comes from a sequence (I7). The contact's own row is left alone
// until the call is settled. Lease is one call of a function in the database,
// one round trip, one commit (migrations/00002_lease.sql), and so is Settle of an
// ordinary call (settle.go); any other method that decides something reads in
// one round trip and writes and commits in another. What many ask for at once is
// done in one transaction (crew.go).
// What is read and written is in package store, which the stores on SQL share.
//
// # Who waits for whom
//
// Transactions are READ COMMITTED, so each takes its locks in a first
// statement and looks in a second, which then sees all that was committed
// before the locks were had. The order is always this, and so nobody waits in
// a circle:
//
//	                     Lease     Settle, Hear, …  Transition  AddContacts  Exclude
//	1. the exclusions    shared    shared           shared      shared       alone
//	2. the campaign      shared    shared           alone       shared       –
//	3. the contact       skipped*  alone            –           –            –
//	   trunks, bots**    alone     –                –           –            –
//
// The first two are advisory locks, for a lock on a row is a write; *a contact
// that somebody is changing this moment is not leased; **by advisory locks as
// well, in the order of their keys, after the campaigns: two leases that share a
// limit count one after the other (I9). They don't wait for each other's way to
// the disk: a lease commits without, and is on disk when a second transaction
// of the same round trip is (ringback_flush). live is written in the order of the
// numbers. Should Postgres see a deadlock all the same, the transaction is run
// again.
//
// # Clocks
//
// The database's clock decides what is due and when a lease lapses. How far
// this process's own clock is off is seen whenever it asks for a lease, and
// the times it writes down are put right by as much, once that is more than a
// second: a retry must not come early because a node is behind.
//
// # Wake-ups
//
// What may be due sooner is told to this process at once and to the others by
// NOTIFY, a few milliseconds later and many at a time, because commits that
// notify go one after the other. A connection of its own listens. While it is
// down, and should a notification be lost with the process that was to send
// it, Options.Poll finds what there is.
package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

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

// Options of a store. The zero value is ready to use.
type Options struct {
	// Words reads what customers said; nil: the built-in words only.
	Words *callback.Resolver
	// Conns is how many connections are used at most, beside the one that
	// listens; 0: 16.
	Conns int
	// Poll is how often the loop is woken whether anybody called or not, so
	// that nothing is found later than this because a notification was lost;
	// 0: one second; negative: never.
	Poll time.Duration
	// Timeout bounds the wait for a connection, and a transaction from its
	// first statement to its end. One that writes is not cut short by the end
	// of the caller's context: half of one is worth nothing. A connection that
	// has rested has a tenth of it to answer before it is used. 0: 30 s.
	Timeout time.Duration
	// Log is told when the listener loses its connection and has it again;
	// nil: slog.Default.
	Log *slog.Logger
}

// A Store keeps everything in one Postgres schema. Its methods may be called
// from any goroutine. An error of one of them is the database's or the
// network's, unless the contract says what it is: the call may be repeated, and
// if it was done after all, that is told as ErrLeaseLost or as a duplicate.
type Store struct {
	*store.SQL // all but what follows

	pool *pgxpool.Pool
	o    Options
	wake chan struct{}
	bell chan struct{}
	skew atomic.Int64 // microseconds the database's clock is ahead of ours

	mu       sync.Mutex
	turns    store.Turns
	readings map[dialler.CampaignID]reading // of those that calls were settled of

	leases  crew[*wish]
	endings crew[*ending]

	stop context.CancelFunc
	work sync.WaitGroup

	cut func(*tx, *pgx.Batch) error // see tx; of tests
}

// Open connects to the database that url names (postgres://user@host/name, or
// what libpq understands as a connection string; its parameters apply) and
// brings its schema up to date.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	cfg, err := config(url, o)
	if err != nil {
		return nil, err
	}
	if err := Migrate(ctx, url); err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open Postgres store: %w", err)
	}
	s := &Store{pool: pool, o: o, wake: make(chan struct{}, 1), bell: make(chan struct{}, 1), readings: map[dialler.CampaignID]reading{}}
	if s.o.Poll == 0 {
		s.o.Poll = time.Second
	}
	if s.o.Log == nil {
		s.o.Log = slog.Default()
	}
	s.SQL = store.New(database{s}, o.Words)
	s.leases.fits, s.leases.serve = leaseTogether, s.leaseAll
	s.endings.fits, s.endings.serve, s.endings.split = endTogether, s.settleTogether, 24
	if err := s.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open Postgres store: %w", err)
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.work.Go(func() { s.listen(background, cfg.ConnConfig) })
	s.work.Go(func() { s.ring(background) })
	s.work.Go(func() { s.tidy(background) })
	return s, nil
}

func config(url string, o Options) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		// pgx leaves the password out of what it says.
		return nil, fmt.Errorf("open Postgres store: %w", err)
	}
	cfg.MaxConns = 16
	if o.Conns > 0 {
		cfg.MaxConns = int32(min(o.Conns, 1000))
	}
	cfg.PingTimeout = o.Timeout / 10
	run := cfg.ConnConfig.RuntimeParams
	for name, value := range map[string]string{
		"application_name": "ringback",
		// Each of our statements has one good plan, whatever it is asked with;
		// to make it anew each time costs more than to carry it out.
		"plan_cache_mode": "force_generic_plan",
		// A node that was cut off must not keep its locks from the others.
		"idle_in_transaction_session_timeout": "60000",
		"tcp_keepalives_idle":                 "10",
		"tcp_keepalives_interval":             "5",
		"tcp_keepalives_count":                "3",
	} {
		if _, given := run[name]; !given {
			run[name] = value
		}
	}
	return cfg, nil
}

// Close ends the store's connections, after what is under way.
func (s *Store) Close() error {
	s.stop()
	s.work.Wait()
	s.pool.Close()
	return nil
}

// Wake is as [dialler.Ledger] says.
func (s *Store) Wake() <-chan struct{} { return s.wake }

// now is a moment of ours by the database's clock.
func (s *Store) now(t time.Time) time.Time {
	off := time.Duration(s.skew.Load()) * time.Microsecond
	if off.Abs() < leastSkew {
		return t
	}
	return t.Add(off)
}

// leastSkew is what clocks kept by NTP never differ by, and less than any
// retry delay.
const leastSkew = time.Second

// sync takes note of what the database's clock showed between two moments of
// ours. Of a slow answer nothing can be told to within leastSkew.
func (s *Store) sync(asked time.Time, took time.Duration, shown int64) {
	if took < leastSkew/4 {
		s.skew.Store(shown - asked.UnixMicro())
	}
}
