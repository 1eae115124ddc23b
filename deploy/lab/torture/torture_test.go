package torture

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ringback/dialler"
	"ringback/dialler/store/storetest"
)

var (
	minutes = flag.Float64("minutes", 0.4, "how long things go wrong, in minutes; what follows until all is at rest comes on top")
	seedOf  = flag.Uint64("seed", 1, "what goes wrong, and when, is drawn from it; 0: another one each time")
)

// patience bounds the wait for all to be at rest. It is long because nothing
// here is about speed.
const patience = 6 * time.Minute

func TestTorture(t *testing.T) {
	seed, lasts := *seedOf, time.Duration(*minutes*float64(time.Minute))
	if seed == 0 {
		seed = uint64(time.Now().UnixNano()) % 1_000_000
	}
	replay := fmt.Sprintf("make torture MINUTES=%v SEED=%d", *minutes, seed)
	t.Logf("seed %d for %v: %s", seed, lasts, replay)
	long := lasts > 2*time.Minute
	f := newFloor(t, seed, long)
	up, down := context.WithCancel(t.Context())
	nodesEnd := f.run(up)
	defer nodesEnd()
	defer down()

	if err := f.ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	o := &operator{floor: f, long: long, began: time.Now(), named: map[string]int64{}, doubt: map[string]time.Time{}, excluded: map[string]exclusion{}}
	if err := o.setUp(t.Context()); err != nil {
		t.Fatal(err)
	}

	began := time.Now()
	o.began = began
	rough, calm := context.WithTimeout(t.Context(), lasts)
	defer calm()
	operatorEnds := o.work(rough, lasts)
	var mishaps sync.WaitGroup
	for _, m := range draw(seed, lasts) {
		mishaps.Go(func() {
			pause(rough, m.at)
			if rough.Err() == nil {
				f.suffer(rough, m)
			}
		})
	}
	operatorEnds()
	mishaps.Wait()
	f.asking.Store(false)
	t.Logf("all has gone wrong that was to, after %v; now to rest", time.Since(began).Round(time.Second))

	if !o.settle(t) {
		t.Errorf("all was not at rest %v after the last mishap", patience)
	}
	took := time.Since(began)
	t.Logf("all is at rest after %v", took.Round(time.Second))

	e, err := f.gather(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	found := e.audit()
	for _, n := range f.nodes {
		found = append(found, n.log.complaints()...)
	}
	for _, err := range f.errs {
		t.Errorf("the lab: %v", err)
	}
	if !t.Run("Books", func(t *testing.T) { storetest.Audit(t, f.store) }) {
		found = append(found, violation{promise: "I5", text: "the books disagree: see Books above"})
	}
	for i, v := range found {
		if i == 10 {
			t.Errorf("and %d more", len(found)-i)
			break
		}
		t.Errorf("%s: %s\n%s", v.promise, v.text, e.story(v))
	}
	t.Log(f.summary(seed, took, e, found))
	if t.Failed() {
		t.Log("once more: " + replay)
	}
}

// settle ends what the operator has begun and waits until nobody is rung and
// nobody waits to be.
func (o *operator) settle(t *testing.T) bool {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := o.drive(ctx, "halted", "running"); err != nil {
		o.fault(err)
	}
	if _, err := o.drive(ctx, "minutes", "stopped"); err != nil {
		o.fault(err)
	}
	// Analyses come late, and again after two seconds at most.
	const rest = 5 * time.Second
	for since := time.Now(); ctx.Err() == nil; pause(ctx, 100*time.Millisecond) {
		if !o.still(ctx) {
			since = time.Now()
		}
		if time.Since(since) > rest {
			return true
		}
	}
	cs, _ := o.store.Campaigns(t.Context())
	for _, c := range cs {
		n, _ := o.store.Counters(t.Context(), c.ID)
		t.Logf("%s is %s: %d live, %v", c.Name, c.State, n.Live, n.Contacts)
	}
	return false
}

// still reports whether every campaign is over and no call is up.
func (o *operator) still(ctx context.Context) bool {
	cs, err := o.store.Campaigns(ctx)
	if err != nil || len(cs) == 0 {
		return false
	}
	for _, c := range cs {
		n, err := o.store.Counters(ctx, c.ID)
		people := 0
		for _, k := range n.Contacts {
			people += k
		}
		// One without people is never over.
		if err != nil || people > 0 && c.State != dialler.CampaignCompleted || n.Live > 0 {
			return false
		}
	}
	return o.live() == 0
}

// summary is what a run comes to.
func (f *floor) summary(seed uint64, took time.Duration, e *evidence, found []violation) string {
	answered, callbacks, refused := 0, 0, map[dialler.RefusalReason]int{}
	for _, c := range e.calls {
		if c.Disposition == dialler.Answered {
			answered++
		}
		if c.Ruling.Callback != nil {
			callbacks++
		}
		if why := c.Ruling.Refused; why != "" {
			refused[why]++
		}
	}
	count := func(whats ...string) (n int) {
		for _, w := range whats {
			n += f.count[w]
		}
		return n
	}
	var all []string
	for _, k := range slices.Sorted(maps.Keys(f.count)) {
		all = append(all, fmt.Sprintf("%s %d", k, f.count[k]))
	}
	return fmt.Sprintf(`seed %d
%d seconds
%d kills of nodes, %d Postgres restarts, %d nodes frozen, %d wires cut, stalled, slowed or lost
%d INVITEs to customers, %d conversations, %d attempts, %d callbacks, %d analyses taken, %v refused
%d callbacks came due in calm weather, and were to go before all others
%d violations
(%s)`,
		seed, int(took.Seconds()), count(kill), count("Postgres restarts"), count(freeze), count(cut, stall, slow, lose),
		len(e.invites), answered, len(e.calls), callbacks, e.taken(), refused, e.judged, len(found), strings.Join(all, ", "))
}
