package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The committed tables are those of the committed word lists.
func TestTablesAreUpToDate(t *testing.T) {
	want, err := Generate("../../lexicon")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../lexicon_table.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("lexicon_table.go is not what lexicon/*.txt make: go generate ./callback")
	}
}

func TestAListSaysWhereItIsWrong(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "xx.txt"), []byte("# fine\nnum 1: one\nnum two\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Generate(dir)
	if err == nil || !strings.Contains(err.Error(), "xx.txt:3") {
		t.Errorf("got %v, want the file and line", err)
	}
}

// A guessed spelling that two meanings claim belongs to neither.
func TestClaimedTwiceIsNoGuess(t *testing.T) {
	w := words{exact: map[string][]sense{}, sound: map[string][]sense{}, bones: map[string][]sense{}, first: map[string]bool{}}
	for _, line := range []string{"num 7: saatt", "num 60: saath"} {
		if err := w.line(line); err != nil {
			t.Fatal(err)
		}
	}
	if m, there := w.sound["sat"]; !there || m != nil {
		t.Errorf("the sound sat means %v, want nothing", m)
	}
	if len(w.exact["saath"]) != 1 {
		t.Errorf("saath means %v", w.exact["saath"])
	}
}
