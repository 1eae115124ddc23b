package sqlite

import (
	"context"
	"fmt"
	"time"

	"ringback/dialler"
)

// Renew is as [dialler.Ledger] says. A lease that has lapsed and that nobody
// has adopted is still its holder's, and can be renewed.
func (s *Store) Renew(ctx context.Context, ls []dialler.Lease, now time.Time, ttl time.Duration) ([]dialler.Lease, error) {
	if len(ls) == 0 {
		return nil, nil
	}
	var kept []dialler.Lease
	err := s.update(ctx, "renew", func(t *tx) error {
		for _, l := range ls {
			n, err := t.execN(`UPDATE live SET expires = ? WHERE term = ? AND call_id = ?`, now.Add(ttl).UnixMicro(), l.Term, l.Attempt.ID)
			if err != nil {
				return err
			}
			if n == 1 {
				l.Trusted = trusted(now, ttl)
				kept = append(kept, l)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return kept, nil
}

// Clear is as [dialler.Ledger] says.
func (s *Store) Clear(ctx context.Context, l dialler.Lease) (c dialler.Clearance, err error) {
	err = s.view(ctx, fmt.Sprintf("clear call %s", l.Attempt.ID), func(t *tx) error {
		if err := t.row(`SELECT EXISTS (SELECT 1 FROM live WHERE term = ? AND call_id = ?), EXISTS (SELECT 1 FROM exclusion WHERE number = ?)`,
			l.Term, l.Attempt.ID, l.Attempt.Number).Scan(&c.Held, &c.Excluded); err != nil {
			return err
		}
		w, err := s.work(t, l.Attempt.Campaign)
		c.Campaign, c.Bot, c.Trunk = w.Campaign, w.Bot, w.Trunk
		return err
	})
	return c, err
}

// held fails with ErrLeaseLost unless l's term is current.
func (t *tx) held(l dialler.Lease) error {
	var yes bool
	if err := t.row(`SELECT EXISTS (SELECT 1 FROM live WHERE term = ? AND call_id = ?)`, l.Term, l.Attempt.ID).Scan(&yes); err != nil {
		return err
	}
	if !yes {
		return fmt.Errorf("term %d of call %s: %w", l.Term, l.Attempt.ID, dialler.ErrLeaseLost)
	}
	return nil
}

// Mark is as [dialler.Ledger] says.
func (s *Store) Mark(ctx context.Context, l dialler.Lease, o dialler.Outcome) error {
	return s.update(ctx, "mark", func(t *tx) error {
		if err := t.held(l); err != nil {
			return err
		}
		return t.exec(`UPDATE attempt SET rang = ifnull(?, rang), answered = ifnull(?, answered), joined = ifnull(?, joined), machine = ifnull(?, machine) WHERE id = ?`,
			null(o.Rang), null(o.Answered), null(o.Joined), orNull(o.Machine), l.Attempt.ID)
	})
}

// Withdraw is as [dialler.Ledger] says.
func (s *Store) Withdraw(ctx context.Context, l dialler.Lease, notBefore, now time.Time) error {
	return s.update(ctx, "withdraw", func(t *tx) error {
		if err := t.held(l); err != nil {
			return err
		}
		a, err := t.attempt(l.Attempt.ID)
		if err != nil {
			return err
		}
		r, err := s.record(t, a.Contact)
		if err != nil {
			return err
		}
		// A call nobody asked for has no analysis; should one have been sent
		// all the same, it goes with the attempt.
		for _, q := range []string{
			`DELETE FROM live WHERE call_id = ?`,
			`DELETE FROM analysis WHERE call_id = ?`,
			`DELETE FROM attempt WHERE id = ?`,
		} {
			if err := t.exec(q, a.ID); err != nil {
				return err
			}
		}
		r, closed := r.Withdraw(notBefore, now)
		if err := t.putContact(r.Contact); err != nil {
			return err
		}
		if closed != nil {
			if err := t.putCallback(*closed); err != nil {
				return err
			}
			if err := t.post(dialler.NewCallbackMessage(dialler.CallbackOver, r.Campaign, r.Contact, *closed, nil, now)); err != nil {
				return err
			}
		}
		t.after = append(t.after, s.rouse)
		_, err = s.ruleDeferred(t, r, now)
		return err
	})
}

// Adrift is as [dialler.Ledger] says; the longest begun first.
func (s *Store) Adrift(ctx context.Context, node string, now time.Time) (out []dialler.Attempt, err error) {
	err = s.view(ctx, "adrift", func(t *tx) error {
		return t.each(func(r scanner) error {
			var a dialler.Attempt
			err := r.Scan(attemptDest(&a)...)
			out = append(out, a)
			return err
		}, `SELECT `+attemptColumns+` FROM live JOIN attempt ON attempt.id = live.call_id
			WHERE live.node = ? OR live.expires <= ? ORDER BY attempt.leased, attempt.id`, node, now.UnixMicro())
	})
	return out, err
}

// Adopt is as [dialler.Ledger] says.
func (s *Store) Adopt(ctx context.Context, id dialler.CallID, node string, now time.Time, ttl time.Duration) (l dialler.Lease, err error) {
	err = s.update(ctx, "adopt", func(t *tx) error {
		n, err := t.execN(`DELETE FROM live WHERE call_id = ? AND (node = ? OR expires <= ?)`, id, node, now.UnixMicro())
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("call %s: %w", id, dialler.ErrLeaseLost)
		}
		if l.Attempt, err = t.attempt(id); err != nil {
			return err
		}
		r, err := s.record(t, l.Attempt.Contact)
		if err != nil {
			return err
		}
		l.Contact, l.Node = r.Contact, node
		return t.hold(&l, now, ttl)
	})
	if err != nil {
		return dialler.Lease{}, err
	}
	return l, nil
}
