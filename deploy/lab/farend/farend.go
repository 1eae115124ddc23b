package farend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// Options of a far end. The zero value listens on a free port of loopback, takes calls
// by the phone book and posts no analyses.
type Options struct {
	// Addr is the host:port for SIP over UDP. "" is 127.0.0.1:0, a free port.
	Addr string

	// Ring is the time from INVITE to the final response where a [Take] has none of its
	// own. 0 is 200 ms; negative is at once.
	Ring time.Duration
	// Talk is how long a customer stays on the line when nobody hangs up. 0 is 20 s.
	Talk time.Duration
	// BotTalk is how long the bot talks before it hangs up. 0 is 2 s; negative leaves
	// hanging up to the other side.
	BotTalk time.Duration
	// BotListens has that time begin when the bot first hears the line, not when it
	// has answered: how long a switch takes to bridge is the machine's business.
	BotListens bool
	// NoMedia sends no RTP, for load tests.
	NoMedia bool

	// Who says who has a number. ok false looks it up in [PhoneBook]. nil always does.
	Who func(number string) (p Person, ok bool)

	// API is the base URL that analyses are posted to, "http://127.0.0.1:8080"; Token
	// its bearer token. API "" posts none. [FarEnd.PostTo] sets both later.
	API, Token string
	// Analyse says what is posted about a conversation. nil reports what the customer
	// [Says], as [Analyse] does.
	Analyse func(BotCall) []Post

	// Journal gets every [Entry] as a line of JSON, as it happens.
	Journal io.Writer
	// Log gets the SIP library's warnings. nil drops them.
	Log *slog.Logger
}

// FarEnd is a SIP user agent that plays customers and bots. It may be used from any
// goroutine.
type FarEnd struct {
	// Addr is the host:port it listens on (UDP).
	Addr string
	// Record is what reached it.
	Record *Record

	o      Options
	ua     *sipgo.UserAgent
	client *sipgo.Client
	conn   net.PacketConn
	media  *media
	poster *poster

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	quit   sync.WaitGroup // what ends with ctx

	sockets sync.WaitGroup // what ends when its socket is closed

	mu     sync.Mutex
	closed bool
	legs   map[string]*leg // by Call-ID
}

// Start listens and returns. Close ends it.
func Start(o Options) (*FarEnd, error) {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	o.Ring = orDefault(o.Ring, 200*time.Millisecond)
	o.Talk = orDefault(o.Talk, 20*time.Second)
	o.BotTalk = orDefault(o.BotTalk, 2*time.Second)
	if o.Analyse == nil {
		o.Analyse = func(c BotCall) []Post { return Analyse(c, o.Who) }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}

	f := &FarEnd{o: o, Record: newRecord(o.Journal), legs: map[string]*leg{}}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	if err := f.listen(); err != nil {
		f.cancel()
		return nil, fmt.Errorf("starting the far end: %w", err)
	}
	return f, nil
}

func (f *FarEnd) listen() (err error) {
	var undo []func()
	defer func() {
		if err != nil {
			for _, u := range undo {
				u()
			}
		}
	}()
	if f.conn, err = new(net.ListenConfig).ListenPacket(f.ctx, "udp", f.o.Addr); err != nil {
		return err
	}
	undo = append(undo, func() { _ = f.conn.Close() })
	if c, ok := f.conn.(*net.UDPConn); ok {
		_ = c.SetReadBuffer(4 << 20) // the system may grant less
	}
	f.Addr = f.conn.LocalAddr().String()
	host, _, err := net.SplitHostPort(f.Addr)
	if err != nil {
		return err
	}
	if f.media, err = newMedia(host, f.o.NoMedia); err != nil {
		return err
	}
	undo = append(undo, func() { _ = f.media.conn.Close() })

	f.ua, err = sipgo.NewUA(
		sipgo.WithUserAgent("farend"),
		sipgo.WithUserAgentHostname(host),
		sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerLogger(f.o.Log), sip.WithTransportLayerReadFilter(f.hear)),
		sipgo.WithUserAgentTransactionLayerOptions(
			sip.WithTransactionLayerLogger(f.o.Log),
			// A late answer to a BYE of a call that is over.
			sip.WithTransactionLayerUnhandledResponseHandler(func(*sip.Response) {}),
		),
	)
	if err != nil {
		return err
	}
	server, err := sipgo.NewServer(f.ua, sipgo.WithServerLogger(f.o.Log))
	if err != nil {
		return err
	}
	// BYE goes out by the socket that the INVITE came in by.
	if f.client, err = sipgo.NewClient(f.ua, sipgo.WithClientConnectionAddr(f.Addr), sipgo.WithClientLogger(f.o.Log)); err != nil {
		return err
	}
	server.OnInvite(f.onInvite)
	server.OnAck(f.onAck)
	server.OnBye(f.onBye)
	server.OnCancel(f.onStrayCancel)
	for _, m := range []sip.RequestMethod{sip.OPTIONS, sip.INFO, sip.UPDATE, sip.NOTIFY} {
		server.OnRequest(m, f.onOther)
	}

	f.poster = newPoster(f)
	f.sockets.Go(func() { _ = server.ServeUDP(f.conn) })
	f.sockets.Go(f.media.receive)
	f.quit.Go(func() { f.media.send(f.ctx.Done()) })
	return nil
}

// Close stops listening, leaves the calls that are up as a host that is switched off
// does, and waits for everything it started. Analyses not yet delivered are dropped.
func (f *FarEnd) Close() error {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return nil
	}
	f.closed = true
	f.mu.Unlock()
	f.cancel()
	f.quit.Wait()
	drain() // hear lets nothing pass any more
	err := errors.Join(f.conn.Close(), f.media.conn.Close())
	f.sockets.Wait()
	err = errors.Join(err, f.ua.Close())
	f.poster.client.CloseIdleConnections()
	return err
}

// PostTo sets where analyses are posted from now on.
func (f *FarEnd) PostTo(api, token string) { f.poster.to(api, token) }

// who has the number.
func (f *FarEnd) who(number string) Person {
	if f.o.Who != nil {
		if p, ok := f.o.Who(number); ok {
			return p
		}
	}
	return lookUp(number)
}

// isBot tells the bot's user part from a customer's number.
func isBot(user string) bool { return strings.HasPrefix(user, "bot") }

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

var _ http.Handler = (*Record)(nil)
