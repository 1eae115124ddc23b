package callback

// A dayspec is what was said about the day. Several words may say it together:
// "next month" and "10 tarikh", "Friday" and "next week".
type dayspec struct {
	has dayBits

	rel      int16 // hRel: days from today
	weekday  int8  // hWeekday: 0 Sunday to 6
	which    which // next Friday, this Friday
	week     int16 // hWeek: weeks from this one
	mday     int8  // hMday: day of the month; -1 is the last
	month    int8  // hMonth: 1 to 12
	monthOff int16 // hMonthOff: months from this one
	year     int16 // hYear: as said; hYearOff: years from this one
	slice    slice // hSlice: a part of a month, week or year
	nth      int8  // which week of the month, or which weekday of it
	holiday  int8  // hHoliday

	days, days2     int // hDays: so many days on, from the rest of the spec or from today
	months, months2 int // hMonths
	weeks           bool
	workdays        bool
	approx, few     bool
	anchored        bool // "a week from Monday"
}

type dayBits uint32

const (
	hRel dayBits = 1 << iota
	hWeekday
	hWeek
	hWeekend
	hWeekdays
	hMday
	hMonth
	hMonthOff
	hYear
	hYearOff
	hSlice
	hHoliday
	hDays
	hMonths
	hPast // it lies in the past
	hNthWeekday
	hQuarter
)

func (d *dayspec) set(b dayBits)     { d.has |= b }
func (d *dayspec) is(b dayBits) bool { return d.has&b != 0 }

type which uint8

const (
	whichPlain which = iota
	whichThis
	whichNext
	whichAfterNext
	whichLast
)

type slice uint8

const (
	sliceNone slice = iota
	sliceStart
	sliceMid
	sliceEnd
	sliceWeek // nth week
	sliceLastWeek
)

// which reads "next", "this coming", "agle se agle" at i.
func (p *parser) whichAt(i int) (w which, next int) {
	j := i
	switch {
	case p.is(j, cNext):
		j++
		w = whichNext
		k := j
		if p.any(k, cTo, cSe, cOf) {
			k++
		}
		if p.is(k, cNext) {
			return whichAfterNext, k + 1
		}
	case p.is(j, cComing):
		return whichThis, j + 1
	case p.is(j, cThis):
		j++
		w = whichThis
		if p.any(j, cComing, cNext) {
			j++
		}
	case p.is(j, cLast):
		return whichLast, j + 1
	case p.is(j, cFinal) && p.any(j+1, cNum, cFew, cCouple) && p.is(j+2, cUnit):
		return whichLast, j + 1
	case p.is(j, cFinal) && !p.any(j+2, cOf, cIn) && p.any(j+1, cUnit, cWeekday, cMonth, cPart, cWeekend):
		return whichLast, j + 1
	}
	return w, j
}

