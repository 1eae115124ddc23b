package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"ringback/dialler"
)

// Contact is a contact on the wire.
type Contact struct {
	ID         int64             `json:"id"`
	CampaignID int64             `json:"campaign_id"`
	Number     string            `json:"number"`
	Variables  map[string]string `json:"variables,omitempty"`
	State      string            `json:"state" enum:"pending,callback_scheduled,retry_scheduled,dialling,completed,exhausted,machine,abandoned,window_closed,stopped,excluded"`
	DueAt      *time.Time        `json:"due_at,omitempty" doc:"not to be rung sooner; absent: at once, or never again"`
	Attempts   int               `json:"attempts" doc:"made in this run"`
	Callback   *Callback         `json:"callback,omitempty" doc:"the promise still owed"`
	AddedAt    *time.Time        `json:"added_at,omitempty"`
	SettledAt  *time.Time        `json:"settled_at,omitempty" doc:"end of the last attempt"`
}

func showContact(c dialler.Contact) Contact {
	return Contact{
		ID: int64(c.ID), CampaignID: int64(c.Campaign), Number: string(c.Number), Variables: c.Vars, State: string(c.State),
		DueAt: utc(c.Due), Attempts: c.Attempts, Callback: showCallback(c.Callback), AddedAt: utc(c.Added), SettledAt: utc(c.Settled),
	}
}

type (
	contactInput struct {
		ID int64 `path:"id" minimum:"1"`
	}
	contactOutput struct {
		Body Contact
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
	Number    string            `json:"number" doc:"E.164, or a national number of the campaign's region"`
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

// Why an entry was rejected.
const (
	RejectedInvalid = "invalid"
	RejectedTwice   = "twice_in_list"
	RejectedHave    = "already_in_campaign"
)

// Limits of a contact's variables: what a bot can be handed on a SIP leg is
// far less, so this only keeps mistakes and mischief out of the store.
const (
	MaxVariables     = 100
	MaxVariableName  = 64   // bytes
	MaxVariableValue = 4096 // bytes
)

func (a *api) registerContacts(h huma.API) {
	add := operation("contacts", http.MethodPost, "/v1/campaigns/{id}/contacts", "add-contacts",
		"Add contacts; entries that are not valid are left out and reported, the rest is added in one go", 404, 413, 422)
	add.MaxBodyBytes = maxListBody
	huma.Register(h, add, a.addContacts)
	huma.Register(h, operation("contacts", http.MethodGet, "/v1/contacts/{id}", "get-contact", "One contact as it is now", 404), a.getContact)
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
	var list []dialler.NewContact
	var index []int // of each in list, where it came from
	for i, c := range in.Body.Contacts {
		if field, value, err := c.check(); err != nil {
			out.Body.reject(i, field, value, RejectedInvalid, err)
			continue
		}
		n, err := dialler.ParseNumber(c.Number, campaign.Region)
		if err != nil {
			out.Body.reject(i, "number", c.Number, RejectedInvalid, err)
			continue
		}
		list, index = append(list, dialler.NewContact{Number: n, Vars: c.Variables}), append(index, i)
	}
	if len(list) > 0 {
		duplicates, err := a.Store.AddContacts(ctx, id, list, a.Now())
		if err != nil {
			return nil, a.problem(fmt.Sprintf("add %d contacts to campaign %d", len(list), id), err)
		}
		for _, d := range duplicates {
			code, reason := RejectedHave, errors.New("the campaign has this number already")
			if d.InList {
				code, reason = RejectedTwice, errors.New("the list names this number twice")
			}
			out.Body.reject(index[d.Index], "number", string(d.Number), code, reason)
		}
		out.Body.Added = len(list) - len(duplicates)
	}
	slices.SortStableFunc(out.Body.Rejected, func(a, b Rejection) int { return a.Index - b.Index })
	return out, nil
}

func (a *Added) reject(i int, field, value, code string, why error) {
	a.Rejected = append(a.Rejected, Rejection{i, field, shorten(value), code, why.Error()})
}

// check says which variable is not acceptable.
func (c NewContact) check() (field, value string, err error) {
	if len(c.Variables) > MaxVariables {
		return "variables", fmt.Sprint(len(c.Variables)), fmt.Errorf("%d variables; want at most %d", len(c.Variables), MaxVariables)
	}
	for name, v := range c.Variables {
		switch {
		case name == "" || len(name) > MaxVariableName || strings.IndexFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0:
			return "variables", name, fmt.Errorf("the name of a variable; want 1 to %d bytes, printable", MaxVariableName)
		case len(v) > MaxVariableValue:
			return "variables." + name, v, fmt.Errorf("%d bytes; want at most %d", len(v), MaxVariableValue)
		}
	}
	return "", "", nil
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
