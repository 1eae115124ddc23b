package store

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"ringback/dialler"
)

// Lists that people page through. A page is cut by the key of an index, never
// by an offset, and each filter has an index that holds its rows in the order
// of the list; where a filter is several states, a page of each is read and
// they are merged.

// rowStates are the states a contact's row may have: one that is being rung
// has that in which it waited.
func rowStates() []dialler.ContactState {
	var out []dialler.ContactState
	for _, s := range dialler.ContactStates {
		if s != dialler.Dialling {
			out = append(out, s)
		}
	}
	return out
}

// notRung leaves out contacts that are being rung, which are seen as dialling.
const notRung = ` AND NOT EXISTS (SELECT 1 FROM live WHERE live.number = contact.number AND live.contact_id = contact.id)`

// isTest is the condition of the index contact_test, word for word, and its
// second column.
const (
	marked = `replace(vars, '"` + dialler.TestVariable + `":', '') <> vars`
	isTest = marked + ` AND (` + marked + `) = true`
)

// FindContacts is as [dialler.Reports] says.
func (s *SQL) FindContacts(ctx context.Context, q dialler.ContactQuery) (page []dialler.Contact, next string, err error) {
	q, err = q.Normal()
	var where string
	var args []any
	if err == nil {
		where, args, err = contactPage(q)
	}
	if err != nil {
		return nil, "", fmt.Errorf("contacts: %w", err)
	}
	err = s.db.View(ctx, "contacts", func(t Tx) error {
		if _, err := s.campaign(t, q.Campaign); err != nil {
			return err
		}
		var err error
		page, err = contacts(t, where, args...)
		return err
	})
	if len(page) > q.Limit {
		page = page[:q.Limit]
		next = contactKey(q.Order, page[q.Limit-1])
	}
	return page, next, err
}

// contactKey is where the page after the one that ends with c begins.
func contactKey(o dialler.ContactOrder, c dialler.Contact) string {
	switch o {
	case dialler.ByNumber:
		return string(c.Number)
	case dialler.ByDue:
		return fmt.Sprintf("%d.%d", dueColumn(c), c.ID)
	}
	return fmt.Sprint(c.ID)
}

// contactPage is what follows WHERE for a page and one contact more.
func contactPage(q dialler.ContactQuery) (where string, args []any, err error) {
	wrong := func() (string, []any, error) {
		return "", nil, &dialler.FieldError{Field: "after", Got: strconv.Quote(q.After), Want: "what the page before said"}
	}
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	campaign, limit := arg(q.Campaign), arg(q.Limit+1)
	switch q.Order {
	case dialler.ByList, dialler.ByNewest:
		compare, down, id := `>`, ``, int64(0)
		if q.Order == dialler.ByNewest {
			compare, down, id = `<`, ` DESC`, math.MaxInt64
		}
		if q.After != "" {
			if id, err = strconv.ParseInt(q.After, 10, 64); err != nil {
				return wrong()
			}
		}
		test, order := ``, `contact.id`+down
		if q.Test {
			// In the order of contact_test, which no other index has: Postgres
			// takes these to be many, and would walk the list until it met one.
			test, order = ` AND `+isTest, marked+down+`, `+order
		}
		return `contact.campaign_id = ` + campaign + test + ` AND contact.id ` + compare + ` ` + arg(id) + ` ORDER BY ` + order + ` LIMIT ` + limit, args, nil
	case dialler.ByNumber:
		if dialler.CheckPrefix(q.After) != nil {
			return wrong()
		}
		// A colon is what comes after the nine.
		bounds := ` AND contact.number > ` + arg(q.After) + ` AND contact.number >= ` + arg(q.Number) + ` AND contact.number < ` + arg(max(q.Number, "+")+":")
		return merged(q.State, rowStates(), campaign, limit, bounds, `contact.number`), args, nil
	default:
		due, id, ok := int64(math.MinInt64), int64(0), true
		if q.After != "" {
			var at, last string
			at, last, ok = strings.Cut(q.After, ".")
			var errs [2]error
			due, errs[0] = strconv.ParseInt(at, 10, 64)
			id, errs[1] = strconv.ParseInt(last, 10, 64)
			ok = ok && errs == [2]error{}
		}
		if !ok {
			return wrong()
		}
		bounds := ` AND contact.due IS NOT NULL AND (contact.due, contact.id) > (` + arg(due) + `, ` + arg(id) + `)`
		return merged(q.State, []dialler.ContactState{dialler.CallbackScheduled, dialler.RetryScheduled}, campaign, limit, bounds, `contact.due, contact.id`), args, nil
	}
}

