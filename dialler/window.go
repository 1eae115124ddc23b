package dialler

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A Window is the hours of the week in which a campaign may ring, by the wall
// clock of its zone: an instant is inside when a clock on the wall there shows
// a time inside. Where clocks jump forward, hours that the clock never shows
// are never inside; where they fall back, hours that it shows twice are inside
// twice.
//
// The zero Window, and one of a zone nobody knows, is never open: it fails
// closed.
type Window struct {
	zone     string
	hours    [7][]Interval  // by time.Weekday of the opening; sorted, not overlapping
	holidays []int          // days since 1970-01-01, sorted: nobody is rung
	loc      *time.Location // nil: the zone is not known, the window is closed
}

// An Interval is a stretch of the day: from Open up to, not including, Close.
// A Close not after Open is on the next day.
type Interval struct{ Open, Close Clock }

// A Clock is a time of day in minutes since midnight, 0 to 1440 (24:00).
type Clock int

const day = Clock(24 * 60)

// String is the clock as people write it, "09:30".
func (c Clock) String() string { return fmt.Sprintf("%02d:%02d", int(c)/60, int(c)%60) }

// String is the interval as people write it, "09:30-18:00".
func (iv Interval) String() string { return iv.Open.String() + "-" + iv.Close.String() }

// Hours says which hours of each day are inside: keys are days ("mon") or
// spans of them ("mon-fri", "sat-mon", "daily"), values are intervals
// ("09:00-13:00", "22:00-02:00"). A day named twice has both.
type Hours map[string][]string

// NewWindow makes a window of an IANA zone ("Asia/Kolkata"), hours and
// holidays ("2026-01-26"). The error names what is wrong: [*FieldError]s on
// window.zone, window.hours.… and window.holidays, joined.
func NewWindow(zone string, hours Hours, holidays ...string) (Window, error) {
	w, errs := parseWindow(zone, hours, holidays)
	if err := w.Check(); err != nil && len(errs) == 0 {
		errs = append(errs, err)
	} else if w.loc == nil {
		errs = append(errs, w.zoneError())
	}
	if len(errs) > 0 {
		return Window{zone: zone}, errors.Join(errs...)
	}
	return w, nil
}

// parseWindow makes a window of what it can read and returns an error for each
// thing it cannot, but for the zone: one that is not known leaves loc nil.
func parseWindow(zone string, hours Hours, holidays []string) (Window, []error) {
	w := Window{zone: zone, loc: loadZone(zone)}
	var errs []error
	bad := func(field, got, want string) {
		errs = append(errs, &FieldError{"window." + field, fmt.Sprintf("%q", got), want})
	}
	for _, span := range slices.Sorted(maps.Keys(hours)) {
		days, ok := parseDays(span)
		if !ok {
			bad("hours", span, "a day or days: mon, mon-fri, daily")
			continue
		}
		for _, s := range hours[span] {
			iv, ok := parseInterval(s)
			if !ok {
				bad("hours."+span, s, "hours such as 09:00-18:00, 22:00-02:00 or 00:00-24:00")
				continue
			}
			for _, d := range days {
				w.hours[d] = append(w.hours[d], iv)
			}
		}
	}
	for d := range w.hours {
		slices.SortFunc(w.hours[d], func(a, b Interval) int {
			return cmp.Or(cmp.Compare(a.Open, b.Open), cmp.Compare(a.end(), b.end()))
		})
		w.hours[d] = slices.Compact(w.hours[d])
	}
	const apart = "intervals that do not overlap"
	for d, list := range w.hours {
		for i, iv := range list {
			if i > 0 && iv.Open < list[i-1].end() {
				bad("hours", fmt.Sprintf("%s %v and %v", weekdays[d], list[i-1], iv), apart)
			}
		}
		tomorrow := (d + 1) % 7
		if next := w.hours[tomorrow]; len(list) > 0 && len(next) > 0 {
			if last := list[len(list)-1]; next[0].Open < last.end()-day {
				bad("hours", fmt.Sprintf("%s %v and %s %v", weekdays[d], last, weekdays[tomorrow], next[0]), apart)
			}
		}
	}
	for _, h := range holidays {
		date, err := time.Parse(time.DateOnly, h)
		if err != nil {
			bad("holidays", h, "dates such as 2026-01-26")
			continue
		}
		w.holidays = append(w.holidays, wall(date.Unix()).date())
	}
	slices.Sort(w.holidays)
	w.holidays = slices.Compact(w.holidays)
	return w, errs
}

