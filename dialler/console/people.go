package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"ringback/dialler"
	"ringback/dialler/user"
)

// people has the mux serve the pages about users: those by which who may manage
// them does, and everybody's own.
func (c *console) people(mux *http.ServeMux) {
	mux.HandleFunc("GET /users", c.managing(c.userList))
	mux.HandleFunc("GET /users/new", c.managing(c.newUser))
	mux.HandleFunc("POST /users/new", c.managing(c.createUser))
	mux.HandleFunc("GET /users/{name}/edit", c.managing(c.editUser))
	mux.HandleFunc("POST /users/{name}/role", c.managing(c.setRole))
	mux.HandleFunc("POST /users/{name}/password", c.managing(c.resetPassword))
	mux.HandleFunc("POST /users/{name}/tokens", c.managing(c.createToken))
	mux.HandleFunc("GET /users/{name}/tokens/{token}/confirm", c.managing(c.confirmToken))
	mux.HandleFunc("POST /users/{name}/tokens/{token}/remove", c.managing(c.removeToken))
	mux.HandleFunc("GET /users/{name}/confirm", c.managing(c.confirmUser))
	mux.HandleFunc("POST /users/{name}/remove", c.managing(c.removeUser))
	mux.HandleFunc("GET /account", c.own(c.account))
	mux.HandleFunc("POST /account", c.own(c.changePassword))
}

// userURL is where a user's pages are.
func userURL(name, more string) string { return "/users/" + url.PathEscape(name) + "/" + more }

// A userCard is a user as the pages show them.
type userCard struct {
	user.User
	You bool // it is who looks
}

// URL is where the user is edited.
func (u userCard) URL() string { return userURL(u.Name, "edit") }

// SignsIn reports whether they can.
func (u userCard) SignsIn() bool { return u.Password != "" && u.Role.May(user.SignIn) }

// staff is where users are kept.
func (c *console) staff() (user.Store, error) {
	if c.Users == nil {
		return nil, fmt.Errorf("%w: no users are kept here", dialler.ErrNotFound)
	}
	return c.Users, nil
}

var doneToUser = map[string]string{
	"added": "User added.", "removed": "User removed.", "role": "Role changed.", "password": "Password changed; the user’s sessions have ended.",
	"token": "Token removed: it opens nothing any more.",
}

func (c *console) userList(w http.ResponseWriter, r *http.Request, s session) {
	page := struct {
		Users []userCard
		Done  string
	}{Done: doneToUser[r.URL.Query().Get("done")]}
	store, err := c.staff()
	if err == nil {
		var list []user.User
		list, err = store.Users(r.Context())
		for _, u := range list {
			page.Users = append(page.Users, userCard{u, c.is(s, u.Name)})
		}
	}
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	c.show(w, r, http.StatusOK, "users", s, "Users", page)
}

// is reports whether the user of that name is the session's.
func (c *console) is(s session, name string) bool { return !s.held && s.holder == name }

func (c *console) newUser(w http.ResponseWriter, r *http.Request, s session) {
	f := form{Action: "/users/new", CSRF: s.csrf(), Values: url.Values{"role": {string(user.Viewer)}}}
	c.show(w, r, http.StatusOK, "new-user", s, "New user", f)
}

func (c *console) createUser(w http.ResponseWriter, r *http.Request, s session) {
	f := form{Action: "/users/new", CSRF: s.csrf(), Values: r.PostForm}
	name, role, password := f.Get("name"), user.Role(f.Get("role")), f.secret("password")
	if role.Known() && !role.May(user.SignIn) {
		password = "" // it would be of no use
	}
	store, err := c.staff()
	if err == nil {
		err = f.blame(user.Check(name, role, password))
	}
	taken := func() error {
		return f.blame(&dialler.FieldError{Field: "name", Got: strconv.Quote(name), Want: "a name that no other user has"})
	}
	if err == nil && f.Wrong["name"] == "" {
		switch _, missing := store.User(r.Context(), name); {
		case missing == nil:
			err = taken()
		case !errors.Is(missing, dialler.ErrNotFound):
			err = missing
		}
	}
	if err == nil && len(f.Wrong) == 0 && !onlyChecks(r) {
		var u user.User
		if u, err = user.New(name, role, password, c.Now()); err == nil {
			err = store.AddUser(r.Context(), u)
		}
		if errors.Is(err, dialler.ErrConflict) { // somebody else was quicker
			err = taken()
		}
	}
	c.answer(w, r, s, f, err, func() { c.show(w, r, http.StatusUnprocessableEntity, "new-user", s, "New user", f) }, func() {
		c.log.Info("a user was added", "user", name, "role", role, "by", s.holder)
		http.Redirect(w, r, "/users?done=added", http.StatusSeeOther)
	})
}

// answer answers a form: the script that only checks, who has something to mend,
// or, once it is done, by done.
func (c *console) answer(w http.ResponseWriter, r *http.Request, s session, f form, err error, wrong, done func()) {
	switch {
	case err != nil:
		c.trouble(w, r, s, err)
	case onlyChecks(r):
		checked(w, f)
	case len(f.Wrong) > 0:
		wrong()
	default:
		done()
	}
}

