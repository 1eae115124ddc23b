package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"ringback/callback"
	"ringback/dialler"
)

// walkTests take a store on long random walks beside a model of it, a store on
// paper: plain maps, no limits on time or memory, everything found by looking
// at everything. The decisions are package dialler's in both; what is compared
// is what is chosen, kept, counted and told.
var walkTests = []test{
	{"a random walk of 500 operations agrees with a store on paper, seed 1", func(w *world) { w.walk(1, 500) }},
	{"a random walk of 500 operations agrees with a store on paper, seed 2", func(w *world) { w.walk(2, 500) }},
}

// Walk takes an empty store on a random walk of that many operations, beside a
// model of it; Run takes it on a few. The same seed walks the same way.
func Walk(t *testing.T, s dialler.Store, seed uint64, steps int, options ...Options) {
	var o Options
	if len(options) > 0 {
		o = options[0]
	}
	newWorld(t, s, o).walk(seed, steps)
}

// paper is the model.
type paper struct {
	campaigns map[dialler.CampaignID]dialler.Campaign
	bots      map[string]dialler.Bot
	rows      map[dialler.ContactID]*dialler.Contact // as their rows are: never dialling
	excluded  map[dialler.Number]bool
	live      map[dialler.CallID]dialler.Lease
	stale     []dialler.Lease // leases that are lost
	calls     []dialler.Attempt
	kept      map[dialler.CallbackID]*dialler.Callback
	heard     []*note
}

// A note is an analysis on paper, in order of arrival.
type note struct {
	call     dialler.CallID
	contact  dialler.ContactID
	an       callback.Analysis
	at       time.Time
	deferred bool
	ruling   dialler.Ruling
}

type walker struct {
	*world
	*paper
	r    *rand.Rand
	cs   []dialler.CampaignID
	step string
}

func (w *world) walk(seed uint64, steps int) {
	p := &paper{
		campaigns: map[dialler.CampaignID]dialler.Campaign{}, bots: map[string]dialler.Bot{},
		rows: map[dialler.ContactID]*dialler.Contact{}, excluded: map[dialler.Number]bool{},
		live: map[dialler.CallID]dialler.Lease{}, kept: map[dialler.CallbackID]*dialler.Callback{},
	}
	k := &walker{world: w, paper: p, r: rand.New(rand.NewPCG(seed, 7))}
	for i, edit := range []func(*dialler.Campaign){
		func(c *dialler.Campaign) { c.MaxAttempts, c.CallbackMaxAttempts = 4, 2 },
		func(c *dialler.Campaign) { c.Seats, c.Bot = 3, otherBot },
		func(c *dialler.Campaign) { c.Trunk, c.MaxCallbackReschedules = otherTrunk, 1 },
	} {
		c := w.campaign(fmt.Sprintf("c%d", i), edit)
		p.campaigns[c.ID] = c
		k.cs = append(k.cs, c.ID)
	}
	for _, name := range []string{bot, otherBot} {
		p.bots[name] = dialler.Bot{Name: name, Endpoint: "PJSIP/" + name, Callbacks: true}
	}
	for i := range steps {
		op := k.pick()
		k.step = fmt.Sprintf("seed %d, step %d, %s", seed, i, op.name)
		op.do()
		if i%10 == 9 {
			k.compare()
		}
		if i%100 == 99 || i == steps-1 {
			w.audit()
		}
		if w.Failed() {
			w.Fatalf("%s", k.step)
		}
	}
}

type op struct {
	name   string
	weight int
	do     func()
}

func (k *walker) pick() op {
	ops := []op{
		{"add", 8, k.add}, {"lease", 25, k.leaseSome}, {"settle", 30, k.settleOne}, {"settle stale", 3, k.settleStale},
		{"withdraw", 8, k.withdraw}, {"adopt", 3, k.adopt}, {"hear", 20, k.hearOne}, {"exclude", 4, k.exclude},
		{"readmit", 3, k.readmit}, {"transition", 4, k.transition}, {"gate", 1, k.gate}, {"pass", 12, k.passSome},
	}
	total := 0
	for _, o := range ops {
		total += o.weight
	}
	n := k.r.IntN(total)
	for _, o := range ops {
		if n -= o.weight; n < 0 {
			return o
		}
	}
	panic("unreachable")
}

func (k *walker) bad(format string, args ...any) {
	k.Helper()
	k.Fatalf(k.step+": "+format, args...)
}

