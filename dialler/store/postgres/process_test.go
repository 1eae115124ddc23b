package postgres_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ringback/dialler"
	"ringback/dialler/store/postgres"
	"ringback/dialler/store/storetest"
)

// asNode is set in the processes that TestProcesses starts of this program.
const asNode = "RINGBACK_TEST_NODE"

// people is how many TestProcesses has rung: a thousand, which takes seconds, or
// as many as RINGBACK_TEST_PEOPLE says (60000 take some minutes).
func people() int {
	if n, err := strconv.Atoi(os.Getenv("RINGBACK_TEST_PEOPLE")); err == nil && n > 0 {
		return n
	}
	return 1000
}

// Of each of the four processes: so many workers, who lease so many at a time.
const workers, batch = 4, 3

// node is one of them: workers that lease and settle until nobody waits. Its
// clock is off by what the environment says. It says on its standard output
// whom it rings, before, and whom it settled.
func node() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute+time.Duration(people())*20*time.Millisecond)
	defer cancel()
	off, err := time.ParseDuration(os.Getenv("RINGBACK_TEST_CLOCK"))
	if err != nil {
		return err
	}
	now := func() time.Time { return time.Now().Add(off) }
	s, err := postgres.Open(ctx, os.Getenv("RINGBACK_TEST_URL"), postgres.Options{Conns: 5})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	var mu sync.Mutex
	say := func(what string, l dialler.Lease) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(what, l.Attempt.ID, l.Attempt.Number, l.Attempt.Campaign)
	}
	var wg sync.WaitGroup
	errs := make([]error, workers)
	for i := range errs {
		wg.Go(func() {
			for idle := 0; idle < 20; {
				ls, err := s.Lease(ctx, dialler.LeaseRequest{Node: os.Getenv(asNode), Now: now(), TTL: time.Second,
					Trunks: []dialler.TrunkQuota{{Trunk: "t", N: batch}}, Campaigns: []dialler.CampaignQuota{{Campaign: 1, N: batch}}})
				if err != nil {
					errs[i] = err
					return
				}
				if len(ls) == 0 {
					idle++
					time.Sleep(10 * time.Millisecond)
					continue
				}
				idle = 0
				for _, l := range ls {
					say("ring", l)
				}
				for _, l := range ls {
					_, err := s.Settle(ctx, l, dialler.Outcome{Ended: now(), Disposition: dialler.Answered})
					if err != nil && !errors.Is(err, dialler.ErrLeaseLost) {
						errs[i] = err
						return
					}
					if err == nil {
						say("settled", l)
					}
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Four processes of four workers each lease and settle, with clocks that are
// minutes off; one is killed and one is stopped for longer than its leases.
// Nobody is rung twice, nobody early and nobody out of turn, but for what is in
// flight, and what the dead one held is adrift until it is adopted.
func TestProcesses(t *testing.T) {
	runtime.LockOSThread() // which they die with: Pdeathsig is of the thread that began them
	defer runtime.UnlockOSThread()
	url := database(t)
	people := people()
	s, c := filled(t, url, people)
	if c.ID != 1 {
		t.Fatalf("the campaign is %d", c.ID)
	}
	type event struct{ what, call, number string }
	events := make(chan event, 100)
	var readers sync.WaitGroup
	var cmds []*exec.Cmd
	for i := range 4 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=node-%d", asNode, i), "RINGBACK_TEST_URL="+url,
			"RINGBACK_TEST_CLOCK="+[]string{"0s", "7m", "-7m", "2h"}[i])
		cmd.Stderr = os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		cmds = append(cmds, cmd)
		readers.Go(func() {
			for lines := bufio.NewScanner(out); lines.Scan(); {
				if f := strings.Fields(lines.Text()); len(f) == 4 {
					events <- event{f[0], f[1], f[2]}
				}
			}
		})
	}
	go func() { readers.Wait(); close(events) }()
	rung, settled := map[string]string{}, map[string]bool{}
	// Each fifth is a retry, and of those each hundredth is due; see filled.
	// Whoever is rung comes at most as far before the turn of the list as
	// others are in flight, who were leased and have not been told of yet.
	const inFlight = 2 * 4 * workers * batch
	pending := 0 // rung
	inTurn := func(number string) {
		var i int
		if _, err := fmt.Sscanf(number, "+9198%d", &i); err != nil {
			t.Error(err)
		}
		switch id := i + 1; {
		case id%500 == 0:
			if left := people - people/5 - pending; left > inFlight {
				t.Errorf("I8: retry %d was rung while %d pending contacts waited", id, left)
			}
		case id%5 == 0:
			t.Errorf("retry %d was rung, and is not due for an hour", id)
		default:
			if place := i - i/5; place-pending > inFlight {
				t.Errorf("I8: contact %d, number %d of the list, was rung as number %d", id, place, pending)
			}
			pending++
		}
	}
	for e := range events {
		switch e.what {
		case "ring":
			if other, twice := rung[e.number]; twice {
				t.Errorf("I1: %s was rung on calls %s and %s", e.number, other, e.call)
			}
			rung[e.number] = e.call
			inTurn(e.number)
		case "settled":
			settled[e.call] = true
		}
		switch len(rung) {
		case people / 10:
			_ = cmds[0].Process.Kill()
		case people / 5:
			_ = cmds[1].Process.Signal(syscall.SIGSTOP)
			time.AfterFunc(1500*time.Millisecond, func() { _ = cmds[1].Process.Signal(syscall.SIGCONT) })
		}
	}
	for i, cmd := range cmds {
		if err := cmd.Wait(); err != nil && i != 0 {
			t.Errorf("node %d: %v", i, err)
		}
	}
	adrift, err := s.Adrift(t.Context(), "node-0", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range adrift {
		if settled[string(a.ID)] || a.Node != "node-0" {
			t.Errorf("call %s of %s is adrift", a.ID, a.Node)
		}
		l, err := s.Adopt(t.Context(), a.ID, "node-0", time.Now(), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Settle(t.Context(), l, dialler.Outcome{Ended: time.Now(), Disposition: dialler.Failed}); err != nil {
			t.Fatal(err)
		}
	}
	n, err := s.Counters(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	// All but the retries that are not due.
	if due := people - people/5 + people/500; n.Attempts != due || n.Live != 0 {
		t.Errorf("%d attempts, %d live, want %d and none", n.Attempts, n.Live, due)
	}
	t.Logf("%d rung, %d settled by those who rang, %d adrift", len(rung), len(settled), len(adrift))
	storetest.Audit(t, s)
}
