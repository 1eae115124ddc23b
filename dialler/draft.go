package dialler

import (
	"context"
	"time"
)

// A Draft is what somebody has entered so far of something they are making,
// right or wrong: it is kept so that nothing is lost until it is whole. What
// is in it is the business of who keeps it.
type Draft struct {
	ID      string // of who made it; 1 to 64 bytes
	Holder  string // who is at it
	Body    []byte // JSON
	Changed time.Time
}

// DraftLife is how long a draft that nobody changes is kept.
const DraftLife = 30 * 24 * time.Hour

// Drafts keeps drafts. Each method is one transaction.
type Drafts interface {
	// PutDraft creates or replaces a draft, changed at now, and drops those
	// that have not been changed for [DraftLife].
	PutDraft(ctx context.Context, d Draft, now time.Time) error
	// Draft returns one, [ErrNotFound] if there is none.
	Draft(ctx context.Context, id string) (Draft, error)
	// Drafts returns all, the last changed first.
	Drafts(ctx context.Context) ([]Draft, error)
	// DropDraft removes one; none of that ID is no error.
	DropDraft(ctx context.Context, id string) error
}
