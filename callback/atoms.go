package callback

// findAtoms cuts the tokens into atoms, left to right: first those that are
// sure in themselves, then bare numbers and weak words that their surroundings
// make a time.
func (p *parser) findAtoms() {
	for i := 0; i < len(p.tokens); {
		if j := p.spelled(i); j > i {
			i = j
			continue
		}
		a, ok := p.atomAt(i)
		if !ok {
			i++
			continue
		}
		p.wrap(&a)
		if !p.fromClock(&a) {
			p.atoms = append(p.atoms, a)
		}
		i = max(a.end, i+1)
	}
	p.bareNumbers()
	p.weakAtoms()
}

// spelled is the index after a number that is read out digit by digit, as of a
// telephone, at i; i if there is none.
func (p *parser) spelled(i int) int {
	j := i
	for p.digits(j) <= 1 {
		n, k := p.numberAt(j)
		if k != j+1 || n > 9 {
			break
		}
		j = k
	}
	if j-i < 6 {
		return i
	}
	return j
}

// fromClock joins a delay to the time it counts from: "5 baje ke 10 minute
// baad", "an hour after lunch". It reports whether a went into the atom before.
func (p *parser) fromClock(a *atom) bool {
	if len(p.atoms) == 0 {
		return false
	}
	b := &p.atoms[len(p.atoms)-1]
	switch {
	case a.kind == aDur && b.kind == aClock && !b.clock.pair && !a.dur.pair && !a.dur.vague && (b.dir == dirNone || b.dir == dirFrom) &&
		(b.end == a.start && p.is(b.end-1, cSe) || a.start == b.end+1 && p.any(b.end, cOf, cSe)) && (a.dir == dirAfter || a.drop == dropPast):
		minutes := a.dur.lo / 60
		if a.drop == dropPast {
			minutes = -minutes
		}
		b.clock.lo.minute += int16(minutes)
		b.dir, b.end = dirNone, a.end
		return true
	case b.kind == aDur && b.end >= a.start && !b.dur.pair && !b.dur.vague && b.drop == kept && a.kind == aClock && !a.clock.pair && (a.dir == dirAfter || a.dir == dirBefore) && b.dir == dirNone:
		minutes := b.dur.lo / 60
		if a.dir == dirBefore {
			minutes = -minutes
		}
		a.clock.lo.minute += int16(minutes)
		a.dir, a.start = dirNone, b.start
		*b = *a
		return true
	case b.kind == aDur && a.kind == aPart && b.end >= a.start && b.dir == dirNone && a.part >= partAfterBreakfast && a.part < partNoon:
		a.start = b.start
		*b = *a
		return true
	}
	return false
}

func (p *parser) atomAt(i int) (atom, bool) {
	if p.punct(i) || p.titled(i) && !p.any(i, cUnit, cBaje) && p.word(i) {
		return atom{}, false
	}
	if a, ok := p.looseAt(i); ok {
		return a, true
	}
	if a, ok := p.durationAt(i); ok {
		return p.anchored(a), true
	}
	if a, ok := p.numericDate(i); ok {
		return a, true
	}
	if a, sure, ok := p.clockAt(i); ok && sure >= likely {
		if sure == likely && p.monthAfter(a.end) {
			if b, ok := p.dayAt(i); ok {
				return b, true
			}
		}
		return a, true
	}
	if p.value(i, cPart) == int(partNoon) || p.value(i, cPart) == int(partMidnight) {
		if a, _, ok := p.clockAt(i); ok {
			return a, true
		}
	}
	if a, ok := p.dayAt(i); ok {
		return a, true
	}
	return p.partAt(i)
}

// titled reports whether a title stands before token i: "Mr Friday", "Mr. Friday".
func (p *parser) titled(i int) bool {
	return p.is(i-1, cTitle) || p.mark(i-1, '.') && p.is(i-2, cTitle)
}

func (p *parser) monthAfter(i int) bool { return p.is(i, cMonth) }

// anchored reads "a week from Monday", "2 days after tomorrow".
func (p *parser) anchored(a atom) atom {
	if a.kind != aDay || !p.any(a.end, cFrom, cAfter) {
		return a
	}
	b, ok := p.dayAt(a.end + 1)
	if !ok || b.kind != aDay || b.day.is(hDays|hMonths) || b.weak {
		return a
	}
	d := b.day
	d.set(a.day.has)
	d.days, d.days2, d.months, d.months2 = a.day.days, a.day.days2, a.day.months, a.day.months2
	d.weeks, d.workdays, d.anchored = false, a.day.workdays, true
	b.day, b.start = d, a.start
	return b
}

