package callback

import (
	"fmt"
	"strings"
	"time"
)

// This file is the reading aloud: what Reading.Trace returns. Nothing here is
// run unless somebody asked.

func (p *parser) say(format string, args ...any) {
	if p.aloud != nil {
		*p.aloud = append(*p.aloud, fmt.Sprintf(format, args...))
	}
}

func (p *parser) sayHeard(phrase string) {
	if p.aloud == nil {
		return
	}
	p.say("%q, said at %s", shorten(phrase), clockLine(p.heard))
}

func shorten(s string) string {
	const most = 120
	n := 0
	for i := range s {
		if n++; n > most {
			return s[:i] + "…"
		}
	}
	return s
}

// sayAtoms says what was read, and what of it does not count.
func (p *parser) sayAtoms() {
	if p.aloud == nil {
		return
	}
	if len(p.atoms) == 0 {
		p.say("no word names a time")
	}
	for n := range p.atoms {
		a := &p.atoms[n]
		line := fmt.Sprintf("%q: %s", p.text(a.start, a.end), p.describe(a))
		switch {
		case a.drop != kept:
			line += "; does not count: " + dropText[a.drop]
		case a.replaces:
			line += "; corrects what came before"
		case a.or && n > 0:
			line += "; an alternative"
		}
		p.say("%s", line)
	}
}

var dirText = [...]string{
	dirAfter: "after ", dirBefore: "before ", dirBy: "by ", dirFrom: "from ", dirWithin: "within ",
	dirPast: "past ", dirLeast: "at least ", dirFor: "for ",
}

func (p *parser) describe(a *atom) string {
	about := ""
	if a.approx {
		about = "about "
	}
	switch a.kind {
	case aDur:
		return "a delay, " + dirText[a.dir] + about + a.dur.String()
	case aClock:
		return "a time of day, " + dirText[a.dir] + about + a.clock.String()
	case aPart:
		pt := partOf(a.part, p.by.user)
		return fmt.Sprintf("a part of the day, %s%s (%s-%s)", dirText[a.dir], pt.name, hhmm(int(pt.from)), hhmm(int(pt.to)))
	case aDay:
		return "a day, " + dirText[a.dir] + about + a.day.String()
	case aNow:
		return "now"
	case aVague:
		return "in a while"
	case aSoon:
		return "as soon as may be"
	case aThat:
		return "after what was said before"
	case aFeast:
		return "a feast whose date is not known here"
	case aBad:
		return "a date that does not exist"
	}
	return "nothing"
}

func (d durations) String() string {
	lo, hi := time.Duration(d.lo)*time.Second, time.Duration(d.hi)*time.Second
	if lo == hi {
		return lo.String()
	}
	return lo.String() + " to " + hi.String()
}

func hhmm(minute int) string { return fmt.Sprintf("%02d:%02d", minute/60, minute%60) }

func (c clocks) String() string {
	if c.pair {
		return c.lo.String() + " to " + c.hi.String()
	}
	return c.lo.String()
}

func (c clockval) String() string {
	if c.bad {
		return "that does not exist"
	}
	minute := (int(c.minute) + 12*h) % (24 * h)
	if c.minute >= 0 {
		minute = int(c.minute)
	}
	s := hhmm(minute)
	switch c.half {
	case halfUnsaid:
		s += " (am or pm not said)"
	case halfAM:
		s += " am"
	case halfPM:
		s += " pm"
	case halfMidnight:
		s = "the end of the day"
	}
	return s
}

func (d dayspec) String() string {
	var words []string
	add := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	if d.is(hPast) {
		add("past")
	}
	if d.is(hRel) {
		switch d.rel {
		case 0:
			add("today")
		case 1:
			add("tomorrow")
		default:
			add("in %d days", d.rel)
		}
	}
	if d.is(hNthWeekday) {
		add("number %d", d.nth)
	}
	if d.is(hWeekday | hNthWeekday) {
		add("%s", [...]string{"", "this ", "next ", "after next ", "last "}[d.which]+time.Weekday(d.weekday).String())
	}
	if d.is(hWeekend) {
		add("weekend")
	}
	if d.is(hWeekdays) {
		add("Monday to Friday")
	}
	if d.is(hMday) {
		if d.mday < 0 {
			add("last day")
		} else {
			add("day %d", d.mday)
		}
	}
	if d.is(hSlice) {
		add("%s", [...]string{"", "start", "middle", "end", "a week", "last week"}[d.slice])
	}
	if d.is(hMonth) {
		add("%s", time.Month(d.month))
	}
	unit := func(bit dayBits, off int, name string) {
		if d.is(bit) {
			add("%s %+d", name, off)
		}
	}
	unit(hWeek, int(d.week), "week")
	unit(hMonthOff, int(d.monthOff), "month")
	unit(hQuarter, int(d.monthOff), "quarter")
	unit(hYearOff, int(d.year), "year")
	if d.is(hYear) {
		add("%d", d.year)
	}
	if d.is(hHoliday) {
		add("holiday")
	}
	if d.is(hMonths) {
		add("%d months on", d.months)
	}
	if d.is(hDays) {
		if d.days2 > d.days {
			add("%d to %d days on", d.days, d.days2)
		} else {
			add("%d days on", d.days)
		}
	}
	return strings.Join(words, " ")
}

func (p *parser) sayNothing(f *frame) {
	switch {
	case p.aloud == nil:
	case f.has.is(aFeast):
		p.say("no date for it: no time")
	case f.has.is(aDay) && f.day.is(hPast):
		p.say("that is past: no time")
	default:
		p.say("no such time is still to come: no time")
	}
}

func (p *parser) sayResult(f *frame, r *Reading) {
	if p.aloud == nil {
		return
	}
	if f.alternative {
		p.say("of the alternatives the first is taken")
	}
	if f.faint {
		p.say("only mentioned, but no other time was named")
	}
	if r.Ambiguous {
		p.say("ambiguous: another reading was left")
	}
	p.say("rule %s: %s (anything from %s to %s would do)", r.Rule, clockLine(r.At), clockLine(r.From), clockLine(r.To))
}