func (k *walker) rung(id dialler.ContactID) bool {
	for _, l := range k.live {
		if l.Contact.ID == id {
			return true
		}
	}
	return false
}

func (k *walker) busy(n dialler.Number) bool {
	for _, l := range k.live {
		if l.Attempt.Number == n {
			return true
		}
	}
	return false
}

func (k *walker) record(ct *dialler.Contact) dialler.Record {
	c := k.campaigns[ct.Campaign]
	return dialler.Record{Campaign: c, Bot: k.bots[c.Bot], Contact: *ct, Excluded: k.excluded[ct.Number]}
}

func (k *walker) add() {
	c := k.campaigns[k.cs[k.r.IntN(len(k.cs))]]
	var list []dialler.NewContact
	for range 1 + k.r.IntN(8) {
		// Few enough numbers that campaigns share them.
		list = append(list, dialler.NewContact{Number: dialler.Number(fmt.Sprintf("+91700000%04d", k.r.IntN(40)))})
	}
	known := map[dialler.Number]bool{}
	for _, ct := range k.rows {
		if ct.Campaign == c.ID {
			known[ct.Number] = true
		}
	}
	dups := 0
	for _, nc := range list {
		if known[nc.Number] {
			dups++
		}
		known[nc.Number] = true
	}
	got, err := k.s.AddContacts(k.ctx, c.ID, list, k.now())
	k.must(err)
	if len(got) != dups {
		k.bad("%d duplicates, want %d", len(got), dups)
	}
	for _, ct := range k.world.contacts(c) {
		if k.rows[ct.ID] != nil {
			continue
		}
		want := dialler.Pending
		switch {
		case k.excluded[ct.Number]:
			want = dialler.ExcludedContact
		case c.Ended == dialler.EndStopped:
			want = dialler.Stopped
		case c.Ended == dialler.EndFinished:
			c.State, c.Ended = dialler.CampaignRunning, ""
		}
		if ct.State != want {
			k.bad("new contact %d is %s, want %s", ct.ID, ct.State, want)
		}
		k.rows[ct.ID] = &ct
	}
	k.campaigns[c.ID] = c
}

// may lists who can be leased in a class on a trunk, in the order in which
// they are due; pending ones in list order.
func (k *walker) may(class dialler.Class, trunk string, now time.Time) (out []*dialler.Contact) {
	for _, ct := range k.rows {
		c := k.campaigns[ct.Campaign]
		if ct.State.Class() == class && c.Trunk == trunk && c.State == dialler.CampaignRunning &&
			!ct.Due.After(now) && !k.busy(ct.Number) && !k.excluded[ct.Number] && k.room(c) > 0 {
			out = append(out, ct)
		}
	}
	slices.SortFunc(out, func(a, b *dialler.Contact) int {
		if class != dialler.ClassPending && !a.Due.Equal(b.Due) {
			return a.Due.Compare(b.Due)
		}
		return int(a.ID - b.ID)
	})
	return out
}

func (k *walker) room(c dialler.Campaign) int {
	n := c.Seats
	for _, l := range k.live {
		if l.Attempt.Campaign == c.ID {
			n--
		}
	}
	return n
}

