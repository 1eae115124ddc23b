package sim

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"ringback/callback"
	"ringback/dialler"
)

// A record is what the world keeps of its own: what the switch did, what was
// written, what the operator wanted. The auditor believes nothing else.
type record struct {
	mu    sync.Mutex
	base  dialler.Store
	zone  *time.Location
	names map[dialler.Number]string
	lines []line
	wrong []string

	calls    map[dialler.CallID]*history
	order    []*history
	changed  map[dialler.CampaignID]time.Time // its state
	halted   map[dialler.CampaignID]string    // by the operator: paused, stopped
	excluded map[dialler.Number]bool
	asked    map[dialler.CallID][]heard
	starts   map[string][]time.Time // of the process by node
	lives    []*process             // by PID, from 1
	blind    bool                   // nobody can look at the process table
	rounds   int
	read     int64 // of the outbox
	ended    map[dialler.CallbackID]dialler.CallbackState

	newID   func() dialler.CallID
	onLease func(dialler.Lease) // mischief
	onAdopt func(dialler.Lease)
	rough   bool // there are faults
	apart   bool // some nodes have no trunk's switch
}

type line struct {
	at   time.Time
	who  string
	text string
}

// A history is one attempt as the world saw it.
type history struct {
	lease     dialler.Lease
	term      int64     // the latest granted
	looked    time.Time // Clear read the store
	lookedBad string    // what should have kept the call from being dialled then
	told      time.Time // the process had Clear's answer
	asked     time.Time // the switch was asked to originate
	placed    time.Time // INVITE
	ended     time.Time // the leg is gone
	refused   bool
	saidGone  int // times Find said it is not there
	toldGone  bool
	settled   time.Time
	outcome   dialler.Outcome
	withdrawn time.Time
	lapses    time.Time // its lease, unless renewed
	stranded  bool      // adopted after the hold, without the switch
}

type heard struct {
	an     callback.Analysis
	ruling dialler.Ruling
	at     time.Time
}

func newRecord(base dialler.Store) *record {
	return &record{
		base: base, zone: time.UTC, names: map[dialler.Number]string{}, calls: map[dialler.CallID]*history{},
		changed: map[dialler.CampaignID]time.Time{}, halted: map[dialler.CampaignID]string{}, excluded: map[dialler.Number]bool{},
		asked: map[dialler.CallID][]heard{}, ended: map[dialler.CallbackID]dialler.CallbackState{}, starts: map[string][]time.Time{},
	}
}

// say adds a line to the transcript. Its caller holds mu.
func (r *record) say(who, format string, args ...any) {
	r.lines = append(r.lines, line{time.Now(), who, fmt.Sprintf(format, args...)})
}

func (r *record) note(who, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.say(who, format, args...)
}

// violated notes that a promise was broken. Its caller holds mu.
func (r *record) violated(promise, format string, args ...any) {
	s := promise + ": " + fmt.Sprintf(format, args...)
	r.wrong = append(r.wrong, s)
	r.say("!!!", "%s", s)
}

// born gives a process its PID.
func (r *record) born(p *process) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lives = append(r.lives, p)
	return len(r.lives)
}

// gone is what the process table says.
func (r *record) gone(p dialler.Process) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.blind {
		return false
	}
	select {
	case <-r.lives[p.PID-1].done:
		return true
	default:
		return false
	}
}

// transcript is the whole story. What happens to several people at the very
// same time is told in the order of their names.
func (r *record) transcript() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := slices.Clone(r.lines)
	slices.SortStableFunc(lines, func(a, b line) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.who, b.who))
	})
	var out strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&out, "%s  %-10s %s\n", l.at.In(r.zone).Format("Mon 15:04:05.000"), l.who, l.text)
	}
	return out.String()
}

func (r *record) who(n dialler.Number) string {
	if s := r.names[n]; s != "" {
		return s
	}
	return string(n)
}

func (r *record) clock(t time.Time) string {
	if t.IsZero() {
		return "at once"
	}
	return t.In(r.zone).Format("Mon 15:04:05")
}

// told takes what the switch did.
func (r *record) told(f Fact) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.calls[f.Leg.ID]
	if h == nil {
		if f.Kind != SaidGone {
			r.violated("I2", "%s: %s, and no attempt %s was ever written down", r.who(f.Leg.Number), f.Kind, f.Leg.ID)
		}
		return
	}
	who := r.who(h.lease.Attempt.Number)
	switch f.Kind {
	case Asked:
		if !h.asked.IsZero() {
			r.violated("I1", "%s: the switch was asked twice for call %s", who, f.Leg.ID)
		}
		r.mayDial(h, f.Leg.Node)
		h.asked = f.At
	case Refused:
		h.refused = true
		r.say(who, "the switch refuses: %s", f.Text)
		return
	case Invite:
		a := h.lease.Attempt
		r.say(who, "INVITE, %s call %d of campaign %s", a.Class, a.N, r.campaign(h).Name)
		r.invited(h)
		h.placed = f.At
	case SaidGone:
		h.saidGone++
		r.say(who, "%s", f.Kind)
		return
	case ToldGone:
		h.toldGone = true
		return
	case Gone:
		h.ended = f.At
		r.say(who, "%s (%s)", f.Kind, f.Text)
	default:
		r.say(who, "%s", f.Kind)
	}
}