// looseAt reads what is near in time but not a number: "now", "in a while",
// "after that".
func (p *parser) looseAt(i int) (a atom, ok bool) {
	a = atom{start: i, end: i + 1}
	switch {
	case p.is(i, cNow):
		a.kind = aNow
		return a, true
	case p.is(i, cAsap), p.is(i, cSoon):
		a.kind = aSoon
		return a, true
	case p.is(i, cThat):
		j := i + 1
		if p.any(j, cOf) {
			j++
		}
		if p.is(j, cBaad) {
			a.kind, a.end, a.dir = aThat, j+1, dirAfter
			return a, true
		}
		if p.is(j, cPehle) || p.is(j, cSe) && p.is(j+1, cPehle) { // usse pehle
			a.kind, a.end, a.dir = aThat, j+1, dirBefore
			return a, true
		}
		if p.is(i-1, cBefore) {
			a.kind, a.start, a.dir = aThat, i-1, dirBefore
			return a, true
		}
		if p.any(i-1, cAfter) {
			a.kind, a.start, a.dir = aThat, i-1, dirAfter
			return a, true
		}
	}
	j := i
	if p.is(j, cArticle) {
		j++
	}
	switch {
	case p.any(j, cSome, cFew) && p.any(j+1, cDer, cTimeword, cWhile, cBaad, cWait):
		a.kind, a.end = aVague, j+2
	case p.is(j, cSome) && p.word(j+1) && !p.is(j+1, cUnit) && p.any(j+2, cDer, cWhile): // thodi si der
		a.kind, a.end = aVague, j+3
	case p.is(j, cWhile) && (j > i || p.any(i-1, cIn, cAfter)):
		a.kind, a.end = aVague, j+1
	case p.is(j, cBit) && j > i && (p.any(i-1, cIn, cAfter) || p.any(j+1, cLater, cBaad)):
		a.kind, a.end = aVague, j+1
	case p.is(j, cDer) && p.any(j+1, cMein, cBaad) && !p.any(j-1, cLate):
		a.kind, a.end = aVague, j+1
	default:
		return a, false
	}
	return a, true
}

// wrap takes in the words around an atom that say how it is meant.
func (p *parser) wrap(a *atom) {
	p.wrapLeft(a)
	p.wrapRight(a)
}

func (p *parser) wrapLeft(a *atom) {
	floor := 0
	if n := len(p.atoms); n > 0 {
		floor = p.atoms[n-1].end
	}
	for j := a.start - 1; j >= floor; j-- {
		switch {
		case p.any(j, cThe, cArticle, cMore, cExact, cAt, cOn, cIn, cBetween) || p.tokenText(j) == "my":
			if p.is(j, cBetween) && a.kind != aClock {
				return
			}
		case p.is(j, cApprox):
			a.approx = true
		case p.is(j, cAtleast):
			a.dir = dirLeast
		case p.is(j, cWithin):
			a.dir = dirWithin
		case p.is(j, cThan) && p.any(j-1, cLater):
			a.dir = dirAfter
			j--
		case p.is(j, cThan):
		case p.is(j, cAfter), p.is(j, cPast) && (a.kind == aClock || a.kind == aPart):
			if a.kind == aThat || a.dir == dirBefore && p.is(j, cAfter) {
				return
			}
			a.dir = dirAfter
		case p.is(j, cBefore):
			a.dir = dirBefore
		case p.any(j, cBy, cUntil):
			a.dir = dirBy
		case p.any(j, cPast, cLast) && a.kind == aDay && a.day.is(hWeekday):
			a.day.set(hPast)
		case p.is(j, cSince):
			a.drop = dropSince
		case p.any(j, cFinal, cLast, cPast) && (a.kind == aDur || a.kind == aDay && a.day.is(hDays|hMonths)):
			a.drop = dropPast
		case p.is(j, cFrom):
			a.dir = dirFrom
		case p.is(j, cFor) && a.kind == aDur, p.is(j, cFor) && a.kind == aDay && a.day.is(hDays|hMonths):
			a.dir = dirFor
		case p.is(j, cThis) && a.kind == aPart:
			a.this = true
		case p.any(j, cNext, cComing, cThis) && (a.kind == aDur || a.kind == aDay && a.day.is(hDays|hMonths)):
			a.next = true
		default:
			return
		}
		a.start = j
	}
}

// baad reports whether "after" stands at j, as Hindi says it. "baat" is that only
// behind a "ke": "kal baat karenge" is to talk tomorrow.
func (p *parser) baad(j int) bool { return p.is(j, cBaad) && (!p.weak(j, cBaad) || p.is(j-1, cOf)) }

