//go:build unix

package serve

import (
	"errors"
	"syscall"
)

func noSuchProcess(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
