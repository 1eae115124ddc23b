package metrics

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"ringback/dialler"
)

// board is a store with one campaign that runs and one that never has.
type board struct {
	fail  error
	reads int
}

var now = time.Date(2026, 3, 12, 11, 0, 0, 0, time.UTC)

func (b *board) Campaign(_ context.Context, id dialler.CampaignID) (dialler.Campaign, error) {
	for _, c := range b.list() {
		if c.ID == id {
			return c, b.fail
		}
	}
	return dialler.Campaign{}, dialler.ErrNotFound
}

func (b *board) list() []dialler.Campaign {
	return []dialler.Campaign{
		{ID: 1, Name: "renewals", State: dialler.CampaignRunning, Run: 1},
		{ID: 2, Name: "a \"draft\"\nof two lines", State: dialler.CampaignDraft},
	}
}

func (b *board) Campaigns(context.Context) ([]dialler.Campaign, error) {
	b.reads++
	return b.list(), b.fail
}

func (b *board) Counters(_ context.Context, id dialler.CampaignID) (dialler.Counters, error) {
	if id != 1 {
		return dialler.Counters{}, errors.New("counters of a campaign that never ran")
	}
	return dialler.Counters{
		Contacts:     map[dialler.ContactState]int{dialler.Pending: 7},
		Dispositions: map[dialler.Disposition]int{dialler.Answered: 4, dialler.Busy: 2},
		Attempts:     8, Live: 2, Requested: 3,
		Callbacks: map[dialler.CallbackState]int{dialler.CallbackWaiting: 2, dialler.CallbackClosed: 1},
		Closed:    map[dialler.CloseReason]int{dialler.ByVoicemail: 1},
		Refused:   map[dialler.RefusalReason]int{dialler.RefusedBotGate: 5},
		AvgDelay:  90 * time.Second,
	}, nil
}

func (b *board) Nodes(context.Context, time.Time) ([]dialler.Node, error) {
	return []dialler.Node{
		{Name: "pbx-1", Alive: true, Heard: now.Add(-2 * time.Second), Held: 2},
		{Name: "pbx-2", Heard: now.Add(-time.Hour), Draining: true},
	}, nil
}

func (b *board) Running(context.Context, time.Time) ([]dialler.Work, error) {
	return []dialler.Work{{Campaign: b.list()[0], Waiting: 9, NextDue: now.Add(-42 * time.Second)}}, nil
}

func (b *board) Backlogs(context.Context) ([]dialler.Backlog, error) {
	return []dialler.Backlog{{Campaign: 1, On: true, Waiting: 3, Dead: 2, Oldest: now.Add(-90 * time.Second)}, {Campaign: 2, Oldest: now.Add(-time.Hour), Waiting: 1}}, nil
}

func open(b *board) *Metrics {
	return New(Options{
		Store: b, Version: "1.2.3", Now: func() time.Time { return now },
		Status: func() dialler.Status {
			return dialler.Status{Live: 2, Links: map[string]bool{"pbx": true, "spare": false}}
		},
	})
}

func scraped(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil || w.Code != http.StatusOK {
		t.Fatalf("scrape: %d %v\n%s", w.Code, err, body)
	}
	return string(body)
}

// tellAll tells of everything that can happen, twice where it matters.
func tellAll(m *Metrics) {
	at := dialler.Attempt{
		Campaign: 1, Class: dialler.ClassCallback, Trunk: "carrier", Leased: now,
		Outcome: dialler.Outcome{
			Answered: now.Add(10 * time.Second), Joined: now.Add(11 * time.Second), Ended: now.Add(71 * time.Second), Disposition: dialler.Answered,
		},
	}
	l := dialler.Lease{Attempt: at}
	for _, h := range []dialler.Happening{
		{Kind: dialler.WasLeased, Lease: l},
		{Kind: dialler.WasWithdrawn, Lease: l, Reason: "outside the calling window"},
		{Kind: dialler.WasWithdrawn, Lease: l, Err: dialler.ErrDown},
		{Kind: dialler.HasOriginated, Lease: l, Late: 20 * time.Millisecond},
		{Kind: dialler.HasNews, Lease: l, Event: dialler.Event{Kind: dialler.Ringing}},
		{Kind: dialler.HasSettled, Lease: l},
		{Kind: dialler.HasTrouble, Doing: "settle", Err: errors.New("disk full")},
		{Kind: dialler.HasTrouble, Doing: "settle", Err: errors.New("disk full")},
		{Kind: dialler.LinkChanged, Switch: "pbx", Event: dialler.Event{Kind: dialler.LinkUp}},
		{Kind: dialler.LinkChanged, Switch: "pbx", Event: dialler.Event{Kind: dialler.LinkDown}},
		{Kind: dialler.LinkChanged, Switch: "pbx", Event: dialler.Event{Kind: dialler.LinkUp}},
		{Kind: dialler.LeaseLapsed, Lease: l},
		{Kind: dialler.WasAdopted, Lease: l},
		{Kind: dialler.OrphanEnded},
		{Kind: dialler.CampaignEnded},
	} {
		m.Observe(h)
	}
	m.Request("GET", "/v1/campaigns", 200, time.Millisecond)
	m.Request("BREW", "", 404, time.Millisecond)
	m.Pushed(1, dialler.Delivered, time.Millisecond)
	m.Pushed(1, dialler.DeliveryWaiting, time.Millisecond)
	m.Pushed(1, dialler.DeliveryDead, time.Millisecond)
}

