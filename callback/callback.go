package callback

// State says where a promise stands. A promise starts as [Scheduled] and ends
// in exactly one of the other states, for good.
//
//	scheduled ─▶ completed | exhausted | closed | cancelled
type State string

// The states of a promise. The strings are what is stored and what the API
// and the metrics show.
const (
	Scheduled State = "scheduled" // waiting to be rung, or being rung
	Completed State = "completed" // a conversation was held
	Exhausted State = "exhausted" // out of attempts
	Closed    State = "closed"    // torn down: ReasonVoicemail or ReasonAbandoned
	Cancelled State = "cancelled" // ReasonWindowClosed, ReasonStopped or ReasonExcluded
)

// Final reports whether no promise ever leaves s again.
func (s State) Final() bool {
	switch s {
	case Completed, Exhausted, Closed, Cancelled:
		return true
	}
	return false
}

// Valid reports whether s is one of the five states.
func (s State) Valid() bool { return s == Scheduled || s.Final() }

// Reason says why a promise was closed or cancelled. It is empty in the other
// states.
type Reason string

// The reasons, with the state each belongs to.
const (
	ReasonVoicemail    Reason = "voicemail"     // Closed: a machine answered, for certain
	ReasonAbandoned    Reason = "abandoned"     // Closed: answered, and no bot was there in time
	ReasonWindowClosed Reason = "window_closed" // Cancelled: a single-day campaign's window shut
	ReasonStopped      Reason = "stopped"       // Cancelled: the campaign was stopped
	ReasonExcluded     Reason = "excluded"      // Cancelled: the number is on the do-not-call list
)

// State returns the state that a promise with this reason is in, and "" for a
// reason that does not exist.
func (r Reason) State() State {
	switch r {
	case ReasonVoicemail, ReasonAbandoned:
		return Closed
	case ReasonWindowClosed, ReasonStopped, ReasonExcluded:
		return Cancelled
	}
	return ""
}