// loadZone returns the location of an IANA zone, or nil. It knows no zone that
// would quietly be another on the next machine: "" is UTC to the time package,
// and the other three are whatever this machine was set to.
func loadZone(zone string) *time.Location {
	switch zone {
	case "", "Local", "localtime", "posixrules":
		return nil
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return nil
	}
	return loc
}

// end is the close of iv in minutes since the midnight before it opened.
func (iv Interval) end() Clock {
	if iv.Close <= iv.Open {
		return iv.Close + day
	}
	return iv.Close
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func parseDays(s string) ([]int, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	if s == "daily" {
		return []int{0, 1, 2, 3, 4, 5, 6}, true
	}
	from, to, span := strings.Cut(s, "-")
	a := slices.Index(weekdays, from)
	b := a
	if span {
		b = slices.Index(weekdays, to)
	}
	if a < 0 || b < 0 {
		return nil, false
	}
	days := []int{a}
	for d := a; d != b; {
		d = (d + 1) % 7
		days = append(days, d)
	}
	return days, true
}

func parseInterval(s string) (Interval, bool) {
	from, to, ok := strings.Cut(s, "-")
	o, ok1 := parseClock(from)
	c, ok2 := parseClock(to)
	return Interval{o, c}, ok && ok1 && ok2 && o < day && o != c
}

func parseClock(s string) (Clock, bool) {
	s = strings.TrimSpace(s)
	if s == "24:00" {
		return day, true
	}
	t, err := time.Parse("15:04", s)
	return Clock(t.Hour()*60 + t.Minute()), err == nil
}

// Zone is the IANA name the window was made with.
func (w Window) Zone() string { return w.zone }

// Location is the window's zone; UTC if nobody knows it, where the window is
// never open.
func (w Window) Location() *time.Location {
	if w.loc == nil {
		return time.UTC
	}
	return w.loc
}

// Check returns a [*FieldError] if the window can never be open: its zone is
// not known, or it has no hours.
func (w Window) Check() error {
	if w.loc == nil {
		return w.zoneError()
	}
	for _, list := range w.hours {
		if len(list) > 0 {
			return nil
		}
	}
	return &FieldError{"window.hours", "no hours", "at least one interval, or nobody can ever be rung"}
}

func (w Window) zoneError() error {
	return &FieldError{"window.zone", fmt.Sprintf("%q", w.zone), "an IANA time zone such as Asia/Kolkata"}
}

type windowJSON struct {
	Zone     string   `json:"zone"`
	Hours    Hours    `json:"hours"`
	Holidays []string `json:"holidays,omitempty"`
}

// MarshalJSON writes the window as {"zone","hours","holidays"}, days apart.
func (w Window) MarshalJSON() ([]byte, error) {
	return json.Marshal(windowJSON{w.zone, w.Hours(), w.Holidays()})
}

// Hours returns the window's hours, a key for each day that has some.
func (w Window) Hours() Hours {
	h := Hours{}
	for d, list := range w.hours {
		for _, iv := range list {
			h[weekdays[d]] = append(h[weekdays[d]], iv.String())
		}
	}
	return h
}

// Holidays returns the window's holidays, "2026-01-26", in order.
func (w Window) Holidays() []string {
	var dates []string
	for _, d := range w.holidays {
		dates = append(dates, time.Unix(int64(midnight(d)), 0).UTC().Format(time.DateOnly))
	}
	return dates
}

// UnmarshalJSON reads what MarshalJSON wrote. A zone that is not known here,
// and a week without hours, leave the window closed and are not an error: the
// record can still be read, [Window.Check] says what is wrong, and whoever
// writes it back writes the same. Anything else that NewWindow would refuse is
// an error.
func (w *Window) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	var j windowJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return fmt.Errorf("window: %w", err)
	}
	made, errs := parseWindow(j.Zone, j.Hours, j.Holidays)
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	*w = made
	return nil
}
