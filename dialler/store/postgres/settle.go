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
// its own. So they are settled by a crew: two round trips, a handful of
// statements and one commit for all that end while others are being settled.
// Whoever calls is answered when its own is on disk.
//
//	Settle ─▶ crew ─▶ batch ─┬─ ordinary ────────────▶ together
//	                         ├─ of a promise, or with
//	                         │  analyses that wait ──▶ by itself (store.SQL)
//	                         └─ term not current ────▶ ErrLeaseLost

// inBatch is how many calls are settled in one transaction, at most.
const inBatch = 128

// An ending is a call to be settled, and then what came of it.
type ending struct {
	lease   dialler.Lease
	outcome dialler.Outcome

	store.Ended
	out dialler.Settlement
	err error // errAlone: it is to be settled by itself
}

var errAlone = errors.New("not an ordinary call")

// Settle is as [dialler.Ledger] says.
func (s *Store) Settle(ctx context.Context, l dialler.Lease, o dialler.Outcome) (dialler.Settlement, error) {
	if ctx.Err() != nil || o.Ended.IsZero() || o.Disposition == "" {
		return s.SQL.Settle(ctx, l, o) // which says what is wrong
	}
	e := &ending{lease: l, outcome: o}
	if !s.endings.do(ctx, e) {
		return dialler.Settlement{}, fmt.Errorf("settle: %w", ctx.Err())
	}
	if errors.Is(e.err, errAlone) {
		return s.SQL.Settle(ctx, l, o)
	}
	return e.out, e.err
}

// endTogether: no call twice in one batch.
func endTogether(batch []*ending, x *ending) bool {
	return len(batch) < inBatch && !slices.ContainsFunc(batch, func(e *ending) bool { return e.lease.Attempt.ID == x.lease.Attempt.ID })
}

// settleTogether settles a batch, but for those it marks with errAlone.
func (s *Store) settleTogether(_ context.Context, batch []*ending) {
	// In an order that all keep, so that two batches do not wait for each other.
	slices.SortFunc(batch, func(a, b *ending) int { return cmp.Compare(a.lease.Contact.ID, b.lease.Contact.ID) })
	ctx, cancel := context.WithTimeout(context.Background(), s.o.Timeout)
	defer cancel()
	err := s.update(ctx, "settle", func(t *tx) error {
		if err := s.readEnded(t, batch); err != nil {
			return err
		}
		return s.writeEnded(t, batch)
	})
	var told *pgconn.PgError
	for _, e := range batch {
		switch {
		case errors.As(err, &told): // so that the one it lies with does not hold up the others
			e.err = errAlone
		case err != nil:
			e.err = err
		}
	}
}

// readEnded locks the calls and reads what is decided upon. Those that are not
// for the batch have an error then.
func (s *Store) readEnded(t *tx, batch []*ending) error {
	n := len(batch)
	calls, numbers, terms, contacts, campaigns := make([]string, n), make([]string, n), make([]int64, n), make([]int64, n), make([]int64, n)
	for i, e := range batch {
		a := e.lease.Attempt
		calls[i], numbers[i], terms[i], contacts[i], campaigns[i] = string(a.ID), string(a.Number), e.lease.Term, int64(a.Contact), int64(a.Campaign)
		e.out, e.err = dialler.Settlement{}, store.Lost(e.lease) // unless it is found
	}
	slices.Sort(campaigns)
	campaigns = slices.Compact(campaigns)

	t.pending.Queue(`SELECT ringback_settling($1, $2)`, campaigns, contacts)
	settings := map[dialler.CampaignID]dialler.Campaign{}
	return t.Read(
		store.Rows(func(r store.Scanner) error {
			var c dialler.Campaign
			err := r.Scan(s.CampaignDest(&c)...)
			settings[c.ID] = c
			return err
		}, `SELECT `+store.CampaignColumns+` FROM campaign WHERE id = ANY ($1)`, campaigns),
		store.Rows(func(r store.Scanner) error {
			var place int64
			var special, excluded bool
			var call dialler.Attempt
			var ct dialler.Contact
			if err := r.Scan(slices.Concat([]any{&place, &special, &excluded}, store.AttemptDest(&call), store.ContactDest(&ct))...); err != nil {
				return err
			}
			e := batch[place-1]
			c, locked := settings[call.Campaign]
			if e.err = nil; special || !locked || call.Contact != e.lease.Attempt.Contact {
				e.err = errAlone
			}
			e.Call, e.Record = call, dialler.Record{Campaign: c, Contact: ct, Excluded: excluded}
			return nil
		}, `SELECT q.place, attempt.callback_id IS NOT NULL OR contact.callback_id IS NOT NULL
				OR EXISTS (SELECT 1 FROM analysis WHERE analysis.contact_id = contact.id AND analysis.verdict = 'deferred'),
				EXISTS (SELECT 1 FROM exclusion WHERE exclusion.number = contact.number), `+store.AttemptColumns+`, `+store.ContactColumns+`
			FROM unnest(CAST($1 AS TEXT[]), CAST($2 AS TEXT[]), CAST($3 AS BIGINT[])) WITH ORDINALITY AS q (call, number, term, place)
			JOIN live ON live.number = q.number AND live.call_id = q.call AND live.term = q.term
			JOIN attempt ON attempt.id = q.call JOIN contact ON contact.id = attempt.contact_id`, calls, numbers, terms),
	)
}

