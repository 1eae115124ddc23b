package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"ringback/dialler"
	"ringback/dialler/list"
)

// Limits of a list that is read while it comes.
const (
	MaxUpload   = 50 << 20         // bytes of a file
	uploadPause = 30 * time.Second // without a byte
	uploadTime  = 30 * time.Minute // for all of it
	mostSkips   = 20_000           // reported one by one
)

// LongBody lets the body of r take its time, as long as something comes now and
// then, and bounds it to most bytes. The answer may be written until the
// context that is returned ends.
func LongBody(w http.ResponseWriter, r *http.Request, most int64) (*http.Request, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(r.Context(), uploadTime)
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(uploadTime)) // an answer comes after the list, however long that is
	r = r.WithContext(ctx)
	r.Body = http.MaxBytesReader(w, patient{r.Body, control}, most)
	return r, cancel
}

// isUpload reports whether path takes a list that is read while it comes.
func isUpload(path string) bool { return strings.HasSuffix(path, "/contacts.csv") }

// Uploaded says what became of a file.
type Uploaded struct {
	Added     int       `json:"added" doc:"rows that are contacts now"`
	Invalid   int       `json:"invalid" doc:"rows that are not right"`
	Duplicate int       `json:"duplicate" doc:"rows whose number the file has above, or the campaign has"`
	Skipped   []Skipped `json:"skipped" doc:"every row that was not added, by line; the first 20000"`
	Unlisted  int       `json:"unlisted,omitempty" doc:"skipped rows beyond those listed"`
}

// Skipped says why a row of a file was not added.
type Skipped struct {
	Line   int    `json:"line" doc:"of the file, from 1, the names of the columns included"`
	Number string `json:"number" doc:"as it came, shortened"`
	Code   string `json:"code" enum:"invalid,twice_in_list,already_in_campaign"`
	Reason string `json:"reason" doc:"in words"`
}

func (a *api) registerUpload(h huma.API) {
	op := operation("contacts", http.MethodPost, "/v1/campaigns/{id}/contacts.csv", "upload-contacts",
		"Add the contacts of a CSV file, up to 50 MB, read while it comes; rows that are not right are left out and reported by line. "+
			"What was added stays if the file breaks off: sent again, it adds the rest", 404, 413, 422)
	text := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
	op.RequestBody = &huma.RequestBody{
		Description: "a column phone_number; the others become variables", Required: true, Content: map[string]*huma.MediaType{"text/csv": text},
	}
	op.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
		"application/json": {Schema: h.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Uploaded](), true, "Uploaded")},
	}}}
	huma.Register(h, op, a.upload)
}

func (a *api) upload(ctx context.Context, in *contactInput) (*huma.StreamResponse, error) {
	campaign, err := a.Store.Campaign(ctx, dialler.CampaignID(in.ID))
	if err != nil {
		return nil, a.problem("read a campaign", err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(kind), "text/csv") {
			writeProblem(w, http.StatusUnsupportedMediaType, fmt.Sprintf("Content-Type: got %q; want text/csv", shorten(r.Header.Get("Content-Type"))))
			return
		}
		r, done := LongBody(w, r, MaxUpload)
		defer done()
		out, err := a.takeFile(r, campaign)
		var long *http.MaxBytesError
		switch {
		case errors.As(err, &long):
			writeProblem(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the file is longer than %d MB; %d contacts that came before are added; split the file and send it again", MaxUpload>>20, out.Added))
		case errors.As(err, new(*fileError)):
			writeProblem(w, http.StatusUnprocessableEntity, fmt.Sprintf("%v; %d contacts that came before are added", err, out.Added))
		case err != nil:
			a.log.Error("a request failed", "doing", "take in a list", "campaign", campaign.ID, "added", out.Added, "err", err)
			writeProblem(w, http.StatusInternalServerError, fmt.Sprintf("the list could not be taken in to its end; %d contacts are added; send it again, and the rest is added; the log says why", out.Added))
		default:
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(out) // the client may be gone; there is nobody to tell
		}
	}}, nil
}

// patient reads a body as long as something comes now and then.
type patient struct {
	io.ReadCloser
	control *http.ResponseController
}

func (p patient) Read(b []byte) (int, error) {
	_ = p.control.SetReadDeadline(time.Now().Add(uploadPause)) // where there is none to set there is nothing to wait for
	return p.ReadCloser.Read(b)
}

// watched remembers why it could not be read to its end.
type watched struct {
	io.ReadCloser
	broken error
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.ReadCloser.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		w.broken = err
	}
	return n, err
}

// A fileError is the file's own fault.
type fileError struct{ error }

func (a *api) takeFile(r *http.Request, campaign dialler.Campaign) (Uploaded, error) {
	out := Uploaded{Skipped: []Skipped{}}
	body := &watched{ReadCloser: r.Body}
	rows, err := list.NewReader(body, 0)
	if err != nil {
		if body.broken != nil {
			return out, body.broken
		}
		return out, &fileError{err}
	}
	n, err := list.Import{
		To: list.Into(a.Store, campaign.ID, a.Now), Region: campaign.Region,
		Skipped: func(s list.Skip) error {
			if len(out.Skipped) < mostSkips {
				out.Skipped = append(out.Skipped, Skipped{s.Line, shorten(s.Number), s.Code, s.Reason})
			} else {
				out.Unlisted++
			}
			return nil
		},
	}.Run(r.Context(), rows)
	out.Added, out.Invalid, out.Duplicate = n.Added, n.Invalid, n.Duplicate
	switch {
	case body.broken != nil:
		return out, body.broken
	case errors.Is(err, list.ErrRowTooLong):
		return out, &fileError{err}
	}
	return out, err
}
