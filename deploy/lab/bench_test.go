package lab_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"

	"ringback/deploy/lab"
	"ringback/deploy/lab/farend"
)

// BenchmarkOriginate is a generator that does nothing but originate: 20 at a time, each
// answered, and hung up at once by the far end. It is the floor that a dialler is
// measured against.
func BenchmarkOriginate(b *testing.B) {
	f, err := farend.Start(farend.Options{Ring: -1, NoMedia: true})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	a, err := lab.Start(b.Context(), lab.Options{Root: lab.Require(b), FarEnd: f.Addr})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = a.Close() }()

	transport := &http.Transport{MaxConnsPerHost: 20, MaxIdleConnsPerHost: 20}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	next := make(chan int)
	go func() {
		defer close(next)
		for i := range b.N {
			next <- i
		}
	}()
	b.ResetTimer()
	var workers sync.WaitGroup
	for range 20 {
		workers.Go(func() {
			for i := range next {
				// The dialplan takes who answers: no application, no events.
				body := fmt.Sprintf(`{"endpoint":"PJSIP/+91980%07d07@trunk","context":"from-trunk","extension":"s","priority":1}`, i)
				req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, a.ARIURL+"/channels", bytes.NewBufferString(body))
				if err != nil {
					b.Error(err)
					continue
				}
				req.SetBasicAuth(a.User, a.Password)
				req.Header.Set("Content-Type", "application/json")
				res, err := client.Do(req)
				if err != nil {
					b.Error(err)
					continue
				}
				answer, _ := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if res.StatusCode != http.StatusOK {
					b.Errorf("originate: %s %s", res.Status, answer)
				}
			}
		})
	}
	workers.Wait()
	err = f.Record.Wait(context.WithoutCancel(b.Context()), func(calls []farend.Call) bool {
		if len(calls) < b.N && !b.Failed() {
			return false
		}
		for _, c := range calls {
			if c.Live() {
				return false
			}
		}
		return true
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}
