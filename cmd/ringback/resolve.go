package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"ringback/callback"
	"ringback/dialler"
)

type resolveCommand struct {
	Phrase string `arg:"" optional:"" help:"The customer's words, such as \"kal subah\"."`

	At     string        `placeholder:"TIME" help:"When they spoke: RFC 3339, or the wall clock of --tz as 2006-01-02T15:04. Now unless given."`
	TZ     string        `name:"tz" default:"UTC" placeholder:"ZONE" help:"Their IANA time zone, such as Asia/Kolkata (${default})."`
	Window string        `placeholder:"HOURS" help:"Calling window to move the time into, such as \"mon-fri 09:00-13:00,14:00-18:00; sat 10:00-14:00\". None unless given."`
	Retry  time.Duration `name:"retry-delay" default:"15m" help:"When to ring if no clear time was said (${default})."`
	JSONL  bool          `name:"jsonl" help:"Read lines {\"id\",\"phrase\",\"now\",\"tz\"} and write lines {\"id\",\"at\",\"rule\",\"us\"}: at before any window, null if no time was found; us is microseconds."`
	Config string        `short:"c" env:"RINGBACK_CONFIG" placeholder:"FILE" help:"Configuration file with the site's own phrases. Only built-in words unless given."`
}

func (c resolveCommand) Run(s streams) error {
	words, err := c.words()
	if err != nil {
		return err
	}
	if c.JSONL {
		if c.Phrase != "" {
			return errors.New("--jsonl reads phrases from standard input; it takes none on the command line")
		}
		return resolveLines(words, s.in, s.out, s.err)
	}
	if c.Phrase == "" {
		return errors.New("no phrase; give the customer's words, such as: ringback resolve \"kal subah\"")
	}
	zone, err := zone(c.TZ)
	if err != nil {
		return err
	}
	heard := time.Now().In(zone).Truncate(time.Second)
	if c.At != "" {
		if heard, err = moment(c.At, zone); err != nil {
			return err
		}
	}
	hours := callback.Hours(always{})
	if c.Window != "" {
		if hours, err = window(c.TZ, c.Window); err != nil {
			return err
		}
	}
	due, err := words.Schedule(callback.Request{Phrase: c.Phrase, Heard: heard}, heard, c.Retry, zone, hours)
	if err != nil {
		return err
	}
	return c.explain(s.out, heard, zone, due)
}

func (c resolveCommand) explain(w io.Writer, heard time.Time, zone *time.Location, due callback.Due) error {
	const layout = "Mon 2006-01-02 15:04:05 -07:00"
	var b strings.Builder
	line := func(label, format string, args ...any) {
		fmt.Fprintf(&b, "%-9s %s\n", label, fmt.Sprintf(format, args...))
	}
	line("phrase", "%q", c.Phrase)
	line("heard", "%s %s", heard.Format(layout), zone)
	line("ring at", "%s (%s after)", due.At.In(zone).Format(layout), due.At.Sub(heard))
	rule := string(due.Rule)
	if due.Clipped {
		rule += ", then moved into the window from " + due.Read.In(zone).Format(layout)
	}
	line("by rule", "%s", rule)
	for i, step := range due.Trace {
		label := ""
		if i == 0 {
			label = "working"
		}
		line(label, "%s", step)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (c resolveCommand) words() (*callback.Resolver, error) {
	if c.Config == "" {
		return callback.NewResolver(callback.Lexicon{})
	}
	cfg, err := configFlag{c.Config}.load()
	if err != nil {
		return nil, err
	}
	return callback.NewResolver(callback.Lexicon{Dayparts: cfg.Phrases.Dayparts, Synonyms: cfg.Phrases.Synonyms})
}

// always is no calling window at all.
type always struct{}

func (always) Next(t time.Time) (time.Time, bool) { return t, true }

func zone(name string) (*time.Location, error) {
	loc, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, fmt.Errorf("tz: got %q; want an IANA time zone such as Asia/Kolkata", name)
	}
	return loc, nil
}

// moment reads a time with an offset, or the wall clock of zone.
func moment(s string, zone *time.Location) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.In(zone), nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("at: got %q; want a time such as 2026-03-12T11:20:00+05:30 or 2026-03-12T11:20", s)
}

// window reads "mon-fri 09:00-13:00,14:00-18:00; sat 10:00-14:00".
func window(zone, s string) (dialler.Window, error) {
	hours := dialler.Hours{}
	for part := range strings.SplitSeq(s, ";") {
		days, list, ok := strings.Cut(strings.TrimSpace(part), " ")
		if !ok {
			return dialler.Window{}, fmt.Errorf("window: got %q; want days and hours, such as \"mon-sat 09:00-18:00\"", part)
		}
		for iv := range strings.SplitSeq(list, ",") {
			hours[days] = append(hours[days], strings.TrimSpace(iv))
		}
	}
	w, err := dialler.NewWindow(zone, hours)
	if err != nil {
		return w, fmt.Errorf("window: %w", err)
	}
	return w, nil
}

type phraseLine struct {
	ID     json.RawMessage `json:"id"`
	Phrase string          `json:"phrase"`
	Now    string          `json:"now"`
	TZ     string          `json:"tz"`
}

type timeLine struct {
	ID    json.RawMessage `json:"id"`
	At    *string         `json:"at"`
	Rule  string          `json:"rule"`
	US    float64         `json:"us"`
	Error string          `json:"error,omitempty"`
}

// resolveLines answers every line with a line; one that cannot be read with its
// error. It fails at the end if there was such a one.
func resolveLines(words *callback.Resolver, in io.Reader, out, complaints io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	w := bufio.NewWriter(out)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	zones := map[string]*time.Location{}
	bad := 0
	for n := 1; lines.Scan(); n++ {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		answer, err := resolveLine(words, lines.Bytes(), zones)
		if err != nil {
			bad++
			answer.Error = fmt.Sprintf("line %d: %v", n, err)
		}
		if err := enc.Encode(answer); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	if err := errors.Join(lines.Err(), w.Flush()); err != nil {
		return err
	}
	if bad > 0 {
		_, _ = fmt.Fprintf(complaints, "ringback: %s could not be read\n", plural(bad, "line", "lines"))
		return errFailed
	}
	return nil
}

func resolveLine(words *callback.Resolver, line []byte, zones map[string]*time.Location) (timeLine, error) {
	var p phraseLine
	if err := json.Unmarshal(line, &p); err != nil {
		return timeLine{ID: json.RawMessage("null")}, err
	}
	answer := timeLine{ID: p.ID}
	if answer.ID == nil {
		answer.ID = json.RawMessage("null")
	}
	loc, known := zones[p.TZ]
	if !known {
		var err error
		if loc, err = zone(p.TZ); err != nil {
			return answer, err
		}
		zones[p.TZ] = loc
	}
	heard, err := moment(p.Now, loc)
	if err != nil {
		return answer, fmt.Errorf("now: %w", err)
	}
	began := time.Now()
	read := words.Resolve(p.Phrase, heard, loc)
	answer.US = float64(time.Since(began).Nanoseconds()) / 1000
	answer.Rule = string(read.Rule)
	if read.OK() {
		at := read.At.In(loc).Format(time.RFC3339)
		answer.At = &at
	}
	return answer, nil
}
