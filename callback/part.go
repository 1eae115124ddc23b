package callback

// A partID names a part of the day.
type partID int16

// The parts of the day. The values of the classes cPart and cMeal are among
// them; those after partUser are a site's own.
const (
	partNone = iota
	partEarlymorning
	partFirstthing
	partMorning
	partForenoon
	partLatemorning
	partDopahar
	partEarlyafternoon
	partAfternoon
	partLateafternoon
	partEarlyevening
	partEvening
	partSunset
	partLateevening
	partNight
	partTonight
	partLatenight
	partDaytime
	partEod
	partFirsthalf
	partSecondhalf
	partWorkhours
	partLunchtime
	partTeatime
	partDinnertime
	partAfterBreakfast
	partAfterLunch
	partAfterTea
	partAfterDinner
	partAfterWork
	partBeforeBreakfast
	partBeforeLunch
	partBeforeTea
	partBeforeDinner
	partBeforeWork
	partNoon     // a clock time by another name
	partMidnight // likewise: the end of the day
	partUser     // and after: a site's own
)

// The values of the class cMeal.
const (
	mealBreakfast = iota
	mealLunch
	mealTea
	mealDinner
	mealKhana // lunch or dinner, whichever is next
)

// A part is from when to when a part of the day lasts, and the minute in it at
// which to ring if nothing more is said: one that suits most people who use the
// word. Minutes since midnight, both ends included.
type part struct {
	name           string
	from, to, ring int16
	// pm says how a bare hour is read beside the word: "shaam 6" is 18:00.
	pm halfRule
}

// A halfRule says which half of the day a bare hour beside a daypart is in.
type halfRule uint8

const (
	pmNearest halfRule = iota // the half that falls in or nearest the part
	pmMorning                 // am, but 12 and after is noon
	pmNight                   // 6 to 11 pm, 12 midnight, 1 to 5 after it
)

// h is an hour, in minutes.
const h = 60

// parts is in the order of the partIDs.
var parts = [partUser]part{
	partEarlymorning:    {"early morning", 5 * h, 9 * h, 8 * h, pmMorning},
	partFirstthing:      {"first thing", 7 * h, 10 * h, 9 * h, pmMorning},
	partMorning:         {"morning", 6 * h, 12 * h, 10 * h, pmMorning},
	partForenoon:        {"forenoon", 9 * h, 12 * h, 10*h + 30, pmMorning},
	partLatemorning:     {"late morning", 10 * h, 12*h + 30, 11 * h, pmMorning},
	partDopahar:         {"dopahar", 12 * h, 16 * h, 14 * h, pmNearest},
	partEarlyafternoon:  {"early afternoon", 12 * h, 15 * h, 13*h + 30, pmNearest},
	partAfternoon:       {"afternoon", 12 * h, 18 * h, 15 * h, pmNearest},
	partLateafternoon:   {"late afternoon", 15 * h, 18 * h, 16*h + 30, pmNearest},
	partEarlyevening:    {"early evening", 16 * h, 19 * h, 17*h + 30, pmNearest},
	partEvening:         {"evening", 16 * h, 21 * h, 18 * h, pmNearest},
	partSunset:          {"sunset", 17*h + 30, 19*h + 30, 18*h + 30, pmNearest},
	partLateevening:     {"late evening", 18 * h, 22 * h, 20 * h, pmNearest},
	partNight:           {"night", 19 * h, 23 * h, 20 * h, pmNight},
	partTonight:         {"tonight", 18 * h, 23 * h, 20 * h, pmNight},
	partLatenight:       {"late night", 21 * h, 24*h - 1, 22 * h, pmNight},
	partDaytime:         {"daytime", 7 * h, 22*h - 1, 12 * h, pmNearest},
	partEod:             {"end of day", 16*h + 30, 21 * h, 17*h + 30, pmNearest},
	partFirsthalf:       {"first half", 9 * h, 13*h + 30, 11 * h, pmMorning},
	partSecondhalf:      {"second half", 13 * h, 18 * h, 15 * h, pmNearest},
	partWorkhours:       {"working hours", 9 * h, 18 * h, 11 * h, pmNearest},
	partLunchtime:       {"lunch time", 12 * h, 14*h + 30, 13 * h, pmNearest},
	partTeatime:         {"tea time", 16 * h, 18 * h, 17 * h, pmNearest},
	partDinnertime:      {"dinner time", 19*h + 30, 22 * h, 20 * h, pmNearest},
	partAfterBreakfast:  {"after breakfast", 8 * h, 11*h + 30, 10 * h, pmMorning},
	partAfterLunch:      {"after lunch", 13 * h, 16 * h, 14*h + 30, pmNearest},
	partAfterTea:        {"after tea", 17 * h, 19 * h, 17*h + 30, pmNearest},
	partAfterDinner:     {"after dinner", 20 * h, 23 * h, 21 * h, pmNight},
	partAfterWork:       {"after work", 17 * h, 21 * h, 18*h + 30, pmNearest},
	partBeforeBreakfast: {"before breakfast", 6 * h, 9 * h, 8 * h, pmMorning},
	partBeforeLunch:     {"before lunch", 9 * h, 13 * h, 11*h + 30, pmMorning},
	partBeforeTea:       {"before tea", 13 * h, 16*h + 30, 15 * h, pmNearest},
	partBeforeDinner:    {"before dinner", 16 * h, 20 * h, 18 * h, pmNearest},
	partBeforeWork:      {"before work", 7 * h, 9*h + 30, 8*h + 30, pmMorning},
	partNoon:            {"noon", 12 * h, 12 * h, 12 * h, pmNearest},
	partMidnight:        {"midnight", 24 * h, 24 * h, 24 * h, pmNight},
}

