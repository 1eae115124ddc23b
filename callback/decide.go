package callback

import "time"

// answer is a reading in the making: the span that the words allow and the
// instant in it to ring at.
type answer struct {
	at, from, to time.Time
	rule         Rule
	ok           bool
	ambiguous    bool
}

// Everyone's hours, for what leaves the half of the day open: a bare "5" is the
// five o'clock that lies between the two.
const (
	dayStart = 7 * h
	dayEnd   = 22*h - 1
)

// decide turns the frame into an instant.
func (p *parser) decide(f *frame) answer {
	var r answer
	switch {
	case f.has.is(aDur):
		r = p.delay(f)
	case f.has.is(aDay) && f.day.is(hPast):
		return answer{}
	case f.has.is(aClock):
		r = p.clockTime(f)
	case f.has.is(aPart):
		r = p.partOfDay(f)
	case f.has.is(aDay):
		r = p.wholeDays(f)
	case f.has.is(aVague):
		r = p.span(5*time.Minute, 2*time.Hour, 30*time.Minute, Vague)
	case f.has.is(aSoon):
		r = p.span(0, 2*time.Hour, 10*time.Minute, Vague)
	case f.has.is(aNow):
		r = p.span(0, 15*time.Minute, time.Minute, Now)
	}
	if !r.ok || r.at.Before(p.heard) {
		return answer{}
	}
	if y := r.at.Year(); y > p.heard.Year()+20 {
		return answer{}
	}
	r.ambiguous = r.ambiguous || f.ambiguous
	return r
}

// span is an answer between two delays from now.
func (p *parser) span(from, to, ring time.Duration, rule Rule) answer {
	return answer{at: p.heard.Add(ring), from: p.heard.Add(from), to: p.heard.Add(to), rule: rule, ok: true}
}

// slack is how much a delay may be off before people notice.
func slack(d time.Duration) time.Duration {
	switch {
	case d < 10*time.Minute:
		return time.Minute
	case d < time.Hour:
		return 2 * time.Minute
	}
	return 5 * time.Minute
}

// delay is elapsed time from the moment the customer spoke.
func (p *parser) delay(f *frame) answer {
	lo, hi := time.Duration(f.dur.lo)*time.Second, time.Duration(f.dur.hi)*time.Second
	if hi > 20*365*24*time.Hour {
		return answer{}
	}
	switch {
	case f.dur.vague:
		return p.span(lo, hi, (lo+hi)/2, Vague)
	case f.durDir == dirWithin, f.durNext, f.durDir == dirBy:
		// In good time: just before it is over.
		return p.span(0, hi, max(hi-slack(hi), hi/2), Relative)
	case f.durDir == dirBefore:
		return p.span(0, hi, hi/2, Relative)
	case f.durDir == dirLeast:
		return p.span(lo, 2*lo, lo+min(lo/10, 10*time.Minute), Relative)
	case f.dur.pair:
		return p.span(lo, hi, (lo+hi)/2, Relative)
	}
	off := slack(lo)
	if f.durApprox {
		off = min(max(5*time.Minute, lo/3), time.Hour)
	}
	return p.span(max(0, lo-off), lo+off, lo, Relative)
}

// wall is a minute of a day in the customer's zone.
func (p *parser) wall(c civil, minute int) time.Time { return c.at(minute, p.zone, p.heard) }

// between is an answer from one instant to another, ringing at a third, all
// moved to now if they have passed.
func (p *parser) between(from, to, ring time.Time, rule Rule) answer {
	if to.Before(p.heard) {
		return answer{}
	}
	if from.Before(p.heard) {
		from = p.heard
	}
	if ring.Before(from) {
		ring = from.Add(min(30*time.Minute, to.Sub(from)/2))
	}
	if ring.After(to) {
		ring = to
	}
	return answer{at: ring, from: from, to: to, rule: rule, ok: true}
}

// clockTime is a time of day, on a day or on the next that has it.
func (p *parser) clockTime(f *frame) answer {
	c := f.clock
	if c.lo.zoned || c.hi.zoned {
		if r, ok := p.abroad(f); ok {
			return r
		}
	}
	rule := Clock
	part := f.part
	if !f.has.is(aPart) {
		part = partNone
	}
	if c.pair || f.clockDir != dirNone {
		rule = Range
	}
	los, nl := minutesOf(c.lo, part, p.by.user)
	span := 0
	if c.pair {
		hiPart := part
		if c.hiPart != partNone {
			hiPart = c.hiPart
		}
		los, nl, span = pairOf(c, part, hiPart, p.by.user)
		if nl == 0 {
			return answer{}
		}
	}
	var day civil
	minute := los[0]
	ambiguous := false
	if f.has.is(aDay) {
		d, ok := p.resolveDay(&f.day)
		if !ok {
			return answer{}
		}
		day = d.pick
		if f.dayDir == dirWithin || f.dayNext {
			day = d.lo
		}
		if d.lo != d.hi {
			day = d.clockDay
		}
		ambiguous = d.ambiguous
		if (f.dayDir == dirAfter || f.dayDir == dirFrom) && !f.day.is(hDays|hMonths) && f.dayAt < f.clockAt && f.dayDir == dirAfter && f.clockDir == dirNone {
			day = d.hi + 1
		}
		if nl == 2 {
			if day == p.today && !p.ahead(day, los[0], span, f) {
				minute = los[1]
			} else if los[0] < 9*h && day != p.today {
				ambiguous = true
			}
		}
	} else {
		day = p.today
		found := false
		for ; day < p.today+3 && !found; day++ {
			for k := 0; k < nl && !found; k++ {
				if p.ahead(day, los[k], span, f) {
					minute, found = los[k], true
				}
			}
			// The night that has begun: "raat 2 baje" said at one.
			if los[0] >= 24*h && day == p.today && p.minute < los[0]-24*h && p.minute < 5*h {
				minute, found = los[0]-24*h, true
			}
			if found {
				break
			}
		}
		if nl == 2 && minute != los[1] && los[0] < 9*h {
			ambiguous = true
		}
	}
	x := p.wall(day, minute)
	y := x
	if span > 0 {
		y = p.wall(day, minute+span)
	}
	r := p.clockSpan(f, day, minute, x, y)
	r.rule = rule
	r.ambiguous = ambiguous
	return r
}

