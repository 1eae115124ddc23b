package dialler

import (
	"fmt"
	"time"

	"ringback/callback"
)

// An Intervention is what an operator does to one contact that waits.
type Intervention struct {
	Kind InterventionKind
	By   string // who; empty: not told. It is kept in the callback's trace

	// To and Words say to when, of MoveCallback; exactly one is given. Words
	// are read as a customer's would be, as said now: "kal subah".
	To    time.Time
	Words string
}

// InterventionKind says what an operator does.
type InterventionKind string

// The interventions. None is possible while the contact is being rung: what
// comes of that call decides.
const (
	// CancelCallback ends the promise that waits (ByOperator): the contact is
	// stopped, and only a restart of the campaign rings it again.
	CancelCallback InterventionKind = "cancel_callback"
	// MoveCallback makes the promise due at another time, moved to the next
	// opening where that is outside the calling window. Scheduled, the first
	// time promised, stays what it was.
	MoveCallback InterventionKind = "move_callback"
	// DialNow makes whatever waits due at once: a callback among those that
	// are due, a contact never rung and a retry ahead of the whole list
	// ([Contact.Ahead]). A retry becomes pending: no retry goes before a
	// pending contact, and this is no longer one that waits for its time. A
	// contact for test calls is rung again though its calls were over.
	DialNow InterventionKind = "dial_now"
)

// A InterventionError says why an intervention is not possible, to people.
type InterventionError struct {
	Kind InterventionKind
	Why  string // a sentence, with its full stop
}

func (e *InterventionError) Error() string { return e.Why }

// An Intervened is what an intervention has done.
type Intervened struct {
	Contact  Contact
	Callback *Callback // the promise it was about, as it now stands; nil: none
	Meant    time.Time // of MoveCallback: what To or Words said
	Clipped  bool      // the callback is due at another time than Meant
	Moved    bool      // the callback is due at another time than before; the outbox tells (CallbackMoved)
	Says     string    // what was done, a sentence in the campaign's time zone
}

// maxMove is how far ahead a callback may be moved. Whoever means a later day
// has mistyped a year.
const maxMove = 366 * 24 * time.Hour

// Intervene returns the record as an intervention leaves it at now. The error
// is a [*InterventionError], or a [*FieldError] on "to" if that is what is wrong.
// Whether the contact is being rung is for the caller to say, by its state.
func (r Record) Intervene(i Intervention, words *callback.Resolver, now time.Time) (Record, Intervened, error) {
	r.Contact.Callback = r.Contact.Callback.clone()
	var done Intervened
	var err error
	switch i.Kind {
	case CancelCallback:
		done, err = r.cancelCallback(i, now)
	case MoveCallback:
		done, err = r.moveCallback(i, words, now)
	case DialNow:
		done, err = r.dialNow(i, now)
	default:
		err = &FieldError{"kind", fmt.Sprintf("%q", i.Kind), "cancel_callback, move_callback or dial_now"}
	}
	done.Contact = r.Contact
	return r, done, err
}

// owed says why there is no callback that could be cancelled or moved.
func (r *Record) owed(kind InterventionKind) error {
	what := map[InterventionKind]string{CancelCallback: "cancelled", MoveCallback: "moved"}[kind]
	switch {
	case r.Contact.State == Dialling:
		return &InterventionError{kind, fmt.Sprintf("The contact is being dialled at this moment: a callback can be %s only while it waits. Try again when the call has ended.", what)}
	case r.Contact.Callback == nil:
		return &InterventionError{kind, fmt.Sprintf("No callback waits for this contact, so there is none to be %s.", what)}
	}
	return nil
}

func (r *Record) cancelCallback(i Intervention, now time.Time) (Intervened, error) {
	if err := r.owed(i.Kind); err != nil {
		return Intervened{}, err
	}
	ct := &r.Contact
	cb := ct.Callback
	cb.close(CallbackCancelled, ByOperator, now)
	cb.Trace = append(cb.Trace[:len(cb.Trace):len(cb.Trace)], i.noted("cancelled", r.Campaign, now))
	ct.State, ct.Due, ct.Callback = Stopped, time.Time{}, nil
	return Intervened{Callback: cb, Says: "The callback is cancelled: this contact is not rung again unless the campaign is restarted."}, nil
}

