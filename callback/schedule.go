package callback

import (
	"errors"
	"fmt"
	"time"
)

// ErrNoHours is returned when the calling window never opens again.
var ErrNoHours = errors.New("callback: the calling window never opens again")

// Hours is as much of a calling window as scheduling needs.
type Hours interface {
	// Next returns the first instant at or after t at which calling is allowed,
	// or false if calling is never allowed again.
	Next(t time.Time) (time.Time, bool)
}

// Clipped is a time moved into the calling window, with the working kept.
type Clipped struct {
	At    time.Time // inside the window, never before now
	Moved bool      // At is not the time that was asked for
	Trace []string  // one line for each step that moved the time; empty if none did
}

// Clip moves at into the window h: never before now, never outside h. A time
// outside moves to the next opening, never to an earlier one. The result is in
// at's location. The error is [ErrNoHours].
func Clip(at, now time.Time, h Hours) (Clipped, error) {
	c := Clipped{At: at}
	if at.Before(now) {
		c.At = now.In(at.Location())
		c.Trace = append(c.Trace, fmt.Sprintf("%s has passed: now is %s", clockLine(at), clockLine(c.At)))
	}
	open, ok := h.Next(c.At)
	if !ok {
		return Clipped{}, ErrNoHours
	}
	if open.Before(c.At) {
		return Clipped{}, fmt.Errorf("callback: the calling window answered %s for the next opening from %s on",
			open.Format(time.RFC3339), c.At.Format(time.RFC3339))
	}
	if !open.Equal(c.At) {
		open = open.In(at.Location())
		c.Trace = append(c.Trace, fmt.Sprintf("%s is outside the calling window: moved to its next opening, %s", clockLine(c.At), clockLine(open)))
		c.At = open
	}
	c.Moved = !c.At.Equal(at)
	return c, nil
}

// Request is one customer's wish to be rung again, as analysis gave it.
type Request struct {
	Phrase     string    // verbatim: "kal subah", "after lunch"; empty if they named no time
	Reason     string    // "driving", "busy"; may be empty
	Confidence float64   // 0 to 1, as analysis gave it; nothing is decided by it
	Heard      time.Time // when the customer spoke: "in ten minutes" counts from here
}

// Due is a resolved promise with its working shown.
type Due struct {
	At      time.Time // when to ring: inside the calling window, never before now
	Read    time.Time // what the words said, before clipping; Heard + retry delay for Fallback
	Rule    Rule      // by which rule Read was read
	Clipped bool      // At is not Read
	Trace   []string  // the working, one step a line
}

// Schedule works out when to keep r's promise: it reads r.Phrase as said at
// r.Heard in zone; if the words give no time, the time is r.Heard + retryDelay
// under the rule [Fallback]; and that is clipped into h, no earlier than now.
// A nil zone is UTC. The error is [ErrNoHours].
func (r *Resolver) Schedule(req Request, now time.Time, retryDelay time.Duration, zone *time.Location, h Hours) (Due, error) {
	if zone == nil {
		zone = time.UTC
	}
	read := r.Resolve(req.Phrase, req.Heard, zone)
	due := Due{Read: read.At, Rule: read.Rule, Trace: read.Trace()}
	if !read.OK() {
		due.Read, due.Rule = req.Heard.Add(retryDelay).In(zone), Fallback
		due.Trace = append(due.Trace, fmt.Sprintf("no clear time: retry delay of %s after %s gives %s",
			retryDelay, clockLine(req.Heard.In(zone)), clockLine(due.Read)))
	}
	c, err := Clip(due.Read, now, h)
	if err != nil {
		return Due{}, err
	}
	due.At, due.Clipped = c.At, c.Moved
	due.Trace = append(due.Trace, c.Trace...)
	return due, nil
}

// Schedule is [Resolver.Schedule] with the built-in lexicon.
func Schedule(req Request, now time.Time, retryDelay time.Duration, zone *time.Location, h Hours) (Due, error) {
	return builtin.Schedule(req, now, retryDelay, zone, h)
}

// clockLine writes a time as it reads best in a trace.
func clockLine(t time.Time) string { return t.Format("Mon 2006-01-02 15:04 -07:00") }