// abroad reads a clock time in the zone that was named with it, unless the
// customer's own zone is that one at some time of the year: people say EST in
// summer too.
func (p *parser) abroad(f *frame) (answer, bool) {
	minutes := int(f.clock.lo.zone)
	if f.clock.hi.zoned {
		minutes = int(f.clock.hi.zone)
	}
	y := p.heard.Year()
	for _, m := range [...]time.Month{time.January, time.July} {
		if _, off := time.Date(y, m, 1, 12, 0, 0, 0, p.zone).Zone(); off == minutes*60 {
			return answer{}, false
		}
	}
	q := *p
	q.zone = time.FixedZone("", minutes*60)
	q.heard = p.heard.In(q.zone)
	q.today = civilOf(q.heard)
	q.minute = q.heard.Hour()*h + q.heard.Minute()
	g := *f
	g.clock.lo.zoned, g.clock.hi.zoned = false, false
	r := q.clockTime(&g)
	r.at, r.from, r.to = r.at.In(p.zone), r.from.In(p.zone), r.to.In(p.zone)
	return r, true
}

// ahead reports whether a time on the day is still to come; of a span, whether
// enough of it is.
func (p *parser) ahead(day civil, minute, span int, f *frame) bool {
	t := p.wall(day, minute)
	if span > 0 {
		return p.wall(day, minute+span).Sub(p.heard) >= 15*time.Minute
	}
	return !t.Before(p.heard)
}

// clockSpan gives a clock time its direction.
func (p *parser) clockSpan(f *frame, day civil, minute int, x, y time.Time) answer {
	switch f.clockDir {
	case dirAfter, dirFrom:
		if f.clock.pair && f.clockDir == dirFrom {
			break
		}
		return p.between(y, y.Add(2*time.Hour), y.Add(5*time.Minute), Range)
	case dirBefore, dirBy, dirWithin:
		if f.clock.pair {
			break
		}
		from := p.heard
		if f.clockDir == dirBefore && f.has.is(aDay) && day > p.today {
			from = p.wall(day, min(dayStart, minute-h))
		}
		ring := x.Add(-30 * time.Minute)
		if day > p.today && minute > dayStart+h {
			from2 := p.wall(day, dayStart)
			if ring.Before(from2) {
				ring = from2
			}
		}
		if ring.Before(p.heard) {
			ring = p.heard.Add(x.Sub(p.heard) / 2)
		}
		return p.between(from, x, ring, Range)
	}
	if f.clock.pair {
		return p.between(x, y, x.Add(y.Sub(x)/2), Range)
	}
	off := 5 * time.Minute
	if f.approx {
		off = 30 * time.Minute
	}
	r := p.between(x.Add(-off), x.Add(off), x, Clock)
	if x.Before(p.heard) {
		return answer{}
	}
	return r
}

