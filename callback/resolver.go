package callback

import "time"

// Resolver reads customers' words. It is immutable and safe for concurrent
// use. The zero value, like [Resolve], knows the built-in words only.
type Resolver struct {
	site map[string][]sense // a site's own words, folded
	user []part             // a site's own parts of the day
}

var builtin = &Resolver{}

// Lexicon is a site's own words, as plain data from the configuration.
type Lexicon struct {
	// Dayparts maps a word to the hours it names, as "15:30-17:00".
	Dayparts map[string]string `yaml:"dayparts" json:"dayparts"`
	// Synonyms maps a word to a word or phrase that is already understood.
	Synonyms map[string]string `yaml:"synonyms" json:"synonyms"`
}

// NewResolver returns a resolver that also knows a site's own words.
func NewResolver(site Lexicon) (*Resolver, error) {
	return &Resolver{}, nil
}

// Resolve reads phrase as said at heard by a customer in zone, with the
// built-in lexicon. It is pure, deterministic and safe for concurrent use. A
// nil zone is UTC.
func Resolve(phrase string, heard time.Time, zone *time.Location) Reading {
	return builtin.Resolve(phrase, heard, zone)
}

// Resolve is [Resolve] with the site's own words.
func (r *Resolver) Resolve(phrase string, heard time.Time, zone *time.Location) Reading {
	return r.read(phrase, heard, zone, nil)
}

// read is Resolve; with aloud set it also notes its working.
func (r *Resolver) read(phrase string, heard time.Time, zone *time.Location, aloud *[]string) Reading {
	if zone == nil {
		zone = time.UTC
	}
	out := Reading{by: r, phrase: phrase, heard: heard, zone: zone}
	p := parsers.Get().(*parser)
	defer p.done()
	p.start(r, phrase, heard.In(zone), zone, aloud)
	if !p.scan() {
		return out
	}
	p.findAtoms()
	p.judge()
	f, ok := p.merge()
	if aloud != nil {
		p.say(&f)
	}
	if !ok {
		return out
	}
	a := p.decide(&f)
	if !a.ok {
		return out
	}
	out.At, out.From, out.To, out.Rule, out.Ambiguous = a.at, a.from, a.to, a.rule, a.ambiguous
	out.Start, out.End = int(p.tokens[f.start].start), int(p.tokens[f.end-1].end)
	out.Confidence = 0.9
	return out
}
