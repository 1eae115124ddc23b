package ari_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"ringback/deploy/lab"
	"ringback/deploy/lab/farend"
	"ringback/dialler"
	"ringback/dialler/switchtest"
)

// BenchmarkAnswerToBot measures, on a real Asterisk, from the customer's 200
// to the bot's INVITE and to the bot's being on the line.
func BenchmarkAnswerToBot(b *testing.B) {
	r := startReal(b, farend.Options{BotTalk: -1, Talk: time.Minute, Ring: 20 * time.Millisecond, NoMedia: true}, lab.Options{})
	h := r.harness()
	o := r.options(b)
	o.URL = r.asterisk.ARIURL // no wire of ours
	sw := newSwitch(b, o)
	var mu sync.Mutex
	joined := map[dialler.CallID]chan time.Time{}
	run(b, sw, func(e dialler.Event) {
		mu.Lock()
		c := joined[e.Call]
		mu.Unlock()
		switch e.Kind {
		case dialler.Up:
			go func() {
				if err := sw.Connect(context.Background(), e.Call, dialler.Handover{
					Bot: h.Bot, Timeout: 10 * time.Second, Context: dialler.Context{Call: e.Call, Campaign: "bench"},
				}); err != nil {
					b.Error(err)
					close(c)
				}
			}()
		case dialler.Joined:
			c <- time.Now()
		}
	})
	var invite, bridged []time.Duration
	for b.Loop() {
		call := dialler.Origination{ID: switchtest.NewID(), Number: h.Number(switchtest.Talks), Trunk: h.Trunk, RingTimeout: 20 * time.Second}
		c := make(chan time.Time, 2)
		mu.Lock()
		joined[call.ID] = c
		mu.Unlock()
		if err := sw.Originate(context.Background(), call); err != nil {
			b.Fatal(err)
		}
		at, ok := <-c
		if !ok {
			b.FailNow()
		}
		calls := r.far.Record.Calls()
		customer, bot := calls[len(calls)-2], calls[len(calls)-1]
		invite = append(invite, bot.Invited.Sub(customer.Answered))
		bridged = append(bridged, at.Sub(customer.Answered))
		if err := sw.Hangup(context.Background(), call.ID); err != nil {
			b.Fatal(err)
		}
	}
	report(b, invite, "invite")
	report(b, bridged, "joined")
}

// BenchmarkOriginate places calls that are busy, as many as b.N, a hundred at
// a time: calls per second, and the CPU time that this process spends on each,
// the far end included.
func BenchmarkOriginate(b *testing.B) {
	r := startReal(b, farend.Options{Ring: -1, NoMedia: true}, lab.Options{})
	h := r.harness()
	o := r.options(b)
	o.URL = r.asterisk.ARIURL
	sw := newSwitch(b, o)
	over := make(chan struct{}, 10000)
	run(b, sw, func(e dialler.Event) {
		if e.Kind == dialler.HungUp {
			over <- struct{}{}
		}
	})
	slots := make(chan struct{}, 100)
	began := time.Now()
	var took []time.Duration
	var mu sync.Mutex
	var wg sync.WaitGroup
	n := 0
	go func() {
		for range over {
			<-slots
			wg.Done()
		}
	}()
	for b.Loop() {
		slots <- struct{}{}
		wg.Add(1)
		n++
		call := dialler.Origination{ID: switchtest.NewID(), Number: h.Number(switchtest.IsBusy), Trunk: h.Trunk, RingTimeout: 20 * time.Second}
		go func() {
			at := time.Now()
			if err := sw.Originate(context.Background(), call); err != nil {
				b.Error(err)
				over <- struct{}{}
			}
			mu.Lock()
			took = append(took, time.Since(at))
			mu.Unlock()
		}()
	}
	wg.Wait()
	close(over)
	b.ReportMetric(float64(n)/time.Since(began).Seconds(), "calls/s")
	mu.Lock()
	report(b, took, "originate")
	mu.Unlock()
}

func report(b *testing.B, d []time.Duration, what string) {
	if len(d) == 0 {
		return
	}
	slices.Sort(d)
	ms := func(p float64) float64 { return float64(d[int(p*float64(len(d)-1))].Microseconds()) / 1000 }
	b.ReportMetric(ms(0.50), "ms-"+what+"-p50")
	b.ReportMetric(ms(0.95), "ms-"+what+"-p95")
	b.ReportMetric(ms(0.99), "ms-"+what+"-p99")
}
