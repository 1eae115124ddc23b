package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"ringback/dialler"
)

// Contact is as [dialler.Reports] says.
func (s *Store) Contact(ctx context.Context, id dialler.ContactID) (c dialler.Contact, err error) {
	err = s.view(ctx, "read", func(t *tx) error {
		c, err = t.contact(id)
		return err
	})
	return c, err
}

// Contacts is as [dialler.Reports] says.
func (s *Store) Contacts(ctx context.Context, id dialler.CampaignID, after dialler.ContactID, n int) (out []dialler.Contact, err error) {
	err = s.view(ctx, "contacts", func(t *tx) error {
		if _, err := s.campaign(t, id); err != nil {
			return err
		}
		var ids []dialler.ContactID
		if err := t.each(func(r scanner) error {
			var one dialler.ContactID
			err := r.Scan(&one)
			ids = append(ids, one)
			return err
		}, `SELECT id FROM contact WHERE campaign_id = ? AND id > ? ORDER BY id LIMIT ?`, id, after, max(n, 0)); err != nil {
			return err
		}
		for _, one := range ids {
			c, err := t.contact(one)
			if err != nil {
				return err
			}
			out = append(out, c)
		}
		return nil
	})
	return out, err
}

// Call is as [dialler.Reports] says. An unknown one is [dialler.ErrNoCall].
func (s *Store) Call(ctx context.Context, id dialler.CallID) (c dialler.Call, err error) {
	err = s.view(ctx, "read", func(t *tx) error {
		a, err := t.attempt(id)
		if errors.Is(err, dialler.ErrNotFound) {
			return fmt.Errorf("call %s: %w", id, dialler.ErrNoCall)
		}
		if err != nil {
			return err
		}
		c, err = t.call(a)
		return err
	})
	return c, err
}

// call adds to an attempt what came of it.
func (t *tx) call(a dialler.Attempt) (c dialler.Call, err error) {
	c.Attempt = a
	if c.Contact, err = t.contact(a.Contact); err != nil {
		return c, err
	}
	if a.Callback != 0 {
		kept, err := t.callback(a.Callback)
		if err != nil {
			return c, err
		}
		if err := t.row(`SELECT kept_tries FROM attempt WHERE id = ?`, a.ID).Scan(&kept.Attempts); err != nil {
			return c, err
		}
		c.Kept = &kept
	}
	h, err := t.heard(a.ID)
	if errors.Is(err, sql.ErrNoRows) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	c.Analysis = h.body
	c.Ruling, err = t.ruling(a, h)
	return c, err
}

