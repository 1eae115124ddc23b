package user

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"ringback/dialler"
)

// SessionLife is how long a session lasts: a working day; then sign in again.
const SessionLife = 12 * time.Hour

// Limits are how much is let through. Zero fields are as their comments say.
type Limits struct {
	// Tries at a name from an address: Tries at once, and one every TryEvery
	// from then on. 0: 5, and 12 s.
	Tries    int
	TryEvery time.Duration
	// Tries from an address at any names. 0: 30, and 2 s.
	Strangers     int
	StrangerEvery time.Duration
	// Requests a second of one token, in the long run; twice as many at once.
	// 0: 200; negative: no limit.
	Requests float64
}

func (l Limits) withDefaults() Limits {
	if l.Tries == 0 {
		l.Tries, l.TryEvery = 5, 12*time.Second
	}
	if l.Strangers == 0 {
		l.Strangers, l.StrangerEvery = 30, 2*time.Second
	}
	if l.Requests == 0 {
		l.Requests = 200
	}
	return l
}

// Options are what a door is made of. The zero value lets nobody in.
type Options struct {
	Store  Store             // nil: there are no users, only tokens of the configuration
	Tokens map[string]string // of the configuration, by the name of who holds them; empty ones open nothing
	Limits Limits
	Now    func() time.Time // nil: time.Now
}

// A Door knows who is who. Its methods may be called from any goroutine.
type Door struct {
	store     Store
	keys      map[string]string // digest of a configured token → its holder
	now       func() time.Time
	tries     *pace
	strangers *pace
	requests  *pace // nil: no limit
}

// NewDoor makes one.
func NewDoor(o Options) *Door {
	l := o.Limits.withDefaults()
	d := &Door{
		store: o.Store, keys: map[string]string{}, now: o.Now,
		tries: newPace(rate.Every(l.TryEvery), l.Tries), strangers: newPace(rate.Every(l.StrangerEvery), l.Strangers),
	}
	if l.Requests > 0 {
		d.requests = newPace(rate.Limit(l.Requests), max(1, int(2*l.Requests)))
	}
	if d.now == nil {
		d.now = time.Now
	}
	for holder, token := range o.Tokens {
		if token != "" {
			d.keys[digest(token)] = holder
		}
	}
	return d
}

// Locked reports whether nobody can ever get in: there is no configured token
// and no store to have users in.
func (d *Door) Locked() bool { return len(d.keys) == 0 && d.store == nil }

// Errors of a door. Others are the store's.
var (
	ErrStranger = errors.New("not known")                  // the token, session, or name and password
	ErrForbid   = errors.New("the role does not allow it") // known, but not for that
)

// A PaceError says that there were too many tries or requests.
type PaceError struct {
	Wait time.Duration // until the next may be made
}

func (e *PaceError) Error() string {
	return fmt.Sprintf("too many at once; the next in %v", e.Seconds())
}

// Seconds is the wait in whole seconds, at least one, as Retry-After says it.
func (e *PaceError) Seconds() time.Duration {
	return max(time.Second, (e.Wait + time.Second - 1).Truncate(time.Second))
}

// holder returns who holds a configured token. The digests are compared in a
// time that says nothing of them.
func (d *Door) holder(dig string) (string, bool) {
	found, name := false, ""
	for key, holder := range d.keys {
		if subtle.ConstantTimeCompare([]byte(dig), []byte(key)) == 1 {
			found, name = true, holder
		}
	}
	return name, found
}

// Bearer returns who sends a request with that Authorization header:
// [ErrStranger] if it is nobody.
func (d *Door) Bearer(ctx context.Context, header string) (Who, error) {
	scheme, token, _ := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" { // RFC 9110 §11.1: in any case
		return Who{}, ErrStranger
	}
	dig := digest(token)
	if name, ok := d.holder(dig); ok {
		return Who{Name: name, Role: Operator, Held: true, Key: dig}, nil
	}
	if d.store == nil {
		return Who{}, ErrStranger
	}
	t, err := d.store.Token(ctx, dig)
	if errors.Is(err, dialler.ErrNotFound) {
		return Who{}, ErrStranger
	}
	if err != nil {
		return Who{}, fmt.Errorf("look up a token: %w", err)
	}
	return Who{Name: t.User, Role: t.Role, Key: dig}, nil
}

// Pace counts a request of w, and returns a [*PaceError] if there are too many.
func (d *Door) Pace(w Who) error {
	if d.requests == nil {
		return nil
	}
	if wait, _ := d.requests.turn(w.Key, d.now()); wait > 0 {
		return &PaceError{wait}
	}
	return nil
}

