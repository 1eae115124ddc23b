package api

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"ringback/callback"
	"ringback/dialler"
	"ringback/dialler/push"
	"ringback/dialler/user"
)

// A Store is what the API needs of one. A method that changes something
// returns when the change is on disk.
type Store interface {
	dialler.Roster
	dialler.Deliveries
	dialler.Records
	dialler.Receipts

	Hear(ctx context.Context, id dialler.CallID, a callback.Analysis, now time.Time) (dialler.Ruling, error)
	Transition(ctx context.Context, id dialler.CampaignID, what dialler.CampaignEvent, now time.Time) (dialler.Campaign, error)

	Contact(ctx context.Context, id dialler.ContactID) (dialler.Contact, error)
	Call(ctx context.Context, id dialler.CallID) (dialler.Call, error)
	Calls(ctx context.Context, q dialler.CallQuery) (calls []dialler.Call, next string, err error)
	FindContacts(ctx context.Context, q dialler.ContactQuery) (contacts []dialler.Contact, next string, err error)
	Forecast(ctx context.Context, id dialler.CampaignID, from time.Time, step time.Duration, n int) (dialler.Forecast, error)
	Counters(ctx context.Context, id dialler.CampaignID) (dialler.Counters, error)
	NextCallback(ctx context.Context, id dialler.CampaignID) (time.Time, error)
	Nodes(ctx context.Context, now time.Time) ([]dialler.Node, error)
	Ping(ctx context.Context) error
}

// Options are what the API is made of. Store must be given.
type Options struct {
	Store Store

	// Door says whose a bearer token is and what they may do; nil: nobody gets
	// in.
	Door *user.Door
	// Users are managed under /v1/users; nil: there are none to manage, and
	// asking for them is refused.
	Users user.Store

	// Sender makes the requests that try a webhook.
	Sender *push.Sender

	// Health says how the dialling stands; nil: nothing dials in this process,
	// and /readyz looks at the store only.
	Health func() Health

	// Metrics answers /metrics; nil: there is no such page.
	Metrics http.Handler
	// ProtectMetrics asks for a token there too.
	ProtectMetrics bool

	// Observe is told of every request once it is answered; nil: nobody.
	Observe func(Request)

	Version string       // of the program, for the OpenAPI document; may be empty
	Logger  *slog.Logger // nil: slog.Default()
	Now     func() time.Time
}

// Health is the dialling as /readyz shows it.
type Health struct {
	Node     string
	Links    map[string]bool // by switch: whether its link is up
	Live     int             // calls this process has in progress
	Draining bool            // no new call is begun
}

// A Request is one that was answered, for the metrics.
type Request struct {
	Method string
	Route  string // "/v1/calls/{id}/analysis"; "" where there is no such page
	Status int
	Took   time.Duration
	Token  string // name of its holder; empty: none
}

// Limits of a request.
const (
	maxBody       = 1 << 20  // of a body, but for those that name their own
	maxListBody   = 16 << 20 // of a list of contacts or numbers
	maxHeader     = 32 << 10
	maxPerRequest = 10_000 // contacts or numbers in one list
	requestTime   = 30 * time.Second
)

// api is the handlers' common ground.
type api struct {
	Options
	log *slog.Logger
}

// New returns the API as a handler. [NewServer] puts the limits of time and
// size around it.
func New(o Options) http.Handler {
	a := &api{Options: o, log: o.Logger}
	if a.log == nil {
		a.log = slog.Default()
	}
	if a.Now == nil {
		a.Now = time.Now
	}
	if a.Door == nil {
		a.Door = user.NewDoor(user.Options{})
	}
	mux := http.NewServeMux()
	a.register(humago.New(mux, a.describe()))
	if o.Metrics != nil {
		mux.Handle("GET /metrics", o.Metrics)
	}
	return a.door(mux)
}

// NewServer returns a server for h that no slow or greedy client can wear out.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       requestTime,
		WriteTimeout:      2 * requestTime,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

const about = `Ringback rings the people on a campaign's list, hands them to a voice bot, and rings those back who asked for it.

Every request under /v1 carries "Authorization: Bearer" and a token: a user's, or one of the configuration.
Who has the role viewer may not change anything, and only an operator manages users. Times are RFC 3339 in UTC,
durations as Go writes them ("1m30s"). Errors are application/problem+json (RFC 9457); each entry of "errors" names
the field, what came, and what would be right. A request that was answered with 2xx is on disk.`

// describe is the head of the OpenAPI document.
func (a *api) describe() huma.Config {
	c := huma.DefaultConfig("Ringback", "1")
	if a.Version != "" {
		c.Info.Version = a.Version
	}
	c.Info.Description = about
	c.CreateHooks = nil // no $schema in answers
	c.DocsPath = ""     // huma's page loads its script from elsewhere
	c.SchemasPath = ""
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer"}}
	c.RejectUnknownQueryParameters = true
	c.Formats = maps.Clone(c.Formats)
	c.Formats["application/x-www-form-urlencoded"] = huma.DefaultJSONFormat // what curl -d calls all it sends
	return c
}

func (a *api) register(h huma.API) {
	a.registerHealth(h)
	a.registerCalls(h)
	a.registerCampaigns(h)
	a.registerContacts(h)
	a.registerInterventions(h)
	a.registerLines(h)
	a.registerNodes(h)
	a.registerExclusions(h)
	a.registerUsers(h)
	a.registerWebhooks(h)
	a.registerReports(h)
}

// operation describes one route. Its errors are those that a client can cause.
func operation(tag, method, path, id, summary string, errors ...int) huma.Operation {
	var params []*huma.Param
	if method == http.MethodPost {
		params = append(params, &huma.Param{
			Name: keyHeader, In: "header", Description: "a key of your own, such as a UUID: sent again with the same key within a day, the request is answered as it was, and not carried out again",
			Schema: &huma.Schema{Type: huma.TypeString}, Example: "8e03978e-40d5-43e8-bc93-6894a57f9324",
		})
		errors = append(errors, http.StatusBadRequest, http.StatusConflict, http.StatusUnprocessableEntity)
	}
	return huma.Operation{
		Parameters:  params,
		OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{tag},
		Security: []map[string][]string{{"token": {}}}, Errors: append([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests}, errors...),
		MaxBodyBytes: maxBody, BodyReadTimeout: requestTime,
	}
}

// utc is t as the API shows it: nil if it has not happened.
func utc(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
