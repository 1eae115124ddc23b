package report

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"ringback/dialler"
)

// A Store is what a report reads.
type Store interface {
	dialler.Records
	Campaign(ctx context.Context, id dialler.CampaignID) (dialler.Campaign, error)
	Campaigns(ctx context.Context) ([]dialler.Campaign, error)
}

// A Kind is what a report is about.
type Kind string

// The kinds.
const (
	Attempts  Kind = "attempts"
	Callbacks Kind = "callbacks"
	Contacts  Kind = "contacts"
)

// Kinds lists them all.
var Kinds = []Kind{Attempts, Callbacks, Contacts}

// A Query says what a report is to tell. From is within, To is not; zero is no
// limit. The time is, of an attempt, when it began; of a callback, when the
// call began on which it was asked for; of a contact, when it was added.
type Query struct {
	Kind     Kind
	Campaign dialler.CampaignID // 0: all, one after the other
	From, To time.Time
}

// A Table is written to row by row. Cells are strings, [dialler.Number]s,
// integers, float64s, bools and times; nil is an empty cell, as are the zero
// time and the empty string.
type Table interface {
	Row(cells []any) error
	// Flush lets go of what has been written so far.
	Flush() error
	// Close ends the table.
	Close() error
}

// rowsPerPage is how many rows are read in one transaction.
const rowsPerPage = 500

// pageTime is how long one page may take to be read, or to be taken by whoever
// the report is for. A report takes as long as it takes, so long as it goes on.
const pageTime = time.Minute

// Write writes the report to t, its head first, and closes it. Before each page
// it calls page, which may extend deadlines; nil: nothing.
func Write(ctx context.Context, s Store, q Query, t Table, page func()) error {
	if page == nil {
		page = func() {}
	}
	var campaigns []dialler.Campaign
	var err error
	if q.Campaign != 0 {
		var c dialler.Campaign
		c, err = s.Campaign(ctx, q.Campaign)
		campaigns = []dialler.Campaign{c}
	} else {
		campaigns, err = s.Campaigns(ctx)
	}
	if err != nil {
		return err
	}
	w := writer{store: s, q: q, t: t, page: page}
	write, head := w.attempts, attemptHead
	switch q.Kind {
	case Callbacks:
		write, head = w.promises, promiseHead
	case Contacts:
		write, head = w.contacts, contactHead
	}
	cells := make([]any, len(head))
	for i, h := range head {
		cells[i] = h
	}
	if err := t.Row(cells); err != nil {
		return err
	}
	for _, c := range campaigns {
		if err := write(ctx, c); err != nil {
			return fmt.Errorf("report of the %s of campaign %d: %w", q.Kind, c.ID, err)
		}
	}
	return t.Close()
}

type writer struct {
	store Store
	q     Query
	t     Table
	page  func()
}

// callbackHead are the columns of a callback.
var callbackHead = strings.Fields(`callback_id callback_state callback_why callback_chain callback_preferred_time_text callback_reason callback_confidence
	callback_requested_at callback_scheduled_at callback_due_at callback_read_at callback_rule callback_clipped callback_attempts callback_closed_at`)

func callbackCells(cb *dialler.Callback) []any {
	if cb == nil {
		return make([]any, len(callbackHead))
	}
	return []any{int64(cb.ID), string(cb.State), string(cb.Why), cb.Chain, cb.Phrase, cb.Reason, cb.Confidence,
		cb.Requested, cb.Scheduled, cb.Due, cb.Read, cb.Rule, cb.Clipped, cb.Attempts, cb.Closed}
}

var attemptHead = append(strings.Fields(`call_id campaign_id campaign run contact_id number attempt class keeps_callback_id trunk switch bot node
	due_at leased_at rang_at answered_at joined_at ended_at talk_seconds disposition q850 sip cause machine analysis_verdict analysis_refused`),
	append(callbackHead, "variables")...)

