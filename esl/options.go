package esl

import (
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"strings"
	"time"
)

// Options say which FreeSWITCH to drive, and how. The zero value is a
// FreeSWITCH on this machine with the settings of deploy/freeswitch, but for
// the password.
type Options struct {
	// Addr is the host:port of mod_event_socket. "": 127.0.0.1:8021.
	Addr string
	// Password is that of event_socket.conf.xml. It travels in the clear, as
	// everything on the event socket does.
	Password string

	// App is our mark on calls, 1 to 40 letters, digits, hyphens and
	// underscores: the variable ringback_app, and the account code, so that
	// call records show it. Two installations that drive one FreeSWITCH need
	// two names. "": ringback.
	App string

	// Detector is an application that screens an answered call, as the
	// inline dialplan takes it ("amd", "vm_detect:strict"), and
	// DetectorVariable the channel variable it leaves its verdict in:
	// "machine" or "human" in any case, anything else is unsure. Detector
	// "": mod_avmd, which knows a voicemail by its beep and nothing else.
	Detector, DetectorVariable string
	// ScreenTimeout is how long after the answer a verdict is waited for;
	// then it is unsure, and that is a person. With mod_avmd a person hears
	// silence for all of that time. 0: 4 s.
	ScreenTimeout time.Duration

	// UserToUser adds the header User-to-User (RFC 7433) to a SIP bot's
	// INVITE.
	UserToUser bool

	// RequestTimeout is the limit of one command. 0: 5 s.
	RequestTimeout time.Duration
	// PingInterval is how often either connection is asked for a sign of
	// life, which has to come within the same time. 0: 5 s.
	PingInterval time.Duration
	// RetryDelay is the longest wait between two attempts to connect; the
	// first comes after a fiftieth of it. 0: 5 s.
	RetryDelay time.Duration

	// Logger gets what an operator should know. nil: nobody is told.
	Logger *slog.Logger
	// Observe, if not nil, is told of every command and every event for the
	// metrics. It is called from many goroutines and must be quick.
	Observe func(Observation)
}

// An Observation is one command or one event, for the metrics.
type Observation struct {
	What   string        // "uuid_kill", "originate", "event CHANNEL_ANSWER", "connect"; one of some forty
	Took   time.Duration // of a command; 0 for an event
	Failed bool          // the command had no answer, or -ERR
}

var (
	appName      = regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`)
	detectorForm = regexp.MustCompile(`^[a-z][a-z0-9_]*(:[A-Za-z0-9_.=/;-]+)?$`)
)

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
	text(&o.Addr, "127.0.0.1:8021")
	text(&o.App, "ringback")
	limit(&o.ScreenTimeout, 4*time.Second)
	limit(&o.RequestTimeout, 5*time.Second)
	limit(&o.PingInterval, 5*time.Second)
	limit(&o.RetryDelay, 5*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if _, port, err := net.SplitHostPort(o.Addr); err != nil || port == "" {
		return o, fmt.Errorf("addr: got %q; want the host:port of the event socket, such as 127.0.0.1:8021", o.Addr)
	}
	if strings.ContainsAny(o.Password, "\r\n\x00") {
		return o, fmt.Errorf("password: got one with a line end; want that of event_socket.conf.xml")
	}
	if !appName.MatchString(o.App) {
		return o, fmt.Errorf("app: got %q; want 1 to 40 letters, digits, hyphens and underscores", o.App)
	}
	if o.Detector != "" && !detectorForm.MatchString(o.Detector) {
		return o, fmt.Errorf("detector: got %q; want an application, or application:arguments without blanks, such as amd", o.Detector)
	}
	if (o.Detector == "") != (o.DetectorVariable == "") {
		return o, fmt.Errorf("detector_variable: got %q beside detector %q; want both or neither", o.DetectorVariable, o.Detector)
	}
	if o.DetectorVariable != "" && !variableName.MatchString(o.DetectorVariable) {
		return o, fmt.Errorf("detector_variable: got %q; want the name of a channel variable, such as amd_result", o.DetectorVariable)
	}
	return o, nil
}
