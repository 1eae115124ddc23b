package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"ringback/dialler"
	"ringback/dialler/wording"
)

// An action is what an operator may do to a campaign.
type action struct {
	Event   dialler.CampaignEvent
	Label   string
	Main    bool   // the one that is meant most of the time
	Confirm string // what to say before it is done; empty: it is done at once
	done    string // what to say after
}

var actions = map[dialler.CampaignEvent]action{
	dialler.Start:  {dialler.Start, "Start", true, "", "started"},
	dialler.Pause:  {dialler.Pause, "Pause", false, "", "paused; calls in progress go on"},
	dialler.Resume: {dialler.Resume, "Resume", true, "", "resumed"},
	dialler.Stop: {dialler.Stop, "Stop", false,
		"Contacts that wait become stopped and their callbacks are cancelled. Calls in progress finish. To hold the campaign for a while, pause it instead.", "stopped"},
	dialler.Restart: {dialler.Restart, "Restart", false,
		"Another run begins: all contacts but the completed and the excluded wait again, their attempts counted anew.", "restarted"},
}

// fit returns the actions that fit a campaign's state.
func fit(s dialler.CampaignState) []action {
	var list []action
	for _, e := range map[dialler.CampaignState][]dialler.CampaignEvent{
		dialler.CampaignDraft:     {dialler.Start},
		dialler.CampaignRunning:   {dialler.Pause, dialler.Stop},
		dialler.CampaignPaused:    {dialler.Resume, dialler.Stop},
		dialler.CampaignCompleted: {dialler.Restart},
	}[s] {
		list = append(list, actions[e])
	}
	return list
}

// A summary is a campaign with its figures.
type summary struct {
	dialler.Campaign
	Counters     dialler.Counters
	NextCallback time.Time
	Actions      []action
}

func (c *console) summary(ctx context.Context, campaign dialler.Campaign) (s summary, err error) {
	s = summary{Campaign: campaign, Actions: fit(campaign.State)}
	if s.Counters, err = c.Store.Counters(ctx, campaign.ID); err != nil {
		return s, err
	}
	s.NextCallback, err = c.Store.NextCallback(ctx, campaign.ID)
	return s, err
}

// Contacts is how many there are.
func (s summary) Contacts() int {
	n := 0
	for _, k := range s.Counters.Contacts {
		n += k
	}
	return n
}

// Over is how many contacts need no more calls.
func (s summary) Over() int {
	n := s.Contacts()
	for state, k := range s.Counters.Contacts {
		if state.Waiting() || state == dialler.Dialling {
			n -= k
		}
	}
	return n
}

// Settled is how many attempts have ended.
func (s summary) Settled() int {
	n := 0
	for _, k := range s.Counters.Dispositions {
		n += k
	}
	return n
}

// Answers is how many attempts met an answer of any kind, a machine's too.
func (s summary) Answers() int {
	d := s.Counters.Dispositions
	return d[dialler.Answered] + d[dialler.Machine] + d[dialler.Abandoned]
}

// ASR is the answer-seizure ratio (ITU-T E.425) in percent: answers of any kind
// over attempts that have ended; 0 if none has.
func (s summary) ASR() int {
	if s.Settled() == 0 {
		return 0
	}
	return (200*s.Answers() + s.Settled()) / (2 * s.Settled())
}

// AbandonedOfAnswered and AbandonedOfPeople are the abandon rates in percent, to
// a tenth.
func (s summary) AbandonedOfAnswered() string {
	share, _ := s.Counters.AbandonRates()
	return tenths(share, s.Answers())
}

func (s summary) AbandonedOfPeople() string {
	_, share := s.Counters.AbandonRates()
	return tenths(share, s.People())
}

// People is how many calls a person answered, as far as is known.
func (s summary) People() int { return s.Came(dialler.Abandoned) + s.Came(dialler.Answered) }

func tenths(share float64, of int) string {
	if of == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", 100*share)
}

// In, Came, Promised and ClosedBy are single figures, by name: a template's index
// wants keys of the map's own type.
func (s summary) In(state dialler.ContactState) int        { return s.Counters.Contacts[state] }
func (s summary) Came(d dialler.Disposition) int           { return s.Counters.Dispositions[d] }
func (s summary) Promised(state dialler.CallbackState) int { return s.Counters.Callbacks[state] }
func (s summary) ClosedBy(why dialler.CloseReason) int     { return s.Counters.Closed[why] }

// Refused is how many requests for a callback were not granted because a gate
// was shut.
func (s summary) Refused() int {
	return s.Counters.Refused[dialler.RefusedBotGate] + s.Counters.Refused[dialler.RefusedCampaignGate]
}

