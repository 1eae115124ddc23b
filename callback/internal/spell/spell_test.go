package spell

import (
	"testing"

	"golang.org/x/text/unicode/norm"
)

func sound(s string) string { return string(Sound(nil, Fold(nil, s))) }

func TestFold(t *testing.T) {
	for _, group := range [][]string{
		{"Tomorrow", "TOMORROW", "to\u200bmorrow", "ｔｏｍｏｒｒｏｗ"},
		{"ढ़ाई", "ढाई", norm.NFC.String("ढ़ाई"), norm.NFD.String("ढ़ाई"), "ढा\u200dई"},
		{"घंटे", "घण्टे", "घन्टे"},
		{"पाँच", "पांच"},
		{"o'clock", "o’clock", "oclock"},
		{"pleaaaaase", "pleaase"},
		{"śanivār", "s\u0301aniva\u0304r", "sanivar"},
	} {
		want := string(Fold(nil, group[0]))
		for _, s := range group[1:] {
			if got := string(Fold(nil, s)); got != want {
				t.Errorf("%q folds to %q, %q to %q", group[0], want, s, got)
			}
		}
	}
}

// Spellings of one word sound alike, in either script.
func TestSoundAgrees(t *testing.T) {
	for _, group := range [][]string{
		{"subah", "subaah", "subha", "सुबह"},
		{"somvar", "somwaar", "सोमवार"},
		{"mangalvaar", "mangalwar", "मंगलवार"},
		{"shukravar", "sukrawaar", "शुक्रवार"},
		{"ghante", "gante", "ghaante", "घंटे"},
		{"paintalis", "paintaalees", "पैंतालीस"},
		{"dopahar", "dopaahar", "दोपहर"},
		{"chaubis", "chobees", "चौबीस"},
		{"gyarah", "giyarah", "gyaraah", "ग्यारह"},
		{"kijiye", "kijie", "कीजिए"},
		{"phone", "fone"},
	} {
		for _, s := range group[1:] {
			if a, b := sound(group[0]), sound(s); a != b {
				t.Errorf("%q sounds %q, %q sounds %q", group[0], a, s, b)
			}
		}
	}
}

// Words that mean different things must not sound alike.
func TestSoundDiffers(t *testing.T) {
	for _, pair := range [][2]string{{"kal", "kali"}, {"ghanta", "ghanti"}, {"teen", "tarson"}, {"sham", "shyam"}, {"das", "dus"}, {"baje", "baja"}} {
		if a, b := sound(pair[0]), sound(pair[1]); a == b {
			t.Errorf("%q and %q both sound %q", pair[0], pair[1], a)
		}
	}
}

func TestBones(t *testing.T) {
	for _, pair := range [][2]string{{"tomorrow", "tommorow"}, {"mangalvaar", "manglwar"}, {"wednesday", "wednsday"}, {"thursday", "thrusday"}} {
		a, b := string(Bones(nil, []byte(sound(pair[0])))), string(Bones(nil, []byte(sound(pair[1]))))
		if a != b || len(a) < MinBones {
			t.Errorf("%q has bones %q, %q has %q", pair[0], a, pair[1], b)
		}
	}
}

func FuzzSpell(f *testing.F) {
	f.Add("कल शाम")
	f.Add("subah \xff")
	f.Fuzz(func(t *testing.T, s string) {
		folded := Fold(nil, s)
		if n := len(folded); n > 3*len(s) {
			t.Fatalf("%d bytes fold to %d", len(s), n)
		}
		snd := Sound(nil, folded)
		if len(snd) > 2*len(folded) {
			t.Fatalf("%q sounds %q", s, snd)
		}
		Bones(nil, snd)
	})
}
