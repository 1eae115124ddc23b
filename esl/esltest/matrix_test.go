package esltest

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// What a real FreeSWITCH made of each value, by each way to set it, this one
// makes of it too.
func TestTakesValuesApartAsFreeSWITCHDoes(t *testing.T) {
	raw, err := os.ReadFile("../testdata/10-escaping-matrix.json")
	if err != nil {
		t.Fatal(err)
	}
	var matrix map[string]map[string]string
	if err := json.Unmarshal(raw, &matrix); err != nil {
		t.Fatal(err)
	}
	for name, value := range matrixValues {
		row := matrix[name]
		if row == nil {
			t.Fatalf("%s is not in the matrix", name)
		}
		check := func(way, got string, ok bool) {
			t.Helper()
			want, recorded := row[way]
			if !recorded {
				return
			}
			switch {
			case strings.HasPrefix(want, "CALL FAILED"):
				if ok && got == value {
					t.Errorf("%s by %s: set to %q, FreeSWITCH says %s", name, way, got, want)
				}
			case want == "ok":
				if !ok || got != value {
					t.Errorf("%s by %s: got %q (%v), want it whole", name, way, got, ok)
				}
			case strings.HasPrefix(want, "LOST"):
				if ok {
					t.Errorf("%s by %s: set to %q, FreeSWITCH drops it", name, way, got)
				}
			case strings.HasPrefix(want, "BAD '"):
				bad, _, _ := strings.Cut(want, " [")
				bad = strings.NewReplacer(`\\`, `\`, `\n`, "\n").Replace(strings.TrimSuffix(strings.TrimPrefix(bad, "BAD '"), "'"))
				if got != bad {
					t.Errorf("%s by %s: got %q, FreeSWITCH makes it %q", name, way, got, bad)
				}
			}
		}
		if !strings.ContainsAny(value, "\r\n") {
			got, ok := originated("lab_a=before,lab_v=" + value + ",lab_z=after")
			if name != "squote" { // its command had another quote, further on
				check("originate naive", got, ok)
			}
			got, ok = originated("lab_a=before,lab_v='" + value + "',lab_z=after")
			check("originate 'quoted'", got, ok)
			argv := Separate("uuid lab_v "+value, 0, 3)
			if len(argv) == 3 {
				check("uuid_setvar naive", argv[2], argv[2] != "")
			}
			got, ok = multi("lab_v=" + value + ";lab_n=after")
			check("setvar_multi naive", got, ok)
		}
		if p := Encode(value); !strings.HasPrefix(p, row["raw plain"]) { // long ones were cut
			t.Errorf("%s in a plain event: got %q, recorded %q", name, p, row["raw plain"])
		}
	}
}

func originated(vars string) (string, bool) {
	argv := Separate("{"+vars+"}sofia/x/1 &park()", 0, 10)
	if len(argv) != 2 {
		return "", false
	}
	pairs, rest, ok := Brackets(argv[0], '{', '}')
	if !ok || rest != "sofia/x/1" {
		return "", false
	}
	for _, p := range pairs {
		if p[0] == "lab_v" {
			return p[1], p[1] != "" && !expands(p[1])
		}
	}
	return "", false
}

func multi(arg string) (string, bool) {
	for _, p := range Separate(arg, ';', 64) {
		if n, v, _ := strings.Cut(p, "="); n == "lab_v" {
			return v, v != "" && !expands(v)
		}
	}
	return "", false
}

var matrixValues = map[string]string{
	"plain": "abc", "space": "a b", "lead-trail-space": "  a b  ", "comma": "a,b", "squote": "it's",
	"squote-pair": "a 'b' c", "squote-comma": "it's, ok", "dquote": `say "hi"`, "newline": "l1\nl2",
	"crlf": "l1\r\nl2", "tab": "a\tb", "backslash": `a\b`, "backslash-n": `a\nb`, "backslash-end": `a\`,
	"hindi": "कल सुबह", "hindi-comma": "कल सुबह, 10 बजे", "emoji": "😀", "semicolon": "a;b", "equals": "a=b",
	"colon": "a:b", "braces-balanced": "a{x}b", "brace-close": "a}b", "brace-open": "a{b", "brackets": "a[x]b",
	"bracket-close": "a]b", "angle": "<x>", "pipe": "a|b", "json": `{"k":"v, w","n":[1,2],"q":"it's"}`,
	"dollar": "a$1", "var": "${hostname}", "gvar": "$${hostname}", "percent-hex": "100%41", "percent": "50% off",
	"percent-lowerhex": "a%2cb", "percent-upperhex": "a%2Cb", "caret": "^^:a:b", "undef": "undef",
	"paren": "a)b(c", "ampersand": "&park()", "hash": "#x", "empty": "",
	"b64url": "4KSV4KSyIOCkuOClgeCkrOCkuSwgaXQncwp9",
}
