package postgres

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"ringback/dialler"
	"ringback/dialler/store"
)

// most is how many contacts one Lease takes, whatever is asked for.
const most = 1000

// Lease is as [dialler.Ledger] says. The work is done by the function
// ringback_lease, in one statement and one round trip; where promises are to
// be kept, a second reads them.
func (s *Store) Lease(ctx context.Context, req dialler.LeaseRequest) (out []dialler.Lease, err error) {
	entered := time.Now()
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
	n := min(onTrunks, inCampaigns, most)
	if n == 0 {
		return nil, nil
	}
	if req.NewID == nil {
		req.NewID = func() dialler.CallID { return dialler.CallID(uuid.NewString()) }
	}
	ids := make([]string, n)
	for i := range ids {
		ids[i] = string(req.NewID())
	}
	names, cs := slices.Sorted(maps.Keys(trunks)), slices.Sorted(maps.Keys(campaigns))
	onTrunk, inCampaign, tickets := make([]int64, len(names)), make([]int64, len(cs)), make([]int64, len(cs))
	for i, name := range names {
		onTrunk[i] = trunks[name]
	}
	s.mu.Lock()
	for i, id := range cs {
		inCampaign[i], tickets[i] = campaigns[id], s.turns.Of(dialler.CampaignID(id))
	}
	s.mu.Unlock()

	err = s.update(ctx, "lease", func(t *tx) error {
		out = nil
		var clock int64
		began := time.Now()
		t.queue([]store.Query{store.Rows(func(r store.Scanner) error {
			l := dialler.Lease{Node: req.Node, Trusted: store.Trusted(req.Now, req.TTL)}
			a := &l.Attempt
			var leased int64
			if err := r.Scan(append([]any{&a.ID, &l.Term, &leased, &a.Run, &a.Trunk, &a.Switch, &a.Bot, &a.Callback}, store.ContactDest(&l.Contact)...)...); err != nil {
				return err
			}
			c := l.Contact
			a.Contact, a.Campaign, a.Number, a.N, a.Class = c.ID, c.Campaign, c.Number, c.Attempts+1, c.State.Class()
			a.Node, a.Leased, a.Due = req.Node, time.UnixMicro(leased).UTC(), c.Due
			out = append(out, l)
			return nil
		}, `SELECT * FROM ringback_lease($1, $2, $3, $4, $5, $6, $7, $8)`, req.Node, req.TTL.Microseconds(), names, onTrunk, cs, inCampaign, tickets, ids)})
		// The lease's own commit does not wait for the disk; the answer to what
		// follows it does (migrations/00002_lease.sql).
		if err := t.finish(store.One(nil, []any{&clock}, `SELECT ringback_flush()`)); err != nil {
			return err
		}
		s.sync(req.Now.Add(began.Sub(entered)), time.Since(began), clock)
		return promised(t, out)
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	for _, l := range out {
		s.turns.Served(l.Attempt.Campaign)
	}
	s.mu.Unlock()
	return out, nil
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
