package prometheus

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestRules tries the alert rules: that they say what to do, and ask for metrics
// that there are.
func TestRules(t *testing.T) {
	raw, err := os.ReadFile("ringback.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr, For string
				Annotations      map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	var known []byte // where they are named
	for _, file := range []string{"metrics.go", "scrape.go"} {
		source, err := os.ReadFile("../../dialler/metrics/" + file)
		if err != nil {
			t.Fatal(err)
		}
		known = append(known, source...)
	}
	n := 0
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			n++
			if r.Alert == "" || r.For == "" || r.Annotations["summary"] == "" || len(r.Annotations["runbook"]) < 50 {
				t.Errorf("%+v: want a name, for, a summary, and what to do", r)
			}
			for _, name := range regexp.MustCompile(`ringback_\w+`).FindAllString(r.Expr+r.Annotations["runbook"], -1) {
				name = strings.TrimPrefix(strings.TrimSuffix(name, "_bucket"), "ringback_")
				if !strings.Contains(string(known), `"`+name+`"`) {
					t.Errorf("%s asks for %s, which there is not", r.Alert, name)
				}
			}
			for _, name := range regexp.MustCompile(`Ringback[A-Z]\w+`).FindAllString(r.Annotations["runbook"], -1) {
				if !strings.Contains(string(raw), "alert: "+name+"\n") {
					t.Errorf("%s speaks of %s, which there is not", r.Alert, name)
				}
			}
		}
	}
	if n == 0 {
		t.Error("no rule was found")
	}
}
