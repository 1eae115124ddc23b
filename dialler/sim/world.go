package sim

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ringback/callback"
	"ringback/dialler"
)

// A world is a plan that comes true.
type world struct {
	t     testing.TB
	ctx   context.Context
	plan  *plan
	rec   *record
	store *tap
	sw    *Switch
	nodes []*process
	fault *faults
	ids   []dialler.CampaignID

	mu sync.Mutex // nodes
}

// newWorld builds the world of p on an empty store, without anybody in it yet.
func newWorld(t testing.TB, p *plan, base dialler.Store) *world {
	rec := newRecord(base)
	rec.zone, rec.rough, rec.apart = zone, p.rough, p.apart
	maps.Copy(rec.names, p.names)
	w := &world{
		t: t, ctx: context.Background(), plan: p, rec: rec, store: &tap{Store: base, record: rec}, sw: NewSwitch(p.cast),
		fault: &faults{plan: p, nth: map[string]int{}}, nodes: make([]*process, p.nodes),
	}
	n := 0
	rec.newID = func() dialler.CallID {
		n++
		return dialler.CallID(fmt.Sprintf("%08x-0000-4000-8000-%012x", uint32(p.seed), n))
	}
	w.sw.Told = rec.told
	w.sw.Talked = w.talked
	w.sw.Delay = p.delay / 4
	if p.lag > 0 {
		w.sw.Lag = func(n int) time.Duration { return upTo(from(p.seed, "lag", n), p.lag) }
		w.sw.Twice = func(n int) bool { return from(p.seed, "twice", n).IntN(10) == 0 }
	}
	if p.spite > 0 {
		rec.onLease = w.onLease
	}
	if p.rough {
		rec.onAdopt = w.onAdopt
	}
	return w
}

func (w *world) must(err error) {
	if err != nil {
		w.t.Helper()
		w.t.Fatal(err)
	}
}

// run lets the plan come true. It is called in a synctest bubble.
func (w *world) run() {
	time.Sleep(time.Until(w.plan.opens))
	p := w.plan
	for _, t := range p.trunks {
		w.must(w.store.PutTrunk(w.ctx, t))
	}
	for _, b := range p.bots {
		w.must(w.store.PutBot(w.ctx, b))
	}
	for i, c := range p.campaigns {
		c, err := w.store.CreateCampaign(w.ctx, c)
		w.must(err)
		w.ids = append(w.ids, c.ID)
		w.add(i, p.lists[i])
	}
	woken := make(chan struct{})
	asleep, stop := context.WithCancel(w.ctx)
	go func() { // one store, several processes: each is to be woken
		defer close(woken)
		for {
			select {
			case <-asleep.Done():
				return
			case <-w.store.Store.Wake():
				w.each(func(p *process) { p.rouse() })
			}
		}
	}()
	w.start(0)
	for i := range w.nodes[1:] {
		time.AfterFunc(100*time.Millisecond, func() { w.start(i + 1) })
	}
	slices.SortStableFunc(p.acts, func(a, b act) int { return cmp.Compare(a.at, b.at) })
	for _, a := range p.acts {
		time.Sleep(time.Until(p.opens.Add(a.at)))
		a.do(w)
	}
	time.Sleep(time.Until(p.opens.Add(p.lasts)))
	synctest.Wait()
	w.rec.final(w.ctx, time.Now())
	for i := range w.nodes {
		if p := w.take(i); p != nil {
			p.stop()
		}
	}
	stop()
	<-woken
}

func (w *world) each(do func(*process)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.nodes {
		if p != nil {
			do(p)
		}
	}
}

func name(i int) string { return fmt.Sprintf("node%d", i+1) }

func (w *world) start(i int) {
	pbx := "pbx"
	if i > 0 && w.plan.apart {
		pbx = name(i) + "'s"
	}
	p, err := start(name(i), pbx, w.store, w.sw, w.fault, w.plan.ttl)
	w.must(err)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.nodes[i] = p
}

// take returns node i and leaves none.
func (w *world) take(i int) *process {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.nodes[i]
	w.nodes[i] = nil
	return p
}

func (w *world) crash(i int, down time.Duration, soft bool) {
	p := w.take(i)
	if p == nil {
		return // it is down already
	}
	if soft {
		w.rec.note(p.node, "is stopped (SIGTERM, no patience)")
		p.stop()
	} else {
		w.rec.note(p.node, "is killed (kill -9)")
		p.kill()
	}
	time.AfterFunc(down, func() {
		w.rec.note(name(i), "is back")
		w.start(i)
	})
}

