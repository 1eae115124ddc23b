package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Under churn as it goes on all day: as many workers lease and settle as fast
// as they can, first with nobody else about, then while a transaction is held
// open elsewhere, as by a backup or a forgotten psql. What such a one can still
// see cannot be cleared away, and whoever scans walks over it.
const (
	churnWorkers = 4
	churnBatch   = 10
)

func churn(ctx context.Context, o options, ours *ringback, theirs *river, n, campaigns int) error {
	if n < 100_000 {
		return nil // it would be over in a moment
	}
	fmt.Printf("\nchurn with %s contacts, %d workers, batch %d, %v each way\n\n| | /s | fetch p50 | p99 | with a transaction held open, second half: /s | p50 | p99 |\n|--|--:|--:|--:|--:|--:|--:|\n", short(n), churnWorkers, churnBatch, o.held)
	before, err := ours.sizes(ctx)
	if err != nil {
		return err
	}
	var after []size
	long := o
	long.each = o.held
	for _, x := range []struct {
		name string
		r    rival
		url  string
	}{{"Ringback", ours, ours.url}, {"River", theirs, theirs.pool.Config().ConnString()}} {
		var quiet, held figure
		if err := round(ctx, long, x.r, &quiet, n, campaigns, churnWorkers, churnBatch); err != nil {
			return err
		}
		if x.r == ours {
			if after, err = ours.sizes(ctx); err != nil {
				return err
			}
		}
		half := long
		half.each = o.held / 2
		if err := holding(ctx, x.url, func() error {
			if err := round(ctx, half, x.r, &figure{}, n, campaigns, churnWorkers, churnBatch); err != nil {
				return err
			}
			return round(ctx, half, x.r, &held, n, campaigns, churnWorkers, churnBatch)
		}); err != nil {
			return err
		}
		fmt.Printf("| %s | %.0f | %s | %s | %.0f | %s | %s |\n", x.name, median(quiet.perSecond), ms(quantile(quiet.fetches, .5)), ms(quantile(quiet.fetches, .99)),
			median(held.perSecond), ms(quantile(held.fetches, .5)), ms(quantile(held.fetches, .99)))
	}
	fmt.Printf("\nwhat the churn without it did to Ringback's tables\n\n| table | rows written | heap before | after | indices before | after | HOT updates |\n|--|--:|--:|--:|--:|--:|--:|\n")
	for i, a := range after {
		b := before[i]
		hot := "–"
		if a.updated > b.updated {
			hot = fmt.Sprintf("%d %%", 100*(a.hot-b.hot)/(a.updated-b.updated))
		}
		fmt.Printf("| %s | %d | %s | %s | %s | %s | %s |\n", a.table, a.inserted-b.inserted+a.updated-b.updated+a.deleted-b.deleted, mib(b.heap), mib(a.heap), mib(b.indices), mib(a.indices), hot)
	}
	return nil
}

// holding runs f while a transaction is open that sees what is there now.
func holding(ctx context.Context, url string, f func() error) (err error) {
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close(ctx)) }()
	if _, err := c.Exec(ctx, `BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_current_xact_id()`); err != nil {
		return err
	}
	return f()
}

// A size is how a table stands.
type size struct {
	table                                          string
	heap, indices, inserted, updated, deleted, hot int64
}

func (r *ringback) sizes(ctx context.Context) (out []size, err error) {
	c, err := pgx.Connect(ctx, r.url)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close(ctx) }()
	// Each backend tells its figures now and then; a second is enough.
	time.Sleep(time.Second)
	rows, err := c.Query(ctx, `SELECT relname, pg_relation_size(relid), pg_indexes_size(relid), n_tup_ins, n_tup_upd, n_tup_del, n_tup_hot_upd
		FROM pg_stat_user_tables WHERE relname IN ('contact', 'attempt', 'live', 'outbox', 'tally_new', 'tally_sum') ORDER BY relname`)
	if err != nil {
		return nil, err
	}
	var s size
	_, err = pgx.ForEachRow(rows, []any{&s.table, &s.heap, &s.indices, &s.inserted, &s.updated, &s.deleted, &s.hot}, func() error {
		out = append(out, s)
		return nil
	})
	return out, err
}

func mib(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
