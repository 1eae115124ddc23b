package callback

import "strings"

// numericDate reads 2026-03-15, 15/3/2026, 15-03-26, 10/31 at i.
func (p *parser) numericDate(i int) (a atom, ok bool) {
	a = atom{kind: aDay, start: i}
	if p.glued(i) && p.digits(i-2) > 0 && (p.mark(i-1, '/') || p.mark(i-1, '.') || p.mark(i-1, '-')) {
		return a, false
	}
	if p.digits(i) == 0 || !p.glued(i+1) || !p.glued(i+2) || p.digits(i+2) == 0 || p.labelled(i) {
		return a, false
	}
	var sep byte
	for _, m := range [...]byte{'/', '-', '.'} {
		if p.mark(i+1, m) {
			sep = m
		}
	}
	if sep == 0 {
		return a, false
	}
	x, _ := p.numberAt(i)
	y, _ := p.numberAt(i + 2)
	three := p.mark(i+3, sep) && p.glued(i+3) && p.digits(i+4) > 0 && p.glued(i+4)
	d := &a.day
	switch {
	case p.digits(i) == 4 && p.digits(i+2) <= 2 && three && p.digits(i+4) <= 2:
		z, _ := p.numberAt(i + 4)
		a.end = i + 5
		if p.tokenText(a.end) == "t" {
			a.end++
		}
		return p.exact(a, x, y, z)
	case !three && sep != '.' && p.digits(i) <= 2 && p.digits(i+2) == 4 && y >= 2000 && y < 2200, !three && p.digits(i) == 4 && x >= 2000 && x < 2200 && p.digits(i+2) <= 2 && sep != '.': // 2/2026, 2026-02
		if p.digits(i) == 4 {
			x, y = y, x
		}
		a.end = i + 3
		if x < 1 || x > 12 {
			return a, false
		}
		d.set(hMonth | hYear)
		d.month, d.year = int8(x), int16(y)
		return a, true
	case p.digits(i) > 2 || p.digits(i+2) > 2:
		return a, false
	case three && (p.digits(i+4) == 4 || p.digits(i+4) == 2):
		z, _ := p.numberAt(i + 4)
		if z < 100 {
			z += 2000
		}
		a.end = i + 5
		if p.american() {
			x, y = y, x
		}
		if y > 12 && x <= 12 {
			x, y = y, x
		}
		return p.exact(a, z, y, x)
	case sep == '/' && !three:
		if p.any(i+3, cBaje, cUnit, cAm, cPm, cCounted) || p.mark(i+3, '/') {
			return a, false
		}
		if p.american() {
			x, y = y, x
		}
		if y > 12 && x <= 12 {
			x, y = y, x
		}
		a.end = i + 3
		if y < 1 || y > 12 || x < 1 || x > daysIn(2024, y) {
			a.kind = aBad
			return a, true
		}
		d.set(hMday | hMonth)
		d.mday, d.month = int8(x), int8(y)
		return a, true
	}
	return a, false
}

// exact makes a date of a year, month and day.
func (p *parser) exact(a atom, y, m, d int) (atom, bool) {
	if _, ok := exactDate(y, m, d); !ok || y < 1900 || y > 2200 {
		a.kind = aBad
		return a, true
	}
	a.day.set(hMday | hMonth | hYear)
	a.day.mday, a.day.month, a.day.year = int8(d), int8(m), int16(y)
	return a, true
}

// american reports whether the zone is one where the month comes first.
func (p *parser) american() bool {
	name := p.zone.String()
	rest, ok := strings.CutPrefix(name, "America/")
	if !ok {
		return strings.HasPrefix(name, "US/") || name == "Pacific/Honolulu"
	}
	for _, city := range [...]string{"New_York", "Chicago", "Denver", "Los_Angeles", "Phoenix", "Anchorage", "Detroit",
		"Boise", "Juneau", "Adak", "Menominee", "Nome", "Sitka", "Yakutat", "Metlakatla", "Indiana/", "Kentucky/", "North_Dakota/", "Indianapolis", "Louisville", "Fort_Wayne"} {
		if strings.HasPrefix(rest, city) {
			return true
		}
	}
	return false
}