func (k *walker) leaseSome() {
	n := 1 + k.r.IntN(4)
	var cs []dialler.Campaign
	for _, id := range k.cs {
		cs = append(cs, k.campaigns[id])
	}
	req := k.request(n, cs...)
	ls, err := k.s.Lease(k.ctx, req)
	k.must(err)
	quota, left := map[string]int{}, map[dialler.CampaignID]int{}
	for _, c := range cs {
		quota[c.Trunk], left[c.ID] = n, n
	}
	offered := func(class dialler.Class, trunk string) (out []*dialler.Contact) {
		for _, ct := range k.may(class, trunk, req.Now) {
			if left[ct.Campaign] > 0 {
				out = append(out, ct)
			}
		}
		return out
	}
	// Of each trunk in the order in which it was leased.
	slices.SortStableFunc(ls, func(a, b dialler.Lease) int { return int(a.Term - b.Term) })
	for _, l := range ls {
		a := l.Attempt
		for _, class := range dialler.LeaseOrder {
			who := offered(class, a.Trunk)
			if class == a.Class {
				i := slices.IndexFunc(who, func(ct *dialler.Contact) bool { return ct.ID == a.Contact })
				if i < 0 {
					k.bad("I1 I9: contact %d may not be leased as %s", a.Contact, class)
				}
				for _, before := range who[:i] {
					if class != dialler.ClassPending || before.Campaign == a.Campaign {
						k.bad("I8: contact %d was leased before contact %d (%s)", a.Contact, before.ID, class)
					}
				}
				break
			}
			if len(who) > 0 {
				k.bad("I8: contact %d was leased as %s while contact %d waits as %s", a.Contact, a.Class, who[0].ID, class)
			}
		}
		ct := k.rows[a.Contact]
		if a.N != ct.Attempts+1 || a.Run != k.campaigns[a.Campaign].Run {
			k.bad("I4: attempt %d of run %d for a contact with %d", a.N, a.Run, ct.Attempts)
		}
		k.live[a.ID] = l
		k.calls = append(k.calls, a)
		left[a.Campaign]--
		if quota[a.Trunk]--; quota[a.Trunk] < 0 || left[a.Campaign] < 0 {
			k.bad("I9: more than was asked for")
		}
	}
	for trunk, more := range quota {
		if more <= 0 {
			continue
		}
		for _, class := range dialler.LeaseOrder {
			if who := offered(class, trunk); len(who) > 0 {
				k.bad("contact %d waits as %s and was not leased", who[0].ID, class)
			}
		}
	}
}

// any picks a live lease, and false if there is none.
func (k *walker) any() (dialler.Lease, bool) {
	var all []dialler.Lease
	for _, l := range k.live {
		all = append(all, l)
	}
	if len(all) == 0 {
		return dialler.Lease{}, false
	}
	slices.SortFunc(all, func(a, b dialler.Lease) int { return int(a.Term - b.Term) })
	return all[k.r.IntN(len(all))], true
}

func (k *walker) settleOne() {
	l, ok := k.any()
	if !ok {
		return
	}
	o := k.ended(dialler.Dispositions[k.r.IntN(len(dialler.Dispositions))])
	st, err := k.s.Settle(k.ctx, l, o)
	k.must(err)
	delete(k.live, l.Attempt.ID)
	k.stale = append(k.stale, l)
	i := slices.IndexFunc(k.calls, func(a dialler.Attempt) bool { return a.ID == l.Attempt.ID })
	k.calls[i].Outcome = o
	ct := k.rows[l.Contact.ID]
	r, cb := k.record(ct).Settle(k.calls[i])
	*ct = r.Contact
	if cb != nil {
		*k.kept[cb.ID] = *cb
		if st.Callback == nil || st.Callback.State != cb.State || st.Callback.Why != cb.Why || st.Callback.Attempts != cb.Attempts {
			k.bad("callback %+v, want %+v", st.Callback, cb)
		}
	}
	k.ruleDeferred(ct, o.Ended, st.Rulings)
	k.same(*ct, st.Contact)
}

// ruleDeferred rules on paper on what waited for ct; got is what the store
// told of that, nil: not told.
func (k *walker) ruleDeferred(ct *dialler.Contact, now time.Time, got []dialler.Ruling) {
	for _, h := range k.heard {
		if h.contact != ct.ID || !h.deferred {
			continue
		}
		var ruling dialler.Ruling
		if got != nil {
			if len(got) == 0 || got[0].Call != h.call {
				k.bad("rulings %+v; the analysis of call %s is next", got, h.call)
			}
			ruling, got = got[0], got[1:]
		} else {
			call, err := k.s.Call(k.ctx, h.call)
			k.must(err)
			ruling = call.Ruling
		}
		at := now
		if h.at.After(at) {
			at = h.at
		}
		k.rule(h, ct, at, ruling)
	}
	if len(got) > 0 {
		k.bad("I11: more rulings than analyses: %+v", got)
	}
}

func (k *walker) rule(h *note, ct *dialler.Contact, now time.Time, got dialler.Ruling) {
	i := slices.IndexFunc(k.calls, func(a dialler.Attempt) bool { return a.ID == h.call })
	r, want := k.record(ct).Hear(k.calls[i], k.kept[k.calls[i].Callback], h.an, &callback.Resolver{}, now)
	if got.Verdict != want.Verdict || got.Refused != want.Refused || (got.Callback == nil) != (want.Callback == nil) {
		k.bad("ruling %+v, want %+v", got, want)
	}
	if want.Callback != nil {
		if got.Callback.State != want.Callback.State || got.Callback.Chain != want.Callback.Chain || got.Callback.Phrase != want.Callback.Phrase {
			k.bad("callback %+v, want %+v", got.Callback, want.Callback)
		}
		want.Callback.ID = got.Callback.ID
		k.kept[got.Callback.ID] = want.Callback
	}
	h.deferred, h.ruling = false, want
	*ct = r.Contact
	k.campaigns[r.Campaign.ID] = r.Campaign
}

