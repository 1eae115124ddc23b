package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringback/dialler"
	"ringback/dialler/push"
	"ringback/dialler/report"
)

// results are the pages about what leaves Ringback.
func (c *console) results(mux *http.ServeMux) {
	mux.HandleFunc("GET /campaigns/{id}/webhook", c.changing(c.webhook))
	mux.HandleFunc("POST /campaigns/{id}/webhook", c.signedIn(c.saveWebhook))
	mux.HandleFunc("POST /campaigns/{id}/resend", c.signedIn(c.resendDead))
	mux.HandleFunc("GET /deliveries", c.signedIn(c.deliveries))
	mux.HandleFunc("POST /deliveries/{id}/resend", c.signedIn(c.resend))
	mux.HandleFunc("GET /reports", c.signedIn(c.reports))
	mux.HandleFunc("GET /reports/download", c.signedIn(c.download))
}

type webhookPage struct {
	Campaign dialler.Campaign
	Form     form
	Kinds    []string
	Names    []push.Name
	Has      bool   // there is one already
	Done     string // what was just done
	Secret   string // that was made just now
	Plain    bool   // it is not encrypted
	Preview  *push.Preview
	Body     string // of the preview
	Test     *push.Answer
}

func (c *console) desk() push.Desk { return push.Desk{Store: c.Store, Sender: c.Sender, Now: c.Now} }

func (c *console) webhookPage(r *http.Request, s session) (p webhookPage, w dialler.Webhook, err error) {
	if p.Campaign, err = c.Store.Campaign(r.Context(), campaignID(r)); err != nil {
		return p, w, err
	}
	p.Kinds, p.Names = dialler.MessageKinds, push.Names
	p.Form = form{Action: fmt.Sprintf("/campaigns/%d/webhook", p.Campaign.ID), CSRF: s.csrf()}
	w, err = c.Store.Webhook(r.Context(), p.Campaign.ID)
	if errors.Is(err, dialler.ErrNotFound) {
		return p, dialler.Webhook{Campaign: p.Campaign.ID, On: true}, nil
	}
	p.Has = err == nil
	return p, w, err
}

func (c *console) webhook(w http.ResponseWriter, r *http.Request, s session) {
	p, hook, err := c.webhookPage(r, s)
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	v := url.Values{"url": {hook.URL}, "mapping": {indented(hook.Mapping)}, "event": {dialler.CallSettled}}
	if hook.On {
		v.Set("on", "on")
	}
	for _, k := range dialler.MessageKinds {
		if hook.Takes(k) {
			v.Add("events", k)
		}
	}
	p.Form.Values = v
	if r.URL.Query().Get("done") == "saved" {
		p.Done = "Webhook saved."
	}
	c.show(w, r, http.StatusOK, "webhook", s, "Webhook of "+p.Campaign.Name, p)
}

// indented is a mapping as it is edited.
func indented(mapping string) string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(mapping), "", "  ") != nil {
		return mapping
	}
	return b.String()
}

