package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"ringback/callback"
	"ringback/dialler"
)

// record reads all that a decision about a contact looks at. The contact is as
// its row says: of one that is being rung, as it was when it was leased.
func (s *Store) record(t *tx, id dialler.ContactID) (r dialler.Record, err error) {
	var promise dialler.CallbackID
	err = t.row(`SELECT `+contactColumns+`, ifnull(contact.callback_id, 0), EXISTS (SELECT 1 FROM exclusion WHERE exclusion.number = contact.number)
		FROM contact WHERE contact.id = ?`, id).Scan(append(contactDest(&r.Contact), &promise, &r.Excluded)...)
	if err != nil {
		return r, missing(err, "contact %d", id)
	}
	if promise != 0 {
		cb, err := t.callback(promise)
		if err != nil {
			return r, err
		}
		r.Contact.Callback = &cb
	}
	w, err := s.work(t, r.Contact.Campaign)
	r.Campaign, r.Bot = w.Campaign, w.Bot
	return r, err
}

func (t *tx) callback(id dialler.CallbackID) (cb dialler.Callback, err error) {
	err = t.row(`SELECT `+callbackColumns+` FROM callback WHERE id = ?`, id).Scan(callbackDest(&cb)...)
	return cb, missing(err, "callback %d", id)
}

func (t *tx) attempt(id dialler.CallID) (a dialler.Attempt, err error) {
	err = t.row(`SELECT `+attemptColumns+` FROM attempt WHERE id = ?`, id).Scan(attemptDest(&a)...)
	return a, missing(err, "call %s", id)
}

// putContact writes what a decision may change of a contact.
func (t *tx) putContact(c dialler.Contact) error {
	var due, promise any
	if c.State.Waiting() {
		due = micros(c.Due)
	}
	if c.Callback != nil {
		promise = c.Callback.ID
	}
	return t.exec(`UPDATE contact SET state = ?, due = ?, attempts = ?, callback_id = ?, settled = ? WHERE id = ?`,
		c.State, due, c.Attempts, promise, null(c.Settled), c.ID)
}

// putCallback writes what a decision may change of a callback.
func (t *tx) putCallback(cb dialler.Callback) error {
	return t.exec(`UPDATE callback SET due = ?, attempts = ?, state = ?, closed = ?, why = ? WHERE id = ?`,
		micros(cb.Due), cb.Attempts, cb.State, null(cb.Closed), orNull(cb.Why), cb.ID)
}

// post puts a message into the outbox.
func (t *tx) post(m dialler.Message) error {
	return t.exec(`INSERT INTO outbox (kind, campaign_id, contact_id, call_id, body, at) VALUES (?, ?, ?, ?, ?, ?)`,
		m.Kind, m.Campaign, m.Contact, m.Call, string(m.Body), micros(m.At))
}

// Settle is as [dialler.Ledger] says.
func (s *Store) Settle(ctx context.Context, l dialler.Lease, o dialler.Outcome) (out dialler.Settlement, err error) {
	if o.Ended.IsZero() || o.Disposition == "" {
		return out, fmt.Errorf("settle call %s: the outcome has no end or no disposition", l.Attempt.ID)
	}
	err = s.update(ctx, "settle", func(t *tx) error {
		if err := t.held(l); err != nil {
			return err
		}
		a, err := t.attempt(l.Attempt.ID)
		if err != nil {
			return err
		}
		a.Outcome = merge(a.Outcome, o)
		if err := t.exec(`UPDATE attempt SET rang = ?, answered = ?, joined = ?, ended = ?, disposition = ?, q850 = ?, sip = ?, cause = ?, machine = ? WHERE id = ?`,
			null(a.Rang), null(a.Answered), null(a.Joined), null(a.Ended), a.Disposition, a.Cause.Q850, a.Cause.SIP, a.Cause.Text, a.Machine, a.ID); err != nil {
			return err
		}
		if err := t.exec(`DELETE FROM live WHERE term = ?`, l.Term); err != nil {
			return err
		}
		r, err := s.record(t, a.Contact)
		if err != nil {
			return err
		}
		r, cb := r.Settle(a)
		if err := t.putContact(r.Contact); err != nil {
			return err
		}
		if err := t.post(dialler.NewCallMessage(r.Campaign, a, r.Contact)); err != nil {
			return err
		}
		if cb != nil {
			cb.Due = stored(cb.Due)
			if err := t.putCallback(*cb); err != nil {
				return err
			}
			if cb.State != dialler.CallbackWaiting {
				if err := t.post(dialler.NewCallbackMessage(dialler.CallbackOver, r.Campaign, r.Contact, *cb, nil, a.Ended)); err != nil {
					return err
				}
			}
		}
		out.Callback = cb
		// A seat and a number are free, and the contact may be due again.
		t.after = append(t.after, s.rouse)
		if out.Rulings, err = s.ruleDeferred(t, r, a.Ended); err != nil {
			return err
		}
		out.Contact, err = t.contact(a.Contact)
		return err
	})
	if err != nil {
		return dialler.Settlement{}, err
	}
	return out, nil
}

