package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"ringback/dialler"
	"ringback/dialler/store"
)

// Many calls end at once, and each that is settled by itself is a commit of
// its own. So they are settled by a crew: one round trip, a handful of
// statements and one commit for all that end while others are being settled.
// Whoever calls is answered when its own is on disk.
//
//	Settle ─▶ crew ─▶ batch ─┬─ as its lease told ───▶ together
//	                         └─ of a promise, with analyses that wait, marked
//	                            otherwise, lost, … ──▶ by itself (store.SQL)
//
// What becomes of a call is decided before the transaction, by what the lease
// told of the contact and by the campaign's settings as they were last read. It
// is written where the database still says the same, and where it does not, the
// call is settled by itself, which looks at everything anew.

// inBatch is how many calls are settled in one transaction, at most.
const inBatch = 128

// An ending is a call to be settled, and then what came of it.
type ending struct {
	lease   dialler.Lease
	outcome dialler.Outcome

	out  dialler.Settlement
	done bool // else it is to be settled by itself
	err  error
}

// ordinary reports whether it may be that nothing but the lease and the
// campaign matters to what becomes of the call.
func (e *ending) ordinary() bool {
	a, ct := e.lease.Attempt, e.lease.Contact
	return a.Callback == 0 && ct.Callback == nil && ct.ID == a.Contact && ct.State.Waiting()
}

// Settle is as [dialler.Ledger] says.
func (s *Store) Settle(ctx context.Context, l dialler.Lease, o dialler.Outcome) (dialler.Settlement, error) {
	e := &ending{lease: l, outcome: o}
	if ctx.Err() != nil || o.Ended.IsZero() || o.Disposition == "" || !e.ordinary() {
		return s.SQL.Settle(ctx, l, o) // which says what is wrong
	}
	switch {
	case !s.endings.do(ctx, e):
		return dialler.Settlement{}, fmt.Errorf("settle: %w", ctx.Err())
	case e.err == nil && !e.done:
		return s.SQL.Settle(ctx, l, o)
	}
	return e.out, e.err
}

// endTogether: no call twice in one batch.
func endTogether(batch []*ending, x *ending) bool {
	return len(batch) < inBatch && !slices.ContainsFunc(batch, func(e *ending) bool { return e.lease.Attempt.ID == x.lease.Attempt.ID })
}

// settleTogether settles those of a batch that can be settled so.
func (s *Store) settleTogether(_ context.Context, batch []*ending) {
	ctx, cancel := context.WithTimeout(context.Background(), s.o.Timeout)
	defer cancel()
	err := s.endAll(ctx, batch)
	var told *pgconn.PgError
	if err != nil && !errors.As(err, &told) { // what Postgres refuses lies with one of them, and is not to hold up the others
		for _, e := range batch {
			e.err = err
		}
	}
}