func (c *console) saveWebhook(w http.ResponseWriter, r *http.Request, s session) {
	p, was, err := c.webhookPage(r, s)
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	p.Form.Values = r.PostForm
	hook := dialler.Webhook{
		Campaign: p.Campaign.ID, URL: strings.TrimSpace(p.Form.Get("url")), Secret: strings.TrimSpace(p.Form.Get("secret")),
		On: p.Form.On("on", "on"), Events: r.PostForm["events"], Mapping: strings.TrimSpace(p.Form.Get("mapping")),
	}
	if hook.Events == nil {
		hook.Events = []string{}
	}
	if len(hook.Events) == len(dialler.MessageKinds) {
		hook.Events = nil // all, those that are still to come too
	}
	if p.Form.On("renew", "on") {
		hook.Secret = push.NewSecret()
		p.Secret = hook.Secret
	}
	p.Form.Values.Del("secret")
	p.Plain = strings.HasPrefix(hook.URL, "http://")

	checking := hook
	if checking.Secret == "" {
		if checking.Secret = was.Secret; checking.Secret == "" {
			checking.Secret = push.NewSecret()
		}
	}
	kind := p.Form.Get("event")
	if !slices.Contains(dialler.MessageKinds, kind) {
		kind = dialler.CallSettled
	}
	switch p.Form.Get("do") {
	case "preview":
		preview, err := c.desk().Preview(r.Context(), hook.Campaign, kind, hook.Mapping)
		if err = p.Form.blame(err); err != nil {
			c.trouble(w, r, s, err)
			return
		}
		if len(p.Form.Wrong) == 0 {
			p.Preview, p.Body = &preview, indented(string(preview.Body))
		}
	case "test":
		answer, err := c.desk().Test(r.Context(), checking, kind)
		if err = p.Form.blame(err); err != nil {
			c.trouble(w, r, s, err)
			return
		}
		if len(p.Form.Wrong) == 0 {
			p.Test = &answer
		}
	default:
		saved, made, err := c.desk().Save(r.Context(), hook)
		if err = p.Form.blame(err); err != nil {
			c.trouble(w, r, s, err)
			return
		}
		if len(p.Form.Wrong) == 0 {
			c.log.Info("webhook saved", "campaign", p.Campaign.Name, "on", saved.On, "token", s.holder)
			if made == "" && p.Secret == "" {
				http.Redirect(w, r, p.Form.Action+"?done=saved", http.StatusSeeOther)
				return
			}
			if made != "" {
				p.Secret = made
			}
			p.Done, p.Has = "Webhook saved.", true
			p.Form.Values.Del("renew")
		}
	}
	status := http.StatusOK
	if len(p.Form.Wrong) > 0 {
		p.Secret = ""
		status = http.StatusUnprocessableEntity
	}
	c.show(w, r, status, "webhook", s, "Webhook of "+p.Campaign.Name, p)
}

type deliveriesPage struct {
	States    []stateTab
	State     dialler.DeliveryState
	Campaign  dialler.CampaignID // 0: all
	Campaigns []deliveryCampaign
	List      []dialler.Delivery
	Names     map[dialler.CampaignID]string
	Next      string // URL
	First     string
	Done      string
	CSRF      string
	Dead      int // of the campaign
}

type stateTab struct {
	State  dialler.DeliveryState
	Label  string
	URL    string
	Active bool
}

// deliveryCampaign is one that has a webhook.
type deliveryCampaign struct {
	dialler.Backlog
	Name string
}

func (c *console) deliveries(w http.ResponseWriter, r *http.Request, s session) {
	p := deliveriesPage{CSRF: s.csrf(), Names: map[dialler.CampaignID]string{}}
	q := r.URL.Query()
	id, _ := strconv.ParseInt(q.Get("campaign"), 10, 64) // what is no number is all
	after, _ := strconv.ParseInt(q.Get("after"), 10, 64)
	p.Campaign, p.State = dialler.CampaignID(id), dialler.DeliveryState(q.Get("state"))
	if !slices.Contains(dialler.DeliveryStates, p.State) {
		p.State = dialler.DeliveryDead
	}
	here := func(state dialler.DeliveryState, after int64) string {
		v := url.Values{"state": {string(state)}}
		if p.Campaign != 0 {
			v.Set("campaign", strconv.FormatInt(int64(p.Campaign), 10))
		}
		if after != 0 {
			v.Set("after", strconv.FormatInt(after, 10))
		}
		return "/deliveries?" + v.Encode()
	}
	for _, t := range []stateTab{{dialler.DeliveryDead, "Dead letters", "", false}, {dialler.DeliveryWaiting, "Waiting", "", false}, {dialler.Delivered, "Delivered", "", false}} {
		t.URL, t.Active = here(t.State, 0), t.State == p.State
		p.States = append(p.States, t)
	}
	backlogs, err := c.Store.Backlogs(r.Context())
	if err == nil {
		var all []dialler.Campaign
		all, err = c.Store.Campaigns(r.Context())
		for _, one := range all {
			p.Names[one.ID] = one.Name
		}
	}
	for _, b := range backlogs {
		p.Campaigns = append(p.Campaigns, deliveryCampaign{b, p.Names[b.Campaign]})
		if b.Campaign == p.Campaign {
			p.Dead = b.Dead
		}
	}
	var next int64
	if err == nil {
		p.List, next, err = c.Store.Deliveries(r.Context(), dialler.DeliveryQuery{Campaign: p.Campaign, State: p.State, Limit: 50, After: after})
	}
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	if next != 0 {
		p.Next = here(p.State, next)
	}
	if after != 0 {
		p.First = here(p.State, 0)
	}
	if n, err := strconv.Atoi(q.Get("resent")); err == nil {
		p.Done = fmt.Sprintf("%d put in line again.", n)
	}
	c.show(w, r, http.StatusOK, "deliveries", s, "Deliveries", p)
}

