package dialler

import (
	"time"

	"ringback/callback"
)

// A Record is all that a decision about one contact looks at. Its methods are
// the whole of a contact's state machine: they have no clock, no store and no
// switch, and the same arguments always give the same answer. A store reads
// the record, asks, and writes what came back, in one transaction.
type Record struct {
	Campaign Campaign
	Bot      Bot
	Contact  Contact // Contact.Callback is the promise still owed
	Excluded bool    // the number is on the do-not-call list
}

// Settle returns the record as it stands after attempt a, which has ended, and
// the promise that the attempt was to keep, as it now stands (nil: none).
//
//	conversation held ─────────────────▶ completed          callback completed
//	callback met a machine ────────────▶ machine            callback closed (voicemail)
//	callback met no bot ───────────────▶ abandoned          callback closed (abandoned)
//	no tries left, or not to be retried▶ exhausted          callback exhausted
//	excluded, stopped, day over ───────▶ excluded, …        callback cancelled
//	else, callback ────────────────────▶ callback_scheduled after the retry delay, inside the window
//	else, ordinary ────────────────────▶ retry_scheduled    likewise
//
// The rules are looked at in that order. RetryOn is about ordinary calls: a
// promise is tried until it is kept or spent, whatever came of the last try,
// for somebody did talk to us on that number. A paused campaign makes no
// difference here, only to dialling.
func (r Record) Settle(a Attempt) (Record, *Callback) {
	ct := &r.Contact
	ct.Attempts++
	ct.Settled = a.Ended
	ct.Due, ct.Ahead = time.Time{}, false
	cb := ct.Callback.clone() // the caller's copy is left alone
	ct.Callback = nil
	if cb != nil {
		cb.Attempts++
	}
	end := func(s ContactState, cs CallbackState, why CloseReason) (Record, *Callback) {
		ct.State = s
		cb.close(cs, why, a.Ended)
		return r, cb
	}

	switch {
	case a.Disposition == Answered:
		return end(Completed, CallbackCompleted, "")
	case cb != nil && a.Disposition == Machine:
		return end(MachineReached, CallbackClosed, ByVoicemail)
	case cb != nil && a.Disposition == Abandoned:
		return end(AbandonedContact, CallbackClosed, ByAbandoned)
	case r.spent(cb), cb == nil && !r.Campaign.retries(a.Disposition):
		return end(Exhausted, CallbackExhausted, "")
	}
	if s, why, over := r.over(a.Ended); over {
		return end(s, CallbackCancelled, why)
	}
	due, ok := r.Campaign.Window.Next(a.Ended.Add(r.Campaign.retryDelay()))
	if !ok {
		return end(WindowClosed, CallbackCancelled, ByWindowClose)
	}
	ct.Due = due
	ct.State = RetryScheduled
	if cb != nil {
		ct.State = CallbackScheduled // it keeps its place ahead of all who never asked
		cb.Due = due
		ct.Callback = cb
	}
	return r, cb
}

// spent reports whether no try is left. It is asked after an attempt, so a
// promise has always had at least one (I4).
func (r Record) spent(cb *Callback) bool {
	if cb != nil && r.Campaign.CallbackMaxAttempts > 0 {
		return cb.Attempts >= r.Campaign.CallbackMaxAttempts
	}
	return r.Contact.Attempts >= r.Campaign.MaxAttempts
}

// over reports whether nothing more may wait for this contact at now, what
// then becomes of it, and why its callback is cancelled.
func (r Record) over(now time.Time) (ContactState, CloseReason, bool) {
	c := r.Campaign
	switch {
	case r.Excluded:
		return ExcludedContact, ByExclusion, true
	case c.State == CampaignCompleted && c.Ended == EndStopped:
		return Stopped, ByStop, true
	case c.State == CampaignCompleted && c.Ended == EndWindowClosed, c.DayOver(now):
		return WindowClosed, ByWindowClose, true
	}
	return "", "", false
}

