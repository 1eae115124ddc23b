package dialler

import (
	"slices"
	"time"
)

// horizon bounds the search for an opening or a close, in days: a year of
// holidays is a mistake, not a window.
const horizon = 400

const daySeconds = 24 * 60 * 60

// A wall is what a clock on the wall shows: seconds since 1970-01-01 00:00 as
// if that clock were never changed. A zone is a row of stretches of constant
// offset (time.Time.ZoneBounds); inside a stretch an instant and its wall
// differ by the offset, so all the calendar is done on walls, in integers, and
// DST is only ever "the stretch ends here, look again".
type wall int64

// at returns the wall that t shows, its offset from UTC, and when that offset
// ends; a zero end: never.
func (w Window) at(t time.Time) (now wall, offset int, end time.Time) {
	t = t.In(w.loc)
	_, offset = t.Zone()
	_, end = t.ZoneBounds()
	return wall(t.Unix() + int64(offset)), offset, end
}

// instant is when a clock offset seconds ahead of UTC shows x.
func (w Window) instant(x wall, offset int) time.Time {
	return time.Unix(int64(x)-int64(offset), 0).In(w.loc)
}

// date is the day x lies in, counted from 1970-01-01.
func (x wall) date() int {
	d := int64(x) / daySeconds
	if int64(x)%daySeconds < 0 {
		d--
	}
	return int(d)
}

// midnight is the wall at which date begins.
func midnight(date int) wall { return wall(date) * daySeconds }

// hoursOf returns the hours that open on date: none on a holiday.
func (w Window) hoursOf(date int) []Interval {
	if len(w.holidays) > 0 {
		if _, found := slices.BinarySearch(w.holidays, date); found {
			return nil
		}
	}
	const thursday = 4 // 1970-01-01
	return w.hours[((date+thursday)%7+7)%7]
}

// open reports whether x is inside an interval, up to when (cut at the
// midnight that begins a holiday), and the date on which it opened.
func (w Window) open(x wall) (until wall, opened int, ok bool) {
	today := x.date()
	clock := Clock((x - midnight(today)) / 60)
	for _, iv := range w.hoursOf(today) {
		if clock >= iv.Open && clock < iv.end() {
			end := iv.end()
			if end > day && w.holiday(today+1) {
				end = day
			}
			return midnight(today) + wall(end)*60, today, true
		}
	}
	if w.holiday(today) {
		return 0, 0, false
	}
	if list := w.hoursOf(today - 1); len(list) > 0 {
		// Intervals do not overlap, so only the last can run over midnight.
		if end := list[len(list)-1].end(); clock+day < end {
			return midnight(today-1) + wall(end)*60, today - 1, true
		}
	}
	return 0, 0, false
}

func (w Window) holiday(date int) bool {
	_, found := slices.BinarySearch(w.holidays, date)
	return found
}

// nextOpen returns the first wall at or after x that is inside an interval, no
// later than the end of date last.
func (w Window) nextOpen(x wall, last int) (wall, bool) {
	if _, _, ok := w.open(x); ok {
		return x, true
	}
	// x is not inside, so the next wall that is inside is one that opens.
	for date := x.date(); date <= last; date++ {
		for _, iv := range w.hoursOf(date) {
			if opens := midnight(date) + wall(iv.Open)*60; opens >= x {
				return opens, true
			}
		}
	}
	return 0, false
}

// Contains reports whether the window is open at t.
func (w Window) Contains(t time.Time) bool {
	_, ok := w.opened(t)
	return ok
}

// opened returns the date on which the interval that t lies in opened, or
// false if t lies in none.
func (w Window) opened(t time.Time) (date int, ok bool) {
	if w.loc == nil {
		return 0, false
	}
	t = t.In(w.loc)
	_, offset := t.Zone()
	_, date, ok = w.open(wall(t.Unix() + int64(offset)))
	return date, ok
}

// Next returns the first instant at or after t at which the window is open, or
// false if there is none within 400 days. It is t itself if the window is open
// then.
func (w Window) Next(t time.Time) (time.Time, bool) {
	if w.loc == nil {
		return time.Time{}, false
	}
	now, offset, end := w.at(t)
	last := now.date() + horizon
	for {
		opens, ok := w.nextOpen(now, last)
		switch {
		case ok && opens == now:
			return t, true
		case ok:
			if at := w.instant(opens, offset); end.IsZero() || at.Before(end) {
				return at, true
			}
		case end.IsZero():
			return time.Time{}, false
		}
		// The clock is changed before it shows that: look again from there.
		t = end.In(w.loc)
		if now, offset, end = w.at(t); now.date() > last {
			return time.Time{}, false
		}
	}
}

// CloseAfter returns the first instant at or after t at which the window is
// closed, or false if there is none within 400 days. It is t itself if the
// window is closed then. A window that is open round the clock closes only for
// holidays.
func (w Window) CloseAfter(t time.Time) (time.Time, bool) {
	if w.loc == nil {
		return t, true
	}
	for limit := t.AddDate(0, 0, horizon); t.Before(limit); {
		next, _, ok := w.ends(t)
		if !ok {
			return t, true
		}
		t = next
	}
	return time.Time{}, false
}

// ends returns when the interval that t lies in ends or the clock is changed,
// whichever comes first, and the date on which the interval opened; false if t
// lies in none.
func (w Window) ends(t time.Time) (next time.Time, opened int, ok bool) {
	now, offset, end := w.at(t)
	until, opened, ok := w.open(now)
	if !ok {
		return time.Time{}, 0, false
	}
	next = w.instant(until, offset)
	if !end.IsZero() && end.Before(next) {
		next = end.In(w.loc)
	}
	return next, opened, true
}

// DayCloses returns when the day ends that a Single Day campaign started at t
// has: the day of the hours t lies in, or of the next opening; its last close,
// with the hours after midnight that belong to it. A window open round the
// clock ends its day at midnight. False if the window does not open within 400
// days.
func (w Window) DayCloses(t time.Time) (time.Time, bool) {
	at, ok := w.Next(t)
	if !ok {
		return time.Time{}, false
	}
	date, _ := w.opened(at)
	for {
		next, opened, ok := w.ends(at)
		if !ok || opened != date {
			// Closed, or another day's hours: is more of this day to come?
			again, ok := w.Next(at)
			if !ok {
				return at, true
			}
			if opened, _ := w.opened(again); opened != date {
				return at, true
			}
			next = again
		}
		at = next
	}
}
