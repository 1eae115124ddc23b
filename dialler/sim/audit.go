package sim

import (
	"context"
	"slices"
	"time"

	"ringback/dialler"
)

// mayDial checks that a request to originate is one that may be made now (I6),
// and not too soon after the last (I9). Its caller holds mu, as below.
func (r *record) mayDial(h *history, node string) {
	now := time.Now()
	a := h.lease.Attempt
	who, c := r.who(a.Number), r.campaign(h)
	switch {
	case h.told.IsZero() || !h.told.Equal(now):
		r.violated("I6", "%s: dialled at %s, last looked at %s", who, r.clock(now), r.clock(h.told))
	case h.lookedBad != "":
		r.violated("I6", "%s: dialled although %s", who, h.lookedBad)
	}
	if !c.Window.Contains(now) {
		r.violated("I6", "%s: dialled outside the window of %s", who, c.Name)
	}
	if c.Mode == dialler.SingleDay && !c.Closes.IsZero() && !now.Before(c.Closes) {
		r.violated("I6", "%s: dialled after the day of %s, which closed at %s", who, c.Name, r.clock(c.Closes))
	}
	trunk := r.trunk(a.Trunk)
	r.inPace(h, c, trunk, now)
	began := r.starts[node][len(r.starts[node])-1]
	for _, o := range r.order {
		// Only of one process: a new one does not know to the millisecond when
		// the one before it dialled. For all together there is inPace.
		if o.asked.IsZero() || o.lease.Node != node || o.asked.Before(began) {
			continue
		}
		gap := now.Sub(o.asked)
		if trunk.CPS > 0 && o.lease.Attempt.Trunk == a.Trunk && gap < period(trunk.CPS) {
			r.violated("I9", "%s: dialled on trunk %s %v after the call before; CPS is %v", who, a.Trunk, gap, trunk.CPS)
		}
		if c.CPS > 0 && o.lease.Attempt.Campaign == a.Campaign && gap < period(c.CPS) {
			r.violated("I9", "%s: dialled for %s %v after the call before; CPS is %v", who, c.Name, gap, c.CPS)
		}
	}
}

// inPace checks that all nodes together have not begun more calls on a trunk, or
// in a campaign, than its CPS allows in any time that ends now (I9).
func (r *record) inPace(h *history, c dialler.Campaign, trunk dialler.Trunk, now time.Time) {
	for _, of := range []struct {
		what string
		cps  float64
		same func(dialler.Attempt) bool
	}{
		{"trunk " + trunk.Name, trunk.CPS, func(b dialler.Attempt) bool { return b.Trunk == trunk.Name }},
		{"campaign " + c.Name, c.CPS, func(b dialler.Attempt) bool { return b.Campaign == c.ID }},
	} {
		if of.cps <= 0 {
			continue
		}
		begun := []time.Time{now}
		for _, o := range r.order {
			if o != h && !o.asked.IsZero() && of.same(o.lease.Attempt) {
				begun = append(begun, o.asked)
			}
		}
		slices.SortFunc(begun, func(x, y time.Time) int { return y.Compare(x) })
		for i, at := range begun {
			t := now.Sub(at) + dialler.TurnHolds + dialler.TurnSlips
			if most := of.cps*t.Seconds() + 1; float64(i+1) > most+1e-6 {
				r.violated("I9", "%d calls of %s were begun in %v; CPS is %v", i+1, of.what, now.Sub(at), of.cps)
				return
			}
		}
	}
}

func period(cps float64) time.Duration { return time.Duration(float64(time.Second) / cps) }

func (r *record) trunk(name string) dialler.Trunk {
	ts, _ := r.base.Trunks(context.Background())
	for _, t := range ts {
		if t.Name == name {
			return t
		}
	}
	return dialler.Trunk{}
}

func (r *record) bot(name string) dialler.Bot {
	bs, _ := r.base.Bots(context.Background())
	for _, b := range bs {
		if b.Name == name {
			return b
		}
	}
	return dialler.Bot{}
}

// grain is how exactly stores keep times.
const grain = time.Microsecond