// morning reports whether the part is one that is over early: said at nine or
// later it means tomorrow's.
func (id partID) morning() bool {
	return id == partEarlymorning || id == partFirstthing || id == partMorning
}

// partAt reads a part of the day at i.
func (p *parser) partAt(i int) (a atom, ok bool) {
	a = atom{kind: aPart, start: i}
	j := i
	early, late, mid := false, false, false
	switch {
	case p.is(j, cEarly):
		early, j = true, j+1
	case p.is(j, cLate), p.is(j, cLater):
		late, j = true, j+1
	case p.is(j, cMid):
		mid, j = true, j+1
	}
	if j > i { // "early in the morning", "late at night", "later this evening", "early tomorrow morning"
		for k := j; k < j+3; k++ {
			if p.any(k, cPart) {
				j = k
				break
			}
			if !p.any(k, cIn, cAt, cThe, cThis, cKo) {
				break
			}
		}
	}
	if v := p.value(j, cPart); v >= 0 {
		id := partID(v)
		if (id == partFirsthalf || id == partSecondhalf) && p.is(j+1, cOf) && (p.digits(j+2) == 4 || p.any(j+2, cMonth, cThis, cNext) || p.value(j+2, cUnit) > unitDay) {
			return a, false
		}
		if p.weak(j, cPart) && !p.any(j+1, cKo, cMein, cTak, cBaje, cBaad) {
			return a, false
		}
		if id == partDopahar || id == partMorning || id == partNight || id == partEvening {
			// "dopahar ke khane ke baad", "raat ka khana kha ke"
			k := j + 1
			if p.any(k, cOf, cKo) {
				k++
			}
			if p.is(k, cMeal) {
				if b, is := p.mealAt(k, id); is {
					b.start = i
					return b, true
				}
			}
		}
		j++
		for p.value(j, cPart) == v || p.any(j, cEarly, cLate) && !p.isPart(j+1) { // "subah subah", "subah jaldi", "raat der se"
			switch {
			case p.is(j, cEarly):
				early = true
			case p.is(j, cLate):
				late = true
			case id == partMorning:
				early = true
			}
			j++
			if late && p.is(j, cSe) {
				j++
			}
		}
		if p.is(j, cWork) && !p.any(j+1, cOf, cSe, cBaad) { // "night shift"
			return a, false
		}
		a.part = shade(id, early, late, mid)
		a.end = j
		return a, true
	}
	if early && (p.value(j, cDayrel) > 0 || p.is(j, cWeekday)) { // "early tomorrow", "early tomorrow evening"
		id := partID(partMorning)
		if p.isPart(j + 1) {
			id = partID(p.value(j+1, cPart))
		}
		a.part, a.end = shade(id, true, false, false), j
		return a, true
	}
	if j > i {
		return a, false
	}
	if p.is(i, cMeal) {
		return p.mealAt(i, partNone)
	}
	if p.is(i, cWork) {
		return p.workAt(i)
	}
	// "din mein": in the daytime; "do din mein" is a duration and came before.
	if p.value(i, cUnit) == unitDay && p.digits(i-1) == 0 && p.any(i+1, cMein, cKo) && !p.any(i-1, cNext, cComing, cThat, cThis, cNum, cFew, cEvery) &&
		!(p.any(i+2, cNum, cCounted) || p.digits(i+2) > 0 && p.is(i+3, cCounted)) { // not "din mein das baar"
		a.part, a.end = partDaytime, i+2
		return a, true
	}
	// "first thing" is a phrase in the lexicon; "first thing Monday" is its morning.
	return a, false
}

func (p *parser) isPart(i int) bool { return p.is(i, cPart) }

// shade is the part that "early", "late" or "mid" makes of another.
func shade(id partID, early, late, mid bool) partID {
	switch {
	case early && id == partMorning:
		return partEarlymorning
	case late && id == partMorning:
		return partLatemorning
	case early && (id == partAfternoon || id == partDopahar):
		return partEarlyafternoon
	case early && id == partEvening:
		return partEarlyevening
	case late && (id == partAfternoon || id == partDopahar):
		return partLateafternoon
	case late && id == partEvening:
		return partLateevening
	case late && (id == partNight || id == partTonight):
		return partLatenight
	}
	return id
}

