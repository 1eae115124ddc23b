package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"ringback/dialler"
	"ringback/dialler/wording"
)

// pageOfContacts is how many contacts a page has.
const pageOfContacts = 100

// A search is what was looked for in a list.
type search struct {
	Typed string // how the number begins, as it was typed
	Order string
	Wrong string // what cannot be looked for, a sentence
}

// amiss takes a field that was asked for and makes no sense into the page. Any
// other error it returns.
func (s *search) amiss(err error) error {
	var field *dialler.FieldError
	if errors.As(err, &field) && (field.Field == "number" || field.Field == "order" || field.Field == "state") {
		s.Wrong = wording.Initial(field.Error()) + "."
		return nil
	}
	return err
}

// each tries what was typed as what it may mean, until something is found. get
// returns how many were.
func (s *search) each(region string, get func(prefix string) (int, error)) error {
	prefixes, err := dialler.NumberPrefixes(s.Typed, region)
	if err != nil {
		return s.amiss(err)
	}
	if len(prefixes) == 0 {
		prefixes = []string{""}
	}
	for _, p := range prefixes {
		n, err := get(p)
		if err != nil {
			return s.amiss(err)
		}
		if n > 0 {
			break
		}
	}
	return nil
}

// callsURL is where the calls of a campaign are listed as q asks for them, but
// under another filter and from another place on.
func callsURL(id dialler.CampaignID, f dialler.CallFilter, q url.Values, after string) string {
	to := url.Values{}
	for name, value := range map[string]string{"calls": string(f), "number": q.Get("number"), "order": q.Get("order"), "after": after} {
		if value != "" {
			to.Set(name, value)
		}
	}
	u := fmt.Sprintf("/campaigns/%d", id)
	if len(to) > 0 {
		u += "?" + to.Encode()
	}
	return u
}

// findCalls fills the page's list of calls.
func (c *console) findCalls(ctx context.Context, p *campaignPage, filter dialler.CallFilter, q url.Values) error {
	p.Find = search{Typed: q.Get("number"), Order: q.Get("order")}
	if o := p.Find.Order; o != "" && o != "oldest" {
		return &dialler.FieldError{Field: "order", Got: fmt.Sprintf("%q", o), Want: "nothing (the newest first) or oldest"}
	}
	query := dialler.CallQuery{Campaign: p.ID, Filter: filter, Limit: pageOfCalls, After: q.Get("after"), Oldest: p.Find.Order == "oldest"}
	var next string
	err := p.Find.each(p.Region, func(prefix string) (n int, err error) {
		query.Number = prefix
		p.List, next, err = c.Store.Calls(ctx, query)
		return len(p.List), err
	})
	if err != nil {
		return err
	}
	if query.After != "" {
		p.First = callsURL(p.ID, filter, q, "") + "#calls"
	}
	if next != "" {
		p.Older = callsURL(p.ID, filter, q, next) + "#calls"
	}
	return nil
}

type contactsPage struct {
	Campaign dialler.Campaign
	Find     search
	State    dialler.ContactState // looked for; empty: all
	Order    dialler.ContactOrder
	Sorted   string // how the list is, in words
	States   []stateCount
	Orders   []orderLabel
	Total    int
	List     []dialler.Contact
	Next     string // URL
	First    string // URL, on any page but the first
}

type stateCount struct {
	State dialler.ContactState
	N     int
}

type orderLabel struct {
	Order dialler.ContactOrder
	Label string
}

var contactOrders = []orderLabel{
	{dialler.ByList, "As listed"}, {dialler.ByNewest, "Newest first"}, {dialler.ByNumber, "By number"}, {dialler.ByDue, "Due first"},
}

func (c *console) contacts(w http.ResponseWriter, r *http.Request, s session) {
	p, err := c.contactsPage(r.Context(), campaignID(r), r.URL.Query())
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	c.show(w, r, http.StatusOK, "contacts", s, "Contacts of "+p.Campaign.Name, p)
}

func (c *console) contactsPage(ctx context.Context, id dialler.CampaignID, q url.Values) (p contactsPage, err error) {
	if p.Campaign, err = c.Store.Campaign(ctx, id); err != nil {
		return p, err
	}
	n, err := c.Store.Counters(ctx, id)
	if err != nil {
		return p, err
	}
	p.State, p.Order, p.Orders = dialler.ContactState(q.Get("state")), dialler.ContactOrder(q.Get("order")), contactOrders
	for _, state := range dialler.ContactStates {
		p.Total += n.Contacts[state]
		if n.Contacts[state] > 0 || state == p.State {
			p.States = append(p.States, stateCount{state, n.Contacts[state]})
		}
	}
	p.Find = search{Typed: q.Get("number")}
	query := dialler.ContactQuery{Campaign: id, State: p.State, Order: p.Order, Limit: pageOfContacts, After: q.Get("after")}
	var next string
	err = p.Find.each(p.Campaign.Region, func(prefix string) (n int, err error) {
		query.Number = prefix
		p.List, next, err = c.Store.FindContacts(ctx, query)
		return len(p.List), err
	})
	if err != nil {
		return p, err
	}
	if meant, err := query.Normal(); err == nil {
		p.Sorted = map[dialler.ContactOrder]string{dialler.ByList: "as listed", dialler.ByNewest: "the newest first",
			dialler.ByNumber: "by number", dialler.ByDue: "the one due first at the head"}[meant.Order]
		p.Order = cmp.Or(p.Order, meant.Order)
	}
	here := url.Values{}
	for _, name := range []string{"number", "state", "order"} {
		if v := q.Get(name); v != "" {
			here.Set(name, v)
		}
	}
	to := func() string {
		u := fmt.Sprintf("/campaigns/%d/contacts", id)
		if len(here) > 0 {
			u += "?" + here.Encode()
		}
		return u
	}
	if query.After != "" {
		p.First = to()
	}
	if next != "" {
		here.Set("after", next)
		p.Next = to()
	}
	return p, nil
}
