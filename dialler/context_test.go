package dialler

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

const callID = CallID("3f0e2a77-9f2b-4c1d-8a35-5d1f0b6c7e21")

// recall is the context of a callback call.
func recall(phrase, reason string, vars map[string]string) Context {
	return Context{
		Call: callID, Campaign: "recall", CampaignID: 1, Contact: 7, Number: "+919812345678", Attempt: 2, Class: ClassCallback,
		Callback: &CallbackContext{
			Phrase: phrase, Reason: reason, Chain: 1, Attempt: 1, AskedOn: "0b7a1f6e-2b1c-4f0f-9d53-1c6f0f6f2a10",
			RequestedAt: time.Date(2026, 3, 12, 5, 50, 0, 0, time.UTC), ScheduledAt: time.Date(2026, 3, 12, 6, 20, 0, 0, time.UTC),
		},
		Vars: vars,
	}
}

// hostile are texts that mean something to somebody on the way.
var hostile = []string{
	"", "aadhe ghante baad", "आधे घंटे बाद, ज़रूर", "kal, subah", `she said "later"`, `it's`, "a\r\nX-Evil: 1", "a\nb", "\x00\x01\x1f\x7f",
	"${SHELL(rm -rf /)}", "$[1+1]", "${EVAL(${x})}", "{originate_timeout=1}", "[leg=1]", "<script>&amp;</script>", "100%", "%0d%0a", "%zz", "+", "a b  c",
	"a;b=c", "a|b", "a\\b", `\"`, `\u0024`, "'; DROP TABLE contacts; --", "😀🇮🇳👨‍👩‍👧", "\u2028\u2029\u202e\ufeff", "\U0010ffff", "\ufffd", "ſK", strings.Repeat("आधे घंटे बाद। ", 20),
}

// value finds a variable or header.
func value(t testing.TB, vars []Var, name string) string {
	t.Helper()
	for _, v := range vars {
		if v.Name == name {
			return v.Value
		}
	}
	t.Fatalf("no %s in %v", name, vars)
	return ""
}

