package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // "pgx"

	"ringback/callback"
	lab "ringback/deploy/lab/postgres"
	"ringback/dialler"
	"ringback/dialler/push"
	"ringback/dialler/store/postgres"
	"ringback/dialler/store/sqlite"
)

// eachContact is what is pushed of each contact of these tests, in order.
const eachContact = "[call.settled call.analysed callback.scheduled]"

// A keeper is a store of results and of how they are delivered.
type keeper interface {
	dialler.Store
	dialler.Deliveries
}

// results writes a campaign with a webhook to a store, and of n contacts three
// results each, to be pushed.
func results(t *testing.T, s keeper, url string, n int) {
	t.Helper()
	ctx, now := t.Context(), time.Now()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.PutTrunk(ctx, dialler.Trunk{Name: "carrier", Switch: "pbx", Dial: "PJSIP/{number}@carrier"}))
	must(s.PutBot(ctx, dialler.Bot{Name: "asha", Endpoint: "PJSIP/asha", Callbacks: true}))
	window, err := dialler.NewWindow("UTC", dialler.Hours{"daily": {"00:00-24:00"}})
	must(err)
	c, err := s.CreateCampaign(ctx, dialler.Campaign{Name: "renewals", Window: window, Trunk: "carrier", Bot: "asha", Seats: 100, CallbackDetection: true, MaxAttempts: 1})
	must(err)
	c, err = s.Transition(ctx, c.ID, dialler.Start, now)
	must(err)
	must(s.PutWebhook(ctx, dialler.Webhook{Campaign: c.ID, URL: url, Secret: push.NewSecret(), On: true, Changed: now, Mapping: `{"kind":"{{result.event}}","phone":"{{contact.number}}"}`}))
	var list []dialler.NewContact
	for i := range n {
		list = append(list, dialler.NewContact{Number: dialler.Number(fmt.Sprintf("+9198%08d", i))})
	}
	_, err = s.AddContacts(ctx, c.ID, list, now)
	must(err)
	leases, err := s.Lease(ctx, dialler.LeaseRequest{Node: "n0", Now: now, TTL: time.Minute,
		Trunks: []dialler.TrunkQuota{{Trunk: "carrier", N: n}}, Campaigns: []dialler.CampaignQuota{{Campaign: c.ID, N: n}}})
	must(err)
	a, err := callback.ParseAnalysis([]byte(`{"callback_requested":true,"callback_preferred_time_text":"3 days"}`))
	must(err)
	for _, l := range leases {
		_, err := s.Settle(ctx, l, dialler.Outcome{Ended: now, Disposition: dialler.Answered})
		must(err)
		_, err = s.Hear(ctx, l.Attempt.ID, a, now)
		must(err)
	}
}

// A receiver takes results. It answers as many as may is, and holds the rest
// until their sender is gone or they are let go.
type receiver struct {
	*httptest.Server
	t *testing.T

	mu      sync.Mutex
	may     int           // -1: all
	letGo   chan struct{} // of those held
	held    int
	bodies  map[string]string   // by ID
	tries   map[string]int      // by ID
	kinds   map[string][]string // by telephone, each ID when it came first
	last    map[string]string   // by telephone: the ID that came last
	took    map[string]bool     // IDs that were answered
	changed chan struct{}
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t, letGo: make(chan struct{}), bodies: map[string]string{}, tries: map[string]int{}, kinds: map[string][]string{}, last: map[string]string{}, took: map[string]bool{}, changed: make(chan struct{}, 1)}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	t.Cleanup(func() { close(r.letGo) })
	return r
}

func (r *receiver) ServeHTTP(_ http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return
	}
	var said struct{ Kind, Phone string }
	if err := json.Unmarshal(body, &said); err != nil {
		r.t.Error(err)
	}
	id := q.Header.Get(push.HeaderID)
	r.mu.Lock()
	if was, came := r.bodies[id]; came && was != string(body) {
		r.t.Errorf("%s is first %s, then %s", id, was, body)
	} else if !came {
		if before := r.last[said.Phone]; before != "" && !r.took[before] {
			r.t.Errorf("%s of %s comes before %s has been answered", said.Kind, said.Phone, before)
		}
		r.bodies[id], r.last[said.Phone] = string(body), id
		r.kinds[said.Phone] = append(r.kinds[said.Phone], said.Kind)
	}
	r.tries[id]++
	hold := r.may == 0
	if hold {
		r.held++
	} else {
		r.may--
		r.took[id] = true
	}
	letGo := r.letGo
	r.mu.Unlock()
	select {
	case r.changed <- struct{}{}:
	default:
	}
	if hold {
		select {
		case <-letGo:
		case <-q.Context().Done():
		}
	}
}

// until waits for ok, which is asked with the receiver locked.
func (r *receiver) until(what string, ok func() bool) {
	r.t.Helper()
	patience := time.After(2 * time.Minute)
	for {
		r.mu.Lock()
		done := ok()
		r.mu.Unlock()
		if done {
			return
		}
		select {
		case <-r.changed:
		case <-patience:
			r.t.Fatalf("waited in vain for %s: %v", what, r.tries)
		}
	}
}

// answer lets the receiver answer n more, then hold; -1: all.
func (r *receiver) answer(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.may, r.held = n, 0
}

// all fails the test unless everything of n contacts came, in order.
func (r *receiver) all(n int) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.kinds) != n || len(r.took) != 3*n {
		r.t.Errorf("%d results of %d contacts, want %d of %d", len(r.took), len(r.kinds), 3*n, n)
	}
	for phone, kinds := range r.kinds {
		if fmt.Sprint(kinds) != eachContact {
			r.t.Errorf("%s: %v", phone, kinds)
		}
	}
}

