package push

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"ringback/dialler"
)

// What one request may take.
const (
	DefaultTimeout = 10 * time.Second // from the look-up of the name to the end of the answer
	dialTime       = 5 * time.Second
	maxAnswer      = 64 << 10 // of an answer's body; what comes after is not read
	maxHeaders     = 32 << 10
	maxSaid        = 300 // of what is kept of it
	mostPatience   = time.Hour
)

// A Sender makes requests to webhooks.
type Sender struct {
	client  *http.Client
	agent   string
	timeout time.Duration
}

// NewSender makes one that connects where g lets it. version is the program's;
// timeout 0: [DefaultTimeout].
func NewSender(g *Guard, version string, timeout time.Duration) *Sender {
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	agent := "Ringback"
	if version != "" {
		agent += "/" + version
	}
	return &Sender{
		agent: agent, timeout: timeout,
		client: &http.Client{
			// Neither the body nor its signature is for another address.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{
				Proxy:                  nil, // one would connect for us, where no guard is
				DialContext:            g.dial,
				TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
				TLSHandshakeTimeout:    dialTime,
				DisableCompression:     true,
				MaxResponseHeaderBytes: maxHeaders,
				MaxIdleConns:           100,
				MaxIdleConnsPerHost:    8,
				IdleConnTimeout:        30 * time.Second,
			},
		},
	}
}

// Close lets go of connections that are not in use.
func (s *Sender) Close() { s.client.CloseIdleConnections() }

// An Answer is what came of a request.
type Answer struct {
	Status int    // 0: none came
	Said   string // what was wrong; empty: nothing, it is delivered
	// After is how long the receiver asks to be left alone; 0: it did not say.
	After time.Duration
	Took  time.Duration
}

// OK reports whether the message is delivered.
func (a Answer) OK() bool { return a.Said == "" }

// Send posts a body under an ID, signed at this moment.
func (s *Sender) Send(ctx context.Context, w dialler.Webhook, id string, body []byte) Answer {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	at := time.Now()
	sig, err := Sign(w.Secret, id, at, body)
	if err != nil {
		return Answer{Said: err.Error()}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return Answer{Said: clean(err.Error())}
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", s.agent)
	r.Header[HeaderID] = []string{id} // in lower case, as the scheme writes them
	r.Header[HeaderTimestamp] = []string{strconv.FormatInt(at.Unix(), 10)}
	r.Header[HeaderSignature] = []string{sig}
	a := s.ask(r)
	a.Took = time.Since(at)
	return a
}

func (s *Sender) ask(r *http.Request) Answer {
	resp, err := s.client.Do(r)
	if err != nil {
		return Answer{Said: s.reason(err)}
	}
	defer func() { _ = resp.Body.Close() }()
	a := Answer{Status: resp.StatusCode, After: patience(resp.Header.Get("Retry-After"))}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case resp.StatusCode/100 == 3:
		a.Said = fmt.Sprintf("answered %s, which leads elsewhere; redirects are not followed: give the address it leads to", status(resp.StatusCode))
	case resp.StatusCode/100 != 2:
		a.Said = "answered " + status(resp.StatusCode)
		if text := clean(string(body)); text != "" {
			a.Said += ": " + text
		}
	case err != nil:
		// Whoever breaks off may not have kept what it was given.
		a.Said = fmt.Sprintf("answered %s and broke off: %s", status(resp.StatusCode), s.reason(err))
	}
	return a
}

func status(code int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", code, http.StatusText(code)))
}

// reason says why there is no answer, without the URL, which may hold a token.
func (s *Sender) reason(err error) string {
	var refused *RefusedError
	var outer *url.Error
	var dns *net.DNSError
	switch {
	case errors.As(err, &refused):
		return refused.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("no answer within %v", s.timeout)
	case errors.As(err, &dns):
		return clean("the host's name could not be looked up: " + dns.Err)
	case errors.As(err, &outer):
		err = outer.Err
	}
	return clean(err.Error())
}

// clean makes a line of what somebody sent, short and without control
// characters.
func clean(s string) string {
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)), " ")
	if len(s) > maxSaid {
		cut := maxSaid
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	return s
}

// patience reads a Retry-After (RFC 9110 §10.2.3) of seconds or a date.
func patience(header string) time.Duration {
	var d time.Duration
	if n, err := strconv.ParseInt(header, 10, 32); err == nil {
		d = time.Duration(n) * time.Second
	} else if t, err := http.ParseTime(header); err == nil {
		d = time.Until(t)
	}
	return max(0, min(d, mostPatience))
}
