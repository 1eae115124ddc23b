package spell

import "unicode/utf8"

// Sound appends how a folded word sounds to dst, in a small alphabet that both
// scripts map to: aspirates lose their h, long vowels are short, v is w, j is z,
// sh is s, f is ph, doubled letters are single. Nothing is appended for a word
// in a script that it has no rules for.
func Sound(dst []byte, folded []byte) []byte {
	start := len(dst)
	if len(folded) == 0 {
		return dst
	}
	if folded[0] < utf8.RuneSelf {
		dst = latinSound(dst, folded)
	} else {
		dst = indicSound(dst, folded)
	}
	return mergeVowels(dst, start)
}

// Bones appends the consonants of a sound to dst, with its first letter.
func Bones(dst []byte, sound []byte) []byte {
	for i, c := range sound {
		if i == 0 || !vowel(c) {
			if n := len(dst); i > 0 && n > 0 && dst[n-1] == c {
				continue
			}
			dst = append(dst, c)
		}
	}
	return dst
}

// The shortest keys that are trusted. Shorter ones collide with everything.
const (
	MinSound = 3
	MinBones = 4
)

func vowel(c byte) bool { return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u' }

func latinSound(dst, s []byte) []byte {
	at := func(i int) byte {
		if i < 0 || i >= len(s) {
			return 0
		}
		return s[i]
	}
	for i := 0; i < len(s); i++ {
		c, next := s[i], at(i+1)
		switch c {
		case 'h':
			if i > 0 {
				continue
			}
		case 'p':
			if next == 'h' {
				c, i = 'f', i+1
			}
		case 'c':
			switch next {
			case 'h':
				i++
			case 'k':
				c, i = 'k', i+1
			case 'e', 'i', 'y':
				c = 's'
			default:
				c = 'k'
			}
		case 'w':
			c = 'v'
		case 'z':
			c = 'j'
		case 'q':
			c = 'k'
		case 'x':
			dst = append(dst, 'k')
			c = 's'
		case 'y':
			if i > 0 || !vowel(next) {
				c = 'i'
			}
		}
		dst = append(dst, c)
	}
	return dst
}

// mergeVowels makes doubled letters single and vowel pairs one vowel.
func mergeVowels(b []byte, start int) []byte {
	w := start
	for i := start; i < len(b); i++ {
		c := b[i]
		if w == start {
			b[w] = c
			w++
			continue
		}
		p := b[w-1]
		switch {
		case p == c && c == 'e':
			b[w-1] = 'i'
		case p == c && c == 'o':
			b[w-1] = 'u'
		case p == c:
		case p == 'a' && (c == 'i' || c == 'e'), p == 'e' && c == 'i':
			b[w-1] = 'e'
		case p == 'a' && (c == 'u' || c == 'o'), p == 'o' && c == 'u':
			b[w-1] = 'o'
		default:
			b[w] = c
			w++
		}
	}
	return b[:w]
}

// indicSound spells Devanagari in the sound alphabet. A consonant carries an a
// that is spoken unless a vowel sign or virama follows, the word ends, or a
// spoken syllable stands on either side (सोमवार is somvar, not somavara).
func indicSound(dst, s []byte) []byte {
	const inherent = 1
	start := len(dst)
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRune(s[i:])
		i += n
		if r < 0x900 || r > 0x97f {
			return dst[:start]
		}
		switch c := indic[r-0x900]; {
		case c == 0:
		case isSign(r): // a vowel sign takes the place of the a
			if len(dst) > start && dst[len(dst)-1] == inherent {
				dst = dst[:len(dst)-1]
			}
			if r == 'ृ' {
				dst = append(dst, 'r')
			}
			if r != virama {
				dst = append(dst, c)
			}
		case r == anusvara:
			if i < len(s) { // at the end it is only a nasal vowel
				dst = append(dst, 'n')
			}
		case r >= 0x915 && r <= 0x939:
			dst = append(dst, c, inherent)
		default:
			dst = append(dst, c)
		}
	}
	spoken := func(c byte) bool { return vowel(c) || c == inherent }
	w := start
	last := len(dst) - 1
	for i := start; i <= last; i++ {
		c := dst[i]
		if c == inherent {
			if i == last {
				break
			}
			if i-2 >= start && w-2 >= start && spoken(dst[w-2]) && !spoken(dst[w-1]) &&
				!spoken(dst[i+1]) && i+2 <= last && spoken(dst[i+2]) && (dst[i+2] != inherent || i+2 < last) {
				continue
			}
			c = 'a'
		}
		dst[w] = c
		w++
	}
	// ह is heard at the start only; elsewhere it goes the way of the aspirates.
	h := start
	for i := start; i < w; i++ {
		if dst[i] == 'h' && i > start {
			continue
		}
		dst[h] = dst[i]
		h++
	}
	return dst[:h]
}

func isSign(r rune) bool { return r >= 0x93e && r <= 0x94d }

// indic is the sound of each Devanagari letter; 0 is silent.
var indic = [128]byte{
	0x02: 'n', 0x05: 'a', 0x06: 'a', 0x07: 'i', 0x08: 'i', 0x09: 'u', 0x0a: 'u', 0x0b: 'r',
	0x0d: 'e', 0x0e: 'e', 0x0f: 'e', 0x10: 'e', 0x11: 'o', 0x12: 'o', 0x13: 'o', 0x14: 'o',
	0x15: 'k', 0x16: 'k', 0x17: 'g', 0x18: 'g', 0x19: 'n', 0x1a: 'c', 0x1b: 'c', 0x1c: 'j', 0x1d: 'j', 0x1e: 'n',
	0x1f: 't', 0x20: 't', 0x21: 'd', 0x22: 'd', 0x23: 'n', 0x24: 't', 0x25: 't', 0x26: 'd', 0x27: 'd', 0x28: 'n',
	0x2a: 'p', 0x2b: 'f', 0x2c: 'b', 0x2d: 'b', 0x2e: 'm', 0x2f: 'i', 0x30: 'r', 0x32: 'l', 0x33: 'l', 0x35: 'v',
	0x36: 's', 0x37: 's', 0x38: 's', 0x39: 'h',
	0x3e: 'a', 0x3f: 'i', 0x40: 'i', 0x41: 'u', 0x42: 'u', 0x43: 'i', 0x45: 'e', 0x46: 'e', 0x47: 'e', 0x48: 'e',
	0x49: 'o', 0x4a: 'o', 0x4b: 'o', 0x4c: 'o', 0x4d: 1,
}