// dayAt reads something about the day at i.
func (p *parser) dayAt(i int) (a atom, ok bool) {
	a = atom{kind: aDay, start: i}
	d := &a.day
	if n, ok := p.numericDate(i); ok {
		return n, true
	}
	if b, ok := p.sliceAt(i); ok {
		return b, true
	}
	if b, ok := p.monthDate(i); ok {
		return b, true
	}
	if n, k := p.numberAt(i); k > i && n > 0 && n < 20 && p.is(k, cWeekday) && p.any(k+1, cHence, cAgo) { // three Fridays from now
		d.set(hWeekday | hDays)
		d.weekday = int8(p.value(k, cWeekday))
		d.days, d.days2, d.anchored = 7*(n-1), 7*(n-1), true
		if p.is(k+1, cAgo) {
			d.set(hPast)
		}
		a.end = k + 2
		return a, true
	}
	w, j := p.whichAt(i)
	d.which = w
	for p.is(j, cThe) {
		j++
	}
	switch {
	case p.is(j, cUnit) && (w != whichPlain):
		switch unit := p.value(j, cUnit); unit {
		case unitDay:
			if w == whichLast {
				d.set(hPast)
			} else {
				d.set(hRel)
				if w == whichNext {
					d.rel = 1
				} else if w == whichAfterNext {
					d.rel = 2
				}
			}
		case unitWeek:
			d.set(hWeek)
			d.week = whichOffset(w, p.is(i, cComing))
		case unitFortnight:
			d.set(hDays)
			d.days, d.days2 = 14, 14
			d.weeks = true
		case unitWorkday:
			d.set(hDays)
			d.days, d.days2, d.workdays = 1, 1, true
		case unitMonth:
			d.set(hMonthOff)
			d.monthOff = whichOffset(w, p.is(i, cComing))
		case unitYear:
			d.set(hYearOff)
			d.year = whichOffset(w, p.is(i, cComing))
		default:
			return a, false
		}
		if w == whichLast {
			d.set(hPast)
		}
		d.which = whichPlain
		a.end = j + 1
		return p.sliceAfter(a), true
	case p.value(j, cUnit) >= unitWeek && p.is(j+1, cOf) && p.any(j+2, cOrd, cPehle, cFinal, cEnding, cStarting, cMid, cBeech) && p.digits(j-1) == 0 && !p.any(j-1, cNum, cQty): // mahine ke aakhri hafte
		switch p.value(j, cUnit) {
		case unitWeek:
			d.set(hWeek)
		case unitMonth:
			d.set(hMonthOff)
		case unitYear:
			d.set(hYearOff)
		}
		a.end = j + 1
		if b := p.sliceAfter(a); b.end > a.end {
			return b, true
		}
		return a, false
	case p.is(j, cQuarter) && w != whichPlain && !p.any(j+1, cPast, cTo):
		d.set(hQuarter)
		d.monthOff = whichOffset(w, p.is(i, cComing))
		if w == whichLast {
			d.set(hPast)
		}
		d.which = whichPlain
		a.end = j + 1
		return a, true
	case p.is(j, cYearend):
		d.set(hYearOff | hSlice)
		d.slice, d.which = sliceEnd, whichPlain
		a.end = j + 1
		return a, true
	case p.value(j, cUnit) == unitDay && p.is(j+1, cBefore) && p.is(j+2, cDaybefore):
		d.set(hPast)
		a.end = j + 3
		return a, true
	case p.value(j, cUnit) == unitWeek && p.is(j+1, cAfter) && p.is(j+2, cNext): // week after next
		d.set(hWeek)
		d.week = 2
		a.end = j + 3
		return a, true
	case p.value(j, cUnit) == unitDay && p.is(j+1, cAfter): // day after (tomorrow)
		d.set(hRel)
		d.rel = 2
		k := j + 2
		for p.is(k, cThe) {
			k++
		}
		switch {
		case p.value(k, cDayrel) == 1, p.value(k, cDayrel) == 2:
			k++
		case p.is(k, cWeekday):
			d.has = hWeekday
			d.weekday = int8(p.value(k, cWeekday))
			d.set(hDays)
			d.days, d.days2, d.anchored = 1, 1, true
			k++
		case p.is(k, cThat):
			return a, false
		}
		a.end = k
		return a, true
	case p.is(j, cDayrel):
		d.set(hRel)
		d.rel = int16(p.value(j, cDayrel))
		a.weak = p.weak(j, cDayrel)
		a.end = j + 1
		return a, true
	case p.is(j, cDaybefore):
		d.set(hPast)
		a.end = j + 1
		return a, true
	case p.is(j, cWeekday):
		d.set(hWeekday)
		d.weekday = int8(p.value(j, cWeekday))
		a.weak = p.weak(j, cWeekday) && w == whichPlain
		if w == whichLast {
			d.set(hPast)
		}
		k := j + 1
		if p.mark(k, '.') && p.glued(k) && p.at(j).end-p.at(j).start <= 5 {
			k++
		}
		switch {
		case p.value(k, cUnit) == unitWeek && !p.any(k+1, cOf, cBaad): // Monday week
			d.set(hDays)
			d.days, d.days2, d.anchored = 7, 7, true
			k++
		case p.is(k, cAfter) && p.is(k+1, cNext) && !p.any(k+2, cUnit, cWeekday, cMonth, cWeekend): // Monday after next
			d.set(hDays)
			d.days, d.days2, d.anchored = 7, 7, true
			k += 2
		}
		a.end = k
		return a, true
	case p.is(j, cWeekend):
		d.set(hWeekend)
		if w == whichLast {
			d.set(hPast)
		}
		a.end = j + 1
		return a, true
	case p.is(j, cWeekdays):
		d.set(hWeekdays)
		a.end = j + 1
		return a, true
	case p.value(j, cUnit) == unitWorkday && w == whichPlain && (p.is(i-1, cOn) || p.any(j+1, cPe, cKo, cMein)):
		d.set(hDays)
		d.days, d.days2, d.workdays = 1, 1, true
		a.end = j + 1
		return a, true
	case p.is(j, cWeekend2):
		d.set(hWeek | hSlice)
		d.slice, d.which = sliceEnd, whichPlain
		if w == whichNext {
			d.week = 1
		}
		a.end = j + 1
		return a, true
	case p.is(j, cMonthend):
		d.set(hMonthOff | hSlice)
		d.slice, d.which = sliceEnd, whichPlain
		if w == whichNext {
			d.monthOff = 1
		}
		a.end = j + 1
		return a, true
	case p.is(j, cMonth):
		d.set(hMonth)
		d.month = int8(p.value(j, cMonth))
		if w == whichLast {
			d.set(hPast)
		}
		// A month alone may be a name or an everyday word: "April speaking".
		a.weak = w == whichPlain && !p.any(i-1, cIn, cOf, cUntil, cBy, cAfter, cBefore, cFrom) &&
			!p.any(j+1, cMein, cTak, cKo) && !(p.is(j+1, cOf) && p.any(j+2, cBaad, cEnding, cStarting, cPehle, cOrd, cFinal, cMid))
		d.which = whichPlain
		a.end = j + 1
		if p.mark(a.end, '.') && p.glued(a.end) {
			a.end++
		}
		if p.is(j+1, cPast) {
			return a, false
		}
		if y, k := p.yearAt(a.end); k > a.end {
			d.set(hYear)
			d.year, a.end = int16(y), k
			a.weak = false
		}
		return p.sliceAfter(a), true
	case p.is(j, cHoliday):
		d.set(hHoliday)
		d.holiday = int8(p.value(j, cHoliday))
		a.end = j + 1
		return a, true
	case p.is(j, cFeast):
		a.kind = aFeast
		a.end = j + 1
		return a, true
	}
	return p.monthDay(i)
}

