package push

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ringback/callback"
	"ringback/dialler"
)

var noon = time.Date(2026, 3, 12, 12, 0, 0, 0, time.UTC)

func sample(t testing.TB, kind string) Facts {
	t.Helper()
	m, c := Sample(kind, dialler.Campaign{ID: 3, Name: "renewals", Trunk: "carrier", Bot: "asha"}, noon)
	f, err := NewFacts(m, c)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestRender(t *testing.T) {
	f := sample(t, dialler.CallAnalysed)
	f["analysis"].(map[string]any)["topics"] = []any{map[string]any{"name": "price"}}
	f["analysis"].(map[string]any)["none"] = nil
	for _, tt := range []struct{ mapping, body, warns string }{
		{`{"phone":"{{contact.number}}"}`, `{"phone":"+12025550123"}`, ""},
		{`{"phone":"tel:{{ contact.number }};ext={{call.attempt}}"}`, `{"phone":"tel:+12025550123;ext=2"}`, ""},
		{`{"n":"{{call.attempt}}","ok":"{{callback.clipped}}","c":"{{analysis.callback_confidence}}"}`, `{"c":0.92,"n":2,"ok":false}`, ""},
		{`{"who":"{{contact.variables.name}}","all":"{{contact.variables}}"}`, `{"all":{"crm_id":"C-1042","name":"Asha Rao"},"who":"Asha Rao"}`, ""},
		{`{"topic":"{{analysis.topics.0.name}}","list":"{{analysis.topics}}","in":"x{{analysis.topics}}"}`, `{"in":"x[{\"name\":\"price\"}]","list":[{"name":"price"}],"topic":"price"}`, ""},
		{`{"null":"{{analysis.none}}","in":"<{{analysis.none}}>"}`, `{"in":"<>","null":null}`, ""},
		{`{"deep":{"a":[1,true,null,"{{result.event}}"]},"1.50":1.50}`, `{"1.50":1.50,"deep":{"a":[1,true,null,"call.analysed"]}}`, ""},
		{`{"a":"{{analysis.topics.1}}","b":"{{analysis.mood}}!"}`, `{"a":"","b":"!"}`, "analysis.topics.1: not in this example; it is an empty string wherever it is missing.|analysis.mood: not in this example; it is an empty string wherever it is missing."},
		{`{"phone":"{{contact.phone}}","x":"{{call.number}}","y":"{{foo}}"}`, `{"phone":"","x":"","y":""}`,
			"contact.phone: there is no such name; a column of the list is contact.variables.phone.|call.number: there is no such name; did you mean contact.number?|foo: there is no such name; those there are begin with call., contact., analysis., callback. or result., and are listed on the campaign's Webhook page."},
		{`{"why":"{{callback.why}}"}`, `{"why":""}`, ""}, // a promise that is open has none, and that is right
		{`{"}}":"}} {"}`, `{"}}":"}} {"}`, ""},
	} {
		body, warnings, err := Render(tt.mapping, f)
		if err != nil || string(body) != tt.body {
			t.Errorf("%s: got %s %v, want %s", tt.mapping, body, err, tt.body)
		}
		var got []string
		for _, w := range warnings {
			got = append(got, w.Name+": "+w.Says)
		}
		if strings.Join(got, "|") != tt.warns {
			t.Errorf("%s: warns %q, want %q", tt.mapping, got, tt.warns)
		}
	}
}

func TestRenderAll(t *testing.T) {
	body, _, err := Render(" \n", sample(t, dialler.CallbackMade))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Type      string
		Timestamp time.Time
		Data      map[string]map[string]any
	}
	if err := json.Unmarshal(body, &got); err != nil || got.Type != dialler.CallbackMade || !got.Timestamp.Equal(noon.Add(-time.Minute)) || len(got.Data) != 5 ||
		got.Data["callback"]["preferred_time_text"] != "tomorrow at 4" || got.Data["analysis"]["sentiment"] != "positive" {
		t.Errorf("%s: %v", body, err)
	}
}

// Whatever the values hold, the body is JSON, and says what they are.
func TestRenderIsJSONWhateverComes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		value := rapid.String().Draw(rt, "value")
		before, after := rapid.StringMatching(`[^{}\\]*`).Draw(rt, "before"), rapid.StringMatching(`[^{}\\]*`).Draw(rt, "after")
		c := dialler.Campaign{ID: 1, Name: value}
		ct := dialler.Contact{ID: 1, Number: "+12025550123", Vars: map[string]string{"v": value, "_" + value: "w"}}
		m := dialler.NewCallMessage(c, dialler.Attempt{ID: "x", Number: ct.Number}, ct)
		f, err := NewFacts(m, dialler.Call{})
		if err != nil {
			rt.Fatal(err)
		}
		mapping, err := json.Marshal(map[string]string{"whole": "{{contact.variables.v}}", "part": before + "{{contact.variables.v}}" + after})
		if err != nil {
			rt.Fatal(err)
		}
		body, _, err := Render(string(mapping), f)
		if err != nil {
			rt.Fatal(err)
		}
		var got map[string]string
		if err := json.Unmarshal(body, &got); err != nil {
			rt.Fatalf("%s: %v", body, err)
		}
		want := strings.ToValidUTF8(value, "�")
		if got["whole"] != want || !strings.Contains(got["part"], want) {
			rt.Fatalf("%q became %q", value, got)
		}
	})
}

