package callback

// days is which days a dayspec allows.
type days struct {
	lo, hi    civil // the days that are meant
	pick      civil // the one to ring on
	clockDay  civil // the one to ring on at a stated time, of several
	rule      Rule
	ambiguous bool
	weekend   bool
}

// resolveDay works out the days that d names, seen from today. It reports false
// for days that do not exist or have passed.
func (p *parser) resolveDay(d *dayspec) (r days, ok bool) {
	today := p.today
	r.rule = Day
	set := func(lo, hi, pick civil) { r.lo, r.hi, r.pick, r.clockDay = lo, hi, pick, pick }
	switch {
	case d.is(hPast):
		return r, false
	case d.is(hHoliday):
		r.rule = Date
		day, ok := nextHoliday(int(d.holiday), today)
		if d.is(hYear) {
			day, ok = holidayIn(int(d.holiday), int(d.year))
		}
		if !ok {
			return r, false
		}
		set(day, day, day)
	case d.is(hNthWeekday):
		r.rule = Date
		day, ok := p.nthWeekday(d)
		if !ok {
			return r, false
		}
		set(day, day, day)
	case d.is(hMday):
		r.rule = Date
		day, ok := p.dateOf(d)
		if !ok {
			return r, false
		}
		set(day, day, day)
	case d.is(hQuarter):
		r.rule = Date
		_, m, _ := today.date()
		lo := today.monthStart(3*int(d.monthOff) - (m-1)%3)
		hi := lo.monthStart(2).monthEnd()
		set(max(lo, today+1), hi, max(lo+4, today+1))
	case d.is(hMonth | hMonthOff):
		r.rule = Date
		first, ok := p.monthOf(d)
		if !ok {
			return r, false
		}
		lo, hi := sliceOf(d, first, first.monthEnd())
		if hi < today {
			switch {
			case d.is(hMonth) && !d.is(hYear):
				first = first.monthStart(12)
			case d.is(hMonthOff) && d.monthOff == 0: // "month start", said at its end
				first = first.monthStart(1)
			default:
				return r, false
			}
			lo, hi = sliceOf(d, first, first.monthEnd())
		}
		pick := lo
		if !d.is(hSlice) { // the same day of the month
			_, _, m := today.date()
			pick = first + civil(min(m, daysInMonth(first))-1)
		}
		if d.is(hSlice) && d.slice == sliceMid {
			pick = lo + 5
		}
		set(lo, hi, max(pick, lo))
	case d.is(hYear | hYearOff):
		r.rule = Date
		y, _, _ := today.date()
		if d.is(hYearOff) {
			y += int(d.year)
		} else {
			y = int(d.year)
		}
		lo, hi := civilDate(y, 1, 1), civilDate(y, 12, 31)
		if d.is(hSlice) {
			switch d.slice {
			case sliceStart:
				hi = civilDate(y, 1, 31)
			case sliceMid:
				lo, hi = civilDate(y, 6, 1), civilDate(y, 7, 31)
			case sliceEnd:
				lo = civilDate(y, 12, 1)
			}
		}
		set(lo, hi, lo+4)
	case d.is(hWeekday):
		r.rule = Weekday
		day := today + civil((int(d.weekday)-today.weekday()+7)%7)
		if day == today {
			day += 7
		}
		switch {
		case d.is(hWeek):
			day = today.monday() + civil(7*int(d.week)) + civil((int(d.weekday)+6)%7)
			if day < today {
				return r, false
			}
		case d.which == whichNext:
			day = today.monday() + 7 + civil((int(d.weekday)+6)%7)
			r.ambiguous = day-7 > today
		case d.which == whichAfterNext:
			day = today.monday() + 14 + civil((int(d.weekday)+6)%7)
		}
		set(day, day, day)
	case d.is(hWeekend):
		r.rule, r.weekend = Weekday, true
		sat := today.monday() + 5
		if today > sat { // Sunday: the weekend is on
			sat = today - 1
		}
		switch {
		case d.is(hWeek):
			sat = today.monday() + civil(7*int(d.week)) + 5
		case d.which == whichNext:
			sat = today.monday() + 12
			r.ambiguous = today.weekday() < 6 && today.weekday() > 0
		}
		lo := max(sat, today)
		set(lo, sat+1, lo)
	case d.is(hWeekdays):
		r.rule = Weekday
		mon := today.monday() + civil(7*int(d.week))
		lo, hi := mon, mon+4
		if !d.is(hWeek) && d.which == whichPlain {
			lo = today + 1
			for lo.weekday() == 0 || lo.weekday() == 6 {
				lo++
			}
			hi = lo
		}
		set(lo, hi, max(lo, today+1))
		if r.pick > hi {
			return r, false
		}
	case d.is(hWeek):
		r.rule = Date
		lo := today.monday() + civil(7*int(d.week))
		hi := lo + 6
		if d.is(hSlice) {
			switch d.slice {
			case sliceStart:
				hi = lo + 1
			case sliceMid:
				lo, hi = lo+2, lo+3
			case sliceEnd:
				lo, hi = lo+3, lo+6
				set(lo, hi, lo+1)
				if today > r.pick {
					set(today, hi, today)
				}
				r.ambiguous = false
				return p.pastDays(r)
			}
			set(max(lo, today), hi, max(lo, today))
			return p.pastDays(r)
		}
		pick := today + civil(7*int(d.week))
		if d.week == 0 {
			lo = today
			pick = min(today+1, hi)
		}
		set(lo, hi, pick)
	case d.is(hRel):
		day := today + civil(d.rel)
		set(day, day, day)
	default:
		set(today, today, today)
	}
	if d.is(hDays | hMonths) {
		r = p.addDays(r, d)
	}
	return p.pastDays(r)
}

