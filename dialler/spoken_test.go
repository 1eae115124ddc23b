package dialler_test

import (
	"errors"
	"strings"
	"testing"

	"ringback/callback"
	"ringback/dialler"
)

func TestAnalysisOfADialplan(t *testing.T) {
	for _, tt := range []struct {
		name string
		vars map[string]string // decoded
		want callback.Analysis
		raw  string // what the record must have in it
		err  string // the field that is refused
	}{
		{"nothing was said", map[string]string{}, callback.Analysis{}, "", ""},
		{"words alone ask for nothing", map[string]string{"RINGBACK_CALLBACK_TIME_TEXT": "kal subah", "RINGBACK_CALLBACK_REASON": "driving"}, callback.Analysis{}, "", ""},
		{"all of it", map[string]string{
			"RINGBACK_CALLBACK_REQUESTED": "true", "RINGBACK_CALLBACK_PREFERRED_TIME_TEXT": "कल सुबह", "RINGBACK_CALLBACK_REASON": `driving, "later"`, "RINGBACK_CALLBACK_CONFIDENCE": "0.9",
		}, callback.Analysis{Requested: true, PreferredTimeText: "कल सुबह", Reason: `driving, "later"`, Confidence: 0.9}, "", ""},
		{"as dialplans write it", map[string]string{"RINGBACK_CALLBACK_REQUESTED": " YES ", "RINGBACK_CALLBACK_TIME_TEXT": "2 hours"}, callback.Analysis{Requested: true, PreferredTimeText: "2 hours"}, "", ""},
		{"as an event has it", map[string]string{"Callback-Requested": "1", "callback_reason": "x"}, callback.Analysis{Requested: true, Reason: "x"}, "", ""},
		{"no", map[string]string{"RINGBACK_CALLBACK_REQUESTED": "0", "RINGBACK_CALLBACK_REASON": "x"}, callback.Analysis{Reason: "x"}, "", ""},
		{"a record, and a variable over it", map[string]string{
			"RINGBACK_ANALYSIS": `{"callback_requested":false,"mood":"fine","callback_reason":"old"}`, "RINGBACK_CALLBACK_REQUESTED": "true",
		}, callback.Analysis{Requested: true, Reason: "old"}, `"mood":"fine"`, ""},
		{"a record that is none is kept", map[string]string{"RINGBACK_ANALYSIS": "sounded tired", "RINGBACK_CALLBACK_REQUESTED": "true"}, callback.Analysis{Requested: true}, `"analysis":"sounded tired"`, ""},
		{"null is no record", map[string]string{"RINGBACK_ANALYSIS": "null", "RINGBACK_CALLBACK_REQUESTED": "true"}, callback.Analysis{Requested: true}, `"analysis":"null"`, ""},
		{"hostile", map[string]string{"RINGBACK_CALLBACK_REQUESTED": "true", "RINGBACK_CALLBACK_REASON": `","callback_requested":false,"x":"`}, callback.Analysis{Requested: true, Reason: `","callback_requested":false,"x":"`}, "", ""},
		{"perhaps", map[string]string{"RINGBACK_CALLBACK_REQUESTED": "perhaps"}, callback.Analysis{}, "", "callback_requested"},
		{"more than sure", map[string]string{"RINGBACK_CALLBACK_REQUESTED": "1", "RINGBACK_CALLBACK_CONFIDENCE": "2"}, callback.Analysis{}, "", "callback_confidence"},
		{"not a number", map[string]string{"RINGBACK_CALLBACK_REQUESTED": "1", "RINGBACK_CALLBACK_CONFIDENCE": "NaN"}, callback.Analysis{}, "", "callback_confidence"},
		{"too long", map[string]string{"RINGBACK_CALLBACK_REQUESTED": "1", "RINGBACK_CALLBACK_REASON": strings.Repeat("x", callback.MaxReasonBytes+1)}, callback.Analysis{}, "", "callback_reason"},
	} {
		said := map[string]string{}
		for name, value := range tt.vars {
			field := dialler.AnalysisField(name)
			if field == "" {
				t.Errorf("%s: %s is no field", tt.name, name)
			}
			said[field] = value
		}
		body := dialler.NewAnalysis(said)
		if body == "" {
			if tt.want.Requested || tt.err != "" || said["callback_requested"] != "" {
				t.Errorf("%s: no record", tt.name)
			}
			continue
		}
		got, err := callback.ParseAnalysis([]byte(body))
		if tt.err != "" {
			var field *callback.FieldError
			if !errors.As(err, &field) || field.Field != tt.err {
				t.Errorf("%s: got %v, want a fault of %s", tt.name, err, tt.err)
			}
			continue
		}
		raw := string(got.Raw)
		got.Raw = nil
		if err != nil || got.Requested != tt.want.Requested || got.PreferredTimeText != tt.want.PreferredTimeText || got.Reason != tt.want.Reason || got.Confidence != tt.want.Confidence {
			t.Errorf("%s: got %+v %v, want %+v", tt.name, got, err, tt.want)
		}
		if !strings.Contains(raw, tt.raw) {
			t.Errorf("%s: the record is %s", tt.name, raw)
		}
	}
	for _, name := range dialler.AnalysisVariables {
		if dialler.AnalysisField(name) == "" {
			t.Errorf("%s stands for nothing", name)
		}
	}
	for _, name := range []string{"", "RINGBACK_", "RINGBACK_CALL_ID", "RINGBACK_CALLBACK_PHRASE", "mood"} {
		if f := dialler.AnalysisField(name); f != "" {
			t.Errorf("%q stands for %s", name, f)
		}
	}
}

func TestUnpercent(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "plain": "plain", "kal%20subah": "kal subah", "%E0%A4%95%e0%a4%b2": "कल", "100%": "100%", "5%-10%": "5%-10%", "%zz": "%zz", "%2": "%2",
		"50%25": "50%", "a%FFb": "a%FFb", "a+b": "a+b", "%00": "\x00",
	} {
		if got := dialler.Unpercent(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	// Whatever the context encodes comes back.
	x := dialler.Context{Call: "c", Campaign: "a, b; 100% ${X} कल %41"}
	for _, v := range x.Variables() {
		if v.Name == "RINGBACK_CAMPAIGN" && dialler.Unpercent(v.Value) != x.Campaign {
			t.Errorf("%q came back as %q", x.Campaign, dialler.Unpercent(v.Value))
		}
	}
}
