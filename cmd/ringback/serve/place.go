package serve

import (
	"os"
	"strings"

	"ringback/dialler"
)

// here is this process, for the other nodes.
func here() dialler.Process {
	host, _ := os.Hostname() // for people; it may be empty
	return dialler.Process{Host: host, PID: os.Getpid(), Machine: machine()}
}

// machine names the set of processes that see each other: those of one boot of
// one kernel, in one PID namespace, for each container counts from 1 anew.
// Where it cannot be told it is empty.
func machine() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	space, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + " " + space
}

// gone reports whether p has surely ended: this machine would know it, and does
// not. So a restart after a kill need not wait for its own shadow.
func gone(p dialler.Process) bool {
	m := machine()
	return m != "" && p.Machine == m && p.PID > 0 && noSuchProcess(p.PID)
}
