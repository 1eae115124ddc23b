package storetest

import (
	"fmt"
	"io"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"ringback/dialler"
	"ringback/dialler/list"
)

// A file is a contact list of n rows, made as it is read.
type file struct {
	n, next int
	rest    []byte
}

func (f *file) Read(p []byte) (int, error) {
	for len(f.rest) == 0 {
		switch {
		case f.next > f.n:
			return 0, io.EOF
		case f.next == 0:
			f.rest = []byte("phone_number,name,policy,due\n")
		default:
			// Not in order, as a list is not.
			number := 9_000_000_000 + int64(f.next)*7_368_787%999_999_937
			f.rest = fmt.Appendf(f.rest, "%d,Customer %d,POL-%07d,2026-11-%02d\n", number, f.next, f.next, f.next%28+1)
		}
		f.next++
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// BenchmarkImport imports a list of n contacts into a store, whole: first when
// none of it is there, then once more, as one does who cannot tell how far the
// first came. Besides rows a second it reports the most that was on the heap
// after a batch, above what was there before.
func BenchmarkImport(b *testing.B, open func(*testing.B) dialler.Store, n int) {
	for b.Loop() {
		b.StopTimer()
		s := open(b)
		c, err := campaignFor(b, s)
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		for _, pass := range []struct {
			unit string
			want list.Count
		}{{"rows/s", list.Count{Added: n}}, {"there-already/s", list.Count{Duplicate: n}}} {
			rows, err := list.NewReader(&file{n: n}, 0)
			if err != nil {
				b.Fatal(err)
			}
			most, end := heap()
			start := time.Now()
			got, err := list.Import{To: list.Into(s, c.ID, time.Now), Region: c.Region}.Run(b.Context(), rows)
			took := time.Since(start)
			end()
			if err != nil || got != pass.want {
				b.Fatalf("%s: %+v, %v; want %+v", pass.unit, got, err, pass.want)
			}
			b.ReportMetric(float64(n)/took.Seconds(), pass.unit)
			b.ReportMetric(float64(most.Load())/(1<<20), "MB-heap")
		}
	}
}

// heap watches how much more there is on the heap than now, until end.
func heap() (most *atomic.Uint64, end func()) {
	most = new(atomic.Uint64)
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before := m.HeapAlloc
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
			}
			runtime.ReadMemStats(&m)
			if m.HeapAlloc > before {
				most.Store(max(most.Load(), m.HeapAlloc-before))
			}
		}
	}()
	return most, func() { close(stop); <-done }
}

func campaignFor(b *testing.B, s dialler.Store) (dialler.Campaign, error) {
	b.Helper()
	if err := s.PutTrunk(b.Context(), dialler.Trunk{Name: "t", Switch: "s", Dial: "PJSIP/{number}@t"}); err != nil {
		return dialler.Campaign{}, err
	}
	if err := s.PutBot(b.Context(), dialler.Bot{Name: "b", Endpoint: "PJSIP/b"}); err != nil {
		return dialler.Campaign{}, err
	}
	win, err := dialler.NewWindow("UTC", dialler.Hours{"daily": {"00:00-24:00"}})
	if err != nil {
		return dialler.Campaign{}, err
	}
	return s.CreateCampaign(b.Context(), dialler.Campaign{Name: "import", Trunk: "t", Bot: "b", Region: "IN", Window: win})
}
