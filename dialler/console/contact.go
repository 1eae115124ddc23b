package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"ringback/dialler"
)

// pageOfTrail is how many attempts of a contact a page has: all of them, but
// for somebody who is rung for ever.
const pageOfTrail = 200

type contactPage struct {
	Contact  dialler.Contact
	Campaign dialler.Campaign
	Excluded bool
	Wait     dialler.Wait
	Trail    []dialler.Call // the newest first
	More     bool           // there are older ones
	Chain    []promise      // the newest first
	Done     string
}

// A promise is a callback as the page tells it.
type promise struct {
	dialler.Callback
	Asked time.Time // when the call began on which it was asked for
	Live  bool      // it is being kept at this moment
}

// Moved reports whether the time read from the words is not the one promised.
func (p promise) Moved() bool { return !p.Read.IsZero() && !p.Read.Equal(p.Scheduled) }

// Later reports whether it is due at another time than was promised: after a
// try that failed, or because an operator moved it.
func (p promise) Later() bool {
	return p.State == dialler.CallbackWaiting && !p.Due.Equal(p.Scheduled)
}

func contactID(r *http.Request) dialler.ContactID {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return 0
	}
	return dialler.ContactID(id)
}

func (c *console) contact(w http.ResponseWriter, r *http.Request, s session) {
	p, err := c.contactPage(r.Context(), contactID(r))
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	switch r.URL.Query().Get("done") {
	case "":
	case "exclude":
		p.Done = "Number excluded: it is not rung again, in any campaign."
	default:
		p.Done = c.notes.take(s.id)
	}
	c.show(w, r, http.StatusOK, "contact", s, string(p.Contact.Number), p)
}

func (c *console) contactPage(ctx context.Context, id dialler.ContactID) (p contactPage, err error) {
	if p.Contact, err = c.Store.Contact(ctx, id); err != nil {
		return p, err
	}
	if p.Campaign, err = c.Store.Campaign(ctx, p.Contact.Campaign); err != nil {
		return p, err
	}
	var next string
	if p.Trail, next, err = c.Store.Calls(ctx, dialler.CallQuery{Campaign: p.Campaign.ID, Contact: id, Limit: pageOfTrail}); err != nil {
		return p, err
	}
	p.More = next != ""
	for _, call := range p.Trail {
		if cb := call.Ruling.Callback; cb != nil {
			p.Chain = append(p.Chain, promise{*cb, call.Leased, p.Contact.State == dialler.Dialling && cb.State == dialler.CallbackWaiting})
		}
	}
	var status *dialler.Status
	if c.Status != nil {
		now := c.Status()
		status = &now
	}
	standing, err := dialler.Stand(ctx, c.Store, p.Campaign, p.Contact, status)
	if err != nil {
		return p, err
	}
	p.Excluded, p.Wait = standing.Excluded, standing.Wait(c.Now())
	return p, nil
}

func (c *console) confirmExclude(w http.ResponseWriter, r *http.Request, s session) {
	ct, err := c.Store.Contact(r.Context(), contactID(r))
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	here := fmt.Sprintf("/contacts/%d", ct.ID)
	c.show(w, r, http.StatusOK, "confirm", s, "Exclude", confirmation{
		Question: fmt.Sprintf("Exclude %s?", ct.Number), Label: "Exclude number", Danger: true, Action: here + "/exclude", Back: here, CSRF: s.csrf(),
		Says: "The number goes on the do-not-call list: it is not rung again, in any campaign, and a callback it waits for is cancelled. A call in progress is not cut off.",
	})
}

func (c *console) exclude(w http.ResponseWriter, r *http.Request, s session) {
	ct, err := c.Store.Contact(r.Context(), contactID(r))
	if err == nil {
		err = c.Store.Exclude(r.Context(), []dialler.Number{ct.Number}, c.Now())
	}
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	c.log.Info("number excluded", "contact", ct.ID, "token", s.holder)
	c.Live.Changed() // it may be in other campaigns too
	http.Redirect(w, r, fmt.Sprintf("/contacts/%d?done=exclude", ct.ID), http.StatusSeeOther)
}

// pretty is an analysis with a key a line.
func pretty(body []byte) string {
	var b bytes.Buffer
	if err := json.Indent(&b, body, "", "  "); err != nil {
		return string(body)
	}
	return b.String()
}

// A variable is a column of the list.
type variable struct{ Name, Value string }

// Vars are the list's own columns, by name.
func (p contactPage) Vars() []variable {
	var list []variable
	for name, value := range p.Contact.Vars {
		list = append(list, variable{name, value})
	}
	slices.SortFunc(list, func(a, b variable) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	return list
}
