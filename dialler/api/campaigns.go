package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ringback/dialler"
)

// Campaign is a campaign on the wire. What is read-only may be sent back as it
// was read; it is not looked at.
type Campaign struct {
	ID        int64      `json:"id" readOnly:"true"`
	State     string     `json:"state" readOnly:"true" enum:"draft,running,paused,completed"`
	Ended     string     `json:"ended,omitempty" readOnly:"true" enum:"finished,window_closed,stopped" doc:"why it is completed"`
	Run       int        `json:"run" readOnly:"true" doc:"1 for the first start; a restart begins another"`
	ClosesAt  *time.Time `json:"closes_at,omitempty" readOnly:"true" doc:"when a running single-day campaign's day ends"`
	Name      string     `json:"name" doc:"unique"`
	Mode      string     `json:"mode,omitempty" enum:"single_day,multi_day" doc:"multi_day unless given"`
	Window    Window     `json:"window"`
	Trunk     string     `json:"trunk"`
	Bot       string     `json:"bot"`
	CallerID  string     `json:"caller_id,omitempty" doc:"E.164; the trunk's own unless given"`
	Region    string     `json:"region,omitempty" doc:"ISO 3166 region of numbers without +; only E.164 is accepted unless given"`
	Seats     int        `json:"seats" doc:"conversations held at once"`
	CPS       float64    `json:"cps,omitempty" doc:"new calls per second; 0: the trunk's limit only"`
	Attempts  int        `json:"max_attempts,omitempty" doc:"calls made to a contact, at most; 1 unless given"`
	Retry     string     `json:"retry_delay,omitempty" example:"15m" doc:"from a failed attempt to the next; 15m unless given"`
	RetryOn   []string   `json:"retry_on,omitzero" doc:"dispositions that are tried again; all but unallocated unless given, [] is none"`
	Ring      string     `json:"ring_timeout,omitempty" example:"30s" doc:"how long a phone may ring; 30s unless given"`
	Screen    bool       `json:"screen,omitempty" doc:"screen for answering machines before the bot"`
	BotWait   string     `json:"bot_timeout,omitempty" example:"5s" doc:"from answer to bot, at most; 5s unless given"`
	Longest   string     `json:"max_duration,omitempty" example:"1h" doc:"of a conversation; 1h unless given"`
	Apology   string     `json:"apology,omitempty" doc:"sound to play when no bot came, in the switch's terms"`
	Callbacks bool       `json:"callback_detection,omitempty" doc:"the campaign's half of the double gate"`
	CBMax     int        `json:"callback_max_attempts,omitempty" doc:"attempts each promise has of its own; 0: what is left of max_attempts"`
	CBChain   int        `json:"max_callback_reschedules,omitempty" doc:"promises that may follow the first; 0: 5, -1: none"`
}

// Window is the hours in which a campaign may ring.
type Window struct {
	Zone     string              `json:"zone" example:"Asia/Kolkata" doc:"IANA time zone"`
	Hours    map[string][]string `json:"hours" example:"{\"mon-sat\":[\"09:00-18:00\"]}" doc:"by day or days: mon, mon-fri, daily; 22:00-02:00 goes over midnight"`
	Holidays []string            `json:"holidays,omitempty" example:"[\"2026-01-26\"]" doc:"dates on which nobody is rung"`
}

func showCampaign(c dialler.Campaign) Campaign {
	s := c.Settings()
	return Campaign{
		ID: int64(c.ID), State: string(c.State), Ended: string(c.Ended), Run: c.Run, ClosesAt: utc(c.Closes),
		Name: s.Name, Mode: s.Mode, Trunk: s.Trunk, Bot: s.Bot, CallerID: s.CallerID, Region: s.Region,
		Window: Window{s.Zone, s.Hours, s.Holidays},
		Seats:  s.Seats, CPS: s.CPS, Attempts: s.MaxAttempts, Retry: s.RetryDelay, RetryOn: s.RetryOn,
		Ring: s.RingTimeout, Screen: s.Screen, BotWait: s.BotTimeout, Longest: s.MaxDuration, Apology: s.Apology,
		Callbacks: s.CallbackDetection, CBMax: s.CallbackMaxAttempts, CBChain: s.MaxCallbackReschedules,
	}
}

