package serve

import (
	"context"
	"log/slog"
	"time"

	"ringback/dialler"
)

// How often what is long over is looked for, and how long after the start
// first: a process that is started over and over is not to do nothing else.
const (
	retainEvery = time.Hour
	retainFirst = 5 * time.Minute
)

// receiptBatch is how many receipts go in one transaction.
const receiptBatch = 500

// A retention lets go of calls that ended so long ago, and of receipts that are
// good no more.
type retention struct {
	store attics
	after time.Duration // 0: calls stay for good
	log   *slog.Logger
	told  func(dialler.Pruned) // of every batch
}

// attics is what a retention needs of a store.
type attics interface {
	dialler.Pruner
	Campaigns(ctx context.Context) ([]dialler.Campaign, error)
	DropReceipts(ctx context.Context, n int, now time.Time) (int, error)
}

// run goes on until ctx ends.
func (r retention) run(ctx context.Context) {
	for wait := retainFirst; ; wait = retainEvery {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		r.receipts(ctx, time.Now())
		if r.after > 0 {
			r.once(ctx, time.Now().Add(-r.after))
		}
	}
}

// receipts drops those that are good no more.
func (r retention) receipts(ctx context.Context, now time.Time) {
	for {
		n, err := r.store.DropReceipts(ctx, receiptBatch, now)
		if err != nil && ctx.Err() == nil {
			r.log.Warn("letting go of old receipts stopped; it is tried again", "in", retainEvery, "err", err)
		}
		if err != nil || n < receiptBatch {
			return
		}
	}
}

// once goes through all campaigns. Between two batches it rests as long as the
// one before took: the dialling has at least half of the store's time.
func (r retention) once(ctx context.Context, before time.Time) {
	start := time.Now()
	var sum dialler.Pruned
	campaigns, err := r.store.Campaigns(ctx)
	for _, c := range campaigns {
		for q := (dialler.PruneQuery{Campaign: c.ID, Before: before}); err == nil; {
			began := time.Now()
			var p dialler.Pruned
			if p, err = r.store.Prune(ctx, q); err != nil {
				break
			}
			r.told(p)
			sum.Calls, sum.Analyses, sum.Callbacks, sum.Messages = sum.Calls+p.Calls, sum.Analyses+p.Analyses, sum.Callbacks+p.Callbacks, sum.Messages+p.Messages
			if q.After = p.Next; q.After == "" {
				break
			}
			select {
			case <-ctx.Done():
			case <-time.After(time.Since(began)):
			}
		}
	}
	if ctx.Err() != nil {
		return
	}
	if err != nil { // the next time goes through what is left
		r.log.Warn("letting go of old calls stopped; it is tried again", "in", retainEvery, "err", err)
	}
	if sum.Calls > 0 || sum.Messages > 0 {
		r.log.Info("old calls were let go of", "ended_before", before.UTC().Format(time.RFC3339), "calls", sum.Calls, "analyses", sum.Analyses,
			"callbacks", sum.Callbacks, "messages", sum.Messages, "took", time.Since(start).Round(time.Millisecond))
	}
}

// runRetention begins it, if the store can.
func (p *Process) runRetention(told func(dialler.Pruned)) {
	store, ok := p.store.(attics)
	if !ok {
		return
	}
	r := retention{store: store, after: time.Duration(p.cfg.Retention.Days) * 24 * time.Hour, log: p.log, told: told}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.run(ctx)
	}()
	p.did("retention", func() error {
		cancel()
		<-ended
		return nil
	})
}
