package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"ringback/dialler"
	"ringback/dialler/report"
)

// reportInput is what a report is to tell of.
type reportInput struct {
	File     string    `path:"file" enum:"attempts.csv,attempts.xlsx,callbacks.csv,callbacks.xlsx,contacts.csv,contacts.xlsx"`
	Campaign int64     `query:"campaign_id" minimum:"1" doc:"all unless given"`
	From     time.Time `query:"from" doc:"RFC 3339: attempts begun from then on, callbacks asked for on such, contacts added from then on"`
	To       time.Time `query:"to" doc:"RFC 3339: and before then"`
}

func (a *api) registerReports(h huma.API) {
	op := operation("reports", http.MethodGet, "/v1/reports/{file}", "get-report",
		"Every attempt, callback or contact, the oldest first, as CSV or as an Excel workbook; sent while it is read, however long it is", 404, 422)
	content := map[string]*huma.MediaType{}
	for _, f := range report.Formats {
		content[f.Type()] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	}
	op.Responses = map[string]*huma.Response{"200": {Description: "a file; one that breaks off is not whole", Content: content}}
	huma.Register(h, op, a.report)
}

func (a *api) report(ctx context.Context, in *reportInput) (*huma.StreamResponse, error) {
	kind, format, err := report.ParseFile(in.File)
	if err == nil && in.Campaign != 0 {
		_, err = a.Store.Campaign(ctx, dialler.CampaignID(in.Campaign))
	}
	if err == nil && !in.To.IsZero() && !in.From.Before(in.To) {
		err = unprocessable("query.to", in.To.Format(time.RFC3339), "a time after from")
	}
	if err != nil {
		return nil, a.problem("make a report", err)
	}
	q := report.Query{Kind: kind, Campaign: dialler.CampaignID(in.Campaign), From: in.From, To: in.To}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		if err := report.Respond(w, r, a.Store, q, format); err != nil {
			a.log.Error("a request failed", "doing", "make a report", "err", err)
			writeProblem(w, http.StatusInternalServerError, "the request could not be carried out; the log says why")
		}
	}}, nil
}