// aMinuteLater lets the claims of all tries under way lapse: nobody waits for
// that minute here.
func aMinuteLater(t *testing.T, driver, url string) {
	t.Helper()
	db, err := sql.Open(driver, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), `UPDATE delivery SET due = due - 60000000, claim = claim - 60000000 WHERE claim IS NOT NULL`); err != nil {
		t.Fatal(err)
	}
}

func gone(cmd *exec.Cmd, rest *bufio.Reader) {
	_, _ = io.Copy(io.Discard, rest)
	_ = cmd.Wait()
}

// delivered counts what a store says of its deliveries.
func delivered(t *testing.T, s keeper) map[dialler.DeliveryState]int {
	t.Helper()
	n := map[dialler.DeliveryState]int{}
	for _, state := range dialler.DeliveryStates {
		list, _, err := s.Deliveries(t.Context(), dialler.DeliveryQuery{State: state, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if len(list) > 0 {
			n[state] = len(list)
		}
	}
	return n
}

// A process that is killed in the middle of pushing loses nothing: what it had
// sent and not seen answered is sent again, under the same key, and of each
// contact nothing overtakes.
func TestKilledWhilePushing(t *testing.T) {
	const contacts = 6
	dir, r := t.TempDir(), newReceiver(t)
	file := "sqlite:" + filepath.Join(dir, "ringback.db")
	open := func() *sqlite.Store {
		s, err := sqlite.Open(t.Context(), filepath.Join(dir, "ringback.db"), sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	results(t, s, r.URL, contacts)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	yaml := strings.ReplaceAll(serveYAML, "sqlite:DIR/ringback.db", file) + "push: {allow: [127.0.0.1]}\n"
	for range 2 {
		r.answer(4)
		cmd, _, rest := ringbackIn(t, dir, yaml)
		r.until("requests that are held", func() bool { return r.held >= 3 })
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		gone(cmd, rest)
		aMinuteLater(t, "sqlite", "file:"+filepath.Join(dir, "ringback.db"))
	}
	r.answer(-1)
	cmd, _, rest := ringbackIn(t, dir, yaml)
	r.until("the rest", func() bool { return len(r.took) == 3*contacts })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	gone(cmd, rest)
	r.all(contacts)
	again := 0
	for _, n := range r.tries {
		again += n - 1
	}
	if again < 6 {
		t.Errorf("%d results came again, want those that were held at the kills, 6 or more", again)
	}
	s = open()
	defer func() { _ = s.Close() }()
	if n := delivered(t, s); len(n) != 1 || n[dialler.Delivered] != 3*contacts {
		t.Errorf("the store has %v, want %d delivered", n, 3*contacts)
	}
}

// Two nodes on one Postgres: while one is frozen in the middle of its requests,
// the other pushes everything but what those are about, until they can no more
// be under way; and what the first has to say when it wakes changes nothing.
func TestTwoNodesPush(t *testing.T) {
	lab.Require(t)
	server, err := lab.Start(t.Context(), lab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := postgres.Migrate(t.Context(), server.URL); err != nil {
		t.Fatal(err)
	}
	s, err := postgres.Open(context.WithoutCancel(t.Context()), server.URL, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	const contacts, flying = 8, 4 // requests of a campaign at once: a fourth of in_flight
	r := newReceiver(t)
	results(t, s, r.URL, contacts)
	node := func(name string) (*exec.Cmd, *bufio.Reader) {
		yaml := strings.ReplaceAll(serveYAML, "sqlite:DIR/ringback.db", server.URL) + "node: " + name + "\npush: {allow: [127.0.0.1], in_flight: 16}\n"
		cmd, _, rest := ringbackIn(t, t.TempDir(), yaml)
		return cmd, rest
	}
	r.answer(0)
	first, said := node("n1")
	r.until("requests that are held", func() bool { return r.held == flying })
	if err := first.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = first.Process.Signal(syscall.SIGCONT) })
	r.mu.Lock()
	frozen := r.letGo
	r.letGo = make(chan struct{})
	var theirs []string
	for id := range r.tries {
		theirs = append(theirs, id)
	}
	r.mu.Unlock()

	r.answer(-1)
	second, rest := node("n2")
	r.until("what nobody is at", func() bool { return len(r.took) == 3*(contacts-flying) })
	r.mu.Lock()
	for _, id := range theirs {
		if r.tries[id] != 1 {
			t.Errorf("%s was sent by both at once", id)
		}
	}
	r.mu.Unlock()
	aMinuteLater(t, "pgx", server.URL)
	r.until("the rest", func() bool { return len(r.took) == 3*contacts })
	close(frozen) // the first one's requests are answered, as it wakes
	if err := first.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct {
		cmd  *exec.Cmd
		rest *bufio.Reader
	}{{second, rest}, {first, said}} {
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		gone(p.cmd, p.rest)
	}
	r.all(contacts)
	for id, n := range r.tries {
		if n != 1 && (n != 2 || !strings.Contains(fmt.Sprint(theirs), id)) {
			t.Errorf("%s was sent %d times", id, n)
		}
	}
	if n := delivered(t, s); len(n) != 1 || n[dialler.Delivered] != 3*contacts {
		t.Errorf("the store has %v, want %d delivered", n, 3*contacts)
	}
}
