package aritest

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// An app is a Stasis application. It goes when nobody is connected and nothing
// is left in it.
type app struct {
	name   string
	socket *socket // nil: nobody is connected
	mute   map[string]bool
}

// A socket is a WebSocket, with what is still to be sent.
type socket struct {
	s    *Server
	conn *websocket.Conn
	done context.CancelFunc

	mu    sync.Mutex
	queue [][]byte
	more  chan struct{}
}

func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("app")
	if name == "" {
		message(w, http.StatusBadRequest, "Missing param 'app'")
		return
	}
	// The application is there before the client knows of it.
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	k := &socket{s: s, done: cancel, more: make(chan struct{}, 1)}
	s.mu.Lock()
	a := s.apps[name]
	if a == nil {
		a = &app{name: name, mute: map[string]bool{}}
		s.apps[name] = a
	}
	if old := a.socket; old != nil {
		// The old one is told, and then deaf for ever.
		old.put(s.mark(name, map[string]any{"type": "ApplicationReplaced"}))
	}
	a.socket = k
	if s.dice.hit(s.faults.Mute) || s.dice.hit(s.faults.Deaf) && !s.occupied(a) {
		s.leave(a)
	}
	closed := s.closed
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if a.socket == k {
			s.leave(a)
		}
	}()
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"ari"}})
	if err != nil || closed {
		return
	}
	k.conn = conn
	go func() {
		for { // pings are answered by reading
			if _, _, err := conn.Read(ctx); err != nil {
				cancel()
				return
			}
		}
	}()
	k.send(ctx)
	_ = conn.CloseNow()
}

// leave is the end of an application's connection. What it was subscribed to
// beyond its own channels is forgotten.
func (s *Server) leave(a *app) {
	a.socket = nil
	for _, ch := range s.channels {
		if ch.app == a.name && !ch.stasis {
			ch.heard = false
		}
	}
	if !s.occupied(a) {
		delete(s.apps, a.name)
	}
}

// occupied reports whether calls are in the application.
func (s *Server) occupied(a *app) bool {
	for _, ch := range s.channels {
		if ch.app == a.name && ch.stasis {
			return true
		}
	}
	return false
}

func (s *Server) cutLocked() {
	for _, a := range s.apps {
		if k := a.socket; k != nil {
			s.leave(a)
			k.done()
		}
	}
}

// mark makes the JSON of an event.
func (s *Server) mark(application string, e map[string]any) []byte {
	e["application"], e["timestamp"], e["asterisk_id"] = application, stamp(), "02:00:00:00:00:01"
	b, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	return b
}

// emit tells an application, if it is connected. The lock is held.
func (s *Server) emit(application string, e map[string]any) {
	a := s.apps[application]
	if a == nil || a.socket == nil || a.mute[e["type"].(string)] {
		return
	}
	a.socket.put(s.mark(application, e))
}

func (k *socket) put(b []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.queue = append(k.queue, b)
	select {
	case k.more <- struct{}{}:
	default:
	}
}

func (k *socket) take() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.queue) == 0 {
		return nil
	}
	b := k.queue[0]
	k.queue = k.queue[1:]
	return b
}

// send writes what there is, with its faults, until the end.
func (k *socket) send(ctx context.Context) {
	for ctx.Err() == nil {
		b := k.take()
		if b == nil {
			select {
			case <-k.more:
			case <-ctx.Done():
			}
			continue
		}
		k.s.mu.Lock()
		f := k.s.faults
		k.s.mu.Unlock()
		most := f.MaxDelay
		if most == 0 {
			most = 50 * time.Millisecond
		}
		if k.s.dice.hit(f.Delay) {
			k.s.pause(ctx, k.s.dice.upTo(most))
		}
		if k.s.dice.hit(f.Cut) {
			return
		}
		if k.s.dice.hit(f.Half) {
			b = b[:len(b)/2]
		}
		times := 1
		if k.s.dice.hit(f.Repeat) {
			times = 2
		}
		for range times {
			if k.conn.Write(ctx, websocket.MessageText, b) != nil {
				return
			}
		}
	}
}