func (k *walker) settleStale() {
	if len(k.stale) == 0 {
		return
	}
	_, err := k.s.Settle(k.ctx, k.stale[k.r.IntN(len(k.stale))], k.ended(dialler.Answered))
	if !errors.Is(err, dialler.ErrLeaseLost) {
		k.bad("I7: %v", err)
	}
}

func (k *walker) withdraw() {
	l, ok := k.any()
	if !ok {
		return
	}
	now := k.now()
	var until time.Time
	if k.r.IntN(2) == 0 {
		until = now.Add(53 * time.Second)
	}
	k.must(k.s.Withdraw(k.ctx, l, until, now))
	delete(k.live, l.Attempt.ID)
	k.stale = append(k.stale, l)
	k.calls = slices.DeleteFunc(k.calls, func(a dialler.Attempt) bool { return a.ID == l.Attempt.ID })
	k.heard = slices.DeleteFunc(k.heard, func(h *note) bool { return h.call == l.Attempt.ID })
	ct := k.rows[l.Contact.ID]
	r, cb := k.record(ct).Withdraw(until, now)
	*ct = r.Contact
	if cb != nil {
		*k.kept[cb.ID] = *cb
	}
	k.ruleDeferred(ct, now, nil)
	k.look(ct)
}

func (k *walker) adopt() {
	l, ok := k.any()
	if !ok {
		return
	}
	a, err := k.s.Adopt(k.ctx, l.Attempt.ID, node, k.now(), ttl)
	k.must(err)
	if a.Term <= l.Term {
		k.bad("I7: term %d after %d", a.Term, l.Term)
	}
	k.live[l.Attempt.ID] = a
	k.stale = append(k.stale, l)
}

func (k *walker) hearOne() {
	if len(k.calls) == 0 {
		return
	}
	recent := k.calls[max(0, len(k.calls)-12):]
	a := recent[k.r.IntN(len(recent))]
	an := []callback.Analysis{content(), later("30 minutes", "driving"), later("1 hour", ""), later("whenever", "")}[k.r.IntN(4)]
	now := k.now()
	got, err := k.s.Hear(k.ctx, a.ID, an, now)
	k.must(err)
	i := slices.IndexFunc(k.heard, func(h *note) bool { return h.call == a.ID })
	if i >= 0 {
		h := k.heard[i]
		same := string(h.an.Raw) == string(an.Raw)
		h.an = an
		if !same {
			h.at = now
		}
		if h.deferred || same || h.ruling.Verdict == dialler.RulingScheduled {
			want := h.ruling.Verdict
			if h.deferred {
				want = dialler.RulingDeferred
			}
			if got.Verdict != want || got.Duplicate != (same || want == dialler.RulingScheduled) {
				k.bad("I11: ruling %+v, want %s again", got, want)
			}
			return
		}
	} else {
		i = len(k.heard)
		k.heard = append(k.heard, &note{call: a.ID, contact: a.Contact, an: an, at: now})
	}
	h := k.heard[i]
	if k.rung(a.Contact) {
		h.deferred = true
		if got.Verdict != dialler.RulingDeferred || got.Duplicate {
			k.bad("ruling %+v while contact %d is being rung", got, a.Contact)
		}
		return
	}
	ct := k.rows[a.Contact]
	k.rule(h, ct, now, got)
	k.look(ct)
}

func (k *walker) exclude() {
	n := dialler.Number(fmt.Sprintf("+91700000%04d", k.r.IntN(40)))
	now := k.now()
	k.must(k.s.Exclude(k.ctx, []dialler.Number{n}, now))
	k.excluded[n] = true
	for _, ct := range k.rows {
		if ct.Number == n && ct.State.Waiting() && !k.rung(ct.ID) {
			k.cancel(ct, dialler.ExcludedContact, dialler.ByExclusion, now)
			k.look(ct)
		}
	}
}

