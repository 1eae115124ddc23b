package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// door lets requests in: it looks at the token, sets the time limit, and sees
// that whatever happens inside is answered and heard of.
func (a *api) door(mux *http.ServeMux) http.Handler {
	keys := newKeyring(a.Tokens)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := a.Now()
		rec := &recorder{ResponseWriter: w}
		// Nothing that is answered here may be kept by a cache, or taken by a
		// browser for a page.
		rec.Header().Set("Cache-Control", "no-store")
		rec.Header().Set("X-Content-Type-Options", "nosniff")
		h, pattern := mux.Handler(r)
		_, route, _ := strings.Cut(pattern, " ")

		holder, known := keys.holder(r.Header.Get("Authorization"))
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
			req := Request{r.Method, route, rec.status, a.Now().Sub(began), holder}
			a.log.Debug("answered", "method", req.Method, "path", r.URL.Path, "status", req.Status, "took", req.Took, "token", holder)
			if a.Observe != nil {
				a.Observe(req)
			}
		}()

		if a.guarded(r.URL.Path) && !known {
			rec.Header().Set("WWW-Authenticate", `Bearer realm="ringback"`)
			detail := "the token is not known; give one of http.tokens"
			if r.Header.Get("Authorization") == "" {
				detail = `no token; give one of http.tokens as "Authorization: Bearer …"`
			}
			writeProblem(rec, http.StatusUnauthorized, detail)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), requestTime)
		defer cancel()
		r = r.WithContext(ctx)
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
		mux.ServeHTTP(rec, r)
	})
}

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

// A keyring knows the tokens, by their digests: comparing those takes the same
// time whatever was guessed, however long it is.
type keyring []key

type key struct {
	digest [sha256.Size]byte
	holder string
}

func newKeyring(tokens map[string]string) keyring {
	var k keyring
	for holder, token := range tokens {
		if token != "" {
			k = append(k, key{sha256.Sum256([]byte(token)), holder})
		}
	}
	return k
}

// holder returns the name of whoever holds the token in an Authorization
// header.
func (k keyring) holder(header string) (string, bool) {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") { // RFC 9110 §11.1: in any case
		return "", false
	}
	digest := sha256.Sum256([]byte(strings.TrimSpace(token)))
	found, name := 0, ""
	for _, key := range k {
		if same := subtle.ConstantTimeCompare(digest[:], key.digest[:]); same == 1 {
			found, name = 1, key.holder
		}
	}
	return name, found == 1
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
