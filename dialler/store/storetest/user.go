package storetest

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"ringback/dialler"
	"ringback/dialler/user"
)

// RunUsers runs the suite of [user.Store] on stores that open makes: empty
// ones, each for one test, closed by t.Cleanup.
func RunUsers(t *testing.T, open func(t *testing.T) user.Store) {
	for _, tt := range userTests {
		t.Run(tt.name, func(t *testing.T) { tt.f(&staff{t, open(t)}) })
	}
}

// staff is a store with shorthand; what must work fails the test.
type staff struct {
	*testing.T
	user.Store
}

func (s *staff) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *staff) is(err, want error) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Errorf("got %v, want %v", err, want)
	}
}

func (s *staff) eq(got, want any) {
	s.Helper()
	if !reflect.DeepEqual(got, want) {
		s.Errorf("got %+v, want %+v", got, want)
	}
}

var (
	day  = time.Date(2026, 3, 12, 9, 0, 0, 123000, time.UTC)
	asha = user.User{Name: "asha", Role: user.Operator, Password: "$hash", Added: day}
	crm  = user.User{Name: "crm", Role: user.API, Added: day}
)

func (s *staff) hire(us ...user.User) {
	s.Helper()
	for _, u := range us {
		s.must(s.AddUser(s.Context(), u))
	}
}

