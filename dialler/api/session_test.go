package api_test

import (
	"net/http"
	"testing"

	"ringback/dialler/api"
	"ringback/dialler/user"
)

// A browser's session opens the API, where the form's token comes with it, and
// does what the role may.
func TestASessionOpensTheAPI(t *testing.T) {
	var door *user.Door
	h := newHouse(t, func(o *api.Options) { door = o.Door })
	for _, u := range []struct{ name, role string }{{"asha", "operator"}, {"vik", "viewer"}} {
		h.want(201, "POST", "/v1/users", `{"name":"`+u.name+`","role":"`+u.role+`","password":"a long password of `+u.name+`'s"}`)
	}
	sign := func(name string) string {
		id, _, err := door.SignIn(t.Context(), name, "a long password of "+name+"'s", "127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	asha, vik := sign("asha"), sign("vik")
	for _, tt := range []struct {
		what, method, path, id, csrf string
		code                         int
	}{
		{"an operator looks", "GET", "/v1/me", asha, user.CSRF(asha), 200},
		{"an operator changes", "POST", h.path("/start"), asha, user.CSRF(asha), 200},
		{"another site looks", "GET", "/v1/me", asha, "", 401},
		{"another site changes", "POST", h.path("/pause"), asha, "", 401},
		{"with another's", "POST", h.path("/pause"), asha, user.CSRF(vik), 401},
		{"a viewer looks", "GET", "/v1/me", vik, user.CSRF(vik), 200},
		{"a viewer changes", "POST", h.path("/pause"), vik, user.CSRF(vik), 403},
		{"nobody", "GET", "/v1/me", "made-up", user.CSRF("made-up"), 401},
	} {
		w := h.send(nil, tt.method, tt.path, func(r *http.Request) {
			r.Header.Del("Authorization")
			r.AddCookie(&http.Cookie{Name: user.SessionCookie, Value: tt.id})
			r.Header.Set(user.CSRFHeader, tt.csrf)
		})
		if w.Code != tt.code {
			t.Errorf("%s: %d %s, want %d", tt.what, w.Code, w.Body, tt.code)
		}
	}
	// A token goes before a session.
	w := h.send(nil, "GET", "/v1/me", func(r *http.Request) {
		r.AddCookie(&http.Cookie{Name: user.SessionCookie, Value: asha})
		r.Header.Set(user.CSRFHeader, user.CSRF(asha))
	})
	h.is(w, 200, `"crm"`)
}
