package callback

import "ringback/callback/internal/spell"

//go:generate go run ./internal/lexgen -dir lexicon -out lexicon_table.go

// A class is what a word does in a sentence. The word lists in lexicon/ give
// each spelling one or more senses: a class and a value.
type class uint8

const (
	cWord class = iota // understood, and says nothing about time

	// Numbers.
	cNum      // value: 0 to 99
	cTens     // value: 20 to 90; adds up with a number below ten
	cHundred  // 100
	cArticle  // a, an: one, before a unit
	cOrd      // value: 1 to 30
	cThe      // the
	cSuffix   // st, nd, rd, th after digits
	cFinal    // last, aakhri
	cFrac     // saade, sava, paune: before a number
	cQty      // half, dedh, dhai: a quantity by itself; value in sixtieths
	cCouple   // couple
	cFew      // few, several, kuch
	cSome     // some, thodi
	cBit      // bit, moment
	cWhile    // while
	cDer      // der
	cBhar     // bhar
	cMore     // another
	cHrs      // "1700 hrs"
	cAtleast  // at least
	cApprox   // about 5
	cApprox2  // 5 or so
	cExact    // sharp
	cLabel    // "account 5": the number after it is no time
	cCounted  // "5 people": the number before it is no time
	cTitle    // "Mr Das": the word after it is a name
	cAged     // old, umar
	cEvery    // every, per, har
	cTimeword // time, samay

	// Units and names of times.
	cUnit      // value: unitSecond…
	cBaje      // baje
	cOclock    // o'clock
	cBaj       // baj ke
	cBajne     // bajne mein
	cAm        // am
	cPm        // pm
	cPart      // value: partMorning…
	cMeal      // value: mealLunch…
	cWork      // office
	cEarly     // early, jaldi
	cLate      // late, der
	cMid       // mid
	cDayrel    // value: days from today
	cDaybefore // yesterday
	cWeekday   // value: 0 Sunday to 6
	cWeekend   // weekend
	cWeekend2  // end of week
	cWeekdays  // weekdays
	cMonth     // value: 1 to 12
	cTarikh    // tarikh
	cMonthend  // month end
	cEnding    // end of
	cStarting  // beginning of
	cQuarter   // quarter of a year
	cYearend   // end of year
	cP         // 7p
	cHoliday   // value: holidayChristmas…
	cFeast     // a feast that moves from year to year
	cNext      // next, agle
	cComing    // coming, aane wale
	cThis      // this, is, isi
	cLast      // last, pichle
	cZone      // value: minutes east of UTC

	// Words that give a time a direction. Pre stand before it, post after it.
	cIn      // in 5 minutes
	cMein    // 5 minute mein
	cAt      // at 5
	cPe      // 5 pe
	cOn      // on Monday
	cKo      // Monday ko
	cOf      // of, ka, ke, ki
	cFor     // for
	cAfter   // after 5
	cBaad    // 5 ke baad
	cBefore  // before 5
	cPehle   // 5 se pehle
	cUntil   // until 5
	cBy      // by 5
	cTak     // 5 tak
	cWithin  // within 5 minutes
	cAndar   // 5 minute ke andar
	cFrom    // from 5
	cSe      // 5 se
	cBetween // between 5 and 6
	cBeech   // 5 aur 6 ke beech
	cOr      // or, ya
	cAnd     // and, aur
	cTo      // to
	cOnwards // 5 onwards
	cHence   // 5 minutes from now
	cThan    // later than 5
	cLater   // 5 minutes later
	cAgo     // ago
	cSince   // since
	cPast    // half past

	// Words about the call itself.
	cNow        // now, abhi
	cSoon       // soon
	cAsap       // jitna jaldi ho sake
	cLateron    // some other time
	cAnytime    // anytime
	cNot        // not 5
	cDont       // don't
	cNo         // no, 5
	cNahi       // 5 nahi
	cMat        // mat karna
	cNa         // na
	cNahito     // nahi to, otherwise
	cExcept     // chhod ke
	cInstead    // instead
	cSorry      // sorry
	cPastverb   // called, tha
	cPerfect    // kiya, aaya
	cPastday    // last night
	cAsk        // call, karo
	cAsk2       // to call
	cGive       // do, dijiye
	cWait       // wait, ruko
	cBe         // hai, hoon
	cWill       // hoga
	cSelfcall   // karunga
	cKhud       // khud
	cContinuous // raha
	cBusy       // busy, meeting
	cFree       // free, theek
	cThat       // that, uske
	cThatday    // us din
	cTake       // lagega
	cEvent      // loan, policy
	cSelfphone  // I'll call
	cPhone      // call, phone: what a selfcall is a call with
	cThen       // then, tab
	cOver       // over, khatam
	cBreak      // break
	cDone       // kha ke, nikal ke: after what was done
	cChhod      // chhod ke
	cBut        // but, lekin
	cJab        // jab
	cHabit      // opens, khulti: what happens every day
	cUsual      // karte: with a "roz" it is what happens every day
	cSpeaking   // bol raha, speaking: who it is
	cName       // naam, name
	cBecause    // because, kyunki
	cHint       // let's, would, dekhte hain: what goes with a wish
	cEarliest   // the earliest I can is 5
	cSametime   // same time, isi waqt
)

// Units, in the order of their length.
const (
	unitSecond = iota
	unitMinute
	unitHour
	unitDay
	unitWorkday
	unitWeek
	unitFortnight
	unitMonth
	unitYear
)

// Words for a fraction that go before a number, in sixtieths to add to it.
const (
	fracSava  = 15
	fracSaade = 30
	fracPaune = -15
)

// Quantities in themselves, in sixtieths.
const (
	qtyQuarter  = 15
	qtyQuarters = 16 // "three quarters": marked apart, since it multiplies
	qtyHalf     = 30
	qtyPauna    = 45
	qtyDedh     = 90
	qtyDhai     = 150
)

// A sense is one meaning of a word.
type sense struct {
	class class
	value int16
	weak  bool // also an everyday word or a name: the grammar wants support
}

type slot struct {
	key    string
	senses uint16 // index into senseTable
}

// find looks key up in one of the generated tables.
func find(table []slot, key []byte) []sense {
	mask := uint32(len(table) - 1)
	for i := spell.Hash(key) & mask; table[i].key != ""; i = (i + 1) & mask {
		if table[i].key == string(key) {
			return senseTable[table[i].senses]
		}
	}
	return nil
}
