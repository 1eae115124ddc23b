package callback

// timeAt reads a time of day at i: "5", "5:30", "half past five", "saade teen",
// "5 baje", "5 pm", "1730 hrs". It returns the index after it, and how sure it
// is that this is a time and not some other number.
func (p *parser) timeAt(i int) (c clockval, next int, sure sureness) {
	if c, next, ok := p.minutesTo(i); ok {
		return c, next, certain
	}
	if p.glued(i) && (p.mark(i-1, '.') || p.mark(i-1, '/')) && p.digits(i-2) > 0 { // the rest of 1.1.30
		return c, i, unsure
	}
	var hour, mins, j int
	frac := false
	switch {
	case p.is(i, cSametime): // as late in the day as it is while they speak
		return clockval{minute: int16(p.minute), half: halfExact}, i + 1, certain
	case p.value(i, cPart) == int(partNoon):
		return clockval{minute: 12 * h, half: halfExact, approx: p.tokens[i].ish}, i + 1, certain
	case p.value(i, cPart) == int(partMidnight):
		return clockval{minute: 24 * h, half: halfMidnight}, i + 1, certain
	case p.is(i, cFrac):
		v := p.value(i, cFrac)
		n, k := p.numberAt(i + 1)
		switch {
		case k > i+1 && n <= 24 && !p.is(k, cUnit) && !p.is(k, cCounted):
			hour, mins, j = n, v, k
			if v == fracSaade {
				mins = 30
			}
			sure, frac = likely, true
		case k == i+1 && v == fracSava && p.is(i+1, cBaje):
			hour, mins, j, frac = 1, 15, i+1, true
		default:
			return c, i, unsure
		}
	case p.is(i, cQty):
		v := p.value(i, cQty)
		n, k := p.numberAt(i + 1)
		switch {
		case p.is(i+1, cBaje) && (v == qtyDedh || v == qtyDhai):
			hour, mins, j, frac = v/60, v%60, i+1, true
		case p.is(i+1, cBaje) && v == qtyPauna:
			hour, mins, j, frac = 12, 45, i+1, true
		case (v == qtyDedh || v == qtyDhai) && (p.any(i+1, cPe, cTak) || p.any(i+1, cOf, cSe) && p.any(i+2, cBaad, cPehle)):
			hour, mins, j, frac, sure = v/60, v%60, i+1, true, likely
		case v == qtyHalf && k > i+1 && n >= 1 && n <= 12 && p.is(i+1, cNum) && !p.any(k, cUnit, cCounted) && !p.hindi(i):
			hour, mins, j, sure, frac = n, 30, k, likely, true
		default:
			return c, i, unsure
		}
	default:
		n, k := p.numberAt(i)
		if k == i {
			return c, i, unsure
		}
		hour, j = n, k
		d := p.digits(i)
		switch {
		case d >= 5, d == 3:
			if d == 3 && n%100 < 60 && n >= 100 && (p.any(k, cAm, cPm) || n%5 == 0 && n/100 <= 9 && p.any(i-1, cAt, cPart) && !p.any(k, cCounted, cUnit)) {
				hour, mins, sure = n/100, n%100, likely
				break
			}
			return c, i, unsure
		case d == 4:
			if n%100 > 59 || n/100 > 24 {
				return c, i, unsure
			}
			hour, mins = n/100, n%100
			switch {
			case p.any(k, cHrs), p.any(k, cAm, cPm):
				sure = certain
			case p.any(i-1, cAt, cAfter, cBefore, cBy, cUntil, cBetween, cFrom, cApprox) && (n >= 1300 || n < 1000 || n%100 != 0 || n%5 == 0) && n < 1900 || p.is(k, cBaje):
				sure = likely
			default:
				return c, i, unsure
			}
			if hour >= 13 || p.phrase[p.tokens[i].start] == '0' {
				c.half = halfExact
			}
		case d > 0 && p.mark(k, '.') && p.glued(k) && p.digits(k+1) > 0 && p.glued(k+1) && (p.digits(k+1) != 2 || p.mark(k+2, '.') && p.digits(k+3) > 0): // 6.5, 1.10.30
			return c, i, unsure
		case (p.mark(k, ':') || p.mark(k, '.') && p.glued(k) && !p.is(k+2, cUnit)) && p.digits(k+1) == 2 && (p.glued(k+1) || p.mark(k, ':')):
			mins, _ = p.numberAt(k + 1)
			j = k + 2
			sure = likely
			if p.mark(k, ':') {
				sure = certain
				if p.mark(j, ':') && p.digits(j+1) == 2 { // seconds
					j += 2
					if p.mark(j, '.') && p.glued(j) && p.digits(j+1) > 0 {
						j += 2
					}
					j = p.offset(&c, j)
				}
			}
			if d == 2 && (hour >= 13 || p.first(i) == '0') {
				c.half = halfExact
			}
		case d > 0 && d <= 2 && p.mark(k, '-') && p.glued(k) && p.glued(k+1) && p.digits(k+1) == 2 && p.any(k+2, cAm, cPm, cBaje) && p.minuteOnly(k+1): // 3-30 pm
			mins, _ = p.numberAt(k + 1)
			j, sure = k+2, certain
		case p.hourAndMinutes(i, k): // "8 30 pm"
			mins, _ = p.numberAt(k)
			if mins >= 60 || mins%5 != 0 && !p.any(k+1, cAm, cPm) {
				return c, i, unsure
			}
			j = k + 1
			sure = likely
		case d > 0 && d <= 2 && p.hourLetter(k) && p.digits(k+1) == 2 && p.glued(k+1) && !p.glued(k+2): // 15h30
			mins, _ = p.numberAt(k + 1)
			j, sure, c.half = k+2, certain, halfExact
		case d > 0 && d <= 2 && p.hourLetter(k) && (p.is(i-1, cAt) || hour >= 13 || p.mark(i-1, '-')): // at 16h
			j, sure, c.half = k+1, certain, halfExact
		case p.is(k, cBaj) && !p.is(k, cContinuous):
			l := k + 1
			if p.is(l, cOf) {
				l++
			}
			if x, e := p.numberAt(l); e > l && x < 60 {
				mins, j = x, e
				if p.value(j, cUnit) == unitMinute {
					j++
				}
				sure = certain
			} else if p.any(k+1, cContinuous) {
				return c, i, unsure
			} else {
				j, sure = k+1, certain
			}
		case p.is(k, cBajne) && p.is(k+1, cMein): // paanch bajne mein das minute
			x, e := p.numberAt(k + 2)
			if e == k+2 || x >= 60 || p.value(e, cUnit) != unitMinute {
				return c, i, unsure
			}
			hour, mins, j, sure, frac = n, -x, e+1, certain, true
		case d == 0:
			// "eight thirty", "paanch bees": an hour and minutes in words
			w := k
			if p.mark(w, '-') && p.glued(w) {
				w++
			}
			if x, e := p.numberAt(w); e > w && p.digits(w) == 0 && n >= 1 && n <= 12 && x >= 10 && x < 60 && !p.any(e, cUnit, cTarikh, cMonth, cCounted) && (x != n+1 || n > 12 || !p.is(e, cBaje)) && !p.is(i, cTens) {
				if x%5 == 0 || p.any(e, cAm, cPm, cBaje) {
					mins, j, sure = x, e, likely
				}
			}
			if e := w; j == k && (p.tokenIsOh(w) || p.zero(w)) { // "nine oh five"
				if p.mark(e+1, '-') {
					e++
				}
				if x, l := p.numberAt(e + 1); l > e+1 && x < 10 {
					mins, j, sure = x, l, likely
				}
			}
		}
	}
	if hour < 0 {
		return c, i, unsure
	}
	if j > 0 && p.tokens[j-1].ish {
		c.approx, sure = true, certain
	}
	c.bad = hour > 24 || mins > 59 || hour == 24 && mins > 0
	if p.digits(i) == 2 && p.first(i) == '0' && hour == 0 {
		c.half = halfExact
	}
	if hour >= 13 || hour == 0 {
		c.half = halfExact
	}
	if hour == 24 {
		c.half = halfMidnight
	}
	// "5 baje", "5 o'clock", "5 pm", "17 hrs", in any order
	for {
		switch {
		case p.any(j, cBaje, cOclock) && !(p.is(j, cBaj) && p.is(j+1, cContinuous)):
			sure = certain
		case p.is(j, cHrs) && (hour >= 13 && !frac || p.digits(i) == 4 || p.mark(i+1, ':') && p.first(i) == '0'):
			sure = certain
			c.half = halfExact
		case p.is(j, cAm) && !p.weak(j, cAm), p.is(j, cPm):
			sure = certain
			if hour <= 12 && c.half != halfMidnight {
				c.half = halfAM
				if p.is(j, cPm) {
					c.half = halfPM
				}
			}
		case p.any(j, cArticle, cP) && p.glued(j) && p.digits(j-1) > 0 && !p.glued(i): // 7a, 7p
			sure = certain
			c.half = halfPM
			if p.is(j, cArticle) {
				c.half = halfAM
			}
		case p.any(j, cArticle, cP) && hour <= 12 && (p.unitLetter(j+1) || p.mark(j+1, '.') && p.unitLetter(j+2)): // a m, p. m.
			if p.mark(j+1, '.') {
				j++
				if p.is(j-1, cP) {
					c.half = halfPM
				} else {
					c.half = halfAM
				}
				sure = certain
				j++
				continue
			}
			sure = certain
			c.half = halfPM
			if p.is(j, cArticle) {
				c.half = halfAM
			}
			j++
		case p.tokenText(j) == "ish" || p.mark(j, '-') && p.tokenText(j+1) == "ish":
			sure = certain
			if p.mark(j, '-') {
				j++
			}
			c.approx = true
		case p.is(j, cZone) && sure == certain, p.is(j, cZone) && p.is(i-1, cAt):
			c.zoned, c.zone = true, int16(p.value(j, cZone))
			sure = certain
		case p.value(j, cPart) == int(partNoon) && hour == 12 && mins == 0:
			return clockval{minute: 12 * h, half: halfExact}, j + 1, certain
		case p.value(j, cPart) == int(partMidnight) && hour == 12:
			return clockval{minute: 24 * h, half: halfMidnight}, j + 1, certain
		default:
			c.minute = int16(hour*h + mins)
			if frac && hour == 1 && mins < 0 && c.half == halfUnsaid {
				c.minute += 12 * h
			}
			return c, j, sure
		}
		j++
	}
}

