package ari

import (
	"encoding/json"
	"strings"
	"testing"

	"ringback/dialler"
)

// The most a context can be still fits into one request, however hostile.
func TestBotVariablesFit(t *testing.T) {
	s, err := New(Options{UserToUser: true})
	if err != nil {
		t.Fatal(err)
	}
	vars := map[string]string{}
	for i := range 300 {
		vars[strings.Repeat("क", 20)+string(rune('a'+i%26))+strings.Repeat("x", i%40)] = strings.Repeat(`"\`, 900)
	}
	hostile := dialler.Context{
		Call: "6f1f6f0c-3c5e-4d5e-9d51-0a6e6f0c3c5e", Campaign: strings.Repeat("\r\n${X}\"", 2000), Number: "+919812345678\r\nX: y",
		Callback: &dialler.CallbackContext{Phrase: strings.Repeat("कल सुबह\r\n", 3000), Reason: strings.Repeat(`"\,;`, 9000)}, Vars: vars,
	}
	for _, endpoint := range []string{"PJSIP/bot", "Local/bot@bots"} {
		got, err := s.botVariables(dialler.Handover{Bot: dialler.Bot{Endpoint: endpoint}, Context: hostile})
		if err != nil {
			t.Fatalf("%s: %v", endpoint, err)
		}
		body, err := json.Marshal(map[string]any{"variables": got})
		if err != nil {
			t.Fatal(err)
		}
		if len(body) > 40960 {
			t.Errorf("%s: the request has %d bytes, Asterisk takes 40960", endpoint, len(body))
		}
		for name, value := range got {
			if strings.ContainsAny(name+value, "\r\n\x00") || strings.Contains(value, "${") {
				t.Errorf("%s: %s: %.80q", endpoint, name, value)
			}
		}
		if _, ok := got["CONNECTEDLINE(num)"]; ok {
			t.Errorf("%s: a number that is none became the caller's", endpoint)
		}
	}
}

func TestDialplanValuesAreCutBetweenCharacters(t *testing.T) {
	for _, tt := range []struct {
		in   string
		n    int
		want string
	}{
		{"abc", 10, "abc"},
		{"abc", 2, "ab"},
		{"a%20b", 3, "a"},
		{"a%20b", 4, "a%20"},
		{"%E0%A4%95%E0%A4%B2", 17, "%E0%A4%95"},
		{"%E0%A4%95%E0%A4%B2", 18, "%E0%A4%95%E0%A4%B2"},
		{"%F0%9F%99%82x", 12, "%F0%9F%99%82"},
		{"%F0%9F%99%82x", 11, ""},
		{"%C3%A9%C3%A9", 7, "%C3%A9"},
	} {
		if got := cutEncoded(tt.in, tt.n); got != tt.want {
			t.Errorf("cutEncoded(%q, %d) = %q, want %q", tt.in, tt.n, got, tt.want)
		}
	}
}

func TestPlaces(t *testing.T) {
	for in, want := range map[string]place{
		"bots":              {"bots", "s", "1"},
		"bots,asha":         {"bots", "asha", "1"},
		"bots, asha , 2":    {"bots", "asha", "2"},
		"from-internal,600": {"from-internal", "600", "1"},
	} {
		if got, err := parsePlace(in); err != nil || got != want {
			t.Errorf("%q: %+v, %v, want %+v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "a,b,c,d", "a,${EXTEN},1", "a b,s,1", "a,,1", "a,s,1)Hangup("} {
		if got, err := parsePlace(in); err == nil {
			t.Errorf("%q: %+v, want an error", in, got)
		}
	}
}

func TestVerdicts(t *testing.T) {
	for in, want := range map[string]dialler.Verdict{
		"HUMAN HUMAN-800-800":              dialler.VerdictHuman,
		"MACHINE MAXWORDS-3-2":             dialler.VerdictMachine,
		"MACHINE LONGGREETING-1520-1500":   dialler.VerdictMachine,
		"MACHINE INITIALSILENCE-2500-2500": dialler.VerdictUnsure,
		"MACHINE MAXWORDLENGTH-5020":       dialler.VerdictUnsure,
		"MACHINE":                          dialler.VerdictUnsure,
		"NOTSURE TOOLONG-5000":             dialler.VerdictUnsure,
		"HANGUP ":                          dialler.VerdictUnsure,
		"":                                 dialler.VerdictUnsure,
	} {
		if got := verdict(strings.Fields(in)); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestEveryMeaningIsADisposition(t *testing.T) {
	known := map[dialler.Disposition]bool{}
	for _, d := range dialler.Dispositions {
		known[d] = true
	}
	for sip := range 700 {
		for q850 := range 128 {
			if d := meaning(dialler.Cause{Q850: q850, SIP: sip}); !known[d] || d == dialler.Answered || d == dialler.Machine {
				t.Fatalf("%d/%d means %q", q850, sip, d)
			}
		}
	}
	for cause, want := range map[dialler.Cause]dialler.Disposition{
		{Q850: 17}:           dialler.Busy, // Asterisk 16 gives no SIP status
		{Q850: 21, SIP: 401}: dialler.Failed,
		{Q850: 21, SIP: 403}: dialler.Rejected,
		{Q850: 1, SIP: 604}:  dialler.Unallocated,
		{Q850: 38, SIP: 580}: dialler.Congestion,
		{}:                   dialler.Failed,
	} {
		if got := meaning(cause); got != want {
			t.Errorf("%s: %s, want %s", cause, got, want)
		}
	}
}
