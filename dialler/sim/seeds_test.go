package sim

import (
	"flag"
	"fmt"
	"runtime/debug"
	"testing"
	"testing/synctest"
)

var (
	seeds  = flag.Int("seeds", unless(raced, 2000, 20), "how many seeds TestSeeds runs")
	first  = flag.Uint64("first", 1, "the first of them")
	onDisk = flag.Int("sqlite", unless(raced, 15, 2), "how many seeds TestSeedsSQLite runs")
	only   = flag.Uint64("seed", 0, "run this seed alone and print its transcript")
)

func unless(raced bool, plain, few int) int {
	if raced {
		return few
	}
	return plain
}

// TestSeeds lets campaigns drawn from seeds come true, and audits each.
func TestSeeds(t *testing.T) {
	if *only != 0 {
		fmt.Print(seed(t, *only))
		return
	}
	usual := debug.SetGCPercent(400) // a quarter of the processor's time went into tidying up after small worlds
	t.Cleanup(func() { debug.SetGCPercent(usual) })
	for s := *first; s < *first+uint64(*seeds); s++ {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			t.Parallel()
			seed(t, s)
		})
	}
}

func seed(t *testing.T, s uint64) (transcript string) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, draw(s), NewBook(nil))
		w.run()
		transcript = w.rec.transcript()
		if v := w.rec.verdict(); v != "" {
			t.Errorf("seed %d: %s\nreplay with: go test ./dialler/sim -run Seeds -seed %d", s, v, s)
			if *only == 0 {
				t.Log(transcript)
			}
		}
	})
	return transcript
}
