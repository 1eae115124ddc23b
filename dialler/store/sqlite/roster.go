package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	sqlite3 "modernc.org/sqlite"
	sqlite3lib "modernc.org/sqlite/lib"

	"ringback/dialler"
)

// PutTrunk is as [dialler.Roster] says.
func (s *Store) PutTrunk(ctx context.Context, k dialler.Trunk) error {
	return s.update(ctx, "put trunk "+k.Name, func(t *tx) error {
		t.after = append(t.after, s.rouse) // it may have more channels now
		return t.exec(`INSERT INTO trunk (name, switch, dial, channels, cps) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET switch = excluded.switch, dial = excluded.dial, channels = excluded.channels, cps = excluded.cps`,
			k.Name, k.Switch, k.Dial, k.Channels, k.CPS)
	})
}

// Trunks is as [dialler.Roster] says; by name.
func (s *Store) Trunks(ctx context.Context) (out []dialler.Trunk, err error) {
	err = s.view(ctx, "trunks", func(t *tx) error {
		return t.each(func(r scanner) error {
			var k dialler.Trunk
			defer func() { out = append(out, k) }()
			return r.Scan(trunkDest(&k)...)
		}, `SELECT `+trunkColumns+` FROM trunk ORDER BY name`)
	})
	return out, err
}

// PutBot is as [dialler.Roster] says.
func (s *Store) PutBot(ctx context.Context, b dialler.Bot) error {
	return s.update(ctx, "put bot "+b.Name, func(t *tx) error {
		t.after = append(t.after, s.rouse)
		return t.exec(`INSERT INTO bot (name, endpoint, extension, capacity, callbacks) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET endpoint = excluded.endpoint, extension = excluded.extension, capacity = excluded.capacity, callbacks = excluded.callbacks`,
			b.Name, b.Endpoint, b.Extension, b.Capacity, b.Callbacks)
	})
}

// Bots is as [dialler.Roster] says; by name.
func (s *Store) Bots(ctx context.Context) (out []dialler.Bot, err error) {
	err = s.view(ctx, "bots", func(t *tx) error {
		return t.each(func(r scanner) error {
			var b dialler.Bot
			defer func() { out = append(out, b) }()
			return r.Scan(botDest(&b)...)
		}, `SELECT `+botColumns+` FROM bot ORDER BY name`)
	})
	return out, err
}

