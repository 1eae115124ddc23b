package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ringback/dialler"
	"ringback/dialler/checklist"
	"ringback/dialler/user"
)

type (
	moveInput struct {
		ID   int64 `path:"id" minimum:"1"`
		Body struct {
			To    *time.Time `json:"to,omitempty" doc:"when to ring; this or words"`
			Words string     `json:"words,omitempty" maxLength:"500" example:"kal subah" doc:"when to ring, in words as a customer would say them now"`
		}
	}
	testCallInput struct {
		ID   int64 `path:"id" minimum:"1"`
		Body struct {
			Number string `json:"number" doc:"E.164, or a national number of the campaign's region"`
		}
	}
	forecastInput struct {
		ID    int64 `path:"id" minimum:"1"`
		Hours int   `query:"hours" minimum:"1" maximum:"24" default:"3"`
		Step  int   `query:"step" minimum:"1" maximum:"60" default:"1" doc:"minutes"`
	}
	forecastOutput struct {
		Body Forecast
	}
	waitOutput struct {
		Body Wait
	}
	intervenedOutput struct {
		Body Intervened
	}
	checklistOutput struct {
		Body Checklist
	}
)

// Intervened says what was done to a contact.
type Intervened struct {
	Says     string     `json:"says" doc:"what was done, in words"`
	Contact  Contact    `json:"contact"`
	Callback *Callback  `json:"callback,omitempty" doc:"the promise it was about"`
	MeantAt  *time.Time `json:"meant_at,omitempty" doc:"of a move: what to or words said, before it was moved into the calling window"`
	Clipped  bool       `json:"clipped,omitempty" doc:"of a move: the callback is due at another time than meant_at"`
}

func (a *api) registerInterventions(h huma.API) {
	const tag = "contacts"
	huma.Register(h, operation(tag, http.MethodPost, "/v1/contacts/{id}/callback/cancel", "cancel-callback",
		"Cancel the callback that waits: the contact is not rung again unless the campaign is restarted", 404, 409),
		func(ctx context.Context, in *contactInput) (*intervenedOutput, error) {
			return a.intervene(ctx, in.ID, dialler.Intervention{Kind: dialler.CancelCallback})
		})
	huma.Register(h, operation(tag, http.MethodPost, "/v1/contacts/{id}/callback/move", "move-callback",
		"Move the callback that waits, to a time or by words; outside the calling window it goes to the next opening", 404, 409, 413, 422),
		func(ctx context.Context, in *moveInput) (*intervenedOutput, error) {
			i := dialler.Intervention{Kind: dialler.MoveCallback, Words: in.Body.Words}
			if in.Body.To != nil {
				i.To = *in.Body.To
			}
			return a.intervene(ctx, in.ID, i)
		})
	huma.Register(h, operation(tag, http.MethodPost, "/v1/contacts/{id}/dial", "dial-now",
		"Dial a contact that waits as soon as a line is free; 409 says why it may not be rung now", 404, 409),
		func(ctx context.Context, in *contactInput) (*intervenedOutput, error) {
			return a.intervene(ctx, in.ID, dialler.Intervention{Kind: dialler.DialNow})
		})
	huma.Register(h, operation(tag, http.MethodGet, "/v1/contacts/{id}/wait", "get-wait",
		"Why a contact is not being dialled now, in a sentence, and from when it may be", 404), a.wait)
	huma.Register(h, operation("campaigns", http.MethodPost, "/v1/campaigns/{id}/test-call", "place-test-call",
		"Dial a number of yours as soon as a line is free: an ordinary call, to a contact marked as a test", 404, 409, 413, 422), a.testCall)
	huma.Register(h, operation("campaigns", http.MethodGet, "/v1/campaigns/{id}/forecast", "get-forecast",
		"What becomes due in the next hours, step by step, and the capacity there is for it", 404, 422), a.forecast)
	huma.Register(h, operation("campaigns", http.MethodGet, "/v1/campaigns/{id}/checklist", "get-checklist",
		"Whether all is right for callbacks: both toggles, the last test call, the time zone, callbacks begun in time", 404), a.checklist)
}

// Checklist is the operations checklist of a campaign.
type Checklist struct {
	Checks      []Check           `json:"checks" doc:"in the order in which they are best gone through"`
	TestContact dialler.ContactID `json:"test_contact_id,omitempty" doc:"the newest contact for test calls; absent: none was placed"`
}

// Check is one line of it.
type Check struct {
	ID    string   `json:"id" enum:"bot,campaign,test,zone,callbacks"`
	Title string   `json:"title"`
	State string   `json:"state" enum:"good,warn,bad,open" doc:"in order, to be looked at, not in order, or not known yet"`
	Says  string   `json:"says" doc:"what was found, in words, in the campaign's time zone"`
	More  []string `json:"more,omitempty" doc:"particulars, a sentence each"`
}

func (a *api) checklist(ctx context.Context, in *campaignID) (*checklistOutput, error) {
	list, err := checklist.Of(ctx, a.Store, dialler.CampaignID(in.ID), a.Now())
	if err != nil {
		return nil, a.problem(fmt.Sprintf("look at the checklist of campaign %d", in.ID), err)
	}
	out := &checklistOutput{}
	for _, c := range list.Checks {
		out.Body.Checks = append(out.Body.Checks, Check{c.ID, c.Title, string(c.State), c.Says, c.More})
	}
	if list.Test != nil {
		out.Body.TestContact = list.Test.ID
	}
	return out, nil
}