func (c *console) resend(w http.ResponseWriter, r *http.Request, s session) {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64) // zero is an ID that none has
	if err := c.Store.Resend(r.Context(), id, c.Now()); err != nil {
		c.trouble(w, r, s, err)
		return
	}
	c.log.Info("result sent again", "message", id, "token", s.holder)
	http.Redirect(w, r, "/deliveries?state=waiting&resent=1", http.StatusSeeOther)
}

func (c *console) resendDead(w http.ResponseWriter, r *http.Request, s session) {
	n, err := push.ResendAll(r.Context(), c.Store, campaignID(r), c.Now)
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	c.log.Info("dead letters sent again", "campaign", campaignID(r), "n", n, "token", s.holder)
	http.Redirect(w, r, fmt.Sprintf("/deliveries?state=waiting&campaign=%d&resent=%d", campaignID(r), n), http.StatusSeeOther)
}

type reportsPage struct {
	Form      form
	Campaigns []dialler.Campaign
}

func (c *console) reports(w http.ResponseWriter, r *http.Request, s session) {
	c.showReports(w, r, s, http.StatusOK, form{Values: r.URL.Query()})
}

func (c *console) showReports(w http.ResponseWriter, r *http.Request, s session, status int, f form) {
	all, err := c.Store.Campaigns(r.Context())
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	c.show(w, r, status, "reports", s, "Reports", reportsPage{f, all})
}

// download answers with a report. Days are those of the campaign's time zone;
// of all campaigns together, UTC's.
func (c *console) download(w http.ResponseWriter, r *http.Request, s session) {
	f := form{Values: r.URL.Query()}
	kind, format, err := report.ParseFile(f.Get("kind") + "." + f.Get("format"))
	q := report.Query{Kind: kind, Campaign: dialler.CampaignID(f.number("campaign"))}
	zone := time.UTC
	if err == nil && q.Campaign != 0 {
		var campaign dialler.Campaign
		campaign, err = c.Store.Campaign(r.Context(), q.Campaign)
		zone = campaign.Window.Location()
	}
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	day := func(name string, more int) (t time.Time) {
		text := strings.TrimSpace(f.Get(name))
		if text == "" {
			return t
		}
		t, err := time.ParseInLocation(time.DateOnly, text, zone)
		if err != nil {
			_ = f.blame(&dialler.FieldError{Field: name, Got: strconv.Quote(text), Want: "a day such as 2026-03-12"})
			return time.Time{}
		}
		return t.AddDate(0, 0, more)
	}
	q.From, q.To = day("from", 0), day("to", 1) // the last day is within
	if !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
		_ = f.blame(&dialler.FieldError{Field: "to", Got: strconv.Quote(f.Get("to")), Want: "a day not before the first"})
	}
	if len(f.Wrong) > 0 {
		c.showReports(w, r, s, http.StatusUnprocessableEntity, f)
		return
	}
	if err := report.Respond(w, r, c.Store, q, format); err != nil {
		c.trouble(w, r, s, err)
	}
}
