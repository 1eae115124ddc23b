package callback

// secondsOf is the length of the units that are elapsed time.
var secondsOf = [...]int{unitSecond: 1, unitMinute: 60, unitHour: 3600}

// durationAt reads a duration at i: elapsed time as an aDur atom, days and more
// as an aDay atom. Words around it that say how it is meant belong to it: "in",
// "within", "ke baad", "from now", "ago".
func (p *parser) durationAt(i int) (a atom, ok bool) {
	a = atom{start: i, kind: aDur}
	if p.digits(i) == 4 && p.is(i+1, cHrs) && !p.is(i-1, cIn) { // 1730 hrs
		return a, false
	}
	if p.is(i, cUnit) && (p.is(i-1, cWithin) || p.is(i-1, cThe) && p.is(i-2, cWithin)) { // within the hour
		switch p.value(i, cUnit) {
		case unitHour:
			a.dur, a.end = durations{lo: 3600, hi: 3600}, i+1
			return a, true
		case unitWeek:
			a.kind, a.end = aDay, i+1
			a.day.set(hWeek)
			return a, true
		}
	}
	if _, _, ok := p.minutesTo(i); ok { // ten minutes to six
		return a, false
	}
	if p.is(i, cNext) && p.value(i+1, cUnit) == unitHour { // the next hour
		a.dur, a.end, a.next = durations{lo: 3600, hi: 3600}, i+2, true
		return a, true
	}
	if p.is(i-1, cEvery) {
		return a, false
	}
	n, j := p.amountAt(i)
	switch {
	case j > i && j == i+1 && p.is(i-1, cIn) && p.digits(i) <= 2 && n.lo >= 5*60 && n.lo < 60*60 && n.lo == n.hi && p.onlyFiller(j, len(p.tokens)): // in 15, in ten
		a.dur = durations{lo: n.lo, hi: n.lo}
		a.end = j
		return a, true
	case j > i && p.digits(i) > 0 && p.hourLetter(i+1) && (p.is(i-1, cAt) || p.digits(i+2) == 2 && p.glued(i+2) && !p.glued(i+3)): // at 16h, 9h30
		return a, false
	case j > i:
	case p.is(i, cUnit) && p.digits(i-1) == 0 && p.is(i+1, cBhar): // ghante bhar
		n = amount{lo: 60, hi: 60, bare: true}
	case p.is(i, cUnit) && (p.bareUnit(i) || p.value(i, cUnit) < unitDay && p.andHalf(i+1) > i+1): // an hour and a half
		n = amount{lo: 60, hi: 60, bare: true}
	default:
		return p.hoursAndMinutes(i)
	}
	if !p.is(j, cUnit) || !p.unitOK(j) {
		return p.hoursAndMinutes(i)
	}
	unit := p.value(j, cUnit)
	j++
	if p.is(j, cBhar) {
		j++
	}
	if unit >= unitDay {
		return p.daysAt(a, n, unit, j)
	}
	each := secondsOf[unit]
	switch {
	case n.few:
		switch unit {
		case unitSecond:
			a.dur = durations{lo: 5, hi: 60, vague: true}
		case unitMinute:
			a.dur = durations{lo: 60, hi: 20 * 60, vague: true}
		case unitHour:
			a.dur = durations{lo: 90 * 60, hi: 6 * 3600, vague: true}
		}
	default:
		a.dur = durations{lo: n.lo * each / 60, hi: n.hi * each / 60, pair: n.lo != n.hi}
		a.approx = n.approx
		if n.lo == 30 && n.hi == 60 && n.approx {
			a.dur.vague = true
		}
	}
	// "and a half", "aur aadha", "30 minutes", "and 30 minutes", "aur 10 minute"
	for !n.few && !a.dur.pair {
		if x := p.andHalf(j); x > j {
			a.dur.lo += p.value(x-1, cQty) * each / 60
			a.dur.hi = a.dur.lo
			j = x
			break
		}
		k := p.joined(j)
		m, l := p.amountAt(k)
		if l == k || m.few || m.lo != m.hi || !p.is(l, cUnit) || !p.unitOK(l) {
			break
		}
		u := p.value(l, cUnit)
		if u >= unit {
			break
		}
		unit, each = u, secondsOf[u]
		a.dur.lo += m.lo * each / 60
		a.dur.hi = a.dur.lo
		j = l + 1
	}
	a.end = j
	return a, true
}

// bareUnit reports whether the unit at i stands for one of it: "ghante baad",
// "hour later".
func (p *parser) bareUnit(i int) bool {
	t := p.at(i)
	if t.end-t.start <= 2 {
		return false
	}
	u := p.value(i, cUnit)
	if u == unitSecond || u == unitDay || u == unitWorkday {
		return false
	}
	if p.any(i-1, cNext, cComing, cThis, cLast, cOf, cOrd, cFinal, cEnding, cStarting, cEarly, cMid) || p.pairOfWeek(i) {
		return false
	}
	j := i + 1
	if p.is(j, cOf) {
		j++
	}
	return p.is(j, cBaad)
}

func (p *parser) pairOfWeek(i int) bool { return p.is(i-1, cWeekday) || p.is(i-1, cMonth) }

// hoursAndMinutes reads "1:30 hours" and "1h30".
func (p *parser) hoursAndMinutes(i int) (a atom, ok bool) {
	a = atom{start: i, kind: aDur}
	if d := p.digits(i); d == 0 || d > 2 {
		return a, false
	}
	hours, _ := p.numberAt(i)
	if p.mark(i+1, ':') && p.digits(i+2) == 2 && p.value(i+3, cUnit) == unitHour && !p.is(i+3, cHrs) {
		m, _ := p.numberAt(i + 2)
		if m < 60 {
			s := hours*3600 + m*60
			a.dur, a.end = durations{lo: s, hi: s}, i+4
			return a, true
		}
	}
	return a, false
}

