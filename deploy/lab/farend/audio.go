package farend

import (
	"math"
	"sync"
	"time"

	"github.com/zaf/g711"
)

// Audio is what a person or a machine lets be heard. It is made here, always the same,
// from the voiced part of speech: a buzz at the pitch of a voice, shaped into syllables
// and words with silences between. Asterisk's AMD() goes by energy and its gaps alone,
// so to it this is speech.
type Audio int

// The kinds of audio.
const (
	Hello     Audio = iota // a short "hello?", then listening
	Voicemail              // a greeting of a dozen words, a beep of 1000 Hz, then recording
	Voicenote              // a greeting of four words, a beep, then recording
	Chatter                // sentence after sentence, as a bot talks
	Silence                // RTP with nothing in it
	Dead                   // not one RTP packet
)

const (
	sampleRate  = 8000 // G.711
	frameLength = 20 * time.Millisecond
	frameSize   = sampleRate / 50
)

// A clip is G.711 μ-law, whole frames. What comes after its end is silence, or it over
// again.
type clip struct {
	ulaw  []byte
	alaw  []byte
	again bool
}

// clips are made when the first call needs one. Dead has none.
var clips = sync.OnceValue(func() map[Audio]*clip {
	return map[Audio]*clip{
		Hello:     tape(false, pause(250), word(2, 210)),
		Voicemail: tape(false, pause(300), words(12), pause(400), tone(1000, 500)),
		Voicenote: tape(false, pause(300), words(4), pause(400), tone(1000, 500)),
		Chatter:   tape(true, words(5), pause(700), words(3), pause(900)),
		Silence:   tape(true, pause(20)),
	}
})

// tape joins the parts and makes whole frames of them.
func tape(again bool, parts ...[]int16) *clip {
	c := &clip{again: again}
	for _, part := range parts {
		for _, sample := range part {
			c.ulaw = append(c.ulaw, g711.EncodeUlawFrame(sample))
			c.alaw = append(c.alaw, g711.EncodeAlawFrame(sample))
		}
	}
	for len(c.ulaw)%frameSize != 0 {
		c.ulaw = append(c.ulaw, g711.EncodeUlawFrame(0))
		c.alaw = append(c.alaw, g711.EncodeAlawFrame(0))
	}
	return c
}

func pause(ms int) []int16 { return make([]int16, ms*sampleRate/1000) }

// tone is a beep.
func tone(hz float64, ms int) []int16 {
	out := pause(ms)
	for i := range out {
		out[i] = int16(9000 * math.Sin(2*math.Pi*hz*float64(i)/sampleRate))
	}
	return out
}

// words is a sentence of n, a little different from each other, with gaps longer than
// the 50 ms that AMD() takes to part two words.
func words(n int) []int16 {
	var out []int16
	for i := range n {
		out = append(out, word(1+i%3, 150+20*(i%4))...)
		out = append(out, pause(120+30*(i%3))...)
	}
	return out
}

// formant is how much of a harmonic the mouth lets pass, 1 at its middle.
func formant(hz, middle float64) float64 {
	off := (hz - middle) / 190
	return math.Exp(-off * off)
}

// word is so many syllables of ms each: harmonics of a gliding pitch, stronger about
// the formants of an open vowel (700 and 1200 Hz). Between syllables it fades and does
// not stop.
func word(syllables, ms int) []int16 {
	out := pause(syllables * ms)
	phase := 0.0
	for i := range out {
		at := float64(i) / float64(len(out))
		phase += 2 * math.Pi * (135 - 25*at) / sampleRate
		sample := 0.0
		for harmonic := 1.0; harmonic <= 20; harmonic++ {
			hz := harmonic * 130
			strength := 1/harmonic + 0.8*formant(hz, 700) + 0.5*formant(hz, 1200)
			sample += strength * math.Sin(harmonic*phase)
		}
		syllable := math.Abs(math.Sin(math.Pi * at * float64(syllables)))
		edge := min(1, 20*at, 20*(1-at))
		out[i] = int16(2600 * edge * (0.3 + 0.7*syllable) * sample)
	}
	return out
}