func whichOffset(w which, coming bool) int16 {
	switch {
	case w == whichNext || coming:
		return 1
	case w == whichAfterNext:
		return 2
	case w == whichLast:
		return -1
	}
	return 0
}

// sliceAt reads "end of next month", "first week of march", "mid June", "early
// next week", "last Friday of the month".
func (p *parser) sliceAt(i int) (a atom, ok bool) {
	a = atom{kind: aDay, start: i}
	j := i
	var s slice
	nth, weekday := 0, -1
	lastDay := false
	switch {
	case p.is(j, cEnding), p.is(j, cLate) && !p.is(j+1, cOf):
		s, j = sliceEnd, j+1
	case p.is(j, cStarting), p.is(j, cEarly):
		s, j = sliceStart, j+1
	case p.is(j, cMid):
		s, j = sliceMid, j+1
	case p.is(j, cLater):
		s, j = sliceEnd, j+1
	case p.any(j, cOrd, cFinal, cPehle):
		nth = p.value(j, cOrd)
		if p.is(j, cPehle) {
			nth = 1
		}
		last := p.is(j, cFinal)
		j++
		switch {
		case p.value(j, cUnit) == unitWeek:
			s = sliceWeek
			if last {
				s = sliceLastWeek
			}
		case p.value(j, cUnit) == unitDay && (last || nth == 1):
			lastDay = last
			s = sliceStart
		case p.is(j, cWeekday), p.is(j, cWeekend):
			weekday = 6
			if p.is(j, cWeekday) {
				weekday = p.value(j, cWeekday)
			}
			if last {
				nth = -1
			}
		default:
			return a, false
		}
		if !p.any(j+1, cOf, cIn, cMein) {
			if weekday < 0 || !p.is(i, cOrd) {
				return a, false
			}
			a.day.set(hNthWeekday | hMonthOff) // "second Saturday": this month's, or the next's
			a.day.weekday, a.day.nth, a.end = int8(weekday), int8(nth), j+1
			return a, true
		}
		j++
	default:
		return a, false
	}
	if p.any(j, cOf, cIn, cMein) || p.mark(j, '-') {
		j++
	}
	for p.is(j, cThe) || p.is(j, cArticle) {
		j++
	}
	w, k := p.whichAt(j)
	d := &a.day
	switch {
	case p.value(k, cUnit) == unitWeek && s != sliceWeek:
		if w == whichPlain && p.is(i, cLater) && !p.any(i+1, cOf, cIn) {
			return a, false
		}
		d.set(hWeek)
		d.week = whichOffset(w, p.is(j, cComing))
	case p.value(k, cUnit) == unitMonth:
		d.set(hMonthOff)
		d.monthOff = whichOffset(w, p.is(j, cComing))
	case p.value(k, cUnit) == unitYear:
		d.set(hYearOff)
		d.year = whichOffset(w, p.is(j, cComing))
	case p.is(k, cMonth):
		d.set(hMonth)
		d.month = int8(p.value(k, cMonth))
	default:
		return a, false
	}
	if w == whichLast {
		d.set(hPast)
	}
	a.end = k + 1
	if y, l := p.yearAt(a.end); l > a.end && d.is(hMonth) {
		d.set(hYear)
		d.year, a.end = int16(y), l
	}
	switch {
	case weekday >= 0:
		d.set(hNthWeekday)
		d.weekday, d.nth = int8(weekday), int8(nth)
	case s == sliceStart && lastDay:
		d.set(hMday)
		d.mday = -1
	case s == sliceStart && p.value(i+1, cUnit) == unitDay:
		d.set(hMday)
		d.mday = 1
	default:
		d.set(hSlice)
		d.slice, d.nth = s, int8(nth)
	}
	return a, true
}