func (p *parser) pastDays(r days) (days, bool) {
	if r.hi < p.today {
		return r, false
	}
	r.lo = max(r.lo, p.today)
	r.pick = max(r.pick, p.today)
	r.clockDay = max(r.clockDay, p.today)
	return r, true
}

// addDays moves the days by what was counted.
func (p *parser) addDays(r days, d *dayspec) days {
	from := r.pick
	if d.is(hMonths) && !d.is(hDays) {
		lo := from.addMonths(d.months) + civil(d.days)
		hi := from.addMonths(d.months2) + civil(d.days)
		r.rule = Date
		r.lo, r.hi, r.pick, r.clockDay = lo-2, hi+2, lo, lo
		if d.few {
			r.rule = Vague
			r.lo = lo
			r.pick = lo + (hi-lo)/2
		}
		return r
	}
	if d.workdays {
		c := from
		for n := 0; n < d.days; {
			c++
			if c.weekday() != 0 && c.weekday() != 6 {
				n++
			}
		}
		r.lo, r.hi, r.pick, r.clockDay = c, c, c, c
		return r
	}
	lo, hi := from+civil(d.days), from+civil(d.days2)
	r.pick, r.clockDay = lo, lo
	r.lo, r.hi = lo, hi
	switch {
	case d.few:
		r.rule = Vague
		r.pick = lo + 1
		if hi-lo > 7 {
			r.pick = lo + (hi-lo)/2
		}
	case d.weeks || d.approx:
		r.lo, r.hi = lo-1, hi+1
	}
	if d.is(hMonths) {
		lo = from.addMonths(d.months) + civil(d.days)
		r.lo, r.hi, r.pick, r.clockDay = lo-2, lo+2, lo, lo
	}
	return r
}

// monthOf is the first day of the month that d names.
func (p *parser) monthOf(d *dayspec) (civil, bool) {
	y, m, _ := p.today.date()
	switch {
	case d.is(hMonthOff):
		return p.today.monthStart(int(d.monthOff)), true
	case d.is(hYear):
		y = int(d.year)
	case d.is(hYearOff):
		y += int(d.year)
	case int(d.month) < m:
		y++
	}
	first := civilDate(y, int(d.month), 1)
	return first, first.monthEnd() >= p.today
}

func daysInMonth(first civil) int {
	y, m, _ := first.date()
	return daysIn(y, m)
}

// sliceOf is the part of a month that was named.
func sliceOf(d *dayspec, first, last civil) (lo, hi civil) {
	if !d.is(hSlice) {
		return first, last
	}
	switch d.slice {
	case sliceStart:
		return first, first + 6
	case sliceMid:
		return first + 9, first + 19
	case sliceEnd:
		return last - 5, last
	case sliceWeek:
		lo = first + civil(7*(int(d.nth)-1))
		return lo, min(lo+6, last)
	case sliceLastWeek:
		return last - 6, last
	}
	return first, last
}