// mdayAt reads a day of the month at i: 15, 15th, fifteenth, pehli.
func (p *parser) mdayAt(i int) (n, next int, ordinal bool) {
	j := i
	if p.is(j, cOrd) || p.is(j, cPehle) && p.is(j+1, cTarikh) {
		n = max(1, p.value(j, cOrd))
		return n, j + 1, true
	}
	if p.is(j, cTens) { // twenty first
		k := j + 1
		if p.mark(k, '-') {
			k++
		}
		if o := p.value(k, cOrd); o > 0 && o < 10 {
			return p.value(j, cTens) + o, k + 1, true
		}
	}
	if p.digits(j) > 2 {
		return 0, i, false
	}
	n, j = p.numberAt(i)
	if j == i || n > 99 {
		return 0, i, false
	}
	if p.is(j, cSuffix) && p.digits(i) > 0 {
		return n, j + 1, true
	}
	return n, j, false
}

// yearAt reads a year at i: 2026, '26.
func (p *parser) yearAt(i int) (y, next int) {
	j := i
	if p.mark(j, ',') || p.is(j, cOf) {
		j++
	}
	n, k := p.numberAt(j)
	if p.digits(j) == 4 && n >= 1900 && !p.any(k, cHrs, cCounted) && !p.mark(k, ':') {
		return n, k
	}
	return 0, i
}

// monthDate reads "15 march", "the 3rd of March 2026", "march 15th", "10-12 march".
func (p *parser) monthDate(i int) (a atom, ok bool) {
	a = atom{kind: aDay, start: i}
	d := &a.day
	if m := p.value(i, cMonth); m > 0 {
		j := i + 1
		if p.mark(j, '.') && p.glued(j) || p.mark(j, '-') || p.mark(j, ',') {
			j++
		}
		for p.any(j, cThe, cOn) || p.is(j, cOf) && p.is(j+2, cTarikh) {
			j++
		}
		n, k, ordinal := p.mdayAt(j)
		if k == j || ordinal && p.value(k, cUnit) == unitWeek || p.any(k, cBaje, cAm, cPm, cOclock, cUnit, cCounted) && !ordinal || p.mark(k, ':') && p.digits(k+1) > 0 && !ordinal || p.any(j, cFrac) {
			return a, false
		}
		if p.mark(k, '-') && p.digits(k+1) > 0 && p.digits(k+1) <= 2 { // march 10-12
			if _, l, _ := p.mdayAt(k + 1); l > k+1 {
				k = l
			}
		}
		if p.is(k, cTarikh) {
			k++
		}
		return p.datePart(a, n, m, k)
	}
	if p.digits(i) == 4 { // 2026 March 18, 2026/Mar/18
		k := i + 1
		if p.mark(k, '/') || p.mark(k, '-') {
			k++
		}
		if m := p.value(k, cMonth); m > 0 {
			k++
			if p.mark(k, '/') || p.mark(k, '-') {
				k++
			}
			y, _ := p.numberAt(i)
			if n, l, _ := p.mdayAt(k); l > k {
				a.end = l
				return p.exact(a, y, m, n)
			}
		}
	}
	n, j, ordinal := p.mdayAt(i)
	if j == i || p.labelled(i) {
		return a, false
	}
	if p.is(j, cTarikh) {
		j++
	}
	// a second day: "10 to 12 march", "10 ya 11 march"
	if k := j; p.any(k, cTo, cSe, cOr, cAnd) || p.mark(k, '-') {
		if p.is(k+1, cThe) {
			k++
		}
		if _, l, _ := p.mdayAt(k + 1); l > k+1 && (p.is(l, cMonth) || p.is(l, cOf) && p.is(l+1, cMonth) || p.is(l, cTarikh)) {
			j = l
			if p.is(j, cTarikh) {
				j++
			}
		}
	}
	k := j
	if p.mark(k, '-') || p.mark(k, '/') || p.mark(k, '.') && p.glued(k) && p.glued(k+1) {
		k++
	}
	if p.value(k, cUnit) == unitDay && p.is(k+1, cOf) { // the 15th day of March
		k++
	}
	for p.any(k, cOf, cThe) {
		k++
	}
	if m := p.value(k, cMonth); m > 0 {
		if p.weak(k, cMonth) && !ordinal && p.digits(i) == 0 && k == j && p.any(k+1, cBe, cAsk) {
			return a, false
		}
		return p.datePart(a, n, m, k+1)
	}
	// "10th of next month", "3rd of this month", "the 5th of the month"
	if k > j && (ordinal || p.is(j-1, cTarikh) || p.is(j, cOf)) {
		w, l := p.whichAt(k)
		if p.value(l, cUnit) == unitMonth && n >= 1 && n <= 31 {
			d.set(hMday | hMonthOff)
			d.mday, d.monthOff = int8(n), whichOffset(w, p.is(k, cComing))
			if w == whichPlain {
				d.has = hMday
			}
			a.end = l + 1
			return a, true
		}
	}
	return a, false
}