// CreateCampaign is as [dialler.Roster] says.
func (s *Store) CreateCampaign(ctx context.Context, c dialler.Campaign) (dialler.Campaign, error) {
	c = c.WithDefaults()
	c.State, c.Ended, c.Run, c.Closes = dialler.CampaignDraft, "", 0, time.Time{}
	err := s.update(ctx, fmt.Sprintf("create campaign %q", c.Name), func(t *tx) error {
		if err := t.has(c); err != nil {
			return err
		}
		id, err := t.insert(`INSERT INTO campaign (state, run, name, mode, "window", trunk, bot, caller_id, region,
				seats, cps, max_attempts, retry_delay, retry_on, ring_timeout, screen, bot_timeout, max_duration, apology,
				callback_detection, callback_max_attempts, max_callback_reschedules)
			VALUES ('draft', 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, settings(c)...)
		c.ID = dialler.CampaignID(id)
		return taken(err, c)
	})
	return c, err
}

// UpdateCampaign is as [dialler.Roster] says.
func (s *Store) UpdateCampaign(ctx context.Context, c dialler.Campaign) (dialler.Campaign, error) {
	c = c.WithDefaults()
	err := s.update(ctx, fmt.Sprintf("update campaign %d", c.ID), func(t *tx) error {
		old, err := s.campaign(t, c.ID)
		if err != nil {
			return err
		}
		if old.State == dialler.CampaignRunning {
			return fmt.Errorf("campaign %q is running; pause it first: %w", old.Name, dialler.ErrLocked)
		}
		if err := t.has(c); err != nil {
			return err
		}
		c.State, c.Ended, c.Run, c.Closes = old.State, old.Ended, old.Run, old.Closes
		return taken(t.exec(`UPDATE campaign SET name = ?, mode = ?, "window" = ?, trunk = ?, bot = ?, caller_id = ?, region = ?,
				seats = ?, cps = ?, max_attempts = ?, retry_delay = ?, retry_on = ?, ring_timeout = ?, screen = ?, bot_timeout = ?, max_duration = ?, apology = ?,
				callback_detection = ?, callback_max_attempts = ?, max_callback_reschedules = ?
			WHERE id = ?`, append(settings(c), c.ID)...), c)
	})
	return c, err
}

// settings are a campaign's columns in the order of the statements above.
func settings(c dialler.Campaign) []any {
	return []any{c.Name, c.Mode, jsonOrNull(c.Window, false), c.Trunk, c.Bot, c.CallerID, c.Region,
		c.Seats, c.CPS, c.MaxAttempts, c.RetryDelay.Microseconds(), jsonOrNull(c.RetryOn, c.RetryOn == nil), c.RingTimeout.Microseconds(),
		c.Screen, c.BotTimeout.Microseconds(), c.MaxDuration.Microseconds(), c.Apology,
		c.CallbackDetection, c.CallbackMaxAttempts, c.MaxCallbackReschedules}
}

// has looks for the trunk and the bot a campaign names.
func (t *tx) has(c dialler.Campaign) error {
	var one int
	if err := t.row(`SELECT 1 FROM trunk WHERE name = ?`, c.Trunk).Scan(&one); err != nil {
		return missing(err, "trunk %q", c.Trunk)
	}
	if err := t.row(`SELECT 1 FROM bot WHERE name = ?`, c.Bot).Scan(&one); err != nil {
		return missing(err, "bot %q", c.Bot)
	}
	return nil
}

func taken(err error, c dialler.Campaign) error {
	var e *sqlite3.Error
	if errors.As(err, &e) && e.Code() == sqlite3lib.SQLITE_CONSTRAINT_UNIQUE {
		return fmt.Errorf("a campaign named %q: %w", c.Name, dialler.ErrConflict)
	}
	return err
}

// Campaign is as [dialler.Roster] says.
func (s *Store) Campaign(ctx context.Context, id dialler.CampaignID) (c dialler.Campaign, err error) {
	err = s.view(ctx, "read", func(t *tx) error {
		c, err = s.campaign(t, id)
		return err
	})
	return c, err
}

func (s *Store) campaign(t *tx, id dialler.CampaignID) (c dialler.Campaign, err error) {
	err = t.row(`SELECT `+campaignColumns+` FROM campaign WHERE id = ?`, id).Scan(s.campaignDest(&c)...)
	return c, missing(err, "campaign %d", id)
}

// CampaignNamed is as [dialler.Roster] says.
func (s *Store) CampaignNamed(ctx context.Context, name string) (c dialler.Campaign, err error) {
	err = s.view(ctx, "read", func(t *tx) error {
		err := t.row(`SELECT `+campaignColumns+` FROM campaign WHERE name = ?`, name).Scan(s.campaignDest(&c)...)
		return missing(err, "campaign %q", name)
	})
	return c, err
}

// Campaigns is as [dialler.Roster] says; in the order they were created.
func (s *Store) Campaigns(ctx context.Context) (out []dialler.Campaign, err error) {
	err = s.view(ctx, "campaigns", func(t *tx) error {
		return t.each(func(r scanner) error {
			var c dialler.Campaign
			err := r.Scan(s.campaignDest(&c)...)
			out = append(out, c)
			return err
		}, `SELECT `+campaignColumns+` FROM campaign ORDER BY id`)
	})
	return out, err
}

// AddContacts is as [dialler.Roster] says.
func (s *Store) AddContacts(ctx context.Context, id dialler.CampaignID, list []dialler.NewContact, now time.Time) (dups []dialler.Duplicate, err error) {
	for i, nc := range list {
		if err := nc.Number.Check(); err != nil {
			return nil, fmt.Errorf("add contacts: entry %d: %w", i, err)
		}
	}
	err = s.update(ctx, fmt.Sprintf("add contacts to campaign %d", id), func(t *tx) error {
		c, err := s.campaign(t, id)
		if err != nil {
			return err
		}
		// Nothing waits in a campaign that is over: they wait for its restart.
		state, due := dialler.Pending, any(0)
		switch c.Ended {
		case dialler.EndStopped:
			state, due = dialler.Stopped, nil
		case dialler.EndWindowClosed:
			state, due = dialler.WindowClosed, nil
		}
		waiting := false
		seen := make(map[dialler.Number]bool, len(list))
		for i, nc := range list {
			if seen[nc.Number] {
				dups = append(dups, dialler.Duplicate{Index: i, Number: nc.Number, InList: true})
				continue
			}
			seen[nc.Number] = true
			var got dialler.ContactState
			err := t.row(`INSERT INTO contact (campaign_id, number, vars, state, due, added)
				SELECT ?1, ?2, ?3, iif(x, 'excluded', ?4), iif(x, NULL, ?5), ?6
				FROM (SELECT EXISTS (SELECT 1 FROM exclusion WHERE number = ?2) AS x) WHERE true
				ON CONFLICT (number, campaign_id) DO NOTHING RETURNING state`,
				id, nc.Number, jsonOrNull(nc.Vars, len(nc.Vars) == 0), state, due, micros(now)).Scan(&got)
			switch {
			case errors.Is(err, sql.ErrNoRows):
				dups = append(dups, dialler.Duplicate{Index: i, Number: nc.Number})
			case err != nil:
				return err
			}
			waiting = waiting || got.Waiting()
		}
		if waiting && c.Ended == dialler.EndFinished {
			c.State, c.Ended = dialler.CampaignRunning, ""
			if err := t.putCampaignState(c); err != nil {
				return err
			}
		}
		if waiting && c.State == dialler.CampaignRunning {
			t.after = append(t.after, s.rouse)
		}
		return nil
	})
	return dups, err
}

// Exclude is as [dialler.Roster] says.
func (s *Store) Exclude(ctx context.Context, numbers []dialler.Number, now time.Time) error {
	for _, n := range numbers {
		if err := n.Check(); err != nil {
			return fmt.Errorf("exclude: %w", err)
		}
	}
	return s.update(ctx, "exclude", func(t *tx) error {
		for _, n := range numbers {
			if err := t.exec(`INSERT INTO exclusion (number, since) VALUES (?, ?) ON CONFLICT (number) DO NOTHING`, n, micros(now)); err != nil {
				return err
			}
			// One that is being rung is not touched: its settlement sees the
			// exclusion, and the moment of dialling does.
			if err := s.cancel(t, dialler.ExcludedContact, dialler.ByExclusion, now,
				`contact.number = ? AND contact.due IS NOT NULL AND NOT EXISTS (SELECT 1 FROM live WHERE live.contact_id = contact.id)`, n); err != nil {
				return err
			}
		}
		return nil
	})
}

// Readmit is as [dialler.Roster] says.
func (s *Store) Readmit(ctx context.Context, numbers []dialler.Number) error {
	return s.update(ctx, "readmit", func(t *tx) error {
		for _, n := range numbers {
			if err := t.exec(`DELETE FROM exclusion WHERE number = ?`, n); err != nil {
				return err
			}
		}
		return nil
	})
}

// Excluded is as [dialler.Roster] says.
func (s *Store) Excluded(ctx context.Context, n dialler.Number) (yes bool, err error) {
	err = s.view(ctx, "excluded", func(t *tx) error {
		yes, err = t.excluded(n)
		return err
	})
	return yes, err
}

func (t *tx) excluded(n dialler.Number) (yes bool, err error) {
	err = t.row(`SELECT EXISTS (SELECT 1 FROM exclusion WHERE number = ?)`, n).Scan(&yes)
	return yes, err
}
