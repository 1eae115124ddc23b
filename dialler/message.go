package dialler

import (
	"encoding/json"
	"fmt"
	"time"
)

// The kinds of messages in the outbox. Each settled call has one of the first,
// and one of the second for its analysis, or more if that came again and said
// something else. Each promise has one of the third when it is made, one of
// the fourth whenever an operator makes it due at another time, by moving it or
// by having it dialled now, and one of the fifth when it has come to its end.
const (
	CallSettled   = "call.settled"
	CallAnalysed  = "call.analysed"
	CallbackMade  = "callback.scheduled"
	CallbackMoved = "callback.moved"
	CallbackOver  = "callback.closed"
)

// A CallMessage is the body of a call.settled.
type CallMessage struct {
	Call         CallID            `json:"call_id"`
	Campaign     string            `json:"campaign"`
	CampaignID   CampaignID        `json:"campaign_id"`
	Run          int               `json:"run"`
	Contact      ContactID         `json:"contact_id"`
	Number       Number            `json:"number"`
	Vars         map[string]string `json:"variables,omitempty"`
	Attempt      int               `json:"attempt"`
	Class        Class             `json:"class"`
	Callback     CallbackID        `json:"callback_id,omitempty"` // the promise the call was to keep
	Trunk        string            `json:"trunk"`
	Bot          string            `json:"bot"`
	Leased       time.Time         `json:"leased_at"`
	Rang         time.Time         `json:"rang_at,omitzero"`
	Answered     time.Time         `json:"answered_at,omitzero"`
	Joined       time.Time         `json:"joined_at,omitzero"`
	Ended        time.Time         `json:"ended_at"`
	Disposition  Disposition       `json:"disposition"`
	Q850         int               `json:"q850,omitempty"`
	SIP          int               `json:"sip,omitempty"`
	Cause        string            `json:"cause,omitempty"`
	Machine      Verdict           `json:"machine,omitempty"`
	ContactState ContactState      `json:"contact_state"`        // what the call made of the contact
	NextDue      time.Time         `json:"next_due_at,omitzero"` // when it is rung again; absent: it is not
}

// A CallbackMessage is the body of a callback.scheduled, a callback.moved and a
// callback.closed.
type CallbackMessage struct {
	Callback   CallbackID        `json:"callback_id"`
	AskedOn    CallID            `json:"asked_on"`
	Campaign   string            `json:"campaign"`
	CampaignID CampaignID        `json:"campaign_id"`
	Contact    ContactID         `json:"contact_id"`
	Number     Number            `json:"number"`
	Vars       map[string]string `json:"variables,omitempty"`
	Chain      int               `json:"chain"`
	Phrase     string            `json:"preferred_time_text"`
	Reason     string            `json:"reason"`
	Confidence float64           `json:"confidence"`
	Requested  time.Time         `json:"requested_at"`
	Scheduled  time.Time         `json:"scheduled_at"` // the first time promised
	Due        time.Time         `json:"due_at"`       // when it is, or last was, due
	Rule       string            `json:"rule"`
	Clipped    bool              `json:"clipped"`
	Attempts   int               `json:"attempts"`
	State      CallbackState     `json:"state"`
	Why        CloseReason       `json:"why,omitempty"`
	Closed     time.Time         `json:"closed_at,omitzero"`
	// Analysis is the whole record the bot platform sent, every key as it
	// came; in callback.scheduled only.
	Analysis json.RawMessage `json:"analysis,omitempty"`
}

// An AnalysisMessage is the body of a call.analysed.
type AnalysisMessage struct {
	Call         CallID            `json:"call_id"`
	Campaign     string            `json:"campaign"`
	CampaignID   CampaignID        `json:"campaign_id"`
	Contact      ContactID         `json:"contact_id"`
	Number       Number            `json:"number"`
	Vars         map[string]string `json:"variables,omitempty"`
	Verdict      RulingVerdict     `json:"verdict"`
	Refused      RefusalReason     `json:"refused,omitempty"`
	Callback     CallbackID        `json:"callback_id,omitempty"` // the promise that was made
	ContactState ContactState      `json:"contact_state"`         // what the ruling made of the contact
	NextDue      time.Time         `json:"next_due_at,omitzero"`  // when it is rung again; absent: it is not
	// Analysis is the whole record the bot platform sent, every key as it came.
	Analysis json.RawMessage `json:"analysis"`
}