func (p *parser) wrapRight(a *atom) {
	counted := a.kind == aDur || a.kind == aDay && a.day.is(hDays|hMonths) && !a.day.anchored
	for n := 0; n < 6; n++ {
		j := a.end
		if p.any(j, cOf, cKo, cMein, cPe, cBhar, cExact) || p.word(j) && len(p.tokens[j].senses) == 1 && p.is(j, cWord) {
			// These lead to the word that counts, or they do not count.
			if k := j + 1; p.any(k, cBaad, cAndar, cBeech, cTak, cApprox2, cOnwards, cApprox) || p.is(k, cPehle) && !p.is(j, cOf) && !counted {
				if p.is(k, cApprox) && !p.is(j, cOf) || p.is(j, cMein) && p.is(k, cBaad) && !counted {
					return
				}
				j = k
			} else if p.is(j, cKo) || p.is(j, cPe) || p.is(j, cMein) {
				a.end = j + 1
				return
			} else {
				return
			}
		}
		switch {
		case p.baad(j) || counted && p.is(j, cBaad):
			a.dir = dirAfter
		case p.is(j, cPehle) && counted && !p.is(j-1, cSe), p.is(j, cAgo), counted && p.is(j, cBefore) && j+1 >= len(p.tokens):
			a.drop = dropPast
		case p.is(j, cPehle) && !p.any(j+1, cUnit):
			a.dir = dirBefore
		case p.is(j, cSe) && p.is(j+1, cPehle):
			a.dir = dirBefore
			j++
		case p.is(j, cSe) && counted && p.is(j+1, cApprox), p.is(j, cApprox2), p.is(j, cApprox) && p.is(j-1, cOf):
			a.approx = true
		case p.is(j, cSe):
			a.dir = dirFrom
			if counted {
				a.drop = dropSince
			}
		case p.any(j, cTak):
			a.dir = dirBy
		case p.is(j, cAndar):
			a.dir = dirWithin
		case p.is(j, cOnwards):
			a.dir = dirFrom
		case counted && p.any(j, cLater, cHence):
			a.dir = dirNone
		case counted && p.is(j, cTimeword):
		case counted && p.is(j, cWait):
			a.dir = dirNone
		case p.is(j, cBeech) && a.kind == aClock:
		default:
			return
		}
		a.end = j + 1
	}
}

// bareNumbers makes clock times of numbers that nothing but their surroundings
// shows to be one: "kal 5", "around 7", "5 ke baad", "10 to 11".
func (p *parser) bareNumbers() {
	n := 0 // atoms before token i
	for i := 0; i < len(p.tokens); i++ {
		if j := p.spelled(i); j > i {
			i = j - 1
			continue
		}
		for n < len(p.atoms) && p.atoms[n].end <= i {
			n++
		}
		if n < len(p.atoms) && p.atoms[n].start <= i {
			i = p.atoms[n].end - 1
			continue
		}
		if y, _ := p.numberAt(i); p.digits(i) == 4 && y >= 1900 && y < 2200 && n > 0 && p.atoms[n-1].end == i && (p.atoms[n-1].kind == aDay || p.atoms[n-1].kind == aClock) && (i+1 == len(p.tokens) || p.punct(i+1)) {
			b := atom{kind: aDay, start: i, end: i + 1} // "Oct 26 11:00 2026"
			b.day.set(hYear)
			b.day.year = int16(y)
			p.insert(n, b)
			n++
			continue
		}
		if a, ok := p.sameUnit(n, i); ok {
			p.insert(n, a)
			i = a.end - 1
			continue
		}
		a, _, ok := p.clockAt(i)
		if !ok || a.end <= i || n < len(p.atoms) && a.end > p.atoms[n].start {
			continue
		}
		if !p.supported(&a, n) {
			i = a.end - 1
			continue
		}
		a.clock.bareword = true
		p.wrap2(&a, n)
		if n > 0 && n == len(p.atoms) && p.fromClock(&a) { // "two hours after 5"
			i = a.end - 1
			continue
		}
		p.insert(n, a)
		n++
		i = a.end - 1
	}
}

// wrap2 is wrap for an atom that goes before atom n.
func (p *parser) wrap2(a *atom, n int) {
	all := p.atoms
	p.atoms = all[:n]
	p.wrapLeft(a)
	p.atoms = all
	p.wrapRight(a)
}

func (p *parser) insert(n int, a atom) {
	p.atoms = append(p.atoms, atom{})
	copy(p.atoms[n+1:], p.atoms[n:])
	p.atoms[n] = a
}

