package callback

import "time"

// This file is the one place for calendar arithmetic. Days are counted, not
// added up in hours: a day with a DST change in it is still one day.

// A civil is a calendar day, counted from 1970-01-01.
type civil int32

func civilOf(t time.Time) civil {
	y, m, d := t.Date()
	return civilDate(y, int(m), d)
}

// civilDate counts a date that may overflow its month, as in time.Date.
func civilDate(y, m, d int) civil {
	return civil(time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// exactDate is civilDate, or false for a date that does not exist.
func exactDate(y, m, d int) (civil, bool) {
	if m < 1 || m > 12 || d < 1 || d > daysIn(y, m) {
		return 0, false
	}
	return civilDate(y, m, d), true
}

func (c civil) date() (y, m, d int) {
	t := time.Unix(int64(c)*86400, 0).UTC()
	year, month, day := t.Date()
	return year, int(month), day
}

// weekday is 0 for Sunday to 6, as in package time.
func (c civil) weekday() int { return int(((c+4)%7 + 7) % 7) }

// monday is the first day of c's week.
func (c civil) monday() civil { return c - civil((c.weekday()+6)%7) }

func daysIn(y, m int) int { return time.Date(y, time.Month(m)+1, 0, 0, 0, 0, 0, time.UTC).Day() }

// addMonths is the same day n months on, or the last day if that month is
// shorter.
func (c civil) addMonths(n int) civil {
	y, m, d := c.date()
	m += n
	y, m = y+(m-1)/12, (m-1)%12+1
	return civilDate(y, m, min(d, daysIn(y, m)))
}

// monthStart is the first day of the month n months after c's.
func (c civil) monthStart(n int) civil {
	y, m, _ := c.date()
	return civilDate(y, m+n, 1)
}

// monthEnd is the last day of c's month.
func (c civil) monthEnd() civil {
	y, m, _ := c.date()
	return civilDate(y, m, daysIn(y, m))
}

// at is the instant of a wall-clock minute of the day in zone; minutes may run
// past midnight. A time that the spring change skips is moved by as much as the
// change; of a time that the autumn change repeats, the first that is not before
// earliest is taken.
func (c civil) at(minute int, zone *time.Location, earliest time.Time) time.Time {
	y, m, d := c.date()
	t := time.Date(y, time.Month(m), d, 0, minute, 0, 0, zone)
	if !t.Before(earliest) {
		return t
	}
	_, before := t.Zone()
	for _, later := range [...]time.Duration{30 * time.Minute, time.Hour, 2 * time.Hour} {
		again := t.Add(later)
		if _, after := again.Zone(); before-after == int(later/time.Second) && !again.Before(earliest) {
			return again
		}
	}
	return t
}
