package dialler

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
)

// A Number is a telephone number in E.164 form, plus sign included:
// "+919812345678". It holds nothing else, so it may be put into a dial string.
type Number string

// ParseNumber reads a number as people write it. A number without a leading
// "+" is read as one of region, an ISO 3166 code such as "IN"; with region ""
// only the international form is accepted.
//
// The check is libphonenumber's "possible", which looks at the length, not
// "valid", which knows the ranges in use today: a carrier opens new ones
// before any library hears of them.
//
// Letters are refused, though libphonenumber would read them as a telephone's
// keys: in a list they are a spreadsheet's "9.19812E+11", an "O" for a zero or
// an extension we cannot dial, and each would ring a stranger.
//
// Spaces, hyphens, dots and brackets are passed over; digits may be Latin,
// Devanagari, Arabic or full-width. The error names what came and what would be right.
func ParseNumber(s, region string) (Number, error) {
	if len(s) > 64 {
		return "", fmt.Errorf("%.20q… is not a phone number (%d bytes long); want at most 15 digits", s, len(s))
	}
	if n := plainNumber(s, region); n != "" {
		return n, nil
	}
	return closeNumber(s, region)
}

// closeNumber is ParseNumber by libphonenumber alone.
func closeNumber(s, region string) (Number, error) {
	want := "want E.164, such as +919812345678"
	if region != "" {
		want += ", or a national number of " + region
	}
	if i := strings.IndexFunc(s, unicode.IsLetter); i >= 0 {
		r, _ := utf8.DecodeRuneInString(s[i:])
		return "", fmt.Errorf("%q is not a phone number (it has the letter %q in it); %s", s, r, want)
	}
	n, err := phonenumbers.Parse(strings.Map(latinDigit, s), region)
	if err != nil {
		return "", fmt.Errorf("%q is not a phone number (%w); %s", s, err, want)
	}
	if why := phonenumbers.IsPossibleNumberWithReason(n); why != phonenumbers.IS_POSSIBLE {
		return "", fmt.Errorf("%q is not a phone number (%s); %s", s, possible[why], want)
	}
	e164 := Number(phonenumbers.Format(n, phonenumbers.E164))
	if err := e164.Check(); err != nil {
		return "", err
	}
	return e164, nil
}

// latinDigit makes 0 to 9 of Devanagari's digits, which libphonenumber does not
// know; it knows the full-width and the Arabic ones.
func latinDigit(r rune) rune {
	if r >= '०' && r <= '९' {
		return r - '०' + '0'
	}
	return r
}

var possible = map[phonenumbers.ValidationResult]string{
	phonenumbers.INVALID_COUNTRY_CODE:   "no such country code",
	phonenumbers.TOO_SHORT:              "too short",
	phonenumbers.TOO_LONG:               "too long",
	phonenumbers.INVALID_LENGTH:         "wrong length",
	phonenumbers.IS_POSSIBLE_LOCAL_ONLY: "the area code is missing",
}

// Check reports whether n has the form of E.164: a plus sign, then 5 to 15
// digits, the first not zero (ITU-T E.164 §6). It is what stands between a
// contact list and the dial string, so nothing is dialled that fails it.
func (n Number) Check() error {
	if len(n) < 6 || len(n) > 16 || n[0] != '+' || n[1] == '0' {
		return fmt.Errorf("%.20q is not an E.164 number; want + and 5 to 15 digits", string(n))
	}
	for _, c := range n[1:] {
		if c < '0' || c > '9' {
			return fmt.Errorf("%.20q is not an E.164 number; want + and 5 to 15 digits", string(n))
		}
	}
	return nil
}

// Digits returns n without its plus sign, as many trunks want it.
func (n Number) Digits() string {
	if n == "" {
		return ""
	}
	return string(n[1:])
}