func (r *record) campaign(h *history) dialler.Campaign {
	c, err := r.base.Campaign(context.Background(), h.lease.Attempt.Campaign)
	if err != nil {
		r.violated("store", "%v", err)
	}
	return c
}

// A tap is the store as the record sees it: beneath all faults, what comes by
// here has happened. One thing at a time, so that what is checked about a
// write is what was there before it.
type tap struct {
	dialler.Store
	*record
	one sync.Mutex
}

func (t *tap) Lease(ctx context.Context, req dialler.LeaseRequest) ([]dialler.Lease, error) {
	t.one.Lock()
	defer t.one.Unlock()
	req.NewID = t.newID
	before := t.snapshot()
	ls, err := t.Store.Lease(ctx, req)
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range ls {
		h := &history{lease: l, term: l.Term, lapses: req.Now.Add(req.TTL)}
		t.calls[l.Attempt.ID] = h
		t.order = append(t.order, h)
		if t.onLease != nil {
			t.onLease(l)
		}
	}
	t.inOrder(before, req, ls)
	return ls, err
}

func (t *tap) Running(ctx context.Context, now time.Time) ([]dialler.Work, error) {
	t.mu.Lock()
	t.rounds++
	t.mu.Unlock()
	return t.Store.Running(ctx, now)
}

func (t *tap) Clear(ctx context.Context, l dialler.Lease) (dialler.Clearance, error) {
	t.one.Lock()
	defer t.one.Unlock()
	c, err := t.Store.Clear(ctx, l)
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.calls[l.Attempt.ID]
	if h == nil {
		return c, err
	}
	h.looked, h.lookedBad = time.Now(), ""
	switch {
	case h.term != l.Term:
		h.lookedBad = "its lease was lost"
	case t.excluded[l.Attempt.Number]:
		h.lookedBad = "its number was excluded"
	case t.halted[l.Attempt.Campaign] != "":
		h.lookedBad = "its campaign was " + t.halted[l.Attempt.Campaign]
	}
	return c, err
}

func (t *tap) Adopt(ctx context.Context, id dialler.CallID, node string, now time.Time, ttl time.Duration) (dialler.Lease, error) {
	t.one.Lock()
	defer t.one.Unlock()
	l, err := t.Store.Adopt(ctx, id, node, now, ttl)
	if err == nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		h := t.calls[id]
		h.stranded = t.apart && now.Sub(h.lapses) >= dialler.DefaultHold
		h.term, h.lapses = l.Term, now.Add(ttl)
		if t.onAdopt != nil {
			t.onAdopt(l)
		}
		t.say(t.who(l.Attempt.Number), "is adopted by %s", node)
	}
	return l, err
}

// current checks a write that succeeded under a lease. Its caller holds mu.
func (t *tap) current(verb string, l dialler.Lease) *history {
	h := t.calls[l.Attempt.ID]
	if h == nil {
		t.violated("I2", "%s of call %s, which was never leased", verb, l.Attempt.ID)
		return &history{lease: l}
	}
	if h.term != l.Term || !h.settled.IsZero() || !h.withdrawn.IsZero() {
		t.violated("I7", "%s: %s succeeded under term %d; the term is %d, settled %v, withdrawn %v",
			t.who(l.Attempt.Number), verb, l.Term, h.term, !h.settled.IsZero(), !h.withdrawn.IsZero())
	}
	return h
}

func (t *tap) Renew(ctx context.Context, ls []dialler.Lease, now time.Time, ttl time.Duration) ([]dialler.Lease, error) {
	t.one.Lock()
	defer t.one.Unlock()
	kept, err := t.Store.Renew(ctx, ls, now, ttl)
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range kept {
		t.current("renew", l).lapses = now.Add(ttl)
	}
	return kept, err
}

func (t *tap) Mark(ctx context.Context, l dialler.Lease, o dialler.Outcome) error {
	t.one.Lock()
	defer t.one.Unlock()
	err := t.Store.Mark(ctx, l, o)
	if err == nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.current("mark", l)
	}
	return err
}

func (t *tap) Withdraw(ctx context.Context, l dialler.Lease, notBefore, now time.Time) error {
	t.one.Lock()
	defer t.one.Unlock()
	err := t.Store.Withdraw(ctx, l, notBefore, now)
	if err == nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		h := t.current("withdraw", l)
		h.withdrawn = time.Now()
		t.say(t.who(l.Attempt.Number), "is not rung after all")
		t.ends(ctx)
		if !h.placed.IsZero() {
			t.violated("I2", "%s: call %s was withdrawn, and had been placed", t.who(l.Attempt.Number), l.Attempt.ID)
		}
	}
	return err
}