// read makes a campaign's settings of what came, or says what is wrong with
// every field.
func (in Campaign) read() (dialler.Campaign, error) {
	return dialler.Settings{
		Name: in.Name, Mode: in.Mode, Trunk: in.Trunk, Bot: in.Bot, CallerID: in.CallerID, Region: in.Region,
		Zone: in.Window.Zone, Hours: in.Window.Hours, Holidays: in.Window.Holidays,
		Seats: in.Seats, CPS: in.CPS, MaxAttempts: in.Attempts, RetryOn: in.RetryOn,
		RetryDelay: in.Retry, RingTimeout: in.Ring, BotTimeout: in.BotWait, MaxDuration: in.Longest,
		Screen: in.Screen, Apology: in.Apology,
		CallbackDetection: in.Callbacks, CallbackMaxAttempts: in.CBMax, MaxCallbackReschedules: in.CBChain,
	}.Campaign()
}

type (
	campaignID struct {
		ID int64 `path:"id" minimum:"1"`
	}
	campaignInput struct {
		Body Campaign
	}
	campaignUpdate struct {
		ID   int64 `path:"id" minimum:"1"`
		Body Campaign
	}
	cloneInput struct {
		ID   int64 `path:"id" minimum:"1"`
		Body *struct {
			Name string `json:"name,omitempty" doc:"of the clone; \"renewals (copy)\" unless given"`
		} `required:"false"`
	}
	campaignOutput struct {
		Body Campaign
	}
	campaignList struct {
		Body struct {
			Campaigns []Campaign `json:"campaigns"`
		}
	}
	countersOutput struct {
		Body Counters
	}
)

func (a *api) registerCampaigns(h huma.API) {
	const tag = "campaigns"
	huma.Register(h, operation(tag, http.MethodGet, "/v1/campaigns", "list-campaigns", "All campaigns"), a.listCampaigns)
	create := operation(tag, http.MethodPost, "/v1/campaigns", "create-campaign", "Make a campaign; it begins as a draft", 409, 413, 422)
	create.DefaultStatus = http.StatusCreated
	huma.Register(h, create, a.createCampaign)
	huma.Register(h, operation(tag, http.MethodGet, "/v1/campaigns/{id}", "get-campaign", "One campaign", 404), a.getCampaign)
	huma.Register(h, operation(tag, http.MethodPut, "/v1/campaigns/{id}", "update-campaign",
		"Replace the settings of a draft or paused campaign", 404, 409, 413, 422), a.updateCampaign)
	clone := operation(tag, http.MethodPost, "/v1/campaigns/{id}/clone", "clone-campaign",
		"Make a draft with the settings of a campaign, whatever its state; its contacts and its webhook stay where they are", 404, 409, 413, 422)
	clone.DefaultStatus = http.StatusCreated
	huma.Register(h, clone, a.cloneCampaign)
	drop := operation(tag, http.MethodDelete, "/v1/campaigns/{id}", "drop-campaign", "Remove a draft and its contacts", 404, 409)
	drop.DefaultStatus = http.StatusNoContent
	huma.Register(h, drop, a.dropCampaign)
	huma.Register(h, operation(tag, http.MethodGet, "/v1/campaigns/{id}/counters", "get-counters", "A campaign's figures", 404), a.counters)
	for _, act := range []struct {
		event   dialler.CampaignEvent
		summary string
	}{
		{dialler.Start, "Start a draft"},
		{dialler.Pause, "Pause: no new calls; nothing is lost"},
		{dialler.Resume, "Go on after a pause"},
		{dialler.Stop, "Stop: contacts that wait are not rung, their callbacks are cancelled"},
		{dialler.Restart, "Run a completed campaign again: all but completed and excluded contacts"},
	} {
		huma.Register(h, operation(tag, http.MethodPost, "/v1/campaigns/{id}/"+string(act.event), string(act.event)+"-campaign", act.summary, 404, 409),
			func(ctx context.Context, in *campaignID) (*campaignOutput, error) {
				c, err := a.Store.Transition(ctx, dialler.CampaignID(in.ID), act.event, a.Now())
				if err != nil {
					return nil, a.problem(string(act.event)+" a campaign", err)
				}
				return &campaignOutput{showCampaign(c)}, nil
			})
	}
}

