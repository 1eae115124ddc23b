package console

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"ringback/dialler"
)

// A form is what somebody has typed, and what is said of it. Its fields have
// the names that the API and the configuration give them, so that what is wrong
// with one is said in the same words everywhere.
type form struct {
	Action string
	CSRF   string
	Values url.Values
	Wrong  map[string]string // by field, or by a group of them ("window.hours")
	Locked map[string]string // why a field cannot be changed
	Notes  map[string]string // what else is to be said, by where it is said

	unread map[string]bool   // fields that are no number, of which nothing more need be said
	typed  map[string]string // what was made a number of, or a duration, or capitals
}

// Get is what stands in a field.
func (f form) Get(name string) string { return f.Values.Get(name) }

// On reports whether a box is ticked, or value is chosen where there are several.
func (f form) On(name, value string) bool {
	for _, v := range f.Values[name] {
		if v == value {
			return true
		}
	}
	return false
}

// blame takes down what err says of each field. What is no field error is
// returned as it is.
func (f *form) blame(err error) error {
	if err == nil {
		return nil
	}
	list := dialler.FieldErrors(err)
	if list == nil {
		return err
	}
	if f.Wrong == nil {
		f.Wrong = map[string]string{}
	}
	for _, fe := range list {
		if typed, ok := f.typed[fe.Field]; ok { // "1000h", not "1000h0m0s"; nothing, not 0
			fe = &dialler.FieldError{Field: fe.Field, Got: strconv.Quote(typed), Want: fe.Want}
		}
		switch {
		case f.unread[fe.Field]:
		case f.Wrong[fe.Field] == "":
			f.Wrong[fe.Field] = said(fe)
		default:
			f.Wrong[fe.Field] += " " + said(fe)
		}
	}
	return nil
}

// noNumber takes down that a field is none.
func (f *form) noNumber(name, text, want string) {
	_ = f.blame(&dialler.FieldError{Field: name, Got: strconv.Quote(text), Want: want})
	if f.unread == nil {
		f.unread = map[string]bool{}
	}
	f.unread[name] = true
}

// said is what is wrong with a field, as it stands beneath it.
func said(fe *dialler.FieldError) string {
	if fe.Got == `""` {
		return fmt.Sprintf("Nothing is given; want %s.", fe.Want)
	}
	return fmt.Sprintf("Got %s; want %s.", fe.Got, shortSpans.Replace(fe.Want))
}

// shortSpans takes off the zeros that Go puts at the end of a duration.
var shortSpans = strings.NewReplacer("h0m0s", "h", "m0s", "m")

// raw is what was typed into a field that something is made of.
func (f *form) raw(name string) string {
	if f.typed == nil {
		f.typed = map[string]string{}
	}
	f.typed[name] = strings.TrimSpace(f.Get(name))
	return f.typed[name]
}

// number reads a field that holds a whole number; empty is zero.
func (f *form) number(name string) int {
	text := f.raw(name)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		f.noNumber(name, text, "a whole number")
	}
	return n
}

// decimal reads a field that holds a number; empty is zero.
func (f *form) decimal(name string) float64 {
	text := f.raw(name)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) {
		f.noNumber(name, text, "a number such as 2 or 0.5")
	}
	return n
}

// onlyChecks reports whether the script asks what is wrong with a form so far.
func onlyChecks(r *http.Request) bool { return r.Header.Get("Ringback-Check") != "" }

// checked answers the script with what is wrong.
func checked(w http.ResponseWriter, f form) {
	wrong := f.Wrong
	if wrong == nil {
		wrong = map[string]string{}
	}
	body, _ := json.Marshal(map[string]any{"wrong": wrong, "notes": f.Notes}) // text only
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // the browser may be gone; there is nobody to tell
}

// anchor is a name as an ID of the page, which has no space in it.
func anchor(name string) string {
	var b strings.Builder
	for _, r := range name {
		switch {
		case r == '.':
			b.WriteByte('-')
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "_%x", r)
		}
	}
	return b.String()
}
