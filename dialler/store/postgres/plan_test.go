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
	now := time.Now()
	add(t, s, c, 0, n)
	run(t, url, fmt.Sprintf(`UPDATE contact SET state = 'retry_scheduled', attempts = 1,
		due = %d + CASE WHEN id %% 500 = 0 THEN 0 ELSE 3600000000 + id END WHERE id %% 5 = 0`, now.UnixMicro()), `VACUUM ANALYSE`)
	c, err = s.Transition(ctx, c.ID, dialler.Start, now)
	must(err)
	return s, c
}

// add puts contacts on the campaign's list: those of the places from up to to.
func add(t testing.TB, s *postgres.Store, c dialler.Campaign, from, to int) {
	t.Helper()
	start := time.Now()
	for at := from; at < to; at += 10000 {
		var list []dialler.NewContact
		for i := at; i < min(at+10000, to); i++ {
			list = append(list, dialler.NewContact{Number: dialler.Number(fmt.Sprintf("+9198%08d", i)), Vars: map[string]string{"name": "someone"}})
		}
		if _, err := s.AddContacts(t.Context(), c.ID, list, start); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("added %d contacts in %v", to-from, time.Since(start).Round(time.Millisecond))
}

// explained runs a lease with each statement's plan told as it was carried
// out, with how many rows each step saw. If there is something to be done first,
// the connection has leased before it, and keeps to the plans that it made then.
func explained(t *testing.T, url string, c dialler.Campaign, trunkN int, first func()) string {
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
	exec := func(statements ...string) {
		t.Helper()
		for _, sql := range statements {
			if _, err := conn.Exec(ctx, sql); err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
		}
	}
	lease := fmt.Sprintf(`SELECT o_call FROM ringback_lease('n', 60000000, ARRAY['t'], ARRAY[%d]::BIGINT[], ARRAY[%d]::BIGINT[], ARRAY[%[1]d]::BIGINT[], ARRAY[0]::BIGINT[],
		ARRAY(SELECT gen_random_uuid()::text FROM generate_series(1, %[1]d)))`, trunkN, c.ID)
	if first != nil {
		exec(`BEGIN`, lease, `ROLLBACK`)
		first()
	}
	exec(`LOAD 'auto_explain'`, `SET auto_explain.log_min_duration = 0`, `SET auto_explain.log_nested_statements = on`,
		`SET auto_explain.log_analyze = on`,
		`SET auto_explain.log_timing = off`, `SET auto_explain.log_level = notice`, `SET client_min_messages = notice`,
		`BEGIN`, lease, `ROLLBACK`)
	return plans.String()
}

// A lease walks the index of who waits, in its order, from its due end, and
// reads no more than it takes, also where the planner knows no better than that
// the table is small, and where it was when the plan was made.
func TestLeasePlan(t *testing.T) {
	const many = 20_000
	for name, explain := range map[string]func(t *testing.T, url string) string{
		"with statistics": func(t *testing.T, url string) string {
			_, c := filled(t, url, many)
			return explained(t, url, c, 10, nil)
		},
		"with none": func(t *testing.T, url string) string {
			_, c := filled(t, url, many)
			run(t, url, `DELETE FROM pg_statistic WHERE starelid = 'contact'::regclass`, `UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE relname = 'contact'`)
			return explained(t, url, c, 10, nil)
		},
		"of when there were few": func(t *testing.T, url string) string {
			s, c := filled(t, url, 20)
			run(t, url, `ALTER TABLE contact SET (autovacuum_enabled = off)`, // which would have the plan made anew
				`VACUUM (FULL, ANALYSE) contact`) // the database has been another test's
			t.Cleanup(func() { run(t, url, `ALTER TABLE contact RESET (autovacuum_enabled)`) })
			return explained(t, url, c, 10, func() { add(t, s, c, 20, many) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			plans := explain(t, database(t))
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

// Terms and calls come in the order of the lease where the planner, who saw a
// table of next to nothing, begins with the contacts and not with what is leased.
func TestLeaseOrderOfFew(t *testing.T) {
	for n := 2; n <= 8; n++ {
		url := database(t)
		s, c := filled(t, url, n)
		// Who comes last on the list is due the longest.
		run(t, url, `UPDATE contact SET state = 'retry_scheduled', attempts = 1, due = 1000000 - id`, `ANALYSE`)
		ls := lease(t, s, c, n)
		if len(ls) != n {
			t.Fatalf("%d leased of %d", len(ls), n)
		}
		for i, l := range ls {
			if want := dialler.ContactID(n - i); l.Contact.ID != want || i > 0 && l.Term <= ls[i-1].Term {
				t.Errorf("of %d, call %d is to contact %d, term %d; want contact %d, and terms that go up", n, i+1, l.Contact.ID, l.Term, want)
			}
		}
	}
}
