package ari

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ringback/dialler"
)

var update = flag.Bool("update", false, "write testdata/replay.golden anew")

// told plays a recorded transcript of Asterisk 22.10.1 to a Switch that knows
// these calls, and returns the news as a story.
func told(t *testing.T, file string, prepare func(*Switch)) string {
	t.Helper()
	s, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.link.End() // nobody is there to be asked
	prepare(s)
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	replaced := false
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		e, err := decode(lines.Bytes())
		switch {
		case err != nil:
			t.Fatalf("%s: %v", file, err)
		case e == nil:
		case e.Type == "ApplicationReplaced":
			replaced = true
		default:
			s.handle(e)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, ev := range s.link.Told() {
		fmt.Fprintf(&b, "\t%s %s", ev.Call, ev.Kind)
		switch ev.Kind {
		case dialler.HungUp:
			fmt.Fprintf(&b, " %s (%s)", ev.Disposition, ev.Cause)
		case dialler.Screened:
			fmt.Fprintf(&b, " %s", ev.Verdict)
		case dialler.BotLeft, dialler.BotFailed:
			fmt.Fprintf(&b, " (%s) %s", ev.Cause, ev.Reason)
		}
		if ev.At.IsZero() {
			t.Errorf("%s: news without a time", file)
		}
		b.WriteByte('\n')
	}
	if replaced {
		b.WriteString("\t(replaced)\n")
	}
	for id := range s.calls {
		fmt.Fprintf(&b, "\t%s goes on\n", id)
	}
	lines2 := strings.SplitAfter(b.String(), "\n")
	tail := slices.IndexFunc(lines2, func(l string) bool { return strings.Contains(l, "goes on") })
	if tail >= 0 {
		slices.Sort(lines2[tail:])
	}
	return strings.Join(lines2, "")
}

// knowing makes the calls of a transcript known: one for each channel, or,
// where it is of a customer and a bot, one call of both.
func knowing(name string) func(*Switch) {
	return func(s *Switch) {
		if base, ok := strings.CutPrefix(name, "bridge-"); ok {
			c := s.register(dialler.CallID("bridge-" + base + "-br"))
			delete(s.legs, c.customer.id)
			c.customer.id = "bridge-" + base + "-cust"
			c.bot = newLeg("bridge-"+base+"-bot", c, true)
			s.legs[c.customer.id], s.legs[c.bot.id] = c.customer, c.bot
			return
		}
		ids := map[string][]string{
			"amd-continue-human": {"continue-human-s-0"}, "amd-continue-vm": {"continue-vm-s-0"},
			"ws-endpoint-subscription": {"es1", "es2"}, "restart-now": {"restart-now-up", "restart-now-ring"}, "ws-replaced": {"rp1"},
			"wsdrop-hard": {"wsdrop-hard-A", "wsdrop-hard-B1", "wsdrop-hard-C", "wsdrop-hard-D", "wsdrop-hard-E", "wsdrop-hard-F", "wsdrop-hard-H"},
		}[name]
		if ids == nil {
			ids = []string{name}
		}
		for _, id := range ids {
			c := s.register(dialler.CallID(id))
			if strings.HasPrefix(name, "amd-") {
				c.screen = screenWanted
			}
			if name == "create-cancel_while_ringing" || name == "create-cancel_while_ringing_rc17" {
				c.ending = hungUpByUs
			}
		}
	}
}

// Rewriting the golden file means explaining the diff.
func TestReplay(t *testing.T) {
	files, err := filepath.Glob("testdata/replay/*.jsonl")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d transcripts: %v", len(files), err)
	}
	var got bytes.Buffer
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".jsonl")
		fmt.Fprintf(&got, "%s\n%s", name, told(t, file, knowing(name)))
	}
	const golden = "testdata/replay.golden"
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	g, w := strings.Split(got.String(), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(g), len(w)) {
		a, b := "", ""
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			t.Fatalf("line %d: got %q, want %q", i+1, a, b)
		}
	}
}

// Whatever is told twice changes nothing but repeats.
func TestReplayTwice(t *testing.T) {
	files, _ := filepath.Glob("testdata/replay/create-*.jsonl")
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".jsonl")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var twice bytes.Buffer
		for line := range bytes.Lines(text) {
			twice.Write(line)
			twice.Write(line)
		}
		doubled := filepath.Join(t.TempDir(), "twice.jsonl")
		if err := os.WriteFile(doubled, twice.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, want := told(t, doubled, knowing(name)), told(t, file, knowing(name)); got != want {
			t.Errorf("%s, every event twice:\n%swant\n%s", name, got, want)
		}
	}
}

// Of a customer who hangs up in the instant in which they are handed over to
// an extension, Asterisk says once more that they are in our own application.
// That is no bot; another's application is.
func TestOwnApplicationIsNoBot(t *testing.T) {
	for _, app := range []struct {
		name string
		want []string
	}{
		{"ringback,customer", []string{"up", "hung_up"}},
		{"a-bot,talk", []string{"up", "joined", "hung_up"}},
	} {
		file := filepath.Join(t.TempDir(), "events.jsonl")
		event := func(kind, state, more string) string {
			return fmt.Sprintf(`{"type":"%s","timestamp":"2026-11-22T12:23:37.956+0000"%s,"channel":{"id":"one","state":"%s","dialplan":{"context":"from-trunk","exten":"s","priority":1,"app_name":"Stasis","app_data":"%s"}}}`+"\n",
				kind, more, state, app.name)
		}
		text := event("ChannelStateChange", "Up", "") +
			event("ChannelDialplan", "Up", fmt.Sprintf(`,"dialplan_app":"Stasis","dialplan_app_data":"%s"`, app.name)) +
			event("ChannelDestroyed", "Up", `,"cause":16,"cause_txt":"Normal Clearing"`)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		story := told(t, file, func(s *Switch) { s.register("one").ext = true })
		var got []string
		for line := range strings.Lines(story) {
			got = append(got, strings.Fields(line)[1])
		}
		if !slices.Equal(got, app.want) {
			t.Errorf("a customer in Stasis(%s): the news is %q, want %q", app.name, got, app.want)
		}
	}
}
