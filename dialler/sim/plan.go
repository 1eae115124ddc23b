package sim

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"

	"ringback/dialler"
)

// A plan is a seed made into campaigns, people and mishaps. All of it is drawn
// before anything happens, or from the seed and the name of what it is about
// (the nth call to a number, the nth call of the store), so that one thing
// going otherwise does not make everything else go otherwise.
type plan struct {
	seed      uint64
	opens     time.Time
	lasts     time.Duration
	parts     map[dialler.Number][]Part // of a story, which draws nothing
	names     map[dialler.Number]string
	nodes     int
	apart     bool // only the first has the switch of the trunks
	rough     bool // something goes wrong besides the customers
	trunks    []dialler.Trunk
	bots      []dialler.Bot
	campaigns []dialler.Campaign
	lists     [][]dialler.Number
	acts      []act              // by time
	brownouts [][2]time.Duration // something fails, or is slow
	outages   [][2]time.Duration // everything fails
	spite     float64            // how often the operator changes his mind right after a lease
	lag       time.Duration
	delay     time.Duration
	mishap    float64 // how often an originate goes wrong
	asks      float64 // how often a customer asks for a callback
	ttl       time.Duration
}

// An act is something that is done to the world.
type act struct {
	at   time.Duration // after the opening
	what string
	do   func(*world)
}

// The day of a seed: it begins at ten in the evening, in the zone of the
// campaigns, so that midnight comes soon.
var (
	zone, _ = time.LoadLocation("Asia/Kolkata")
	opening = time.Date(2026, 3, 12, 22, 0, 0, 0, zone)
)

const (
	busyFor = 3 * time.Hour // that is when things go wrong
	lasts   = 5 * time.Hour
)

