package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"ringback/dialler"
)

// paceTests are about the CPS of several nodes together. They need
// [Options].Beside.
var paceTests = []test{
	{"I9 the CPS of a trunk and of a campaign hold over all nodes, one of which is killed and one joins late", func(w *world) {
		const onTrunk, inCampaign, people = 100, 25, 40
		w.must(w.s.PutTrunk(w.ctx, dialler.Trunk{Name: trunk, Switch: "pbx", Dial: "X/{number}", CPS: onTrunk}))
		slow := w.campaign("slow", func(c *dialler.Campaign) { c.CPS = inCampaign })
		rest := w.campaign("rest")
		w.people(slow, people/2)
		w.people(rest, people)
		ls := append(w.lease(people/2, slow), w.lease(people, rest)...)
		w.eq("leased", len(ls), people+people/2)

		// Four nodes; the first stops half way, the last comes late. Each call
		// that is left is another's to dial: it has the lease.
		work := make(chan dialler.Lease, len(ls))
		for i := range ls { // mixed
			work <- ls[i*7%len(ls)]
		}
		close(work)
		var mu sync.Mutex
		var wrong error
		began := map[dialler.CampaignID][]begun{}
		var wg sync.WaitGroup
		for i := range 4 {
			s := w.o.Beside(w.T, w.s)
			for range 2 {
				wg.Go(func() {
					if i == 3 {
						time.Sleep(200 * time.Millisecond)
					}
					for n := 0; i != 0 || n < 5; n++ {
						l, more := <-work
						if !more {
							return
						}
						b, err := turn(w, s, l)
						mu.Lock()
						wrong = errors.Join(wrong, err)
						began[l.Attempt.Campaign] = append(began[l.Attempt.Campaign], b)
						mu.Unlock()
					}
				})
			}
		}
		wg.Wait()
		w.must(wrong)
		w.inPace(onTrunk, append(slices.Clone(began[slow.ID]), began[rest.ID]...), people+people/2)
		w.inPace(inCampaign, began[slow.ID], people/2)
	}},
	{"I9 a call of a campaign that waits for its own turn keeps none of the trunk's", func(w *world) {
		w.must(w.s.PutTrunk(w.ctx, dialler.Trunk{Name: trunk, Switch: "pbx", Dial: "X/{number}", CPS: 0.001}))
		slow := w.campaign("slow", func(c *dialler.Campaign) { c.CPS = 0.001 })
		w.people(slow, 2)
		ls := w.lease(2, slow)
		w.eq("the first", w.cleared(ls[0]), []bool{true, true})
		w.eq("the second", w.cleared(ls[1]), []bool{false, false})
		w.must(w.s.PutTrunk(w.ctx, dialler.Trunk{Name: trunk, Switch: "pbx", Dial: "X/{number}", CPS: 1000}))
		time.Sleep(5 * time.Millisecond)
		w.eq("the second, on a quicker trunk", w.cleared(ls[1]), []bool{true, false}) // counts at once
		rest := w.campaign("rest")
		w.people(rest, 1)
		w.eq("another", w.cleared(w.one(rest)), []bool{true, true})
	}},
	{"I9 who is not to be dialled takes no turn", func(w *world) {
		w.must(w.s.PutTrunk(w.ctx, dialler.Trunk{Name: trunk, Switch: "pbx", Dial: "X/{number}", CPS: 0.001}))
		c := w.campaign("c")
		n := w.people(c, 4)
		ls := w.leased(n, c)
		stale := ls[0]
		stale.Term += 1000
		w.eq("a lost lease", w.cleared(stale), []bool{true, true})
		w.must(w.s.Exclude(w.ctx, n[1:2], w.now()))
		w.eq("an excluded number", w.cleared(ls[1]), []bool{true, true})
		w.pass(2 * ttl)
		adopted, err := w.s.Adopt(w.ctx, ls[2].Attempt.ID, "pbx-2", w.now(), ttl)
		w.must(err)
		w.eq("an adopted call", []any{adopted.Adopted, w.cleared(adopted)}, []any{true, []bool{true, true}})
		w.do(c, dialler.Pause)
		w.eq("a paused campaign", w.cleared(ls[3]), []bool{true, true})
		w.do(c, dialler.Resume)
		w.eq("the turn is still there", w.cleared(ls[3]), []bool{true, true})
		w.eq("and now it is not", w.cleared(ls[0]), []bool{false, true})
	}},
}

// begun is when a call was given its turn: between the two.
type begun struct{ asked, told time.Time }

// turn waits for a call's turn, as the loop does.
func turn(w *world, s dialler.Store, l dialler.Lease) (begun, error) {
	for give := time.Now().Add(time.Minute); time.Now().Before(give); {
		b := begun{asked: time.Now()}
		c, err := s.Clear(w.ctx, l)
		if err != nil {
			return b, err
		}
		if !c.Paced || !c.Held {
			return b, fmt.Errorf("%+v", c)
		}
		if b.told = time.Now(); c.OnTrunk == 0 && c.InCampaign == 0 {
			return b, nil
		}
		time.Sleep(max(c.OnTrunk, c.InCampaign))
	}
	return begun{}, errors.New("it was not its turn for a minute")
}

// inPace fails the test if more were begun in any time than cps allows.
func (w *world) inPace(cps float64, bs []begun, want int) {
	w.Helper()
	w.eq("begun", len(bs), want)
	slices.SortFunc(bs, func(x, y begun) int { return x.told.Compare(y.told) })
	for i := range bs {
		for j := i + 1; j < len(bs); j++ {
			// All of them were given their turns after the first of them asked.
			first := bs[i].asked
			for _, b := range bs[i:j] {
				if b.asked.Before(first) {
					first = b.asked
				}
			}
			t := bs[j].told.Sub(first) + dialler.TurnSlips
			if n := float64(j - i + 1); n > cps*t.Seconds()+1+1e-6 {
				w.Fatalf("I9: %v calls were begun in %v; CPS is %v", n, t-dialler.TurnSlips, cps)
			}
		}
	}
}

// cleared is whether it is the call's turn, on its trunk and in its campaign.
func (w *world) cleared(l dialler.Lease) []bool {
	w.Helper()
	c, err := w.s.Clear(w.ctx, l)
	w.must(err)
	return []bool{c.OnTrunk == 0, c.InCampaign == 0}
}
