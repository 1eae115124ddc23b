package callback

import (
	"unicode"
	"unicode/utf8"

	"ringback/callback/internal/spell"
)

// maxTokens bounds the words of one phrase. A customer's wish is some twenty
// words long; what is longer than this is a transcript or an attack, and has no
// single time in it.
const maxTokens = 256

type tokenKind uint8

const (
	tWord tokenKind = iota
	tNumber
	tPunct
)

// A token is a word, a run of digits, or a punctuation mark, with what the
// lexicon knows of it.
type token struct {
	start, end int32 // byte offsets in the phrase
	kind       tokenKind
	mark       byte      // tPunct: , . ; : - / ? !
	glued      bool      // nothing stands between this and the token before
	opens      bool      // may be the first word of a phrase in the lexicon
	guessed    bool      // found by its sound, not by its spelling
	ish        bool      // "fiveish"
	digits     uint8     // tNumber: how many digits
	n          int32     // tNumber: its value; -1 if too long for a time
	sound      [2]int32  // tWord: its sound, in parser.sounds
	letters    [2]int32  // tWord: its folded spelling, likewise
	has        [3]uint64 // set of classes
	senses     []sense
}

func (t *token) is(c class) bool { return t.has[c>>6]&(1<<(c&63)) != 0 }

func (t *token) setSenses(s []sense) {
	t.senses = s
	t.has = [3]uint64{}
	for _, m := range s {
		t.has[m.class>>6] |= 1 << (m.class & 63)
	}
}

// sense returns t's sense of class c.
func (t *token) sense(c class) (sense, bool) {
	for _, m := range t.senses {
		if m.class == c {
			return m, true
		}
	}
	return sense{}, false
}

// scan cuts the phrase into tokens and looks them up. It reports false if the
// phrase is too long to be a wish.
func (p *parser) scan() bool {
	s := p.phrase
	glued := false
	for i := 0; i < len(s); {
		r, n := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(s[i:])
		}
		switch {
		case spell.Ignorable(r):
			i += n
			continue
		case digit(r) >= 0:
			i = p.scanNumber(i, glued)
		case letter(r):
			i = p.scanWord(i, glued)
		case symbol(r):
			t := token{start: int32(i), end: int32(i + n), kind: tWord, glued: glued}
			t.setSenses(find(spelledTable[:], append(p.key[:0], s[i:i+n]...)))
			p.tokens = append(p.tokens, t)
			i += n
		default:
			if m := mark(r); m != 0 {
				if k := len(p.tokens); k == 0 || !glued || p.tokens[k-1].kind != tPunct || p.tokens[k-1].mark != m {
					p.tokens = append(p.tokens, token{start: int32(i), end: int32(i + n), kind: tPunct, mark: m, glued: glued})
				}
			} else {
				i += n
				glued = false
				continue
			}
			i += n
		}
		glued = true
		if len(p.tokens) > maxTokens {
			return false
		}
	}
	p.guessUnits()
	p.joinPhrases()
	return true
}

// guessUnits reads an unknown word after a number as the unit that it has the
// consonants of: "2 ghonte", "10 mintue", "4 bjy". Anywhere else so few
// consonants would say nothing.
func (p *parser) guessUnits() {
	for i := 1; i < len(p.tokens); i++ {
		t := &p.tokens[i]
		if t.kind != tWord || len(t.senses) > 0 || !(p.tokens[i-1].kind == tNumber || p.any(i-1, cNum, cTens, cQty, cFrac)) {
			continue
		}
		p.key = spell.Bones(p.key[:0], p.sounds[t.sound[0]:t.sound[1]])
		switch string(p.key) {
		case "gnt", "gntn", "gntj":
			t.setSenses(unitHours)
		case "mnt", "mnts", "mntn":
			t.setSenses(unitMinutes)
		case "hft", "hftn":
			t.setSenses(unitWeeks)
		case "bj":
			t.setSenses(senseBaje)
		default:
			continue
		}
		t.guessed = true
	}
}

var (
	unitHours   = []sense{{class: cUnit, value: unitHour}}
	unitMinutes = []sense{{class: cUnit, value: unitMinute}}
	unitWeeks   = []sense{{class: cUnit, value: unitWeek}}
	senseBaje   = []sense{{class: cBaje}}
	senseHint   = []sense{{class: cHint}}
)

