package push

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ringback/callback"
	"ringback/dialler"
	"ringback/dialler/store/sqlite"
)

// A rig is a store with a campaign that has a webhook, a pusher that is driven
// by hand, and a clock that is moved by it.
type rig struct {
	*testing.T
	store *sqlite.Store
	c     dialler.Campaign
	hook  dialler.Webhook
	p     *Pusher
	guard *Guard
	now   time.Time
	last  int
	done  []Result
	mu    sync.Mutex
}

var quiet = slog.New(slog.DiscardHandler)

func newRig(t *testing.T, url string, allow ...string) *rig {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Memory, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{T: t, store: s, now: time.Date(2026, 3, 12, 5, 0, 0, 0, time.UTC)}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	r.must(s.PutTrunk(t.Context(), dialler.Trunk{Name: "carrier", Switch: "pbx", Dial: "PJSIP/{number}@carrier"}))
	r.must(s.PutBot(t.Context(), dialler.Bot{Name: "asha", Endpoint: "PJSIP/asha", Callbacks: true}))
	window, err := dialler.NewWindow("Etc/UTC", dialler.Hours{"daily": {"00:00-24:00"}})
	r.must(err)
	r.c, err = s.CreateCampaign(t.Context(), dialler.Campaign{Name: "renewals", Window: window, Trunk: "carrier", Bot: "asha", Seats: 100, CallbackDetection: true, MaxAttempts: 1})
	r.must(err)
	r.c, err = s.Transition(t.Context(), r.c.ID, dialler.Start, r.now)
	r.must(err)
	r.hook = dialler.Webhook{Campaign: r.c.ID, URL: url, Secret: NewSecret(), On: true, Changed: r.now,
		Mapping: `{"kind":"{{result.event}}","phone":"{{contact.number}}","mood":"{{analysis.mood}}","name":"{{contact.variables.name}}"}`}
	r.must(Check(r.hook))
	r.must(s.PutWebhook(t.Context(), r.hook))
	r.guard, err = NewGuard(allow)
	r.must(err)
	r.p = New(Options{Store: s, Sender: r.sender(time.Minute), Logger: quiet, Now: func() time.Time { return r.now }, Observe: func(x Result) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.done = append(r.done, x)
	}})
	return r
}

