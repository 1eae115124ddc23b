package callback_test

import (
	"fmt"
	"time"

	"ringback/callback"
)

func ExampleResolve() {
	delhi, _ := time.LoadLocation("Asia/Kolkata")
	heard := time.Date(2025, 3, 12, 11, 20, 0, 0, delhi) // a Wednesday
	for _, phrase := range []string{"kal nahi parso 5 baje", "aadhe ghante mein", "next Friday after lunch", "baad mein"} {
		r := callback.Resolve(phrase, heard, delhi)
		if !r.OK() {
			fmt.Printf("%s: no time\n", phrase)
			continue
		}
		fmt.Printf("%s: %s (%s)\n", phrase, r.At.Format("Mon 2 Jan 15:04"), r.Rule)
	}
	// Output:
	// kal nahi parso 5 baje: Fri 14 Mar 17:00 (clock)
	// aadhe ghante mein: Wed 12 Mar 11:50 (relative)
	// next Friday after lunch: Fri 21 Mar 14:30 (daypart)
	// baad mein: no time
}

func ExampleReading_Trace() {
	delhi, _ := time.LoadLocation("Asia/Kolkata")
	heard := time.Date(2025, 3, 12, 11, 20, 0, 0, delhi)
	for _, line := range callback.Resolve("kal nahi parso 5 baje", heard, delhi).Trace() {
		fmt.Println(line)
	}
	// Output:
	// "kal nahi parso 5 baje", said at Wed 2025-03-12 11:20 +05:30
	// "kal": a day, tomorrow
	// "parso": a day, in 2 days; corrects what came before
	// "5 baje": a time of day, 05:00 (am or pm not said)
	// rule clock: Fri 2025-03-14 17:00 +05:30 (anything from Fri 2025-03-14 16:55 +05:30 to Fri 2025-03-14 17:05 +05:30 would do)
}

func ExampleNewResolver() {
	r, err := callback.NewResolver(callback.Lexicon{
		Dayparts: map[string]string{"tiffin": "15:30-16:30"},
		Synonyms: map[string]string{"naaley": "tomorrow"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	heard := time.Date(2025, 3, 12, 11, 20, 0, 0, time.UTC)
	fmt.Println(r.Resolve("naaley tiffin ke baad", heard, time.UTC).At.Format(time.DateTime))
	_, err = callback.NewResolver(callback.Lexicon{Dayparts: map[string]string{"tiffin": "16:30-15:30"}})
	fmt.Println(err)
	// Output:
	// 2025-03-13 16:30:00
	// dayparts["tiffin"]: got "16:30-15:30", want HH:MM-HH:MM, the first before the second, at most 23:59
}

// everyDay is a calling window from nine to nine.
type everyDay struct{}

func (everyDay) Next(t time.Time) (time.Time, bool) {
	y, m, d := t.Date()
	open, shut := time.Date(y, m, d, 9, 0, 0, 0, t.Location()), time.Date(y, m, d, 21, 0, 0, 0, t.Location())
	switch {
	case t.Before(open):
		return open, true
	case t.Before(shut):
		return t, true
	}
	return open.AddDate(0, 0, 1), true
}

func ExampleSchedule() {
	heard := time.Date(2025, 3, 12, 20, 40, 0, 0, time.UTC)
	now := heard.Add(time.Minute)
	due, err := callback.Schedule(callback.Request{Phrase: "raat 10 baje", Heard: heard}, now, time.Hour, time.UTC, everyDay{})
	fmt.Println(due.At.Format(time.DateTime), due.Rule, due.Clipped, err)
	due, err = callback.Schedule(callback.Request{Phrase: "whenever", Heard: heard}, now, 10*time.Minute, time.UTC, everyDay{})
	fmt.Println(due.At.Format(time.DateTime), due.Rule, due.Clipped, err)
	// Output:
	// 2025-03-13 09:00:00 clock true <nil>
	// 2025-03-12 20:50:00 fallback false <nil>
}

func ExampleParseAnalysis() {
	a, err := callback.ParseAnalysis([]byte(`{"callback_requested": true, "callback_preferred_time_text": "kal subah", "callback_confidence": 0.9}`))
	fmt.Println(a.Requested, a.PreferredTimeText, err)
	_, err = callback.ParseAnalysis([]byte(`{"callback_confidence": 90}`))
	fmt.Println(err)
	// Output:
	// true kal subah <nil>
	// callback_confidence: got 90, want a number from 0 to 1
}
