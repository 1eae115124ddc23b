package sim

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringback/dialler"
)

// Calls is as [dialler.Reports] says.
func (b *Book) Calls(_ context.Context, q dialler.CallQuery) (calls []dialler.Call, next string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.campaign(q.Campaign); err != nil {
		return nil, "", err
	}
	want, ok := map[dialler.CallFilter]func(*dialler.Callback) bool{
		dialler.AllCalls:           func(*dialler.Callback) bool { return true },
		dialler.CallbacksRequested: func(cb *dialler.Callback) bool { return cb != nil },
		dialler.CallbacksPending:   func(cb *dialler.Callback) bool { return cb != nil && cb.State == dialler.CallbackWaiting },
		dialler.CallbacksCompleted: func(cb *dialler.Callback) bool {
			return cb != nil && cb.State != dialler.CallbackWaiting && cb.State != dialler.CallbackCancelled
		},
		dialler.CallbacksCancelled: func(cb *dialler.Callback) bool { return cb != nil && cb.State == dialler.CallbackCancelled },
	}[q.Filter]
	if !ok {
		return nil, "", fmt.Errorf("calls: %w", &dialler.FieldError{Field: "filter", Got: strconv.Quote(string(q.Filter)), Want: "nothing, requested, pending, completed or cancelled"})
	}
	limit := q.Limit
	if limit <= 0 {
		limit = 100
	}
	limit = min(limit, 1000)
	if err := b.few(q); err != nil {
		return nil, "", fmt.Errorf("calls: %w", err)
	}
	i, by := len(b.calls)-1, -1
	if q.Oldest {
		i, by = 0, 1
	}
	if q.After != "" {
		last := slices.IndexFunc(b.calls, func(e *entry) bool { return string(e.ID) == q.After })
		if last < 0 {
			return nil, "", fmt.Errorf("calls: %w", &dialler.FieldError{Field: "after", Got: strconv.Quote(q.After), Want: "what the page before said"})
		}
		i = last + by
	}
	for ; i >= 0 && i < len(b.calls); i += by {
		e := b.calls[i]
		if e.Campaign != q.Campaign || q.Contact != 0 && e.Contact != q.Contact || !want(e.ruling.Callback) || !strings.HasPrefix(string(e.Number), q.Number) {
			continue
		}
		if len(calls) == limit {
			return calls, string(calls[limit-1].ID), nil
		}
		calls = append(calls, b.asCall(e))
	}
	return calls, "", nil
}

// few says that a search by number matches too many, or is none.
func (b *Book) few(q dialler.CallQuery) error {
	if err := dialler.CheckPrefix(q.Number); err != nil || q.Number == "" {
		return err
	}
	n := 0
	for _, ct := range b.contacts {
		if ct.Campaign == q.Campaign && strings.HasPrefix(string(ct.Number), q.Number) {
			n++
		}
	}
	if n > dialler.MaxMatches {
		return dialler.TooManyMatches(q.Number)
	}
	return nil
}

// FindContacts is as [dialler.Reports] says.
func (b *Book) FindContacts(_ context.Context, q dialler.ContactQuery) (page []dialler.Contact, next string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if q, err = q.Normal(); err != nil {
		return nil, "", fmt.Errorf("contacts: %w", err)
	}
	if _, err := b.campaign(q.Campaign); err != nil {
		return nil, "", err
	}
	var all []dialler.Contact
	for _, ct := range b.contacts {
		seen := b.seen(ct)
		waits := seen.State == dialler.CallbackScheduled || seen.State == dialler.RetryScheduled || seen.State == q.State
		if ct.Campaign == q.Campaign && (!q.Test || ct.IsTest()) && (q.State == "" || seen.State == q.State) && strings.HasPrefix(string(ct.Number), q.Number) && (q.Order != dialler.ByDue || waits) {
			all = append(all, seen)
		}
	}
	slices.SortFunc(all, func(x, y dialler.Contact) int {
		switch q.Order {
		case dialler.ByNewest:
			return cmp.Compare(y.ID, x.ID)
		case dialler.ByNumber:
			return cmp.Compare(x.Number, y.Number)
		case dialler.ByDue:
			if x.Ahead != y.Ahead {
				return map[bool]int{true: -1, false: 1}[x.Ahead]
			}
			return cmp.Or(x.Due.Compare(y.Due), cmp.Compare(x.ID, y.ID))
		}
		return cmp.Compare(x.ID, y.ID)
	})
	if q.After != "" {
		last := slices.IndexFunc(all, func(ct dialler.Contact) bool { return strconv.FormatInt(int64(ct.ID), 10) == q.After })
		if last < 0 {
			return nil, "", fmt.Errorf("contacts: %w", &dialler.FieldError{Field: "after", Got: strconv.Quote(q.After), Want: "what the page before said"})
		}
		all = all[last+1:]
	}
	if len(all) > q.Limit {
		all = all[:q.Limit]
		next = strconv.FormatInt(int64(all[q.Limit-1].ID), 10)
	}
	return all, next, nil
}

// Forecast is as [dialler.Reports] says.
func (b *Book) Forecast(_ context.Context, id dialler.CampaignID, from time.Time, step time.Duration, n int) (dialler.Forecast, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := dialler.Forecast{Slots: make([]dialler.Slot, n), Until: from.Add(time.Duration(n) * step)}
	if _, err := b.campaign(id); err != nil {
		return f, err
	}
	for _, ct := range b.contacts {
		seen := b.seen(ct)
		if ct.Campaign != id || seen.State != dialler.CallbackScheduled && seen.State != dialler.RetryScheduled || !seen.Due.Before(f.Until) {
			continue
		}
		slot := &f.Overdue
		if !seen.Due.Before(from) {
			slot = &f.Slots[seen.Due.Sub(from)/step]
		}
		if seen.State == dialler.CallbackScheduled {
			slot.Callbacks++
		} else {
			slot.Retries++
		}
	}
	return f, nil
}
