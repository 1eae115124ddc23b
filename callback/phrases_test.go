package callback

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"testing"
	"time"
)

// A row is one labelled phrase of testdata/*.jsonl: what was said when and
// where, and the instants that a reasonable customer would accept.
type row struct {
	ID     string         `json:"id"`
	Phrase string         `json:"phrase"`
	Lang   string         `json:"lang"`
	Now    time.Time      `json:"now"`
	TZ     string         `json:"tz"`
	Start  *time.Time     `json:"expect_start"`
	End    *time.Time     `json:"expect_end"`
	Alt    [][2]time.Time `json:"alt"`
	Kind   string         `json:"kind"`
	NullOK bool           `json:"null_ok"`
	Half   string         `json:"half"` // own.jsonl only: "tune" or "blind"
}

func loadRows(t testing.TB, name string) []row {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var rows []row
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var r row
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rows = append(rows, r)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return rows
}

func (r row) zone(t testing.TB) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(r.TZ)
	if err != nil {
		t.Fatalf("%s: %v", r.ID, err)
	}
	return z
}

// verdict judges one reading as the customer would: ok, a wrong time, a missed
// one, or a time where there is none ("false").
func (r row) verdict(got Reading) string {
	switch {
	case r.Start == nil && !got.OK():
		return "ok"
	case r.Start == nil:
		return "false"
	case !got.OK() && r.NullOK:
		return "ok"
	case !got.OK():
		return "missed"
	}
	in := func(a, b time.Time) bool { return !got.At.Before(a) && !got.At.After(b) }
	if in(*r.Start, *r.End) {
		return "ok"
	}
	for _, alt := range r.Alt {
		if in(alt[0], alt[1]) {
			return "ok"
		}
	}
	return "wrong"
}

// TestPhrases reads every labelled phrase and prints the score. The floors only
// go up.
func TestPhrases(t *testing.T) {
	for _, set := range []struct {
		file, half string
		floor      float64 // percent right
		wrong      float64 // percent at most, wrong or false
	}{
		{"dev.jsonl", "", 100, 0},
		{"own.jsonl", "tune", 100, 0},
		{"own.jsonl", "blind", 99, 1},
	} {
		t.Run(set.file+set.half, func(t *testing.T) {
			count := map[string]int{}
			byKind := map[string][2]int{}
			n := 0
			for _, r := range loadRows(t, set.file) {
				if r.Half != set.half {
					continue
				}
				n++
				got := Resolve(r.Phrase, r.Now, r.zone(t))
				v := r.verdict(got)
				count[v]++
				k := byKind[r.Kind]
				k[1]++
				if v == "ok" {
					k[0]++
				} else if set.half != "blind" {
					t.Logf("%s %s: %q at %s: got %s (%s)", r.ID, v, r.Phrase, r.Now.Format(time.RFC3339), got.At, got.Rule)
				}
				byKind[r.Kind] = k
				if got.OK() && got.At.Before(r.Now) {
					t.Errorf("%s: %q gave %s, before now %s", r.ID, r.Phrase, got.At, r.Now)
				}
			}
			percent := func(v string) float64 { return 100 * float64(count[v]) / float64(n) }
			t.Logf("%d phrases: ok %.1f %%, wrong %.1f %%, missed %.1f %%, false %.1f %%",
				n, percent("ok"), percent("wrong"), percent("missed"), percent("false"))
			kinds := make([]string, 0, len(byKind))
			for k := range byKind {
				kinds = append(kinds, k)
			}
			sort.Strings(kinds)
			line := ""
			for _, k := range kinds {
				line += fmt.Sprintf("%s %d/%d  ", k, byKind[k][0], byKind[k][1])
			}
			t.Log(line)
			if p := percent("ok"); p < set.floor {
				t.Errorf("%.2f %% right, want at least %.2f", p, set.floor)
			}
			if p := percent("wrong") + percent("false"); p > set.wrong {
				t.Errorf("%.2f %% wrong or false, want at most %.2f", p, set.wrong)
			}
		})
	}
}

func BenchmarkResolve(b *testing.B) {
	rows := loadRows(b, "dev.jsonl")
	zones := make([]*time.Location, len(rows))
	for i, r := range rows {
		zones[i] = r.zone(b)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r := &rows[i%len(rows)]
		Resolve(r.Phrase, r.Now, zones[i%len(rows)])
	}
}

func BenchmarkResolveHuge(b *testing.B) {
	phrase := ""
	for len(phrase) < 100<<10 {
		phrase += "kal shaam 5 baje nahi parso "
	}
	now := time.Date(2025, 3, 12, 11, 20, 0, 0, time.UTC)
	b.ReportAllocs()
	for b.Loop() {
		Resolve(phrase, now, time.UTC)
	}
}