// Every name that templates may use stands for something on some message, and
// nothing else does. The page for people has them all.
func TestNames(t *testing.T) {
	page, err := os.ReadFile("../../docs/crm.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	add := func(f Facts) {
		for part, v := range f {
			seen[part] = true
			for name := range v.(map[string]any) {
				if part == "analysis" {
					name = "*"
				}
				seen[part+"."+name] = true
			}
		}
	}
	for _, kind := range dialler.MessageKinds {
		add(sample(t, kind))
	}
	m, c := Sample(dialler.CallSettled, dialler.Campaign{ID: 3, Name: "renewals", Trunk: "carrier", Bot: "asha"}, noon)
	cb := *c.Ruling.Callback
	cb.State, cb.Why, cb.Closed, cb.Attempts = dialler.CallbackClosed, dialler.ByVoicemail, noon, 1
	c.Attempt.Callback, c.Kept = cb.ID, &cb
	f, err := NewFacts(m, c)
	if err != nil {
		t.Fatal(err)
	}
	add(f)
	refused := c.Ruling
	refused.Verdict, refused.Refused, refused.Callback = dialler.RulingRefused, dialler.RefusedLimit, nil
	if f, err = NewFacts(dialler.NewAnalysisMessage(dialler.Campaign{ID: 3}, c.Attempt, c.Contact, refused, c.Analysis, noon), c); err != nil {
		t.Fatal(err)
	}
	add(f)
	listed := map[string]bool{"contact": true, "call": true, "callback": true, "result": true}
	for _, n := range Names {
		listed[n.Name] = true
		if !seen[n.Name] && n.Name != "contact.variables.*" {
			t.Errorf("%s never stands for anything", n.Name)
		}
		if !strings.Contains(string(page), fmt.Sprintf("| `%s` | %s |", n.Name, n.Means)) {
			t.Errorf("docs/crm.md lacks | `%s` | %s |", n.Name, n.Means)
		}
	}
	for name := range seen {
		if !listed[name] {
			t.Errorf("%s is not among the names", name)
		}
	}
}

// The sample's analysis is one.
func TestSample(t *testing.T) {
	for _, kind := range dialler.MessageKinds {
		m, c := Sample(kind, dialler.Campaign{ID: 3, Name: "renewals"}, noon)
		an, err := callback.ParseAnalysis(c.Analysis)
		if err != nil || !an.Requested || an.PreferredTimeText != c.Ruling.Callback.Phrase || m.Kind != kind || m.Call != c.ID {
			t.Errorf("%s: %+v %v", kind, an, err)
		}
	}
}

func TestCheck(t *testing.T) {
	good := dialler.Webhook{URL: "https://crm.example/hook?a=b", Secret: NewSecret(), Mapping: `{"a":"{{call.id}}"}`}
	if err := Check(good); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		field string
		edit  func(*dialler.Webhook)
		says  string
	}{
		{"url", func(w *dialler.Webhook) { w.URL = "" }, "https://host/path"},
		{"url", func(w *dialler.Webhook) { w.URL = "ftp://crm.example/" }, "https://host/path"},
		{"url", func(w *dialler.Webhook) { w.URL = "https://user:pass@crm.example/" }, "without user"},
		{"url", func(w *dialler.Webhook) { w.URL = "https:///hook" }, "https://host"},
		{"url", func(w *dialler.Webhook) { w.URL = "https://crm.example/" + strings.Repeat("x", maxURL) }, "https://host"},
		{"secret", func(w *dialler.Webhook) { w.Secret = "hunter2" }, "24 to 64 bytes"},
		{"secret", func(w *dialler.Webhook) { w.Secret = "whsec_c2hvcnQ=" }, "24 to 64 bytes"},
		{"secret", func(w *dialler.Webhook) { w.Secret = strings.TrimPrefix(w.Secret, "whsec_") }, `"whsec_"`},
		{"events", func(w *dialler.Webhook) { w.Events = []string{"call.begun"} }, "call.settled, call.analysed"},
		{"events", func(w *dialler.Webhook) { w.Events = []string{} }, "turn the webhook off"},
		{"mapping", func(w *dialler.Webhook) { w.Mapping = `[1]` }, "an object"},
		{"mapping", func(w *dialler.Webhook) { w.Mapping = "{\n\"a\":,}" }, "a JSON object"},
		{"mapping", func(w *dialler.Webhook) { w.Mapping = `{} {}` }, "a JSON object"},
		{"mapping", func(w *dialler.Webhook) { w.Mapping = `{"a":"{{call.id}"}` }, "{{ and a name and }}"},
		{"mapping", func(w *dialler.Webhook) { w.Mapping = `{"a":["{{ }}"]}` }, "{{ and a name and }}"},
		{"mapping", func(w *dialler.Webhook) { w.Mapping = `{"a":"` + strings.Repeat("x", maxMapping) + `"}` }, "at most"},
	} {
		w := good
		tt.edit(&w)
		err := Check(w)
		var fe *dialler.FieldError
		if !errors.As(err, &fe) || fe.Field != tt.field || !strings.Contains(fe.Want, tt.says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %q", tt.field, err, tt.says)
		}
	}
}
