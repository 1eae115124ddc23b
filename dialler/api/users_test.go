package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"ringback/dialler"
	"ringback/dialler/api"
	"ringback/dialler/user"
)

// hire makes a user of each role, named for it, and returns a token of each.
func (h *house) hire() map[user.Role]string {
	h.Helper()
	tokens := map[user.Role]string{}
	for _, r := range user.Roles {
		body := `{"name":"` + string(r) + `","role":"` + string(r) + `","password":"correct horse battery"}`
		h.want(201, "POST", "/v1/users", body)
		tokens[r] = h.want(201, "POST", "/v1/users/"+string(r)+"/tokens", `{"name":"test"}`)["token"].(string)
	}
	return tokens
}

// as sends a request with that token.
func (h *house) as(token, method, path, body string) *httptest.ResponseRecorder {
	h.Helper()
	r := httptest.NewRequestWithContext(h.Context(), method, path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return w
}

// Each route is open to the roles it should be. The routes are those of the
// description, so that one that is new is looked at before anybody thought of
// it.
func TestRolesAtEveryRoute(t *testing.T) {
	h := newHouse(t, func(o *api.Options) { o.Metrics, o.ProtectMetrics = http.NotFoundHandler(), true })
	tokens := h.hire()
	fill := regexp.MustCompile(`\{[^}]*\}`)
	routes := map[string]bool{"GET /metrics": true, "POST /v1/not-yet-there": true, "PUT /v1/users/x/not-yet-there": true}
	for path, methods := range spec(t)["paths"].(map[string]any) {
		for method := range methods.(map[string]any) {
			routes[strings.ToUpper(method)+" "+fill.ReplaceAllString(path, "99")] = true
		}
	}
	if len(routes) < 38 {
		t.Fatalf("%d routes; there are more", len(routes))
	}
	for route := range routes {
		method, path, _ := strings.Cut(route, " ")
		open := path == "/healthz" || path == "/readyz"
		users, own := strings.HasPrefix(path, "/v1/users"), path == "/v1/me/password"
		for role, token := range tokens {
			w := h.as(token, method, path, "")
			forbidden := !open && (users && role != user.Operator || own && role == user.API || role == user.Viewer && method != "GET" && !own)
			if (w.Code == 403) != forbidden || w.Code == 401 {
				t.Errorf("%s by %s: %d %s, forbidden should be %v", route, role, w.Code, w.Body, forbidden)
			}
			if w.Code == 403 && (w.Header().Get("Content-Type") != "application/problem+json" || !strings.Contains(w.Body.String(), string(role))) {
				t.Errorf("%s by %s: %s", route, role, w.Body)
			}
		}
		for _, stranger := range []string{"", "rb_nobodys"} {
			if w := h.as(stranger, method, path, ""); (w.Code == 401) == open {
				t.Errorf("%s by a stranger: %d", route, w.Code)
			}
		}
	}
}

func TestUsers(t *testing.T) {
	h := newHouse(t)
	if list := h.want(200, "GET", "/v1/users", "")["users"].([]any); len(list) != 0 {
		t.Errorf("there are users: %v", list)
	}
	tokens := h.hire()
	if me := h.as(tokens[user.Viewer], "GET", "/v1/me", ""); me.Code != 200 || !strings.Contains(me.Body.String(), `"name":"viewer","role":"viewer"`) {
		t.Errorf("me: %s", me.Body)
	}
	u := h.want(200, "GET", "/v1/users/viewer", "")
	if u["role"] != "viewer" || u["signs_in"] != true || u["added_at"] != "2026-03-12T05:50:00Z" || len(u) != 4 {
		t.Errorf("a user: %v", u)
	}
	if n := len(h.want(200, "GET", "/v1/users", "")["users"].([]any)); n != 3 {
		t.Errorf("%d users, want 3", n)
	}
	for _, tt := range []struct {
		status             int
		method, path, body string
		says               string
	}{
		{409, "POST", "/v1/users", `{"name":"viewer","role":"viewer","password":"correct horse battery"}`, "already exists"},
		{422, "POST", "/v1/users", `{"name":"Asha","role":"viewer","password":"correct horse battery"}`, "body.name"},
		{422, "POST", "/v1/users", `{"name":"asha","role":"root","password":"correct horse battery"}`, "body.role"},
		{422, "POST", "/v1/users", `{"name":"asha","role":"viewer","password":"short"}`, "body.password"},
		{422, "POST", "/v1/users", `{"name":"asha","role":"viewer"}`, "body.password"},
		{404, "GET", "/v1/users/asha", ``, "asha"},
		{404, "DELETE", "/v1/users/asha", ``, "asha"},
		{404, "PUT", "/v1/users/asha/role", `{"role":"viewer"}`, "asha"},
		{404, "PUT", "/v1/users/asha/password", `{"password":"correct horse battery"}`, "asha"},
		{422, "PUT", "/v1/users/viewer/password", `{"password":"short"}`, "5 characters"},
		{404, "GET", "/v1/users/asha/tokens", ``, "asha"},
		{404, "POST", "/v1/users/asha/tokens", `{"name":"x"}`, "asha"},
		{409, "POST", "/v1/users/viewer/tokens", `{"name":"test"}`, "already exists"},
		{422, "POST", "/v1/users/viewer/tokens", `{"name":"X Y"}`, "body.name"},
		{404, "DELETE", "/v1/users/viewer/tokens/other", ``, "other"},
	} {
		w := h.ask(tt.method, tt.path, tt.body)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) || strings.Contains(w.Body.String(), "horse") {
			t.Errorf("%s %s %s: %d %s, want %d and %q", tt.method, tt.path, tt.body, w.Code, w.Body, tt.status, tt.says)
		}
	}

	h.want(200, "PUT", "/v1/users/viewer/role", `{"role":"operator"}`)
	if w := h.as(tokens[user.Viewer], "POST", h.path("/start"), ""); w.Code != 200 {
		t.Errorf("made an operator: %d", w.Code)
	}
	h.want(204, "PUT", "/v1/users/viewer/password", `{"password":"nine lives of cats"}`)
	if l := h.want(200, "GET", "/v1/users/viewer/tokens", "")["tokens"].([]any); len(l) != 1 || l[0].(map[string]any)["name"] != "test" || len(l[0].(map[string]any)) != 2 {
		t.Errorf("tokens: %v", l)
	}
	h.want(204, "DELETE", "/v1/users/viewer/tokens/test", "")
	if w := h.as(tokens[user.Viewer], "GET", "/v1/me", ""); w.Code != 401 {
		t.Errorf("a token that was removed: %d", w.Code)
	}
	h.want(204, "DELETE", "/v1/users/api", "")
	if w := h.as(tokens[user.API], "GET", "/v1/me", ""); w.Code != 401 {
		t.Errorf("a token of a user who was removed: %d", w.Code)
	}
	// Whoever signs in changes their own, and gives the one they have.
	mine := h.want(201, "POST", "/v1/users", `{"name":"ravi","role":"viewer","password":"correct horse battery"}`)
	ravi := h.want(201, "POST", "/v1/users/ravi/tokens", `{"name":"x"}`)["token"].(string)
	for _, tt := range []struct {
		status      int
		token, body string
		says        string
	}{
		{422, ravi, `{"old":"correct horse batter","password":"nine lives of cats"}`, "body.old"},
		{422, ravi, `{"old":"correct horse battery","password":"short"}`, "body.password"},
		{422, ravi, `{"old":"correct horse battery","password":"correct horse battery"}`, "the password you have"},
		{204, ravi, `{"old":"correct horse battery","password":"nine lives of cats"}`, ""},
		{422, ravi, `{"old":"correct horse battery","password":"ten lives of cats"}`, "body.old"},
		{403, token, `{"old":"correct horse battery","password":"nine lives of cats"}`, "token of the configuration"},
	} {
		if w := h.as(tt.token, "PUT", "/v1/me/password", tt.body); w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) || strings.Contains(w.Body.String(), "horse") {
			t.Errorf("%v changes their password: %s: %d %s, want %d", mine["name"], tt.body, w.Code, w.Body, tt.status)
		}
	}
	for range 3 {
		h.as(ravi, "PUT", "/v1/me/password", `{"old":"a wrong one","password":"eleven lives"}`)
	}
	if w := h.as(ravi, "PUT", "/v1/me/password", `{"old":"nine lives of cats","password":"eleven lives"}`); w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Errorf("after many wrong ones: %d %s %v", w.Code, w.Body, w.Header())
	}
	// The last operator who can sign in stays one.
	h.want(204, "DELETE", "/v1/users/operator", "")
	for _, w := range []*httptest.ResponseRecorder{h.ask("DELETE", "/v1/users/viewer", ""), h.ask("PUT", "/v1/users/viewer/role", `{"role":"api"}`)} {
		if w.Code != 409 || !strings.Contains(w.Body.String(), "the last operator who can sign in; make another one first") {
			t.Errorf("the last operator: %d %s", w.Code, w.Body)
		}
	}
	for _, secret := range append([]string{"correct horse battery", "nine lives of cats"}, tokens[user.API], tokens[user.Viewer]) {
		if strings.Contains(h.log.String(), secret) {
			t.Errorf("the log has %s in it", secret)
		}
	}
	none := newHouse(t, func(o *api.Options) { o.Users = nil })
	none.want(404, "GET", "/v1/users", "")
}

