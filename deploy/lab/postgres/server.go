// Package postgres runs throwaway PostgreSQL servers for tests and demos: a
// cluster of its own in a temporary folder, on a free port of loopback, with
// none of the system's clusters touched.
//
// The programs come from the Debian package postgresql-15 (`make setup`).
// PostgreSQL does not run as root: started by root, a server runs as the user
// postgres, which that package makes.
package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"ringback/deploy/lab/port"
)

// ErrNotInstalled means that there are no PostgreSQL programs on this machine.
var ErrNotInstalled = errors.New("PostgreSQL 14 or newer is not installed")

// Options of one server. The zero value is a fast one that forgets when the
// machine does, but not when it is killed.
type Options struct {
	// Durable has every commit on disk before it is acknowledged, as in
	// production. Without, a crash of the machine would lose some; a killed
	// server loses nothing either way.
	Durable bool
	// Settings are lines of postgresql.conf.
	Settings []string
	// Keep leaves the folder, with the log, after Close.
	Keep bool
}

// A Server is a running cluster with one database, "ringback". Its methods may
// be called from several goroutines; one of them acts at a time.
type Server struct {
	// URL is the database's, postgres://ringback@127.0.0.1:port/ringback. It
	// stays over a Restart.
	URL  string
	Port int

	port     port.Port
	bin, dir string
	creds    *syscall.Credential // nil: our own user
	keep     bool

	mu   sync.Mutex
	proc *exec.Cmd
	done chan struct{}
}

// Bin is the folder of the newest PostgreSQL's programs: that of Debian's
// packages, or the one in which postgres is on the path.
func Bin() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	if len(found) > 0 && version(found[0]) >= 14 {
		return filepath.Dir(found[0]), nil
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", ErrNotInstalled
}

func version(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

// startLimit bounds the wait for a server to answer when the caller's context
// does not: it is there in a fraction of a second, on a busy machine in a few.
const startLimit = 60 * time.Second

// Start makes a cluster and runs it. The error of one that did not come up
// ends with the end of its log.
func Start(ctx context.Context, o Options) (_ *Server, err error) {
	s := &Server{keep: o.Keep}
	if s.bin, err = Bin(); err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 {
		if s.creds, err = unprivileged(); err != nil {
			return nil, err
		}
	}
	if s.dir, err = os.MkdirTemp("", "ringback-postgres-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.creds != nil {
		if err := os.Chown(s.dir, int(s.creds.Uid), int(s.creds.Gid)); err != nil {
			return nil, err
		}
	}
	cmd := s.command(ctx, "initdb", "--pgdata", s.data(), "--username", "ringback", "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync", "--no-instructions")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, bytes.TrimSpace(out))
	}
	if s.port, err = port.Take("tcp", 0); err != nil {
		return nil, err
	}
	s.Port = s.port.Number
	s.URL = fmt.Sprintf("postgres://ringback@127.0.0.1:%d/ringback?sslmode=disable", s.Port)
	conf := []string{
		"listen_addresses = '127.0.0.1'", "port = " + strconv.Itoa(s.Port), "unix_socket_directories = '" + s.dir + "'",
		"max_connections = 200", "shared_buffers = '64MB'", "timezone = 'UTC'", "log_timezone = 'UTC'",
		"log_min_messages = warning", "log_line_prefix = '%m [%p] '",
	}
	if !o.Durable {
		conf = append(conf, "fsync = off", "full_page_writes = off")
	}
	text := strings.Join(append(conf, o.Settings...), "\n") + "\n"
	if err := appendTo(filepath.Join(s.data(), "postgresql.conf"), text); err != nil {
		return nil, err
	}
	if err := s.launch(ctx); err != nil {
		return nil, err
	}
	if out, err := s.command(ctx, "createdb", "--host", "127.0.0.1", "--port", strconv.Itoa(s.Port), "--username", "ringback", "ringback").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("createdb: %w: %s", err, bytes.TrimSpace(out))
	}
	return s, nil
}

func appendTo(path, text string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.WriteString(text)
	return err
}

// unprivileged finds whom root's servers run as.
func unprivileged() (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("%w (no user to run it as: %w)", ErrNotInstalled, err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.creds, Setpgid: true}
	return cmd
}

// launch runs the postmaster and waits until it answers.
func (s *Server) launch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := s.command(context.WithoutCancel(ctx), "postgres", "-D", s.data())
	cmd.Stdout, cmd.Stderr = log, log
	// It dies with this process: the kernel sends the signal when the thread
	// that forked ends, so that thread is kept for as long as the child lives.
	cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT
	started, done := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
		}
		close(done)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("starting postgres: %w", err)
	}
	s.proc, s.done = cmd, done
	for {
		ready := s.command(ctx, "pg_isready", "--quiet", "--host", "127.0.0.1", "--port", strconv.Itoa(s.Port), "--dbname", "postgres")
		if ready.Run() == nil {
			return nil
		}
		select {
		case <-done:
			return fmt.Errorf("postgres ended at once; the end of its log:\n%s", s.LogTail(20))
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("postgres does not answer: %w; the end of its log:\n%s", context.Cause(ctx), s.LogTail(20)), s.end(syscall.SIGQUIT))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *Server) logFile() string { return filepath.Join(s.dir, "log") }

// LogTail is the last lines of the server's log.
func (s *Server) LogTail(lines int) string {
	text, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// end sends the postmaster a signal and waits for its end; Postgres that hangs
// is killed after half a minute.
func (s *Server) end(sig syscall.Signal) error {
	if s.proc == nil {
		return nil
	}
	if err := s.proc.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping postgres: %w", err)
	}
	select {
	case <-s.done:
	case <-time.After(30 * time.Second):
		_ = s.proc.Process.Kill()
		<-s.done
	}
	s.proc = nil
	return nil
}

// Stop ends the server as an operator does who does not wait for anybody:
// connections are cut, transactions rolled back, all is written down (a "fast"
// shutdown). Stopping a stopped server does nothing.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end(syscall.SIGINT)
}

// Kill is the accident: every process of the server ends at once, writing
// nothing (an "immediate" shutdown; SIGKILL would leave the shared memory of
// its children behind). The next start recovers from the log.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end(syscall.SIGQUIT)
}

// Restart stops the server if it runs, and starts it again on the same port.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.end(syscall.SIGINT); err != nil {
		return err
	}
	return s.launch(ctx)
}

// Close stops the server and removes its folder.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.end(syscall.SIGINT)
	s.port.Release()
	if s.keep {
		return err
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// TB is the part of testing.TB that [Require] uses.
type TB interface {
	Helper()
	Skip(args ...any)
	Fatal(args ...any)
}

// Require skips the test if there is no PostgreSQL, and says how to un-skip it.
// With RINGBACK_TEST_REQUIRE=1 it fails the test instead, so that a run that
// was to skip nothing cannot.
func Require(t TB) {
	t.Helper()
	_, err := Bin()
	if err == nil && os.Geteuid() == 0 {
		_, err = unprivileged()
	}
	if err == nil {
		return
	}
	if os.Getenv("RINGBACK_TEST_REQUIRE") == "1" {
		t.Fatal(err, "(RINGBACK_TEST_REQUIRE=1: not skipping)")
	}
	t.Skip(err, "(to run this test: make setup)")
}