func TestWhatHappensIsCounted(t *testing.T) {
	m := open(&board{})
	tellAll(m)
	got := scraped(t, m)
	for _, line := range []string{
		`ringback_leases_total{campaign="renewals",class="callback"} 1`,
		`ringback_leases_withdrawn_total{because="refused",campaign="renewals"} 1`,
		`ringback_leases_withdrawn_total{because="switch",campaign="renewals"} 1`,
		`ringback_originations_total{campaign="renewals",class="callback",trunk="carrier"} 1`,
		`ringback_origination_delay_seconds_bucket{class="callback",le="0.01"} 0`,
		`ringback_origination_delay_seconds_bucket{class="callback",le="0.025"} 1`,
		`ringback_origination_delay_seconds_count{class="retry"} 0`,
		`ringback_calls_total{campaign="renewals",class="callback",disposition="answered"} 1`,
		`ringback_call_answer_seconds_sum{campaign="renewals"} 10`,
		`ringback_call_bot_delay_seconds_sum{campaign="renewals"} 1`,
		`ringback_call_conversation_seconds_sum{campaign="renewals"} 60`,
		`ringback_troubles_total{doing="settle"} 2`,
		`ringback_troubles_total{doing="originate"} 0`,
		`ringback_switch_links_total{switch="pbx"} 2`,
		`ringback_switch_event_gaps_total{switch="pbx"} 1`,
		`ringback_leases_lapsed_total 1`,
		`ringback_calls_adopted_total 1`,
		`ringback_calls_orphaned_total 1`,
		`ringback_http_requests_total{code="200",method="GET",route="/v1/campaigns"} 1`,
		`ringback_http_requests_total{code="404",method="other",route="other"} 1`,
		`ringback_webhook_requests_total{campaign="renewals",result="delivered"} 1`,
		`ringback_webhook_requests_total{campaign="renewals",result="retry"} 1`,
		`ringback_webhook_requests_total{campaign="renewals",result="dead"} 1`,
		`ringback_webhook_request_seconds_count{campaign="renewals"} 3`,
		`ringback_build_info{goversion="go`,
	} {
		if !strings.Contains(got, line) {
			t.Errorf("the scrape lacks %s", line)
		}
	}
}

func TestWhatIsIsRead(t *testing.T) {
	got := scraped(t, open(&board{}))
	for _, line := range []string{
		`ringback_store_up 1`,
		`ringback_switch_link_up{switch="pbx"} 1`,
		`ringback_switch_link_up{switch="spare"} 0`,
		`ringback_calls_in_progress 2`,
		`ringback_draining 0`,
		`ringback_campaign_state{campaign="renewals",state="running"} 1`,
		`ringback_campaign_state{campaign="renewals",state="draft"} 0`,
		`ringback_campaign_state{campaign="a \"draft\"\nof two lines",state="draft"} 1`,
		`ringback_campaign_attempts_total{campaign="renewals"} 8`,
		`ringback_campaign_calls_in_progress{campaign="renewals"} 2`,
		`ringback_campaign_contacts{campaign="renewals",state="pending"} 7`,
		`ringback_campaign_calls_ended_total{campaign="renewals",disposition="busy"} 2`,
		`ringback_callbacks{campaign="renewals",state="scheduled"} 2`,
		`ringback_callbacks{campaign="renewals",state="closed"} 1`,
		`ringback_callbacks_requested_total{campaign="renewals"} 3`,
		`ringback_callbacks_refused_total{campaign="renewals",reason="bot_gate"} 5`,
		`ringback_callbacks_ended_by{campaign="renewals",reason="voicemail"} 1`,
		`ringback_callback_avg_delay_seconds{campaign="renewals"} 90`,
		`ringback_campaign_oldest_due_seconds{campaign="renewals"} 42`,
		`ringback_node_up{node="pbx-1"} 1`,
		`ringback_node_up{node="pbx-2"} 0`,
		`ringback_node_silent_seconds{node="pbx-2"} 3600`,
		`ringback_node_draining{node="pbx-2"} 1`,
		`ringback_node_calls_in_progress{node="pbx-1"} 2`,
		`ringback_campaign_contacts_waiting{campaign="renewals"} 9`,
		`ringback_webhook_undelivered{campaign="renewals"} 3`,
		`ringback_webhook_dead_letters{campaign="renewals"} 2`,
		`ringback_webhook_oldest_undelivered_seconds{campaign="renewals"} 90`,
		`ringback_webhook_oldest_undelivered_seconds{campaign="a \"draft\"\nof two lines"} 0`,
	} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("the scrape lacks %s", line)
		}
	}
}

