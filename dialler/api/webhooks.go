package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ringback/dialler"
	"ringback/dialler/push"
)

// Webhook is where a campaign's results are pushed, on the wire.
type Webhook struct {
	URL       string     `json:"url" doc:"https://host/path"`
	Secret    string     `json:"secret,omitempty" doc:"whsec_ and 24 to 64 bytes in base64; the present one, or a new one, unless given. Answered only when it was made"`
	On        bool       `json:"on,omitempty"`
	Events    []string   `json:"events,omitempty" enum:"call.settled,call.analysed,callback.scheduled,callback.moved,callback.closed" doc:"all unless given"`
	Mapping   Mapping    `json:"mapping,omitempty" doc:"an object whose strings are templates; all there is unless given"`
	ChangedAt *time.Time `json:"changed_at,omitempty" readOnly:"true"`
}

// Mapping is a JSON object, as it was written.
type Mapping json.RawMessage

// Schema is any object.
func (Mapping) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

// MarshalJSON writes it as it is.
func (m Mapping) MarshalJSON() ([]byte, error) { return json.RawMessage(m).MarshalJSON() }

// UnmarshalJSON keeps it as it came.
func (m *Mapping) UnmarshalJSON(b []byte) error { return (*json.RawMessage)(m).UnmarshalJSON(b) }

// Delivery is a message on its way to a webhook, on the wire.
type Delivery struct {
	ID          int64           `json:"id" doc:"the message"`
	Key         string          `json:"key" doc:"webhook-id, the same at every try"`
	Event       string          `json:"event" enum:"call.settled,call.analysed,callback.scheduled,callback.moved,callback.closed"`
	CampaignID  int64           `json:"campaign_id"`
	ContactID   int64           `json:"contact_id"`
	CallID      string          `json:"call_id"`
	State       string          `json:"state" enum:"waiting,dead,delivered"`
	At          *time.Time      `json:"at" doc:"when it happened"`
	QueuedAt    *time.Time      `json:"queued_at" doc:"when it was put in line, or was last sent again"`
	Tries       int             `json:"tries"`
	TriedAt     *time.Time      `json:"tried_at,omitempty" doc:"when the last try was begun"`
	DueAt       *time.Time      `json:"due_at,omitempty" doc:"of the next try; absent while it waits behind an earlier one of its contact"`
	Status      int             `json:"status,omitempty" doc:"HTTP status of the last try; absent: there was no answer"`
	Said        string          `json:"said,omitempty" doc:"what was wrong with the last try"`
	EndedAt     *time.Time      `json:"ended_at,omitempty" doc:"when it was delivered or given up"`
	MessageBody json.RawMessage `json:"message" doc:"what happened, before the mapping"`
}

func showDelivery(d dialler.Delivery) Delivery {
	return Delivery{
		ID: d.ID, Key: d.Key(), Event: d.Kind, CampaignID: int64(d.Campaign), ContactID: int64(d.Contact), CallID: string(d.Call), State: string(d.State),
		At: utc(d.At), QueuedAt: utc(d.Made), Tries: d.Tries, TriedAt: utc(d.Tried), DueAt: utc(d.Due), Status: d.Status, Said: d.Said, EndedAt: utc(d.Over),
		MessageBody: d.Body,
	}
}

