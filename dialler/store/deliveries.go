package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"ringback/dialler"
)

// queued is how many messages are put in line in one transaction.
const queued = 2000

// kinds reads the events of a webhook, which are stored each between spaces,
// so that LIKE finds one.
type kinds struct{ to *[]string }

func (k kinds) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*k.to = nil
	case string:
		*k.to = append([]string{}, strings.Fields(v)...)
	default:
		return fmt.Errorf("events are stored as %T", v)
	}
	return nil
}

func kindsColumn(list []string) any {
	if list == nil {
		return nil
	}
	return " " + strings.Join(list, " ") + " "
}

const webhookColumns = `webhook.campaign_id, webhook.url, webhook.secret, webhook.active, webhook.events, webhook.mapping, webhook.changed`

func webhookDest(w *dialler.Webhook) []any {
	return []any{&w.Campaign, &w.URL, &w.Secret, &w.On, kinds{&w.Events}, &w.Mapping, stamp{&w.Changed}}
}

// PutWebhook is as [dialler.Deliveries] says.
func (s *SQL) PutWebhook(ctx context.Context, w dialler.Webhook) error {
	return s.db.Update(ctx, "put webhook", func(t Tx) error {
		if _, err := s.campaign(t, w.Campaign); err != nil {
			return err
		}
		changed := Micros(s.db.Time(w.Changed))
		return t.Do(`INSERT INTO webhook (campaign_id, url, secret, active, events, mapping, changed, since)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
			ON CONFLICT (campaign_id) DO UPDATE SET url = excluded.url, secret = excluded.secret, active = excluded.active,
				events = excluded.events, mapping = excluded.mapping, changed = excluded.changed,
				since = CASE WHEN webhook.active AND excluded.active THEN webhook.since ELSE excluded.since END`,
			w.Campaign, w.URL, w.Secret, w.On, kindsColumn(w.Events), w.Mapping, changed)
	})
}

// Webhook is as [dialler.Deliveries] says.
func (s *SQL) Webhook(ctx context.Context, id dialler.CampaignID) (w dialler.Webhook, err error) {
	err = s.db.View(ctx, "read webhook", func(t Tx) error {
		w, err = webhookOf(t, id)
		return err
	})
	return w, err
}

func webhookOf(t Tx, id dialler.CampaignID) (w dialler.Webhook, err error) {
	err = first(t, webhookDest(&w), `SELECT `+webhookColumns+` FROM webhook WHERE campaign_id = $1`, id)
	return w, missing(err, "webhook of campaign %d", id)
}

// QueueDeliveries is as [dialler.Deliveries] says.
func (s *SQL) QueueDeliveries(ctx context.Context, now time.Time) (more bool, err error) {
	messages := s.db.Messages()
	var news bool
	err = s.db.View(ctx, "look for messages to push", func(t Tx) error {
		return first(t, []any{&news}, `SELECT EXISTS (SELECT 1 FROM webhook WHERE active) AND (`+s.db.Unnumbered()+`
			OR EXISTS (SELECT 1 FROM `+messages+` WHERE id > (SELECT upto FROM outbox_reader WHERE name = 'push')))`)
	})
	if err != nil || !news {
		return false, err
	}
	err = s.db.Update(ctx, "queue deliveries", func(t Tx) error {
		more = false
		if err := t.Lock(Lock{Deliveries: Alone}); err != nil {
			return err
		}
		if err := s.db.Number(t, queued); err != nil {
			return err
		}
		var upto, last int64
		if err := t.Read(
			One(nil, []any{&upto}, `SELECT upto FROM outbox_reader WHERE name = 'push'`),
			One(nil, []any{&last}, `SELECT coalesce(max(id), 0) FROM (SELECT id FROM `+messages+`
				WHERE id > (SELECT upto FROM outbox_reader WHERE name = 'push') ORDER BY id LIMIT $1) AS come`, queued),
		); err != nil {
			return err
		}
		if last == 0 {
			return nil
		}
		for _, q := range []Query{
			{SQL: `INSERT INTO delivery (message_id, campaign_id, contact_id, state, made)
				SELECT m.id, m.campaign_id, m.contact_id, 'waiting', ` + s.db.Clock("CAST($3 AS BIGINT)") + `
				FROM ` + messages + ` AS m JOIN webhook AS w ON w.campaign_id = m.campaign_id
				WHERE m.id > $1 AND m.id <= $2 AND w.active AND m.at >= w.since AND (w.events IS NULL OR w.events LIKE '% ' || m.kind || ' %')`,
				Args: []any{upto, last, now.UnixMicro()}},
			{SQL: `UPDATE delivery SET due = made WHERE message_id > $1 AND message_id <= $2
				AND NOT EXISTS (SELECT 1 FROM delivery AS d WHERE d.contact_id = delivery.contact_id AND d.message_id < delivery.message_id AND d.state = 'waiting')`,
				Args: []any{upto, last}},
			{SQL: `UPDATE outbox_reader SET upto = $1 WHERE name = 'push'`, Args: []any{last}},
		} {
			if err := t.Do(q.SQL, q.Args...); err != nil {
				return err
			}
		}
		more = true
		return nil
	})
	return more, err
}

