package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	lab "ringback/deploy/lab/postgres"
	"ringback/dialler"
)

// river is River's table, asked by River's driver. A campaign is a queue.
type river struct {
	pool   *pgxpool.Pool
	exec   riverdriver.Executor
	queues int
	turn   []int // of each worker: how often it has fetched
}

func newRiver(ctx context.Context, server *lab.Server, workers int) (*river, error) {
	at, err := fresh(ctx, server, "bench_river")
	if err != nil {
		return nil, err
	}
	cfg, err := pgxpool.ParseConfig(at)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = int32(workers + 4)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	driver := riverpgxv5.New(pool)
	migrator, err := rivermigrate.New(driver, nil)
	if err == nil {
		_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	}
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("migrate River: %w", err)
	}
	return &river{pool: pool, exec: driver.GetExecutor(), turn: make([]int, workers)}, nil
}

func (*river) database() string { return "bench_river" }

func (r *river) close() { r.pool.Close() }

// load is as for Ringback: what is not due is scheduled, the rest available.
func (r *river) load(ctx context.Context, n, campaigns int) error {
	r.queues = campaigns
	conn, err := r.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	c := conn.Conn()
	if _, err := c.Exec(ctx, `TRUNCATE river_job RESTART IDENTITY`); err != nil {
		return err
	}
	state, err := c.LoadType(ctx, "river_job_state")
	if err != nil {
		return err
	}
	c.TypeMap().RegisterType(state)
	if _, err := c.Exec(ctx, `ALTER TABLE river_job DISABLE TRIGGER USER`); err != nil {
		return err
	}
	remake, err := dropIndices(ctx, c, "river_job", n)
	if err != nil {
		return err
	}
	now, i := time.Now(), -1
	if _, err := c.CopyFrom(ctx, pgx.Identifier{"river_job"}, []string{"id", "args", "kind", "max_attempts", "priority", "queue", "state", "scheduled_at"}, pgx.CopyFromFunc(func() ([]any, error) {
		if i++; i == n {
			return nil, nil
		}
		p := personOf(i, now)
		state, at, priority := "available", now.Add(-time.Minute).Add(time.Duration(i)*time.Microsecond), int16(2)
		if p.state != dialler.Pending {
			if at = time.UnixMicro(p.due); at.After(now) {
				state = "scheduled"
			}
			priority = map[dialler.ContactState]int16{dialler.CallbackScheduled: 1, dialler.RetryScheduled: 3}[p.state]
		}
		return []any{int64(i) + 1, fmt.Appendf(nil, `{"number":%q,"vars":{"name":"someone"}}`, p.number), "dial", int16(3), priority, queue(i / 20 % campaigns), state, at}, nil
	})); err != nil {
		return err
	}
	for _, sql := range append(remake, `ALTER TABLE river_job ENABLE TRIGGER USER`,
		`SELECT setval(pg_get_serial_sequence('river_job', 'id'), max(id)) FROM river_job`, `VACUUM (ANALYZE) river_job`, `CHECKPOINT`) {
		if _, err := c.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

func queue(i int) string { return fmt.Sprintf("campaign_%d", i+1) }

func (r *river) cycle(ctx context.Context, worker, batch int) (int, time.Duration, error) {
	var jobs []*rivertype.JobRow
	var took time.Duration
	for range r.queues { // one may have run dry
		r.turn[worker]++
		start := time.Now()
		got, err := r.exec.JobGetAvailable(ctx, &riverdriver.JobGetAvailableParams{
			ClientID: "bench", MaxAttemptedBy: 100, MaxToLock: batch, Queue: queue((worker + r.turn[worker]) % r.queues),
		})
		took = time.Since(start)
		if err != nil {
			return 0, took, err
		}
		if jobs = got.Jobs; len(jobs) > 0 {
			break
		}
	}
	n := len(jobs)
	if n == 0 {
		return 0, took, nil
	}
	done := riverdriver.JobSetStateIfRunningManyParams{
		ID: make([]int64, n), Attempt: make([]*int, n), ErrData: make([][]byte, n), FinalizedAt: make([]*time.Time, n),
		MetadataDoMerge: make([]bool, n), MetadataUpdates: make([][]byte, n), ScheduledAt: make([]*time.Time, n), State: make([]rivertype.JobState, n),
	}
	now := time.Now()
	for i, job := range jobs {
		done.ID[i], done.FinalizedAt[i], done.State[i] = job.ID, &now, rivertype.JobStateCompleted
	}
	completed, err := r.exec.JobSetStateIfRunningMany(ctx, &done)
	if err == nil && len(completed) != n {
		err = errors.New("River did not complete all")
	}
	return n, took, err
}
