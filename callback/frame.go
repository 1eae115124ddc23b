package callback

// A frame is what the atoms of a phrase say together: at most one day, one part
// of the day, one clock time, one delay.
type frame struct {
	day   dayspec
	part  partID
	clock clocks
	dur   durations
	not   partID // a part of the day that will not do: "kal, but not in the morning"

	has                       atomSet
	dayDir, partDir, clockDir direction
	durDir                    direction
	approx, durApprox         bool
	durNext, dayNext          bool
	partHi                    partID // "from morning till evening"
	clockHi                   bool   // the pair was said apart: "after 6 but before 8"
	clockAt, partAt, dayAt    int    // atom indices, to see what stands together
	start, end                int    // tokens
	ambiguous                 bool
	alternative               bool // another reading was offered by the customer
	bad                       bool // a time that cannot be was named
	faint                     bool // only mentioned
	corrected                 bool // an atom corrected those before it: what follows it in conflict is no doubt
	thisPart                  bool // "this evening": today, or not at all
}

type atomSet uint16

func (s atomSet) is(k atomKind) bool { return s&(1<<k) != 0 }

// merge puts the atoms that count together.
func (p *parser) merge() (f frame, ok bool) {
	f.start, f.end = -1, -1
	skip := false // inside an alternative
	for n := range p.atoms {
		a := &p.atoms[n]
		if a.drop == dropNegated && a.kind == aPart {
			f.not = a.part
		}
		if a.drop != kept {
			continue
		}
		if a.kind == aBad || a.kind == aClock && (a.clock.lo.bad || a.clock.pair && a.clock.hi.bad) {
			f.bad = true
			continue
		}
		if a.or && f.has != 0 {
			f.alternative = true
			// "tomorrow afternoon or Friday at ten": its time is its own.
			skip = !f.has.is(a.kind) || a.kind == aDay && (f.has.is(aPart) || f.has.is(aClock))
			continue
		}
		if skip {
			continue
		}
		f.add(p, a, n)
	}
	if f.bad {
		return f, false
	}
	if f.has == 0 {
		return f, false
	}
	f.settle()
	return f, true
}

func (f *frame) add(p *parser, a *atom, n int) {
	taken := f.has.is(a.kind)
	f.corrected = f.corrected || a.replaces
	switch a.kind {
	case aDur:
		if f.has.is(aClock) && a.dur.lo <= 120 && a.dir == dirNone {
			return // "ek minute, ..."
		}
		if f.alternative && taken {
			return
		}
		if taken && !a.replaces {
			f.ambiguous = true
		}
		f.dur, f.durDir, f.durApprox, f.durNext = a.dur, a.dir, a.approx, a.next
	case aClock:
		if taken {
			switch {
			case f.alternative:
				return
			case a.replaces:
			case (f.clockDir == dirAfter || f.clockDir == dirFrom) && (a.dir == dirBefore || a.dir == dirBy) && !f.clock.pair:
				f.clock.hi, f.clock.pair, f.clockHi = a.clock.lo, true, true
				f.clockDir = dirNone
				f.span(a)
				return
			case (f.clockDir == dirBefore || f.clockDir == dirBy) && (a.dir == dirAfter || a.dir == dirFrom) && !f.clock.pair:
				f.clock.lo, f.clock.hi, f.clock.pair = a.clock.lo, f.clock.lo, true
				f.clockDir = dirNone
				f.span(a)
				return
			case a.clock == f.clock:
				f.span(a)
				return
			case a.clock.lo.minute%(12*h) == f.clock.lo.minute%(12*h) && f.clock.lo.half == halfUnsaid:
				// "5 baje, 5 pm": the same, said more fully
			default:
				f.ambiguous = !f.corrected
			}
		}
		f.clock, f.clockDir, f.approx, f.clockAt = a.clock, a.dir, a.approx, n
	case aPart:
		if taken {
			switch {
			case f.alternative:
				return
			case a.replaces:
			case f.part == a.part:
				f.span(a)
				return
			case f.partDir == dirFrom && (a.dir == dirBy || a.dir == dirNone):
				f.partHi = a.part
				f.span(a)
				return
			default:
				if merged := f.bothParts(a.part); merged != partNone {
					f.part = merged
					f.span(a)
					return
				}
				f.ambiguous = !f.corrected
			}
		}
		f.part, f.partDir, f.partAt = a.part, a.dir, n
		f.thisPart = a.this
	case aDay:
		if taken && f.alternative && !a.replaces {
			return
		}
		if taken && f.has.is(aPart) && f.partAt < n && !p.belongs(&p.atoms[f.partAt], a) && p.clauseEnd(p.atoms[f.partAt].start) <= a.start {
			f.has &^= 1 << aPart // it was of the day named before: "kal subah pahunchunga, kal 1 baje karna"
			f.part, f.partDir = partNone, dirNone
		}
		if taken {
			switch {
			case a.replaces, f.dayDir == dirAfter && a.dir == dirNone && f.day.is(hWeekday) && a.day.is(hWeekday): // "away till Sunday, ring on Tuesday"
				f.day = dayspec{}
				f.dayDir = dirNone
			case f.joinDays(p, a, n):
				f.span(a)
				return
			default:
				f.ambiguous = !f.corrected
				f.day = dayspec{}
				f.dayDir = dirNone
			}
		}
		f.day, f.dayDir, f.dayNext, f.dayAt = a.day, a.dir, a.next, n
		if a.approx {
			f.day.approx = true
		}
	case aNow, aVague, aSoon, aFeast:
	default:
		return
	}
	f.has |= 1 << a.kind
	f.faint = f.faint || a.faint
	f.span(a)
}