// A share is a part of a bar.
type share struct {
	Name    string // of the class in the style sheet
	Label   string
	N       int
	Percent int
	X, W    float64 // in percent of the bar
}

// Dispositions are how the attempts came out, as parts of a bar.
func (s summary) Dispositions() []share {
	var list []share
	total, x := s.Settled(), 0.0
	for _, d := range dialler.Dispositions {
		n := s.Counters.Dispositions[d]
		if n == 0 {
			continue
		}
		w := 100 * float64(n) / float64(total)
		list = append(list, share{string(d), wording.Label(d), n, (200*n + total) / (2 * total), x, w})
		x += w
	}
	return list
}

// campaigns is the list of them.
func (c *console) campaigns(w http.ResponseWriter, r *http.Request, s session) {
	all, err := c.Store.Campaigns(r.Context())
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	// Those that need an eye first; then the newest.
	rank := map[dialler.CampaignState]int{dialler.CampaignRunning: 0, dialler.CampaignPaused: 1, dialler.CampaignDraft: 2, dialler.CampaignCompleted: 3}
	slices.SortStableFunc(all, func(a, b dialler.Campaign) int {
		if rank[a.State] != rank[b.State] {
			return rank[a.State] - rank[b.State]
		}
		return int(b.ID - a.ID)
	})
	page := struct {
		Campaigns  []summary
		Unfinished []unfinished
		Done       string
		CSRF       string
	}{CSRF: s.csrf(), Done: map[string]string{"discarded": "Discarded.", "removed": "Campaign removed."}[r.URL.Query().Get("done")]}
	if page.Unfinished, err = c.unfinished(r.Context()); err != nil {
		c.trouble(w, r, s, err)
		return
	}
	for _, campaign := range all {
		if campaign.State == dialler.CampaignDraft && slices.ContainsFunc(page.Unfinished, func(u unfinished) bool { return u.Campaign == campaign.ID }) {
			continue // it is shown as what is being entered
		}
		one, err := c.summary(r.Context(), campaign)
		if err != nil {
			c.trouble(w, r, s, err)
			return
		}
		page.Campaigns = append(page.Campaigns, one)
	}
	c.show(w, r, http.StatusOK, "campaigns", s, "Campaigns", page)
}

// A tab is one of those above the list of calls.
type tab struct {
	Filter dialler.CallFilter
	Label  string
	N      int
	Active bool
	URL    string
}

func tabs(n dialler.Counters, active dialler.CallFilter) []tab {
	list := []tab{
		{Filter: dialler.AllCalls, Label: "All calls", N: n.Attempts},
		{Filter: dialler.CallbacksRequested, Label: "Callbacks requested", N: n.Requested},
		{Filter: dialler.CallbacksPending, Label: "Callbacks pending", N: n.Pending()},
		{Filter: dialler.CallbacksCompleted, Label: "Callbacks completed", N: n.Completed()},
		{Filter: dialler.CallbacksCancelled, Label: "Callbacks cancelled", N: n.Callbacks[dialler.CallbackCancelled]},
	}
	for i := range list {
		list[i].Active = list[i].Filter == active
	}
	return list
}

// shownLive is how many live calls a page names; the rest it counts.
const shownLive = 12

// pageOfCalls is how many calls a page of the list has.
const pageOfCalls = 50

type campaignPage struct {
	summary
	Bot   dialler.Bot
	Done  string // what was just done
	Gates string // why no callback is scheduled; empty: both stand open
	CSRF  string

	Declared string // what it means that the configuration declares it; empty: it does not

	Calls     []LiveCall
	MoreCalls int

	Tabs  []tab // none: Callback Detection is off
	Tab   tab   // the active one
	Find  search
	List  []dialler.Call
	Older string // URL of the next page; empty: this is the end
	First string // URL of the first, on any other page
}

// Panel reports whether the page has a Callbacks panel: once there is one.
func (p campaignPage) Panel() bool { return p.CallbackDetection && p.Counters.Requested > 0 }

// gates says which of the two gates is shut, and what that means.
func gates(c dialler.Campaign, b dialler.Bot) string {
	switch {
	case c.CallbackDetection && !b.Callbacks:
		return fmt.Sprintf("Callbacks are not scheduled: Callback Detection is on here, but the callback toggle of the bot %s is off. Both must be on.", b.Name)
	case !c.CallbackDetection && b.Callbacks:
		return fmt.Sprintf("Callbacks are not scheduled: the bot %s asks for them, but Callback Detection is off in this campaign. Both must be on.", b.Name)
	case !c.CallbackDetection && !b.Callbacks:
		return fmt.Sprintf("Callbacks are not scheduled: Callback Detection is off in this campaign, and so is the callback toggle of the bot %s.", b.Name)
	}
	return ""
}