// sender makes one that waits so long for an answer.
func (r *rig) sender(timeout time.Duration) *Sender {
	s := NewSender(r.guard, "1.2.3", timeout)
	r.Cleanup(s.Close)
	return s
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// calls rings n new people, who each ask to be rung later: three messages of
// each.
func (r *rig) calls(n int) {
	r.Helper()
	var list []dialler.NewContact
	for range n {
		r.last++
		list = append(list, dialler.NewContact{Number: dialler.Number(fmt.Sprintf("+9198%08d", r.last)), Vars: map[string]string{"name": `"Quo\te", {{x}}`}})
	}
	_, err := r.store.AddContacts(r.Context(), r.c.ID, list, r.now)
	r.must(err)
	leases, err := r.store.Lease(r.Context(), dialler.LeaseRequest{Node: "n", Now: r.now, TTL: time.Minute,
		Trunks: []dialler.TrunkQuota{{Trunk: "carrier", N: n}}, Campaigns: []dialler.CampaignQuota{{Campaign: r.c.ID, N: n}}})
	r.must(err)
	if len(leases) != n {
		r.Fatalf("%d leases, want %d", len(leases), n)
	}
	an, err := callback.ParseAnalysis([]byte(`{"callback_requested":true,"callback_preferred_time_text":"3 days","mood":"fine"}`))
	r.must(err)
	for _, l := range leases {
		_, err := r.store.Settle(r.Context(), l, dialler.Outcome{Ended: r.now, Disposition: dialler.Answered})
		r.must(err)
		_, err = r.store.Hear(r.Context(), l.Attempt.ID, an, r.now)
		r.must(err)
	}
}

// round pushes all that is due.
func (r *rig) round() {
	r.Helper()
	for {
		r.mu.Lock()
		before := len(r.done)
		r.mu.Unlock()
		var work sync.WaitGroup
		r.must(r.p.round(r.Context(), r.Context(), &work))
		work.Wait()
		if len(r.done) == before {
			return
		}
	}
}

// run pushes until nothing waits, or for that long, and says how long it took.
// The clock goes from one due to the next.
func (r *rig) run(most time.Duration) time.Duration {
	r.Helper()
	began := r.now
	for {
		r.round()
		list, _, err := r.store.Deliveries(r.Context(), dialler.DeliveryQuery{State: dialler.DeliveryWaiting, Limit: 1000})
		r.must(err)
		var next time.Time
		for _, d := range list {
			if !d.Due.IsZero() && (next.IsZero() || d.Due.Before(next)) {
				next = d.Due
			}
		}
		if len(list) == 0 {
			return r.now.Sub(began)
		}
		if next.IsZero() || !next.After(r.now) {
			r.Fatalf("%d deliveries wait for nothing", len(list))
		}
		if next.Sub(began) > most {
			r.now = began.Add(most)
			return most
		}
		r.now = next
	}
}

func (r *rig) count(state dialler.DeliveryState) int {
	r.Helper()
	list, _, err := r.store.Deliveries(r.Context(), dialler.DeliveryQuery{State: state, Limit: 1000})
	r.must(err)
	return len(list)
}

// said is what the deliveries of a state say of their last try, each once.
func (r *rig) said(state dialler.DeliveryState) (out []string) {
	r.Helper()
	list, _, err := r.store.Deliveries(r.Context(), dialler.DeliveryQuery{State: state, Limit: 1000})
	r.must(err)
	for _, d := range list {
		if d.Said != "" && !slices.Contains(out, d.Said) {
			out = append(out, d.Said)
		}
	}
	return out
}

// A crm is a receiver on loopback. It checks every request, and answers as
// behave says.
type crm struct {
	*httptest.Server
	t      *testing.T
	secret string
	behave func(w http.ResponseWriter, r *http.Request, try int) bool // whether it is accepted

	mu    sync.Mutex
	tries map[string]int      // by webhook-id
	first map[string]string   // body of the first
	took  map[string][]string // accepted kinds, by phone, each ID once
	have  map[string]bool     // IDs accepted
	dups  int
}

func newCRM(t *testing.T, behave func(w http.ResponseWriter, r *http.Request, try int) bool) *crm {
	t.Helper()
	c := &crm{t: t, behave: behave, tries: map[string]int{}, first: map[string]string{}, took: map[string][]string{}, have: map[string]bool{}}
	c.Server = httptest.NewUnstartedServer(c)
	c.Config.ErrorLog = slog.NewLogLogger(quiet.Handler(), slog.LevelDebug)
	c.Start()
	t.Cleanup(c.Close)
	return c
}

func (c *crm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	id, stamp := r.Header.Get(HeaderID), r.Header.Get(HeaderTimestamp)
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	sig, err2 := Sign(c.secret, id, time.Unix(seconds, 0), body)
	if err != nil || err2 != nil || !hmac.Equal([]byte(sig), []byte(r.Header.Get(HeaderSignature))) || time.Since(time.Unix(seconds, 0)).Abs() > time.Minute {
		c.t.Errorf("signature %q of %s at %s: %v %v", r.Header.Get(HeaderSignature), id, stamp, err, err2)
	}
	var b struct{ Kind, Phone, Mood, Name string }
	if err := json.Unmarshal(body, &b); err != nil || !strings.HasPrefix(b.Phone, "+9198") || b.Name != `"Quo\te", {{x}}` {
		c.t.Errorf("body %s: %v", body, err)
	}
	c.tries[id]++
	if was, seen := c.first[id]; seen && was != string(body) {
		c.t.Errorf("%s: first %s, then %s", id, was, body)
	}
	c.first[id] = string(body)
	if !c.behave(w, r, c.tries[id]) {
		return
	}
	if c.have[id] {
		c.dups++
		return
	}
	c.have[id] = true
	c.took[b.Phone] = append(c.took[b.Phone], b.Kind)
}

func yes(http.ResponseWriter, *http.Request, int) bool { return true }

// all fails the test unless everything arrived, of each contact in order.
func (c *crm) all(contacts int) {
	c.t.Helper()
	if len(c.took) != contacts {
		c.t.Errorf("results of %d contacts arrived, want %d", len(c.took), contacts)
	}
	for phone, kinds := range c.took {
		if fmt.Sprint(kinds) != "[call.settled call.analysed callback.scheduled]" {
			c.t.Errorf("%s: %v", phone, kinds)
		}
	}
}

func (r *rig) meets(c *crm) { c.secret = r.hook.Secret }

// A receiver that does what receivers do: nothing is lost, of each contact all
// comes in order, and what comes twice bears the same ID.
func TestNothingIsLost(t *testing.T) {
	const contacts, slow = 12, "is slow at first: what it took in comes again"
	hangUp := func(w http.ResponseWriter) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	}
	for _, tt := range []struct {
		name   string
		behave func(w http.ResponseWriter, r *http.Request, try int) bool
		dups   bool
		said   string
	}{
		{"is well", yes, false, ""},
		{"hangs up the first three times", func(w http.ResponseWriter, _ *http.Request, try int) bool {
			if try <= 3 {
				hangUp(w)
				return false
			}
			return true
		}, false, "EOF"},
		{"answers 500 half the time", func(w http.ResponseWriter, r *http.Request, try int) bool {
			id := r.Header.Get(HeaderID)
			if (int(id[len(id)-1])+try)%2 == 0 {
				http.Error(w, "the\x00database is\r\naway", http.StatusInternalServerError)
				return false
			}
			return true
		}, false, "answered 500 Internal Server Error: the database is away"},
		{slow, func(w http.ResponseWriter, r *http.Request, try int) bool {
			if try == 1 && strings.HasSuffix(r.Header.Get(HeaderID), "1") {
				select {
				case <-r.Context().Done(): // the other side has had enough
				case <-time.After(time.Minute):
				}
			}
			return true
		}, true, "no answer within 500ms"},
		{"closes in the middle of its answer: what it took in comes again", func(w http.ResponseWriter, _ *http.Request, try int) bool {
			if try == 1 {
				w.Header().Set("Content-Length", "1000")
				_, _ = w.Write([]byte("half of"))
				_ = http.NewResponseController(w).Flush()
				hangUp(w)
			}
			return true
		}, true, "answered 200 OK and broke off: unexpected EOF"},
		{"asks for patience", func(w http.ResponseWriter, _ *http.Request, try int) bool {
			if try == 1 {
				w.Header().Set("Retry-After", "1200")
				w.WriteHeader(http.StatusTooManyRequests)
				return false
			}
			return true
		}, false, "answered 429 Too Many Requests"},
		{"sends more than anybody reads", func(w http.ResponseWriter, _ *http.Request, _ int) bool {
			_, _ = w.Write(make([]byte, 1<<20))
			return true
		}, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCRM(t, tt.behave)
			r := newRig(t, c.URL, "127.0.0.1")
			r.meets(c)
			if tt.name == slow {
				r.p.Sender = r.sender(500 * time.Millisecond)
			}
			r.calls(contacts)
			took := r.run(GiveUp)
			c.Close() // whose answer nobody read to its end may be noting still what it took in
			c.all(contacts)
			if n := r.count(dialler.Delivered); n != 3*contacts {
				t.Errorf("%d delivered, %d waiting, %d dead; want %d delivered: %q", n, r.count(dialler.DeliveryWaiting), r.count(dialler.DeliveryDead), 3*contacts, r.said(dialler.DeliveryDead))
			}
			if (c.dups > 0) != tt.dups {
				t.Errorf("%d came twice", c.dups)
			}
			failed := 0
			for _, x := range r.done {
				if x.Try.State != dialler.Delivered {
					failed++
					if tt.said == "" || !strings.Contains(x.Try.Said, tt.said) {
						t.Errorf("a try that failed says %q, want %q", x.Try.Said, tt.said)
					}
				}
			}
			if (failed > 0) != (tt.said != "") {
				t.Errorf("%d tries failed", failed)
			}
			if tt.name == "asks for patience" && took < 3*1200*time.Second {
				t.Errorf("took %v: the receiver had asked for three times twenty minutes", took)
			}
		})
	}
}