func (t *tap) Settle(ctx context.Context, l dialler.Lease, o dialler.Outcome) (dialler.Settlement, error) {
	t.one.Lock()
	defer t.one.Unlock()
	t.mu.Lock()
	if h := t.calls[l.Attempt.ID]; h != nil {
		t.mayEnd(h)
	}
	t.mu.Unlock()
	s, err := t.Store.Settle(ctx, l, o)
	if err != nil {
		return s, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.current("settle", l)
	h.settled, h.outcome = time.Now(), o
	who := t.who(l.Attempt.Number)
	t.say(who, "settled %s: %s%s", o.Disposition, s.Contact.State, t.due(s.Contact))
	if (s.Contact.Callback != nil) != (s.Contact.State == dialler.CallbackScheduled) {
		t.violated("I5", "%s is %s after the call, and is owed %+v", who, s.Contact.State, s.Contact.Callback)
	}
	t.ends(ctx)
	for _, r := range s.Rulings {
		t.ruled(r)
	}
	return s, err
}

func (r *record) due(ct dialler.Contact) string {
	if !ct.State.Waiting() {
		return ""
	}
	return ", due " + r.clock(ct.Due)
}

func why(w dialler.CloseReason) string {
	if w == "" {
		return ""
	}
	return " (" + string(w) + ")"
}

// ends notes which callbacks have ended since it was last called: what the
// outbox says of it, once of each (I5).
func (r *record) ends(ctx context.Context) {
	ms, err := r.base.Outbox(ctx, r.read, 1000)
	if err != nil {
		r.violated("store", "%v", err)
	}
	for _, m := range ms {
		r.read = m.ID
		if m.Kind != dialler.CallbackOver {
			continue
		}
		var b dialler.CallbackMessage
		if err := json.Unmarshal(m.Body, &b); err != nil {
			r.violated("store", "%v", err)
		}
		if was := r.ended[b.Callback]; was != "" {
			r.violated("I5", "callback %d ended as %s, and then as %s", b.Callback, was, b.State)
		}
		r.ended[b.Callback] = b.State
		r.say(r.who(b.Number), "the callback is %s%s", b.State, why(b.Why))
	}
}

// ruled notes what was decided on an analysis.
func (r *record) ruled(ruling dialler.Ruling) {
	h := r.calls[ruling.Call]
	who := "?"
	if h != nil {
		who = r.who(h.lease.Attempt.Number)
	}
	twice := ""
	if ruling.Duplicate {
		twice = ", which came before"
	}
	switch ruling.Verdict {
	case dialler.RulingScheduled:
		r.mayPromise(ruling)
		r.say(who, "asked %q%s: scheduled for %s (%s)", ruling.Callback.Phrase, twice, r.clock(ruling.Callback.Due), ruling.Callback.State)
	case dialler.RulingRefused:
		r.say(who, "asked to be rung again%s: refused (%s)", twice, ruling.Refused)
	case dialler.RulingDeferred:
		r.say(who, "the analysis came, and waits for the call's end")
	}
}

func (t *tap) Hear(ctx context.Context, id dialler.CallID, an callback.Analysis, now time.Time) (dialler.Ruling, error) {
	t.one.Lock()
	defer t.one.Unlock()
	ruling, err := t.Store.Hear(ctx, id, an, now)
	if err != nil {
		return ruling, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked[id] = append(t.asked[id], heard{an, ruling, now})
	t.ruled(ruling)
	t.ends(ctx)
	return ruling, err
}

func (t *tap) Transition(ctx context.Context, id dialler.CampaignID, what dialler.CampaignEvent, now time.Time) (dialler.Campaign, error) {
	t.one.Lock()
	defer t.one.Unlock()
	before, _ := t.Store.Campaign(ctx, id)
	c, err := t.Store.Transition(ctx, id, what, now)
	if err != nil {
		return c, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.State == before.State {
		return c, err
	}
	t.say("campaign "+c.Name, "%s: %s", what, c.State)
	t.changed[id] = time.Now()
	t.ends(ctx)
	switch c.State {
	case dialler.CampaignPaused:
		t.halted[id] = "paused"
	case dialler.CampaignRunning:
		delete(t.halted, id)
	case dialler.CampaignCompleted:
		if c.Ended != dialler.EndFinished { // finished ones run again by themselves
			t.halted[id] = string(c.Ended)
		}
	}
	return c, err
}

func (t *tap) Exclude(ctx context.Context, numbers []dialler.Number, now time.Time) error {
	t.one.Lock()
	defer t.one.Unlock()
	err := t.Store.Exclude(ctx, numbers, now)
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range numbers {
		if err == nil {
			t.excluded[n] = true
			t.say(t.who(n), "is put on the do-not-call list")
		}
	}
	t.ends(ctx)
	return err
}

func (t *tap) Readmit(ctx context.Context, numbers []dialler.Number) error {
	t.one.Lock()
	defer t.one.Unlock()
	err := t.Store.Readmit(ctx, numbers)
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range numbers {
		if err == nil {
			delete(t.excluded, n)
			t.say(t.who(n), "is taken off the do-not-call list")
		}
	}
	return err
}
