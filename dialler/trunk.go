package dialler

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Where a trunk's dial string takes the number.
const (
	placeNumber = "{number}"
	placeDigits = "{digits}"
)

// DialString returns what to dial to reach n by this trunk. It fails on
// anything but an E.164 number, so nothing from a contact list can add to the
// dial string (I10), and on a trunk with no place for a number.
func (t Trunk) DialString(n Number) (string, error) {
	if err := n.Check(); err != nil {
		return "", err
	}
	if !t.takesNumber() {
		return "", fmt.Errorf("trunk %q would dial %q whoever is to be rung; want {number} or {digits} in it", t.Name, t.Dial)
	}
	return strings.NewReplacer(placeNumber, string(n), placeDigits, n.Digits()).Replace(t.Dial), nil
}

// Check is as [Campaign.Check].
func (t Trunk) Check() error {
	var errs []error
	bad := func(ok bool, field string, got any, want string) {
		if !ok {
			errs = append(errs, &FieldError{field, fmt.Sprintf("%q", fmt.Sprint(got)), want})
		}
	}
	bad(named(t.Name), "name", t.Name, nameForm)
	bad(t.Switch != "", "switch", t.Switch, "the name of a switch")
	bad(t.takesNumber() && printable(t.Dial), "dial", t.Dial,
		"a dial string with {number} or {digits} in it, such as PJSIP/{number}@trunk, at most 1000 printable characters")
	bad(t.Channels >= 0, "channels", t.Channels, "0 (no limit) or more")
	bad(t.CPS >= 0 && t.CPS <= 1000, "cps", t.CPS, "0 (no limit) to 1000")
	return errors.Join(errs...)
}

func (t Trunk) takesNumber() bool {
	return strings.Contains(t.Dial, placeNumber) || strings.Contains(t.Dial, placeDigits)
}

const nameForm = "1 to 100 printable characters, no space at either end"

// named reports whether s will do as the name of a thing.
func named(s string) bool {
	return s != "" && utf8.RuneCountInString(s) <= 100 && printable(s) && strings.TrimSpace(s) == s
}

// printable reports whether s is at most 1000 characters that can be seen, the
// space among them: no CR, no LF, nothing to end a line of a protocol with.
func printable(s string) bool {
	return utf8.RuneCountInString(s) <= 1000 && utf8.ValidString(s) &&
		strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}
