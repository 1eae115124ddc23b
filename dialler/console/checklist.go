package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"ringback/dialler"
	"ringback/dialler/checklist"
	"ringback/dialler/wording"
)

type checklistPage struct {
	checklist.List
	Done  string
	Wrong string
	Typed string
	CSRF  string
}

func (c *console) checklist(w http.ResponseWriter, r *http.Request, s session) {
	p, err := c.checklistPage(r.Context(), campaignID(r))
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	if r.URL.Query().Get("done") != "" {
		p.Done = c.notes.take(s.id)
	}
	p.CSRF = s.csrf()
	c.show(w, r, http.StatusOK, "checklist", s, "Checklist of "+p.Campaign.Name, p)
}

func (c *console) checklistPage(ctx context.Context, id dialler.CampaignID) (p checklistPage, err error) {
	p.List, err = checklist.Of(ctx, c.Store, id, c.Now())
	return p, err
}

func (c *console) testCall(w http.ResponseWriter, r *http.Request, s session) {
	ctx, id := r.Context(), campaignID(r)
	campaign, err := c.Store.Campaign(ctx, id)
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	var done dialler.Intervened
	number, err := dialler.ParseNumber(r.PostFormValue("number"), campaign.Region)
	if err != nil {
		err = &dialler.FieldError{Field: "number", Got: fmt.Sprintf("%q", r.PostFormValue("number")), Want: "a telephone number such as +919812345678"}
	} else {
		done, err = dialler.PlaceTest(ctx, c.Store, id, number, s.holder, c.Now())
	}
	var refused *dialler.InterventionError
	var field *dialler.FieldError
	if errors.As(err, &refused) || errors.As(err, &field) {
		var said string
		if field != nil {
			said = wording.Initial(field.Error()) + "."
		} else {
			said = refused.Why
		}
		p, err := c.checklistPage(ctx, id)
		if err != nil {
			c.trouble(w, r, s, err)
			return
		}
		p.Wrong, p.Typed, p.CSRF = said, r.PostFormValue("number"), s.csrf()
		status := http.StatusConflict
		if field != nil {
			status = http.StatusBadRequest
		}
		c.show(w, r, status, "checklist", s, "Checklist of "+campaign.Name, p)
		return
	}
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	c.log.Info("test call", "campaign", campaign.Name, "contact", done.Contact.ID, "token", s.holder)
	c.Live.Changed(id)
	c.notes.put(s.id, "Test call placed. "+done.Says)
	http.Redirect(w, r, fmt.Sprintf("/campaigns/%d/checklist?done=test", id), http.StatusSeeOther)
}
