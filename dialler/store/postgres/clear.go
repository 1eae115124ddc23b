package postgres

import (
	"context"
	"fmt"
	"time"

	"ringback/dialler"
	"ringback/dialler/store"
)

// Clear is as [dialler.Ledger] says: the turn and the rest in one round trip.
func (s *Store) Clear(ctx context.Context, l dialler.Lease) (c dialler.Clearance, err error) {
	if l.Adopted {
		return s.SQL.Clear(ctx, l)
	}
	err = s.update(ctx, fmt.Sprintf("clear call %s", l.Attempt.ID), func(t *tx) error {
		reads, done := s.Clearing(l, &c)
		var onTrunk, inCampaign int64
		turn := store.One(nil, []any{&onTrunk, &inCampaign}, `SELECT o_trunk, o_campaign FROM ringback_turn($1, $2, $3)`,
			l.Term, string(l.Attempt.ID), dialler.TurnSlips.Microseconds())
		// The turn comes first, for it may have to wait for that of another:
		// what is read is as fresh as can be (I6).
		if err := t.finish(append([]store.Query{turn}, reads...)...); err != nil {
			return err
		}
		c.Paced = true
		c.OnTrunk, c.InCampaign = time.Duration(onTrunk)*time.Microsecond, time.Duration(inCampaign)*time.Microsecond
		return done()
	})
	return c, err
}
