package dialler

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// ContactStates lists them all, as operators go through them.
var ContactStates = []ContactState{Pending, CallbackScheduled, RetryScheduled, Dialling, Completed, Exhausted,
	MachineReached, AbandonedContact, WindowClosed, Stopped, ExcludedContact}

// Normal returns the query with its order and limit as they are meant, or a
// [*FieldError].
func (q ContactQuery) Normal() (ContactQuery, error) {
	if q.Test {
		q.State, q.Number, q.Order = "", "", ByNewest
	}
	if err := CheckPrefix(q.Number); err != nil {
		return q, err
	}
	if q.State != "" && !slices.Contains(ContactStates, q.State) {
		return q, &FieldError{"state", strconv.Quote(string(q.State)), "nothing, or a state of a contact such as pending or callback_scheduled"}
	}
	switch q.Order {
	case ByList, ByNewest:
		if q.State != "" || q.Number != "" {
			q.Order = ByNumber
		}
	case ByNumber:
	case ByDue:
		if q.State != "" && !q.State.Waiting() {
			return q, &FieldError{"order", strconv.Quote(string(q.Order)), fmt.Sprintf("another order: a contact that is %s is not due", q.State)}
		}
		if q.Number != "" {
			q.Order = ByNumber
		}
	default:
		return q, &FieldError{"order", strconv.Quote(string(q.Order)), "nothing (as added), newest, number or due"}
	}
	if q.Limit <= 0 {
		q.Limit = 100
	}
	q.Limit = min(q.Limit, 1000)
	return q, nil
}

// CheckPrefix returns a [*FieldError] on "number" unless s is how an E.164
// number begins, or empty.
func CheckPrefix(s string) error {
	ok := s == "" || s[0] == '+' && len(s) <= 16
	for _, c := range s[min(1, len(s)):] {
		ok = ok && c >= '0' && c <= '9'
	}
	if !ok {
		return &FieldError{"number", strconv.Quote(s), "how a number begins, with its plus, such as +9198"}
	}
	return nil
}

// TooManyMatches says that a search by number found more than [MaxMatches].
func TooManyMatches(number string) error {
	return &FieldError{"number", strconv.Quote(number), fmt.Sprintf("more digits: more than %d contacts of the campaign have a number that begins so", MaxMatches)}
}

// NumberPrefixes reads how a number begins, as people type it, and returns what
// it may mean, the likeliest first: "98123" in a campaign of region IN is
// +9198123, or a number of another country, +98123. The error is a
// [*FieldError] on "number".
func NumberPrefixes(typed, region string) ([]string, error) {
	digits := strings.Map(func(r rune) rune {
		switch r = latinDigit(r); r {
		case ' ', '-', '.', '(', ')', '/', '\t', '\u00a0':
			return -1
		}
		return r
	}, typed)
	if digits == "" {
		return nil, nil
	}
	abroad, plus := strings.CutPrefix(digits, "+")
	if !plus {
		abroad, plus = strings.CutPrefix(digits, "00") // as dialled from most countries
	}
	if err := CheckPrefix("+" + abroad); err != nil {
		return nil, &FieldError{"number", strconv.Quote(typed), "digits: a number, or how it begins, such as +9198 or 98123"}
	}
	code := phonenumbers.GetCountryCodeForRegion(region)
	if plus || code == 0 {
		return []string{"+" + abroad}, nil
	}
	var list []string
	for _, p := range []string{fmt.Sprintf("+%d%s", code, strings.TrimLeft(digits, "0")), "+" + digits} {
		if CheckPrefix(p) == nil && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list, nil
}
