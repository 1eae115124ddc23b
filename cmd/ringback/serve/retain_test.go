package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ringback/dialler"
)

// An attic has two campaigns, of which the first takes three batches.
type attic struct {
	sync.Mutex
	asked  []string
	before time.Time
	fails  bool

	receipts int
}

func (a *attic) DropReceipts(_ context.Context, n int, _ time.Time) (int, error) {
	a.Lock()
	defer a.Unlock()
	n = min(n, a.receipts)
	a.receipts -= n
	return n, nil
}

func (a *attic) Campaigns(context.Context) ([]dialler.Campaign, error) {
	return []dialler.Campaign{{ID: 1}, {ID: 2}}, nil
}

func (a *attic) Prune(_ context.Context, q dialler.PruneQuery) (dialler.Pruned, error) {
	a.Lock()
	a.asked, a.before = append(a.asked, fmt.Sprint(q.Campaign, q.After)), q.Before
	fails := a.fails
	a.Unlock()
	time.Sleep(time.Second)
	p := dialler.Pruned{Calls: 10, Analyses: 2, Callbacks: 1}
	switch {
	case fails:
		return dialler.Pruned{}, errors.New("the database has gone away")
	case q.Campaign == 1 && q.After == "":
		p.Next = "a"
	case q.Campaign == 1 && q.After == "a":
		p.Next = "b"
	}
	return p, nil
}

func TestRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &attic{receipts: 2*receiptBatch + 1}
		said := &heard{attic: a}
		told := 0
		r := retention{store: a, after: 90 * 24 * time.Hour, log: slog.New(slog.NewTextHandler(said, nil)), told: func(p dialler.Pruned) {
			a.Lock()
			defer a.Unlock()
			told += p.Calls
		}}
		wait := func(d time.Duration) { // the test looks, and changes things, under the attic's lock
			a.Unlock()
			time.Sleep(d)
			a.Lock()
		}
		a.Lock()
		ctx, cancel := context.WithCancel(t.Context())
		start := time.Now()
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.run(ctx)
		}()
		wait(retainFirst - time.Second)
		if len(a.asked) > 0 {
			t.Errorf("it began with the process: %v", a.asked)
		}
		wait(time.Minute)
		if want := []string{"1", "1a", "1b", "2"}; !slices.Equal(a.asked, want) || told != 40 {
			t.Errorf("asked %v and told of %d; want %v and 40", a.asked, told, want)
		}
		if a.receipts != 0 {
			t.Errorf("%d receipts are left", a.receipts)
		}
		if want := start.Add(retainFirst).Add(-90 * 24 * time.Hour); !a.before.Equal(want) {
			t.Errorf("let go of what ended before %v; want %v", a.before, want)
		}
		// Four batches of a second, and after two of them as long a rest.
		if !strings.Contains(said.String(), "calls=40 analyses=8 callbacks=4 messages=0 took=6s") {
			t.Errorf("it said:\n%s", said.String())
		}
		a.fails, a.asked = true, nil
		wait(retainEvery)
		if len(a.asked) != 1 || !strings.Contains(said.String(), "the database has gone away") {
			t.Errorf("without a database: asked %v, and said:\n%s", a.asked, said.String())
		}
		a.fails, a.asked = false, nil
		wait(retainEvery + time.Minute)
		if len(a.asked) != 4 {
			t.Errorf("after it came back: asked %v", a.asked)
		}
		a.Unlock()
		cancel()
		<-done
	})
}

// heard is what was logged.
type heard struct {
	*attic
	strings.Builder
}

func (h *heard) Write(b []byte) (int, error) {
	h.Lock()
	defer h.Unlock()
	return h.Builder.Write(b)
}
