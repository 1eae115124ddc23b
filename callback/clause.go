package callback

import "slices"

// judge drops the atoms that do not count: those about the past, negated ones,
// those that are only mentioned, and lengths of things. What a word like "busy"
// or "tha" reaches is its clause.
func (p *parser) judge() {
	busy := false // the clause before said so, and nothing was asked since
	for start := 0; start < len(p.tokens); {
		end := p.clauseEnd(start)
		p.judgeClause(start, end, busy)
		switch {
		case p.hasClass(start, end, cAsk) || p.hasClass(start, end, cAsk2):
			busy = false
		case p.occupied(start, end):
			busy = true
		}
		start = end
	}
	p.corrections()
	p.stories()
	p.pronouns()
	p.revive()
}

// clauseEnd returns where the clause that starts at token i ends: at a stop or
// a comma, before "but", after a Hindi verb, before a second request.
func (p *parser) clauseEnd(i int) int {
	n := p.atomFrom(i)
	asked, closed := false, false
	for j := i; j < len(p.tokens); j++ {
		for n < len(p.atoms) && p.atoms[n].end <= j {
			n++
		}
		inside := n < len(p.atoms) && p.atoms[n].start <= j
		t := &p.tokens[j]
		if inside {
			continue
		}
		switch {
		case t.kind == tPunct && t.mark != '-' && t.mark != ':' && t.mark != '/' && t.mark != '+' && !(t.mark == '.' && p.is(j-1, cTitle)):
			return j + 1
		case (p.is(j, cBut) && !p.weak(j, cBut) || p.is(j, cJab)) && j > i && !p.is(j, cAsk):
			return j
		case p.is(j, cAsk2) && j > i && !p.is(j+1, cPerfect) && !p.unwanted(j): // "kal hi to call aaya tha" is no "to call"
			return j
		case p.is(j, cSorry) && closed && p.nextAtomAt(j+1) >= 0: // "Monday is a holiday make it Tuesday"
			return j
		case p.is(j, cAsk):
			if closed && j > i && (asked || !p.unwanted(j)) && p.english(j) {
				return j
			}
			asked = true
		}
		if p.any(j, cBusy, cPastverb, cDont, cNot) {
			closed = true
		}
		if p.is(j, cBe) && !p.weak(j, cBe) || p.is(j, cPerfect) && !p.any(j+1, cPerfect, cBe, cWill) {
			if p.is(j+1, cNow) && (j+2 == len(p.tokens) || p.punct(j+2)) { // "busy hoon abhi"
				return j + 2
			}
			return j + 1
		}
	}
	return len(p.tokens)
}

// unwanted reports whether "don't", "don't want a", "don't want anybody" stands
// before token j.
func (p *parser) unwanted(j int) bool {
	for k := j - 1; k >= j-2; k-- {
		if p.tokenText(k) == "want" {
			return p.is(k-1, cDont)
		}
		if !p.word(k) {
			break
		}
	}
	return p.is(j-1, cDont)
}

// english reports whether the word at i is written in Latin letters and is an
// English verb; Hindi ones come at the end of their clause.
func (p *parser) english(i int) bool {
	t := p.at(i)
	if p.any(i+1, cMat, cNahi, cNa) || p.is(i+1, cAsk) && !p.english(i+1) { // "phone mat karo"
		return false
	}
	switch p.phrase[t.start] | 0x20 {
	case 'k', 'l', 'm', 'b':
		return false
	}
	return p.phrase[t.start] < 0x80
}

// atomFrom is the index of the first atom that ends after token i.
func (p *parser) atomFrom(i int) int {
	for n := range p.atoms {
		if p.atoms[n].end > i {
			return n
		}
	}
	return len(p.atoms)
}

// has reports whether a token of class c stands in [i, j) outside of atoms.
func (p *parser) hasClass(i, j int, c class) bool {
	for ; i < j; i++ {
		if p.is(i, c) && !p.weak(i, c) && !p.inAtom(i) {
			return true
		}
	}
	return false
}

func (p *parser) inAtom(i int) bool {
	for n := range p.atoms {
		if a := &p.atoms[n]; a.start <= i && i < a.end {
			return true
		}
	}
	return false
}

