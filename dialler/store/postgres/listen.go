package postgres

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
)

// channel is what nodes call one another on. Postgres keeps channels apart by
// database; two stores in two schemas of one wake each other for nothing.
const channel = "ringback_wake"

// rouse wakes the loop here, and has the bell rung for the others.
func (s *Store) rouse() {
	s.call()
	select {
	case s.bell <- struct{}{}:
	default: // it is about to be rung
	}
}

// call wakes the loop here.
func (s *Store) call() {
	select {
	case s.wake <- struct{}{}:
	default: // it has been told and has not looked yet
	}
}

// Commits that notify are made one after the other by Postgres. So none of
// ours does: a call follows it, one for all that were made meanwhile.
const bellRest = 10 * time.Millisecond

// ring calls the other nodes.
func (s *Store) ring(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.bell:
		}
		// If this fails they find by their polls what there is.
		within, cancel := context.WithTimeout(ctx, 5*time.Second)
		_, _ = s.pool.Exec(within, `NOTIFY `+channel)
		cancel()
		pause(ctx, bellRest)
	}
}

// listen hears the other nodes, over a connection of its own that is made anew
// for as long as it takes, and wakes the loop at least every Options.Poll.
func (s *Store) listen(ctx context.Context, cfg *pgx.ConnConfig) {
	cfg = cfg.Copy()
	cfg.RuntimeParams["application_name"] += " listener"
	const first, last = 100 * time.Millisecond, 5 * time.Second
	wait, up := first, true
	for ctx.Err() == nil {
		err := s.hearken(ctx, cfg, func() {
			if !up {
				s.o.Log.Info("listening to the other nodes again")
			}
			wait, up = first, true
			s.call() // for what was missed
		})
		if ctx.Err() != nil {
			return
		}
		if up {
			s.o.Log.Warn("the connection that listens to the other nodes is lost", slog.String("error", err.Error()))
		}
		up = false
		if s.o.Poll > 0 {
			s.call()
		}
		pause(ctx, wait)
		wait = min(2*wait, last)
		if s.o.Poll > 0 {
			wait = min(wait, s.o.Poll)
		}
	}
}

func (s *Store) hearken(ctx context.Context, cfg *pgx.ConnConfig, listening func()) error {
	within, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := pgx.ConnectConfig(within, cfg)
	if err != nil {
		return err
	}
	defer func() {
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(bye)
	}()
	if _, err := conn.Exec(within, `LISTEN `+channel); err != nil {
		return err
	}
	listening()
	for {
		ends := 30 * time.Second // so that a connection that died in silence is noticed
		if s.o.Poll > 0 {
			ends = s.o.Poll
		}
		turn, cancel := context.WithTimeout(ctx, ends)
		n, err := conn.WaitForNotification(turn)
		late := turn.Err() != nil
		cancel()
		switch {
		case err == nil:
			if n.PID != conn.PgConn().PID() {
				s.call()
			}
		case ctx.Err() != nil:
			return ctx.Err()
		case late && !conn.IsClosed():
			if s.o.Poll > 0 {
				s.call()
			}
			alive, cancel := context.WithTimeout(ctx, 5*time.Second)
			err := conn.Ping(alive)
			cancel()
			if err != nil {
				return err
			}
		default:
			return err
		}
	}
}

// tidyEvery is how often sums are folded. Reading counters costs what was
// added since.
const tidyEvery = time.Second

// tidy folds what was added to the sums.
func (s *Store) tidy(ctx context.Context) {
	for pause(ctx, tidyEvery) {
		within, cancel := context.WithTimeout(ctx, s.o.Timeout)
		_, err := s.pool.Exec(within, `SELECT ringback_fold() WHERE EXISTS (SELECT 1 FROM tally_new)`)
		cancel()
		if err != nil && ctx.Err() == nil {
			s.o.Log.Debug("sums not folded", slog.String("error", err.Error()))
		}
	}
}

// pause waits; it returns false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
