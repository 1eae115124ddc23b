package farend

import "time"

// A Person is who has a number: how they take each call to it, and what they ask the
// bot for.
type Person struct {
	// Takes is how they take the first call, the second and so on; the last holds for
	// all that follow. Empty is one Take{}: answers and listens.
	Takes []Take
	// Says is what the analysis of each conversation reports, in the same way. Empty is
	// one Saying{}: held, nothing asked.
	Says []Saying
}

// A Take is how one call is taken. The zero value rings for Options.Ring, answers,
// says hello and stays for Options.Talk.
type Take struct {
	// Ring is the time from INVITE to the final response. 0 is Options.Ring.
	Ring time.Duration
	// Status is the final response. 0 is 200.
	Status int
	// Early sends 183 with audio (RFC 3960) in place of 180. A refusal without Early
	// sends neither.
	Early bool
	// Never rings until CANCEL comes.
	Never bool
	// Deaf answers nothing at all, as a host that is gone does.
	Deaf bool
	// Audio is what is heard after the answer, and as early media.
	Audio Audio
	// Stay is the time from answer to hanging up. 0 is Options.Talk; negative hangs up at
	// once.
	Stay time.Duration
}

// A Saying is what a bot platform reports of a conversation.
type Saying struct {
	Callback bool    // callback_requested
	Phrase   string  // callback_preferred_time_text; "" leaves the key out
	Reason   string  // callback_reason; "" leaves the key out
	Sure     float64 // callback_confidence; 0 is 0.9
	// Nothing posts no analysis at all.
	Nothing bool
	// Times is how often the same analysis is delivered. 0 is once.
	Times int
	// Early delivers it while the conversation is held, not after.
	Early bool
	// Late delivers it this long after the hang-up.
	Late time.Duration
}

// A Line of the phone book: the last two digits of a number, who has it, and what to
// say of them in one line.
type Line struct {
	Digits string
	What   string
	Person Person
}

func takes(t ...Take) []Take    { return t }
func says(s ...Saying) []Saying { return s }

