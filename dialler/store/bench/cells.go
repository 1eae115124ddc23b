package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	lab "ringback/deploy/lab/postgres"
)

// A rival fetches and completes.
type rival interface {
	// load leaves n contacts in so many campaigns, and nothing else.
	load(ctx context.Context, n, campaigns int) error
	// cycle fetches up to batch contacts and completes them. It returns how
	// many there were, and how long the fetch took.
	cycle(ctx context.Context, worker, batch int) (int, time.Duration, error)
	// database is its name; empty: there is no server.
	database() string
	close()
}

// share of the contacts that wait to be rung for the first time; see load.
const pendingShare = 0.8

// A figure is what one cell came to.
type figure struct {
	perSecond []float64 // of each round
	leasing   []float64 // of each round: contacts for a second of fetching, of as many workers, with nothing done for them after it
	fetches   []time.Duration
	each      []time.Duration // of each round: processor time for one contact, here and in Postgres
}

// settings of the server are those of a machine with some memory that does
// nothing else, and what is a matter of durability is left as it comes.
var settings = []string{
	"shared_buffers = '1GB'", "max_wal_size = '8GB'", "checkpoint_timeout = '15min'", "effective_cache_size = '4GB'",
	"maintenance_work_mem = '512MB'", "max_connections = 100", "autovacuum_naptime = '10s'",
}

