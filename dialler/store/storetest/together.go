package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"ringback/callback"
	"ringback/dialler"
)

var togetherTests = []test{
	{"I1 I8 I9 many lease and settle at once", func(w *world) {
		const nodes, each, channels = 8, 60, 20
		w.must(w.s.PutTrunk(w.ctx, dialler.Trunk{Name: trunk, Switch: "pbx", Dial: "X/{number}", Channels: channels}))
		cs := []dialler.Campaign{w.campaign("a", seats(15)), w.campaign("b", seats(15)), w.campaign("c", seats(15))}
		for i, c := range cs {
			w.people(c, nodes*each/len(cs)/2)
			if i > 0 { // and some that the campaign before has, too
				for _, ct := range w.contacts(cs[i-1])[:20] {
					w.add(c, ct.Number)
				}
			}
		}
		var mu sync.Mutex
		ringing := map[dialler.Number]dialler.CallID{}
		rung := map[dialler.ContactID]int{}
		per := map[dialler.CampaignID]int{}
		var wrong atomic.Value
		complain := func(s string) { wrong.CompareAndSwap(nil, s) }
		var wg sync.WaitGroup
		for i := range nodes {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(i), 1))
				for idle := 0; idle < 200; {
					req := w.request(1+r.IntN(5), cs...)
					req.Node = string(rune('a' + i))
					ls, err := w.s.Lease(w.ctx, req)
					if err != nil {
						complain(err.Error())
						return
					}
					mu.Lock()
					for _, l := range ls {
						if other, twice := ringing[l.Attempt.Number]; twice {
							complain("I1: " + string(l.Attempt.Number) + " is rung by " + string(other) + " and " + string(l.Attempt.ID))
						}
						ringing[l.Attempt.Number] = l.Attempt.ID
						rung[l.Contact.ID]++
						per[l.Attempt.Campaign]++
						if per[l.Attempt.Campaign] > 15 {
							complain("I9: more calls than seats")
						}
					}
					if len(ringing) > channels {
						complain("I9: more calls than the trunk has channels")
					}
					mu.Unlock()
					if len(ls) == 0 {
						idle++
						mu.Lock()
						over := len(ringing) == 0
						mu.Unlock()
						if over {
							idle += 50
						}
						time.Sleep(time.Millisecond)
						continue
					}
					idle = 0
					for _, l := range ls {
						// Out of our books before out of the store's, so that
						// ours never hold what the store has given again.
						mu.Lock()
						delete(ringing, l.Attempt.Number)
						per[l.Attempt.Campaign]--
						mu.Unlock()
						if _, err := w.s.Settle(w.ctx, l, w.ended(dialler.Answered)); err != nil {
							complain("settle: " + err.Error())
						}
					}
				}
			})
		}
		wg.Wait()
		if s := wrong.Load(); s != nil {
			w.Fatal(s)
		}
		for _, c := range cs {
			for _, ct := range w.contacts(c) {
				if ct.State != dialler.Completed || rung[ct.ID] != 1 {
					w.Fatalf("contact %d is %s, rung %d times", ct.ID, ct.State, rung[ct.ID])
				}
			}
		}
		w.audit()
	}},
	{"I8 what is leased comes after all that was leased before it was asked for", func(w *world) {
		const nodes, batch, n = 4, 5, 200
		c := w.campaign("c", seats(1000))
		w.people(c, n)
		var mu sync.Mutex
		var last dialler.ContactID // of all leases that have come back
		total := 0
		var failed error
		var wg sync.WaitGroup
		for range nodes {
			wg.Go(func() {
				for {
					mu.Lock()
					before := last
					mu.Unlock()
					ls, err := w.s.Lease(w.ctx, w.request(batch, c))
					mu.Lock()
					for _, l := range ls {
						if l.Contact.ID <= before {
							err = fmt.Errorf("contact %d was leased, and %d had been before it was asked for", l.Contact.ID, before)
						}
						last = max(last, l.Contact.ID)
					}
					total += len(ls)
					failed = errors.Join(failed, err)
					mu.Unlock()
					if len(ls) == 0 || err != nil {
						return
					}
				}
			})
		}
		wg.Wait()
		w.must(failed)
		w.eq("leased", total, n)
	}},
	{"I7 of two that settle one call one does", func(w *world) {
		c := w.campaign("c")
		w.people(c, 20)
		for _, l := range w.lease(20, c) {
			var won atomic.Int32
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					_, err := w.s.Settle(w.ctx, l, w.ended(dialler.Answered))
					if err == nil {
						won.Add(1)
					} else if !errors.Is(err, dialler.ErrLeaseLost) {
						w.Error(err)
					}
				})
			}
			wg.Wait()
			w.eq("settled", won.Load(), int32(1))
		}
		w.eq("messages", len(w.outbox(dialler.CallSettled)), 20)
		w.audit()
	}},
	{"I3 of many that adopt one call one does", func(w *world) {
		c := w.campaign("c")
		w.people(c, 1)
		l := w.one(c)
		w.pass(2 * ttl)
		var won atomic.Int32
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				_, err := w.s.Adopt(w.ctx, l.Attempt.ID, "node-"+string(rune('a'+i)), w.now(), ttl)
				if err == nil {
					won.Add(1)
				} else if !errors.Is(err, dialler.ErrLeaseLost) {
					w.Error(err)
				}
			})
		}
		wg.Wait()
		w.eq("adopted", won.Load(), int32(1))
	}},
	{"I11 the same analysis from many hands schedules once", func(w *world) {
		c := w.campaign("c")
		for range 5 {
			l := w.asked(c)
			var fresh atomic.Int32
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					r, err := w.s.Hear(w.ctx, l.Attempt.ID, later("1 hour", "driving"), w.now())
					if err != nil || r.Verdict != dialler.RulingScheduled {
						w.Errorf("%+v, %v", r, err)
					}
					if !r.Duplicate {
						fresh.Add(1)
					}
				})
			}
			wg.Wait()
			w.eq("scheduled", fresh.Load(), int32(1))
		}
		w.eq("requested", w.counters(c).Requested, 5)
		w.audit()
	}},
	{"analyses, settlements, exclusions and reports at once", func(w *world) {
		c := w.campaign("c", func(c *dialler.Campaign) { c.MaxAttempts = 2 })
		numbers := w.people(c, 60)
		ls := w.lease(60, c)
		ctx, done := context.WithCancel(w.ctx)
		var readers, writers sync.WaitGroup
		for range 2 {
			readers.Go(func() {
				for ctx.Err() == nil {
					n, err := w.s.Counters(w.ctx, c.ID)
					if err != nil {
						w.Error(err)
						return
					}
					sum := 0
					for _, k := range n.Contacts {
						sum += k
					}
					if sum != 60 {
						w.Errorf("I5: counters of one moment sum to %d contacts", sum)
					}
					if _, err := w.s.Running(w.ctx, w.now()); err != nil {
						w.Error(err)
					}
				}
			})
		}
		for i, l := range ls {
			writers.Go(func() {
				if _, err := w.s.Hear(w.ctx, l.Attempt.ID, later("1 hour", "x"), w.now()); err != nil {
					w.Error(err)
				}
			})
			writers.Go(func() {
				if _, err := w.s.Settle(w.ctx, l, w.ended([]dialler.Disposition{dialler.Answered, dialler.Busy}[i%2])); err != nil {
					w.Error(err)
				}
			})
			if i%5 == 0 {
				writers.Go(func() {
					if err := w.s.Exclude(w.ctx, numbers[i:i+1], w.now()); err != nil {
						w.Error(err)
					}
				})
			}
		}
		writers.Wait()
		done()
		readers.Wait()
		n := w.counters(c)
		if n.Requested+n.Refused[dialler.RefusedExcluded] != 60 {
			w.Fatalf("I5: an analysis is lost: %+v", n)
		}
		w.audit()
	}},
	{"a caller that gives up writes nothing", func(w *world) {
		c := w.campaign("c")
		w.people(c, 1)
		ctx, gone := context.WithCancel(w.ctx)
		gone()
		if ls, err := w.s.Lease(ctx, w.request(1, c)); err == nil {
			w.Fatalf("leased %v", called(ls))
		}
		l := w.one(c)
		if _, err := w.s.Settle(ctx, l, w.ended(dialler.Busy)); err == nil {
			w.Fatal("settled")
		}
		if _, err := w.s.Hear(ctx, l.Attempt.ID, callback.Analysis{}, w.now()); err == nil {
			w.Fatal("heard")
		}
		w.settle(l, dialler.Answered)
		w.audit()
	}},
}
