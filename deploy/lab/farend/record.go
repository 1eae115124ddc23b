package farend

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Header is one header line as it came, in its place.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// A Call is one INVITE that reached the far end, and what became of it. Times are
// zero for what has not happened; within one process they carry the monotonic clock.
type Call struct {
	ID     string `json:"id"`     // SIP Call-ID
	Number string `json:"number"` // user part that was dialled
	Bot    bool   `json:"bot"`    // it is the bot that was dialled, not a customer
	Nth    int    `json:"nth"`    // which call to this number, from 1
	From   string `json:"from"`   // user part of From, the caller's number

	Headers []Header `json:"headers"` // of the INVITE, in order

	Invited  time.Time `json:"invited"`
	Rang     time.Time `json:"rang,omitzero"`     // 180 or 183 was sent
	Answered time.Time `json:"answered,omitzero"` // 200 was sent
	// Confirmed is when the ACK came. A BYE from the switch stands for it too: messages
	// that come together are taken up in either order.
	Confirmed time.Time `json:"confirmed,omitzero"`
	Cancelled time.Time `json:"cancelled,omitzero"` // CANCEL came
	Ended     time.Time `json:"ended,omitzero"`     // final failure, BYE, or given up

	// Status is the final SIP status sent, 487 after a CANCEL; 0 while there is none.
	Status int `json:"status"`
	// EndedBy is who sent the BYE of an answered call: [EndedByUs], [EndedBySwitch];
	// or [EndedLost].
	EndedBy string `json:"ended_by,omitempty"`
	// Heard counts the RTP packets that came from the switch.
	Heard int `json:"heard"`
}

// How an answered call ended.
const (
	EndedByUs     = "us"     // the far end hung up
	EndedBySwitch = "switch" // the switch did
	EndedLost     = "lost"   // the switch went away ([Record.Lost]), or left no way to send BYE
)

// Live reports whether the call has not ended.
func (c Call) Live() bool { return c.Ended.IsZero() }

// Header is the value of the first header of that name, "" without one.
func (c Call) Header(name string) string {
	for _, h := range c.Headers {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

// An Entry is one line of the journal: one thing that happened.
type Entry struct {
	At     time.Time `json:"at"`
	Ms     float64   `json:"ms"`   // since the far end started, by the monotonic clock
	What   string    `json:"what"` // invite, ringing, progress, answer, ack, cancel, bye, final, lost, reinvite, post
	ID     string    `json:"id"`   // SIP Call-ID
	Number string    `json:"number"`
	Bot    bool      `json:"bot,omitempty"`
	Nth    int       `json:"nth,omitempty"`
	Status int       `json:"status,omitempty"`
	By     string    `json:"by,omitempty"`
	// Headers of an INVITE; of a post, its answer in Note.
	Headers []Header `json:"headers,omitempty"`
	Note    string   `json:"note,omitempty"`
}

// A Record is what reached the far end, in order. It may be used from any goroutine.
type Record struct {
	mu      sync.Mutex
	began   time.Time
	calls   []*Call // by INVITE
	byID    map[string]*Call
	dialled map[string]int // calls so far, by number
	journal *json.Encoder  // nil without one
	changed chan struct{}  // closed, and made anew, on every change
}

func newRecord(journal io.Writer) *Record {
	r := &Record{began: time.Now(), byID: map[string]*Call{}, dialled: map[string]int{}, changed: make(chan struct{})}
	if journal != nil {
		r.journal = json.NewEncoder(journal)
	}
	return r
}

// invite opens a call, and says whether it is new: an INVITE may be sent again.
func (r *Record) invite(c Call) (nth int, isNew bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known, ok := r.byID[c.ID]; ok {
		return known.Nth, false
	}
	r.dialled[c.Number]++
	c.Nth = r.dialled[c.Number]
	call := &c
	r.calls = append(r.calls, call)
	r.byID[c.ID] = call
	r.note(call, Entry{At: c.Invited, What: "invite", Headers: c.Headers})
	return c.Nth, true
}

// change applies what happened to a call, at the time that do is given.
func (r *Record) change(id, what string, do func(c *Call, at time.Time) (changed bool)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	call, at := r.byID[id], time.Now()
	if call == nil || !do(call, at) {
		return
	}
	r.note(call, Entry{At: at, What: what, Status: call.Status, By: call.EndedBy})
}

// note writes the journal and wakes who waits. r.mu is held.
func (r *Record) note(c *Call, e Entry) {
	if c != nil {
		e.ID, e.Number, e.Bot, e.Nth = c.ID, c.Number, c.Bot, c.Nth
	}
	if r.journal != nil && c != nil {
		e.Ms = float64(e.At.Sub(r.began).Microseconds()) / 1000
		// A journal that cannot be written must not stop a call; its reader sees the gap.
		_ = r.journal.Encode(e)
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *Record) rang(id, what string) {
	r.change(id, what, func(c *Call, at time.Time) bool {
		if c.Rang.IsZero() {
			c.Rang = at
		}
		return true
	})
}

func (r *Record) final(id string, status int) {
	r.change(id, "final", func(c *Call, at time.Time) bool {
		if !c.Live() {
			return false
		}
		c.Status, c.Ended = status, at
		return true
	})
}

func (r *Record) answered(id string) {
	r.change(id, "answer", func(c *Call, at time.Time) bool {
		c.Status, c.Answered = 200, at
		return true
	})
}

func (r *Record) confirmed(id string) {
	r.change(id, "ack", func(c *Call, at time.Time) bool {
		if !c.Confirmed.IsZero() {
			return false
		}
		c.Confirmed = at
		return true
	})
}

func (r *Record) cancelled(id string) {
	r.change(id, "cancel", func(c *Call, at time.Time) bool {
		if !c.Live() {
			return false
		}
		c.Cancelled, c.Ended, c.Status = at, at, 487
		return true
	})
}

func (r *Record) ended(id, by string) {
	r.change(id, "bye", func(c *Call, at time.Time) bool {
		if !c.Live() {
			return false
		}
		c.Ended, c.EndedBy = at, by
		if by == EndedBySwitch && c.Confirmed.IsZero() {
			c.Confirmed = at
		}
		return true
	})
}

func (r *Record) heard(id string, packets int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.byID[id]; c != nil {
		c.Heard += packets
		r.note(nil, Entry{})
	}
}

// unheard notes an INVITE to a number that may answer nothing, and says whether it does:
// the call is over as soon as it is noted.
func (r *Record) unheard(c Call, takes []Take) bool {
	r.mu.Lock()
	known, again := r.byID[c.ID]
	deaf := again && known.Ended.Equal(known.Invited)
	n := r.dialled[c.Number] + 1
	r.mu.Unlock()
	if again {
		return deaf
	}
	if !nth(takes, n).Deaf {
		return false
	}
	c.Ended = c.Invited
	r.invite(c)
	return true
}

// call is a copy of one.
func (r *Record) call(id string) Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.byID[id]; c != nil {
		return *c
	}
	return Call{}
}

func (r *Record) posted(id string, d Delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.byID[id]; c != nil {
		r.note(c, Entry{At: d.At, What: "post", Status: d.Status, Note: d.Answer})
	}
}

// ServeHTTP answers with the calls as JSON; at a path that ends in /overlaps, with the
// overlaps.
func (r *Record) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	var what any = r.Calls()
	if strings.HasSuffix(req.URL.Path, "/overlaps") {
		what = r.Overlaps()
	}
	_ = json.NewEncoder(w).Encode(what) // a client that left
}

// Lost ends every live call, as a network does with the calls of a switch that is
// gone (kill -9 sends no BYE), and returns how many there were. The far end stays on
// those lines and hangs up by itself, which changes nothing any more.
func (r *Record) Lost() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, at := 0, time.Now()
	for _, c := range r.calls {
		if c.Live() {
			n++
			c.Ended, c.EndedBy = at, EndedLost
			r.note(c, Entry{At: at, What: "lost", Status: c.Status, By: c.EndedBy})
		}
	}
	return n
}