// Withdraw returns the record as it stands when a lease is taken back whose
// call was never asked for: the contact waits again, in the state it waited in
// before, not to be leased before notBefore, unless something has ended its
// wait since. The callback returned is the one that was cancelled by that;
// nil: none.
func (r Record) Withdraw(notBefore, now time.Time) (Record, *Callback) {
	ct := &r.Contact
	if s, why, over := r.over(now); over {
		cb := ct.Callback.clone()
		cb.close(CallbackCancelled, why, now)
		ct.State, ct.Due, ct.Ahead, ct.Callback = s, time.Time{}, false, nil
		return r, cb
	}
	if ct.State == Dialling { // else the store kept the state it was leased in
		ct.State = ct.waited()
	}
	if notBefore.After(ct.Due) {
		ct.Due, ct.Ahead = notBefore, false
	}
	return r, nil
}

// waited is the state in which a contact that is being rung waited for it: one
// is pending until the first attempt of the run is settled.
func (ct Contact) waited() ContactState {
	switch {
	case ct.Callback != nil:
		return CallbackScheduled
	case ct.Attempts == 0:
		return Pending
	}
	return RetryScheduled
}

// A Settlement is what Settle of a store has done.
type Settlement struct {
	Contact  Contact
	Callback *Callback // the promise the call was to keep, as it now stands; nil: none
	Rulings  []Ruling  // on analyses that had come before the call was settled
}

// A Ruling is what was decided on an analysis.
type Ruling struct {
	Call    CallID
	Contact ContactID
	Verdict RulingVerdict
	Refused RefusalReason // of RulingRefused
	// Callback is the promise that was made: waiting, or, when the day was
	// over already, cancelled at once. nil: none.
	Callback  *Callback
	Duplicate bool // the analysis had come before; this repeats what was decided then
}

// RulingVerdict says what became of an analysis.
type RulingVerdict string

// The verdicts on an analysis.
const (
	RulingNone      RulingVerdict = "no_request" // the customer did not ask
	RulingScheduled RulingVerdict = "scheduled"
	RulingRefused   RulingVerdict = "refused"
	RulingDeferred  RulingVerdict = "deferred" // the contact is being rung; decided when that call is settled
)

// RefusalReason says why a request for a callback was not granted.
type RefusalReason string

// The reasons, in the order in which they are looked at.
const (
	RefusedBotGate      RefusalReason = "bot_gate"
	RefusedCampaignGate RefusalReason = "campaign_gate"
	RefusedExcluded     RefusalReason = "excluded"
	RefusedStopped      RefusalReason = "stopped"
	RefusedLimit        RefusalReason = "limit"   // MaxCallbackReschedules
	RefusedWaiting      RefusalReason = "waiting" // a promise to this contact is open already
)

// RefusalReasons lists them all, for metric labels.
var RefusalReasons = []RefusalReason{RefusedBotGate, RefusedCampaignGate, RefusedExcluded, RefusedStopped, RefusedLimit, RefusedWaiting}