func (w writer) attempts(ctx context.Context, c dialler.Campaign) error {
	q := dialler.RecordQuery{Campaign: c.ID, From: w.q.From, To: w.q.To, Limit: rowsPerPage}
	for {
		w.page()
		within, cancel := context.WithTimeout(ctx, pageTime)
		list, next, err := w.store.Attempts(within, q)
		cancel()
		if err != nil {
			return err
		}
		for _, a := range list {
			var talk any
			if !a.Joined.IsZero() && !a.Ended.IsZero() {
				talk = a.Ended.Sub(a.Joined).Seconds()
			}
			cells := []any{string(a.ID), int64(c.ID), c.Name, a.Run, int64(a.Contact), a.Number, a.N, string(a.Class), known(int64(a.Attempt.Callback)), a.Trunk, a.Switch, a.Bot, a.Node,
				a.Due, a.Leased, a.Rang, a.Answered, a.Joined, a.Ended, talk, string(a.Disposition), known(a.Cause.Q850), known(a.Cause.SIP), a.Cause.Text, string(a.Machine),
				string(a.Verdict), string(a.Refused)}
			if err := w.t.Row(append(append(cells, callbackCells(a.Asked)...), variables(a.Vars))); err != nil {
				return err
			}
		}
		if err := w.t.Flush(); err != nil || next == "" {
			return err
		}
		q.After = next
	}
}

var promiseHead = append(append(append([]string(nil), callbackHead...), strings.Fields(`delay_seconds asked_on campaign_id campaign run contact_id number`)...), "variables")

func (w writer) promises(ctx context.Context, c dialler.Campaign) error {
	q := dialler.RecordQuery{Campaign: c.ID, From: w.q.From, To: w.q.To, Limit: rowsPerPage}
	for {
		w.page()
		within, cancel := context.WithTimeout(ctx, pageTime)
		list, next, err := w.store.Promises(within, q)
		cancel()
		if err != nil {
			return err
		}
		for i := range list {
			p := &list[i]
			cells := append(callbackCells(&p.Callback), p.Delay().Seconds(), string(p.AskedOn), int64(c.ID), c.Name, p.Run, int64(p.Contact), p.Number, variables(p.Vars))
			if err := w.t.Row(cells); err != nil {
				return err
			}
		}
		if err := w.t.Flush(); err != nil || next == "" {
			return err
		}
		q.After = next
	}
}

var contactHead = append(append(strings.Fields(`contact_id campaign_id campaign number state due_at attempts added_at last_attempt_at`), callbackHead...), "variables")

func (w writer) contacts(ctx context.Context, c dialler.Campaign) error {
	var after dialler.ContactID
	for {
		w.page()
		within, cancel := context.WithTimeout(ctx, pageTime)
		list, err := w.store.Contacts(within, c.ID, after, rowsPerPage)
		cancel()
		if err != nil {
			return err
		}
		for _, ct := range list {
			after = ct.ID
			if !w.q.From.IsZero() && ct.Added.Before(w.q.From) || !w.q.To.IsZero() && !ct.Added.Before(w.q.To) {
				continue
			}
			cells := []any{int64(ct.ID), int64(c.ID), c.Name, ct.Number, string(ct.State), ct.Due, ct.Attempts, ct.Added, ct.Settled}
			if err := w.t.Row(append(append(cells, callbackCells(ct.Callback)...), variables(ct.Vars))); err != nil {
				return err
			}
		}
		if err := w.t.Flush(); err != nil || len(list) < rowsPerPage {
			return err
		}
	}
}

// known is a number of which zero says that there is none.
func known[N int | int64](n N) any {
	if n == 0 {
		return nil
	}
	return n
}

// variables are the list's own columns in one: which there are differs from
// contact to contact, and would be known at the end only.
func variables(v map[string]string) any {
	if len(v) == 0 {
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil // strings do marshal
	}
	return string(b)
}
