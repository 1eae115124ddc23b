package dialler

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
)

func TestParseNumber(t *testing.T) {
	for _, tt := range []struct {
		in, region string
		want       Number
	}{
		{"+919812345678", "", "+919812345678"},
		{"+919812345678", "IN", "+919812345678"},
		{"+919812345678", "US", "+919812345678"},
		{" +91 98123 45678 ", "", "+919812345678"},
		{"+91-98123-45678", "", "+919812345678"},
		{"+91 (98123) 45678", "", "+919812345678"},
		{"＋９１９８１２３４５６７８", "", "+919812345678"},
		{"+९१९८१२३४५६७८", "", "+919812345678"},
		{"९८१२३४५६७८", "IN", "+919812345678"},
		{"9812345678", "IN", "+919812345678"},
		{"09812345678", "IN", "+919812345678"},
		{"919812345678", "IN", "+919812345678"},
		{"00919812345678", "IN", "+919812345678"},
		{"(212) 555-0123", "US", "+12125550123"},
		{"1-212-555-0123", "US", "+12125550123"},
		{"020 7946 0018", "GB", "+442079460018"},
		{"+390612345678", "", "+390612345678"}, // Italy keeps its zero
		{"+6421123456", "", "+6421123456"},
	} {
		got, err := ParseNumber(tt.in, tt.region)
		if err != nil || got != tt.want {
			t.Errorf("%q in %q: %q, %v; want %q", tt.in, tt.region, got, err, tt.want)
		}
	}
}

// What is read at a glance is what a closer look would have read: for every
// region, numbers of every length and beginning.
func TestPlainNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2)) // the same at every run: a failure can be looked into
	regions := append(slices.Sorted(maps.Keys(phonenumbers.GetSupportedRegions())), "", "XX", "001", "in")
	beginnings := []string{"", "+", "0", "00", "1", "+1", "011", "+0", "+91", "+800", "+881", "810", "119", "8", "06", "15"}
	glances := 0
	for _, region := range regions {
		code := strconv.Itoa(phonenumbers.GetCountryCodeForRegion(region))
		example := ""
		if n := phonenumbers.GetExampleNumber(region); n != nil {
			example = phonenumbers.GetNationalSignificantNumber(n)
		}
		for range 100 {
			var b strings.Builder
			if r.IntN(3) == 0 {
				b.WriteString([]string{"+", ""}[r.IntN(2)] + code)
			}
			switch r.IntN(4) {
			case 0:
				b.WriteString(phonenumbers.GetNddPrefixForRegion(region, true))
			case 1:
				b.WriteString(beginnings[r.IntN(len(beginnings))])
			}
			if r.IntN(2) == 0 {
				b.WriteString(example)
			} else {
				for range r.IntN(14) {
					b.WriteByte(byte('0' + r.IntN(10)))
					if r.IntN(12) == 0 {
						b.WriteString([]string{" ", "-", "  ", ".", "/"}[r.IntN(5)])
					}
				}
			}
			s := b.String()
			if got := plainNumber(s, region); got != "" {
				glances++
				if want, err := closeNumber(s, region); got != want {
					t.Errorf("%q in %q: %s at a glance, %s at a closer look (%v)", s, region, got, want, err)
				}
			}
		}
	}
	if glances < 2000 {
		t.Errorf("only %d numbers were read at a glance: it is of no use", glances)
	}
}

