package dialler

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A Switch places telephone calls. Package ari is a Switch for Asterisk and
// package esl one for FreeSWITCH; every Switch passes the suite in
// dialler/switchtest.
//
// All methods may be called from any goroutine. A method that asks the switch
// something returns within its context's deadline, and within a limit of its
// own where the context has none.
type Switch interface {
	// Run keeps the link to the switch up until ctx ends, and hands every
	// piece of news to deliver, one at a time, from one goroutine. deliver
	// never blocks for long. Run is called once, and returns nil when ctx
	// ends; any other return is a fault no reconnecting can mend, such as a
	// refused password.
	//
	// News of one call comes in the order in which the switch told it, may
	// come twice, and may be missing altogether where the link was lost.
	// The first news of a link is LinkUp. After every LinkUp the caller asks
	// Find about each call that it believes is up: nothing is guessed.
	Run(ctx context.Context, deliver func(Event)) error

	// Originate asks the switch to ring o.Number. It returns nil when the
	// switch has taken the request, long before anyone answers; what becomes
	// of the call is told by events, which may arrive before Originate
	// returns. The error is a [*RefusedError] if the call was surely not
	// placed, ErrDown if the switch was surely not asked, ErrLate if Until had
	// come before it was asked to ring, and anything else
	// (errors.Is ErrUncertain) if it may have been placed all the same.
	//
	// Early media is not an answer. The answered leg waits, hearing silence,
	// for Connect, Play or Hangup.
	Originate(ctx context.Context, o Origination) error

	// Connect hands an answered call to the bot: for an endpoint it creates
	// the bot leg with the context on it before it is dialled, and bridges
	// the two once the bot has answered; for an extension it puts the
	// context on the customer leg and hands that over. It returns when the
	// switch has taken the request; Joined or BotFailed tells the rest.
	Connect(ctx context.Context, id CallID, h Handover) error

	// Play lets the customer hear a sound, in the switch's own terms, and
	// returns when the switch has taken the request; PlayDone follows.
	Play(ctx context.Context, id CallID, sound string) error

	// Hangup ends a call, both legs. Hanging up a call that is over is not
	// an error. HungUp follows if the call was up.
	Hangup(ctx context.Context, id CallID) error

	// Find asks the switch about a call. An error means that the switch
	// could not say; a call that is gone is Sighting{}.
	Find(ctx context.Context, id CallID) (Sighting, error)

	// Live lists the calls the switch has that bear our mark, whether this
	// process placed them or one before it.
	Live(ctx context.Context) ([]CallID, error)
}

// ErrDown says that the switch is away and was not asked.
var ErrDown = errors.New("switch is down")

// ErrLate says that the call was not placed, for its time was up: the process
// was asleep, or the switch slow, for longer than the lease holds.
var ErrLate = errors.New("too late to place the call")

// ErrUncertain says that the switch may have placed the call: the request went
// out and no usable answer came back. Find tells.
var ErrUncertain = errors.New("call may have been placed")

// A RefusedError says that the switch did not place the call, and how that
// counts.
type RefusedError struct {
	Disposition Disposition // usually Congestion or Failed
	Cause       Cause
	Reason      string // the switch's own words
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("switch refused the call (%s): %s", e.Disposition, e.Reason)
}

// An Origination is a request to ring somebody.
type Origination struct {
	ID          CallID // becomes the name of the customer leg on the switch
	Number      Number
	CallerID    Number // empty: the trunk's own
	Trunk       Trunk
	RingTimeout time.Duration // from the request to an answer, at most

	// Until is when the caller's right to ring ends; zero: it does not. It is
	// looked at last of all, with nothing between the look and the request
	// that makes a telephone ring.
	Until time.Time

	Screen bool // run answering-machine screening on answer; Screened tells
}

// A Handover is what Connect needs to know of the bot.
type Handover struct {
	Bot     Bot
	Context Context
	Timeout time.Duration // for the bot leg to answer
}

// A Sighting is what the switch says of a call it was asked about.
type Sighting struct {
	Found    bool
	Answered bool // the customer leg is up
	Joined   bool // the bot is on the line
}

// An Event is a piece of news from a switch.
type Event struct {
	Kind EventKind
	Call CallID    // empty for LinkUp and LinkDown
	At   time.Time // when the switch said it happened, else when we heard

	Verdict     Verdict     // Screened
	Cause       Cause       // HungUp, BotFailed
	Disposition Disposition // HungUp: what Cause means for a call nobody answered, by the switch's table
	Reason      string      // LinkDown, BotFailed: for people
	Analysis    string      // Analysed: the record, JSON, hostile until callback.ParseAnalysis has read it
}

// EventKind says what the news is.
type EventKind string

// The kinds of news.
const (
	LinkUp     EventKind = "link_up"     // connected; what happened before is unknown
	LinkDown   EventKind = "link_down"   // connection lost; calls go on unseen
	Ringing    EventKind = "ringing"     // SIP 180
	EarlyMedia EventKind = "early_media" // SIP 183: the network can be heard, nobody has answered
	Up         EventKind = "up"          // SIP 200: the customer answered
	Screened   EventKind = "screened"    // screening has a verdict; follows Up where it was asked for
	Joined     EventKind = "joined"      // the bot is on the line
	BotFailed  EventKind = "bot_failed"  // the bot leg could not be had
	BotLeft    EventKind = "bot_left"    // the bot hung up; the customer leg is still there
	PlayDone   EventKind = "play_done"   // the sound has been heard
	Analysed   EventKind = "analysed"    // the dialplan said what came of the call, by variables or an event; any time from Up on
	HungUp     EventKind = "hung_up"     // the customer leg is gone: always the last of a call
)
