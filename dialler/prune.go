package dialler

import (
	"context"
	"time"
)

// An Pruner lets go of what is long over. Every Store on disk is one.
type Pruner interface {
	// Prune looks at q.N calls of a campaign, the longest ago first, and
	// removes those that ended before q.Before, each with its analysis and the
	// callback that was asked for on it, in one short transaction. The other
	// calls of the contacts it comes by that may go, go with them.
	//
	// It leaves alone: calls in progress; all calls of a contact whose analysis
	// still waits to be ruled on; and every call that made or kept a promise,
	// while the contact is owed one or a call younger than q.Before kept one,
	// so that what is there can always be followed back to its beginning.
	//
	// After the calls come the messages of the outbox that are as old, but for
	// those that are yet to be delivered to a webhook, or were given up.
	//
	// Contacts stay as they are, and so do the [Counters]: they go on counting
	// what was removed. An analysis that comes for a call that was removed
	// finds none ([ErrNoCall]).
	Prune(ctx context.Context, q PruneQuery) (Pruned, error)
}

// A PruneQuery says what may go, and where to look.
type PruneQuery struct {
	Campaign CampaignID
	Before   time.Time
	After    string // Pruned.Next of the one before; empty: from the beginning
	N        int    // how many calls or messages to look at; 0: 200
}

// Pruned is what went.
type Pruned struct {
	Calls, Analyses, Callbacks, Messages int

	Next string // where to go on; empty: nothing is left to look at
}