func TestRequestsArePaced(t *testing.T) {
	at := now
	h := newHouse(t, func(o *api.Options) {
		o.Door = user.NewDoor(user.Options{Tokens: map[string]string{"crm": token, "ops": "another"}, Limits: user.Limits{Requests: 4}, Now: func() time.Time { return at }})
	})
	left := 8 - 3 // the house was made by three requests
	for range left {
		h.want(200, "GET", "/v1/campaigns", "")
	}
	w := h.ask("GET", "/v1/campaigns", "")
	if w.Code != 429 || w.Header().Get("Retry-After") != "1" || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if w := h.as("another", "GET", "/v1/campaigns", ""); w.Code != 200 {
		t.Errorf("another token: %d", w.Code)
	}
	h.want(200, "GET", "/healthz", "")
	at = at.Add(time.Second)
	h.want(200, "GET", "/v1/campaigns", "")
}

// shut is a store that cannot say whose token it is.
type shut struct{ user.Store }

func (shut) Token(context.Context, string) (user.Token, error) {
	return user.Token{}, dialler.ErrLocked
}

func TestATokenThatCannotBeLookedUp(t *testing.T) {
	h := newHouse(t, func(o *api.Options) {
		o.Door = user.NewDoor(user.Options{Store: shut{}, Tokens: map[string]string{"crm": token}})
	})
	if w := h.as("rb_somebodys", "GET", "/v1/campaigns", ""); w.Code != 503 || strings.Contains(w.Body.String(), "locked") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	h.want(200, "GET", "/v1/campaigns", "") // one of the configuration needs no store
}
