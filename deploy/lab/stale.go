package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// claim makes the instance's folder and locks it for as long as this process lives.
// Whose folder can be locked has lost its process: those are cleared away. A lock over
// all of it keeps a folder that is being made from looking like one left behind.
func (a *Asterisk) claim() error {
	instances := filepath.Dir(a.outside())
	if err := os.MkdirAll(instances, 0o755); err != nil {
		return err
	}
	all, err := lockAll(instances)
	if err != nil {
		return err
	}
	defer func() { _ = all.Close() }()

	found, err := os.ReadDir(instances)
	if err != nil {
		return err
	}
	for _, f := range found {
		if f.IsDir() {
			if err := sweep(a.root, filepath.Join(instances, f.Name())); err != nil {
				return fmt.Errorf("clearing away an earlier instance: %w", err)
			}
		}
	}

	if err := os.Mkdir(a.outside(), 0o755); err != nil {
		return err
	}
	a.lock, err = lockFile(filepath.Join(a.outside(), "lock"), syscall.LOCK_EX)
	return err
}

// lockAll is held while folders are made and removed.
func lockAll(instances string) (*os.File, error) {
	return lockFile(filepath.Join(instances, ".lock"), syscall.LOCK_EX)
}

// release removes the instance's folder, unless it is to be kept, and lets go of it.
func (a *Asterisk) release() error {
	if a.lock == nil {
		return nil // never claimed
	}
	defer func() { _ = a.lock.Close() }()
	if a.keep {
		return nil
	}
	all, err := lockAll(filepath.Dir(a.outside()))
	if err != nil {
		return err
	}
	defer func() { _ = all.Close() }()
	return os.RemoveAll(a.outside())
}

// sweep ends what still runs in an instance's folder and removes it, unless its
// process lives. A folder that was to be kept (Options.Keep) goes as well, after its
// process ended.
func sweep(root, dir string) error {
	lock, err := lockFile(filepath.Join(dir, "lock"), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	if pid := stalePID(root, dir); pid != 0 {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("killing Asterisk %d: %w", pid, err)
		}
	}
	return os.RemoveAll(dir)
}

// stalePID is the process that the pid file names, if it is still this instance's
// Asterisk: numbers are used again, so its command line has to name the folder.
func stalePID(root, dir string) int {
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 1 {
		return 0
	}
	inside, err := filepath.Rel(root, dir)
	if err != nil {
		return 0
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !bytes.Contains(line, []byte("\x00/"+inside+"/etc/asterisk.conf\x00")) {
		return 0
	}
	return pid
}

func lockFile(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), how); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return f, nil
}

// asteriskUser is whom Asterisk runs as: the user its package made.
func asteriskUser(root string) (uid, gid uint32, err error) {
	passwd, err := os.ReadFile(filepath.Join(root, "etc", "passwd"))
	if err != nil {
		return 0, 0, fmt.Errorf("finding the user asterisk: %w", err)
	}
	for line := range strings.Lines(string(passwd)) {
		field := strings.Split(line, ":")
		if len(field) < 4 || field[0] != "asterisk" {
			continue
		}
		u, errU := strconv.ParseUint(field[2], 10, 32)
		g, errG := strconv.ParseUint(field[3], 10, 32)
		if err := errors.Join(errU, errG); err != nil {
			return 0, 0, fmt.Errorf("finding the user asterisk: %w", err)
		}
		return uint32(u), uint32(g), nil
	}
	return 0, 0, fmt.Errorf("finding the user asterisk: %s/etc/passwd has none", root)
}
