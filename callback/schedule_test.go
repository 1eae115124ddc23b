package callback

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// weekHours is a calling window for tests: open from and to the given minutes
// on every day but the closed weekday.
type weekHours struct {
	from, to int // minutes of the day
	closed   time.Weekday
	zone     *time.Location
	until    time.Time // zero: for ever
}

func (h weekHours) Next(t time.Time) (time.Time, bool) {
	local := t.In(h.zone)
	y, m, d := local.Date()
	for i := range 9 {
		open := time.Date(y, m, d+i, 0, h.from, 0, 0, h.zone)
		shut := time.Date(y, m, d+i, 0, h.to, 0, 0, h.zone)
		if open.Weekday() == h.closed || !t.Before(shut) {
			continue
		}
		if t.After(open) {
			open = t
		}
		if !h.until.IsZero() && !open.Before(h.until) {
			return time.Time{}, false
		}
		return open, true
	}
	return time.Time{}, false
}

// open reports whether t is inside the window.
func (h weekHours) open(t time.Time) bool {
	next, ok := h.Next(t)
	return ok && next.Equal(t)
}

func mustZone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func mustTime(t testing.TB, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestClip(t *testing.T) {
	ist := mustZone(t, "Asia/Kolkata")
	hours := weekHours{from: 9 * 60, to: 21 * 60, closed: time.Sunday, zone: ist}
	for _, c := range []struct {
		name, at, now, want string
		moved               bool
		trace               int
	}{
		{"inside", "2025-03-12T17:00:00+05:30", "2025-03-12T11:20:00+05:30", "2025-03-12T17:00:00+05:30", false, 0},
		{"too early", "2025-03-13T06:00:00+05:30", "2025-03-12T11:20:00+05:30", "2025-03-13T09:00:00+05:30", true, 1},
		{"too late moves on, not back", "2025-03-12T23:00:00+05:30", "2025-03-12T11:20:00+05:30", "2025-03-13T09:00:00+05:30", true, 1},
		{"closing time is outside", "2025-03-12T21:00:00+05:30", "2025-03-12T11:20:00+05:30", "2025-03-13T09:00:00+05:30", true, 1},
		{"opening time is inside", "2025-03-13T09:00:00+05:30", "2025-03-12T11:20:00+05:30", "2025-03-13T09:00:00+05:30", false, 0},
		{"closed day", "2025-03-16T11:00:00+05:30", "2025-03-12T11:20:00+05:30", "2025-03-17T09:00:00+05:30", true, 1},
		{"passed", "2025-03-12T10:00:00+05:30", "2025-03-12T11:20:00+05:30", "2025-03-12T11:20:00+05:30", true, 1},
		{"passed, and now is outside", "2025-03-12T10:00:00+05:30", "2025-03-12T22:00:00+05:30", "2025-03-13T09:00:00+05:30", true, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Clip(mustTime(t, c.at), mustTime(t, c.now), hours)
			if err != nil {
				t.Fatal(err)
			}
			if !got.At.Equal(mustTime(t, c.want)) || got.Moved != c.moved || len(got.Trace) != c.trace {
				t.Errorf("got %s moved=%t trace=%q, want %s moved=%t and %d lines", got.At, got.Moved, got.Trace, c.want, c.moved, c.trace)
			}
		})
	}
}

func TestClipWhenTheWindowNeverOpensAgain(t *testing.T) {
	ist := mustZone(t, "Asia/Kolkata")
	now := mustTime(t, "2025-03-12T11:20:00+05:30")
	hours := weekHours{from: 9 * 60, to: 21 * 60, closed: time.Sunday, zone: ist, until: now}
	if _, err := Clip(now.Add(time.Hour), now, hours); !errors.Is(err, ErrNoHours) {
		t.Errorf("got %v, want ErrNoHours", err)
	}
}

// backwards is a window that breaks its promise.
type backwards struct{}

func (backwards) Next(t time.Time) (time.Time, bool) { return t.Add(-time.Hour), true }

func TestClipNeverTrustsAWindowThatAnswersInThePast(t *testing.T) {
	now := mustTime(t, "2025-03-12T11:20:00+05:30")
	if got, err := Clip(now, now, backwards{}); err == nil {
		t.Errorf("got %s, want an error", got.At)
	}
}

