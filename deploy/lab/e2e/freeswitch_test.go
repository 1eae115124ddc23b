package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"ringback/deploy/lab/farend"
	"ringback/esl/esltest"
)

// TestFreeSWITCH tells the same stories on FreeSWITCH: on the one of
// esl/esltest, which speaks the recorded wire, misbehaves, and places its calls
// over SIP; or on the real one that RINGBACK_TEST_FREESWITCH=host:port:password
// names (docs/freeswitch.md says how it has to be set up).
func TestFreeSWITCH(t *testing.T) {
	t.Parallel()
	for name, story := range map[string]func(*testing.T){
		"ContextReachesTheBot": TestContextReachesTheBot,
		"Order":                TestOrder,
		"HowCallbacksEnd":      TestHowCallbacksEnd,
		"Gates":                TestGates,
		"SingleDay":            TestSingleDay,
		"NoBot":                TestNoBot,
		"StopPauseExclude":     TestStopPauseExclude,
		"Kill9":                TestKill9,
		"Restart":              TestAsteriskRestart,
		"Drain":                TestDrain,
	} {
		t.Run(name, story)
	}
}

// A context makes an INVITE of several KB; mod_sofia sends it by UDP all the same.
func init() { sip.UDPMTUSize = 65507 }

func onFreeSWITCH(t *testing.T) bool { return strings.HasPrefix(t.Name(), "TestFreeSWITCH/") }

// A fsSwitch is a FreeSWITCH with calls to a far end.
type fsSwitch struct {
	fs   *esltest.FreeSWITCH // nil: it is a real one
	conf string
}

func startFreeSWITCH(t *testing.T, far *farend.FarEnd, who func(string) (farend.Person, bool)) *fsSwitch {
	t.Helper()
	_, port, err := net.SplitHostPort(far.Addr)
	if err != nil {
		t.Fatal(err)
	}
	var addr, extra string
	password := "ClueCon"
	p := &fsSwitch{}
	if at := os.Getenv("RINGBACK_TEST_FREESWITCH"); at != "" {
		i := strings.LastIndexByte(at, ':')
		if i < 0 {
			t.Fatalf("RINGBACK_TEST_FREESWITCH: got %q, want host:port:password", at)
		}
		// The voicemail's greeting is 6 s long, and mod_avmd waits for its beep.
		addr, password, extra = at[:i], at[i+1:], ", screen_timeout: 9s"
	} else {
		c := newCarrier(t, far.Addr)
		o := esltest.Options{
			Seed: uint64(len(t.Name())), Carrier: c, Detectors: map[string]string{"amd": "amd_result"},
			Dialplan: map[string]string{"ringback-bot,bot-" + port: "bridge:sofia/external/bot@" + far.Addr},
			Who: func(number string, n int) (esltest.Take, bool) {
				var person farend.Person
				if who != nil {
					person, _ = who(number)
				}
				take := esltest.Take{Verdict: "HUMAN"}
				if n := min(n, len(person.Takes)); n > 0 && person.Takes[n-1].Audio == farend.Voicemail {
					take.Verdict = "MACHINE"
				}
				return take, true
			},
		}
		if p.fs, err = esltest.Start(o); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.fs.Close)
		addr, extra = p.fs.Addr(), ", detector: amd, detector_variable: amd_result"
	}
	p.conf = fmt.Sprintf(`
switches:
  pbx: {kind: freeswitch, url: "esl://%s", password: %s, app: ringback-e2e-%s%s}
trunks:
  trunk: {switch: pbx, dial: "sofia/external/{number}@%s"}
bots:
  asha: {endpoint: "sofia/external/bot@%s", callbacks: true}
  deaf: {endpoint: "sofia/external/bot@%s"}
  plan: {extension: "ringback-bot,bot-%s,1", callbacks: true}
  nobody: {endpoint: "sofia/gateway/nowhere/bot", callbacks: true}
`, addr, password, port, extra, far.Addr, far.Addr, far.Addr, port)
	return p
}

func (p *fsSwitch) Kill() error {
	p.fs.Kill()
	return nil
}

func (p *fsSwitch) Restart(context.Context) error { return p.fs.Start() }

// carrier places calls over SIP, as mod_sofia does, without media.
type carrier struct {
	dialog *sipgo.DialogUA
	to     string
	life   context.Context
	work   sync.WaitGroup

	mu    sync.Mutex
	calls map[string]func() // what to tell of a BYE, by Call-ID
	legs  map[string]*sipgo.DialogClientSession
}

