package sqlite

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"ringback/dialler"
	"ringback/dialler/store"
)

// Lease is as [dialler.Ledger] says.
//
// It goes class by class over all trunks, and within a class takes one contact
// at a time: of callbacks and retries the one longest due on the trunk, of
// pending contacts the first on the list of the campaign that was served least
// lately. What a campaign has to offer is read a page at a time from the index
// contact_waiting, which holds it in order, so the cost is that of the
// contacts taken and of those in flight, however many wait.
func (s *Store) Lease(ctx context.Context, req dialler.LeaseRequest) ([]dialler.Lease, error) {
	r := &round{req: req, room: map[resource]int{}, taken: map[dialler.Number]bool{}}
	for _, q := range req.Trunks {
		r.room[resource{aTrunk, q.Trunk}] += max(q.N, 0)
	}
	for _, q := range req.Campaigns {
		r.room[resource{aCampaign, fmt.Sprint(q.Campaign)}] += max(q.N, 0)
	}
	if !r.wants(aTrunk) || !r.wants(aCampaign) {
		return nil, nil
	}
	if r.req.NewID == nil {
		r.req.NewID = func() dialler.CallID { return dialler.CallID(uuid.NewString()) }
	}
	err := s.update(ctx, "lease", func(t *tx) error {
		r.t, r.turns = t, s.turns.Clone()
		if err := r.seat(); err != nil {
			return err
		}
		for _, class := range dialler.LeaseOrder {
			for _, trunk := range r.trunks {
				if err := r.serve(trunk, class); err != nil {
					return fmt.Errorf("%s on trunk %s: %w", class, trunk, err)
				}
			}
		}
		t.after = append(t.after, func() { s.turns = r.turns })
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r.out, nil
}

// A round is one Lease under way.
type round struct {
	t     *tx
	req   dialler.LeaseRequest
	room  map[resource]int // how many more calls each allows
	turns store.Turns

	trunks []string // with a campaign that has room
	queues map[string][]*queue
	taken  map[dialler.Number]bool // in this round
	out    []dialler.Lease
}

// A resource is what a call takes a share of.
type resource struct {
	kind int
	name string
}

const (
	aTrunk = iota
	aBot
	aCampaign
)

// A queue is what one campaign has to offer.
type queue struct {
	id     dialler.CampaignID
	run    int
	trunk  string
	pbx    string // the trunk's switch
	bot    string
	shares [3]resource // trunk, bot, campaign

	class dialler.Class
	page  []candidate
	dry   bool // nothing of class is left beyond page
}

type candidate struct {
	dialler.Contact
	promise dialler.CallbackID
}

func shares(id dialler.CampaignID, trunk, bot string) [3]resource {
	return [3]resource{{aTrunk, trunk}, {aBot, bot}, {aCampaign, fmt.Sprint(id)}}
}

// left is how many more calls q may start.
func (r *round) left(q *queue) int {
	n := math.MaxInt
	for _, k := range q.shares {
		n = min(n, r.room[k])
	}
	return n
}

func (r *round) wants(kind int) bool {
	for k, n := range r.room {
		if k.kind == kind && n > 0 {
			return true
		}
	}
	return false
}

// seat finds the campaigns that may be served, and how much room there is: the
// least of what was asked for and what the calls under way leave free.
func (r *round) seat() error {
	r.queues = map[string][]*queue{}
	limit := map[resource]int{} // as the settings say; 0: none
	err := r.t.each(func(row store.Scanner) error {
		var q queue
		var seats, capacity, channels int
		if err := row.Scan(&q.id, &q.run, &q.trunk, &q.pbx, &q.bot, &seats, &capacity, &channels); err != nil {
			return err
		}
		q.shares = shares(q.id, q.trunk, q.bot)
		k := q.shares
		if channels > 0 {
			limit[k[0]] = channels
		}
		if capacity > 0 {
			limit[k[1]] = capacity
		}
		r.room[k[1]] = math.MaxInt
		r.queues[q.trunk] = append(r.queues[q.trunk], &q)
		limit[k[2]] = seats
		return nil
	}, `SELECT campaign.id, campaign.run, campaign.trunk, trunk.switch, campaign.bot, campaign.seats, bot.capacity, trunk.channels
		FROM campaign JOIN bot ON bot.name = campaign.bot JOIN trunk ON trunk.name = campaign.trunk
		WHERE campaign.state = 'running' ORDER BY campaign.id`)
	if err != nil {
		return err
	}
	// A call counts against the trunk and the bot it was leased with, whatever
	// its campaign has been given since.
	err = r.t.each(func(row store.Scanner) error {
		var id dialler.CampaignID
		var trunk, bot string
		var n int
		if err := row.Scan(&id, &trunk, &bot, &n); err != nil {
			return err
		}
		for _, k := range shares(id, trunk, bot) {
			if _, ok := limit[k]; ok {
				limit[k] -= n
			}
		}
		return nil
	}, `SELECT campaign_id, trunk, bot, count(*) FROM live GROUP BY campaign_id, trunk, bot`)
	if err != nil {
		return err
	}
	for k, free := range limit {
		r.room[k] = min(r.room[k], max(free, 0))
	}
	for trunk, qs := range r.queues {
		open := qs[:0]
		for _, q := range qs {
			if r.left(q) > 0 {
				open = append(open, q)
			}
		}
		r.queues[trunk] = open
	}
	for _, q := range r.req.Trunks { // in the order of the request
		if r.room[resource{aTrunk, q.Trunk}] > 0 && len(r.queues[q.Trunk]) > 0 {
			r.trunks = append(r.trunks, q.Trunk)
		}
	}
	return nil
}

// serve leases what there is of class on trunk.
func (r *round) serve(trunk string, class dialler.Class) error {
	for _, q := range r.queues[trunk] {
		q.class, q.page, q.dry = class, nil, false
	}
	for {
		var best *queue
		for _, q := range r.queues[trunk] {
			ok, err := r.offers(q)
			if err != nil {
				return err
			}
			if ok && (best == nil || r.before(q, best)) {
				best = q
			}
		}
		if best == nil {
			return nil
		}
		if err := r.take(best); err != nil {
			return err
		}
	}
}

// before reports whether q's first is to be rung before p's.
func (r *round) before(q, p *queue) bool {
	a, b := q.page[0], p.page[0]
	if a.Ahead != b.Ahead {
		return a.Ahead
	}
	if q.class != dialler.ClassPending && !a.Due.Equal(b.Due) {
		return a.Due.Before(b.Due)
	}
	if x, y := r.turns.Of(q.id), r.turns.Of(p.id); x != y {
		return x < y
	}
	return q.id < p.id
}

// offers reports whether q has a contact that may be rung, at the front of
// its page.
func (r *round) offers(q *queue) (bool, error) {
	n := r.left(q)
	if n <= 0 {
		return false, nil
	}
	for {
		for len(q.page) > 0 && r.taken[q.page[0].Number] {
			q.page = q.page[1:] // another campaign rings that number
		}
		if len(q.page) > 0 {
			return true, nil
		}
		if q.dry {
			return false, nil
		}
		if err := r.turnPage(q, min(n, 100)); err != nil {
			return false, err
		}
	}
}

// What a lease may take of a campaign: due, its number neither being rung nor
// excluded. Leases of this round are in live already, so the next page begins
// where this one ended.
//
// Of pending contacts nearly all are due "at once" and in the index by ID;
// those that were withdrawn are due later, and few. Two branches keep the
// list's order over both. The few an operator put ahead of the list are due
// before 0.
const (
	mayBeRung = ` AND NOT EXISTS (SELECT 1 FROM live WHERE live.number = contact.number)
		AND NOT EXISTS (SELECT 1 FROM exclusion WHERE exclusion.number = contact.number)`

	queryDue = `SELECT ` + store.ContactColumns + `, coalesce(contact.callback_id, 0) FROM contact
		WHERE contact.campaign_id = ?1 AND contact.state = ?2 AND contact.due <= ?3` + mayBeRung + `
		ORDER BY contact.due, contact.id LIMIT ?4`

	queryPending = `SELECT * FROM (SELECT * FROM (SELECT ` + store.ContactColumns + `, 0 FROM contact
			WHERE contact.campaign_id = ?1 AND contact.state = 'pending' AND contact.due <= 0` + mayBeRung + `
			ORDER BY contact.due, contact.id LIMIT ?3)
		UNION ALL SELECT * FROM (SELECT ` + store.ContactColumns + `, 0 FROM contact
			WHERE contact.campaign_id = ?1 AND contact.state = 'pending' AND contact.due > 0 AND contact.due <= ?2` + mayBeRung + `
			ORDER BY contact.id LIMIT ?3))
		ORDER BY due >= 0, id LIMIT ?3`
)

func (r *round) turnPage(q *queue, n int) error {
	now := r.req.Now.UnixMicro()
	query, args := queryDue, []any{q.id, dialler.RetryScheduled, now, n}
	switch q.class {
	case dialler.ClassCallback:
		args[1] = dialler.CallbackScheduled
	case dialler.ClassPending:
		query, args = queryPending, []any{q.id, now, n}
	}
	q.page = q.page[:0]
	err := r.t.each(func(row store.Scanner) error {
		var c candidate
		if err := row.Scan(append(store.ContactDest(&c.Contact), &c.promise)...); err != nil {
			return err
		}
		q.page = append(q.page, c)
		return nil
	}, query, args...)
	q.dry = len(q.page) < n
	return err
}

// take leases the first contact of q.
func (r *round) take(q *queue) error {
	c := q.page[0]
	q.page = q.page[1:]
	var tries any
	if c.promise != 0 {
		cb, err := store.Promise(r.t, c.promise)
		if err != nil {
			return err
		}
		c.Callback, tries = &cb, cb.Attempts
	}
	l := dialler.Lease{Contact: c.Contact, Node: r.req.Node, Attempt: dialler.Attempt{
		ID: r.req.NewID(), Contact: c.ID, Campaign: q.id, Run: q.run, Number: c.Number,
		N: c.Attempts + 1, Class: q.class, Callback: c.promise, Trunk: q.trunk, Switch: q.pbx, Bot: q.bot,
		Node: r.req.Node, Leased: store.Stored(r.req.Now), Due: c.Due,
	}}
	a := l.Attempt
	if err := r.t.Do(`INSERT INTO attempt (id, contact_id, campaign_id, run, number, n, class, callback_id, kept_tries, trunk, switch, bot, node, leased, due)
		VALUES (?, ?, ?, ?, ?, ?, ?, nullif(?, 0), ?, ?, ?, ?, ?, ?, ?)`,
		a.ID, a.Contact, a.Campaign, a.Run, a.Number, a.N, a.Class, a.Callback, tries, a.Trunk, a.Switch, a.Bot, a.Node, store.Micros(a.Leased), store.Micros(a.Due)); err != nil {
		return err
	}
	if err := r.t.hold(&l, r.req.Now, r.req.TTL); err != nil {
		return err
	}
	for _, k := range q.shares {
		r.room[k]--
	}
	r.turns.Served(q.id)
	r.taken[c.Number] = true
	r.out = append(r.out, l)
	return nil
}

// hold writes l into live under a new term. A number that is being rung fails
// on its unique index: the last word on I1.
func (t *tx) hold(l *dialler.Lease, now time.Time, ttl time.Duration) error {
	term, err := t.insert(`INSERT INTO live (number, call_id, contact_id, campaign_id, trunk, bot, node, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		l.Attempt.Number, l.Attempt.ID, l.Attempt.Contact, l.Attempt.Campaign, l.Attempt.Trunk, l.Attempt.Bot, l.Node, now.Add(ttl).UnixMicro())
	l.Term, l.Trusted = term, store.Trusted(now, ttl)
	return err
}