// hourAndMinutes reports whether the number at i is an hour and the one at j its
// minutes, where ASR has left out what stands between: "8 30 pm", "18 30 hrs",
// "friday 7 30", "kal subah 10 30".
func (p *parser) hourAndMinutes(i, j int) bool {
	hour, _ := p.numberAt(i)
	mins, k := p.numberAt(j)
	switch {
	case p.digits(i) < 1 || p.digits(i) > 2 || p.digits(j) != 2 || p.glued(j):
		return false
	case p.is(k, cHrs) && hour >= 13:
		return true
	case p.is(k, cUnit) || hour > 12:
		return false
	case p.any(k, cAm, cPm, cBaje, cOclock):
		return true
	case p.any(k, cCounted, cMonth, cTarikh) || p.digits(k) > 0:
		return false
	case p.is(i-1, cAt) || p.alone(i, k):
		return true
	}
	day := i - 1
	for p.any(day, cKo, cMein, cAt) || p.mark(day, ',') {
		day--
	}
	return p.any(day, cDayrel, cWeekday, cPart) && mins > 12 // "kal 10 12" is from ten to twelve
}

// offset reads the "+05:30" or "Z" of an RFC 3339 time at j.
func (p *parser) offset(c *clockval, j int) int {
	if !p.glued(j) || p.is(j, cZone) {
		return j
	}
	if !(p.mark(j, '+') || p.mark(j, '-')) || p.digits(j+1) != 2 || !p.mark(j+2, ':') || p.digits(j+3) != 2 {
		return j
	}
	hours, _ := p.numberAt(j + 1)
	minutes, _ := p.numberAt(j + 3)
	c.zoned, c.zone = true, int16(hours*60+minutes)
	if p.mark(j, '-') {
		c.zone = -c.zone
	}
	return j + 4
}