func newCarrier(t *testing.T, to string) *carrier {
	t.Helper()
	var closing atomic.Bool
	ua, err := sipgo.NewUA(sipgo.WithUserAgent("FreeSWITCH"), sipgo.WithUserAgentTransportLayerOptions(
		sip.WithTransportLayerReadFilter(func(_ sip.TransportReadProps, data []byte) ([]byte, error) {
			if closing.Load() {
				return nil, nil
			}
			return data, nil
		})))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	here := conn.LocalAddr().String()
	server, err := sipgo.NewServer(ua)
	if err != nil {
		t.Fatal(err)
	}
	client, err := sipgo.NewClient(ua, sipgo.WithClientConnectionAddr(here))
	if err != nil {
		t.Fatal(err)
	}
	contact := sip.ContactHeader{}
	if err := sip.ParseUri("sip:mod_sofia@"+here, &contact.Address); err != nil {
		t.Fatal(err)
	}
	life, end := context.WithCancel(context.Background())
	c := &carrier{
		dialog: &sipgo.DialogUA{Client: client, ContactHDR: contact}, to: to, life: life,
		calls: map[string]func(){}, legs: map[string]*sipgo.DialogClientSession{},
	}
	server.OnBye(func(req *sip.Request, tx sip.ServerTransaction) {
		c.mu.Lock()
		id := req.CallID().Value()
		leg, over := c.legs[id], c.calls[id]
		delete(c.calls, id)
		c.mu.Unlock()
		if leg == nil {
			_ = tx.Respond(sip.NewResponseFromRequest(req, 481, "Call Does Not Exist", nil))
			return
		}
		_ = leg.ReadBye(req, tx)
		if over != nil {
			over()
		}
	})
	c.work.Go(func() { _ = server.ServeUDP(conn) })
	t.Cleanup(func() {
		end()
		closing.Store(true)
		time.Sleep(20 * time.Millisecond) // as the far end's Close does
		_ = conn.Close()
		c.work.Wait()
		_ = ua.Close()
	})
	return c
}

const offer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 8 0 101\r\n"

// Dial implements [esltest.Carrier].
func (c *carrier) Dial(i esltest.Invite, tell func(status int)) (hangUp func()) {
	ctx, cancel := context.WithCancel(c.life)
	c.work.Go(func() {
		defer cancel()
		c.place(ctx, i, tell)
	})
	return cancel
}

// place sees one call through to its end; ctx ends it.
func (c *carrier) place(ctx context.Context, i esltest.Invite, tell func(status int)) {
	uri := sip.Uri{}
	if err := sip.ParseUri("sip:"+i.Number+"@"+c.to, &uri); err != nil {
		tell(400)
		return
	}
	from := &sip.FromHeader{Address: sip.Uri{Scheme: "sip", User: i.From, Host: "127.0.0.1"}, Params: sip.NewParams()}
	from.Params.Add("tag", sip.GenerateTagN(12))
	kind := sip.ContentTypeHeader("application/sdp")
	headers := []sip.Header{from, &kind}
	for name, values := range i.Headers {
		for _, v := range values {
			headers = append(headers, sip.NewHeader(name, v))
		}
	}
	call, err := c.dialog.Invite(context.WithoutCancel(ctx), uri, []byte(offer), headers...)
	if err != nil {
		tell(503)
		return
	}
	id := call.InviteRequest.CallID().Value()
	bye := make(chan struct{})
	c.mu.Lock()
	c.legs[id] = call
	c.calls[id] = sync.OnceFunc(func() { close(bye) })
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.legs, id)
		delete(c.calls, id)
	}()
	err = call.WaitAnswer(ctx, sipgo.AnswerOptions{OnResponse: func(r *sip.Response) error {
		if r.StatusCode == 180 || r.StatusCode == 183 {
			tell(r.StatusCode)
		}
		return nil
	}})
	end, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer stop()
	var refused *sipgo.ErrDialogResponse
	switch {
	case errors.As(err, &refused):
		tell(refused.Res.StatusCode)
		return
	case err != nil && (call.InviteResponse == nil || !call.InviteResponse.IsSuccess()):
		return // cancelled
	}
	if err := call.Ack(end); err != nil {
		tell(0)
		return
	}
	tell(200)
	select {
	case <-bye:
		tell(0)
	case <-ctx.Done():
		_ = call.Bye(end)
	}
}
