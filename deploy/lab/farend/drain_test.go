package farend_test

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"ringback/deploy/lab/farend"
)

// What the library has read and not dealt with is waited for.
func TestDrain(t *testing.T) {
	var through atomic.Bool
	read, goOn := make(chan struct{}), make(chan struct{})
	ua, err := sipgo.NewUA(sipgo.WithUserAgentTransportLayerOptions(
		sip.WithTransportLayerReadFilter(func(_ sip.TransportReadProps, _ []byte) ([]byte, error) {
			close(read)
			<-goOn
			through.Store(true)
			return nil, nil
		})))
	if err != nil {
		t.Fatal(err)
	}
	server, err := sipgo.NewServer(ua)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.ServeUDP(conn) })
	t.Cleanup(func() {
		_ = conn.Close()
		serving.Wait()
		_ = ua.Close()
	})
	from, err := net.Dial("udp", conn.LocalAddr().String())
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