// number reads a run of digits at i, of any script.
func (p *parser) scanNumber(i int, glued bool) int {
	s := p.phrase
	t := token{start: int32(i), kind: tNumber, glued: glued}
	for i < len(s) {
		r, n := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(s[i:])
		}
		d := digit(r)
		if d < 0 {
			if spell.Ignorable(r) && r != '\'' && r != '’' {
				i += n
				continue
			}
			break
		}
		if t.digits < 200 {
			t.digits++
		}
		if t.digits <= 8 {
			t.n = t.n*10 + int32(d)
		} else {
			t.n = -1
		}
		i += n
	}
	t.end = int32(i)
	// "2moro", "1st": letters that follow may make a word of the whole.
	if i < len(s) && t.digits <= 2 && asciiLetter(s[i]) {
		j := i
		for j < len(s) && asciiLetter(s[j]) {
			j++
		}
		p.key = spell.Fold(p.key[:0], s[t.start:j])
		if m := find(spelledTable[:], p.key); m != nil {
			t.kind, t.end = tWord, int32(j)
			t.setSenses(m)
			i = j
		}
	}
	p.tokens = append(p.tokens, t)
	return i
}

// word reads a run of letters at i.
func (p *parser) scanWord(i int, glued bool) int {
	s := p.phrase
	start := i
	for i < len(s) {
		r, n := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(s[i:])
		}
		if letter(r) || unicode.Is(unicode.M, r) || spell.Ignorable(r) {
			i += n
			continue
		}
		// "a.m.", "p.m", "e.o.d": single letters with stops between.
		if r == '.' && i-start >= 1 && asciiLetter(s[i-1]) && (i-start == 1 || s[i-2] == '.') &&
			i+1 < len(s) && asciiLetter(s[i+1]) && (i+2 >= len(s) || !asciiLetter(s[i+2])) {
			i += 2
			continue
		}
		if digit(r) == 4 && i-start == 1 && (s[start] == 'b' || s[start] == 'B') { // "b4"
			i += n
			continue
		}
		break
	}
	t := token{start: int32(start), end: int32(i), kind: tWord, glued: glued}
	p.lookUp(&t)
	if len(t.senses) == 0 && p.runTogether(t, 3) {
		return i
	}
	p.tokens = append(p.tokens, t)
	return i
}

// runTogether cuts an unknown word into at most so many words about time that
// were typed as one, "kalsubah", "ghantebaad", "kalsubahko", and reports whether it
// could. What is longer than three such words is something else.
func (p *parser) runTogether(t token, most int) bool {
	raw := p.phrase[t.start:t.end]
	if most < 2 || len(raw) > 60 {
		return false
	}
	for cut := len(raw) - 2; cut >= 3; cut-- {
		if !utf8.RuneStart(raw[cut]) {
			continue
		}
		left, right := t, t
		left.end = t.start + int32(cut)
		right.start, right.glued = left.end, true
		if left.setSenses(p.spelt(left)); !left.opensRun() {
			continue
		}
		right.setSenses(p.spelt(right))
		n := len(p.tokens)
		p.tokens = append(p.tokens, left)
		if right.goesOn() {
			p.tokens = append(p.tokens, right)
			return true
		}
		if len(right.senses) == 0 && p.runTogether(right, most-1) {
			return true
		}
		p.tokens = p.tokens[:n]
	}
	return false
}

// spelt looks a word up by its spelling alone.
func (p *parser) spelt(t token) []sense {
	p.key = spell.Fold(p.key[:0], p.phrase[t.start:t.end])
	return find(spelledTable[:], p.key)
}

func (t *token) opensRun() bool {
	return len(t.senses) > 0 && !t.senses[0].weak &&
		(t.is(cDayrel) || t.is(cWeekday) || t.is(cPart) || t.is(cUnit) || t.is(cBaje) || t.is(cQty))
}

func (t *token) goesOn() bool {
	return t.is(cPart) || t.is(cUnit) || t.is(cBaje) || t.is(cBaad) || t.is(cPehle) || t.is(cTak) || t.is(cKo) || t.is(cAndar)
}

