package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"ringback/dialler"
)

// nodeTests are about several processes on one store. They need
// [Options].Beside.
var nodeTests = []test{
	{"I1 I7 I8 I9 four nodes of four workers each lease and settle at once", func(w *world) {
		const nodes, workers, people, quota = 4, 4, 400, 5
		w.must(w.s.PutTrunk(w.ctx, dialler.Trunk{Name: trunk, Switch: "pbx", Dial: "X/{number}", Channels: 40}))
		cs := []dialler.Campaign{w.campaign("a", seats(30)), w.campaign("b", seats(30), onOtherTrunk)}
		first := map[dialler.CampaignID]dialler.ContactID{}
		for _, c := range cs {
			w.people(c, people)
			first[c.ID] = w.contacts(c)[0].ID
		}
		for _, ct := range w.contacts(cs[0])[:50] { // in both, on two trunks: only I1 keeps them apart
			w.add(cs[1], ct.Number)
		}
		stores := []dialler.Store{w.s}
		for len(stores) < nodes {
			stores = append(stores, w.o.Beside(w.T, w.s))
		}
		var mu sync.Mutex
		var wrong error
		ringing, rung := map[dialler.Number]dialler.CallID{}, map[dialler.ContactID]int{}
		place := map[dialler.CampaignID]int{} // how many were leased
		up := map[dialler.CampaignID]int{}    // how many are being rung, at least
		complain := func(format string, args ...any) { wrong = errors.Join(wrong, fmt.Errorf(format, args...)) }
		var wg sync.WaitGroup
		for i := range nodes * workers {
			wg.Go(func() {
				s, r := stores[i%nodes], rand.New(rand.NewPCG(uint64(i), 3))
				for idle := 0; idle < 5000; idle++ {
					req := w.request(1+r.IntN(quota), cs...)
					req.Node = fmt.Sprintf("node-%d", i%nodes)
					ls, err := s.Lease(w.ctx, req)
					mu.Lock()
					if err != nil {
						complain("lease: %w", err)
					}
					for _, l := range ls {
						a := l.Attempt
						if other, twice := ringing[a.Number]; twice {
							complain("I1: %s is rung by %s and %s", a.Number, other, a.ID)
						}
						ringing[a.Number] = a.ID
						if rung[a.Contact]++; rung[a.Contact] > 1 {
							complain("contact %d was leased twice", a.Contact)
						}
						// Leases come back in another order than they were
						// made, and a number that the other campaign rings is
						// passed over for a while.
						off := int(a.Contact-first[a.Campaign]) - place[a.Campaign]
						if slack := nodes*workers*quota + 50; off > 2*slack || a.Campaign == cs[0].ID && off < -2*slack {
							complain("I8: contact %d of campaign %d was leased as number %d", a.Contact-first[a.Campaign], a.Campaign, place[a.Campaign])
						}
						place[a.Campaign]++
						if up[a.Campaign]++; up[a.Campaign] > 30 {
							complain("I9: %d calls of a campaign with 30 seats", up[a.Campaign])
						}
					}
					if len(ringing) > 40+30 { // a trunk has a limit of its own, the other its campaign's
						complain("I9: %d calls", len(ringing))
					}
					over := len(ringing) == 0 && len(rung) == 2*people+50 || wrong != nil
					mu.Unlock()
					if over {
						return
					}
					if len(ls) == 0 {
						time.Sleep(2 * time.Millisecond)
						continue
					}
					idle = 0
					for _, l := range ls {
						mu.Lock()
						up[l.Attempt.Campaign]--
						delete(ringing, l.Attempt.Number)
						mu.Unlock()
						if _, err := s.Settle(w.ctx, l, w.ended(dialler.Answered)); err != nil {
							mu.Lock()
							complain("settle: %w", err)
							mu.Unlock()
						}
						if _, err := s.Settle(w.ctx, l, w.ended(dialler.Busy)); !errors.Is(err, dialler.ErrLeaseLost) {
							mu.Lock()
							complain("I7: settled twice: %w", err)
							mu.Unlock()
						}
					}
				}
			})
		}
		wg.Wait()
		w.must(wrong)
		w.eq("contacts rung", len(rung), 2*people+50)
		w.audit()
	}},
	{"I7 I3 a node that slept through its lease finds it lost, however it asks", func(w *world) {
		c := w.campaign("c")
		w.people(c, 2)
		ls := w.lease(2, c)
		other := w.o.Beside(w.T, w.s)
		w.pass(2 * ttl)
		got, err := other.Adrift(w.ctx, "pbx-2", w.now())
		w.must(err)
		w.eq("adrift", len(got), 2)
		taken, err := other.Adopt(w.ctx, ls[0].Attempt.ID, "pbx-2", w.now(), ttl)
		w.must(err)
		kept, err := w.s.Renew(w.ctx, ls, w.now(), ttl)
		w.must(err)
		w.eq("kept", called(kept), called(ls[1:]))
		_, err = w.s.Settle(w.ctx, ls[0], w.ended(dialler.Answered))
		w.is(err, dialler.ErrLeaseLost)
		w.is(w.s.Mark(w.ctx, ls[0], dialler.Outcome{Answered: w.now()}), dialler.ErrLeaseLost)
		_, err = other.Adopt(w.ctx, ls[1].Attempt.ID, "pbx-2", w.now(), ttl)
		w.is(err, dialler.ErrLeaseLost)
		_, err = other.Settle(w.ctx, taken, w.ended(dialler.Failed))
		w.must(err)
		w.settle(ls[1], dialler.Answered)
		w.audit()
	}},
	{"a call is settled by what holds at its end, whichever node changed that", func(w *world) {
		c := w.campaign("c")
		ls := w.leased(w.people(c, 12), c)
		here, there := w.s, w.o.Beside(w.T, w.s)
		next := func() (l dialler.Lease) {
			l, ls = ls[0], ls[1:]
			return l
		}
		busy := func(l dialler.Lease, want dialler.ContactState) {
			w.Helper()
			st := w.settle(l, dialler.Busy)
			w.eq("state", st.Contact.State, want)
			w.eq("contact", st.Contact, w.contact(c, l.Contact.Number))
		}
		elsewhere := func(change func()) {
			w.Helper()
			busy(next(), dialler.RetryScheduled) // so that this node has seen how all stood before
			w.s = there
			change()
			w.s = here
		}
		attempts := func(n int) func() {
			return func() {
				now := w.do(c, dialler.Pause)
				now.MaxAttempts = n
				_, err := w.s.UpdateCampaign(w.ctx, now)
				w.must(err)
				w.do(c, dialler.Resume)
			}
		}
		l := next()
		elsewhere(func() { w.must(w.s.Exclude(w.ctx, []dialler.Number{l.Contact.Number}, w.now())) })
		busy(l, dialler.ExcludedContact)
		elsewhere(attempts(1))
		busy(next(), dialler.Exhausted)
		attempts(9)()
		l = next()
		elsewhere(func() { w.hear(l, later("1 hour", "")) })
		st := w.settle(l, dialler.Answered)
		w.eq("rulings", len(st.Rulings), 1)
		w.eq("state", st.Contact.State, dialler.CallbackScheduled)
		for _, marked := range []dialler.Outcome{{Answered: w.now()}, {Machine: dialler.VerdictUnsure}} {
			l := next()
			elsewhere(func() { w.must(w.s.Mark(w.ctx, l, marked)) })
			busy(l, dialler.RetryScheduled)
			call, err := w.s.Call(w.ctx, l.Attempt.ID)
			w.must(err)
			w.at("answered", call.Answered, marked.Answered)
			w.eq("machine", call.Machine, marked.Machine)
		}
		elsewhere(func() { w.do(c, dialler.Stop) })
		busy(next(), dialler.Stopped)
		w.audit()
	}},
	{"I9 limits hold over all nodes together", func(w *world) {
		w.must(w.s.PutBot(w.ctx, dialler.Bot{Name: bot, Endpoint: "PJSIP/asha", Capacity: 7}))
		a, b := w.campaign("a"), w.campaign("b", onOtherTrunk)
		w.people(a, 100)
		w.people(b, 100)
		var wg sync.WaitGroup
		var mu sync.Mutex
		n := 0
		for i := range 4 {
			s := w.o.Beside(w.T, w.s)
			for range 3 {
				wg.Go(func() {
					ls, err := s.Lease(w.ctx, w.request(1+i, []dialler.Campaign{a, b}[i%2]))
					mu.Lock()
					defer mu.Unlock()
					n += len(ls)
					if err != nil {
						w.Error(err)
					}
				})
			}
		}
		wg.Wait()
		if n > 7 {
			w.Fatalf("%d calls on a bot for 7", n)
		}
		w.eq("in the end", n+len(w.lease(10, a, b)), 7)
	}},
	{"a call on one node wakes the others", func(w *world) {
		c := w.campaign("c")
		l := w.asked(c)
		other := w.o.Beside(w.T, w.s)
		time.Sleep(w.settling())
		for _, what := range []struct {
			name string
			do   func()
		}{
			{"a promise", func() { w.hear(l, later("1 hour", "")) }},
			{"new contacts", func() { w.people(c, 1) }},
			{"a settlement", func() { w.settle(w.one(c), dialler.Busy) }},
			{"a resumed campaign", func() { w.do(w.do(c, dialler.Pause), dialler.Resume) }},
		} {
			for quiet := false; !quiet; {
				select {
				case <-other.Wake():
				case <-time.After(w.settling()):
					quiet = true
				}
			}
			what.do()
			select {
			case <-other.Wake():
			case <-time.After(time.Minute):
				w.Fatalf("%s woke nobody", what.name)
			}
		}
	}},
}

