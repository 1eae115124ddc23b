package postgres

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"ringback/dialler"
)

// Who asks while others are served is served next, with all who have come
// meanwhile; what does not fit waits for the turn after.
func TestCrew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var batches [][]int
		go1 := make(chan bool)
		c := &crew[int]{
			fits: func(batch []int, x int) bool { return x%2 == batch[0]%2 },
			serve: func(_ context.Context, batch []int) {
				slices.Sort(batch)
				batches = append(batches, batch)
				<-go1
			},
		}
		var wg sync.WaitGroup
		ask := func(x int) {
			wg.Go(func() {
				if !c.do(t.Context(), x) {
					t.Errorf("%d was not served", x)
				}
			})
			synctest.Wait()
		}
		for x := range 7 { // 0 and 1 take the turns, the others wait
			ask(x)
		}
		gone, end := context.WithCancel(t.Context())
		wg.Go(func() {
			if c.do(gone, 8) {
				t.Error("8 was served, and nobody waited for it any more")
			}
		})
		synctest.Wait()
		end()
		for range 4 {
			synctest.Wait()
			go1 <- true
		}
		wg.Wait()
		if got, want := fmt.Sprint(batches), "[[0] [1] [2 4 6] [3 5]]"; got != want {
			t.Errorf("served as %s, want %s", got, want)
		}
		if c.busy != 0 || c.gathering || len(c.queue) != 0 {
			t.Errorf("%d turns are still taken, %d wait", c.busy, len(c.queue))
		}
	})
}

// Of a crowd each free turn is given its part.
func TestCrewSplits(t *testing.T) {
	c := &crew[int]{fits: func([]int, int) bool { return true }, split: 3, busy: 1}
	for x := range 9 {
		c.queue = append(c.queue, &asking[int]{what: x, wake: make(chan bool, 1)})
	}
	if n := len(c.take(9)); n != 4 || c.busy != 2 || len(c.queue) != 4 {
		t.Errorf("with the first of ten %d were served, %d turns are taken, %d wait", n, c.busy, len(c.queue))
	}
	if n := len(c.take(4)); n != 4 || len(c.queue) != 0 {
		t.Errorf("with the sixth of ten %d were served, %d wait", n, len(c.queue))
	}
}

// What was leased for several is dealt out so that none has more of a campaign
// than it asked for, in the order in which it came.
func TestDeal(t *testing.T) {
	req := dialler.LeaseRequest{
		Trunks:    []dialler.TrunkQuota{{Trunk: "a", N: 2}, {Trunk: "b", N: 1}},
		Campaigns: []dialler.CampaignQuota{{Campaign: 1, N: 1}, {Campaign: 2, N: 1}, {Campaign: 3, N: 1}},
	}
	batch := []*wish{newWish(req), newWish(req)}
	var leases []dialler.Lease
	for i, campaign := range []dialler.CampaignID{3, 2, 1, 1, 3, 2} {
		trunk := "a"
		if campaign == 3 {
			trunk = "b"
		}
		leases = append(leases, dialler.Lease{Term: int64(i), Attempt: dialler.Attempt{Campaign: campaign, Trunk: trunk}})
	}
	deal(batch, leases)
	for _, w := range batch {
		if w.n != 3 || len(w.out) != 3 || !slices.IsSortedFunc(w.out, func(a, b dialler.Lease) int { return int(a.Term - b.Term) }) {
			t.Errorf("%d of %d leases, or not in order: %v", len(w.out), w.n, w.out)
		}
		had := map[dialler.CampaignID]int{}
		for _, l := range w.out {
			if had[l.Attempt.Campaign]++; had[l.Attempt.Campaign] > 1 {
				t.Errorf("two of campaign %d", l.Attempt.Campaign)
			}
		}
	}
}
