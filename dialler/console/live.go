package console

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"ringback/dialler"
)

// Limits of what is kept for browsers.
const (
	maxBrowsers = 200 // streams at once
	maxChanged  = 32  // campaigns told apart in one event; beyond, all have changed
	streamPause = 250 * time.Millisecond
	streamBeat  = 15 * time.Second // a line when there is no news, so that a dead connection is found
)

// Live is the present: the calls under way in this process, and who wants to be
// told when something changes. Its methods never block and may be called from
// any goroutine.
type Live struct {
	mu      sync.Mutex
	calls   map[dialler.CallID]LiveCall
	streams map[*stream]bool
	closed  chan struct{}
	once    sync.Once
}

// A LiveCall is a call under way.
type LiveCall struct {
	ID       dialler.CallID
	Campaign dialler.CampaignID
	Contact  dialler.ContactID
	Number   dialler.Number
	Class    dialler.Class
	Stage    Stage
	Since    time.Time // that it is in this stage
}

// Stage is how far a call has come, as operators say it.
type Stage string

// The stages.
const (
	StageDialling  Stage = "dialling"
	StageRinging   Stage = "ringing"
	StageAnswered  Stage = "answered" // the bot is being sent for
	StageScreening Stage = "screened"
	StageTalking   Stage = "talking" // with the bot
	StageEnding    Stage = "ending"
)

// A stream is one browser that listens.
type stream struct {
	ready   chan struct{} // one token while there is something to tell
	changed map[dialler.CampaignID]bool
	all     bool
}

// NewLive returns an empty board.
func NewLive() *Live {
	return &Live{calls: map[dialler.CallID]LiveCall{}, streams: map[*stream]bool{}, closed: make(chan struct{})}
}

// Close ends all streams, and those to come at once.
func (l *Live) Close() { l.once.Do(func() { close(l.closed) }) }

// Observe takes what the loop tells.
func (l *Live) Observe(h dialler.Happening) {
	a := h.Lease.Attempt
	id := cmp.Or(a.Campaign, h.Campaign.ID)
	if h.Kind == dialler.LinkChanged {
		l.Changed()
		return
	}
	l.mu.Lock()
	if a.ID != "" {
		l.follow(h, a)
	}
	l.mu.Unlock()
	if id != 0 {
		l.Changed(id)
	}
}

// follow moves a call on the board.
func (l *Live) follow(h dialler.Happening, a dialler.Attempt) {
	switch h.Kind {
	case dialler.HasSettled, dialler.WasWithdrawn, dialler.LeaseLapsed:
		delete(l.calls, a.ID)
		return
	case dialler.WasLeased, dialler.WasAdopted:
		c := LiveCall{a.ID, a.Campaign, a.Contact, a.Number, a.Class, StageDialling, h.At}
		switch {
		case !a.Joined.IsZero():
			c.Stage, c.Since = StageTalking, a.Joined
		case !a.Answered.IsZero():
			c.Stage, c.Since = StageAnswered, a.Answered
		}
		l.calls[a.ID] = c
		return
	}
	c, ok := l.calls[a.ID]
	if !ok || h.Kind != dialler.HasNews {
		return
	}
	stage := map[dialler.EventKind]Stage{
		dialler.Ringing: StageRinging, dialler.EarlyMedia: StageRinging, dialler.Up: StageAnswered,
		dialler.Screened: StageScreening, dialler.Joined: StageTalking, dialler.BotLeft: StageEnding, dialler.HungUp: StageEnding,
	}[h.Event.Kind]
	if stage == "" || stage == c.Stage {
		return
	}
	c.Stage, c.Since = stage, h.At
	l.calls[a.ID] = c
}

// Calls returns the calls of a campaign that are under way in this process, the
// longest first.
func (l *Live) Calls(id dialler.CampaignID) []LiveCall {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []LiveCall
	for _, c := range l.calls {
		if c.Campaign == id {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b LiveCall) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// Changed tells the browsers that these campaigns have changed; none named:
// anything may have.
func (l *Live) Changed(ids ...dialler.CampaignID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for s := range l.streams {
		s.all = s.all || len(ids) == 0
		for _, id := range ids {
			s.changed[id] = true
		}
		if len(s.changed) > maxChanged {
			s.all = true
		}
		if s.all {
			clear(s.changed)
		}
		select {
		case s.ready <- struct{}{}:
		default:
		}
	}
}

func (l *Live) listen() (*stream, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.streams) >= maxBrowsers {
		return nil, false
	}
	s := &stream{ready: make(chan struct{}, 1), changed: map[dialler.CampaignID]bool{}}
	l.streams[s] = true
	return s, true
}

func (l *Live) leave(s *stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.streams, s)
}

// take returns what a browser has not been told, as an event.
func (l *Live) take(s *stream) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all, ids := s.all, []dialler.CampaignID{}
	for id := range s.changed {
		ids = append(ids, id)
	}
	s.all = false
	clear(s.changed)
	if all {
		return "event: refresh\ndata: {}\n\n"
	}
	if len(ids) == 0 {
		return ""
	}
	slices.Sort(ids)
	body, _ := json.Marshal(ids) // a list of numbers
	return fmt.Sprintf("event: change\ndata: %s\n\n", body)
}

// events is the stream of one browser.
func (c *console) events(w http.ResponseWriter, r *http.Request, _ session) {
	s, ok := c.Live.listen()
	if !ok {
		http.Error(w, "too many browsers are listening", http.StatusServiceUnavailable)
		return
	}
	defer c.Live.leave(s)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would keep the news to itself
	control := http.NewResponseController(w)
	tell := func(text string) bool {
		// Each write has its own limit; the server's is for whole answers.
		_ = control.SetWriteDeadline(time.Now().Add(2 * streamBeat))
		_, err := w.Write([]byte(text))
		return err == nil && control.Flush() == nil
	}
	if !tell("retry: 2000\n\n") {
		return
	}
	beat := time.NewTicker(streamBeat)
	defer beat.Stop()
	for {
		var text string
		select {
		case <-r.Context().Done():
			return
		case <-c.Live.closed:
			return
		case <-s.ready:
			text = c.Live.take(s)
		case <-beat.C:
			text = ": still here\n\n"
		}
		if _, in, err := c.session(r); !in && err == nil { // what the store cannot say it says at the next beat
			tell("event: signed-out\ndata: {}\n\n")
			return
		}
		if text == "" {
			continue
		}
		if !tell(text) {
			return
		}
		select { // what happens meanwhile is told at once, later
		case <-time.After(streamPause):
		case <-r.Context().Done():
			return
		case <-c.Live.closed:
			return
		}
	}
}
