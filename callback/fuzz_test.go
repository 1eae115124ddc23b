package callback

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzResolve: no panic, no result in the past, the same answer twice, and a
// reading whose parts agree with each other.
func FuzzResolve(f *testing.F) {
	for _, name := range []string{"dev.jsonl", "own.jsonl"} {
		for _, r := range loadRows(f, name) {
			f.Add(r.Phrase, r.Now.Unix(), r.TZ)
		}
	}
	f.Add("\xff\xfe", int64(0), "UTC")
	f.Add("99999999999999 ghante baad", int64(1741758600), "Asia/Kolkata")
	f.Fuzz(func(t *testing.T, phrase string, unix int64, tz string) {
		zone, err := time.LoadLocation(tz)
		if err != nil || unix < -1<<33 || unix > 1<<33 {
			t.Skip()
		}
		checkReading(t, phrase, time.Unix(unix, 0), zone)
	})
}

func checkReading(t *testing.T, phrase string, heard time.Time, zone *time.Location) {
	t.Helper()
	got := Resolve(phrase, heard, zone)
	again := Resolve(phrase, heard, zone)
	if got != again {
		t.Fatalf("%q: %+v, and then %+v", phrase, got, again)
	}
	if !got.OK() {
		if got.Rule != None || got.Start != 0 || got.End != 0 || got.Confidence != 0 || !got.From.IsZero() || !got.To.IsZero() {
			t.Fatalf("%q: no time, yet %+v", phrase, got)
		}
	} else {
		switch {
		case got.At.Before(heard):
			t.Fatalf("%q at %s: %s is in the past", phrase, heard, got.At)
		case got.At.Before(got.From) || got.At.After(got.To):
			t.Fatalf("%q: %s is not from %s to %s", phrase, got.At, got.From, got.To)
		case got.Rule == None || got.Rule == Fallback:
			t.Fatalf("%q: rule %q", phrase, got.Rule)
		case got.Start < 0 || got.End > len(phrase) || got.Start >= got.End:
			t.Fatalf("%q: read [%d, %d) of %d bytes", phrase, got.Start, got.End, len(phrase))
		case !utf8.ValidString(phrase[got.Start:got.End]):
			t.Fatalf("%q: the span cuts a letter", phrase)
		case got.Confidence <= 0 || got.Confidence > 1:
			t.Fatalf("%q: confidence %v", phrase, got.Confidence)
		}
	}
	if lines := got.Trace(); len(lines) == 0 {
		t.Fatalf("%q: no trace", phrase)
	}
}

// TestHugePhrases: whatever comes, the work is bounded. The scanner looks at each
// byte a bounded number of times, and the grammar sees at most maxTokens words.
func TestHugePhrases(t *testing.T) {
	now := time.Date(2025, 3, 12, 11, 20, 0, 0, time.UTC)
	for _, unit := range []string{
		" ", "a", "1", "५", "कल", "kal ", "5 baje ", "nahi ", "not ", ",", "- ", "5-", "1:2:", "😀", "\u200d", "\u0301", "a.", "a.b.", "\xff",
		"kal shaam 5 baje nahi parso ", "half ", "subah subah ", "next ", "agle se agle ", "1 hour ", "and ", "मंगलवार को ", "aane wale ",
		strings.Repeat("aadha", 11) + "q ", strings.Repeat("kalko", 11) + "x ", "na kal ",
	} {
		phrase := strings.Repeat(unit, 100<<10/len(unit))
		checkReading(t, phrase, now, time.UTC)
		p := parsers.Get().(*parser)
		p.start(builtin, phrase, now, time.UTC, nil)
		p.scan()
		if n := len(p.tokens); n > maxTokens+1 {
			t.Errorf("%q: %d tokens were kept", unit, n)
		}
		p.done()
	}
}

// TestWorkIsLinear counts the steps of the grammar, not the time: twice the
// words are at most some four times the atoms looked at, up to the bound on
// words, and nothing more after it.
func TestWorkIsLinear(t *testing.T) {
	now := time.Date(2025, 3, 12, 11, 20, 0, 0, time.UTC)
	atoms := func(words int) int {
		p := parsers.Get().(*parser)
		defer p.done()
		p.start(builtin, strings.Repeat("kal 5 baje ", words), now, time.UTC, nil)
		if !p.scan() {
			return -1
		}
		p.findAtoms()
		p.judge()
		return len(p.atoms)
	}
	if a, b := atoms(20), atoms(40); a != 40 || b != 80 {
		t.Errorf("%d and %d atoms, want 40 and 80", a, b)
	}
	if n := atoms(maxTokens); n != -1 {
		t.Errorf("%d words were read", 3*maxTokens)
	}
}
