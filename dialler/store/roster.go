package store

import (
	"context"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"

	"ringback/dialler"
)

// PutTrunk is as [dialler.Roster] says.
func (s *SQL) PutTrunk(ctx context.Context, k dialler.Trunk) error {
	return s.db.Update(ctx, "put trunk "+k.Name, func(t Tx) error {
		t.After(s.db.Rouse) // it may have more channels now
		return t.Do(`INSERT INTO trunk (name, switch, dial, channels, cps) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (name) DO UPDATE SET switch = excluded.switch, dial = excluded.dial, channels = excluded.channels, cps = excluded.cps`,
			k.Name, k.Switch, k.Dial, k.Channels, k.CPS)
	})
}

// Trunks is as [dialler.Roster] says; by name.
func (s *SQL) Trunks(ctx context.Context) (out []dialler.Trunk, err error) {
	err = s.db.View(ctx, "trunks", func(t Tx) error {
		return t.Read(Rows(func(r Scanner) error {
			var k dialler.Trunk
			defer func() { out = append(out, k) }()
			return r.Scan(trunkDest(&k)...)
		}, `SELECT `+trunkColumns+` FROM trunk ORDER BY name`))
	})
	return out, err
}

// PutBot is as [dialler.Roster] says.
func (s *SQL) PutBot(ctx context.Context, b dialler.Bot) error {
	return s.db.Update(ctx, "put bot "+b.Name, func(t Tx) error {
		t.After(s.db.Rouse)
		return t.Do(`INSERT INTO bot (name, endpoint, extension, capacity, callbacks) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (name) DO UPDATE SET endpoint = excluded.endpoint, extension = excluded.extension, capacity = excluded.capacity, callbacks = excluded.callbacks`,
			b.Name, b.Endpoint, b.Extension, b.Capacity, b.Callbacks)
	})
}

// Bots is as [dialler.Roster] says; by name.
func (s *SQL) Bots(ctx context.Context) (out []dialler.Bot, err error) {
	err = s.db.View(ctx, "bots", func(t Tx) error {
		return t.Read(Rows(func(r Scanner) error {
			var b dialler.Bot
			defer func() { out = append(out, b) }()
			return r.Scan(botDest(&b)...)
		}, `SELECT `+botColumns+` FROM bot ORDER BY name`))
	})
	return out, err
}

// DropTrunk is as [dialler.Roster] says.
func (s *SQL) DropTrunk(ctx context.Context, name string) error {
	return s.dropLine(ctx, "trunk", name)
}

// DropBot is as [dialler.Roster] says.
func (s *SQL) DropBot(ctx context.Context, name string) error { return s.dropLine(ctx, "bot", name) }

// dropLine removes a line: kind is its table, and the column by which a campaign
// has it. A campaign that comes meanwhile is kept from it by the reference.
func (s *SQL) dropLine(ctx context.Context, kind, name string) error {
	return s.db.Update(ctx, "drop "+kind+" "+name, func(t Tx) error {
		used := dialler.UsedError{Kind: kind, Name: name}
		if err := t.Read(Rows(func(r Scanner) error {
			var campaign string
			err := r.Scan(&campaign)
			used.Campaigns = append(used.Campaigns, campaign)
			return err
		}, `SELECT name FROM campaign WHERE `+kind+` = $1 ORDER BY id DESC`, name)); err != nil {
			return err
		}
		if len(used.Campaigns) > 0 {
			return &used
		}
		n, err := t.Count(`DELETE FROM `+kind+` WHERE name = $1`, name)
		return changed(n, err, "%s %q", kind, name)
	})
}

// CreateCampaign is as [dialler.Roster] says.
func (s *SQL) CreateCampaign(ctx context.Context, c dialler.Campaign) (dialler.Campaign, error) {
	c = c.WithDefaults()
	c.State, c.Ended, c.Run, c.Closes = dialler.CampaignDraft, "", 0, time.Time{}
	err := s.db.Update(ctx, fmt.Sprintf("create campaign %q", c.Name), func(t Tx) error {
		if err := has(t, c); err != nil {
			return err
		}
		err := first(t, []any{&c.ID}, `INSERT INTO campaign (state, run, name, mode, "window", trunk, bot, caller_id, region,
				seats, cps, max_attempts, retry_delay, retry_on, ring_timeout, screen, bot_timeout, max_duration, apology,
				callback_detection, callback_max_attempts, max_callback_reschedules)
			VALUES ('draft', 0, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20) RETURNING id`, settings(c)...)
		return s.taken(err, c)
	})
	return c, err
}

