package dialler

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// AnalysisVariables are the channel variables by which a bot that lives in the
// switch's own dialplan says what came of a call, where others POST an
// analysis. RINGBACK_CALLBACK_REQUESTED or RINGBACK_ANALYSIS makes one; the
// others add to it.
var AnalysisVariables = []string{
	"RINGBACK_ANALYSIS",
	"RINGBACK_CALLBACK_REQUESTED",
	"RINGBACK_CALLBACK_PREFERRED_TIME_TEXT",
	"RINGBACK_CALLBACK_TIME_TEXT", // the same, shorter
	"RINGBACK_CALLBACK_REASON",
	"RINGBACK_CALLBACK_CONFIDENCE",
	"RINGBACK_REQUESTED_AT",
}

// AnalysisEvent names the dialplan's event that says the same at once: Asterisk's
// UserEvent(RingbackAnalysis,…), and on FreeSWITCH the subclass of a CUSTOM
// event.
const (
	AnalysisEvent    = "RingbackAnalysis"
	AnalysisSubclass = "ringback::analysis"
)

// AnalysisField is the key of an analysis that a channel variable or a field of
// an event stands for, "" for none: letter case, "-" for "_", and the prefix
// RINGBACK_ make no difference. RINGBACK_ANALYSIS is "analysis".
func AnalysisField(name string) string {
	name = strings.TrimPrefix(strings.ReplaceAll(strings.ToLower(name), "-", "_"), "ringback_")
	switch name {
	case "callback_time_text":
		return "callback_preferred_time_text"
	case "analysis", "callback_requested", "callback_preferred_time_text", "callback_reason", "callback_confidence", "requested_at":
		return name
	}
	return ""
}

// NewAnalysis makes the record of a call from what the dialplan said, by
// [AnalysisField], its values decoded; "": it said nothing that makes one. It
// is as hostile as one that is POSTed: callback.ParseAnalysis reads both.
//
// "analysis" is a JSON object to begin with; one that is not is kept as text.
// callback_requested may also be 1, yes, on and their opposites, as dialplans
// write them.
func NewAnalysis(said map[string]string) string {
	if said["callback_requested"] == "" && said["analysis"] == "" {
		return ""
	}
	record := map[string]json.RawMessage{}
	text := func(s string) json.RawMessage {
		b, _ := json.Marshal(s) // a string always marshals
		return b
	}
	if whole := said["analysis"]; whole != "" {
		if json.Unmarshal([]byte(whole), &record) != nil || record == nil {
			record = map[string]json.RawMessage{"analysis": text(whole)}
		}
	}
	for field, value := range said {
		if value == "" || field == "analysis" {
			continue
		}
		record[field] = text(value)
		switch field {
		case "callback_requested":
			switch strings.ToLower(strings.TrimSpace(value)) {
			case "1", "yes", "y", "on", "true":
				record[field] = json.RawMessage("true")
			case "0", "no", "n", "off", "false":
				record[field] = json.RawMessage("false")
			}
		case "callback_confidence":
			if f, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil {
				if b, err := json.Marshal(f); err == nil { // not NaN
					record[field] = b
				}
			}
		}
	}
	body, err := json.Marshal(record)
	if err != nil {
		return "" // what is in it was parsed or made by us
	}
	return string(body)
}

// Unpercent undoes percent-encoding as [Var] has it, and as URIENCODE() of a
// dialplan makes it. What is not an escape stays as it is, and so does a value
// whose escapes are not of UTF-8: then they were none.
func Unpercent(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if b, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				out = append(out, byte(b))
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	if !utf8.Valid(out) {
		return s
	}
	return string(out)
}
