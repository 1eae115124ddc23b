// Package storetest is the suite that every [dialler.Store] passes: one test
// for each promise and rule of the contract, named for it.
//
// # Time
//
// A store may have a clock of its own, and then it ignores the times it is
// asked with. So the suite lives in the present: it never claims that it is
// some other year, its campaigns may ring round the clock, and what it expects
// of a time that the store chose is that it is near. Where a test needs an
// hour to pass it says so to [Options].Advance, and a store that goes by the
// times it is given is simply asked with later ones from then on. Times that
// the suite itself gives (how a call ended, when somebody spoke) come back
// exactly, to the microsecond.
package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"ringback/callback"
	"ringback/dialler"
)

// Options say what a store can do beside the contract. The zero value will do
// for one that has no clock of its own and keeps nothing.
type Options struct {
	// Reopen stands for a crash: it opens, beside or instead of s, what a
	// process started anew would find. s is not closed before, and not used
	// again. nil: the store keeps nothing; the tests of crashes are left out.
	Reopen func(t *testing.T, s dialler.Store) dialler.Store

	// Advance moves the clock of a store that has its own ahead by d. nil:
	// the store goes by the times it is given.
	Advance func(t *testing.T, s dialler.Store, d time.Duration)

	// Beside opens what another process has of s, beside it, closed by
	// t.Cleanup. nil: one process has a store for itself; the tests of several
	// are left out.
	Beside func(t *testing.T, s dialler.Store) dialler.Store

	// Whole says that the store is a [dialler.Deliveries], a
	// [dialler.Pruner] and a [dialler.Records] too.
	Whole bool

	// Cut arms s to lose its connection, or its process its breath, just
	// before the n-th statement of what is written next: that one and all that
	// follow in its transaction fail. reached disarms it, and says whether it
	// came to that. nil: the tests of it are left out.
	Cut func(t *testing.T, s dialler.Store, n int) (reached func() bool)

	// Kept opens a store that Reopen understands; nil: the one given to Run
	// will do.
	Kept func(t *testing.T) dialler.Store
}

// Run runs the suite on stores that open makes: empty ones, each for one test,
// closed by t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) dialler.Store, options ...Options) {
	var o Options
	if len(options) > 0 {
		o = options[0]
	}
	type group struct {
		name  string
		tests []test
	}
	groups := []group{
		{"Roster", rosterTests},
		{"Drafts", draftTests},
		{"Lease", leaseTests},
		{"Limits", limitTests},
		{"Terms", termTests},
		{"Settle", settleTests},
		{"Hear", hearTests},
		{"Campaign", campaignTests},
		{"Exclusion", exclusionTests},
		{"Intervention", interventionTests},
		{"Running", runningTests},
		{"Reports", reportTests},
		{"Find", findTests},
		{"Life", lifeTests},
		{"Together", togetherTests},
		{"Walk", walkTests},
	}
	if o.Cut != nil {
		groups = append(groups, group{"Cut", cutTests()})
	}
	if o.Beside != nil {
		groups = append(groups, group{"Nodes", nodeTests}, group{"Pace", paceTests})
	}
	if o.Advance != nil {
		groups = append(groups, group{"Clock", append(clockTests, lifeOnClock...)})
	}
	if o.Whole {
		groups = append(groups, group{"Deliveries", deliveryTests}, group{"Records", recordTests}, group{"Prune", pruneTests})
	}
	for _, group := range groups {
		t.Run(group.name, func(t *testing.T) {
			for _, tt := range group.tests {
				t.Run(tt.name, func(t *testing.T) {
					tt.f(newWorld(t, open(t), o))
				})
			}
		})
	}
	if o.Reopen != nil {
		if o.Kept != nil {
			open = o.Kept
		}
		t.Run("Crash", func(t *testing.T) {
			tests := crashTests
			if o.Whole {
				tests = slices.Concat(tests, deliveryCrashTests)
			}
			for _, tt := range tests {
				t.Run(tt.name, func(t *testing.T) {
					tt.f(newWorld(t, open(t), o))
				})
			}
		})
	}
}