// mealAt reads "after lunch", "lunch ke baad", "dinner se pehle", "lunch time";
// a meal alone is what somebody is having, and no time.
func (p *parser) mealAt(i int, of partID) (a atom, ok bool) {
	a = atom{kind: aPart, start: i}
	meal := p.value(i, cMeal)
	switch {
	case of == partMorning:
		meal = mealBreakfast
	case of == partDopahar && meal == mealKhana:
		meal = mealLunch
	case (of == partNight || of == partEvening) && meal == mealKhana:
		meal = mealDinner
	case meal == mealKhana && p.minute < 15*h:
		meal = mealLunch
	case meal == mealKhana:
		meal = mealDinner
	}
	j := i + 1
	// "lunch ke ek ghante baad": some time after it, as after lunch is.
	if p.is(j, cOf) {
		if _, l := p.amountAt(j + 1); l > j+1 && p.is(l, cUnit) && p.any(l+1, cBaad, cPehle) {
			j = l
		}
	}
	// "lunch break", "lunch karne", "lunch kha ke", "khana khane"
	for n := 0; n < 2; n++ {
		if p.any(j, cMeal, cBreak) || p.is(j, cOf) && !p.any(j+1, cBaad, cTimeword) || p.word(j) && !p.any(j, cBaad, cPehle, cSe, cOf, cMein, cPe, cTimeword, cAfter, cBefore, cBut, cBe, cContinuous, cTak) && p.any(j+1, cOf, cBaad, cSe) && p.any(j+2, cBaad, cPehle) {
			j++
		}
	}
	after := [...]partID{partAfterBreakfast, partAfterLunch, partAfterTea, partAfterDinner}
	before := [...]partID{partBeforeBreakfast, partBeforeLunch, partBeforeTea, partBeforeDinner}
	during := [...]partID{partFirstthing, partLunchtime, partTeatime, partDinnertime}
	k := j
	if p.any(k, cOf, cSe, cUnit) {
		k++
	}
	prev := p.preposition(i)
	switch {
	case p.is(j, cDone): // "khana kha ke"
		a.part, a.end = after[meal], j+1
	case p.baad(k):
		a.part, a.end = after[meal], k+1
	case p.is(k, cPehle):
		a.part, a.end = before[meal], k+1
	case p.is(prev, cAfter), p.is(prev, cPast):
		a.part, a.start, a.end = after[meal], prev, i+1
	case p.is(prev, cBefore):
		a.part, a.start, a.end = before[meal], prev, i+1
	case p.any(prev, cAt, cBy, cApprox), p.is(prev, cIn) && p.at(prev).end-p.at(prev).start > 2, p.any(i-1, cDayrel, cWeekday) && j >= len(p.tokens), p.is(k, cTimeword), p.any(j, cMein, cPe) && !p.isBusyTail(j+1):
		a.part, a.end = during[meal], j
		if p.is(k, cTimeword) {
			a.end = k + 1
		}
	default:
		return a, false
	}
	return a, true
}

// preposition is the token that says on which side of the meal or the work at i
// the customer means: "after I have had lunch", "before going to work".
func (p *parser) preposition(i int) int {
	j := i - 1
	for n := 0; n < 3 && p.word(j) && !p.inAtom(j) && !p.any(j, cAfter, cBefore); n++ {
		if len(p.tokens[j].senses) > 0 && !p.any(j, cThe, cMore, cTo, cOver) && (!p.is(j, cWord) || p.any(j, cIn, cAt, cAsk, cBe)) {
			break
		}
		j--
	}
	return j
}

// isBusyTail reports whether what follows says that somebody is in the middle
// of something: "lunch mein hoon".
func (p *parser) isBusyTail(i int) bool { return p.any(i, cBe, cBusy) }

// tokenText is the word at i in small ASCII letters, for the few that the
// grammar knows by name.
func (p *parser) tokenText(i int) string {
	t := p.at(i)
	if t == nil || t.kind != tWord {
		return ""
	}
	switch s := p.phrase[t.start:t.end]; {
	case equalFold(s, "my"):
		return "my"
	case equalFold(s, "want"):
		return "want"
	case equalFold(s, "t"):
		return "t"
	case equalFold(s, "ish"):
		return "ish"
	}
	return ""
}

func equalFold(s, small string) bool {
	if len(s) != len(small) {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i]|0x20 != small[i] {
			return false
		}
	}
	return true
}

// workAt reads "after work", "office ke baad", "office se aane ke baad".
func (p *parser) workAt(i int) (a atom, ok bool) {
	a = atom{kind: aPart, start: i}
	switch prev := p.preposition(i); {
	case p.is(prev, cAfter):
		a.part, a.start, a.end = partAfterWork, prev, i+1
		return a, true
	case p.is(prev, cBefore):
		a.part, a.start, a.end = partBeforeWork, prev, i+1
		return a, true
	}
	for j := i + 1; j <= i+5; j++ {
		switch {
		case p.baad(j), p.is(j, cDone):
			a.part, a.end = partAfterWork, j+1
			return a, true
		case p.is(j, cPehle) && p.is(j-1, cSe):
			a.part, a.end = partBeforeWork, j+1
			return a, true
		case !p.word(j) || p.any(j, cNum, cAsk, cBe, cPart, cWeekday, cDayrel, cUnit, cBaje, cBut):
			return a, false
		}
	}
	return a, false
}
