package console

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"ringback/dialler"
)

// The wizard makes a campaign in five steps. What is entered is kept in the
// store as a draft ([dialler.Draft]), as it was typed, right or wrong: whenever
// a field is left and whenever a step is sent. So nothing is lost on the way
// back, by loading the page again, or with the process, and a colleague may
// go on. The campaign itself is made once its contacts come, which have to be
// somewhere, or at the end.

// A step is one of the wizard's.
type step struct {
	Name, Label string
	N           int
	Here        bool
	Seen        bool // it was sent
	Wrong       int  // fields that are not right
}

var stepNames = []step{
	{Name: "basics", Label: "Basics"}, {Name: "numbers", Label: "Number Pool"}, {Name: "dialling", Label: "Dialler Config"},
	{Name: "contacts", Label: "Contacts"}, {Name: "review", Label: "Review"},
}

func stepIndex(name string) int {
	return slices.IndexFunc(stepNames, func(s step) bool { return s.Name == name })
}

// entries are what a draft holds.
type entries struct {
	Values   url.Values         `json:"values"`
	Seen     []string           `json:"seen,omitempty"`     // the steps that were sent
	Campaign dialler.CampaignID `json:"campaign,omitempty"` // which its contacts are in; 0: none yet
	Intake   *intake            `json:"intake,omitempty"`   // what became of the list that came last
	CloneOf  string             `json:"clone_of,omitempty"`
}

func (e entries) seen(step string) bool { return slices.Contains(e.Seen, step) }

// take takes over what was typed on a step: a box that is not ticked is not
// sent.
func (e *entries) take(step string, typed url.Values) {
	for field := range e.Values {
		if partOf(field) == step {
			delete(e.Values, field)
		}
	}
	for field, values := range typed {
		if field != "csrf" && field != "go" && partOf(field) == step {
			e.Values[field] = values
		}
	}
}

// An unfinished is a draft as the list of campaigns shows it.
type unfinished struct {
	dialler.Draft
	Name string // may be empty
	// Campaign is the one its contacts are in; 0: none.
	Campaign dialler.CampaignID
}

