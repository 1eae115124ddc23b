package dialler

import (
	"context"
	"time"
)

// A Receipt is what was answered to a request that named a key of its own, so
// that it is answered the same, and not carried out again, when it comes again.
type Receipt struct {
	// ID is of whose request it was and of its key; 1 to 64 bytes.
	ID string
	// Request is what it was to do, but for its body.
	Request string
	// Claim tells who carries it out from who did, or will, under the same ID;
	// 1 to 64 bytes.
	Claim string
	// Body is a digest of the body, known when all of it has come.
	Body string
	// Answer is what was answered; what is in it is the business of who keeps
	// it. nil: the request is being carried out.
	Answer []byte
}

// ReceiptLife is how long a receipt is good, from when the request came.
const ReceiptLife = 24 * time.Hour

// Receipts keeps receipts. Each method is one transaction.
type Receipts interface {
	// ClaimReceipt begins r, which has no answer yet, unless there is one of its ID
	// that is good: then it returns that and false. One without an answer is
	// good until it lapses, which is when its process must have died.
	ClaimReceipt(ctx context.Context, r Receipt, lapses, now time.Time) (there Receipt, mine bool, err error)
	// RenewReceipt lets a claim lapse later; [ErrConflict] if it is not held any more.
	RenewReceipt(ctx context.Context, r Receipt, lapses time.Time) error
	// KeepReceipt writes r.Body and r.Answer; [ErrConflict] if the claim has lapsed
	// and is not held any more.
	KeepReceipt(ctx context.Context, r Receipt) error
	// ReleaseReceipt gives a claim up, so that the next may claim the ID at once; one
	// that is not held is no error, and a receipt with an answer stays.
	ReleaseReceipt(ctx context.Context, r Receipt) error
	// DropReceipts removes up to n that are good no more, and returns how many
	// there were.
	DropReceipts(ctx context.Context, n int, now time.Time) (int, error)
}
