//go:build unix

package sqlite

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// A fileLock keeps other processes off a store. The kernel lets go of it when
// the process ends, however it ends.
type fileLock struct{ f *os.File }

// lockFile takes the lock on path+".lock". That file stays when the store is
// closed: to remove it would let two processes lock two files of one name.
func lockFile(path string) (*fileLock, error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		said, _ := os.ReadFile(f.Name()) // only for the message
		_ = f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s.lock: %w", path, err)
		}
		pid, _ := strconv.Atoi(strings.TrimSpace(string(said)))
		return nil, &InUseError{Path: path, PID: pid}
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return &fileLock{f}, nil
}

// release lets another process have the file; once more, it does nothing.
func (l *fileLock) release() error {
	if err := l.f.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}