func (k *walker) cancel(ct *dialler.Contact, s dialler.ContactState, why dialler.CloseReason, now time.Time) {
	if cb := ct.Callback; cb != nil {
		kept := k.kept[cb.ID]
		kept.State, kept.Why, kept.Closed = dialler.CallbackCancelled, why, now
	}
	ct.State, ct.Due, ct.Callback = s, time.Time{}, nil
}

func (k *walker) readmit() {
	n := dialler.Number(fmt.Sprintf("+91700000%04d", k.r.IntN(40)))
	k.must(k.s.Readmit(k.ctx, []dialler.Number{n}))
	delete(k.excluded, n)
}

func (k *walker) gate() {
	b := k.bots[[]string{bot, otherBot}[k.r.IntN(2)]]
	b.Callbacks = !b.Callbacks
	k.must(k.s.PutBot(k.ctx, b))
	k.bots[b.Name] = b
}

func (k *walker) passSome() {
	k.pass([]time.Duration{7 * time.Second, 67 * time.Second, 1811 * time.Second, 2 * time.Hour}[k.r.IntN(4)])
}

func (k *walker) transition() {
	c := k.campaigns[k.cs[k.r.IntN(len(k.cs))]]
	what := []dialler.CampaignEvent{dialler.Pause, dialler.Stop, dialler.Finish,
		dialler.Resume, dialler.Resume, dialler.Resume, dialler.Restart, dialler.Restart, dialler.Restart}[k.r.IntN(9)] // mostly running
	now := k.now()
	got, err := k.s.Transition(k.ctx, c.ID, what, now)
	want, refused := c.Apply(what, now)
	if (err == nil) != (refused == nil) {
		k.bad("%s: %v, want %v", what, err, refused)
	}
	if err != nil {
		return
	}
	if what == dialler.Finish {
		for _, ct := range k.rows {
			if ct.Campaign == c.ID && ct.State.Waiting() {
				want = c // somebody waits or is being rung
			}
		}
	}
	if got.State != want.State || got.Ended != want.Ended || got.Run != want.Run {
		k.bad("%s: %+v, want %+v", what, got, want)
	}
	k.campaigns[c.ID] = want
	state, why, cancels := what.Cancels()
	for _, ct := range k.rows {
		if ct.Campaign != c.ID {
			continue
		}
		if cancels && ct.State.Waiting() && !k.rung(ct.ID) {
			k.cancel(ct, state, why, now)
		}
		if what == dialler.Restart && ct.State != dialler.Completed && ct.State != dialler.ExcludedContact {
			ct.Attempts = 0
			if !ct.State.Waiting() {
				ct.State = dialler.Pending
				if k.excluded[ct.Number] {
					ct.State = dialler.ExcludedContact
				}
			}
		}
	}
	k.compare()
}

// look compares a contact with what the store has.
func (k *walker) look(ct *dialler.Contact) {
	k.Helper()
	got, err := k.s.Contact(k.ctx, ct.ID)
	k.must(err)
	k.same(*ct, got)
}

func (k *walker) same(want, got dialler.Contact) {
	k.Helper()
	if k.rung(want.ID) {
		want.State = dialler.Dialling
	}
	if got.State != want.State || got.Attempts != want.Attempts || got.Due.Sub(want.Due).Abs() > 30*time.Second ||
		(got.Callback == nil) != (want.Callback == nil) || got.Callback != nil && got.Callback.ID != want.Callback.ID {
		k.bad("contact\n%+v, want\n%+v", got, want)
	}
}

// compare compares everything.
func (k *walker) compare() {
	k.Helper()
	n := 0
	for _, id := range k.cs {
		c := k.campaignNow(dialler.Campaign{ID: id})
		if want := k.campaigns[id]; c.State != want.State || c.Ended != want.Ended || c.Run != want.Run {
			k.bad("campaign %+v, want %+v", c, want)
		}
		for _, ct := range k.world.contacts(c) {
			k.same(*k.rows[ct.ID], ct)
			n++
		}
		for _, call := range k.allCalls(c, dialler.CallbacksRequested) {
			got, want := call.Ruling.Callback, k.kept[call.Ruling.Callback.ID]
			if want == nil || got.State != want.State || got.Why != want.Why || got.Attempts != want.Attempts {
				k.bad("I5: callback %+v, want %+v", got, want)
			}
		}
	}
	if n != len(k.rows) {
		k.bad("%d contacts, want %d", n, len(k.rows))
	}
}
