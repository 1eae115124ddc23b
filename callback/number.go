package callback

// Numbers and quantities. Quantities are in sixtieths, so that fractions and
// decimals of an hour come out in whole minutes.

// number reads a whole number at i, in digits or in words, and returns the
// index after it. Of what is no number it returns i.
func (p *parser) numberAt(i int) (n, next int) {
	t := p.at(i)
	switch {
	case t == nil:
		return 0, i
	case t.kind == tNumber:
		if t.n < 0 {
			return 0, i
		}
		return int(t.n), i + 1
	case !t.is(cNum) && !t.is(cTens):
		if t.is(cHundred) {
			if m, k := p.below100(i + 1); k > i+1 {
				return 100 + m, k
			}
			return 100, i + 1
		}
		return 0, i
	}
	n, next = p.below100(i)
	if h := p.at(next); h != nil && h.is(cHundred) {
		n *= 100
		next++
		if a := p.at(next); a != nil && a.is(cAnd) {
			if m, k := p.below100(next + 1); k > next+1 {
				return n + m, k
			}
		}
		if m, k := p.below100(next); k > next {
			return n + m, k
		}
	}
	return n, next
}

// below100 reads a number word, and "twenty five" or "twenty-five" as one. Only
// English tens add up: in Hindi "bees paanch" is a pair.
func (p *parser) below100(i int) (n, next int) {
	if s, ok := p.sense(i, cNum); ok {
		return int(s.value), i + 1
	}
	s, ok := p.sense(i, cTens)
	if !ok {
		return 0, i
	}
	j := i + 1
	if p.mark(j, '-') {
		j++
	}
	if u, ok := p.sense(j, cNum); ok && u.value > 0 && u.value < 10 && !u.weak {
		return int(s.value + u.value), j + 1
	}
	return int(s.value), i + 1
}

// An amount is a quantity with its vagueness.
type amount struct {
	lo, hi int  // sixtieths; equal unless it is a pair ("do teen")
	approx bool // couple
	few    bool // "few", "kuch": lo and hi are set by the unit
	bare   bool // no number was said: "ghante bhar"
}

// amountAt reads a quantity that stands before a unit at i, and returns the
// index of the unit. It returns i if there is no quantity.
func (p *parser) amountAt(i int) (a amount, next int) {
	j := i
	if p.is(j, cMore) {
		j++
	}
	article := p.is(j, cArticle)
	if article {
		j++
	}
	if article && p.is(j, cMore) {
		j++
	}
	switch {
	case p.is(j, cCouple):
		j++
		if p.is(j, cOf) {
			j++
		}
		if p.is(j, cMore) {
			j++
		}
		return amount{lo: 2 * 60, hi: 2 * 60, approx: true}, j
	case p.is(j, cFew), p.is(j, cSome) && p.is(j+1, cUnit) && (p.value(j+1, cUnit) != unitDay || p.any(j-1, cIn, cAfter) || p.any(j+2, cBaad, cMein)):
		j++
		if p.is(j, cMore) {
			j++
		}
		if p.is(j, cOf) {
			j++
		}
		if p.is(j, cUnit) {
			return amount{few: true}, j
		}
		return a, i
	}
	n, k := p.oneAmount(j)
	if k == j {
		if article && p.is(j, cUnit) {
			// "5 times a day" is how often, not when.
			if t := p.at(i - 1); t != nil && (t.kind == tNumber || t.kind == tWord && (t.is(cCounted) || len(t.senses) == 0)) && !p.any(j+1, cLater, cHence, cBaad) && !(p.any(j+1, cFrom, cAfter) && p.any(j+2, cDayrel, cWeekday, cHence)) {
				return a, i
			}
			return amount{lo: 60, hi: 60}, j
		}
		return a, i
	}
	a = amount{lo: n, hi: n}
	j = k
	// "ek aadh ghanta": one, or half.
	if n == 60 && p.value(j, cQty) == qtyHalf && p.is(j+1, cUnit) && !p.is(i, cArticle) {
		return amount{lo: 30, hi: 60, approx: true}, j + 1
	}
	// A pair: "do teen", "10-15", "5 se 6", "two or three", "ten to fifteen".
	k = j
	if p.mark(k, '-') || p.mark(k, '/') || p.is(k, cTo) || p.is(k, cSe) || p.is(k, cOr) {
		k++
	}
	if m, l := p.oneAmount(k); l > k && m > n && (k > j || m <= 3*n && p.word(j)) && p.unitAt(l) {
		return amount{lo: n, hi: m}, l
	}
	if p.is(j, cMore) {
		j++
	}
	return a, j
}

