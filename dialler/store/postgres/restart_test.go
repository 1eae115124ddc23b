package postgres_test

import (
	"context"
	"errors"
	neturl "net/url"
	"sync"
	"testing"
	"time"

	lab "ringback/deploy/lab/postgres"
	"ringback/deploy/lab/wire"
	"ringback/dialler"
	"ringback/dialler/store/postgres"
	"ringback/dialler/store/storetest"
)

// Under load Postgres is killed and restarted. Calls fail and are repeated, as
// the loop does; in the end every contact was settled once, and what is written
// agrees with itself.
func TestPostgresRestarts(t *testing.T) {
	lab.Require(t)
	srv, err := lab.Start(t.Context(), lab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
	const people = 4000
	s, c := filled(t, srv.URL, people)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	var mu sync.Mutex
	settled := map[dialler.CallID]bool{}
	failures := 0
	failed := func(err error) bool {
		if err == nil {
			return false
		}
		mu.Lock()
		failures++
		mu.Unlock()
		time.Sleep(5 * time.Millisecond)
		return true
	}
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				select {
				case <-done:
					return
				default:
				}
				ls, err := s.Lease(ctx, dialler.LeaseRequest{Node: "n", Now: time.Now(), TTL: time.Minute,
					Trunks: []dialler.TrunkQuota{{Trunk: "t", N: 5}}, Campaigns: []dialler.CampaignQuota{{Campaign: c.ID, N: 5}}})
				if failed(err) {
					continue
				}
				for _, l := range ls {
					for ctx.Err() == nil {
						_, err := s.Settle(ctx, l, dialler.Outcome{Ended: time.Now(), Disposition: dialler.Answered})
						// Lost: the try before, of which nobody knew, had done it.
						if err == nil || errors.Is(err, dialler.ErrLeaseLost) {
							mu.Lock()
							settled[l.Attempt.ID] = true
							mu.Unlock()
							break
						}
						failed(err)
					}
				}
				if len(ls) == 0 {
					time.Sleep(5 * time.Millisecond)
				}
			}
		})
	}
	for i := range 4 {
		time.Sleep(300 * time.Millisecond)
		if i%2 == 0 {
			err = srv.Kill()
		} else {
			err = srv.Stop()
		}
		if err == nil {
			err = srv.Restart(ctx)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(300 * time.Millisecond)
	close(done)
	wg.Wait()
	if failures == 0 {
		t.Error("no call failed: the server was never away")
	}
	// Leases of which the answer was lost are adrift, as after a crash.
	adrift, err := s.Adrift(ctx, "n", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range adrift {
		if settled[a.ID] {
			t.Errorf("call %s was settled and is adrift", a.ID)
		}
		l, err := s.Adopt(ctx, a.ID, "n", time.Now(), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Settle(ctx, l, dialler.Outcome{Ended: time.Now(), Disposition: dialler.Failed}); err != nil {
			t.Fatal(err)
		}
	}
	n, err := s.Counters(ctx, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if n.Live != 0 || n.Dispositions[dialler.Answered] != len(settled) || n.Attempts != len(settled)+len(adrift) {
		t.Errorf("%d settled, %d adrift; counters: %+v", len(settled), len(adrift), n)
	}
	t.Logf("%d settled, %d adrift, %d calls failed and were repeated", len(settled), len(adrift), failures)
	storetest.Audit(t, s)
}

// A node whose listener was cut off finds what it missed by polling, and
// listens again.
func TestWakeWithoutNotifications(t *testing.T) {
	url := database(t)
	writer, c := filled(t, url, 10)
	reader := open(t, url, postgres.Options{Poll: 200 * time.Millisecond})
	run(t, url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ringback listener' AND datname = current_database()`)
	woken := func(within time.Duration) bool {
		select {
		case <-reader.Wake():
			return true
		case <-time.After(within):
			return false
		}
	}
	for range 3 {
		if !woken(20 * time.Second) {
			t.Fatal("the poll does not wake")
		}
	}
	// With the poll off only a notification can wake: the listener is back.
	deafened := open(t, url, deaf)
	time.Sleep(100 * time.Millisecond)
	run(t, url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ringback listener' AND datname = current_database()`)
	select { // told once more when it listens again, for what was missed
	case <-deafened.Wake():
	case <-time.After(20 * time.Second):
		t.Fatal("the listener does not come back")
	}
	for {
		select {
		case <-deafened.Wake():
			continue
		case <-time.After(300 * time.Millisecond):
		}
		break
	}
	if _, err := writer.AddContacts(t.Context(), c.ID, []dialler.NewContact{{Number: "+911234567890"}}, time.Now()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-deafened.Wake():
	case <-time.After(20 * time.Second):
		t.Fatal("a notification does not wake")
	}
}

// Of many that open an empty database at once each finds the schema there.
func TestOpenTogether(t *testing.T) {
	running(t)
	admin(t, `CREATE DATABASE empty`)
	t.Cleanup(func() { admin(t, `DROP DATABASE empty WITH (FORCE)`) })
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			s, err := postgres.Open(t.Context(), at("empty"), postgres.Options{Conns: 2})
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// Connections that died without a word hold nobody up for long: what is asked
// over one fails in time, and then there are others.
func TestConnectionsLost(t *testing.T) {
	url := database(t)
	_, c := filled(t, url, 10)
	at, err := neturl.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	w, err := wire.Lay(at.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	at.Host = w.Addr
	s := open(t, at.String(), postgres.Options{Conns: 20, Timeout: time.Second})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	reads := func() error {
		_, err := s.Counters(ctx, c.ID)
		return err
	}
	writes := func() error {
		_, err := s.AddContacts(ctx, c.ID, []dialler.NewContact{{Number: "+911234567890"}}, time.Now())
		return err
	}
	for _, use := range []func() error{reads, writes} {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if err := use(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		w.Lose(time.Hour)
		for failures := 0; use() != nil; failures++ {
			if ctx.Err() != nil {
				t.Fatalf("after %d failures there is no good connection", failures)
			}
		}
	}
	w.Cut(0) // or pgx waits for them when the store is closed
}
