package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"ringback/dialler"
)

var _ dialler.Receipts = (*SQL)(nil)

// ClaimReceipt is as [dialler.Receipts] says.
func (s *SQL) ClaimReceipt(ctx context.Context, r dialler.Receipt, lapses, now time.Time) (there dialler.Receipt, mine bool, err error) {
	now, lapses = s.db.Time(now), s.db.Time(lapses)
	err = s.db.Update(ctx, "claim receipt "+r.ID, func(t Tx) error {
		n, err := t.Count(`INSERT INTO receipt (id, request, claim, lapses, made) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (id) DO UPDATE SET request = excluded.request, claim = excluded.claim, lapses = excluded.lapses, made = excluded.made, body = NULL, answer = NULL
				WHERE receipt.made <= $6 OR receipt.lapses <= $5`,
			r.ID, r.Request, r.Claim, Micros(lapses), Micros(now), Micros(now.Add(-dialler.ReceiptLife)))
		if err != nil {
			return err
		}
		if mine = n > 0; mine {
			there = dialler.Receipt{}
			return nil
		}
		err = first(t, []any{&there.ID, &there.Request, &there.Claim, text[string]{&there.Body}, &there.Answer},
			`SELECT id, request, claim, body, answer FROM receipt WHERE id = $1`, r.ID)
		if errors.Is(err, sql.ErrNoRows) { // it was released this moment, and may be claimed the next
			there, err = dialler.Receipt{ID: r.ID, Request: r.Request}, nil
		}
		return err
	})
	return there, mine, err
}

// RenewReceipt is as [dialler.Receipts] says.
func (s *SQL) RenewReceipt(ctx context.Context, r dialler.Receipt, lapses time.Time) error {
	return s.held(ctx, "renew", r, `UPDATE receipt SET lapses = $3 WHERE id = $1 AND claim = $2 AND answer IS NULL`, Micros(s.db.Time(lapses)))
}

// KeepReceipt is as [dialler.Receipts] says.
func (s *SQL) KeepReceipt(ctx context.Context, r dialler.Receipt) error {
	if r.Answer == nil {
		return fmt.Errorf("keep receipt %s: it has no answer", r.ID)
	}
	return s.held(ctx, "keep", r, `UPDATE receipt SET lapses = NULL, body = $3, answer = $4 WHERE id = $1 AND claim = $2 AND answer IS NULL`, r.Body, r.Answer)
}

func (s *SQL) held(ctx context.Context, what string, r dialler.Receipt, query string, args ...any) error {
	return s.db.Update(ctx, what+" receipt "+r.ID, func(t Tx) error {
		n, err := t.Count(query, append([]any{r.ID, r.Claim}, args...)...)
		if err == nil && n == 0 {
			return fmt.Errorf("receipt %s is not held any more: %w", r.ID, dialler.ErrConflict)
		}
		return err
	})
}

// ReleaseReceipt is as [dialler.Receipts] says.
func (s *SQL) ReleaseReceipt(ctx context.Context, r dialler.Receipt) error {
	return s.db.Update(ctx, "release receipt "+r.ID, func(t Tx) error {
		return t.Do(`DELETE FROM receipt WHERE id = $1 AND claim = $2 AND answer IS NULL`, r.ID, r.Claim)
	})
}

// DropReceipts is as [dialler.Receipts] says. A claim that has lapsed is as good
// as none, and goes with its day.
func (s *SQL) DropReceipts(ctx context.Context, n int, now time.Time) (dropped int, err error) {
	before := Micros(s.db.Time(now).Add(-dialler.ReceiptLife))
	err = s.db.Update(ctx, "drop receipts", func(t Tx) error {
		n, err := t.Count(`DELETE FROM receipt WHERE id IN (SELECT id FROM receipt WHERE made <= $1 ORDER BY made LIMIT $2)`, before, n)
		dropped = int(n)
		return err
	})
	return dropped, err
}
