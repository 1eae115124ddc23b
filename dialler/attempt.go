package dialler

import (
	"fmt"
	"time"
)

// A CallID names one call, to us and to the switch alike: a version 4 UUID in
// lower case. We choose it, so that after a crash we can ask the switch what
// became of the call by name.
//
// It has a fixed length because Asterisk 22 takes a channel ID for a duplicate
// when it is a prefix of a live one, and FreeSWITCH cuts IDs at 36 characters.
type CallID string

// An Attempt is one origination to a contact. It is on disk before the switch
// is asked (I2), so that whatever then happens, a row says that we may have
// rung this person.
type Attempt struct {
	ID       CallID
	Contact  ContactID
	Campaign CampaignID
	Run      int
	Number   Number
	N        int        // 1 for the contact's first in this run
	Class    Class      // as what it was leased
	Callback CallbackID // the promise it is to keep; 0: none
	Trunk    string
	Switch   string // of the trunk when the call was leased: whom to ask about it
	Bot      string
	Node     string    // the dialler process that rings
	Leased   time.Time // also when it was written down
	Due      time.Time // since when the contact was due; zero: at once

	Outcome // as far as it is known
}

// An Outcome is what became of an attempt.
type Outcome struct {
	Rang        time.Time // SIP 180; zero: not heard
	Answered    time.Time // zero: nobody did
	Joined      time.Time // the bot was on the line; zero: never
	Ended       time.Time // zero while the call is up
	Disposition Disposition
	Cause       Cause
	Machine     Verdict // of screening; empty: not screened
}

// Live reports whether the attempt is still under way.
func (o Outcome) Live() bool { return o.Ended.IsZero() }

// Disposition says how an attempt came out. Being busy is a disposition, not
// an error.
type Disposition string

// The dispositions.
const (
	Answered    Disposition = "answered"    // a conversation with the bot was held
	Busy        Disposition = "busy"        // Q.850 17
	NoAnswer    Disposition = "no_answer"   // rang, or not even that, until the time was up; Q.850 18, 19
	Rejected    Disposition = "rejected"    // Q.850 21
	Congestion  Disposition = "congestion"  // the network or the trunk was full or down; Q.850 34, 38, 42
	Unallocated Disposition = "unallocated" // no such number; Q.850 1, 22, 28
	Machine     Disposition = "machine"     // a voicemail answered
	Abandoned   Disposition = "abandoned"   // answered, and no bot came in time or the customer left before it did
	Failed      Disposition = "failed"      // our fault or the switch's, or nobody knows
)

// Dispositions lists them all, for validation and metric labels.
var Dispositions = []Disposition{Answered, Busy, NoAnswer, Rejected, Congestion, Unallocated, Machine, Abandoned, Failed}

// A Verdict is what answering-machine screening made of the voice.
type Verdict string

// The verdicts. Only VerdictMachine is acted on: unsure is a person.
const (
	VerdictHuman   Verdict = "human"
	VerdictMachine Verdict = "machine"
	VerdictUnsure  Verdict = "unsure"
)

// A Cause is why a leg ended: the cause of ITU-T Q.850 (Asterisk
// ChannelDestroyed.cause, FreeSWITCH hangup_cause_q850) and beside it the SIP
// status (tech_cause, sip_term_status) where the switch gives one.
type Cause struct {
	Q850 int    // 0: not told
	SIP  int    // 0: not told
	Text string // the switch's own word for it
}

// String is the cause as a log line wants it: "17/486 User busy".
func (c Cause) String() string {
	s := fmt.Sprint(c.Q850)
	if c.SIP != 0 {
		s += fmt.Sprintf("/%d", c.SIP)
	}
	if c.Text != "" {
		s += " " + c.Text
	}
	return s
}