// writeEnded decides on the calls that were found, and writes what came of it.
func (s *Store) writeEnded(t *tx, batch []*ending) error {
	// The columns of what is written.
	var calls, numbers, dispositions, causes, machines, states, bodies []string
	var campaigns, contacts, q850, sip, ended, attempts []int64
	var rang, answered, joined, due []*int64
	for _, e := range batch {
		if e.err != nil {
			continue
		}
		_, told := s.End(&e.Ended, e.outcome)
		e.out.Contact = e.Contact
		a, ct := e.Call, e.Contact
		calls, numbers, campaigns, contacts = append(calls, string(a.ID)), append(numbers, string(a.Number)), append(campaigns, int64(a.Campaign)), append(contacts, int64(ct.ID))
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
	if len(calls) == 0 {
		return nil
	}
	t.After(s.rouse) // seats and numbers are free, and contacts may be due again
	return t.Do(`WITH ended AS (
			UPDATE attempt SET rang = q.rang, answered = q.answered, joined = q.joined, ended = q.ended, disposition = q.disposition,
				q850 = q.q850, sip = q.sip, cause = q.cause, machine = q.machine
			FROM unnest(CAST($1 AS TEXT[]), CAST($2 AS BIGINT[]), CAST($3 AS BIGINT[]), CAST($4 AS BIGINT[]), CAST($5 AS BIGINT[]), CAST($6 AS TEXT[]),
				CAST($7 AS BIGINT[]), CAST($8 AS BIGINT[]), CAST($9 AS TEXT[]), CAST($10 AS TEXT[]))
				AS q (id, rang, answered, joined, ended, disposition, q850, sip, cause, machine)
			WHERE attempt.id = q.id
		), gone AS (
			DELETE FROM live WHERE number = ANY (CAST($11 AS TEXT[]))
		), moved AS (
			UPDATE contact SET state = q.state, due = q.due, attempts = q.attempts, settled = q.ended
			FROM unnest(CAST($12 AS BIGINT[]), CAST($13 AS TEXT[]), CAST($14 AS BIGINT[]), CAST($15 AS BIGINT[]), CAST($5 AS BIGINT[])) AS q (id, state, due, attempts, ended)
			WHERE contact.id = q.id
		)
		INSERT INTO outbox (kind, campaign_id, contact_id, call_id, body, at)
			SELECT CAST($16 AS TEXT), q.campaign, q.contact, q.call, q.body, q.ended
			FROM unnest(CAST($17 AS BIGINT[]), CAST($12 AS BIGINT[]), CAST($1 AS TEXT[]), CAST($18 AS TEXT[]), CAST($5 AS BIGINT[])) AS q (campaign, contact, call, body, ended)`,
		calls, rang, answered, joined, ended, dispositions, q850, sip, causes, machines,
		numbers, contacts, states, due, attempts, dialler.CallSettled, campaigns, bodies)
}

// optional is how a time that may be missing is written among others.
func optional(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	at := t.UnixMicro()
	return &at
}