// Calls is as [dialler.Reports] says. A page is cut by when the call was
// leased, then by ID, so calls begun since do not shift the next page.
func (s *Store) Calls(ctx context.Context, q dialler.CallQuery) (calls []dialler.Call, next string, err error) {
	limit := q.Limit
	if limit <= 0 {
		limit = 100
	}
	limit = min(limit, 1000)
	leased, id, err := cursor(q.After)
	if err != nil {
		return nil, "", fmt.Errorf("calls: %w", err)
	}
	var query string
	args := []any{q.Campaign, leased, id, limit + 1}
	if q.Filter == dialler.AllCalls {
		query = `SELECT ` + attemptColumns + ` FROM attempt
			WHERE attempt.campaign_id = ?1 AND (attempt.leased, attempt.id) < (?2, ?3)`
	} else {
		states, ok := map[dialler.CallFilter]string{
			dialler.CallbacksRequested: ``,
			dialler.CallbacksPending:   ` AND callback.state = 'scheduled'`,
			dialler.CallbacksCompleted: ` AND callback.state IN ('completed', 'exhausted', 'closed')`,
			dialler.CallbacksCancelled: ` AND callback.state = 'cancelled'`,
		}[q.Filter]
		if !ok {
			return nil, "", fmt.Errorf("calls: %w", &dialler.FieldError{Field: "filter", Got: strconv.Quote(string(q.Filter)),
				Want: "nothing, requested, pending, completed or cancelled"})
		}
		query = `SELECT ` + attemptColumns + ` FROM callback CROSS JOIN attempt ON attempt.id = callback.asked_on
			WHERE callback.campaign_id = ?1 AND (callback.asked_leased, callback.asked_on) < (?2, ?3)` + states
	}
	if q.Contact != 0 {
		query += ` AND attempt.contact_id = ?5`
		args = append(args, q.Contact)
	}
	if q.Filter == dialler.AllCalls {
		query += ` ORDER BY attempt.leased DESC, attempt.id DESC LIMIT ?4`
	} else {
		query += ` ORDER BY callback.asked_leased DESC, callback.asked_on DESC LIMIT ?4`
	}
	err = s.view(ctx, "calls", func(t *tx) error {
		if _, err := s.campaign(t, q.Campaign); err != nil {
			return err
		}
		var as []dialler.Attempt
		if err := t.each(func(r scanner) error {
			var a dialler.Attempt
			err := r.Scan(attemptDest(&a)...)
			as = append(as, a)
			return err
		}, query, args...); err != nil {
			return err
		}
		if len(as) > limit {
			as = as[:limit]
			last := as[limit-1]
			next = fmt.Sprintf("%d.%s", micros(last.Leased), last.ID)
		}
		for _, a := range as {
			c, err := t.call(a)
			if err != nil {
				return err
			}
			calls = append(calls, c)
		}
		return nil
	})
	return calls, next, err
}

// cursor reads where a page begins; "" is before all.
func cursor(s string) (leased int64, id string, err error) {
	if s == "" {
		return math.MaxInt64, "", nil
	}
	at, id, ok := strings.Cut(s, ".")
	leased, err = strconv.ParseInt(at, 10, 64)
	if err != nil || !ok {
		return 0, "", &dialler.FieldError{Field: "after", Got: strconv.Quote(s), Want: "what the page before said"}
	}
	return leased, id, nil
}

// Counters is as [dialler.Reports] says.
func (s *Store) Counters(ctx context.Context, id dialler.CampaignID) (c dialler.Counters, err error) {
	c = dialler.Counters{
		Contacts:     map[dialler.ContactState]int{},
		Dispositions: map[dialler.Disposition]int{},
		Callbacks:    map[dialler.CallbackState]int{},
		Closed:       map[dialler.CloseReason]int{},
		Refused:      map[dialler.RefusalReason]int{},
	}
	err = s.view(ctx, "counters", func(t *tx) error {
		if _, err := s.campaign(t, id); err != nil {
			return err
		}
		var delay int64
		if err := t.each(func(r scanner) error {
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
			}
			return nil
		}, `SELECT what, which, n FROM tally WHERE campaign_id = ? AND n <> 0`, id); err != nil {
			return err
		}
		if c.Requested > 0 {
			c.AvgDelay = time.Duration(delay/int64(c.Requested)) * time.Microsecond
		}
		// The contacts being rung are told apart from those that wait.
		return t.each(func(r scanner) error {
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
		}, `SELECT contact.state, count(*) FROM live JOIN contact ON contact.id = live.contact_id WHERE live.campaign_id = ? GROUP BY contact.state`, id)
	})
	return c, err
}

// Outbox is as [dialler.Reports] says.
func (s *Store) Outbox(ctx context.Context, after int64, n int) (out []dialler.Message, err error) {
	err = s.view(ctx, "outbox", func(t *tx) error {
		return t.each(func(r scanner) error {
			var m dialler.Message
			err := r.Scan(&m.ID, &m.Kind, &m.Campaign, &m.Contact, &m.Call, &m.Body, stamp{&m.At})
			out = append(out, m)
			return err
		}, `SELECT id, kind, campaign_id, contact_id, call_id, body, at FROM outbox WHERE id > ? ORDER BY id LIMIT ?`, after, max(n, 0))
	})
	return out, err
}
