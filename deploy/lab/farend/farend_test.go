package farend_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
	"go.uber.org/goleak"

	"ringback/deploy/lab/farend"
)

func TestMain(m *testing.M) {
	sip.SetDefaultLogger(slog.New(slog.DiscardHandler)) // the callers of these tests
	goleak.VerifyTestMain(m)
}

// limit is for what takes milliseconds: reached only when it will never come.
const limit = 2 * time.Minute

func start(t *testing.T, o farend.Options) *farend.FarEnd {
	t.Helper()
	f, err := farend.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// caller is a SIP user agent that dials the far end, as a switch does.
type caller struct {
	t      testing.TB
	ua     *sipgo.DialogUA
	client *sipgo.Client
	to     string

	mu    sync.Mutex
	calls map[string]*sipgo.DialogClientSession
}

func newCaller(t testing.TB, f *farend.FarEnd) *caller {
	t.Helper()
	var closing atomic.Bool
	ua, server, here, serve := agent(t, func(_ sip.TransportReadProps, data []byte) ([]byte, error) {
		if closing.Load() {
			return nil, nil
		}
		return data, nil
	})
	client, err := sipgo.NewClient(ua, sipgo.WithClientConnectionAddr(here))
	if err != nil {
		t.Fatal(err)
	}
	contact := sip.ContactHeader{}
	if err := sip.ParseUri("sip:switch@"+here, &contact.Address); err != nil {
		t.Fatal(err)
	}
	c := &caller{t: t, client: client, ua: &sipgo.DialogUA{Client: client, ContactHDR: contact}, to: f.Addr, calls: map[string]*sipgo.DialogClientSession{}}
	server.OnBye(func(req *sip.Request, tx sip.ServerTransaction) {
		c.mu.Lock()
		call := c.calls[req.CallID().Value()]
		c.mu.Unlock()
		if call == nil {
			_ = tx.Respond(sip.NewResponseFromRequest(req, 481, "Call Does Not Exist", nil))
			return
		}
		_ = call.ReadBye(req, tx)
	})
	serve()
	t.Cleanup(func() {
		closing.Store(true)
		farend.Drain()
	})
	// The client takes the server's socket only once that is being served.
	w := &wire{t: t, to: here}
	if w.conn, err = net.Dial("udp", here); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.conn.Close() }()
	w.request("OPTIONS", "x", "ready", "ready", "", 1)
	w.next("SIP/2.0 405", "")
	return c
}

// agent makes a user agent of the library with a socket of its own, whose datagrams
// pass filter first. serve has it read them, until the test ends.
func agent(t testing.TB, filter func(sip.TransportReadProps, []byte) ([]byte, error)) (ua *sipgo.UserAgent, server *sipgo.Server, here string, serve func()) {
	t.Helper()
	ua, err := sipgo.NewUA(sipgo.WithUserAgent("switch"), sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerReadFilter(filter)))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, err = sipgo.NewServer(ua)
	if err != nil {
		t.Fatal(err)
	}
	return ua, server, conn.LocalAddr().String(), func() {
		var serving sync.WaitGroup
		serving.Go(func() { _ = server.ServeUDP(conn) })
		t.Cleanup(func() {
			_ = conn.Close()
			serving.Wait()
			_ = ua.Close()
		})
	}
}

const offer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 8 0 101\r\n"

