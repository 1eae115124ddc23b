package lab_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"ringback/deploy/lab"
	"ringback/deploy/lab/farend"
)

// ari asks Asterisk something and returns the status and the body.
func ari(t *testing.T, a *lab.Asterisk, method, path string, body any) (int, []byte) {
	t.Helper()
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(within(t), method, a.ARIURL+path, r)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(a.User, a.Password)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, answer
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func startFarEnd(t *testing.T, o farend.Options) *farend.FarEnd {
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

// event is what these tests look at in an ARI event.
type event struct {
	Type       string
	Args       []string
	Cause      int
	TechCause  int `json:"tech_cause"`
	Dialstatus string
	Channel    struct{ ID string }
	Peer       struct{ ID string }
}

// events connects as a Stasis application and hands on what comes, until the test ends.
func events(t *testing.T, a *lab.Asterisk, app string) <-chan event {
	t.Helper()
	auth := base64.StdEncoding.EncodeToString([]byte(a.User + ":" + a.Password))
	conn, _, err := websocket.Dial(within(t), strings.Replace(a.ARIURL, "http", "ws", 1)+"/events?subscribeAll=true&app="+app,
		&websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Basic " + auth}}})
	if err != nil {
		t.Fatalf("connecting to ARI: %v", err)
	}
	conn.SetReadLimit(1 << 20)
	out := make(chan event, 1000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(out)
		for {
			_, msg, err := conn.Read(context.Background())
			if err != nil {
				return
			}
			var e event
			if err := json.Unmarshal(msg, &e); err != nil {
				t.Errorf("an event that is not JSON: %s", msg)
			}
			out <- e
		}
	}()
	t.Cleanup(func() {
		_ = conn.CloseNow()
		<-done
	})
	return out
}

// until reads events until one is as wanted.
func until(t *testing.T, from <-chan event, what string, wanted func(event) bool) event {
	t.Helper()
	limit := within(t)
	for {
		select {
		case e, ok := <-from:
			if !ok {
				t.Fatalf("waiting for %s: Asterisk closed the connection", what)
			}
			if wanted(e) {
				return e
			}
		case <-limit.Done():
			t.Fatalf("waiting for %s: it did not come", what)
		}
	}
}

func originate(t *testing.T, a *lab.Asterisk, id string, more map[string]any) {
	t.Helper()
	body := map[string]any{"channelId": id, "callerId": "+918044440000"}
	maps.Copy(body, more)
	if status, answer := ari(t, a, "POST", "/channels", body); status != 200 {
		t.Fatalf("originate: %d %s", status, answer)
	}
}

// TestCauses rings a number of every class and asserts the Q.850 cause and the SIP
// status that Asterisk reports for it.
func TestCauses(t *testing.T) {
	t.Parallel()
	f := startFarEnd(t, farend.Options{Ring: 50 * time.Millisecond})
	a := start(t, lab.Options{FarEnd: f.Addr})
	news := events(t, a, "lab")
	for _, c := range []struct {
		digits          string
		cause, techCase int
		progress        bool
	}{
		{"01", 17, 486, false},
		{"03", 21, 603, false},
		{"04", 1, 404, false},
		{"05", 34, 503, false},
		{"06", 17, 486, true},
		{"30", 19, 480, false},
		{"31", 21, 403, false},
		{"32", 18, 408, false},
		{"33", 22, 410, false},
		{"34", 28, 484, false},
		{"35", 58, 488, false},
		{"36", 38, 500, false},
		{"37", 27, 502, false},
		{"38", 17, 600, false},
		{"39", 127, 608, false},
	} {
		id := "00000000-0000-4000-8000-0000000000" + c.digits
		originate(t, a, id, map[string]any{"endpoint": "PJSIP/+9198000000" + c.digits + "@trunk", "app": "lab"})
		progress := false
		end := until(t, news, "the end of "+c.digits, func(e event) bool {
			progress = progress || e.Type == "Dial" && e.Peer.ID == id && e.Dialstatus == "PROGRESS"
			if e.Type == "StasisStart" && e.Channel.ID == id {
				t.Errorf("…%s was answered", c.digits)
			}
			return e.Type == "ChannelDestroyed" && e.Channel.ID == id
		})
		if end.Cause != c.cause || end.TechCause != c.techCase || progress != c.progress {
			t.Errorf("…%s: cause %d, SIP %d, early media %v; want %d, %d, %v", c.digits, end.Cause, end.TechCause, progress, c.cause, c.techCase, c.progress)
		}
	}
}

// TestAnswered rings those who answer, and who hangs up is as the phone book says.
func TestAnswered(t *testing.T) {
	t.Parallel()
	f := startFarEnd(t, farend.Options{Ring: 50 * time.Millisecond})
	a := start(t, lab.Options{FarEnd: f.Addr})
	news := events(t, a, "lab")
	for _, c := range []struct{ digits, by string }{
		{"00", farend.EndedBySwitch}, {"07", farend.EndedByUs}, {"08", farend.EndedBySwitch}, {"09", farend.EndedBySwitch},
		{"16", farend.EndedBySwitch}, {"17", farend.EndedBySwitch}, {"18", farend.EndedByUs},
	} {
		number := "+9198000000" + c.digits
		id := "00000000-0000-4000-8000-0000000000" + c.digits
		originate(t, a, id, map[string]any{"endpoint": "PJSIP/" + number + "@trunk", "app": "lab"})
		until(t, news, "the answer of "+c.digits, func(e event) bool { return e.Type == "StasisStart" && e.Channel.ID == id })
		if c.by == farend.EndedBySwitch {
			if status, body := ari(t, a, "DELETE", "/channels/"+id, nil); status != 204 {
				t.Errorf("hang-up: %d %s", status, body)
			}
		}
		until(t, news, "the end of "+c.digits, func(e event) bool { return e.Type == "ChannelDestroyed" && e.Channel.ID == id })
		waitFor(t, f, "the far end has the end", func([]farend.Call) bool {
			calls := f.Record.To(number)
			return len(calls) == 1 && !calls[0].Live()
		})
		if got := f.Record.To(number)[0]; got.EndedBy != c.by || got.From != "+918044440000" {
			t.Errorf("…%s: ended by %q, from %q; want %q, +918044440000", c.digits, got.EndedBy, got.From, c.by)
		}
	}
}

// TestNotAnswered lets Asterisk give up: who rings gets a CANCEL, who is not there gets
// nothing, and is noted once however often the INVITE is repeated.
func TestNotAnswered(t *testing.T) {
	t.Parallel()
	f := startFarEnd(t, farend.Options{})
	a := start(t, lab.Options{FarEnd: f.Addr})
	news := events(t, a, "lab")
	for _, digits := range []string{"02", "11"} {
		number := "+9198000000" + digits
		id := "00000000-0000-4000-8000-0000000000" + digits
		originate(t, a, id, map[string]any{"endpoint": "PJSIP/" + number + "@trunk", "app": "lab", "timeout": 2})
		until(t, news, "the end of "+digits, func(e event) bool { return e.Type == "ChannelDestroyed" && e.Channel.ID == id })
	}
	waitFor(t, f, "the ringing one was cancelled", func(calls []farend.Call) bool {
		return calls[0].Status == 487 && !calls[0].Cancelled.IsZero()
	})
	deaf := f.Record.To("+919800000011")
	if len(deaf) != 1 || deaf[0].Status != 0 || !deaf[0].Rang.IsZero() {
		t.Errorf("who answers nothing: %+v", deaf)
	}
}

// TestScreening sends answered calls through ringback-amd, and reads the verdicts.
func TestScreening(t *testing.T) {
	f := startFarEnd(t, farend.Options{Ring: 50 * time.Millisecond})
	a := start(t, lab.Options{FarEnd: f.Addr})
	news := events(t, a, "lab")
	want := map[string]string{"00": "HUMAN", "08": "MACHINE", "15": "MACHINE", "09": "MACHINE", "16": "NOTSURE"}
	const times = 5
	ids, numbers := map[string]string{}, map[string]string{}
	slowest := map[string]time.Duration{}
	for digits := range want {
		for n := range times {
			id := fmt.Sprintf("00000000-0000-4000-8000-00000000%02d%s", n, digits)
			ids[id], numbers[id] = digits, fmt.Sprintf("+91980000%02d%s", n, digits)
			originate(t, a, id, map[string]any{
				"endpoint": "PJSIP/" + numbers[id] + "@trunk",
				"context":  "ringback-amd", "extension": "s", "priority": 1, "variables": map[string]string{"RINGBACK_APP": "lab"},
			})
		}
	}
	for range len(want) * times {
		e := until(t, news, "a verdict", func(e event) bool { return e.Type == "StasisStart" })
		digits := ids[e.Channel.ID]
		if len(e.Args) != 3 || e.Args[0] != "amd" || e.Args[1] != want[digits] {
			t.Errorf("…%s: verdict %q, want amd, %s and the cause", digits, e.Args, want[digits])
		}
		slowest[digits] = max(slowest[digits], time.Since(f.Record.To(numbers[e.Channel.ID])[0].Answered).Round(time.Millisecond))
		ari(t, a, "DELETE", "/channels/"+e.Channel.ID, nil)
	}
	t.Logf("the slowest verdicts after the answer: %v", slowest)
}

// TestFreePBXRoute rings by the routes of the dialplan.
func TestFreePBXRoute(t *testing.T) {
	t.Parallel()
	f := startFarEnd(t, farend.Options{Ring: 50 * time.Millisecond})
	a := start(t, lab.Options{FarEnd: f.Addr})
	news := events(t, a, "lab")
	originate(t, a, "00000000-0000-4000-8000-000000000000", map[string]any{"endpoint": "Local/+919800000000@from-internal", "app": "lab"})
	until(t, news, "the answer", func(e event) bool { return e.Type == "StasisStart" })
	if calls := f.Record.To("+919800000000"); len(calls) != 1 || calls[0].Status != 200 {
		t.Errorf("the far end has %+v", calls)
	}
}

func waitFor(t *testing.T, f *farend.FarEnd, what string, wanted func([]farend.Call) bool) {
	t.Helper()
	if err := f.Record.Wait(within(t), wanted); err != nil {
		t.Fatalf("waiting until %s: %v; the record: %+v", what, err, f.Record.Calls())
	}
}

// TestBotAsExtension hands an answered customer to the bot by the dialplan, and reads
// the headers of the INVITE that the bot gets.
func TestBotAsExtension(t *testing.T) {
	t.Parallel()
	f := startFarEnd(t, farend.Options{BotTalk: 300 * time.Millisecond, BotListens: true, Ring: 50 * time.Millisecond})
	a := start(t, lab.Options{FarEnd: f.Addr})
	long := strings.Repeat("%E0%A4%95", 452) // 4068 bytes; the dialplan cuts at 4072
	originate(t, a, "00000000-0000-4000-8000-000000000001", map[string]any{
		"endpoint": "PJSIP/+919800000000@trunk", "context": "ringback-bot", "extension": "s", "priority": 1,
		"variables": map[string]string{
			"RINGBACK_CALL_ID": "0b5e", "RINGBACK_NUMBER": "%2B919800000000", "RINGBACK_CALLBACK_PHRASE": "%E0%A4%95%E0%A4%B2",
			"RINGBACK_CALLBACK_REASON": long, "RINGBACK_HEADERS": "Var-City", "RINGBACK_VAR_CITY": "Pune%0D%0AX-Evil%3A%20yes",
			"RINGBACK_CAMPAIGN":     "a\r\nX-Evil: yes",
			"RINGBACK_USER_TO_USER": "7b7d;encoding=hex",
		},
	})
	waitFor(t, f, "both legs are over", func(calls []farend.Call) bool { return len(calls) == 2 && !calls[0].Live() && !calls[1].Live() })
	bot := f.Record.Bots()[0]
	for name, want := range map[string]string{
		"X-Ringback-Call-Id": "0b5e", "X-Ringback-Number": "%2B919800000000", "X-Ringback-Callback-Phrase": "%E0%A4%95%E0%A4%B2",
		"X-Ringback-Callback-Reason": long, "X-Ringback-Var-City": "Pune%0D%0AX-Evil%3A%20yes", "User-to-User": "7b7d;encoding=hex",
		"X-Ringback-Campaign": "aX-Evilyes", "X-Evil": "", "X-Ringback-Class": "",
	} {
		if got := bot.Header(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if customer := f.Record.Customers()[0]; customer.Heard == 0 || bot.Heard == 0 || bot.EndedBy != farend.EndedByUs || customer.EndedBy != farend.EndedBySwitch {
		t.Errorf("customer heard %d packets, the bot %d; ended by %q and %q", customer.Heard, bot.Heard, customer.EndedBy, bot.EndedBy)
	}
}

// TestBotMissing lets the bot refuse: the customer hears the apology, and the dialplan
// says why.
func TestBotMissing(t *testing.T) {
	t.Parallel()
	f := startFarEnd(t, farend.Options{Ring: 50 * time.Millisecond})
	a := start(t, lab.Options{FarEnd: f.Addr})
	originate(t, a, "00000000-0000-4000-8000-000000000002", map[string]any{
		"endpoint": "PJSIP/+919800000000@trunk", "context": "ringback-bot", "extension": "bot-down", "priority": 1,
	})
	waitFor(t, f, "the customer was let go", func(calls []farend.Call) bool { return len(calls) == 2 && !calls[0].Live() })
	customer := f.Record.Customers()[0]
	if length := customer.Ended.Sub(customer.Answered); customer.Heard < 50 || customer.EndedBy != farend.EndedBySwitch {
		t.Errorf("heard %d packets in %v, ended by %q; want an apology, then the switch's BYE", customer.Heard, length, customer.EndedBy)
	}
}
