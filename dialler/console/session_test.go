package console_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"ringback/dialler/console"
	"ringback/dialler/user"
)

const password = "correct horse battery"

// hire makes a user of each role, named for it.
func (h *house) hire() *house {
	h.Helper()
	for _, r := range user.Roles {
		u, err := user.New(string(r), r, password, h.now)
		h.must(err)
		h.must(h.store.AddUser(h.Context(), u))
	}
	return h
}

// try signs in and returns the answer.
func (h *house) try(name, secret string, with ...func(*http.Request)) (int, http.Header, string) {
	h.Helper()
	w := h.ask("POST", "/sign-in", url.Values{"name": {name}, "password": {secret}, "csrf": {csrf(h.T, h.ask("GET", "/sign-in", nil).Body.String())}}, with...)
	return w.Code, w.Header(), w.Body.String()
}

// as signs in as the user of that role, once.
func (h *house) as(r user.Role) *house {
	h.Helper()
	clear(h.cookies)
	if c := h.sessions[r]; c != nil {
		h.cookies[c.Name] = c
		return h
	}
	if code, _, body := h.try(string(r), password); code != 303 {
		h.Fatalf("%s signing in: %d %s", r, code, body)
	}
	h.sessions[r] = h.cookies["ringback_session"]
	return h
}

// Every error that the form can give.
func TestSignInErrors(t *testing.T) {
	h := newHouse(t).hire()
	for _, tt := range []struct {
		what, name, secret string
		code               int
		says               string
	}{
		{"wrong token", "", "wrong", 401, "That token is not known"},
		{"empty token", "", "", 401, "That token is not known"},
		{"wrong password", "operator", "wrong", 401, "don&#39;t fit"},
		{"no such user", "nobody", password, 401, "don&#39;t fit"},
		{"no name of a user", "Robert'); DROP TABLE account", password, 401, "don&#39;t fit"},
		{"a program's", "api", password, 403, "has no console"},
		{"a holder's name and token", "ops", token, 401, "don&#39;t fit"},
	} {
		code, head, body := h.try(tt.name, tt.secret)
		if code != tt.code || head.Get("Location") != "" || !strings.Contains(body, tt.says) {
			t.Errorf("%s: %d %s, want %d and %q", tt.what, code, body, tt.code, tt.says)
		}
		if h.cookies["ringback_session"] != nil {
			t.Errorf("%s: there is a session", tt.what)
		}
	}
	for _, tt := range []struct {
		what  string
		form  func(seal string) url.Values
		empty bool // no cookies
	}{
		{"no seal", func(string) url.Values { return url.Values{"password": {token}} }, false},
		{"wrong seal", func(string) url.Values { return url.Values{"password": {token}, "csrf": {"abc"}} }, false},
		{"another browser's seal", func(seal string) url.Values { return url.Values{"password": {token}, "csrf": {seal}} }, true},
	} {
		form := tt.form(csrf(t, h.page("/sign-in")))
		if tt.empty {
			clear(h.cookies)
		}
		if w := h.ask("POST", "/sign-in", form); w.Code != 403 || !strings.Contains(w.Body.String(), "had expired") {
			t.Errorf("%s: %d %s", tt.what, w.Code, w.Body)
		}
	}
	if log := h.log.String(); strings.Contains(log, password) || strings.Contains(log, token) || !strings.Contains(log, "user=nobody") {
		t.Errorf("the log tells a password, or not who tried: %s", log)
	}

	locked := newHouse(t)
	locked.handler = console.New(console.Options{Store: locked.store})
	if page := locked.page("/sign-in"); !strings.Contains(page, "Nobody can sign in yet") {
		t.Errorf("without users and tokens: %s", page)
	}
	if code, _, _ := locked.try("", token); code != 401 {
		t.Errorf("without users and tokens: %d", code)
	}
}

