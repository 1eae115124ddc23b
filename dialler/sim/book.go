package sim

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"ringback/callback"
	"ringback/dialler"
)

var _ dialler.Store = (*Book)(nil)

// A Book is a store in memory: the plainest reading of [dialler.Store] that
// can be written, one lock around slices and maps. It is quick enough for ten
// thousand campaigns, blocks on nothing that a synctest bubble can't see, and
// is a second opinion on what the stores on disk do. It is not for use outside
// of tests: nothing is kept.
type Book struct {
	words *callback.Resolver
	wake  chan struct{}

	mu        sync.Mutex
	trunks    []dialler.Trunk
	bots      []dialler.Bot
	campaigns []*dialler.Campaign // ID is index + 1
	contacts  []*dialler.Contact  // likewise; State is the one it waited in while it is rung
	calls     []*entry            // in the order they were leased
	callbacks []*dialler.Callback // likewise
	heard     []*entry            // those with an analysis, in the order they came
	live      []*entry
	excluded  map[dialler.Number]bool
	outbox    []dialler.Message
	drafts    []dialler.Draft // the last changed first
	nodes     map[string]dialler.Node
	paces     map[string]time.Time // the last turn of a trunk or campaign
	term      int64
	turn      int64
	turns     map[dialler.CampaignID]int64
}

// An entry is an attempt in the book.
type entry struct {
	dialler.Attempt
	term    int64 // of its lease; 0: settled
	holder  string
	expires time.Time

	heard   *callback.Analysis
	heardAt time.Time
	ruling  dialler.Ruling // its Callback is shared with the book's
	body    []byte
}

// NewBook returns an empty book. words nil: the built-in words.
func NewBook(words *callback.Resolver) *Book {
	if words == nil {
		words = &callback.Resolver{}
	}
	return &Book{
		words: words, wake: make(chan struct{}, 1),
		excluded: map[dialler.Number]bool{}, nodes: map[string]dialler.Node{}, paces: map[string]time.Time{}, turns: map[dialler.CampaignID]int64{},
	}
}

// Wake is as [dialler.Ledger] says.
func (b *Book) Wake() <-chan struct{} { return b.wake }

// Close does nothing.
func (b *Book) Close() error { return nil }

// Ping reports that the book is there.
func (b *Book) Ping(context.Context) error { return nil }

func (b *Book) rouse() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *Book) campaign(id dialler.CampaignID) (*dialler.Campaign, error) {
	if id < 1 || int(id) > len(b.campaigns) || b.campaigns[id-1].ID == 0 {
		return nil, fmt.Errorf("campaign %d: %w", id, dialler.ErrNotFound)
	}
	return b.campaigns[id-1], nil
}

func (b *Book) trunk(name string) (dialler.Trunk, error) {
	for _, t := range b.trunks {
		if t.Name == name {
			return t, nil
		}
	}
	return dialler.Trunk{}, fmt.Errorf("trunk %q: %w", name, dialler.ErrNotFound)
}

func (b *Book) bot(name string) (dialler.Bot, error) {
	for _, t := range b.bots {
		if t.Name == name {
			return t, nil
		}
	}
	return dialler.Bot{}, fmt.Errorf("bot %q: %w", name, dialler.ErrNotFound)
}

func (b *Book) call(id dialler.CallID) *entry {
	for i := len(b.calls) - 1; i >= 0; i-- {
		if b.calls[i].ID == id {
			return b.calls[i]
		}
	}
	return nil
}

// rung returns the live call to number n, or nil.
func (b *Book) rung(n dialler.Number) *entry {
	for _, e := range b.live {
		if e.Number == n {
			return e
		}
	}
	return nil
}

func (b *Book) record(ct *dialler.Contact) dialler.Record {
	c := b.campaigns[ct.Campaign-1]
	bot, _ := b.bot(c.Bot)
	return dialler.Record{Campaign: *c, Bot: bot, Contact: *ct, Excluded: b.excluded[ct.Number]}
}

// Lease is as [dialler.Ledger] says.
func (b *Book) Lease(ctx context.Context, req dialler.LeaseRequest) ([]dialler.Lease, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var out []dialler.Lease
	for _, class := range dialler.LeaseOrder {
		for _, q := range req.Trunks {
			for {
				ct := b.first(req, q.Trunk, class, out)
				if ct == nil {
					break
				}
				out = append(out, b.lease(req, ct, class))
			}
		}
	}
	return out, nil
}