func measure(ctx context.Context, o options) (err error) {
	var extra []string
	if o.statements {
		extra = append(extra, "shared_preload_libraries = 'pg_stat_statements'", "pg_stat_statements.track = all")
	}
	server, err := lab.Start(ctx, lab.Options{Durable: true, Settings: slices.Concat(settings, extra, o.set)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()

	most := 0
	for _, w := range o.workers {
		most = max(most, w)
	}
	for _, campaigns := range o.campaigns {
		for _, n := range o.contacts {
			start := time.Now()
			ours, err := newRingback(ctx, server, "bench_ringback", most)
			if err != nil {
				return err
			}
			theirs, err := newRiver(ctx, server, most)
			if err != nil {
				return err
			}
			least, err := newFloor(ctx, server, most)
			if err != nil {
				return err
			}
			rivals := []rival{ours, theirs, least}
			for _, r := range rivals {
				if err := r.load(ctx, n, campaigns); err != nil {
					return fmt.Errorf("load %d contacts: %w", n, err)
				}
			}
			fmt.Printf("\n%s contacts in %d campaigns (loaded in %v)\n\n", short(n), campaigns, time.Since(start).Round(time.Second))
			fmt.Printf("| workers | batch | Ringback/s | River/s | ratio | floor's ratio | leased/s | ratio | Lease p50 | p99 | River's p50 | p99 | CPU | River's | floor's |\n|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
			for _, w := range o.workers {
				for _, b := range o.batches {
					f, err := duel(ctx, o, rivals, n, campaigns, w, b)
					if err != nil {
						return err
					}
					us, them, bare := f[0], f[1], f[2]
					m, r := median(us.perSecond), median(them.perSecond)
					fmt.Printf("| %d | %d | %.0f | %.0f | ×%.2f | ×%.2f | %.0f | ×%.2f | %s | %s | %s | %s | %d µs | %d µs | %d µs |\n", w, b, m, r, m/r, median(bare.perSecond)/r, median(us.leasing), median(us.leasing)/r,
						ms(quantile(us.fetches, .5)), ms(quantile(us.fetches, .99)), ms(quantile(them.fetches, .5)), ms(quantile(them.fetches, .99)),
						median(us.each).Microseconds(), median(them.each).Microseconds(), median(bare.each).Microseconds())
					if o.statements {
						if err := ours.statements(ctx); err != nil {
							return err
						}
					}
				}
			}
			if o.held > 0 && campaigns == o.campaigns[0] {
				if err := churn(ctx, o, ours, theirs, n, campaigns); err != nil {
					return err
				}
			}
			for _, r := range rivals {
				r.close()
			}
		}
	}
	if o.sqlite {
		return measureSQLite(ctx, o)
	}
	return nil
}

// duel measures one cell: the rivals take turns, round by round.
func duel(ctx context.Context, o options, rivals []rival, n, campaigns, workers, batch int) ([]figure, error) {
	figures := make([]figure, len(rivals))
	for i := range o.rounds + 1 {
		if i == 1 { // the first was to warm up: connections know their statements now
			clear(figures)
		}
		for k, r := range rivals {
			if err := round(ctx, o, r, &figures[k], n, campaigns, workers, batch); err != nil {
				return nil, err
			}
		}
	}
	return figures, nil
}

// round lets the workers loose for a while. Of few contacts there would soon
// be none left: they are loaded anew.
func round(ctx context.Context, o options, r rival, f *figure, n, campaigns, workers, batch int) error {
	quota := int64(pendingShare * float64(n) * 0.55) // and two batches of each worker
	if n < 100_000 {
		if err := r.load(ctx, n, campaigns); err != nil {
			return err
		}
		// The statements of each connection are planned anew after that.
		if err := atOnce(workers, func(w int) error {
			for range 10 {
				if _, _, err := r.cycle(ctx, w, 1); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	var done atomic.Int64
	var mu sync.Mutex
	var fetching time.Duration
	cpu, start := spent(r.database()), time.Now()
	err := atOnce(workers, func(w int) error {
		var took []time.Duration
		defer func() {
			mu.Lock()
			f.fetches = append(f.fetches, took...)
			for _, d := range took {
				fetching += d
			}
			mu.Unlock()
		}()
		for time.Since(start) < o.each && done.Load() < quota && ctx.Err() == nil {
			got, d, err := r.cycle(ctx, w, batch)
			if err == nil && got == 0 {
				err = errors.New("nobody is left to ring")
			}
			if err != nil {
				return err
			}
			done.Add(int64(got))
			took = append(took, d)
		}
		return ctx.Err()
	})
	if n := done.Load(); n > 0 {
		f.each = append(f.each, (spent(r.database())-cpu)/time.Duration(n))
		f.leasing = append(f.leasing, float64(n)*float64(workers)/fetching.Seconds())
	}
	f.perSecond = append(f.perSecond, float64(done.Load())/time.Since(start).Seconds())
	return err
}

// atOnce runs f for each worker, and waits for all.
func atOnce(workers int, f func(worker int) error) error {
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() { errs[w] = f(w) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func measureSQLite(ctx context.Context, o options) error {
	for _, campaigns := range o.campaigns {
		for _, n := range o.contacts {
			dir, err := os.MkdirTemp("", "ringback-bench-")
			if err != nil {
				return err
			}
			err = sqliteCells(ctx, o, filepath.Join(dir, "bench.db"), n, campaigns)
			if err := errors.Join(err, os.RemoveAll(dir)); err != nil {
				return err
			}
		}
	}
	return nil
}

func sqliteCells(ctx context.Context, o options, path string, n, campaigns int) error {
	ours, err := newSQLite(ctx, path)
	if err != nil {
		return err
	}
	defer ours.close()
	if err := ours.load(ctx, n, campaigns); err != nil {
		return err
	}
	fmt.Printf("\nSQLite, %s contacts in %d campaigns\n\n| workers | batch | SQLite/s | Lease p50 | p99 |\n|--:|--:|--:|--:|--:|\n", short(n), campaigns)
	for _, w := range o.workers {
		for _, b := range o.batches {
			var f figure
			for range o.rounds {
				if err := round(ctx, o, ours, &f, n, campaigns, w, b); err != nil {
					return err
				}
			}
			fmt.Printf("| %d | %d | %.0f | %s | %s |\n", w, b, median(f.perSecond), ms(quantile(f.fetches, .5)), ms(quantile(f.fetches, .99)))
		}
	}
	return nil
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000) }

func short(n int) string {
	switch {
	case n%1_000_000 == 0:
		return fmt.Sprintf("%d M", n/1_000_000)
	case n%1_000 == 0:
		return fmt.Sprintf("%d k", n/1_000)
	}
	return fmt.Sprint(n)
}
