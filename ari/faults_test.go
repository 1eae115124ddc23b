package ari_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"ringback/ari"
	"ringback/ari/aritest"
	"ringback/dialler"
)

// news collects what a Switch delivers.
type news struct {
	mu  sync.Mutex
	all []dialler.Event
}

func (n *news) deliver(e dialler.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, e)
}

func (n *news) wait(t *testing.T, what string, ok func(dialler.Event) bool) dialler.Event {
	t.Helper()
	for began := time.Now(); ; time.Sleep(2 * time.Millisecond) {
		n.mu.Lock()
		for _, e := range n.all {
			if ok(e) {
				n.mu.Unlock()
				return e
			}
		}
		n.mu.Unlock()
		if time.Since(began) > 2*time.Minute {
			t.Fatalf("%s did not come; the news is %+v", what, n.all)
		}
	}
}

func (n *news) kind(t *testing.T, id dialler.CallID, k dialler.EventKind) dialler.Event {
	t.Helper()
	return n.wait(t, string(k), func(e dialler.Event) bool { return e.Call == id && e.Kind == k })
}

func (n *news) of(id dialler.CallID) (kinds []dialler.EventKind) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range n.all {
		if e.Call == id {
			kinds = append(kinds, e.Kind)
		}
	}
	return kinds
}

var serial atomic.Int64

func origination(ending string) dialler.Origination {
	n := serial.Add(1)
	return dialler.Origination{
		ID:     dialler.CallID(fmt.Sprintf("00000000-0000-4000-8000-%012d", n)),
		Number: dialler.Number(fmt.Sprintf("+9197%06d%s", n, ending)),
		Trunk:  dialler.Trunk{Name: "carrier", Switch: "pbx", Dial: "PJSIP/{number}@trunk"}, RingTimeout: 20 * time.Second,
	}
}

// How sure an error of Originate is decides whether somebody is rung twice.
func TestOriginateSaysHowSure(t *testing.T) {
	type surety string
	const (
		down, uncertain, placed surety = "down", "uncertain", "placed"
		refused                 surety = "refused"
	)
	sure := func(err error) surety {
		var no *dialler.RefusedError
		switch {
		case err == nil:
			return placed
		case errors.As(err, &no) && (no.Disposition == dialler.Failed || no.Disposition == dialler.Congestion):
			return refused
		case errors.Is(err, dialler.ErrDown) && !errors.Is(err, dialler.ErrUncertain):
			return down
		case errors.Is(err, dialler.ErrUncertain) && !errors.Is(err, dialler.ErrDown):
			return uncertain
		}
		return surety("neither: " + err.Error())
	}
	for _, tt := range []struct {
		name   string
		where  string // part of "METHOD path"
		faults aritest.Faults
		want   surety
		rings  bool
	}{
		{"bridge fails for good", "POST bridges", aritest.Faults{Before: 1}, refused, false},
		{"bridge made, said to have failed", "POST bridges", aritest.Faults{After: 1}, refused, false},
		{"bridge without an answer", "POST bridges", aritest.Faults{Reset: 1}, down, false},
		{"create fails", "channels/create", aritest.Faults{Before: 1}, refused, false},
		{"created, said to have failed", "channels/create", aritest.Faults{After: 1}, refused, false},
		{"create without an answer", "channels/create", aritest.Faults{Reset: 1}, down, false},
		{"create with half an answer", "channels/create", aritest.Faults{HalfBody: 1}, placed, true},
		{"create with a conflict that is none", "channels/create", aritest.Faults{Lie: 1}, refused, false},
		{"dial fails", "/dial", aritest.Faults{Before: 1}, uncertain, false},
		{"dialled, said to have failed", "/dial", aritest.Faults{After: 1}, uncertain, true},
		{"dial without an answer", "/dial", aritest.Faults{Reset: 1}, uncertain, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var at struct {
				sync.Mutex
				on bool
			}
			s := startFake(t, aritest.Options{Seed: 4, Faults: &tt.faults, Where: func(method, path string) bool {
				at.Lock()
				defer at.Unlock()
				return at.on && strings.Contains(method+" "+path, tt.where)
			}})
			sw := onFake(t, s, func(o *ari.Options) { o.RequestTimeout = 300 * time.Millisecond })
			var n news
			stop := run(t, sw, n.deliver)
			at.Lock()
			at.on = true
			at.Unlock()
			o := origination("00")
			err := sw.Originate(context.Background(), o)
			at.Lock()
			at.on = false
			at.Unlock()
			got := sure(err)
			if got != tt.want {
				t.Fatalf("got %s (%v), want %s", got, err, tt.want)
			}
			if tt.rings {
				n.kind(t, o.ID, dialler.Up)
			}
			if got == placed || got == uncertain {
				if err := sw.Hangup(context.Background(), o.ID); err != nil {
					t.Error(err)
				}
				n.kind(t, o.ID, dialler.HungUp)
			} else if told := n.of(o.ID); len(told) > 0 {
				t.Errorf("there is news of a call that was not placed: %v", told)
			}
			for began := time.Now(); s.Channels()+s.Bridges() > 0; time.Sleep(5 * time.Millisecond) {
				if time.Since(began) > 2*time.Minute {
					t.Fatalf("%d channels and %d bridges are left", s.Channels(), s.Bridges())
				}
			}
			if rang := len(s.Calls()) > 0; rang != tt.rings {
				t.Errorf("rang: %v, want %v", rang, tt.rings)
			}
			stop()
		})
	}
}

