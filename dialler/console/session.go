package console

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"ringback/dialler/user"
)

// The cookies. The second is for the sign-in form only, before there is a
// session.
const (
	sessionCookie = user.SessionCookie
	gateCookie    = "ringback_sign_in"
)

// A session is somebody who is signed in; zero: nobody.
type session struct {
	id     string
	holder string
	role   user.Role
	held   bool // by a token of the configuration, which is no user
}

func (s session) who() user.Who { return user.Who{Name: s.holder, Role: s.role, Held: s.held} }

// may reports whether they may do that.
func (s session) may(a user.Act) bool { return s.role.May(a) }

// csrf is what every form of the session carries.
func (s session) csrf() string { return user.CSRF(s.id) }

// sent reports whether a form is one of the session's.
func (s session) sent(r *http.Request) bool { return user.Genuine(s.id, r.PostFormValue("csrf")) }

// session returns that of a request. The error is the store's.
func (c *console) session(r *http.Request) (s session, ok bool, err error) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return session{}, false, nil
	}
	w, err := c.Door.Session(r.Context(), cookie.Value)
	if errors.Is(err, user.ErrStranger) {
		return session{}, false, nil
	}
	return session{cookie.Value, w.Name, w.Role, w.Held}, err == nil, err
}

// cookie makes one that scripts cannot read and other sites cannot send.
func cookie(r *http.Request, name, value string, life time.Duration) *http.Cookie {
	c := &http.Cookie{
		Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: int(life.Seconds()),
		// A TLS proxy in front says so; somebody who lies makes their own
		// cookie stricter.
		Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
	}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

// address is where a request comes from, for the limits: what a proxy on this
// machine says, or else who is connected. A stranger cannot choose it.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		all := r.Header.Values("X-Forwarded-For")
		if len(all) > 0 { // the last entry is our proxy's; those before it are hearsay
			last := all[len(all)-1]
			if ip := net.ParseIP(strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])); ip != nil {
				return ip.String()
			}
		}
	}
	return host
}

type signInPage struct {
	Gate  string // the form's seal
	Name  string // as it was given
	Wrong string // what was wrong with the last try
	Empty bool   // nobody can get in
}

func (c *console) signInPage(w http.ResponseWriter, r *http.Request) {
	_, ok, err := c.session(r)
	if err != nil {
		c.trouble(w, r, session{}, err)
		return
	}
	if ok {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	c.askWho(w, r, http.StatusOK, "")
}

func (c *console) askWho(w http.ResponseWriter, r *http.Request, status int, wrong string) {
	gate := user.Gate()
	http.SetCookie(w, cookie(r, gateCookie, gate, time.Hour))
	c.show(w, r, status, "sign-in", session{}, "Sign in", signInPage{user.CSRF(gate), r.PostFormValue("name"), wrong, c.Door.Locked()})
}

func (c *console) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	gate, err := r.Cookie(gateCookie)
	if err != nil || !user.Genuine(gate.Value, r.PostFormValue("csrf")) {
		c.askWho(w, r, http.StatusForbidden, "That form had expired, or cookies are off. Try again.")
		return
	}
	name := strings.TrimSpace(r.PostFormValue("name"))
	id, who, err := c.Door.SignIn(r.Context(), name, r.PostFormValue("password"), address(r))
	var pace *user.PaceError
	switch {
	case errors.As(err, &pace):
		c.askWho(w, r, http.StatusTooManyRequests, tooMany(w, pace))
		return
	case errors.Is(err, user.ErrStranger):
		c.log.Warn("a wrong sign-in to the console", "user", short(name), "from", address(r))
		said := "That name and password don't fit."
		if name == "" {
			said = "That token is not known. It is one of http.tokens in the configuration; if you have a user of your own, give its name too."
		}
		c.askWho(w, r, http.StatusUnauthorized, said)
		return
	case errors.Is(err, user.ErrForbid):
		c.log.Warn("a sign-in to the console by a user whose role has none", "user", short(name), "from", address(r))
		c.askWho(w, r, http.StatusForbidden, "This user is for programs: its role has no console.")
		return
	case err != nil:
		c.trouble(w, r, session{}, err)
		return
	}
	if old, err := r.Cookie(sessionCookie); err == nil {
		if err := c.Door.SignOut(r.Context(), old.Value); err != nil {
			c.log.Warn("an old session could not be ended", "err", err)
		}
	}
	c.log.Info("signed in to the console", "who", who.Name, "role", who.Role)
	http.SetCookie(w, cookie(r, gateCookie, "", 0))
	http.SetCookie(w, cookie(r, sessionCookie, id, user.SessionLife))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// tooMany says that there were too many wrong tries, to the browser too.
func tooMany(w http.ResponseWriter, pace *user.PaceError) string {
	wait := pace.Seconds()
	w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())))
	return fmt.Sprintf("Too many wrong tries. Wait %v, then try again.", wait)
}

// short cuts what a stranger typed to what a log line needs.
func short(s string) string {
	if len(s) > 64 {
		s = strings.ToValidUTF8(s[:64], "") + "…"
	}
	return s
}

func (c *console) signOut(w http.ResponseWriter, r *http.Request) {
	s, ok, err := c.session(r)
	if err == nil && ok {
		if !s.sent(r) {
			c.show(w, r, http.StatusForbidden, "error", s, "Not done", errorPage{Said: "The form was not one of this session."})
			return
		}
		err = c.Door.SignOut(r.Context(), s.id)
	}
	if err != nil { // a session that goes on while its owner thinks not
		c.trouble(w, r, s, err)
		return
	}
	http.SetCookie(w, cookie(r, sessionCookie, "", 0))
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
}
