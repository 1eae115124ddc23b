package postgres

import (
	"errors"

	"github.com/jackc/pgx/v5"
)

// Cut ends the connection of what is written from now on just before the n-th
// statement of a transaction: those before it are carried out by Postgres, which
// then finds nobody at the other end. reached lets the next ones live.
func (s *Store) Cut(n int) (reached func() bool) {
	done := 0
	var last *tx
	cut := false
	s.cut = func(t *tx, b *pgx.Batch) error {
		if t != last {
			last, done = t, 0
		}
		if done+b.Len() < n {
			done += b.Len()
			return nil
		}
		cut = true
		before := &pgx.Batch{}
		for _, q := range b.QueuedQueries[:max(0, n-1-done)] {
			before.Queue(q.SQL, q.Arguments...)
		}
		err := errors.New("the connection was cut")
		if before.Len() > 0 {
			err = errors.Join(err, t.conn.SendBatch(t.ctx, before).Close())
		}
		return errors.Join(err, t.conn.Conn().PgConn().Conn().Close())
	}
	return func() bool {
		s.cut = nil
		return cut
	}
}