// PhoneBook is the lab's numbers, by their last two digits. Every other number answers
// and talks, as 00 does.
func PhoneBook() []Line {
	soon := Saying{Callback: true, Phrase: "ek minute baad", Reason: "driving"}
	return []Line{
		{"00", "answers and talks", Person{}},
		{"01", "busy: 486", Person{Takes: takes(Take{Status: 486})}},
		{"02", "rings and is never answered: 180 until CANCEL, then 487", Person{Takes: takes(Take{Never: true})}},
		{"03", "rejects: 603", Person{Takes: takes(Take{Status: 603})}},
		{"04", "unallocated: 404", Person{Takes: takes(Take{Status: 404})}},
		{"05", "congestion: 503", Person{Takes: takes(Take{Status: 503})}},
		{"06", "early media, then busy: 183, 486", Person{Takes: takes(Take{Early: true, Status: 486, Audio: Chatter})}},
		{"07", "answers and hangs up at once", Person{Takes: takes(Take{Stay: -1})}},
		{"08", "voicemail: a long greeting, a beep", Person{Takes: takes(Take{Audio: Voicemail})}},
		{"09", "answers, and is silent", Person{Takes: takes(Take{Audio: Silence})}},
		{"10", "rings for 3 s, then answers and talks", Person{Takes: takes(Take{Ring: 3 * time.Second})}},
		{"11", "nothing there: no reply to INVITE", Person{Takes: takes(Take{Deaf: true})}},
		{"12", "busy the first time, then answers", Person{Takes: takes(Take{Status: 486}, Take{})}},
		{"13", "not answered the first time, then answers", Person{Takes: takes(Take{Never: true}, Take{})}},
		{"14", "busy twice, then answers", Person{Takes: takes(Take{Status: 486}, Take{Status: 486}, Take{})}},
		{"15", "voicemail: a short greeting, a beep", Person{Takes: takes(Take{Audio: Voicenote})}},
		{"16", "answers, and not one RTP packet comes", Person{Takes: takes(Take{Audio: Dead})}},
		{"17", "early media, then answers and talks: 183, 200", Person{Takes: takes(Take{Early: true})}},
		{"18", "answers, and hangs up after 300 ms", Person{Takes: takes(Take{Stay: 300 * time.Millisecond})}},
		{"19", "congestion the first time, then answers: 503, 200", Person{Takes: takes(Take{Status: 503}, Take{})}},

		{"30", "temporarily unavailable: 480", Person{Takes: takes(Take{Status: 480})}},
		{"31", "forbidden: 403", Person{Takes: takes(Take{Status: 403})}},
		{"32", "request timeout: 408", Person{Takes: takes(Take{Status: 408})}},
		{"33", "gone: 410", Person{Takes: takes(Take{Status: 410})}},
		{"34", "address incomplete: 484", Person{Takes: takes(Take{Status: 484})}},
		{"35", "not acceptable here: 488", Person{Takes: takes(Take{Status: 488})}},
		{"36", "server error: 500", Person{Takes: takes(Take{Status: 500})}},
		{"37", "bad gateway: 502", Person{Takes: takes(Take{Status: 502})}},
		{"38", "busy everywhere: 600", Person{Takes: takes(Take{Status: 600})}},
		{"39", "rejected: 608", Person{Takes: takes(Take{Status: 608})}},

		{"40", `asks to be rung "ek minute baad" (driving), talks the second time`, Person{Says: says(soon, Saying{})}},
		{"41", `asks "ek minute baad" every time`, Person{Says: says(soon)}},
		{"42", `asks "ek minute baad"; busy when rung back; then answers`, Person{
			Takes: takes(Take{}, Take{Status: 486}, Take{}), Says: says(soon, Saying{})}},
		{"43", `asks "ek minute baad"; voicemail when rung back`, Person{
			Takes: takes(Take{}, Take{Audio: Voicemail}), Says: says(soon)}},
		{"44", `asks "ek minute baad"; hangs up at once when rung back`, Person{
			Takes: takes(Take{}, Take{Stay: -1}), Says: says(soon)}},
		{"45", `asks "ek minute baad"; busy ever after`, Person{
			Takes: takes(Take{}, Take{Status: 486}), Says: says(soon)}},
		{"46", `asks "kal subah" (in a meeting)`, Person{Says: says(Saying{Callback: true, Phrase: "kal subah", Reason: "in a meeting"}, Saying{})}},
		{"47", "asks to be rung back and names no time", Person{Says: says(Saying{Callback: true, Reason: "busy now"}, Saying{})}},
		{"48", `asks "एक मिनट बाद", with a reason full of commas, quotes and line ends`, Person{
			Says: says(Saying{Callback: true, Phrase: "एक मिनट बाद", Reason: "गाड़ी चला रहा हूँ, \"बाद में\"; call\r\nX-Injected: yes\r\n\r\n${HANGUP()} & 100%"}, Saying{})}},
		{"49", `asks "ek minute baad"; the analysis comes twice`, Person{Says: says(Saying{
			Callback: true, Phrase: "ek minute baad", Reason: "driving", Times: 2}, Saying{})}},
		{"50", `asks "ek minute baad"; the analysis comes before the hang-up`, Person{Says: says(Saying{
			Callback: true, Phrase: "ek minute baad", Reason: "driving", Early: true}, Saying{})}},
		{"51", `asks "ek minute baad"; the analysis comes 5 s late`, Person{Says: says(Saying{
			Callback: true, Phrase: "ek minute baad", Reason: "driving", Late: 5 * time.Second}, Saying{})}},
		{"52", "talks, and no analysis ever comes", Person{Says: says(Saying{Nothing: true})}},
		{"53", `asks "ek minute baad"; not answered when rung back; then answers`, Person{
			Takes: takes(Take{}, Take{Never: true}, Take{}), Says: says(soon, Saying{})}},
		{"54", `says "later" without asking to be rung: callback_requested is false`, Person{
			Says: says(Saying{Phrase: "later", Reason: "not interested"})}},
	}
}

// lookUp finds a number in the phone book by its last two digits.
func lookUp(number string) Person {
	if len(number) < 2 {
		return Person{}
	}
	return phoneBook[number[len(number)-2:]]
}

var phoneBook = func() map[string]Person {
	m := map[string]Person{}
	for _, l := range PhoneBook() {
		m[l.Digits] = l.Person
	}
	return m
}()

// nth is the one for the nth time, from 1: the last holds for all that follow.
func nth[T any](list []T, n int) T {
	var zero T
	if len(list) == 0 {
		return zero
	}
	return list[min(max(n, 1), len(list))-1]
}