func (a *api) listCampaigns(ctx context.Context, _ *struct{}) (*campaignList, error) {
	list, err := a.Store.Campaigns(ctx)
	if err != nil {
		return nil, a.problem("list campaigns", err)
	}
	out := &campaignList{}
	out.Body.Campaigns = make([]Campaign, 0, len(list))
	for _, c := range list {
		out.Body.Campaigns = append(out.Body.Campaigns, showCampaign(c))
	}
	return out, nil
}

func (a *api) createCampaign(ctx context.Context, in *campaignInput) (*campaignOutput, error) {
	c, err := in.Body.read()
	if err == nil {
		err = a.exists(ctx, c)
	}
	if err == nil {
		c, err = a.Store.CreateCampaign(ctx, c)
	}
	if err != nil {
		return nil, a.problem("create a campaign", err)
	}
	return &campaignOutput{showCampaign(c)}, nil
}

// exists says whether the bot and the trunk of c are there. The store looks
// again; it cannot say which field is wrong.
func (a *api) exists(ctx context.Context, c dialler.Campaign) error {
	bots, err := a.Store.Bots(ctx)
	if err != nil {
		return err
	}
	trunks, err := a.Store.Trunks(ctx)
	if err != nil {
		return err
	}
	return c.CheckLines(bots, trunks)
}

func (a *api) getCampaign(ctx context.Context, in *campaignID) (*campaignOutput, error) {
	c, err := a.Store.Campaign(ctx, dialler.CampaignID(in.ID))
	if err != nil {
		return nil, a.problem("read a campaign", err)
	}
	return &campaignOutput{showCampaign(c)}, nil
}

func (a *api) updateCampaign(ctx context.Context, in *campaignUpdate) (*campaignOutput, error) {
	if _, err := a.Store.Campaign(ctx, dialler.CampaignID(in.ID)); err != nil {
		return nil, a.problem("read a campaign", err) // 404 before any word on its fields
	}
	c, err := in.Body.read()
	if err == nil {
		err = a.exists(ctx, c)
	}
	if err == nil {
		c.ID = dialler.CampaignID(in.ID)
		c, err = a.Store.UpdateCampaign(ctx, c)
	}
	if err != nil {
		return nil, a.problem("update a campaign", err)
	}
	return &campaignOutput{showCampaign(c)}, nil
}

func (a *api) cloneCampaign(ctx context.Context, in *cloneInput) (*campaignOutput, error) {
	c, err := a.Store.Campaign(ctx, dialler.CampaignID(in.ID))
	if err != nil {
		return nil, a.problem("read a campaign", err)
	}
	s := c.Settings()
	if in.Body != nil {
		s.Name = in.Body.Name
	}
	if s.Name == c.Name || s.Name == "" {
		s.Name, err = dialler.CopyName(ctx, a.Store, c.Name)
	}
	if err == nil {
		c, err = s.Campaign()
	}
	if err == nil {
		c, err = a.Store.CreateCampaign(ctx, c)
	}
	if err != nil {
		return nil, a.problem("clone a campaign", err)
	}
	return &campaignOutput{showCampaign(c)}, nil
}

func (a *api) dropCampaign(ctx context.Context, in *campaignID) (*struct{}, error) {
	if err := a.Store.DropCampaign(ctx, dialler.CampaignID(in.ID)); err != nil {
		return nil, a.problem("drop a campaign", err)
	}
	return nil, nil
}