// A receiver that is down for 20 hours misses nothing; one that is down for
// ever gets dead letters, which can be sent again when it is back.
func TestDownForLong(t *testing.T) {
	down := true
	c := newCRM(t, func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		if down {
			w.WriteHeader(http.StatusBadGateway)
		}
		return !down
	})
	r := newRig(t, c.URL, "127.0.0.1")
	r.meets(c)
	r.calls(2)
	if took := r.run(20 * time.Hour); took < 20*time.Hour || r.count(dialler.DeliveryDead) > 0 {
		t.Fatalf("after %v %d are given up", took, r.count(dialler.DeliveryDead))
	}
	tries := 0
	for _, n := range c.tries {
		tries += n
	}
	if tries < 2*15 || tries > 2*40 {
		t.Errorf("%d tries of two messages in 20 h", tries)
	}
	down = false
	r.run(2 * time.Hour)
	c.all(2)

	down = true
	r.calls(3)
	took := r.run(100 * time.Hour)
	if took < GiveUp || took > GiveUp+3*time.Hour {
		t.Errorf("given up after %v, want a day and a little", took)
	}
	if n := r.count(dialler.DeliveryDead); n != 9 {
		t.Errorf("%d dead, want 9", n)
	}
	if said := r.said(dialler.DeliveryDead); fmt.Sprint(said) != "[answered 502 Bad Gateway]" {
		t.Errorf("the dead say %q", said)
	}
	down = false
	n, err := r.store.ResendDead(t.Context(), r.c.ID, 1000, r.now)
	if err != nil || n != 9 {
		t.Fatalf("%d sent again: %v", n, err)
	}
	r.run(time.Hour)
	c.all(5)
	if c.dups > 0 {
		t.Errorf("%d came twice", c.dups)
	}
}

