package console

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"ringback/dialler"
	"ringback/dialler/push"
	"ringback/dialler/user"
	"ringback/dialler/wording"
)

// A Store is what the console needs of one.
type Store interface {
	Campaigns(ctx context.Context) ([]dialler.Campaign, error)
	Campaign(ctx context.Context, id dialler.CampaignID) (dialler.Campaign, error)
	Bots(ctx context.Context) ([]dialler.Bot, error)
	Trunks(ctx context.Context) ([]dialler.Trunk, error)
	Counters(ctx context.Context, id dialler.CampaignID) (dialler.Counters, error)
	NextCallback(ctx context.Context, id dialler.CampaignID) (time.Time, error)
	Calls(ctx context.Context, q dialler.CallQuery) (calls []dialler.Call, next string, err error)
	Contact(ctx context.Context, id dialler.ContactID) (dialler.Contact, error)
	FindContacts(ctx context.Context, q dialler.ContactQuery) (contacts []dialler.Contact, next string, err error)
	Excluded(ctx context.Context, n dialler.Number) (bool, error)

	CampaignNamed(ctx context.Context, name string) (dialler.Campaign, error)
	CreateCampaign(ctx context.Context, c dialler.Campaign) (dialler.Campaign, error)
	UpdateCampaign(ctx context.Context, c dialler.Campaign) (dialler.Campaign, error)
	DropCampaign(ctx context.Context, id dialler.CampaignID) error
	AddContacts(ctx context.Context, id dialler.CampaignID, list []dialler.NewContact, now time.Time) ([]dialler.Duplicate, error)
	PutBot(ctx context.Context, b dialler.Bot) error
	DropBot(ctx context.Context, name string) error
	dialler.Drafts
	dialler.Deliveries
	dialler.Records
	Call(ctx context.Context, id dialler.CallID) (dialler.Call, error)
	Transition(ctx context.Context, id dialler.CampaignID, what dialler.CampaignEvent, now time.Time) (dialler.Campaign, error)
	Exclude(ctx context.Context, numbers []dialler.Number, now time.Time) error
	Forecast(ctx context.Context, id dialler.CampaignID, from time.Time, step time.Duration, n int) (dialler.Forecast, error)
	Intervene(ctx context.Context, id dialler.ContactID, i dialler.Intervention, now time.Time) (dialler.Intervened, error)
}

// Options are what the console is made of. Store must be given.
type Options struct {
	Store Store

	// Door says who may sign in, and what they may do; nil: nobody gets in.
	Door *user.Door

	// Users are kept there; nil: nowhere, so that there are only tokens of the
	// configuration.
	Users user.Store

	// Sender makes the requests that try a webhook.
	Sender *push.Sender

	// Live is told what happens; nil: one that nobody tells anything, so that
	// pages change when they are asked for.
	Live *Live

	// Status says how the dialling stands; nil: nothing dials in this process.
	Status func() dialler.Status

	// Declared is what the configuration declares.
	Declared Declared

	Logger *slog.Logger // nil: slog.Default()
	Now    func() time.Time
}

// console is the handlers' common ground.
type console struct {
	Options
	log   *slog.Logger
	notes notes
	pages map[string]*template.Template

	drafting sync.Mutex // around a draft being read and written back
}

//go:embed pages static
var files embed.FS

// requestTime is how long a page may take.
const requestTime = 30 * time.Second

