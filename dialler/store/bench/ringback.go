package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"

	lab "ringback/deploy/lab/postgres"
	"ringback/dialler"
	"ringback/dialler/store/postgres"
)

// ringback is the store on Postgres.
type ringback struct {
	desk
	name, url string // of the database
}

// A desk leases and settles, on whatever store.
type desk struct {
	s     dialler.Store
	asked dialler.LeaseRequest // but for how many
}

func newRingback(ctx context.Context, server *lab.Server, database string, workers int) (*ringback, error) {
	at, err := fresh(ctx, server, database)
	if err != nil {
		return nil, err
	}
	s, err := postgres.Open(ctx, at, postgres.Options{Conns: workers + 4})
	if err != nil {
		return nil, err
	}
	return &ringback{desk: desk{s: s}, name: database, url: at}, nil
}

func (r *ringback) database() string { return r.name }

// fresh makes a database, anew if it is there.
func fresh(ctx context.Context, server *lab.Server, name string) (string, error) {
	u, err := url.Parse(server.URL)
	if err != nil {
		return "", err
	}
	err = execute(ctx, server.URL, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`, `CREATE DATABASE `+name)
	u.Path = name
	return u.String(), err
}

// execute runs statements, each by itself.
func execute(ctx context.Context, at string, statements ...string) error {
	c, err := pgx.Connect(ctx, at)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(ctx) }()
	for _, sql := range statements {
		if _, err := c.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

func (d *desk) close() { _ = d.s.Close() }

// prepare makes the campaigns, and starts them.
func (d *desk) prepare(ctx context.Context, campaigns int) error {
	win, err := dialler.NewWindow("UTC", dialler.Hours{"daily": {"00:00-24:00"}})
	if err != nil {
		return err
	}
	if err := errors.Join(
		d.s.PutTrunk(ctx, dialler.Trunk{Name: "carrier", Switch: "pbx", Dial: "PJSIP/{number}@carrier", Channels: 50_000}),
		d.s.PutBot(ctx, dialler.Bot{Name: "asha", Endpoint: "PJSIP/asha", Callbacks: true}),
	); err != nil {
		return err
	}
	d.asked = dialler.LeaseRequest{Node: "bench", TTL: time.Minute}
	for i := range campaigns {
		c, err := d.s.CreateCampaign(ctx, dialler.Campaign{
			Name: fmt.Sprintf("campaign %d", i+1), Window: win, Trunk: "carrier", Bot: "asha", Seats: 10_000, MaxAttempts: 3, CallbackDetection: true,
		})
		if err == nil {
			_, err = d.s.Transition(ctx, c.ID, dialler.Start, time.Now())
		}
		if err != nil {
			return err
		}
		d.asked.Campaigns = append(d.asked.Campaigns, dialler.CampaignQuota{Campaign: c.ID})
	}
	return nil
}

func (d *desk) cycle(ctx context.Context, _, batch int) (int, time.Duration, error) {
	req := d.asked
	req.Trunks = []dialler.TrunkQuota{{Trunk: "carrier", N: batch}}
	req.Campaigns = make([]dialler.CampaignQuota, len(d.asked.Campaigns))
	for i, q := range d.asked.Campaigns {
		req.Campaigns[i] = dialler.CampaignQuota{Campaign: q.Campaign, N: batch}
	}
	req.Now = time.Now()
	ls, err := d.s.Lease(ctx, req)
	took := time.Since(req.Now)
	if err != nil {
		return 0, took, err
	}
	errs := make([]error, len(ls))
	var wg sync.WaitGroup
	for i, l := range ls {
		wg.Go(func() {
			_, errs[i] = d.s.Settle(ctx, l, dialler.Outcome{Answered: req.Now, Joined: req.Now, Ended: time.Now(), Disposition: dialler.Answered, Cause: dialler.Cause{Q850: 16, Text: "Normal Clearing"}})
		})
	}
	wg.Wait()
	return len(ls), took, errors.Join(errs...)
}

// A person is contact i of n: four in five are pending; the rest are callbacks
// (one in twenty of all; one in ten thousand of these is due) and retries (one
// in a hundred due).
type person struct {
	number string
	state  dialler.ContactState
	due    int64
}

func personOf(i int, now time.Time) person {
	p := person{state: dialler.Pending, number: fmt.Sprintf("+91%d", 7_000_000_000+int64(i)*2654435761%2_147_483_648)} // in no order
	later := now.Add(time.Hour).UnixMicro() + int64(i)
	switch i % 20 {
	case 0:
		p.state, p.due = dialler.CallbackScheduled, later
		if i%200_000 == 0 {
			p.due = now.UnixMicro() - int64(i)
		}
	case 1, 2, 3:
		p.state, p.due = dialler.RetryScheduled, later
		if i%2000 < 4 {
			p.due = now.UnixMicro() - int64(i)
		}
	}
	return p
}

// load copies the contacts straight into the table: one import of millions is
// another matter. The indices are made, and the tables analysed, as they would
// be after it.
func (r *ringback) load(ctx context.Context, n, campaigns int) error {
	c, err := pgx.Connect(ctx, r.url)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(ctx) }()
	if _, err := c.Exec(ctx, `TRUNCATE campaign, trunk, bot, contact, callback, attempt, live, analysis, outbox, outbox_numbered, tally_sum, tally_new RESTART IDENTITY CASCADE`); err != nil {
		return err
	}
	if err := r.prepare(ctx, campaigns); err != nil {
		return err
	}
	if _, err := c.Exec(ctx, `ALTER TABLE contact DISABLE TRIGGER USER; ALTER TABLE callback DISABLE TRIGGER USER`); err != nil {
		return err
	}
	remake, err := dropIndices(ctx, c, "contact", n)
	if err != nil {
		return err
	}
	now, i := time.Now(), -1
	if _, err := c.CopyFrom(ctx, pgx.Identifier{"contact"}, []string{"id", "campaign_id", "number", "vars", "state", "due", "attempts", "callback_id", "added"}, pgx.CopyFromFunc(func() ([]any, error) {
		if i++; i == n {
			return nil, nil
		}
		p := personOf(i, now)
		var attempts int64
		var promise any
		if p.state == dialler.CallbackScheduled {
			promise = int64(i)/20 + 1
		}
		if p.state != dialler.Pending {
			attempts = 1
		}
		return []any{int64(i) + 1, int64(i/20%campaigns) + 1, p.number, `{"name":"someone"}`, string(p.state), p.due, attempts, promise, now.UnixMicro()}, nil
	})); err != nil {
		return err
	}
	i = -20
	if _, err := c.CopyFrom(ctx, pgx.Identifier{"callback"}, []string{"id", "contact_id", "campaign_id", "asked_on", "asked_leased", "chain", "phrase", "reason", "confidence", "requested", "scheduled", "due", "read", "rule", "clipped", "state"}, pgx.CopyFromFunc(func() ([]any, error) {
		if i += 20; i >= n {
			return nil, nil
		}
		p := personOf(i, now)
		return []any{int64(i)/20 + 1, int64(i) + 1, int64(i/20%campaigns) + 1, fmt.Sprint("before ", i), now.UnixMicro(), int64(1), "in an hour", "", 1.0, now.UnixMicro(), p.due, p.due, p.due, "relative", false, "scheduled"}, nil
	})); err != nil {
		return err
	}
	for _, sql := range append(remake,
		`ALTER TABLE contact ENABLE TRIGGER USER`, `ALTER TABLE callback ENABLE TRIGGER USER`,
		`SELECT setval(pg_get_serial_sequence('contact', 'id'), max(id)) FROM contact`,
		`SELECT setval(pg_get_serial_sequence('callback', 'id'), max(id)) FROM callback`,
		`INSERT INTO tally_sum SELECT campaign_id, 'contact', state, count(*) FROM contact GROUP BY campaign_id, state`,
		`INSERT INTO tally_sum SELECT campaign_id, 'callback', state, count(*) FROM callback GROUP BY campaign_id, state`,
		`VACUUM (ANALYZE) contact, callback, campaign, trunk, bot, live, attempt, outbox, tally_sum, tally_new`, `CHECKPOINT`,
	) {
		if _, err := c.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// dropIndices drops those of a table that is to be filled with so many that
// making them at the end is quicker, and returns what makes them again.
func dropIndices(ctx context.Context, c *pgx.Conn, table string, n int) (remake []string, err error) {
	if n < 100_000 {
		return nil, nil
	}
	rows, err := c.Query(ctx, `SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid), coalesce(k.conname, ''), coalesce(pg_get_constraintdef(k.oid), '')
		FROM pg_index AS i LEFT JOIN pg_constraint AS k ON k.conindid = i.indexrelid
		WHERE i.indrelid = $1::text::regclass AND NOT i.indisprimary`, table)
	if err != nil {
		return nil, err
	}
	var drop []string
	var name, def, constraint, is string
	if _, err := pgx.ForEachRow(rows, []any{&name, &def, &constraint, &is}, func() error {
		if constraint != "" {
			drop = append(drop, fmt.Sprintf(`ALTER TABLE %s DROP CONSTRAINT %s`, table, constraint))
			remake = append(remake, fmt.Sprintf(`ALTER TABLE %s ADD CONSTRAINT %s %s`, table, constraint, is))
		} else {
			drop = append(drop, `DROP INDEX `+name)
			remake = append(remake, def)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	for _, sql := range drop {
		if _, err := c.Exec(ctx, sql); err != nil {
			return nil, fmt.Errorf("%s: %w", sql, err)
		}
	}
	return remake, nil
}

// statements prints what the dearest statements cost since it was last asked.
func (r *ringback) statements(ctx context.Context) error {
	c, err := pgx.Connect(ctx, r.url)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(ctx) }()
	if _, err := c.Exec(ctx, `CREATE EXTENSION IF NOT EXISTS pg_stat_statements`); err != nil {
		return err
	}
	rows, err := c.Query(ctx, `SELECT calls, mean_exec_time * 1000, total_exec_time, query FROM pg_stat_statements
		WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY total_exec_time DESC LIMIT 25`)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	var calls int64
	var mean, total float64
	var query string
	if _, err := pgx.ForEachRow(rows, []any{&calls, &mean, &total, &query}, func() error {
		query = strings.Join(strings.Fields(query), " ")
		_, _ = fmt.Fprintf(w, "%d\t%.0f µs\t%.0f ms\t  %.140s\n", calls, mean, total, query)
		return nil
	}); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err = c.Exec(ctx, `SELECT pg_stat_statements_reset()`)
	return err
}
