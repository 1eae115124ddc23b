package dialler

import (
	"context"
	"fmt"
	"time"
)

// MessageKinds lists what a webhook may be told of, in the order in which it
// happens to a call.
var MessageKinds = []string{CallSettled, CallAnalysed, CallbackMade, CallbackMoved, CallbackOver}

// A Webhook is where the results of a campaign are pushed to. What is on and
// how a message is written is looked at when the message is sent; which
// messages are sent, when they come: what happens while the webhook is off, or
// is not one of its Events, is not sent later.
type Webhook struct {
	Campaign CampaignID
	URL      string
	// Secret signs what is sent: "whsec_" and, in base64, 24 to 64 bytes.
	Secret string
	On     bool     // off: nothing is sent; what waits goes on waiting
	Events []string // of MessageKinds; nil: all
	// Mapping is a JSON object whose strings are templates; empty: all that
	// is known. See package push.
	Mapping string
	Changed time.Time
}

// Takes reports whether messages of that kind are to be pushed.
func (w Webhook) Takes(kind string) bool {
	if w.Events == nil {
		return true
	}
	for _, k := range w.Events {
		if k == kind {
			return true
		}
	}
	return false
}

// A Delivery is a message on its way to a webhook.
type Delivery struct {
	Message
	State  DeliveryState
	Made   time.Time // when it was put in line, or was sent again; what happened was at Message.At
	Tries  int       // begun
	Before int       // of Tries, those before somebody had it sent again
	Tried  time.Time // when the last was begun; zero: never
	Due    time.Time // of the next try; zero: none, or it waits behind an earlier one of its contact
	Status int       // HTTP status of the last try; 0: there was no answer
	Said   string    // what was wrong with the last try; empty: nothing
	Over   time.Time // when it was delivered or given up; zero: neither
}

// DeliveryState says where a delivery stands:
//
//	waiting ─┬─ a try is answered with 2xx ─▶ delivered ─┐
//	    ▲    └─ none was, for a day ────────▶ dead ──────┤
//	    └──────────── sent again by somebody ────────────┘
type DeliveryState string

// The states of a delivery.
const (
	DeliveryWaiting DeliveryState = "waiting"
	Delivered       DeliveryState = "delivered"
	DeliveryDead    DeliveryState = "dead"
)

// DeliveryStates lists them all.
var DeliveryStates = []DeliveryState{DeliveryWaiting, DeliveryDead, Delivered}

// A Try is what came of sending a delivery once.
type Try struct {
	State  DeliveryState // what it makes of the delivery
	Again  time.Duration // until the next; of DeliveryWaiting
	Status int
	Said   string
}

// Deliveries keep where results are pushed to and how far that is. At most one
// try of a contact's messages is under way at a time, over all processes, in
// the order in which they happened.
type Deliveries interface {
	// PutWebhook creates or replaces a campaign's webhook. ErrNotFound if
	// there is no such campaign.
	PutWebhook(ctx context.Context, w Webhook) error
	// Webhook is ErrNotFound if the campaign has none.
	Webhook(ctx context.Context, id CampaignID) (Webhook, error)

	// QueueDeliveries puts in line what has happened since it was last called,
	// some of it: more says to call again.
	QueueDeliveries(ctx context.Context, now time.Time) (more bool, err error)
	// DueDeliveries says of which campaigns deliveries are due, the longest
	// due first; webhooks that are off are left out.
	DueDeliveries(ctx context.Context, now time.Time) ([]CampaignID, error)
	// ClaimDeliveries begins a try of up to n of a campaign's due deliveries.
	// Nobody else is given them before ttl has passed, or EndTry.
	ClaimDeliveries(ctx context.Context, id CampaignID, n int, now time.Time, ttl time.Duration) (Webhook, []Delivery, error)
	// EndTry says what came of one. ErrLeaseLost, and nothing is changed, if
	// another try of it has begun since.
	EndTry(ctx context.Context, d Delivery, t Try, now time.Time) error

	// Delivery is ErrNotFound if there is none of that message.
	Delivery(ctx context.Context, message int64) (Delivery, error)
	// Deliveries are listed newest first.
	Deliveries(ctx context.Context, q DeliveryQuery) (list []Delivery, next int64, err error)
	// Resend puts a delivery that is dead or delivered in line again, before
	// what waits of its contact; one that waits becomes due. Its day begins
	// anew.
	Resend(ctx context.Context, message int64, now time.Time) error
	// ResendDead does so with up to n of a campaign's dead ones, the oldest
	// first, and says how many there were.
	ResendDead(ctx context.Context, id CampaignID, n int, now time.Time) (int, error)
	// Backlogs says how each webhook stands.
	Backlogs(ctx context.Context) ([]Backlog, error)
	// LatestMessage is the newest of a campaign, for a preview; ErrNotFound:
	// it has none.
	LatestMessage(ctx context.Context, id CampaignID, kind string) (Message, error)
}

// A DeliveryQuery selects deliveries.
type DeliveryQuery struct {
	Campaign CampaignID // 0: all
	State    DeliveryState
	Limit    int   // at most 1000; 0: 100
	After    int64 // where the page before said the next begins; 0: the newest
}

// A Backlog is what a campaign's webhook has not been given.
type Backlog struct {
	Campaign CampaignID
	On       bool
	Waiting  int
	Dead     int
	Oldest   time.Time // Made of the longest waiting; zero: none waits
}

// Key names a message to its receiver, for ever: it is the same at every try,
// and no other message of any store has it.
func (m Message) Key() string { return fmt.Sprintf("msg_%s_%d", m.Call, m.ID) }
