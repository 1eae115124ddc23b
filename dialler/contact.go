package dialler

import "time"

// A ContactID names a contact within the store.
type ContactID int64

// A Contact is one person, one number, in one campaign.
type Contact struct {
	ID       ContactID
	Campaign CampaignID
	Number   Number
	Vars     map[string]string // the list's own columns, handed to the bot

	State    ContactState
	Due      time.Time // not to be rung sooner; zero: at once
	Ahead    bool      // pending and due at once, ahead of the list: an operator said so ([DialNow])
	Attempts int       // made in this run
	Callback *Callback // the promise still owed; nil: none
	Added    time.Time
	Settled  time.Time // of the last attempt; zero: never rung
}

// ContactState says where a contact stands in its campaign; the diagram is in
// the package comment.
type ContactState string

// The states of a contact. The first three wait for a lease.
const (
	Pending           ContactState = "pending"
	CallbackScheduled ContactState = "callback_scheduled"
	RetryScheduled    ContactState = "retry_scheduled"
	Dialling          ContactState = "dialling" // leased: an attempt is under way
	Completed         ContactState = "completed"
	Exhausted         ContactState = "exhausted"
	MachineReached    ContactState = "machine"   // a callback met a voicemail
	AbandonedContact  ContactState = "abandoned" // a callback met no bot
	WindowClosed      ContactState = "window_closed"
	Stopped           ContactState = "stopped"
	ExcludedContact   ContactState = "excluded"
)

// Waiting reports whether a contact in state s may be leased when it is due.
func (s ContactState) Waiting() bool {
	return s == Pending || s == CallbackScheduled || s == RetryScheduled
}

// Class is the class a waiting contact is leased in; "" if s does not wait.
func (s ContactState) Class() Class {
	switch s {
	case CallbackScheduled:
		return ClassCallback
	case Pending:
		return ClassPending
	case RetryScheduled:
		return ClassRetry
	}
	return ""
}

// A Class is the rank in which a waiting contact is leased. Someone who named
// a time comes before someone never rung, who comes before someone rung in
// vain.
type Class string

// The classes, in lease order.
const (
	ClassCallback Class = "callback"
	ClassPending  Class = "pending"
	ClassRetry    Class = "retry"
)

// LeaseOrder is the order of the classes, strict across all campaigns that
// share a trunk.
var LeaseOrder = [...]Class{ClassCallback, ClassPending, ClassRetry}

// A CallbackID names one promise.
type CallbackID int64

// A Callback is the promise we owe a contact who asked to be rung again.
type Callback struct {
	ID       CallbackID
	Contact  ContactID
	Campaign CampaignID

	AskedOn    CallID // the call on which they asked
	Chain      int    // 1, or one more than that of the promise whose call they asked on
	Phrase     string // their words, verbatim; empty if they named no time
	Reason     string // "driving"; may be empty
	Confidence float64
	Requested  time.Time // when they spoke

	Scheduled time.Time // the first time promised
	Due       time.Time // when it is due now; not Scheduled after a failed attempt, or where an operator moved it
	Read      time.Time // what the phrase said, before it was moved into the window
	Rule      string    // the reading's name; see package callback
	Clipped   bool      // Read was outside the window or past
	Trace     []string  // the reading's working, a step a line

	Attempts int // made to keep it
	State    CallbackState
	Closed   time.Time   // zero while scheduled
	Why      CloseReason // of CallbackClosed and CallbackCancelled; empty otherwise
}

// CallbackState says where a promise stands. Only CallbackScheduled is not
// final.
type CallbackState string

// The states of a callback.
const (
	CallbackWaiting   CallbackState = "scheduled"
	CallbackCompleted CallbackState = "completed" // the conversation was held
	CallbackExhausted CallbackState = "exhausted" // out of attempts
	CallbackClosed    CallbackState = "closed"    // torn down: voicemail, abandoned
	CallbackCancelled CallbackState = "cancelled" // window closed, stopped, excluded, by an operator
)

// CloseReason says why a callback was closed or cancelled.
type CloseReason string

// The reasons, of closed (the first two) and of cancelled.
const (
	ByVoicemail   CloseReason = "voicemail"
	ByAbandoned   CloseReason = "abandoned"
	ByWindowClose CloseReason = "window_closed"
	ByStop        CloseReason = "stopped"
	ByExclusion   CloseReason = "excluded"
	ByOperator    CloseReason = "operator" // [CancelCallback]
)
