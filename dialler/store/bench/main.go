// Bench measures how fast calls are leased and settled, beside River, the best
// known job queue on Postgres, and beside the SQLite store. It is a module of
// its own, so that River stays out of the product.
//
//	go run .            some minutes
//	go run . -full      up to ten million contacts; some hours
//
// # What is compared
//
// One PostgreSQL, started for the run with every commit on disk before it is
// acknowledged (fsync on), holds three databases: Ringback's, River's and the
// floor's. The same number of contacts, or jobs, is loaded into each by COPY,
// then vacuumed and analysed. Cell by cell, the three take turns:
//
//	Ringback   Lease of up to b contacts, then Settle of each as answered, b at once, as the dialling loop does
//	River      JobGetAvailable of up to b jobs, then JobSetStateIfRunningMany of all of them as completed
//	floor      the least that any store must write for a call, by bare statements: see [floor]
//
// by w workers at once, each on a connection of its own, each waiting for its
// batch to be completed before it fetches the next. What a worker does between
// is nothing. The figure is contacts (jobs) completed per second, the median
// of the rounds; a ratio is of the two medians of one cell. "leased/s" is how
// many contacts Ringback leases in a second of leasing, with the settlements
// left out; its ratio is to the jobs that River fetches and completes.
//
// Those two calls are what River's client makes: its producer fetches with the
// first, its batch completer completes with the second. We call them by
// River's own driver and not through its client, because the client decides by
// itself how much it fetches (at most once in FetchCooldown, as much as there
// are workers free) and when it completes (every 50 to 250 ms), and then there
// are no "same workers and batch". It also does for a job what is not compared
// here: goroutine, middleware, context, events.
//
// # What each does for it
//
// The two don't do the same work. For each contact Ringback writes an attempt
// (kept for good) and a row that holds its number, so that nobody on any node
// rings it twice, counts seats, channels and bots over all nodes, takes
// callbacks before pending contacts before retries over all campaigns of a
// trunk, and at the end decides in Go what becomes of the contact, writes it,
// the attempt, the sums behind the counters and a message for the outbox. River
// moves one row from available to running to completed, in a table with two
// GIN indices; it knows no limits over several processes.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// numbers is a flag: a list of whole numbers.
type numbers []int

func (n *numbers) String() string {
	var s []string
	for _, v := range *n {
		s = append(s, strconv.Itoa(v))
	}
	return strings.Join(s, ",")
}

func (n *numbers) Set(s string) error {
	*n = nil
	for f := range strings.SplitSeq(s, ",") {
		v, err := strconv.Atoi(f)
		if err != nil || v < 1 {
			return fmt.Errorf("%q is not a list of numbers such as 1,4,16", s)
		}
		*n = append(*n, v)
	}
	return nil
}

// options are what a run measures.
type options struct {
	contacts, campaigns, workers, batches numbers

	rounds     int
	each       time.Duration // of one round
	held       time.Duration // how long a transaction is held open; 0: that is not measured
	sqlite     bool
	statements bool
	set        []string // lines of postgresql.conf
}

func run(ctx context.Context) error {
	o := options{contacts: numbers{10_000, 1_000_000}, campaigns: numbers{1, 100}, workers: numbers{1, 16}, batches: numbers{1, 10, 100}}
	full := flag.Bool("full", false, "10 k, 1 M and 10 M contacts, 1, 4 and 16 workers")
	flag.Var(&o.contacts, "contacts", "how many contacts are loaded")
	flag.Var(&o.campaigns, "campaigns", "how many campaigns they are in")
	flag.Var(&o.workers, "workers", "how many lease and settle at once")
	flag.Var(&o.batches, "batch", "how many contacts each takes at once")
	flag.IntVar(&o.rounds, "rounds", 3, "how often each cell is measured")
	flag.DurationVar(&o.each, "each", 500*time.Millisecond, "how long a round takes")
	flag.DurationVar(&o.held, "held", 10*time.Second, "how long there is churn, and churn with a transaction held open; 0: not measured")
	flag.BoolVar(&o.sqlite, "sqlite", true, "measure the SQLite store too")
	flag.BoolVar(&o.statements, "statements", false, "print what each cell's statements cost Postgres (pg_stat_statements)")
	flag.Func("set", "a line of postgresql.conf, such as \"shared_buffers = '4GB'\"; may be given several times", func(line string) error {
		o.set = append(o.set, line)
		return nil
	})
	profile := flag.String("cpuprofile", "", "write a CPU profile of this process to a file")
	flag.Parse()
	if *full {
		given := map[string]bool{}
		flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
		for name, v := range map[string]string{"contacts": "10000,1000000,10000000", "workers": "1,4,16", "rounds": "3", "each": "3s", "held": "2m"} {
			if !given[name] {
				if err := flag.Set(name, v); err != nil {
					return err
				}
			}
		}
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	return measure(ctx, o)
}

func median[T int | float64 | time.Duration](list []T) T {
	if len(list) == 0 {
		return 0
	}
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}

func quantile(list []time.Duration, q float64) time.Duration {
	if len(list) == 0 {
		return 0
	}
	list = slices.Sorted(slices.Values(list))
	return list[min(len(list)-1, int(q*float64(len(list))))]
}
