// Package port gives out ports of loopback that a program can be stopped on and
// started again on: to nobody else who asks here, in this process or another, until
// they are released. A port that the system hands out (":0") is anybody's as soon as
// its socket is closed, and be it as the near end of a connection.
package port

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// What is taken when nobody says which: below the range that systems hand out to
// outgoing connections, so that nobody gets one while a server is restarted. The
// lab's RTP ports (rtp.conf) are below these, and are shared: Asterisk tries the next
// when one is taken.
const (
	first = 20000
	last  = 29999
)

// A Port is one that this process holds, whether a server is on it or not. Holding it
// is a file lock, which the system takes back when the process ends in whatever way.
// The zero value is none.
type Port struct {
	Number int
	lock   *os.File
}

// Addr is the port's host:port.
func (p Port) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Number)) }

// Take takes want, or a free one when want is 0. The network, tcp or udp, is where it
// has to be free.
func Take(network string, want int) (Port, error) {
	if want != 0 {
		return try(network, want)
	}
	var why error
	for range 200 {
		p, err := try(network, first+rand.IntN(last-first+1))
		if err == nil {
			return p, nil
		}
		why = err
	}
	return Port{}, fmt.Errorf("no free %s port between %d and %d: %w", network, first, last, why)
}

func try(network string, number int) (Port, error) {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("ringback-lab-ports-%d", os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Port{}, err
	}
	f, err := os.OpenFile(filepath.Join(dir, network+strconv.Itoa(number)), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return Port{}, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return Port{}, fmt.Errorf("%s port %d is another lab instance's", network, number)
	}
	if err := free(network, number); err != nil {
		_ = f.Close()
		return Port{}, fmt.Errorf("%s port %d is in use: %w", network, number, err)
	}
	return Port{number, f}, nil
}

func free(network string, number int) error {
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(number))
	if network == "udp" {
		c, err := new(net.ListenConfig).ListenPacket(context.Background(), network, addr)
		if err != nil {
			return err
		}
		return c.Close()
	}
	l, err := new(net.ListenConfig).Listen(context.Background(), network, addr)
	if err != nil {
		return err
	}
	return l.Close()
}

// Release lets somebody else have it.
func (p Port) Release() {
	if p.lock != nil {
		_ = p.lock.Close() // drops the lock
	}
}
