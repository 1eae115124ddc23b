package serve_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ringback/cmd/ringback/serve"
	"ringback/config"
	"ringback/dialler"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "0123456789abcdef0123456789abcdef"

// A pbx is a switch on which everybody answers at once and talks until the
// test hangs up.
type pbx struct {
	fault    error // of Run
	deliver  func(dialler.Event)
	onJoined func() // called when the process knows that a bot has joined, before it does anything about it; nil: nothing is

	mu    sync.Mutex
	calls map[dialler.CallID]bool
	ready chan struct{} // closed once linked
	ended chan struct{} // closed when the process is being stopped
}

func newPBX() *pbx {
	return &pbx{calls: map[dialler.CallID]bool{}, ready: make(chan struct{}), ended: make(chan struct{})}
}

func (p *pbx) Run(ctx context.Context, deliver func(dialler.Event)) error {
	if p.fault != nil {
		return p.fault
	}
	p.deliver = deliver
	deliver(dialler.Event{Kind: dialler.LinkUp, At: time.Now()})
	close(p.ready)
	<-ctx.Done()
	close(p.ended)
	return nil
}

func (p *pbx) tell(id dialler.CallID, kind dialler.EventKind) {
	p.deliver(dialler.Event{Kind: kind, Call: id, At: time.Now(), Cause: dialler.Cause{Q850: 16}})
}

func (p *pbx) Originate(_ context.Context, o dialler.Origination) error {
	p.mu.Lock()
	p.calls[o.ID] = true
	p.mu.Unlock()
	p.tell(o.ID, dialler.Up)
	return nil
}

func (p *pbx) Connect(_ context.Context, id dialler.CallID, _ dialler.Handover) error {
	p.tell(id, dialler.Joined)
	return nil
}

func (p *pbx) Play(context.Context, dialler.CallID, string) error { return nil }

func (p *pbx) Hangup(_ context.Context, id dialler.CallID) error {
	p.mu.Lock()
	up := p.calls[id]
	delete(p.calls, id)
	p.mu.Unlock()
	if up {
		p.tell(id, dialler.HungUp)
	}
	return nil
}

func (p *pbx) Find(_ context.Context, id dialler.CallID) (dialler.Sighting, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return dialler.Sighting{Found: p.calls[id], Answered: p.calls[id], Joined: p.calls[id]}, nil
}

func (p *pbx) Live(context.Context) ([]dialler.CallID, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var ids []dialler.CallID
	for id := range p.calls {
		ids = append(ids, id)
	}
	return ids, nil
}

// house is a configuration with one campaign that may ring round the clock.
func house(t *testing.T) config.Config {
	t.Helper()
	return config.Config{
		Node:     "n1",
		Store:    config.Store{URL: "sqlite:" + filepath.Join(t.TempDir(), "ringback.db")},
		HTTP:     config.HTTP{Listen: "127.0.0.1:0", Tokens: map[string]config.Secret{"test": token}},
		Switches: map[string]config.Switch{"pbx": {URL: "http://127.0.0.1:1/ari", User: "u", Password: "p"}},
		Trunks:   map[string]config.Trunk{"carrier": {Switch: "pbx", Dial: "PJSIP/{number}@carrier"}},
		Bots:     map[string]config.Bot{"asha": {Endpoint: "PJSIP/asha", Callbacks: true}},
		Campaigns: map[string]config.Campaign{"renewals": {
			Start: true, Trunk: "carrier", Bot: "asha", Seats: 3, CallbackDetection: true,
			Window: config.Window{Zone: "Asia/Kolkata", Hours: map[string][]string{"daily": {"00:00-24:00"}}},
		}},
	}
}

// A running process, and what happened in it.
type running struct {
	*testing.T
	*serve.Process
	pbx       *pbx
	happening chan dialler.Happening
	past      []dialler.Happening // what no await has wanted yet
	log       *journal
}