// A second request under an ID that is in use places no second call.
func TestOriginateTwice(t *testing.T) {
	s := startFake(t, aritest.Options{Faults: &aritest.Faults{}})
	first := onFake(t, s)
	var n news
	stop := run(t, first, n.deliver)
	o := origination("02")
	if err := first.Originate(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	if err := first.Originate(context.Background(), o); !errors.Is(err, dialler.ErrUncertain) {
		t.Errorf("of the same process: %v, want ErrUncertain", err)
	}
	stop()
	second := onFake(t, s)
	run(t, second, n.deliver)
	if err := second.Originate(context.Background(), o); !errors.Is(err, dialler.ErrUncertain) {
		t.Errorf("of the next process: %v, want ErrUncertain", err)
	}
	if seen, err := second.Find(context.Background(), o.ID); err != nil || !seen.Found {
		t.Errorf("the first is gone by that: %+v, %v", seen, err)
	}
	if c := s.Calls(); len(c) != 1 || !c[0].Live {
		t.Errorf("the far end has %+v, want one live call", c)
	}
	if err := second.Hangup(context.Background(), o.ID); err != nil {
		t.Error(err)
	}
}

// After one true conflict, every failure to allocate on that connection reads
// as one. It must not be taken for a call that may be ringing.
func TestStickyConflict(t *testing.T) {
	s := startFake(t, aritest.Options{Faults: &aritest.Faults{}})
	sw := onFake(t, s, func(o *ari.Options) { o.Connections = 3 }) // one is the WebSocket
	var n news
	run(t, sw, n.deliver)
	o := origination("02")
	if err := sw.Originate(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	req, _ := http.NewRequest(http.MethodPost, s.URL+"/channels/create?app=ringback&endpoint=PJSIP/x@trunk&channelId="+string(o.ID), nil)
	req.SetBasicAuth("ringback", s.Password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusConflict {
		t.Fatalf("%v, %v, want a conflict", resp, err)
	}
	_ = resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	for range 5 {
		o := origination("00")
		o.Trunk = dialler.Trunk{Name: "nowhere", Dial: "PJSIP/{number}@no-such-trunk"}
		var no *dialler.RefusedError
		if err := sw.Originate(context.Background(), o); !errors.As(err, &no) || !strings.Contains(no.Reason, "no-such-trunk") {
			t.Errorf("got %v, want it refused for want of an endpoint", err)
		}
	}
	if err := sw.Hangup(context.Background(), o.ID); err != nil {
		t.Error(err)
	}
}

// A maker makes a Switch, its options changed.
type maker = func(change func(*ari.Options)) *ari.Switch

// A customer whose screening ends while nobody is connected is kept, and screened
// all the same.
func TestScreenedWhileAway(t *testing.T) {
	t.Parallel()
	s := startFake(t, aritest.Options{Faults: &aritest.Faults{}})
	screenedWhileAway(t, func(change func(*ari.Options)) *ari.Switch { return onFake(t, s, change) }, origination("00"), func() {
		s.Cut(time.Second) // the fake's AMD() takes a tenth of that
	})
}

func screenedWhileAway(t *testing.T, on maker, o dialler.Origination, cut func()) {
	t.Helper()
	var n news
	sw, _ := screen(t, on, o, &n)
	cut()
	n.wait(t, "link_down", func(e dialler.Event) bool { return e.Kind == dialler.LinkDown })
	n.verdict(t, o.ID, dialler.Ringing, dialler.Up, dialler.Screened)
	if seen, err := sw.Find(context.Background(), o.ID); err != nil || !seen.Answered {
		t.Errorf("Find: %+v, %v; want the customer on the line", seen, err)
	}
	if err := sw.Hangup(context.Background(), o.ID); err != nil {
		t.Error(err)
	}
	n.kind(t, o.ID, dialler.HungUp)
}

// So is one whose process has ended meanwhile: the next finds the call and hears
// the verdict.
func TestScreenedForTheNext(t *testing.T) {
	t.Parallel()
	s := startFake(t, aritest.Options{Faults: &aritest.Faults{}})
	screenedForTheNext(t, func(change func(*ari.Options)) *ari.Switch { return onFake(t, s, change) }, origination("00"), 500*time.Millisecond)
}

func screenedForTheNext(t *testing.T, on maker, o dialler.Origination, pause time.Duration) {
	t.Helper()
	var before, n news
	_, stop := screen(t, on, o, &before)
	stop()
	time.Sleep(pause)
	sw := on(func(*ari.Options) {})
	run(t, sw, n.deliver)
	seen, err := sw.Find(context.Background(), o.ID)
	if err != nil || !seen.Answered || seen.Joined {
		t.Fatalf("Find: %+v, %v; want the customer on the line, without a bot", seen, err)
	}
	n.verdict(t, o.ID, dialler.Screened)
	if err := sw.Hangup(context.Background(), o.ID); err != nil {
		t.Error(err)
	}
	n.kind(t, o.ID, dialler.HungUp)
}

// screen places a call, and returns when it is answered and AMD() listens.
func screen(t *testing.T, on maker, o dialler.Origination, n *news) (sw *ari.Switch, stop func()) {
	t.Helper()
	sent := make(chan struct{}, 1)
	sw = on(func(o *ari.Options) {
		o.Observe = func(seen ari.Observation) {
			if seen.What == "POST channels/{id}/continue" {
				sent <- struct{}{}
			}
		}
	})
	stop = run(t, sw, n.deliver)
	o.Screen = true
	if err := sw.Originate(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	<-sent
	return sw, stop
}

// verdict waits for the verdict on a call that is screened, and compares all news
// of it.
func (n *news) verdict(t *testing.T, id dialler.CallID, want ...dialler.EventKind) {
	t.Helper()
	n.wait(t, "the verdict, or the end", func(e dialler.Event) bool {
		return e.Call == id && (e.Kind == dialler.Screened || e.Kind == dialler.HungUp)
	})
	if got := n.of(id); !slices.Equal(got, want) {
		t.Errorf("the news is %v, want %v", got, want)
	}
}

// A WebSocket that is opened and is given no events is no link: what is placed
// on it would never be heard of.
func TestDeafWebSocket(t *testing.T) {
	t.Parallel()
	for name, leftInIt := range map[string]bool{"the application is gone": false, "calls were left in the application": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startFake(t, aritest.Options{Faults: &aritest.Faults{}})
			var n news
			if leftInIt {
				sw := onFake(t, s)
				stop := run(t, sw, n.deliver)
				o := origination("00")
				if err := sw.Originate(context.Background(), o); err != nil {
					t.Fatal(err)
				}
				n.kind(t, o.ID, dialler.Up)
				stop()
			}
			s.Misbehave(aritest.Faults{Deaf: 1, Mute: 1})
			sw := onFake(t, s, func(o *ari.Options) { o.RequestTimeout = 200 * time.Millisecond })
			var later news
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- sw.Run(ctx, later.deliver) }()
			time.Sleep(time.Second) // some five links
			later.mu.Lock()
			if len(later.all) > 0 {
				t.Errorf("a deaf link was believed in: %+v", later.all)
			}
			later.mu.Unlock()
			s.Misbehave(aritest.Faults{})
			later.wait(t, "link_up", func(e dialler.Event) bool { return e.Kind == dialler.LinkUp })
			o := origination("00")
			if err := sw.Originate(context.Background(), o); err != nil {
				t.Error(err)
			}
			later.kind(t, o.ID, dialler.Up)
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

// Another process takes our application: the link is as good as lost, and is
// not fought for.
func TestReplaced(t *testing.T) {
	s := startFake(t, aritest.Options{Faults: &aritest.Faults{}})
	var first, second news
	run(t, onFake(t, s), first.deliver)
	stop := run(t, onFake(t, s), second.deliver)
	e := first.wait(t, "link_down", func(e dialler.Event) bool { return e.Kind == dialler.LinkDown })
	if !strings.Contains(e.Reason, "another process") {
		t.Errorf("the reason is %q, want it to say that another process has come", e.Reason)
	}
	time.Sleep(300 * time.Millisecond)
	second.mu.Lock()
	defer second.mu.Unlock()
	if len(second.all) != 1 {
		t.Errorf("the second has %+v, want link_up only", second.all)
	}
	defer stop()
}

// A peer that is silent without having gone is found out by a ping.
func TestSilentPeer(t *testing.T) {
	s := startFake(t, aritest.Options{Faults: &aritest.Faults{}})
	w, address := layWire(t, s.URL)
	sw := onFake(t, s, func(o *ari.Options) { o.URL, o.PingInterval = address, 50*time.Millisecond })
	var n news
	run(t, sw, n.deliver)
	w.Stall()
	n.wait(t, "link_down", func(e dialler.Event) bool { return e.Kind == dialler.LinkDown && strings.Contains(e.Reason, "ping") })
	w.Mend()
	n.wait(t, "the second link_up", func(dialler.Event) bool {
		ups := 0
		for _, e := range n.all {
			if e.Kind == dialler.LinkUp {
				ups++
			}
		}
		return ups > 1
	})
}

// A link on which the answer to a ping comes late, behind events, is busy and not
// dead. When no events come either, it is.
func TestBusyLink(t *testing.T) {
	t.Parallel()
	s := startFake(t, aritest.Options{Faults: &aritest.Faults{}})
	w, address := layWire(t, s.URL)
	const interval = 3 * time.Second
	sw := onFake(t, s, func(o *ari.Options) { o.URL, o.PingInterval = address, interval })
	var n news
	run(t, sw, n.deliver)
	n.wait(t, "link_up", func(e dialler.Event) bool { return e.Kind == dialler.LinkUp })
	w.Slow(interval * 3 / 10) // in two steps: what is sent stays away for that long
	for began := time.Now(); time.Since(began) < 3*interval; time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > interval/2 {
			w.Slow(interval * 6 / 10) // an answer comes after twice that
		}
		post(t, s, fmt.Sprint("channels/create?endpoint=PJSIP/919700000000@trunk&app=ringback&appArgs=x&channelId=x-", serial.Add(1)))
	}
	if got := n.of(""); !slices.Equal(got, []dialler.EventKind{dialler.LinkUp}) {
		t.Fatalf("the news is %v, want link_up alone", got)
	}
	n.wait(t, "link_down", func(e dialler.Event) bool { return e.Kind == dialler.LinkDown && strings.Contains(e.Reason, "ping") })
}

// However many calls are placed at once, Asterisk's sessionlimit is kept.
func TestConnectionsAreBounded(t *testing.T) {
	s := startFake(t, aritest.Options{Faults: &aritest.Faults{}})
	w, address := layWire(t, s.URL)
	sw := onFake(t, s, func(o *ari.Options) { o.URL, o.Connections = address, 8 })
	var n news
	run(t, sw, n.deliver)
	var wg sync.WaitGroup
	var ids []dialler.CallID
	for range 200 {
		o := origination("07")
		ids = append(ids, o.ID)
		wg.Go(func() {
			if err := sw.Originate(context.Background(), o); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		n.kind(t, id, dialler.HungUp)
	}
	if most := w.Most(); most > 8 {
		t.Errorf("%d connections at once, want 8 at most", most)
	}
}

// Asterisk lets the dialplan have the customer and says that it failed: the
// customer is with the bot all the same.
func TestHandOverDoneAndDenied(t *testing.T) {
	t.Parallel()
	s := startFake(t, aritest.Options{Seed: 4, Faults: &aritest.Faults{After: 1}, Where: func(_, path string) bool { return strings.HasSuffix(path, "/continue") }})
	sw := onFake(t, s)
	var n news
	stop := run(t, sw, n.deliver)
	defer stop()
	n.wait(t, "a link", func(e dialler.Event) bool { return e.Kind == dialler.LinkUp })
	o := origination("00")
	if err := sw.Originate(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	n.kind(t, o.ID, dialler.Up)
	h := dialler.Handover{Bot: dialler.Bot{Name: "extension", Extension: "ringback-bot,s,1"}, Timeout: 20 * time.Second}
	h.Context.Call, h.Context.Number = o.ID, o.Number
	if err := sw.Connect(t.Context(), o.ID, h); err != nil {
		t.Fatal(err)
	}
	n.kind(t, o.ID, dialler.Joined)
	if err := sw.Hangup(t.Context(), o.ID); err != nil {
		t.Fatal(err)
	}
	n.kind(t, o.ID, dialler.HungUp)
}

// What an earlier process has left behind is taken down when a link comes up;
// what is another's is left alone.
func TestLeftBehind(t *testing.T) {
	s := startFake(t, aritest.Options{Faults: &aritest.Faults{}})
	conn, _, err := websocket.Dial(context.Background(), strings.Replace(s.URL, "http", "ws", 1)+"/events?app=ringback",
		&websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte("ringback:"+s.Password))}}})
	if err != nil {
		t.Fatal(err)
	}
	lost, other := origination("00"), origination("00")
	post(t, s, "channels/create?endpoint=PJSIP/919700000000@trunk&app=ringback&appArgs=bot,"+string(other.ID)+"&channelId="+string(lost.ID))
	post(t, s, "bridges/"+string(other.ID)+"?name=ringback&type=mixing")
	post(t, s, "bridges/somebody-elses?type=mixing")
	limit, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for kind := ""; kind != "StasisStart"; {
		_, b, err := conn.Read(limit)
		if err != nil {
			t.Fatal(err)
		}
		var e struct{ Type string }
		if err := json.Unmarshal(b, &e); err != nil {
			t.Fatal(err)
		}
		kind = e.Type
	}
	_ = conn.CloseNow()
	if s.Channels() != 1 || s.Bridges() != 2 {
		t.Fatalf("%d channels and %d bridges, want 1 and 2", s.Channels(), s.Bridges())
	}
	run(t, onFake(t, s), func(dialler.Event) {})
	for began := time.Now(); s.Channels() > 0 || s.Bridges() > 1; time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > 2*time.Minute {
			t.Fatalf("%d channels and %d bridges are left, want 0 and 1", s.Channels(), s.Bridges())
		}
	}
}

// post asks Asterisk for something beside the Switch under test.
func post(t *testing.T, s *aritest.Server, path string) {
	t.Helper()
	req, _ := http.NewRequest(http.MethodPost, s.URL+"/"+path, strings.NewReader(`{"variables":{"CHANNEL(accountcode)":"ringback"}}`))
	req.SetBasicAuth("ringback", s.Password)
	defer http.DefaultClient.CloseIdleConnections()
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode/100 != 2 {
		t.Fatalf("%s: %v %v", path, resp, err)
	}
	_ = resp.Body.Close()
}

func TestOptionsSayWhatIsWrong(t *testing.T) {
	for want, o := range map[string]ari.Options{
		"url: got":         {URL: "localhost:8088"},
		"app: got":         {App: "a,b"},
		"amd_context: got": {AMDContext: "amd,s,1"},
	} {
		if _, err := ari.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want it to say %q", o, err, want)
		}
	}
	if _, err := ari.New(ari.Options{}); err != nil {
		t.Errorf("the zero value: %v", err)
	}
}