// Calls is a copy of all calls, customers and bots, in the order of their INVITEs.
func (r *Record) Calls() []Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.snapshot()
}

func (r *Record) snapshot() []Call {
	out := make([]Call, len(r.calls))
	for i, c := range r.calls {
		out[i] = *c
	}
	return out
}

// To is the calls to one number, in order.
func (r *Record) To(number string) []Call {
	return slices.DeleteFunc(r.Calls(), func(c Call) bool { return c.Number != number })
}

// Customers is the calls to customers, in order.
func (r *Record) Customers() []Call {
	return slices.DeleteFunc(r.Calls(), func(c Call) bool { return c.Bot })
}

// Bots is the calls to the bot, in order.
func (r *Record) Bots() []Call {
	return slices.DeleteFunc(r.Calls(), func(c Call) bool { return !c.Bot })
}

// Live is how many calls have not ended.
func (r *Record) Live() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, c := range r.calls {
		if c.Live() {
			n++
		}
	}
	return n
}

// Wait returns when the record is as wanted, or with ctx's error. It looks again when
// something has changed, but not at each change of a storm of them.
func (r *Record) Wait(ctx context.Context, wanted func([]Call) bool) error {
	for {
		r.mu.Lock()
		calls, changed := r.snapshot(), r.changed
		r.mu.Unlock()
		if wanted(calls) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		time.Sleep(10 * time.Millisecond) // copying the record costs by its length
	}
}

// An Overlap is two calls to one customer that were live at once: what must never be.
type Overlap struct {
	First, Second Call
}

// Overlaps finds them. A call is live from its INVITE to its final failure or BYE; one
// to a number that answers nothing never is, since no telephone rang.
func (r *Record) Overlaps() []Overlap { return Overlaps(r.Calls()) }

// Overlaps finds calls to one number that were live at once, in calls of one or of
// several records put together.
func Overlaps(calls []Call) []Overlap {
	calls = slices.Clone(calls)
	slices.SortStableFunc(calls, func(a, b Call) int { return a.Invited.Compare(b.Invited) })
	var found []Overlap
	longest := map[string]Call{} // of the calls so far, the one that lasts longest
	for _, c := range calls {
		if c.Bot || c.Ended.Equal(c.Invited) {
			continue
		}
		before, ok := longest[c.Number]
		if ok && (before.Live() || before.Ended.After(c.Invited)) {
			found = append(found, Overlap{before, c})
		}
		if !ok || !before.Live() && (c.Live() || c.Ended.After(before.Ended)) {
			longest[c.Number] = c
		}
	}
	return found
}
