package dialler

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPacer(t *testing.T) {
	start := thursday(t)
	p := Pacer{CPS: 4}
	for i := range 3 {
		at := start.Add(time.Duration(i) * 250 * time.Millisecond)
		if n, _ := p.Allow(at, 10); n != 1 {
			t.Fatalf("call %d at its time: %d allowed", i, n)
		}
		if n, _ := p.Allow(at, 10); n != 1 {
			t.Fatal("asking is taking")
		}
		p.Take(at, 1)
		if n, next := p.Allow(at.Add(250*time.Millisecond-1), 1); n != 0 || !next.Equal(at.Add(250*time.Millisecond)) {
			t.Fatalf("%d allowed a nanosecond early, next %v", n, next)
		}
	}
	// An idle hour saves nothing up.
	later := start.Add(time.Hour)
	if n, _ := p.Allow(later, 10); n != 1 {
		t.Fatalf("%d allowed after an idle hour", n)
	}
	p.Take(later, 1)
	if n, next := p.Allow(later, 10); n != 0 || !next.Equal(later.Add(250*time.Millisecond)) {
		t.Errorf("%d allowed at once after it, next %v", n, next)
	}
	// What was started all the same, as after a restart, is waited off.
	p.Take(later, 4)
	if n, next := p.Allow(later.Add(time.Second), 1); n != 0 || !next.Equal(later.Add(1250*time.Millisecond)) {
		t.Errorf("%d allowed, next %v", n, next)
	}
}

func TestPacerWithoutLimitOrWish(t *testing.T) {
	now := thursday(t)
	for _, cps := range []float64{0, -1, math.Inf(1), math.MaxFloat64} {
		p := Pacer{CPS: cps}
		for range 100 {
			n, next := p.Allow(now, 1)
			if n != 1 || !next.IsZero() {
				if cps == math.MaxFloat64 && next.Sub(now) <= 100 {
					break // a nanosecond a call is as fast as time goes
				}
				t.Fatalf("CPS %v: %d, %v", cps, n, next)
			}
			p.Take(now, 1)
		}
	}
	if n, _ := (&Pacer{}).Allow(now, 7); n != 7 {
		t.Errorf("no limit: %d of 7", n)
	}
	p := Pacer{CPS: 1}
	for _, want := range []int{0, -3} {
		if n, next := p.Allow(now, want); n != 0 || !next.IsZero() {
			t.Errorf("%d wanted: %d, %v", want, n, next)
		}
		p.Take(now, want)
	}
	if n, _ := p.Allow(now, 1); n != 1 {
		t.Error("taking none took one")
	}
}

func TestPacerOfNextToNothing(t *testing.T) {
	now := thursday(t)
	for _, cps := range []float64{math.SmallestNonzeroFloat64, 1e-12} {
		p := Pacer{CPS: cps}
		p.Take(now, 1)
		p.Take(now, math.MaxInt32)
		if n, next := p.Allow(now.AddDate(99, 0, 0), 1); n != 0 || !next.After(now) {
			t.Errorf("CPS %g: %d in 99 years, next %v", cps, n, next)
		}
	}
}

// TestPacerProperty: however often it is asked, no stretch of time of any
// length T sees more than CPS×T+1 starts, one second no more than CPS (rounded
// up), and whoever comes back when told to may start.
func TestPacerProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cps := rapid.Float64Range(0.05, 200).Draw(t, "cps")
		if rapid.Bool().Draw(t, "whole") {
			cps = math.Ceil(cps)
		}
		p := Pacer{CPS: cps}
		now := time.Date(2026, 3, 12, 5, 50, 0, 0, time.UTC)
		var starts []time.Time
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			n, next := p.Allow(now, rapid.IntRange(1, 5).Draw(t, "want"))
			if n > 1 || n == 0 && !next.After(now) {
				t.Fatalf("%d allowed at %v, next %v", n, now, next)
			}
			if n == 1 {
				p.Take(now, 1)
				starts = append(starts, now)
			} else if rapid.Bool().Draw(t, "waits") {
				if now = next; true {
					if n, _ := p.Allow(now, 1); n != 1 {
						t.Fatalf("told to come back at %v, and refused", next)
					}
				}
				continue
			}
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "idle")))
		}
		for i, from := range starts {
			inSecond, _ := slices.BinarySearchFunc(starts[i:], from.Add(time.Second), time.Time.Compare)
			if float64(inSecond) > math.Ceil(cps) {
				t.Fatalf("%d starts in the second from %v, CPS %v", inSecond, from, cps)
			}
			last := starts[len(starts)-1]
			if most := cps*last.Sub(from).Seconds() + 1; float64(len(starts)-i) > most+1e-6 {
				t.Fatalf("%d starts in %v, CPS %v", len(starts)-i, last.Sub(from), cps)
			}
		}
	})
}
