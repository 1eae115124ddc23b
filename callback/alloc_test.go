package callback

import "testing"

// TestAllocations: reading allocates at most a handful of times for any phrase
// of the development set; the promise is 20.
func TestAllocations(t *testing.T) {
	rows := loadRows(t, "dev.jsonl")
	for _, r := range rows {
		zone := r.zone(t)
		Resolve(r.Phrase, r.Now, zone) // the parser's slices have grown
		if n := testing.AllocsPerRun(5, func() { Resolve(r.Phrase, r.Now, zone) }); n > 20 {
			t.Errorf("%q: %v allocations", r.Phrase, n)
		}
	}
}