// hourLetter reports whether the token at i is an h right after digits.
func (p *parser) hourLetter(i int) bool {
	t := p.at(i)
	return t != nil && t.glued && t.kind == tWord && t.end-t.start == 1 && p.phrase[t.start]|0x20 == 'h'
}

// minuteOnly reports whether the number at i can be minutes but no hour.
func (p *parser) minuteOnly(i int) bool {
	n, _ := p.numberAt(i)
	return n > 12 && n < 60
}

// unitLetter reports whether the token at i is a single m.
func (p *parser) unitLetter(i int) bool {
	t := p.at(i)
	return t != nil && t.kind == tWord && t.end-t.start == 1 && p.phrase[t.start]|0x20 == 'm'
}

func (p *parser) zero(i int) bool {
	n, k := p.numberAt(i)
	return k > i && n == 0 && p.digits(i) == 0
}

func (p *parser) tokenIsOh(i int) bool {
	t := p.at(i)
	return t != nil && t.kind == tWord && (equalFold(p.phrase[t.start:t.end], "oh") || equalFold(p.phrase[t.start:t.end], "o"))
}

// minutesTo reads "20 past 5", "ten minutes to six", "a quarter to noon", "half
// past nine pm" at i.
func (p *parser) minutesTo(i int) (c clockval, next int, ok bool) {
	j := i
	if p.is(j, cArticle) {
		j++
	}
	var n int
	minutes, words := false, false
	switch v := p.value(j, cQty); {
	case v == qtyHalf && p.is(j+1, cPast), v == qtyQuarter && p.any(j+1, cPast, cAfter, cTo, cBefore, cUntil, cOf):
		n, j, minutes = v, j+1, true
	case v >= 0:
		return c, i, false
	default:
		m, k := p.numberAt(j)
		if k == j || m < 1 || m > 59 || p.digits(j) > 2 {
			return c, i, false
		}
		n, words = m, p.digits(j) == 0
		if p.value(k, cUnit) == unitMinute {
			minutes = true
			k++
		}
		j = k
	}
	before := p.any(j, cTo, cBefore, cUntil) || p.is(j, cOf) && minutes && p.value(j-1, cQty) == qtyQuarter
	switch {
	case p.is(j, cPast), p.is(j, cAfter) && (minutes || n%5 == 0 && n >= 10):
	case before && minutes:
	case before && p.any(i-1, cFrom, cBetween):
		return c, i, false
	case before && p.is(j, cTo) && n%5 == 0 && n < 30: // "ten to five"; but "10 to 11" is from ten on
	default:
		return c, i, false
	}
	k := j + 1
	switch x, l := p.numberAt(k); {
	case p.value(k, cPart) == int(partNoon), p.value(k, cPart) == int(partMidnight), p.is(k, cFrac):
		return p.shift(n, before, k)
	case l == k || x < 1 || x > 24 || p.is(l, cUnit) && !p.glued(l) || p.digits(k) > 2:
		return c, i, false
	case !minutes && p.is(j, cTo) && !((x <= n || x == n+1) && words && p.digits(k) == 0 || n > 12 && x <= 12): // "five to six" is 5:55, which is also between five and six
		return c, i, false
	case !minutes && p.is(j, cAfter) && !words && n <= 12:
		return c, i, false
	}
	return p.shift(n, before, k)
}