// New returns the console as a handler of everything below "/". It panics if
// Store is nil.
func New(o Options) http.Handler {
	if o.Store == nil {
		panic("console: no store")
	}
	c := &console{Options: o, log: o.Logger}
	if c.log == nil {
		c.log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Live == nil {
		c.Live = NewLive()
	}
	if c.Door == nil {
		c.Door = user.NewDoor(user.Options{})
	}
	c.pages = parsePages()

	mux := http.NewServeMux()
	static, err := fs.Sub(files, "static")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	mux.Handle("GET /static/", http.StripPrefix("/static/", cached(http.FileServerFS(static))))
	mux.HandleFunc("GET /sign-in", c.signInPage)
	mux.HandleFunc("POST /sign-in", c.signIn)
	mux.HandleFunc("POST /sign-out", c.signOut)
	mux.HandleFunc("GET /events", c.signedIn(c.events))
	mux.HandleFunc("GET /{$}", c.signedIn(c.campaigns))
	mux.HandleFunc("GET /campaigns/{id}", c.signedIn(c.campaign))
	mux.HandleFunc("GET /campaigns/{id}/contacts", c.signedIn(c.contacts))
	mux.HandleFunc("GET /campaigns/{id}/confirm/{event}", c.changing(c.confirmEvent))
	mux.HandleFunc("POST /campaigns/{id}/{event}", c.signedIn(c.transition))
	mux.HandleFunc("GET /contacts/{id}", c.signedIn(c.contact))
	mux.HandleFunc("GET /contacts/{id}/confirm/exclude", c.changing(c.confirmExclude))
	mux.HandleFunc("POST /contacts/{id}/exclude", c.signedIn(c.exclude))
	c.making(mux)
	mux.HandleFunc("GET /bots", c.signedIn(c.bots))
	mux.HandleFunc("GET /bots/new", c.changing(c.newBot))
	mux.HandleFunc("POST /bots/new", c.signedIn(c.createBot))
	mux.HandleFunc("GET /bots/{name}/edit", c.changing(c.editBot))
	mux.HandleFunc("POST /bots/{name}/edit", c.signedIn(c.saveBot))
	mux.HandleFunc("GET /bots/{name}/confirm/remove", c.changing(c.confirmRemoveBot))
	mux.HandleFunc("POST /bots/{name}/remove", c.signedIn(c.removeBot))
	mux.HandleFunc("GET /api", c.signedIn(c.tryAPI))
	c.operations(mux)
	c.results(mux)
	c.people(mux)
	mux.HandleFunc("/", c.signedIn(func(w http.ResponseWriter, r *http.Request, s session) {
		c.trouble(w, r, s, fmt.Errorf("%w: there is no page at %s", dialler.ErrNotFound, r.URL.Path))
	}))
	return c.guard(mux)
}

// policy lets a page have nothing but what this process serves, and no script
// or style of its own: words that got past the templates would still be inert.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// guard sets what every answer bears, and sees that a crash is answered and
// heard of.
func (c *console) guard(next http.Handler) http.Handler {
	// Besides the token of the form: a browser says where a request comes from.
	next = http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(v)
			}
			c.log.Error("a page crashed", "method", r.Method, "path", r.URL.Path, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			c.show(w, r, http.StatusInternalServerError, "error", session{}, "Something went wrong", errorPage{Said: "The page could not be made; the log says why."})
		}()
		next.ServeHTTP(w, r)
	})
}

func cached(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache") // a new version is seen at the next load
		h.ServeHTTP(w, r)
	})
}

// signedIn lets in who has a session, and of those who want something changed
// only who may, and has it from one of our pages. It goes by the method, so that
// a page that is new is closed to a viewer before anybody thought of it.
func (c *console) signedIn(next func(http.ResponseWriter, *http.Request, session)) http.HandlerFunc {
	return c.allowed(user.ActOf, next)
}

// changing is for pages that are looked at only to change something by them: a
// viewer is not shown them.
func (c *console) changing(next func(http.ResponseWriter, *http.Request, session)) http.HandlerFunc {
	return c.allowed(func(string) user.Act { return user.Change }, next)
}

// managing is for pages about users.
func (c *console) managing(next func(http.ResponseWriter, *http.Request, session)) http.HandlerFunc {
	return c.allowed(func(string) user.Act { return user.Manage }, next)
}

// own is for what everybody who can sign in may do with what is theirs.
func (c *console) own(next func(http.ResponseWriter, *http.Request, session)) http.HandlerFunc {
	return c.allowed(func(string) user.Act { return user.SignIn }, next)
}

// allowed lets in who has a session and may do what a request by its method
// needs. What is not only looked at has to come from one of our pages.
func (c *console) allowed(needs func(method string) user.Act, next func(http.ResponseWriter, *http.Request, session)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s, ok, err := c.session(r)
		if err != nil {
			c.trouble(w, r, session{}, err)
			return
		}
		if !ok {
			switch {
			case r.Method == http.MethodGet && !isPart(r) && r.URL.Path != "/events":
				http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
			default: // a script, which knows what to do
				w.Header().Set("Ringback-Sign-In", "/sign-in")
				http.Error(w, "signed out", http.StatusUnauthorized)
			}
			return
		}
		if !s.may(needs(r.Method)) {
			c.forbid(w, r, s)
			return
		}
		if user.ActOf(r.Method) != user.Look {
			r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
			if !s.sent(r) {
				c.show(w, r, http.StatusForbidden, "error", s, "Not done", errorPage{Said: "The form was not one of this session. Load the page again and repeat what you did."})
				return
			}
		}
		r = r.WithContext(user.With(r.Context(), s.who()))
		if r.URL.Path != "/events" && r.URL.Path != "/reports/download" { // they take as long as they take
			ctx, cancel := context.WithTimeout(r.Context(), requestTime)
			defer cancel()
			r = r.WithContext(ctx)
		}
		next(w, r, s)
	}
}

