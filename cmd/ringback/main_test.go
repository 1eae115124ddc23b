package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"ringback/cmd/ringback/serve"
	"ringback/config"
)

// The test program is also ringback, when it is called so.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"ringback": main})
}

const token = "0123456789abcdef0123456789abcdef"

// TestScripts runs testdata/script: the command line as a person sees it. Each
// script finds a Ringback that runs, with a draft campaign "renewals", at
// $RINGBACK_SERVER.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			p, err := serve.Start(t.Context(), config.Config{
				Node:     "n1",
				Store:    config.Store{URL: "sqlite:" + filepath.Join(e.WorkDir, "server.db")},
				HTTP:     config.HTTP{Listen: "127.0.0.1:0", Tokens: map[string]config.Secret{"test": token}},
				Switches: map[string]config.Switch{"pbx": {URL: "http://127.0.0.1:1/ari", User: "u", Password: "p"}}, // nobody is there
				Trunks:   map[string]config.Trunk{"carrier": {Switch: "pbx", Dial: "PJSIP/{number}@carrier"}},
				Bots:     map[string]config.Bot{"asha": {Endpoint: "PJSIP/asha"}},
				Campaigns: map[string]config.Campaign{"renewals": {
					Trunk: "carrier", Bot: "asha", Region: "IN",
					Window: config.Window{Zone: "Asia/Kolkata", Hours: map[string][]string{"daily": {"09:00-18:00"}}},
				}},
			}, serve.Options{Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				return err
			}
			e.Defer(func() {
				if err := p.Stop(context.Background()); err != nil {
					t.Error(err)
				}
			})
			e.Setenv("RINGBACK_SERVER", "http://"+p.Addr())
			e.Setenv("RINGBACK_TOKEN", token)
			return nil
		},
	})
}

const serveYAML = `
store: {url: "sqlite:DIR/ringback.db"}
http: {listen: 127.0.0.1:0, tokens: {test: 0123456789abcdef0123456789abcdef}}
switches: {pbx: {url: "http://127.0.0.1:1/ari", user: u, password: p}}
`

// ringback starts a real process and returns once it is up, with where it
// listens and what it has still to say.
func ringback(t *testing.T, args ...string) (cmd *exec.Cmd, addr string, rest *bufio.Reader) {
	t.Helper()
	dir := t.TempDir()
	return ringbackIn(t, dir, strings.ReplaceAll(serveYAML, "DIR", dir), args...)
}

// ringbackIn does so with that configuration, which it leaves in dir.
func ringbackIn(t *testing.T, dir, yaml string, args ...string) (cmd *exec.Cmd, addr string, rest *bufio.Reader) {
	t.Helper()
	path := filepath.Join(dir, "ringback.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(os.Args[0])
	cmd.Args = append([]string{"ringback", "serve", "--config", path}, args...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // if it has not ended by itself
	rest = bufio.NewReader(stderr)
	for {
		line, err := rest.ReadString('\n')
		if err != nil {
			t.Fatalf("it ended before it was up: %v %s", err, line)
		}
		if m := regexp.MustCompile(`"ringback is up".* http=(\S+)`).FindStringSubmatch(line); m != nil {
			return cmd, m[1], rest
		}
	}
}

func TestServeEndsOnSIGTERM(t *testing.T) {
	cmd, addr, rest := ringback(t)
	resp, err := http.Get("http://" + addr + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || !bytes.Contains(body, []byte("the link to switch pbx is down")) {
		t.Errorf("readyz without a switch: %d %s", resp.StatusCode, body)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	said, _ := io.ReadAll(rest)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	for _, want := range []string{"draining", "ringback is down"} {
		if !bytes.Contains(said, []byte(want)) {
			t.Errorf("it did not say %q:\n%s", want, said)
		}
	}
}

// Two of them on one store would ring everybody twice.
func TestASecondServeOnTheSameStoreIsRefused(t *testing.T) {
	cmd, _, rest := ringback(t)
	second := exec.Command(os.Args[0])
	second.Args = []string{"ringback", "serve", "--config", cmd.Args[3]}
	said, err := second.CombinedOutput()
	if second.ProcessState == nil || second.ProcessState.ExitCode() != exitFailure {
		t.Errorf("the second: %v\n%s", err, said)
	}
	if !bytes.Contains(said, []byte("ringback.db")) {
		t.Errorf("it does not say which store is taken: %s", said)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, rest)
	if err := cmd.Wait(); err != nil {
		t.Errorf("the first: %v", err)
	}
}

func TestDialable(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:8090": "127.0.0.1:8090", ":8090": "127.0.0.1:8090", "0.0.0.0:8090": "127.0.0.1:8090",
		"[::]:8090": "127.0.0.1:8090", "[::1]:8090": "[::1]:8090", "pbx.example:80": "pbx.example:80",
	} {
		if got := dialable(listen); got != want {
			t.Errorf("%s: got %s, want %s", listen, got, want)
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ringback.yaml")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(serveYAML, "DIR", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- Run(ctx, []string{"serve", "-c", path}, nil, io.Discard, w)
		_ = w.Close()
	}()
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "ringback is up") {
			cancel()
		}
	}
	cancel()
	select {
	case got := <-code:
		if got != exitOK {
			t.Errorf("exit code %d, want 0", got)
		}
	case <-time.After(time.Minute):
		t.Fatal("Run goes on though its context has ended")
	}
}