// Number is the number of the contact that the message is about; every kind
// tells it. "": the body is not one of ours.
func (m Message) Number() Number {
	var b struct {
		Number Number `json:"number"`
	}
	if json.Unmarshal(m.Body, &b) != nil {
		return ""
	}
	return b.Number
}

// NewAnalysisMessage tells of the analysis of call a, what was ruled on it at
// that moment, and of the contact as it then stands.
func NewAnalysisMessage(c Campaign, a Attempt, ct Contact, r Ruling, analysis []byte, at time.Time) Message {
	m := AnalysisMessage{
		Call: a.ID, Campaign: c.Name, CampaignID: c.ID, Contact: ct.ID, Number: a.Number, Vars: ct.Vars,
		Verdict: r.Verdict, Refused: r.Refused, ContactState: ct.State, NextDue: ct.Due.UTC(), Analysis: analysis,
	}
	if r.Callback != nil {
		m.Callback = r.Callback.ID
	}
	return message(CallAnalysed, c, ct, a.ID, at, m)
}

// NewCallMessage tells of attempt a, settled, and of the contact as it then
// stands.
func NewCallMessage(c Campaign, a Attempt, ct Contact) Message {
	return message(CallSettled, c, ct, a.ID, a.Ended, CallMessage{
		Call: a.ID, Campaign: c.Name, CampaignID: c.ID, Run: a.Run, Contact: ct.ID, Number: a.Number, Vars: ct.Vars,
		Attempt: a.N, Class: a.Class, Callback: a.Callback, Trunk: a.Trunk, Bot: a.Bot,
		Leased: a.Leased.UTC(), Rang: a.Rang.UTC(), Answered: a.Answered.UTC(), Joined: a.Joined.UTC(), Ended: a.Ended.UTC(),
		Disposition: a.Disposition, Q850: a.Cause.Q850, SIP: a.Cause.SIP, Cause: a.Cause.Text, Machine: a.Machine,
		ContactState: ct.State, NextDue: ct.Due.UTC(),
	})
}

// NewCallbackMessage tells of a promise made (CallbackMade), moved
// (CallbackMoved) or come to its end (CallbackOver). analysis is the record in which it was asked for; nil: left
// out.
func NewCallbackMessage(kind string, c Campaign, ct Contact, cb Callback, analysis []byte, at time.Time) Message {
	return message(kind, c, ct, cb.AskedOn, at, CallbackMessage{
		Callback: cb.ID, AskedOn: cb.AskedOn, Campaign: c.Name, CampaignID: c.ID, Contact: ct.ID, Number: ct.Number, Vars: ct.Vars,
		Chain: cb.Chain, Phrase: cb.Phrase, Reason: cb.Reason, Confidence: cb.Confidence,
		Requested: cb.Requested.UTC(), Scheduled: cb.Scheduled.UTC(), Due: cb.Due.UTC(), Rule: cb.Rule, Clipped: cb.Clipped,
		Attempts: cb.Attempts, State: cb.State, Why: cb.Why, Closed: cb.Closed.UTC(), Analysis: analysis,
	})
}

func message(kind string, c Campaign, ct Contact, call CallID, at time.Time, body any) Message {
	b, err := json.Marshal(body)
	if err != nil {
		panic(fmt.Sprintf("dialler: the body of a %s does not marshal: %v", kind, err)) // strings, numbers and JSON that was parsed
	}
	return Message{Kind: kind, Campaign: c.ID, Contact: ct.ID, Call: call, Body: b, At: at}
}
