package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ringback/callback"
	"ringback/dialler"
)

// Call is an attempt, and what came of it, on the wire.
type Call struct {
	ID          string          `json:"id"`
	CampaignID  int64           `json:"campaign_id"`
	ContactID   int64           `json:"contact_id"`
	Run         int             `json:"run"`
	Number      string          `json:"number"`
	Attempt     int             `json:"attempt" doc:"1 for the contact's first in this run"`
	Class       string          `json:"class" enum:"callback,pending,retry" doc:"as what it was leased"`
	Trunk       string          `json:"trunk"`
	Bot         string          `json:"bot"`
	Node        string          `json:"node" doc:"the dialler process that rings"`
	Live        bool            `json:"live" doc:"under way"`
	LeasedAt    *time.Time      `json:"leased_at" doc:"also when it was written down"`
	DueAt       *time.Time      `json:"due_at,omitempty" doc:"since when the contact was due; absent: at once"`
	RangAt      *time.Time      `json:"rang_at,omitempty"`
	AnsweredAt  *time.Time      `json:"answered_at,omitempty"`
	JoinedAt    *time.Time      `json:"joined_at,omitempty" doc:"the bot was on the line"`
	EndedAt     *time.Time      `json:"ended_at,omitempty"`
	Disposition string          `json:"disposition,omitempty" enum:"answered,busy,no_answer,rejected,congestion,unallocated,machine,abandoned,failed"`
	Cause       *Cause          `json:"cause,omitempty"`
	Machine     string          `json:"machine,omitempty" enum:"human,machine,unsure" doc:"verdict of screening; absent: not screened"`
	Contact     Contact         `json:"contact" doc:"as it is now"`
	Kept        *Callback       `json:"kept,omitempty" doc:"the promise this call was to keep"`
	Analysis    json.RawMessage `json:"analysis,omitempty" doc:"as it came"`
	Ruling      *Ruling         `json:"ruling,omitempty" doc:"on the analysis"`
}

// Cause is why a leg ended.
type Cause struct {
	Q850 int    `json:"q850,omitempty" doc:"ITU-T Q.850"`
	SIP  int    `json:"sip,omitempty" doc:"SIP status, where the switch gives one"`
	Text string `json:"text,omitempty" doc:"the switch's own word"`
}

// Callback is the promise to ring a customer again.
type Callback struct {
	ID          int64      `json:"id"`
	AskedOn     string     `json:"asked_on" doc:"the call on which they asked"`
	Chain       int        `json:"chain" doc:"which promise in a row this is, from 1"`
	Phrase      string     `json:"preferred_time_text" doc:"their words"`
	Reason      string     `json:"reason"`
	Confidence  float64    `json:"confidence"`
	RequestedAt *time.Time `json:"requested_at,omitempty"`
	ScheduledAt *time.Time `json:"scheduled_at,omitempty" doc:"the first time promised"`
	DueAt       *time.Time `json:"due_at,omitempty" doc:"when it is due now; not scheduled_at after a failed attempt, or where an operator moved it"`
	ReadAt      *time.Time `json:"read_at,omitempty" doc:"what the words said, before it was moved into the calling window"`
	Rule        string     `json:"rule" doc:"by which the words were read"`
	Clipped     bool       `json:"clipped" doc:"read_at was outside the window or past"`
	Trace       []string   `json:"trace,omitempty" doc:"the working, a step a line"`
	Attempts    int        `json:"attempts" doc:"made to keep it"`
	State       string     `json:"state" enum:"scheduled,completed,exhausted,closed,cancelled"`
	ClosedAt    *time.Time `json:"closed_at,omitempty"`
	Why         string     `json:"why,omitempty" enum:"voicemail,abandoned,window_closed,stopped,excluded,operator" doc:"of closed and cancelled"`
}

// Ruling is what was decided on an analysis.
type Ruling struct {
	CallID    string    `json:"call_id"`
	ContactID int64     `json:"contact_id"`
	Verdict   string    `json:"verdict" enum:"no_request,scheduled,refused,deferred"`
	Refused   string    `json:"refused,omitempty" enum:"bot_gate,campaign_gate,excluded,stopped,limit,waiting"`
	Callback  *Callback `json:"callback,omitempty" doc:"the promise that was made"`
	Duplicate bool      `json:"duplicate,omitempty" doc:"this analysis had come before; this repeats what was decided then"`
	Says      string    `json:"says" doc:"the decision in words"`
}

