package ari

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// A statusError is an answer of Asterisk other than 2xx. Asterisk's own words
// are in the body's "message", or in "error" for an allocation failure.
type statusError struct {
	Request string
	Code    int
	Message string
}

func (e *statusError) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("%s: %d %s", e.Request, e.Code, http.StatusText(e.Code))
	}
	return fmt.Sprintf("%s: %d %s", e.Request, e.Code, e.Message)
}

// errNotSent says that no connection could be had, so Asterisk was surely not
// asked. An error that is neither this nor a statusError leaves open whether
// the request was obeyed: one that goes out is carried out even if its client
// is gone by then.
var errNotSent = errors.New("not sent")

func code(err error) int {
	var e *statusError
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

// newTransport gives every Switch connections of its own: a shared default
// would let one Switch's burst take another's.
func newTransport(o Options) *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&gate{dialer: net.Dialer{Timeout: o.RequestTimeout}, places: make(chan struct{}, o.Connections)}).dial,
		MaxConnsPerHost:     o.Connections - 1, // and the WebSocket
		MaxIdleConnsPerHost: o.Connections - 1,
		// Asterisk closes an idle connection after 15 s (http.conf,
		// session_keep_alive). We let go first, or a POST would now and
		// then be written to a connection that is being closed.
		IdleConnTimeout:    10 * time.Second,
		DisableCompression: true,
	}
}

// A gate lets a connection be made when there is a place for it. The transport
// counts as well, but no longer counts one that it is about to close: for that
// moment there would be one too many, and Asterisk (sessionlimit) refuses it.
type gate struct {
	dialer net.Dialer
	places chan struct{}
}

func (g *gate) dial(ctx context.Context, network, address string) (net.Conn, error) {
	select {
	case g.places <- struct{}{}:
	case <-ctx.Done():
		return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
	}
	leave := sync.OnceFunc(func() { <-g.places })
	conn, err := g.dialer.DialContext(ctx, network, address)
	if err != nil {
		leave()
		return nil, err
	}
	return &placed{conn, leave}, nil
}

// placed is a connection that gives its place back when it has been closed.
type placed struct {
	net.Conn

	leave func()
}

func (p *placed) Close() error {
	defer p.leave()
	return p.Conn.Close()
}

// do asks Asterisk. path is below the root, its elements escaped; body is
// sent as JSON unless nil, and the answer is read into out unless nil.
//
// The limit of a request starts when its turn has come: who waits for that has
// not asked anything yet.
func (s *Switch) do(ctx context.Context, method, path string, query url.Values, body, out any) error {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return fmt.Errorf("%s %s: %w (%w)", method, path, ctx.Err(), errNotSent)
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.RequestTimeout)
	defer cancel()
	began := time.Now()
	status, err := s.roundTrip(ctx, method, path, query, body, out)
	s.observe(Observation{What: method + " " + pattern(path), Took: time.Since(began), Code: status})
	return err
}

// again posts what may be posted twice, up to three times if Asterisk fails.
func (s *Switch) again(ctx context.Context, path string, query url.Values) error {
	for try := 1; ; try++ {
		err := s.do(ctx, http.MethodPost, path, query, nil, nil)
		if try == 3 || code(err)/100 != 5 || ctx.Err() != nil {
			return err
		}
		time.Sleep(time.Duration(try) * 10 * time.Millisecond)
	}
}

func (s *Switch) roundTrip(ctx context.Context, method, path string, query url.Values, body, out any) (int, error) {
	name := method + " " + path
	address := s.opts.URL + "/" + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return 0, fmt.Errorf("%s: %w (%w)", name, err, errNotSent)
		}
		content = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, content)
	if err != nil {
		return 0, fmt.Errorf("%s: %w (%w)", name, err, errNotSent)
	}
	req.SetBasicAuth(s.opts.User, s.opts.Password)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := s.http.Do(req)
	if err != nil {
		var dial *net.OpError
		if errors.As(err, &dial) && dial.Op == "dial" {
			return 0, fmt.Errorf("%s: %w (%w)", name, err, errNotSent)
		}
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20)) // GET channels with 10 000 of them is 7 MB
	if resp.StatusCode/100 != 2 {
		var words struct{ Message, Error string }
		_ = json.Unmarshal(answer, &words) // a proxy's error page has no words of Asterisk's
		return resp.StatusCode, &statusError{name, resp.StatusCode, words.Message + words.Error}
	}
	if out == nil {
		return resp.StatusCode, nil // the status says it all, whatever became of the body
	}
	if err == nil {
		err = json.Unmarshal(answer, out)
	}
	if err != nil {
		return resp.StatusCode, fmt.Errorf("%s: reading the answer: %w", name, err)
	}
	return resp.StatusCode, nil
}

// pattern is path without its IDs, so that observations are of few kinds.
func pattern(path string) string {
	parts := strings.Split(path, "/")
	if len(parts) > 1 && parts[1] != "create" && parts[1] != "info" {
		parts[1] = "{id}"
	}
	if len(parts) > 3 {
		parts = parts[:3]
	}
	return strings.Join(parts, "/")
}

func (s *Switch) observe(o Observation) {
	if s.opts.Observe != nil {
		s.opts.Observe(o)
	}
}