// partOfDay is a part of a day, on a day or on the next that has enough left of it.
func (p *parser) partOfDay(f *frame) answer {
	pt := partOf(f.part, p.by.user)
	from, to, ring := int(pt.from), int(pt.to), int(pt.ring)
	if f.partHi != partNone {
		to = int(partOf(f.partHi, p.by.user).to)
		ring = (from + to) / 2
	}
	day := p.today
	ambiguous := false
	given := f.has.is(aDay)
	today := false
	if given {
		d, ok := p.resolveDay(&f.day)
		if !ok {
			return answer{}
		}
		day, ambiguous = d.pick, d.ambiguous
		if d.lo != d.hi {
			day = d.clockDay
		}
		if f.dayDir == dirAfter && !f.day.is(hDays|hMonths) && f.dayAt < f.partAt {
			day = d.hi + 1
		}
		today = day == p.today
		if f.part == partTonight {
			f.part = partNight
		}
	} else {
		switch {
		case f.part == partTonight, f.thisPart:
			today = true
		case f.partDir == dirAfter || f.partDir == dirBefore:
			edge := to
			if f.partDir == dirBefore {
				edge = from
			}
			if p.minute >= edge {
				day++
			}
		case f.part.morning() && p.minute >= 9*h, to-p.minute < 60:
			day++
		}
		if f.part == partNight || f.part == partLatenight {
			if p.minute < 4*h && f.part == partLatenight {
				day = p.today
			}
		}
	}
	if today && to < p.minute {
		return answer{}
	}
	x, y, at := p.wall(day, from), p.wall(day, to), p.wall(day, ring)
	rule := Daypart
	var r answer
	switch f.partDir {
	case dirBy:
		ring := x
		if x.Before(p.heard) {
			ring = p.heard.Add(y.Sub(p.heard) / 2)
		}
		if f.part == partEod || pt.from == pt.to {
			ring = y.Add(-time.Hour)
			if f.part == partEod {
				ring = at
			}
			if ring.Before(p.heard) {
				ring = p.heard.Add(y.Sub(p.heard) / 2)
			}
		}
		r, rule = p.between(p.heard, y, ring, Range), Range
	case dirBefore:
		ring := x.Add(-time.Hour)
		start := p.heard
		if given && day > p.today {
			start = p.wall(day, min(dayStart, from-h))
		}
		if ring.Before(start) {
			ring = start.Add(x.Sub(start) / 2)
		}
		r, rule = p.between(start, x, ring, Range), Range
	case dirAfter:
		r, rule = p.between(y, y.Add(2*time.Hour), y, Range), Range
	default:
		r = p.between(x, y, at, Daypart)
	}
	r.rule = rule
	r.ambiguous = ambiguous
	return r
}

// ringMinute is when to ring on a day of which no time was said.
const ringMinute = 11 * h

// wholeDays is a day, several, or a direction from one.
func (p *parser) wholeDays(f *frame) answer {
	d, ok := p.resolveDay(&f.day)
	if !ok {
		return answer{}
	}
	rule := d.rule
	day, lo, hi := d.pick, d.lo, d.hi
	dir := f.dayDir
	if f.day.is(hDays|hMonths) && !f.day.anchored && (dir == dirAfter || dir == dirFor) {
		dir = dirNone
	}
	if (f.dayNext && dir == dirNone || dir == dirBy) && f.day.is(hDays|hMonths) {
		dir = dirWithin
	}
	end := p.wall(hi, dayEnd)
	switch dir {
	case dirAfter:
		if d.weekend {
			lo, hi = hi+1, hi+3
		} else {
			lo, hi = hi+1, hi+5
		}
		day, rule = lo, Range
		end = p.wall(hi, dayEnd)
	case dirBefore:
		hi = lo - 1
		if hi < p.today {
			return answer{}
		}
		lo, day, rule = p.today, hi, Range
		end = p.wall(hi, dayEnd)
	case dirBy:
		lo, day, rule = p.today, d.lo, Range
		if d.lo == d.hi && d.lo > p.today {
			day = d.lo
		}
	case dirWithin:
		rule = Range
		limit := d.clockDay
		if f.day.few || d.hi > d.clockDay+2 {
			limit = d.hi
		}
		if limit == p.today {
			return p.between(p.heard, p.wall(limit, dayEnd), p.heard.Add(time.Hour), Range)
		}
		if limit-p.today < 2 {
			return p.between(p.heard, p.wall(limit, p.minute), p.heard.Add(3*time.Hour), Range)
		}
		lo, day = p.today, limit-1
		end = p.wall(limit, dayEnd)
	case dirLeast:
		hi = p.today + 2*(d.lo-p.today)
		end = p.wall(hi, dayEnd)
	}
	if day == p.today && hi > p.today && p.minute > 20*h {
		day++ // the day is over for calls
	}
	start := p.wall(lo, 0)
	if f.not != partNone && lo == hi {
		return p.restOfDay(day, f.not, rule)
	}
	ring := p.wall(day, ringMinute)
	if day == p.today && p.minute > ringMinute-h {
		left := end.Sub(p.heard)
		ring = p.heard.Add(min(time.Hour, left/2))
		if left < 0 {
			return answer{}
		}
	}
	r := p.between(start, end, ring, rule)
	r.ambiguous = d.ambiguous
	return r
}

// restOfDay is a day without a part of it: what lies before that part or what
// comes after it, whichever has the usual minute or else is longer.
func (p *parser) restOfDay(day civil, not partID, rule Rule) answer {
	pt := partOf(not, p.by.user)
	from, to := dayStart, dayEnd
	if day == p.today {
		from = max(from, p.minute)
	}
	morning := from < ringMinute && ringMinute < int(pt.from)
	if morning || ringMinute <= int(pt.to) && int(pt.from)-from > to-int(pt.to) {
		to = int(pt.from)
	} else {
		from = max(from, int(pt.to))
	}
	if to <= from {
		return answer{}
	}
	ring := ringMinute
	if ring <= from || ring >= to {
		ring = from + min(h, (to-from)/2)
	}
	return p.between(p.wall(day, from), p.wall(day, to), p.wall(day, ring), rule)
}