// journal is a log that can be read while it is written.
type journal struct {
	mu sync.Mutex
	b  strings.Builder
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

func start(t *testing.T, cfg config.Config, p *pbx) *running {
	t.Helper()
	r, err := try(t, cfg, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.stopNow)
	return r
}

// stopNow stops the process as a second SIGTERM does: calls in progress stay up.
func (r *running) stopNow() {
	r.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.Stop(ctx); err != nil {
		r.Error(err)
	}
}

func try(t *testing.T, cfg config.Config, p *pbx) (*running, error) {
	r := &running{T: t, pbx: p, happening: make(chan dialler.Happening, 1000), log: &journal{}}
	var err error
	r.Process, err = serve.Start(t.Context(), cfg, serve.Options{
		Version: "test", Logger: slog.New(slog.NewTextHandler(r.log, nil)),
		Switches: map[string]dialler.Switch{"pbx": p},
		Observe: func(h dialler.Happening) {
			if joined(h) && p.onJoined != nil {
				p.onJoined()
			}
			r.happening <- h
		},
	})
	return r, err
}

// await waits until something happens, or finds that it has: what happens to
// one call may come before, between and after what happens to another.
func (r *running) await(what string, is func(dialler.Happening) bool) dialler.Happening {
	r.Helper()
	if i := slices.IndexFunc(r.past, is); i >= 0 {
		h := r.past[i]
		r.past = slices.Delete(r.past, i, i+1)
		return h
	}
	limit := time.After(2 * time.Minute)
	for {
		select {
		case h := <-r.happening:
			if is(h) {
				return h
			}
			r.past = append(r.past, h)
		case <-limit:
			r.Fatalf("waited in vain for %s; the log says\n%s", what, r.log)
		}
	}
}

func kind(k dialler.HappeningKind) func(dialler.Happening) bool {
	return func(h dialler.Happening) bool { return h.Kind == k }
}

func joined(h dialler.Happening) bool {
	return h.Kind == dialler.HasNews && h.Event.Kind == dialler.Joined
}

func (r *running) ask(method, path, body string) (int, string) {
	r.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, "http://"+r.Addr()+path, strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func (r *running) want(status int, method, path, body, in string) {
	r.Helper()
	if got, answer := r.ask(method, path, body); got != status || !strings.Contains(answer, in) {
		r.Fatalf("%s %s: got %d %s, want %d with %s", method, path, got, answer, status, in)
	}
}

// One call through the whole process: a contact by the API, rung by the loop,
// its analysis by the API, a callback in the figures.
func TestAProcess(t *testing.T) {
	r := start(t, house(t), newPBX())
	<-r.pbx.ready
	r.want(200, "GET", "/healthz", "", "ok")
	r.want(200, "GET", "/readyz", "", `"pbx":"up"`)
	r.want(200, "POST", "/v1/campaigns/1/contacts", `{"contacts":[{"number":"+919812345678"}]}`, `"added":1`)
	call := r.await("the bot on the line", joined).Lease.Attempt.ID
	r.want(200, "GET", "/v1/calls/"+string(call)+"/context", "", `"number":"+919812345678"`)
	if err := r.pbx.Hangup(t.Context(), call); err != nil {
		t.Fatal(err)
	}
	r.await("the settlement", kind(dialler.HasSettled))
	r.want(200, "POST", "/v1/calls/"+string(call)+"/analysis", `{"callback_requested":true,"callback_preferred_time_text":"2 hours"}`, `"verdict":"scheduled"`)
	r.want(200, "GET", "/metrics", "", `ringback_calls_total{campaign="renewals",class="pending",disposition="answered"} 1`)
	r.want(200, "GET", "/metrics", "", `ringback_http_requests_total{code="200",method="GET",route="/readyz"} 1`)

	addr := r.Addr()
	if err := r.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if c, err := net.Dial("tcp", addr); err == nil {
		_ = c.Close()
		t.Error("somebody still listens after Stop")
	}
	if err := r.Stop(context.Background()); err != nil {
		t.Errorf("a second Stop: %v", err)
	}
}

// SIGTERM: no new call, the one in progress ends by itself, and meanwhile the
// API takes its analysis.
func TestDrain(t *testing.T) {
	cfg := house(t)
	c := cfg.Campaigns["renewals"]
	c.Seats = 1
	cfg.Campaigns["renewals"] = c
	r := start(t, cfg, newPBX())
	r.want(200, "POST", "/v1/campaigns/1/contacts", `{"contacts":[{"number":"+919812345678"},{"number":"+919812345679"}]}`, `"added":2`)
	call := r.await("the bot on the line", joined).Lease.Attempt.ID

	stopped := make(chan error, 1)
	go func() { stopped <- r.Stop(context.Background()) }()
	for !r.Status().Draining {
		select {
		case err := <-stopped:
			t.Fatalf("stopped with a call in progress: %v", err)
		case <-time.After(time.Millisecond): // until the other goroutine has come that far
		}
	}
	r.want(503, "GET", "/readyz", "", "the process is draining")
	r.want(202, "POST", "/v1/calls/"+string(call)+"/analysis", `{"callback_requested":true}`, `"verdict":"deferred"`)
	if err := r.pbx.Hangup(t.Context(), call); err != nil {
		t.Fatal(err)
	}
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	originated := 0
	for len(r.happening) > 0 {
		if h := <-r.happening; h.Kind == dialler.HasOriginated {
			originated++
		}
	}
	if originated != 0 {
		t.Errorf("%d calls were begun while draining", originated)
	}
}

// A call that outlasts the limit is left up, and taken up again by the next
// start.
func TestDrainHasALimit(t *testing.T) {
	cfg := house(t)
	p := newPBX()
	first := start(t, cfg, p)
	first.want(200, "POST", "/v1/campaigns/1/contacts", `{"contacts":[{"number":"+919812345678"}]}`, `"added":1`)
	call := first.await("the bot on the line", joined).Lease.Attempt.ID
	first.stopNow()
	if !strings.Contains(first.log.String(), "calls are left up on the switch") {
		t.Errorf("the log does not say that a call is left up:\n%s", first.log)
	}

	again := newPBX()
	again.calls[call] = true
	r := start(t, cfg, again)
	if got := r.await("the adoption", kind(dialler.WasAdopted)).Lease.Attempt.ID; got != call {
		t.Errorf("adopted %s, want %s", got, call)
	}
	if err := again.Hangup(t.Context(), call); err != nil {
		t.Fatal(err)
	}
	if h := r.await("the settlement", kind(dialler.HasSettled)); h.Lease.Attempt.Disposition != dialler.Answered {
		t.Errorf("settled as %s, want answered", h.Lease.Attempt.Disposition)
	}
}

// That a bot has joined is on disk even if it was told in the moment in which the
// process ended: a conversation that is over when the next comes has been one.
func TestTheLastNewsIsOnDisk(t *testing.T) {
	cfg := house(t)
	p := newPBX()
	told := make(chan struct{})
	p.onJoined = func() {
		close(told)
		<-p.ended
	}
	first := start(t, cfg, p)
	first.want(200, "POST", "/v1/campaigns/1/contacts", `{"contacts":[{"number":"+919812345678"}]}`, `"added":1`)
	<-told
	first.stopNow()
	r := start(t, cfg, newPBX())
	if h := r.await("the settlement", kind(dialler.HasSettled)); h.Lease.Attempt.Disposition != dialler.Answered {
		t.Errorf("settled as %s, want answered", h.Lease.Attempt.Disposition)
	}
}

func TestAFaultNoRetryingMendsEndsTheProcess(t *testing.T) {
	p := newPBX()
	p.fault = errors.New("password refused")
	r := start(t, house(t), p)
	<-r.Done()
	if err := r.Fault(); err == nil || !strings.Contains(err.Error(), "password refused") {
		t.Errorf("got %v, want the switch's error", err)
	}
}

// What fails on the way up is taken back: the next start finds nothing in its
// way.
func TestAStartThatFailsLeavesNothingBehind(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	cfg := house(t)
	cfg.HTTP.Listen = taken.Addr().String()
	if _, err := try(t, cfg, newPBX()); err == nil || !strings.Contains(err.Error(), "http.listen") {
		t.Fatalf("got %v, want that the address is taken", err)
	}
	cfg.HTTP.Listen = "127.0.0.1:0"
	nobody := cfg.Campaigns["renewals"]
	nobody.Bot = "nobody"
	cfg.Campaigns["stray"] = nobody
	if _, err := try(t, cfg, newPBX()); err == nil || !strings.Contains(err.Error(), `declare campaign "stray"`) {
		t.Fatalf("got %v, want that the bot is not there", err)
	}
	delete(cfg.Campaigns, "stray")
	start(t, cfg, newPBX())
}

func TestStartRefusesWhatCheckRefuses(t *testing.T) {
	cfg := house(t)
	cfg.Trunks["carrier"] = config.Trunk{Switch: "pbx", Dial: "PJSIP/carrier"}
	_, err := serve.Start(t.Context(), cfg, serve.Options{})
	if ps := config.Problems(err); len(ps) != 1 || ps[0].Key != "trunks.carrier.dial" {
		t.Errorf("got %v, want a problem with trunks.carrier.dial", err)
	}
	_, err = serve.Start(t.Context(), config.Config{Node: "n", HTTP: config.HTTP{Listen: "nowhere"}}, serve.Options{})
	if ps := config.Problems(err); len(ps) != 1 || ps[0].Key != "http.listen" {
		t.Errorf("got %v, want a problem with http.listen", err)
	}
}

func TestCheckJudgesWhatTheConfigurationAloneCannot(t *testing.T) {
	for _, tt := range []struct {
		key, want string
		change    func(*config.Config)
	}{
		{"switches", "at least one", func(c *config.Config) { c.Switches, c.Trunks, c.Campaigns = nil, nil, nil }},
		{"trunks.carrier.cps", "0 (no limit) to 1000", func(c *config.Config) {
			c.Trunks["carrier"] = config.Trunk{Switch: "pbx", Dial: "{number}", CPS: -1}
		}},
		{"bots.asha.endpoint", "exactly one of the two", func(c *config.Config) { c.Bots["asha"] = config.Bot{} }},
		{"campaigns.renewals.window.zone", "an IANA time zone", edit(func(c *config.Campaign) { c.Window.Zone = "Mars" })},
		{"campaigns.renewals.window.hours", "at least one interval", edit(func(c *config.Campaign) { c.Window.Hours = nil })},
		{"campaigns.renewals.window.hours.mon", "hours such as", edit(func(c *config.Campaign) { c.Window.Hours = map[string][]string{"mon": {"9-5"}} })},
		{"campaigns.renewals.window.holidays", "dates such as", edit(func(c *config.Campaign) { c.Window.Holidays = []string{"Diwali"} })},
		{"campaigns.renewals.mode", "single_day or multi_day", edit(func(c *config.Campaign) { c.Mode = "forever" })},
		{"campaigns.renewals.seats", "1 to 10000", edit(func(c *config.Campaign) { c.Seats = -1 })},
		{"campaigns.renewals.retry_on", "busy", edit(func(c *config.Campaign) { c.RetryOn = []string{"sometimes"} })},
		{"campaigns.renewals.caller_id", "E.164", edit(func(c *config.Campaign) { c.CallerID = "anonymous" })},
	} {
		cfg := house(t)
		tt.change(&cfg)
		ps := config.Problems(serve.Check(cfg.WithDefaults()))
		if len(ps) != 1 || ps[0].Key != tt.key || !strings.Contains(ps[0].Want, tt.want) {
			t.Errorf("%s: got %v, want one problem that wants %s", tt.key, ps, tt.want)
		}
	}
	if err := serve.Check(house(t).WithDefaults()); err != nil {
		t.Errorf("a good one: %v", err)
	}
}

func edit(f func(*config.Campaign)) func(*config.Config) {
	return func(cfg *config.Config) {
		c := cfg.Campaigns["renewals"]
		f(&c)
		cfg.Campaigns["renewals"] = c
	}
}

func TestWhatIsDeclared(t *testing.T) {
	cfg := house(t)
	edit(func(c *config.Campaign) { c.Start = false })(&cfg)
	campaign := func(r *running) dialler.Campaign {
		t.Helper()
		c, err := r.Store().CampaignNamed(t.Context(), "renewals")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	stop := func(r *running) {
		t.Helper()
		if err := r.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}

	r := start(t, cfg, newPBX())
	if c := campaign(r); c.State != dialler.CampaignDraft || c.Seats != 3 || c.MaxAttempts != 3 || c.RetryDelay != 15*time.Minute {
		t.Errorf("created: %+v, want a draft with the configuration's settings", c)
	}
	stop(r)

	edit(func(c *config.Campaign) { c.Seats, c.Start = 5, true })(&cfg)
	r = start(t, cfg, newPBX())
	if c := campaign(r); c.State != dialler.CampaignRunning || c.Seats != 5 {
		t.Errorf("a draft: %s with %d seats, want running with 5", c.State, c.Seats)
	}
	stop(r)

	edit(func(c *config.Campaign) { c.Seats, c.RetryDelay = 7, time.Hour })(&cfg)
	r = start(t, cfg, newPBX())
	if c := campaign(r); c.Seats != 5 || c.RetryDelay != 15*time.Minute {
		t.Errorf("a running campaign took over settings: %d seats", c.Seats)
	}
	if !strings.Contains(r.log.String(), `not_applied="seats, retry_delay"`) {
		t.Errorf("the log does not say what is not applied:\n%s", r.log)
	}
	if _, err := r.Store().Transition(t.Context(), campaign(r).ID, dialler.Pause, time.Now()); err != nil {
		t.Fatal(err)
	}
	stop(r)

	r = start(t, cfg, newPBX())
	if c := campaign(r); c.State != dialler.CampaignPaused || c.Seats != 7 || c.RetryDelay != time.Hour {
		t.Errorf("a paused campaign: %s, %d seats; want paused with the configuration's settings", c.State, c.Seats)
	}
	stop(r)

	cfg.Bots["ravi"] = config.Bot{Endpoint: "PJSIP/ravi"}
	edit(func(c *config.Campaign) { c.Seats, c.Bot = 8, "ravi" })(&cfg)
	r = start(t, cfg, newPBX())
	if c := campaign(r); c.Bot != "asha" || c.Seats != 8 {
		t.Errorf("a paused campaign that has run: bot %s, %d seats; want its own bot, and the rest of the configuration", c.Bot, c.Seats)
	}
	if !strings.Contains(r.log.String(), "campaign keeps its bot") {
		t.Errorf("the log does not say that the bot is not applied:\n%s", r.log)
	}
	if _, err := r.Store().Transition(t.Context(), campaign(r).ID, dialler.Stop, time.Now()); err != nil {
		t.Fatal(err)
	}
	stop(r)

	r = start(t, cfg, newPBX())
	if c := campaign(r); c.State != dialler.CampaignCompleted || c.Run != 1 {
		t.Errorf("a campaign somebody stopped: %s, run %d; want it left alone", c.State, c.Run)
	}
}

// systemd must not lose patience before the drain has.
func TestTheServiceManagerWaitsForTheDrain(t *testing.T) {
	unit, err := os.ReadFile("../../../deploy/systemd/ringback.service")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^TimeoutStopSec=(\d+)$`).FindSubmatch(unit)
	if m == nil {
		t.Fatal("the unit has no TimeoutStopSec")
	}
	seconds, _ := strconv.Atoi(string(m[1]))
	if limit := (config.Config{}).WithDefaults().Drain.Limit; time.Duration(seconds)*time.Second < limit+10*time.Second {
		t.Errorf("TimeoutStopSec=%d, but drain.limit is %v and coming down takes a few seconds", seconds, limit)
	}
}

func TestNewLogger(t *testing.T) {
	var b strings.Builder
	log := serve.NewLogger(config.Log{Level: "warn", Format: "json"}, &b)
	log.Info("quiet")
	log.Warn("loud")
	if got := b.String(); strings.Contains(got, "quiet") || !strings.HasPrefix(got, "{") || !strings.Contains(got, `"msg":"loud"`) {
		t.Errorf("got %s", got)
	}
}

// Two processes on one store under one name: the second ends, and says what to
// do; the first goes on.
func TestTwoOfOneName(t *testing.T) {
	cfg := house(t)
	cfg.Lease.TTL = 5 * time.Second
	first := start(t, cfg, newPBX())
	<-first.pbx.ready
	cfg.HTTP.Listen = "127.0.0.1:0"
	second, err := serve.Start(t.Context(), cfg, serve.Options{
		Logger: slog.New(slog.DiscardHandler), Store: first.Store(), Switches: map[string]dialler.Switch{"pbx": newPBX()},
	})
	if err != nil {
		t.Fatal(err)
	}
	<-second.Done()
	for _, want := range []string{`node name "`, "is in use by process", "give each Ringback on one store a name of its own", "RINGBACK_NODE"} {
		if err := second.Fault(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
	if err := second.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	first.want(200, "GET", "/readyz", "", `"ready":true`)
}