// unfinished returns the drafts.
func (c *console) unfinished(ctx context.Context) (list []unfinished, err error) {
	drafts, err := c.Store.Drafts(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range drafts {
		var e entries
		if err := json.Unmarshal(d.Body, &e); err != nil {
			return nil, fmt.Errorf("draft %s: %w", d.ID, err)
		}
		list = append(list, unfinished{d, e.Values.Get("name"), e.Campaign})
	}
	return list, nil
}

func (c *console) putDraft(ctx context.Context, id, holder string, e entries) error {
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return c.Store.PutDraft(ctx, dialler.Draft{ID: id, Holder: holder, Body: body}, c.Now())
}

func (c *console) draft(ctx context.Context, id string) (e entries, err error) {
	d, err := c.Store.Draft(ctx, id)
	if err == nil {
		err = json.Unmarshal(d.Body, &e)
	}
	if e.Values == nil {
		e.Values = url.Values{}
	}
	return e, err
}

// change reads a draft, changes it and writes it back; nobody else of this
// process does meanwhile. (A field that is left and the step that is sent come
// at once: what the script saves must not be the older of the two.)
func (c *console) change(ctx context.Context, id, holder string, f func(*entries)) (entries, error) {
	c.drafting.Lock()
	defer c.drafting.Unlock()
	e, err := c.draft(ctx, id)
	if err != nil {
		return e, err
	}
	f(&e)
	return e, c.putDraft(ctx, id, holder, e)
}

// begin opens a wizard with entries and goes to it.
func (c *console) begin(w http.ResponseWriter, r *http.Request, s session, e entries) {
	id := rand.Text()
	if err := c.putDraft(r.Context(), id, s.holder, e); err != nil {
		c.trouble(w, r, s, err)
		return
	}
	c.Live.Changed()
	http.Redirect(w, r, "/drafts/"+id+"/basics", http.StatusSeeOther)
}

func (c *console) newCampaign(w http.ResponseWriter, r *http.Request, s session) {
	var p settingsForm
	if err := c.choices(r.Context(), &p); err != nil {
		c.trouble(w, r, s, err)
		return
	}
	c.begin(w, r, s, entries{Values: p.freshValues()})
}

// clone opens the wizard with the settings of a campaign. Its contacts stay
// where they are: a list is somebody's choice each time.
func (c *console) clone(w http.ResponseWriter, r *http.Request, s session) {
	campaign, err := c.Store.Campaign(r.Context(), campaignID(r))
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	e := entries{Values: campaignValues(campaign), CloneOf: campaign.Name}
	name, err := dialler.CopyName(r.Context(), c.Store, campaign.Name)
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	e.Values.Set("name", name)
	c.log.Info("campaign cloned", "campaign", campaign.Name, "token", s.holder)
	c.begin(w, r, s, e)
}

type wizardPage struct {
	settingsForm
	ID      string
	Step    string
	Steps   []step
	Before  string // the step that Back leads to; empty: this is the first
	CloneOf string
	Draft   dialler.Campaign // as it would be made now

	Intake   *intake
	Contacts int  // in the campaign so far
	Excluded int  // of them
	Ready    bool // nothing is wrong
	Made     bool // the campaign is there already

	DeclaredBot string
	Opens       time.Time // when somebody may be rung first; zero: never
}

// wizard reads the draft that the path names, and judges it.
func (c *console) wizard(r *http.Request, s session, change func(*entries)) (p wizardPage, e entries, err error) {
	p.ID, p.Step = r.PathValue("draft"), r.PathValue("step")
	i := stepIndex(p.Step)
	if i < 0 {
		return p, e, fmt.Errorf("%w: the wizard has no step %q", dialler.ErrNotFound, p.Step)
	}
	if i > 0 {
		p.Before = stepNames[i-1].Name
	}
	ctx := r.Context()
	if change != nil {
		e, err = c.change(ctx, p.ID, s.holder, change)
	} else {
		e, err = c.draft(ctx, p.ID)
	}
	if err != nil {
		return p, e, err
	}
	if err := c.choices(ctx, &p.settingsForm); err != nil {
		return p, e, err
	}
	p.Form = form{Action: "/drafts/" + p.ID + "/" + p.Step, CSRF: s.csrf(), Values: e.Values}
	if p.Draft, err = c.judge(ctx, &p.settingsForm, e.Campaign); err != nil {
		return p, e, err
	}
	p.Ready, p.CloneOf, p.Intake = len(p.Form.Wrong) == 0, e.CloneOf, e.Intake
	p.DeclaredBot = c.Declared.bot(p.Draft.Bot)
	p.Opens, _ = p.Draft.Window.Next(c.Now())
	for n, st := range stepNames {
		st.N, st.Here, st.Seen = n+1, n == i, e.seen(st.Name) || p.Step == "review"
		for field := range p.Form.Wrong {
			if partOf(field) == st.Name {
				st.Wrong++
			}
		}
		p.Steps = append(p.Steps, st)
	}
	if e.Campaign != 0 {
		counters, err := c.Store.Counters(ctx, e.Campaign)
		switch {
		case errors.Is(err, dialler.ErrNotFound): // somebody has removed it
		case err != nil:
			return p, e, err
		default:
			p.Made = true
			p.Contacts, p.Excluded = summary{Counters: counters}.Contacts(), counters.Contacts[dialler.ExcludedContact]
		}
	}
	return p, e, nil
}

// here keeps of what is wrong only what is on the step that is shown, if it is
// to be said at all.
func (p *wizardPage) here(say bool) {
	kept := map[string]string{}
	for field, text := range p.Form.Wrong {
		if say && partOf(field) == p.Step {
			kept[field] = text
		}
	}
	p.Form.Wrong = kept
}

// Amiss are the steps before the contacts that are not right.
func (p wizardPage) Amiss() (list []step) {
	for _, st := range p.Steps {
		if st.Wrong > 0 {
			list = append(list, st)
		}
	}
	return list
}

func (c *console) showStep(w http.ResponseWriter, r *http.Request, s session, status int, p wizardPage) {
	title := "New campaign: " + stepNames[stepIndex(p.Step)].Label
	c.show(w, r, status, "wizard", s, title, p)
}

func (c *console) wizardStep(w http.ResponseWriter, r *http.Request, s session) {
	p, e, err := c.wizard(r, s, nil)
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	if p.Step != "review" {
		p.here(e.seen(p.Step))
	}
	c.showStep(w, r, s, http.StatusOK, p)
}

// sendStep takes a step: the script's while it is being entered, or a whole
// one, that leads on, back or to another.
func (c *console) sendStep(w http.ResponseWriter, r *http.Request, s session) {
	at := r.PathValue("step")
	p, _, err := c.wizard(r, s, func(e *entries) {
		if at != "contacts" && at != "review" {
			e.take(at, r.PostForm)
		}
		if onlyChecks(r) {
			return
		}
		sent := []string{at}
		if at == "contacts" || at == "review" { // who is there has been past all of them
			sent = []string{"basics", "numbers", "dialling", at}
		}
		for _, name := range sent {
			if !e.seen(name) {
				e.Seen = append(e.Seen, name)
			}
		}
	})
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	i := stepIndex(at)
	to := r.PostFormValue("go")
	switch {
	case onlyChecks(r):
		p.here(true)
		checked(w, p.Form)
		return
	case at == "review" && (to == "create" || to == "start"):
		c.finish(w, r, s, p, to == "start")
		return
	case stepIndex(to) >= 0: // wherever they want, right or wrong
	case i+1 < len(stepNames) && p.Steps[i].Wrong == 0:
		to = stepNames[i+1].Name
	default:
		p.here(true)
		c.showStep(w, r, s, http.StatusUnprocessableEntity, p)
		return
	}
	http.Redirect(w, r, "/drafts/"+p.ID+"/"+to, http.StatusSeeOther)
}

// campaignOf makes the campaign of a draft, or gives the one that is there the
// settings of the draft.
func (c *console) campaignOf(ctx context.Context, e *entries, want dialler.Campaign) (dialler.Campaign, error) {
	if e.Campaign != 0 {
		want.ID = e.Campaign
		made, err := c.Store.UpdateCampaign(ctx, want)
		if !errors.Is(err, dialler.ErrNotFound) {
			return made, err
		}
		want.ID = 0 // somebody has removed it
	}
	made, err := c.Store.CreateCampaign(ctx, want)
	e.Campaign = made.ID
	return made, err
}

// finish makes the campaign, starts it if that is asked for, and lets go of the
// draft.
func (c *console) finish(w http.ResponseWriter, r *http.Request, s session, p wizardPage, start bool) {
	if !p.Ready {
		c.showStep(w, r, s, http.StatusUnprocessableEntity, p)
		return
	}
	ctx := r.Context()
	e, err := c.draft(ctx, p.ID)
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	made, err := c.campaignOf(ctx, &e, p.Draft)
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	done := "created"
	if start {
		if made, err = c.Store.Transition(ctx, made.ID, dialler.Start, c.Now()); err != nil {
			c.trouble(w, r, s, err)
			return
		}
		done = string(dialler.Start)
	}
	if err := c.Store.DropDraft(ctx, p.ID); err != nil {
		c.trouble(w, r, s, err)
		return
	}
	c.log.Info("campaign "+done+" by the wizard", "campaign", made.Name, "token", s.holder)
	c.Live.Changed()
	http.Redirect(w, r, fmt.Sprintf("/campaigns/%d?done=%s", made.ID, done), http.StatusSeeOther)
}

func (c *console) confirmDiscard(w http.ResponseWriter, r *http.Request, s session) {
	id := r.PathValue("draft")
	e, err := c.draft(r.Context(), id)
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	name := e.Values.Get("name")
	if name == "" {
		name = "this unnamed campaign"
	}
	c.show(w, r, http.StatusOK, "confirm", s, "Discard", confirmation{
		Question: fmt.Sprintf("Discard %s?", name), Label: "Discard", Danger: true, Action: "/drafts/" + id + "/discard", Back: "/", CSRF: s.csrf(),
		Says: "What was entered is thrown away, and the contacts that were uploaded with it.",
	})
}

func (c *console) discard(w http.ResponseWriter, r *http.Request, s session) {
	id := r.PathValue("draft")
	e, err := c.draft(r.Context(), id)
	if err == nil && e.Campaign != 0 {
		// One that somebody has started meanwhile stays; only what was entered goes.
		if err = c.Store.DropCampaign(r.Context(), e.Campaign); errors.Is(err, dialler.ErrNotFound) || errors.Is(err, dialler.ErrLocked) {
			err = nil
		}
	}
	if err == nil {
		err = c.Store.DropDraft(r.Context(), id)
	}
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	c.log.Info("a campaign being entered was discarded", "name", e.Values.Get("name"), "token", s.holder)
	c.Live.Changed()
	http.Redirect(w, r, "/?done=discarded", http.StatusSeeOther)
}
