package dialler

import (
	"context"
	"errors"
	"time"

	"ringback/callback"
)

// ErrLeaseLost says that a lease has lapsed and somebody else may hold the
// contact, or has settled the call. The caller stops; it does not retry.
var ErrLeaseLost = errors.New("lease lost")

// A Lease is the right of one dialler process to ring one contact, for a
// while.
//
// The store decides who holds it. The term goes up with every lease and
// adoption, and every write under a lease names its term, so that a process
// that slept through its own lease cannot undo the work of the one that took
// over (I7).
type Lease struct {
	Attempt Attempt
	Contact Contact // as it was when leased, State included; Callback set where one is owed
	Node    string
	Term    int64
	Adopted bool // taken over: the switch was asked for its call long since

	// Trusted is when its holder stops believing in the lease: when it asked
	// for it, plus its length, less a margin. It falls before the store's
	// own expiry, so we let go before anyone else takes hold.
	Trusted time.Time
}

// LeaseMargin is how long before the store's expiry a holder stops trusting a
// lease, as a share of its length.
const LeaseMargin = 0.25

// A LeaseRequest asks for contacts to ring.
type LeaseRequest struct {
	Node string
	Now  time.Time     // a store with a clock of its own uses that instead
	TTL  time.Duration // how long the lease holds without Renew

	// Trunks and Campaigns say how many calls may be started now: what the
	// pacers allow on each trunk, and in each campaign. A trunk or campaign
	// that is not named gets none, nor does a campaign whose trunk is not.
	Trunks    []TrunkQuota
	Campaigns []CampaignQuota

	// NewID makes the attempts' IDs; nil: random UUIDs.
	NewID func() CallID
}

// A TrunkQuota allows N new calls on a trunk.
type TrunkQuota struct {
	Trunk string
	N     int
}

// A CampaignQuota allows N new calls of a campaign.
type CampaignQuota struct {
	Campaign CampaignID
	N        int
}

// A Clearance is what the store knows at the moment of dialling.
type Clearance struct {
	Held     bool // the lease's term is still the contact's
	Campaign Campaign
	Bot      Bot
	Trunk    Trunk
	Excluded bool

	// Paced says that the call has been given its turn among those of all
	// nodes, or is to wait for it that long: for the CPS of its trunk, of its
	// campaign. Both zero: this is its turn, for as long as TurnHolds.
	Paced      bool
	OnTrunk    time.Duration
	InCampaign time.Duration
}

// Several nodes share a trunk's or a campaign's CPS by one clock for each, in
// the store: whoever is about to dial takes the next turn. A share of the CPS
// for each node would be stale whenever one comes or goes, and wasted by one
// with nobody to ring. So over all nodes, however they come, sleep and die, no
// stretch of time t sees more than CPS × (t + TurnHolds + TurnSlips) + 1 calls
// begun; in one process the pacers keep them 1/CPS apart besides.
const (
	// TurnHolds is how long after its turn a call may still be dialled: what
	// the store's answer, and a process that is held up, may take.
	TurnHolds = 500 * time.Millisecond
	// TurnSlips is how late a turn may be taken without those behind it being
	// put off too.
	TurnSlips = 20 * time.Millisecond
)