// secret takes what was typed out of a field: it is not sent back.
func (f *form) secret(name string) string {
	typed := f.Get(name)
	f.Values.Del(name)
	return typed
}

type userPage struct {
	User   userCard
	Tokens []user.Token
	Done   string
	// Secret is the token that was made just now, shown this once.
	Secret string
	Made   string // its name

	Role, Password, Token form
}

// person is the page of the user that the path names.
func (c *console) person(ctx context.Context, r *http.Request, s session) (p userPage, store user.Store, err error) {
	if store, err = c.staff(); err != nil {
		return p, nil, err
	}
	name := r.PathValue("name")
	if p.User.User, err = store.User(ctx, name); err != nil {
		return p, nil, err
	}
	if p.Tokens, err = store.Tokens(ctx, name); err != nil {
		return p, nil, err
	}
	p.User.You = c.is(s, name)
	p.Done = doneToUser[r.URL.Query().Get("done")]
	p.Role = form{Action: userURL(name, "role"), CSRF: s.csrf(), Values: url.Values{"role": {string(p.User.Role)}}}
	p.Password = form{Action: userURL(name, "password"), CSRF: s.csrf()}
	p.Token = form{Action: userURL(name, "tokens"), CSRF: s.csrf()}
	return p, store, nil
}

func (c *console) showUser(w http.ResponseWriter, r *http.Request, s session, status int, p userPage) {
	c.show(w, r, status, "user", s, p.User.Name, p)
}

func (c *console) editUser(w http.ResponseWriter, r *http.Request, s session) {
	p, _, err := c.person(r.Context(), r, s)
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	c.showUser(w, r, s, http.StatusOK, p)
}