type (
	webhookOutput struct{ Body Webhook }
	webhookInput  struct {
		ID   int64 `path:"id" minimum:"1"`
		Body Webhook
	}
	previewInput struct {
		ID   int64 `path:"id" minimum:"1"`
		Body struct {
			Event   string  `json:"event,omitempty" enum:"call.settled,call.analysed,callback.scheduled,callback.moved,callback.closed" default:"call.settled"`
			Mapping Mapping `json:"mapping,omitempty" doc:"that of the webhook unless given"`
		}
	}
	previewOutput struct {
		Body struct {
			Body     json.RawMessage `json:"body" doc:"what would be sent"`
			Warnings []NameWarning   `json:"warnings"`
			Sample   bool            `json:"sample" doc:"nothing of the kind has happened yet; this is made up"`
		}
	}
	testInput struct {
		ID   int64 `path:"id" minimum:"1"`
		Body struct {
			Event string `json:"event,omitempty" enum:"call.settled,call.analysed,callback.scheduled,callback.moved,callback.closed" default:"call.settled"`
		}
	}
	testOutput struct {
		Body struct {
			OK     bool   `json:"ok" doc:"it would have been delivered"`
			Status int    `json:"status,omitempty" doc:"of HTTP; absent: there was no answer"`
			Said   string `json:"said,omitempty" doc:"what was wrong"`
			Took   string `json:"took" example:"35ms"`
		}
	}
	deliveriesInput struct {
		Campaign int64  `query:"campaign_id" minimum:"1" doc:"all unless given"`
		State    string `query:"state" enum:"waiting,dead,delivered" default:"dead"`
		Limit    int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
		After    int64  `query:"after" minimum:"1" doc:"next of the page before"`
	}
	deliveriesOutput struct {
		Body struct {
			Deliveries []Delivery `json:"deliveries" doc:"the newest first"`
			Next       int64      `json:"next,omitempty" doc:"where the next page begins; absent: there is none"`
		}
	}
	deliveryInput struct {
		ID int64 `path:"id" minimum:"1"`
	}
	deliveryOutput struct{ Body Delivery }
	resentOutput   struct {
		Body struct {
			Resent int `json:"resent" doc:"deliveries put in line again"`
		}
	}
)

// NameWarning is about a name of a mapping that stands for nothing.
type NameWarning struct {
	Name string `json:"name"`
	Says string `json:"says"`
}

func (a *api) registerWebhooks(h huma.API) {
	const tag = "webhooks"
	huma.Register(h, operation(tag, http.MethodGet, "/v1/campaigns/{id}/webhook", "get-webhook", "Where a campaign's results are pushed", 404, 422), a.webhook)
	huma.Register(h, operation(tag, http.MethodPut, "/v1/campaigns/{id}/webhook", "put-webhook",
		"Set where a campaign's results are pushed. What happened before it was turned on is not", 404, 413, 422), a.putWebhook)
	huma.Register(h, operation(tag, http.MethodPost, "/v1/campaigns/{id}/webhook/preview", "preview-webhook",
		"What a mapping makes of the campaign's newest message of a kind, and which of its names stand for nothing", 404, 413, 422), a.previewWebhook)
	huma.Register(h, operation(tag, http.MethodPost, "/v1/campaigns/{id}/webhook/test", "test-webhook",
		"Send the newest message of a kind, or a made-up one, once and now, under an ID that no message has", 404, 422), a.testWebhook)
	huma.Register(h, operation(tag, http.MethodPost, "/v1/campaigns/{id}/deliveries/resend", "resend-dead",
		"Put all of a campaign's dead letters in line again, the oldest first", 404, 422), a.resendDead)
	huma.Register(h, operation(tag, http.MethodGet, "/v1/deliveries", "list-deliveries", "What is on its way to webhooks, was given up, or has arrived", 422), a.deliveries)
	huma.Register(h, operation(tag, http.MethodGet, "/v1/deliveries/{id}", "get-delivery", "A delivery", 404, 422), a.delivery)
	huma.Register(h, operation(tag, http.MethodPost, "/v1/deliveries/{id}/resend", "resend",
		"Put a delivery in line again, at once and before what waits of its contact; its day begins anew", 404, 422), a.resend)
}

func (a *api) desk() push.Desk { return push.Desk{Store: a.Store, Sender: a.Sender, Now: a.Now} }

func showWebhook(w dialler.Webhook, secret string) *webhookOutput {
	return &webhookOutput{Webhook{URL: w.URL, Secret: secret, On: w.On, Events: w.Events, Mapping: Mapping(w.Mapping), ChangedAt: utc(w.Changed)}}
}