// invited checks an INVITE against all calls before it.
func (r *record) invited(h *history) {
	now := time.Now()
	a := h.lease.Attempt
	who, c := r.who(a.Number), r.campaign(h)

	kept, err := r.base.Call(context.Background(), a.ID)
	switch {
	case err != nil:
		r.violated("I2", "%s: INVITE of call %s: %v", who, a.ID, err)
	case !kept.Attempt.Live():
		r.violated("I3", "%s: INVITE of a call that was settled as %s", who, kept.Disposition)
	}

	seats, lines, talks := 1, 1, 1
	n, tries := 1, 1
	var last *history
	for _, o := range r.order {
		b := o.lease.Attempt
		if o == h || !o.withdrawn.IsZero() {
			continue
		}
		if !o.placed.IsZero() && o.ended.IsZero() { // its phone rings, or it talks
			if b.Number == a.Number {
				r.violated("I1", "%s: INVITE of call %s while call %s is up", who, a.ID, b.ID)
			}
			if b.Campaign == a.Campaign {
				seats++
			}
			if b.Trunk == a.Trunk {
				lines++
			}
			if b.Bot == a.Bot {
				talks++
			}
		}
		if b.Contact == a.Contact && b.Run == a.Run {
			last = o
			n++
			if a.Callback != 0 && b.Callback == a.Callback {
				tries++
			}
		}
	}
	if seats > c.Seats {
		r.violated("I9", "%s: %s holds %d calls, and has %d seats", who, c.Name, seats, c.Seats)
	}
	if t := r.trunk(a.Trunk); t.Channels > 0 && lines > t.Channels {
		r.violated("I9", "%s: trunk %s carries %d calls, and has %d channels", who, a.Trunk, lines, t.Channels)
	}
	if b := r.bot(a.Bot); b.Capacity > 0 && talks > b.Capacity {
		r.violated("I9", "%s: bot %s has %d calls, and room for %d", who, a.Bot, talks, b.Capacity)
	}

	switch {
	case a.Callback == 0 && n > c.MaxAttempts:
		r.violated("I4", "%s: call %d of %d", who, n, c.MaxAttempts)
	case a.Callback != 0 && c.CallbackMaxAttempts > 0 && tries > c.CallbackMaxAttempts:
		r.violated("I4", "%s: call %d of %d to keep callback %d", who, tries, c.CallbackMaxAttempts, a.Callback)
	case a.Callback != 0 && c.CallbackMaxAttempts == 0 && tries > 1 && n > c.MaxAttempts:
		r.violated("I4", "%s: call %d of %d, to keep callback %d", who, n, c.MaxAttempts, a.Callback)
	}
	if n != a.N && a.Run == 1 { // a restart counts a call that is up in both runs
		r.violated("I4", "%s: this is call %d; it is written down as %d", who, n, a.N)
	}

	if cb := h.lease.Contact.Callback; cb != nil && now.Add(grain).Before(cb.Due) {
		r.violated("promise", "%s: rung at %s, was promised %s", who, r.clock(now), r.clock(cb.Due))
	}
	if last == nil || a.Class == dialler.ClassPending || a.Class == dialler.ClassCallback && tries == 1 {
		return
	}
	over := last.ended
	if over.IsZero() {
		over = last.outcome.Ended
	}
	if last.settled.IsZero() {
		r.violated("I3", "%s: rung again before the call before was settled", who)
	} else if gap := now.Sub(over); gap+grain < c.RetryDelay {
		r.violated("I3", "%s: rung again after %v; the retry delay is %v", who, gap, c.RetryDelay)
	}
}

// mayEnd checks that a call about to be settled is known to be over: the
// switch said so, by news, by refusing it, or when it was asked (I3); or nobody
// could ask, for as long as such calls are held.
func (r *record) mayEnd(h *history) {
	who := r.who(h.lease.Attempt.Number)
	if !h.toldGone && !h.refused && h.saidGone == 0 && !h.stranded {
		r.violated("I3", "%s: call %s is settled, and the switch was not asked what became of it", who, h.lease.Attempt.ID)
	}
	if !h.placed.IsZero() && h.ended.IsZero() {
		r.violated("I3", "%s: call %s is settled, and is up", who, h.lease.Attempt.ID)
	}
}

// mayPromise checks a callback that was made just now.
func (r *record) mayPromise(ruling dialler.Ruling) {
	cb := ruling.Callback
	if cb == nil || cb.State != dialler.CallbackWaiting || ruling.Duplicate {
		return
	}
	h := r.calls[ruling.Call]
	who, c := r.who(h.lease.Attempt.Number), r.campaign(h)
	if !c.CallbackDetection || !r.bot(c.Bot).Callbacks {
		r.violated("gates", "%s: a callback was scheduled; detection %v, bot %v", who, c.CallbackDetection, r.bot(c.Bot).Callbacks)
	}
	if !c.Window.Contains(cb.Due) {
		r.violated("I6", "%s: a callback was scheduled for %s, outside the window", who, r.clock(cb.Due))
	}
	if r.excluded[h.lease.Attempt.Number] {
		r.violated("I6", "%s: a callback was scheduled to an excluded number", who)
	}
}