// first returns the contact of class to be rung next on trunk, or nil: out has
// been leased already.
func (b *Book) first(req dialler.LeaseRequest, trunk string, class dialler.Class, out []dialler.Lease) (best *dialler.Contact) {
	full := map[dialler.CampaignID]bool{}
	for _, c := range b.campaigns {
		full[c.ID] = c.Trunk != trunk || b.room(req, c, out) <= 0
	}
	for _, ct := range b.contacts {
		if ct.State.Class() != class || ct.Due.After(req.Now) || full[ct.Campaign] || b.excluded[ct.Number] || b.rung(ct.Number) != nil {
			continue
		}
		if best == nil || b.before(class, ct, best) {
			best = ct
		}
	}
	return best
}

// before reports whether x goes before y, both of class.
func (b *Book) before(class dialler.Class, x, y *dialler.Contact) bool {
	if x.Ahead != y.Ahead {
		return x.Ahead
	}
	if class != dialler.ClassPending && !x.Due.Equal(y.Due) {
		return x.Due.Before(y.Due)
	}
	if tx, ty := b.turns[x.Campaign], b.turns[y.Campaign]; x.Campaign != y.Campaign && tx != ty {
		return tx < ty
	}
	return x.ID < y.ID
}

// room is how many more calls of c may be leased after out: the least of what
// was asked for and what is free.
func (b *Book) room(req dialler.LeaseRequest, c *dialler.Campaign, out []dialler.Lease) int {
	if c.State != dialler.CampaignRunning {
		return 0
	}
	var quota, onTrunk int
	for _, q := range req.Campaigns {
		if q.Campaign == c.ID {
			quota += max(q.N, 0)
		}
	}
	for _, q := range req.Trunks {
		if q.Trunk == c.Trunk {
			onTrunk += max(q.N, 0)
		}
	}
	for _, l := range out {
		if l.Attempt.Campaign == c.ID {
			quota--
		}
		if l.Attempt.Trunk == c.Trunk {
			onTrunk--
		}
	}
	n := min(quota, onTrunk)
	bot, _ := b.bot(c.Bot)
	trunk, _ := b.trunk(c.Trunk)
	var seats, talks, lines int
	for _, e := range b.live {
		if e.Campaign == c.ID {
			seats++
		}
		if e.Bot == c.Bot {
			talks++
		}
		if e.Trunk == c.Trunk {
			lines++
		}
	}
	n = min(n, c.Seats-seats)
	if bot.Capacity > 0 {
		n = min(n, bot.Capacity-talks)
	}
	if trunk.Channels > 0 {
		n = min(n, trunk.Channels-lines)
	}
	return n
}

func (b *Book) lease(req dialler.LeaseRequest, ct *dialler.Contact, class dialler.Class) dialler.Lease {
	c := b.campaigns[ct.Campaign-1]
	trunk, _ := b.trunk(c.Trunk)
	id := dialler.CallID(uuid.NewString())
	if req.NewID != nil {
		id = req.NewID()
	}
	e := &entry{Attempt: dialler.Attempt{
		ID: id, Contact: ct.ID, Campaign: c.ID, Run: c.Run, Number: ct.Number, N: ct.Attempts + 1, Class: class,
		Trunk: c.Trunk, Switch: trunk.Switch, Bot: c.Bot, Node: req.Node, Leased: req.Now, Due: ct.Due,
	}}
	if ct.Callback != nil {
		e.Callback = ct.Callback.ID
	}
	b.turn++
	b.turns[c.ID] = b.turn
	b.calls = append(b.calls, e)
	b.live = append(b.live, e)
	return b.hold(e, req.Node, req.Now, req.TTL)
}

// hold gives e's lease to node under a new term.
func (b *Book) hold(e *entry, node string, now time.Time, ttl time.Duration) dialler.Lease {
	b.term++
	e.term, e.holder, e.expires = b.term, node, now.Add(ttl)
	return dialler.Lease{
		Attempt: e.Attempt, Contact: clone(b.contacts[e.Contact-1]), Node: node, Term: e.term, Trusted: trusted(now, ttl),
	}
}

func trusted(now time.Time, ttl time.Duration) time.Time {
	return now.Add(ttl - time.Duration(float64(ttl)*dialler.LeaseMargin))
}

func clone(ct *dialler.Contact) dialler.Contact {
	c := *ct
	if c.Callback != nil {
		cb := *c.Callback
		c.Callback = &cb
	}
	return c
}