func (a *api) webhook(ctx context.Context, in *campaignID) (*webhookOutput, error) {
	w, err := a.Store.Webhook(ctx, dialler.CampaignID(in.ID))
	if err != nil {
		return nil, a.problem("read a webhook", err)
	}
	return showWebhook(w, ""), nil
}

func (a *api) putWebhook(ctx context.Context, in *webhookInput) (*webhookOutput, error) {
	w, made, err := a.desk().Save(ctx, dialler.Webhook{
		Campaign: dialler.CampaignID(in.ID), URL: in.Body.URL, Secret: in.Body.Secret, On: in.Body.On, Events: in.Body.Events, Mapping: string(in.Body.Mapping),
	})
	if err != nil {
		return nil, a.problem("set a webhook", err)
	}
	return showWebhook(w, made), nil
}

func (a *api) previewWebhook(ctx context.Context, in *previewInput) (*previewOutput, error) {
	mapping := string(in.Body.Mapping)
	if in.Body.Mapping == nil {
		w, err := a.Store.Webhook(ctx, dialler.CampaignID(in.ID))
		if err != nil {
			return nil, a.problem("read a webhook", err)
		}
		mapping = w.Mapping
	}
	p, err := a.desk().Preview(ctx, dialler.CampaignID(in.ID), in.Body.Event, mapping)
	if err != nil {
		return nil, a.problem("preview a webhook", err)
	}
	out := &previewOutput{}
	out.Body.Body, out.Body.Sample, out.Body.Warnings = p.Body, p.Sample, []NameWarning{}
	for _, w := range p.Warnings {
		out.Body.Warnings = append(out.Body.Warnings, NameWarning(w))
	}
	return out, nil
}

func (a *api) testWebhook(ctx context.Context, in *testInput) (*testOutput, error) {
	w, err := a.Store.Webhook(ctx, dialler.CampaignID(in.ID))
	if err != nil {
		return nil, a.problem("read a webhook", err)
	}
	answer, err := a.desk().Test(ctx, w, in.Body.Event)
	if err != nil {
		return nil, a.problem("test a webhook", err)
	}
	out := &testOutput{}
	out.Body.OK, out.Body.Status, out.Body.Said, out.Body.Took = answer.OK(), answer.Status, answer.Said, answer.Took.Round(time.Millisecond).String()
	return out, nil
}

func (a *api) deliveries(ctx context.Context, in *deliveriesInput) (*deliveriesOutput, error) {
	list, next, err := a.Store.Deliveries(ctx, dialler.DeliveryQuery{
		Campaign: dialler.CampaignID(in.Campaign), State: dialler.DeliveryState(in.State), Limit: in.Limit, After: in.After,
	})
	if err != nil {
		return nil, a.problem("list deliveries", err)
	}
	out := &deliveriesOutput{}
	out.Body.Next, out.Body.Deliveries = next, []Delivery{}
	for _, d := range list {
		out.Body.Deliveries = append(out.Body.Deliveries, showDelivery(d))
	}
	return out, nil
}

func (a *api) delivery(ctx context.Context, in *deliveryInput) (*deliveryOutput, error) {
	d, err := a.Store.Delivery(ctx, in.ID)
	if err != nil {
		return nil, a.problem("read a delivery", err)
	}
	return &deliveryOutput{showDelivery(d)}, nil
}

func (a *api) resend(ctx context.Context, in *deliveryInput) (*deliveryOutput, error) {
	if err := a.Store.Resend(ctx, in.ID, a.Now()); err != nil {
		return nil, a.problem("resend a delivery", err)
	}
	return a.delivery(ctx, in)
}

func (a *api) resendDead(ctx context.Context, in *campaignID) (*resentOutput, error) {
	out := &resentOutput{}
	n, err := push.ResendAll(ctx, a.Store, dialler.CampaignID(in.ID), a.Now)
	if err != nil {
		return nil, a.problem("resend deliveries", err)
	}
	out.Body.Resent = n
	return out, nil
}