func (f *frame) span(a *atom) {
	if f.start < 0 || a.start < f.start {
		f.start = a.start
	}
	f.end = max(f.end, a.end)
}

// bothParts is what two parts of the day say together: "morning before lunch".
func (f *frame) bothParts(b partID) partID {
	x, y := f.part, b
	if x == partTonight && (y == partNight || y == partLatenight || y == partAfterDinner || y == partEvening) {
		return y
	}
	if y == partTonight {
		return x
	}
	if y >= partAfterBreakfast && y < partNoon {
		return y
	}
	if x == partDaytime {
		return y
	}
	if y == partDaytime {
		return x
	}
	if x == shade(y, true, false, false) {
		return x
	}
	if x == partFirstthing && y == partMorning || y == partFirstthing && x == partMorning {
		return partFirstthing
	}
	return partNone
}

// joinDays adds what a says about the day to what is known, and reports false
// if the two contradict each other.
func (f *frame) joinDays(p *parser, a *atom, n int) bool {
	d, e := &f.day, &a.day
	const counted = hDays | hMonths
	switch {
	case *d == *e:
	case d.has == hDays && d.weeks && e.has == hWeekday && d.days == d.days2: // "do hafte baad budhwar ko"
		w := int16(d.days / 7)
		*d = *e
		d.set(hWeek)
		d.week, d.which = w, whichPlain
		f.dayDir = dirNone
	case e.has == hYear && d.is(hHoliday) && !d.is(hYear):
		d.set(hYear)
		d.year = e.year
	case e.has == hYear && d.is(hWeekday|hRel):
		// "Sunday 2026" says no more than Sunday
	case e.has == hYear && d.is(hMonth) && !d.is(hYear):
		d.set(hYear)
		d.year = e.year
	case d.is(hWeek|hMonthOff|hMonth) && !d.is(hWeekday|hMday|hSlice) && e.is(hWeekday|hMday|hSlice|hWeekend|hWeekdays|hNthWeekday) && !e.is(hMonthOff|hMonth|hWeek),
		e.is(hWeek|hMonthOff|hMonth|hYear|hYearOff) && d.is(hWeekday|hMday|hWeekend|hWeekdays) && !d.is(hMonthOff|hMonth|hWeek) && !e.is(hWeekday|hMday|hSlice):
		if e.is(hMonthOff|hMonth) && d.is(hWeekday|hWeekend) && !d.is(hMday) || d.is(hMonthOff|hMonth) && e.is(hWeekday|hWeekend) && !e.is(hMday) {
			return false
		}
		w := d.which
		if e.which != whichPlain {
			w = e.which
		}
		nd := *d
		nd.has |= e.has
		if e.is(hWeekday) {
			nd.weekday = e.weekday
		}
		if e.is(hWeek) {
			nd.week = e.week
		}
		if e.is(hMday) {
			nd.mday = e.mday
		}
		if e.is(hMonth) {
			nd.month = e.month
		}
		if e.is(hMonthOff) {
			nd.monthOff = e.monthOff
		}
		if e.is(hYear | hYearOff) {
			nd.year = e.year
		}
		if e.is(hSlice) {
			nd.slice, nd.nth = e.slice, e.nth
		}
		nd.which = w
		*d = nd
		if f.dayDir == dirNone {
			f.dayDir = a.dir
		}
	case d.is(hMday|hRel) && e.is(hWeekday) && !e.is(counted) && !e.is(hWeek): // "16 March, Monday", "tomorrow Friday": the date counts
		if d.is(hRel) && (p.today+civil(d.rel)).weekday() != int(e.weekday) {
			return false
		}
	case d.is(hWeekday) && !d.is(hWeek|hDays) && e.is(hMday|hRel):
		if e.is(hRel) && (p.today+civil(e.rel)).weekday() != int(d.weekday) {
			return false
		}
		*d = *e
		if f.dayDir == dirNone {
			f.dayDir = a.dir
		}
	case d.is(hRel|hWeekday|hMday) && !d.is(counted) && (f.dayDir == dirFrom || f.dayDir == dirAfter) && e.is(counted) && !e.anchored: // "Monday se do din baad"
		w := e.has
		nd := *d
		nd.has |= w
		nd.days, nd.days2, nd.months, nd.months2, nd.anchored = e.days, e.days2, e.months, e.months2, true
		*d = nd
		f.dayDir = dirNone
	case e.is(hRel|hWeekday|hMday|hMonth) && d.is(hRel|hWeekday|hMday|hMonth) && (p.any(f.end, cTo, cAnd, cSe) || p.mark(f.end, '-') || f.dayDir == dirFrom && (a.dir == dirBy || a.dir == dirNone) || p.any(f.end-1, cSe)):
		// "Monday to Wednesday": any of them will do; tomorrow, if it is among
		// them, or else the first
		if w := (p.today + 1).weekday(); d.has == hWeekday && e.has == hWeekday && d.which == whichPlain && (w-int(d.weekday)+7)%7 <= (int(e.weekday)-int(d.weekday)+7)%7 {
			d.weekday = int8(w)
		}
		if f.dayDir == dirFrom {
			f.dayDir = dirNone
		}
	case d.is(hWeekday) && e.is(hWeekday) && a.start-f.end <= 1 && (int(d.weekday)+1)%7 == int(e.weekday):
	default:
		return false
	}
	return true
}

