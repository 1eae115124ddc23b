package ari_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"ringback/ari"
	"ringback/deploy/lab"
	"ringback/deploy/lab/farend"
	"ringback/deploy/lab/wire"
	"ringback/dialler"
	"ringback/dialler/switchtest"
)

// A pbx is an Asterisk with a far end, and a wire between it and us.
type pbx struct {
	asterisk *lab.Asterisk
	far      *farend.FarEnd // customers, and a bot that stays
	leaves   *farend.FarEnd // a bot that leaves after a second
	wire     *wire.Wire
	address  string // of the root of ARI, by the wire
	numbers  atomic.Int64
}

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func startFarEnd(t testing.TB, o farend.Options) *farend.FarEnd {
	t.Helper()
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

func startReal(t testing.TB, f farend.Options, o lab.Options) *pbx {
	t.Helper()
	o.Root = lab.Require(t)
	far := startFarEnd(t, f)
	leaves := startFarEnd(t, farend.Options{BotTalk: time.Second})
	o.Name, o.FarEnd = "ari", far.Addr
	asterisk, err := lab.Start(within(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of Asterisk's log:\n%s", asterisk.LogTail(30))
		}
		if err := asterisk.Close(); err != nil {
			t.Error(err)
		}
	})
	w, address := layWire(t, asterisk.ARIURL)
	return &pbx{asterisk: asterisk, far: far, leaves: leaves, wire: w, address: address}
}

func (r *pbx) options(t testing.TB) ari.Options {
	return ari.Options{
		URL: r.address, User: r.asterisk.User, Password: r.asterisk.Password, UserToUser: true,
		RetryDelay: time.Second, Logger: logger(t),
	}
}

func newSwitch(t testing.TB, o ari.Options) *ari.Switch {
	t.Helper()
	sw, err := ari.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return sw
}

// endings are the last digits of the lab's phone book.
var endings = map[switchtest.Person]string{
	switchtest.Talks: "00", switchtest.Slow: "10", switchtest.Leaves: "07", switchtest.IsBusy: "01",
	switchtest.NeverThere: "02", switchtest.Rejects: "03", switchtest.NoSuchOne: "04", switchtest.Congested: "05",
	switchtest.EarlyBusy: "06", switchtest.EarlyTalks: "17", switchtest.Voicemail: "08", switchtest.Silent: "09",
	switchtest.Unreachable: "30",
}

func (r *pbx) number(p switchtest.Person) dialler.Number {
	return dialler.Number(fmt.Sprintf("+9198%06d%s", r.numbers.Add(1), endings[p]))
}

func (r *pbx) seen() []switchtest.Seen {
	var out []switchtest.Seen
	for _, c := range append(r.far.Record.Calls(), r.leaves.Record.Calls()...) {
		s := switchtest.Seen{Bot: c.Bot, Number: c.Number, From: c.From, Live: c.Live(), Fields: map[string][]string{}}
		for _, h := range c.Headers {
			s.Fields[h.Name] = append(s.Fields[h.Name], h.Value)
		}
		out = append(out, s)
	}
	return out
}

func (r *pbx) harness() switchtest.Harness {
	trunk := dialler.Trunk{Name: "carrier", Switch: "pbx", Dial: "PJSIP/{number}@trunk"}
	nowhere := dialler.Trunk{Name: "nowhere", Switch: "pbx", Dial: "PJSIP/{number}@no-such-trunk"}
	bot := func(name, user string) dialler.Bot {
		return dialler.Bot{Name: name, Endpoint: "PJSIP/" + user + "@bot"}
	}
	return switchtest.Harness{
		New: func(t *testing.T) dialler.Switch { return newSwitch(t, r.options(t)) },
		Refused: func(t *testing.T) dialler.Switch {
			o := r.options(t)
			o.Password = "wrong"
			return newSwitch(t, o)
		},
		Trunk: trunk, Nowhere: nowhere, Number: r.number,
		Bot: dialler.Bot{Name: "asha", Endpoint: "PJSIP/bot"}, BotLeaves: dialler.Bot{Name: "leaves", Endpoint: "PJSIP/bot/sip:bot@" + r.leaves.Addr},
		BotBusy: bot("busy", "bot-busy"), BotNever: bot("never", "bot-deaf"),
		Extension:   dialler.Bot{Name: "extension", Extension: "ringback-bot,s,1"},
		NoSuchExt:   dialler.Bot{Name: "none", Extension: "no-such-context,s,1"},
		ByVariables: dialler.Bot{Name: "variables", Extension: "lab-bots,vars,1"}, ByEvent: dialler.Bot{Name: "event", Extension: "lab-bots,event,1"},
		ByNothing: dialler.Bot{Name: "nothing", Extension: "lab-bots,silent,1"},
		Sound:     "beep",
		Seen:      r.seen,
		Cut:       func() { r.wire.Cut(time.Second) },
		Crash: func(t *testing.T) {
			if err := r.asterisk.Kill(); err != nil {
				t.Fatal(err)
			}
			r.far.Record.Lost()
			r.leaves.Record.Lost()
			if err := r.asterisk.Restart(within(t)); err != nil {
				t.Fatal(err)
			}
		},
		Headers: true,
	}
}

func TestSwitchOnAsterisk(t *testing.T) {
	t.Parallel()
	r := startReal(t, farend.Options{BotTalk: -1, Talk: time.Minute}, lab.Options{})
	switchtest.Run(t, r.harness())
	changed := func(change func(*ari.Options)) *ari.Switch {
		o := r.options(t)
		change(&o)
		return newSwitch(t, o)
	}
	talks := func() dialler.Origination {
		o := origination("00")
		o.Number = r.number(switchtest.Talks)
		return o
	}
	t.Run("screened while away", func(t *testing.T) {
		screenedWhileAway(t, changed, talks(), func() { r.wire.Cut(3 * time.Second) }) // AMD() takes two
	})
	t.Run("screened for the next", func(t *testing.T) {
		screenedForTheNext(t, changed, talks(), 3*time.Second)
	})
	if o := r.far.Record.Overlaps(); len(o) > 0 {
		t.Errorf("%d numbers had two live calls at once", len(o))
	}
}

// Asterisk clears up after a connection by the application's name, and now and
// then takes the application from the connection that came next: from one of some
// hundreds that come at once. Each link that is said to be up must have it.
func TestLinksThatFollowAtOnce(t *testing.T) {
	t.Parallel()
	r := startReal(t, farend.Options{}, lab.Options{})
	defer http.DefaultClient.CloseIdleConnections()
	var before *websocket.Conn
	o := r.options(t)
	o.Observe = func(o ari.Observation) {
		if o.What == "GET asterisk/info" { // the WebSocket is next
			_ = before.CloseNow()
		}
	}
	login := http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(r.asterisk.User+":"+r.asterisk.Password))}}
	for range 400 {
		var err error
		before, _, err = websocket.Dial(within(t), "ws"+strings.TrimPrefix(r.asterisk.ARIURL, "http")+"/events?app=ringback", &websocket.DialOptions{ //nolint:bodyclose // Dial says that it never needs closing
			HTTPHeader: login, Subprotocols: []string{"ari"},
		})
		if err != nil {
			t.Fatal(err)
		}
		var n news
		stop := run(t, newSwitch(t, o), n.deliver)
		req, err := http.NewRequestWithContext(within(t), http.MethodGet, r.asterisk.ARIURL+"/applications/ringback", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header = login
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("a link is up, and of its application Asterisk says %s", resp.Status)
		}
		stop()
	}
}