// judgeClause judges the atoms of one clause. Of a customer who said before
// that they are busy, "5 baje tak" says until when.
func (p *parser) judgeClause(i, j int, busyBefore bool) {
	from := p.atomFrom(i)
	to := from
	for to < len(p.atoms) && p.atoms[to].start < j {
		to++
	}
	if from == to {
		return
	}
	atoms := p.atoms[from:to]
	var (
		busy  = p.occupied(i, j)
		ask   = p.hasClass(i, j, cAsk) || p.hasClass(i, j, cAsk2)
		free  = p.hasClass(i, j, cFree) || p.hasClass(i, j, cTimeword)
		be    = p.hasClass(i, j, cBe)
		take  = p.hasClass(i, j, cTake)
		event = p.hasClass(i, j, cEvent)
		cont  = p.hasClass(i, j, cContinuous)
		over  = p.hasClass(i, j, cOver)
		wait  = p.hasClass(i, j, cWait)
		past  = p.hasClass(i, j, cPastverb)
		own   = p.hasClass(i, j, cSelfphone) || p.selfCall(i, j)
		idle  = p.strangers(i, j)
		work  = p.hasClass(i, j, cWork)
		habit = p.hasClass(i, j, cHabit) && !ask || p.hasClass(i, j, cEvery) && p.hasClass(i, j, cUsual)
		first = p.hasClass(i, j, cEarliest)
		name  = p.hasClass(i, j, cName) && !ask
		dont  = p.hasClass(i, j, cDont)
		why   = p.is(i, cBecause)
	)
	for k := range atoms {
		a := &atoms[k]
		if a.drop != kept {
			continue
		}
		counted := a.kind == aDur || a.kind == aDay && a.day.is(hDays|hMonths)
		if a.kind == aClock && a.dir == dirNone { // "after my meeting at 3"
			for t := i; t < a.start; t++ {
				if p.is(t, cBusy) && !p.inAtom(t) && p.besideEvent(t) != dirNone {
					a.dir = p.besideEvent(t)
				}
			}
		}
		switch {
		case past:
			a.drop = dropPast
		case own:
			a.drop = dropOwn
		case p.perfectAfter(a.end, j):
			a.drop = dropPast
		case habit && !free && a.dir != dirAfter:
			a.drop = dropMentioned // "dukaan das baje khulti hai"
		case p.introduces(a, j), name && (a.kind == aDay || a.kind == aPart):
			a.drop = dropName
		case why && a.dir == dirNone && !ask:
			a.drop = dropMentioned // "second half, because mornings I am in the clinic"
		case first && a.kind == aClock && a.dir == dirNone:
			a.dir = dirAfter // "the earliest I can is 5"
		case a.kind == aDay && a.day.is(hPast):
			a.drop = dropPast
		case counted && p.length(a, take, event, wait, busy, dont):
			a.drop = dropLength
		case counted && a.dir == dirBy && p.is(a.start, cBy) && !ask:
			a.drop = dropLength // "late by three hours"
		case counted && a.dir == dirFor:
			a.dir = dirAfter
		case a.kind == aNow && (busy || be && !ask && !free || cont || idle && !ask):
			a.drop = dropMentioned
		case a.dir == dirFrom && a.kind == aPart && (busy || cont || be) && k == 0:
			a.drop = dropSince
		case a.dir == dirFrom && a.kind == aDay && be && !ask && !free:
			a.drop = dropSince
		case over && (a.kind == aClock || a.kind == aPart):
			a.dir = dirAfter
		case free && !busy && a.dir == dirBy && a.kind == aClock && (p.is(a.start, cBy) || p.hasClass(i, j, cWill)):
			a.dir = dirAfter // "free by 5": from then on
		case work && !ask && !free && a.dir == dirBy && a.kind != aNow:
			a.dir = dirAfter // "at work until 5"
		case busyBefore && !busy && !ask && !free && a.dir == dirBy && a.kind != aNow:
			a.dir = dirAfter
		case busy && !free && a.dir == dirBy && a.kind != aNow && !ask, busy && a.next && !free:
			a.dir = dirAfter
			a.next = false
		case a.kind == aPart && a.dir == dirNone && p.is(a.start-1, cWork) && p.english(a.start-1):
			a.drop = dropMentioned // "I work nights"
		case work && a.kind == aClock && a.clock.pair && a.dir == dirNone && !ask && !free:
			a.drop = dropMentioned // "10 se 6 duty hai"
		case be && cont && a.dir != dirAfter && !free:
			a.drop, a.faint = dropMentioned, !ask && !counted
		case (busy || event) && !ask && !free && a.dir != dirAfter:
			a.drop = dropMentioned
		case be && !ask && !free && !busy && a.dir != dirAfter && a.kind != aVague:
			a.drop, a.faint = dropMentioned, !counted && !p.stated(atoms) && !openingHours(atoms)
		}
	}
	// What belongs to a past day is past: "yesterday evening", "last week's Sunday".
	for k := range atoms {
		if a := &atoms[k]; a.kind == aDay && a.day.is(hPast) {
			if k+1 < len(atoms) && p.belongs(a, &atoms[k+1]) {
				atoms[k+1].drop = dropPast
			}
			if k > 0 && atoms[k-1].kind == aDay && p.belongs(&atoms[k-1], a) {
				atoms[k-1].drop = dropPast
			}
		}
	}
	p.negate(i, j, atoms)
}

