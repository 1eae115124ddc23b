package esl_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ringback/deploy/lab/farend"
	"ringback/dialler"
	"ringback/dialler/switchtest"
	"ringback/esl"
)

// realAt is the FreeSWITCH to test on: its event socket and password.
func realAt(t *testing.T) (addr, password string) {
	t.Helper()
	at := os.Getenv("RINGBACK_TEST_FREESWITCH")
	i := strings.LastIndexByte(at, ':')
	if i < 0 {
		t.Skip("RINGBACK_TEST_FREESWITCH=host:port:password runs this on a real FreeSWITCH with the snippets of deploy/freeswitch and testdata/lab-bots.xml," +
			" its gateways trunk and bot leading to 127.0.0.1:5070 (UDP), a SIP profile called external, and a supervisor that starts it again")
	}
	addr, password = at[:i], at[i+1:]
	if _, _, err := net.SplitHostPort(addr); err != nil {
		t.Fatalf("RINGBACK_TEST_FREESWITCH: got %q, want host:port:password", at)
	}
	return addr, password
}

// The suite passes on a real FreeSWITCH as it does on the fake.
func TestSwitchOnRealFreeSWITCH(t *testing.T) {
	addr, password := realAt(t)
	start := func(o farend.Options) *farend.FarEnd {
		far, err := farend.Start(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := far.Close(); err != nil {
				t.Error(err)
			}
		})
		return far
	}
	far := start(farend.Options{Addr: "127.0.0.1:5070", BotTalk: -1, Talk: time.Minute})
	leaves := start(farend.Options{BotTalk: time.Second})
	p := startProxy(t, addr)

	sit := func(t *testing.T, password string) *esl.Switch {
		sw, err := esl.New(esl.Options{
			Addr: p.addr, Password: password, RetryDelay: time.Second, UserToUser: true, Logger: logger(t),
			ScreenTimeout: 8 * time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		return sw
	}
	var numbers atomic.Int64
	bot := func(user string) dialler.Bot {
		return dialler.Bot{Name: user, Endpoint: "sofia/gateway/bot/" + user}
	}
	switchtest.Run(t, switchtest.Harness{
		New:     func(t *testing.T) dialler.Switch { return sit(t, password) },
		Refused: func(t *testing.T) dialler.Switch { return sit(t, password+"x") },
		Trunk:   dialler.Trunk{Name: "carrier", Switch: "pbx", Dial: "sofia/gateway/trunk/{number}"},
		Nowhere: dialler.Trunk{Name: "nowhere", Switch: "pbx", Dial: "sofia/gateway/no-such-trunk/{number}"},
		Number: func(p switchtest.Person) dialler.Number {
			return dialler.Number(fmt.Sprintf("+9198%06d%s", numbers.Add(1), endings[p]))
		},
		Bot: bot("bot"), BotBusy: bot("bot-busy"), BotNever: bot("bot-slow"),
		BotLeaves:   dialler.Bot{Name: "leaves", Endpoint: "sofia/external/bot@" + leaves.Addr},
		Extension:   dialler.Bot{Name: "extension", Extension: "ringback-bot,agent"},
		NoSuchExt:   dialler.Bot{Name: "none", Extension: "no-such-context,s,1"},
		ByVariables: dialler.Bot{Name: "variables", Extension: "lab-bots,vars,1"}, ByEvent: dialler.Bot{Name: "event", Extension: "lab-bots,event,1"},
		ByNothing: dialler.Bot{Name: "nothing", Extension: "lab-bots,silent,1"},
		Sound:     "tone_stream://%(200,100,440)",
		Seen: func() []switchtest.Seen {
			var out []switchtest.Seen
			for _, c := range append(far.Record.Calls(), leaves.Record.Calls()...) {
				s := switchtest.Seen{Bot: c.Bot, Number: c.Number, From: c.From, Live: c.Live(), Fields: map[string][]string{}}
				for _, h := range c.Headers {
					s.Fields[h.Name] = append(s.Fields[h.Name], h.Value)
				}
				out = append(out, s)
			}
			return out
		},
		Cut: func() { p.cut(time.Second) },
		Crash: func(t *testing.T) {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(c, "auth "+password+"\n\n")
			time.Sleep(200 * time.Millisecond)
			_, _ = io.WriteString(c, "api fsctl crash\n\n")
			_, _ = io.Copy(io.Discard, c) // until it is gone
			_ = c.Close()
			far.Record.Lost()
			leaves.Record.Lost()
		},
		NoHuman: true, // mod_avmd knows a beep, and nothing else
		Headers: true,
	})
	if o := far.Record.Overlaps(); len(o) > 0 {
		t.Errorf("%d numbers had two live calls at once", len(o))
	}
}

// A proxy stands between a Switch and the event socket, to be cut.
type proxy struct {
	addr string
	to   string
	ln   net.Listener

	mu    sync.Mutex
	conns map[net.Conn]bool
	shut  bool
	work  sync.WaitGroup
}

func startProxy(t *testing.T, to string) *proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: ln.Addr().String(), to: to, ln: ln, conns: map[net.Conn]bool{}}
	p.work.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			p.work.Go(func() { p.carry(c) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		p.drop(true)
		p.work.Wait()
	})
	return p
}

func (p *proxy) carry(c net.Conn) {
	up, err := net.Dial("tcp", p.to)
	p.mu.Lock()
	if err != nil || p.shut {
		p.mu.Unlock()
		_ = c.Close()
		if err == nil {
			_ = up.Close()
		}
		return
	}
	p.conns[c], p.conns[up] = true, true
	p.mu.Unlock()
	end := func() { _ = c.Close(); _ = up.Close() }
	p.work.Go(func() { _, _ = io.Copy(up, c); end() })
	_, _ = io.Copy(c, up)
	end()
	p.mu.Lock()
	delete(p.conns, c)
	delete(p.conns, up)
	p.mu.Unlock()
}

func (p *proxy) drop(shut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut = shut
	for c := range p.conns {
		_ = c.Close()
	}
}

// cut breaks every connection, and lets none through for a while.
func (p *proxy) cut(d time.Duration) {
	p.drop(true)
	time.Sleep(d)
	p.drop(false)
}
