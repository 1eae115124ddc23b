package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// spent is how much processor time this process and the server's processes that
// serve the database have used so far. On a machine that others use as well it
// tells more than the clock does. What autovacuum, checkpoints and the writing
// of the log use in the background is not in it. Zero where there is no /proc.
func spent(database string) time.Duration {
	var own syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &own) != nil {
		return 0
	}
	sum := time.Duration(own.Utime.Nano() + own.Stime.Nano())
	if database == "" {
		return sum
	}
	titles, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range titles {
		title, err := os.ReadFile(path)
		if err != nil || !strings.HasPrefix(string(title), "postgres: ringback "+database+" ") {
			continue // or it has ended
		}
		// Nanoseconds on a processor, then what is of no interest here.
		text, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "schedstat"))
		on, _, _ := strings.Cut(string(text), " ")
		ns, _ := strconv.ParseInt(on, 10, 64)
		sum += time.Duration(ns)
	}
	return sum
}