// A Ledger is what the loop needs of a store. Each method is one transaction:
// it happens or it does not.
type Ledger interface {
	// Lease takes contacts that are due and writes down an attempt for each,
	// in one transaction (I2). On each trunk it goes through the classes in
	// LeaseOrder and takes nothing of a class while one before it has a due
	// contact that may be rung (I8); within a class the longest due first,
	// pending contacts in list order (by ID), the campaigns taking turns.
	//
	// It leases no contact of a campaign that is not running, none whose
	// number is excluded or is being rung by anyone on any node (I1), and
	// no more than the requested quota, the campaign's seats, the bot's
	// capacity and the trunk's channels leave free, counting live attempts
	// of all nodes (I9). It returns fewer, or none, if fewer are due.
	// A returned lease's Trusted is counted from req.Now.
	Lease(ctx context.Context, req LeaseRequest) ([]Lease, error)

	// Renew extends leases whose calls go on, to now+ttl, and returns those
	// it could extend; the rest are lost.
	Renew(ctx context.Context, ls []Lease, now time.Time, ttl time.Duration) ([]Lease, error)

	// Clear reads what must be checked at the moment of dialling (I6). In a
	// store that several processes share it also takes the call's turn (I9),
	// if it is one to be dialled: on each trunk and in each campaign with a
	// CPS, turns are 1/CPS apart, whichever node takes them. If it is not yet
	// the call's turn none is taken, and it is to be asked again.
	Clear(ctx context.Context, l Lease) (Clearance, error)

	// Withdraw takes a lease back whose call was surely never asked for: the
	// attempt is deleted and does not count, and the contact is what it was,
	// or what a stop, exclusion or window close since then makes of it, not
	// to be leased again before notBefore (zero: when it was due). Analyses
	// of earlier calls that were waiting are ruled on, as by Settle.
	// ErrLeaseLost if the term is not current.
	Withdraw(ctx context.Context, l Lease, notBefore, now time.Time) error

	// Mark writes down how far a call has come (Rang, Answered, Joined,
	// Machine of o; zero values change nothing). ErrLeaseLost as above.
	Mark(ctx context.Context, l Lease, o Outcome) error

	// Settle writes down how the call ended and what that makes of the
	// contact, by [Record.Settle], then rules on analyses that were waiting
	// for it, by [Record.Hear]; the attempt, the contact, the callback and
	// the outbox change together or not at all. The lease ends. It returns
	// ErrLeaseLost, and writes nothing, if the term is not current.
	Settle(ctx context.Context, l Lease, o Outcome) (Settlement, error)

	// Hear stores an analysis and rules on it. The same analysis twice
	// schedules once (I11): the second ruling says Duplicate and repeats the
	// first. One that differs replaces what is stored, and is ruled on unless
	// the first scheduled a callback: then that ruling is repeated, as a
	// Duplicate. While the contact is being rung the ruling is Deferred, and
	// made by Settle. ErrNoCall if there is no such call.
	Hear(ctx context.Context, id CallID, a callback.Analysis, now time.Time) (Ruling, error)

	// Adrift returns attempts begun and not settled that node holds, or
	// whose lease had lapsed by now: calls that may have been placed just
	// before a process died (I3). They are to be adopted, one by one. Until
	// then a lapsed lease is still its holder's to renew, mark and settle,
	// and nobody else can ring the contact.
	Adrift(ctx context.Context, node string, now time.Time) ([]Attempt, error)

	// Adopt takes over an attempt adrift under a new term, for node.
	// ErrLeaseLost if it was settled or adopted by another meanwhile, or its
	// lease holds.
	Adopt(ctx context.Context, id CallID, node string, now time.Time, ttl time.Duration) (Lease, error)

	// Stranded returns attempts begun and not settled whose lease lapsed at
	// least hold ago, on a switch about which nobody will ask: [StrandedOn].
	// They are to be adopted and given up.
	Stranded(ctx context.Context, now time.Time, hold time.Duration) ([]Attempt, error)

	// Beat makes a node known under its name, or says that it is still alive,
	// and how it stands. A [*NodeTakenError] says that another process is
	// alive under that name, or has been since this one was; nothing is
	// written then. silent is how long this life of the node had not been
	// heard of, if that is longer than its TTL, so that others took it for
	// dead; otherwise 0.
	Beat(ctx context.Context, b Beat) (silent time.Duration, err error)

	// Leave takes a node off the list, unless another life has its name now.
	Leave(ctx context.Context, n Node) error

	// Call returns an attempt with what came of it. ErrNoCall if there is
	// none of that ID, so that a call found on a switch can be told from one
	// that somebody, on any node, stands for.
	Call(ctx context.Context, id CallID) (Call, error)

	// Running returns the campaigns the loop has to care for: all that are
	// running, and the paused ones of a Single Day, whose day ends all the
	// same.
	Running(ctx context.Context, now time.Time) ([]Work, error)

	// Transition moves a campaign by [Campaign.Apply] and all that waits in
	// it accordingly; see [CampaignEvent]. Finish changes nothing, and is no
	// error, while a contact of the campaign waits or is being rung.
	Transition(ctx context.Context, id CampaignID, what CampaignEvent, now time.Time) (Campaign, error)

	// Wake returns a channel that receives, coalesced, when something may
	// have become due sooner than the last Running said: new contacts, a
	// scheduled callback, a campaign started.
	Wake() <-chan struct{}
}

// ErrNoCall says that no attempt has that ID.
var ErrNoCall = errors.New("no such call")

// Work is a running campaign as the loop sees it.
type Work struct {
	Campaign Campaign
	Bot      Bot
	Trunk    Trunk
	Live     int // attempts under way, on all nodes
	Contacts int // all of them, whatever their state
	Waiting  int // contacts that wait, due or not

	// NextDue is when the next waiting contact is due, not after now if one
	// is; zero: none waits. A contact whose number is being rung, by whatever
	// campaign, does not count, for it cannot be leased however due it is:
	// Wake tells when that call is settled.
	NextDue time.Time
}