func (r *Record) moveCallback(i Intervention, words *callback.Resolver, now time.Time) (Intervened, error) {
	if err := r.owed(i.Kind); err != nil {
		return Intervened{}, err
	}
	at, trace, err := i.when(words, r.Campaign.Window.Location(), now)
	if err != nil {
		return Intervened{}, err
	}
	s := Standing{Campaign: r.Campaign}
	moved, err := callback.Clip(at, now, r.Campaign.Window)
	if err != nil {
		return Intervened{}, &InterventionError{i.Kind, fmt.Sprintf("The calling window does not open within the 400 days after %s, so the callback cannot be moved there.", s.clock(at, now))}
	}
	if c := r.Campaign; c.Mode == SingleDay && !c.Closes.IsZero() && !moved.At.Before(c.Closes) {
		return Intervened{}, &InterventionError{i.Kind, fmt.Sprintf("The campaign's single day ends at %s: a callback moved to %s would be cancelled then. Give an earlier time.", s.clock(c.Closes, now), s.clock(moved.At, now))}
	}
	cb := r.Contact.Callback
	elsewhen := !moved.At.Equal(cb.Due)
	cb.Due, r.Contact.Due = moved.At, moved.At
	cb.Trace = append(cb.Trace[:len(cb.Trace):len(cb.Trace)], i.noted("moved to "+s.clock(moved.At, now), r.Campaign, now))
	cb.Trace = append(append(cb.Trace, trace...), moved.Trace...)
	done := Intervened{Callback: cb, Meant: at, Clipped: moved.Moved, Moved: elsewhen, Says: fmt.Sprintf("The callback is moved to %s.", s.clock(moved.At, now))}
	if moved.Moved {
		done.Says = fmt.Sprintf("The callback is moved to %s, the next opening: %s is outside the calling window.", s.clock(moved.At, now), s.clock(at, now))
	}
	return done, nil
}

// when is the time that To or Words say, with the reading's working.
func (i Intervention) when(words *callback.Resolver, zone *time.Location, now time.Time) (at time.Time, trace []string, err error) {
	const want = "a time to come within a year, such as 2026-03-13T09:30, or words such as kal subah or tomorrow at 5 pm"
	switch {
	case i.To.IsZero() == (i.Words == ""):
		return at, nil, &FieldError{"to", map[bool]string{true: "neither a time nor words", false: "both a time and words"}[i.Words == ""], "one of the two: " + want}
	case i.Words != "":
		read := words.Resolve(i.Words, now, zone)
		if !read.OK() {
			return at, nil, &FieldError{"to", fmt.Sprintf("%q, which names no clear time", i.Words), want}
		}
		at, trace = read.At, append([]string{fmt.Sprintf("read from %q", i.Words)}, read.Trace()...)
	default:
		at = i.To.In(zone)
	}
	switch {
	case at.Before(now):
		return at, nil, &FieldError{"to", fmt.Sprintf("%s, which has passed", at.Format("Mon 2 Jan 2006 15:04")), want}
	case at.Sub(now) > maxMove:
		return at, nil, &FieldError{"to", fmt.Sprintf("%s, which is more than a year away", at.Format("Mon 2 Jan 2006 15:04")), want}
	}
	return at, trace, nil
}

func (r *Record) dialNow(i Intervention, now time.Time) (Intervened, error) {
	ct := &r.Contact
	if ct.IsTest() && !ct.State.Waiting() && ct.State != Dialling && ct.State != ExcludedContact {
		ct.State, ct.Attempts = Pending, 0 // it is there to be rung again and again
	}
	// All that would be refused at the moment of dialling is said now; what
	// only has to come free, a seat or a channel, is waited for.
	asked := Standing{Contact: *ct, Campaign: r.Campaign, Excluded: r.Excluded}
	asked.Contact.Due = time.Time{}
	switch w := asked.Wait(now); w.Reason {
	case WaitDialling, WaitExcluded, WaitOver, WaitCampaign, WaitNeverOpens, WaitDayOver, WaitWindow:
		return Intervened{}, &InterventionError{i.Kind, w.Sentence}
	}
	if cb := ct.Callback; cb != nil {
		early := ct.Due.After(now)
		if early {
			ct.Due, cb.Due = now, now
			cb.Trace = append(cb.Trace[:len(cb.Trace):len(cb.Trace)], i.noted("dialled ahead of its time", r.Campaign, now))
		}
		return Intervened{Callback: cb, Moved: early, Says: "The callback is due now: it is dialled as soon as a line is free, after callbacks that have been due for longer."}, nil
	}
	ct.State, ct.Due, ct.Ahead = Pending, time.Time{}, true
	return Intervened{Says: "It is dialled as soon as a line is free, ahead of the whole list; only callbacks that are due go first."}, nil
}

// noted is the line of a trace that says who did what, and when.
func (i Intervention) noted(what string, c Campaign, now time.Time) string {
	by := i.By
	if by == "" {
		by = "an operator"
	}
	return fmt.Sprintf("%s by %s on %s", what, by, now.In(c.Window.Location()).Format("Mon 2006-01-02 15:04 -07:00"))
}
