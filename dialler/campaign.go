package dialler

import "time"

// A CampaignID names a campaign for ever; it is never reused.
type CampaignID int64

// A Campaign is a list of contacts, the hours in which they may be rung, and
// what to do when they are not reached. Its zero values mean what the field
// says; [Campaign.Check] says what is missing or out of range.
type Campaign struct {
	ID   CampaignID
	Name string // unique; what operators and log lines say

	State  CampaignState
	Ended  EndReason // why State is CampaignCompleted; empty otherwise
	Run    int       // 1 for the first start; a restart begins another
	Closes time.Time // when a running Single Day campaign's day ends; zero otherwise

	Mode     Mode // "": MultiDay
	Window   Window
	Trunk    string // name of a [Trunk]
	Bot      string // name of a [Bot]
	CallerID Number // empty: the trunk's own
	Region   string // ISO 3166 region of numbers without "+"; empty: only E.164 is accepted

	Seats int     // conversations held at once; 0: nothing is dialled
	CPS   float64 // new calls per second; 0: the trunk's limit only

	MaxAttempts int           // budget of a contact; 0: 1
	RetryDelay  time.Duration // from a failed attempt to the next; 0: 15 min
	RetryOn     []Disposition // after what an ordinary call is tried again; nil: [DefaultRetryOn]; empty: nothing
	RingTimeout time.Duration // how long a phone may ring; 0: 30 s
	Screen      bool          // answering-machine screening before the bot
	BotTimeout  time.Duration // answer to bot, at most; 0: 5 s. Then the call is abandoned
	MaxDuration time.Duration // of a conversation; 0: 1 h
	Apology     string        // sound the customer hears when no bot came, in the switch's terms; empty: none

	CallbackDetection      bool // the campaign's half of the double gate
	CallbackMaxAttempts    int  // budget of each promise; 0: what is left of the contact's, at least one
	MaxCallbackReschedules int  // promises that may follow the first, one asked for on the call that kept another; 0: 5; negative: none
}

// Defaults of a campaign's zero values.
const (
	DefaultRingTimeout    = 30 * time.Second
	DefaultBotTimeout     = 5 * time.Second
	DefaultMaxDuration    = time.Hour
	DefaultRetryDelay     = 15 * time.Minute
	DefaultMaxReschedules = 5
)

// DefaultRetryOn is what is tried again unless a campaign says otherwise:
// everything but a conversation and a number that does not exist.
var DefaultRetryOn = []Disposition{Busy, NoAnswer, Rejected, Congestion, Machine, Abandoned, Failed}

// CampaignState says where a campaign stands:
//
//	draft ─▶ running ⇄ paused ─▶ completed      (restart: completed ─▶ running, a new run)
type CampaignState string

// The states of a campaign.
const (
	CampaignDraft     CampaignState = "draft"
	CampaignRunning   CampaignState = "running"
	CampaignPaused    CampaignState = "paused"
	CampaignCompleted CampaignState = "completed"
)

// EndReason says why a campaign is completed.
type EndReason string

// The ways a run ends.
const (
	// EndFinished: nobody is left to ring. A late analysis that asks for a
	// callback, or new contacts, set the campaign running again.
	EndFinished EndReason = "finished"
	// EndWindowClosed: a Single Day campaign's day is over.
	EndWindowClosed EndReason = "window_closed"
	// EndStopped: somebody stopped it.
	EndStopped EndReason = "stopped"
)

// Mode says whether unfinished work outlives the day.
type Mode string

// The campaign modes.
const (
	SingleDay Mode = "single_day" // what still waits when the day's window closes is cancelled
	MultiDay  Mode = "multi_day"  // what waits is kept for the next opening
)

// A Bot is the voice agent that talks once a call is answered. Exactly one of
// Endpoint and Extension is set.
type Bot struct {
	Name string // unique

	// Endpoint is a dial string of the switch the campaign's trunk is on
	// ("PJSIP/bot", "sofia/gateway/bot/agent"): we create the bot leg,
	// put the context on it and bridge it.
	Endpoint string
	// Extension is a place in the dialplan, "context,exten,priority": the
	// context is set on the customer leg, which is then handed over.
	Extension string

	Capacity  int  // conversations at once over all campaigns; 0: no limit of its own
	Callbacks bool // the bot's half of the double gate
}

// A Trunk is the existing carrier line that calls leave by.
type Trunk struct {
	Name   string // unique
	Switch string // name of the switch that has it

	// Dial is the dial string with "{number}" (E.164, with plus) or
	// "{digits}" (without) where the number goes: "PJSIP/{number}@trunk",
	// "sofia/gateway/trunk/{digits}", "Local/{digits}@from-internal".
	Dial string

	Channels int     // calls at once; 0: no limit of its own
	CPS      float64 // new calls per second over all campaigns; 0: no limit
}
