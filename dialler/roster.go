package dialler

import (
	"context"
	"errors"
	"time"
)

// Sentinels of the roster and the reports.
var (
	ErrNotFound = errors.New("not found")      // wrapped with what and which
	ErrConflict = errors.New("already exists") // a name that is taken
	ErrLocked   = errors.New("locked")         // a campaign edited as it stands; see [LockedError]
)

// A Roster keeps what operators set up: trunks, bots, campaigns, contacts and
// the numbers never to be rung. Each method is one transaction.
type Roster interface {
	PutTrunk(ctx context.Context, t Trunk) error // creates or replaces by name
	Trunks(ctx context.Context) ([]Trunk, error)
	PutBot(ctx context.Context, b Bot) error // creates or replaces by name
	Bots(ctx context.Context) ([]Bot, error)

	// CreateCampaign adds a draft, with [Campaign.WithDefaults], and returns
	// it with its ID. ErrConflict if the name is taken, ErrNotFound if its
	// bot or trunk is not there.
	CreateCampaign(ctx context.Context, c Campaign) (Campaign, error)
	// UpdateCampaign replaces a campaign's settings (not its state), with
	// [Campaign.WithDefaults], as CreateCampaign does. A [*LockedError] where
	// [Campaign.Edit] says so.
	UpdateCampaign(ctx context.Context, c Campaign) (Campaign, error)
	Campaign(ctx context.Context, id CampaignID) (Campaign, error)
	CampaignNamed(ctx context.Context, name string) (Campaign, error)
	Campaigns(ctx context.Context) ([]Campaign, error)
	// DropTrunk and DropBot remove one that no campaign has, running or not;
	// a [*UsedError] says which do. ErrNotFound if there is none of that name.
	DropTrunk(ctx context.Context, name string) error
	DropBot(ctx context.Context, name string) error
	// DropCampaign removes a draft and its contacts. A [*LockedError] where
	// [Campaign.CheckDrop] says so.
	DropCampaign(ctx context.Context, id CampaignID) error

	// AddContacts adds contacts in list order, all of them in one
	// transaction, and returns those it did not add because the campaign has
	// the number already or the list names it twice; an excluded number is
	// added and at once in state excluded. A campaign that was completed as
	// finished runs again if there is somebody new to ring; in one that was
	// stopped, or whose day is over, they are what its other contacts became,
	// and wait for its restart.
	AddContacts(ctx context.Context, id CampaignID, list []NewContact, now time.Time) ([]Duplicate, error)

	// Exclude puts numbers on the do-not-call list: waiting contacts become
	// excluded and their callbacks cancelled, in every campaign.
	Exclude(ctx context.Context, numbers []Number, now time.Time) error
	// Readmit takes numbers off the list. Contacts stay what they are.
	Readmit(ctx context.Context, numbers []Number) error
	Excluded(ctx context.Context, n Number) (bool, error)

	// Intervene does to one contact what an operator wants, by
	// [Record.Intervene]; the contact, its callback and the outbox change
	// together or not at all. ErrNotFound if there is no such contact; a
	// [*InterventionError] or [*FieldError] says why it cannot be done, and then
	// nothing is written.
	Intervene(ctx context.Context, id ContactID, i Intervention, now time.Time) (Intervened, error)
}

// A NewContact is a contact as a list brings it.
type NewContact struct {
	Number Number
	Vars   map[string]string
}

// A Duplicate is an entry of a list that was not added.
type Duplicate struct {
	Index  int // in the list given to AddContacts
	Number Number
	InList bool // the list itself names the number twice; else the campaign had it
}

// Reports are what people read. Lists are paged by key: a page says where the
// next begins.
type Reports interface {
	// Contact returns a contact as it stands, ErrNotFound if there is none;
	// one that is being rung is Dialling.
	Contact(ctx context.Context, id ContactID) (Contact, error)
	// Contacts returns up to n contacts of a campaign, in list order, that
	// come after the one with that ID; 0: from the first.
	Contacts(ctx context.Context, id CampaignID, after ContactID, n int) ([]Contact, error)
	// FindContacts returns a page of a campaign's contacts, and where the next
	// begins; "": there is none. A [*FieldError] says what of the query is
	// wrong.
	FindContacts(ctx context.Context, q ContactQuery) (contacts []Contact, next string, err error)
	// Call returns a call, ErrNoCall if there is none.
	Call(ctx context.Context, id CallID) (Call, error)
	Calls(ctx context.Context, q CallQuery) (calls []Call, next string, err error)
	Counters(ctx context.Context, id CampaignID) (Counters, error)
	// NextCallback is when the callback due first of those a campaign has
	// waiting is due, which may be past; zero: none waits. As in
	// [Work.NextDue], one whose number is being rung does not count.
	NextCallback(ctx context.Context, id CampaignID) (time.Time, error)
	// Forecast counts the callbacks and retries of a campaign that become due
	// in n steps from a moment on.
	Forecast(ctx context.Context, id CampaignID, from time.Time, step time.Duration, n int) (Forecast, error)
	// Outbox returns up to n messages after the one numbered after, in order.
	Outbox(ctx context.Context, after int64, n int) ([]Message, error)
	// Nodes returns the nodes that have not left, by name: those alive, and
	// those that died within ForgetNodes.
	Nodes(ctx context.Context, now time.Time) ([]Node, error)
	// Ping reports whether the store answers.
	Ping(ctx context.Context) error
}

