package sim

import (
	"context"
	"fmt"
	"reflect"
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
	began := r.starts[node][len(r.starts[node])-1]
	for _, o := range r.order {
		// Only of one process: a new one does not know when the one before
		// it dialled, and each of two has a share.
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
// switch said so, by news, by refusing it, or when it was asked (I3).
func (r *record) mayEnd(h *history) {
	who := r.who(h.lease.Attempt.Number)
	if !h.toldGone && !h.refused && h.saidGone == 0 {
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

// final checks what the store says in the end.
func (r *record) final(ctx context.Context, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fail := func(err error) bool {
		if err != nil {
			r.violated("store", "%v", err)
		}
		return err != nil
	}
	cs, err := r.base.Campaigns(ctx)
	if fail(err) {
		return
	}
	var contacts []dialler.Contact
	for _, c := range cs {
		list, err := r.base.Contacts(ctx, c.ID, 0, 1000)
		if fail(err) {
			return
		}
		contacts = append(contacts, list...)
	}
	kept := map[dialler.CallID]dialler.Call{}
	for _, c := range cs {
		calls, err := allCalls(ctx, r.base, c.ID)
		if fail(err) {
			return
		}
		for _, call := range calls {
			kept[call.Attempt.ID] = call
		}
		r.counted(ctx, c, calls, contacts)
	}
	for _, h := range r.order {
		r.accounted(h, kept)
	}
	for id, hs := range r.asked {
		r.answered(kept[id], hs)
	}
	for _, ct := range contacts {
		r.stuck(ct, cs[ct.Campaign-1], kept, now)
	}
}

func allCalls(ctx context.Context, s dialler.Store, id dialler.CampaignID) (out []dialler.Call, err error) {
	for q := (dialler.CallQuery{Campaign: id, Limit: 100}); ; {
		page, next, err := s.Calls(ctx, q)
		if err != nil {
			return nil, err
		}
		if out = append(out, page...); next == "" {
			return out, nil
		}
		q.After = next
	}
}

// accounted checks that what was rung is written down.
func (r *record) accounted(h *history, kept map[dialler.CallID]dialler.Call) {
	who := r.who(h.lease.Attempt.Number)
	call, ok := kept[h.lease.Attempt.ID]
	switch {
	case ok != h.withdrawn.IsZero():
		r.violated("I2", "%s: call %s is in the store: %v; it was withdrawn: %v", who, h.lease.Attempt.ID, ok, !h.withdrawn.IsZero())
	case ok && call.Attempt.Live() != h.settled.IsZero():
		r.violated("I7", "%s: call %s is live: %v; it was settled: %v", who, call.Attempt.ID, call.Attempt.Live(), !h.settled.IsZero())
	case ok && !call.Attempt.Live() && call.Disposition != h.outcome.Disposition:
		r.violated("I7", "%s: call %s was settled %s; it now says %s", who, call.Attempt.ID, h.outcome.Disposition, call.Disposition)
	}
}

// answered checks that every analysis has had its answer, and one only.
func (r *record) answered(call dialler.Call, hs []heard) {
	who := r.who(call.Number)
	wants := hs[0].an.Requested
	if len(call.Analysis) == 0 {
		r.violated("I5", "%s: the analysis of call %s is not there", who, call.Attempt.ID)
	}
	switch v := call.Ruling.Verdict; v {
	case dialler.RulingScheduled:
		if !wants || call.Ruling.Callback == nil {
			r.violated("I5", "%s: asked: %v; scheduled: %+v", who, wants, call.Ruling.Callback)
		}
	case dialler.RulingRefused, dialler.RulingNone:
		if wants != (v == dialler.RulingRefused) {
			r.violated("I5", "%s: asked: %v; the ruling is %s", who, wants, v)
		}
	case dialler.RulingDeferred:
		if call.Contact.State != dialler.Dialling {
			r.violated("I5", "%s: nobody rings, and the request of call %s still waits", who, call.Attempt.ID)
		}
	default:
		r.violated("I5", "%s: call %s has no ruling", who, call.Attempt.ID)
	}
	var made dialler.CallbackID
	for _, h := range hs {
		if cb := h.ruling.Callback; cb != nil {
			if made != 0 && made != cb.ID {
				r.violated("I11", "%s: the analysis of call %s made callbacks %d and %d", who, call.Attempt.ID, made, cb.ID)
			}
			made = cb.ID
		}
	}
}

// counted checks a campaign's counters against its lists (I5).
func (r *record) counted(ctx context.Context, c dialler.Campaign, calls []dialler.Call, contacts []dialler.Contact) {
	got, err := r.base.Counters(ctx, c.ID)
	if err != nil {
		r.violated("store", "%v", err)
		return
	}
	want := dialler.Counters{
		Contacts: map[dialler.ContactState]int{}, Dispositions: map[dialler.Disposition]int{},
		Callbacks: map[dialler.CallbackState]int{}, Closed: map[dialler.CloseReason]int{}, Refused: map[dialler.RefusalReason]int{},
	}
	promises := map[dialler.CallbackID]dialler.Callback{}
	asked := map[dialler.CallID]bool{}
	var delay time.Duration
	for _, call := range calls {
		want.Attempts++
		if call.Attempt.Live() {
			want.Live++
		} else {
			want.Dispositions[call.Disposition]++
		}
		if call.Ruling.Refused != "" {
			want.Refused[call.Ruling.Refused]++
		}
		if cb := call.Ruling.Callback; cb != nil {
			if _, twice := promises[cb.ID]; twice || asked[cb.AskedOn] {
				r.violated("I11", "callback %d is there twice", cb.ID)
			}
			promises[cb.ID], asked[cb.AskedOn] = *cb, true
			want.Requested++
			want.Callbacks[cb.State]++
			if cb.Why != "" {
				want.Closed[cb.Why]++
			}
			delay += cb.Delay()
			final := cb.State != dialler.CallbackWaiting
			if final == cb.Closed.IsZero() || (cb.Why != "") != (cb.State == dialler.CallbackClosed || cb.State == dialler.CallbackCancelled) {
				r.violated("I5", "callback %d is %s, closed at %s, because %q", cb.ID, cb.State, r.clock(cb.Closed), cb.Why)
			}
			if told := r.ended[cb.ID]; final != (told != "") || final && told != cb.State {
				r.violated("I5", "callback %d is %s; the outbox told of %q", cb.ID, cb.State, told)
			}
			limit := map[bool]int{true: 5, false: max(c.MaxCallbackReschedules, 0)}[c.MaxCallbackReschedules == 0]
			if cb.Chain > limit+1 {
				r.violated("I4", "callback %d is the %dth of its chain; %d may follow the first", cb.ID, cb.Chain, limit)
			}
		}
	}
	for _, ct := range contacts {
		if ct.Campaign != c.ID {
			continue
		}
		want.Contacts[ct.State]++
		switch owed := ct.Callback; {
		case (ct.State == dialler.CallbackScheduled) && owed == nil, owed != nil && ct.State != dialler.CallbackScheduled && ct.State != dialler.Dialling:
			r.violated("I5", "%s is %s, and is owed %+v", r.who(ct.Number), ct.State, owed)
		case owed != nil:
			if promises[owed.ID].State != dialler.CallbackWaiting {
				r.violated("I5", "%s is owed callback %d, which is %s", r.who(ct.Number), owed.ID, promises[owed.ID].State)
			}
			delete(promises, owed.ID)
		}
		if c.State == dialler.CampaignCompleted && ct.State.Waiting() {
			r.violated("I5", "%s waits (%s) in campaign %s, which is over", r.who(ct.Number), ct.State, c.Name)
		}
	}
	for _, cb := range promises {
		if cb.State == dialler.CallbackWaiting {
			r.violated("I5", "callback %d waits, and its contact does not know", cb.ID)
		}
	}
	if want.Requested > 0 {
		want.AvgDelay = delay / time.Duration(want.Requested)
	}
	if d := got.AvgDelay - want.AvgDelay; d.Abs() <= time.Microsecond {
		got.AvgDelay = want.AvgDelay
	}
	for _, m := range []any{got.Contacts, got.Dispositions, got.Callbacks, got.Closed, got.Refused} {
		v := reflect.ValueOf(m)
		for _, k := range v.MapKeys() {
			if v.MapIndex(k).IsZero() {
				v.SetMapIndex(k, reflect.Value{})
			}
		}
	}
	if !reflect.DeepEqual(got, want) {
		r.violated("I5", "the counters of %s are\n%+v; counted\n%+v", c.Name, got, want)
	}
}

// stuck checks that nobody was forgotten: whoever is due long since, with
// nothing against it, should have been rung.
func (r *record) stuck(ct dialler.Contact, c dialler.Campaign, kept map[dialler.CallID]dialler.Call, now time.Time) {
	const long = 6 * time.Minute
	for _, call := range kept {
		if call.Attempt.Live() && now.Sub(call.Leased) > 2*time.Hour {
			r.violated("I5", "call %s to %s is not settled after %v", call.Attempt.ID, r.who(call.Number), now.Sub(call.Leased))
		}
	}
	if !ct.State.Waiting() || c.State != dialler.CampaignRunning || now.Sub(ct.Due) < long || now.Sub(r.changed[c.ID]) < long || now.Sub(ct.Added) < long {
		return
	}
	for at := now.Add(-long); at.Before(now); at = at.Add(10 * time.Second) {
		if !c.Window.Contains(at) {
			return
		}
	}
	bot, trunk := r.bot(c.Bot), r.trunk(c.Trunk)
	for _, h := range r.order {
		a := h.lease.Attempt
		over := h.settled
		if !h.withdrawn.IsZero() {
			over = h.withdrawn
		}
		if (over.IsZero() || now.Sub(over) < long) && (a.Campaign == c.ID || a.Number == ct.Number || bot.Capacity > 0 && a.Bot == c.Bot || a.Trunk == c.Trunk && (trunk.Channels > 0 || trunk.CPS > 0)) {
			return // somebody else had the seat, the line or the phone
		}
	}
	r.violated("I5", "%s (%s, campaign %s) has been due since %s, and nothing stands against it", r.who(ct.Number), ct.State, c.Name, r.clock(ct.Due))
}

// verdict is what the auditor has to say, empty if nothing.
func (r *record) verdict() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.wrong) == 0 {
		return ""
	}
	s := fmt.Sprintf("%d violations:", len(r.wrong))
	for i, w := range r.wrong {
		if i == 10 {
			s += "\n  …"
			break
		}
		s += "\n  " + w
	}
	return s
}
