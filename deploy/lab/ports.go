package lab

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

// The ports instances take when not told which: below the range that systems hand out
// to outgoing connections, so that nobody gets one while an instance is restarted.
// RTP ports (rtp.conf) are below these, and are shared: Asterisk tries the next when
// one is taken.
const (
	firstPort = 20000
	lastPort  = 29999
)

// port is one that this process holds for an instance, running or not. Holding it is a
// file lock, which the system takes back when the process ends in whatever way.
type port struct {
	number int
	lock   *os.File
}

// takePort takes want, or a free one when want is 0. The network, tcp or udp, is
// where it has to be free.
func takePort(network string, want int) (port, error) {
	if want != 0 {
		return tryPort(network, want)
	}
	var last error
	for range 200 {
		p, err := tryPort(network, firstPort+rand.IntN(lastPort-firstPort+1))
		if err == nil {
			return p, nil
		}
		last = err
	}
	return port{}, fmt.Errorf("no free %s port between %d and %d: %w", network, firstPort, lastPort, last)
}

func tryPort(network string, number int) (port, error) {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("ringback-lab-ports-%d", os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return port{}, err
	}
	f, err := os.OpenFile(filepath.Join(dir, network+strconv.Itoa(number)), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return port{}, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return port{}, fmt.Errorf("%s port %d is another lab instance's", network, number)
	}
	if err := free(network, number); err != nil {
		_ = f.Close()
		return port{}, fmt.Errorf("%s port %d is in use: %w", network, number, err)
	}
	return port{number, f}, nil
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

func (p port) release() {
	if p.lock != nil {
		_ = p.lock.Close() // drops the lock
	}
}
