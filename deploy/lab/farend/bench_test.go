package farend_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"ringback/deploy/lab/farend"
)

// BenchmarkCalls is INVITE, 200, ACK, BYE, 200 on loopback, the caller's work included:
// what the far end can take, so that a measured limit is the dialler's.
func BenchmarkCalls(b *testing.B) {
	f, err := farend.Start(farend.Options{Ring: -1, NoMedia: true})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	c := newCaller(b, f)
	numbers := make(chan string)
	go func() {
		defer close(numbers)
		for i := range b.N {
			numbers <- fmt.Sprintf("91980%07d00", i)
		}
	}()
	b.ResetTimer()
	var workers sync.WaitGroup
	for range 20 {
		workers.Go(func() {
			for number := range numbers {
				call, status := c.invite(context.Background(), number)
				if status != 200 {
					b.Errorf("%s: %d", number, status)
					continue
				}
				if err := call.Bye(context.Background()); err != nil {
					b.Error(err)
				}
			}
		})
	}
	workers.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
	if n := len(f.Record.Overlaps()); n > 0 {
		b.Errorf("%d overlaps", n)
	}
}