func (c *console) setRole(w http.ResponseWriter, r *http.Request, s session) {
	p, store, err := c.person(r.Context(), r, s)
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	p.Role.Values = r.PostForm
	name, role := p.User.Name, user.Role(p.Role.Get("role"))
	err = p.Role.blame(user.CheckRole(role))
	if err == nil && len(p.Role.Wrong) == 0 && !onlyChecks(r) {
		if err = store.SetRole(r.Context(), name, role); errors.Is(err, user.ErrLast) {
			err = p.Role.blame(&dialler.FieldError{Field: "role", Got: string(role) + " for the last operator who can sign in", Want: "another operator first, so that somebody can manage users"})
		}
	}
	c.answer(w, r, s, p.Role, err, func() { c.showUser(w, r, s, http.StatusUnprocessableEntity, p) }, func() {
		c.log.Info("a user was given another role", "user", name, "role", role, "by", s.holder)
		if p.User.You && !role.May(user.Manage) { // this page is no longer theirs
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		http.Redirect(w, r, userURL(name, "edit?done=role"), http.StatusSeeOther)
	})
}

func (c *console) resetPassword(w http.ResponseWriter, r *http.Request, s session) {
	p, store, err := c.person(r.Context(), r, s)
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	if p.User.You { // who has to give the old one, so that a screen left open is not enough
		http.Redirect(w, r, "/account", http.StatusSeeOther)
		return
	}
	p.Password.Values = r.PostForm
	name, password := p.User.Name, p.Password.secret("password")
	err = p.Password.blame(user.CheckPassword(name, password))
	if err == nil && len(p.Password.Wrong) == 0 && !onlyChecks(r) {
		err = store.SetPassword(r.Context(), name, user.Hash(password))
	}
	c.answer(w, r, s, p.Password, err, func() { c.showUser(w, r, s, http.StatusUnprocessableEntity, p) }, func() {
		c.log.Info("a user was given another password", "user", name, "by", s.holder)
		http.Redirect(w, r, userURL(name, "edit?done=password"), http.StatusSeeOther)
	})
}

func (c *console) createToken(w http.ResponseWriter, r *http.Request, s session) {
	p, store, err := c.person(r.Context(), r, s)
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	p.Token.Values = r.PostForm
	t, secret, err := user.NewToken(p.User.Name, p.Token.Get("name"), c.Now())
	err = p.Token.blame(err)
	for _, have := range p.Tokens {
		if err == nil && have.Name == t.Name {
			err = p.Token.blame(&dialler.FieldError{Field: "name", Got: strconv.Quote(t.Name), Want: "a name that no other token of this user has"})
		}
	}
	if err == nil && len(p.Token.Wrong) == 0 && !onlyChecks(r) {
		err = store.AddToken(r.Context(), t)
	}
	c.answer(w, r, s, p.Token, err, func() { c.showUser(w, r, s, http.StatusUnprocessableEntity, p) }, func() {
		c.log.Info("a token was made", "user", t.User, "token", t.Name, "by", s.holder)
		fresh, _, err := c.person(r.Context(), r, s)
		if err != nil {
			c.trouble(w, r, s, err)
			return
		}
		fresh.Secret, fresh.Made = secret, t.Name
		c.showUser(w, r, s, http.StatusOK, fresh)
	})
}

func (c *console) confirmToken(w http.ResponseWriter, r *http.Request, s session) {
	p, _, err := c.person(r.Context(), r, s)
	name, token := p.User.Name, r.PathValue("token")
	if err == nil && !slices.ContainsFunc(p.Tokens, func(t user.Token) bool { return t.Name == token }) {
		err = fmt.Errorf("%w: token %q of user %q", dialler.ErrNotFound, token, name)
	}
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	c.show(w, r, http.StatusOK, "confirm", s, "Remove a token", confirmation{
		Question: fmt.Sprintf("Remove the token %s of %s?", token, name), Label: "Remove", Danger: true, Leave: true, CSRF: s.csrf(),
		Action: userURL(name, "tokens/"+url.PathEscape(token)+"/remove"), Back: userURL(name, "edit"),
		Says: "The program that has it is refused from then on.",
	})
}

func (c *console) removeToken(w http.ResponseWriter, r *http.Request, s session) {
	name, token := r.PathValue("name"), r.PathValue("token")
	store, err := c.staff()
	if err == nil {
		err = store.RemoveToken(r.Context(), name, token)
	}
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	c.log.Info("a token was removed", "user", name, "token", token, "by", s.holder)
	http.Redirect(w, r, userURL(name, "edit?done=token"), http.StatusSeeOther)
}

func (c *console) confirmUser(w http.ResponseWriter, r *http.Request, s session) {
	p, _, err := c.person(r.Context(), r, s)
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	name := p.User.Name
	says := "Their sessions end, and their tokens open nothing any more. What they did stays in the log under their name."
	if p.User.You {
		says = "That is you: you will be signed out, and your tokens open nothing any more."
	}
	c.show(w, r, http.StatusOK, "confirm", s, "Remove a user", confirmation{
		Question: fmt.Sprintf("Remove the user %s?", name), Label: "Remove", Danger: true, Leave: true, CSRF: s.csrf(),
		Action: userURL(name, "remove"), Back: userURL(name, "edit"), Says: says,
	})
}

func (c *console) removeUser(w http.ResponseWriter, r *http.Request, s session) {
	name := r.PathValue("name")
	store, err := c.staff()
	if err == nil {
		err = store.RemoveUser(r.Context(), name)
	}
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	c.log.Info("a user was removed", "user", name, "by", s.holder)
	http.Redirect(w, r, "/users?done=removed", http.StatusSeeOther)
}

// An accountPage is everybody's own.
type accountPage struct {
	Form form
	Held bool // there is no password to change
	Done string
}

func (c *console) accountPage(s session) accountPage {
	return accountPage{Held: s.held, Form: form{Action: "/account", CSRF: s.csrf()}}
}

func (c *console) account(w http.ResponseWriter, r *http.Request, s session) {
	p := c.accountPage(s)
	if r.URL.Query().Get("done") == "password" {
		p.Done = "Password changed. Your other sessions have ended."
	}
	c.show(w, r, http.StatusOK, "account", s, "Your account", p)
}

// changePassword gives who asks another password. The session goes on as
// another one, for all that there were have ended.
func (c *console) changePassword(w http.ResponseWriter, r *http.Request, s session) {
	p := c.accountPage(s)
	f := &p.Form
	f.Values = r.PostForm
	old, password, again := f.secret("old"), f.secret("password"), f.secret("again")
	err := f.blame(user.CheckPassword(s.holder, password))
	if old == "" && err == nil {
		err = f.blame(&dialler.FieldError{Field: "old", Got: `""`, Want: "the password you sign in with now"})
	}
	if again != password && err == nil {
		err = f.blame(&dialler.FieldError{Field: "again", Got: "something else", Want: "the new password once more"})
	}
	status := http.StatusUnprocessableEntity
	if err == nil && len(f.Wrong) == 0 && !onlyChecks(r) {
		err = c.Door.ChangePassword(r.Context(), s.who(), old, password, address(r))
		var pace *user.PaceError
		switch {
		case errors.As(err, &pace):
			f.Wrong, status, err = map[string]string{"old": tooMany(w, pace)}, http.StatusTooManyRequests, nil
		case errors.Is(err, user.ErrForbid):
			c.show(w, r, http.StatusForbidden, "account", s, "Your account", p)
			return
		default:
			if wrong := f.blame(err); wrong == nil && err != nil {
				c.log.Warn("a wrong password given to change it", "user", s.holder, "from", address(r))
				err = nil
			}
		}
	}
	c.answer(w, r, s, *f, err, func() { c.show(w, r, status, "account", s, "Your account", p) }, func() {
		c.log.Info("a user has changed their password", "user", s.holder)
		id, _, err := c.Door.SignIn(r.Context(), s.holder, password, address(r))
		if err != nil { // they can do so themselves
			http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
			return
		}
		http.SetCookie(w, cookie(r, sessionCookie, id, user.SessionLife))
		http.Redirect(w, r, "/account?done=password", http.StatusSeeOther)
	})
}

// day is a date as the pages about users show it.
func day(t time.Time) string { return t.UTC().Format("2 Jan 2006") }
