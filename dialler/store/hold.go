package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"ringback/dialler"
)

// Renew is as [dialler.Ledger] says. A lease that has lapsed and that nobody
// has adopted is still its holder's, and can be renewed.
func (s *SQL) Renew(ctx context.Context, ls []dialler.Lease, now time.Time, ttl time.Duration) (kept []dialler.Lease, err error) {
	if len(ls) == 0 {
		return nil, nil
	}
	ls = slices.SortedFunc(slices.Values(ls), func(a, b dialler.Lease) int { return cmp.Compare(a.Attempt.Number, b.Attempt.Number) })
	err = s.db.Update(ctx, "renew", func(t Tx) error {
		kept = nil
		qs := make([]Query, len(ls))
		for i, l := range ls {
			qs[i] = Rows(func(Scanner) error {
				l.Trusted = Trusted(now, ttl)
				kept = append(kept, l)
				return nil
			}, `UPDATE live SET expires = `+s.db.Clock("$1")+` + $2 WHERE number = $3 AND term = $4 AND call_id = $5 RETURNING 1`,
				now.UnixMicro(), ttl.Microseconds(), l.Attempt.Number, l.Term, l.Attempt.ID)
		}
		return t.Read(qs...)
	})
	if err != nil {
		return nil, err
	}
	return kept, nil
}

// Clear is as [dialler.Ledger] says, of a store that one process has for itself.
func (s *SQL) Clear(ctx context.Context, l dialler.Lease) (c dialler.Clearance, err error) {
	err = s.db.View(ctx, fmt.Sprintf("clear call %s", l.Attempt.ID), func(t Tx) error {
		reads, done := s.Clearing(l, &c)
		if err := t.Read(reads...); err != nil {
			return err
		}
		return done()
	})
	return c, err
}

// Clearing is how c is read for l; done is called after the reads.
func (s *SQL) Clearing(l dialler.Lease, c *dialler.Clearance) (reads []Query, done func() error) {
	*c = dialler.Clearance{}
	found := new(bool)
	w := new(dialler.Work)
	reads = []Query{
		One(nil, []any{&c.Held, &c.Excluded}, `SELECT EXISTS (SELECT 1 FROM live WHERE number = $3 AND term = $1 AND call_id = $2), EXISTS (SELECT 1 FROM exclusion WHERE number = $3)`,
			l.Term, l.Attempt.ID, l.Attempt.Number),
		One(found, s.workDest(w), queryWork, l.Attempt.Campaign),
	}
	return reads, func() error {
		if !*found {
			return notFound("campaign %d", l.Attempt.Campaign)
		}
		c.Campaign, c.Bot, c.Trunk = w.Campaign, w.Bot, w.Trunk
		return nil
	}
}

// Mark is as [dialler.Ledger] says.
func (s *SQL) Mark(ctx context.Context, l dialler.Lease, o dialler.Outcome) error {
	o = s.outcome(o)
	return s.db.Update(ctx, "mark", func(t Tx) error {
		if err := t.Lock(Lock{Call: l.Attempt.ID}); err != nil {
			return err
		}
		n, err := t.Count(`UPDATE attempt SET rang = coalesce($1, rang), answered = coalesce($2, answered), joined = coalesce($3, joined), machine = coalesce($4, machine)
			WHERE id = $5 AND EXISTS (SELECT 1 FROM live WHERE live.number = attempt.number AND live.term = $6 AND live.call_id = $5)`,
			null(o.Rang), null(o.Answered), null(o.Joined), orNull(o.Machine), l.Attempt.ID, l.Term)
		if err == nil && n == 0 {
			err = Lost(l)
		}
		return err
	})
}

// Withdraw is as [dialler.Ledger] says.
func (s *SQL) Withdraw(ctx context.Context, l dialler.Lease, notBefore, now time.Time) error {
	now = s.db.Time(now)
	if !notBefore.IsZero() {
		notBefore = s.db.Time(notBefore)
	}
	return s.db.Update(ctx, "withdraw", func(t Tx) error {
		m, err := s.matter(t, l.Attempt.ID, l.Term)
		if err != nil {
			return err
		}
		if !m.held {
			return Lost(l)
		}
		// A call nobody asked for has no analysis; should one have been sent
		// all the same, it goes with the attempt.
		for _, q := range []string{
			`DELETE FROM live WHERE number = (SELECT number FROM attempt WHERE id = $1) AND call_id = $1`,
			`DELETE FROM analysis WHERE call_id = $1`,
			`DELETE FROM attempt WHERE id = $1`,
		} {
			if err := t.Do(q, l.Attempt.ID); err != nil {
				return err
			}
		}
		m.waits = slices.DeleteFunc(m.waits, func(w waiting) bool { return w.call.ID == l.Attempt.ID })
		r, closed := m.Withdraw(notBefore, now)
		if err := putContact(t, r.Contact); err != nil {
			return err
		}
		if closed != nil {
			if err := putCallback(t, *closed); err != nil {
				return err
			}
			if err := s.over(t, r, *closed, now); err != nil {
				return err
			}
		}
		t.After(s.db.Rouse)
		_, _, err = s.ruleDeferred(t, m, r, now)
		return err
	})
}

// Adrift is as [dialler.Ledger] says; the longest begun first.
func (s *SQL) Adrift(ctx context.Context, node string, now time.Time) (out []dialler.Attempt, err error) {
	err = s.db.View(ctx, "adrift", func(t Tx) error {
		return t.Read(Rows(func(r Scanner) error {
			var a dialler.Attempt
			err := r.Scan(AttemptDest(&a)...)
			out = append(out, a)
			return err
		}, `SELECT `+AttemptColumns+` FROM live JOIN attempt ON attempt.id = live.call_id
			WHERE live.node = $1 OR live.expires <= `+s.db.Clock("$2")+` ORDER BY attempt.leased, attempt.id`, node, now.UnixMicro()))
	})
	return out, err
}

// Adopt is as [dialler.Ledger] says.
func (s *SQL) Adopt(ctx context.Context, id dialler.CallID, node string, now time.Time, ttl time.Duration) (l dialler.Lease, err error) {
	err = s.db.Update(ctx, "adopt", func(t Tx) error {
		l = dialler.Lease{}
		m, err := s.matter(t, id, 0)
		if err != nil {
			return err
		}
		n, err := t.Count(`DELETE FROM live WHERE number = $4 AND call_id = $1 AND (node = $2 OR expires <= `+s.db.Clock("$3")+`)`, id, node, now.UnixMicro(), m.call.Number)
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("call %s: %w", id, dialler.ErrLeaseLost)
		}
		a := m.call
		l = dialler.Lease{Attempt: a, Contact: m.Contact, Node: node, Adopted: true, Trusted: Trusted(now, ttl)}
		return first(t, []any{&l.Term}, `INSERT INTO live (number, call_id, contact_id, campaign_id, trunk, bot, node, expires)
			VALUES ($1, $2, $3, $4, $5, $6, $7, `+s.db.Clock("$8")+` + $9) RETURNING term`,
			a.Number, a.ID, a.Contact, a.Campaign, a.Trunk, a.Bot, node, now.UnixMicro(), ttl.Microseconds())
	})
	if err != nil {
		return dialler.Lease{}, err
	}
	return l, nil
}
