package callback

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds on a post-call record. The record comes from outside and is hostile
// until parsed; what is longer than this is refused, not cut.
const (
	MaxAnalysisBytes = 256 << 10 // the whole record
	MaxPhraseBytes   = 16 << 10  // callback_preferred_time_text
	MaxReasonBytes   = 16 << 10  // callback_reason
)

// The keys of a post-call record that decide about a callback. No other key
// does, and no text is searched for words.
const (
	keyRequested  = "callback_requested"
	keyPhrase     = "callback_preferred_time_text"
	keyReason     = "callback_reason"
	keyConfidence = "callback_confidence"
	keyAt         = "requested_at"
)

// Analysis is the callback part of a post-call record.
type Analysis struct {
	// Requested is callback_requested; false if the key is absent or null.
	Requested bool
	// PreferredTimeText is callback_preferred_time_text, the customer's own
	// words, verbatim; empty if they named no time.
	PreferredTimeText string
	// Reason is callback_reason; may be empty.
	Reason string
	// Confidence is callback_confidence, 0 to 1; 0 if absent. It is kept for
	// people to look at: nothing is decided by it.
	Confidence float64
	// RequestedAt is requested_at, the moment the customer spoke. Zero if
	// absent: the end of the call stands in for it.
	RequestedAt time.Time
	// Raw is the whole record as it came, every key untouched.
	Raw json.RawMessage
}

// Request returns what a asks for, as heard at RequestedAt, or at ended if the
// record does not say when.
func (a Analysis) Request(ended time.Time) Request {
	heard := a.RequestedAt
	if heard.IsZero() {
		heard = ended
	}
	return Request{Phrase: a.PreferredTimeText, Reason: a.Reason, Confidence: a.Confidence, Heard: heard}
}

// FieldError says which field of a post-call record is wrong, what came, and
// what would have been right.
type FieldError struct {
	Field string // the JSON key, or "body" for the record as a whole
	Got   string // what came, shortened for a log line
	Want  string // what would be right
}

func (e *FieldError) Error() string {
	return fmt.Sprintf("%s: got %s, want %s", e.Field, e.Got, e.Want)
}

// ParseAnalysis reads a post-call record: one JSON object in UTF-8 of at most
// [MaxAnalysisBytes].
//
//	callback_requested            true or false; the strings "true" and "false" are
//	                              understood too, since some platforms template their
//	                              JSON from text
//	callback_preferred_time_text  text of at most MaxPhraseBytes
//	callback_reason               text of at most MaxReasonBytes
//	callback_confidence           a number from 0 to 1
//	requested_at                  RFC 3339, with an offset
//
// null is the same as absent. Of a key that is there twice the last one counts,
// as in encoding/json. Keys are matched exactly, in lower case. All other keys
// are kept in Raw. Every error is a [*FieldError].
func ParseAnalysis(body []byte) (Analysis, error) {
	if len(body) > MaxAnalysisBytes {
		return Analysis{}, &FieldError{"body", fmt.Sprintf("%d bytes", len(body)), fmt.Sprintf("at most %d", MaxAnalysisBytes)}
	}
	if !utf8.Valid(body) {
		return Analysis{}, &FieldError{"body", "bytes that are not UTF-8", "JSON in UTF-8"}
	}
	trimmed := bytes.TrimSpace(body)
	if len(trimmed) == 0 {
		return Analysis{}, &FieldError{"body", "nothing", "a JSON object"}
	}
	if trimmed[0] != '{' {
		return Analysis{}, &FieldError{"body", show(trimmed), "a JSON object"}
	}
	// A map, not a struct: encoding/json matches struct fields without regard to
	// case, and a "Callback_Requested" must not decide anything.
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(trimmed, &keys); err != nil {
		return Analysis{}, &FieldError{"body", "text that is not JSON (" + err.Error() + ")", "a JSON object"}
	}
	a := Analysis{Raw: bytes.Clone(trimmed)}
	var err error
	if a.Requested, err = boolField(keys, keyRequested); err != nil {
		return Analysis{}, err
	}
	if a.PreferredTimeText, err = textField(keys, keyPhrase, MaxPhraseBytes); err != nil {
		return Analysis{}, err
	}
	if a.Reason, err = textField(keys, keyReason, MaxReasonBytes); err != nil {
		return Analysis{}, err
	}
	if a.Confidence, err = unitField(keys, keyConfidence); err != nil {
		return Analysis{}, err
	}
	if a.RequestedAt, err = timeField(keys, keyAt); err != nil {
		return Analysis{}, err
	}
	return a, nil
}

// value returns the value of key, and false if it is absent or null.
func value(keys map[string]json.RawMessage, key string) (json.RawMessage, bool) {
	v, ok := keys[key]
	return v, ok && string(v) != "null"
}

func boolField(keys map[string]json.RawMessage, key string) (bool, error) {
	v, ok := value(keys, key)
	if !ok {
		return false, nil
	}
	switch strings.ToLower(strings.Trim(string(v), `"`)) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, &FieldError{key, show(v), "true or false"}
}

func textField(keys map[string]json.RawMessage, key string, limit int) (string, error) {
	v, ok := value(keys, key)
	if !ok {
		return "", nil
	}
	var s string
	if err := json.Unmarshal(v, &s); err != nil {
		return "", &FieldError{key, show(v), "text"}
	}
	if len(s) > limit {
		return "", &FieldError{key, fmt.Sprintf("%d bytes", len(s)), fmt.Sprintf("at most %d", limit)}
	}
	return s, nil
}

func unitField(keys map[string]json.RawMessage, key string) (float64, error) {
	v, ok := value(keys, key)
	if !ok {
		return 0, nil
	}
	var f float64
	if err := json.Unmarshal(v, &f); err != nil || f < 0 || f > 1 {
		return 0, &FieldError{key, show(v), "a number from 0 to 1"}
	}
	return f, nil
}

func timeField(keys map[string]json.RawMessage, key string) (time.Time, error) {
	v, ok := value(keys, key)
	if !ok {
		return time.Time{}, nil
	}
	const want = `a time in RFC 3339, such as "2025-03-12T11:20:00+05:30"`
	var s string
	if err := json.Unmarshal(v, &s); err != nil {
		return time.Time{}, &FieldError{key, show(v), want}
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, &FieldError{key, show(v), want}
	}
	return t, nil
}

// show shortens what came to what fits on a log line.
func show(v []byte) string {
	const most = 60
	s := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, string(v))
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// Body returns a as it is to be kept: Raw where it came from outside, else
// (an analysis made in code) its own keys as [ParseAnalysis] reads them. It
// fails on a Raw that is not JSON.
func (a Analysis) Body() (json.RawMessage, error) {
	if a.Raw != nil {
		if !json.Valid(a.Raw) {
			return nil, &FieldError{"body", show(a.Raw), "a JSON object"}
		}
		return a.Raw, nil
	}
	keys := map[string]any{keyRequested: a.Requested, keyPhrase: a.PreferredTimeText, keyReason: a.Reason, keyConfidence: a.Confidence}
	if !a.RequestedAt.IsZero() {
		keys[keyAt] = a.RequestedAt.Format(time.RFC3339Nano)
	}
	return json.Marshal(keys)
}
