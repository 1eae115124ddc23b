package callback

// This file tells a wish from a story: what is said in many words, with a time in
// it, and asks for nothing.

// stories drops the times of what somebody tells and asks nothing with: "our
// school run is at 8 and again at 3, that's my whole life". A wish has a word of
// asking, of consent or of what will be, or nothing beside its time, or little in
// all, or it comes last.
func (p *parser) stories() {
	asked, words, unknown := false, 0, 0
	for start := 0; start < len(p.tokens); {
		end := p.clauseEnd(start)
		known, strange := p.content(start, end)
		here := p.wishes(start, end) || words == 0 && p.bare(start, end)
		asked = asked || here && p.keeps(start, end)
		if !here && strange > 1 {
			p.mentioned(start, end, asked)
		}
		words, unknown = words+known+strange, unknown+strange
		start = end
	}
	if !asked && !p.wishes(0, len(p.tokens)) && (words >= 4 && unknown > 0 || words >= 7) {
		p.mentioned(0, len(p.tokens), false)
	}
}

// content counts the words of [i, j) that mean something and are no part of a
// time: those that the lexicon has, and those that it has not.
func (p *parser) content(i, j int) (known, unknown int) {
	for ; i < j; i++ {
		switch t := &p.tokens[i]; {
		case t.kind != tWord || p.inAtom(i) || len(t.senses) == 1 && t.is(cWord):
		case len(t.senses) == 0:
			unknown++
		default:
			known++
		}
	}
	return known, unknown
}

// bare reports whether [i, j) has no words but its times, with a "please"
// before or after them all.
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
		case p.is(i, cWord):
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

// mentioned drops the atoms of [i, j), but not one that a wish may be: the side
// of an event, a correction, or, if nothing was asked before, the last of all
// that is said.
func (p *parser) mentioned(i, j int, asked bool) {
	for n := range p.atoms {
		a := &p.atoms[n]
		if a.start < i || a.start >= j || a.replaces || a.dir == dirAfter || !asked && p.onlyFiller(a.end, len(p.tokens)) {
			continue
		}
		if a.faint = false; a.drop == kept {
			a.drop = dropMentioned
		}
	}
}
