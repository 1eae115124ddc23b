package console_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"html"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// What the console has said was wrong, in all tests together.
var (
	sawMu  sync.Mutex
	sawAll = map[string]bool{}
)

var wanted = regexp.MustCompile(`; want [^<]*`)

// saw takes down what an answer says would have been right.
func saw(body string) {
	sawMu.Lock()
	defer sawMu.Unlock()
	for _, text := range wanted.FindAllString(body, -1) {
		sawAll[html.UnescapeString(strings.ReplaceAll(text, `\"`, `"`))] = true
	}
}

// wrongAt is what a page says beneath a field.
func wrongAt(page, field string) string {
	at := regexp.MustCompile(`data-wrong="` + regexp.QuoteMeta(field) + `"[^>]*>([^<]+)<`).FindStringSubmatch(page)
	if at == nil {
		return "nothing"
	}
	return html.UnescapeString(at[1])
}

// Every error that a form can give has been seen in a test: the tests as a whole
// are held to what the source says could be wrong.
func TestMain(m *testing.M) {
	code := m.Run()
	whole := flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == "" && flag.Lookup("test.list").Value.String() == ""
	if whole && code == 0 {
		for _, fault := range unseen() {
			fmt.Println("FAIL:", fault)
			code = 1
		}
	}
	os.Exit(code)
}

// sources are where the errors of forms are made.
var sources = []string{
	"../lifecycle.go", "../settings.go", "../window.go", "../intervene.go", "../testcall.go", "../query.go", "../user/user.go", "../user/door.go", "../push/mapping.go", "../push/sign.go",
	"bots.go", "checklist.go", "edit.go", "find.go", "form.go", "intake.go", "intervene.go", "people.go", "settings.go", "timeline.go", "webhook.go",
}

// elsewhere are those that no form of the console can give, with the reason.
var elsewhere = map[string]string{
	"cancel_callback, move_callback or dial_now":        "the page's address says what is to be done",
	"a day or days: mon, mon-fri, daily":                "the form names the days itself",
	"how a number begins, with its plus, such as +9198": "the API is asked so; the console reads what people type first",
}

// unseen returns what the source says could be wrong and no page has said.
func unseen() (faults []string) {
	found := 0
	for _, file := range sources {
		list, err := wants(file)
		if err != nil {
			return []string{err.Error()}
		}
		found += len(list)
		for _, want := range list {
			if elsewhere[want] != "" {
				continue
			}
			was := false
			for text := range sawAll {
				was = was || strings.Contains(text, want)
			}
			if !was {
				faults = append(faults, fmt.Sprintf("%s: no test has seen a page say that it wants %q", file, want))
			}
		}
	}
	if found < 60 {
		faults = append(faults, fmt.Sprintf("%d errors were found in the source; there are more", found))
	}
	return faults
}

// wants returns what the field errors made in a file say would be right: of each
// the longest stretch of its text that stands in the source.
func wants(file string) (list []string, err error) {
	tree, err := parser.ParseFile(gotoken.NewFileSet(), file, nil, 0)
	if err != nil {
		return nil, err
	}
	named := map[string]ast.Expr{} // constants, and variables that are set once
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if i < len(n.Values) {
					named[name.Name] = n.Values[i]
				}
			}
		case *ast.AssignStmt:
			if name, ok := n.Lhs[0].(*ast.Ident); ok && len(n.Lhs) == 1 && n.Tok == gotoken.DEFINE {
				named[name.Name] = n.Rhs[0]
			}
		}
		return true
	})
	named["nameForm"] = &ast.BasicLit{Kind: gotoken.STRING, Value: `"1 to 100 printable characters, no space at either end"`} // of trunk.go
	verbs := regexp.MustCompile(`%[+#]?[.\d]*[a-z]`)
	var longest func(e ast.Expr) string
	longest = func(e ast.Expr) (text string) {
		longer := func(s string) {
			if len(s) > len(text) {
				text = s
			}
		}
		switch e := e.(type) {
		case *ast.BasicLit:
			s, _ := strconv.Unquote(e.Value)
			for _, part := range verbs.Split(s, -1) {
				longer(part)
			}
		case *ast.BinaryExpr:
			longer(longest(e.X))
			longer(longest(e.Y))
		case *ast.CallExpr:
			for _, arg := range e.Args {
				longer(longest(arg))
			}
		case *ast.Ident:
			if to := named[e.Name]; to != nil {
				longer(longest(to))
			}
		}
		return text
	}
	take := func(e ast.Expr) {
		if text := longest(e); strings.TrimSpace(text) != "" {
			list = append(list, text)
		}
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			if !strings.HasSuffix(typeName(n.Type), "FieldError") {
				return true
			}
			for i, e := range n.Elts {
				if kv, ok := e.(*ast.KeyValueExpr); ok {
					if fmt.Sprint(kv.Key) == "Want" {
						take(kv.Value)
					}
				} else if i == 2 {
					take(e)
				}
			}
		case *ast.CallExpr: // the short forms: bad(…, want), noNumber(name, text, want)
			if name := typeName(n.Fun); name == "bad" || name == "f.noNumber" {
				take(n.Args[len(n.Args)-1])
			}
		}
		return true
	})
	return list, nil
}

// typeName is how a name is written: "dialler.FieldError".
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return typeName(e.X) + "." + e.Sel.Name
	}
	return ""
}