func TestSession(t *testing.T) {
	h := newHouse(t).hire().signIn()
	session := h.cookies["ringback_session"]
	if session == nil || !session.HttpOnly || session.SameSite != http.SameSiteStrictMode || session.Path != "/" || session.Secure {
		t.Fatalf("the session's cookie is %v", session)
	}
	clear(h.cookies)
	h.try("operator", password, func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https") })
	if !h.cookies["ringback_session"].Secure {
		t.Error("behind TLS the cookie is not Secure")
	}
	if strings.Contains(h.log.String(), token) || !strings.Contains(h.log.String(), "who=ops") || !strings.Contains(h.log.String(), "who=operator") {
		t.Errorf("the log tells the token, or not who came: %s", h.log)
	}

	// It outlives the process, and ends by hand and by time.
	h.handler = console.New(console.Options{Store: h.store, Door: user.NewDoor(user.Options{Store: h.store, Now: func() time.Time { return h.now }})})
	form := csrf(t, h.page("/"))
	if h.ask("POST", h.at("/start"), url.Values{"csrf": {form}}).Code != 303 {
		t.Error("a form from before a restart is refused")
	}
	mine := h.cookies["ringback_session"]
	if h.do("/sign-out").Code != 303 || h.ask("GET", "/", nil).Code != 303 {
		t.Error("signed out, and still in")
	}
	h.cookies[mine.Name] = mine
	if h.ask("GET", "/", nil).Code != 303 {
		t.Error("the cookie of a session that was ended lets in")
	}
	h.cookies[session.Name] = session
	if h.ask("GET", "/", nil).Code != 303 {
		t.Error("the session of a token that is not configured any more lets in")
	}
	h.as(user.Viewer)
	h.now = h.now.Add(11 * time.Hour)
	h.page("/")
	h.now = h.now.Add(time.Hour)
	if h.ask("GET", "/", nil).Code != 303 {
		t.Error("a session of yesterday is let in")
	}
}

// What an operator changes of a user takes effect at the next request.
func TestSessionOfSomebodyWhoIsChanged(t *testing.T) {
	h := newHouse(t).hire().as(user.Operator)
	h.must(h.store.AddUser(t.Context(), user.User{Name: "other", Role: user.Operator, Password: "$", Added: h.now})) // for one stays
	h.must(h.store.SetRole(t.Context(), "operator", user.Viewer))
	if w := h.ask("POST", h.at("/start"), url.Values{"csrf": {csrf(t, h.page("/"))}}); w.Code != 403 {
		t.Errorf("made a viewer: %d", w.Code)
	}
	h.must(h.store.SetRole(t.Context(), "operator", user.API))
	if w := h.ask("GET", "/", nil); w.Code != 303 {
		t.Errorf("made a program: %d", w.Code)
	}
	h.must(h.store.SetRole(t.Context(), "operator", user.Operator))
	h.page("/")
	h.must(h.store.SetPassword(t.Context(), "operator", user.Hash("another password")))
	if w := h.ask("GET", "/", nil); w.Code != 303 {
		t.Errorf("given another password: %d", w.Code)
	}
	h.as(user.Viewer)
	h.must(h.store.RemoveUser(t.Context(), "viewer"))
	if w := h.ask("GET", "/", nil); w.Code != 303 {
		t.Errorf("removed: %d", w.Code)
	}
}

func TestTriesAreFew(t *testing.T) {
	h := newHouse(t).hire()
	from := func(address string) func(*http.Request) {
		return func(r *http.Request) { r.RemoteAddr = address + ":4711" }
	}
	for i := range 7 {
		code, head, body := h.try("operator", "wrong", from("192.0.2.1"))
		want, wait := 401, ""
		if i >= 5 {
			want, wait = 429, "12"
		}
		if code != want || head.Get("Retry-After") != wait || want == 429 && !strings.Contains(body, "Wait 12s") {
			t.Errorf("try %d: %d, Retry-After %q", i+1, code, head.Get("Retry-After"))
		}
	}
	if code, _, _ := h.try("operator", password, from("192.0.2.1")); code != 429 {
		t.Errorf("the right password after too many wrong ones: %d", code)
	}
	// Neither somebody else at that address nor the user elsewhere is kept out.
	if code, _, _ := h.try("viewer", password, from("192.0.2.1")); code != 303 {
		t.Errorf("another user: %d", code)
	}
	clear(h.cookies)
	if code, _, _ := h.try("operator", password, from("192.0.2.2")); code != 303 {
		t.Errorf("another address: %d", code)
	}
	clear(h.cookies)
	// The address is what a proxy on this machine says, and nobody else.
	proxied := func(peer string) func(*http.Request) {
		return func(r *http.Request) { r.RemoteAddr = peer; r.Header.Set("X-Forwarded-For", "203.0.113.9, 192.0.2.1") }
	}
	if code, _, _ := h.try("operator", password, proxied("127.0.0.1:4711")); code != 429 {
		t.Errorf("by a proxy: %d", code)
	}
	if code, _, _ := h.try("operator", password, proxied("198.51.100.7:4711")); code != 303 {
		t.Errorf("by somebody who says they are a proxy: %d", code)
	}
	clear(h.cookies)
	h.now = h.now.Add(12 * time.Second)
	if code, _, _ := h.try("operator", password, from("192.0.2.1")); code != 303 {
		t.Errorf("after the wait: %d", code)
	}
}

// routes are all that console.go and its neighbours register, read from the
// source: one that is new is looked at before anybody thought of it.
func routes(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	line := regexp.MustCompile(`mux\.Handle(?:Func)?\("([^"]+)", (.*)`)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range line.FindAllStringSubmatch(string(src), -1) {
			found[m[1]] = m[2]
		}
	}
	if len(found) < 14 {
		t.Fatalf("found %d routes; there are more", len(found))
	}
	return found
}