// merge returns what is known of a call: what was marked, under what is told
// at its end.
func merge(marked, o dialler.Outcome) dialler.Outcome {
	keep := func(to *time.Time, was time.Time) {
		if to.IsZero() {
			*to = was
		}
		*to = stored(*to)
	}
	keep(&o.Rang, marked.Rang)
	keep(&o.Answered, marked.Answered)
	keep(&o.Joined, marked.Joined)
	keep(&o.Ended, marked.Ended)
	if o.Machine == "" {
		o.Machine = marked.Machine
	}
	return o
}

// Hear is as [dialler.Ledger] says.
func (s *Store) Hear(ctx context.Context, id dialler.CallID, an callback.Analysis, now time.Time) (ruling dialler.Ruling, err error) {
	body, err := an.Body()
	if err != nil {
		return ruling, fmt.Errorf("hear call %s: %w", id, err)
	}
	err = s.update(ctx, "hear", func(t *tx) error {
		a, err := t.attempt(id)
		if errors.Is(err, dialler.ErrNotFound) {
			return fmt.Errorf("call %s: %w", id, dialler.ErrNoCall)
		}
		if err != nil {
			return err
		}
		before, err := t.heard(id)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			if err := t.exec(`INSERT INTO analysis (call_id, contact_id, campaign_id, body, heard, verdict) VALUES (?, ?, ?, ?, ?, 'deferred')`,
				id, a.Contact, a.Campaign, string(body), micros(now)); err != nil {
				return err
			}
		case err != nil:
			return err
		default:
			same := sameJSON(before.body, body)
			if !same {
				if err := t.exec(`UPDATE analysis SET body = ?, heard = ? WHERE call_id = ?`, string(body), micros(now), id); err != nil {
					return err
				}
			}
			if ruling, err = t.ruling(a, before); err != nil {
				return err
			}
			// A promise that was made stands, whatever is said later.
			ruling.Duplicate = same || ruling.Verdict == dialler.RulingScheduled
			if ruling.Duplicate || ruling.Verdict == dialler.RulingDeferred {
				return nil
			}
		}
		var rung bool
		if err := t.row(`SELECT EXISTS (SELECT 1 FROM live WHERE contact_id = ?)`, a.Contact).Scan(&rung); err != nil {
			return err
		}
		if rung {
			ruling = dialler.Ruling{Call: id, Contact: a.Contact, Verdict: dialler.RulingDeferred}
			return t.exec(`UPDATE analysis SET verdict = 'deferred', refused = NULL WHERE call_id = ?`, id)
		}
		r, err := s.record(t, a.Contact)
		if err != nil {
			return err
		}
		_, ruling, err = s.rule(t, r, a, an, body, now)
		return err
	})
	if err != nil {
		return dialler.Ruling{}, err
	}
	return ruling, nil
}

// ruleDeferred rules, in the order in which they came, on the analyses that
// waited for r's contact to be rung no more.
func (s *Store) ruleDeferred(t *tx, r dialler.Record, now time.Time) ([]dialler.Ruling, error) {
	type waiting struct {
		call dialler.CallID
		body string
		at   time.Time
	}
	var ws []waiting
	err := t.each(func(row scanner) error {
		var w waiting
		err := row.Scan(&w.call, &w.body, stamp{&w.at})
		ws = append(ws, w)
		return err
	}, `SELECT call_id, body, heard FROM analysis WHERE contact_id = ? AND verdict = 'deferred' ORDER BY seq`, r.Contact.ID)
	if err != nil {
		return nil, err
	}
	var out []dialler.Ruling
	for _, w := range ws {
		a, err := t.attempt(w.call)
		if err != nil {
			return nil, err
		}
		an, err := callback.ParseAnalysis([]byte(w.body))
		if err != nil {
			return nil, fmt.Errorf("analysis of call %s: %w", w.call, err)
		}
		at := now // no ruling is made before its analysis came
		if w.at.After(at) {
			at = w.at
		}
		var ruling dialler.Ruling
		if r, ruling, err = s.rule(t, r, a, an, []byte(w.body), at); err != nil {
			return nil, err
		}
		out = append(out, ruling)
	}
	return out, nil
}