// Hear rules on the analysis of call a, which has been settled, while nobody
// rings the contact. kept is the promise a was made to keep; nil: none. It
// returns the record as it then stands: a campaign that had finished runs
// again when a callback is scheduled.
//
// Both gates are read now, not as they were during the call (§2).
func (r Record) Hear(a Attempt, kept *Callback, an callback.Analysis, words *callback.Resolver, now time.Time) (Record, Ruling) {
	ruling := Ruling{Call: a.ID, Contact: a.Contact, Verdict: RulingNone}
	if !an.Requested {
		return r, ruling
	}
	chain := 1
	if kept != nil {
		chain = kept.Chain + 1
	}
	if why := r.refuse(chain); why != "" {
		ruling.Verdict, ruling.Refused = RulingRefused, why
		return r, ruling
	}

	req := callback.Request{Phrase: an.PreferredTimeText, Reason: an.Reason, Confidence: an.Confidence, Heard: a.Ended}
	if plausible(an.RequestedAt, a) {
		req.Heard = an.RequestedAt
	}
	cb := &Callback{
		Contact: a.Contact, Campaign: a.Campaign, AskedOn: a.ID, Chain: chain,
		Phrase: req.Phrase, Reason: req.Reason, Confidence: req.Confidence, Requested: req.Heard,
		State: CallbackWaiting,
	}
	ruling.Verdict, ruling.Callback = RulingScheduled, cb

	ct := &r.Contact
	due, err := words.Schedule(req, now, r.Campaign.retryDelay(), r.Campaign.Window.Location(), r.Campaign.Window)
	if err != nil { // the window never opens again; what was read is kept all the same
		read := words.Resolve(req.Phrase, req.Heard, r.Campaign.Window.Location())
		due = callback.Due{At: read.At, Read: read.At, Rule: read.Rule, Trace: append(read.Trace(), err.Error())}
		if !read.OK() {
			due.At = req.Heard.Add(r.Campaign.retryDelay())
			due.Read, due.Rule = due.At, callback.Fallback
		}
	}
	cb.Scheduled, cb.Due, cb.Read = due.At, due.At, due.Read
	cb.Rule, cb.Clipped, cb.Trace = string(due.Rule), due.Clipped, due.Trace

	if _, why, over := r.over(now); over || err != nil {
		if !over {
			why = ByWindowClose
		}
		cb.close(CallbackCancelled, why, now)
		ct.State, ct.Due, ct.Ahead = WindowClosed, time.Time{}, false
		return r, ruling
	}
	ct.State, ct.Due, ct.Ahead, ct.Callback = CallbackScheduled, due.At, false, cb
	if r.Campaign.State == CampaignCompleted {
		r.Campaign.State, r.Campaign.Ended = CampaignRunning, ""
	}
	return r, ruling
}

func (r Record) refuse(chain int) RefusalReason {
	c := r.Campaign
	switch {
	case !r.Bot.Callbacks:
		return RefusedBotGate
	case !c.CallbackDetection:
		return RefusedCampaignGate
	case r.Excluded:
		return RefusedExcluded
	case c.State == CampaignCompleted && c.Ended == EndStopped, r.Contact.State == Stopped:
		return RefusedStopped
	case chain-1 > c.maxReschedules():
		return RefusedLimit
	case r.Contact.Callback != nil:
		return RefusedWaiting
	}
	return ""
}

// plausible reports whether the customer can have spoken at t: on call a, give
// or take a minute at its start, and not after its end. A bot platform with a
// wrong clock, or one that stamps the moment it wrote the analysis, must not
// move a promise by hours; the end of the call then stands in for t.
func plausible(t time.Time, a Attempt) bool {
	const skew = time.Minute
	return !t.Before(a.Leased.Add(-skew)) && !t.After(a.Ended)
}

// Refuse says why the call must not be dialled at now, or "" if it may (I6).
func (c Clearance) Refuse(now time.Time) string {
	switch {
	case !c.Held:
		return "the lease is lost"
	case c.Excluded:
		return "the number is excluded"
	case c.Campaign.State != CampaignRunning:
		return "the campaign is " + string(c.Campaign.State)
	case c.Campaign.DayOver(now):
		return "the campaign's day is over"
	case !c.Campaign.Window.Contains(now):
		return "outside the calling window"
	}
	return ""
}

// Delay is how long after asking the customer was to be rung.
func (cb *Callback) Delay() time.Duration { return cb.Scheduled.Sub(cb.Requested) }

func (cb *Callback) clone() *Callback {
	if cb == nil {
		return nil
	}
	c := *cb
	return &c
}

// close ends the promise; of no promise it makes nothing.
func (cb *Callback) close(s CallbackState, why CloseReason, now time.Time) {
	if cb != nil {
		cb.State, cb.Why, cb.Closed = s, why, now
	}
}
