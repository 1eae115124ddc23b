package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"ringback/callback"
	"ringback/dialler"
)

// A matter is all that a decision about one call and its contact looks at, as
// it stands in one transaction.
type matter struct {
	found bool // there is such a call
	held  bool // under the term that was asked with
	rung  bool // somebody rings the contact, on this call or another
	call  dialler.Attempt

	// The contact is as its row says: of one that is being rung, as it was
	// when it was leased.
	dialler.Record

	waits []waiting                                // analyses that wait for the contact to be rung no more, in the order in which they came
	kept  map[dialler.CallbackID]*dialler.Callback // promises that call, and those of waits, were to keep

	heard  bool // an analysis of this call is there
	before hearing
}

// waiting is an analysis that is to be ruled on.
type waiting struct {
	call dialler.Attempt
	body string
	at   time.Time
}

// A hearing is an analysis as it is kept.
type hearing struct {
	body    []byte
	verdict dialler.RulingVerdict
	refused dialler.RefusalReason
	promise dialler.CallbackID
}

func (h *hearing) dest() []any {
	return []any{&h.body, &h.verdict, text[dialler.RefusalReason]{&h.refused}, &h.promise}
}

const hearingColumns = `analysis.body, analysis.verdict, analysis.refused, coalesce(analysis.callback_id, 0)`

// queryMatter reads one call with nearly all of it; $2 is the term.
const queryMatter = `SELECT ` + AttemptColumns + `, ` + ContactColumns + `, ` + CampaignColumns + `, ` + botColumns + `, ` + trunkColumns + `,
		EXISTS (SELECT 1 FROM exclusion WHERE exclusion.number = contact.number),
		EXISTS (SELECT 1 FROM live WHERE live.number = attempt.number AND live.call_id = attempt.id AND live.term = $2),
		EXISTS (SELECT 1 FROM live WHERE live.number = contact.number AND live.contact_id = contact.id),
		EXISTS (SELECT 1 FROM analysis WHERE analysis.call_id = attempt.id),
		EXISTS (SELECT 1 FROM analysis WHERE analysis.contact_id = contact.id AND analysis.verdict = 'deferred'),
		coalesce(contact.callback_id, 0)
	FROM attempt JOIN contact ON contact.id = attempt.contact_id JOIN campaign ON campaign.id = contact.campaign_id
		JOIN bot ON bot.name = campaign.bot JOIN trunk ON trunk.name = campaign.trunk
	WHERE attempt.id = $1`

// matter locks and reads it: of an ordinary call in one go, where promises or
// analyses are at stake in a second.
func (s *SQL) matter(t Tx, id dialler.CallID, term int64) (*matter, error) {
	m := &matter{kept: map[dialler.CallbackID]*dialler.Callback{}}
	if err := t.Lock(Lock{Call: id}); err != nil {
		return nil, err
	}
	var trunk dialler.Trunk
	var waits bool
	var owed dialler.CallbackID
	dest := slices.Concat(AttemptDest(&m.call), ContactDest(&m.Contact), s.CampaignDest(&m.Campaign), botDest(&m.Bot), trunkDest(&trunk),
		[]any{&m.Excluded, &m.held, &m.rung, &m.heard, &waits, &owed})
	if err := t.Read(One(&m.found, dest, queryMatter, id, term)); err != nil || !m.found {
		return m, err
	}
	var more []Query
	promises := func(where string, arg any) {
		more = append(more, Rows(func(r Scanner) error {
			var cb dialler.Callback
			err := r.Scan(CallbackDest(&cb)...)
			m.kept[cb.ID] = &cb
			return err
		}, `SELECT `+CallbackColumns+` FROM callback WHERE `+where, arg))
	}
	if owed != 0 {
		m.Contact.Callback = &dialler.Callback{}
		more = append(more, One(nil, CallbackDest(m.Contact.Callback), `SELECT `+CallbackColumns+` FROM callback WHERE id = $1`, owed))
	}
	if m.call.Callback != 0 {
		promises(`id = $1`, m.call.Callback)
	}
	if m.heard {
		more = append(more, One(nil, m.before.dest(), `SELECT `+hearingColumns+` FROM analysis WHERE call_id = $1`, id))
	}
	if waits {
		promises(`id IN (SELECT attempt.callback_id FROM analysis JOIN attempt ON attempt.id = analysis.call_id
			WHERE analysis.contact_id = $1 AND analysis.verdict = 'deferred')`, m.Contact.ID)
		more = append(more, Rows(func(r Scanner) error {
			var w waiting
			err := r.Scan(append(AttemptDest(&w.call), &w.body, stamp{&w.at})...)
			m.waits = append(m.waits, w)
			return err
		}, `SELECT `+AttemptColumns+`, analysis.body, analysis.heard FROM analysis JOIN attempt ON attempt.id = analysis.call_id
			WHERE analysis.contact_id = $1 AND analysis.verdict = 'deferred' ORDER BY analysis.seq`, m.Contact.ID))
	}
	return m, t.Read(more...)
}