// campaignID reads the path; zero is an ID that no campaign has.
func campaignID(r *http.Request) dialler.CampaignID {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return 0
	}
	return dialler.CampaignID(id)
}

func (c *console) campaign(w http.ResponseWriter, r *http.Request, s session) {
	page, err := c.campaignPage(r.Context(), campaignID(r), r.URL.Query())
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	page.CSRF = s.csrf()
	c.show(w, r, http.StatusOK, "campaign", s, page.Name, page)
}

func (c *console) campaignPage(ctx context.Context, id dialler.CampaignID, q url.Values) (p campaignPage, err error) {
	campaign, err := c.Store.Campaign(ctx, id)
	if err != nil {
		return p, err
	}
	if p.summary, err = c.summary(ctx, campaign); err != nil {
		return p, err
	}
	if p.Bot, _, err = dialler.LinesOf(ctx, c.Store, campaign); err != nil {
		return p, err
	}
	p.Gates = gates(campaign, p.Bot)
	if a, ok := actions[dialler.CampaignEvent(q.Get("done"))]; ok {
		p.Done = fmt.Sprintf("Campaign %s.", a.done)
	} else {
		p.Done = map[string]string{"created": "Campaign created; it is a draft until it is started.", "saved": "Campaign saved."}[q.Get("done")]
	}
	p.Declared = c.Declared.campaign(campaign)
	p.Calls = c.Live.Calls(id)
	if n := len(p.Calls); n > shownLive {
		p.Calls, p.MoreCalls = p.Calls[:shownLive], n-shownLive
	}

	filter := dialler.AllCalls
	if campaign.CallbackDetection {
		filter = dialler.CallFilter(q.Get("calls"))
		p.Tabs = tabs(p.Counters, filter)
	}
	p.Tab = tab{Label: "All calls", Active: true}
	for i, t := range p.Tabs {
		p.Tabs[i].URL = callsURL(id, t.Filter, q, "")
		if t.Active {
			p.Tab = p.Tabs[i]
		}
	}
	return p, c.findCalls(ctx, &p, filter, q)
}

// links are those to the switches.
func (c *console) links() []link {
	if c.Status == nil {
		return nil
	}
	var list []link
	status := c.Status()
	for _, name := range sorted(status.Links) {
		list = append(list, link{name, status.Links[name]})
	}
	return list
}

// A confirmation asks before something is done that cannot be undone.
type confirmation struct {
	Question string
	Says     string
	Action   string // where the form goes
	Label    string
	Danger   bool
	Leave    bool // what it is about is gone then: to where the answer leads
	Back     string
	CSRF     string
}

func (c *console) confirmEvent(w http.ResponseWriter, r *http.Request, s session) {
	campaign, err := c.Store.Campaign(r.Context(), campaignID(r))
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	a, ok := actions[dialler.CampaignEvent(r.PathValue("event"))]
	if !ok {
		c.trouble(w, r, s, dialler.ErrNotFound)
		return
	}
	if !slices.ContainsFunc(fit(campaign.State), func(f action) bool { return f.Event == a.Event }) {
		c.trouble(w, r, s, &dialler.TransitionError{Campaign: campaign.Name, Event: a.Event, State: campaign.State})
		return
	}
	c.show(w, r, http.StatusOK, "confirm", s, a.Label, confirmation{
		Question: fmt.Sprintf("%s %s?", a.Label, campaign.Name), Says: a.Confirm, Label: a.Label + " campaign", Danger: a.Event == dialler.Stop,
		Action: fmt.Sprintf("/campaigns/%d/%s", campaign.ID, a.Event), Back: fmt.Sprintf("/campaigns/%d", campaign.ID), CSRF: s.csrf(),
	})
}

func (c *console) transition(w http.ResponseWriter, r *http.Request, s session) {
	id, event := campaignID(r), dialler.CampaignEvent(r.PathValue("event"))
	if _, ok := actions[event]; !ok { // closeday and finish are the loop's
		c.trouble(w, r, s, fmt.Errorf("%w: there is no action %q", dialler.ErrNotFound, event))
		return
	}
	campaign, err := c.Store.Transition(r.Context(), id, event, c.Now())
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	c.log.Info("campaign "+string(event), "campaign", campaign.Name, "token", s.holder)
	c.Live.Changed(id)
	http.Redirect(w, r, fmt.Sprintf("/campaigns/%d?done=%s", id, event), http.StatusSeeOther)
}
