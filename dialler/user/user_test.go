package user_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"ringback/dialler"
	"ringback/dialler/store/sqlite"
	"ringback/dialler/user"
)

const password = "correct horse battery"

// A clock is moved by hand.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func newStore(t *testing.T) user.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Memory, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func hire(t *testing.T, s user.Store, name string, r user.Role, password string) {
	t.Helper()
	u, err := user.New(name, r, password, time.Now())
	if err == nil {
		err = s.AddUser(t.Context(), u)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatEachRoleMayDo(t *testing.T) {
	acts := []user.Act{user.Look, user.Change, user.Manage, user.SignIn}
	for role, want := range map[user.Role]string{
		user.Operator: "[true true true true]", user.API: "[true true false false]", user.Viewer: "[true false false true]",
		"": "[false false false false]", "root": "[false false false false]",
	} {
		var got []bool
		for _, a := range acts {
			got = append(got, role.May(a))
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%q may %v of %v, want %s", role, got, acts, want)
		}
	}
	for method, want := range map[string]user.Act{
		http.MethodGet: user.Look, http.MethodHead: user.Look, http.MethodOptions: user.Look,
		http.MethodPost: user.Change, http.MethodPut: user.Change, http.MethodPatch: user.Change, http.MethodDelete: user.Change,
		"get": user.Change, "PROPFIND": user.Change, "": user.Change,
	} {
		if got := user.ActOf(method); got != want {
			t.Errorf("%q is to %s, want %s", method, got, want)
		}
	}
	if user.From(t.Context()).Role.May(user.Look) {
		t.Error("nobody may look")
	}
}

func TestWhatWillDoForAUser(t *testing.T) {
	for _, tt := range []struct {
		name     string
		role     user.Role
		password string
		field    string // that is wrong; empty: none
	}{
		{"asha", user.Operator, password, ""},
		{"asha.rao-2_x@example.org", user.Viewer, password, ""},
		{"crm", user.API, "", ""},
		{"asha", user.Operator, "नमस्ते दुनिया", ""},
		{"", user.Operator, password, "name"},
		{"Asha", user.Operator, password, "name"},
		{"-asha", user.Operator, password, "name"},
		{"asha rao", user.Operator, password, "name"},
		{"asha\nrao", user.Operator, password, "name"},
		{strings.Repeat("a", 65), user.Operator, password, "name"},
		{"asha", "root", password, "role"},
		{"asha", user.Operator, "", "password"},
		{"asha", user.Viewer, "123456789", "password"},
		{"asha", user.API, "short", "password"},
		{"asha", user.Operator, strings.Repeat("x", 257), "password"},
		{"asha", user.Operator, "\xff\xfe567890123", "password"},
		{"asha.the.first", user.Operator, "asha.the.first", "password"},
	} {
		u, err := user.New(tt.name, tt.role, tt.password, time.Now())
		var field *dialler.FieldError
		switch {
		case tt.field == "" && err != nil:
			t.Errorf("%q %q: %v", tt.name, tt.password, err)
		case tt.field != "" && (!errors.As(err, &field) || field.Field != tt.field):
			t.Errorf("%q %q %q: got %v, want a fault of %s", tt.name, tt.role, tt.password, err, tt.field)
		case tt.password != "" && (strings.Contains(u.Password, tt.password) || err != nil && strings.Contains(err.Error(), tt.password) && tt.name != tt.password):
			t.Errorf("%q is told: %v %v", tt.password, u, err)
		case (u.Password == "") != (tt.password == "" || tt.field != ""):
			t.Errorf("%q has the hash %q", tt.name, u.Password)
		}
	}
	if a, b := user.Hash(password), user.Hash(password); a == b || !strings.HasPrefix(a, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("two hashes of one password: %s and %s", a, b)
	}
}

func TestBearer(t *testing.T) {
	s := newStore(t)
	hire(t, s, "crm", user.API, "")
	token, secret, err := user.NewToken("crm", "push", time.Now())
	if err == nil {
		err = s.AddToken(t.Context(), token)
	}
	if err != nil {
		t.Fatal(err)
	}
	d := user.NewDoor(user.Options{Store: s, Tokens: map[string]string{"ops": "a-configured-token", "nobody": ""}})
	for _, tt := range []struct {
		header, name string
		role         user.Role
	}{
		{"Bearer a-configured-token", "ops", user.Operator},
		{"bearer  a-configured-token ", "ops", user.Operator},
		{"Bearer " + secret, "crm", user.API},
		{"Bearer " + token.Digest, "", ""}, // what the store has opens nothing
		{"Bearer", "", ""}, {"Bearer ", "", ""}, {"", "", ""}, {secret, "", ""}, {"Basic " + secret, "", ""}, {"Bearer " + secret + "x", "", ""},
	} {
		w, err := d.Bearer(t.Context(), tt.header)
		if w.Name != tt.name || w.Role != tt.role || (err == nil) != (tt.name != "") || err != nil && !errors.Is(err, user.ErrStranger) {
			t.Errorf("%q: got %+v %v, want %s", tt.header, w, err, tt.name)
		}
	}
	if err := s.SetRole(t.Context(), "crm", user.Viewer); err != nil {
		t.Fatal(err)
	}
	if w, err := d.Bearer(t.Context(), "Bearer "+secret); err != nil || w.Role != user.Viewer {
		t.Errorf("given another role: %+v %v", w, err)
	}
	if err := s.RemoveUser(t.Context(), "crm"); err != nil {
		t.Fatal(err)
	}
	if w, err := d.Bearer(t.Context(), "Bearer "+secret); !errors.Is(err, user.ErrStranger) {
		t.Errorf("removed: %+v %v", w, err)
	}
}

func TestRequestsArePaced(t *testing.T) {
	c := &clock{time.Date(2026, 3, 12, 9, 0, 0, 0, time.UTC)}
	d := user.NewDoor(user.Options{Tokens: map[string]string{"ops": "token of ops", "crm": "token of crm"}, Limits: user.Limits{Requests: 5}, Now: c.now})
	who := func(token string) user.Who {
		w, err := d.Bearer(t.Context(), "Bearer "+token)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	ops, crm := who("token of ops"), who("token of crm")
	count := func(w user.Who, n int) (let int, last error) {
		for range n {
			if last = d.Pace(w); last == nil {
				let++
			}
		}
		return let, last
	}
	n, err := count(ops, 30)
	var pace *user.PaceError
	if n != 10 || !errors.As(err, &pace) || pace.Wait != 200*time.Millisecond || pace.Seconds() != time.Second {
		t.Errorf("at once: %d were let in, then %v; want 10", n, err)
	}
	if n, _ := count(crm, 10); n != 10 {
		t.Errorf("another token: %d of 10", n)
	}
	c.t = c.t.Add(time.Second)
	if n, _ := count(ops, 30); n != 5 {
		t.Errorf("a second later: %d, want 5", n)
	}
	free := user.NewDoor(user.Options{Limits: user.Limits{Requests: -1}})
	for range 5000 {
		if err := free.Pace(ops); err != nil {
			t.Fatalf("without a limit: %v", err)
		}
	}
}

// A right password gives its turn back; a wrong one costs it, at the name and
// at the address.
func TestTriesArePaced(t *testing.T) {
	c := &clock{time.Now()}
	s := newStore(t)
	hire(t, s, "asha", user.Operator, password)
	limits := user.Limits{Tries: 3, TryEvery: time.Minute, Strangers: 8, StrangerEvery: time.Second}
	d := user.NewDoor(user.Options{Store: s, Limits: limits, Now: c.now})
	try := func(name, secret, from string) error {
		_, _, err := d.SignIn(t.Context(), name, secret, from)
		return err
	}
	for range 20 {
		if err := try("asha", password, "192.0.2.1"); err != nil {
			t.Fatalf("the right password, often: %v", err)
		}
	}
	var pace *user.PaceError
	for i := range 3 {
		if err := try("asha", "wrong", "192.0.2.1"); !errors.Is(err, user.ErrStranger) {
			t.Fatalf("wrong try %d: %v", i+1, err)
		}
	}
	if err := try("asha", password, "192.0.2.1"); !errors.As(err, &pace) || pace.Wait != time.Minute {
		t.Errorf("after three wrong ones: %v", err)
	}
	// Names that are guessed at use up the address.
	for i := range 5 {
		if err := try(fmt.Sprint("guess", i), "wrong", "192.0.2.1"); !errors.Is(err, user.ErrStranger) {
			t.Errorf("guess %d: %v", i, err)
		}
	}
	if err := try("ravi", "wrong", "192.0.2.1"); !errors.As(err, &pace) || pace.Wait != time.Second {
		t.Errorf("after eight wrong ones: %v", err)
	}
	c.t = c.t.Add(time.Minute)
	if err := try("asha", password, "192.0.2.1"); err != nil {
		t.Errorf("after the wait: %v", err)
	}
}

func TestForms(t *testing.T) {
	a, b := user.Gate(), user.Gate()
	if !user.Genuine(a, user.CSRF(a)) || user.Genuine(a, user.CSRF(b)) || user.Genuine("", user.CSRF("")) || user.Genuine(a, "") || strings.Contains(user.CSRF(a), a) {
		t.Error("a form's seal is of its session, and no other")
	}
}
