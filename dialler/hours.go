package dialler

import (
	"slices"
	"time"
)

// horizon bounds the search for an opening: a year of holidays is a mistake,
// not a window.
const horizon = 400

// Contains reports whether the window is open at t.
func (w Window) Contains(t time.Time) bool {
	_, ok := w.opened(t)
	return ok
}

// opened returns the date, as noon UTC, on which the interval that t lies in
// opened, or false if t lies in none.
func (w Window) opened(t time.Time) (time.Time, bool) {
	if w.loc == nil {
		return time.Time{}, false
	}
	t = t.In(w.loc)
	y, m, d := t.Date()
	today := time.Date(y, m, d, 12, 0, 0, 0, time.UTC) // a calendar day; noon exists in every one
	if w.holiday(today) {
		return time.Time{}, false
	}
	now := Clock(t.Hour()*60 + t.Minute())
	for _, iv := range w.hours[today.Weekday()] {
		if now >= iv.Open && now < iv.end() {
			return today, true
		}
	}
	yesterday := today.AddDate(0, 0, -1)
	if w.holiday(yesterday) {
		return time.Time{}, false
	}
	for _, iv := range w.hours[yesterday.Weekday()] {
		if now+day < iv.end() {
			return yesterday, true
		}
	}
	return time.Time{}, false
}

func (w Window) holiday(date time.Time) bool {
	_, found := slices.BinarySearch(w.holidays, date.Format(time.DateOnly))
	return found
}

// Next returns the first instant at or after t at which the window is open, or
// false if it never is within a year.
func (w Window) Next(t time.Time) (time.Time, bool) {
	return w.seek(t, true)
}

// CloseAfter returns the first instant after t at which the window is closed,
// or false if it never closes within a year. A window that is open round the
// clock closes only for holidays.
func (w Window) CloseAfter(t time.Time) (time.Time, bool) {
	return w.seek(t, false)
}

// DayCloses returns when the day ends that a Single Day campaign started at t
// has: the day of the window t lies in, or of the next opening; its last
// close, with the hours after midnight that belong to it. A window open round
// the clock ends its day at midnight. False if the window never opens.
func (w Window) DayCloses(t time.Time) (time.Time, bool) {
	open, ok := w.Next(t)
	if !ok {
		return time.Time{}, false
	}
	date, _ := w.opened(open)
	for at := open; ; {
		next, ok := w.change(at)
		if !ok {
			return time.Time{}, false
		}
		at = next
		if d, open := w.opened(at); open && d.Equal(date) {
			continue
		}
		// Closed, or another day's hours: is there more of this day to come?
		again, ok := w.Next(at)
		if !ok {
			return at, true
		}
		if d, _ := w.opened(again); !d.Equal(date) {
			return at, true
		}
		at = again
	}
}

// seek returns the first instant from t on at which the window is open (or
// closed). Openness only changes at the instants that change finds.
func (w Window) seek(t time.Time, open bool) (time.Time, bool) {
	if w.loc == nil {
		return t, !open
	}
	for limit := t.AddDate(0, 0, horizon); t.Before(limit); {
		if w.Contains(t) == open {
			return t, true
		}
		next, ok := w.change(t)
		if !ok {
			break
		}
		t = next
	}
	return time.Time{}, false
}

// change returns the first instant after t at which the window may open or
// close, or the day it counts for may change: an open or close on the wall
// clock, a midnight, or a jump of the clock itself.
func (w Window) change(t time.Time) (time.Time, bool) {
	local := t.In(w.loc)
	y, m, d := local.Date()
	var first time.Time
	consider := func(c time.Time) {
		if c.After(t) && (first.IsZero() || c.Before(first)) {
			first = c
		}
	}
	if _, jump := local.ZoneBounds(); !jump.IsZero() {
		consider(jump)
	}
	// Today's and tomorrow's wall times hold the next change: midnight is
	// among them. The day before tomorrow's interval may close on the day
	// after it opened.
	for ahead := -1; ahead <= 2; ahead++ {
		date := time.Date(y, m, d+ahead, 12, 0, 0, 0, time.UTC)
		w.occurrences(date, 0, consider)
		for _, iv := range w.hours[date.Weekday()] {
			w.occurrences(date, iv.Open, consider)
			w.occurrences(date, iv.end(), consider)
		}
	}
	return first, !first.IsZero()
}

// occurrences calls yield with each instant at which a clock on the wall shows
// c on date (or that much past its midnight): none in a gap, two in an overlap.
func (w Window) occurrences(date time.Time, c Clock, yield func(time.Time)) {
	y, m, d := date.Date()
	wall := time.Date(y, m, d, 0, int(c), 0, 0, time.UTC)
	_, before := wall.Add(-26 * time.Hour).In(w.loc).Zone()
	_, after := wall.Add(26 * time.Hour).In(w.loc).Zone()
	for i, offset := range []int{before, after} {
		if i == 1 && offset == before {
			break
		}
		at := wall.Add(-time.Duration(offset) * time.Second).In(w.loc)
		if _, off := at.Zone(); off == offset {
			yield(at)
		}
	}
}
