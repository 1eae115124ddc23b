package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ringback/dialler"
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
	intervenedOutput struct {
		Body Intervened
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
}

func (a *api) intervene(ctx context.Context, id int64, i dialler.Intervention) (*intervenedOutput, error) {
	i.By = cmp.Or(user.From(ctx).Name, "the API")
	done, err := a.Store.Intervene(ctx, dialler.ContactID(id), i, a.Now())
	if err != nil {
		return nil, a.problem(fmt.Sprintf("%s of contact %d", i.Kind, id), err)
	}
	return &intervenedOutput{Intervened{
		Says: done.Says, Contact: showContact(done.Contact), Callback: showCallback(done.Callback), MeantAt: utc(done.Meant), Clipped: done.Clipped,
	}}, nil
}
