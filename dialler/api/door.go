package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"ringback/dialler/user"
)

// door lets requests in: it looks at the token, at what its holder may do and
// how often, sets the time limit, and sees that whatever happens inside is
// answered and heard of.
func (a *api) door(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := a.Now()
		rec := &recorder{ResponseWriter: w}
		// Nothing that is answered here may be kept by a cache, or taken by a
		// browser for a page.
		rec.Header().Set("Cache-Control", "no-store")
		rec.Header().Set("X-Content-Type-Options", "nosniff")
		h, pattern := mux.Handler(r)
		_, route, _ := strings.Cut(pattern, " ")

		var who user.Who
		defer func() {
			if v := recover(); v != nil {
				if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(v)
				}
				a.log.Error("a request crashed its handler", "method", r.Method, "route", route, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
				if rec.status == 0 {
					writeProblem(rec, http.StatusInternalServerError, "the request could not be carried out; the log says why")
				}
			}
			req := Request{r.Method, route, rec.status, a.Now().Sub(began), who.Name}
			a.log.Debug("answered", "method", req.Method, "path", r.URL.Path, "status", req.Status, "took", req.Took, "who", who.Name)
			if a.Observe != nil {
				a.Observe(req)
			}
		}()

		ctx := r.Context()
		if !strings.HasPrefix(r.URL.Path, "/v1/reports/") && !isUpload(r.URL.Path) { // those take as long as they take, so long as they go on
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, requestTime)
			defer cancel()
		}
		if a.guarded(r.URL.Path) {
			var ok bool
			if who, ok = a.letIn(ctx, rec, r); !ok {
				return
			}
		}
		r = r.WithContext(user.With(ctx, who))
		if pattern == "" { // the mux's own 404 or 405, which speaks plain text
			lost := &discard{header: rec.Header()}
			h.ServeHTTP(lost, r)
			detail := "there is nothing at " + r.URL.Path
			if lost.status == http.StatusMethodNotAllowed {
				detail = fmt.Sprintf("%s takes %s", r.URL.Path, rec.Header().Get("Allow"))
			}
			if lost.status >= 400 {
				writeProblem(rec, lost.status, detail)
			} else {
				rec.WriteHeader(lost.status) // a redirect to the path without its ".."
			}
			return
		}
		if asksOnce(r) {
			a.once(rec, r, who, mux)
			return
		}
		mux.ServeHTTP(rec, r)
	})
}

// letIn says who asks, and answers those who may not.
func (a *api) letIn(ctx context.Context, w http.ResponseWriter, r *http.Request) (user.Who, bool) {
	header := r.Header.Get("Authorization")
	who, err := a.who(ctx, r)
	var pace *user.PaceError
	switch {
	case errors.Is(err, user.ErrStranger):
		w.Header().Set("WWW-Authenticate", `Bearer realm="ringback"`)
		detail := "the token is not known; give one of http.tokens, or a user's"
		if header == "" {
			detail = `no token; give one of http.tokens, or a user's, as "Authorization: Bearer …"`
		}
		writeProblem(w, http.StatusUnauthorized, detail)
	case err != nil:
		a.log.Error("a token could not be looked up", "err", err)
		writeProblem(w, http.StatusServiceUnavailable, "the store could not say who holds the token; try again")
	case errors.As(a.Door.Pace(who), &pace):
		w.Header().Set("Retry-After", strconv.Itoa(int(pace.Seconds().Seconds())))
		writeProblem(w, http.StatusTooManyRequests, "too many requests with this token; try again when Retry-After says")
	case !who.Role.May(act(r)):
		writeProblem(w, http.StatusForbidden, fmt.Sprintf("%s has the role %s, which may not %s", who.Name, who.Role, doing[act(r)]))
	default:
		return who, true
	}
	return who, false
}

// who holds the token that a request bears, or else the session of a browser.
// A session counts only with its form's token, whatever the method: without it,
// a page of somebody else's could send the cookie along.
func (a *api) who(ctx context.Context, r *http.Request) (user.Who, error) {
	header := r.Header.Get("Authorization")
	if cookie, err := r.Cookie(user.SessionCookie); err == nil && header == "" && user.Genuine(cookie.Value, r.Header.Get(user.CSRFHeader)) {
		return a.Door.Session(ctx, cookie.Value)
	}
	return a.Door.Bearer(ctx, header)
}

// act is what a request does, by its address and method, and so for routes of
// which nobody has thought yet, too.
func act(r *http.Request) user.Act {
	switch path := r.URL.Path; {
	case strings.HasPrefix(path, usersPath):
		return user.Manage
	case path == ownPasswordPath:
		return user.SignIn
	}
	return user.ActOf(r.Method)
}

var doing = map[user.Act]string{user.Look: "look at anything", user.Change: "change anything", user.Manage: "manage users", user.SignIn: "sign in and has no password"}

// guarded reports whether path is for holders of a token only: all but the
// health checks, the description and, unless protected, the metrics.
func (a *api) guarded(path string) bool {
	switch {
	case path == "/healthz", path == "/readyz", strings.HasPrefix(path, "/openapi"):
		return false
	case path == "/metrics":
		return a.ProtectMetrics
	}
	return true
}

// recorder remembers the status.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController, and so huma, set deadlines.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// discard takes the mux's own answer apart.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

// writeProblem answers a problem where huma has no say.
func writeProblem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Del("Content-Length")
	w.WriteHeader(status)
	// The client may be gone; there is nobody to tell.
	_ = json.NewEncoder(w).Encode(huma.ErrorModel{Title: http.StatusText(status), Status: status, Detail: detail})
}