// settle moves directions to where they belong and drops what a clearer atom
// makes idle.
func (f *frame) settle() {
	if f.has.is(aClock) {
		// "by Friday 5 pm", "after tomorrow evening 6": meant of the finest.
		if f.clockDir == dirNone && !f.clock.pair {
			if f.has.is(aPart) && f.partDir != dirNone && f.partDir != dirFrom {
				f.clockDir = f.partDir
			}
			if f.has.is(aDay) && f.dayDir != dirNone && f.dayDir != dirFrom && f.dayDir != dirWithin && !f.day.is(hDays|hMonths) && f.dayAt <= f.clockAt {
				f.clockDir = f.dayDir
			}
		}
	} else if f.has.is(aPart) && f.partDir == dirNone && f.has.is(aDay) && (f.dayDir == dirBy || f.dayDir == dirBefore) && !f.day.is(hDays|hMonths) && f.dayAt <= f.partAt {
		f.partDir = f.dayDir
	}
	timed := f.has.is(aClock) || f.has.is(aPart)
	if f.has.is(aDur) && (timed || f.has.is(aDay) && !(f.day.is(hRel) && f.day.rel == 0)) {
		if f.dur.lo <= 300 && f.durDir == dirNone || f.has.is(aClock) {
			f.has &^= 1 << aDur
			f.ambiguous = f.dur.lo > 300
		}
	}
}
