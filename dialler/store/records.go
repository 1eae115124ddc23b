package store

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"ringback/dialler"
)

// span of time and place in it, as a query of records gives it: after (leased,
// id) and before to.
type stretch struct {
	leased int64
	id     string
	to     int64
	limit  int
}

func newStretch(q dialler.RecordQuery) (s stretch, err error) {
	s = stretch{leased: math.MinInt64, to: math.MaxInt64, limit: q.Limit}
	if s.limit <= 0 {
		s.limit = 100
	}
	s.limit = min(s.limit, 1000)
	if !q.From.IsZero() {
		s.leased = q.From.UnixMicro() // with no ID: all of that moment come after
	}
	if !q.To.IsZero() {
		s.to = q.To.UnixMicro()
	}
	if q.After == "" {
		return s, nil
	}
	at, id, ok := strings.Cut(q.After, ".")
	if s.leased, err = strconv.ParseInt(at, 10, 64); err != nil || !ok {
		return s, &dialler.FieldError{Field: "after", Got: strconv.Quote(q.After), Want: "what the page before said"}
	}
	s.id = id
	return s, nil
}

// Attempts is as [dialler.Records] says.
func (s *SQL) Attempts(ctx context.Context, q dialler.RecordQuery) (page []dialler.AttemptRecord, next string, err error) {
	at, err := newStretch(q)
	if err != nil {
		return nil, "", fmt.Errorf("attempts: %w", err)
	}
	err = s.db.View(ctx, "attempts", func(t Tx) error {
		page, next = nil, ""
		if _, err := s.campaign(t, q.Campaign); err != nil {
			return err
		}
		if err := t.Read(Rows(func(r Scanner) error {
			var a dialler.AttemptRecord
			err := r.Scan(append(AttemptDest(&a.Attempt), list[map[string]string]{&a.Vars}, text[dialler.RulingVerdict]{&a.Verdict}, text[dialler.RefusalReason]{&a.Refused})...)
			page = append(page, a)
			return err
		}, `SELECT `+AttemptColumns+`, contact.vars, analysis.verdict, analysis.refused
			FROM attempt JOIN contact ON contact.id = attempt.contact_id LEFT JOIN analysis ON analysis.call_id = attempt.id
			WHERE attempt.campaign_id = $1 AND (attempt.leased, attempt.id) > ($2, $3) AND attempt.leased < $4
			ORDER BY attempt.leased, attempt.id LIMIT $5`, q.Campaign, at.leased, at.id, at.to, at.limit+1)); err != nil {
			return err
		}
		if len(page) > at.limit {
			page = page[:at.limit]
			last := page[at.limit-1]
			next = fmt.Sprintf("%d.%s", Micros(last.Leased), last.ID)
		}
		if len(page) == 0 {
			return nil
		}
		// The promises made on these calls lie beside one another too.
		place := make(map[dialler.CallID]int, len(page))
		for i, a := range page {
			place[a.ID] = i
		}
		last := page[len(page)-1]
		return t.Read(Rows(func(r Scanner) error {
			var cb dialler.Callback
			err := r.Scan(CallbackDest(&cb)...)
			if i, ok := place[cb.AskedOn]; ok {
				page[i].Asked = &cb
			}
			return err
		}, `SELECT `+CallbackColumns+` FROM callback
			WHERE campaign_id = $1 AND (asked_leased, asked_on) > ($2, $3) AND (asked_leased, asked_on) <= ($4, $5)`,
			q.Campaign, at.leased, at.id, Micros(last.Leased), last.ID))
	})
	return page, next, err
}

// Promises is as [dialler.Records] says.
func (s *SQL) Promises(ctx context.Context, q dialler.RecordQuery) (page []dialler.PromiseRecord, next string, err error) {
	at, err := newStretch(q)
	if err != nil {
		return nil, "", fmt.Errorf("promises: %w", err)
	}
	err = s.db.View(ctx, "promises", func(t Tx) error {
		page, next = nil, ""
		if _, err := s.campaign(t, q.Campaign); err != nil {
			return err
		}
		var leased []int64
		if err := t.Read(Rows(func(r Scanner) error {
			var p dialler.PromiseRecord
			var when int64
			err := r.Scan(append(CallbackDest(&p.Callback), &p.Number, list[map[string]string]{&p.Vars}, &p.Run, &when)...)
			page, leased = append(page, p), append(leased, when)
			return err
		}, `SELECT `+CallbackColumns+`, contact.number, contact.vars, attempt.run, callback.asked_leased
			FROM callback JOIN contact ON contact.id = callback.contact_id JOIN attempt ON attempt.id = callback.asked_on
			WHERE callback.campaign_id = $1 AND (callback.asked_leased, callback.asked_on) > ($2, $3) AND callback.asked_leased < $4
			ORDER BY callback.asked_leased, callback.asked_on LIMIT $5`, q.Campaign, at.leased, at.id, at.to, at.limit+1)); err != nil {
			return err
		}
		if len(page) > at.limit {
			page = page[:at.limit]
			next = fmt.Sprintf("%d.%s", leased[at.limit-1], page[at.limit-1].AskedOn)
		}
		return nil
	})
	return page, next, err
}
