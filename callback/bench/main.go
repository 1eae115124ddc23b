// Bench compares the resolver with the two best known Go libraries that read
// dates, on the labelled phrases: how many each gets right, and how long each
// takes. It is a module of its own, so that the rivals stay out of the product.
//
//	go run .                  the development set
//	go run . FILE.jsonl …     other sets in the same form
//
// The rivals are set up as their documentation advises for text of this kind:
// future dates, day before month outside the United States, English and, where
// there is one, Hindi. What they place in the past counts as "no time", as any
// caller would take it.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	dateparser "github.com/markusmobius/go-dateparser"
	"github.com/olebedev/when"
	"github.com/olebedev/when/rules/common"
	"github.com/olebedev/when/rules/en"

	"ringback/callback"
)

// A row is one labelled phrase.
type row struct {
	Phrase string         `json:"phrase"`
	Lang   string         `json:"lang"`
	Now    time.Time      `json:"now"`
	TZ     string         `json:"tz"`
	Start  *time.Time     `json:"expect_start"`
	End    *time.Time     `json:"expect_end"`
	Alt    [][2]time.Time `json:"alt"`
	NullOK bool           `json:"null_ok"`
	zone   *time.Location
}

// A reader is one library: it answers with an instant, or false for no time.
type reader struct {
	name string
	read func(phrase string, now time.Time, zone *time.Location) (time.Time, bool)
}

func main() {
	files := os.Args[1:]
	if len(files) == 0 {
		files = []string{filepath.Join("..", "testdata", "dev.jsonl")}
	}
	for _, f := range files {
		rows, err := load(f)
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		table(filepath.Base(f), rows)
	}
}

func readers() []reader {
	w := when.New(nil)
	w.Add(en.All...)
	w.Add(common.All...)
	return []reader{
		{"ringback/callback", func(phrase string, now time.Time, zone *time.Location) (time.Time, bool) {
			r := callback.Resolve(phrase, now, zone)
			return r.At, r.OK()
		}},
		{"olebedev/when", func(phrase string, now time.Time, zone *time.Location) (time.Time, bool) {
			r, err := w.Parse(phrase, now.In(zone))
			if err != nil || r == nil {
				return time.Time{}, false
			}
			return r.Time, true
		}},
		{"markusmobius/go-dateparser", goDateparser},
	}
}

func goDateparser(phrase string, now time.Time, zone *time.Location) (time.Time, bool) {
	cfg := &dateparser.Configuration{
		Languages:           []string{"en", "hi"},
		CurrentTime:         now.In(zone),
		DefaultTimezone:     zone,
		PreferredDateSource: dateparser.Future,
		DateOrder:           dateparser.DMY,
	}
	if strings.HasPrefix(zone.String(), "America/") {
		cfg.DateOrder = dateparser.MDY
	}
	if d, err := dateparser.Parse(cfg, phrase); err == nil && !d.IsZero() {
		return d.Time, true
	}
	_, found, err := dateparser.Search(cfg, phrase)
	if err != nil || len(found) == 0 {
		return time.Time{}, false
	}
	return found[0].Date.Time, true
}

func load(file string) ([]row, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var rows []row
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var r row
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if r.zone, err = time.LoadLocation(r.TZ); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		rows = append(rows, r)
	}
	return rows, lines.Err()
}

func (r row) verdict(at time.Time, ok bool) string {
	ok = ok && !at.Before(r.Now)
	switch {
	case r.Start == nil && !ok:
		return "ok"
	case r.Start == nil:
		return "false"
	case !ok && r.NullOK:
		return "ok"
	case !ok:
		return "missed"
	}
	for _, span := range append([][2]time.Time{{*r.Start, *r.End}}, r.Alt...) {
		if !at.Before(span[0]) && !at.After(span[1]) {
			return "ok"
		}
	}
	return "wrong"
}

// table runs every library over the rows and prints one line for each.
func table(name string, rows []row) {
	langs := []string{"en", "hi", "hi-Latn", "mixed"}
	fmt.Printf("%s: %d phrases\n\n%-28s %7s %7s %7s %7s  ", name, len(rows), "", "ok %", "wrong %", "missed%", "false %")
	for _, l := range langs {
		fmt.Printf(" %8s", l+" %")
	}
	fmt.Printf(" %10s %10s\n", "median us", "p99 us")
	for _, rd := range readers() {
		count := map[string]int{}
		right, all := map[string]int{}, map[string]int{}
		var took []time.Duration
		for _, r := range rows {
			rd.read(r.Phrase, r.Now, r.zone) // once to warm up what a library keeps
			best := time.Hour
			var at time.Time
			var ok bool
			for range 3 {
				began := time.Now()
				at, ok = rd.read(r.Phrase, r.Now, r.zone)
				best = min(best, time.Since(began))
			}
			took = append(took, best)
			v := r.verdict(at, ok)
			count[v]++
			all[r.Lang]++
			if v == "ok" {
				right[r.Lang]++
			}
		}
		percent := func(n, of int) float64 { return 100 * float64(n) / float64(max(of, 1)) }
		fmt.Printf("%-28s", rd.name)
		for _, v := range []string{"ok", "wrong", "missed", "false"} {
			fmt.Printf(" %7.1f", percent(count[v], len(rows)))
		}
		fmt.Print("  ")
		for _, l := range langs {
			fmt.Printf(" %8.1f", percent(right[l], all[l]))
		}
		slices.SortFunc(took, cmp.Compare[time.Duration])
		us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
		fmt.Printf(" %10.1f %10.1f\n", us(took[len(took)/2]), us(took[len(took)*99/100]))
	}
	fmt.Println()
}
