package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"ringback/dialler"
)

// queryRecord reads what a decision about one contact looks at, but for the
// promise itself.
const queryRecord = `SELECT ` + ContactColumns + `, ` + CampaignColumns + `, ` + botColumns + `,
		EXISTS (SELECT 1 FROM exclusion WHERE exclusion.number = contact.number),
		EXISTS (SELECT 1 FROM live WHERE live.number = contact.number AND live.contact_id = contact.id),
		coalesce(contact.callback_id, 0)
	FROM contact JOIN campaign ON campaign.id = contact.campaign_id JOIN bot ON bot.name = campaign.bot
	WHERE contact.id = $1`

// Intervene is as [dialler.Roster] says.
func (s *SQL) Intervene(ctx context.Context, id dialler.ContactID, i dialler.Intervention, now time.Time) (done dialler.Intervened, err error) {
	now = s.db.Time(now)
	err = s.db.Update(ctx, fmt.Sprintf("%s of contact %d", i.Kind, id), func(t Tx) error {
		if err := t.Lock(Lock{Contact: id}); err != nil {
			return err
		}
		var r dialler.Record
		var found, rung bool
		var owed dialler.CallbackID
		dest := slices.Concat(ContactDest(&r.Contact), s.CampaignDest(&r.Campaign), botDest(&r.Bot), []any{&r.Excluded, &rung, &owed})
		if err := t.Read(One(&found, dest, queryRecord, id)); err != nil {
			return err
		}
		if !found {
			return notFound("contact %d", id)
		}
		if owed != 0 {
			cb, err := Promise(t, owed)
			if err != nil {
				return err
			}
			r.Contact.Callback = &cb
		}
		if rung {
			r.Contact.State = dialler.Dialling
		}
		if r, done, err = r.Intervene(i, s.words, now); err != nil {
			return err
		}
		storedContact(&r.Contact)
		if err := putContact(t, r.Contact); err != nil {
			return err
		}
		if cb := done.Callback; cb != nil {
			storedCallback(cb)
			if err := putCallback(t, *cb); err != nil {
				return err
			}
			if err := t.Do(`UPDATE callback SET trace = $1 WHERE id = $2`, jsonOrNull(cb.Trace, cb.Trace == nil), cb.ID); err != nil {
				return err
			}
			if err := s.over(t, r, *cb, now); err != nil {
				return err
			}
			if done.Moved {
				if err := post(t, dialler.NewCallbackMessage(dialler.CallbackMoved, r.Campaign, r.Contact, *cb, nil, now)); err != nil {
					return err
				}
			}
		}
		done.Contact = r.Contact
		t.After(s.db.Rouse)
		return nil
	})
	if err != nil {
		return dialler.Intervened{}, err
	}
	return done, nil
}