// daysAt finishes a duration of days, weeks, months or years whose unit ended
// before j.
func (p *parser) daysAt(a atom, n amount, unit, j int) (atom, bool) {
	a.kind = aDay
	d := &a.day
	if n.few {
		switch unit {
		case unitDay, unitWorkday:
			d.set(hDays)
			d.days, d.days2 = 2, 7
		case unitWeek, unitFortnight:
			d.set(hDays)
			d.days, d.days2 = 14, 42
		case unitMonth:
			d.set(hMonths)
			d.months, d.months2 = 2, 6
		default:
			return a, false
		}
		d.few = true
		a.end = j
		return a, true
	}
	if n.lo > 60*4000 {
		return a, false
	}
	switch unit {
	case unitDay, unitWeek, unitFortnight, unitWorkday:
		each := daysOf(unit)
		d.set(hDays)
		if unit == unitWorkday {
			d.workdays = true
		}
		d.days, d.days2 = n.lo*each/60, (n.hi*each+59)/60
		d.weeks = unit != unitDay && unit != unitWorkday
		d.approx = n.approx
		if unit == unitDay && n.lo == 90 { // dedh din: elapsed
			d.days2 = d.days
		}
	case unitMonth, unitYear:
		each := 1
		if unit == unitYear {
			each = 12
		}
		d.set(hMonths)
		d.months, d.months2 = n.lo*each/60, n.hi*each/60
		d.days = (n.lo * each % 60) / 2 // half a month is 15 days
		d.approx = n.approx
	}
	// "1 week 2 days", "1 mahina 10 din", "1 day 2 hours"
	k := p.joined(j)
	x := k
	if p.is(x, cArticle) {
		x++
	}
	if s, is := p.sense(x, cQty); is && s.value == qtyHalf && x > j && !p.is(x+1, cUnit) {
		switch unit {
		case unitMonth:
			d.days += 15
		case unitYear:
			d.months, d.months2 = d.months+6, d.months2+6
		case unitWeek:
			d.days, d.days2 = d.days+3, d.days2+4
		}
		a.end = x + 1
		return a, true
	}
	if m, l := p.amountAt(k); l > k && !m.few && p.is(l, cUnit) && p.unitOK(l) {
		switch u := p.value(l, cUnit); {
		case u >= unit:
		case u < unitDay && d.is(hDays) && n.lo == n.hi:
			return p.elapsed(a, n.lo*daysOf(unit)/60, k)
		case u == unitDay:
			d.days, d.days2, j = d.days+m.lo/60, d.days2+m.hi/60, l+1
		case u == unitWeek && unit == unitMonth:
			d.days, d.days2, j = d.days+7*m.lo/60, d.days2+7*m.hi/60, l+1
		case u == unitMonth:
			d.months, d.months2, j = d.months+m.lo/60, d.months2+m.hi/60, l+1
		}
	}
	a.end = j
	return a, true
}

// andHalf is the index after "and a half" or "and a quarter" at j, or j.
func (p *parser) andHalf(j int) int {
	x := p.joined(j)
	if p.is(x, cArticle) {
		x++
	}
	if v := p.value(x, cQty); x > j && (v == qtyHalf || v == qtyQuarter) && !p.is(x+1, cUnit) && !p.is(x+1, cOf) {
		return x + 1
	}
	return j
}

// joined is the index after "and" or a comma at j.
func (p *parser) joined(j int) int {
	if p.mark(j, ',') {
		j++
	}
	if p.is(j, cAnd) {
		j++
	}
	return j
}

// sameUnit reads a bare number at i that corrects the delay before it, atom n-1,
// and has its unit: "5 minutes, no, make it 10", "2 ghante nahi 3".
func (p *parser) sameUnit(n, i int) (a atom, ok bool) {
	if n == 0 {
		return a, false
	}
	b := &p.atoms[n-1]
	if b.kind != aDur || b.drop != kept || b.dur.vague {
		return a, false
	}
	corrects := false
	for k := b.end; k < i; k++ {
		switch {
		case p.any(k, cNahi, cNo, cSorry, cInstead):
			corrects = true
		case p.punct(k), p.any(k, cWord, cApprox):
		default:
			return a, false
		}
	}
	m, j := p.amountAt(i)
	if !corrects || j == i || m.few || !p.onlyFiller(j, len(p.tokens)) {
		return a, false
	}
	each := 60
	if b.dur.lo%3600 == 0 && m.hi <= 12*60 {
		each = 3600
	}
	a = atom{kind: aDur, start: i, end: j, dir: b.dir, replaces: true}
	a.dur = durations{lo: m.lo * each / 60, hi: m.hi * each / 60, pair: m.lo != m.hi}
	return a, true
}

// elapsed finishes a duration of whole days and hours, minutes or seconds from
// k: all of it is elapsed time.
func (p *parser) elapsed(a atom, days, k int) (atom, bool) {
	a.kind, a.day = aDur, dayspec{}
	sum := days * 86400
	for {
		m, l := p.amountAt(k)
		if l == k || m.few || m.lo != m.hi || !p.is(l, cUnit) || p.value(l, cUnit) >= unitDay {
			break
		}
		sum += m.lo * secondsOf[p.value(l, cUnit)] / 60
		a.end = l + 1
		k = p.joined(a.end)
	}
	a.dur = durations{lo: sum, hi: sum}
	return a, true
}

// daysOf is the days in a unit of whole days.
func daysOf(unit int) int {
	switch unit {
	case unitWeek:
		return 7
	case unitFortnight:
		return 14
	}
	return 1
}
