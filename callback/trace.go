package callback

import "fmt"

// say notes the atoms that were read.
func (p *parser) say(f *frame) {
	for n := range p.atoms {
		a := &p.atoms[n]
		*p.aloud = append(*p.aloud, fmt.Sprintf("%q kind=%d dir=%d drop=%q or=%v repl=%v", p.text(a.start, a.end), a.kind, a.dir, dropText[a.drop], a.or, a.replaces))
	}
	for i := range p.tokens {
		*p.aloud = append(*p.aloud, fmt.Sprintf("  %q %v", p.text(i, i+1), p.tokens[i].senses))
	}
}
