package dialler

import (
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/nyaruka/phonenumbers"
)

// A plan is what has to be known of a region's numbering plan to tell that a
// number written plainly needs nothing done to it.
type plan struct {
	country string         // its country code
	abroad  *regexp.Regexp // how a number begins that is dialled out of the region; nil: never
	trunk   *regexp.Regexp // how one begins that has a national prefix, or is rewritten; nil: never
	lengths *[18]bool      // how many digits a number of the country code may have
}

type plans struct {
	region  map[string]*plan
	country map[string]*plan // of the region that speaks for a country code
}

// numbering reads them from libphonenumber's own tables; empty if it cannot,
// and then every number goes the long way.
var numbering = sync.OnceValue(func() (p plans) {
	p.region, p.country = map[string]*plan{}, map[string]*plan{}
	all, err := phonenumbers.MetadataCollection()
	if err != nil {
		return p
	}
	lengths := map[int]*[18]bool{}
	for _, m := range all.GetMetadata() {
		code := int(m.GetCountryCode())
		if m.GetId() == "001" {
			continue // a service of no region, such as +800
		}
		at, ok1 := beginning(m.GetInternationalPrefix())
		np, ok2 := beginning(m.GetNationalPrefixForParsing())
		if !ok1 || !ok2 {
			continue
		}
		if lengths[code] == nil {
			lengths[code] = possibleLengths(code)
		}
		one := &plan{country: strconv.Itoa(code), abroad: at, trunk: np, lengths: lengths[code]}
		p.region[m.GetId()] = one
		if phonenumbers.GetRegionCodeForCountryCode(code) == m.GetId() {
			p.country[one.country] = one
		}
	}
	return p
})

func beginning(pattern string) (*regexp.Regexp, bool) {
	if pattern == "" {
		return nil, true
	}
	re, err := regexp.Compile("^(?:" + pattern + ")")
	return re, err == nil
}

func possibleLengths(code int) *[18]bool {
	var out [18]bool
	country, national := int32(code), uint64(1)
	for n := 1; n < len(out); n++ {
		why := phonenumbers.IsPossibleNumberWithReason(&phonenumbers.PhoneNumber{CountryCode: &country, NationalNumber: &national})
		out[n] = why == phonenumbers.IS_POSSIBLE
		national *= 10
	}
	return &out
}

// plainNumber reads a number that is written plainly, digits with at most a
// space or a hyphen between two of them, and to which libphonenumber would do
// nothing but put the country code before it. It is for lists of a million:
// libphonenumber needs twenty microseconds for what is here one. "" is not a
// refusal: it takes a closer look.
func plainNumber(s, region string) Number {
	plus := strings.HasPrefix(s, "+")
	if plus {
		s = s[1:]
	}
	var buf [16]byte
	digits, between := buf[:0], true
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			if len(digits) == 15 {
				return ""
			}
			digits, between = append(digits, c), false
		case (c == ' ' || c == '-') && !between:
			between = true
		default:
			return ""
		}
	}
	if between || len(digits) < 6 || digits[0] == '0' {
		return ""
	}
	var p *plan
	national := digits
	if plus {
		for n := 1; n <= 3 && p == nil; n++ { // country codes are of 1 to 3 digits, none the beginning of another
			p, national = numbering().country[string(digits[:n])], digits[n:]
		}
	} else {
		p = numbering().region[region]
		if p != nil && (p.abroad != nil && p.abroad.Match(digits) || strings.HasPrefix(string(digits), p.country)) {
			return ""
		}
	}
	switch {
	case p == nil, !p.lengths[len(national)], national[0] == '0', p.trunk != nil && p.trunk.Match(national):
		return ""
	case plus:
		return Number("+" + string(digits))
	}
	if n := Number("+" + p.country + string(digits)); n.Check() == nil {
		return n
	}
	return ""
}
