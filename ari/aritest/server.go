package aritest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// Options of a Server. The zero value misbehaves.
type Options struct {
	Seed   uint64
	Faults *Faults // nil: [Misbehaving]; &Faults{}: none
	// Where says which requests meet faults, by method and path below /ari/.
	// nil: all.
	Where func(method, path string) bool
	// Ring is from the request to dial to 180 or 183, and from there to the
	// answer or the refusal. 0: 20 ms.
	Ring time.Duration
	// Talk is how long a bot that leaves stays. 0: 500 ms.
	Talk time.Duration
	// Seen is told of every request once it is done, for tests that count
	// them. nil: nobody is told.
	Seen func(method, path string)
}

// A Server is an Asterisk with a trunk (PJSIP/…@trunk) and bots (PJSIP/bot…).
// Its ARI user is ringback.
type Server struct {
	URL      string
	Password string

	o    Options
	dice *dice
	http *httptest.Server

	mu       sync.Mutex
	faults   Faults
	closed   bool
	started  time.Time
	refuse   time.Time // no connection before
	apps     map[string]*app
	channels map[string]*channel
	bridges  map[string]*bridge
	calls    []*Call
	timers   sync.WaitGroup
	live     map[*time.Timer]bool
	serial   int
}

// Start runs a Server on a free port of loopback.
func Start(o Options) *Server {
	if o.Ring == 0 {
		o.Ring = 20 * time.Millisecond
	}
	if o.Talk == 0 {
		o.Talk = 500 * time.Millisecond
	}
	s := &Server{
		Password: "secret", o: o, dice: newDice(o.Seed), started: time.Now(),
		apps: map[string]*app{}, channels: map[string]*channel{}, bridges: map[string]*bridge{}, live: map[*time.Timer]bool{},
	}
	s.faults = Misbehaving()
	if o.Faults != nil {
		s.faults = *o.Faults
	}
	s.http = httptest.NewUnstartedServer(s.routes())
	s.http.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, &connection{net: c})
	}
	s.http.Start()
	s.URL = s.http.URL + "/ari"
	return s
}

// A connection remembers a conflict: from then on each failure to allocate on
// it reads as one.
type connection struct {
	net    net.Conn
	sticky bool
}

type connKey struct{}

// Misbehave changes the faults.
func (s *Server) Misbehave(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

// Close ends it.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	for t := range s.live {
		if t.Stop() {
			s.timers.Done()
		}
		delete(s.live, t)
	}
	s.cutLocked()
	s.mu.Unlock()
	s.timers.Wait()
	s.http.CloseClientConnections()
	s.http.Close()
}

// after runs f later, holding the lock, unless the Server is closed by then.
// The lock is held.
func (s *Server) after(d time.Duration, f func()) {
	if s.closed {
		return
	}
	s.timers.Add(1)
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		defer s.timers.Done()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.live, t)
		if !s.closed {
			f()
		}
	})
	s.live[t] = true
}

// Cut breaks every connection, and takes none for a while.
func (s *Server) Cut(pause time.Duration) {
	s.mu.Lock()
	s.refuse = time.Now().Add(pause)
	s.cutLocked()
	s.mu.Unlock()
	s.http.CloseClientConnections()
}

// Crash is kill -9 and a new start: no event is sent, and all calls are gone.
func (s *Server) Crash() {
	s.mu.Lock()
	for _, ch := range s.channels {
		ch.gone = true
		if ch.call != nil {
			ch.call.Live = false
		}
	}
	s.cutLocked()
	clear(s.channels)
	clear(s.bridges)
	clear(s.apps)
	s.started = time.Now()
	s.mu.Unlock()
	s.http.CloseClientConnections()
}

// Channels is how many there are.
func (s *Server) Channels() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.channels)
}

// Bridges is how many there are.
func (s *Server) Bridges() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.bridges)
}

// routes is the wire: refusals, the password, faults, and then the request.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	s.handle(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		away, f := time.Now().Before(s.refuse), s.faults
		s.mu.Unlock()
		if away {
			reset(r)
			panic(http.ErrAbortHandler)
		}
		user, password, _ := r.BasicAuth()
		if user != "ringback" || password != s.Password {
			answer(w, http.StatusUnauthorized, map[string]string{"message": "Authentication required"})
			return
		}
		path := strings.TrimPrefix(r.URL.Path, "/ari/")
		if s.o.Seen != nil {
			defer s.o.Seen(r.Method, path)
		}
		if path == "events" {
			s.events(w, r)
			return
		}
		// A link that cannot even be set up would teach nothing.
		spared := path == "asterisk/info" || strings.HasSuffix(path, "/eventFilter") || strings.HasPrefix(path, "events/user/")
		if spared || s.o.Where != nil && !s.o.Where(r.Method, path) {
			mux.ServeHTTP(w, r)
			return
		}
		most := f.MaxDelay
		if most == 0 {
			most = 50 * time.Millisecond
		}
		if s.dice.hit(f.Before) {
			answer(w, 500+3*int(s.dice.upTo(1)), map[string]string{"message": "aritest: not today"})
			return
		}
		if s.dice.hit(f.Slow / 2) {
			s.pause(r.Context(), s.dice.upTo(most))
		}
		said := httptest.NewRecorder()
		mux.ServeHTTP(said, r)
		if s.dice.hit(f.Slow / 2) {
			s.pause(r.Context(), s.dice.upTo(most))
		}
		body := said.Body.Bytes()
		switch {
		case s.dice.hit(f.Reset):
			reset(r)
			panic(http.ErrAbortHandler)
		case said.Code/100 == 2 && s.dice.hit(f.After):
			answer(w, 500+3*int(s.dice.upTo(1)), map[string]string{"message": "aritest: done, but I say it is not"})
		case len(body) > 0 && s.dice.hit(f.HalfBody):
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(said.Code)
			_, _ = w.Write(body[:len(body)/2])
		default:
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(said.Code)
			_, _ = w.Write(body)
		}
	})
}

func (s *Server) pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// reset closes the connection so that the client sees a reset.
func reset(r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(*connection); ok {
		if t, ok := c.net.(*net.TCPConn); ok {
			_ = t.SetLinger(0)
		}
	}
}

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if body != nil {
		_ = json.NewEncoder(w).Encode(body)
	}
}

func message(w http.ResponseWriter, code int, words string) {
	answer(w, code, map[string]string{"message": words})
}

// readBody reads a JSON body; Asterisk takes 40960 bytes of it.
func readBody(w http.ResponseWriter, r *http.Request, into any) bool {
	b, err := io.ReadAll(io.LimitReader(r.Body, 40961))
	if err != nil || len(b) > 40960 {
		message(w, http.StatusRequestEntityTooLarge, "Request body too large")
		return false
	}
	if len(b) == 0 {
		return true
	}
	if err := json.Unmarshal(b, into); err != nil {
		message(w, http.StatusBadRequest, fmt.Sprintf("Invalid body: %v", err))
		return false
	}
	return true
}

func stamp() string { return time.Now().Format("2006-01-02T15:04:05.000-0700") }
