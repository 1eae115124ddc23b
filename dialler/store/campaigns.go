package store

import (
	"context"
	"time"

	"ringback/dialler"
)

func (s *SQL) workDest(w *dialler.Work) []any {
	return append(append(s.CampaignDest(&w.Campaign), botDest(&w.Bot)...), trunkDest(&w.Trunk)...)
}

// queryWork reads a campaign with its bot and trunk.
const queryWork = `SELECT ` + CampaignColumns + `, ` + botColumns + `, ` + trunkColumns + `
	FROM campaign JOIN bot ON bot.name = campaign.bot JOIN trunk ON trunk.name = campaign.trunk WHERE campaign.id = $1`

// nextDue finds when the next contact of a campaign in that state is due.
// One whose number is being rung is passed over: it may be due already, and
// can not be leased, so a timer set to it would fire for ever. When that call
// is settled the store wakes the loop, which asks again. The scan passes over
// at most as many contacts as calls are up.
func nextDue(state dialler.ContactState) string {
	return `(SELECT contact.due FROM contact
		WHERE contact.campaign_id = campaign.id AND contact.state = '` + string(state) + `' AND contact.due IS NOT NULL
			AND NOT EXISTS (SELECT 1 FROM live WHERE live.number = contact.number)
		ORDER BY contact.due LIMIT 1)`
}

// RunningQuery is what Running asks, for tests of its plan.
var RunningQuery = `SELECT ` + CampaignColumns + `, ` + botColumns + `, ` + trunkColumns + `,
		(SELECT count(*) FROM live WHERE live.campaign_id = campaign.id),
		(SELECT CAST(coalesce(sum(n), 0) AS BIGINT) FROM tally WHERE tally.campaign_id = campaign.id AND what = 'contact'),
		(SELECT CAST(coalesce(sum(n), 0) AS BIGINT) FROM tally WHERE tally.campaign_id = campaign.id AND what = 'contact'
			AND which IN ('pending', 'callback_scheduled', 'retry_scheduled')),
		` + nextDue(dialler.CallbackScheduled) + `, ` + nextDue(dialler.Pending) + `, ` + nextDue(dialler.RetryScheduled) + `
	FROM campaign JOIN bot ON bot.name = campaign.bot JOIN trunk ON trunk.name = campaign.trunk
	WHERE campaign.state = 'running' OR campaign.state = 'paused' AND campaign.mode = 'single_day' ORDER BY campaign.id`

// Running is as [dialler.Ledger] says.
func (s *SQL) Running(ctx context.Context, now time.Time) (out []dialler.Work, err error) {
	err = s.db.View(ctx, "running", func(t Tx) error {
		return t.Read(Rows(func(r Scanner) error {
			var w dialler.Work
			var due [3]*int64 // of each class; nil: none waits
			err := r.Scan(append(s.workDest(&w), &w.Live, &w.Contacts, &w.Waiting, &due[0], &due[1], &due[2])...)
			w.Waiting -= w.Live // a contact that is being rung waits in its row only
			for _, at := range due {
				if at == nil {
					continue
				}
				// One that is due at once, or ahead of those, has been due since the beginning of
				// time, which is told as now: a zero NextDue says that there
				// is none.
				next := now
				if *at > 0 {
					next = time.UnixMicro(*at).UTC()
				}
				if w.NextDue.IsZero() || next.Before(w.NextDue) {
					w.NextDue = next
				}
			}
			out = append(out, w)
			return err
		}, RunningQuery))
	})
	return out, err
}

// putCampaignState writes what a decision may change of a campaign.
func putCampaignState(t Tx, c dialler.Campaign) error {
	return t.Do(`UPDATE campaign SET state = $1, ended = $2, run = $3, closes = $4 WHERE id = $5`,
		c.State, orNull(c.Ended), c.Run, null(c.Closes), c.ID)
}

// Transition is as [dialler.Ledger] says.
func (s *SQL) Transition(ctx context.Context, id dialler.CampaignID, what dialler.CampaignEvent, now time.Time) (c dialler.Campaign, err error) {
	now = s.db.Time(now)
	err = s.db.Update(ctx, string(what), func(t Tx) error {
		if err := t.Lock(Lock{Campaign: id, Moves: true}); err != nil {
			return err
		}
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
			if err := first(t, []any{&busy}, `SELECT EXISTS (SELECT 1 FROM contact WHERE campaign_id = $1 AND due IS NOT NULL)`, id); err != nil {
				return err
			}
			if busy {
				c = was
				return nil
			}
		}
		c.Closes = Stored(c.Closes)
		if err := putCampaignState(t, c); err != nil {
			return err
		}
		if what == dialler.Restart {
			if err := again(t, id); err != nil {
				return err
			}
		}
		if state, why, ok := what.Cancels(); ok {
			if err := s.cancel(t, state, why, now, `contact.campaign_id = $1`, id); err != nil {
				return err
			}
		}
		if c.State == dialler.CampaignRunning {
			t.After(s.db.Rouse)
		}
		return nil
	})
	return c, err
}

// again makes all contacts of a campaign pending but those that are done with:
// completed, excluded, and those being rung right now, whose call counts in
// the new run.
func again(t Tx, id dialler.CampaignID) error {
	if err := t.Do(`UPDATE contact SET attempts = 0 WHERE campaign_id = $1 AND attempts > 0 AND state NOT IN ('completed', 'excluded')`, id); err != nil {
		return err
	}
	return t.Do(`UPDATE contact SET
			state = CASE WHEN number IN (SELECT number FROM exclusion) THEN 'excluded' ELSE 'pending' END,
			due   = CASE WHEN number IN (SELECT number FROM exclusion) THEN NULL ELSE 0 END
		WHERE campaign_id = $1 AND state IN ('exhausted', 'machine', 'abandoned', 'window_closed', 'stopped')`, id)
}

// cancel moves the contacts that wait, are not being rung, and fit the
// condition, to state, and cancels their callbacks, with a message for each.
func (s *SQL) cancel(t Tx, state dialler.ContactState, why dialler.CloseReason, now time.Time, where string, args ...any) error {
	type owed struct {
		ct dialler.Contact
		cb dialler.Callback
		c  dialler.Campaign
	}
	where += ` AND contact.due IS NOT NULL AND NOT EXISTS (SELECT 1 FROM live WHERE live.number = contact.number AND live.contact_id = contact.id)`
	var promises []owed
	err := t.Read(Rows(func(r Scanner) error {
		var o owed
		err := r.Scan(append(append(ContactDest(&o.ct), CallbackDest(&o.cb)...), s.CampaignDest(&o.c)...)...)
		promises = append(promises, o)
		return err
	}, `SELECT `+ContactColumns+`, `+CallbackColumns+`, `+CampaignColumns+`
		FROM contact JOIN callback ON callback.id = contact.callback_id JOIN campaign ON campaign.id = contact.campaign_id
		WHERE `+where+` AND contact.state = 'callback_scheduled' ORDER BY callback.id`, args...))
	if err != nil {
		return err
	}
	if err := t.Do(`UPDATE contact SET state = '`+string(state)+`', due = NULL, callback_id = NULL WHERE `+where, args...); err != nil {
		return err
	}
	for _, o := range promises {
		o.ct.State, o.ct.Due = state, time.Time{}
		o.cb.State, o.cb.Why, o.cb.Closed = dialler.CallbackCancelled, why, now
		if err := putCallback(t, o.cb); err != nil {
			return err
		}
		if err := post(t, dialler.NewCallbackMessage(dialler.CallbackOver, o.c, o.ct, o.cb, nil, now)); err != nil {
			return err
		}
	}
	return nil
}