// merged selects the first of several states in one order, of which there is
// an index for each.
func merged(state dialler.ContactState, all []dialler.ContactState, campaign, limit, bounds, order string) string {
	if state == dialler.Dialling { // few: no more than there are seats
		return `contact.id IN (SELECT contact_id FROM live WHERE live.campaign_id = ` + campaign + `)` + bounds + ` ORDER BY ` + order + ` LIMIT ` + limit
	}
	if state != "" {
		return `contact.campaign_id = ` + campaign + ` AND contact.state = '` + string(state) + `'` + bounds + notRung + ` ORDER BY ` + order + ` LIMIT ` + limit
	}
	rung := ``
	if len(all) < len(rowStates()) {
		rung = notRung
	}
	columns := `contact.id, contact.number` // no more than the index has
	if strings.HasPrefix(order, `contact.due`) {
		columns = `contact.id, contact.due`
	}
	var parts []string
	for _, s := range all {
		parts = append(parts, `SELECT * FROM (SELECT `+columns+` FROM contact
			WHERE contact.campaign_id = `+campaign+` AND contact.state = '`+string(s)+`'`+bounds+rung+` ORDER BY `+order+` LIMIT `+limit+`) AS x`)
	}
	return `contact.id IN (SELECT contact.id FROM (` + strings.Join(parts, ` UNION ALL `) + `) AS contact ORDER BY ` + order + ` LIMIT ` + limit + `) ORDER BY ` + order
}

// Calls is as [dialler.Reports] says. A page is cut by when the call was
// leased, then by ID, so calls begun since do not shift the next page.
func (s *SQL) Calls(ctx context.Context, q dialler.CallQuery) (page []dialler.Call, next string, err error) {
	limit := q.Limit
	if limit <= 0 {
		limit = 100
	}
	limit = min(limit, 1000)
	leased, id, err := callKey(q)
	states, ok := map[dialler.CallFilter][]dialler.CallbackState{
		dialler.AllCalls:           nil,
		dialler.CallbacksRequested: nil,
		dialler.CallbacksPending:   {dialler.CallbackWaiting},
		dialler.CallbacksCompleted: {dialler.CallbackCompleted, dialler.CallbackExhausted, dialler.CallbackClosed},
		dialler.CallbacksCancelled: {dialler.CallbackCancelled},
	}[q.Filter]
	switch {
	case err != nil:
	case !ok:
		err = &dialler.FieldError{Field: "filter", Got: strconv.Quote(string(q.Filter)), Want: "nothing, requested, pending, completed or cancelled"}
	default:
		err = dialler.CheckPrefix(q.Number)
	}
	if err != nil {
		return nil, "", fmt.Errorf("calls: %w", err)
	}
	err = s.db.View(ctx, "calls", func(t Tx) error {
		if _, err := s.campaign(t, q.Campaign); err != nil {
			return err
		}
		of, err := called(t, q)
		if err != nil {
			return err
		}
		if of != nil && len(of) == 0 {
			return nil // nobody has such a number
		}
		query := callPage(q, states, of)
		if page, err = calls(t, query, q.Campaign, leased, id, limit+1); err != nil {
			return err
		}
		if len(page) > limit {
			page = page[:limit]
			last := page[limit-1]
			next = fmt.Sprintf("%d.%s", Micros(last.Leased), last.ID)
		}
		return nil
	})
	return page, next, err
}

// called are the contacts whose calls are asked for; nil: all.
func called(t Tx, q dialler.CallQuery) (of []string, err error) {
	if q.Contact != 0 {
		of = []string{fmt.Sprint(q.Contact)}
	}
	if q.Number == "" {
		return of, nil
	}
	where, args, err := contactPage(dialler.ContactQuery{Campaign: q.Campaign, Number: q.Number, Order: dialler.ByNumber, Limit: dialler.MaxMatches})
	if err != nil {
		return nil, err
	}
	of = []string{}
	n := 0
	err = t.Read(Rows(func(r Scanner) error {
		var id dialler.ContactID
		err := r.Scan(&id)
		if n++; q.Contact == 0 || q.Contact == id {
			of = append(of, fmt.Sprint(id))
		}
		return err
	}, `SELECT contact.id FROM contact WHERE `+where, args...))
	if err == nil && n > dialler.MaxMatches {
		err = dialler.TooManyMatches(q.Number)
	}
	return of, err
}