// Each route is open to the roles it should be: nothing without a session,
// everything that is read to a viewer, nothing that changes.
func TestRolesAtEveryRoute(t *testing.T) {
	h := newHouse(t).hire()
	h.ring("+919812345670", "", "")
	fill := regexp.MustCompile(`\{[^}]*\}`)
	for pattern, handler := range routes(t) {
		method, path, ok := strings.Cut(pattern, " ")
		if !ok { // "/": all else
			method, path = "POST", "/nowhere"
		}
		path = strings.TrimSuffix(path, "{$}")
		path = strings.ReplaceAll(path, "{event}", "pause")
		path = fill.ReplaceAllString(path, "1")
		ask := func(csrf string) int { return h.ask(method, path, url.Values{"csrf": {csrf}}).Code }

		open := strings.HasPrefix(path, "/static/") || path == "/sign-in" || path == "/sign-out"
		clear(h.cookies)
		if code := ask("x"); !open && code != 303 && code != 401 {
			t.Errorf("%s without a session: %d", pattern, code)
		}
		if open || path == "/events" {
			continue
		}
		changes := method != "GET" || strings.Contains(handler, "changing(") || strings.Contains(handler, "managing(")
		if strings.Contains(handler, "own(") {
			changes = false
		}
		h.as(user.Viewer)
		if code := ask(csrf(t, h.page("/"))); (code == 403) != changes {
			t.Errorf("%s by a viewer: %d", pattern, code)
		}
		h.as(user.Operator)
		none := 403
		if strings.Contains(handler, "uploaded(") {
			none = 400 // the seal is in the file's own form, which this is not
		}
		if code := ask("x"); method != "GET" && code != none {
			t.Errorf("%s without the session's seal: %d", pattern, code)
		}
		if code := ask(csrf(t, h.page("/"))); code == 403 || code == 401 {
			t.Errorf("%s by an operator: %d", pattern, code)
		}
	}
}

// A viewer is shown nothing that leads to a change.
func TestAViewerSeesNoActions(t *testing.T) {
	h := newHouse(t).hire()
	h.ring("+919812345670", "", "")
	acts := regexp.MustCompile(`action="/(?:campaigns|contacts|bots|users)[^"]*"|href="/users"|href="[^"]*/(?:confirm/[^"]*|edit|new)"`)
	for _, path := range []string{"/", h.at(""), h.at("/contacts"), "/contacts/1", "/bots", "/account"} {
		h.as(user.Viewer)
		if found := acts.FindString(h.page(path)); found != "" || !strings.Contains(h.page(path), "(viewer)") {
			t.Errorf("%s shows a viewer %s", path, found)
		}
		h.as(user.Operator)
		if path != h.at("/contacts") && !acts.MatchString(h.page(path)) {
			t.Errorf("%s shows an operator no action", path)
		}
	}
}
