package user

import (
	"context"
	"slices"
)

// A Role is what somebody may do.
type Role string

// The roles. Any other may do nothing.
const (
	Operator Role = "operator" // everything
	Viewer   Role = "viewer"   // look at everything but users; change nothing
	API      Role = "api"      // a program: everything by the API but users; no console
)

// Roles lists them.
var Roles = []Role{Operator, Viewer, API}

// An Act is a kind of thing to do.
type Act string

// The acts.
const (
	Look   Act = "look"    // read, and no more
	Change Act = "change"  // anything else
	Manage Act = "manage"  // users, their passwords, roles and tokens
	SignIn Act = "sign in" // to the console, with a password of one's own that one may change
)

var may = map[Role][]Act{
	Operator: {Look, Change, Manage, SignIn},
	Viewer:   {Look, SignIn},
	API:      {Look, Change},
}

// May reports whether somebody with that role may do a.
func (r Role) May(a Act) bool { return slices.Contains(may[r], a) }

// Known reports whether r is one of [Roles].
func (r Role) Known() bool { return slices.Contains(Roles, r) }

// ActOf is what a request by that method does: what RFC 9110 §9.2.1 calls safe
// looks, and all else changes.
func ActOf(method string) Act {
	switch method {
	case "GET", "HEAD", "OPTIONS", "TRACE":
		return Look
	}
	return Change
}

// Who is somebody who was let in.
type Who struct {
	Name string // of the user, or the holder of a configured token
	Role Role
	Held bool // they came by a configured token: Name is no user's
	// Key tells the means by which they came in from any other: limits are
	// counted by it. It opens nothing.
	Key string
}

// How a browser brings a session: by a cookie, and beside it, in requests to the
// API, by a header with what [CSRF] makes of it, which no other site can send.
const (
	SessionCookie = "ringback_session"
	CSRFHeader    = "Ringback-CSRF"
)

type whoKey struct{}

// With returns a context that says who asks.
func With(ctx context.Context, w Who) context.Context { return context.WithValue(ctx, whoKey{}, w) }

// From returns who asks; nobody, whose role allows nothing, if the context does
// not say.
func From(ctx context.Context) Who {
	w, _ := ctx.Value(whoKey{}).(Who)
	return w
}
