// Package node runs ringback as tests have it: the binary, as processes of
// their own, which can be killed, frozen and started again.
package node

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
)

// Build builds the binary into a folder and returns where it is. It has the race
// detector if this program has.
func Build(dir string) (binary string, err error) {
	binary = filepath.Join(dir, "ringback")
	args := slices.Concat([]string{"build", "-o", binary}, buildFlags, []string{"ringback/cmd/ringback"})
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("building ringback: %w: %s", err, bytes.TrimSpace(out))
	}
	return binary, nil
}

// A Node is `ringback serve` with one configuration, whether it runs or not.
// Its methods may be called from any goroutine.
type Node struct {
	Binary string
	Config string    // file
	Log    io.Writer // of what it says; nil: nobody hears

	mu   sync.Mutex
	proc *os.Process
	gone chan struct{}
}

// Start runs a process, and returns when it has begun. It is an error if one
// runs already.
func (n *Node) Start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.gone != nil {
		select {
		case <-n.gone:
		default:
			return errors.New("starting ringback: it runs")
		}
	}
	cmd := exec.Command(n.Binary, "serve", "--config", n.Config)
	cmd.Stdout, cmd.Stderr = n.Log, n.Log
	// It dies with this process: the kernel sends the signal when the thread
	// that forked ends, so that thread is kept for as long as the child lives.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, gone := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
		}
		close(gone)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("starting ringback: %w", err)
	}
	n.proc, n.gone = cmd.Process, gone
	return nil
}

// Signal sends the process a signal, if it runs.
func (n *Node) Signal(sig os.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc != nil {
		_ = n.proc.Signal(sig) // it may have ended
	}
}

// Gone is closed when the process started last has ended; before the first it
// is nil.
func (n *Node) Gone() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.gone
}

// A Tail keeps the end of what is written to it, and hears the race detector.
// The zero value is ready to use.
type Tail struct {
	mu   sync.Mutex
	buf  []byte
	race bool
}

// Write never fails.
func (l *Tail) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = append(l.buf, b...)
	l.race = l.race || bytes.Contains(b, []byte("DATA RACE"))
	if over := len(l.buf) - 64<<10; over > 0 {
		l.buf = append([]byte(nil), l.buf[over:]...)
	}
	return len(b), nil
}

// Raced reports whether the race detector wrote to it.
func (l *Tail) Raced() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.race
}

// String is what it has kept.
func (l *Tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(bytes.TrimSpace(l.buf))
}