// Never outside the window, never before now, never before what was asked, and
// nothing moved that need not be.
func TestClipHoldsForAnyTimes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"Asia/Kolkata", "America/New_York", "Europe/London", "Australia/Lord_Howe"} {
		zone := mustZone(t, name)
		for range 2000 {
			hours := weekHours{from: rnd.IntN(12) * 60, closed: time.Weekday(rnd.IntN(7)), zone: zone}
			hours.to = hours.from + 60 + rnd.IntN(11*60)
			now := time.Unix(1735689600+rnd.Int64N(86400*365), 0)
			at := now.Add(time.Duration(rnd.Int64N(int64(20*24*time.Hour))) - 5*24*time.Hour)
			got, err := Clip(at, now, hours)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case got.At.Before(now):
				t.Fatalf("%s: %s is before now %s", name, got.At, now)
			case got.At.Before(at):
				t.Fatalf("%s: %s is before %s", name, got.At, at)
			case !hours.open(got.At):
				t.Fatalf("%s: %s is outside the window", name, got.At)
			case got.Moved == got.At.Equal(at):
				t.Fatalf("%s: moved is %t for %s → %s", name, got.Moved, at, got.At)
			case got.Moved != (len(got.Trace) > 0):
				t.Fatalf("%s: moved is %t with trace %q", name, got.Moved, got.Trace)
			case hours.open(at) && !at.Before(now) && got.Moved:
				t.Fatalf("%s: %s was moved for nothing", name, at)
			}
		}
	}
}

func TestSchedule(t *testing.T) {
	ist := mustZone(t, "Asia/Kolkata")
	hours := weekHours{from: 9 * 60, to: 21 * 60, closed: time.Sunday, zone: ist}
	heard := mustTime(t, "2025-03-12T11:20:00+05:30") // a Wednesday
	for _, c := range []struct {
		phrase, now, read, at string
		rule                  Rule
		clipped               bool
	}{
		{"kal shaam 5 baje", "2025-03-12T11:25:00+05:30", "2025-03-13T17:00:00+05:30", "2025-03-13T17:00:00+05:30", Clock, false},
		{"kal subah 6 baje", "2025-03-12T11:25:00+05:30", "2025-03-13T06:00:00+05:30", "2025-03-13T09:00:00+05:30", Clock, true},
		{"Sunday 11 am", "2025-03-12T11:25:00+05:30", "2025-03-16T11:00:00+05:30", "2025-03-17T09:00:00+05:30", Clock, true},
		{"", "2025-03-12T11:25:00+05:30", "2025-03-12T12:05:00+05:30", "2025-03-12T12:05:00+05:30", Fallback, false},
		{"baad mein", "2025-03-12T11:25:00+05:30", "2025-03-12T12:05:00+05:30", "2025-03-12T12:05:00+05:30", Fallback, false},
		// The analysis came two hours late: ten minutes have passed long ago.
		{"10 minute baad", "2025-03-12T13:25:00+05:30", "2025-03-12T11:30:00+05:30", "2025-03-12T13:25:00+05:30", Relative, true},
	} {
		t.Run(c.phrase, func(t *testing.T) {
			due, err := Schedule(Request{Phrase: c.phrase, Heard: heard}, mustTime(t, c.now), 45*time.Minute, ist, hours)
			if err != nil {
				t.Fatal(err)
			}
			if !due.Read.Equal(mustTime(t, c.read)) || !due.At.Equal(mustTime(t, c.at)) || due.Rule != c.rule || due.Clipped != c.clipped {
				t.Errorf("got read %s at %s rule %s clipped %t, want %s, %s, %s, %t", due.Read, due.At, due.Rule, due.Clipped, c.read, c.at, c.rule, c.clipped)
			}
			if len(due.Trace) < 2 {
				t.Errorf("no working: %q", due.Trace)
			}
			if c.clipped && !strings.Contains(strings.Join(due.Trace, "\n"), "moved to its next opening") && !strings.Contains(strings.Join(due.Trace, "\n"), "has passed") {
				t.Errorf("the working does not say why it was clipped: %q", due.Trace)
			}
		})
	}
}