// clockTests are about nodes whose clocks are wrong, on a store that has one
// of its own ([Options].Advance).
var clockTests = []test{
	{"a node whose clock is ahead rings nobody early", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 1)
		w.promised(c) // in an hour
		fast := w.skewed(2*time.Hour, c)
		w.eq("leased", len(fast()), 0)
		w.pass(61 * time.Minute)
		w.eq("leased", called(fast()), n)
	}},
	{"a node whose clock is behind rings nobody late", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 1)
		w.promised(c)
		w.pass(61 * time.Minute)
		w.eq("leased", called(w.skewed(-2*time.Hour, c)()), n)
	}},
	{"a retry waits its time by the store's clock, whoever wrote down when the call ended", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 1)
		const off = -10 * time.Minute
		ls := w.skewed(off, c)()
		o := w.ended(dialler.Busy)
		o.Ended = o.Ended.Add(off)
		st, err := w.s.Settle(w.ctx, ls[0], o)
		w.must(err)
		w.near("due", st.Contact.Due, w.now().Add(time.Minute))
		w.eq("leased", len(w.skewed(off, c)()), 0)
		w.pass(2 * time.Minute)
		w.eq("leased", called(w.skewed(off, c)()), n)
	}},
	{"a lease lasts as long as it should, whatever the holder's clock says, and is trusted by that clock", func(w *world) {
		for _, off := range []time.Duration{10 * time.Minute, -10 * time.Minute} {
			c := w.campaign(off.String())
			w.people(c, 1)
			asked := w.now().Add(off)
			ls := w.skewed(off, c)()
			w.near("trusted", ls[0].Trusted, asked.Add(ttl*3/4))
			w.pass(ttl / 2)
			w.eq("adrift", len(w.adrift("pbx-2")), 0)
			_, err := w.s.Adopt(w.ctx, ls[0].Attempt.ID, "pbx-2", w.now().Add(time.Hour), ttl)
			w.is(err, dialler.ErrLeaseLost) // it holds, though the other's clock is fast
			kept, err := w.s.Renew(w.ctx, ls, asked, ttl)
			w.must(err)
			w.eq("kept", len(kept), 1)
			w.pass(ttl * 3 / 4)
			w.eq("adrift", len(w.adrift("pbx-2")), 0)
			w.pass(ttl / 2)
			w.eq("adrift", len(w.adrift("pbx-2")), 1)
			l, err := w.s.Adopt(w.ctx, ls[0].Attempt.ID, "pbx-2", w.now().Add(-time.Hour), ttl)
			w.must(err)
			w.settle(l, dialler.Answered)
		}
	}},
}

// skewed leases what there is for one call, as a node whose clock is off.
func (w *world) skewed(off time.Duration, c dialler.Campaign) func() []dialler.Lease {
	return func() []dialler.Lease {
		w.Helper()
		req := w.request(1, c)
		req.Now = req.Now.Add(off)
		ls, err := w.s.Lease(w.ctx, req)
		w.must(err)
		return ls
	}
}
