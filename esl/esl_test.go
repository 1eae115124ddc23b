package esl_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"ringback/dialler"
	"ringback/esl"
	"ringback/esl/esltest"
)

// A desk is a Switch that runs, and what it has told.
type desk struct {
	*esl.Switch
	t    testing.TB
	stop func()

	mu   sync.Mutex
	told []dialler.Event
	more chan struct{}
}

func sit(t testing.TB, sw *esl.Switch) *desk {
	t.Helper()
	d := &desk{Switch: sw, t: t, more: make(chan struct{})}
	d.stop = run(t, sw, func(e dialler.Event) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.told = append(d.told, e)
		close(d.more)
		d.more = make(chan struct{})
	})
	d.wait("", dialler.LinkUp, 1)
	return d
}

// wait waits for the nth news of a kind.
func (d *desk) wait(id dialler.CallID, kind dialler.EventKind, n int) dialler.Event {
	d.t.Helper()
	limit := time.After(2 * time.Minute)
	for {
		d.mu.Lock()
		seen, more := 0, d.more
		for _, e := range d.told {
			if e.Call == id && e.Kind == kind {
				if seen++; seen == n {
					d.mu.Unlock()
					return e
				}
			}
		}
		d.mu.Unlock()
		select {
		case <-more:
		case <-limit:
			d.t.Fatalf("%s number %d of %s did not come: %+v", kind, n, id, d.news(id))
		}
	}
}

func (d *desk) news(id dialler.CallID) []dialler.EventKind {
	d.mu.Lock()
	defer d.mu.Unlock()
	var kinds []dialler.EventKind
	for _, e := range d.told {
		if e.Call == id {
			kinds = append(kinds, e.Kind)
		}
	}
	return kinds
}

var trunk = dialler.Trunk{Name: "carrier", Switch: "pbx", Dial: "sofia/gateway/trunk/{number}"}

func origination(number string) dialler.Origination {
	return dialler.Origination{ID: dialler.CallID(uuid.NewString()), Number: dialler.Number(number), Trunk: trunk, RingTimeout: 10 * time.Second}
}

func (d *desk) place(o dialler.Origination) dialler.CallID {
	d.t.Helper()
	if err := d.Originate(context.Background(), o); err != nil {
		d.t.Fatal(err)
	}
	return o.ID
}

// answered places a call that is answered and stays.
func (d *desk) answered() dialler.CallID {
	d.t.Helper()
	id := d.place(origination("+919812345600"))
	d.wait(id, dialler.Up, 1)
	return id
}

func handover(id dialler.CallID) dialler.Handover {
	return dialler.Handover{
		Bot: dialler.Bot{Name: "bot", Endpoint: "sofia/gateway/bot/agent"}, Timeout: 10 * time.Second,
		Context: dialler.Context{Call: id, Campaign: "c", Number: "+919812345600", Attempt: 1, Class: dialler.ClassPending},
	}
}

func TestDestinationOutOfOrderIsToldApart(t *testing.T) {
	fs := startFake(t, esltest.Options{Calm: true})
	d := sit(t, onFake(t, fs))
	failed := func(why string, want dialler.Disposition) {
		t.Helper()
		id := d.place(origination("+919812345600"))
		e := d.wait(id, dialler.HungUp, 1)
		if e.Disposition != want || !strings.Contains(e.Cause.Text, why) {
			t.Errorf("got %s (%s), want %s because of %q", e.Disposition, e.Cause, want, why)
		}
	}
	fs.Pause(true)
	failed("fsctl pause", dialler.Congestion)
	fs.Pause(false)

	held := d.answered()
	fs.Limit(0, 1)
	failed("max-sessions", dialler.Congestion)
	fs.Limit(1, 0)
	failed("sessions-per-second", dialler.Congestion)
	fs.Limit(0, 0)

	// A duplicate: the first goes on, and its end is not told.
	first := len(fs.Invites())
	o := origination("+919812345600")
	o.ID = held
	other := sit(t, onFake(t, fs))
	for {
		err := other.Originate(t.Context(), o)
		if err == nil {
			break
		}
		if !errors.Is(err, dialler.ErrUncertain) {
			t.Fatal(err)
		}
		other = sit(t, onFake(t, fs)) // that one came while the call was still being told of, and knew it
	}
	if err := d.Connect(t.Context(), held, handover(held)); err != nil {
		t.Fatal(err)
	}
	d.wait(held, dialler.Joined, 1)
	if n := len(fs.Invites()) - first; n != 1 {
		t.Errorf("%d more INVITEs, want only the bot's", n)
	}
	for _, e := range [][]dialler.EventKind{d.news(held), other.news(held)} {
		if slices.Contains(e, dialler.HungUp) {
			t.Errorf("the end of a call that goes on is told: %v", e)
		}
	}
}

