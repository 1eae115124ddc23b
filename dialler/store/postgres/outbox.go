package postgres

import (
	"context"

	"ringback/dialler"
)

// Outbox is as [dialler.Reports] says. Messages that have come since it was
// last asked are numbered first, by one reader at a time: only so is a number
// never followed by a lower one, whoever committed when.
func (s *Store) Outbox(ctx context.Context, after int64, n int) ([]dialler.Message, error) {
	if err := s.update(ctx, "number the outbox", func(t *tx) error {
		if err := t.Do(`SELECT pg_advisory_xact_lock($1, 0)`, lockOutbox); err != nil {
			return err
		}
		return t.Do(`WITH come AS (DELETE FROM outbox RETURNING *)
			INSERT INTO outbox_numbered (kind, campaign_id, contact_id, call_id, body, at)
			SELECT kind, campaign_id, contact_id, call_id, body, at FROM come ORDER BY id`)
	}); err != nil {
		return nil, err
	}
	return s.Messages(ctx, `outbox_numbered`, after, n)
}