func (a *api) intervene(ctx context.Context, id int64, i dialler.Intervention) (*intervenedOutput, error) {
	i.By = cmp.Or(user.From(ctx).Name, "the API")
	done, err := a.Store.Intervene(ctx, dialler.ContactID(id), i, a.Now())
	if err != nil {
		return nil, a.problem(fmt.Sprintf("%s of contact %d", i.Kind, id), err)
	}
	return &intervenedOutput{showIntervened(done)}, nil
}

// Wait is why a contact is not being dialled.
type Wait struct {
	Reason string     `json:"reason" enum:"dialling,excluded,over,campaign,day_over,never_opens,due,window,draining,link,seats,bot,trunk,turn" doc:"turn: it may be rung, and others go first"`
	NextAt *time.Time `json:"next_at,omitempty" doc:"the first instant at which it may be rung, inside the calling window; absent: never, as things stand"`
	Says   string     `json:"says" doc:"the same in words, in the campaign's time zone"`
}

func (a *api) wait(ctx context.Context, in *contactInput) (*waitOutput, error) {
	ct, err := a.Store.Contact(ctx, dialler.ContactID(in.ID))
	var c dialler.Campaign
	if err == nil {
		c, err = a.Store.Campaign(ctx, ct.Campaign)
	}
	var s dialler.Standing
	if err == nil {
		s, err = dialler.Stand(ctx, a.Store, c, ct, a.status())
	}
	if err != nil {
		return nil, a.problem(fmt.Sprintf("say why contact %d waits", in.ID), err)
	}
	w := s.Wait(a.Now())
	return &waitOutput{Wait{string(w.Reason), utc(w.Next), w.Sentence}}, nil
}

// status is how the dialling stands; nil: nothing dials in this process.
func (a *api) status() *dialler.Status {
	if a.Health == nil {
		return nil
	}
	h := a.Health()
	return &dialler.Status{Node: h.Node, Links: h.Links, Live: h.Live, Draining: h.Draining}
}

func showIntervened(done dialler.Intervened) Intervened {
	return Intervened{
		Says: done.Says, Contact: showContact(done.Contact), Callback: showCallback(done.Callback), MeantAt: utc(done.Meant), Clipped: done.Clipped,
	}
}

// Forecast is what becomes due.
type Forecast struct {
	From     *time.Time `json:"from"`
	Step     string     `json:"step" example:"1m0s"`
	Overdue  Slot       `json:"overdue" doc:"due already, and not rung yet"`
	Slots    []Slot     `json:"slots" doc:"from from on, one a step"`
	Until    *time.Time `json:"until" doc:"how far it is whole: of more than 20000 of a class the rest is left out"`
	Capacity float64    `json:"capacity" doc:"calls the campaign can begin in a minute, while its calling window is open"`
	Why      string     `json:"why" doc:"how the capacity was worked out"`
}

// Slot is how many contacts become due within one step.
type Slot struct {
	Callbacks int `json:"callbacks"`
	Retries   int `json:"retries"`
}

func (a *api) forecast(ctx context.Context, in *forecastInput) (*forecastOutput, error) {
	id, step := dialler.CampaignID(in.ID), time.Duration(in.Step)*time.Minute
	fail := func(err error) (*forecastOutput, error) {
		return nil, a.problem(fmt.Sprintf("forecast campaign %d", id), err)
	}
	c, err := a.Store.Campaign(ctx, id)
	if err != nil {
		return fail(err)
	}
	from := a.Now().Truncate(step)
	f, err := a.Store.Forecast(ctx, id, from, step, in.Hours*60/in.Step)
	if err != nil {
		return fail(err)
	}
	n, err := a.Store.Counters(ctx, id)
	if err != nil {
		return fail(err)
	}
	bot, trunk, err := dialler.LinesOf(ctx, a.Store, c)
	if err != nil {
		return fail(err)
	}
	can := c.Expect(bot, trunk, n)
	out := &forecastOutput{Forecast{From: utc(from), Step: step.String(), Overdue: Slot(f.Overdue), Until: utc(f.Until), Capacity: can.PerMinute, Why: can.Why}}
	for _, s := range f.Slots {
		out.Body.Slots = append(out.Body.Slots, Slot(s))
	}
	return out, nil
}

func (a *api) testCall(ctx context.Context, in *testCallInput) (*intervenedOutput, error) {
	c, err := a.Store.Campaign(ctx, dialler.CampaignID(in.ID))
	if err != nil {
		return nil, a.problem("read a campaign", err)
	}
	n, err := dialler.ParseNumber(in.Body.Number, c.Region)
	if err != nil {
		return nil, unprocessable("body.number", shorten(in.Body.Number), "a telephone number such as +919812345678: "+err.Error())
	}
	done, err := dialler.PlaceTest(ctx, a.Store, c.ID, n, cmp.Or(user.From(ctx).Name, "the API"), a.Now())
	if err != nil {
		return nil, a.problem(fmt.Sprintf("test call of campaign %d", c.ID), err)
	}
	return &intervenedOutput{showIntervened(done)}, nil
}
