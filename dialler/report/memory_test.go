//go:build !race

// What the race detector keeps of memory would be measured with ours; "make test"
// runs this without it.

package report

import (
	"runtime"
	"testing"
)

// meter takes what is written and looks at the heap now and then.
type meter struct{ bytes, peak uint64 }

func (m *meter) Write(p []byte) (int, error) {
	if m.bytes>>22 != (m.bytes+uint64(len(p)))>>22 { // every 4 MB
		m.look()
	}
	m.bytes += uint64(len(p))
	return len(p), nil
}

func (m *meter) look() {
	var s runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&s)
	m.peak = max(m.peak, s.HeapAlloc)
}

// exported writes a report of n contacts and says what it took.
func exported(t testing.TB, f Format, n int) (size, peak uint64) {
	t.Helper()
	m := &meter{}
	m.look()
	least := m.peak
	var table Table
	if f == XLSX {
		table = NewXLSX(m, "attempts")
	} else {
		table = NewCSV(m)
	}
	pages := 0
	if err := Write(t.Context(), &shelf{n: n, evil: "kal subah"}, Query{Kind: Attempts, Campaign: 1}, table, func() {
		if pages++; pages%(1+n/rowsPerPage/4) == 0 {
			m.look()
		}
	}); err != nil {
		t.Fatal(err)
	}
	return m.bytes, m.peak - least
}

// Ten times as many rows take no more memory.
func TestMemoryIsFlat(t *testing.T) {
	for _, f := range Formats {
		_, little := exported(t, f, 1_000)
		size, much := exported(t, f, 10_000)
		if size < 150_000 || much > little+4<<20 {
			t.Errorf("%s: %d bytes; the heap grew by %d KB, and by %d KB for a tenth of it", f, size, much>>10, little>>10)
		}
	}
}

// BenchmarkMillion exports a million attempts. peak-KB is what the heap held
// more than before, at most, garbage left out.
func BenchmarkMillion(b *testing.B) {
	for _, f := range Formats {
		b.Run(string(f), func(b *testing.B) {
			for b.Loop() {
				size, peak := exported(b, f, 1_000_000)
				b.ReportMetric(float64(size>>20), "MB")
				b.ReportMetric(float64(peak>>10), "peak-KB")
			}
			b.ReportMetric(1_000_000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