func showCall(c dialler.Call) Call {
	out := Call{
		ID: string(c.ID), CampaignID: int64(c.Campaign), ContactID: int64(c.Attempt.Contact), Run: c.Run, Number: string(c.Number),
		Attempt: c.N, Class: string(c.Class), Trunk: c.Trunk, Bot: c.Bot, Node: c.Node, Live: c.Live(),
		LeasedAt: utc(c.Leased), DueAt: utc(c.Due), RangAt: utc(c.Rang), AnsweredAt: utc(c.Answered), JoinedAt: utc(c.Joined), EndedAt: utc(c.Ended),
		Disposition: string(c.Disposition), Machine: string(c.Machine),
		Contact: showContact(c.Contact), Kept: showCallback(c.Kept), Analysis: c.Analysis,
	}
	if c.Cause != (dialler.Cause{}) {
		out.Cause = &Cause{c.Cause.Q850, c.Cause.SIP, c.Cause.Text}
	}
	if c.Ruling.Verdict != "" {
		r := showRuling(c.Ruling)
		out.Ruling = &r
	}
	return out
}

func showCallback(cb *dialler.Callback) *Callback {
	if cb == nil {
		return nil
	}
	return &Callback{
		ID: int64(cb.ID), AskedOn: string(cb.AskedOn), Chain: cb.Chain, Phrase: cb.Phrase, Reason: cb.Reason, Confidence: cb.Confidence,
		RequestedAt: utc(cb.Requested), ScheduledAt: utc(cb.Scheduled), DueAt: utc(cb.Due), ReadAt: utc(cb.Read),
		Rule: cb.Rule, Clipped: cb.Clipped, Trace: cb.Trace, Attempts: cb.Attempts, State: string(cb.State), ClosedAt: utc(cb.Closed), Why: string(cb.Why),
	}
}

func showRuling(r dialler.Ruling) Ruling {
	return Ruling{
		CallID: string(r.Call), ContactID: int64(r.Contact), Verdict: string(r.Verdict), Refused: string(r.Refused),
		Callback: showCallback(r.Callback), Duplicate: r.Duplicate, Says: says(r),
	}
}

var refusals = map[dialler.RefusalReason]string{
	dialler.RefusedBotGate:      "the bot's callback toggle is off",
	dialler.RefusedCampaignGate: "the campaign's Callback Detection is off",
	dialler.RefusedExcluded:     "the number is on the do-not-call list",
	dialler.RefusedStopped:      "the campaign was stopped, or an operator cancelled this contact's callback",
	dialler.RefusedLimit:        "they have been promised a callback as often as max_callback_reschedules allows",
	dialler.RefusedWaiting:      "a callback to this contact is scheduled already",
}

// says is a ruling in words.
func says(r dialler.Ruling) string {
	switch r.Verdict {
	case dialler.RulingNone:
		return "the customer did not ask to be rung again"
	case dialler.RulingDeferred:
		return "the contact is being rung; this is decided when that call has ended"
	case dialler.RulingRefused:
		return "no callback: " + refusals[r.Refused]
	}
	cb := r.Callback
	if cb == nil {
		return "a callback was scheduled"
	}
	if cb.State == dialler.CallbackCancelled {
		return "the callback was cancelled at once: " + string(cb.Why)
	}
	return "a callback is scheduled at " + cb.Scheduled.UTC().Format(time.RFC3339)
}

type (
	callID struct {
		ID string `path:"id" maxLength:"64" doc:"the call's ID, a UUID; it is RINGBACK_CALL_ID and X-Ringback-Call-Id on the bot's leg"`
	}
	analysisInput struct {
		ID      string `path:"id" maxLength:"64"`
		RawBody []byte `contentType:"application/json"`
	}
	analysisOutput struct {
		Status int
		Body   Ruling
	}
	callOutput struct {
		Body Call
	}
	contextOutput struct {
		Body dialler.Context
	}
	callsInput struct {
		ID        int64  `path:"id" minimum:"1"`
		Callbacks string `query:"callbacks" enum:"requested,pending,completed,cancelled" doc:"only calls on which a callback was asked for, by how it stands"`
		Contact   int64  `query:"contact_id" minimum:"1" doc:"only calls to this contact"`
		Number    string `query:"number" maxLength:"16" doc:"how the number begins, with its plus, as %2B9198; refused if more than 100 contacts match"`
		Order     string `query:"order" enum:"newest,oldest" default:"newest" doc:"which comes first"`
		Limit     int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
		After     string `query:"after" maxLength:"200" doc:"next of the page before"`
	}
	callsOutput struct {
		Body struct {
			Calls []Call `json:"calls" doc:"newest first, unless asked for otherwise"`
			Next  string `json:"next,omitempty" doc:"after for the next page; absent on the last"`
		}
	}
)

// analysisSchema describes the post-call record for the OpenAPI document;
// callback.ParseAnalysis is what reads it.
func analysisSchema() *huma.Schema {
	zero, one, most := 0.0, 1.0, callback.MaxPhraseBytes
	return &huma.Schema{
		Type:        huma.TypeObject,
		Description: "The record a bot platform makes after a call. Other keys are kept and passed on untouched.",
		Properties: map[string]*huma.Schema{
			"callback_requested":           {Type: huma.TypeBoolean, Description: "the customer asked to be rung again"},
			"callback_preferred_time_text": {Type: huma.TypeString, MaxLength: &most, Description: "their own words, verbatim", Examples: []any{"kal subah"}},
			"callback_reason":              {Type: huma.TypeString, MaxLength: &most},
			"callback_confidence":          {Type: huma.TypeNumber, Minimum: &zero, Maximum: &one, Description: "kept; decides nothing"},
			"requested_at":                 {Type: huma.TypeString, Format: "date-time", Description: "when they spoke; the end of the call unless given"},
		},
		AdditionalProperties: true,
	}
}

