package callback

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"

	"ringback/callback/internal/spell"
)

// Lexicon is a site's own words, as plain data from the configuration. The zero
// value adds nothing. Words are matched as the built-in ones are: case, accents
// and nukta make no difference. A site's word wins over a built-in one.
//
//	dayparts:
//	  tiffin: 15:30-16:30
//	  shift change: 13:45-14:15
//	synonyms:
//	  chutti ke din: sunday
//	  naaley: tomorrow
type Lexicon struct {
	// Dayparts maps a word, or up to five, to the hours of the day that it names:
	// "HH:MM-HH:MM", the first before the second.
	Dayparts map[string]string `yaml:"dayparts" json:"dayparts"`
	// Synonyms maps a word, or up to five, to words that are already understood.
	Synonyms map[string]string `yaml:"synonyms" json:"synonyms"`
}

// Bounds on a site's lexicon.
const (
	maxSiteDayparts = 100
	maxSiteWords    = 1000 // synonyms
	maxSiteKey      = 5    // words in a key
)

// siteRune is the first of the private-use letters that stand for a site's own
// parts of the day in a rewritten phrase.
const siteRune = '\ue000'

// NewResolver returns a resolver that also knows a site's own words. The error
// is a [*FieldError] that names the entry.
func NewResolver(site Lexicon) (*Resolver, error) {
	r := &Resolver{}
	if len(site.Dayparts)+len(site.Synonyms) == 0 {
		return r, nil
	}
	if n := len(site.Dayparts); n > maxSiteDayparts {
		return nil, &FieldError{"dayparts", fmt.Sprintf("%d entries", n), fmt.Sprintf("at most %d", maxSiteDayparts)}
	}
	if n := len(site.Synonyms); n > maxSiteWords {
		return nil, &FieldError{"synonyms", fmt.Sprintf("%d entries", n), fmt.Sprintf("at most %d", maxSiteWords)}
	}
	r.words = map[string]string{}
	for _, word := range sortedKeys(site.Dayparts) {
		field := fmt.Sprintf("dayparts[%q]", word)
		key, err := siteKey(field, word)
		if err != nil {
			return nil, err
		}
		pt, err := sitePart(field, word, site.Dayparts[word])
		if err != nil {
			return nil, err
		}
		if _, twice := r.words[key]; twice {
			return nil, &FieldError{field, "a word that is there already in another spelling", "each word once"}
		}
		r.words[key] = string(siteRune + rune(len(r.user)))
		r.userSenses = append(r.userSenses, []sense{{class: cPart, value: int16(partUser + len(r.user))}})
		r.user = append(r.user, pt)
	}
	for _, word := range sortedKeys(site.Synonyms) {
		field := fmt.Sprintf("synonyms[%q]", word)
		key, err := siteKey(field, word)
		if err != nil {
			return nil, err
		}
		if _, twice := r.words[key]; twice {
			return nil, &FieldError{field, "a word that is there already", "each word once"}
		}
		to := site.Synonyms[word]
		if unknown, ok := understood(to); !ok {
			return nil, &FieldError{field, fmt.Sprintf("%q, of which %q is not understood", to, unknown), "words that are understood, such as \"tomorrow evening\""}
		}
		r.words[key] = to
	}
	return r, nil
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// siteKey folds the words of an entry and joins them by a blank.
func siteKey(field, word string) (string, error) {
	words := strings.Fields(word)
	if len(words) == 0 || len(words) > maxSiteKey || !utf8.ValidString(word) {
		return "", &FieldError{field, fmt.Sprintf("a name of %d words", len(words)), fmt.Sprintf("1 to %d words", maxSiteKey)}
	}
	var key []byte
	for i, w := range words {
		for _, r := range w {
			if !letter(r) && !spell.Ignorable(r) {
				return "", &FieldError{field, fmt.Sprintf("a name with %q in it", r), "letters only"}
			}
		}
		if i > 0 {
			key = append(key, ' ')
		}
		key = spell.Fold(key, w)
	}
	return string(key), nil
}

// sitePart reads the hours of a daypart.
func sitePart(field, word, hours string) (part, error) {
	var h1, m1, h2, m2 int
	bad := func() (part, error) {
		return part{}, &FieldError{field, fmt.Sprintf("%q", hours), "HH:MM-HH:MM, the first before the second, at most 23:59"}
	}
	if n, err := fmt.Sscanf(strings.ReplaceAll(hours, " ", ""), "%d:%d-%d:%d", &h1, &m1, &h2, &m2); n != 4 || err != nil {
		return bad()
	}
	from, to := h1*60+m1, h2*60+m2
	if h1 < 0 || m1 < 0 || m1 > 59 || h2 > 23 || m2 < 0 || m2 > 59 || from >= to {
		return bad()
	}
	return part{name: word, from: int16(from), to: int16(to), ring: int16((from + to) / 2)}, nil
}

// understood reports whether every word of s is in the built-in lexicon, and if
// not, the first that is not.
func understood(s string) (unknown string, ok bool) {
	p := parsers.Get().(*parser)
	defer p.done()
	p.start(builtin, s, epoch, epoch.Location(), nil)
	if !p.scan() || len(p.tokens) == 0 {
		return s, false
	}
	for i := range p.tokens {
		if p.word(i) && len(p.tokens[i].senses) == 0 {
			return p.text(i, i+1), false
		}
	}
	return "", true
}

// An edit says that from byte `at` of the rewritten phrase on, what was said
// stands `shift` bytes further; the replacement itself covers [at, at+size) and
// stands for was bytes.
type edit struct{ at, size, from, was int }

// rewrite replaces a site's own words in the phrase.
func (r *Resolver) rewrite(phrase string) (string, []edit) {
	var (
		out   []byte
		edits []edit
		key   []byte
		done  int // bytes of phrase copied
	)
	for i := 0; i < len(phrase); {
		c, n := utf8.DecodeRuneInString(phrase[i:])
		if !letter(c) {
			i += n
			continue
		}
		// The longest run of words from here that is an entry.
		key = key[:0]
		end, best, to := i, 0, ""
		for words := 0; words < maxSiteKey; words++ {
			start := end
			for start < len(phrase) && (phrase[start] == ' ' || phrase[start] == '\t') {
				start++
			}
			stop := start
			for stop < len(phrase) {
				c, n := utf8.DecodeRuneInString(phrase[stop:])
				if !letter(c) && !spell.Ignorable(c) {
					break
				}
				stop += n
			}
			if stop == start || stop-i > 200 {
				break
			}
			if words > 0 {
				key = append(key, ' ')
			}
			key = spell.Fold(key, phrase[start:stop])
			end = stop
			if t, ok := r.words[string(key)]; ok {
				best, to = stop, t
			}
			if words == 0 {
				n = stop - i
			}
		}
		if best == 0 {
			i += n
			continue
		}
		out = append(out, phrase[done:i]...)
		edits = append(edits, edit{at: len(out), size: len(to), from: i, was: best - i})
		out = append(out, to...)
		i, done = best, best
	}
	if edits == nil {
		return phrase, nil
	}
	return string(append(out, phrase[done:]...)), edits
}

// said maps a byte offset of a rewritten phrase to what was said; end says that
// the offset ends a span.
func said(edits []edit, at int, end bool) int {
	shift := 0
	for _, e := range edits {
		switch {
		case at < e.at || at == e.at && end:
			return at + shift
		case at < e.at+e.size || at == e.at+e.size && end:
			if end {
				return e.from + e.was
			}
			return e.from
		}
		shift = e.from + e.was - e.at - e.size
	}
	return at + shift
}