// openingHours reports whether the atoms say when somebody is there: "office
// timing 9 se 6 hai".
func openingHours(atoms []atom) bool {
	hours := func(a atom) bool { return a.kind == aPart && a.part == partWorkhours }
	return slices.ContainsFunc(atoms, hours) && slices.ContainsFunc(atoms, func(a atom) bool { return a.clock.pair })
}

// introduces reports whether a is the name by which a customer says who they
// are, in a clause that ends at j: "Shaam Lal bol raha hoon", "this is May
// speaking".
func (p *parser) introduces(a *atom, j int) bool {
	if a.kind != aDay && a.kind != aPart || a.dir != dirNone {
		return false
	}
	for k := a.end; k < min(j, a.end+3); k++ {
		switch {
		case p.is(k, cSpeaking):
			return true
		case len(p.tokens[k].senses) > 0 || p.inAtom(k):
			return false
		}
	}
	return false
}

// stated reports whether the atoms say what day or what time it is now: "aaj
// Monday hai", "abhi 5 baje hain".
func (p *parser) stated(atoms []atom) bool {
	now := atoms[0].kind == aNow || atoms[0].kind == aDay && atoms[0].day.has == hRel && atoms[0].day.rel == 0
	return now && len(atoms) == 2 && (atoms[1].kind == aClock && atoms[0].kind == aNow || atoms[1].kind == aDay)
}

// revive lets faint atoms count if no other does: "parso shaam ko dentist ke
// paas jana hai" is a time, if the customer named no other.
func (p *parser) revive() {
	for n := range p.atoms {
		if a := &p.atoms[n]; a.drop == kept && a.kind != aNow {
			return
		}
	}
	for n := range p.atoms {
		if a := &p.atoms[n]; a.faint && a.drop == dropMentioned && a.kind != aNow && a.kind != aBad {
			a.drop = kept
		}
	}
}

// belongs reports whether nothing but small words stands between a and b.
func (p *parser) belongs(a, b *atom) bool {
	for k := a.end; k < b.start; k++ {
		if !p.any(k, cOf, cFrom, cAt, cKo, cThe, cOn) {
			return false
		}
	}
	return true
}

// occupied reports whether [i, j) says that the customer is busy; "meeting khatam
// hone ke baad" and "before the exam" do not.
func (p *parser) occupied(i, j int) bool {
	for ; i < j; i++ {
		if !p.is(i, cBusy) || p.weak(i, cBusy) || p.inAtom(i) {
			continue
		}
		if side := p.besideEvent(i); side != dirNone {
			continue
		}
		k := i + 1
		for k < i+4 && p.word(k) && !p.inAtom(k) && !p.any(k, cBaad, cPehle, cBe, cBut, cMein, cAsk) {
			k++
		}
		if !p.any(k, cBaad, cPehle) || k > i+1 && !p.any(k-1, cOf, cSe) {
			return true
		}
	}
	return false
}

// besideEvent reports on which side of the event at token i the customer means:
// "after my meeting", "before the class".
func (p *parser) besideEvent(i int) direction {
	for j := i - 1; j >= max(0, i-4); j-- {
		switch {
		case p.is(j, cAfter):
			return dirAfter
		case p.is(j, cBefore):
			return dirBefore
		case !p.word(j) || p.inAtom(j) || p.any(j, cIn, cAsk, cUntil, cBy, cBut):
			return dirNone
		}
	}
	return dirNone
}

// selfCall reports whether the customer says in [i, j) that they will ring
// themselves: "main call karunga", "khud phone kar lunga".
func (p *parser) selfCall(i, j int) bool {
	for k := i; k < j; k++ {
		if p.is(k, cSelfcall) && (p.is(k-1, cPhone) || p.is(k-2, cPhone) || p.hasClass(i, k, cKhud)) {
			return true
		}
	}
	return false
}

// strangers reports whether [i, j) says what the customer is at: "I'm painting
// now", "at work right now".
func (p *parser) strangers(i, j int) bool {
	unknown, am := false, false
	for ; i < j; i++ {
		t := &p.tokens[i]
		if t.kind != tWord || p.inAtom(i) {
			continue
		}
		if t.is(cWork) {
			return true
		}
		unknown = unknown || len(t.senses) == 0
		am = am || t.is(cAm) || t.is(cBe) || equalFold(p.phrase[t.start:t.end], "i'm") || equalFold(p.phrase[t.start:t.end], "im")
	}
	return unknown && am
}