// invite rings a number and returns the final status: 200 has been confirmed.
func (c *caller) invite(ctx context.Context, number string, headers ...sip.Header) (*sipgo.DialogClientSession, int) {
	c.t.Helper()
	uri := sip.Uri{}
	if err := sip.ParseUri("sip:"+number+"@"+c.to, &uri); err != nil {
		c.t.Fatal(err)
	}
	kind := sip.ContentTypeHeader("application/sdp")
	call, err := c.ua.Invite(ctx, uri, []byte(offer), append(headers, &kind)...)
	if err != nil {
		c.t.Fatalf("ringing %s: %v", number, err)
	}
	c.mu.Lock()
	c.calls[call.InviteRequest.CallID().Value()] = call
	c.mu.Unlock()
	err = call.WaitAnswer(ctx, sipgo.AnswerOptions{})
	var refused *sipgo.ErrDialogResponse
	switch {
	case errors.As(err, &refused):
		return call, refused.Res.StatusCode
	case err != nil:
		return call, 0
	}
	if err := call.Ack(ctx); err != nil {
		c.t.Fatalf("confirming the call to %s: %v", number, err)
	}
	return call, 200
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

func wait(t *testing.T, f *farend.FarEnd, what string, wanted func([]farend.Call) bool) {
	t.Helper()
	if err := f.Record.Wait(within(t), wanted); err != nil {
		t.Fatalf("waiting until %s: %v; the record:\n%s", what, err, brief(f.Record.Calls()))
	}
}

// brief is a record without its headers.
func brief(calls []farend.Call) string {
	var b strings.Builder
	for _, c := range calls {
		fmt.Fprintf(&b, "%s #%d status %d live %v ended by %q heard %d\n", c.Number, c.Nth, c.Status, c.Live(), c.EndedBy, c.Heard)
	}
	return b.String()
}

func TestFinalStatus(t *testing.T) {
	f := start(t, farend.Options{Ring: -1})
	c := newCaller(t, f)
	for digits, want := range map[string]int{
		"00": 200, "01": 486, "03": 603, "04": 404, "05": 503, "06": 486, "08": 200, "09": 200, "16": 200, "17": 200,
		"30": 480, "31": 403, "32": 408, "33": 410, "34": 484, "35": 488, "36": 500, "37": 502, "38": 600, "39": 608, "99": 200,
	} {
		t.Run(digits, func(t *testing.T) {
			number := "9198000000" + digits
			call, status := c.invite(within(t), number)
			if status != want {
				t.Errorf("status %d, want %d", status, want)
			}
			if status == 200 {
				if err := call.Bye(within(t)); err != nil {
					t.Error(err)
				}
			}
			wait(t, f, "the call has ended", func([]farend.Call) bool {
				calls := f.Record.To(number)
				return len(calls) == 1 && !calls[0].Live()
			})
			got := f.Record.To(number)[0]
			if got.Status != want || (want == 200) != (got.EndedBy == farend.EndedBySwitch) || (want == 200) == got.Confirmed.IsZero() {
				t.Errorf("the record says %s, confirmed at %v", brief([]farend.Call{got}), got.Confirmed)
			}
		})
	}
}

func TestBotPostsAnalysis(t *testing.T) {
	type delivery struct{ path, token, body string }
	got := make(chan delivery, 8)
	tries := 0
	platform := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if tries++; tries == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		got <- delivery{r.URL.Path, r.Header.Get("Authorization"), string(body)}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer platform.Close()

	f := start(t, farend.Options{BotTalk: 10 * time.Millisecond})
	f.PostTo(platform.URL, "secret")
	c := newCaller(t, f)
	_, status := c.invite(within(t), "bot",
		sip.NewHeader("X-Ringback-Call-Id", "0b5e"), sip.NewHeader("X-Ringback-Number", "%2B919800000040"),
		sip.NewHeader("X-Ringback-Callback-Phrase", "%E0%A4%95%E0%A4%B2"), sip.NewHeader("User-to-User", "7b7d;encoding=hex"))
	if status != 200 {
		t.Fatalf("status %d, want 200", status)
	}
	select {
	case d := <-got:
		var a map[string]any
		if err := json.Unmarshal([]byte(d.body), &a); err != nil {
			t.Fatal(err)
		}
		if d.path != "/v1/calls/0b5e/analysis" || d.token != "Bearer secret" ||
			a["callback_requested"] != true || a["callback_preferred_time_text"] != "ek minute baad" || a["callback_reason"] != "driving" {
			t.Errorf("delivered %+v", d)
		}
	case <-within(t).Done():
		t.Fatal("no analysis came")
	}
	bot := f.Record.Bots()[0]
	if phrase := farend.Decode(bot.Headers)["callback-phrase"]; phrase != "कल" {
		t.Errorf("phrase %q, want कल", phrase)
	}
	if bot.Header("user-to-user") != "7b7d;encoding=hex" || bot.EndedBy != farend.EndedByUs {
		t.Errorf("the record says %s", brief([]farend.Call{bot}))
	}
	var order []string
	for _, h := range bot.Headers {
		if strings.HasPrefix(h.Name, "X-") {
			order = append(order, h.Name)
		}
	}
	if s := strings.Join(order, " "); s != "X-Ringback-Call-Id X-Ringback-Number X-Ringback-Callback-Phrase" {
		t.Errorf("headers in the order %s", s)
	}
}