// A test is a promise and what shows that it is kept.
type test struct {
	name string
	f    func(w *world)
}

// A world is a store with two trunks and two bots, and shorthand for what
// operators, the loop and bots do to it. What must work fails the test.
type world struct {
	*testing.T
	s     dialler.Store
	o     Options
	ctx   context.Context
	shift time.Duration
	last  int // number given out

	pruned map[dialler.CampaignID][]dialler.Call // what was let go of
}

const (
	trunk, otherTrunk = "carrier", "backup"
	bot, otherBot     = "asha", "ravi"
	node              = "pbx-1"
	ttl               = time.Minute
)

func newWorld(t *testing.T, s dialler.Store, o Options) *world {
	w := &world{T: t, s: s, o: o, ctx: t.Context()}
	for _, name := range []string{trunk, otherTrunk} {
		w.must(s.PutTrunk(w.ctx, dialler.Trunk{Name: name, Switch: "pbx", Dial: "PJSIP/{number}@" + name}))
	}
	for _, name := range []string{bot, otherBot} {
		w.must(s.PutBot(w.ctx, dialler.Bot{Name: name, Endpoint: "PJSIP/" + name, Callbacks: true}))
	}
	return w
}

// now is the present, as the world has it.
func (w *world) now() time.Time { return time.Now().Add(w.shift).UTC().Truncate(time.Microsecond) }

