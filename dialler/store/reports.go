package store

import (
	"context"
	"fmt"
	"time"

	"ringback/dialler"
)

// contacts reads contacts as people see them: one being rung is dialling.
func contacts(t Tx, rest string, args ...any) (out []dialler.Contact, err error) {
	var owed []dialler.CallbackID
	if err := t.Read(Rows(func(r Scanner) error {
		var c dialler.Contact
		var promise dialler.CallbackID
		var rung bool
		err := r.Scan(append(ContactDest(&c), &promise, &rung)...)
		if rung {
			c.State = dialler.Dialling
		}
		out, owed = append(out, c), append(owed, promise)
		return err
	}, `SELECT `+ContactColumns+`, coalesce(contact.callback_id, 0), EXISTS (SELECT 1 FROM live WHERE live.number = contact.number AND live.contact_id = contact.id)
		FROM contact WHERE `+rest, args...)); err != nil {
		return nil, err
	}
	var promises []Query
	for i, id := range owed {
		if id != 0 {
			out[i].Callback = &dialler.Callback{}
			promises = append(promises, One(nil, CallbackDest(out[i].Callback), `SELECT `+CallbackColumns+` FROM callback WHERE id = $1`, id))
		}
	}
	return out, t.Read(promises...)
}

// Contact is as [dialler.Reports] says.
func (s *SQL) Contact(ctx context.Context, id dialler.ContactID) (c dialler.Contact, err error) {
	err = s.db.View(ctx, "read", func(t Tx) error {
		got, err := contacts(t, `contact.id = $1`, id)
		if err == nil && len(got) == 0 {
			return notFound("contact %d", id)
		}
		if err == nil {
			c = got[0]
		}
		return err
	})
	return c, err
}

// Contacts is as [dialler.Reports] says.
func (s *SQL) Contacts(ctx context.Context, id dialler.CampaignID, after dialler.ContactID, n int) (out []dialler.Contact, err error) {
	err = s.db.View(ctx, "contacts", func(t Tx) error {
		if _, err := s.campaign(t, id); err != nil {
			return err
		}
		out, err = contacts(t, `contact.campaign_id = $1 AND contact.id > $2 ORDER BY contact.id LIMIT $3`, id, after, max(n, 0))
		return err
	})
	return out, err
}

// Call is as [dialler.Reports] says. An unknown one is [dialler.ErrNoCall].
func (s *SQL) Call(ctx context.Context, id dialler.CallID) (c dialler.Call, err error) {
	err = s.db.View(ctx, "read", func(t Tx) error {
		got, err := calls(t, `FROM attempt WHERE attempt.id = $1`, id)
		if err == nil && len(got) == 0 {
			return fmt.Errorf("call %s: %w", id, dialler.ErrNoCall)
		}
		if err == nil {
			c = got[0]
		}
		return err
	})
	return c, err
}

// calls reads attempts and what came of each.
func calls(t Tx, from string, args ...any) (out []dialler.Call, err error) {
	type more struct {
		promise, kept bool
		owed, keep    dialler.Callback
		tries         int
		rung, heard   bool
		hearing       hearing
		made          bool
		ruled         dialler.Callback
	}
	if err := t.Read(Rows(func(r Scanner) error {
		var c dialler.Call
		err := r.Scan(AttemptDest(&c.Attempt)...)
		out = append(out, c)
		return err
	}, `SELECT `+AttemptColumns+` `+from, args...)); err != nil {
		return nil, err
	}
	all := make([]more, len(out))
	var reads []Query
	for i := range out {
		m, c := &all[i], &out[i]
		reads = append(reads,
			One(nil, append(ContactDest(&c.Contact), &m.rung), `SELECT `+ContactColumns+`, EXISTS (SELECT 1 FROM live WHERE live.number = contact.number AND live.contact_id = contact.id) FROM contact WHERE id = $1`, c.Attempt.Contact),
			One(&m.promise, CallbackDest(&m.owed), `SELECT `+CallbackColumns+` FROM contact JOIN callback ON callback.id = contact.callback_id WHERE contact.id = $1`, c.Attempt.Contact),
			One(&m.heard, m.hearing.dest(), `SELECT `+hearingColumns+` FROM analysis WHERE call_id = $1`, c.ID),
			One(&m.made, CallbackDest(&m.ruled), `SELECT `+CallbackColumns+` FROM callback WHERE asked_on = $1`, c.ID))
		if c.Callback != 0 {
			reads = append(reads, One(&m.kept, append(CallbackDest(&m.keep), &m.tries),
				`SELECT `+CallbackColumns+`, attempt.kept_tries FROM attempt JOIN callback ON callback.id = attempt.callback_id WHERE attempt.id = $1`, c.ID))
		}
	}
	if err := t.Read(reads...); err != nil {
		return nil, err
	}
	for i := range out {
		m, c := &all[i], &out[i]
		if m.rung {
			c.Contact.State = dialler.Dialling
		}
		if m.promise {
			c.Contact.Callback = &m.owed
		}
		if m.kept {
			m.keep.Attempts = m.tries
			c.Kept = &m.keep
		}
		if m.heard {
			c.Analysis = m.hearing.body
			c.Ruling = dialler.Ruling{Call: c.ID, Contact: c.Attempt.Contact, Verdict: m.hearing.verdict, Refused: m.hearing.refused}
			if m.made {
				c.Ruling.Callback = &m.ruled
			}
		}
	}
	return out, nil
}

