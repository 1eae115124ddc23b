package esl

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"ringback/dialler"
	"ringback/esl/esltest"
)

// through sets value by each way there is, on a FreeSWITCH that takes commands
// apart as the real one does, and returns what became of it and of a
// neighbour; ok is false if we refused to send it.
func through(value string) map[string]func() (got, neighbour string, err error) {
	vars := []dialler.Var{{Name: "lab_a", Value: "before"}, {Name: "lab_v", Value: value}, {Name: "lab_z", Value: "after"}}
	return map[string]func() (string, string, error){
		"originate": func() (got, neighbour string, err error) {
			all, err := braces(vars)
			if err != nil {
				return "", "", err
			}
			argv := esltest.Separate(all+"sofia/gateway/trunk/1 &park()", 0, 10)
			if len(argv) != 2 || argv[1] != "&park()" {
				return strings.Join(argv, " | "), "", nil
			}
			pairs, rest, _ := esltest.Brackets(argv[0], '{', '}')
			if rest != "sofia/gateway/trunk/1" || len(pairs) != 3 {
				return rest, "", nil
			}
			return pairs[1][1], pairs[2][1], nil
		},
		"uuid_setvar_multi": func() (got, neighbour string, err error) {
			commands, err := setvars("leg", vars)
			if err != nil {
				return "", "", err
			}
			parts := esltest.Separate(strings.TrimPrefix(commands[0], "uuid_setvar_multi leg "), ';', 64)
			if len(parts) != 3 {
				return strings.Join(parts, " | "), "", nil
			}
			return strings.TrimPrefix(parts[1], "lab_v="), strings.TrimPrefix(parts[2], "lab_z="), nil
		},
		"uuid_setvar": func() (got, neighbour string, err error) {
			q, err := quoteSetvar(value)
			if err != nil {
				return "", "", err
			}
			argv := esltest.Separate("leg lab_v "+q, 0, 4)
			if len(argv) != 3 {
				return strings.Join(argv, " | "), "", nil
			}
			return argv[2], "after", nil
		},
	}
}

// carried reports whether FreeSWITCH can be given the value that way at all.
func carried(way, v string) bool {
	depth := 0
	for _, c := range v {
		switch c {
		case '{':
			depth++
		case '}':
			depth--
		}
		if depth < 0 && way == "originate" {
			return false
		}
	}
	if way == "originate" && depth != 0 || way != "uuid_setvar" && strings.Contains(v, "${") {
		return false
	}
	return v != "" && !strings.Contains(v, "\x00")
}

func checkQuoting(t *testing.T, v string) {
	t.Helper()
	for way, set := range through(v) {
		got, neighbour, err := set()
		switch {
		case err != nil && carried(way, v):
			t.Errorf("%q by %s: %v", v, way, err)
		case err == nil && !carried(way, v):
			t.Errorf("%q by %s: was sent", v, way)
		case err == nil && (got != v || neighbour != "after"):
			t.Errorf("%q by %s: becomes %q, its neighbour %q", v, way, got, neighbour)
		}
	}
}

// Every value of the recorded matrix comes out whole by every way that the
// real FreeSWITCH has for it, and is refused where it has none.
func TestQuotesTheRecordedValues(t *testing.T) {
	raw, err := os.ReadFile("testdata/10-escaping-matrix.json")
	if err != nil {
		t.Fatal(err)
	}
	var matrix map[string]map[string]string
	if err := json.Unmarshal(raw, &matrix); err != nil {
		t.Fatal(err)
	}
	for _, v := range recordedValues {
		checkQuoting(t, v)
	}
	if len(recordedValues) < 40 || len(matrix) < 40 {
		t.Error("the matrix is not whole")
	}
}

var recordedValues = []string{
	"abc", "a b", "  a b  ", "a,b", "it's", "a 'b' c", "it's, ok", `say "hi"`, "l1\nl2", "l1\r\nl2", "a\tb", `a\b`, `a\nb`, `a\`,
	"कल सुबह", "कल सुबह, 10 बजे", "😀", "a;b", "a=b", "a:b", "a{x}b", "a}b", "a{b", "a[x]b", "a]b", "<x>", "a|b",
	`{"k":"v, w","n":[1,2],"q":"it's"}`, "a$1", "${hostname}", "$${hostname}", "100%41", "50% off", "a%2cb", "a%2Cb", "^^:a:b",
	`ARRAY::a|:b`, "undef", "_undef_", "a)b(c", "&park()", "#x", "", "4KSV4KSyIOCkuOClgeCkrOCkuSwgaXQncwp9", strings.Repeat("x", 4096),
}

func FuzzQuote(f *testing.F) {
	for _, v := range recordedValues {
		f.Add(v)
	}
	f.Add(`\s\n\'`)
	f.Add("' ' ; '' \\\\' ,")
	f.Fuzz(func(t *testing.T, v string) { checkQuoting(t, v) })
}

func TestVariableNamesAreNames(t *testing.T) {
	for _, name := range []string{"", "a b", "a,b", "a=b", "1a", "a}b", "a\nb", "é", strings.Repeat("a", 200)} {
		v := []dialler.Var{{Name: name, Value: "x"}}
		if _, err := braces(v); !errors.Is(err, errVariable) {
			t.Errorf("originate takes a variable called %q (%v)", name, err)
		}
		if _, err := setvars("leg", v); !errors.Is(err, errVariable) {
			t.Errorf("uuid_setvar_multi takes a variable called %q (%v)", name, err)
		}
	}
}

// FreeSWITCH takes 64 variables at once, and makes what is more a part of the
// last.
func TestSetsManyVariablesInSeveralCommands(t *testing.T) {
	var vars []dialler.Var
	for i := range 100 {
		vars = append(vars, dialler.Var{Name: "v" + strings.Repeat("x", i%7) + string(rune('a'+i%26)), Value: "1"})
	}
	commands, err := setvars("leg", vars)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, c := range commands {
		parts := strings.Split(c, ";")
		if len(parts) > 63 {
			t.Errorf("%d variables in one command", len(parts))
		}
		n += len(parts)
	}
	if n != 100 {
		t.Errorf("%d variables are set, want 100", n)
	}
}
