package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ringback/dialler"
	"ringback/dialler/store/postgres"
)

// filled makes a store with a running campaign of n contacts: four in five
// pending, the rest retries and callbacks, of which one in a hundred is due.
func filled(t testing.TB, url string, n int) (*postgres.Store, dialler.Campaign) {
	t.Helper()
	ctx := t.Context()
	s := open(t, url, postgres.Options{})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	win, err := dialler.NewWindow("UTC", dialler.Hours{"daily": {"00:00-24:00"}})
	must(err)
	must(s.PutTrunk(ctx, dialler.Trunk{Name: "t", Switch: "s", Dial: "X/{number}"}))
	must(s.PutBot(ctx, dialler.Bot{Name: "b", Endpoint: "X", Callbacks: true}))
	c, err := s.CreateCampaign(ctx, dialler.Campaign{Name: "c", Window: win, Trunk: "t", Bot: "b", Seats: 10000, MaxAttempts: 3, CallbackDetection: true})
	must(err)
	now, start := time.Now(), time.Now()
	for at := 0; at < n; at += 10000 {
		var list []dialler.NewContact
		for i := at; i < min(at+10000, n); i++ {
			list = append(list, dialler.NewContact{Number: dialler.Number(fmt.Sprintf("+9198%08d", i)), Vars: map[string]string{"name": "someone"}})
		}
		_, err := s.AddContacts(ctx, c.ID, list, now)
		must(err)
	}
	t.Logf("added %d contacts in %v", n, time.Since(start).Round(time.Millisecond))
	run(t, url, fmt.Sprintf(`UPDATE contact SET state = 'retry_scheduled', attempts = 1,
		due = %d + CASE WHEN id %% 500 = 0 THEN 0 ELSE 3600000000 + id END WHERE id %% 5 = 0`, now.UnixMicro()), `VACUUM ANALYSE`)
	c, err = s.Transition(ctx, c.ID, dialler.Start, now)
	must(err)
	return s, c
}

// explained runs a lease with each statement's plan told as it was carried
// out, with how many rows each step saw.
func explained(t *testing.T, url string, c dialler.Campaign, trunkN int) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	var plans strings.Builder
	cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { plans.WriteString(n.Message + "\n") }
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, sql := range []string{
		`LOAD 'auto_explain'`, `SET auto_explain.log_min_duration = 0`, `SET auto_explain.log_nested_statements = on`,
		`SET auto_explain.log_analyze = on`,
		`SET auto_explain.log_timing = off`, `SET auto_explain.log_level = notice`, `SET client_min_messages = notice`,
		`BEGIN`,
		fmt.Sprintf(`SELECT o_call FROM ringback_lease('n', 60000000, ARRAY['t'], ARRAY[%d]::BIGINT[], ARRAY[%d]::BIGINT[], ARRAY[%d]::BIGINT[], ARRAY[0]::BIGINT[],
			ARRAY(SELECT gen_random_uuid()::text FROM generate_series(1, %[1]d)))`, trunkN, c.ID, trunkN),
		`ROLLBACK`,
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	return plans.String()
}

// A lease walks the index of who waits, in its order, from its due end, and
// reads no more than it takes, also where the planner knows no better than that
// the table is small.
func TestLeasePlan(t *testing.T) {
	for _, tt := range []struct {
		name  string
		stats bool
	}{{"with statistics", true}, {"with none", false}} {
		t.Run(tt.name, func(t *testing.T) {
			url := database(t)
			_, c := filled(t, url, 20_000)
			if !tt.stats {
				run(t, url, `DELETE FROM pg_statistic WHERE starelid = 'contact'::regclass`, `UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE relname = 'contact'`)
			}
			plans := explained(t, url, c, 10)
			scans := 0
			for line := range strings.Lines(plans) {
				line = strings.TrimSpace(line)
				if strings.Contains(line, "Seq Scan on contact") || strings.Contains(line, "Bitmap") {
					t.Errorf("a table is scanned: %s", line)
				}
				if strings.Contains(line, "Scan using contact_campaign ") {
					t.Errorf("the whole list is walked: %s", line)
				}
				if strings.Contains(line, "Index Scan using contact_waiting") {
					scans++
				}
				var rows, loops int
				if i := strings.Index(line, "(actual rows="); i >= 0 {
					if _, err := fmt.Sscanf(line[i:], "(actual rows=%d loops=%d)", &rows, &loops); err == nil && rows > 50 {
						t.Errorf("%d rows for a lease of 10: %s", rows, line)
					}
				}
				if rest, ok := strings.CutPrefix(line, "Rows Removed by Filter: "); ok {
					var removed int
					if _, err := fmt.Sscan(rest, &removed); err == nil && removed > 50 {
						t.Errorf("%d rows were looked at in vain", removed)
					}
				}
			}
			if scans < 2 {
				t.Errorf("%d scans of contact_waiting", scans)
			}
			if t.Failed() {
				t.Log(plans)
			}
		})
	}
}
