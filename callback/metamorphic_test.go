package callback

import (
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// same reports whether two phrases must be read as the same: the instant, its
// span and its rule. Where they stand in the text may differ.
func same(a, b Reading) bool {
	return a.At.Equal(b.At) && a.From.Equal(b.From) && a.To.Equal(b.To) && a.Rule == b.Rule && a.Ambiguous == b.Ambiguous
}

// Changes to the text that change nothing about what was said.
var harmless = []struct {
	name   string
	change func(string) string
}{
	{"blanks around", func(s string) string { return "  \t" + s + " \n" }},
	{"doubled blanks", func(s string) string { return strings.ReplaceAll(s, " ", "   ") }},
	{"no-break blanks", func(s string) string { return strings.ReplaceAll(s, " ", "\u00a0") }},
	{"capitals", strings.ToUpper},
	{"small letters", strings.ToLower},
	{"full stop", func(s string) string { return s + "." }},
	{"exclamation", func(s string) string { return s + " !" }},
	{"danda", func(s string) string { return s + "।" }},
	{"NFC", norm.NFC.String},
	{"NFD", norm.NFD.String},
	{"no nukta", func(s string) string {
		return strings.ReplaceAll(norm.NFD.String(s), "\u093c", "")
	}},
	{"zero-width joiners", func(s string) string {
		var b strings.Builder
		for _, r := range s {
			b.WriteRune(r)
			if unicode.Is(unicode.Devanagari, r) {
				b.WriteRune('\u200d')
			}
		}
		return b.String()
	}},
	{"byte order mark", func(s string) string { return "\ufeff" + s }},
	{"Devanagari digits", func(s string) string { return digitsFrom(s, '०') }},
	{"Latin digits", func(s string) string {
		return strings.Map(func(r rune) rune {
			if r >= '०' && r <= '९' {
				return r - '०' + '0'
			}
			return r
		}, s)
	}},
	{"full-width digits", func(s string) string { return digitsFrom(s, '０') }},
	{"please before", func(s string) string { return "please " + s }},
	{"please after", func(s string) string { return s + " please" }},
	{"ji before", func(s string) string { return "ji " + s }},
	{"ji after", func(s string) string { return s + " ji" }},
	{"haan before", func(s string) string { return "haan " + s }},
	{"haan ji before", func(s string) string { return "haan ji, " + s }},
	{"sir after", func(s string) string { return s + " sir" }},
	{"जी after", func(s string) string { return s + " जी" }},
	{"quotes", func(s string) string { return "\"" + s + "\"" }},
	{"emoji", func(s string) string { return "🙏 " + s + " 🙏" }},
}

// digitsFrom writes the digits of s in a script whose nought is zero, but for
// those that stand for letters.
func digitsFrom(s string, zero rune) string {
	if digitsForLetters.MatchString(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r - '0' + zero
		}
		return r
	}, s)
}

var digitsForLetters = regexp.MustCompile(`(?i)\b(2mor|2day|b4\b|l8r\b)`)

func TestHarmlessChanges(t *testing.T) {
	rows := append(loadRows(t, "dev.jsonl"), loadRows(t, "own.jsonl")...)
	for _, c := range harmless {
		t.Run(c.name, func(t *testing.T) {
			for _, r := range rows {
				zone := r.zone(t)
				changed := c.change(r.Phrase)
				a, b := Resolve(r.Phrase, r.Now, zone), Resolve(changed, r.Now, zone)
				if !same(a, b) {
					t.Errorf("%q gives %s (%s), %q gives %s (%s)", r.Phrase, a.At, a.Rule, changed, b.At, b.Rule)
				}
			}
		})
	}
}

// Said whole weeks later, a phrase about weekdays means whole weeks later, by
// the wall clock.
func TestWeekdaysMoveByWholeWeeks(t *testing.T) {
	for _, file := range []string{"dev.jsonl", "own.jsonl"} {
		for _, r := range loadRows(t, file) {
			zone := mustZone(t, "Asia/Kolkata")
			if r.TZ != zone.String() || r.Kind == "date" || r.Kind == "daypart" && (strings.ContainsAny(r.Phrase, "0123456789०१२३४५६७८९") || strings.Contains(r.Phrase, "tarikh")) {
				continue // a date in it does not move
			}
			a := Resolve(r.Phrase, r.Now, zone)
			if a.Rule != Weekday && a.Rule != Day && a.Rule != Daypart && a.Rule != Relative && a.Rule != Now && a.Rule != Vague {
				continue
			}
			for _, weeks := range []int{1, 3, 52} {
				later := r.Now.In(zone).AddDate(0, 0, 7*weeks)
				b := Resolve(r.Phrase, later, zone)
				if want := a.At.AddDate(0, 0, 7*weeks); !b.At.Equal(want) {
					t.Errorf("%q said %d weeks later: %s, want %s", r.Phrase, weeks, b.At, want)
				}
			}
		}
	}
}

// The zone of the instant handed in makes no difference, only the zone asked for.
func TestHeardInAnyZone(t *testing.T) {
	for _, r := range loadRows(t, "dev.jsonl") {
		zone := r.zone(t)
		a, b := Resolve(r.Phrase, r.Now, zone), Resolve(r.Phrase, r.Now.UTC(), zone)
		if !same(a, b) {
			t.Errorf("%q: %s and %s", r.Phrase, a.At, b.At)
		}
		if a.OK() && a.At.Location() != zone {
			t.Errorf("%q: the answer is in %s, want %s", r.Phrase, a.At.Location(), zone)
		}
	}
}

// A phrase read twice at once is read the same: nothing is shared.
func TestConcurrentUse(t *testing.T) {
	rows := loadRows(t, "dev.jsonl")
	want := make([]Reading, len(rows))
	for i, r := range rows {
		want[i] = Resolve(r.Phrase, r.Now, r.zone(t))
	}
	done := make(chan string, 8)
	for range 8 {
		go func() {
			for i, r := range rows {
				zone, _ := time.LoadLocation(r.TZ)
				if got := Resolve(r.Phrase, r.Now, zone); !same(got, want[i]) {
					done <- r.Phrase
					return
				}
			}
			done <- ""
		}()
	}
	for range 8 {
		if p := <-done; p != "" {
			t.Errorf("%q was read differently beside others", p)
		}
	}
}
