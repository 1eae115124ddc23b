package sqlite

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ringback/dialler"
	"ringback/dialler/store"
)

// The queries of the hot path walk the index of who waits, in its order, from
// its due end: no scan of a table, no sort of more than a page.
func TestQueryPlans(t *testing.T) {
	s, err := Open(t.Context(), Memory, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, tt := range []struct {
		name, query string
		args        []any
		want        []string // each in some step
		sorts       int
	}{
		{"callbacks and retries", queryDue, []any{1, "retry_scheduled", 5, 10},
			[]string{"SEARCH contact USING INDEX contact_waiting (campaign_id=? AND state=? AND due<?)"}, 0},
		// The few ahead of the list come first; the few that were withdrawn are
		// sorted, and then two short pages
		// so as to merge them.
		{"pending", queryPending, []any{1, 5, 10}, []string{
			"SEARCH contact USING INDEX contact_waiting (campaign_id=? AND state=? AND due<?)",
			"SEARCH contact USING INDEX contact_waiting (campaign_id=? AND state=? AND due>? AND due<?)",
		}, 3},
		{"running and next due", store.RunningQuery, nil,
			[]string{"SEARCH contact USING INDEX contact_waiting (campaign_id=? AND state=? AND due>?)"}, 1}, // the campaigns
	} {
		t.Run(tt.name, func(t *testing.T) {
			var steps []string
			err := s.view(t.Context(), "explain", func(x *tx) error {
				return x.each(func(r store.Scanner) error {
					var id, parent, none int
					var detail string
					err := r.Scan(&id, &parent, &none, &detail)
					steps = append(steps, detail)
					return err
				}, `EXPLAIN QUERY PLAN `+tt.query, tt.args...)
			})
			if err != nil {
				t.Fatal(err)
			}
			plan := strings.Join(steps, "\n")
			for _, want := range tt.want {
				if !strings.Contains(plan, want) {
					t.Errorf("no %q in\n%s", want, plan)
				}
			}
			if n := strings.Count(plan, "TEMP B-TREE"); n > tt.sorts {
				t.Errorf("%d sorts, want %d, in\n%s", n, tt.sorts, plan)
			}
			if strings.Contains(plan, "SCAN contact") || strings.Contains(plan, "SCAN live") {
				t.Errorf("a table is scanned in\n%s", plan)
			}
		})
	}
}

// filled makes a store in a file with n contacts: four in five pending, the
// rest retries, of which one in a hundred is due.
func filled(b *testing.B, n int) (*Store, dialler.Campaign) {
	b.Helper()
	ctx := b.Context()
	s, err := Open(ctx, b.TempDir()+"/bench.db", Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	win, err := dialler.NewWindow("UTC", dialler.Hours{"daily": {"00:00-24:00"}})
	must(err)
	must(s.PutTrunk(ctx, dialler.Trunk{Name: "t", Switch: "s", Dial: "X/{number}"}))
	must(s.PutBot(ctx, dialler.Bot{Name: "b", Endpoint: "X", Callbacks: true}))
	c, err := s.CreateCampaign(ctx, dialler.Campaign{Name: "c", Window: win, Trunk: "t", Bot: "b", Seats: 10000, MaxAttempts: 3, CallbackDetection: true})
	must(err)
	now := time.Now()
	start := time.Now()
	for at := 0; at < n; at += 10000 {
		list := make([]dialler.NewContact, 0, 10000)
		for i := at; i < min(at+10000, n); i++ {
			list = append(list, dialler.NewContact{Number: dialler.Number(fmt.Sprintf("+9198%08d", i)), Vars: map[string]string{"name": "someone"}})
		}
		_, err := s.AddContacts(ctx, c.ID, list, now)
		must(err)
	}
	b.Logf("added %d contacts in %v", n, time.Since(start).Round(time.Millisecond))
	must(s.update(ctx, "fill", func(x *tx) error {
		return x.Do(`UPDATE contact SET state = 'retry_scheduled', attempts = 1, due = iif(id % 500 = 0, ?1, ?1 + 3600000000 + id) WHERE id % 5 = 0`, now.UnixMicro())
	}))
	c, err = s.Transition(ctx, c.ID, dialler.Start, now)
	must(err)
	return s, c
}

// most is how many contacts a benchmark fills a store with, at most: with -short
// what takes seconds, else what takes minutes.
func most() int {
	if testing.Short() {
		return 100_000
	}
	return 1_000_000
}

// BenchmarkLease is one contact leased and taken back, in a file synced at each
// commit: what it costs must not grow with how many wait.
func BenchmarkLease(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		if n > most() {
			continue
		}
		b.Run(fmt.Sprintf("contacts=%d", n), func(b *testing.B) {
			s, c := filled(b, n)
			for b.Loop() {
				cycle(b, s, c, 1)
			}
		})
	}
}

// BenchmarkRunning is what the loop asks before each sleep.
func BenchmarkRunning(b *testing.B) {
	s, _ := filled(b, min(most(), 1_000_000))
	for b.Loop() {
		if _, err := s.Running(b.Context(), time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLeaseAndSettle is a batch leased, and each of it settled in a
// transaction of its own, as the loop does.
func BenchmarkLeaseAndSettle(b *testing.B) {
	for _, batch := range []int{1, 10} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			s, c := filled(b, 200_000)
			start := time.Now()
			for b.Loop() {
				for _, l := range lease(b, s, c, batch) {
					o := dialler.Outcome{Ended: time.Now(), Disposition: dialler.NoAnswer, Cause: dialler.Cause{Q850: 19}}
					if _, err := s.Settle(b.Context(), l, o); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.N*batch)/time.Since(start).Seconds(), "calls/s")
		})
	}
}

// BenchmarkStop cancels all contacts, up to a million, that wait: how long writes wait.
func BenchmarkStop(b *testing.B) {
	s, c := filled(b, min(most(), 1_000_000))
	for b.Loop() {
		if _, err := s.Transition(b.Context(), c.ID, dialler.Stop, time.Now()); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if _, err := s.Transition(b.Context(), c.ID, dialler.Restart, time.Now()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func lease(b *testing.B, s *Store, c dialler.Campaign, n int) []dialler.Lease {
	b.Helper()
	ls, err := s.Lease(b.Context(), dialler.LeaseRequest{
		Node: "n", Now: time.Now(), TTL: time.Minute,
		Trunks: []dialler.TrunkQuota{{Trunk: "t", N: n}}, Campaigns: []dialler.CampaignQuota{{Campaign: c.ID, N: n}},
	})
	if err != nil || len(ls) != n {
		b.Fatalf("leased %d of %d: %v", len(ls), n, err)
	}
	return ls
}

func cycle(b *testing.B, s *Store, c dialler.Campaign, n int) {
	b.Helper()
	for _, l := range lease(b, s, c, n) {
		if err := s.Withdraw(b.Context(), l, time.Time{}, time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}
