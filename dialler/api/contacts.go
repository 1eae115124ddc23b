package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"ringback/dialler"
	"ringback/dialler/list"
)

// Contact is a contact on the wire.
type Contact struct {
	ID         int64             `json:"id"`
	CampaignID int64             `json:"campaign_id"`
	Number     string            `json:"number"`
	Variables  map[string]string `json:"variables,omitempty"`
	State      string            `json:"state" enum:"pending,callback_scheduled,retry_scheduled,dialling,completed,exhausted,machine,abandoned,window_closed,stopped,excluded"`
	DueAt      *time.Time        `json:"due_at,omitempty" doc:"not to be rung sooner; absent: at once, or never again"`
	Ahead      bool              `json:"ahead,omitempty" doc:"pending, and ahead of the whole list: somebody said dial now"`
	Attempts   int               `json:"attempts" doc:"made in this run"`
	Callback   *Callback         `json:"callback,omitempty" doc:"the promise still owed"`
	AddedAt    *time.Time        `json:"added_at,omitempty"`
	SettledAt  *time.Time        `json:"settled_at,omitempty" doc:"end of the last attempt"`
}

func showContact(c dialler.Contact) Contact {
	return Contact{
		ID: int64(c.ID), CampaignID: int64(c.Campaign), Number: string(c.Number), Variables: c.Vars, State: string(c.State),
		DueAt: utc(c.Due), Ahead: c.Ahead, Attempts: c.Attempts, Callback: showCallback(c.Callback), AddedAt: utc(c.Added), SettledAt: utc(c.Settled),
	}
}

type (
	contactInput struct {
		ID int64 `path:"id" minimum:"1"`
	}
	contactOutput struct {
		Body Contact
	}
	findContactsInput struct {
		ID     int64  `path:"id" minimum:"1"`
		State  string `query:"state" enum:"pending,callback_scheduled,retry_scheduled,dialling,completed,exhausted,machine,abandoned,window_closed,stopped,excluded" doc:"only those that are this"`
		Number string `query:"number" maxLength:"64" doc:"only those whose number begins so, with its plus"`
		Order  string `query:"order" enum:"newest,number,due" doc:"unless given, in the order of the list, or by number with state or number; due is who waits for their time, the first due at the head"`
		Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
		After  string `query:"after" maxLength:"200" doc:"next of the page before"`
	}
	findContactsOutput struct {
		Body struct {
			Contacts []Contact `json:"contacts"`
			Next     string    `json:"next,omitempty" doc:"after for the next page; absent on the last"`
		}
	}
	contactsInput struct {
		ID   int64 `path:"id" minimum:"1"`
		Body struct {
			Contacts []NewContact `json:"contacts" minItems:"1" maxItems:"10000"`
		}
	}
	contactsOutput struct {
		Body Added
	}
)

// NewContact is a contact as a list brings it.
type NewContact struct {
	Number    string            `json:"number" example:"+919812345678" doc:"E.164, or a national number of the campaign's region"`
	Variables map[string]string `json:"variables,omitempty" doc:"handed to the bot"`
}

// Added says what became of a list.
type Added struct {
	Added    int         `json:"added"`
	Rejected []Rejection `json:"rejected" doc:"every entry that was not added"`
}

// Rejection says why an entry of a list was not added.
type Rejection struct {
	Index  int    `json:"index" doc:"in the list, from 0"`
	Field  string `json:"field" example:"number"`
	Value  string `json:"value" doc:"what came, shortened"`
	Code   string `json:"code" enum:"invalid,twice_in_list,already_in_campaign"`
	Reason string `json:"reason" doc:"in words"`
}

func (a *api) registerContacts(h huma.API) {
	add := operation("contacts", http.MethodPost, "/v1/campaigns/{id}/contacts", "add-contacts",
		"Add contacts; entries that are not valid are left out and reported, the rest is added in one go", 404, 413, 422)
	add.MaxBodyBytes = maxListBody
	huma.Register(h, add, a.addContacts)
	a.registerUpload(h)
	huma.Register(h, operation("contacts", http.MethodGet, "/v1/campaigns/{id}/contacts", "list-contacts", "Contacts of a campaign, by state, number and order", 404, 422), a.findContacts)
	huma.Register(h, operation("contacts", http.MethodGet, "/v1/contacts/{id}", "get-contact", "One contact as it is now", 404), a.getContact)
}

func (a *api) findContacts(ctx context.Context, in *findContactsInput) (*findContactsOutput, error) {
	id := dialler.CampaignID(in.ID)
	if _, err := a.Store.Campaign(ctx, id); err != nil {
		return nil, a.problem("read a campaign", err)
	}
	list, next, err := a.Store.FindContacts(ctx, dialler.ContactQuery{
		Campaign: id, State: dialler.ContactState(in.State), Number: in.Number, Order: dialler.ContactOrder(in.Order), Limit: in.Limit, After: in.After,
	})
	if err != nil {
		return nil, a.problemIn("query", fmt.Sprintf("list contacts of campaign %d", id), err)
	}
	out := &findContactsOutput{}
	out.Body.Next = next
	out.Body.Contacts = make([]Contact, 0, len(list))
	for _, c := range list {
		out.Body.Contacts = append(out.Body.Contacts, showContact(c))
	}
	return out, nil
}

func (a *api) getContact(ctx context.Context, in *contactInput) (*contactOutput, error) {
	c, err := a.Store.Contact(ctx, dialler.ContactID(in.ID))
	if err != nil {
		return nil, a.problem("read a contact", err)
	}
	return &contactOutput{showContact(c)}, nil
}

func (a *api) addContacts(ctx context.Context, in *contactsInput) (*contactsOutput, error) {
	id := dialler.CampaignID(in.ID)
	campaign, err := a.Store.Campaign(ctx, id)
	if err != nil {
		return nil, a.problem("read a campaign", err)
	}
	out := &contactsOutput{Added{Rejected: []Rejection{}}}
	var contacts []dialler.NewContact
	var index []int // of each in contacts, where it came from
	for i, c := range in.Body.Contacts {
		if field, value, err := list.CheckVariables(c.Variables); err != nil {
			out.Body.reject(i, field, value, list.Invalid, err.Error())
			continue
		}
		n, err := dialler.ParseNumber(c.Number, campaign.Region)
		if err != nil {
			out.Body.reject(i, "number", c.Number, list.Invalid, err.Error())
			continue
		}
		contacts, index = append(contacts, dialler.NewContact{Number: n, Vars: c.Variables}), append(index, i)
	}
	if len(contacts) > 0 {
		refused, err := list.Into(a.Store, id, a.Now).Add(ctx, contacts)
		if err != nil {
			return nil, a.problem(fmt.Sprintf("add %d contacts to campaign %d", len(contacts), id), err)
		}
		for _, r := range refused {
			out.Body.reject(index[r.Index], "number", string(contacts[r.Index].Number), r.Code, r.Reason)
		}
		out.Body.Added = len(contacts) - len(refused)
	}
	slices.SortStableFunc(out.Body.Rejected, func(a, b Rejection) int { return a.Index - b.Index })
	return out, nil
}

func (a *Added) reject(i int, field, value, code, reason string) {
	a.Rejected = append(a.Rejected, Rejection{i, field, shorten(value), code, reason})
}

// shorten cuts what came to what fits on a line, between characters.
func shorten(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	n := most
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