// shift is the time at k, n minutes before or after.
func (p *parser) shift(n int, before bool, k int) (c clockval, next int, ok bool) {
	to, next, sure := p.timeAt(k)
	if next == k || to.bad || sure == unsure && !p.onlyNumber(k, next) {
		return c, k, false
	}
	if before {
		n = -n
	}
	to.minute += int16(n)
	return to, next, true
}

// hindi reports whether the word at i is written in Devanagari or is a Hindi
// word for a half: "aadha paanch" is no time, "half five" is.
func (p *parser) hindi(i int) bool {
	c := p.phrase[p.tokens[i].start] | 0x20
	return c != 'h'
}

// first is the first byte of the token at i.
func (p *parser) first(i int) byte { return p.phrase[p.tokens[i].start] }

// A sureness says how much a number looks like a time of day.
type sureness uint8

const (
	unsure  sureness = iota // a bare number
	likely                  // 5.30, saade paanch
	certain                 // 5 baje, 5 pm, 5:30
)

// clockAt reads one time of day at i, or two that belong together.
func (p *parser) clockAt(i int) (a atom, sure sureness, ok bool) {
	a = atom{kind: aClock, start: i}
	lo, j, sure := p.timeAt(i)
	if j == i {
		return a, unsure, false
	}
	if p.refused(i, j) || lo.minute == 24*h && p.value(i, cPart) < 0 && p.any(j, cBy) { // 24 by 7
		return a, unsure, false
	}
	a.clock.lo, a.end = lo, j
	a.approx = lo.approx
	// A second time: "3 to 5", "4-5 baje", "5 baje se 7 baje", "chaar paanch baje"
	k := j
	joined := false
	between := p.is(i-1, cBetween) || p.is(i-2, cBetween)
	for n := 0; n < 2 && (p.any(k, cTo, cSe, cOr, cUntil) || p.mark(k, '-') || p.mark(k, '/') || p.is(k, cAnd)); n++ {
		if p.is(k, cOr) {
			a.or = true
		}
		k++
		joined = true
	}
	if !joined && !p.onlyNumber(i, j) {
		return a, sure, true
	}
	if joined && p.any(k, cApprox) {
		k++
	}
	for joined && p.any(k, cPart, cAt, cThe) && p.value(k, cPart) != int(partNoon) && p.value(k, cPart) != int(partMidnight) { // "subah 10 se shaam 5"
		if p.is(k, cPart) {
			a.clock.hiPart = partID(p.value(k, cPart))
		}
		k++
	}
	hi, l, sure2 := p.timeAt(k)
	and := p.is(j, cAnd)
	switch {
	case l == k || p.refused(k, l) || p.is(l, cOf) && p.is(l+1, cTarikh):
		a.or = false
		return a, sure, true
	case !joined && (sure2 == unsure || hi.minute != lo.minute+h && !(lo.minute == 12*h && hi.minute == h)):
		return a, sure, true
	case and && !between && !p.is(l, cOf) && sure2 == unsure:
		return a, sure, true
	}
	a.clock.hi, a.clock.pair, a.end = hi, true, l
	a.or = false
	if sure2 > sure {
		sure = sure2
	}
	if between {
		sure = certain
	}
	if p.is(l, cOf) && p.is(l+1, cBeech) {
		a.end, sure = l+2, certain
	} else if p.is(l, cBeech) {
		a.end, sure = l+1, certain
	} else if p.is(l, cTak) {
		a.end, sure = l+1, certain
	}
	return a, sure, true
}

