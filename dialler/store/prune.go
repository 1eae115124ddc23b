package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ringback/dialler"
)

// Prune is as [dialler.Pruner] says.
func (s *SQL) Prune(ctx context.Context, q dialler.PruneQuery) (out dialler.Pruned, err error) {
	if q.N <= 0 {
		q.N = 200
	}
	before := Micros(s.db.Time(q.Before))
	if from, ok := strings.CutPrefix(q.After, messagesFrom); ok {
		return s.pruneMessages(ctx, q, from, before)
	}
	leased, id, err := pruneFrom(q.After)
	if err != nil {
		return out, err
	}
	err = s.db.Update(ctx, fmt.Sprintf("prune campaign %d", q.Campaign), func(t Tx) error {
		out = dialler.Pruned{}
		if err := t.Lock(Lock{Campaign: q.Campaign}); err != nil {
			return err
		}
		seen := 0
		var contacts []dialler.ContactID
		if err := t.Read(Rows(func(r Scanner) error {
			var contact dialler.ContactID
			var call dialler.CallID
			var at int64
			if err := r.Scan(&at, &call, &contact); err != nil {
				return err
			}
			seen++
			contacts = append(contacts, contact)
			out.Next = fmt.Sprintf("%d/%s", at, call)
			return nil
		}, `SELECT leased, id, contact_id FROM attempt
			WHERE campaign_id = $1 AND leased < $2 AND (leased, id) > ($3, $4) ORDER BY leased, id LIMIT $5`,
			q.Campaign, before, leased, id, q.N)); err != nil {
			return err
		}
		if seen < q.N {
			out.Next = messagesFrom + "0"
		}
		slices.Sort(contacts)
		for some := range slices.Chunk(slices.Compact(contacts), 512) {
			if err := s.pruneContacts(t, some, before, &out); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return dialler.Pruned{}, err
	}
	return out, nil
}

// pruneContacts removes what may go of some contacts, who are few.
//
// Of a contact's calls those that have nothing to do with a promise may go one
// by one. The others hang together, call to promise to call, and go once the
// last of them may.
func (s *SQL) pruneContacts(t Tx, contacts []dialler.ContactID, before int64, out *dialler.Pruned) error {
	if err := t.Lock(Lock{Contacts: contacts}); err != nil {
		return err
	}
	if err := s.db.Loosen(t); err != nil {
		return err
	}
	in, args := oneOf(contacts)
	last := strconv.Itoa(len(args) + 1)
	var calls []dialler.CallID
	if err := t.Read(Rows(func(r Scanner) error {
		var id dialler.CallID
		err := r.Scan(&id)
		calls = append(calls, id)
		return err
	}, `SELECT a.id FROM attempt AS a
		WHERE a.contact_id IN (`+in+`) AND a.ended < $`+last+`
		AND NOT EXISTS (SELECT 1 FROM analysis AS w WHERE w.contact_id = a.contact_id AND w.verdict = 'deferred')
		AND (a.callback_id IS NULL AND NOT EXISTS (SELECT 1 FROM callback AS made WHERE made.asked_on = a.id)
			OR NOT EXISTS (SELECT 1 FROM callback AS owed WHERE owed.contact_id = a.contact_id AND owed.state = 'scheduled')
			AND NOT EXISTS (SELECT 1 FROM attempt AS y WHERE y.contact_id = a.contact_id AND y.callback_id IS NOT NULL
				AND (y.ended IS NULL OR y.ended >= $`+last+`)))`, append(args, before)...)); err != nil {
		return err
	}
	for some := range slices.Chunk(calls, 512) {
		in, args := oneOf(some)
		for _, of := range []struct {
			n         *int
			statement string
		}{
			{&out.Analyses, `DELETE FROM analysis WHERE call_id IN (` + in + `)`},
			{&out.Callbacks, `DELETE FROM callback WHERE asked_on IN (` + in + `)`},
			{&out.Calls, `DELETE FROM attempt WHERE id IN (` + in + `)`},
		} {
			n, err := t.Count(of.statement, args...)
			if err != nil {
				return err
			}
			*of.n += int(n)
		}
	}
	return nil
}

// messagesFrom begins a place among the messages, which come after the calls.
const messagesFrom = "message/"

// pruneMessages looks at messages, in order, up to the first that is too young.
func (s *SQL) pruneMessages(ctx context.Context, q dialler.PruneQuery, from string, before int64) (out dialler.Pruned, err error) {
	after, err := strconv.ParseInt(from, 10, 64)
	if err != nil {
		return out, fmt.Errorf("prune after %q: want what the last one said", q.After)
	}
	err = s.db.Update(ctx, fmt.Sprintf("prune messages of campaign %d", q.Campaign), func(t Tx) error {
		out = dialler.Pruned{}
		seen, last, young := 0, after, false
		if err := t.Read(Rows(func(r Scanner) error {
			var id, at int64
			err := r.Scan(&id, &at)
			if young = young || at >= before; !young {
				seen, last = seen+1, id
			}
			return err
		}, `SELECT id, at FROM `+s.db.Messages()+` WHERE campaign_id = $1 AND id > $2 ORDER BY id LIMIT $3`, q.Campaign, after, q.N)); err != nil {
			return err
		}
		if seen == q.N {
			out.Next = messagesFrom + strconv.FormatInt(last, 10)
		}
		n, err := t.Count(`DELETE FROM `+s.db.Messages()+` WHERE campaign_id = $1 AND id > $2 AND id <= $3
			AND id <= (SELECT upto FROM outbox_reader WHERE name = 'push')
			AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.message_id = `+s.db.Messages()+`.id AND delivery.state <> 'delivered')`, q.Campaign, after, last)
		out.Messages = int(n)
		return err
	})
	if err != nil {
		return dialler.Pruned{}, err
	}
	return out, nil
}

// pruneFrom reads Pruned.Next.
func pruneFrom(after string) (leased int64, id string, err error) {
	if after == "" {
		return -1 << 62, "", nil
	}
	at, id, ok := strings.Cut(after, "/")
	leased, err = strconv.ParseInt(at, 10, 64)
	if !ok || err != nil {
		return 0, "", fmt.Errorf("prune after %q: want what the last one said", after)
	}
	return leased, id, nil
}
