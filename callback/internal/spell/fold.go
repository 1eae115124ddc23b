// Package spell says when two spellings are the same word.
//
// There are three answers, from strict to loose:
//
//   - [Fold]: the same letters. Case, accents, nukta, zero-width characters and
//     the ways of writing a Devanagari nasal make no difference.
//   - [Sound]: the same sound. "subah", "subaah", "subha" and "सुबह" agree, as
//     do "wednesday" and "vednesday", "phone" and "fon".
//   - [Bones]: the same consonants, for long words only. "tommorow" and
//     "tomorrow" agree, as do "mangalvaar" and "manglwar".
//
// The package is used twice: by lexgen, to write the tables, and at run time,
// to look words up in them. Both must spell alike, so the rules live here.
package spell

import "unicode/utf8"

const (
	virama   = '\u094d'
	nukta    = '\u093c'
	anusvara = '\u0902'
)

// Ignorable reports whether r carries no sound and no meaning inside a word:
// zero-width characters, soft hyphens, variation selectors, combining accents,
// nukta and apostrophes.
func Ignorable(r rune) bool {
	switch {
	case r == '\'' || r == '’' || r == '‘' || r == 'ʼ' || r == '`':
		return true
	case r == 0xad || r == nukta || r == 0xfeff:
		return true
	case r >= 0x300 && r <= 0x36f: // combining accents, as NFD writes them
		return true
	case r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x2064:
		return true
	case r >= 0xfe00 && r <= 0xfe0f:
		return true
	}
	return false
}

// Fold appends the folded spelling of word to dst.
func Fold(dst []byte, word string) []byte {
	start := len(dst)
	var last, before rune // to squeeze "pleaaaase"
	for i := 0; i < len(word); {
		r, n := rune(word[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(word[i:])
		}
		i += n
		if Ignorable(r) {
			continue
		}
		r = foldRune(r)
		if r == last && r == before {
			continue
		}
		before, last = last, r
		if r < utf8.RuneSelf {
			dst = append(dst, byte(r))
			continue
		}
		if isIndicConsonant(r) {
			dst = nasal(dst, start)
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

// nasal rewrites a nasal consonant with virama at the end of dst as anusvara:
// घण्टे and घन्टे are घंटे.
func nasal(dst []byte, start int) []byte {
	const size = 3 // bytes of a Devanagari letter
	if len(dst)-start < 2*size {
		return dst
	}
	v, _ := utf8.DecodeRune(dst[len(dst)-size:])
	c, _ := utf8.DecodeRune(dst[len(dst)-2*size:])
	if v != virama {
		return dst
	}
	switch c {
	case 'ङ', 'ञ', 'ण', 'न', 'म':
		return utf8.AppendRune(dst[:len(dst)-2*size], anusvara)
	}
	return dst
}

func isIndicConsonant(r rune) bool {
	return r >= 'क' && r <= 'ह' && r != 'न' && r != 'म' && r != 'य' && r != 'ह'
}

func foldRune(r rune) rune {
	switch {
	case r >= 'A' && r <= 'Z':
		return r + 'a' - 'A'
	case r < 0xc0:
		return r
	case r < 0x180:
		return latin(r)
	case r >= 0x958 && r <= 0x95f: // letters with a nukta, composed
		return [...]rune{'क', 'ख', 'ग', 'ज', 'ड', 'ढ', 'फ', 'य'}[r-0x958]
	case r == 0x929:
		return 'न'
	case r == 0x931:
		return 'र'
	case r == 0x934:
		return 'ळ'
	case r == 0x901: // candrabindu
		return anusvara
	case r >= 0x1e00 && r <= 0x1eff:
		return latinExtra(r)
	case r >= 0xff21 && r <= 0xff3a: // full-width capitals
		return r - 0xff21 + 'a'
	case r >= 0xff41 && r <= 0xff5a:
		return r - 0xff41 + 'a'
	}
	return r
}

// latin maps Latin-1 and Latin Extended-A letters to their base letter.
func latin(r rune) rune {
	const base = "aaaaaaaceeeeiiiidnooooo*ouuuuypsaaaaaaaceeeeiiiidnooooo*ouuuuypy" + // U+00C0
		"aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkklllllll" + // U+0100
		"lllnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs" // U+0140
	if c := base[r-0xc0]; c != '*' {
		return rune(c)
	}
	return ' '
}

// latinExtra maps the dotted letters of Indic romanisation (ṭ, ḍ, ṇ, ṣ, ḥ, ṃ).
func latinExtra(r rune) rune {
	switch {
	case r >= 0x1e0a && r <= 0x1e13:
		return 'd'
	case r >= 0x1e22 && r <= 0x1e2b:
		return 'h'
	case r >= 0x1e36 && r <= 0x1e3d:
		return 'l'
	case r >= 0x1e3e && r <= 0x1e43:
		return 'm'
	case r >= 0x1e44 && r <= 0x1e4b:
		return 'n'
	case r >= 0x1e58 && r <= 0x1e5f:
		return 'r'
	case r >= 0x1e60 && r <= 0x1e69:
		return 's'
	case r >= 0x1e6a && r <= 0x1e71:
		return 't'
	}
	return r
}