// lookUp finds t by its spelling, else by its sound, else by its consonants.
func (p *parser) lookUp(t *token) {
	raw := p.phrase[t.start:t.end]
	if len(raw) > 80 {
		return
	}
	p.key = p.key[:0]
	p.key = spell.Fold(p.key, raw)
	if k := len(p.key); k > 2 && p.key[1] == '.' { // a.m
		w := 0
		for _, c := range p.key {
			if c != '.' {
				p.key[w] = c
				w++
			}
		}
		p.key = p.key[:w]
	}
	folded := p.key
	from := len(p.sounds)
	p.sounds = spell.Sound(p.sounds, folded)
	t.sound = [2]int32{int32(from), int32(len(p.sounds))}
	sound := p.sounds[from:]
	if r, _ := utf8.DecodeRuneInString(raw); r >= siteRune && int(r-siteRune) < len(p.by.userSenses) {
		t.setSenses(p.by.userSenses[r-siteRune])
		return
	}
	m := find(spelledTable[:], folded)
	if n := len(folded); m == nil && n > 5 && string(folded[n-3:]) == "ish" {
		m = find(spelledTable[:], folded[:n-3])
		t.ish = m != nil
	}
	if string(folded) == "id" && len(raw) > len(folded) { // I'd
		m = senseHint
	}
	if m == nil && len(sound) >= spell.MinSound {
		if m = find(soundTable[:], sound); m == nil {
			p.key = spell.Bones(p.key[:0], sound)
			if len(p.key) >= spell.MinBones {
				m = find(bonesTable[:], p.key)
			}
		}
		t.guessed = m != nil
	}
	t.setSenses(m)
	p.sounds = append(p.sounds, ' ')
	t.opens = find(spelledTable[:], p.sounds[from:]) != nil
	if raw[0] < utf8.RuneSelf {
		at := len(p.sounds)
		p.sounds = append(spell.Fold(p.sounds, raw), '_')
		t.letters = [2]int32{int32(at), int32(len(p.sounds) - 1)}
		t.opens = t.opens || find(spelledTable[:], p.sounds[at:]) != nil
	}
}

// joinPhrases makes one token of the words of a phrase in the lexicon, such as
// "day end" or "jaldi se jaldi"; the longest wins.
func (p *parser) joinPhrases() {
	t := p.tokens
	w := 0
	for i := 0; i < len(t); i++ {
		t[w] = t[i]
		if t[i].opens {
			best, senses := p.longest(i, ' ')
			if end, m := p.longest(i, '_'); end > best {
				best, senses = end, m
			}
			if best > i {
				t[w].end = t[best].end
				t[w].guessed = false
				t[w].setSenses(senses)
				i = best
			}
		}
		w++
	}
	p.tokens = t[:w]
}

// longest finds the longest phrase from token i by its sounds (joined by a
// blank) or its letters (joined by a low line), and returns its last token.
func (p *parser) longest(i int, join byte) (best int, senses []sense) {
	const most = 5
	t := p.tokens
	best = i
	p.key = p.key[:0]
	for j, words := i, 0; j < len(t) && words < most; j++ {
		if t[j].kind == tPunct && t[j].mark == '-' && words > 0 && j+1 < len(t) {
			continue
		}
		span := t[j].sound
		if join == '_' {
			span = t[j].letters
		}
		if t[j].kind != tWord || span[0] == span[1] {
			break
		}
		if words++; words > 1 {
			p.key = append(p.key, join)
		}
		p.key = append(p.key, p.sounds[span[0]:span[1]]...)
		if words > 1 {
			if m := find(spelledTable[:], p.key); m != nil {
				best, senses = j, m
			}
		}
	}
	return best, senses
}

func asciiLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func letter(r rune) bool {
	if r < utf8.RuneSelf {
		return asciiLetter(byte(r))
	}
	if r >= 0x900 && r <= 0x97f {
		return r != '।' && r != '॥' && (r < 0x966 || r > 0x96f)
	}
	return unicode.IsLetter(r) || unicode.Is(unicode.M, r) || r >= siteRune && r < siteRune+maxSiteDayparts
}

// symbol reports whether r is a word in itself: a currency sign, %, @, &, #.
func symbol(r rune) bool {
	switch r {
	case '@', '&', '#', '%', '$', '₹', '€', '£':
		return true
	}
	return false
}

// mark returns the punctuation mark that r stands for, or 0 for what is no more
// than a blank.
func mark(r rune) byte {
	switch r {
	case ',', '.', ';', ':', '-', '/', '?', '!', '+':
		return byte(r)
	case '\n', '।', '॥', '…', '。':
		return '.'
	case '–', '—', '‐', '‑', '‒', '−':
		return '-'
	case '，', '、', '|':
		return ','
	case '：', '∶':
		return ':'
	case '(', ')', '[', ']':
		return ','
	}
	return 0
}

// digit returns the value of a decimal digit of the scripts of India, of Arabic
// and of full-width forms, and -1 for anything else.
func digit(r rune) int {
	switch {
	case r >= '0' && r <= '9':
		return int(r - '0')
	case r < 0x660:
		return -1
	case r >= 0x660 && r <= 0x669:
		return int(r - 0x660)
	case r >= 0x6f0 && r <= 0x6f9:
		return int(r - 0x6f0)
	case r >= 0x966 && r <= 0xd6f: // Devanagari to Malayalam: each block has its digits at 0x66
		if d := (r - 0x966) & 0x7f; d <= 9 {
			return int(d)
		}
	case r >= 0xff10 && r <= 0xff19:
		return int(r - 0xff10)
	}
	return -1
}