// oneAmount reads one quantity: a number, a decimal, a fraction.
func (p *parser) oneAmount(i int) (sixtieths, next int) {
	if s, ok := p.sense(i, cFrac); ok {
		if n, k := p.numberAt(i + 1); k > i+1 && n < 1000 {
			return n*60 + int(s.value), k
		}
		switch {
		case s.value == fracSava:
			return 75, i + 1
		case s.value == fracPaune && p.is(i+1, cUnit):
			return 45, i + 1
		}
		return 0, i
	}
	if s, ok := p.sense(i, cQty); ok && s.value != qtyQuarters {
		j := i + 1
		if p.is(j, cOf) {
			j++
		}
		if p.is(j, cArticle) {
			j++
		}
		return int(s.value), j
	}
	n, j := p.numberAt(i)
	if j == i || n > 100000 {
		return 0, i
	}
	sum := n * 60
	switch {
	case p.value(j, cQty) == qtyQuarters || p.value(j, cQty) == qtyQuarter && n == 3 || p.mark(j, '-') && p.value(j+1, cQty) == qtyQuarters: // three quarters of an
		j++
		if p.is(j, cQty) {
			j++
		}
		if p.is(j, cOf) {
			j++
		}
		if p.is(j, cArticle) {
			j++
		}
		return n * 15, j
	case p.mark(j, '.') && p.glued(j) && p.digits(j+1) > 0 && p.digits(j+1) <= 2 && p.glued(j+1): // 1.5
		f, _ := p.numberAt(j + 1)
		if p.digits(j+1) == 1 {
			f *= 10
		}
		return sum + (f*60+50)/100, j + 2
	case p.digits(j) == 1 && p.mark(j+1, '/') && p.digits(j+2) == 1 && p.glued(j+1) && p.glued(j+2): // 2 1/2
		a, _ := p.numberAt(j)
		b, _ := p.numberAt(j + 2)
		if b > a && b <= 4 {
			return sum + a*60/b, j + 3
		}
	case p.mark(j, '/') && p.glued(j) && p.glued(j+1) && p.digits(j+1) == 1: // 1/2
		b, _ := p.numberAt(j + 1)
		if n < b && b <= 4 && p.unitAfterOf(j+2) {
			k := j + 2
			if p.is(k, cOf) {
				k++
			}
			if p.is(k, cArticle) {
				k++
			}
			return sum / b, k
		}
	}
	// "2 and a half hours", "do aur aadha", "2.5"
	k := j
	if p.is(k, cAnd) {
		k++
		if p.is(k, cArticle) {
			k++
		}
		if s, ok := p.sense(k, cQty); ok && (s.value == qtyHalf || s.value == qtyQuarter) {
			return sum + int(s.value), k + 1
		}
		if m, l := p.numberAt(k); l > k && m == 3 && p.quarter(l) {
			return sum + 45, l + 1
		}
	}
	return sum, j
}

// quarter reports whether "quarter" or "quarters" stands at i.
func (p *parser) quarter(i int) bool {
	v := p.value(i, cQty)
	return v == qtyQuarter || v == qtyQuarters
}

func (p *parser) unitAfterOf(i int) bool {
	if p.is(i, cOf) {
		i++
	}
	if p.is(i, cArticle) {
		i++
	}
	return p.is(i, cUnit)
}

// unitAt reports whether a unit stands at i, perhaps after an "of" or an article.
func (p *parser) unitAt(i int) bool { return p.is(i, cUnit) && p.unitOK(i) }

// unitOK refuses letters that are units only right after digits: 5m, 2 h.
func (p *parser) unitOK(i int) bool {
	t := p.at(i)
	if t.kind != tWord || t.end-t.start > 1 {
		return true
	}
	return p.digits(i-1) > 0
}
