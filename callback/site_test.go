package callback

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestSiteWords(t *testing.T) {
	r, err := NewResolver(Lexicon{
		Dayparts: map[string]string{"tiffin": "15:30-16:30", "shift change": "13:45-14:15", "टिफ़िन": "15:30 - 16:30"},
		Synonyms: map[string]string{"naaley": "tomorrow", "chutti wale din": "sunday", "saayangaalam": "shaam"},
	})
	if err != nil {
		t.Fatal(err)
	}
	zone := mustZone(t, "Asia/Kolkata")
	heard := mustTime(t, "2025-03-12T11:20:00+05:30")
	for _, c := range []struct{ phrase, want, span string }{
		{"tiffin ke time", "2025-03-12T16:00:00+05:30", "tiffin"},
		{"kal Tiffin pe call karna", "2025-03-13T16:00:00+05:30", "kal Tiffin pe"},
		{"टिफिन में", "2025-03-12T16:00:00+05:30", "टिफिन में"},
		{"during SHIFT  change", "2025-03-12T14:00:00+05:30", "during SHIFT  change"},
		{"naaley 5 baje", "2025-03-13T17:00:00+05:30", "naaley 5 baje"},
		{"Naaley saayangaalam", "2025-03-13T18:00:00+05:30", "Naaley saayangaalam"},
		{"chutti wale din 11 baje", "2025-03-16T11:00:00+05:30", "chutti wale din 11 baje"},
		{"kal 5 baje", "2025-03-13T17:00:00+05:30", "kal 5 baje"},
	} {
		got := r.Resolve(c.phrase, heard, zone)
		if !got.At.Equal(mustTime(t, c.want)) {
			t.Errorf("%q gave %s, want %s\n%s", c.phrase, got.At, c.want, strings.Join(got.Trace(), "\n"))
		}
		if got.OK() && !strings.HasPrefix(c.phrase[got.Start:got.End], c.span) {
			t.Errorf("%q: read %q, want %q", c.phrase, c.phrase[got.Start:got.End], c.span)
		}
	}
	if got := Resolve("naaley", heard, zone); got.OK() {
		t.Errorf("the built-in lexicon does not know a site's word, but gave %s", got.At)
	}
}

func TestSiteWordsAreValidated(t *testing.T) {
	for _, c := range []struct {
		name  string
		site  Lexicon
		field string
	}{
		{"hours the wrong way round", Lexicon{Dayparts: map[string]string{"tiffin": "16:30-15:30"}}, `dayparts["tiffin"]`},
		{"hours that are none", Lexicon{Dayparts: map[string]string{"tiffin": "tea"}}, `dayparts["tiffin"]`},
		{"an hour that is none", Lexicon{Dayparts: map[string]string{"tiffin": "15:30-24:30"}}, `dayparts["tiffin"]`},
		{"a name with digits", Lexicon{Dayparts: map[string]string{"tiffin2": "15:30-16:30"}}, `dayparts["tiffin2"]`},
		{"no name", Lexicon{Synonyms: map[string]string{" ": "kal"}}, `synonyms[" "]`},
		{"a name of too many words", Lexicon{Synonyms: map[string]string{"a b c d e f": "kal"}}, `synonyms["a b c d e f"]`},
		{"a synonym of nothing", Lexicon{Synonyms: map[string]string{"naaley": ""}}, `synonyms["naaley"]`},
		{"a synonym of something unknown", Lexicon{Synonyms: map[string]string{"naaley": "qwrtz kal"}}, `synonyms["naaley"]`},
		{"twice", Lexicon{Dayparts: map[string]string{"tiffin": "15:30-16:30"}, Synonyms: map[string]string{"Tiffin": "kal"}}, `synonyms["Tiffin"]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := NewResolver(c.site)
			var fe *FieldError
			if !errors.As(err, &fe) || fe.Field != c.field {
				t.Errorf("got %v, want an error about %s", err, c.field)
			}
		})
	}
	if _, err := NewResolver(Lexicon{}); err != nil {
		t.Errorf("an empty lexicon: %v", err)
	}
}

// A site's resolver reads everything else as the built-in one does.
func TestSiteWordsChangeNothingElse(t *testing.T) {
	r, err := NewResolver(Lexicon{Dayparts: map[string]string{"tiffin": "15:30-16:30"}, Synonyms: map[string]string{"naaley": "tomorrow"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range loadRows(t, "dev.jsonl") {
		zone := w.zone(t)
		if a, b := Resolve(w.Phrase, w.Now, zone), r.Resolve(w.Phrase, w.Now, zone); !same(a, b) || a.Start != b.Start || a.End != b.End {
			t.Errorf("%q: %s and %s", w.Phrase, a.At, b.At)
		}
	}
}

func FuzzSiteResolver(f *testing.F) {
	r, err := NewResolver(Lexicon{Dayparts: map[string]string{"tiffin": "15:30-16:30"}, Synonyms: map[string]string{"naaley": "tomorrow", "chutti wale din": "sunday"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("kal naaley tiffin chutti wale din \ue000 \ue005")
	now := time.Date(2025, 3, 12, 5, 50, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, phrase string) {
		got := r.Resolve(phrase, now, time.UTC)
		if got.OK() && (got.At.Before(now) || got.Start < 0 || got.End > len(phrase) || got.Start >= got.End) {
			t.Fatalf("%q: %+v", phrase, got)
		}
	})
}