// A page is the book before a lease.
type page struct {
	contacts  []dialler.Contact
	campaigns []dialler.Campaign
	live      []dialler.Attempt
	excluded  map[dialler.Number]bool
}

func (t *tap) snapshot() *page {
	b, ok := t.Store.(*Book)
	if !ok {
		return nil // storetest asks the same of the stores on disk
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p := &page{excluded: map[dialler.Number]bool{}}
	for _, ct := range b.contacts {
		if ct.State.Waiting() {
			p.contacts = append(p.contacts, *ct)
		}
	}
	for _, c := range b.campaigns {
		p.campaigns = append(p.campaigns, *c)
	}
	for _, e := range b.live {
		p.live = append(p.live, e.Attempt)
	}
	for n := range b.excluded {
		p.excluded[n] = true
	}
	return p
}

// inOrder checks what was leased against what might have been: nobody who was
// passed over should have gone before somebody who was not (I8). Its caller
// holds mu.
func (t *tap) inOrder(p *page, req dialler.LeaseRequest, ls []dialler.Lease) {
	if p == nil || len(ls) == 0 {
		return
	}
	taken := map[dialler.Number]bool{}
	for _, l := range ls {
		taken[l.Attempt.Number] = true
	}
	for _, a := range p.live {
		taken[a.Number] = true
	}
	for _, x := range p.contacts {
		c := p.campaigns[x.Campaign-1]
		if taken[x.Number] || x.Due.After(req.Now) || p.excluded[x.Number] || c.State != dialler.CampaignRunning || !t.hasRoom(p, req, c, x, ls) {
			continue
		}
		for _, l := range ls {
			if l.Attempt.Trunk == c.Trunk && goesBefore(x, l.Contact) {
				t.violated("I8", "%s (%s, due %s) was passed over for %s (%s, due %s)",
					t.who(x.Number), x.State, t.clock(x.Due), t.who(l.Contact.Number), l.Contact.State, t.clock(l.Contact.Due))
			}
		}
	}
}

// hasRoom reports whether one more of c could have been leased.
func (t *tap) hasRoom(p *page, req dialler.LeaseRequest, c dialler.Campaign, x dialler.Contact, ls []dialler.Lease) bool {
	seats, talks, started := 0, 0, 0
	live := slices.Clone(p.live)
	for _, l := range ls {
		live = append(live, l.Attempt)
		if l.Attempt.Campaign == c.ID {
			started++
		}
	}
	for _, a := range live {
		if a.Campaign == c.ID {
			seats++
		}
		if a.Bot == c.Bot {
			talks++
		}
	}
	if seats >= c.Seats {
		return false
	}
	if b := t.bot(c.Bot); b.Capacity > 0 && talks >= b.Capacity {
		return false
	}
	// The trunk's room is what they compete for: whoever went instead has it.
	for _, q := range req.Campaigns {
		if q.Campaign == c.ID {
			return q.N > started
		}
	}
	return t.forgotten(req, c, x)
}

// forgotten reports whether a campaign that was not asked for should have
// been: for a second nothing has stood against it, and the loop could see that.
func (t *tap) forgotten(req dialler.LeaseRequest, c dialler.Campaign, x dialler.Contact) bool {
	const since = time.Second
	now := time.Now()
	if t.rough || c.CPS > 0 || now.Sub(x.Due) < since || now.Sub(x.Added) < since || now.Sub(t.changed[c.ID]) < since ||
		!c.Window.Contains(now) || !c.Window.Contains(now.Add(-since)) || c.Mode == dialler.SingleDay && !now.Before(c.Closes) {
		return false
	}
	for _, h := range t.order {
		for _, at := range []time.Time{h.settled, h.withdrawn} {
			if (h.lease.Attempt.Campaign == c.ID || h.lease.Attempt.Number == x.Number) && now.Sub(at) < since {
				return false
			}
		}
	}
	for id, hs := range t.asked { // a promise made just now
		if h := t.calls[id]; h.lease.Attempt.Campaign == c.ID && now.Sub(hs[len(hs)-1].at) < since {
			return false
		}
	}
	return true
}

// goesBefore reports whether x is to be rung before y, which was. Between
// pending contacts of two campaigns there is no such thing; they take turns.
func goesBefore(x, y dialler.Contact) bool {
	order := []dialler.ContactState{dialler.CallbackScheduled, dialler.Pending, dialler.RetryScheduled}
	cx, cy := slices.Index(order, x.State), slices.Index(order, y.State)
	switch {
	case cx != cy:
		return cx < cy
	case x.State == dialler.Pending:
		return x.Campaign == y.Campaign && x.ID < y.ID
	}
	return x.Due.Before(y.Due)
}
