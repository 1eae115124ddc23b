package callback

import (
	"sync"
	"time"
)

// A parser reads one phrase. Parsers are reused: what one phrase left behind in
// the slices is scratch for the next.
type parser struct {
	by     *Resolver
	phrase string
	heard  time.Time // in zone
	zone   *time.Location
	today  civil
	minute int       // of today, when the customer spoke
	aloud  *[]string // the working goes here, if somebody asked for it

	tokens []token
	atoms  []atom
	key    []byte // scratch for one look-up
	sounds []byte // the sounds of all words
}

var parsers = sync.Pool{New: func() any {
	return &parser{
		tokens: make([]token, 0, 48),
		atoms:  make([]atom, 0, 12),
		key:    make([]byte, 0, 128),
		sounds: make([]byte, 0, 256),
	}
}}

// start makes p ready to read a phrase said at heard.
func (p *parser) start(by *Resolver, phrase string, heard time.Time, zone *time.Location, aloud *[]string) {
	p.by, p.phrase, p.heard, p.zone, p.aloud = by, phrase, heard, zone, aloud
	p.today = civilOf(heard)
	p.minute = heard.Hour()*60 + heard.Minute()
	p.tokens, p.atoms, p.key, p.sounds = p.tokens[:0], p.atoms[:0], p.key[:0], p.sounds[:0]
}

// done gives p back, without the caller's data.
func (p *parser) done() {
	p.by, p.phrase, p.zone, p.aloud, p.heard = nil, "", nil, nil, time.Time{}
	if cap(p.sounds) <= 16<<10 {
		parsers.Put(p)
	}
}

func (p *parser) at(i int) *token {
	if i < 0 || i >= len(p.tokens) {
		return nil
	}
	return &p.tokens[i]
}

func (p *parser) is(i int, c class) bool {
	return i >= 0 && i < len(p.tokens) && p.tokens[i].is(c)
}

// any reports whether the token at i is of one of the classes.
func (p *parser) any(i int, cs ...class) bool {
	if i < 0 || i >= len(p.tokens) {
		return false
	}
	for _, c := range cs {
		if p.tokens[i].is(c) {
			return true
		}
	}
	return false
}

func (p *parser) sense(i int, c class) (sense, bool) {
	if !p.is(i, c) {
		return sense{}, false
	}
	return p.tokens[i].sense(c)
}

// value is the value of the token at i as class c, and -1 if it is not one.
func (p *parser) value(i int, c class) int {
	s, ok := p.sense(i, c)
	if !ok {
		return -1
	}
	return int(s.value)
}

func (p *parser) weak(i int, c class) bool {
	s, ok := p.sense(i, c)
	return ok && s.weak
}

func (p *parser) mark(i int, m byte) bool {
	return i >= 0 && i < len(p.tokens) && p.tokens[i].kind == tPunct && p.tokens[i].mark == m
}

func (p *parser) punct(i int) bool {
	return i >= 0 && i < len(p.tokens) && p.tokens[i].kind == tPunct
}

func (p *parser) word(i int) bool {
	return i >= 0 && i < len(p.tokens) && p.tokens[i].kind == tWord
}

// digits is how many digits the token at i has; 0 for what is no number in digits.
func (p *parser) digits(i int) int {
	if i < 0 || i >= len(p.tokens) || p.tokens[i].kind != tNumber {
		return 0
	}
	return int(p.tokens[i].digits)
}

func (p *parser) glued(i int) bool { return i >= 0 && i < len(p.tokens) && p.tokens[i].glued }

// text is the phrase's own spelling of tokens i to j.
func (p *parser) text(i, j int) string {
	if i >= j || j > len(p.tokens) {
		return ""
	}
	return p.phrase[p.tokens[i].start:p.tokens[j-1].end]
}