// A Store is the whole of what Ringback keeps. Every Store passes the suite in
// dialler/store/storetest.
type Store interface {
	Ledger
	Roster
	Drafts
	Reports
	Close() error
}

// A Call is an attempt with what came of it.
type Call struct {
	Attempt
	Contact Contact // as it is now
	// Kept is the promise the attempt was to keep, Attempt.Callback, as it is
	// now, but with Attempts as they were when this one was leased: the tries
	// made before it. The bot's context is made of it, long after the call
	// too. nil: an ordinary call.
	Kept     *Callback
	Analysis []byte // the JSON as it came; nil: none yet
	Ruling   Ruling // zero: no analysis yet
}

// A CallQuery selects calls of a campaign, newest first.
type CallQuery struct {
	Campaign CampaignID
	Filter   CallFilter
	Contact  ContactID // 0: all
	// Number is how the number begins, with its plus; empty: all. A
	// [*FieldError] if more than [MaxMatches] contacts match: somebody who
	// looks for a number has more digits.
	Number string
	Oldest bool   // the oldest first
	Limit  int    // at most 1000; 0: 100
	After  string // where the page before said the next begins
}

// MaxMatches is how many contacts a search of calls by number may find.
const MaxMatches = 100

// A ContactQuery selects contacts of a campaign.
type ContactQuery struct {
	Campaign CampaignID
	State    ContactState // empty: all
	Number   string       // how the number begins, with its plus; empty: all
	Test     bool         // only those for test calls, the newest first; State and Number do not count then
	Order    ContactOrder
	Limit    int    // at most 1000; 0: 100
	After    string // where the page before said the next begins
}

// A ContactOrder is the order of a list of contacts.
type ContactOrder string

// The orders. Each is that of an index, so that any page is as quick as the
// first: with a State or a Number, by list and newest mean by number.
const (
	ByList   ContactOrder = ""       // as they were added
	ByNewest ContactOrder = "newest" // the last added first
	ByNumber ContactOrder = "number"
	// ByDue is those that wait for their time, the one due first at the head:
	// callbacks and retries, or those of State, if that waits. With a Number
	// it means by number.
	ByDue ContactOrder = "due"
)

// A Forecast is what becomes due, and when.
type Forecast struct {
	Overdue Slot   // due before the first slot, and not rung yet
	Slots   []Slot // from the moment asked for on
	// Until is how far it is whole: later slots lack some, because no more
	// than [MaxForecast] of each class are counted.
	Until time.Time
}

// A Slot is how many contacts become due within one step.
type Slot struct{ Callbacks, Retries int }

// MaxForecast is how many callbacks, and how many retries, a forecast counts:
// a wave of more is not drawn to its end, but is seen to be one.
const MaxForecast = 20_000

// A CallFilter is one of the tabs above the call list.
type CallFilter string

// The filters. Each but the first selects the calls on which a callback was
// asked for that passed the gates, by how that callback stands.
const (
	AllCalls           CallFilter = ""
	CallbacksRequested CallFilter = "requested"
	CallbacksPending   CallFilter = "pending"   // scheduled, not closed
	CallbacksCompleted CallFilter = "completed" // completed, exhausted or closed
	CallbacksCancelled CallFilter = "cancelled"
)

// Counters are a campaign's figures, each the sum of the states (I5).
type Counters struct {
	Contacts     map[ContactState]int // a leased contact counts as dialling
	Dispositions map[Disposition]int  // settled attempts
	Attempts     int                  // live ones included
	Live         int

	Requested int // calls that produced a callback request that passed the gates
	Callbacks map[CallbackState]int
	Closed    map[CloseReason]int // closed and cancelled callbacks by reason
	Refused   map[RefusalReason]int
	Talk      time.Duration // with the bot, all answered calls together; one that is up does not count
	AvgDelay  time.Duration // mean of first scheduled time minus request time; 0: no callbacks
}

// AvgTalk is the mean length of the conversations; 0: none was held.
func (c Counters) AvgTalk() time.Duration {
	if n := c.Dispositions[Answered]; n > 0 {
		return c.Talk / time.Duration(n)
	}
	return 0
}

// AbandonRates are the abandoned calls as a share of all answered ones, and of
// those that people answered: abandoned and connected, as the FTC (16 CFR
// 310.4(b)(4)(i)) and Ofcom count, who both allow 3 %. 0: none was.
func (c Counters) AbandonRates() (ofAnswered, ofPeople float64) {
	gone := float64(c.Dispositions[Abandoned])
	if gone == 0 {
		return 0, 0
	}
	people := gone + float64(c.Dispositions[Answered])
	return gone / (people + float64(c.Dispositions[Machine])), gone / people
}

// Pending is the number of callbacks scheduled and waiting to be dialled.
func (c Counters) Pending() int { return c.Callbacks[CallbackWaiting] }

// Completed is the number of callbacks in a final state other than cancelled.
func (c Counters) Completed() int {
	return c.Callbacks[CallbackCompleted] + c.Callbacks[CallbackExhausted] + c.Callbacks[CallbackClosed]
}

// A Message waits in the outbox for whoever receives results; the kinds and
// bodies are in message.go.
type Message struct {
	ID       int64
	Kind     string // one of MessageKinds
	Campaign CampaignID
	Contact  ContactID
	Call     CallID // of a callback: on which it was asked for
	Body     []byte // JSON
	At       time.Time
}
