package callback

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseAnalysis(t *testing.T) {
	at := time.Date(2025, 3, 12, 5, 50, 0, 0, time.UTC)
	for _, c := range []struct {
		name, body string
		want       Analysis
	}{
		{"all of it", `{"callback_requested":true,"callback_preferred_time_text":"कल शाम","callback_reason":"driving","callback_confidence":0.93,"requested_at":"2025-03-12T11:20:00+05:30","sentiment":"warm"}`,
			Analysis{Requested: true, PreferredTimeText: "कल शाम", Reason: "driving", Confidence: 0.93, RequestedAt: at}},
		{"nothing", `{}`, Analysis{}},
		{"nulls are absent", `{"callback_requested":null,"callback_preferred_time_text":null,"callback_reason":null,"callback_confidence":null,"requested_at":null}`, Analysis{}},
		{"text that says true", `{"callback_requested":"True"}`, Analysis{Requested: true}},
		{"text that says false", `{"callback_requested":"false"}`, Analysis{}},
		{"blanks around", " \n{\"callback_requested\":true}\t", Analysis{Requested: true}},
		{"other spellings of a key decide nothing", `{"Callback_Requested":true,"CALLBACK_REASON":7}`, Analysis{}},
		{"the last of two counts", `{"callback_requested":true,"callback_requested":false}`, Analysis{}},
		{"the bounds of confidence", `{"callback_confidence":1}`, Analysis{Confidence: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseAnalysis([]byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if string(got.Raw) != strings.TrimSpace(c.body) {
				t.Errorf("raw is %s", got.Raw)
			}
			got.Raw = nil
			if !got.RequestedAt.Equal(c.want.RequestedAt) {
				t.Errorf("requested at %s, want %s", got.RequestedAt, c.want.RequestedAt)
			}
			got.RequestedAt = c.want.RequestedAt
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestParseAnalysisNamesTheField(t *testing.T) {
	for _, c := range []struct{ name, body, field string }{
		{"empty", ``, "body"},
		{"blank", "  \n", "body"},
		{"not JSON", `{"callback_requested":tru`, "body"},
		{"an array", `[{"callback_requested":true}]`, "body"},
		{"text", `"callback"`, "body"},
		{"null", `null`, "body"},
		{"two objects", `{} {}`, "body"},
		{"not UTF-8", "{\"callback_reason\":\"\xff\"}", "body"},
		{"too long", `{"x":"` + strings.Repeat("a", MaxAnalysisBytes) + `"}`, "body"},
		{"too deep", `{"x":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`, "body"},
		{"requested is a number", `{"callback_requested":1}`, "callback_requested"},
		{"requested is other text", `{"callback_requested":"yes"}`, "callback_requested"},
		{"text is a number", `{"callback_preferred_time_text":5}`, "callback_preferred_time_text"},
		{"text too long", `{"callback_preferred_time_text":"` + strings.Repeat("a", MaxPhraseBytes+1) + `"}`, "callback_preferred_time_text"},
		{"reason is an object", `{"callback_reason":{}}`, "callback_reason"},
		{"confidence above 1", `{"callback_confidence":1.01}`, "callback_confidence"},
		{"confidence below 0", `{"callback_confidence":-0.1}`, "callback_confidence"},
		{"confidence in percent", `{"callback_confidence":"90%"}`, "callback_confidence"},
		{"time without an offset", `{"requested_at":"2025-03-12T11:20:00"}`, "requested_at"},
		{"time as a number", `{"requested_at":1741758600}`, "requested_at"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseAnalysis([]byte(c.body))
			var fe *FieldError
			if !errors.As(err, &fe) {
				t.Fatalf("got %v, want a FieldError", err)
			}
			if fe.Field != c.field || fe.Got == "" || fe.Want == "" {
				t.Errorf("got %+v, want field %s, and what came and what would be right", fe, c.field)
			}
			if len(err.Error()) > 400 {
				t.Errorf("the error is %d bytes long", len(err.Error()))
			}
		})
	}
}

func TestAnalysisRequestHeardWhen(t *testing.T) {
	ended := time.Date(2025, 3, 12, 6, 0, 0, 0, time.UTC)
	spoken := ended.Add(-time.Minute)
	a := Analysis{PreferredTimeText: "kal", Reason: "busy", Confidence: 0.5}
	if r := a.Request(ended); !r.Heard.Equal(ended) || r.Phrase != "kal" || r.Reason != "busy" || r.Confidence != 0.5 {
		t.Errorf("got %+v", r)
	}
	a.RequestedAt = spoken
	if r := a.Request(ended); !r.Heard.Equal(spoken) {
		t.Errorf("heard %s, want when it was spoken", r.Heard)
	}
}

func FuzzParseAnalysis(f *testing.F) {
	f.Add([]byte(`{"callback_requested":true,"callback_preferred_time_text":"kal","callback_confidence":0.5,"requested_at":"2025-03-12T11:20:00Z"}`))
	f.Add([]byte(`{"callback_requested":"true","callback_reason":null}`))
	f.Add([]byte("{\"a\":\"\xff\"}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := ParseAnalysis(body)
		if err != nil {
			var fe *FieldError
			if !errors.As(err, &fe) {
				t.Fatalf("%v is not a FieldError", err)
			}
			return
		}
		if a.Confidence < 0 || a.Confidence > 1 || len(a.PreferredTimeText) > MaxPhraseBytes || len(a.Reason) > MaxReasonBytes {
			t.Fatalf("out of bounds: %+v", a)
		}
		if !json.Valid(a.Raw) {
			t.Fatalf("raw is not JSON: %q", a.Raw)
		}
	})
}
