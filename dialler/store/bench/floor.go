package main

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	lab "ringback/deploy/lab/postgres"
	"ringback/dialler"
)

// floor is no store: it is the least that any store must write for a call into
// Ringback's tables, by the quickest statements there are. It decides nothing,
// counts nothing, keeps no order of classes, no limit and no sums, and looks at
// nothing twice. It does not even look for whom to lease: it is told their IDs,
// and no two workers the same. The attempt is written once, at the end (the row
// in live stands for it until then), and a batch is settled and the next leased
// in one round trip and one commit.
//
// Where River takes less than twice as long as this, nobody is at twice River's
// rate, whatever the design.
type floor struct {
	*ringback
	pool *pgxpool.Pool
	up   [][]held // of each worker

	mu        sync.Mutex
	dealt, of int // contacts
}

// held is a call that is up.
type held struct {
	call, number                string
	contact, campaign, term, at int64
}

func newFloor(ctx context.Context, server *lab.Server, workers int) (*floor, error) {
	r, err := newRingback(ctx, server, "bench_floor", workers)
	if err != nil {
		return nil, err
	}
	cfg, err := pgxpool.ParseConfig(r.url)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = int32(workers + 4)
	for name, value := range map[string]string{
		"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "enable_bitmapscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off",
	} {
		cfg.ConnConfig.RuntimeParams[name] = value
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		r.close()
		return nil, err
	}
	return &floor{ringback: r, pool: pool, up: make([][]held, workers)}, nil
}

func (f *floor) close() {
	f.pool.Close()
	f.ringback.close()
}

func (f *floor) load(ctx context.Context, n, campaigns int) error {
	clear(f.up)
	f.dealt, f.of = 0, n
	if err := f.ringback.load(ctx, n, campaigns); err != nil {
		return err
	}
	return execute(ctx, f.url, `ALTER TABLE contact DISABLE TRIGGER USER`, `ALTER TABLE attempt DISABLE TRIGGER USER`)
}

// deal returns the next pending contacts.
func (f *floor) deal(n int) (ids []int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for ; len(ids) < n && f.dealt < f.of; f.dealt++ {
		if personOf(f.dealt, time.Time{}).state == dialler.Pending {
			ids = append(ids, int64(f.dealt)+1)
		}
	}
	return ids
}

func (f *floor) cycle(ctx context.Context, worker, batch int) (int, time.Duration, error) {
	if len(f.up[worker]) == 0 { // the first time
		if err := f.turn(ctx, worker, batch); err != nil {
			return 0, 0, err
		}
	}
	n, start := len(f.up[worker]), time.Now()
	err := f.turn(ctx, worker, batch)
	return n, time.Since(start), err
}

// turn settles what is up and leases the next, in one round trip.
func (f *floor) turn(ctx context.Context, worker, batch int) error {
	b := &pgx.Batch{}
	if len(f.up[worker]) > 0 {
		var calls, numbers, bodies []string
		var contacts, campaigns, terms, begun []int64
		for _, h := range f.up[worker] {
			calls, numbers, bodies = append(calls, h.call), append(numbers, h.number), append(bodies, told)
			contacts, campaigns, terms, begun = append(contacts, h.contact), append(campaigns, h.campaign), append(terms, h.term), append(begun, h.at)
		}
		b.Queue(`WITH q AS MATERIALIZED (
				SELECT * FROM unnest(CAST($1 AS TEXT[]), CAST($2 AS TEXT[]), CAST($3 AS TEXT[]), CAST($4 AS BIGINT[]), CAST($5 AS BIGINT[]), CAST($6 AS BIGINT[]), CAST($7 AS BIGINT[]))
					AS asked (call, number, body, contact, campaign, term, begun)
			), gone AS (
				DELETE FROM live USING q WHERE live.number = q.number AND live.term = q.term
			), made AS (
				INSERT INTO attempt (id, contact_id, campaign_id, run, number, n, class, trunk, switch, bot, node, leased, due, answered, joined, ended, disposition, q850, cause)
					SELECT q.call, q.contact, q.campaign, 1, q.number, 1, 'pending', 'carrier', 'pbx', 'asha', 'bench', q.begun, 0, q.begun, q.begun, $8, 'answered', 16, 'Normal Clearing' FROM q
			), moved AS (
				UPDATE contact SET state = 'completed', due = NULL, attempts = 1, settled = $8 FROM q WHERE contact.id = q.contact
			)
			INSERT INTO outbox (kind, campaign_id, contact_id, call_id, body, at) SELECT CAST($9 AS TEXT), q.campaign, q.contact, q.call, q.body, $8 FROM q`,
			calls, numbers, bodies, contacts, campaigns, terms, begun, time.Now().UnixMicro(), dialler.CallSettled)
	}
	now := time.Now().UnixMicro()
	var up []held
	b.Queue(`INSERT INTO live (number, call_id, contact_id, campaign_id, trunk, bot, node, expires)
		SELECT number, CAST(gen_random_uuid() AS TEXT), id, campaign_id, 'carrier', 'asha', 'bench', $2
		FROM contact WHERE id = ANY ($1) RETURNING call_id, number, contact_id, campaign_id, term`,
		f.deal(batch), now+time.Minute.Microseconds()).Query(func(rows pgx.Rows) error {
		h := held{at: now}
		_, err := pgx.ForEachRow(rows, []any{&h.call, &h.number, &h.contact, &h.campaign, &h.term}, func() error {
			up = append(up, h)
			return nil
		})
		return err
	})
	err := f.pool.SendBatch(ctx, b).Close()
	f.up[worker] = up
	return err
}

// told is as long as what Ringback tells of a call.
const told = `{"call":"9b2f6a7e-1f8e-4d0e-9a53-0d9d8f4d7f11","campaign":"campaign 1","contact":17,"number":"+917000000000","class":"pending","attempt":1,` +
	`"trunk":"carrier","bot":"asha","leased":"2026-01-02T03:04:05.678901Z","answered":"2026-01-02T03:04:05.678901Z","ended":"2026-01-02T03:04:05.678901Z",` +
	`"disposition":"answered","cause":{"q850":16,"text":"Normal Clearing"},"state":"completed","variables":{"name":"someone"}}`