// One contact's trouble is not another's.
func TestOthersGoOn(t *testing.T) {
	const bad = "+919800000002"
	c := newCRM(t, nil)
	r := newRig(t, c.URL, "127.0.0.1")
	r.meets(c)
	c.behave = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if strings.Contains(c.first[r.Header.Get(HeaderID)], bad) {
			http.Error(w, "unknown customer", http.StatusUnprocessableEntity)
			return false
		}
		return true
	}
	r.calls(6)
	r.run(time.Hour)
	if len(c.took) != 5 || c.took[bad] != nil {
		t.Errorf("arrived: %v", c.took)
	}
	if n := r.count(dialler.DeliveryWaiting); n != 3 {
		t.Errorf("%d wait, want the three of the one contact", n)
	}
	for id, n := range c.tries {
		if n > 1 && !strings.Contains(c.first[id], bad) {
			t.Errorf("%s was sent %d times", id, n)
		}
		if strings.Contains(c.first[id], bad) && !strings.Contains(c.first[id], dialler.CallSettled) {
			t.Errorf("%s overtook what happened before it", c.first[id])
		}
	}
}

// Nothing is sent where nothing may be: not at once, not by a name, not by a
// redirect.
func TestNothingLeaks(t *testing.T) {
	var lost net.ListenConfig
	l, err := lost.Listen(t.Context(), "tcp", "127.0.0.2:0")
	if err != nil {
		t.Skipf("this system has no 127.0.0.2: %v", err)
	}
	var mu sync.Mutex
	hits := 0
	secretive := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		hits++
	}), ConnState: func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			mu.Lock()
			defer mu.Unlock()
			hits++
		}
	}}
	go func() { _ = secretive.Serve(l) }()
	t.Cleanup(func() { _ = secretive.Close() })
	inside := "http://" + l.Addr().String() + "/latest/meta-data"
	_, port, _ := net.SplitHostPort(l.Addr().String())

	t.Run("by a redirect", func(t *testing.T) {
		for _, code := range []int{301, 302, 303, 307, 308} {
			c := newCRM(t, func(w http.ResponseWriter, r *http.Request, _ int) bool {
				http.Redirect(w, r, inside, code)
				return false
			})
			r := newRig(t, c.URL, "127.0.0.1")
			r.meets(c)
			r.calls(1)
			r.round()
			if said := fmt.Sprint(r.said(dialler.DeliveryWaiting)); !strings.Contains(said, "redirects are not followed") {
				t.Errorf("%d: %s", code, said)
			}
		}
	})
	for _, tt := range []struct{ url, said string }{
		{inside, "127.0.0.2 is a loopback address; nothing is sent there unless push.allow lists it"},
		{"http://localhost:" + port, "is a loopback address"},
		{"http://[::ffff:127.0.0.2]:" + port, "127.0.0.2 is a loopback address"},
		{"http://2130706434:" + port, ""}, // 127.0.0.2 as some write it: looked up, and not found
		{"http://0.0.0.0:" + port, "an unspecified address"},
		{"http://[::]:" + port, "not an address of the public Internet"},
		{"http://[::1]:" + port, "a loopback address"},
		{"http://169.254.169.254/latest", "a link-local address"},
		{"http://10.0.0.1/", "a private address"},
	} {
		t.Run(tt.url, func(t *testing.T) {
			r := newRig(t, tt.url, "127.0.0.1", "10.0.0.2/32")
			if strings.Contains(tt.url, "localhost") || strings.Contains(tt.url, "213070") {
				r = newRig(t, tt.url)
			}
			t.Setenv("HTTP_PROXY", "http://"+l.Addr().String()) // it would connect for us
			t.Setenv("http_proxy", "http://"+l.Addr().String())
			r.calls(1)
			r.round()
			if said := fmt.Sprint(r.said(dialler.DeliveryWaiting)); said == "[]" || !strings.Contains(said, tt.said) {
				t.Errorf("says %s, want %q", said, tt.said)
			}
		})
	}
	mu.Lock()
	defer mu.Unlock()
	if hits > 0 {
		t.Errorf("what is inside was reached %d times", hits)
	}
}

