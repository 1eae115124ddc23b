package callback

import "slices"

// This file says what a "not", a "mat karna" or an "except" takes away.

// negate applies the negations of a clause to its atoms.
func (p *parser) negate(i, j int, atoms []atom) {
	for k := i; k < j; k++ {
		if p.inAtom(k) {
			continue
		}
		switch {
		case p.is(k, cNot):
			// "not 4": the atom right after it; "not possible": those before it
			x := k + 1
			for p.any(x, cThe, cAt, cOn, cIn, cWord) && !p.inAtom(x) {
				x++
			}
			hit := false
			for n := range atoms {
				if atoms[n].start <= x && x < atoms[n].end && atoms[n].start > k {
					p.deny(atoms[n : n+1])
					hit = true
				}
			}
			if !hit {
				p.deny(atoms)
			}
		case p.is(k, cNo):
			for n := range atoms {
				if atoms[n].kind == aNow && atoms[n].end == k {
					atoms[n].drop = dropNegated
				}
			}
		case p.is(k, cDont):
			p.deny(atoms)
		case p.neither(k):
			p.deny(p.atoms[p.atomFrom(k+1):][:1])
		case p.is(k, cNahi), p.is(k, cMat), p.is(k, cNa) && p.is(k+1, cAsk):
			if p.is(k, cNahi) && p.nextAtomAt(k+1) >= 0 {
				continue // a correction
			}
			p.deny(p.before(k, atoms))
		case p.is(k, cChhod):
			for n := range atoms {
				if atoms[n].end <= k && (n+1 == len(atoms) || atoms[n+1].start >= k) {
					atoms[n].drop = dropNegated
				}
			}
		case p.is(k, cExcept):
			for n := range atoms {
				if atoms[n].start > k {
					atoms[n].drop = dropNegated
					if n+1 == len(atoms) || !p.belongs(&atoms[n], &atoms[n+1]) { // "except Monday mornings"
						break
					}
				}
			}
		case p.is(k, cInstead) && p.is(k+1, cOf):
			for n := range atoms {
				if atoms[n].start > k && atoms[n].start <= k+3 {
					atoms[n].drop = dropReplaced
					break
				}
			}
		case p.is(k, cInstead) && p.is(k-1, cOf):
			for n := range atoms {
				if atoms[n].end <= k {
					atoms[n].drop = dropReplaced
				}
			}
		}
	}
}

// neither reports whether the "na" at token k is one of two: "na aaj na kal".
func (p *parser) neither(k int) bool {
	n := 0
	for i := range p.tokens {
		if p.is(i, cNa) && !p.inAtom(i) {
			if a := p.atomFrom(i + 1); a < len(p.atoms) && p.atoms[a].start == i+1 {
				n++
			} else if i == k {
				return false
			}
		}
	}
	return n > 1 && p.is(k, cNa)
}

// before is those atoms that a Hindi negation at token k may mean: those before
// it, from the verb on that has closed what was said earlier ("kal karna, subah
// nahi" without its comma).
func (p *parser) before(k int, atoms []atom) []atom {
	n := 0
	for n < len(atoms) && atoms[n].end <= k {
		n++
	}
	atoms = atoms[:n]
	for n > 1 {
		n--
		for t := atoms[n-1].end; t < atoms[n].start; t++ {
			if p.is(t, cAsk) && !p.english(t) {
				return atoms[n:]
			}
		}
	}
	return atoms
}

// deny negates atoms: it turns a direction round ("not before 5" is after 5) and
// drops what has none. Where one was turned, that was what is negated, and the
// day and the part of it stay: "kal subah 9 se pehle nahi".
func (p *parser) deny(atoms []atom) {
	turns := slices.ContainsFunc(atoms, func(a atom) bool {
		_, ok := a.opposite()
		return ok && a.drop == kept
	})
	for n := range atoms {
		a := &atoms[n]
		if a.drop != kept {
			continue
		}
		switch d, ok := a.opposite(); {
		case ok:
			a.dir = d
		case turns && (a.kind == aDay || a.kind == aPart):
		default:
			a.drop = dropNegated
		}
	}
}

// opposite is the direction of a when it is denied; not ok if it has none that
// could be turned.
func (a *atom) opposite() (d direction, ok bool) {
	switch a.dir {
	case dirBefore, dirBy, dirFor:
		return dirAfter, true
	case dirFrom:
		return dirBefore, a.kind != aDay // "kal se mat karna": never again
	case dirAfter:
		return dirBefore, a.kind != aDur && !(a.kind == aDay && a.day.is(hDays|hMonths)) && a.kind != aThat
	}
	return dirNone, false
}
