package ringback_test

import (
	"errors"
	"fmt"
	"go/build"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "ringback"

// A ban is an arrow that must not be drawn: no package that matches from may
// depend on one that matches to, by itself or through another of ours. Paths
// are below the module for our own packages; others are bare import paths, and
// only an import of our own counts there, not what that module imports. A path
// stands for itself and all below it; "std" is the standard library, "ours" is
// all of ours, "*test" is every package whose name ends in test.
type ban struct {
	from   []string
	except []string // of from
	to     []string
	but    []string // of to
	why    string

	// breaks is an import that the ban must catch, "from to"; the test of the
	// test draws it on a house that is otherwise in order.
	breaks string
}

var everything = []string{"ours", "std", "others"}

var bans = []ban{
	{
		from: []string{"callback"}, to: everything, but: []string{"callback", "std", "golang.org/x/text"},
		why:    "what a customer meant is a pure question; it is asked on its own, by other programs too",
		breaks: "callback github.com/nyaruka/phonenumbers",
	},
	{
		from: []string{"callback"}, to: []string{"net", "os/exec", "database/sql"},
		why:    "reading words reaches out for nothing",
		breaks: "callback net/http",
	},
	{
		from: []string{"config"}, to: []string{"ours"}, but: []string{"config"},
		why:    "what an operator writes is plain data; cmd makes ours of it",
		breaks: "config dialler",
	},
	{
		from: []string{"dialler"}, except: []string{"dialler/store", "dialler/switchtest", "dialler/sim", "dialler/api", "dialler/console", "dialler/metrics", "dialler/push", "dialler/report"},
		to:     []string{"dialler/store", "dialler/switchtest", "dialler/sim", "dialler/api", "dialler/console", "dialler/metrics", "dialler/push", "dialler/report", "ari", "esl", "config"},
		why:    "the domain writes the interfaces and knows none of those who fulfil them",
		breaks: "dialler dialler/store/sqlite",
	},
	{
		from: []string{"dialler"}, except: []string{"dialler/store", "dialler/switchtest", "dialler/sim", "dialler/api", "dialler/console", "dialler/metrics", "dialler/push", "dialler/report"},
		to:     []string{"net", "database/sql", "os/exec"},
		why:    "the loop reaches the world through Store and Switch only, or it could not be tested without it",
		breaks: "dialler net/http",
	},
	{
		from: []string{"dialler/store"}, to: []string{"dialler/api", "dialler/console", "dialler/metrics", "dialler/push", "dialler/report", "dialler/sim", "ari", "esl", "config"},
		why:    "a store keeps what it is given and knows of nobody who reads it",
		breaks: "dialler/store/sqlite dialler/metrics",
	},
	{
		from: []string{"dialler/store/sqlite"}, to: []string{"dialler/store/postgres"},
		why:    "either store can be left out",
		breaks: "dialler/store/sqlite dialler/store/postgres",
	},
	{
		from: []string{"dialler/store/postgres"}, to: []string{"dialler/store/sqlite"},
		why:    "either store can be left out",
		breaks: "dialler/store/postgres dialler/store/sqlite",
	},
	{
		from: []string{"dialler/api", "dialler/console", "dialler/metrics", "dialler/push", "dialler/report"}, to: []string{"dialler/store", "dialler/sim", "ari", "esl", "config"},
		why:    "what people look through works on every store and every switch",
		breaks: "dialler/api dialler/store/sqlite",
	},
	{
		from: []string{"ari"}, to: []string{"esl", "dialler/store", "dialler/api", "dialler/console", "dialler/metrics", "dialler/sim", "config"},
		why:    "a switch knows the domain's contract, no other switch and no store",
		breaks: "ari esl",
	},
	{
		from: []string{"esl"}, to: []string{"ari", "dialler/store", "dialler/api", "dialler/console", "dialler/metrics", "dialler/sim", "config"},
		why:    "a switch knows the domain's contract, no other switch and no store",
		breaks: "esl dialler/store/postgres",
	},
	{
		from: []string{"ours"}, except: []string{"cmd", "deploy"}, to: []string{"cmd"},
		why:    "programs are at the top",
		breaks: "dialler/console cmd/ringback",
	},
	{
		from: []string{"ours"}, except: []string{"cmd", "deploy"}, to: []string{"deploy"},
		why:    "the product does not know the lab it is tried in; only the demo does, and that is a command",
		breaks: "ari deploy/lab",
	},
	{
		from: []string{"ours"}, except: []string{"*test", "dialler/sim"}, to: []string{"*test", "dialler/sim", "testing"},
		why:    "fakes and suites are for tests; in the product they would be a way to fail, or to fake it",
		breaks: "cmd/ringback ari/aritest",
	},
	{
		from: []string{"ours"}, except: []string{"ari"}, to: []string{"github.com/CyCoreSystems/ari/v6"},
		why:    "what Asterisk is like stays in ari",
		breaks: "dialler github.com/CyCoreSystems/ari/v6",
	},
	{
		from: []string{"ours"}, except: []string{"esl"}, to: []string{"github.com/percipia/eslgo"},
		why:    "what FreeSWITCH is like stays in esl",
		breaks: "dialler github.com/percipia/eslgo",
	},
	{
		from: []string{"ours"}, except: []string{"dialler/store/sqlite"}, to: []string{"modernc.org/sqlite"},
		why:    "SQL stays in the store",
		breaks: "dialler/api modernc.org/sqlite",
	},
	{
		from: []string{"ours"}, except: []string{"dialler/store/postgres"}, to: []string{"github.com/jackc/pgx/v5"},
		why:    "SQL stays in the store",
		breaks: "dialler/api github.com/jackc/pgx/v5/pgxpool",
	},
}

// A house says of each package of ours (as a path below the module) what it
// imports, in the same form.
type house map[string][]string

// ours reports whether p is a package of the module, as houses write them.
func (h house) ours(p string) bool {
	if _, ok := h[p]; ok {
		return true
	}
	switch first, _, _ := strings.Cut(p, "/"); first {
	case "callback", "dialler", "ari", "esl", "config", "cmd", "deploy":
		return true
	}
	return false
}

// in reports whether package p is one that patterns name.
func (h house) in(p string, patterns []string) bool {
	std := !h.ours(p) && !strings.Contains(strings.Split(p, "/")[0], ".")
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		switch pattern {
		case "ours":
			return h.ours(p)
		case "std":
			return std
		case "others":
			return !std && !h.ours(p)
		case "*test":
			return h.ours(p) && strings.HasSuffix(path.Base(p), "test")
		}
		return p == pattern || strings.HasPrefix(p, pattern+"/")
	})
}

