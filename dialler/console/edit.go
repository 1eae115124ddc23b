package console

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"ringback/dialler"
)

// making has the mux serve the pages on which campaigns are made and edited.
func (c *console) making(mux *http.ServeMux) {
	mux.HandleFunc("POST /campaigns/new", c.signedIn(c.newCampaign))
	mux.HandleFunc("POST /campaigns/{id}/clone", c.signedIn(c.clone))
	mux.HandleFunc("GET /drafts/{draft}/{step}", c.changing(c.wizardStep))
	mux.HandleFunc("POST /drafts/{draft}/{step}", c.signedIn(c.sendStep))
	mux.HandleFunc("POST /drafts/{draft}/upload", c.uploaded(c.takeDraftContacts))
	mux.HandleFunc("POST /drafts/{draft}/empty", c.signedIn(c.dropDraftContacts))
	mux.HandleFunc("GET /drafts/{draft}/confirm/discard", c.changing(c.confirmDiscard))
	mux.HandleFunc("POST /drafts/{draft}/discard", c.signedIn(c.discard))

	mux.HandleFunc("GET /campaigns/{id}/edit", c.changing(c.editCampaign))
	mux.HandleFunc("POST /campaigns/{id}/edit", c.signedIn(c.saveCampaign))
	mux.HandleFunc("GET /campaigns/{id}/confirm/remove", c.changing(c.confirmRemove))
	mux.HandleFunc("POST /campaigns/{id}/remove", c.signedIn(c.removeCampaign))
	mux.HandleFunc("GET /campaigns/{id}/add", c.changing(c.addContacts))
	mux.HandleFunc("POST /campaigns/{id}/add", c.uploaded(c.takeContacts))
}

// An editPage is the settings of a campaign that is there.
type editPage struct {
	settingsForm
	Campaign dialler.Campaign
	Declared string
}

// editing reads the campaign that the path names, if it can be edited.
func (c *console) editing(r *http.Request, s session) (p editPage, err error) {
	if p.Campaign, err = c.Store.Campaign(r.Context(), campaignID(r)); err != nil {
		return p, err
	}
	if _, err := p.Campaign.Edit(p.Campaign); err != nil {
		return p, err
	}
	p.Form = form{
		Action: fmt.Sprintf("/campaigns/%d/edit", p.Campaign.ID), CSRF: s.csrf(), Values: campaignValues(p.Campaign),
	}
	if p.Campaign.Run > 0 {
		const why = "It has run, so this stays: its calls are known by it. Clone the campaign to change it."
		p.Form.Locked = map[string]string{"name": why, "bot": why}
	}
	p.Declared = c.Declared.campaign(p.Campaign)
	return p, c.choices(r.Context(), &p.settingsForm)
}

func (c *console) editCampaign(w http.ResponseWriter, r *http.Request, s session) {
	p, err := c.editing(r, s)
	if err == nil {
		_, err = c.judge(r.Context(), &p.settingsForm, p.Campaign.ID) // what was right once may not be now
	}
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	c.show(w, r, http.StatusOK, "edit", s, "Edit "+p.Campaign.Name, p)
}

func (c *console) saveCampaign(w http.ResponseWriter, r *http.Request, s session) {
	p, err := c.editing(r, s)
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	p.Form.Values = r.PostForm
	want, err := c.judge(r.Context(), &p.settingsForm, p.Campaign.ID)
	if err == nil {
		want.ID = p.Campaign.ID
		// The store says it again, should it have been started meanwhile.
		var locked *dialler.LockedError
		if _, refused := p.Campaign.Edit(want); errors.As(refused, &locked) {
			field, got := "name", want.Name
			if want.Bot != p.Campaign.Bot {
				field, got = "bot", want.Bot
			}
			err = p.Form.blame(&dialler.FieldError{Field: field, Got: strconv.Quote(got), Want: "what it was, as the campaign has run; clone it to change that"})
		}
	}
	switch {
	case err != nil:
		c.trouble(w, r, s, err)
	case onlyChecks(r):
		checked(w, p.Form)
	case len(p.Form.Wrong) > 0:
		c.show(w, r, http.StatusUnprocessableEntity, "edit", s, "Edit "+p.Campaign.Name, p)
	default:
		saved, err := c.Store.UpdateCampaign(r.Context(), want)
		if err != nil {
			c.trouble(w, r, s, err)
			return
		}
		c.log.Info("campaign edited", "campaign", saved.Name, "token", s.holder)
		c.Live.Changed(saved.ID)
		http.Redirect(w, r, fmt.Sprintf("/campaigns/%d?done=saved", saved.ID), http.StatusSeeOther)
	}
}

func (c *console) confirmRemove(w http.ResponseWriter, r *http.Request, s session) {
	campaign, err := c.Store.Campaign(r.Context(), campaignID(r))
	if err == nil {
		err = campaign.CheckDrop()
	}
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	here := fmt.Sprintf("/campaigns/%d", campaign.ID)
	c.show(w, r, http.StatusOK, "confirm", s, "Remove", confirmation{
		Question: fmt.Sprintf("Remove %s?", campaign.Name), Label: "Remove campaign", Danger: true, Leave: true,
		Action: here + "/remove", Back: here, CSRF: s.csrf(), Says: "The draft and its contacts are removed for good.",
	})
}

func (c *console) removeCampaign(w http.ResponseWriter, r *http.Request, s session) {
	id := campaignID(r)
	campaign, err := c.Store.Campaign(r.Context(), id)
	if err == nil {
		err = c.Store.DropCampaign(r.Context(), id)
	}
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	c.log.Info("campaign removed", "campaign", campaign.Name, "token", s.holder)
	c.Live.Changed()
	http.Redirect(w, r, "/?done=removed", http.StatusSeeOther)
}
