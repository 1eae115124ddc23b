package callback

import (
	"time"
	"unicode/utf8"
)

// Resolver reads customers' words. It is immutable and safe for concurrent
// use. The zero value, like [Resolve], knows the built-in words only.
type Resolver struct {
	words      map[string]string // a site's own words, folded → what they stand for
	user       []part            // a site's own parts of the day
	userSenses [][]sense         // one for each
}

var (
	builtin = &Resolver{}
	epoch   = time.Unix(0, 0).UTC()
)

// Resolve reads phrase as said at heard by a customer in zone, with the
// built-in lexicon. It is pure, deterministic and safe for concurrent use. A
// nil zone is UTC. Text that is not UTF-8, or that is longer than any wish
// (some 250 words), has no time in it.
func Resolve(phrase string, heard time.Time, zone *time.Location) Reading {
	return builtin.Resolve(phrase, heard, zone)
}

// Resolve is [Resolve] with the site's own words.
func (r *Resolver) Resolve(phrase string, heard time.Time, zone *time.Location) Reading {
	return r.read(phrase, heard, zone, nil)
}

// read is Resolve; with aloud set it also notes its working there.
func (r *Resolver) read(phrase string, heard time.Time, zone *time.Location, aloud *[]string) Reading {
	if zone == nil {
		zone = time.UTC
	}
	out := Reading{by: r, phrase: phrase, heard: heard, zone: zone}
	text, edits := phrase, []edit(nil)
	if r.words != nil {
		text, edits = r.rewrite(phrase)
	}
	p := parsers.Get().(*parser)
	defer p.done()
	p.start(r, text, heard.In(zone), zone, aloud)
	p.sayHeard(phrase)
	if !utf8.ValidString(text) {
		p.say("not UTF-8: no time")
		return out
	}
	if !p.scan() {
		p.say("more than %d words: not a customer's wish, no time", maxTokens)
		return out
	}
	p.findAtoms()
	p.judge()
	f, ok := p.merge()
	p.sayAtoms()
	if !ok {
		if f.bad {
			p.say("a time or date that does not exist: no time")
		} else {
			p.say("nothing is left: no time")
		}
		return out
	}
	a := p.decide(&f)
	if !a.ok {
		p.sayNothing(&f)
		return out
	}
	out.At, out.From, out.To, out.Rule, out.Ambiguous = a.at, a.from, a.to, a.rule, a.ambiguous
	out.Start, out.End = int(p.tokens[f.start].start), int(p.tokens[f.end-1].end)
	if edits != nil {
		out.Start, out.End = said(edits, out.Start, false), said(edits, out.End, true)
	}
	out.Confidence = p.confidence(&f, &a)
	p.sayResult(&f, &out)
	return out
}

// confidence says how sure a reading is: less for what is vague, for words
// known only by their sound, for numbers that only their neighbours make a time,
// and for two readings.
func (p *parser) confidence(f *frame, a *answer) float64 {
	c := 0.97
	switch a.rule {
	case Vague:
		c = 0.5
	case Now:
		c = 0.9
	case Range, Daypart:
		c = 0.92
	}
	for i := f.start; i < f.end; i++ {
		if p.tokens[i].guessed {
			c -= 0.05
		}
	}
	if f.has.is(aClock) && f.clock.bareword {
		c -= 0.1
	}
	if a.ambiguous {
		c -= 0.2
	}
	if f.alternative {
		c -= 0.1
	}
	if f.faint {
		c -= 0.4
	}
	return max(c, 0.1)
}