func (c *console) forbid(w http.ResponseWriter, r *http.Request, s session) {
	c.show(w, r, http.StatusForbidden, "error", s, "Not allowed", errorPage{Said: "Your role, " + string(s.role) + ", may look at everything but users, and change nothing. An operator can."})
}

// isPart reports whether the script asks for a page without its frame.
func isPart(r *http.Request) bool { return r.Header.Get("Ringback-Part") != "" }

// A frame is a page with what surrounds it.
type frame struct {
	Title  string
	Holder string // who is signed in; empty: nobody
	Role   user.Role
	// Changes says that they may change things; what only leads to that is not
	// shown to others.
	Changes bool
	CSRF    string
	Now     time.Time
	Links   []link // of the switches, by name
	Nav     []place
	Body    any
}

// A place is one that the head of every page leads to.
type place struct {
	URL, Label string
	Here       bool
}

// nav is the places of s, and which of them a path belongs to.
func nav(path string, s session) []place {
	list := []place{{URL: "/", Label: "Campaigns"}, {URL: "/timeline", Label: "Timeline"}, {URL: "/bots", Label: "Bots"}, {URL: "/deliveries", Label: "Deliveries"}, {URL: "/reports", Label: "Reports"}, {URL: "/api", Label: "API"}}
	if s.may(user.Manage) {
		list = append(list, place{URL: "/users", Label: "Users"})
	}
	here := 0 // what is beneath none of the others is about campaigns
	for i, p := range list[1:] {
		if path == p.URL || strings.HasPrefix(path, p.URL+"/") {
			here = i + 1
		}
	}
	list[here].Here = true
	return list
}

// A link is that to a switch.
type link struct {
	Name string
	Up   bool
}

type errorPage struct{ Said string }

// show answers with a page, or with its main part for the script.
func (c *console) show(w http.ResponseWriter, r *http.Request, status int, page string, s session, title string, body any) {
	f := frame{Title: title, Holder: s.holder, Role: s.role, Changes: s.may(user.Change), Now: c.Now(), Body: body, Links: c.links(), Nav: nav(r.URL.Path, s)}
	if s.id != "" {
		f.CSRF = s.csrf()
	}
	name := "page"
	if isPart(r) {
		name = "main"
	}
	var b bytes.Buffer
	if err := c.pages[page].ExecuteTemplate(&b, name, f); err != nil {
		c.log.Error("a page could not be made", "page", page, "err", err)
		http.Error(w, "The page could not be made; the log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the browser may be gone; there is nobody to tell
}

// trouble answers with a page that says what is wrong.
func (c *console) trouble(w http.ResponseWriter, r *http.Request, s session, err error) {
	var field *dialler.FieldError
	var stuck *dialler.TransitionError
	var refused *dialler.InterventionError
	var locked *dialler.LockedError
	var used *dialler.UsedError
	status, title, said := http.StatusInternalServerError, "Something went wrong", "The request could not be carried out; the log says why."
	switch {
	case errors.As(err, &stuck):
		status, title, said = http.StatusConflict, "Not done", wording.Initial(stuck.Error())+"."
	case errors.As(err, &refused):
		status, title, said = http.StatusConflict, "Not done", refused.Why
	case errors.As(err, &locked):
		status, title, said = http.StatusConflict, "Not done", wording.Initial(locked.Error())+"."
	case errors.As(err, &used):
		status, title, said = http.StatusConflict, "Not done", wording.Initial(used.Error())+"."
	case errors.Is(err, dialler.ErrConflict):
		status, title, said = http.StatusConflict, "Not done", wording.Initial(err.Error())+"."
	case errors.Is(err, dialler.ErrNotFound):
		status, title, said = http.StatusNotFound, "Not found", "There is no such page, campaign, contact, bot or user."
	case errors.As(err, &field):
		status, title, said = http.StatusBadRequest, "Not understood", wording.Initial(field.Error())+"."
	case errors.Is(r.Context().Err(), context.Canceled):
		return // whoever asked has gone on to another page
	case errors.Is(err, context.DeadlineExceeded):
		status, title, said = http.StatusServiceUnavailable, "Too slow", "The store took too long; try again."
	}
	if status >= 500 {
		c.log.Error("a page failed", "method", r.Method, "path", r.URL.Path, "err", err)
	}
	c.show(w, r, status, "error", s, title, errorPage{Said: said})
}