func (p *parser) onlyNumber(i, j int) bool {
	return j == i+1 && p.any(i, cNum) || j == i+1 && p.digits(i) > 0
}

// refused reports whether the number in tokens [i, j) counts or names something
// that is not a time.
func (p *parser) refused(i, j int) bool {
	if p.any(j, cUnit) && !p.is(j, cHrs) {
		return true
	}
	if p.is(j, cCounted) && !p.any(j, cAsk, cTo) || p.any(j, cTarikh, cSuffix) {
		return true
	}
	if p.is(j, cOf) && p.glued(j) && p.digits(i) > 0 { // 10k
		return true
	}
	return p.labelled(i)
}

// labelled reports whether the number at i is the number of something: "option
// 2", "account number is 1234", "Rs. 500".
func (p *parser) labelled(i int) bool {
	j := i - 1
	for n := 0; n < 3 && j >= 0; n++ {
		switch {
		case p.is(j, cLabel):
			return true
		case p.mark(j, ':') || p.mark(j, '.') || p.mark(j, '-') || p.tokenIs(j) || p.mark(j, '+'):
			j--
		default:
			return p.is(j, cTitle)
		}
	}
	return false
}

// tokenIs reports whether the word at i is "is" or "hai", between a label and
// its number.
func (p *parser) tokenIs(i int) bool {
	t := p.at(i)
	return t != nil && t.kind == tWord && (equalFold(p.phrase[t.start:t.end], "is") || p.is(i, cBe) && p.is(i-1, cLabel))
}