func (w *world) freeze(i int, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.nodes[i]; p != nil {
		w.rec.note(p.node, "is suspended (SIGSTOP)")
		p.freeze()
		time.AfterFunc(d, func() {
			if !p.dead.Load() {
				w.rec.note(p.node, "goes on (SIGCONT)")
			}
			p.goOn()
		})
	}
}

func (w *world) cut(i int, d time.Duration) {
	w.rec.note(name(i), "loses its link for %v", d)
	w.sw.Cut(name(i), d)
}

func (w *world) restartSwitch(d time.Duration) {
	w.rec.note("pbx", "restarts, %v", d)
	w.sw.Restart(d)
}

// transition tries to move a campaign; it may have moved by itself.
func (w *world) transition(i int, what dialler.CampaignEvent) {
	_, err := w.store.Transition(w.ctx, w.ids[i], what, time.Now())
	var cannot *dialler.TransitionError
	if err != nil && !errors.As(err, &cannot) {
		w.must(err)
	}
}

func (w *world) add(i int, list []dialler.Number) {
	contacts := make([]dialler.NewContact, len(list))
	for j, n := range list {
		contacts[j] = dialler.NewContact{Number: n}
	}
	_, err := w.store.AddContacts(w.ctx, w.ids[i], contacts, time.Now())
	w.must(err)
}

func (w *world) exclude(n dialler.Number) {
	w.must(w.store.Exclude(w.ctx, []dialler.Number{n}, time.Now()))
}

func (w *world) readmit(n dialler.Number) {
	w.must(w.store.Readmit(w.ctx, []dialler.Number{n}))
}

func (w *world) setBot(b dialler.Bot) {
	w.rec.note("bot "+b.Name, "callbacks: %v", b.Callbacks)
	w.must(w.store.PutBot(w.ctx, b))
}

// onLease is the operator at his worst: he changes his mind just when somebody
// is about to be rung. It is called while the record is locked.
func (w *world) onLease(l dialler.Lease) {
	r := from(w.plan.seed, "spite", l.Attempt.Number, l.Attempt.N, l.Attempt.Run)
	if r.Float64() >= w.plan.spite || time.Since(w.plan.opens) > busyFor {
		return
	}
	wait := upTo(r, max(w.plan.delay, time.Millisecond))
	i := slices.Index(w.ids, l.Attempt.Campaign)
	switch r.IntN(4) {
	case 0:
		time.AfterFunc(wait, func() { w.exclude(l.Attempt.Number) })
		time.AfterFunc(wait+time.Minute, func() { w.readmit(l.Attempt.Number) })
	case 1, 2:
		time.AfterFunc(wait, func() { w.transition(i, dialler.Pause) })
		time.AfterFunc(wait+10*time.Second, func() { w.transition(i, dialler.Resume) })
	case 3:
		time.AfterFunc(wait, func() { w.transition(i, dialler.Stop) })
		time.AfterFunc(wait+10*time.Second, func() { w.transition(i, dialler.Restart) })
	}
}

// onAdopt lets a node that was suspended go on just when another has taken
// over what it held. It is called while the record is locked.
func (w *world) onAdopt(l dialler.Lease) {
	r := from(w.plan.seed, "wakes", l.Attempt.ID)
	if r.IntN(4) == 0 {
		return
	}
	time.AfterFunc(upTo(r, 2*time.Second), func() {
		w.each(func(p *process) {
			if p.node != l.Node {
				p.goOn()
			}
		})
	})
}

// talked delivers a call's analysis at the given time, as the bot platform
// does: again and again until somebody takes it. It is called while the switch
// is locked.
func (w *world) talked(leg *Leg, at time.Time) {
	body := map[string]any{"callback_requested": leg.Asks, "sentiment": "fine"}
	if leg.Asks {
		body["callback_preferred_time_text"], body["callback_reason"], body["callback_confidence"] = leg.Says, leg.Reason, 0.9
	}
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	an, err := callback.ParseAnalysis(raw)
	if err != nil {
		panic(err)
	}
	var deliver func()
	deliver = func() {
		before, after, _ := w.fault.draw("hear")
		var err error
		if !before {
			_, err = w.store.Hear(w.ctx, leg.ID, an, time.Now())
		}
		if err != nil {
			w.rec.mu.Lock()
			w.rec.violated("I5", "%s: an analysis is refused: %v", w.rec.who(leg.Number), err)
			w.rec.mu.Unlock()
		}
		if before || after {
			time.AfterFunc(time.Second, deliver)
		}
	}
	time.AfterFunc(max(time.Until(at), 0), deliver)
}
