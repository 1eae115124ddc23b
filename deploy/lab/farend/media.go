package farend

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/emiago/diago/media/sdp"
)

// RTP payload types (RFC 3551 §6).
const (
	payloadPCMU = 0
	payloadPCMA = 8
)

// media sends and counts the RTP of all calls over one socket: the switch's side of
// each call is an address of its own, which tells them apart.
type media struct {
	conn *net.UDPConn
	off  bool // nothing is sent

	mu      sync.Mutex
	streams map[netip.AddrPort]*stream
	wake    chan struct{} // buffered: there is a stream where there was none
}

// stream is one call's audio.
type stream struct {
	to      netip.AddrPort
	payload byte
	audio   *clip // nil sends nothing
	at      int   // where in the audio the next frame is
	next    time.Time
	seq     uint16
	stamp   uint32
	source  uint32
	heard   int
	first   chan struct{} // closed when something was heard
}

func newMedia(host string, off bool) (*media, error) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(host)})
	if err != nil {
		return nil, fmt.Errorf("opening the RTP socket: %w", err)
	}
	// A stall of some 100 ms with a few hundred calls up must not lose packets. The
	// system may grant less.
	_ = conn.SetReadBuffer(4 << 20)
	return &media{conn: conn, off: off, streams: map[netip.AddrPort]*stream{}, wake: make(chan struct{}, 1)}, nil
}

// start sends audio to where a call's SDP says, in place of what went there before.
func (m *media) start(offer answer, audio Audio) *stream {
	if !offer.rtp.IsValid() {
		return nil
	}
	s := &stream{
		to: offer.rtp, payload: offer.payload, audio: clips()[audio], next: time.Now(),
		seq: uint16(rand.Uint32()), stamp: rand.Uint32(), source: rand.Uint32(),
		first: make(chan struct{}),
	}
	m.mu.Lock()
	m.streams[s.to] = s
	m.mu.Unlock()
	if m.off {
		return s
	}
	select {
	case m.wake <- struct{}{}:
	default:
	}
	return s
}

// stop ends a stream and returns how many packets came from its address.
func (m *media) stop(s *stream) int {
	if s == nil {
		return 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.streams[s.to] == s {
		delete(m.streams, s.to)
	}
	return s.heard
}

// send is the clock of all streams: every 20 ms each gets the frames it is due, more
// than one when the machine was busy. It ends when quit closes.
func (m *media) send(quit <-chan struct{}) {
	packet := make([]byte, 12+frameSize)
	var due []*stream
	for {
		select {
		case <-quit:
			return
		case <-m.wake:
		}
		tick := time.NewTicker(frameLength)
		for idle := false; !idle; {
			select {
			case <-quit:
				tick.Stop()
				return
			case <-tick.C:
			}
			m.mu.Lock()
			due = due[:0]
			for _, s := range m.streams {
				due = append(due, s)
			}
			m.mu.Unlock()
			idle = len(due) == 0
			now := time.Now()
			for _, s := range due {
				for ; s.audio != nil && !s.next.After(now); s.next = s.next.Add(frameLength) {
					// Lost packets and closed ports are the network's business.
					_, _ = m.conn.WriteToUDPAddrPort(s.frame(packet), s.to)
				}
			}
		}
		tick.Stop()
	}
}

// frame writes the next packet (RFC 3550 §5.1) of a stream.
func (s *stream) frame(packet []byte) []byte {
	packet[0], packet[1] = 2<<6, s.payload
	if s.at == 0 {
		packet[1] |= 1 << 7 // marker: a talk spurt begins
	}
	binary.BigEndian.PutUint16(packet[2:], s.seq)
	binary.BigEndian.PutUint32(packet[4:], s.stamp)
	binary.BigEndian.PutUint32(packet[8:], s.source)
	samples, quiet := s.audio.ulaw, byte(0xff)
	if s.payload == payloadPCMA {
		samples, quiet = s.audio.alaw, 0xd5
	}
	if s.at < len(samples) {
		copy(packet[12:], samples[s.at:s.at+frameSize])
	} else {
		for i := range frameSize {
			packet[12+i] = quiet
		}
	}
	s.at += frameSize
	if s.at >= len(samples) && s.audio.again {
		s.at = 0
	}
	s.seq++
	s.stamp += frameSize
	return packet
}

// receive counts what comes, until the socket is closed.
func (m *media) receive() {
	packet := make([]byte, 2048)
	for {
		n, from, err := m.conn.ReadFromUDPAddrPort(packet)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n < 12 || packet[0]>>6 != 2 {
			continue // a port that closed shows as an error of the next read
		}
		m.mu.Lock()
		if s := m.streams[netip.AddrPortFrom(from.Addr().Unmap(), from.Port())]; s != nil {
			if s.heard++; s.heard == 1 {
				close(s.first)
			}
		}
		m.mu.Unlock()
	}
}

// answer is what the far end makes of an SDP offer: where to send, and which codec.
type answer struct {
	rtp     netip.AddrPort // invalid when there is nowhere to send
	payload byte
}

// readOffer takes the first of the G.711 codecs in an offer. An INVITE without one
// (RFC 3261 §13.2.1 allows that) is answered with our own offer and no sending.
func readOffer(body []byte) (answer, error) {
	if len(body) == 0 {
		return answer{payload: payloadPCMU}, nil
	}
	offer := sdp.SessionDescription{}
	if err := sdp.Unmarshal(body, &offer); err != nil {
		return answer{}, fmt.Errorf("reading the SDP offer: %w", err)
	}
	audio, err := offer.MediaDescription("audio")
	if err != nil {
		return answer{}, fmt.Errorf("reading the SDP offer: %w", err)
	}
	where, err := offer.ConnectionInformation()
	if err != nil {
		return answer{}, fmt.Errorf("reading the SDP offer: %w", err)
	}
	at := slices.IndexFunc(audio.Formats, func(f string) bool { return f == "0" || f == "8" })
	if at < 0 {
		return answer{}, fmt.Errorf("reading the SDP offer: no G.711 among the formats %v", audio.Formats)
	}
	a := answer{payload: payloadPCMU}
	if audio.Formats[at] == "8" {
		a.payload = payloadPCMA
	}
	if ip, ok := netip.AddrFromSlice(where.IP); ok && audio.Port > 0 {
		a.rtp = netip.AddrPortFrom(ip.Unmap(), uint16(audio.Port))
	}
	return a, nil
}

// describe writes the SDP of our side (RFC 8866).
func (m *media) describe(a answer) []byte {
	here := m.conn.LocalAddr().(*net.UDPAddr)
	name := "PCMU"
	if a.payload == payloadPCMA {
		name = "PCMA"
	}
	return fmt.Appendf(nil, "v=0\r\no=farend 1 1 IN IP4 %[1]s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\n"+
		"m=audio %[2]d RTP/AVP %[3]d\r\na=rtpmap:%[3]d %[4]s/8000\r\na=ptime:20\r\na=sendrecv\r\n",
		here.IP, here.Port, a.payload, name)
}