// UpdateCampaign is as [dialler.Roster] says.
func (s *SQL) UpdateCampaign(ctx context.Context, c dialler.Campaign) (dialler.Campaign, error) {
	to := c
	err := s.db.Update(ctx, fmt.Sprintf("update campaign %d", c.ID), func(t Tx) error {
		if err := t.Lock(Lock{Campaign: c.ID, Moves: true}); err != nil {
			return err
		}
		old, err := s.campaign(t, c.ID)
		if err != nil {
			return err
		}
		if c, err = old.Edit(to); err != nil {
			return err
		}
		if err := has(t, c); err != nil {
			return err
		}
		_, err = t.Count(`UPDATE campaign SET name = $1, mode = $2, "window" = $3, trunk = $4, bot = $5, caller_id = $6, region = $7,
				seats = $8, cps = $9, max_attempts = $10, retry_delay = $11, retry_on = $12, ring_timeout = $13, screen = $14, bot_timeout = $15, max_duration = $16, apology = $17,
				callback_detection = $18, callback_max_attempts = $19, max_callback_reschedules = $20
			WHERE id = $21`, append(settings(c), c.ID)...)
		return s.taken(err, c)
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
func has(t Tx, c dialler.Campaign) error {
	var trunk, bot bool
	if err := t.Read(
		One(&trunk, []any{new(int)}, `SELECT 1 FROM trunk WHERE name = $1`, c.Trunk),
		One(&bot, []any{new(int)}, `SELECT 1 FROM bot WHERE name = $1`, c.Bot)); err != nil {
		return err
	}
	if !trunk {
		return notFound("trunk %q", c.Trunk)
	}
	if !bot {
		return notFound("bot %q", c.Bot)
	}
	return nil
}

func (s *SQL) taken(err error, c dialler.Campaign) error {
	if err != nil && s.db.Taken(err) {
		return fmt.Errorf("a campaign named %q: %w", c.Name, dialler.ErrConflict)
	}
	return err
}

// Campaign is as [dialler.Roster] says.
func (s *SQL) Campaign(ctx context.Context, id dialler.CampaignID) (c dialler.Campaign, err error) {
	err = s.db.View(ctx, "read", func(t Tx) error {
		c, err = s.campaign(t, id)
		return err
	})
	return c, err
}

func (s *SQL) campaign(t Tx, id dialler.CampaignID) (c dialler.Campaign, err error) {
	err = first(t, s.CampaignDest(&c), `SELECT `+CampaignColumns+` FROM campaign WHERE id = $1`, id)
	return c, missing(err, "campaign %d", id)
}

// CampaignNamed is as [dialler.Roster] says.
func (s *SQL) CampaignNamed(ctx context.Context, name string) (c dialler.Campaign, err error) {
	err = s.db.View(ctx, "read", func(t Tx) error {
		err := first(t, s.CampaignDest(&c), `SELECT `+CampaignColumns+` FROM campaign WHERE name = $1`, name)
		return missing(err, "campaign %q", name)
	})
	return c, err
}

// Campaigns is as [dialler.Roster] says; in the order they were created.
func (s *SQL) Campaigns(ctx context.Context) (out []dialler.Campaign, err error) {
	err = s.db.View(ctx, "campaigns", func(t Tx) error {
		return t.Read(Rows(func(r Scanner) error {
			var c dialler.Campaign
			err := r.Scan(s.CampaignDest(&c)...)
			out = append(out, c)
			return err
		}, `SELECT `+CampaignColumns+` FROM campaign ORDER BY id`))
	})
	return out, err
}

// An Intake is contacts about to be added to a campaign.
type Intake struct {
	Campaign dialler.CampaignID
	List     []dialler.NewContact // none twice
	State    dialler.ContactState // what they are to be, but for those that are excluded
	Due      any                  // what State wants of the column due
	Added    int64
}

// VarsColumn is how a contact's variables are stored.
func VarsColumn(vars map[string]string) any { return jsonOrNull(vars, len(vars) == 0) }

// AddContacts is as [dialler.Roster] says.
func (s *SQL) AddContacts(ctx context.Context, id dialler.CampaignID, list []dialler.NewContact, now time.Time) (dups []dialler.Duplicate, err error) {
	in := Intake{Campaign: id, Added: Micros(s.db.Time(now))}
	var twice []dialler.Duplicate
	at := make(map[dialler.Number]int, len(list))
	for i, nc := range list {
		if err := nc.Number.Check(); err != nil {
			return nil, fmt.Errorf("add contacts: entry %d: %w", i, err)
		}
		if _, seen := at[nc.Number]; seen {
			twice = append(twice, dialler.Duplicate{Index: i, Number: nc.Number, InList: true})
			continue
		}
		at[nc.Number] = i
		in.List = append(in.List, nc)
	}
	err = s.db.Update(ctx, fmt.Sprintf("add contacts to campaign %d", id), func(t Tx) error {
		dups = slices.Clone(twice)
		if err := t.Lock(Lock{Campaign: id}); err != nil {
			return err
		}
		c, err := s.campaign(t, id)
		if err != nil {
			return err
		}
		// Nothing waits in a campaign that is over: they wait for its restart.
		in.State, in.Due = dialler.Pending, 0
		switch c.Ended {
		case dialler.EndStopped:
			in.State, in.Due = dialler.Stopped, nil
		case dialler.EndWindowClosed:
			in.State, in.Due = dialler.WindowClosed, nil
		}
		added, err := s.db.Add(t, in)
		if err != nil {
			return err
		}
		waiting := false
		for _, nc := range in.List {
			state, ok := added[nc.Number]
			if !ok {
				dups = append(dups, dialler.Duplicate{Index: at[nc.Number], Number: nc.Number})
			}
			waiting = waiting || state.Waiting()
		}
		slices.SortFunc(dups, func(a, b dialler.Duplicate) int { return a.Index - b.Index })
		if waiting && c.Ended == dialler.EndFinished {
			c.State, c.Ended = dialler.CampaignRunning, ""
			if err := putCampaignState(t, c); err != nil {
				return err
			}
		}
		if waiting && c.State == dialler.CampaignRunning {
			t.After(s.db.Rouse)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return dups, nil
}

// Exclude is as [dialler.Roster] says.
func (s *SQL) Exclude(ctx context.Context, numbers []dialler.Number, now time.Time) error {
	for _, n := range numbers {
		if err := n.Check(); err != nil {
			return fmt.Errorf("exclude: %w", err)
		}
	}
	now = s.db.Time(now)
	return s.db.Update(ctx, "exclude", func(t Tx) error {
		if err := t.Lock(Lock{Exclusions: true}); err != nil {
			return err
		}
		for _, n := range numbers {
			if err := t.Do(`INSERT INTO exclusion (number, since) VALUES ($1, $2) ON CONFLICT (number) DO NOTHING`, n, Micros(now)); err != nil {
				return err
			}
		}
		// One that is being rung is not touched: its settlement sees the
		// exclusion, and the moment of dialling does.
		for some := range slices.Chunk(numbers, 512) {
			in, args := oneOf(some)
			if err := s.cancel(t, dialler.ExcludedContact, dialler.ByExclusion, now, `contact.number IN (`+in+`)`, args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// oneOf makes a list of parameters. The last value fills it up to a power of
// two, so that there are few different statements to prepare.
func oneOf[T any](values []T) (string, []any) {
	var in strings.Builder
	args := make([]any, 1<<bits.Len(uint(len(values)-1)))
	for i := range args {
		args[i] = values[min(i, len(values)-1)]
		if i > 0 {
			in.WriteString(", ")
		}
		fmt.Fprintf(&in, "$%d", i+1)
	}
	return in.String(), args
}

// Readmit is as [dialler.Roster] says.
func (s *SQL) Readmit(ctx context.Context, numbers []dialler.Number) error {
	return s.db.Update(ctx, "readmit", func(t Tx) error {
		if err := t.Lock(Lock{Exclusions: true}); err != nil {
			return err
		}
		for _, n := range numbers {
			if err := t.Do(`DELETE FROM exclusion WHERE number = $1`, n); err != nil {
				return err
			}
		}
		return nil
	})
}

// Excluded is as [dialler.Roster] says.
func (s *SQL) Excluded(ctx context.Context, n dialler.Number) (yes bool, err error) {
	err = s.db.View(ctx, "excluded", func(t Tx) error {
		return first(t, []any{&yes}, `SELECT EXISTS (SELECT 1 FROM exclusion WHERE number = $1)`, n)
	})
	return yes, err
}