// sliceAfter reads what Hindi puts after a week, month or year: "agle mahine ke
// pehle hafte", "march ke end mein".
func (p *parser) sliceAfter(a atom) atom {
	j := a.end
	if !p.is(j, cOf) {
		// "next month second week"
		if p.any(j, cOrd, cFinal) && p.value(j+1, cUnit) == unitWeek && a.day.is(hMonth|hMonthOff) && !p.any(j+2, cOf) {
			a.day.set(hSlice)
			a.day.slice, a.day.nth, a.end, a.weak = sliceWeek, int8(max(1, p.value(j, cOrd))), j+2, false
			if p.is(j, cFinal) {
				a.day.slice = sliceLastWeek
			}
			return a
		}
		// "march end", "month end"
		if p.is(j, cEnding) && a.day.is(hMonth|hMonthOff|hWeek) {
			a.day.set(hSlice)
			a.day.slice, a.end, a.weak = sliceEnd, j+1, false
		}
		return a
	}
	j++
	d := &a.day
	switch {
	case p.any(j, cOrd, cPehle) && p.value(j+1, cUnit) == unitWeek:
		d.set(hSlice)
		d.slice, d.nth = sliceWeek, 1
		if n := p.value(j, cOrd); n > 0 {
			d.nth = int8(n)
		}
		a.end = j + 2
	case p.is(j, cFinal) && p.value(j+1, cUnit) == unitWeek:
		d.set(hSlice)
		d.slice = sliceLastWeek
		a.end = j + 2
	case p.any(j, cOrd, cPehle, cFinal) && p.is(j+1, cWeekday):
		d.set(hNthWeekday)
		d.weekday, d.nth = int8(p.value(j+1, cWeekday)), 1
		if n := p.value(j, cOrd); n > 0 {
			d.nth = int8(n)
		}
		if p.is(j, cFinal) {
			d.nth = -1
		}
		a.end = j + 2
	case p.is(j, cFinal) && p.value(j+1, cUnit) == unitDay:
		d.set(hMday)
		d.mday = -1
		a.end = j + 2
	case p.any(j, cEnding, cFinal):
		d.set(hSlice)
		d.slice, a.end = sliceEnd, j+1
	case p.is(j, cStarting):
		d.set(hSlice)
		d.slice, a.end = sliceStart, j+1
	case p.any(j, cMid, cBeech):
		d.set(hSlice)
		d.slice, a.end = sliceMid, j+1
	default:
		return a
	}
	a.weak = false
	return a
}