func TestContextFields(t *testing.T) {
	x := recall("30 minutes", "driving", map[string]string{"Customer Name": "Rahul", "city": "Pune"})
	got := x.Headers()
	want := []Var{
		{"X-Ringback-Call-Id", string(callID)},
		{"X-Ringback-Campaign", "recall"},
		{"X-Ringback-Campaign-Id", "1"},
		{"X-Ringback-Contact-Id", "7"},
		{"X-Ringback-Number", "%2B919812345678"},
		{"X-Ringback-Attempt", "2"},
		{"X-Ringback-Class", "callback"},
		{"X-Ringback-Callback-Phrase", "30%20minutes"},
		{"X-Ringback-Callback-Reason", "driving"},
		{"X-Ringback-Callback-Requested-At", "2026-03-12T05%3A50%3A00Z"},
		{"X-Ringback-Callback-Scheduled-At", "2026-03-12T06%3A20%3A00Z"},
		{"X-Ringback-Callback-Chain", "1"},
		{"X-Ringback-Callback-Attempt", "1"},
		{"X-Ringback-Callback-Asked-On", "0b7a1f6e-2b1c-4f0f-9d53-1c6f0f6f2a10"},
		{"X-Ringback-Var-Customer-Name", "Rahul"},
		{"X-Ringback-Var-city", "Pune"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("headers %v\nwant    %v", got, want)
	}
	vars := x.Variables()
	if len(vars) != len(want)+1 {
		t.Fatalf("%d variables, want the headers' and the JSON", len(vars))
	}
	for i, v := range vars[:len(want)] {
		name := "RINGBACK_" + strings.ToUpper(strings.ReplaceAll(strings.TrimPrefix(want[i].Name, "X-Ringback-"), "-", "_"))
		if v.Name != name || v.Value != want[i].Value {
			t.Errorf("variable %v, want %s=%s", v, name, want[i].Value)
		}
	}
	if last := vars[len(want)]; last.Name != "RINGBACK_CONTEXT" || last.Value != string(x.JSON(0)) {
		t.Errorf("the last is %v", last)
	}

	x.Callback, x.Class = nil, ClassPending
	for _, v := range x.Headers() {
		if strings.Contains(v.Name, "Callback") {
			t.Errorf("an ordinary call has %v", v)
		}
	}
	if j := string(x.JSON(0)); strings.Contains(j, "callback") {
		t.Errorf("an ordinary call has %s", j)
	}
}

func TestNewContext(t *testing.T) {
	at := thursday(t)
	l := Lease{
		Attempt: Attempt{ID: callID, Number: "+919812345678", N: 3, Class: ClassCallback},
		Contact: Contact{ID: 7, Vars: map[string]string{"city": "Pune"}, Callback: &Callback{
			Phrase: "kal", Reason: "driving", Requested: at, Scheduled: at.Add(time.Hour), Due: at.Add(2 * time.Hour), Chain: 2, Attempts: 1, AskedOn: "call-1"}},
	}
	got := NewContext(l, Campaign{ID: 1, Name: "recall"})
	want := Context{Call: callID, Campaign: "recall", CampaignID: 1, Contact: 7, Number: "+919812345678", Attempt: 3, Class: ClassCallback, Vars: map[string]string{"city": "Pune"},
		Callback: &CallbackContext{Phrase: "kal", Reason: "driving", RequestedAt: at, ScheduledAt: at.Add(time.Hour), Chain: 2, Attempt: 2, AskedOn: "call-1"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	l.Contact.Callback = nil
	if got := NewContext(l, Campaign{}); got.Callback != nil {
		t.Errorf("an ordinary call has %+v", got.Callback)
	}
}

// TestContextCarriesAnything: what goes in comes out, and on the way is nothing
// that a switch, a proxy or a dialplan would take for its own.
func TestContextCarriesAnything(t *testing.T) {
	for _, s := range hostile {
		x := recall(s, s, map[string]string{"note": s, s: "by name"})
		checkContext(t, x)
		if got, err := url.PathUnescape(value(t, x.Headers(), "X-Ringback-Callback-Phrase")); err != nil || got != s {
			t.Errorf("%q comes out of the header as %q, %v", s, got, err)
		}
		if got, err := url.PathUnescape(value(t, x.Variables(), "RINGBACK_VAR_NOTE")); err != nil || got != s {
			t.Errorf("%q comes out of the variable as %q, %v", s, got, err)
		}
		var back Context
		if err := json.Unmarshal([]byte(value(t, x.Variables(), "RINGBACK_CONTEXT")), &back); err != nil || !reflect.DeepEqual(back, x) {
			t.Errorf("%q comes out of the JSON as %+v, %v", s, back, err)
		}
	}
}

// checkContext asserts the bounds and the alphabet of all that goes to a switch.
func checkContext(t interface {
	Helper()
	Fatalf(string, ...any)
}, x Context) {
	t.Helper()
	names := func(s string) bool {
		return s != "" && len(s) < 128 && strings.IndexFunc(s, func(r rune) bool { return !alphanumeric(r) && r != '-' && r != '_' }) < 0
	}
	headers, vars := x.Headers(), x.Variables()
	for _, list := range [][]Var{headers, vars[:len(vars)-1]} {
		seen, total := map[string]bool{}, 0
		for _, v := range list {
			if !names(v.Name) || seen[strings.ToUpper(v.Name)] {
				t.Fatalf("name %q, there already: %v", v.Name, seen[strings.ToUpper(v.Name)])
			}
			seen[strings.ToUpper(v.Name)] = true
			plain, err := url.PathUnescape(v.Value)
			if err != nil || !utf8.ValidString(plain) {
				t.Fatalf("%s: %q does not decode: %v", v.Name, v.Value, err)
			}
			if i := strings.IndexFunc(v.Value, func(r rune) bool { return !alphanumeric(r) && !strings.ContainsRune("-._~%", r) }); i >= 0 {
				t.Fatalf("%s: %q has %q in it", v.Name, v.Value, v.Value[i])
			}
			if len(v.Value) > MaxValue {
				t.Fatalf("%s: %d bytes", v.Name, len(v.Value))
			}
			total += len(v.Name) + len(": ") + len(v.Value) + len("\r\n")
		}
		if total > MaxTotal {
			t.Fatalf("%d bytes in all", total)
		}
	}
	checkJSON(t, x, MaxJSON)
	if v := vars[len(vars)-1]; v.Name != "RINGBACK_CONTEXT" || v.Value != string(x.JSON(MaxJSON)) {
		t.Fatalf("the last variable is %s", v.Name)
	}
	uui, ok := strings.CutSuffix(x.UserToUser(), ";encoding=hex")
	if plain, err := hex.DecodeString(uui); !ok || err != nil || len(plain) > 1024 || !json.Valid(plain) || !strings.Contains(string(plain), string(x.Call)) {
		t.Fatalf("User-to-User %q: %v", x.UserToUser(), err)
	}
}

func checkJSON(t interface {
	Helper()
	Fatalf(string, ...any)
}, x Context, limit int) {
	t.Helper()
	b := x.JSON(limit)
	if len(b) > limit {
		t.Fatalf("%d bytes of JSON, %d allowed", len(b), limit)
	}
	depth, most := 0, 0
	for i, c := range b {
		if c < ' ' || c > '~' || c == '$' {
			t.Fatalf("JSON has %q at %d", c, i)
		}
		switch c {
		case '{':
			depth++
			most = max(most, depth)
		case '}':
			depth--
		}
	}
	if depth != 0 || most > 2 {
		t.Fatalf("braces do not balance, or one is in a string: %s", b)
	}
	var back Context
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	if back.Call != x.Call || back.Contact != x.Contact || back.Number != x.Number || back.Attempt != x.Attempt || (back.Callback == nil) != (x.Callback == nil) {
		t.Fatalf("the fixed fields are not there: %s", b)
	}
	if full := len(x.JSON(0)) <= limit; back.Truncated != (!full || x.Truncated) {
		t.Fatalf("truncated: %v; all of it fits: %v", back.Truncated, full)
	}
	begins := func(field, part, whole string) {
		if whole = strings.ToValidUTF8(whole, "\ufffd"); !strings.HasPrefix(whole, part) && utf8.ValidString(whole) && !strings.Contains(whole, "\ufffd") {
			t.Fatalf("%s is %q, no beginning of %q", field, part, whole)
		}
	}
	begins("campaign", back.Campaign, x.Campaign)
	if x.Callback != nil {
		begins("phrase", back.Callback.Phrase, x.Callback.Phrase)
		begins("reason", back.Callback.Reason, x.Callback.Reason)
	}
	for k, v := range back.Vars {
		if whole, ok := x.Vars[k]; ok {
			begins(k, v, whole)
		} else if utf8.ValidString(k) && !strings.Contains(k, "\ufffd") {
			t.Fatalf("variable %q came from nowhere", k)
		}
	}
}

func TestContextCutsWhatIsTooLong(t *testing.T) {
	long := strings.Repeat("आधे घंटे बाद ", 2000) // 68 KB
	if raced {
		long = long[:len(long)/4]
	}
	for _, tt := range []struct {
		name string
		x    Context
	}{
		{"phrase", recall(long, "", nil)},
		{"phrase and reason", recall(long, long, nil)},
		{"a variable", recall("", "", map[string]string{"note": long})},
		{"a variable's name", recall("", "", map[string]string{long: "x"})},
		{"many variables", recall("30 minutes", "driving", manyVars(500, "आधे घंटे बाद"))},
		{"control characters, six for one", recall(strings.Repeat("\x01", 5000), strings.Repeat("$", 5000), manyVars(40, strings.Repeat("\x00", 500)))},
		{"all of it", func() Context { x := recall(long, long, manyVars(20, long)); x.Campaign = long; return x }()},
		{"bytes that are no text", recall(strings.Repeat("\xff\xfe", 5000), "", map[string]string{strings.Repeat("\xff", 5000): strings.Repeat("\xf0\x9f", 9000)})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			checkContext(t, tt.x)
			for _, limit := range []int{2048, 2049, 3000, 4096, 10000} {
				checkJSON(t, tt.x, limit)
			}
			if got := value(t, tt.x.Headers(), "X-Ringback-Truncated"); got != "1" {
				t.Errorf("truncated: %q", got)
			}
			if got := value(t, tt.x.Variables(), "RINGBACK_TRUNCATED"); got != "1" {
				t.Errorf("truncated: %q", got)
			}
		})
	}
	x := recall(strings.Repeat("a", MaxValue), strings.Repeat("a", MaxValue+1), nil)
	if got := value(t, x.Headers(), "X-Ringback-Callback-Phrase"); len(got) != MaxValue {
		t.Errorf("%d bytes of a phrase that fits exactly", len(got))
	}
	if got := value(t, x.Headers(), "X-Ringback-Callback-Reason"); len(got) != MaxValue {
		t.Errorf("%d bytes of a reason one too long", len(got))
	}
}

func manyVars(n int, v string) map[string]string {
	vars := map[string]string{}
	for i := range n {
		vars[fmt.Sprintf("column %03d", i)] = v
	}
	return vars
}

// Text of 4 KB, the most an analysis may bring in words and reason, is whole in
// the JSON, however it is written.
func TestContextKeepsFourKilobytes(t *testing.T) {
	phrase := strings.Repeat("आ", 666) // callback.MaxPhraseBytes
	x := recall(phrase, phrase, map[string]string{"name": "Rahul"})
	var back Context
	if err := json.Unmarshal(x.JSON(MaxJSON), &back); err != nil || !reflect.DeepEqual(back, x) {
		t.Errorf("%+v, %v", back, err)
	}
}

func TestVariablesThatFitAreKept(t *testing.T) {
	vars := manyVars(3, "Pune")
	vars["a wall of text"] = strings.Repeat("x", 20000)
	vars[strings.Repeat("k", 20000)] = "y"
	var back Context
	if err := json.Unmarshal(recall("30 minutes", "driving", vars).JSON(MaxJSON), &back); err != nil {
		t.Fatal(err)
	}
	if got, want := slices.Sorted(maps.Keys(back.Vars)), []string{"a wall of text", "column 000", "column 001", "column 002"}; !slices.Equal(got, want) {
		t.Errorf("kept %q, want %q", got, want)
	}
	if back.Callback.Phrase != "30 minutes" || back.Callback.Reason != "driving" || back.Vars["column 001"] != "Pune" || len(back.Vars["a wall of text"]) != MaxJSON/16 {
		t.Errorf("%+v, a wall of %d", back.Callback, len(back.Vars["a wall of text"]))
	}
}

// Columns whose names differ only in what a header cannot carry: the first by
// name is told, the loss is told, and the JSON has both.
func TestColumnsOfOneName(t *testing.T) {
	for _, vars := range []map[string]string{
		{"a b": "1", "a-b": "2"}, {"City": "1", "city": "2"}, {"नाम": "1", "शहर": "2"}, {"a_b": "2", "a.b": "1"},
		{strings.Repeat("x", 64) + "1": "1", strings.Repeat("x", 64) + "2": "2"},
	} {
		x := recall("", "", vars)
		told := 0
		for _, v := range x.Headers() {
			if strings.HasPrefix(v.Name, "X-Ringback-Var-") {
				told++
				if v.Value != "1" {
					t.Errorf("%v: %v was kept", vars, v)
				}
			}
		}
		// Devanagari names are as many hyphens as characters.
		if told != 1 || value(t, x.Headers(), "X-Ringback-Truncated") != "1" {
			t.Errorf("%v: headers %v", vars, x.Headers())
		}
		var back Context
		if err := json.Unmarshal(x.JSON(MaxJSON), &back); err != nil || !reflect.DeepEqual(back.Vars, vars) || back.Truncated {
			t.Errorf("%v: the JSON has %v, %v", vars, back.Vars, err)
		}
	}
}

func TestContextOfImpossibleTimes(t *testing.T) {
	for _, at := range []time.Time{{}, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -12*3600)), time.Date(2026, 1, 1, 0, 0, 0, 0, time.FixedZone("", 25*3600))} {
		x := recall("", "", nil)
		x.Callback.RequestedAt, x.Callback.ScheduledAt = at, at
		checkContext(t, x)
		if !x.Callback.RequestedAt.Equal(at) {
			t.Error("the context was changed")
		}
	}
}

func TestContextProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		piece := rapid.OneOf(rapid.SampledFrom(hostile), rapid.String())
		text := rapid.Custom(func(t *rapid.T) string {
			return strings.Repeat(piece.Draw(t, "piece"), rapid.SampledFrom([]int{1, 1, 2, 20, 500}).Draw(t, "times"))
		})
		x := recall(text.Draw(t, "phrase"), text.Draw(t, "reason"), rapid.MapOfN(piece, text, 0, 12).Draw(t, "vars"))
		x.Campaign = text.Draw(t, "campaign")
		if rapid.Bool().Draw(t, "ordinary") {
			x.Callback = nil
		}
		checkContext(t, x)
		checkJSON(t, x, rapid.IntRange(2048, 20000).Draw(t, "limit"))
	})
}

func FuzzContext(f *testing.F) {
	for _, s := range hostile {
		f.Add(s, "driving", "note", s, 2048)
		f.Add("30 minutes", s, s, "x", MaxJSON)
	}
	f.Fuzz(func(t *testing.T, phrase, reason, column, cell string, limit int) {
		x := recall(phrase, reason, map[string]string{column: cell, "city": reason})
		checkContext(t, x)
		checkJSON(t, x, max(limit, 2048))
		if utf8.ValidString(phrase) && len(phrase) < MaxValue/3 {
			if got, err := url.PathUnescape(value(t, x.Headers(), "X-Ringback-Callback-Phrase")); err != nil || got != phrase {
				t.Fatalf("%q comes out as %q, %v", phrase, got, err)
			}
		}
	})
}

func BenchmarkContext(b *testing.B) {
	x := recall("आधे घंटे बाद", "driving", map[string]string{"name": "Rahul", "city": "Pune"})
	b.ReportAllocs()
	for b.Loop() {
		if len(x.Variables()) == 0 {
			b.Fatal("none")
		}
	}
}