// held returns l's entry, or ErrLeaseLost if its term is not current.
func (b *Book) held(l dialler.Lease) (*entry, error) {
	for _, e := range b.live {
		if e.ID == l.Attempt.ID && e.term == l.Term {
			return e, nil
		}
	}
	return nil, fmt.Errorf("term %d of call %s: %w", l.Term, l.Attempt.ID, dialler.ErrLeaseLost)
}

// Renew is as [dialler.Ledger] says. A lease that has lapsed and that nobody
// has adopted is still its holder's.
func (b *Book) Renew(ctx context.Context, ls []dialler.Lease, now time.Time, ttl time.Duration) (kept []dialler.Lease, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, l := range ls {
		if e, err := b.held(l); err == nil {
			e.expires = now.Add(ttl)
			l.Trusted = trusted(now, ttl)
			kept = append(kept, l)
		}
	}
	return kept, nil
}

// Clear is as [dialler.Ledger] says.
func (b *Book) Clear(_ context.Context, l dialler.Lease) (c dialler.Clearance, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, err = b.held(l)
	c.Held = err == nil
	campaign, err := b.campaign(l.Attempt.Campaign)
	if err != nil {
		return c, err
	}
	c.Campaign, c.Excluded = *campaign, b.excluded[l.Attempt.Number]
	if c.Bot, err = b.bot(campaign.Bot); err != nil {
		return c, err
	}
	if c.Trunk, err = b.trunk(campaign.Trunk); err != nil {
		return c, err
	}
	if c.Paced = !l.Adopted; c.Paced && c.Held && campaign.State == dialler.CampaignRunning && !c.Excluded {
		b.takeTurn(&c, time.Now())
	}
	return c, err
}

// Adrift is as [dialler.Ledger] says; the longest begun first.
func (b *Book) Adrift(_ context.Context, node string, now time.Time) (out []dialler.Attempt, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.live {
		if e.holder == node || !now.Before(e.expires) {
			out = append(out, e.Attempt)
		}
	}
	return out, nil
}

// Adopt is as [dialler.Ledger] says.
func (b *Book) Adopt(ctx context.Context, id dialler.CallID, node string, now time.Time, ttl time.Duration) (dialler.Lease, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return dialler.Lease{}, err
	}
	for _, e := range b.live {
		if e.ID == id && (e.holder == node || !now.Before(e.expires)) {
			l := b.hold(e, node, now, ttl)
			l.Adopted = true
			return l, nil
		}
	}
	return dialler.Lease{}, fmt.Errorf("call %s: %w", id, dialler.ErrLeaseLost)
}

// Call is as [dialler.Ledger] says.
func (b *Book) Call(_ context.Context, id dialler.CallID) (dialler.Call, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.call(id)
	if e == nil {
		return dialler.Call{}, fmt.Errorf("call %s: %w", id, dialler.ErrNoCall)
	}
	return b.asCall(e), nil
}

// Running is as [dialler.Ledger] says.
func (b *Book) Running(_ context.Context, now time.Time) (out []dialler.Work, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.campaigns {
		if c.State != dialler.CampaignRunning && (c.State != dialler.CampaignPaused || c.Mode != dialler.SingleDay) {
			continue
		}
		w := dialler.Work{Campaign: *c}
		if w.Bot, err = b.bot(c.Bot); err != nil {
			return nil, err
		}
		if w.Trunk, err = b.trunk(c.Trunk); err != nil {
			return nil, err
		}
		for _, e := range b.live {
			if e.Campaign == c.ID {
				w.Live++
			}
		}
		for _, ct := range b.contacts {
			if ct.Campaign != c.ID {
				continue
			}
			w.Contacts++
			if !ct.State.Waiting() || b.ringing(ct) {
				continue
			}
			w.Waiting++
			if b.rung(ct.Number) != nil {
				continue
			}
			due := ct.Due
			if due.IsZero() {
				due = now
			}
			if w.NextDue.IsZero() || due.Before(w.NextDue) {
				w.NextDue = due
			}
		}
		out = append(out, w)
	}
	return out, nil
}

// ringing reports whether ct itself is being rung.
func (b *Book) ringing(ct *dialler.Contact) bool {
	e := b.rung(ct.Number)
	return e != nil && e.Contact == ct.ID
}

func (b *Book) drop(e *entry) {
	b.live = slices.DeleteFunc(b.live, func(o *entry) bool { return o == e })
	e.term = 0
}
