package sqlite

import (
	"context"
	"time"

	"ringback/dialler"
)

// NextCallback is as [dialler.Reports] says.
func (s *Store) NextCallback(ctx context.Context, id dialler.CampaignID) (due time.Time, err error) {
	err = s.view(ctx, "next callback", func(t *tx) error {
		if _, err := s.campaign(t, id); err != nil {
			return err
		}
		return t.each(func(r scanner) error { return r.Scan(start{&due}) }, queryNextDue, id, dialler.CallbackScheduled)
	})
	return due, err
}