// supported reports whether the words around the bare number of a, which would
// be atom n, show that it is a time.
func (p *parser) supported(a *atom, n int) bool {
	i, j := a.start, a.end
	hour := int(a.clock.lo.minute) / 60
	if a.clock.lo.bad && hour > 24 || p.weak(i, cNum) && !a.clock.pair {
		return false
	}
	known := j >= len(p.tokens) || p.punct(j) || len(p.tokens[j].senses) > 0
	if p.any(j, cCounted, cUnit, cLabel, cTarikh, cMonth) {
		return false
	}
	// What stands after it.
	switch {
	case p.any(j, cPe, cTak, cApprox2, cOnwards, cBaad, cBeech), p.is(j, cOf) && p.any(j+1, cBaad, cApprox2, cBeech, cApprox, cAndar), p.is(j, cSe) && p.is(j+1, cPehle):
		return true
	}
	// What stands before it.
	k := i - 1
	for p.any(k, cThe, cExact) {
		k--
	}
	if n, l := p.numberAt(k - 1); l == k && n == 24 && p.is(k, cBy) { // 24 by 7
		return false
	}
	prep := p.any(k, cAt, cAfter, cBefore, cBy, cUntil, cFrom, cBetween, cApprox, cThan) || p.is(k, cSorry)
	if prep && known {
		return true
	}
	if p.is(k, cNot) && known && i == k+1 {
		return true
	}
	if !known {
		return false
	}
	if n > 0 {
		b := &p.atoms[n-1]
		gap := i - b.end
		for x := b.end; x < i; x++ {
			if p.any(x, cKo, cAt, cMein, cThe, cWord) || p.mark(x, ',') || p.mark(x, '-') {
				gap--
			}
		}
		switch {
		case gap == 0 && (b.kind == aPart || b.kind == aDay && !b.day.is(hDays|hMonths|hMonthOff|hYear|hYearOff)):
			return true
		case b.kind == aClock && p.correctionBetween(b.end, i):
			return true
		}
	}
	if n < len(p.atoms) {
		b := &p.atoms[n]
		gap := b.start - j
		for x := j; x < b.start; x++ {
			if p.any(x, cIn, cThe, cOn, cKo, cOr, cNahi) || p.mark(x, ',') {
				gap--
			}
		}
		if gap == 0 && (b.kind == aPart || b.kind == aDay && b.day.is(hRel|hWeekday)) {
			return true
		}
		if b.kind == aClock && gap == 0 && (p.is(j, cOr) || p.is(j, cNahi)) {
			return true
		}
	}
	// "10 to 11" and nothing else, "class 10 to 11", "free 3-5", "10 se 6 office".
	return a.clock.pair && (p.alone(i, j) || p.any(k, cBusy, cFree, cWork, cBreak, cMeal) || p.any(j, cBusy, cFree, cWork))
}

func (p *parser) correctionBetween(i, j int) bool {
	for ; i < j; i++ {
		if p.any(i, cNahi, cNo, cSorry, cInstead, cNot, cOr, cNahito) {
			return true
		}
	}
	return false
}

// weakAtoms drops atoms that may be a name or an everyday word, unless what
// stands around them supports them.
func (p *parser) weakAtoms() {
	for n := range p.atoms {
		a := &p.atoms[n]
		if !a.weak {
			continue
		}
		switch {
		case p.alone(a.start, a.end):
		case a.dir != dirNone && a.dir != dirFrom:
		case p.any(a.end-1, cKo, cTak), p.any(a.end, cKo), p.is(a.end, cOf) && p.value(a.end+1, cUnit) == unitDay:
		case p.any(a.start, cOn, cBy, cUntil, cBefore, cAfter, cNext, cThis, cComing):
		case n > 0 && a.start-p.atoms[n-1].end <= 1 && !p.any(a.start-1, cAsk):
		case n+1 < len(p.atoms) && p.atoms[n+1].start-a.end <= 1:
		default:
			a.drop = dropName
		}
	}
}

// alone reports whether nothing but small words stands around tokens [i, j).
func (p *parser) alone(i, j int) bool {
	return p.onlyFiller(0, i) && p.onlyFiller(j, len(p.tokens))
}

// onlyFiller reports whether [i, j) has nothing but words without meaning.
func (p *parser) onlyFiller(i, j int) bool {
	for ; i < j; i++ {
		if !p.punct(i) && !p.any(i, cWord, cAsk, cAsk2, cNa) {
			return false
		}
	}
	return true
}