// callPage is what follows the columns of a page of calls. $1 is the campaign,
// ($2, $3) the key of the page before, $4 how many.
func callPage(q dialler.CallQuery, states []dialler.CallbackState, of []string) string {
	compare, down := `<`, ` DESC`
	if q.Oldest {
		compare, down = `>`, ``
	}
	// An index is chosen by what is left bare: the calls of a few contacts are
	// found by contact, not by going through the campaign.
	plus, some := ``, ``
	if of != nil {
		plus, some = `+`, ` AND attempt.contact_id IN (`+strings.Join(of, `, `)+`)`
	}
	asked := ` ORDER BY callback.asked_leased` + down + `, callback.asked_on` + down
	cut := ` AND (callback.asked_leased, callback.asked_on) ` + compare + ` ($2, $3)`
	switch {
	case q.Filter == dialler.AllCalls:
		return `FROM attempt WHERE ` + plus + `attempt.campaign_id = $1 AND (attempt.leased, attempt.id) ` + compare + ` ($2, $3)` + some +
			` ORDER BY attempt.leased` + down + `, attempt.id` + down + ` LIMIT $4`
	case of != nil:
		in := ``
		if states != nil {
			in = ` AND callback.state IN ('` + joined(states) + `')`
		}
		return `FROM attempt JOIN callback ON callback.asked_on = attempt.id WHERE ` + plus + `attempt.campaign_id = $1 AND (attempt.leased, attempt.id) ` + compare + ` ($2, $3)` + in + some +
			` ORDER BY attempt.leased` + down + `, attempt.id` + down + ` LIMIT $4`
	case states == nil:
		return `FROM callback JOIN attempt ON attempt.id = callback.asked_on WHERE callback.campaign_id = $1` + cut + asked + ` LIMIT $4`
	}
	var parts []string
	for _, state := range states {
		parts = append(parts, `SELECT * FROM (SELECT callback.id, callback.asked_leased, callback.asked_on FROM callback
			WHERE callback.campaign_id = $1 AND callback.state = '`+string(state)+`'`+cut+asked+` LIMIT $4) AS x`)
	}
	return `FROM (SELECT callback.id, callback.asked_leased, callback.asked_on FROM (` + strings.Join(parts, ` UNION ALL `) + `) AS callback` + asked + ` LIMIT $4) AS callback
		JOIN attempt ON attempt.id = callback.asked_on` + asked
}

func joined(states []dialler.CallbackState) string {
	var list []string
	for _, s := range states {
		list = append(list, string(s))
	}
	return strings.Join(list, `', '`)
}

// callKey reads where a page begins; "" is before all.
func callKey(q dialler.CallQuery) (leased int64, id string, err error) {
	if q.After == "" {
		if q.Oldest {
			return math.MinInt64, "", nil
		}
		return math.MaxInt64, "", nil
	}
	at, id, ok := strings.Cut(q.After, ".")
	leased, err = strconv.ParseInt(at, 10, 64)
	if err != nil || !ok {
		return 0, "", &dialler.FieldError{Field: "after", Got: strconv.Quote(q.After), Want: "what the page before said"}
	}
	return leased, id, nil
}

// Forecast is as [dialler.Reports] says.
func (s *SQL) Forecast(ctx context.Context, id dialler.CampaignID, from time.Time, step time.Duration, n int) (f dialler.Forecast, err error) {
	f = dialler.Forecast{Slots: make([]dialler.Slot, n), Until: from.Add(time.Duration(n) * step)}
	until := f.Until
	err = s.db.View(ctx, "forecast", func(t Tx) error {
		if _, err := s.campaign(t, id); err != nil {
			return err
		}
		slot := func(due int64) *dialler.Slot {
			if due < from.UnixMicro() {
				return &f.Overdue
			}
			return &f.Slots[(due-from.UnixMicro())/step.Microseconds()]
		}
		for _, class := range []struct {
			state dialler.ContactState
			of    func(*dialler.Slot) *int
		}{
			{dialler.CallbackScheduled, func(s *dialler.Slot) *int { return &s.Callbacks }},
			{dialler.RetryScheduled, func(s *dialler.Slot) *int { return &s.Retries }},
		} {
			counted, last := 0, int64(-1)
			if err := t.Read(Rows(func(r Scanner) error {
				var place, k int64
				if err := r.Scan(&place, &k); err != nil {
					return err
				}
				counted += int(k)
				last = max(last, place)
				if place < 0 {
					*class.of(&f.Overdue) += int(k)
				} else {
					*class.of(&f.Slots[place]) += int(k)
				}
				return nil
			}, `SELECT slot, count(*) FROM (
					SELECT CASE WHEN contact.due < $2 THEN -1 ELSE (contact.due - $2) / $3 END AS slot FROM contact
					WHERE contact.campaign_id = $1 AND contact.state = '`+string(class.state)+`' AND contact.due IS NOT NULL AND contact.due < $4
					ORDER BY contact.due LIMIT $5) AS due
				GROUP BY slot`, id, from.UnixMicro(), step.Microseconds(), until.UnixMicro(), dialler.MaxForecast)); err != nil {
				return err
			}
			// Those being rung are few, and their rows say that they wait.
			if err := t.Read(Rows(func(r Scanner) error {
				var due int64
				err := r.Scan(&due)
				if n := class.of(slot(due)); err == nil && *n > 0 {
					*n--
				}
				return err
			}, `SELECT contact.due FROM live JOIN contact ON contact.id = live.contact_id
				WHERE live.campaign_id = $1 AND contact.state = '`+string(class.state)+`' AND contact.due < $2`, id, until.UnixMicro())); err != nil {
				return err
			}
			if counted == dialler.MaxForecast {
				if end := from.Add(time.Duration(max(last, 0)) * step); end.Before(f.Until) {
					f.Until = end
				}
			}
		}
		return nil
	})
	return f, err
}