func TestALintedScrape(t *testing.T) {
	m := open(&board{})
	tellAll(m)
	problems, err := testutil.GatherAndLint(m.Registry())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestASilentStoreIsSaidAndNothingIsMadeUp(t *testing.T) {
	b, clock := &board{}, now
	m := New(Options{Store: b, Now: func() time.Time { return clock }, Fresh: time.Second, Status: func() dialler.Status { return dialler.Status{Live: 2} }})
	if got := scraped(t, m); !strings.Contains(got, "ringback_store_up 1\n") {
		t.Fatal("the store is not up to begin with")
	}
	b.fail = errors.New("disk gone")
	clock = clock.Add(time.Second)
	got := scraped(t, m)
	if !strings.Contains(got, "ringback_store_up 0\n") || strings.Contains(got, "ringback_campaign_attempts_total{") {
		t.Errorf("got figures of a store that does not answer:\n%s", got)
	}
	if !strings.Contains(got, "ringback_calls_in_progress 2") {
		t.Error("what the loop says is missing too")
	}
}

func TestTheStoreIsNotAskedMoreOftenThanFresh(t *testing.T) {
	b, clock := &board{}, now
	m := New(Options{Store: b, Fresh: 5 * time.Second, Now: func() time.Time { return clock }})
	scraped(t, m)
	scraped(t, m)
	if b.reads != 1 {
		t.Errorf("%d reads for two scrapes at once, want 1", b.reads)
	}
	clock = clock.Add(5 * time.Second)
	scraped(t, m)
	if b.reads != 2 {
		t.Errorf("%d reads five seconds later, want 2", b.reads)
	}
}

func TestACampaignNobodyKnowsIsCountedByItsNumber(t *testing.T) {
	m := open(&board{})
	m.Observe(dialler.Happening{Kind: dialler.WasLeased, Lease: dialler.Lease{Attempt: dialler.Attempt{Campaign: 99, Class: dialler.ClassRetry}}})
	if got := scraped(t, m); !strings.Contains(got, `ringback_leases_total{campaign="99",class="retry"} 1`) {
		t.Error("the lease was not counted")
	}
}

// Two processes in one program, as in tests and the demo, share nothing.
func TestNothingIsGlobal(t *testing.T) {
	a, b := open(&board{}), open(&board{})
	tellAll(a)
	if got := scraped(t, b); strings.Contains(got, `ringback_calls_total{`) {
		t.Error("what one counted, the other shows")
	}
}

func TestTheProcessItselfIsShown(t *testing.T) {
	got := scraped(t, open(&board{}))
	for _, name := range []string{"go_goroutines ", "process_start_time_seconds "} {
		if !strings.Contains(got, "\n"+name) {
			t.Errorf("the scrape lacks %s", name)
		}
	}
}

func TestOldestTransaction(t *testing.T) {
	b := &board{}
	age, err := 90*time.Second, error(nil)
	m := New(Options{Store: b, Fresh: time.Nanosecond, OldestTransaction: func(context.Context) (time.Duration, error) { return age, err }})
	m.Pruned(dialler.Pruned{Calls: 3})
	if got := scraped(t, m); !strings.Contains(got, "\nringback_store_oldest_transaction_seconds 90\n") || !strings.Contains(got, "\nringback_pruned_total{what=\"calls\"} 3\n") {
		t.Error(got)
	}
	if got := scraped(t, open(b)); strings.Contains(got, "oldest_transaction") {
		t.Error("a store without such transactions shows one")
	}
	err = errors.New("the database has gone away")
	if got := scraped(t, m); !strings.Contains(got, "\nringback_store_up 0\n") {
		t.Error(got)
	}
}
