package postgres

import (
	"fmt"

	"ringback/dialler/store"
)

// Messages is the table in which they have their numbers.
func (d database) Messages() string { return `outbox_numbered` }

// Unnumbered looks where messages arrive.
func (d database) Unnumbered() string { return `EXISTS (SELECT 1 FROM outbox)` }

// Number numbers messages one transaction at a time, which the lock that comes
// before it sees to: only so is a number never followed by a lower one, whoever
// committed when.
func (d database) Number(t store.Tx, n int) error {
	return t.Do(`WITH come AS (DELETE FROM outbox WHERE id IN (SELECT id FROM outbox ORDER BY id LIMIT $1) RETURNING *)
		INSERT INTO outbox_numbered (kind, campaign_id, contact_id, call_id, body, at)
		SELECT kind, campaign_id, contact_id, call_id, body, at FROM come ORDER BY id`, n)
}

func (d database) SkipLocked(table string) string {
	return fmt.Sprintf(`FOR NO KEY UPDATE OF %s SKIP LOCKED`, table)
}
