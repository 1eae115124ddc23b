package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ringback/dialler"
)

// work reads a campaign with its bot and trunk.
func (s *Store) work(t *tx, id dialler.CampaignID) (w dialler.Work, err error) {
	dest := append(append(s.campaignDest(&w.Campaign), botDest(&w.Bot)...), trunkDest(&w.Trunk)...)
	err = t.row(`SELECT `+campaignColumns+`, `+botColumns+`, `+trunkColumns+`
		FROM campaign JOIN bot ON bot.name = campaign.bot JOIN trunk ON trunk.name = campaign.trunk WHERE campaign.id = ?`, id).Scan(dest...)
	return w, missing(err, "campaign %d", id)
}

// queryNextDue finds when the next contact of a campaign and state is due.
// One whose number is being rung is passed over: it may be due already, and
// can not be leased, so a timer set to it would fire for ever. When that call
// is settled the store wakes the loop, which asks again. The scan passes over
// at most as many contacts as calls are up.
const queryNextDue = `SELECT contact.due FROM contact
	WHERE contact.campaign_id = ? AND contact.state = ? AND contact.due IS NOT NULL
		AND NOT EXISTS (SELECT 1 FROM live WHERE live.number = contact.number)
	ORDER BY contact.due LIMIT 1`

// Running is as [dialler.Ledger] says.
func (s *Store) Running(ctx context.Context, now time.Time) (out []dialler.Work, err error) {
	err = s.view(ctx, "running", func(t *tx) error {
		err := t.each(func(r scanner) error {
			var w dialler.Work
			dest := append(append(s.campaignDest(&w.Campaign), botDest(&w.Bot)...), trunkDest(&w.Trunk)...)
			err := r.Scan(append(dest, &w.Live, &w.Contacts, &w.Waiting)...)
			w.Waiting -= w.Live // a contact that is being rung waits in its row only
			out = append(out, w)
			return err
		}, `SELECT `+campaignColumns+`, `+botColumns+`, `+trunkColumns+`,
				(SELECT count(*) FROM live WHERE live.campaign_id = campaign.id),
				(SELECT ifnull(sum(n), 0) FROM tally WHERE tally.campaign_id = campaign.id AND what = 'contact'),
				(SELECT ifnull(sum(n), 0) FROM tally WHERE tally.campaign_id = campaign.id AND what = 'contact'
					AND which IN ('pending', 'callback_scheduled', 'retry_scheduled'))
			FROM campaign JOIN bot ON bot.name = campaign.bot JOIN trunk ON trunk.name = campaign.trunk
			WHERE campaign.state = 'running' OR campaign.state = 'paused' AND campaign.mode = 'single_day' ORDER BY campaign.id`)
		if err != nil {
			return err
		}
		for i := range out {
			if out[i].NextDue, err = t.nextDue(out[i].Campaign.ID, now); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// nextDue returns when the next contact of a campaign may be leased. One that
// is due at once has been due since the beginning of time, which is told as
// now: a zero NextDue says that there is none.
func (t *tx) nextDue(id dialler.CampaignID, now time.Time) (next time.Time, err error) {
	for _, state := range []dialler.ContactState{dialler.CallbackScheduled, dialler.Pending, dialler.RetryScheduled} {
		err := t.each(func(r scanner) error {
			var due time.Time
			if err := r.Scan(start{&due}); err != nil {
				return err
			}
			if due.IsZero() {
				due = now
			}
			if next.IsZero() || due.Before(next) {
				next = due
			}
			return nil
		}, queryNextDue, id, state)
		if err != nil {
			return next, err
		}
	}
	return next, nil
}

// putCampaignState writes what a decision may change of a campaign.
func (t *tx) putCampaignState(c dialler.Campaign) error {
	return t.exec(`UPDATE campaign SET state = ?, ended = ?, run = ?, closes = ? WHERE id = ?`,
		c.State, orNull(c.Ended), c.Run, null(c.Closes), c.ID)
}

// Transition is as [dialler.Ledger] says.
func (s *Store) Transition(ctx context.Context, id dialler.CampaignID, what dialler.CampaignEvent, now time.Time) (c dialler.Campaign, err error) {
	err = s.update(ctx, string(what), func(t *tx) error {
		if c, err = s.campaign(t, id); err != nil {
			return err
		}
		was := c
		if c, err = c.Apply(what, now); err != nil {
			return err
		}
		if what == dialler.Finish {
			// A contact being rung waits in its row: this looks for both.
			var busy bool
			if err := t.row(`SELECT EXISTS (SELECT 1 FROM contact WHERE campaign_id = ? AND due IS NOT NULL)`, id).Scan(&busy); err != nil {
				return err
			}
			if busy {
				c = was
				return nil
			}
		}
		c.Closes = stored(c.Closes)
		if err := t.putCampaignState(c); err != nil {
			return err
		}
		if what == dialler.Restart {
			if err := t.again(id); err != nil {
				return err
			}
		}
		if state, why, ok := what.Cancels(); ok {
			if err := s.cancel(t, state, why, now,
				`contact.campaign_id = ? AND contact.due IS NOT NULL AND NOT EXISTS (SELECT 1 FROM live WHERE live.contact_id = contact.id)`, id); err != nil {
				return err
			}
		}
		if c.State == dialler.CampaignRunning {
			t.after = append(t.after, s.rouse)
		}
		return nil
	})
	return c, err
}

// again makes all contacts of a campaign pending but those that are done with:
// completed, excluded, and those being rung right now, whose call counts in
// the new run.
func (t *tx) again(id dialler.CampaignID) error {
	if err := t.exec(`UPDATE contact SET attempts = 0 WHERE campaign_id = ? AND attempts > 0 AND state NOT IN ('completed', 'excluded')`, id); err != nil {
		return err
	}
	return t.exec(`UPDATE contact SET
			state = iif(number IN (SELECT number FROM exclusion), 'excluded', 'pending'),
			due   = iif(number IN (SELECT number FROM exclusion), NULL, 0)
		WHERE campaign_id = ? AND state IN ('exhausted', 'machine', 'abandoned', 'window_closed', 'stopped')`, id)
}

// cancel moves the contacts that wait and fit the condition to state, and
// cancels their callbacks, with a message for each.
func (s *Store) cancel(t *tx, state dialler.ContactState, why dialler.CloseReason, now time.Time, where string, arg any) error {
	type owed struct {
		ct dialler.Contact
		cb dialler.Callback
	}
	var promises []owed
	err := t.each(func(r scanner) error {
		var o owed
		err := r.Scan(append(contactDest(&o.ct), callbackDest(&o.cb)...)...)
		promises = append(promises, o)
		return err
	}, `SELECT `+contactColumns+`, `+callbackColumns+` FROM contact JOIN callback ON callback.id = contact.callback_id
		WHERE `+where+` AND contact.state = 'callback_scheduled' ORDER BY callback.id`, arg)
	if err != nil {
		return err
	}
	if err := t.exec(`UPDATE contact SET state = '`+string(state)+`', due = NULL, callback_id = NULL WHERE `+where, arg); err != nil {
		return err
	}
	campaigns := map[dialler.CampaignID]dialler.Campaign{}
	for _, o := range promises {
		c, ok := campaigns[o.cb.Campaign]
		if !ok {
			if c, err = s.campaign(t, o.cb.Campaign); err != nil {
				return err
			}
			campaigns[c.ID] = c
		}
		o.ct.State, o.ct.Due = state, time.Time{}
		o.cb.State, o.cb.Why, o.cb.Closed = dialler.CallbackCancelled, why, now
		if err := t.putCallback(o.cb); err != nil {
			return err
		}
		if err := t.post(dialler.NewCallbackMessage(dialler.CallbackOver, c, o.ct, o.cb, nil, now)); err != nil {
			return err
		}
	}
	return nil
}

// contact reads a contact as people see it: one being rung is dialling.
func (t *tx) contact(id dialler.ContactID) (c dialler.Contact, err error) {
	var promise dialler.CallbackID
	var rung bool
	err = t.row(`SELECT `+contactColumns+`, ifnull(contact.callback_id, 0), EXISTS (SELECT 1 FROM live WHERE live.contact_id = contact.id)
		FROM contact WHERE contact.id = ?`, id).Scan(append(contactDest(&c), &promise, &rung)...)
	if err != nil {
		return c, missing(err, "contact %d", id)
	}
	if rung {
		c.State = dialler.Dialling
	}
	if promise != 0 {
		cb, err := t.callback(promise)
		if err != nil {
			return c, errors.Join(fmt.Errorf("contact %d", id), err)
		}
		c.Callback = &cb
	}
	return c, nil
}
