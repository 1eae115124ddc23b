package callback

import "time"

// Rule names the reading under which a phrase became a time.
type Rule string

// The rules. None is the zero value: no time was found.
const (
	None     Rule = ""         // no time in the words
	Relative Rule = "relative" // "30 minutes", "aadhe ghante": added to the moment the customer spoke
	Clock    Rule = "clock"    // "at five", "paanch baje"
	Day      Rule = "day"      // "kal", "parso", "in three days"
	Daypart  Rule = "daypart"  // "subah", "shaam ko", "after lunch"
	Weekday  Rule = "weekday"  // "Monday", "agle somvaar"
	Date     Rule = "date"     // "15 tarikh", "next month", "10/31"
	Range    Rule = "range"    // "after 5", "7 baje tak", "between 3 and 5"
	Vague    Rule = "vague"    // "thodi der mein", "in a few hours"
	Now      Rule = "now"      // "abhi", "right away"
	Fallback Rule = "fallback" // no clear time: the campaign's retry delay; only from Schedule
)

// Reading is what a phrase says about when to ring.
type Reading struct {
	// At is the instant to ring, before clipping to any calling window; zero
	// when no time was found. It is never before the moment the customer spoke.
	At time.Time
	// From and To bound what the words allow, both ends included; At lies
	// between them. Zero when no time was found.
	From, To time.Time
	// Rule is the reading's name; None when no time was found.
	Rule Rule
	// Start and End are byte offsets into the phrase: the words that gave the
	// time. Both 0 when no time was found.
	Start, End int
	// Confidence says how sure the reading is, 0 to 1; 0 when no time was found.
	Confidence float64
	// Ambiguous says that two readings were left and the less annoying was taken.
	Ambiguous bool

	// What was read, so that Trace can show the working again.
	by     *Resolver
	phrase string
	heard  time.Time
	zone   *time.Location
}

// OK reports whether a time was found.
func (r Reading) OK() bool { return !r.At.IsZero() }

// Trace returns the working, one step a line, for a person to read. It is not
// kept with the reading: reading is pure, so it is done again, aloud.
func (r Reading) Trace() []string {
	if r.by == nil {
		return nil
	}
	var lines []string
	r.by.read(r.phrase, r.heard, r.zone, &lines)
	return lines
}
