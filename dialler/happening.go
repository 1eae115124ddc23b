package dialler

import "time"

// A Happening is what the loop tells its observers: the log, the metrics, a
// demo's story. Which fields are set depends on Kind.
type Happening struct {
	Kind   HappeningKind
	At     time.Time
	Switch string
	Lease  Lease // of the call; its Attempt holds what is known so far

	Late    time.Duration // HasOriginated: from due to the originate request
	Settled Settlement    // HasSettled
	Ruling  Ruling        // HasHeard, unless Err says that the record cannot be read
	Event   Event         // HasNews, LinkChanged: what the switch said
	Reason  string        // WasWithdrawn, LinkChanged, CampaignEnded, NodeSlept
	Err     error         // WasWithdrawn, HasTrouble, HasHeard
	Doing   string        // HasTrouble: one of [Doings]

	Campaign Campaign // CampaignEnded
}

// Doings are what can be in trouble, for metric labels: the whole of dialling
// and sweeping, renewing leases, being known to the other nodes, and the steps
// of one call.
var Doings = []string{
	"dial", "sweep", "renew", "beat", "leave",
	"clear", "originate", "hear", string(connect), string(play), string(hangup), string(ask), string(mark), string(settle), "withdraw",
}

// HappeningKind says what happened.
type HappeningKind string

// The kinds of happenings.
const (
	WasLeased     HappeningKind = "leased"
	WasWithdrawn  HappeningKind = "withdrawn"  // at the moment of dialling it might not be rung, or the switch was away
	HasOriginated HappeningKind = "originated" // the request is about to be sent
	HasNews       HappeningKind = "news"       // an event of a call
	HasSettled    HappeningKind = "settled"
	HasHeard      HappeningKind = "heard"    // an analysis that came by the switch
	WasAdopted    HappeningKind = "adopted"  // a call from before a crash, taken up again
	LeaseLapsed   HappeningKind = "lapsed"   // somebody else may hold the contact now
	OrphanEnded   HappeningKind = "orphan"   // a call on the switch that no attempt stands for was hung up
	LinkChanged   HappeningKind = "link"     // a switch came or went
	CampaignEnded HappeningKind = "campaign" // its day is over, or nobody is left
	NodeSlept     HappeningKind = "slept"    // this process stood still for so long that others took it for dead
	HasTrouble    HappeningKind = "trouble"  // the store or the switch could not; it is tried again
)
