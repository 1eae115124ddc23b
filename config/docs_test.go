package config

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/configuration.md")

const docsPath = "../docs/configuration.md"

const docsHead = "# Configuration\n\n" +
	"One YAML file, `ringback serve --config ringback.yaml`, and the environment on top of it.\n\n" +
	"- The file is read strictly: an unknown key, a value of the wrong kind or a key given twice is an error that\n" +
	"  names the line. `ringback check` reports everything that is wrong and changes nothing.\n" +
	"- Any single value can come from the environment: `RINGBACK_` and the key in upper case, its parts joined by `_`;\n" +
	"  characters that are neither letters nor digits become `_` too. `http.listen` is `RINGBACK_HTTP_LISTEN`, the\n" +
	"  password of the switch `pbx` is `RINGBACK_SWITCHES_PBX_PASSWORD`. Lists are separated by commas. An entry that\n" +
	"  the file does not have is made, its name in lower case. `hours` can only be set in the file. A variable that\n" +
	"  begins with a section's name and is no setting is an error; one that is empty is as good as unset.\n" +
	"- Durations are written `30s`, `15m`, `1h30m`.\n" +
	"- Where a list is wanted, a single value will do.\n" +
	"- Passwords and tokens can be kept in files of their own (`password_file`, `token_file`); they are never printed.\n\n"

// Every key, its default and its comment, as docs/configuration.md has them.
func TestDocumentationIsCurrent(t *testing.T) {
	got := docsHead + example(t) + reference(t)
	if *update {
		if err := os.WriteFile(docsPath, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(docsPath)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != got {
		t.Error("docs/configuration.md is not what config.go says; run go test ./config -update and read the diff")
	}
}

// The example of the page works.
func example(t *testing.T) string {
	text, err := os.ReadFile("testdata/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Load("testdata/example.yaml", nil); err != nil {
		t.Errorf("testdata/example.yaml: %v", err)
	}
	return "## An example\n\n```yaml\n" + string(text) + "```\n\n"
}

func reference(t *testing.T) string {
	file, err := parser.ParseFile(token.NewFileSet(), "config.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	comments := map[string]string{} // "Config.Node" → its comment
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if s, ok := spec.Type.(*ast.StructType); ok {
			for _, f := range s.Fields.List {
				for _, name := range f.Names {
					comments[spec.Name.Name+"."+name.Name] = strings.TrimSpace(f.Doc.Text())
				}
			}
		}
		return false
	})

	var b strings.Builder
	b.WriteString("## Every key\n")
	var walk func(typ reflect.Type, path string)
	walk = func(typ reflect.Type, path string) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			key := f.Tag.Get("yaml")
			if key == "" {
				continue
			}
			comment := comments[typ.Name()+"."+f.Name]
			if comment == "" {
				t.Errorf("%s.%s has no comment", typ.Name(), f.Name)
			}
			full := join(path, key)
			sub := f.Type
			if sub.Kind() == reflect.Map && sub.Elem().Kind() == reflect.Struct {
				sub = sub.Elem()
				full += ".NAME"
			}
			if sub.Kind() == reflect.Struct {
				fmt.Fprintf(&b, "\n### %s\n\n%s\n\n", full, comment)
				walk(sub, full)
				continue
			}
			fmt.Fprintf(&b, "- `%s` (%s", full, kindOf(f.Type))
			if d := f.Tag.Get("default"); d != "" {
				fmt.Fprintf(&b, ", default `%s`", d)
			}
			fmt.Fprintf(&b, ")  \n  %s\n", strings.ReplaceAll(comment, "\n", "\n  "))
		}
	}
	b.WriteString("\n")
	walk(reflect.TypeFor[Config](), "")
	return b.String()
}

func kindOf(t reflect.Type) string {
	switch {
	case t == durationType:
		return "duration"
	case t == secretType:
		return "secret"
	case t.Kind() == reflect.Map:
		return "name: " + kindOf(t.Elem())
	case t.Kind() == reflect.Slice:
		return "list of " + kindOf(t.Elem())
	}
	return map[reflect.Kind]string{reflect.String: "text", reflect.Bool: "true or false", reflect.Int: "whole number", reflect.Float64: "number"}[t.Kind()]
}