// perfectAfter reports whether a Hindi past verb stands in [i, j).
func (p *parser) perfectAfter(i, j int) bool {
	for ; i < j; i++ {
		if p.is(i, cPerfect) && !p.weak(i, cPerfect) && !p.is(i+1, cWill) {
			return true
		}
	}
	return false
}

// length reports whether the counted atom a says how long something takes.
func (p *parser) length(a *atom, take, event, wait, busy, dont bool) bool {
	j := a.end
	switch {
	case take:
		return true
	case p.any(j, cAged):
		return true
	case p.is(j, cOf) && !p.is(j-1, cWait) && !p.any(j+1, cBaad, cAndar, cTimeword, cApprox2, cApprox, cBreak):
		return true
	case a.dir == dirNone && j < len(p.tokens) && p.word(j) && len(p.tokens[j].senses) == 0 && p.any(j-1, cUnit):
		return true // "5 minute conversation"
	case a.dir == dirNone && !p.is(j-1, cMein) && p.any(j, cEvent, cBusy):
		return true
	case a.dir == dirFor && !wait && !busy && !dont:
		return true
	case event && a.dir == dirNone && !p.is(j-1, cMein):
		return true
	}
	return false
}

// nextAtomAt returns the atom that starts at token i, or after nothing but
// commas and fillers; -1 if there is none.
func (p *parser) nextAtomAt(i int) int {
	for ; i < len(p.tokens); i++ {
		for n := range p.atoms {
			if p.atoms[n].start == i {
				return n
			}
		}
		if !p.mark(i, ',') && !p.mark(i, '.') && !p.mark(i, '-') && !p.any(i, cNahi, cNo, cSorry, cBut, cThe) && !(p.is(i, cWord) && !p.is(i, cAsk)) {
			return -1
		}
	}
	return -1
}

// corrections marks the atoms that correct what came before, and those that are
// an alternative to it.
func (p *parser) corrections() {
	for n := 1; n < len(p.atoms); n++ {
		a := &p.atoms[n]
		b := &p.atoms[n-1]
		for k := b.end; k < a.start; k++ {
			switch {
			case p.any(k, cNahito, cOr):
				a.or = true
			case p.any(k, cNahi, cNo, cSorry) && (p.nextAtomAt(k+1) == n), p.is(k, cInstead) && !p.is(k+1, cOf) && p.nextAtomAt(k+1) == n:
				a.replaces = true
				a.or = false
			}
		}
		if p.is(b.end-1, cNahi) {
			a.replaces = true
		}
	}
}

// pronouns gives "after that", "then" and "that day" the time of the last atom
// before it, whether or not that one was only mentioned.
func (p *parser) pronouns() {
	for i := range p.tokens {
		if !p.any(i, cThen, cThatday) || p.inAtom(i) {
			continue
		}
		if n := p.atomFrom(i) - 1; n >= 0 {
			switch b := &p.atoms[n]; {
			case b.kind != aClock && b.kind != aPart && b.kind != aDay && b.kind != aDur:
			case b.drop != kept && b.drop != dropMentioned:
			case b.dir == dirBy:
				b.drop, b.dir = kept, dirAfter
			default:
				b.drop = kept
				for ; n > 0 && p.atoms[n-1].drop == dropMentioned && p.belongs(&p.atoms[n-1], &p.atoms[n]); n-- { // its day, its part
					p.atoms[n-1].drop = kept
				}
			}
		}
	}
	for n := range p.atoms {
		a := &p.atoms[n]
		if a.kind != aThat || a.drop != kept {
			continue
		}
		a.drop = dropReplaced
		for m := n - 1; m >= 0; m-- {
			b := &p.atoms[m]
			if b.drop != kept && b.drop != dropMentioned && (b.drop != dropLength || b.kind != aDur) {
				continue
			}
			if a.dir == dirBefore {
				if b.kind == aClock || b.kind == aDay || b.kind == aPart {
					b.drop, b.dir = kept, dirBefore
					break
				}
				continue
			}
			if b.kind == aClock || b.kind == aDay || b.kind == aPart || b.kind == aDur {
				b.drop = kept
				if b.dir == dirNone || b.dir == dirBy || b.dir == dirFor || b.dir == dirFrom && b.clock.pair {
					b.dir = dirAfter
				}
				b.next = false
				break
			}
		}
	}
}
