package torture

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"ringback/deploy/lab/farend"
	"ringback/dialler"
)

// evidence is all that an audit looks at: what reached the far ends, what the
// database says, and what was done to both.
type evidence struct {
	invites    []farend.Call // to customers, by time
	bots       []farend.Call
	deliveries []farend.Delivery

	campaigns map[dialler.CampaignID]dialler.Campaign
	detection map[string]bool // by bot
	calls     []dialler.Call  // by the time they were leased
	contacts  map[dialler.ContactID]dialler.Contact

	excluded map[string]exclusion
	halts    []halt
	ordeals  []ordeal
	logs     map[string]string // of the nodes: file names

	of     map[string]*dialler.Call // the attempt of an INVITE, by SIP Call-ID
	judged int                      // callbacks whose place in the order could be judged
}

// A violation is a promise of the design that was not kept.
type violation struct {
	promise string // "I1"
	number  string // whose story it is; empty: nobody's
	at      time.Time
	text    string
}

// gather reads it, once all is at rest.
func (f *floor) gather(ctx context.Context, o *operator) (*evidence, error) {
	e := &evidence{
		campaigns: map[dialler.CampaignID]dialler.Campaign{}, detection: map[string]bool{}, contacts: map[dialler.ContactID]dialler.Contact{},
		excluded: o.excluded, halts: o.halts, ordeals: f.ordeals, logs: map[string]string{},
	}
	for _, p := range f.pbxs {
		e.invites = append(e.invites, p.far.Record.Customers()...)
		e.bots = append(e.bots, p.far.Record.Bots()...)
		e.deliveries = append(e.deliveries, p.far.Deliveries()...)
	}
	slices.SortFunc(e.invites, func(a, b farend.Call) int { return a.Invited.Compare(b.Invited) })
	for name, n := range f.nodes {
		e.logs[name] = n.log.file.Name()
	}
	bots, err := f.store.Bots(ctx)
	if err != nil {
		return nil, err
	}
	for _, b := range bots {
		e.detection[b.Name] = b.Callbacks
	}
	cs, err := f.store.Campaigns(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range cs {
		e.campaigns[c.ID] = c
		for q := (dialler.CallQuery{Campaign: c.ID, Limit: 1000}); ; {
			page, next, err := f.store.Calls(ctx, q)
			if err != nil {
				return nil, err
			}
			e.calls = append(e.calls, page...)
			if q.After = next; next == "" {
				break
			}
		}
		for after := dialler.ContactID(0); ; {
			page, err := f.store.Contacts(ctx, c.ID, after, 1000)
			if err != nil {
				return nil, err
			}
			if len(page) == 0 {
				break
			}
			for _, ct := range page {
				e.contacts[ct.ID] = ct
				after = ct.ID
			}
		}
	}
	slices.SortFunc(e.calls, func(a, b dialler.Call) int { return a.Leased.Compare(b.Leased) })
	return e, nil
}

// taken is how many analyses were answered with a yes.
func (e *evidence) taken() (n int) {
	for _, d := range e.deliveries {
		if d.Status/100 == 2 {
			n++
		}
	}
	return n
}

// audit compares it all. What agrees with the states and counters within the
// database itself is storetest.Audit's matter.
func (e *evidence) audit() []violation {
	var found []violation
	for _, look := range []func() []violation{e.match, e.overlaps, e.forsaken, e.seats, e.budgets, e.delays, e.hours, e.conversations, e.promises, e.order} {
		found = append(found, look()...)
	}
	return found
}

// late is how much later than it was sent an INVITE may be taken note of, on a
// machine that has a lot to do.
const late = 250 * time.Millisecond

// match finds the attempt of each INVITE: the one that was under way when it
// came (I2), and not yet settled (I3). No attempt rings twice.
func (e *evidence) match() (found []violation) {
	e.of = map[string]*dialler.Call{}
	to := map[string][]*dialler.Call{}
	for i := range e.calls {
		number := string(e.calls[i].Number)
		to[number] = append(to[number], &e.calls[i])
	}
	rung := map[dialler.CallID]farend.Call{}
	for _, inv := range e.invites {
		var a *dialler.Call
		for _, c := range to[inv.Number] {
			if !c.Leased.After(inv.Invited) {
				a = c
			}
		}
		bad := func(promise, format string, args ...any) {
			found = append(found, violation{promise, inv.Number, inv.Invited, fmt.Sprintf(format, args...)})
		}
		switch {
		case a == nil:
			bad("I2", "an INVITE to %s at %s, and no attempt was written down before", inv.Number, clock(inv.Invited))
			continue
		case !a.Live() && inv.Invited.After(a.Ended.Add(late)):
			bad("I3", "an INVITE to %s at %s, and no attempt was under way: the last one ended at %s as %s", inv.Number, clock(inv.Invited), clock(a.Ended), a.Disposition)
			continue
		}
		if before, twice := rung[a.ID]; twice {
			bad("I2", "two INVITEs to %s for the one attempt %s, at %s and %s", inv.Number, a.ID, clock(before.Invited), clock(inv.Invited))
		}
		rung[a.ID] = inv
		e.of[inv.ID] = a
	}
	for _, b := range e.bots {
		id := farend.Decode(b.Headers)["call-id"]
		if !slices.ContainsFunc(e.calls, func(c dialler.Call) bool { return string(c.ID) == id }) {
			found = append(found, violation{"I2", farend.Decode(b.Headers)["number"], b.Invited,
				fmt.Sprintf("the bot was called at %s for call %q, of which nothing is written down", clock(b.Invited), id)})
		}
	}
	return found
}

// overlaps finds numbers that were rung twice at once (I1).
func (e *evidence) overlaps() (found []violation) {
	for _, o := range farend.Overlaps(e.invites) {
		found = append(found, violation{"I1", o.Second.Number, o.Second.Invited,
			fmt.Sprintf("%s was rung at %s, while a call since %s was up until %s", o.Second.Number, clock(o.Second.Invited), clock(o.First.Invited), clock(o.First.Ended))})
	}
	return found
}

// forsaken finds calls that went on after their attempt was settled (I3): who
// is on the telephone might be rung by somebody else.
func (e *evidence) forsaken() (found []violation) {
	for _, inv := range e.invites {
		a := e.of[inv.ID]
		if a != nil && !a.Live() && inv.Ended.After(a.Ended.Add(grace)) {
			found = append(found, violation{"I3", inv.Number, inv.Ended,
				fmt.Sprintf("the call to %s went on until %s; its attempt was settled as of %s, as %s", inv.Number, clock(inv.Ended), clock(a.Ended), a.Disposition)})
		}
	}
	return found
}

// seats counts the attempts of each campaign that were under way whenever one
// was leased (I9).
func (e *evidence) seats() (found []violation) {
	under := map[dialler.CampaignID][]dialler.Call{}
	for _, a := range e.calls {
		c := e.campaigns[a.Campaign]
		still := slices.DeleteFunc(under[c.ID], func(b dialler.Call) bool { return !b.Live() && !b.Ended.After(a.Leased) })
		still = append(still, a)
		under[c.ID] = still
		if len(still) > c.Seats {
			found = append(found, violation{"I9", string(a.Number), a.Leased, fmt.Sprintf("%s, leased at %s, is call %d at once of %s, which has %d seats", a.Number, clock(a.Leased), len(still), c.Name, c.Seats)})
		}
	}
	return found
}

// a run of a contact: attempts are counted for each.
type tenure struct {
	contact dialler.ContactID
	run     int
}

// budgets counts attempts (I4).
func (e *evidence) budgets() (found []violation) {
	made, tries := map[tenure]int{}, map[dialler.CallbackID]int{}
	for _, a := range e.calls {
		c := e.campaigns[a.Campaign].WithDefaults()
		of := tenure{a.Attempt.Contact, a.Run}
		made[of]++
		n, try := made[of], 0
		if a.Callback != 0 {
			tries[a.Callback]++
			try = tries[a.Callback]
		}
		bad := func(format string, args ...any) {
			found = append(found, violation{"I4", string(a.Number), a.Leased, fmt.Sprintf("%s in %s: ", a.Number, c.Name) + fmt.Sprintf(format, args...)})
		}
		switch {
		case a.Callback == 0 && n > c.MaxAttempts:
			bad("attempt %d of %d", n, c.MaxAttempts)
		case a.Callback != 0 && c.CallbackMaxAttempts > 0 && try > c.CallbackMaxAttempts:
			bad("attempt %d of %d to keep callback %d", try, c.CallbackMaxAttempts, a.Callback)
		case a.Callback != 0 && c.CallbackMaxAttempts == 0 && try > 1 && n > c.MaxAttempts:
			bad("attempt %d of %d, the %d. to keep callback %d", n, c.MaxAttempts, try, a.Callback)
		}
		if cb := a.Ruling.Callback; cb != nil {
			if most := 1 + reschedules(c); cb.Chain > most {
				bad("promise %d in a row of %d", cb.Chain, most)
			}
		}
	}
	return found
}

func reschedules(c dialler.Campaign) int {
	switch n := c.MaxCallbackReschedules; {
	case n == 0:
		return dialler.DefaultMaxReschedules
	case n < 0:
		return 0
	default:
		return n
	}
}

// delays looks at when contacts were rung again (I3), and promises kept.
func (e *evidence) delays() (found []violation) {
	last := map[tenure]dialler.Call{}
	for _, a := range e.calls {
		c := e.campaigns[a.Campaign].WithDefaults()
		of := tenure{a.Attempt.Contact, a.Run}
		before, again := last[of]
		last[of] = a
		bad := func(format string, args ...any) {
			found = append(found, violation{"I3", string(a.Number), a.Leased, fmt.Sprintf("%s in %s: ", a.Number, c.Name) + fmt.Sprintf(format, args...)})
		}
		if a.Leased.Before(a.Due) {
			bad("leased at %s, due at %s", clock(a.Leased), clock(a.Due))
		}
		if !again || a.Class != dialler.ClassRetry && (a.Kept == nil || a.Kept.Attempts == 0) {
			continue
		}
		if before.Live() {
			bad("leased again at %s, and the attempt of %s is not settled", clock(a.Leased), clock(before.Leased))
		} else if gap := a.Leased.Sub(before.Ended); gap < c.RetryDelay-time.Millisecond {
			bad("leased again %v after the last call ended; the retry delay is %v", gap, c.RetryDelay)
		}
	}
	return found
}

// grace is how long after its campaign was halted a phone may yet begin to
// ring: from the last look at the campaign to the INVITE. Where the node slept
// meanwhile, or its requests to the switch did, it begins when they woke.
const grace = 5 * time.Second

func (e *evidence) graced(since time.Time, a *dialler.Call) time.Time {
	until := since.Add(grace)
	for _, o := range e.ordeals {
		slows := o.whom == a.Node && o.what == freeze || o.whom == wireName(a.Node, a.Switch) && (o.what == stall || o.what == slow)
		if slows && o.from.Before(since.Add(grace)) && o.to.After(since.Add(-grace)) && o.to.Add(grace).After(until) {
			until = o.to.Add(grace)
		}
	}
	return until
}

// hours finds INVITEs that came when nobody was to be rung (I6).
func (e *evidence) hours() (found []violation) {
	for _, inv := range e.invites {
		a := e.of[inv.ID]
		if a == nil {
			continue
		}
		c := e.campaigns[a.Campaign]
		bad := func(format string, args ...any) {
			found = append(found, violation{"I6", inv.Number, inv.Invited, fmt.Sprintf("%s in %s was rung at %s, ", inv.Number, c.Name, clock(inv.Invited)) + fmt.Sprintf(format, args...)})
		}
		if closed := closedSince(c.Window, inv.Invited); !closed.IsZero() && inv.Invited.After(e.graced(closed, a)) {
			bad("outside the window, which closed at %s", clock(closed))
		}
		if c.Mode == dialler.SingleDay && !c.Closes.IsZero() && inv.Invited.After(e.graced(c.Closes, a)) {
			bad("after its day, which ended at %s", clock(c.Closes))
		}
		for _, h := range e.halts {
			if h.campaign == int64(a.Campaign) && inv.Invited.Before(h.to) && inv.Invited.After(e.graced(h.from, a)) {
				bad("halted since %s", clock(h.from))
			}
		}
		if x := e.excluded[inv.Number]; !x.sure.IsZero() && inv.Invited.After(e.graced(x.sure, a)) {
			bad("excluded since %s", clock(x.sure))
		}
	}
	return found
}

// closedSince is when the window closed that is not open at t; zero: it is.
// Windows close at full minutes.
func closedSince(w dialler.Window, t time.Time) time.Time {
	if w.Contains(t) {
		return time.Time{}
	}
	m := t.Truncate(time.Minute)
	for range 24 * 60 {
		if w.Contains(m.Add(-time.Second)) {
			return m
		}
		m = m.Add(-time.Minute)
	}
	return m
}

// conversations finds calls that are said to have been answered by the bot,
// and it knows nothing of them.
func (e *evidence) conversations() (found []violation) {
	held := map[string]bool{}
	for _, b := range e.bots {
		if !b.Answered.IsZero() {
			held[farend.Decode(b.Headers)["call-id"]] = true
		}
	}
	for _, a := range e.calls {
		if a.Disposition == dialler.Answered && !held[string(a.ID)] {
			found = append(found, violation{"I5", string(a.Number), a.Leased, fmt.Sprintf("call %s to %s is written down as answered, and no bot was on the line", a.ID, a.Number)})
		}
		if a.Live() {
			found = append(found, violation{"I5", string(a.Number), a.Leased, fmt.Sprintf("call %s to %s was never settled", a.ID, a.Number)})
		}
	}
	return found
}

// promises looks at what became of everything that was asked for (I5): no
// analysis that was taken is lost, none is refused without a reason, and every
// callback has come to its end.
func (e *evidence) promises() (found []violation) {
	calls := map[string]dialler.Call{}
	chains := map[dialler.ContactID]int{} // callbacks made to a contact
	for _, a := range e.calls {
		calls[string(a.ID)] = a
		cb := a.Ruling.Callback
		if cb == nil {
			continue
		}
		chains[a.Attempt.Contact]++
		if cb.State == dialler.CallbackWaiting {
			found = append(found, violation{"I5", string(a.Number), cb.Requested, fmt.Sprintf("callback %d to %s, due %s, waits although its campaign is over", cb.ID, a.Number, clock(cb.Due))})
		}
	}
	said := map[string]map[bool]bool{} // by call: what was taken of it, asked for a callback and not
	for _, d := range e.deliveries {
		if d.Status/100 == 2 {
			if said[d.CallID] == nil {
				said[d.CallID] = map[bool]bool{}
			}
			said[d.CallID][asks(d)] = true
		}
	}
	for _, d := range e.deliveries {
		a, there := calls[d.CallID]
		bad := func(format string, args ...any) {
			found = append(found, violation{"I5", string(a.Number), d.At, fmt.Sprintf("the analysis of call %s to %s: ", d.CallID, a.Number) + fmt.Sprintf(format, args...)})
		}
		if d.Status/100 != 2 {
			if d.Status != 0 && d.Status < 500 {
				bad("was answered %d %s", d.Status, d.Answer)
			}
			continue
		}
		switch r := a.Ruling; {
		case !there || len(a.Analysis) == 0:
			bad("was taken, and is not there")
		case r.Verdict == dialler.RulingNone && said[d.CallID][false]:
		// When a node dies just as the bot comes, the bot may come again: a
		// call with two conversations, and two analyses that differ.
		case !said[d.CallID][true]:
			bad("nothing was asked for, and it is ruled %s %s", r.Verdict, r.Refused)
		case r.Verdict == dialler.RulingScheduled && r.Callback != nil:
		case r.Verdict == dialler.RulingRefused && e.rightly(a, chains, d.At):
		default:
			bad("a callback was asked for, and it is ruled %s %s", r.Verdict, r.Refused)
		}
	}
	return found
}

func asks(d farend.Delivery) bool {
	var said struct {
		Requested bool `json:"callback_requested"`
	}
	_ = json.Unmarshal(d.Body, &said) // of our making
	return said.Requested
}

// rightly reports whether a callback may have been refused for the reason that
// is given.
func (e *evidence) rightly(a dialler.Call, chains map[dialler.ContactID]int, at time.Time) bool {
	c := e.campaigns[a.Campaign]
	switch a.Ruling.Refused {
	case dialler.RefusedBotGate:
		return !e.detection[c.Bot]
	case dialler.RefusedCampaignGate:
		return !c.CallbackDetection
	case dialler.RefusedExcluded:
		x, ok := e.excluded[string(a.Number)]
		return ok && !x.asked.After(at.Add(time.Minute))
	case dialler.RefusedStopped:
		return c.Name == "halted" || c.Name == "minutes"
	case dialler.RefusedLimit:
		return a.Kept != nil && a.Kept.Chain > reschedules(c)
	case dialler.RefusedWaiting:
		return chains[a.Attempt.Contact] > 0
	}
	return false
}

// order looks for callbacks that waited, long since due, while their campaign
// rang somebody who is to come after them (I8). It judges those that came due
// in calm weather: a lease that was taken back, as when a switch is away,
// leaves no trace.
func (e *evidence) order() (found []violation) {
	const settled = 2 * time.Second // for a lease under way, and for one about to be given back
	to := map[dialler.Number][]dialler.Call{}
	for _, a := range e.calls {
		to[a.Number] = append(to[a.Number], a)
	}
	for _, x := range e.calls {
		if x.Class != dialler.ClassCallback {
			continue
		}
		since := x.Due
		// It may have been promised after it was due, and its number may have
		// been rung until just now.
		for _, b := range to[x.Number] {
			if b.Leased.Before(x.Leased) && b.Ended.After(since) {
				since = b.Ended
			}
			if cb := b.Ruling.Callback; cb != nil && cb.ID == x.Callback {
				if told := e.told(b.ID); told.After(since) {
					since = told
				}
			}
		}
		if !e.calm(since, x.Leased) {
			continue
		}
		e.judged++
		for _, y := range e.calls {
			if y.Campaign == x.Campaign && y.Class != dialler.ClassCallback && y.Leased.After(since.Add(settled)) && y.Leased.Before(x.Leased) {
				found = append(found, violation{"I8", string(x.Number), x.Leased, fmt.Sprintf("%s in %s, a callback due %s, was leased at %s, after %s (%s) at %s",
					x.Number, e.campaigns[x.Campaign].Name, clock(x.Due), clock(x.Leased), y.Number, y.Class, clock(y.Leased))})
				break
			}
		}
	}
	return found
}

// told is when the analysis of a call was last taken.
func (e *evidence) told(id dialler.CallID) (at time.Time) {
	for _, d := range e.deliveries {
		if d.CallID == string(id) && d.At.After(at) {
			at = d.At
		}
	}
	return at
}

// calm reports whether nothing went wrong in a time, or shortly before.
func (e *evidence) calm(from, to time.Time) bool {
	const after = 10 * time.Second
	for _, o := range e.ordeals {
		ends := o.to.Add(after)
		if o.what == lose {
			ends = ends.Add(lostNotice)
		}
		if o.from.Before(to) && ends.After(from) {
			return false
		}
	}
	return true
}

// complaints are what a node should never say.
func (l *logbook) complaints() (found []violation) {
	if l.Raced() {
		found = append(found, violation{promise: "the race detector", text: "it spoke up in " + l.file.Name()})
	}
	if l.panic.Load() {
		found = append(found, violation{promise: "no panic", text: "a node panicked: see " + l.file.Name()})
	}
	return found
}

func clock(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("15:04:05.000")
}