// pass lets d go by.
func (w *world) pass(d time.Duration) {
	w.Helper()
	w.shift += d
	if w.o.Advance != nil {
		w.o.Advance(w.T, w.s, d)
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// is fails the test unless err is want.
func (w *world) is(err, want error) {
	w.Helper()
	if !errors.Is(err, want) {
		w.Fatalf("got error %v, want %v", err, want)
	}
}

func (w *world) eq(what string, got, want any) {
	w.Helper()
	if g, x := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != x {
		w.Fatalf("%s: got %s, want %s", what, g, x)
	}
}

// near fails the test unless got is a time the store may have chosen for want.
func (w *world) near(what string, got, want time.Time) {
	w.Helper()
	if d := got.Sub(want).Abs(); d > 30*time.Second {
		w.Fatalf("%s: got %v, want about %v", what, got, want)
	}
}

// at fails the test unless two times are one instant.
func (w *world) at(what string, got, want time.Time) {
	w.Helper()
	if !got.Equal(want) {
		w.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// always is a window that is open round the clock, in a zone in which the day
// has just begun: a Single Day campaign has some twenty hours before it.
func (w *world) always() dialler.Window {
	w.Helper()
	east := 2 - w.now().Hour() // of Greenwich, so that it is two in the morning
	if east < -11 {
		east += 24
	}
	zone := "Etc/GMT"
	if east != 0 {
		zone = fmt.Sprintf("Etc/GMT%+d", -east) // POSIX counts westwards
	}
	win, err := dialler.NewWindow(zone, dialler.Hours{"daily": {"00:00-24:00"}})
	w.must(err)
	return win
}

// draft is a campaign's settings: round the clock, everybody rung up to three
// times, a minute apart.
func (w *world) draft(name string, edits ...func(*dialler.Campaign)) dialler.Campaign {
	w.Helper()
	c := dialler.Campaign{
		Name: name, Window: w.always(), Trunk: trunk, Bot: bot, Seats: 100,
		MaxAttempts: 3, RetryDelay: time.Minute, CallbackDetection: true,
	}
	for _, edit := range edits {
		edit(&c)
	}
	return c
}

// campaign makes a campaign and starts it.
func (w *world) campaign(name string, edits ...func(*dialler.Campaign)) dialler.Campaign {
	w.Helper()
	c, err := w.s.CreateCampaign(w.ctx, w.draft(name, edits...))
	w.must(err)
	return w.do(c, dialler.Start)
}

func (w *world) do(c dialler.Campaign, what dialler.CampaignEvent) dialler.Campaign {
	w.Helper()
	c, err := w.s.Transition(w.ctx, c.ID, what, w.now())
	w.must(err)
	return c
}

// numbers makes n numbers nobody has had yet.
func (w *world) numbers(n int) []dialler.Number {
	out := make([]dialler.Number, n)
	for i := range out {
		w.last++
		out[i] = dialler.Number(fmt.Sprintf("+9198%08d", w.last))
	}
	return out
}

// add puts numbers on a campaign's list; all must be new.
func (w *world) add(c dialler.Campaign, numbers ...dialler.Number) {
	w.Helper()
	var list []dialler.NewContact
	for _, n := range numbers {
		list = append(list, dialler.NewContact{Number: n, Vars: map[string]string{"name": "N " + string(n)}})
	}
	dups, err := w.s.AddContacts(w.ctx, c.ID, list, w.now())
	w.must(err)
	if len(dups) > 0 {
		w.Fatalf("duplicates: %+v", dups)
	}
}

// people puts n new people on a campaign's list.
func (w *world) people(c dialler.Campaign, n int) []dialler.Number {
	w.Helper()
	numbers := w.numbers(n)
	w.add(c, numbers...)
	return numbers
}

// contacts lists a campaign's contacts.
func (w *world) contacts(c dialler.Campaign) []dialler.Contact {
	w.Helper()
	var out []dialler.Contact
	var after dialler.ContactID
	for {
		page, err := w.s.Contacts(w.ctx, c.ID, after, 100)
		w.must(err)
		if len(page) == 0 {
			return out
		}
		out = append(out, page...)
		after = page[len(page)-1].ID
	}
}

// contact finds a campaign's contact of that number.
func (w *world) contact(c dialler.Campaign, n dialler.Number) dialler.Contact {
	w.Helper()
	for _, ct := range w.contacts(c) {
		if ct.Number == n {
			return ct
		}
	}
	w.Fatalf("no contact %s in campaign %s", n, c.Name)
	panic("unreachable")
}

func (w *world) state(c dialler.Campaign, n dialler.Number) dialler.ContactState {
	w.Helper()
	return w.contact(c, n).State
}

// request asks for up to n calls of each campaign, and of all together.
func (w *world) request(n int, cs ...dialler.Campaign) dialler.LeaseRequest {
	req := dialler.LeaseRequest{Node: node, Now: w.now(), TTL: ttl}
	trunks := map[string]bool{}
	for _, c := range cs {
		req.Campaigns = append(req.Campaigns, dialler.CampaignQuota{Campaign: c.ID, N: n})
		trunks[c.Trunk] = true
	}
	for _, name := range slices.Sorted(maps.Keys(trunks)) {
		req.Trunks = append(req.Trunks, dialler.TrunkQuota{Trunk: name, N: n})
	}
	return req
}

// lease takes what there is for up to n calls.
func (w *world) lease(n int, cs ...dialler.Campaign) []dialler.Lease {
	w.Helper()
	ls, err := w.s.Lease(w.ctx, w.request(n, cs...))
	w.must(err)
	if !slices.IsSortedFunc(ls, func(a, b dialler.Lease) int { return cmp.Compare(a.Term, b.Term) }) {
		w.Fatalf("the terms are not in the order of the lease: %v", ls)
	}
	return ls
}

// leased takes exactly those numbers, in that order, asking for as many.
func (w *world) leased(want []dialler.Number, cs ...dialler.Campaign) []dialler.Lease {
	w.Helper()
	ls := w.lease(max(len(want), 1), cs...)
	w.eq("leased", called(ls), want)
	return ls
}

// one takes a lease on the one contact that is due.
func (w *world) one(cs ...dialler.Campaign) dialler.Lease {
	w.Helper()
	ls := w.lease(1, cs...)
	if len(ls) != 1 {
		w.Fatalf("leased %d contacts, want one", len(ls))
	}
	return ls[0]
}

// none fails the test if anything can be leased.
func (w *world) none(cs ...dialler.Campaign) {
	w.Helper()
	if ls := w.lease(1000, cs...); len(ls) > 0 {
		w.Fatalf("leased %v, want nobody", called(ls))
	}
}

func called(ls []dialler.Lease) []dialler.Number {
	out := []dialler.Number{}
	for _, l := range ls {
		out = append(out, l.Attempt.Number)
	}
	return out
}

// ended is the outcome of a call that ends now.
func (w *world) ended(d dialler.Disposition) dialler.Outcome {
	now := w.now()
	o := dialler.Outcome{Ended: now, Disposition: d, Cause: dialler.Cause{Q850: 16, Text: "Normal Clearing"}}
	if d == dialler.Answered || d == dialler.Machine || d == dialler.Abandoned {
		o.Answered = now
	}
	return o
}

func (w *world) settle(l dialler.Lease, d dialler.Disposition) dialler.Settlement {
	w.Helper()
	st, err := w.s.Settle(w.ctx, l, w.ended(d))
	w.must(err)
	return st
}

// later is the analysis of somebody who asks to be rung again in words.
func later(phrase, reason string) callback.Analysis {
	a, err := callback.ParseAnalysis(fmt.Appendf(nil, `{"callback_requested": true, "callback_preferred_time_text": %q,
		"callback_reason": %q, "callback_confidence": 0.9, "mood": {"score": 7}}`, phrase, reason))
	if err != nil {
		panic(err)
	}
	return a
}

// content is the analysis of somebody who does not.
func content() callback.Analysis {
	a, err := callback.ParseAnalysis([]byte(`{"callback_requested": false, "mood": "fine"}`))
	if err != nil {
		panic(err)
	}
	return a
}

func (w *world) hear(l dialler.Lease, a callback.Analysis) dialler.Ruling {
	w.Helper()
	r, err := w.s.Hear(w.ctx, l.Attempt.ID, a, w.now())
	w.must(err)
	return r
}

// promised rings the one contact that is due and has it ask to be rung in an
// hour.
func (w *world) promised(c dialler.Campaign) dialler.Ruling {
	w.Helper()
	l := w.one(c)
	w.settle(l, dialler.Answered)
	r := w.hear(l, later("1 hour", "driving"))
	w.eq("verdict", r.Verdict, dialler.RulingScheduled)
	return r
}

func (w *world) campaignNow(c dialler.Campaign) dialler.Campaign {
	w.Helper()
	c, err := w.s.Campaign(w.ctx, c.ID)
	w.must(err)
	return c
}

func (w *world) counters(c dialler.Campaign) dialler.Counters {
	w.Helper()
	n, err := w.s.Counters(w.ctx, c.ID)
	w.must(err)
	return n
}

// outbox reads all messages of a kind.
func (w *world) outbox(kind string) []dialler.Message {
	w.Helper()
	var out []dialler.Message
	var after int64
	for {
		page, err := w.s.Outbox(w.ctx, after, 7)
		w.must(err)
		if len(page) == 0 {
			return out
		}
		for _, m := range page {
			if m.ID <= after {
				w.Fatalf("outbox: message %d after %d", m.ID, after)
			}
			if after = m.ID; m.Kind == kind {
				out = append(out, m)
			}
		}
	}
}

// woken reports whether the store has called since it was last asked.
func (w *world) woken() bool {
	select {
	case <-w.s.Wake():
		return true
	case <-time.After(time.Minute): // a store with a wire between takes a while
		return false
	}
}

// drain forgets a call that came before, should there have been one.
func (w *world) drain() {
	for {
		select {
		case <-w.s.Wake():
		case <-time.After(w.settling()):
			return
		}
	}
}

// settling is how long a call may be under way.
func (w *world) settling() time.Duration {
	if w.o.Advance != nil {
		return 200 * time.Millisecond
	}
	return time.Millisecond
}
