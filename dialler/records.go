package dialler

import (
	"context"
	"time"
)

// Records are all there is, page by page, the oldest first. Each page is a
// transaction of its own, and short: what changes between two pages may be seen
// as it was or as it is, but nothing is left out and nothing comes twice.
type Records interface {
	// Attempts returns calls by when they were leased.
	Attempts(ctx context.Context, q RecordQuery) (page []AttemptRecord, next string, err error)
	// Promises returns callbacks by when the calls were leased on which they
	// were asked for.
	Promises(ctx context.Context, q RecordQuery) (page []PromiseRecord, next string, err error)
	// Contacts returns up to n contacts of a campaign, in list order, that come
	// after the one with that ID; 0: from the first.
	Contacts(ctx context.Context, id CampaignID, after ContactID, n int) ([]Contact, error)
}

// A RecordQuery selects a page.
type RecordQuery struct {
	Campaign CampaignID
	From, To time.Time // From is within, To is not; zero: no limit
	Limit    int       // at most 1000; 0: 100
	After    string    // where the page before said the next begins
}

// An AttemptRecord is a call, and what came of it.
type AttemptRecord struct {
	Attempt
	Vars    map[string]string // of the contact
	Verdict RulingVerdict     // on its analysis; empty: it has none
	Refused RefusalReason
	Asked   *Callback // the promise that was made on it; nil: none
}

// A PromiseRecord is a callback, and whose it is.
type PromiseRecord struct {
	Callback
	Number Number
	Vars   map[string]string
	Run    int // of the call on which it was asked for
}