// A host that is allowed by name is reached wherever it is.
func TestAllowedByName(t *testing.T) {
	c := newCRM(t, yes)
	r := newRig(t, strings.Replace(c.URL, "127.0.0.1", "LocalHost", 1), "localhost.")
	r.meets(c)
	r.calls(1)
	r.round()
	c.all(1)
}

// The loop does it all by itself, and ends when it is told to.
func TestRun(t *testing.T) {
	c := newCRM(t, yes)
	r := newRig(t, c.URL, "127.0.0.1")
	r.meets(c)
	results := make(chan Result, 100)
	r.p.Observe = func(x Result) { results <- x }
	r.p.Poll = time.Hour // so that only calls wake it
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.p.Run(ctx)
	}()
	r.calls(4)
	r.p.Nudge()
	for range 12 {
		select {
		case x := <-results:
			if x.Try.State != dialler.Delivered || x.Took <= 0 {
				t.Errorf("%+v", x)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("the loop does not deliver")
		}
	}
	c.mu.Lock()
	c.all(4)
	c.mu.Unlock()
	cancel()
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Fatal("the loop does not end")
	}
}

// A receiver that fails is asked by one request at a time, and a campaign never
// takes all there is.
func TestRoom(t *testing.T) {
	p := New(Options{InFlight: 8})
	if n := p.room(1); n != 2 {
		t.Errorf("a campaign may have %d, want a fourth of 8", n)
	}
	p.fly(1, 2)
	if n := p.room(1); n != 0 {
		t.Errorf("%d more than it may", n)
	}
	p.failing[2] = suspect
	if n := p.room(2); n != 1 {
		t.Errorf("one that fails may have %d", n)
	}
	p.fly(3, 6)
	if n := p.room(4); n != 0 {
		t.Errorf("%d more than all", n)
	}
	p.fly(3, -6)
	p.fly(1, -2)
	if len(p.flying) != 0 || p.all != 0 {
		t.Errorf("%v %d", p.flying, p.all)
	}
}
