package demo

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"ringback/dialler"
)

// A story tells what happens, a line at a time.
type story struct {
	out   io.Writer
	moved chan struct{} // something happened; holds one token

	mu     sync.Mutex
	began  time.Time
	last   time.Time                // when something happened
	latest time.Duration            // that a callback was rung after it was due
	fresh  int                      // contacts on the list that were never rung
	who    map[int64]dialler.Number // contacts by ID
}

func newStory(out io.Writer) *story {
	return &story{out: out, moved: make(chan struct{}, 1), began: time.Now(), who: map[int64]dialler.Number{}}
}

func (s *story) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began, s.last = time.Now(), time.Now()
}

// until is how long it is until d after the beginning.
func (s *story) until(d time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Until(s.began.Add(d))
}

func (s *story) added(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fresh += n
}

// settling is how long the story waits for analyses after the last thing happened.
const settling = 3 * time.Second

// quiet reports whether nothing has happened for a while; if not, it sees to it
// that somebody looks again.
func (s *story) quiet() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := settling - time.Since(s.last)
	if left > 0 {
		time.AfterFunc(left, s.move)
	}
	return left <= 0
}

func (s *story) move() {
	select {
	case s.moved <- struct{}{}:
	default:
	}
}

// say prints a line under the time since the beginning. sign stands before it.
func (s *story) say(sign, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = time.Now()
	_, _ = fmt.Fprintf(s.out, "%6.1fs %1s %s\n", time.Since(s.began).Seconds(), sign, fmt.Sprintf(format, args...))
	s.move()
}

// observe tells what the loop does.
func (s *story) observe(h dialler.Happening) {
	a := h.Lease.Attempt
	s.mu.Lock()
	s.who[int64(a.Contact)] = a.Number
	s.mu.Unlock()
	switch h.Kind {
	case dialler.HasOriginated:
		if a.Class == dialler.ClassCallback {
			s.mu.Lock()
			s.latest = max(s.latest, h.Late)
			ahead := ""
			if s.fresh > 0 {
				ahead = fmt.Sprintf(", ahead of %d who were never rung", s.fresh)
			}
			s.mu.Unlock()
			s.say("★", "%s  rings: CALLBACK, call %d, %d ms after it was due%s%s", a.Number, a.N, h.Late.Milliseconds(), ahead, said(h.Lease.Contact.Callback))
			return
		}
		if a.Class == dialler.ClassPending {
			s.added(-1)
		}
		line := "who: " + s.cast(a.Number)
		if a.N > 1 {
			line = fmt.Sprintf("call %d", a.N)
		}
		s.say("", "%s  rings: %s, %s", a.Number, a.Class, line)
	case dialler.HasSettled:
		s.settled(h)
	case dialler.LinkChanged:
		s.say("", "the link to %s: %s", h.Switch, strings.ReplaceAll(string(h.Event.Kind), "_", " "))
	case dialler.HasTrouble:
		if h.Doing == "connect" {
			return // the customer left while the bot was sent for: the end of the call tells
		}
		s.say("!", "trouble: %v", h.Err)
	case dialler.WasWithdrawn:
		s.say("!", "%s  is not rung after all: %s", a.Number, h.Reason)
	case dialler.CampaignEnded:
		s.say("", "campaign %q is completed: %s", h.Campaign.Name, h.Reason)
	}
}

func (s *story) cast(n dialler.Number) string {
	if i, ok := byNumber(n); ok {
		return what(i)
	}
	return "?"
}

// settled tells how a call came out, and what that makes of the contact.
func (s *story) settled(h dialler.Happening) {
	a, ct := h.Lease.Attempt, h.Settled.Contact
	var line strings.Builder
	fmt.Fprintf(&line, "%s  %s", a.Number, a.Disposition)
	if !a.Answered.IsZero() && a.Machine != "" {
		fmt.Fprintf(&line, " (%s)", a.Machine)
	}
	if !a.Joined.IsZero() {
		fmt.Fprintf(&line, ": the bot came %d ms after the answer, they talked for %.1f s", a.Joined.Sub(a.Answered).Milliseconds(), a.Ended.Sub(a.Joined).Seconds())
	} else {
		fmt.Fprintf(&line, " (cause %s)", a.Cause)
	}
	switch {
	case ct.State.Waiting():
		fmt.Fprintf(&line, " → %s, due in %.0f s", ct.State, time.Until(ct.Due).Seconds())
	default:
		fmt.Fprintf(&line, " → %s", ct.State)
	}
	if cb := h.Settled.Callback; cb != nil {
		fmt.Fprintf(&line, "; callback %s", strings.TrimSpace(string(cb.State)+" "+string(cb.Why)))
	}
	s.say("", "%s", line.String())
	for _, r := range h.Settled.Rulings {
		s.ruled(r)
	}
}

// ruled tells what was decided on an analysis.
func (s *story) ruled(r dialler.Ruling) {
	s.mu.Lock()
	n := s.who[int64(r.Contact)]
	s.mu.Unlock()
	switch {
	case r.Duplicate:
		s.say("", "%s  the analysis came a second time: nothing is changed", n)
	case r.Verdict == dialler.RulingScheduled && r.Callback != nil:
		cb := r.Callback
		s.say("☎", "%s  asked to be rung%s → callback in %s (%s)%s", n, said(cb),
			time.Until(cb.Due).Round(time.Second), cb.Rule, clipped(cb))
	case r.Verdict == dialler.RulingRefused:
		s.say("", "%s  asked to be rung; refused: %s", n, r.Refused)
	case r.Verdict == dialler.RulingDeferred:
		s.say("", "%s  the analysis came before the call had ended: it is kept", n)
	}
}

// said is what a customer said when they asked to be rung.
func said(cb *dialler.Callback) string {
	if cb == nil {
		return ""
	}
	phrase := "no time named"
	if cb.Phrase != "" {
		phrase = fmt.Sprintf("“%s”", cb.Phrase)
	}
	if cb.Reason == "" {
		return ": " + phrase
	}
	return fmt.Sprintf(": %s, %.40q", phrase, cb.Reason)
}

func clipped(cb *dialler.Callback) string {
	if cb.Clipped {
		return ", moved into the calling window"
	}
	return ""
}