// violations lists every chain of imports that a ban forbids, with the reason.
func (h house) violations() []string {
	var found []string
	for _, b := range bans {
		for _, from := range slices.Sorted(maps.Keys(h)) {
			if !h.in(from, b.from) || h.in(from, b.except) {
				continue
			}
			h.walk([]string{from}, map[string]bool{}, func(chain []string) {
				to := chain[len(chain)-1]
				if h.in(to, b.to) && !h.in(to, b.but) {
					found = append(found, fmt.Sprintf("%s: %s", strings.Join(chain, " → "), b.why))
				}
			})
		}
	}
	return found
}

// walk calls yield with a chain of imports to each package that the first of
// chain depends on: its own imports, and of ours those further on.
func (h house) walk(chain []string, seen map[string]bool, yield func(chain []string)) {
	for _, to := range h[chain[len(chain)-1]] {
		ours := h.ours(to)
		if seen[to] || !ours && len(chain) > 1 {
			continue
		}
		seen[to] = true
		next := append(slices.Clone(chain), to)
		yield(next)
		if ours {
			h.walk(next, seen, yield)
		}
	}
}

// readHouse reads the imports of every package of the module, those of its
// tests left out: tests put things together that the product keeps apart.
func readHouse(root string) (house, error) {
	h := house{}
	err := filepath.WalkDir(root, func(dir string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		if name := e.Name(); dir != root && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "node_modules") {
			return filepath.SkipDir
		}
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); dir != root && err == nil {
			return filepath.SkipDir // another module
		}
		pkg, err := build.ImportDir(dir, 0)
		if none := (*build.NoGoError)(nil); errors.As(err, &none) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, dir)
		if err != nil {
			return err
		}
		imports := []string{}
		for _, p := range pkg.Imports {
			imports = append(imports, strings.TrimPrefix(p, module+"/"))
		}
		h[filepath.ToSlash(rel)] = imports
		return nil
	})
	return h, err
}