// DueDeliveries is as [dialler.Deliveries] says.
func (s *SQL) DueDeliveries(ctx context.Context, now time.Time) (out []dialler.CampaignID, err error) {
	err = s.db.View(ctx, "due deliveries", func(t Tx) error {
		return t.Read(Rows(func(r Scanner) error {
			var id dialler.CampaignID
			err := r.Scan(&id)
			out = append(out, id)
			return err
		}, `SELECT campaign_id FROM (SELECT webhook.campaign_id,
				(SELECT delivery.due FROM delivery WHERE delivery.campaign_id = webhook.campaign_id AND delivery.due IS NOT NULL
				ORDER BY delivery.due LIMIT 1) AS due FROM webhook WHERE webhook.active) AS w
			WHERE due <= `+s.db.Clock("$1")+` ORDER BY due`, now.UnixMicro()))
	})
	return out, err
}

// deliveryColumns are read by deliveryDest; m is the message.
const deliveryColumns = `m.id, m.kind, m.campaign_id, m.contact_id, m.call_id, m.body, m.at,
	d.state, d.made, d.tries, d.spent, d.tried, d.due, d.status, d.said, d."over"`

func deliveryDest(d *dialler.Delivery) []any {
	return []any{&d.ID, &d.Kind, &d.Campaign, &d.Contact, &d.Call, &d.Body, stamp{&d.At},
		&d.State, stamp{&d.Made}, &d.Tries, &d.Before, stamp{&d.Tried}, stamp{&d.Due}, &d.Status, &d.Said, stamp{&d.Over}}
}

func (s *SQL) deliveries(to *[]dialler.Delivery, rest string, args ...any) Query {
	return Rows(func(r Scanner) error {
		var d dialler.Delivery
		err := r.Scan(deliveryDest(&d)...)
		*to = append(*to, d)
		return err
	}, `SELECT `+deliveryColumns+` FROM delivery AS d JOIN `+s.db.Messages()+` AS m ON m.id = d.message_id WHERE `+rest, args...)
}

