package sim

import (
	"time"

	"ringback/dialler"
)

// A Part is how one call goes at the far end: what the network, the customer
// and the bot do in it, and what the bot platform sends afterwards. The zero
// Part rings for ever and is not answered.
type Part struct {
	// Rings is from INVITE to 180; negative: no 180 is told.
	Rings time.Duration
	// Fails, if set, ends the call unanswered after Ends, with Cause.
	Fails dialler.Disposition
	Cause dialler.Cause
	Ends  time.Duration
	// Answers is from INVITE to 200; 0: never.
	Answers time.Duration
	// Voice is what screening makes of whoever answers, Listens after the
	// answer; empty: it never says.
	Voice   dialler.Verdict
	Listens time.Duration
	// Leaves is how long the customer waits for a bot; 0: as long as it takes.
	Leaves time.Duration
	// Bot is from Connect to the bot's answer; 0: it never answers.
	Bot     time.Duration
	NoBot   bool          // after Bot, its leg fails instead
	Talk    time.Duration // how long they talk
	BotEnds bool          // the bot's leg ends the conversation, not the customer's

	// Says is what the customer says of a callback; see Analyses.
	Asks   bool
	Says   string
	Reason string
	// Analyses are when the bot platform delivers its record, from the end
	// of a conversation on; negative: before. Each is the same record again.
	Analyses []time.Duration

	// What goes wrong with the request to originate itself.
	Refuse    dialler.Disposition // the switch refuses
	Slow      time.Duration       // from the request to the INVITE
	Uncertain Doubt

	Forgets   bool // the switch does not end the ringing when its time is up
	LosesHang int  // so many of our requests to hang up have no effect
}

// A Doubt is what becomes of a request that got no usable answer.
type Doubt int

// The doubts.
const (
	NoDoubt        Doubt = iota
	PlacedOnce           // it was placed, and nobody said so
	PlacedLate           // it was placed more than a second after we gave up waiting
	NotPlaced            // it was lost
	PlacedAfterAll       // it was placed so late that nobody believes in it any more
)

// Talks returns the part of somebody who answers after ring and talks with the
// bot for talk.
func Talks(ring, talk time.Duration) Part {
	return Part{Rings: time.Second, Answers: ring, Bot: 300 * time.Millisecond, Talk: talk, Voice: dialler.VerdictHuman, Listens: 2 * time.Second}
}

// Says returns p with a request for a callback in these words, delivered two
// seconds after the conversation.
func Says(p Part, words string) Part {
	p.Asks, p.Says, p.Reason, p.Analyses = true, words, "busy just now", []time.Duration{2 * time.Second}
	return p
}

// Busy returns the part of somebody who is on the phone.
func Busy() Part {
	return Part{Rings: -1, Fails: dialler.Busy, Cause: dialler.Cause{Q850: 17, SIP: 486, Text: "User busy"}, Ends: time.Second}
}

// NobodyHome returns the part of a phone that rings until the switch ends it.
func NobodyHome() Part { return Part{Rings: time.Second} }

// Voicemail returns the part of a machine that answers after ring.
func Voicemail(ring time.Duration) Part {
	return Part{Rings: time.Second, Answers: ring, Voice: dialler.VerdictMachine, Listens: 3 * time.Second, Bot: 300 * time.Millisecond, Talk: 20 * time.Second}
}