// datePart finishes a day and month, with the year that may follow at j.
func (p *parser) datePart(a atom, day, month, j int) (atom, bool) {
	a.end = j
	if p.mark(j, '.') && p.glued(j) && p.digits(j+1) == 0 {
		j++
	}
	if p.mark(j, '-') && p.glued(j) || p.mark(j, '/') {
		j++
		if y, _ := p.numberAt(j); p.glued(j) && (p.digits(j) == 2 || p.digits(j) == 4) {
			a.end = j + 1
			if y < 100 {
				y += 2000
			}
			return p.exact(a, y, month, day)
		}
	}
	if y, _ := p.numberAt(j); p.digits(j) == 2 && y > 31 && !p.any(j+1, cUnit, cCounted, cBaje) { // 3 Aug 96
		a.end = j + 1
		return p.exact(a, 1900+y, month, day)
	}
	if y, k := p.yearAt(j); k > j {
		a.end = k
		return p.exact(a, y, month, day)
	}
	if day < 1 || day > daysIn(2024, month) {
		a.kind = aBad
		return a, true
	}
	a.day.set(hMday | hMonth)
	a.day.mday, a.day.month = int8(day), int8(month)
	return a, true
}

// monthDay reads a day of the month without its month: "15 tarikh", "20th",
// "12 ko".
func (p *parser) monthDay(i int) (a atom, ok bool) {
	a = atom{kind: aDay, start: i}
	if p.is(i, cTarikh) && !p.is(i-1, cOf) {
		if n, k, _ := p.mdayAt(i + 1); k > i+1 && !p.any(k, cBaje, cUnit, cAm, cPm) && !p.is(k, cTarikh) {
			return p.mdayAtom(a, n, k)
		}
		return a, false
	}
	n, j, ordinal := p.mdayAt(i)
	if j == i || p.labelled(i) {
		return a, false
	}
	switch {
	case p.is(j, cTarikh):
		return p.mdayAtom(a, n, j+1)
	case ordinal && p.is(j-1, cSuffix), ordinal && p.digits(i) > 0, ordinal && p.numeric(i), ordinal && p.is(i, cTens):
		// 20th, twenty first; but not the 5th floor, the 2nd half
		if p.any(j, cCounted, cUnit, cLabel, cPart, cWeekday, cEvent, cQuarter, cFinal) && !p.is(j, cPart) && !p.is(j, cWeekday) {
			return a, false
		}
		return p.mdayAtom(a, n, j)
	case ordinal && p.any(i-1, cThe, cOn, cBy, cUntil, cAfter, cBefore) && (p.any(j, cOf, cAt, cIn, cKo, cPart) || p.punct(j) || p.onlyFiller(j, len(p.tokens))):
		return p.mdayAtom(a, n, j)
	case !ordinal && p.is(i-1, cThe) && p.digits(i) == 2 && n > 12 && n <= 31 && (j >= len(p.tokens) || p.punct(j) || p.is(j, cAt)): // the 24
		return p.mdayAtom(a, n, j)
	case !ordinal && p.digits(i) == 4 && p.any(i-1, cIn, cAfter, cBefore, cBy) && n > 2000 && n < 2200 && (j >= len(p.tokens) || p.punct(j)): // in 2027
		a.day.set(hYear)
		a.day.year, a.end = int16(n), j
		return a, true
	case !ordinal && p.is(j, cKo) && n >= 1 && n <= 31 && (p.digits(i) > 0 || n > 2) && !p.weak(i, cNum):
		return p.mdayAtom(a, n, j)
	case !ordinal && p.is(j, cSe) && p.is(j+2, cTarikh), (p.mark(j, '-') || p.any(j, cTo, cOr)) && p.is(j+2, cTarikh): // 10 se 12 tarikh
		return p.mdayAtom(a, n, j+3)
	case ordinal && p.is(i-1, cOf) && p.any(j, cKo):
		return p.mdayAtom(a, n, j)
	}
	return a, false
}

// numeric reports whether the token at i is an ordinal written with digits: 1st.
func (p *parser) numeric(i int) bool {
	c := p.first(i)
	return c >= '0' && c <= '9'
}

func (p *parser) mdayAtom(a atom, n, end int) (atom, bool) {
	a.end = end
	if n < 1 || n > 31 {
		a.kind = aBad
		return a, true
	}
	a.day.set(hMday)
	a.day.mday = int8(n)
	return a, true
}
