package console

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"ringback/dialler"
)

// An intervention is what a contact's page offers, beside excluding it.
type intervention struct {
	kind     dialler.InterventionKind
	question string // with the number
	says     string
	label    string
	danger   bool
}

var interventions = map[string]intervention{
	"cancel": {dialler.CancelCallback, "Cancel the callback to %s?",
		"The promise to ring back is cancelled, and the contact is not rung again unless the campaign is restarted.", "Cancel callback", true},
	"dial": {dialler.DialNow, "Dial %s now?",
		"It is dialled as soon as a line is free: a callback is due from now on, any other contact goes ahead of the whole list. The calling window, the do-not-call list and the campaign's seats hold all the same.", "Dial now", false},
	"move": {kind: dialler.MoveCallback},
}

// A movePage asks to when a callback is moved.
type movePage struct {
	Contact  dialler.Contact
	Campaign dialler.Campaign
	CSRF     string
}

// operations are the pages where an operator watches and acts.
func (c *console) operations(mux *http.ServeMux) {
	mux.HandleFunc("GET /timeline", c.signedIn(c.timeline))
	mux.HandleFunc("GET /campaigns/{id}/timeline", c.signedIn(c.timeline))
	mux.HandleFunc("GET /campaigns/{id}/checklist", c.signedIn(c.checklist))
	mux.HandleFunc("POST /campaigns/{id}/test-call", c.signedIn(c.testCall))
	mux.HandleFunc("GET /contacts/{id}/confirm/{what}", c.changing(c.confirmIntervention))
	mux.HandleFunc("POST /contacts/{id}/{what}", c.signedIn(c.intervene))
}

func (c *console) confirmIntervention(w http.ResponseWriter, r *http.Request, s session) {
	i, ok := interventions[r.PathValue("what")]
	ct, err := c.Store.Contact(r.Context(), contactID(r))
	if !ok {
		err = dialler.ErrNotFound
	}
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	here := fmt.Sprintf("/contacts/%d", ct.ID)
	if i.kind == dialler.MoveCallback {
		campaign, err := c.Store.Campaign(r.Context(), ct.Campaign)
		if err != nil {
			c.trouble(w, r, s, err)
			return
		}
		c.show(w, r, http.StatusOK, "move", s, "Move callback", movePage{ct, campaign, s.csrf()})
		return
	}
	c.show(w, r, http.StatusOK, "confirm", s, i.label, confirmation{
		Question: fmt.Sprintf(i.question, ct.Number), Says: i.says, Label: i.label, Danger: i.danger,
		Action: here + "/" + r.PathValue("what"), Back: here, CSRF: s.csrf(),
	})
}

func (c *console) intervene(w http.ResponseWriter, r *http.Request, s session) {
	what, ok := interventions[r.PathValue("what")]
	ct, err := c.Store.Contact(r.Context(), contactID(r))
	if !ok {
		err = fmt.Errorf("%w: there is no action %q", dialler.ErrNotFound, r.PathValue("what"))
	}
	i := dialler.Intervention{Kind: what.kind, By: s.holder}
	if err == nil && i.Kind == dialler.MoveCallback {
		i.Words = strings.TrimSpace(r.PostFormValue("words"))
		i.To, err = c.localTime(r, ct.Campaign)
	}
	var done dialler.Intervened
	if err == nil {
		done, err = c.Store.Intervene(r.Context(), ct.ID, i, c.Now())
	}
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	c.log.Info("intervened", "what", i.Kind, "contact", ct.ID, "token", s.holder)
	c.Live.Changed(ct.Campaign)
	c.notes.put(s.id, done.Says)
	http.Redirect(w, r, fmt.Sprintf("/contacts/%d?done=%s", ct.ID, r.PathValue("what")), http.StatusSeeOther)
}

// localTime is the form's time, by the wall clock of the campaign; zero: none
// was given.
func (c *console) localTime(r *http.Request, id dialler.CampaignID) (time.Time, error) {
	given := r.PostFormValue("to")
	if given == "" {
		return time.Time{}, nil
	}
	campaign, err := c.Store.Campaign(r.Context(), id)
	if err != nil {
		return time.Time{}, err
	}
	for _, form := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if at, err := time.ParseInLocation(form, given, campaign.Window.Location()); err == nil {
			return at, nil
		}
	}
	return time.Time{}, &dialler.FieldError{Field: "to", Got: strconv.Quote(given), Want: "a date and time such as 2026-03-13T09:30"}
}

// notes are what was done for a session and has not been told yet: the page
// that follows a form tells it, once.
type notes struct {
	mu sync.Mutex
	m  map[string]string // by the session's ID
}

// mostNotes bounds what is kept for those who never come back.
const mostNotes = 1000

func (n *notes) put(session, said string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.m == nil || len(n.m) >= mostNotes { // those that were never fetched
		n.m = map[string]string{}
	}
	n.m[session] = said
}

func (n *notes) take(session string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	said := n.m[session]
	delete(n.m, session)
	return said
}
