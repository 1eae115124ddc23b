package console_test

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"ringback/dialler/console"
	"ringback/dialler/user"
)

const another = "nine lives of cats"

func TestAnOperatorManagesUsers(t *testing.T) {
	h := newHouse(t).hire().as(user.Operator)
	has(t, h.page("/users"), `href="/users" aria-current="true">Users`, ">operator</bdi></a> <span class=\"dim\">(you)", "no, it is for programs", "12 Mar 2026")
	form := url.Values{"name": {"ravi"}, "role": {"viewer"}, "password": {password}}
	if wrong := h.wrongs("/users/new", form); len(wrong) != 0 {
		t.Errorf("wrong with a user who is right: %v", wrong)
	}
	if w := h.send("/users/new", url.Values{"name": {"ravi"}, "role": {"viewer"}, "password": {password}}); w.Code != 303 || w.Header().Get("Location") != "/users?done=added" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	has(t, h.page("/users?done=added"), "User added.", "/users/ravi/edit")
	h.send("/users/new", url.Values{"name": {"dialler.crm@site"}, "role": {"api"}, "password": {"x"}}) // which needs none
	crm, err := h.store.User(t.Context(), "dialler.crm@site")
	h.must(err)
	if crm.Password != "" || crm.Role != user.API {
		t.Errorf("a program's user: %+v", crm)
	}

	// Another role and another password are there at once; the password ends sessions.
	theirs := newBrowser(h, "ravi", password)
	if w := h.send("/users/ravi/role", url.Values{"role": {"operator"}}); w.Header().Get("Location") != "/users/ravi/edit?done=role" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	has(t, h.page("/users/ravi/edit?done=role"), "Role changed.", `<option value="operator" selected>`)
	if code := theirs.ask("GET", "/users"); code != 200 {
		t.Errorf("made an operator: %d", code)
	}
	if w := h.send("/users/ravi/password", url.Values{"password": {another}}); w.Code != 303 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if code := theirs.ask("GET", "/"); code != 303 {
		t.Errorf("given another password: %d", code)
	}
	newBrowser(h, "ravi", another)

	// A token is shown once, and opens nothing once it is removed.
	w := h.send("/users/ravi/tokens", url.Values{"name": {"crm-push"}})
	secret := regexp.MustCompile(`<code>(rb_[\w-]{43})</code>`).FindStringSubmatch(w.Body.String())
	if w.Code != 200 || secret == nil {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if who, err := h.door().Bearer(t.Context(), "Bearer "+secret[1]); err != nil || who.Name != "ravi" || who.Held {
		t.Errorf("the token is %v's: %v", who, err)
	}
	page := h.page("/users/ravi/edit")
	has(t, page, "crm-push", "/users/ravi/tokens/crm-push/confirm")
	hasNot(t, page, secret[1])
	has(t, h.page("/users/ravi/tokens/crm-push/confirm"), "Remove the token crm-push of ravi?", "/users/ravi/tokens/crm-push/remove")
	if w := h.do("/users/ravi/tokens/crm-push/remove"); w.Code != 303 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if _, err := h.door().Bearer(t.Context(), "Bearer "+secret[1]); err == nil {
		t.Error("a token that was removed lets in")
	}

	has(t, h.page("/users/ravi/confirm"), "Remove the user ravi?", "/users/ravi/remove", "tokens open nothing any more")
	if w := h.do("/users/ravi/remove"); w.Header().Get("Location") != "/users?done=removed" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, path := range []string{"/users/ravi/edit", "/users/ravi/confirm", "/users/operator/tokens/none/confirm"} {
		if w := h.ask("GET", path, nil); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	for _, path := range []string{"/users/ravi/role", "/users/ravi/password", "/users/ravi/tokens", "/users/ravi/remove", "/users/viewer/tokens/none/remove"} {
		if w := h.send(path, url.Values{"role": {"viewer"}, "password": {another}, "name": {"x"}}); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}

	// The last operator stays one; who is an operator no more is shown elsewhere.
	if w := h.do("/users/operator/remove"); w.Code != 409 {
		t.Errorf("removing the last operator: %d", w.Code)
	} else {
		has(t, w.Body.String(), "the last operator who can sign in; make another one first")
	}
	h.send("/users/new", url.Values{"name": {"meera"}, "role": {"operator"}, "password": {password}})
	if w := h.send("/users/operator/role", url.Values{"role": {"viewer"}}); w.Header().Get("Location") != "/" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, said := range []string{"user=ravi role=viewer by=operator", "a token was made", "a token was removed", "a user was removed", "another password"} {
		if !strings.Contains(h.log.String(), said) {
			t.Errorf("the log does not say %q", said)
		}
	}
	if log := h.log.String(); strings.Contains(log, "rb_") || strings.Contains(log, another) || strings.Contains(log, password) {
		t.Errorf("the log has a secret: %s", log)
	}
}

// A browser is another than the house's own.
type browser struct {
	h       *house
	cookies map[string]*http.Cookie
}

func newBrowser(h *house, name, secret string) *browser {
	h.Helper()
	b := &browser{h, map[string]*http.Cookie{}}
	b.with(func() {
		if code, _, body := h.try(name, secret); code != 303 {
			h.Fatalf("%s signing in: %d %s", name, code, body)
		}
	})
	return b
}

// with runs f in that browser.
func (b *browser) with(f func()) {
	b.h.cookies, b.cookies = b.cookies, b.h.cookies
	f()
	b.h.cookies, b.cookies = b.cookies, b.h.cookies
}

func (b *browser) ask(method, path string) (code int) {
	b.with(func() {

		code = b.h.ask(method, path, nil).Code
	})
	return code
}

// Whoever signs in changes their own password, a viewer too, and only this
// session of theirs goes on.
func TestEverybodyChangesTheirPassword(t *testing.T) {
	h := newHouse(t).hire().as(user.Viewer)
	elsewhere := newBrowser(h, "viewer", password)
	has(t, h.page("/account"), "Change your password", `autocomplete="current-password"`, `autocomplete="new-password"`)
	w := h.send("/account", url.Values{"old": {password}, "password": {another}, "again": {another}})
	if w.Code != 303 || w.Header().Get("Location") != "/account?done=password" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	has(t, h.page("/account?done=password"), "Password changed. Your other sessions have ended.")
	if code := elsewhere.ask("GET", "/"); code != 303 {
		t.Errorf("another session of theirs: %d", code)
	}
	newBrowser(h, "viewer", another)

	// Tries are few, as at the sign-in.
	for range 5 {
		if w := h.send("/account", url.Values{"old": {password}, "password": {"ten lives of cats"}, "again": {"ten lives of cats"}}); w.Code != 422 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	w = h.send("/account", url.Values{"old": {another}, "password": {"ten lives of cats"}, "again": {"ten lives of cats"}})
	if w.Code != 429 || w.Header().Get("Retry-After") != "12" {
		t.Errorf("after five wrong ones: %d %s", w.Code, w.Body)
	}
	hasNot(t, w.Body.String(), another, "ten lives of cats")

	// An operator does it there too, not where others' are reset.
	h.as(user.Operator)
	hasNot(t, h.page("/users/operator/edit"), `action="/users/operator/password"`)
	if w := h.send("/users/operator/password", url.Values{"password": {another}}); w.Header().Get("Location") != "/account" {
		t.Errorf("resetting one's own: %d %s", w.Code, w.Body)
	}
	newBrowser(h, "operator", password)

	// Who holds a token of the configuration has none.
	h.signIn()
	has(t, h.page("/account"), "no password", "<code>http.tokens</code>")
	if w := h.send("/account", url.Values{"old": {password}, "password": {another}, "again": {another}}); w.Code != 403 {
		t.Errorf("the holder of a token: %d", w.Code)
	}

	none := newHouse(t)
	none.handler = console.New(console.Options{Store: none.store, Door: none.door()})
	none.signIn()
	for _, path := range []string{"/users", "/users/x/edit"} {
		if w := none.ask("GET", path, nil); w.Code != 404 {
			t.Errorf("%s where no users are kept: %d", path, w.Code)
		}
	}
}

// Every error that the forms about users can give, at its field, to the script
// and on the page; and nothing is written, and no secret sent back.
func TestUsersThatAreNotRight(t *testing.T) {
	h := newHouse(t).hire().as(user.Operator)
	h.send("/users/viewer/tokens", url.Values{"name": {"laptop"}})
	fields := func(pairs ...string) url.Values {
		v := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v
	}
	for _, tt := range []struct {
		path  string
		form  url.Values
		field string
		says  string
		late  bool // it is found out only when the form is sent
	}{
		{"/users/new", fields("name", "", "role", "viewer", "password", password), "name", "Nothing is given; want 1 to 64 of a-z, 0-9, dot, hyphen, underscore and @, a letter or digit first.", false},
		{"/users/new", fields("name", "Ravi K", "role", "viewer", "password", password), "name", `Got "Ravi K"; want 1 to 64 of a-z`, false},
		{"/users/new", fields("name", "viewer", "role", "viewer", "password", password), "name", `Got "viewer"; want a name that no other user has.`, false},
		{"/users/new", fields("name", "ravi", "role", "root", "password", password), "role", `Got "root"; want operator, viewer or api.`, false},
		{"/users/new", fields("name", "ravi", "role", "viewer", "password", ""), "password", "Got 0 characters; want 10 to 256.", false},
		{"/users/new", fields("name", "ravi", "role", "viewer", "password", strings.Repeat("x", 257)), "password", "Got 257 characters; want 10 to 256.", false},
		{"/users/new", fields("name", "ravi.kumar", "role", "viewer", "password", "ravi.kumar"), "password", "Got the user's name; want something nobody would guess.", false},
		{"/users/new", fields("name", "ravi", "role", "viewer", "password", "twelve\xff\xffbytes"), "password", "Got bytes that are no text; want text in UTF-8.", false},
		{"/users/viewer/role", fields("role", "root"), "role", `Got "root"; want operator, viewer or api.`, false},
		{"/users/operator/role", fields("role", "viewer"), "role", "Got viewer for the last operator who can sign in; want another operator first, so that somebody can manage users.", true},
		{"/users/viewer/password", fields("password", "short"), "password", "Got 5 characters; want 10 to 256.", false},
		{"/users/viewer/tokens", fields("name", ""), "name", "Nothing is given; want 1 to 64 of a-z", false},
		{"/users/viewer/tokens", fields("name", "laptop"), "name", `Got "laptop"; want a name that no other token of this user has.`, false},
		{"/account", fields("old", "", "password", another, "again", another), "old", "Nothing is given; want the password you sign in with now.", false},
		{"/account", fields("old", "wrong", "password", another, "again", another), "old", "Got another one; want the password you sign in with now.", true},
		{"/account", fields("old", password, "password", "short", "again", "short"), "password", "Got 5 characters; want 10 to 256.", false},
		{"/account", fields("old", password, "password", password, "again", password), "password", "Got the password you have; want another one.", true},
		{"/account", fields("old", password, "password", another, "again", "other"), "again", "Got something else; want the new password once more.", false},
	} {
		form := func() url.Values { return maps.Clone(tt.form) }
		if wrong := h.wrongs(tt.path, form()); tt.late && len(wrong) != 0 || !tt.late && (len(wrong) != 1 || !strings.Contains(wrong[tt.field], tt.says)) {
			t.Errorf("%s %v: the script is told %v, want %s", tt.path, tt.form, wrong, tt.says)
		}
		w := h.send(tt.path, form())
		if w.Code != 422 {
			t.Errorf("%s %v: %d", tt.path, tt.form, w.Code)
		}
		if at := wrongAt(w.Body.String(), tt.field); !strings.Contains(at, tt.says) {
			t.Errorf("%s %v: %s says %q, want %s", tt.path, tt.form, tt.field, at, tt.says)
		}
		has(t, w.Body.String(), `aria-invalid="true"`, "One field is not right yet")
		hasNot(t, w.Body.String(), password, another)
	}
	if list, err := h.store.Users(t.Context()); err != nil || len(list) != len(user.Roles) {
		t.Errorf("%d users: %v", len(list), err)
	}
	newBrowser(h, "operator", password)
	newBrowser(h, "viewer", password)
}