// Lost is the error of a term that is not current.
func Lost(l dialler.Lease) error {
	return fmt.Errorf("term %d of call %s: %w", l.Term, l.Attempt.ID, dialler.ErrLeaseLost)
}

// putContact writes what a decision may change of a contact.
func putContact(t Tx, c dialler.Contact) error {
	var due, promise any
	if c.State.Waiting() {
		due = dueColumn(c)
	}
	if c.Callback != nil {
		promise = c.Callback.ID
	}
	return t.Do(`UPDATE contact SET state = $1, due = $2, attempts = $3, callback_id = $4, settled = $5 WHERE id = $6`,
		c.State, due, c.Attempts, promise, null(c.Settled), c.ID)
}

// putCallback writes what a decision may change of a callback.
func putCallback(t Tx, cb dialler.Callback) error {
	return t.Do(`UPDATE callback SET due = $1, attempts = $2, state = $3, closed = $4, why = $5 WHERE id = $6`,
		Micros(cb.Due), cb.Attempts, cb.State, null(cb.Closed), orNull(cb.Why), cb.ID)
}

// post puts a message into the outbox.
func post(t Tx, m dialler.Message) error {
	return t.Do(`INSERT INTO outbox (kind, campaign_id, contact_id, call_id, body, at) VALUES ($1, $2, $3, $4, $5, $6)`,
		m.Kind, m.Campaign, m.Contact, m.Call, string(m.Body), Micros(m.At))
}

// Settle is as [dialler.Ledger] says.
func (s *SQL) Settle(ctx context.Context, l dialler.Lease, o dialler.Outcome) (out dialler.Settlement, err error) {
	if o.Ended.IsZero() || o.Disposition == "" {
		return out, fmt.Errorf("settle call %s: the outcome has no end or no disposition", l.Attempt.ID)
	}
	err = s.db.Update(ctx, "settle", func(t Tx) error {
		out = dialler.Settlement{}
		m, err := s.matter(t, l.Attempt.ID, l.Term)
		if err != nil {
			return err
		}
		if !m.held {
			return Lost(l)
		}
		e := Ended{Call: m.call, Record: m.Record}
		cb, told := s.End(&e, o)
		a, r := e.Call, e.Record
		if err := t.Do(`UPDATE attempt SET rang = $1, answered = $2, joined = $3, ended = $4, disposition = $5, q850 = $6, sip = $7, cause = $8, machine = $9 WHERE id = $10`,
			null(a.Rang), null(a.Answered), null(a.Joined), null(a.Ended), a.Disposition, a.Cause.Q850, a.Cause.SIP, a.Cause.Text, a.Machine, a.ID); err != nil {
			return err
		}
		if err := t.Do(`DELETE FROM live WHERE number = $1 AND term = $2`, a.Number, l.Term); err != nil {
			return err
		}
		if err := putContact(t, r.Contact); err != nil {
			return err
		}
		if err := post(t, told); err != nil {
			return err
		}
		if cb != nil {
			if err := putCallback(t, *cb); err != nil {
				return err
			}
			if err := s.over(t, r, *cb, a.Ended); err != nil {
				return err
			}
		}
		out.Callback = cb
		// A seat and a number are free, and the contact may be due again.
		t.After(s.db.Rouse)
		for i := range m.waits { // the one of this call was read before it ended
			if m.waits[i].call.ID == a.ID {
				m.waits[i].call = a
			}
		}
		r, out.Rulings, err = s.ruleDeferred(t, m, r, a.Ended)
		out.Contact = r.Contact
		return err
	})
	if err != nil {
		return dialler.Settlement{}, err
	}
	return out, nil
}