// SignIn lets somebody in to the console who comes from address: a user by name
// and password, or, where the name is empty, the holder of a configured token
// by that. It returns the session with its ID, which is for the browser only.
// [ErrStranger] if name and password don't fit, [ErrForbid] if they do and the
// role has no console, a [*PaceError] if there were too many tries.
func (d *Door) SignIn(ctx context.Context, name, password, address string) (id string, w Who, err error) {
	now := d.now()
	back, err := d.try(name, address)
	if err != nil {
		return "", Who{}, err
	}
	s := Session{Until: now.Add(SessionLife)}
	if name == "" {
		s.Token = digest(password)
		holder, ok := d.holder(s.Token)
		if !ok {
			return "", Who{}, ErrStranger
		}
		s.Holder, s.Role = holder, Operator
	} else if s.Holder, s.Role, err = d.user(ctx, name, password); err != nil {
		return "", Who{}, err
	}
	back()
	if !s.Role.May(SignIn) {
		return "", Who{}, ErrForbid
	}
	if d.store == nil {
		return "", Who{}, errors.New("sign in: there is no store to keep a session in")
	}
	id = randomText()
	s.Digest = digest(id)
	if err := d.store.OpenSession(ctx, s, now); err != nil {
		return "", Who{}, fmt.Errorf("open a session: %w", err)
	}
	return id, s.who(), nil
}

// try takes a turn at a password, of name from address; back gives it back.
func (d *Door) try(name, address string) (back func(), err error) {
	now := d.now()
	wait, one := d.strangers.turn(address, now)
	if wait > 0 {
		return nil, &PaceError{wait}
	}
	wait, two := d.tries.turn(name+"\n"+address, now)
	if wait > 0 {
		one() // what was not tried costs nothing
		return nil, &PaceError{wait}
	}
	return func() { one(); two() }, nil
}

// ChangePassword gives w another password, who has to give the one they have and
// comes from address. It ends all their sessions. A [*dialler.FieldError] for
// "old" or "password" if one of them is not right, a [*PaceError] if there were
// too many tries, [ErrForbid] if w has no password: they came by a configured
// token.
func (d *Door) ChangePassword(ctx context.Context, w Who, old, password, address string) error {
	if w.Held || d.store == nil || !w.Role.May(SignIn) {
		return ErrForbid
	}
	if err := CheckPassword(w.Name, password); err != nil {
		return err
	}
	if old == password {
		return &dialler.FieldError{Field: "password", Got: "the password you have", Want: "another one"}
	}
	back, err := d.try(w.Name, address)
	if err != nil {
		return err
	}
	if _, _, err := d.user(ctx, w.Name, old); errors.Is(err, ErrStranger) {
		return &dialler.FieldError{Field: "old", Got: "another one", Want: "the password you sign in with now"}
	} else if err != nil {
		return err
	}
	back()
	return d.store.SetPassword(ctx, w.Name, Hash(password))
}

func (d *Door) user(ctx context.Context, name, password string) (string, Role, error) {
	u := User{}
	if d.store != nil && CheckName(name) == nil {
		var err error
		if u, err = d.store.User(ctx, name); err != nil && !errors.Is(err, dialler.ErrNotFound) {
			return "", "", fmt.Errorf("look up a user: %w", err)
		}
	}
	hash := u.Password
	if hash == "" {
		hash = decoy
	}
	if !verify(hash, password) || u.Password == "" {
		return "", "", ErrStranger
	}
	return u.Name, u.Role, nil
}

func (s Session) who() Who {
	return Who{Name: s.Holder, Role: s.Role, Held: s.Token != "", Key: s.Digest}
}

// Session returns who has the session with that ID: [ErrStranger] if there is
// none, or it is over.
func (d *Door) Session(ctx context.Context, id string) (Who, error) {
	if id == "" || d.store == nil {
		return Who{}, ErrStranger
	}
	s, err := d.store.Session(ctx, digest(id))
	switch {
	case errors.Is(err, dialler.ErrNotFound):
		return Who{}, ErrStranger
	case err != nil:
		return Who{}, fmt.Errorf("look up a session: %w", err)
	case !d.now().Before(s.Until):
		return Who{}, ErrStranger
	}
	if s.Token != "" {
		holder, ok := d.holder(s.Token)
		if !ok {
			return Who{}, ErrStranger // the configuration lacks it by now
		}
		s.Holder, s.Role = holder, Operator
	}
	if !s.Role.May(SignIn) {
		return Who{}, ErrStranger // they have been given another role
	}
	return s.who(), nil
}

// SignOut ends the session with that ID.
func (d *Door) SignOut(ctx context.Context, id string) error {
	if d.store == nil {
		return nil
	}
	return d.store.CloseSession(ctx, digest(id))
}

// CSRF is what every form of a session carries. It can be made of the session's
// ID only, which no script can read and no other site can know, and does not
// tell it.
func CSRF(id string) string {
	mac := hmac.New(sha256.New, []byte(id))
	mac.Write([]byte("ringback form"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Genuine reports whether csrf is that of a form of the session.
func Genuine(id, csrf string) bool { return id != "" && hmac.Equal([]byte(csrf), []byte(CSRF(id))) }

// Gate makes an ID as of a session for the form that opens one.
func Gate() string { return randomText() }
