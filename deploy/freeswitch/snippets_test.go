package freeswitch

import (
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
)

// Each snippet can be pasted: it is whole XML, and says where it goes.
func TestSnippetsAreWholeAndSayWhereTheyGo(t *testing.T) {
	names, err := fs.Glob(Snippets, "*.xml")
	if err != nil || len(names) < 6 {
		t.Fatalf("%q, %v", names, err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := fs.ReadFile(Snippets, name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(b), "<!-- ") {
			t.Errorf("%s does not say where it goes", name)
		}
		if !strings.Contains(string(readme), "`"+name+"`") {
			t.Errorf("%s is not in the README", name)
		}
		d := xml.NewDecoder(strings.NewReader(string(b)))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
		}
	}
}
