package ari

import (
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Options say which Asterisk to drive, and how. The zero value is an Asterisk
// on this machine with the settings of deploy/asterisk, but for the password.
type Options struct {
	// URL is the root of the REST interface; events are at the same address
	// with ws, under /events. "": http://127.0.0.1:8088/ari.
	URL string
	// User and Password are of a section of ari.conf with type=user and
	// read_only=no. User "": ringback.
	User, Password string

	// App is the name of our Stasis application, 1 to 40 letters, digits,
	// hyphens and underscores. It is also the account code of our calls, by
	// which [Switch.Live] knows them. Two processes that drive one Asterisk
	// need two names: the second to come takes the events of the first, see
	// [Switch.Run]. "": ringback.
	App string

	// AMDContext is the dialplan context an answered call is sent to for
	// machine screening; it runs AMD() and comes back by
	// Stasis(${RINGBACK_APP},amd,${AMDSTATUS},${AMDCAUSE}). "": ringback-amd.
	AMDContext string
	// ScreenTimeout is how long after the answer a verdict is waited for.
	// AMD() takes 5 s at most with the amd.conf that Asterisk ships, so it
	// is 8 s if 0.
	ScreenTimeout time.Duration

	// UserToUser adds the header User-to-User (RFC 7433) to a SIP bot's
	// INVITE, or the variable RINGBACK_USER_TO_USER for any other bot.
	UserToUser bool

	// RequestTimeout is the limit of one HTTP request. 0: 5 s.
	RequestTimeout time.Duration
	// Connections is how many HTTP connections are open at once, at most.
	// Asterisk closes those above its sessionlimit (http.conf, 100 unless
	// set) without a word, and the WebSocket is one of them. 0: 32; at
	// least 3.
	Connections int
	// PingInterval is how often the WebSocket is asked for a sign of life:
	// an answer or an event has to come within the same time. 0: 5 s.
	PingInterval time.Duration
	// RetryDelay is the longest wait between two attempts to connect; the
	// first comes after a fiftieth of it. 0: 5 s.
	RetryDelay time.Duration

	// Logger gets what an operator should know. nil: nobody is told.
	Logger *slog.Logger
	// Observe, if not nil, is told of every request and every event for the
	// metrics. It is called from many goroutines and must be quick.
	Observe func(Observation)
}

// An Observation is one request or one event, for the metrics.
type Observation struct {
	What string        // "POST channels/create", "event StasisStart", "connect", "replaced"; one of some forty
	Took time.Duration // of a request; 0 for an event
	Code int           // HTTP status; 0: no answer, or an event
}

var appName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`)
var contextName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,79}$`)

func (o Options) withDefaults() (Options, error) {
	text := func(s *string, to string) {
		if *s == "" {
			*s = to
		}
	}
	limit := func(d *time.Duration, to time.Duration) {
		if *d <= 0 {
			*d = to
		}
	}
	text(&o.URL, "http://127.0.0.1:8088/ari")
	text(&o.User, "ringback")
	text(&o.App, "ringback")
	text(&o.AMDContext, "ringback-amd")
	limit(&o.ScreenTimeout, 8*time.Second)
	limit(&o.RequestTimeout, 5*time.Second)
	limit(&o.PingInterval, 5*time.Second)
	limit(&o.RetryDelay, 5*time.Second)
	if o.Connections <= 0 {
		o.Connections = 32
	}
	o.Connections = max(o.Connections, 3)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.URL = strings.TrimRight(o.URL, "/")
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" {
		return o, fmt.Errorf("url: got %q; want the root of ARI, such as http://127.0.0.1:8088/ari", o.URL)
	}
	if !appName.MatchString(o.App) {
		return o, fmt.Errorf("app: got %q; want 1 to 40 letters, digits, hyphens and underscores", o.App)
	}
	if !contextName.MatchString(o.AMDContext) {
		return o, fmt.Errorf("amd_context: got %q; want the name of a dialplan context", o.AMDContext)
	}
	return o, nil
}
