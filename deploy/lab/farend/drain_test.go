package farend_test

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"ringback/deploy/lab/farend"
)

// What the library has read and not dealt with is waited for.
func TestDrain(t *testing.T) {
	var through atomic.Bool
	read, goOn := make(chan struct{}), make(chan struct{})
	_, _, here, serve := agent(t, func(sip.TransportReadProps, []byte) ([]byte, error) {
		close(read)
		<-goOn
		through.Store(true)
		return nil, nil
	})
	serve()
	from, err := net.Dial("udp", here)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = from.Close() }()
	if _, err := from.Write([]byte("anything")); err != nil {
		t.Fatal(err)
	}
	<-read
	time.AfterFunc(50*time.Millisecond, func() { close(goOn) })
	farend.Drain()
	if !through.Load() {
		t.Error("did not wait for what was being read")
	}
}