var userTests = []struct {
	name string
	f    func(s *staff)
}{
	{"users come back as they were given, by name", func(s *staff) {
		s.hire(crm, asha)
		got, err := s.Users(s.Context())
		s.must(err)
		s.eq(got, []user.User{asha, crm})
		one, err := s.User(s.Context(), "asha")
		s.must(err)
		s.eq(one, asha)
		_, err = s.User(s.Context(), "ASHA")
		s.is(err, dialler.ErrNotFound)
	}},
	{"a name is taken once", func(s *staff) {
		s.hire(asha)
		s.is(s.AddUser(s.Context(), user.User{Name: "asha", Role: user.Viewer, Added: day}), dialler.ErrConflict)
		one, err := s.User(s.Context(), "asha")
		s.must(err)
		s.eq(one, asha)
	}},
	{"who is not there cannot be changed", func(s *staff) {
		ctx := s.Context()
		s.is(s.SetRole(ctx, "asha", user.Viewer), dialler.ErrNotFound)
		s.is(s.SetPassword(ctx, "asha", "$new"), dialler.ErrNotFound)
		s.is(s.RemoveUser(ctx, "asha"), dialler.ErrNotFound)
		s.is(s.AddToken(ctx, user.Token{Digest: "d", User: "asha", Name: "n", Added: day}), dialler.ErrNotFound)
		s.is(s.RemoveToken(ctx, "asha", "n"), dialler.ErrNotFound)
		s.is(s.OpenSession(ctx, user.Session{Digest: "d", Holder: "asha", Until: day}, day), dialler.ErrNotFound)
		_, err := s.Tokens(ctx, "asha")
		s.is(err, dialler.ErrNotFound)
	}},
	{"a session has its user's role as it is now, and ends with a new password", func(s *staff) {
		ctx := s.Context()
		s.hire(asha, user.User{Name: "ravi", Role: user.Viewer, Password: "$r", Added: day})
		until := day.Add(time.Hour)
		s.must(s.OpenSession(ctx, user.Session{Digest: "a", Holder: "asha", Until: until}, day))
		s.must(s.OpenSession(ctx, user.Session{Digest: "r", Holder: "ravi", Until: until}, day))
		s.eq(s.session(ctx, "a"), user.Session{Digest: "a", Holder: "asha", Until: until, Role: user.Operator})
		s.hire(user.User{Name: "meera", Role: user.Operator, Password: "$m", Added: day})
		s.must(s.SetRole(ctx, "asha", user.Viewer))
		s.eq(s.session(ctx, "a").Role, user.Viewer)
		s.must(s.SetPassword(ctx, "asha", "$new"))
		_, err := s.Session(ctx, "a")
		s.is(err, dialler.ErrNotFound)
		s.eq(s.session(ctx, "r").Holder, "ravi")
		u, err := s.User(ctx, "asha")
		s.must(err)
		s.eq(u.Password, "$new")
	}},
	{"a session of a configured token stands by itself", func(s *staff) {
		want := user.Session{Digest: "o", Holder: "ops", Token: "digest of it", Until: day.Add(time.Hour)}
		s.must(s.OpenSession(s.Context(), want, day))
		s.eq(s.session(s.Context(), "o"), want)
	}},
	{"a session ends by being closed, twice too, and when it is over", func(s *staff) {
		ctx := s.Context()
		s.hire(asha)
		s.must(s.OpenSession(ctx, user.Session{Digest: "1", Holder: "asha", Until: day.Add(time.Hour)}, day))
		s.must(s.OpenSession(ctx, user.Session{Digest: "2", Holder: "asha", Until: day.Add(3 * time.Hour)}, day))
		s.must(s.OpenSession(ctx, user.Session{Digest: "3", Holder: "asha", Until: day.Add(4 * time.Hour)}, day.Add(time.Hour)))
		_, err := s.Session(ctx, "1")
		s.is(err, dialler.ErrNotFound)
		s.must(s.CloseSession(ctx, "2"))
		s.must(s.CloseSession(ctx, "2"))
		_, err = s.Session(ctx, "2")
		s.is(err, dialler.ErrNotFound)
		s.session(ctx, "3")
	}},
	{"a token lets its user in until it is removed", func(s *staff) {
		ctx := s.Context()
		s.hire(asha, crm)
		old := user.Token{Digest: "d1", User: "crm", Name: "old", Added: day}
		s.must(s.AddToken(ctx, old))
		s.must(s.AddToken(ctx, user.Token{Digest: "d2", User: "crm", Name: "new", Added: day}))
		s.is(s.AddToken(ctx, user.Token{Digest: "d3", User: "crm", Name: "old", Added: day}), dialler.ErrConflict)
		s.must(s.AddToken(ctx, user.Token{Digest: "d4", User: "asha", Name: "old", Added: day}))
		got, err := s.Token(ctx, "d1")
		s.must(err)
		old.Role = user.API
		s.eq(got, old)
		list, err := s.Tokens(ctx, "crm")
		s.must(err)
		if len(list) != 2 || list[0].Name != "new" || list[1] != old {
			s.Errorf("tokens: %+v", list)
		}
		s.must(s.RemoveToken(ctx, "crm", "old"))
		_, err = s.Token(ctx, "d1")
		s.is(err, dialler.ErrNotFound)
		_, err = s.Token(ctx, "d4")
		s.must(err)
	}},
	{"whoever is removed is gone, with sessions and tokens", func(s *staff) {
		ctx := s.Context()
		s.hire(asha, user.User{Name: "meera", Role: user.Operator, Password: "$m", Added: day})
		s.must(s.OpenSession(ctx, user.Session{Digest: "s", Holder: "asha", Until: day.Add(time.Hour)}, day))
		s.must(s.AddToken(ctx, user.Token{Digest: "t", User: "asha", Name: "n", Added: day}))
		s.must(s.RemoveUser(ctx, "asha"))
		s.hire(asha) // another, of the same name
		_, err := s.Session(ctx, "s")
		s.is(err, dialler.ErrNotFound)
		_, err = s.Token(ctx, "t")
		s.is(err, dialler.ErrNotFound)
	}},
	{"the last operator who can sign in stays", func(s *staff) {
		ctx := s.Context()
		s.hire(asha, crm, user.User{Name: "tools", Role: user.Operator, Added: day}) // who has no password
		s.is(s.RemoveUser(ctx, "asha"), user.ErrLast)
		s.is(s.SetRole(ctx, "asha", user.Viewer), user.ErrLast)
		s.is(s.SetRole(ctx, "asha", user.API), dialler.ErrConflict)
		s.must(s.SetRole(ctx, "asha", user.Operator))
		s.must(s.RemoveUser(ctx, "tools"))
		s.must(s.RemoveUser(ctx, "crm"))
		ravi := user.User{Name: "ravi", Role: user.Operator, Password: "$r", Added: day}
		s.hire(ravi)
		// Each turns the other out at once: one of them stays.
		errs := make(chan error, 2)
		go func() { errs <- s.RemoveUser(ctx, "ravi") }()
		go func() { errs <- s.SetRole(ctx, "asha", user.Viewer) }()
		one, two := <-errs, <-errs
		if errors.Is(one, user.ErrLast) == errors.Is(two, user.ErrLast) || one != nil && two != nil {
			s.Errorf("both at once: %v, %v", one, two)
		}
	}},
}

func (s *staff) session(ctx context.Context, digest string) user.Session {
	s.Helper()
	x, err := s.Session(ctx, digest)
	s.must(err)
	return x
}
