package callback

// This file tells a wish from a story: what is said in many words, with a time in
// it, and asks for nothing.

// stories drops the times of what somebody tells and asks nothing with: "our
// school run is at 8 and again at 3, that's my whole life". A wish has a word of
// asking, of consent or of what will be, or nothing beside its time, or little in
// all, or it comes last. Where one clause has a wish, a time among strange words
// in another is none.
func (p *parser) stories() {
	asked, open, words, unknown := false, false, 0, 0
	for start := 0; start < len(p.tokens); {
		end := p.clauseEnd(start)
		known, strange := p.content(start, end)
		wishes := p.wishes(start, end)
		asked = asked || p.keeps(start, end) && (wishes || p.hints(start, end) || words == 0 && p.bare(start, end))
		open = open || wishes && !p.hasClass(start, end, cDont)
		words, unknown = words+known+strange, unknown+strange
		start = end
	}
	if !asked {
		if !open && (words >= 4 && unknown > 0 || words >= 7) {
			p.mentioned(0, len(p.tokens), false)
		}
		return
	}
	for start := 0; start < len(p.tokens); {
		end := p.clauseEnd(start)
		if _, strange := p.content(start, end); strange > 1 && !p.wishes(start, end) && !p.hints(start, end) {
			p.mentioned(start, end, true)
		}
		start = end
	}
}

// content counts the words of [i, j) that mean something and are no part of a
// time: those that the lexicon has, and those that it has not.
func (p *parser) content(i, j int) (known, unknown int) {
	for ; i < j; i++ {
		switch t := &p.tokens[i]; {
		case t.kind != tWord || p.inAtom(i) || len(t.senses) == 1 && t.is(cWord) || t.is(cHint):
		case len(t.senses) == 0:
			unknown++
		default:
			known++
		}
	}
	return known, unknown
}

// bare reports whether [i, j) has no words but its times, with a "please" or a
// "so" before or after them all.
func (p *parser) bare(i, j int) bool {
	timed, word := false, false
	for ; i < j; i++ {
		switch {
		case p.inAtom(i):
			if timed && word { // a word in between
				return false
			}
			timed, word = true, false
		case p.punct(i):
		case p.any(i, cWord, cBut):
			word = true
		default:
			return false
		}
	}
	return true
}

// keeps reports whether an atom of [i, j) counts.
func (p *parser) keeps(i, j int) bool {
	for n := range p.atoms {
		if a := &p.atoms[n]; a.start >= i && a.start < j && a.drop == kept {
			return true
		}
	}
	return false
}

// wishes reports whether [i, j) has a word that goes with a wish.
func (p *parser) wishes(i, j int) bool {
	for ; i < j; i++ {
		if p.any(i, cAsk, cAsk2, cFree, cWill, cGive, cWait, cSorry) && !p.inAtom(i) {
			return true
		}
	}
	return false
}

// hints reports whether [i, j) has a word that makes a wish of a time beside it:
// "maybe", "let's say", "would", or a Hindi verb of what will be.
func (p *parser) hints(i, j int) bool {
	for ; i < j; i++ {
		if p.is(i, cHint) || p.future(i) {
			return true
		}
	}
	return false
}

// future reports whether the word at i is not known and sounds at its end as a
// Hindi verb of what will be: lautungi, samjhenge, पाएगा.
func (p *parser) future(i int) bool {
	if !p.word(i) || len(p.tokens[i].senses) > 0 {
		return false
	}
	sound := p.sounds[p.tokens[i].sound[0]:p.tokens[i].sound[1]]
	for _, end := range [...]string{"unga", "ungi", "enge", "engi", "inge", "ega", "egi", "iga", "igi"} {
		if n := len(sound) - len(end); n >= 0 && string(sound[n:]) == end {
			return true
		}
	}
	return false
}

// mentioned drops the atoms of [i, j), but not those that a wish may be: the side
// of an event, a correction, or, if nothing was asked elsewhere, what is said last.
func (p *parser) mentioned(i, j int, asked bool) {
	last := len(p.atoms)
	if !asked && last > 0 && p.onlyFiller(p.atoms[last-1].end, len(p.tokens)) {
		for last--; last > 0 && p.belongs(&p.atoms[last-1], &p.atoms[last]); last-- { // "Tuesday evening at seven"
		}
	}
	for n := range p.atoms[:last] {
		a := &p.atoms[n]
		if a.start < i || a.start >= j || a.replaces || a.dir == dirAfter {
			continue
		}
		if a.faint = false; a.drop == kept {
			a.drop = dropMentioned
		}
	}
}