// Counters are a campaign's figures: each the sum of states in the store.
type Counters struct {
	Contacts     map[string]int `json:"contacts" doc:"by state; every state is there"`
	Dispositions map[string]int `json:"dispositions" doc:"settled calls; every disposition is there"`
	Attempts     int            `json:"attempts" doc:"calls made, those in progress included"`
	Live         int            `json:"live" doc:"calls in progress"`
	AvgDuration  string         `json:"avg_duration" example:"1m12s" doc:"mean length of the conversations with the bot"`
	AbandonRate  AbandonRate    `json:"abandon_rate"`
	Callbacks    struct {
		Requested int            `json:"requested" doc:"calls that produced a callback request that passed the gates"`
		Pending   int            `json:"pending" doc:"scheduled and waiting to be dialled"`
		Completed int            `json:"completed" doc:"held, exhausted or closed"`
		Cancelled int            `json:"cancelled" doc:"window closed, stopped, excluded or by an operator"`
		Held      int            `json:"held" doc:"of completed: the conversation was held"`
		Exhausted int            `json:"exhausted" doc:"of completed: out of attempts"`
		Voicemail int            `json:"voicemail" doc:"of completed: closed on a voicemail"`
		Abandoned int            `json:"abandoned" doc:"of completed: closed because no bot came"`
		Reasons   map[string]int `json:"cancelled_by" doc:"cancelled, by reason"`
		Refused   map[string]int `json:"refused" doc:"requests that were not granted, by reason"`
		AvgDelay  string         `json:"avg_delay" example:"1h2m0s" doc:"mean of first scheduled time minus request time"`
	} `json:"callbacks"`
}

// AbandonRate is abandoned calls over answered ones, by both definitions.
type AbandonRate struct {
	OfAnswered float64 `json:"of_answered" doc:"over all answered calls, voicemails among them; 0 to 1"`
	OfPeople   float64 `json:"of_people" doc:"over the calls that people answered, abandoned and connected (FTC 16 CFR 310.4(b)(4)(i), Ofcom); 0 to 1"`
}

func (a *api) counters(ctx context.Context, in *campaignID) (*countersOutput, error) {
	id := dialler.CampaignID(in.ID)
	if _, err := a.Store.Campaign(ctx, id); err != nil {
		return nil, a.problem("read a campaign", err)
	}
	c, err := a.Store.Counters(ctx, id)
	if err != nil {
		return nil, a.problem(fmt.Sprintf("count campaign %d", id), err)
	}
	return &countersOutput{showCounters(c)}, nil
}

var contactStates = []dialler.ContactState{
	dialler.Pending, dialler.CallbackScheduled, dialler.RetryScheduled, dialler.Dialling, dialler.Completed, dialler.Exhausted,
	dialler.MachineReached, dialler.AbandonedContact, dialler.WindowClosed, dialler.Stopped, dialler.ExcludedContact,
}

func showCounters(c dialler.Counters) Counters {
	out := Counters{Contacts: map[string]int{}, Dispositions: map[string]int{}, Attempts: c.Attempts, Live: c.Live}
	for _, s := range contactStates {
		out.Contacts[string(s)] = c.Contacts[s]
	}
	for _, d := range dialler.Dispositions {
		out.Dispositions[string(d)] = c.Dispositions[d]
	}
	out.AvgDuration = c.AvgTalk().Round(time.Millisecond).String()
	out.AbandonRate.OfAnswered, out.AbandonRate.OfPeople = c.AbandonRates()
	cb := &out.Callbacks
	cb.Requested, cb.Pending, cb.Completed, cb.Cancelled = c.Requested, c.Pending(), c.Completed(), c.Callbacks[dialler.CallbackCancelled]
	cb.Held, cb.Exhausted = c.Callbacks[dialler.CallbackCompleted], c.Callbacks[dialler.CallbackExhausted]
	cb.Voicemail, cb.Abandoned = c.Closed[dialler.ByVoicemail], c.Closed[dialler.ByAbandoned]
	cb.Reasons, cb.Refused = map[string]int{}, map[string]int{}
	for _, r := range []dialler.CloseReason{dialler.ByWindowClose, dialler.ByStop, dialler.ByExclusion, dialler.ByOperator} {
		cb.Reasons[string(r)] = c.Closed[r]
	}
	for _, r := range dialler.RefusalReasons {
		cb.Refused[string(r)] = c.Refused[r]
	}
	cb.AvgDelay = c.AvgDelay.Round(time.Millisecond).String()
	return out
}