// rule rules on an analysis whose row is there, and writes what follows.
func (s *Store) rule(t *tx, r dialler.Record, a dialler.Attempt, an callback.Analysis, body []byte, now time.Time) (dialler.Record, dialler.Ruling, error) {
	fail := func(err error) (dialler.Record, dialler.Ruling, error) { return r, dialler.Ruling{}, err }
	var kept *dialler.Callback
	if a.Callback != 0 {
		cb, err := t.callback(a.Callback)
		if err != nil {
			return fail(err)
		}
		kept = &cb
	}
	state := r.Campaign.State
	r, ruling := r.Hear(a, kept, an, s.words, now)
	cb := ruling.Callback
	var promise any
	if cb != nil {
		id, err := t.insert(`INSERT INTO callback (contact_id, campaign_id, asked_on, asked_leased, chain, phrase, reason, confidence,
				requested, scheduled, due, read, rule, clipped, trace, attempts, state, closed, why)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			cb.Contact, cb.Campaign, cb.AskedOn, micros(a.Leased), cb.Chain, cb.Phrase, cb.Reason, cb.Confidence,
			micros(cb.Requested), micros(cb.Scheduled), micros(cb.Due), micros(cb.Read), cb.Rule, cb.Clipped,
			jsonOrNull(cb.Trace, cb.Trace == nil), cb.Attempts, cb.State, null(cb.Closed), orNull(cb.Why))
		if err != nil {
			return fail(err)
		}
		// What is told is what is kept: in UTC, to the microsecond. Where the
		// promise waits, r.Contact.Callback is the same one.
		if *cb, err = t.callback(dialler.CallbackID(id)); err != nil {
			return fail(err)
		}
		promise = id
		if err := t.putContact(r.Contact); err != nil {
			return fail(err)
		}
		if err := t.post(dialler.NewCallbackMessage(dialler.CallbackMade, r.Campaign, r.Contact, *cb, body, now)); err != nil {
			return fail(err)
		}
		if cb.State != dialler.CallbackWaiting {
			if err := t.post(dialler.NewCallbackMessage(dialler.CallbackOver, r.Campaign, r.Contact, *cb, nil, now)); err != nil {
				return fail(err)
			}
		}
		t.after = append(t.after, s.rouse)
	}
	if r.Campaign.State != state {
		if err := t.putCampaignState(r.Campaign); err != nil {
			return fail(err)
		}
	}
	err := t.exec(`UPDATE analysis SET verdict = ?, refused = ?, callback_id = ? WHERE call_id = ?`,
		ruling.Verdict, orNull(ruling.Refused), promise, a.ID)
	return r, ruling, err
}

// A hearing is an analysis as it is kept.
type hearing struct {
	body    []byte
	verdict dialler.RulingVerdict
	refused dialler.RefusalReason
	promise dialler.CallbackID
}

func (t *tx) heard(id dialler.CallID) (h hearing, err error) {
	err = t.row(`SELECT body, verdict, refused, ifnull(callback_id, 0) FROM analysis WHERE call_id = ?`, id).
		Scan(&h.body, &h.verdict, text[dialler.RefusalReason]{&h.refused}, &h.promise)
	return h, err
}

// ruling repeats what was decided; the promise is as it stands now.
func (t *tx) ruling(a dialler.Attempt, h hearing) (dialler.Ruling, error) {
	r := dialler.Ruling{Call: a.ID, Contact: a.Contact, Verdict: h.verdict, Refused: h.refused}
	if h.promise != 0 {
		cb, err := t.callback(h.promise)
		if err != nil {
			return r, err
		}
		r.Callback = &cb
	}
	return r, nil
}

// sameJSON reports whether two records say the same, however they are spaced
// and ordered.
func sameJSON(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var v, w any
	return json.Unmarshal(a, &v) == nil && json.Unmarshal(b, &w) == nil && reflect.DeepEqual(v, w)
}
