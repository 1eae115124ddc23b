package callback

// An atom is the smallest run of words that says something about time: a
// duration, a clock time, a day, a part of the day, "now", "a while".
type atom struct {
	kind       atomKind
	start, end int // tokens [start, end)
	dir        direction
	approx     bool
	drop       dropReason // why the atom does not count; 0 if it does
	weak       bool       // may be something else: counts only with support
	or         bool       // an alternative to the atom before
	replaces   bool       // corrects the atoms before it
	next       bool       // "the next two hours": within, not after
	this       bool       // "this evening": today's
	faint      bool       // dropped as mentioned, but counts if nothing else does

	clock clocks    // aClock
	part  partID    // aPart
	day   dayspec   // aDay
	dur   durations // aDur
}

type atomKind uint8

const (
	aNone  atomKind = iota
	aDur            // a delay of less than a day
	aClock          // a time of day
	aPart           // a part of the day
	aDay            // a day, several, or a month
	aNow            // now
	aVague          // in a while
	aSoon           // as soon as you can
	aThat           // "after that": an atom before is meant
	aFeast          // a feast whose date is not known here
	aBad            // a time or date that cannot be
)

// A direction says which side of a time is meant.
type direction uint8

const (
	dirNone   direction = iota
	dirAfter            // after X, X ke baad
	dirBefore           // before X, X se pehle
	dirBy               // by X, X tak
	dirFrom             // from X, X se
	dirWithin           // within X, X ke andar
	dirPast             // X ago
	dirLeast            // at least X
	dirFor              // for X
)

type dropReason uint8

const (
	kept dropReason = iota
	dropPast
	dropNegated
	dropMentioned
	dropLength
	dropSince
	dropReplaced
	dropName
	dropUnsure
	dropOwn
)

var dropText = [...]string{
	dropPast:      "it is about the past",
	dropNegated:   "it is negated",
	dropMentioned: "it is mentioned, not asked for",
	dropLength:    "it is how long something takes",
	dropSince:     "it is since when something has been going on",
	dropReplaced:  "it is corrected",
	dropName:      "it may be a name",
	dropOwn:       "the customer will ring themselves",
	dropUnsure:    "a clearer time is there",
}

// clocks is a time of day, or two.
type clocks struct {
	lo, hi   clockval
	pair     bool   // from lo to hi
	hiPart   partID // the part of the day of hi, if it has its own
	bareword bool   // a bare number, taken as a time for its surroundings
}

type clockval struct {
	minute int16   // since midnight, as said: "5:30" is 330 whether am or pm
	half   halfday // what was said of am or pm
	bad    bool    // no such time
	approx bool    // 5ish
	zoned  bool    // a time zone was named
	zone   int16   // minutes east of UTC
}

type halfday uint8

const (
	halfUnsaid halfday = iota
	halfAM
	halfPM
	halfExact    // the 24-hour form, noon
	halfMidnight // the end of the day
)

// durations is a delay in seconds, or two, or for vague ones their span.
type durations struct {
	lo, hi int // seconds
	pair   bool
	vague  bool // "a few hours": anything between lo and hi
}