func (a *api) registerCalls(h huma.API) {
	const tag = "calls"
	analysis := operation(tag, http.MethodPost, "/v1/calls/{id}/analysis", "post-analysis",
		"Hand in the post-call record; answers what was decided. The same record twice schedules once", 404, 413, 422)
	analysis.MaxBodyBytes = callback.MaxAnalysisBytes + 1
	analysis.SkipValidateBody = true // callback.ParseAnalysis does, and it decides
	analysis.Responses = map[string]*huma.Response{"202": {
		Description: "Kept; decided when the call has ended",
		Content:     map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Ref: "#/components/schemas/Ruling"}}},
	}}
	huma.Register(h, analysis, a.hear)
	// huma takes the body of what is read raw for a file.
	h.OpenAPI().Paths[analysis.Path].Post.RequestBody.Content["application/json"].Schema = analysisSchema()
	huma.Register(h, operation(tag, http.MethodGet, "/v1/calls/{id}", "get-call", "One call, with its analysis and what was decided on it", 404), a.getCall)
	huma.Register(h, operation(tag, http.MethodGet, "/v1/calls/{id}/context", "get-context",
		"What the bot is told on connect, for bots that only get an ID; from the moment the call is begun and ever after", 404), a.getContext)
	huma.Register(h, operation(tag, http.MethodGet, "/v1/campaigns/{id}/calls", "list-calls", "Calls of a campaign, newest first", 404, 422), a.listCalls)
}

func (a *api) hear(ctx context.Context, in *analysisInput) (*analysisOutput, error) {
	an, err := callback.ParseAnalysis(in.RawBody)
	if err != nil {
		// Whoever asked to be rung on this call will not be, unless the platform
		// mends the record and sends it again.
		a.log.Warn("an analysis is refused", "call", in.ID, "err", err)
		return nil, a.problem("read an analysis", err)
	}
	r, err := a.Store.Hear(ctx, dialler.CallID(in.ID), an, a.Now())
	if err != nil {
		return nil, a.problem("hear the analysis of call "+in.ID, err)
	}
	out := &analysisOutput{Status: http.StatusOK, Body: showRuling(r)}
	if r.Verdict == dialler.RulingDeferred {
		out.Status = http.StatusAccepted
	}
	return out, nil
}

func (a *api) getCall(ctx context.Context, in *callID) (*callOutput, error) {
	c, err := a.Store.Call(ctx, dialler.CallID(in.ID))
	if err != nil {
		return nil, a.problem("read call "+in.ID, err)
	}
	return &callOutput{showCall(c)}, nil
}

func (a *api) getContext(ctx context.Context, in *callID) (*contextOutput, error) {
	call, err := a.Store.Call(ctx, dialler.CallID(in.ID))
	if err != nil {
		return nil, a.problem("read call "+in.ID, err)
	}
	campaign, err := a.Store.Campaign(ctx, call.Campaign)
	if err != nil {
		return nil, a.problem(fmt.Sprintf("read campaign %d", call.Campaign), err)
	}
	// The contact as it was when leased: what it was promised then, not what
	// it may have been promised since.
	l := dialler.Lease{Attempt: call.Attempt, Contact: call.Contact}
	l.Contact.Callback = call.Kept
	x := dialler.NewContext(l, campaign)
	if x.Callback != nil {
		x.Callback.RequestedAt, x.Callback.ScheduledAt = x.Callback.RequestedAt.UTC(), x.Callback.ScheduledAt.UTC()
	}
	return &contextOutput{x}, nil
}

func (a *api) listCalls(ctx context.Context, in *callsInput) (*callsOutput, error) {
	id := dialler.CampaignID(in.ID)
	if _, err := a.Store.Campaign(ctx, id); err != nil {
		return nil, a.problem("read a campaign", err)
	}
	calls, next, err := a.Store.Calls(ctx, dialler.CallQuery{
		Campaign: id, Filter: dialler.CallFilter(in.Callbacks), Contact: dialler.ContactID(in.Contact), Limit: in.Limit, After: in.After,
		Number: in.Number, Oldest: in.Order == "oldest",
	})
	if err != nil {
		return nil, a.problemIn("query", fmt.Sprintf("list calls of campaign %d", id), err)
	}
	out := &callsOutput{}
	out.Body.Next = next
	out.Body.Calls = make([]Call, 0, len(calls))
	for _, c := range calls {
		out.Body.Calls = append(out.Body.Calls, showCall(c))
	}
	return out, nil
}