// TestHouse: arrows point down.
func TestHouse(t *testing.T) {
	h, err := readHouse(".")
	if err != nil {
		t.Fatal(err)
	}
	// The reader reads: what is surely there was seen.
	if !slices.Contains(h["dialler"], "callback") || !slices.Contains(h["dialler"], "time") {
		t.Fatalf("dialler is read as importing %v", h["dialler"])
	}
	for _, v := range h.violations() {
		t.Error(v)
	}
}

// inOrder is a house that breaks no ban, whatever of it has been built so far.
var inOrder = house{
	"callback":                {"time", "encoding/json", "golang.org/x/text/unicode/norm", "callback/internal/spell"},
	"callback/internal/spell": {"strings"},
	"dialler":                 {"callback", "context", "time", "github.com/nyaruka/phonenumbers"},
	"dialler/store/sqlite":    {"dialler", "callback", "database/sql", "modernc.org/sqlite"},
	"dialler/store/postgres":  {"dialler", "callback", "github.com/jackc/pgx/v5/pgxpool"},
	"dialler/store/storetest": {"dialler", "testing"},
	"dialler/switchtest":      {"dialler", "testing"},
	"dialler/api":             {"dialler", "net/http"},
	"dialler/console":         {"dialler", "dialler/api", "net/http"},
	"dialler/metrics":         {"dialler"},
	"dialler/push":            {"dialler", "net/http"},
	"dialler/report":          {"dialler", "net/http"},
	"ari":                     {"dialler", "github.com/CyCoreSystems/ari/v6", "net/http"},
	"ari/aritest":             {"ari", "dialler/switchtest"},
	"esl":                     {"dialler", "github.com/percipia/eslgo", "net"},
	"config":                  {"time", "gopkg.in/yaml.v3"},
	"deploy/lab":              {"deploy/asterisk", "os/exec"},
	"deploy/asterisk":         {"embed"},
	"cmd/ringback":            {"ari", "esl", "config", "dialler", "dialler/api", "dialler/store/sqlite", "dialler/store/postgres", "deploy/lab", "os/exec"},
}

// TestHouseIsWatched: each ban catches what it is there to catch, directly and
// through a package between, and nothing of a house in order. So a ban about a
// package that is not there yet is not a ban that cannot fail.
func TestHouseIsWatched(t *testing.T) {
	for _, v := range inOrder.violations() {
		t.Errorf("a house in order: %s", v)
	}
	for _, b := range bans {
		from, to, ok := strings.Cut(b.breaks, " ")
		if !ok || b.why == "" {
			t.Errorf("the ban of %v on %v gives no example or no reason", b.from, b.to)
			continue
		}
		h := maps.Clone(inOrder)
		h[from] = append(slices.Clone(h[from]), to)
		if !caught(h, from+" → "+to+": "+b.why) {
			t.Errorf("%s imports %s, and nobody says %q", from, to, b.why)
		}
		if !h.ours(to) {
			continue
		}
		h = maps.Clone(inOrder)
		between := from + "/between"
		h[from] = append(slices.Clone(h[from]), between)
		h[between] = []string{to}
		if !caught(h, from+" → "+between+" → "+to+": "+b.why) {
			t.Errorf("%s imports %s through another package, and nobody says %q", from, to, b.why)
		}
	}
}

func caught(h house, as string) bool { return slices.Contains(h.violations(), as) }
