package dialler

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// A Context is what the bot is told on connect. It travels three ways, all
// made from one list of fields: channel variables RINGBACK_*, SIP headers
// X-Ringback-*, and one JSON object.
type Context struct {
	Call       CallID            `json:"call_id"`
	Campaign   string            `json:"campaign"`
	CampaignID CampaignID        `json:"campaign_id"`
	Contact    ContactID         `json:"contact_id"`
	Number     Number            `json:"number"`
	Attempt    int               `json:"attempt"` // 1 for the contact's first in this run
	Class      Class             `json:"class"`
	Callback   *CallbackContext  `json:"callback,omitempty"` // nil on an ordinary call
	Vars       map[string]string `json:"variables,omitempty"`
	Truncated  bool              `json:"truncated,omitempty"` // some text was cut; the whole is at GET /v1/calls/{id}/context
}

// A CallbackContext is what the customer said when they asked to be rung.
type CallbackContext struct {
	Phrase      string    `json:"preferred_time_text"`
	Reason      string    `json:"reason"`
	RequestedAt time.Time `json:"requested_at"`
	ScheduledAt time.Time `json:"scheduled_at"` // the first time promised
	Chain       int       `json:"chain"`        // which promise in a row this is, from 1
	Attempt     int       `json:"attempt"`      // which try at keeping it, from 1
	AskedOn     CallID    `json:"asked_on"`
}

// NewContext is the context of the call that lease l is for.
func NewContext(l Lease, c Campaign) Context {
	x := Context{
		Call: l.Attempt.ID, Campaign: c.Name, CampaignID: c.ID, Contact: l.Contact.ID,
		Number: l.Attempt.Number, Attempt: l.Attempt.N, Class: l.Attempt.Class, Vars: l.Contact.Vars,
	}
	if cb := l.Contact.Callback; cb != nil {
		x.Callback = &CallbackContext{
			Phrase: cb.Phrase, Reason: cb.Reason, RequestedAt: cb.Requested, ScheduledAt: cb.Scheduled,
			Chain: cb.Chain, Attempt: cb.Attempts + 1, AskedOn: cb.AskedOn,
		}
	}
	return x
}

// Limits of what goes to a switch, in bytes once encoded: a SIP message over
// UDP has 64 KB for everything, and proxies on the way allow less.
const (
	MaxValue = 4000  // of one header or variable; Asterisk's dialplan cuts one at 4072
	MaxTotal = 16384 // of all headers of a call, names and line ends included
	MaxJSON  = 16384 // of RINGBACK_CONTEXT
)

// A Var is a name and a value. The name is letters, digits, hyphens and
// underscores; the value is percent-encoded UTF-8 (RFC 3986 §2.1), nothing but
// unreserved characters and %XX, so neither needs escaping in a SIP header, a
// dial string or a variable. The one exception is RINGBACK_CONTEXT, whose value
// is JSON: printable ASCII with quotes, commas and braces, for an interface
// that takes a value whole, never for a dial string.
type Var struct{ Name, Value string }

// Variables returns the context as channel variables, RINGBACK_CALL_ID and so
// on, in a fixed order; contact variables are RINGBACK_VAR_ and their name in
// upper case, what is no letter or digit turned into "_". The last is
// RINGBACK_CONTEXT, the JSON of the whole. Where something had to be cut or
// left out to hold the limits, RINGBACK_TRUNCATED is "1".
func (x Context) Variables() []Var {
	vars := x.named(func(field string) string {
		return "RINGBACK_" + strings.ToUpper(strings.ReplaceAll(field, "-", "_"))
	})
	return append(vars, Var{"RINGBACK_CONTEXT", string(x.JSON(MaxJSON))})
}

// Headers returns the context as SIP headers, X-Ringback-Call-Id and so on,
// in a fixed order, contact variables last as X-Ringback-Var-…; they are as
// [Context.Variables] says, "-" for "_", and without the JSON.
func (x Context) Headers() []Var {
	return x.named(func(field string) string { return "X-Ringback-" + field })
}

// UserToUser returns the context as the value of a User-to-User header (RFC
// 7433 §4), hex-encoded JSON; one too long for that holds the call's ID only.
func (x Context) UserToUser() string {
	const most = 1024
	b := x.JSON(MaxJSON)
	if len(b) > most {
		b, _ = json.Marshal(map[string]CallID{"call_id": x.Call}) // a map of strings cannot fail
	}
	return hex.EncodeToString(b) + ";encoding=hex"
}

func (x Context) named(name func(field string) string) []Var {
	var out []Var
	const lineEnds = len(": ") + len("\r\n")
	truncated := Var{name("Truncated"), "1"}
	cut, total := false, len(truncated.Name)+len(truncated.Value)+lineEnds
	add := func(field, value string) {
		v, short := percent(value, MaxValue)
		n := name(field)
		cut = cut || short
		if size := len(n) + len(v) + lineEnds; total+size <= MaxTotal {
			total += size
			out = append(out, Var{n, v})
		} else {
			cut = true
		}
	}
	add("Call-Id", string(x.Call))
	add("Campaign", x.Campaign)
	add("Campaign-Id", strconv.FormatInt(int64(x.CampaignID), 10))
	add("Contact-Id", strconv.FormatInt(int64(x.Contact), 10))
	add("Number", string(x.Number))
	add("Attempt", strconv.Itoa(x.Attempt))
	add("Class", string(x.Class))
	if cb := x.Callback; cb != nil {
		add("Callback-Phrase", cb.Phrase)
		add("Callback-Reason", cb.Reason)
		add("Callback-Requested-At", cb.RequestedAt.UTC().Format(time.RFC3339))
		add("Callback-Scheduled-At", cb.ScheduledAt.UTC().Format(time.RFC3339))
		add("Callback-Chain", strconv.Itoa(cb.Chain))
		add("Callback-Attempt", strconv.Itoa(cb.Attempt))
		add("Callback-Asked-On", string(cb.AskedOn))
	}
	seen := map[string]bool{}
	for _, k := range slices.Sorted(maps.Keys(x.Vars)) {
		field := "Var-" + token(k)
		if seen[strings.ToUpper(field)] {
			cut = true // two columns whose names differ only in what a header cannot carry
			continue
		}
		seen[strings.ToUpper(field)] = true
		cut = cut || len(k) > maxToken
		add(field, x.Vars[k])
	}
	if cut {
		out = append(out, truncated)
	}
	return out
}