func (s *Store) endAll(ctx context.Context, batch []*ending) error {
	settings, err := s.settings(ctx, batch)
	if err != nil {
		return err
	}
	// In an order that all keep, so that two batches do not wait for each other.
	slices.SortFunc(batch, func(a, b *ending) int { return cmp.Compare(a.lease.Contact.ID, b.lease.Contact.ID) })

	// The columns of what is asked and written.
	var calls, numbers, versions, before, dispositions, causes, machines, states, bodies []string
	var terms, campaigns, contacts, tried, q850, sip, ended, attempts []int64
	var rang, answered, joined, due []*int64
	var ends []*ending // in order
	for _, e := range batch {
		of, known := settings[e.lease.Attempt.Campaign]
		if !known { // which nobody removes
			continue
		}
		was := e.lease.Contact
		x := store.Ended{Call: e.lease.Attempt, Record: dialler.Record{Campaign: of.Campaign, Contact: was}}
		_, told := s.End(&x, e.outcome)
		a, ct := x.Call, x.Contact
		e.out.Contact = ct
		ends = append(ends, e)
		calls, numbers, terms = append(calls, string(a.ID)), append(numbers, string(a.Number)), append(terms, e.lease.Term)
		contacts, before, tried = append(contacts, int64(ct.ID)), append(before, string(was.State)), append(tried, int64(was.Attempts))
		campaigns, versions = append(campaigns, int64(a.Campaign)), append(versions, of.version)
		rang, answered, joined, ended = append(rang, optional(a.Rang)), append(answered, optional(a.Answered)), append(joined, optional(a.Joined)), append(ended, store.Micros(a.Ended))
		dispositions, machines = append(dispositions, string(a.Disposition)), append(machines, string(a.Machine))
		q850, sip, causes = append(q850, int64(a.Cause.Q850)), append(sip, int64(a.Cause.SIP)), append(causes, a.Cause.Text)
		states, attempts, bodies = append(states, string(ct.State)), append(attempts, int64(ct.Attempts)), append(bodies, string(told.Body))
		if ct.State.Waiting() {
			at := store.Micros(ct.Due)
			due = append(due, &at)
		} else {
			due = append(due, nil)
		}
	}
	locked := slices.Compact(slices.Sorted(slices.Values(campaigns)))

	err = s.update(ctx, "settle", func(t *tx) error {
		for _, e := range ends {
			e.done = false
		}
		t.pending.Queue(`SELECT ringback_settling($1, $2)`, locked, contacts)
		t.queue([]store.Query{store.Rows(func(r store.Scanner) error {
			var place int64
			if err := r.Scan(&place); err != nil {
				return err
			}
			ends[place-1].done = true
			return nil
		}, `WITH q AS (
				SELECT asked.*
				FROM unnest(CAST($1 AS TEXT[]), CAST($2 AS TEXT[]), CAST($3 AS BIGINT[]), CAST($4 AS BIGINT[]), CAST($5 AS TEXT[]), CAST($6 AS BIGINT[]),
					CAST($7 AS BIGINT[]), CAST($8 AS TEXT[]),
					CAST($9 AS BIGINT[]), CAST($10 AS BIGINT[]), CAST($11 AS BIGINT[]), CAST($12 AS BIGINT[]), CAST($13 AS TEXT[]), CAST($14 AS TEXT[]),
					CAST($15 AS BIGINT[]), CAST($16 AS BIGINT[]), CAST($17 AS TEXT[]), CAST($18 AS TEXT[]), CAST($19 AS BIGINT[]), CAST($20 AS BIGINT[]), CAST($21 AS TEXT[]))
					WITH ORDINALITY AS asked (call, number, term, contact, before, tried, campaign, version, rang, answered, joined, ended, disposition, machine,
						q850, sip, cause, state, due, attempts, body, place)
				JOIN campaign ON campaign.id = asked.campaign AND CAST(campaign.xmin AS TEXT) = asked.version
				JOIN live ON live.number = asked.number AND live.term = asked.term AND live.call_id = asked.call AND live.contact_id = asked.contact
				JOIN attempt ON attempt.id = asked.call AND attempt.callback_id IS NULL
					AND (attempt.rang IS NULL OR asked.rang IS NOT NULL) AND (attempt.answered IS NULL OR asked.answered IS NOT NULL)
					AND (attempt.joined IS NULL OR asked.joined IS NOT NULL) AND (attempt.machine = '' OR asked.machine <> '')
				JOIN contact ON contact.id = asked.contact AND contact.state = asked.before AND contact.attempts = asked.tried AND contact.callback_id IS NULL
				WHERE NOT EXISTS (SELECT 1 FROM exclusion WHERE exclusion.number = asked.number)
					AND NOT EXISTS (SELECT 1 FROM analysis WHERE analysis.contact_id = asked.contact AND analysis.verdict = 'deferred')
			), settled AS (
				UPDATE attempt SET rang = q.rang, answered = q.answered, joined = q.joined, ended = q.ended, disposition = q.disposition,
					q850 = q.q850, sip = q.sip, cause = q.cause, machine = q.machine
				FROM q WHERE attempt.id = q.call
			), gone AS (
				DELETE FROM live USING q WHERE live.number = q.number
			), moved AS (
				UPDATE contact SET state = q.state, due = q.due, attempts = q.attempts, settled = q.ended FROM q WHERE contact.id = q.contact
			), told AS (
				INSERT INTO outbox (kind, campaign_id, contact_id, call_id, body, at)
					SELECT CAST($22 AS TEXT), q.campaign, q.contact, q.call, q.body, q.ended FROM q
			)
			SELECT place FROM q`,
			calls, numbers, terms, contacts, before, tried, campaigns, versions,
			rang, answered, joined, ended, dispositions, machines, q850, sip, causes, states, due, attempts, bodies, dialler.CallSettled)})
		t.After(s.rouse) // seats and numbers are free, and contacts may be due again
		return t.finish()
	})
	for _, e := range ends {
		if err != nil || !e.done {
			e.done = false
			s.forget(e.lease.Attempt.Campaign) // perhaps that is what has changed
		}
	}
	return err
}

// A reading is a campaign as it was read, and the version of its row: any
// change gives it another.
type reading struct {
	dialler.Campaign
	version string
}

// settings returns the campaigns of a batch as they were last read.
func (s *Store) settings(ctx context.Context, batch []*ending) (map[dialler.CampaignID]reading, error) {
	out := map[dialler.CampaignID]reading{}
	var missing []int64
	s.mu.Lock()
	for _, e := range batch {
		id := e.lease.Attempt.Campaign
		if c, known := s.readings[id]; known {
			out[id] = c
		} else if !slices.Contains(missing, int64(id)) {
			missing = append(missing, int64(id))
		}
	}
	s.mu.Unlock()
	if len(missing) == 0 {
		return out, nil
	}
	err := s.view(ctx, "settle", func(t *tx) error {
		return t.Read(store.Rows(func(r store.Scanner) error {
			var c reading
			err := r.Scan(append(s.CampaignDest(&c.Campaign), &c.version)...)
			out[c.ID] = c
			return err
		}, `SELECT `+store.CampaignColumns+`, CAST(campaign.xmin AS TEXT) FROM campaign WHERE id = ANY ($1)`, missing))
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range missing {
		if c, there := out[dialler.CampaignID(id)]; there {
			s.readings[c.ID] = c
		}
	}
	return out, nil
}

func (s *Store) forget(id dialler.CampaignID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.readings, id)
}

// optional is how a time that may be missing is written among others.
func optional(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	at := t.UnixMicro()
	return &at
}