// An Ended is a call that has ended, with all that the decision about it looks
// at: the call with what was marked of it, and the record of its contact.
type Ended struct {
	Call dialler.Attempt
	dialler.Record
}

// End decides what comes of a call that ended with o, by [dialler.Record.Settle]:
// it leaves e as it then stands, and returns the promise the call was to keep
// (nil: none) and what is told of the call. Nothing is written.
func (s *SQL) End(e *Ended, o dialler.Outcome) (*dialler.Callback, dialler.Message) {
	e.Call.Outcome = merge(e.Call.Outcome, s.outcome(o))
	r, cb := e.Settle(e.Call)
	storedContact(&r.Contact)
	if cb != nil {
		storedCallback(cb)
	}
	e.Record = r
	return cb, dialler.NewCallMessage(r.Campaign, e.Call, r.Contact)
}

// outcome is o with its times by the clock that decides.
func (s *SQL) outcome(o dialler.Outcome) dialler.Outcome {
	for _, at := range []*time.Time{&o.Rang, &o.Answered, &o.Joined, &o.Ended} {
		if !at.IsZero() {
			*at = s.db.Time(*at)
		}
	}
	return o
}

// over tells of a callback that has come to its end, if it has.
func (s *SQL) over(t Tx, r dialler.Record, cb dialler.Callback, at time.Time) error {
	if cb.State == dialler.CallbackWaiting {
		return nil
	}
	return post(t, dialler.NewCallbackMessage(dialler.CallbackOver, r.Campaign, r.Contact, cb, nil, at))
}

