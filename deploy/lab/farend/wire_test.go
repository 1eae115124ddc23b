package farend_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"ringback/deploy/lab/farend"
)

// wire is a UDP socket that speaks SIP by hand, to send what no library would.
type wire struct {
	t    testing.TB
	conn net.Conn
	to   string
}

func newWire(t *testing.T, f *farend.FarEnd) *wire {
	t.Helper()
	conn, err := net.Dial("udp", f.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &wire{t, conn, f.Addr}
}

// request sends one. The branch names the transaction (RFC 3261 §17.2.3).
func (w *wire) request(method, number, callID, branch, toTag string, cseq int) {
	w.t.Helper()
	body := ""
	if method == "INVITE" {
		body = offer
	}
	of := method
	if toTag != "" {
		toTag = ";tag=" + toTag
	}
	here := w.conn.LocalAddr()
	_, err := fmt.Fprintf(w.conn, "%s sip:%s@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s;rport\r\nFrom: <sip:me@%s>;tag=mine\r\n"+
		"To: <sip:%s@%s>%s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContact: <sip:me@%s>\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s",
		method, number, w.to, here, branch, here, number, w.to, toTag, callID, cseq, of, here, len(body), body)
	if err != nil {
		w.t.Fatal(err)
	}
}

var toTag = regexp.MustCompile(`(?m)^To:.*;tag=([^;\s]+)`)

// next reads until a message begins with start and has has in it, and returns it and
// the tag of its To.
func (w *wire) next(start, has string) (message, tag string) {
	w.t.Helper()
	_ = w.conn.SetReadDeadline(time.Now().Add(limit))
	buf := make([]byte, 65536)
	for {
		n, err := w.conn.Read(buf)
		if err != nil {
			w.t.Fatalf("waiting for %s … %s: %v", start, has, err)
		}
		m := string(buf[:n])
		if strings.HasPrefix(m, start) && strings.Contains(m, has) {
			if found := toTag.FindStringSubmatch(m); found != nil {
				tag = found[1]
			}
			return m, tag
		}
	}
}

// quiet fails when something comes before all of what is sent through w by then is
// answered, which an OPTIONS shows.
func (w *wire) quiet(what string) {
	w.t.Helper()
	id := fmt.Sprint("quiet", time.Now().UnixNano())
	w.request("OPTIONS", "x", id, id, "", 1)
	_ = w.conn.SetReadDeadline(time.Now().Add(limit))
	buf := make([]byte, 65536)
	n, err := w.conn.Read(buf)
	if err != nil {
		w.t.Fatal(err)
	}
	if m := string(buf[:n]); !strings.Contains(m, id) {
		w.t.Errorf("%s: it sent %s", what, m)
	}
}

func TestCancel(t *testing.T) {
	f := start(t, farend.Options{})
	w := newWire(t, f)
	w.request("INVITE", "9802", "cancel", "a", "", 1)
	w.next("SIP/2.0 100", "")
	_, early := w.next("SIP/2.0 180", "")
	w.request("CANCEL", "9802", "cancel", "a", "", 1)
	w.next("SIP/2.0 200", "CSeq: 1 CANCEL")
	_, final := w.next("SIP/2.0 487", "CSeq: 1 INVITE")
	if early == "" || early != final {
		t.Errorf("To tag %q on the 180 and %q on the 487, want one", early, final)
	}
	w.request("ACK", "9802", "cancel", "a", final, 1)
	wait(t, f, "the call was cancelled", func(c []farend.Call) bool { return len(c) == 1 && c[0].Status == 487 && !c[0].Live() })
	// CANCEL once more, of a call that is over: the answer is 200 while the
	// transaction lives, 481 after.
	w.request("CANCEL", "9802", "nobody", "b", "", 1)
	w.next("SIP/2.0 481", "CSeq: 1 CANCEL")
}

func TestRepeatedInvite(t *testing.T) {
	f := start(t, farend.Options{Ring: -1})
	w := newWire(t, f)
	for range 3 {
		w.request("INVITE", "9801", "again", "a", "", 1)
	}
	_, tag := w.next("SIP/2.0 486", "")
	w.request("INVITE", "9801", "again", "a", "", 1)
	if _, second := w.next("SIP/2.0 486", ""); second != tag {
		t.Errorf("To tags %q and %q of one transaction", tag, second)
	}
	w.request("ACK", "9801", "again", "a", tag, 1)
	if calls := f.Record.Calls(); len(calls) != 1 {
		t.Errorf("one INVITE sent four times is %d calls", len(calls))
	}
}

// TestNoACK leaves a 200 unconfirmed: it is sent again until the ACK comes.
func TestNoACK(t *testing.T) {
	f := start(t, farend.Options{Ring: -1, Talk: time.Minute})
	w := newWire(t, f)
	w.request("INVITE", "9800", "noack", "a", "", 1)
	_, first := w.next("SIP/2.0 200", "")
	_, again := w.next("SIP/2.0 200", "")
	if first != again {
		t.Errorf("To tags %q and %q of one answer", first, again)
	}
	w.request("ACK", "9800", "noack", "b", first, 1)
	w.request("ACK", "9800", "noack", "b", first, 1)
	wait(t, f, "it is confirmed", func(c []farend.Call) bool { return !c[0].Confirmed.IsZero() })

	// New terms, in the dialog: agreed to with the same session.
	w.request("INVITE", "9800", "noack", "c", first, 2)
	m, tag := w.next("SIP/2.0 200", "CSeq: 2 INVITE")
	if tag != first || !strings.Contains(m, "m=audio") {
		t.Errorf("the answer to the re-INVITE: %s", m)
	}
	w.request("ACK", "9800", "noack", "d", first, 2)

	w.request("BYE", "9800", "noack", "e", first, 3)
	w.next("SIP/2.0 200", "CSeq: 3 BYE")
	wait(t, f, "it has ended", func(c []farend.Call) bool { return len(c) == 1 && c[0].EndedBy == farend.EndedBySwitch })
	w.request("BYE", "9800", "stranger", "f", first, 4)
	w.next("SIP/2.0 481", "CSeq: 4 BYE")
}

func TestHangsUp(t *testing.T) {
	f := start(t, farend.Options{Ring: -1})
	w := newWire(t, f)
	w.request("INVITE", "9807", "short", "a", "", 1)
	_, tag := w.next("SIP/2.0 200", "")
	w.quiet("before the ACK") // RFC 3261 §15: no BYE before it
	w.request("ACK", "9807", "short", "b", tag, 1)
	m, _ := w.next("BYE sip:me@", "Call-ID: short")
	if !strings.Contains(m, "tag="+tag) || !strings.Contains(m, "tag=mine") {
		t.Errorf("the BYE is %s", m)
	}
	answer := strings.Replace(m[strings.Index(m, "\r\n")+2:], "\r\nCSeq", "\r\nX: y\r\nCSeq", 1)
	if _, err := fmt.Fprintf(w.conn, "SIP/2.0 200 OK\r\n%s", answer); err != nil {
		t.Fatal(err)
	}
	wait(t, f, "it has ended", func(c []farend.Call) bool { return c[0].EndedBy == farend.EndedByUs })
}

func TestNothingThere(t *testing.T) {
	f := start(t, farend.Options{})
	w := newWire(t, f)
	for range 3 {
		w.request("INVITE", "9811", "void", "a", "", 1)
	}
	w.quiet("a number with nobody there")
	calls := f.Record.Calls()
	if len(calls) != 1 || calls[0].Live() || calls[0].Status != 0 {
		t.Errorf("the record says %s", brief(calls))
	}
}

func TestTakes(t *testing.T) {
	f := start(t, farend.Options{Ring: -1, Who: func(number string) (farend.Person, bool) {
		return farend.Person{Takes: []farend.Take{{Status: 503}}}, number == "1"
	}})
	c := newCaller(t, f)
	for _, p := range []struct {
		number string
		want   []int
	}{
		{"9812", []int{486, 200, 200}}, {"9814", []int{486, 486, 200}}, {"9819", []int{503, 200}}, {"1", []int{503, 503}},
		{"bot-busy", []int{486}}, {"bot-down", []int{503}},
	} {
		for n, want := range p.want {
			call, status := c.invite(within(t), p.number)
			if status != want {
				t.Errorf("call %d to %s: %d, want %d", n+1, p.number, status, want)
			}
			if status == 200 {
				if err := call.Bye(within(t)); err != nil {
					t.Error(err)
				}
			}
		}
	}
	if o := f.Record.Overlaps(); len(o) != 0 {
		t.Errorf("one call after the other overlaps, %d times:\n%s", len(o), brief([]farend.Call{o[0].First, o[0].Second}))
	}
}

func TestOverlaps(t *testing.T) {
	at := func(s int) time.Time {
		if s < 0 {
			return time.Time{}
		}
		return time.Unix(1_000_000+int64(s), 0)
	}
	call := func(number string, from, to int) farend.Call {
		return farend.Call{Number: number, Bot: number == "bot", Invited: at(from), Ended: at(to)}
	}
	for name, c := range map[string]struct {
		calls []farend.Call
		want  int
	}{
		"one after the other":           {[]farend.Call{call("1", 0, 5), call("1", 5, 9)}, 0},
		"two numbers":                   {[]farend.Call{call("1", 0, 5), call("2", 1, 9)}, 0},
		"before the first ended":        {[]farend.Call{call("1", 0, 5), call("1", 4, 9)}, 1},
		"out of order":                  {[]farend.Call{call("1", 4, 9), call("1", 0, 5)}, 1},
		"the first never ended":         {[]farend.Call{call("1", 0, -1), call("1", 400, 900)}, 1},
		"the second never ended":        {[]farend.Call{call("1", 0, 5), call("1", 6, -1)}, 0},
		"a short one inside a long":     {[]farend.Call{call("1", 0, 9), call("1", 2, 3), call("1", 5, 6)}, 2},
		"nobody there":                  {[]farend.Call{call("1", 3, 3), call("1", 3, 9)}, 0},
		"nobody there during another":   {[]farend.Call{call("1", 0, 9), call("1", 3, 3)}, 0},
		"bots may hold several":         {[]farend.Call{call("bot", 0, 9), call("bot", 3, 5)}, 0},
		"a live one, then two after it": {[]farend.Call{call("1", 0, -1), call("1", 1, 2), call("1", 3, -1)}, 2},
	} {
		if got := len(farend.Overlaps(c.calls)); got != c.want {
			t.Errorf("%s: %d overlaps, want %d", name, got, c.want)
		}
	}
}

// TestRecordTells reads the journal and the HTTP pages, as an audit from outside does.
func TestRecordTells(t *testing.T) {
	var journal lockedBuffer
	f := start(t, farend.Options{Ring: -1, Journal: &journal})
	c := newCaller(t, f)
	c.invite(within(t), "9801")
	pages := httptest.NewServer(f.Record)
	defer pages.Close()
	for path, want := range map[string]string{"/calls": `"number":"9801"`, "/overlaps": "null\n"} {
		res, err := http.Get(pages.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%s: %s (%v), want %s in it", path, body, err, want)
		}
	}
	var what []string
	for _, line := range strings.Split(strings.TrimSpace(journal.String()), "\n") {
		what = append(what, regexp.MustCompile(`"what":"(\w+)"`).FindStringSubmatch(line)[1])
	}
	if s := strings.Join(what, " "); s != "invite final" {
		t.Errorf("the journal tells %s, want invite final", s)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestPhoneBook(t *testing.T) {
	seen := map[string]bool{}
	for _, l := range farend.PhoneBook() {
		if !regexp.MustCompile(`^\d\d$`).MatchString(l.Digits) || seen[l.Digits] || l.What == "" {
			t.Errorf("the line %q %q: want two digits, once, and what happens", l.Digits, l.What)
		}
		seen[l.Digits] = true
	}
}

// TestManyAtOnce holds 300 calls that came within a moment, half of which hang up by
// themselves, and sees each end.
func TestManyAtOnce(t *testing.T) {
	f := start(t, farend.Options{Ring: -1, Talk: 50 * time.Millisecond, NoMedia: true})
	c := newCaller(t, f)
	const n = 300
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			ctx := within(t)
			number := fmt.Sprintf("91980%03d00", i)
			if _, status := c.invite(ctx, number); status != 200 {
				t.Errorf("%s: %d", number, status)
			}
		})
	}
	all.Wait()
	wait(t, f, "all have hung up", func(calls []farend.Call) bool {
		for _, c := range calls {
			if c.Live() {
				return false
			}
		}
		return len(calls) == n
	})
}
