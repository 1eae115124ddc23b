// Package callback answers two questions about a customer who said "call me
// later": what did they ask, and when is that.
//
// [ParseAnalysis] reads the post-call record and yields a [Request]. [Resolve]
// reads its phrase; [Clip] moves the time into the calling window; [Schedule]
// does both and falls back to the retry delay when the words give no time. The
// promise that follows, and how it ends, is package dialler's.
//
// The package imports the standard library only, has no clock, keeps nothing
// between calls and builds nothing at start-up. A wrong time is worse than "no
// time": when it is not clear, [Resolve] says so.
//
// # How a phrase becomes a time
//
//		"kal nahi, parso shaam ko 5 baje karna"     said on Wednesday at 11:20
//		  │
//		  │ 1 scan      words, numbers, marks; any script, any digits   scan.go
//		  │ 2 look up   spelling, else sound, else consonants           lexicon/*.txt, internal/spell
//		  ▼
//		[kal:day+1] [nahi:not] , [parso:day+2] [shaam:evening] [ko] [5] [baje:o'clock] [karna:ask]
//		  │
//		  │ 3 atoms     the smallest runs that say a time               atoms.go: number.go duration.go
//		  ▼                                                             clock.go day.go date.go part.go
//		(day +1)   (day +2)   (evening)   (5:00, am or pm not said)
//		  │
//		  │ 4 judge     past, negated, mentioned, lengths; corrections  clause.go
//		  ▼
//		(day +1, denied)   (day +2, corrects)   (evening)   (5:00)
//		  │
//		  │ 5 merge     one day, one part, one time, one delay          frame.go
//		  ▼
//		{day +2, evening, 5:00}
//		  │
//		  │ 6 decide    the reading's rule, its span, when to ring      decide.go
//		  │ 7 calendar  days counted, wall clock by the zone's rules    days.go calendar.go
//		  ▼
//		Friday 17:00, rule "clock", anything from 16:55 to 17:05 would do
//
//	 1. The phrase is cut into tokens. Digits of any Indian script are digits;
//	    zero-width characters, accents and nukta vanish; punctuation is kept, since
//	    a comma ends a clause and a colon makes a time.
//	 2. Each word is looked up in one lexicon for all languages, so that they mix
//	    at will. A word that is not listed is looked up by how it sounds, Devanagari
//	    and Latin letters alike, and a long one by its consonants: a variant that
//	    nobody listed is still understood. What two meanings claim belongs to
//	    neither. The tables are generated, constant, and cost nothing at start-up.
//	 3. Tokens become atoms: durations, clock times, days, parts of the day, "now",
//	    "in a while". Words before and after that say which side is meant (after,
//	    ke baad, by, tak) belong to the atom. A bare number is a time only if its
//	    neighbours make it one; "account 5" and "5 people" never are.
//	 4. Clause by clause, atoms that do not count are dropped: the past ("kal call
//	    kiya tha"), the negated ("kal mat karna"), the merely mentioned ("5 baje
//	    meeting hai"), lengths of things ("5 minute ki baat hai"), what happens
//	    every day ("dukaan das baje khulti hai"), names, and what is only told
//	    (story.go). A denied direction turns round: "not before 5" is after 5. A
//	    correction replaces what it corrects.
//	 5. What is left is merged into one frame. Of real alternatives the first is
//	    taken. A stated time wins over a part of the day.
//	 6. The frame has one rule: a delay, a time, a part of a day, whole days. A
//	    bare hour is the one between 07:00 and 21:59. The span of instants that the
//	    customer would accept is worked out, and an instant in it to ring at: not
//	    before what was said, not at the last moment.
//	 7. Delays run in elapsed time. Days are counted, not added up in hours, so that
//	    a change of the clocks is nobody's missed call. What would lie in the past
//	    is no time.
//
// [Reading.Trace] says all this aloud for one phrase.
//
// # Adding a language
//
// Add lexicon/xx.txt: one meaning a line, all its spellings beside it, and run
// go generate. The grammar knows classes of words, not languages: it takes
// "after" before a time (cAfter) and "baad" after it (cBaad), so that a language
// of either kind is data. Another script wants a table of sounds in
// internal/spell. Nothing that exists is touched; the labelled phrases in
// testdata say so.
package callback