// from is a source of chance for one matter of a seed.
func from(seed uint64, matter string, args ...any) *rand.Rand {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%s %v", matter, args) // a hash takes everything
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

func one[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func upTo(r *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(r.Int64N(int64(d))).Truncate(time.Millisecond)
}

func between(r *rand.Rand, a, b time.Duration) time.Duration { return a + upTo(r, b-a) }

func number(i int) dialler.Number { return dialler.Number(fmt.Sprintf("+9198000%05d", i)) }

var hours = []dialler.Hours{
	{"daily": {"00:00-24:00"}},
	{"daily": {"22:10-23:50", "00:20-02:40"}},
	{"daily": {"22:30-01:30"}},
	{"daily": {"22:00-22:06", "22:15-22:21", "22:40-23:50", "00:20-02:40"}},
	{"thu": {"22:00-23:00"}, "fri": {"00:30-02:30", "02:45-03:00"}},
}

var words = []string{
	"ek minute baad", "5 minute baad", "in 10 minutes", "half an hour later", "aadhe ghante mein", "after 1 hour", "", "whenever you like",
	"kal subah", "tomorrow at 12:30 am", "2 minutes", "at 1 am", "30 seconds",
}

// draw makes the plan of a seed.
func draw(seed uint64) *plan {
	r := from(seed, "plan")
	p := &plan{
		seed: seed, opens: opening, lasts: lasts, nodes: one(r, 1, 1, 2), rough: r.Float64() < 0.75, asks: one(r, 0.2, 0.5, 0.9), ttl: one(r, time.Minute, 30*time.Second),
		lag: one(r, 0, 0, 20*time.Millisecond, 900*time.Millisecond),
	}
	for i := range 1 + r.IntN(2) {
		p.trunks = append(p.trunks, dialler.Trunk{
			Name: fmt.Sprintf("trunk%d", i+1), Switch: "pbx", Dial: "PJSIP/{number}@trunk", Channels: one(r, 0, 0, 2, 6), CPS: one(r, 0.0, 0, 1, 3, 10),
		})
	}
	for i := range 1 + r.IntN(2) {
		p.bots = append(p.bots, dialler.Bot{Name: fmt.Sprintf("bot%d", i+1), Endpoint: "PJSIP/bot", Capacity: one(r, 0, 0, 1, 4), Callbacks: r.Float64() < 0.85})
	}
	people := 5 + r.IntN(25)
	for i := range 1 + r.IntN(3) {
		w, err := dialler.NewWindow("Asia/Kolkata", one(r, hours...))
		if err != nil {
			panic(err) // they are written down above
		}
		c := dialler.Campaign{
			Name: string(rune('A' + i)), Mode: one(r, dialler.SingleDay, dialler.MultiDay), Window: w,
			Trunk: one(r, p.trunks...).Name, Bot: one(r, p.bots...).Name,
			Seats: 1 + r.IntN(6), CPS: one(r, 0.0, 0, 2, 5),
			MaxAttempts: 1 + r.IntN(4), RetryDelay: one(r, time.Second, 20*time.Second, time.Minute, 7*time.Minute, 20*time.Minute),
			RingTimeout: one(r, 15*time.Second, 30*time.Second), Screen: r.IntN(3) == 0, BotTimeout: one(r, 2*time.Second, 5*time.Second),
			MaxDuration: one(r, 40*time.Second, 10*time.Minute), Apology: one(r, "", "sorry"),
			CallbackDetection: r.Float64() < 0.9, CallbackMaxAttempts: one(r, 0, 0, 1, 3), MaxCallbackReschedules: one(r, 0, 0, -1, 1, 3),
		}
		if r.IntN(4) == 0 {
			c.RetryOn = []dialler.Disposition{dialler.Busy, dialler.NoAnswer}
		}
		p.campaigns = append(p.campaigns, c)
		var list []dialler.Number
		for range 2 + r.IntN(18) {
			list = append(list, number(r.IntN(people)))
		}
		p.lists = append(p.lists, list)
	}
	p.operate(r, people)
	if p.rough {
		p.spite = one(r, 0.0, 0.05, 0.2)
		p.delay = one(r, 0, 5*time.Millisecond, 200*time.Millisecond)
		p.mishap = one(r, 0.0, 0.1, 0.4)
		p.mishaps(r)
	}
	return p
}

func (p *plan) act(at time.Duration, what string, do func(*world)) {
	p.acts = append(p.acts, act{at, what, do})
}

// operate draws what the people at the console do.
func (p *plan) operate(r *rand.Rand, people int) {
	for i := range p.campaigns {
		at := one(r, 0, 0, upTo(r, 40*time.Minute))
		p.act(at, "start", func(w *world) { w.transition(i, dialler.Start) })
		for range one(r, 0, 0, 1, 2) {
			at := upTo(r, busyFor)
			p.act(at, "pause", func(w *world) { w.transition(i, dialler.Pause) })
			p.act(at+upTo(r, 20*time.Minute), "resume", func(w *world) { w.transition(i, dialler.Resume) })
		}
		if r.IntN(5) == 0 {
			at := upTo(r, busyFor)
			p.act(at, "stop", func(w *world) { w.transition(i, dialler.Stop) })
			if r.IntN(2) == 0 {
				p.act(at+upTo(r, 20*time.Minute), "restart", func(w *world) { w.transition(i, dialler.Restart) })
			}
		}
		if r.IntN(4) == 0 {
			n := []dialler.Number{number(r.IntN(people)), number(r.IntN(people + 5)), number(r.IntN(people + 5))}
			p.act(upTo(r, busyFor), "add", func(w *world) { w.add(i, n) })
		}
	}
	for range one(r, 0, 1, 2, 4) {
		n := number(r.IntN(people))
		at := upTo(r, busyFor)
		p.act(at, "exclude", func(w *world) { w.exclude(n) })
		if r.IntN(3) == 0 {
			p.act(at+upTo(r, 30*time.Minute), "readmit", func(w *world) { w.readmit(n) })
		}
	}
	if r.IntN(6) == 0 {
		b := one(r, p.bots...)
		b.Callbacks = !b.Callbacks
		p.act(upTo(r, busyFor), "bot", func(w *world) { w.setBot(b) })
	}
}

// mishaps draws what goes wrong with processes, links, switch and store.
func (p *plan) mishaps(r *rand.Rand) {
	for range one(r, 0, 1, 3, 8) {
		node, down, soft := r.IntN(p.nodes), one(r, time.Second, 3*time.Second, upTo(r, 5*time.Minute)), r.IntN(4) == 0
		p.act(upTo(r, busyFor), "kill", func(w *world) { w.crash(node, max(down, time.Second), soft) })
	}
	for range one(r, 0, 1, 3, 8) {
		node, d := r.IntN(p.nodes), one(r, 100*time.Millisecond, upTo(r, 10*time.Second), upTo(r, 4*time.Minute))
		p.act(upTo(r, busyFor), "cut", func(w *world) { w.cut(node, d) })
	}
	for range one(r, 0, 0, 0, 1, 2) {
		d := one(r, time.Second, upTo(r, 2*time.Minute))
		p.act(upTo(r, busyFor), "pbx", func(w *world) { w.restartSwitch(d) })
	}
	for range one(r, 0, 0, 1, 3) {
		node, d := r.IntN(p.nodes), one(r, upTo(r, 20*time.Second), upTo(r, 5*time.Minute))
		p.act(upTo(r, busyFor), "freeze", func(w *world) { w.freeze(node, d) })
	}
	if p.nodes > 1 { // long enough for the other to take over
		for range one(r, 0, 2, 6) {
			node, d := r.IntN(p.nodes), between(r, p.ttl, 2*p.ttl+10*time.Second)
			p.act(upTo(r, busyFor), "freeze", func(w *world) { w.freeze(node, d) })
		}
	}
	if r.IntN(2) == 0 { // the store is slow just when windows close
		for _, at := range []time.Duration{6 * time.Minute, 21 * time.Minute, time.Hour, 110 * time.Minute} {
			p.brownouts = append(p.brownouts, [2]time.Duration{at - 15*time.Second, at + 15*time.Second})
		}
	}
	for range one(r, 0, 0, 1, 3) {
		at := upTo(r, busyFor)
		p.brownouts = append(p.brownouts, [2]time.Duration{at, at + one(r, upTo(r, 30*time.Second), upTo(r, 15*time.Minute))})
	}
}

// cast is how the nth call to a number goes.
func (p *plan) cast(n dialler.Number, nth int) Part {
	if p.parts != nil {
		if nth > len(p.parts[n]) {
			return NobodyHome()
		}
		return p.parts[n][nth-1]
	}
	r := from(p.seed, "cast", n, nth)
	if nth > 40 {
		return Busy() // enough is enough
	}
	part := Part{
		Rings: one(r, time.Second, upTo(r, 3*time.Second), -1), Voice: dialler.VerdictHuman, Listens: between(r, time.Second, 6*time.Second),
		Bot: one(r, 200*time.Millisecond, between(r, time.Millisecond, 3*time.Second), between(r, time.Millisecond, 8*time.Second)), Talk: between(r, time.Second, 90*time.Second),
		BotEnds: r.IntN(3) == 0, Forgets: r.IntN(10) == 0,
	}
	switch x := r.Float64(); {
	case x < 0.12:
		part.Fails, part.Cause, part.Ends = dialler.Busy, dialler.Cause{Q850: 17, SIP: 486}, upTo(r, 4*time.Second)
	case x < 0.17:
		part.Fails, part.Cause, part.Ends = dialler.Rejected, dialler.Cause{Q850: 21, SIP: 603}, upTo(r, 9*time.Second)
	case x < 0.21:
		part.Fails, part.Cause, part.Ends = dialler.Congestion, dialler.Cause{Q850: 34, SIP: 503}, upTo(r, time.Second)
	case x < 0.23:
		part.Fails, part.Cause, part.Ends = dialler.Unallocated, dialler.Cause{Q850: 1, SIP: 404}, upTo(r, time.Second)
	case x < 0.33: // nobody answers
	default:
		part.Answers = between(r, time.Second, 14*time.Second)
		switch y := r.Float64(); {
		case y < 0.10:
			part.Voice = dialler.VerdictMachine
		case y < 0.15:
			part.Voice = dialler.VerdictUnsure
		case y < 0.20:
			part.Voice = ""
		case y < 0.27:
			part.Leaves = between(r, time.Millisecond, 3*time.Second)
		case y < 0.31:
			part.NoBot = true
		case y < 0.34:
			part.Bot = 0
		}
	}
	if part.Asks = r.Float64() < p.asks; part.Asks {
		part.Says, part.Reason = one(r, words...), one(r, "", "driving", "in a meeting")
	}
	for range one(r, 0, 1, 1, 1, 2, 3) {
		part.Analyses = append(part.Analyses, one(r, 0, time.Second, upTo(r, 30*time.Second), -between(r, time.Millisecond, 5*time.Second), upTo(r, 2*time.Hour), 4*time.Minute))
	}
	if m := from(p.seed, "mishap", n, nth); m.Float64() < p.mishap {
		switch m.IntN(6) {
		case 0:
			part.Refuse = one(m, dialler.Congestion, dialler.Failed)
		case 1:
			part.Slow = between(m, time.Millisecond, 4*time.Second)
		case 2:
			part.Uncertain = PlacedOnce
		case 3:
			part.Uncertain = PlacedLate
		case 4:
			part.Uncertain = NotPlaced
		case 5:
			part.LosesHang = 1 + m.IntN(2)
		}
	}
	return part
}

// faults decide what goes wrong with a call of the store.
type faults struct {
	plan *plan
	mu   sync.Mutex
	nth  map[string]int
}

// draw says whether the store fails before or after doing what it was asked,
// and how long it takes before and after.
func (f *faults) draw(verb string) (before, after bool, wait [2]time.Duration) {
	now := time.Since(f.plan.opens)
	for _, o := range f.plan.outages {
		before = before || now >= o[0] && now < o[1]
	}
	if !f.plan.rough || before {
		return
	}
	bad := false
	for _, b := range f.plan.brownouts {
		bad = bad || now >= b[0] && now < b[1]
	}
	if !bad && f.plan.delay == 0 || now > busyFor+30*time.Minute {
		return
	}
	f.mu.Lock()
	f.nth[verb]++
	r := from(f.plan.seed, "store", verb, f.nth[verb])
	f.mu.Unlock()
	if f.plan.delay > 0 {
		wait = [2]time.Duration{upTo(r, f.plan.delay), upTo(r, f.plan.delay)}
	}
	if bad {
		switch r.IntN(8) {
		case 0, 1:
			before = true
		case 2:
			after = true
		case 3:
			wait[0] += upTo(r, 3*time.Second)
		case 4:
			wait[1] += upTo(r, 3*time.Second)
		}
	}
	return before, after, wait
}