// merge returns what is known of a call: what was marked, under what is told
// at its end.
func merge(marked, o dialler.Outcome) dialler.Outcome {
	keep := func(to *time.Time, was time.Time) {
		if to.IsZero() {
			*to = was
		}
		*to = Stored(*to)
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

// storedContact makes a contact what it will be read back as.
func storedContact(c *dialler.Contact) {
	c.Due, c.Settled = Stored(c.Due), Stored(c.Settled)
}

// storedCallback makes a callback what it will be read back as.
func storedCallback(cb *dialler.Callback) {
	for _, at := range []*time.Time{&cb.Requested, &cb.Scheduled, &cb.Due, &cb.Read, &cb.Closed} {
		*at = Stored(*at)
	}
}

// Hear is as [dialler.Ledger] says.
func (s *SQL) Hear(ctx context.Context, id dialler.CallID, an callback.Analysis, now time.Time) (ruling dialler.Ruling, err error) {
	body, err := an.Body()
	if err != nil {
		return ruling, fmt.Errorf("hear call %s: %w", id, err)
	}
	now = s.db.Time(now)
	err = s.db.Update(ctx, "hear", func(t Tx) error {
		ruling = dialler.Ruling{}
		m, err := s.matter(t, id, 0)
		if err != nil {
			return err
		}
		if !m.found {
			return fmt.Errorf("call %s: %w", id, dialler.ErrNoCall)
		}
		a := m.call
		if !m.heard {
			if err := t.Do(`INSERT INTO analysis (call_id, contact_id, campaign_id, body, heard, verdict) VALUES ($1, $2, $3, $4, $5, 'deferred')`,
				id, a.Contact, a.Campaign, string(body), Micros(now)); err != nil {
				return err
			}
		} else {
			same := sameJSON(m.before.body, body)
			if !same {
				if err := t.Do(`UPDATE analysis SET body = $1, heard = $2 WHERE call_id = $3`, string(body), Micros(now), id); err != nil {
					return err
				}
			}
			if ruling, err = repeat(t, a, m.before); err != nil {
				return err
			}
			// A promise that was made stands, whatever is said later.
			ruling.Duplicate = same || ruling.Verdict == dialler.RulingScheduled
			if !same && ruling.Duplicate {
				return post(t, dialler.NewAnalysisMessage(m.Campaign, a, m.Contact, ruling, body, now))
			}
			if ruling.Duplicate || ruling.Verdict == dialler.RulingDeferred {
				return nil
			}
		}
		if m.rung {
			ruling = dialler.Ruling{Call: id, Contact: a.Contact, Verdict: dialler.RulingDeferred}
			return t.Do(`UPDATE analysis SET verdict = 'deferred', refused = NULL WHERE call_id = $1`, id)
		}
		_, ruling, err = s.rule(t, m, m.Record, a, an, body, now)
		return err
	})
	if err != nil {
		return dialler.Ruling{}, err
	}
	return ruling, nil
}

// ruleDeferred rules, in the order in which they came, on the analyses that
// waited for r's contact to be rung no more.
func (s *SQL) ruleDeferred(t Tx, m *matter, r dialler.Record, now time.Time) (_ dialler.Record, out []dialler.Ruling, err error) {
	for _, w := range m.waits {
		an, err := callback.ParseAnalysis([]byte(w.body))
		if err != nil {
			return r, nil, fmt.Errorf("analysis of call %s: %w", w.call.ID, err)
		}
		at := now // no ruling is made before its analysis came
		if w.at.After(at) {
			at = w.at
		}
		var ruling dialler.Ruling
		if r, ruling, err = s.rule(t, m, r, w.call, an, []byte(w.body), at); err != nil {
			return r, nil, err
		}
		out = append(out, ruling)
	}
	return r, out, nil
}

// rule rules on an analysis whose row is there, and writes what follows.
func (s *SQL) rule(t Tx, m *matter, r dialler.Record, a dialler.Attempt, an callback.Analysis, body []byte, now time.Time) (dialler.Record, dialler.Ruling, error) {
	fail := func(err error) (dialler.Record, dialler.Ruling, error) { return r, dialler.Ruling{}, err }
	state := r.Campaign.State
	r, ruling := r.Hear(a, m.kept[a.Callback], an, s.words, now)
	cb := ruling.Callback
	var promise any
	tell := func() error {
		return post(t, dialler.NewAnalysisMessage(r.Campaign, a, r.Contact, ruling, body, now))
	}
	if cb == nil {
		if err := tell(); err != nil {
			return fail(err)
		}
	} else {
		// What is told is what is kept: in UTC, to the microsecond. Where the
		// promise waits, r.Contact.Callback is the same one.
		storedCallback(cb)
		if err := first(t, []any{&cb.ID}, `INSERT INTO callback (contact_id, campaign_id, asked_on, asked_leased, chain, phrase, reason, confidence,
				requested, scheduled, due, read, rule, clipped, trace, attempts, state, closed, why)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) RETURNING id`,
			cb.Contact, cb.Campaign, cb.AskedOn, Micros(a.Leased), cb.Chain, cb.Phrase, cb.Reason, cb.Confidence,
			Micros(cb.Requested), Micros(cb.Scheduled), Micros(cb.Due), Micros(cb.Read), cb.Rule, cb.Clipped,
			jsonOrNull(cb.Trace, cb.Trace == nil), cb.Attempts, cb.State, null(cb.Closed), orNull(cb.Why)); err != nil {
			return fail(err)
		}
		promise = cb.ID
		storedContact(&r.Contact)
		if err := putContact(t, r.Contact); err != nil {
			return fail(err)
		}
		if err := tell(); err != nil {
			return fail(err)
		}
		if err := post(t, dialler.NewCallbackMessage(dialler.CallbackMade, r.Campaign, r.Contact, *cb, body, now)); err != nil {
			return fail(err)
		}
		if err := s.over(t, r, *cb, now); err != nil {
			return fail(err)
		}
		t.After(s.db.Rouse)
	}
	if r.Campaign.State != state {
		if err := putCampaignState(t, r.Campaign); err != nil {
			return fail(err)
		}
	}
	err := t.Do(`UPDATE analysis SET verdict = $1, refused = $2, callback_id = $3 WHERE call_id = $4`,
		ruling.Verdict, orNull(ruling.Refused), promise, a.ID)
	return r, ruling, err
}

// repeat says what was decided; the promise is as it stands now.
func repeat(t Tx, a dialler.Attempt, h hearing) (dialler.Ruling, error) {
	r := dialler.Ruling{Call: a.ID, Contact: a.Contact, Verdict: h.verdict, Refused: h.refused}
	if h.promise != 0 {
		cb, err := Promise(t, h.promise)
		if err != nil {
			return r, err
		}
		r.Callback = &cb
	}
	return r, nil
}

// Promise reads a callback.
func Promise(t Tx, id dialler.CallbackID) (cb dialler.Callback, err error) {
	err = first(t, CallbackDest(&cb), `SELECT `+CallbackColumns+` FROM callback WHERE id = $1`, id)
	return cb, missing(err, "callback %d", id)
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
