package lab_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ringback/deploy/lab"
	"ringback/deploy/lab/farend"
)

// A process that has to die without closing its instance is this test, run again.
const victim = "RINGBACK_LAB_TEST_VICTIM"

func TestMain(m *testing.M) {
	if os.Getenv(victim) != "" {
		startAndHang()
	}
	os.Exit(m.Run())
}

func startAndHang() {
	a, err := lab.Start(context.Background(), lab.Options{Name: "victim"})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println(a.PID(), filepath.Dir(filepath.Dir(a.LogFile)))
	select {}
}

func start(t *testing.T, o lab.Options) *lab.Asterisk {
	t.Helper()
	o.Root = lab.Require(t)
	began := time.Now()
	a, err := lab.Start(within(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of Asterisk's log:\n%s", a.LogTail(30))
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Logf("Asterisk %s at %s and %s after %v", a.Version, a.ARIURL, a.SIPAddr, time.Since(began).Round(time.Millisecond))
	return a
}

// answers rings 00 and sees it answered.
func answers(t *testing.T, a *lab.Asterisk, f *farend.FarEnd) {
	t.Helper()
	before := len(f.Record.Calls())
	news := events(t, a, "lab")
	originate(t, a, fmt.Sprintf("00000000-0000-4000-8000-%012d", before), map[string]any{"endpoint": "PJSIP/+919800000000@trunk", "app": "lab"})
	until(t, news, "the answer", func(e event) bool { return e.Type == "StasisStart" })
	if n := len(f.Record.Calls()); n != before+1 {
		t.Errorf("%d calls reached the far end, want 1", n-before)
	}
}

func TestSideBySide(t *testing.T) {
	t.Parallel()
	f1, f2 := startFarEnd(t, farend.Options{Ring: -1}), startFarEnd(t, farend.Options{Ring: -1})
	one := start(t, lab.Options{Name: "same", FarEnd: f1.Addr})
	two := start(t, lab.Options{Name: "same", FarEnd: f2.Addr})
	answers(t, one, f1)
	answers(t, two, f2)
	if len(f1.Record.Calls()) != 1 || len(f2.Record.Calls()) != 1 {
		t.Errorf("%d and %d calls, want 1 and 1", len(f1.Record.Calls()), len(f2.Record.Calls()))
	}
	if one.Password == two.Password {
		t.Error("two instances with one password")
	}
	status, _ := ari(t, one, "GET", "/asterisk/info", nil)
	stranger := lab.Alias(two, one.Password)
	if other, _ := ari(t, stranger, "GET", "/asterisk/info", nil); status != 200 || other != 401 {
		t.Errorf("status %d with its own password, %d with the other's; want 200, 401", status, other)
	}
}

// TestQualify asks the far end for a sign of life, and gets none once it is gone.
func TestQualify(t *testing.T) {
	t.Parallel()
	f := startFarEnd(t, farend.Options{})
	a := start(t, lab.Options{FarEnd: f.Addr, Qualify: time.Second})
	for _, endpoint := range []string{"trunk", "bot"} {
		awaitState(t, a, endpoint, "online")
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	awaitState(t, a, "trunk", "offline")
}

func awaitState(t *testing.T, a *lab.Asterisk, endpoint, want string) {
	t.Helper()
	for limit := within(t); ; time.Sleep(50 * time.Millisecond) {
		_, body := ari(t, a, "GET", "/endpoints/PJSIP/"+endpoint, nil)
		if strings.Contains(string(body), `"state":"`+want+`"`) {
			return
		}
		if limit.Err() != nil {
			t.Fatalf("%s is not %s: %s", endpoint, want, body)
		}
	}
}

// TestSIPLog is how one finds out what went over the wire.
func TestSIPLog(t *testing.T) {
	t.Parallel()
	f := startFarEnd(t, farend.Options{Ring: -1})
	a := start(t, lab.Options{FarEnd: f.Addr})
	if out, err := a.CLI(within(t), "pjsip set logger on"); err != nil || !strings.Contains(out, "enabled") {
		t.Fatalf("%q, %v", out, err)
	}
	answers(t, a, f)
	for limit := within(t); !strings.Contains(a.LogTail(1000), "INVITE sip:+919800000000@"+f.Addr); time.Sleep(20 * time.Millisecond) {
		if limit.Err() != nil {
			t.Fatalf("the log lacks the INVITE: %s", a.LogTail(1000))
		}
	}
}

// TestLife stops, kills and restarts an instance again and again: each time it takes
// calls on the same ports as before, and each process is gone when it is said to be.
func TestLife(t *testing.T) {
	t.Parallel()
	f := startFarEnd(t, farend.Options{Ring: -1})
	a := start(t, lab.Options{FarEnd: f.Addr})
	url, sip := a.ARIURL, a.SIPAddr
	for _, how := range []string{"stop", "kill", "restart", "kill"} {
		answers(t, a, f)
		pid, done := a.PID(), a.Done()
		switch how {
		case "stop":
			if err := a.Stop(within(t)); err != nil {
				t.Fatal(err)
			}
			waitFor(t, f, "the call got its BYE", func(calls []farend.Call) bool { return calls[len(calls)-1].EndedBy == farend.EndedBySwitch })
		case "kill":
			if err := a.Kill(); err != nil {
				t.Fatal(err)
			}
			if n := f.Record.Lost(); n != 1 {
				t.Errorf("%d calls lost by kill, want 1", n)
			}
		}
		if how != "restart" {
			if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
				t.Errorf("after %s, process %d: %v", how, pid, err)
			}
			if a.PID() != 0 {
				t.Errorf("after %s the PID is %d, want 0", how, a.PID())
			}
		}
		if err := a.Restart(within(t)); err != nil {
			t.Fatalf("restarting after %s: %v", how, err)
		}
		select {
		case <-done:
		default:
			t.Errorf("Done of the process before is open after %s and a restart", how)
		}
		if a.ARIURL != url || a.SIPAddr != sip {
			t.Errorf("after %s it is at %s and %s, was at %s and %s", how, a.ARIURL, a.SIPAddr, url, sip)
		}
	}
	answers(t, a, f)
	if err := a.Stop(within(t)); err != nil {
		t.Fatal(err)
	}
	if err := a.Stop(within(t)); err != nil {
		t.Errorf("stopping a stopped one: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(a.LogFile); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after Close its folder is there: %v", err)
	}
	if err := a.Restart(within(t)); err == nil {
		t.Error("a closed instance restarted")
	}
}

// TestOwnerKilled kills a process that has an instance: its Asterisk dies with it, and
// the next Start clears its folder away.
func TestOwnerKilled(t *testing.T) {
	t.Parallel()
	root := lab.Require(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victim+"=1", "RINGBACK_LAB="+filepath.Dir(root))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	var dir string
	if _, err := fmt.Sscan(line, &pid, &dir); err != nil {
		t.Fatalf("the victim says %q: %v", line, err)
	}
	if err := syscall.Kill(pid, 0); err != nil {
		t.Fatalf("its Asterisk: %v", err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Fatalf("the victim's folder: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // "signal: killed"
	for limit := within(t); ; time.Sleep(10 * time.Millisecond) {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		// A zombie waits for whoever inherited it.
		if errors.Is(err, os.ErrNotExist) || strings.Contains(string(state), ") Z ") {
			break
		}
		if limit.Err() != nil {
			t.Fatalf("Asterisk %d outlived its owner: %s", pid, state)
		}
	}
	start(t, lab.Options{}) // any other may have swept before it: other tests start labs, too
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the victim's folder after the next start: %v", err)
	}
}

// TestLeftBehind is an Asterisk that outlived its owner all the same.
func TestLeftBehind(t *testing.T) {
	t.Parallel()
	a := start(t, lab.Options{})
	lab.Abandon(a)
	b := start(t, lab.Options{})
	select {
	case <-a.Done():
	case <-within(t).Done():
		t.Fatal("what was left behind still runs after the next start")
	}
	if _, err := os.Stat(a.LogFile); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its folder after the next start: %v", err)
	}
	if b.PID() == 0 {
		t.Error("the new one does not run")
	}
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	root := lab.Require(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	_, port, _ := strings.Cut(taken.Addr().String(), ":")
	var number int
	if _, err := fmt.Sscan(port, &number); err != nil {
		t.Fatal(err)
	}
	ours := fmt.Sprint("fails", os.Getpid()) // another process may be at the same in this lab
	for name, c := range map[string]struct {
		o     lab.Options
		after time.Duration
		want  string
	}{
		"a port in use":     {lab.Options{HTTPPort: number}, time.Minute, "Options.HTTPPort: tcp port " + port},
		"a path for a name": {lab.Options{Name: "../x"}, time.Minute, `Options.Name: "../x"`},
		"no such file":      {lab.Options{Append: map[string]string{"ari.cfg": ""}}, time.Minute, `no file "ari.cfg"`},
		"no SIP":            {lab.Options{Append: map[string]string{"modules.conf": "noload = chan_pjsip.so"}}, 3 * time.Second, "the end of its log"},
		"it ends by itself": {lab.Options{Append: map[string]string{"modules.conf": "require = no_such.so"}}, time.Minute, "Asterisk ended"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), c.after)
			defer cancel()
			c.o.Root = root
			if c.o.Name == "" {
				c.o.Name = ours
			}
			a, err := lab.Start(ctx, c.o)
			if err == nil {
				_ = a.Close()
				t.Fatal("it started")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %q, want %q in it", err, c.want)
			}
		})
	}
	left, err := filepath.Glob(filepath.Join(root, "srv", "lab", ours+"-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

func TestRequire(t *testing.T) {
	t.Setenv("RINGBACK_LAB", t.TempDir())
	for _, c := range []struct{ env, want string }{{"", "skip"}, {"1", "fatal"}} {
		t.Setenv("RINGBACK_TEST_REQUIRE", c.env)
		r := &recorder{}
		func() {
			defer func() { _ = recover() }()
			lab.Require(r)
		}()
		if r.what != c.want || !strings.Contains(r.said, "make setup") {
			t.Errorf("RINGBACK_TEST_REQUIRE=%q: %s %q; want %s, with make setup in it", c.env, r.what, r.said, c.want)
		}
	}
}

// recorder is a testing.TB whose Skip and Fatal can be looked at.
type recorder struct{ what, said string }

func (*recorder) Helper() {}
func (r *recorder) Skip(args ...any) {
	r.what, r.said = "skip", fmt.Sprint(args...)
	panic(r)
}
func (r *recorder) Fatal(args ...any) {
	r.what, r.said = "fatal", fmt.Sprint(args...)
	panic(r)
}