// JSON returns the context as one JSON object in pure printable ASCII, times in
// UTC, at most limit bytes (0: no limit). Truncated says that text was cut or
// variables were left out for that: first the fixed fields have their room, a
// quarter of limit each for phrase and reason, then variables by name as they
// fit. A limit under 2048, too little for the fixed fields, is taken as 2048.
//
// "$", "{" and "}" inside its strings are escaped, so that no dialplan expands
// a part of it and its braces always balance.
func (x Context) JSON(limit int) []byte {
	x.Callback = x.Callback.inUTC()
	b := ascii(x)
	if limit <= 0 || len(b) <= max(limit, 2048) {
		return b
	}
	limit = max(limit, 2048)
	x.Truncated = true
	x.Call, x.Number, x.Class = CallID(shorten(string(x.Call), 64)), Number(shorten(string(x.Number), 32)), Class(shorten(string(x.Class), 32))
	x.Campaign = shorten(x.Campaign, limit/16)
	if cb := x.Callback; cb != nil { // a copy of our own by now
		cb.Phrase, cb.Reason = shorten(cb.Phrase, limit/4), shorten(cb.Reason, limit/4)
		cb.AskedOn = CallID(shorten(string(cb.AskedOn), 64))
	}
	vars := x.Vars
	x.Vars = nil
	room := limit - len(ascii(x)) - len(`"variables":{},`)
	kept := map[string]string{}
	for _, k := range slices.Sorted(maps.Keys(vars)) {
		v := shorten(vars[k], limit/16)
		if size := escaped(k) + escaped(v) + len(`"":"",`); size <= room {
			room -= size
			kept[k] = v
		}
	}
	x.Vars = kept
	return ascii(x)
}

// inUTC returns a copy with times that JSON can hold, which has no year after
// 9999: such a time becomes zero.
func (cb *CallbackContext) inUTC() *CallbackContext {
	if cb == nil {
		return nil
	}
	c := *cb
	for _, t := range []*time.Time{&c.RequestedAt, &c.ScheduledAt} {
		if *t = t.UTC(); t.Year() < 0 || t.Year() > 9999 {
			*t = time.Time{}
		}
	}
	return &c
}

// escaped is how many bytes s is inside the quotes of a JSON string of ascii's.
func escaped(s string) int {
	plain, _ := json.Marshal(s) // a string always marshals
	return len(toASCII(plain)) - len(`""`)
}

// shorten cuts s between characters to at most n bytes escaped.
func shorten(s string, n int) string {
	s = clip(s, n) // no character is shorter escaped
	for over := escaped(s) - n; over > 0; over = escaped(s) - n {
		// A byte escaped is 6 at most, so at least a sixth of what is over
		// must go; the rest is looked at again.
		s = clip(s, len(s)-(over+5)/6)
	}
	return s
}

func ascii(x Context) []byte {
	plain, err := json.Marshal(x)
	if err != nil { // strings, numbers and times that inUTC has seen to
		panic(fmt.Sprintf("dialler: a context does not marshal: %v", err))
	}
	return toASCII(plain)
}

// toASCII escapes what of valid JSON is not printable ASCII, and of what is, the
// characters that a dialplan may take for its own.
func toASCII(plain []byte) []byte {
	out := make([]byte, 0, len(plain)+len(plain)/4)
	unit := func(u rune) { // a UTF-16 code unit
		const digits = "0123456789abcdef"
		out = append(out, '\\', 'u', digits[u>>12&15], digits[u>>8&15], digits[u>>4&15], digits[u&15])
	}
	inString := false
	for i := 0; i < len(plain); {
		r, n := utf8.DecodeRune(plain[i:])
		switch {
		case r == '\\':
			n = 2 // an escape; what it escapes is ASCII
			out = append(out, plain[i:i+n]...)
		case r == '"':
			inString = !inString
			out = append(out, '"')
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			unit(high)
			unit(low)
		case r >= 0x7f || inString && (r == '$' || r == '{' || r == '}'):
			unit(r)
		default:
			out = append(out, byte(r))
		}
		i += n
	}
	return out
}

// percent encodes all but the unreserved characters of RFC 3986 §2.3, and
// stops before a character that would pass limit.
func percent(s string, limit int) (encoded string, cut bool) {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		plain := r < utf8.RuneSelf && (alphanumeric(r) || strings.ContainsRune("-._~", r))
		size := 3 * utf8.RuneLen(r)
		if plain {
			size = 1
		}
		if b.Len()+size > limit {
			return b.String(), true
		}
		if plain {
			b.WriteRune(r)
			continue
		}
		for _, c := range []byte(string(r)) {
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		}
	}
	return b.String(), false
}

// token makes of a column's name one that a header and a variable can bear:
// letters, digits and hyphens, of no more than its first maxToken bytes.
func token(s string) string {
	return strings.Map(func(r rune) rune {
		if alphanumeric(r) {
			return r
		}
		return '-'
	}, clip(s, maxToken))
}

const maxToken = 64

func alphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// clip cuts s to at most n bytes, between characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
