package postgres

import (
	"context"
	"time"

	"ringback/dialler/store"
)

// OldestTransaction is the age of the transaction that has been open the
// longest on our database, prepared ones and those of copies of it included, or
// 0. Nothing that any of them might still see is removed by vacuum: dead
// entries pile up at the front of the index that a lease walks.
//
// Of the sessions of other users Postgres shows the age only to members of
// pg_read_all_stats.
func (s *Store) OldestTransaction(ctx context.Context) (age time.Duration, err error) {
	err = s.view(ctx, "oldest transaction", func(t *tx) error {
		var micros int64
		defer func() { age = time.Duration(max(micros, 0)) * time.Microsecond }()
		return t.Read(store.One(nil, []any{&micros}, `SELECT CAST(coalesce(extract(epoch FROM clock_timestamp() - min(since)) * 1000000, 0) AS BIGINT) FROM (
			SELECT xact_start AS since FROM pg_stat_activity
				WHERE (datname = current_database() OR backend_type = 'walsender') AND backend_type <> 'autovacuum worker' AND pid <> pg_backend_pid()
			UNION ALL SELECT prepared FROM pg_prepared_xacts WHERE database = current_database()) AS open`))
	})
	return age, err
}
