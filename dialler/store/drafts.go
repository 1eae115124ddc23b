package store

import (
	"context"
	"fmt"
	"time"

	"ringback/dialler"
)

const draftColumns = `draft.id, draft.holder, draft.body, draft.changed`

func draftDest(d *dialler.Draft, body *string) []any {
	return []any{&d.ID, &d.Holder, body, stamp{&d.Changed}}
}

// PutDraft is as [dialler.Drafts] says.
func (s *SQL) PutDraft(ctx context.Context, d dialler.Draft, now time.Time) error {
	now = s.db.Time(now)
	return s.db.Update(ctx, "put draft "+d.ID, func(t Tx) error {
		if err := t.Do(`DELETE FROM draft WHERE changed < $1`, Micros(now.Add(-dialler.DraftLife))); err != nil {
			return err
		}
		return t.Do(`INSERT INTO draft (id, holder, body, changed) VALUES ($1, $2, $3, $4)
			ON CONFLICT (id) DO UPDATE SET holder = excluded.holder, body = excluded.body, changed = excluded.changed`,
			d.ID, d.Holder, string(d.Body), Micros(now))
	})
}

// Draft is as [dialler.Drafts] says.
func (s *SQL) Draft(ctx context.Context, id string) (d dialler.Draft, err error) {
	err = s.db.View(ctx, "draft", func(t Tx) error {
		var body string
		err := first(t, draftDest(&d, &body), `SELECT `+draftColumns+` FROM draft WHERE id = $1`, id)
		d.Body = []byte(body)
		return missing(err, "draft %q", id)
	})
	return d, err
}

// Drafts is as [dialler.Drafts] says.
func (s *SQL) Drafts(ctx context.Context) (out []dialler.Draft, err error) {
	err = s.db.View(ctx, "drafts", func(t Tx) error {
		return t.Read(Rows(func(r Scanner) error {
			var d dialler.Draft
			var body string
			err := r.Scan(draftDest(&d, &body)...)
			d.Body = []byte(body)
			out = append(out, d)
			return err
		}, `SELECT `+draftColumns+` FROM draft ORDER BY changed DESC, id`))
	})
	return out, err
}

// DropDraft is as [dialler.Drafts] says.
func (s *SQL) DropDraft(ctx context.Context, id string) error {
	return s.db.Update(ctx, "drop draft "+id, func(t Tx) error { return t.Do(`DELETE FROM draft WHERE id = $1`, id) })
}

// DropCampaign is as [dialler.Roster] says. What never ran has nothing but
// contacts.
func (s *SQL) DropCampaign(ctx context.Context, id dialler.CampaignID) error {
	return s.db.Update(ctx, fmt.Sprintf("drop campaign %d", id), func(t Tx) error {
		if err := t.Lock(Lock{Campaign: id, Moves: true}); err != nil {
			return err
		}
		c, err := s.campaign(t, id)
		if err != nil {
			return err
		}
		if err := c.CheckDrop(); err != nil {
			return err
		}
		if err := t.Do(`DELETE FROM contact WHERE campaign_id = $1`, id); err != nil {
			return err
		}
		if err := t.Do(`DELETE FROM webhook WHERE campaign_id = $1`, id); err != nil {
			return err
		}
		return t.Do(`DELETE FROM campaign WHERE id = $1`, id)
	})
}
