package postgres_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"ringback/dialler"
	"ringback/dialler/store/postgres"
	"ringback/dialler/store/storetest"
)

func lease(t testing.TB, s dialler.Store, c dialler.Campaign, n int) []dialler.Lease {
	t.Helper()
	ls, err := s.Lease(t.Context(), dialler.LeaseRequest{
		Node: "n", Now: time.Now(), TTL: time.Minute,
		Trunks: []dialler.TrunkQuota{{Trunk: "t", N: n}}, Campaigns: []dialler.CampaignQuota{{Campaign: c.ID, N: n}},
	})
	if err != nil {
		t.Error(err)
	}
	return ls
}

// most is how many contacts a benchmark fills a store with, at most: with -short
// what takes seconds, else what takes minutes.
func most() int {
	if testing.Short() {
		return 100_000
	}
	return 1_000_000
}

// BenchmarkLease is one contact leased and taken back: what it costs must not
// grow with how many wait.
func BenchmarkLease(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		if n > most() {
			continue
		}
		b.Run(fmt.Sprintf("contacts=%d", n), func(b *testing.B) {
			s, c := filled(b, database(b), n)
			var leasing time.Duration
			for b.Loop() {
				start := time.Now()
				ls := lease(b, s, c, 1)
				leasing += time.Since(start)
				for _, l := range ls {
					if err := s.Withdraw(b.Context(), l, time.Time{}, time.Now()); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(leasing.Microseconds())/float64(b.N), "µs/lease")
		})
	}
}

// BenchmarkLeaseAndSettle is a batch leased, and each of it settled in a
// transaction of its own, as the loop does, by one worker and by several.
func BenchmarkLeaseAndSettle(b *testing.B) {
	for _, workers := range []int{1, 4, 16} {
		for _, batch := range []int{1, 10} {
			b.Run(fmt.Sprintf("workers=%d/batch=%d", workers, batch), func(b *testing.B) {
				s, c := filled(b, database(b), 20_000)
				b.ResetTimer()
				start := time.Now()
				var wg sync.WaitGroup
				for w := range workers {
					wg.Go(func() {
						for i := w; i < b.N; i += workers {
							for _, l := range lease(b, s, c, batch) {
								o := dialler.Outcome{Ended: time.Now(), Disposition: dialler.NoAnswer, Cause: dialler.Cause{Q850: 19}}
								if _, err := s.Settle(b.Context(), l, o); err != nil {
									b.Error(err)
								}
							}
						}
					})
				}
				wg.Wait()
				b.ReportMetric(float64(b.N*batch)/time.Since(start).Seconds(), "calls/s")
			})
		}
	}
}

// BenchmarkImport is a list in CSV, from its first row to its last on disk.
func BenchmarkImport(b *testing.B) {
	storetest.BenchmarkImport(b, func(b *testing.B) dialler.Store { return open(b, database(b), postgres.Options{}) }, most())
}