func BenchmarkParseNumber(b *testing.B) {
	for _, tt := range []struct{ name, s, region string }{
		{"national", "98123 45678", "IN"}, {"e164", "+919812345678", ""}, {"prefixed", "09812345678", "IN"},
	} {
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseNumber(tt.s, tt.region); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestParseNumberRefuses(t *testing.T) {
	for _, tt := range []struct {
		in, region string
		says       string
	}{
		{"", "IN", `"" is not a phone number`},
		{" ", "IN", "is not a phone number"},
		{"+", "", "is not a phone number"},
		{"9812345678", "", "want E.164, such as +919812345678"},
		{"00919812345678", "", "want E.164"},
		{"98123", "IN", "too short"},
		{"981234567890123", "IN", "too long"},
		{"+99912345678", "", "country code"},
		{"+9198123456789012345", "", "too long"},
		{"555-0123", "US", "area code is missing"},
		{"9812345678", "XX", "national number of XX"},
		{"9.19812E+11", "IN", "the letter 'E'"},
		{"98123O5678", "IN", "the letter 'O'"},
		{"1-800-FLOWERS", "US", "the letter 'F'"},
		{"+919812345678 ext 12", "", "the letter 'e'"},
		{"tel:+919812345678", "", "the letter 't'"},
		{"+919812345678;phone-context=evil", "", "the letter 'p'"},
		{"n/a", "IN", "the letter 'n'"},
		{"नहीं", "IN", "the letter"},
		{strings.Repeat("9", 65), "IN", "65 bytes long"},
		{strings.Repeat("\xff", 65), "IN", "65 bytes long"},
		{"\x00", "IN", "is not a phone number"},
	} {
		got, err := ParseNumber(tt.in, tt.region)
		if err == nil || got != "" || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%q in %q: %q, %v; want an error with %q in it", tt.in, tt.region, got, err, tt.says)
			continue
		}
		if !utf8.ValidString(err.Error()) || strings.ContainsAny(err.Error(), "\r\n\x00") || len(err.Error()) > 300 {
			t.Errorf("%q in %q: the error is not fit to print: %q", tt.in, tt.region, err)
		}
		if !strings.Contains(err.Error(), "want ") {
			t.Errorf("%q in %q: %v does not say what would be right", tt.in, tt.region, err)
		}
	}
}

func TestNumberCheck(t *testing.T) {
	for _, n := range []Number{"+91981", "+919812345678", "+123456789012345"} {
		if err := n.Check(); err != nil {
			t.Errorf("%q: %v", n, err)
		}
	}
	for _, n := range []Number{
		"", "+", "+1234", "919812345678", "+0919812345678", "+1234567890123456", "+91 9812345678", "+91981234567a", "+91981234567\n",
		"++919812345678", "+91981234567٣", "+919812;ext=1", "+919812&x", "+919812/t", "+919812@h", "+919812,1", "+919812${x}", "+919812'", "-919812345678", "+91981\x00",
	} {
		if err := n.Check(); err == nil {
			t.Errorf("%q passes for E.164", n)
		} else if !strings.Contains(err.Error(), "want +") {
			t.Errorf("%q: %v does not say what would be right", n, err)
		}
	}
}

func TestDigits(t *testing.T) {
	if got := Number("+919812345678").Digits(); got != "919812345678" {
		t.Error(got)
	}
	if got := Number("").Digits(); got != "" {
		t.Error(got)
	}
}

// FuzzParseNumber: whatever a list holds, what comes of it passes Check, and
// reads as itself.
func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{"+919812345678", "98123 45678", "9.19812E+11", "tel:+91;ext=3", "+१२३", "+1 (212) 555-0123x9", "00", "+800 1234 5678", "*#06#", "+91%0d%0a"} {
		f.Add(s, "IN")
	}
	f.Add("123456", "")
	f.Add("112", "GB")
	f.Fuzz(func(t *testing.T, s, region string) {
		n, err := ParseNumber(s, region)
		if err != nil {
			if n != "" {
				t.Fatalf("%q in %q: %q and %v", s, region, n, err)
			}
			return
		}
		if err := n.Check(); err != nil {
			t.Fatalf("%q in %q: %v", s, region, err)
		}
		if again, err := ParseNumber(string(n), ""); err != nil || again != n {
			t.Fatalf("%q in %q is %q, which reads as %q, %v", s, region, n, again, err)
		}
	})
}