// dateOf is the date that a day of the month means.
func (p *parser) dateOf(d *dayspec) (civil, bool) {
	y, m, _ := p.today.date()
	day := int(d.mday)
	last := func(c civil) civil {
		if day < 0 {
			return c.monthEnd()
		}
		return c + civil(day-1)
	}
	switch {
	case d.is(hMonth) && d.is(hYear):
		c, ok := exactDate(int(d.year), int(d.month), max(day, 1))
		if day < 0 {
			c = c.monthEnd()
		}
		return c, ok && c >= p.today
	case d.is(hMonth):
		if d.is(hYearOff) {
			y += int(d.year)
		}
		for n := 0; n < 9; n++ {
			if day < 0 {
				if c := civilDate(y+n, int(d.month), 1).monthEnd(); c >= p.today {
					return c, true
				}
				continue
			}
			if c, ok := exactDate(y+n, int(d.month), day); ok && c >= p.today {
				return c, true
			}
		}
		return 0, false
	case d.is(hMonthOff):
		first := p.today.monthStart(int(d.monthOff))
		if day > daysInMonth(first) {
			return 0, false
		}
		c := last(first)
		return c, c >= p.today
	}
	for n := 0; n < 14; n++ {
		first := civilDate(y, m+n, 1)
		if day > daysInMonth(first) {
			continue
		}
		if c := last(first); c > p.today || c == p.today && day < 0 {
			return c, true
		}
	}
	return 0, false
}

// nthWeekday is the "first Monday of next month".
func (p *parser) nthWeekday(d *dayspec) (civil, bool) {
	for n := 0; n < 13; n++ {
		var first civil
		if d.is(hMonth) {
			y, m, _ := p.today.date()
			if int(d.month) < m {
				y++
			}
			first = civilDate(y+n, int(d.month), 1)
			if d.is(hYear) {
				first = civilDate(int(d.year), int(d.month), 1)
			}
		} else {
			first = p.today.monthStart(int(d.monthOff) + n)
		}
		c := nthOf(first, int(d.weekday), int(d.nth))
		if c > first.monthEnd() {
			return 0, false
		}
		if d.is(hYear) {
			return c, c >= p.today
		}
		if c >= p.today {
			return c, true
		}
	}
	return 0, false
}

// The values of the class cHoliday: days that are the same every year.
const (
	holidayChristmas = iota
	holidayChristmaseve
	holidayNewyear
	holidayNewyeareve
	holidayValentine
	holidayHalloween
	holidayIndependence
	holidayRepublic
	holidayGandhi
	// and those on a weekday of a month
	holidayThanksgiving
	holidayBlackfriday
	holidayLaborday
	holidayMemorialday
	holidayMothersday
	holidayFathersday
	holidayMlkday
)

var holidays = [...][2]int{ // month, day
	{12, 25}, {12, 24}, {1, 1}, {12, 31}, {2, 14}, {10, 31}, {8, 15}, {1, 26}, {10, 2},
}

// movingHolidays are on the nth weekday of a month, or so many days after it.
var movingHolidays = [...]struct{ month, weekday, nth, after int }{
	{11, 4, 4, 0}, {11, 4, 4, 1}, {9, 1, 1, 0}, {5, 1, -1, 0}, {5, 0, 2, 0}, {6, 0, 3, 0}, {1, 1, 3, 0},
}

func holidayIn(n, y int) (civil, bool) {
	if n < len(holidays) {
		return civilDate(y, holidays[n][0], holidays[n][1]), true
	}
	if n -= len(holidays); n >= len(movingHolidays) {
		return 0, false
	}
	m := movingHolidays[n]
	return nthOf(civilDate(y, m.month, 1), m.weekday, m.nth) + civil(m.after), true
}

// nthOf is the nth weekday of the month that starts at first; -1 is the last.
func nthOf(first civil, weekday, nth int) civil {
	if nth < 0 {
		end := first.monthEnd()
		return end - civil((end.weekday()-weekday+7)%7)
	}
	return first + civil((weekday-first.weekday()+7)%7) + civil(7*(nth-1))
}

func nextHoliday(n int, today civil) (civil, bool) {
	y, _, _ := today.date()
	c, ok := holidayIn(n, y)
	if ok && c < today {
		c, ok = holidayIn(n, y+1)
	}
	return c, ok
}