// Another node on the same FreeSWITCH hears of the call, and leaves it alone.
func TestAnotherNodeListens(t *testing.T) {
	fs := startFake(t, esltest.Options{Calm: true})
	d, other := sit(t, onFake(t, fs)), sit(t, onFake(t, fs))
	for range 10 {
		id := d.answered()
		other.wait(id, dialler.Up, 1)
		if err := d.Connect(t.Context(), id, handover(id)); err != nil {
			t.Fatal(err)
		}
		d.wait(id, dialler.Joined, 1)
		other.wait(id, dialler.Joined, 1)
		time.Sleep(50 * time.Millisecond) // for what must not come
		if e := d.news(id); e[len(e)-1] != dialler.Joined {
			t.Fatalf("the call was disturbed: %v", e)
		}
	}
}

// A gateway that is not there and a carrier that says 503 look the same but
// for who said it.
func TestDeadGatewayIsNotTheCarriers503(t *testing.T) {
	fs := startFake(t, esltest.Options{})
	d := sit(t, onFake(t, fs))
	o := origination("+919812345600")
	o.Trunk.Dial = "sofia/gateway/dead/{digits}"
	dead := d.wait(d.place(o), dialler.HungUp, 1)
	carrier := d.wait(d.place(origination("+919812345605")), dialler.HungUp, 1)
	if dead.Cause.SIP != 0 || !strings.Contains(dead.Cause.Text, "no answer from the far end") {
		t.Errorf("dead gateway: %s", dead.Cause)
	}
	if carrier.Cause.SIP != 503 || strings.Contains(carrier.Cause.Text, "no answer") {
		t.Errorf("carrier: %s", carrier.Cause)
	}
}

