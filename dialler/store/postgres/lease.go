package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"ringback/dialler"
	"ringback/dialler/store"
)

// most is how many contacts one Lease takes, whatever is asked for.
const most = 1000

// together is how many are leased for several at once, at most: they all wait
// for the last of them.
const together = 256

// A wish is a Lease that is asked for, and then what came of it.
type wish struct {
	req   dialler.LeaseRequest
	asked time.Time // by the clock of this process
	n     int64     // how many calls it may begin at most

	// What it allows of each, in order and summed up.
	trunks     []string
	onTrunk    []int64
	campaigns  []int64
	inCampaign []int64
	out        []dialler.Lease
	err        error
}

func newWish(req dialler.LeaseRequest) *wish {
	trunks, campaigns := map[string]int64{}, map[int64]int64{}
	sum := func(n int) int64 { return int64(min(max(n, 0), most)) }
	var onTrunks, inCampaigns int64
	for _, q := range req.Trunks {
		if q.N > 0 {
			trunks[q.Trunk] += sum(q.N)
			onTrunks += sum(q.N)
		}
	}
	for _, q := range req.Campaigns {
		if q.N > 0 {
			campaigns[int64(q.Campaign)] += sum(q.N)
			inCampaigns += sum(q.N)
		}
	}
	if req.NewID == nil {
		req.NewID = func() dialler.CallID { return dialler.CallID(uuid.NewString()) }
	}
	w := &wish{req: req, asked: time.Now(), n: min(onTrunks, inCampaigns, most), trunks: slices.Sorted(maps.Keys(trunks)), campaigns: slices.Sorted(maps.Keys(campaigns))}
	for _, name := range w.trunks {
		w.onTrunk = append(w.onTrunk, trunks[name])
	}
	for _, id := range w.campaigns {
		w.inCampaign = append(w.inCampaign, campaigns[id])
	}
	return w
}

// Lease is as [dialler.Ledger] says. The work is done by the function
// ringback_lease, in one statement and one round trip; where promises are to
// be kept, a second reads them. Those who ask for the same at once are served
// by one call of it: leases on one trunk come one after the other.
func (s *Store) Lease(ctx context.Context, req dialler.LeaseRequest) ([]dialler.Lease, error) {
	w := newWish(req)
	if w.n == 0 {
		return nil, nil
	}
	if !s.leases.do(ctx, w) {
		return nil, fmt.Errorf("lease: %w", ctx.Err())
	}
	return w.out, w.err
}

// leaseTogether: those who ask for the same, if it does not get too much.
func leaseTogether(batch []*wish, x *wish) bool {
	w := batch[0]
	return w.n*int64(len(batch)+1) <= together && x.req.Node == w.req.Node && x.req.TTL == w.req.TTL &&
		slices.Equal(x.trunks, w.trunks) && slices.Equal(x.onTrunk, w.onTrunk) &&
		slices.Equal(x.campaigns, w.campaigns) && slices.Equal(x.inCampaign, w.inCampaign)
}

// leaseAll leases what the batch asks for, and deals it out.
func (s *Store) leaseAll(ctx context.Context, batch []*wish) {
	w, k := batch[0], int64(len(batch))
	var ids []string
	for _, w := range batch {
		for range w.n {
			ids = append(ids, string(w.req.NewID()))
		}
	}
	times := func(list []int64) (out []int64) {
		for _, n := range list {
			out = append(out, n*k)
		}
		return out
	}
	tickets := make([]int64, len(w.campaigns))
	s.mu.Lock()
	for i, id := range w.campaigns {
		tickets[i] = s.turns.Of(dialler.CampaignID(id))
	}
	s.mu.Unlock()

	var out []dialler.Lease
	err := s.update(ctx, "lease", func(t *tx) error {
		out = nil
		var clock int64
		began := time.Now()
		t.queue([]store.Query{store.Rows(func(r store.Scanner) error {
			l := dialler.Lease{Node: w.req.Node}
			a := &l.Attempt
			var leased int64
			if err := r.Scan(append([]any{&a.ID, &l.Term, &leased, &a.Run, &a.Trunk, &a.Switch, &a.Bot, &a.Callback}, store.ContactDest(&l.Contact)...)...); err != nil {
				return err
			}
			c := l.Contact
			a.Contact, a.Campaign, a.Number, a.N, a.Class = c.ID, c.Campaign, c.Number, c.Attempts+1, c.State.Class()
			a.Node, a.Leased, a.Due = w.req.Node, time.UnixMicro(leased).UTC(), c.Due
			out = append(out, l)
			return nil
		}, `SELECT * FROM ringback_lease($1, $2, $3, $4, $5, $6, $7, $8)`,
			w.req.Node, w.req.TTL.Microseconds(), w.trunks, times(w.onTrunk), w.campaigns, times(w.inCampaign), tickets, ids)})
		// The lease's own commit does not wait for the disk; the answer to what
		// follows it does (migrations/00002_lease.sql).
		if err := t.finish(store.One(nil, []any{&clock}, `SELECT ringback_flush()`)); err != nil {
			return err
		}
		s.sync(w.req.Now.Add(began.Sub(w.asked)), time.Since(began), clock)
		return promised(t, out)
	})
	if err != nil {
		for _, w := range batch {
			w.err = err
		}
		return
	}
	s.mu.Lock()
	for _, l := range out {
		s.turns.Served(l.Attempt.Campaign)
	}
	s.mu.Unlock()
	deal(batch, out)
}

// deal gives the leases to those who asked, to each in the order in which they
// came. They are dealt in turn by trunk and campaign, so that none is given
// more of one than it may have.
func deal(batch []*wish, leases []dialler.Lease) {
	order := make([]int, len(leases))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := leases[i].Attempt, leases[j].Attempt
		return cmp.Or(cmp.Compare(a.Trunk, b.Trunk), cmp.Compare(a.Campaign, b.Campaign))
	})
	whose := make([]*wish, len(leases))
	for turn, i := range order {
		whose[i] = batch[turn%len(batch)]
	}
	for i, l := range leases {
		w := whose[i]
		l.Trusted = store.Trusted(w.req.Now, w.req.TTL)
		w.out = append(w.out, l)
	}
}

// promised reads the promises that leases are to keep. Nobody changes them
// while the contacts are being rung.
func promised(t *tx, ls []dialler.Lease) error {
	var ids []int64
	for _, l := range ls {
		if l.Attempt.Callback != 0 {
			ids = append(ids, int64(l.Attempt.Callback))
		}
	}
	if len(ids) == 0 {
		return nil
	}
	promises := map[dialler.CallbackID]*dialler.Callback{}
	err := t.Read(store.Rows(func(r store.Scanner) error {
		var cb dialler.Callback
		err := r.Scan(store.CallbackDest(&cb)...)
		promises[cb.ID] = &cb
		return err
	}, `SELECT `+store.CallbackColumns+` FROM callback WHERE id = ANY ($1)`, ids))
	if err != nil {
		// Not wrapped: the lease is committed, and is not to be tried again.
		return errors.New("read the promises: " + err.Error())
	}
	for i := range ls {
		ls[i].Contact.Callback = promises[ls[i].Attempt.Callback]
	}
	return nil
}
