package user

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"time"
	"unicode/utf8"

	"ringback/dialler"
)

// A User is somebody who may use Ringback.
type User struct {
	Name     string // unique; see [CheckName]
	Role     Role
	Password string // as [Hash] made it; empty: they cannot sign in to the console
	Added    time.Time
}

// A Session is somebody who is signed in to the console.
type Session struct {
	Digest string // of its ID, which only the browser has
	Holder string // a user's name, or that of the holder of a configured token
	// Token is the digest of the configured token that opened it: the session
	// is over once the configuration lacks it. Empty: a user's session, which
	// ends with the user.
	Token string
	Until time.Time
	Role  Role // of a user, as it is now; a store reads it and does not write it
}

// A Token lets a user's programs in. It may do what its user may.
type Token struct {
	Digest string // of the token, which only its holder has
	User   string
	Name   string // unique among its user's
	Added  time.Time
	Role   Role // of the user, as it is now; a store reads it and does not write it
}

// ErrLast means that a user is the last operator with a password, and so the last
// who can sign in and manage users. It is a [dialler.ErrConflict].
var ErrLast error = lastError{}

type lastError struct{}

func (lastError) Error() string {
	return "this is the last operator who can sign in; make another one first"
}
func (lastError) Unwrap() error { return dialler.ErrConflict }

// A Store keeps users. What is not there is [dialler.ErrNotFound], a name that
// is taken [dialler.ErrConflict].
type Store interface {
	AddUser(ctx context.Context, u User) error
	User(ctx context.Context, name string) (User, error)
	Users(ctx context.Context) ([]User, error) // by name
	// SetRole is refused with ErrLast if r is not Operator and the user is the
	// last, also where two do it to each other at once.
	SetRole(ctx context.Context, name string, r Role) error
	// SetPassword also ends the user's sessions.
	SetPassword(ctx context.Context, name, hash string) error
	// RemoveUser removes the user with their sessions and tokens; ErrLast as
	// with SetRole.
	RemoveUser(ctx context.Context, name string) error

	// OpenSession writes a session down, and forgets those that were over at
	// now. A user's is refused with ErrNotFound if the user has gone.
	OpenSession(ctx context.Context, s Session, now time.Time) error
	// Session returns the session with that digest, over or not.
	Session(ctx context.Context, digest string) (Session, error)
	// CloseSession forgets a session; one that is not there is none to close.
	CloseSession(ctx context.Context, digest string) error

	AddToken(ctx context.Context, t Token) error
	Tokens(ctx context.Context, user string) ([]Token, error) // by name
	RemoveToken(ctx context.Context, user, name string) error
	// Token returns the token with that digest.
	Token(ctx context.Context, digest string) (Token, error)
}

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._@-]{0,63}$`)

// CheckName returns a [*dialler.FieldError] if name will not do for a user or
// a token.
func CheckName(name string) error {
	if !nameForm.MatchString(name) {
		return &dialler.FieldError{Field: "name", Got: fmt.Sprintf("%.80q", name), Want: "1 to 64 of a-z, 0-9, dot, hyphen, underscore and @, a letter or digit first"}
	}
	return nil
}

// CheckRole returns a [*dialler.FieldError] if r is no role.
func CheckRole(r Role) error {
	if !r.Known() {
		return &dialler.FieldError{Field: "role", Got: fmt.Sprintf("%.80q", r), Want: "operator, viewer or api"}
	}
	return nil
}

// Limits of a password, in characters: NIST SP 800-63B asks for eight or more,
// and for no rules of what must be in it.
const (
	leastPassword = 10
	mostPassword  = 256
)

// CheckPassword returns a [*dialler.FieldError], which does not repeat it, if
// password will not do for the user of that name.
func CheckPassword(name, password string) error {
	n := utf8.RuneCountInString(password)
	switch {
	case !utf8.ValidString(password):
		return &dialler.FieldError{Field: "password", Got: "bytes that are no text", Want: "text in UTF-8"}
	case n < leastPassword || n > mostPassword:
		return &dialler.FieldError{Field: "password", Got: fmt.Sprintf("%d characters", n), Want: fmt.Sprintf("%d to %d", leastPassword, mostPassword)}
	case password == name:
		return &dialler.FieldError{Field: "password", Got: "the user's name", Want: "something nobody would guess"}
	}
	return nil
}

// Check returns a [*dialler.FieldError] for each of them that will not do for a
// user, joined. An empty password is for one who does not sign in: the role api.
func Check(name string, r Role, password string) error {
	err := errors.Join(CheckName(name), CheckRole(r))
	if password != "" || r.May(SignIn) {
		err = errors.Join(err, CheckPassword(name, password))
	}
	return err
}

// New makes a user of what somebody chose, if [Check] has nothing against it.
func New(name string, r Role, password string, now time.Time) (User, error) {
	if err := Check(name, r, password); err != nil {
		return User{}, err
	}
	u := User{Name: name, Role: r, Added: now}
	if password != "" {
		u.Password = Hash(password)
	}
	return u, nil
}

// NewToken makes a token for a user. secret is what the holder is shown, once.
func NewToken(user, name string, now time.Time) (t Token, secret string, err error) {
	if err := CheckName(name); err != nil {
		return Token{}, "", err
	}
	secret = "rb_" + randomText()
	return Token{Digest: digest(secret), User: user, Name: name, Added: now}, secret, nil
}

// randomText is 256 bits nobody can guess, in 43 characters.
func randomText() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b)
}

// digest is what is kept of a secret of 256 random bits.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