func TestASecondConnectMakesNoSecondLeg(t *testing.T) {
	fs := startFake(t, esltest.Options{})
	d := sit(t, onFake(t, fs))
	id := d.answered()
	for range 3 {
		if err := d.Connect(t.Context(), id, handover(id)); err != nil {
			t.Fatal(err)
		}
	}
	d.wait(id, dialler.Joined, 1)
	if err := d.Connect(t.Context(), id, handover(id)); err != nil {
		t.Fatal(err)
	}
	d.stop()
	// Nor does another process, that knows nothing.
	second := sit(t, onFake(t, fs))
	if err := second.Connect(t.Context(), id, handover(id)); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, i := range fs.Invites() {
		if i.Gateway == "bot" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d bot legs, want 1", n)
	}
	if err := second.Hangup(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if e := second.wait(id, dialler.HungUp, 1); e.Disposition != dialler.Answered {
		t.Errorf("got %s, want answered", e.Disposition)
	}
	leftNothing(t, fs)
}

// A call hung up before there is a leg is hung up when there is one.
func TestHangupBeforeThereIsALeg(t *testing.T) {
	fs := startFake(t, esltest.Options{JobDelay: 300 * time.Millisecond})
	d := sit(t, onFake(t, fs))
	id := d.place(origination("+919812345602"))
	if err := d.Hangup(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if e := d.wait(id, dialler.HungUp, 1); e.Disposition != dialler.NoAnswer {
		t.Errorf("got %s (%s)", e.Disposition, e.Cause)
	}
	leftNothing(t, fs)
}

// A reply that is lost makes the call uncertain, and the replies after it are
// not taken for it.
func TestALostReplyIsUncertainAndSwapsNothing(t *testing.T) {
	fs := startFake(t, esltest.Options{})
	d := sit(t, onFake(t, fs, func(o *esl.Options) { o.RequestTimeout = 300 * time.Millisecond }))
	fs.Swallow("originate")
	o := origination("+919812345600")
	if err := d.Originate(t.Context(), o); !errors.Is(err, dialler.ErrUncertain) {
		t.Fatalf("got %v, want ErrUncertain", err)
	}
	d.wait(o.ID, dialler.Up, 1) // it was placed all the same
	if seen, err := d.Find(t.Context(), o.ID); err != nil || !seen.Answered {
		t.Errorf("Find: %+v, %v", seen, err)
	}
	if seen, err := d.Find(t.Context(), dialler.CallID(uuid.NewString())); err != nil || seen.Found {
		t.Errorf("Find of another: %+v, %v", seen, err)
	}
	fs.Swallow("uuid_dump")
	if _, err := d.Find(t.Context(), o.ID); err == nil {
		t.Error("Find says something without a reply")
	}
	if seen, err := d.Find(t.Context(), o.ID); err != nil || !seen.Answered {
		t.Errorf("Find after that: %+v, %v", seen, err)
	}
}

// The same words come for a shutdown and for a reload of the event socket;
// which it was is found out by asking.
func TestShutdownAndReloadAreToldApartByAsking(t *testing.T) {
	var said bytes.Buffer
	var mu sync.Mutex
	fs := startFake(t, esltest.Options{Calm: true})
	d := sit(t, onFake(t, fs, func(o *esl.Options) {
		o.Logger = slog.New(slog.NewTextHandler(lockedWriter{&mu, &said}, nil))
		o.RetryDelay = 200 * time.Millisecond
	}))
	logged := func() string { mu.Lock(); defer mu.Unlock(); return said.String() }
	id := d.answered()
	if err := fs.Reload(); err != nil {
		t.Fatal(err)
	}
	reload := d.wait("", dialler.LinkDown, 1)
	d.wait("", dialler.LinkUp, 2)
	if seen, err := d.Find(t.Context(), id); err != nil || !seen.Answered {
		t.Errorf("after the reload the call is %+v, %v", seen, err)
	}
	if !strings.Contains(logged(), "it is the same one") || slices.Contains(d.news(id), dialler.HungUp) {
		t.Errorf("a reload is taken for a restart: %v\n%s", d.news(id), logged())
	}
	fs.Shutdown()
	if e := d.wait(id, dialler.HungUp, 1); e.Cause.Text != "SYSTEM_SHUTDOWN" {
		t.Errorf("got %s", e.Cause)
	}
	shutdown := d.wait("", dialler.LinkDown, 2)
	if shutdown.Reason != reload.Reason {
		t.Errorf("the words differ after all: %q, %q", reload.Reason, shutdown.Reason)
	}
	if err := fs.Start(); err != nil {
		t.Fatal(err)
	}
	d.wait("", dialler.LinkUp, 3)
	if !strings.Contains(logged(), "it was restarted") {
		t.Errorf("a restart is not noticed:\n%s", logged())
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	w  *bytes.Buffer
}

func (l lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// A connection that is open and silent is found out.
func TestTheWatchdogFindsASilentConnection(t *testing.T) {
	fs := startFake(t, esltest.Options{})
	d := sit(t, onFake(t, fs, func(o *esl.Options) { o.PingInterval = 150 * time.Millisecond; o.RetryDelay = 200 * time.Millisecond }))
	id := d.answered()
	fs.Mute()
	d.wait("", dialler.LinkDown, 1)
	d.wait("", dialler.LinkUp, 2)
	if seen, err := d.Find(t.Context(), id); err != nil || !seen.Answered {
		t.Errorf("the call is %+v, %v", seen, err)
	}
}

// mod_avmd knows a machine by its beep, and nothing else.
func TestScreensByTheBeep(t *testing.T) {
	fs := startFake(t, esltest.Options{})
	d := sit(t, onFake(t, fs, func(o *esl.Options) {
		o.Detector, o.DetectorVariable, o.ScreenTimeout = "", "", 400*time.Millisecond
	}))
	for number, want := range map[string]dialler.Verdict{
		"+919812345608": dialler.VerdictMachine, "+919812345600": dialler.VerdictUnsure, "+919812345609": dialler.VerdictUnsure,
	} {
		o := origination(number)
		o.Screen = true
		id := d.place(o)
		if e := d.wait(id, dialler.Screened, 1); e.Verdict != want {
			t.Errorf("%s: got %s, want %s", number, e.Verdict, want)
		}
		if want == dialler.VerdictUnsure && !slices.Contains(fs.Commands(), "api avmd "+string(id)+" stop") {
			t.Errorf("%s: mod_avmd goes on listening", number)
		}
		if n := strings.Count(strings.Join(kinds(d.news(id)), " "), "screened"); n != 1 {
			t.Errorf("%s: %d verdicts", number, n)
		}
	}
}

func kinds(all []dialler.EventKind) []string {
	var s []string
	for _, k := range all {
		s = append(s, string(k))
	}
	return s
}

// A bot, an extension or a sound that would be more than that is refused
// before FreeSWITCH hears of it (I10).
func TestNothingMoreThanOneLegGetsThrough(t *testing.T) {
	fs := startFake(t, esltest.Options{})
	d := sit(t, onFake(t, fs))
	id := d.answered()
	before := len(fs.Commands())
	for _, endpoint := range []string{
		"", "sofia", "sofia/gateway/bot/a b", "sofia/gateway/bot/a,sofia/gateway/trunk/1", "sofia/gateway/bot/a|loopback/1",
		"{sip_h_X-Evil=1}sofia/gateway/bot/a", "sofia/gateway/bot/a[x=1]", "sofia/gateway/bot/${create_uuid()}", "loopback/a:_:loopback/b",
		"sofia/gateway/bot/a\n\napi shutdown", "sofia/gateway/bot/a &system(id)", "sofia/gateway/bot/'a'", "sofia/gateway/bot/a^b",
	} {
		h := handover(id)
		h.Bot.Endpoint = endpoint
		if err := d.Connect(t.Context(), id, h); err == nil {
			t.Errorf("endpoint %q is taken", endpoint)
		}
		o := origination("+919812345600")
		o.Trunk.Dial = strings.ReplaceAll(endpoint, "/a", "/{number}")
		var no *dialler.RefusedError
		if err := d.Originate(t.Context(), o); !errors.As(err, &no) {
			t.Errorf("trunk %q: %v, want it refused", o.Trunk.Dial, err)
		}
	}
	for _, extension := range []string{"a", "a,b c", "a,b\nc", "a b,c", "a,${x}", "a,b,c", "a,'b'", "-both,b x"} {
		h := handover(id)
		h.Bot = dialler.Bot{Name: "x", Extension: extension}
		if err := d.Connect(t.Context(), id, h); err == nil {
			t.Errorf("extension %q is taken", extension)
		}
	}
	for _, sound := range []string{"", "a b", "system::rm", "a!cause", "${create_uuid()}", "a\napi shutdown", "'a'", `a\sb`} {
		if err := d.Play(t.Context(), id, sound); err == nil {
			t.Errorf("sound %q is taken", sound)
		}
	}
	for _, c := range fs.Commands()[before:] {
		t.Errorf("FreeSWITCH was told %q", c)
	}
	if apps := fs.Apps(); len(apps) > 0 {
		t.Errorf("it ran %q", apps)
	}
}

// RINGBACK_CONTEXT is the JSON of the context on whichever leg has it, and in
// a plain event too.
func TestTheContextArrivesWhole(t *testing.T) {
	fs := startFake(t, esltest.Options{})
	d := sit(t, onFake(t, fs, func(o *esl.Options) { o.UserToUser = true }))
	x := dialler.Context{
		Campaign: `a, b; "c" 'd' {e} [f] \g 100%41 %2C ${hostname} ^^:h`, CampaignID: 1, Contact: 2, Number: "+919812345600", Attempt: 3,
		Class: dialler.ClassCallback,
		Callback: &dialler.CallbackContext{
			Phrase: "कल सुबह\r\nX-Evil: 1\r\n\r\nbody", Reason: strings.Repeat("बाद में, ", 170), Chain: 1, Attempt: 1,
			RequestedAt: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), ScheduledAt: time.Date(2026, 3, 2, 4, 30, 0, 0, time.UTC),
		},
		Vars: map[string]string{"name": "Asha \"A,B\" Rao", "sip_h_X-Evil": "a]b[c}", "empty": ""},
	}
	for what, bot := range map[string]dialler.Bot{
		"endpoint":  {Name: "e", Endpoint: "sofia/gateway/bot/agent"},
		"extension": {Name: "x", Extension: "ringback-bot,socket"},
	} {
		id := d.answered()
		x.Call = id
		if err := d.Connect(t.Context(), id, dialler.Handover{Bot: bot, Context: x, Timeout: 10 * time.Second}); err != nil {
			t.Fatal(err)
		}
		d.wait(id, dialler.Joined, 1)
		leg := string(id)
		if bot.Endpoint != "" {
			leg, _ = fs.Variable(leg, "ringback_bot")
		}
		text, _ := fs.Variable(leg, "RINGBACK_CONTEXT")
		var got, want any
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("%s: %v: %q", what, err, text)
		}
		if err := json.Unmarshal(x.JSON(dialler.MaxJSON), &want); err != nil {
			t.Fatal(err)
		}
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(want)
		if !bytes.Equal(a, b) {
			t.Errorf("%s: got %s, want %s", what, a, b)
		}
		if strings.ContainsAny(text, "[]%$\r\n") {
			t.Errorf("%s: %q is not safe to read", what, text)
		}
		for _, v := range x.Variables() {
			if got, _ := fs.Variable(leg, v.Name); v.Name != "RINGBACK_CONTEXT" && got != v.Value {
				t.Errorf("%s: %s: got %q, want %q", what, v.Name, got, v.Value)
			}
		}
	}
	for _, i := range fs.Invites() {
		if i.Gateway == "bot" {
			if i.Body != "" || i.Headers["X-Evil"] != nil {
				t.Errorf("an INVITE was added to: %+v", i)
			}
			if got := i.Headers["User-to-User"]; len(got) != 1 || !strings.HasSuffix(got[0], ";encoding=hex") {
				t.Errorf("User-to-User: %q", got)
			}
		} else if len(i.Headers) > 0 {
			t.Errorf("the carrier was sent %v", i.Headers)
		}
	}
}

// The ACL may be mended while we try.
func TestTheACLKeepsUsOutAndIsTriedAgain(t *testing.T) {
	rude, err := os.ReadFile("testdata/09-rude-rejection-acl.s2c.bin")
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	times := make(chan struct{}, 100)
	var served sync.WaitGroup
	served.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write(rude)
			_ = c.Close()
			times <- struct{}{}
		}
	})
	var said bytes.Buffer
	var mu sync.Mutex
	sw, err := esl.New(esl.Options{Addr: ln.Addr().String(), RetryDelay: 50 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(lockedWriter{&mu, &said}, nil))})
	if err != nil {
		t.Fatal(err)
	}
	stop := run(t, sw, func(e dialler.Event) { t.Errorf("there is news: %+v", e) })
	for range 3 {
		<-times
	}
	stop()
	_ = ln.Close()
	served.Wait()
	mu.Lock()
	defer mu.Unlock()
	if !strings.Contains(said.String(), "apply-inbound-acl") {
		t.Errorf("nobody is told why: %s", said.String())
	}
}

func TestVersionSaysWhoAnswers(t *testing.T) {
	fs := startFake(t, esltest.Options{})
	if v, err := esl.Version(t.Context(), esl.Options{Addr: fs.Addr(), Password: "ClueCon"}); err != nil || !strings.HasPrefix(v, "FreeSWITCH Version 1.") {
		t.Errorf("got %q, %v", v, err)
	}
	if _, err := esl.Version(t.Context(), esl.Options{Addr: fs.Addr(), Password: "wrong"}); !errors.Is(err, esl.ErrPassword) {
		t.Errorf("got %v, want ErrPassword", err)
	}
}

func TestOptionsSayWhatIsWrong(t *testing.T) {
	for want, o := range map[string]esl.Options{
		"addr":              {Addr: "nowhere"},
		"password":          {Password: "a\nb"},
		"app":               {App: "a b"},
		"detector:":         {Detector: "system rm", DetectorVariable: "x"},
		"detector_variable": {Detector: "amd"},
	} {
		if _, err := esl.New(o); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
}