// ClaimDeliveries is as [dialler.Deliveries] says.
func (s *SQL) ClaimDeliveries(ctx context.Context, id dialler.CampaignID, n int, now time.Time, ttl time.Duration) (w dialler.Webhook, out []dialler.Delivery, err error) {
	err = s.db.Update(ctx, "claim deliveries", func(t Tx) error {
		out = nil
		if err := t.Lock(Lock{Deliveries: Shared}); err != nil {
			return err
		}
		if w, err = webhookOf(t, id); err != nil || !w.On {
			return err
		}
		if err := t.Read(s.deliveries(&out, `d.campaign_id = $1 AND d.due <= `+s.db.Clock("$2")+` ORDER BY d.due, d.message_id LIMIT $3 `+s.db.SkipLocked("d"),
			id, now.UnixMicro(), n)); err != nil {
			return err
		}
		for i := range out {
			out[i].Tries++
			out[i].Tried = Stored(s.db.Time(now))
			if err := t.Do(`UPDATE delivery SET tries = tries + 1, tried = $1, due = `+s.db.Clock("CAST($2 AS BIGINT)")+` + $3, claim = `+s.db.Clock("CAST($2 AS BIGINT)")+` + $3
				WHERE message_id = $4`, Micros(out[i].Tried), now.UnixMicro(), ttl.Microseconds(), out[i].ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return w, nil, err
	}
	return w, out, nil
}

// EndTry is as [dialler.Deliveries] says.
func (s *SQL) EndTry(ctx context.Context, d dialler.Delivery, try dialler.Try, now time.Time) error {
	now = s.db.Time(now)
	return s.db.Update(ctx, "end a try", func(t Tx) error {
		if err := t.Lock(Lock{Deliveries: Shared}); err != nil {
			return err
		}
		var over, again any
		if try.State == dialler.DeliveryWaiting {
			again = Micros(now.Add(try.Again))
		} else {
			over = Micros(now)
		}
		n, err := t.Count(`UPDATE delivery SET state = $1, status = $2, said = $3, "over" = $4, claim = NULL, due = CASE
				WHEN EXISTS (SELECT 1 FROM delivery AS e WHERE e.contact_id = delivery.contact_id AND e.message_id < delivery.message_id AND e.state = 'waiting') THEN NULL
				ELSE CAST($5 AS BIGINT) END
			WHERE message_id = $6 AND tries = $7 AND state = 'waiting' AND claim IS NOT NULL`,
			try.State, try.Status, try.Said, over, again, d.ID, d.Tries)
		if err == nil && n == 0 {
			err = fmt.Errorf("try %d of message %d: %w", d.Tries, d.ID, dialler.ErrLeaseLost)
		}
		if err != nil {
			return err
		}
		return promote(t, d.Contact, now)
	})
}

// promote makes the first delivery that waits of a contact due, if it is not.
func promote(t Tx, id dialler.ContactID, now time.Time) error {
	return t.Do(`UPDATE delivery SET due = $1 WHERE due IS NULL
		AND message_id = (SELECT min(d.message_id) FROM delivery AS d WHERE d.contact_id = $2 AND d.state = 'waiting')`, Micros(now), id)
}

// Delivery is as [dialler.Deliveries] says.
func (s *SQL) Delivery(ctx context.Context, message int64) (d dialler.Delivery, err error) {
	err = s.db.View(ctx, "delivery", func(t Tx) error {
		d, err = s.delivery(t, message)
		return err
	})
	return d, err
}

func (s *SQL) delivery(t Tx, message int64) (dialler.Delivery, error) {
	var list []dialler.Delivery
	if err := t.Read(s.deliveries(&list, `d.message_id = $1`, message)); err != nil {
		return dialler.Delivery{}, err
	}
	if len(list) == 0 {
		return dialler.Delivery{}, notFound("delivery of message %d", message)
	}
	return list[0], nil
}

// Deliveries is as [dialler.Deliveries] says.
func (s *SQL) Deliveries(ctx context.Context, q dialler.DeliveryQuery) (list []dialler.Delivery, next int64, err error) {
	limit := q.Limit
	if limit <= 0 {
		limit = 100
	}
	limit = min(limit, 1000)
	after := q.After
	if after <= 0 {
		after = 1<<63 - 1
	}
	where, args := `d.state = $1 AND d.message_id < $2`, []any{q.State, after, limit + 1}
	if q.Campaign != 0 {
		where += ` AND d.campaign_id = $4`
		args = append(args, q.Campaign)
	}
	err = s.db.View(ctx, "deliveries", func(t Tx) error {
		list = nil
		return t.Read(s.deliveries(&list, where+` ORDER BY d.message_id DESC LIMIT $3`, args...))
	})
	if len(list) > limit {
		list = list[:limit]
		next = list[limit-1].ID
	}
	return list, next, err
}

// Resend is as [dialler.Deliveries] says.
func (s *SQL) Resend(ctx context.Context, message int64, now time.Time) error {
	now = s.db.Time(now)
	return s.db.Update(ctx, "resend", func(t Tx) error {
		if err := t.Lock(Lock{Deliveries: Alone}); err != nil {
			return err
		}
		d, err := s.delivery(t, message)
		if err != nil {
			return err
		}
		return resend(t, d, now)
	})
}

// resend puts a delivery in line again. What waits of the contact waits behind
// it then, unless a try of it is under way: then this waits for that.
func resend(t Tx, d dialler.Delivery, now time.Time) error {
	if d.State == dialler.DeliveryWaiting {
		return t.Do(`UPDATE delivery SET due = $1, made = $1, spent = tries WHERE message_id = $2 AND due IS NOT NULL AND (claim IS NULL OR claim <= $1)`, Micros(now), d.ID)
	}
	if err := t.Do(`UPDATE delivery SET state = 'waiting', "over" = NULL, claim = NULL, due = NULL, made = $1, spent = tries WHERE message_id = $2`, Micros(now), d.ID); err != nil {
		return err
	}
	if err := t.Do(`UPDATE delivery SET due = NULL WHERE contact_id = $1 AND state = 'waiting' AND message_id > $2 AND claim IS NULL`, d.Contact, d.ID); err != nil {
		return err
	}
	return t.Do(`UPDATE delivery SET due = $1 WHERE due IS NULL
		AND message_id = (SELECT min(d.message_id) FROM delivery AS d WHERE d.contact_id = $2 AND d.state = 'waiting')
		AND NOT EXISTS (SELECT 1 FROM delivery AS e WHERE e.contact_id = $2 AND e.state = 'waiting' AND e.due IS NOT NULL)`, Micros(now), d.Contact)
}

// ResendDead is as [dialler.Deliveries] says.
func (s *SQL) ResendDead(ctx context.Context, id dialler.CampaignID, n int, now time.Time) (done int, err error) {
	now = s.db.Time(now)
	err = s.db.Update(ctx, "resend the dead", func(t Tx) error {
		if err := t.Lock(Lock{Deliveries: Alone}); err != nil {
			return err
		}
		if _, err := s.campaign(t, id); err != nil {
			return err
		}
		var list []dialler.Delivery
		if err := t.Read(s.deliveries(&list, `d.campaign_id = $1 AND d.state = 'dead' ORDER BY d.message_id LIMIT $2`, id, max(n, 0))); err != nil {
			return err
		}
		for _, d := range list {
			if err := resend(t, d, now); err != nil {
				return err
			}
		}
		done = len(list)
		return nil
	})
	return done, err
}

// Backlogs is as [dialler.Deliveries] says.
func (s *SQL) Backlogs(ctx context.Context) (out []dialler.Backlog, err error) {
	count := func(state string) string {
		return `(SELECT count(*) FROM delivery AS d WHERE d.campaign_id = w.campaign_id AND d.state = '` + state + `')`
	}
	err = s.db.View(ctx, "backlogs", func(t Tx) error {
		out = nil
		return t.Read(Rows(func(r Scanner) error {
			var b dialler.Backlog
			err := r.Scan(&b.Campaign, &b.On, &b.Waiting, &b.Dead, stamp{&b.Oldest})
			out = append(out, b)
			return err
		}, `SELECT w.campaign_id, w.active, `+count("waiting")+`, `+count("dead")+`,
			(SELECT d.made FROM delivery AS d WHERE d.campaign_id = w.campaign_id AND d.state = 'waiting' ORDER BY d.message_id LIMIT 1)
			FROM webhook AS w ORDER BY w.campaign_id`))
	})
	return out, err
}

// LatestMessage is as [dialler.Deliveries] says. Of messages that have not
// been numbered it knows nothing yet.
func (s *SQL) LatestMessage(ctx context.Context, id dialler.CampaignID, kind string) (m dialler.Message, err error) {
	err = s.db.View(ctx, "latest message", func(t Tx) error {
		err := first(t, messageDest(&m), `SELECT `+messageColumns+` FROM `+s.db.Messages()+`
			WHERE campaign_id = $1 AND kind = $2 ORDER BY id DESC LIMIT 1`, id, kind)
		if errors.Is(err, sql.ErrNoRows) {
			return notFound("message of campaign %d", id)
		}
		return err
	})
	return m, err
}
