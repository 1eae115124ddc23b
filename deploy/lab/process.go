package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// process is one run of Asterisk.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed after the process was waited for
}

func (p *process) alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// end asks by SIGTERM, on which Asterisk hangs everything up and exits, and kills
// when ctx ends.
func (p *process) end(ctx context.Context) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping Asterisk: %w", err)
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return p.kill()
	}
}

func (p *process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("killing Asterisk: %w", err)
	}
	<-p.done
	return nil
}

// run starts cmd so that it dies with this process: the kernel sends the signal when
// the thread that forked ends, so that thread is kept for as long as the child lives.
func run(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is of no interest, its log says why
		}
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// launch starts Asterisk and waits until it is of use.
func (a *Asterisk) launch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()

	stderr, err := os.OpenFile(filepath.Join(a.outside(), "log", "stderr"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("starting Asterisk: %w", err)
	}
	defer func() { _ = stderr.Close() }()

	// -f stays in the foreground, so that the process is ours to wait for. It also
	// sends the log to stdout, which goes nowhere.
	cmd := &exec.Cmd{
		Path: "/usr/sbin/asterisk", // inside the root
		Args: []string{"asterisk", "-f", "-C", a.dir + "/etc/asterisk.conf"},
		Env:  []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"},
		Dir:  "/",
		SysProcAttr: &syscall.SysProcAttr{
			Chroot:     a.root,
			Credential: &syscall.Credential{Uid: a.uid, Gid: a.gid},
			Pdeathsig:  syscall.SIGKILL,
			Setpgid:    true, // a Ctrl-C at the terminal is for us to act on
		},
		Stderr: stderr,
	}
	p, err := run(cmd)
	if err != nil {
		return fmt.Errorf("starting Asterisk: %w", err)
	}
	a.mu.Lock()
	a.running = p
	a.mu.Unlock()
	if err := os.WriteFile(filepath.Join(a.outside(), "pid"), fmt.Append(nil, cmd.Process.Pid, "\n"), 0o600); err != nil {
		return errors.Join(fmt.Errorf("writing Asterisk's pid file: %w", err), p.kill())
	}

	for _, wait := range []func(context.Context, *process) error{a.awaitARI, a.awaitSIP} {
		if err := wait(ctx, p); err != nil {
			err = fmt.Errorf("%w; the end of its log:\n%s", err, a.LogTail(30))
			return errors.Join(err, p.kill())
		}
	}
	return nil
}

// awaitARI asks until Asterisk says that it is fully booted: before that ARI is
// refused, unknown (404) or 503, and SIP may be missing.
func (a *Asterisk) awaitARI(ctx context.Context, p *process) error {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	return poll(ctx, p, "ARI at "+a.ARIURL, func() error {
		// A module that could not be loaded is only a line in the log, unless asked for.
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.ARIURL+"/asterisk/modules/chan_pjsip.so", nil)
		if err != nil {
			return err
		}
		req.SetBasicAuth(a.User, a.Password)
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return err
		}
		if res.StatusCode != http.StatusOK || !bytes.Contains(body, []byte(`"Running"`)) {
			return fmt.Errorf("it says %s %s", res.Status, body)
		}
		return nil
	})
}

// awaitSIP sends OPTIONS until this instance, and no other, answers at its address:
// Asterisk goes on without a transport whose port it did not get.
func (a *Asterisk) awaitSIP(ctx context.Context, p *process) error {
	conn, err := new(net.Dialer).DialContext(ctx, "udp", a.SIPAddr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	n := 0
	return poll(ctx, p, "SIP at "+a.SIPAddr, func() error {
		n++
		local := conn.LocalAddr()
		_, err := fmt.Fprintf(conn, "OPTIONS sip:lab@%[1]s SIP/2.0\r\nVia: SIP/2.0/UDP %[2]s;branch=z9hG4bK-lab-%[3]d;rport\r\n"+
			"From: <sip:lab@%[2]s>;tag=lab%[3]d\r\nTo: <sip:lab@%[1]s>\r\nCall-ID: lab-%[3]d@%[2]s\r\nCSeq: 1 OPTIONS\r\n"+
			"Contact: <sip:lab@%[2]s>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n", a.SIPAddr, local, n)
		if err != nil {
			return err
		}
		_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		answer := make([]byte, 4096)
		size, err := conn.Read(answer)
		if err != nil {
			return err
		}
		if !bytes.Contains(answer[:size], []byte(a.agent)) {
			return fmt.Errorf("another one answers there: %.200q", answer[:size])
		}
		return nil
	})
}

// poll tries until it succeeds, the process ends, or ctx does.
func poll(ctx context.Context, p *process, what string, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("waiting for %s: Asterisk ended: %v", what, p.cmd.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w: %w", what, context.Cause(ctx), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// CLI runs a command at Asterisk's console ("core show channels") and returns what it
// prints.
func (a *Asterisk) CLI(ctx context.Context, command string) (string, error) {
	cmd := exec.CommandContext(ctx, "/usr/sbin/asterisk", "-C", a.dir+"/etc/asterisk.conf", "-rx", command)
	cmd.Err = nil // the path is one inside the root
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: a.root, Credential: &syscall.Credential{Uid: a.uid, Gid: a.gid}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("asking Asterisk %q: %w: %s", command, err, bytes.TrimSpace(out))
	}
	return string(out), nil
}

// LogTail is the last lines of the log and of what Asterisk wrote to its standard
// error, for a message about something that went wrong.
func (a *Asterisk) LogTail(lines int) string {
	var all []string
	for _, name := range []string{"stderr", "messages.log"} {
		text, err := os.ReadFile(filepath.Join(a.outside(), "log", name))
		if err == nil && len(text) > 0 {
			all = append(all, strings.Split(strings.TrimSpace(string(text)), "\n")...)
		}
	}
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
