package demo

import (
	"fmt"
	"time"

	"ringback/deploy/lab/farend"
	"ringback/dialler"
)

// A part is one contact of the demo: who they are at the far end, by the last two
// digits of their number in the lab's phone book, and how their story is to end.
type part struct {
	digits   string
	state    dialler.ContactState
	callback dialler.CallbackState // of the last promise; empty: none was to be made
	why      dialler.CloseReason
	calls    int // to them, in all; 0: not told beforehand
}

// cast is the list, in list order. The first wave is there when the campaign starts;
// the second is added when the first callbacks are about to be due, so that those
// are seen to be rung ahead of people who wait as well.
var cast = []part{
	{"40", dialler.Completed, dialler.CallbackCompleted, "", 2},
	{"48", dialler.Completed, dialler.CallbackCompleted, "", 2},
	{"42", dialler.Completed, dialler.CallbackCompleted, "", 3},
	{"43", dialler.MachineReached, dialler.CallbackClosed, dialler.ByVoicemail, 2},
	{"44", dialler.AbandonedContact, dialler.CallbackClosed, dialler.ByAbandoned, 2},
	{"45", dialler.Exhausted, dialler.CallbackExhausted, "", 3},
	{"46", dialler.Stopped, dialler.CallbackCancelled, dialler.ByStop, 1},
	{"47", dialler.Completed, dialler.CallbackCompleted, "", 2},
	{"49", dialler.Completed, dialler.CallbackCompleted, "", 2},
	{"50", dialler.Completed, dialler.CallbackCompleted, "", 2},
	{"01", dialler.Exhausted, "", "", 3},
	{"02", dialler.Exhausted, "", "", 3},
	{"03", dialler.Exhausted, "", "", 3},
	{"04", dialler.Exhausted, "", "", 1},
	{"05", dialler.Exhausted, "", "", 3},
	{"06", dialler.Exhausted, "", "", 3},
	{"07", dialler.Exhausted, "", "", 3},
	{"08", dialler.Exhausted, "", "", 3},
	{"12", dialler.Completed, "", "", 2},
	{"13", dialler.Completed, "", "", 2},

	{"00", dialler.Completed, "", "", 1}, // the second wave
	{"09", dialler.Completed, "", "", 1},
	{"10", dialler.Completed, "", "", 1},
	{"17", dialler.Completed, "", "", 1},
	{"19", dialler.Completed, "", "", 2},
	{"54", dialler.Completed, "", "", 1},
	{"00", dialler.Completed, "", "", 1},
	{"00", dialler.Completed, "", "", 1},
	{"00", dialler.Completed, "", "", 1},
	{"00", dialler.Completed, "", "", 1},
}

const (
	firstWave = 20 // of the cast
	// secondWave is added this long after the start, when those who said "ek minute
	// baad" in the first calls are about to be due.
	secondWave = 63 * time.Second
)

// number is that of the i-th of the cast.
func number(i int) dialler.Number {
	return dialler.Number(fmt.Sprintf("+9198000%03d%s", i+1, cast[i].digits))
}

// byNumber finds a part by its number.
func byNumber(n dialler.Number) (int, bool) {
	for i := range cast {
		if number(i) == n {
			return i, true
		}
	}
	return 0, false
}

// what is the phone book's line about the i-th of the cast.
func what(i int) string {
	for _, l := range farend.PhoneBook() {
		if l.Digits == cast[i].digits {
			return l.What
		}
	}
	return ""
}

// The campaign's measures. A call is begun every half second: that is also how late a
// callback may be, since another call may have just been begun.
const (
	seats       = 12
	cps         = 2
	maxAttempts = 3
	retryDelay  = 12 * time.Second
	ringTimeout = 4 * time.Second
	botTalks    = 1500 * time.Millisecond
)
