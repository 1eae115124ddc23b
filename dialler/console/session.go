package console

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits of the door.
const (
	sessionLife = 12 * time.Hour // a working day; then sign in again
	maxSessions = 1000           // the oldest goes when there are more
	wrongPerSec = 1              // wrong tokens a second, after a burst
	wrongBurst  = 10
)

// The cookies. The second is for the sign-in form only, before there is a
// session.
const (
	sessionCookie = "ringback_session"
	gateCookie    = "ringback_sign_in"
)

// A door knows who is in.
type door struct {
	keys  map[[sha256.Size]byte]string // digest of a token → who holds it
	now   func() time.Time
	seal  []byte // of CSRF tokens; new with every process, as the sessions are
	wrong *rate.Limiter

	mu  sync.Mutex
	ins map[[sha256.Size]byte]session // by digest of the session's ID
}

// A session is somebody who is signed in.
type session struct {
	id     string
	holder string
	until  time.Time
}

func newDoor(tokens map[string]string, now func() time.Time) *door {
	d := &door{keys: map[[sha256.Size]byte]string{}, now: now, seal: secret(), wrong: rate.NewLimiter(wrongPerSec, wrongBurst), ins: map[[sha256.Size]byte]session{}}
	for holder, token := range tokens {
		if token != "" {
			d.keys[sha256.Sum256([]byte(token))] = holder
		}
	}
	return d
}

func secret() []byte {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return b
}

func secretText() string { return base64.RawURLEncoding.EncodeToString(secret()) }

// holder returns who holds token. The digests are compared in a time that says
// nothing of them.
func (d *door) holder(token string) (string, bool) {
	digest := sha256.Sum256([]byte(token))
	found, name := false, ""
	for key, holder := range d.keys {
		if subtle.ConstantTimeCompare(digest[:], key[:]) == 1 {
			found, name = true, holder
		}
	}
	return name, found
}

// open begins a session.
func (d *door) open(holder string) session {
	s := session{id: secretText(), holder: holder, until: d.now().Add(sessionLife)}
	d.mu.Lock()
	defer d.mu.Unlock()
	var oldest [sha256.Size]byte
	var first time.Time
	for key, other := range d.ins {
		if !d.now().Before(other.until) {
			delete(d.ins, key)
		} else if first.IsZero() || other.until.Before(first) {
			oldest, first = key, other.until
		}
	}
	if len(d.ins) >= maxSessions {
		delete(d.ins, oldest)
	}
	d.ins[sha256.Sum256([]byte(s.id))] = s
	return s
}

// session returns that of a request.
func (d *door) session(r *http.Request) (session, bool) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return session{}, false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s, ok := d.ins[sha256.Sum256([]byte(cookie.Value))]
	if !ok || !d.now().Before(s.until) {
		return session{}, false
	}
	return s, true
}

func (d *door) close(s session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.ins, sha256.Sum256([]byte(s.id)))
}

// csrf is what every form of a session carries: a seal that only we can make
// and that only pages of ours, read by this browser, can know.
func (d *door) csrf(id string) string {
	mac := hmac.New(sha256.New, d.seal)
	mac.Write([]byte(id))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (d *door) genuine(id, csrf string) bool {
	return id != "" && hmac.Equal([]byte(csrf), []byte(d.csrf(id)))
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

type signInPage struct {
	Gate  string // the form's seal
	Wrong string // what was wrong with the last try
	Empty bool   // there are no tokens
}

func (c *console) signInPage(w http.ResponseWriter, r *http.Request) {
	if _, ok := c.door.session(r); ok {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	c.askToken(w, r, http.StatusOK, "")
}

func (c *console) askToken(w http.ResponseWriter, r *http.Request, status int, wrong string) {
	gate := secretText()
	http.SetCookie(w, cookie(r, gateCookie, gate, time.Hour))
	c.show(w, r, status, "sign-in", session{}, "Sign in", signInPage{c.door.csrf(gate), wrong, len(c.door.keys) == 0})
}

func (c *console) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	gate, err := r.Cookie(gateCookie)
	if err != nil || !c.door.genuine(gate.Value, r.PostFormValue("csrf")) {
		c.askToken(w, r, http.StatusForbidden, "That form had expired, or cookies are off. Try again.")
		return
	}
	if c.door.wrong.TokensAt(c.Now()) < 1 {
		w.Header().Set("Retry-After", "2")
		c.askToken(w, r, http.StatusTooManyRequests, "Too many wrong tokens were tried. Wait a moment, then try again.")
		return
	}
	holder, ok := c.door.holder(r.PostFormValue("token"))
	if !ok {
		c.door.wrong.AllowN(c.Now(), 1)
		c.log.Warn("a wrong token at the console's sign-in", "from", r.RemoteAddr)
		c.askToken(w, r, http.StatusUnauthorized, "That token is not known. It is one of http.tokens in the configuration.")
		return
	}
	if old, ok := c.door.session(r); ok {
		c.door.close(old)
	}
	s := c.door.open(holder)
	c.log.Info("signed in to the console", "token", holder)
	http.SetCookie(w, cookie(r, gateCookie, "", 0))
	http.SetCookie(w, cookie(r, sessionCookie, s.id, sessionLife))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (c *console) signOut(w http.ResponseWriter, r *http.Request) {
	if s, ok := c.door.session(r); ok {
		if !c.door.genuine(s.id, r.PostFormValue("csrf")) {
			c.show(w, r, http.StatusForbidden, "error", s, "Not done", errorPage{Said: "The form was not one of this session."})
			return
		}
		c.door.close(s)
	}
	http.SetCookie(w, cookie(r, sessionCookie, "", 0))
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
}