// Counters is as [dialler.Reports] says.
func (s *SQL) Counters(ctx context.Context, id dialler.CampaignID) (c dialler.Counters, err error) {
	c = dialler.Counters{
		Contacts:     map[dialler.ContactState]int{},
		Dispositions: map[dialler.Disposition]int{},
		Callbacks:    map[dialler.CallbackState]int{},
		Closed:       map[dialler.CloseReason]int{},
		Refused:      map[dialler.RefusalReason]int{},
	}
	err = s.db.View(ctx, "counters", func(t Tx) error {
		if _, err := s.campaign(t, id); err != nil {
			return err
		}
		var delay int64
		if err := t.Read(Rows(func(r Scanner) error {
			var what, which string
			var n int64
			if err := r.Scan(&what, &which, &n); err != nil {
				return err
			}
			switch what {
			case "contact":
				c.Contacts[dialler.ContactState(which)] = int(n)
			case "attempt":
				c.Attempts = int(n)
			case "disposition":
				c.Dispositions[dialler.Disposition(which)] = int(n)
			case "callback":
				c.Callbacks[dialler.CallbackState(which)] = int(n)
				c.Requested += int(n)
			case "reason":
				c.Closed[dialler.CloseReason(which)] = int(n)
			case "refused":
				c.Refused[dialler.RefusalReason(which)] = int(n)
			case "delay":
				delay = n
			case "talk":
				c.Talk = time.Duration(n) * time.Microsecond
			}
			return nil
		}, `SELECT what, which, n FROM tally WHERE campaign_id = $1 AND n <> 0`, id)); err != nil {
			return err
		}
		if c.Requested > 0 {
			c.AvgDelay = time.Duration(delay/int64(c.Requested)) * time.Microsecond
		}
		// The contacts being rung are told apart from those that wait.
		return t.Read(Rows(func(r Scanner) error {
			var state dialler.ContactState
			var n int
			if err := r.Scan(&state, &n); err != nil {
				return err
			}
			c.Live += n
			c.Contacts[dialler.Dialling] += n
			if c.Contacts[state] -= n; c.Contacts[state] == 0 {
				delete(c.Contacts, state)
			}
			return nil
		}, `SELECT contact.state, count(*) FROM live JOIN contact ON contact.id = live.contact_id WHERE live.campaign_id = $1 GROUP BY contact.state`, id))
	})
	return c, err
}

// Ping reports whether the store answers.
func (s *SQL) Ping(ctx context.Context) error {
	return s.db.View(ctx, "ping", func(t Tx) error { return first(t, []any{new(int)}, `SELECT 1`) })
}

// Outbox is as [dialler.Reports] says.
func (s *SQL) Outbox(ctx context.Context, after int64, n int) (out []dialler.Message, err error) {
	for more := true; more; {
		err = s.db.View(ctx, "outbox", func(t Tx) error { return first(t, []any{&more}, `SELECT `+s.db.Unnumbered()) })
		if err == nil && more {
			err = s.db.Update(ctx, "number the outbox", func(t Tx) error {
				if err := t.Lock(Lock{Deliveries: Alone}); err != nil {
					return err
				}
				return s.db.Number(t, queued)
			})
		}
		if err != nil {
			return nil, err
		}
	}
	err = s.db.View(ctx, "outbox", func(t Tx) error {
		out = nil
		return t.Read(Rows(func(r Scanner) error {
			var m dialler.Message
			err := r.Scan(messageDest(&m)...)
			out = append(out, m)
			return err
		}, `SELECT `+messageColumns+` FROM `+s.db.Messages()+` WHERE id > $1 ORDER BY id LIMIT $2`, after, max(n, 0)))
	})
	return out, err
}

const messageColumns = `id, kind, campaign_id, contact_id, call_id, body, at`

func messageDest(m *dialler.Message) []any {
	return []any{&m.ID, &m.Kind, &m.Campaign, &m.Contact, &m.Call, &m.Body, stamp{&m.At}}
}

// NextCallback is as [dialler.Reports] says.
func (s *SQL) NextCallback(ctx context.Context, id dialler.CampaignID) (due time.Time, err error) {
	err = s.db.View(ctx, "next callback", func(t Tx) error {
		var found bool
		var at *int64 // NULL: none waits
		err := t.Read(One(&found, []any{&at}, `SELECT `+nextDue(dialler.CallbackScheduled)+` FROM campaign WHERE campaign.id = $1`, id))
		if err == nil && !found {
			return notFound("campaign %d", id)
		}
		if at != nil {
			due = time.UnixMicro(*at).UTC()
		}
		return err
	})
	return due, err
}
