package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ringback/dialler"
)

// A Store is what the metrics read.
type Store interface {
	Campaign(ctx context.Context, id dialler.CampaignID) (dialler.Campaign, error)
	Campaigns(ctx context.Context) ([]dialler.Campaign, error)
	Counters(ctx context.Context, id dialler.CampaignID) (dialler.Counters, error)
	Running(ctx context.Context, now time.Time) ([]dialler.Work, error)
	Backlogs(ctx context.Context) ([]dialler.Backlog, error)
	Nodes(ctx context.Context, now time.Time) ([]dialler.Node, error)
}

// scrape reads the store and the loop when Prometheus asks.
type scrape struct {
	Options
	names *names

	up, linkUp, live, draining                          *prometheus.Desc
	state, attempts, inProgress, contacts, dispositions *prometheus.Desc
	callbacks, requested, refused, closed, avgDelay     *prometheus.Desc
	oldestDue, waiting                                  *prometheus.Desc
	undelivered, deadLetters, oldestUndelivered         *prometheus.Desc
	nodeUp, nodeSilent, nodeDraining, nodeCalls         *prometheus.Desc
	oldestOpen                                          *prometheus.Desc

	mu   sync.Mutex
	last []prometheus.Metric // of the store, as last read
	read time.Time           // when; zero: never
}

// storeTime is how long the store may take for one scrape. Prometheus itself
// waits 10 s unless told otherwise.
const storeTime = 8 * time.Second

func newScrape(o Options, n *names) *scrape {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
	}
	return &scrape{
		Options: o, names: n,
		up:           desc("store_up", "Whether the store answered this scrape; if not, what is read from it is missing."),
		linkUp:       desc("switch_link_up", "Whether the link to a switch is up.", "switch"),
		live:         desc("calls_in_progress", "Calls this process has in progress, each under a lease."),
		draining:     desc("draining", "Whether this process begins no new calls because it is about to end."),
		state:        desc("campaign_state", "1 for the state a campaign is in.", "campaign", "state"), // draft, running, paused, completed
		attempts:     desc("campaign_attempts_total", "Calls made, those in progress included.", "campaign"),
		inProgress:   desc("campaign_calls_in_progress", "Calls in progress, on all nodes.", "campaign"),
		contacts:     desc("campaign_contacts", "Contacts by state.", "campaign", "state"),                    // dialler.ContactState
		dispositions: desc("campaign_calls_ended_total", "Calls that have ended.", "campaign", "disposition"), // dialler.Dispositions
		callbacks:    desc("callbacks", "Callbacks by state; scheduled is pending.", "campaign", "state"),     // scheduled, completed, exhausted, closed, cancelled
		requested:    desc("callbacks_requested_total", "Calls that produced a callback request that passed the gates.", "campaign"),
		refused:      desc("callbacks_refused_total", "Callback requests that were not granted.", "campaign", "reason"), // dialler.RefusalReasons
		closed:       desc("callbacks_ended_by", "Callbacks closed or cancelled, by reason.", "campaign", "reason"),     // voicemail, abandoned; window_closed, stopped, excluded
		avgDelay:     desc("callback_avg_delay_seconds", "Mean of first scheduled time minus request time.", "campaign"),
		oldestDue:    desc("campaign_oldest_due_seconds", "How long the contact that has been due the longest has waited; 0 if none is due.", "campaign"),
		waiting:      desc("campaign_contacts_waiting", "Contacts that wait to be rung, due or not, of a running campaign.", "campaign"),

		oldestOpen: desc("store_oldest_transaction_seconds", "Age of the transaction that has been open the longest on the store's Postgres: while it is open, leases slow down."),

		undelivered:       desc("webhook_undelivered", "Results that wait to be pushed to a campaign's webhook, due or not.", "campaign"),
		deadLetters:       desc("webhook_dead_letters", "Results that were given up after a day; they can be sent again.", "campaign"),
		oldestUndelivered: desc("webhook_oldest_undelivered_seconds", "How long the first of those that wait has waited; 0 if none does, or the webhook is off.", "campaign"),
		nodeUp:            desc("node_up", "Whether a node has been heard of lately; 0 is one that died within the last day. One that was stopped is not listed.", "node"),
		nodeSilent:        desc("node_silent_seconds", "How long ago a node was last heard of.", "node"),
		nodeDraining:      desc("node_draining", "Whether a node begins no new calls because it is about to end.", "node"),
		nodeCalls:         desc("node_calls_in_progress", "Calls whose leases a node has.", "node"),
	}
}

// Describe implements prometheus.Collector.
func (s *scrape) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		s.up, s.linkUp, s.live, s.draining, s.state, s.attempts, s.inProgress, s.contacts, s.dispositions,
		s.callbacks, s.requested, s.refused, s.closed, s.avgDelay, s.oldestDue, s.waiting, s.oldestOpen,
		s.undelivered, s.deadLetters, s.oldestUndelivered,
		s.nodeUp, s.nodeSilent, s.nodeDraining, s.nodeCalls,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (s *scrape) Collect(ch chan<- prometheus.Metric) {
	if s.Status != nil {
		st := s.Status()
		for name, up := range st.Links {
			ch <- gauge(s.linkUp, truth(up), name)
		}
		ch <- gauge(s.live, float64(st.Live))
		ch <- gauge(s.draining, truth(st.Draining))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Now()
	if s.read.IsZero() || now.Sub(s.read) >= s.Fresh || now.Before(s.read) {
		fresh, err := s.store(now)
		if err != nil { // half a truth would look like a drop
			s.read = time.Time{}
			ch <- gauge(s.up, 0)
			return
		}
		s.last, s.read = fresh, now
	}
	ch <- gauge(s.up, 1)
	for _, m := range s.last {
		ch <- m
	}
}

// store reads the figures of all campaigns that have ever run.
func (s *scrape) store(now time.Time) ([]prometheus.Metric, error) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTime)
	defer cancel()
	campaigns, err := s.Store.Campaigns(ctx)
	if err != nil {
		return nil, err
	}
	s.names.learn(campaigns...)
	var out []prometheus.Metric
	add := func(m prometheus.Metric) { out = append(out, m) }
	for _, c := range campaigns {
		for _, st := range []dialler.CampaignState{dialler.CampaignDraft, dialler.CampaignRunning, dialler.CampaignPaused, dialler.CampaignCompleted} {
			add(gauge(s.state, truth(c.State == st), c.Name, string(st)))
		}
		if c.Run == 0 {
			continue
		}
		n, err := s.Store.Counters(ctx, c.ID)
		if err != nil {
			return nil, err
		}
		s.counters(add, c.Name, n)
	}
	if s.OldestTransaction != nil {
		age, err := s.OldestTransaction(ctx)
		if err != nil {
			return nil, err
		}
		add(gauge(s.oldestOpen, age.Seconds()))
	}
	works, err := s.Store.Running(ctx, now)
	if err != nil {
		return nil, err
	}
	for _, w := range works {
		due := 0.0
		if !w.NextDue.IsZero() && w.NextDue.Before(now) {
			due = now.Sub(w.NextDue).Seconds()
		}
		add(gauge(s.oldestDue, due, w.Campaign.Name))
		add(gauge(s.waiting, float64(w.Waiting), w.Campaign.Name))
	}
	backlogs, err := s.Store.Backlogs(ctx)
	if err != nil {
		return nil, err
	}
	for _, b := range backlogs {
		age := 0.0
		if b.On && !b.Oldest.IsZero() {
			age = max(0, now.Sub(b.Oldest).Seconds())
		}
		name := s.names.of(b.Campaign)
		add(gauge(s.undelivered, float64(b.Waiting), name))
		add(gauge(s.deadLetters, float64(b.Dead), name))
		add(gauge(s.oldestUndelivered, age, name))
	}
	nodes, err := s.Store.Nodes(ctx, now)
	if err != nil {
		return nil, err
	}
	for _, n := range nodes {
		add(gauge(s.nodeUp, truth(n.Alive), n.Name))
		add(gauge(s.nodeSilent, max(now.Sub(n.Heard).Seconds(), 0), n.Name)) // our clock may be behind the store's
		add(gauge(s.nodeDraining, truth(n.Draining), n.Name))
		add(gauge(s.nodeCalls, float64(n.Held), n.Name))
	}
	return out, nil
}

func (s *scrape) counters(add func(prometheus.Metric), name string, n dialler.Counters) {
	count := func(d *prometheus.Desc, v int, labels ...string) {
		add(prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), append([]string{name}, labels...)...))
	}
	count(s.attempts, n.Attempts)
	add(gauge(s.inProgress, float64(n.Live), name))
	for state, v := range n.Contacts {
		add(gauge(s.contacts, float64(v), name, string(state)))
	}
	for _, d := range dialler.Dispositions {
		count(s.dispositions, n.Dispositions[d], string(d))
	}
	for _, state := range []dialler.CallbackState{dialler.CallbackWaiting, dialler.CallbackCompleted, dialler.CallbackExhausted, dialler.CallbackClosed, dialler.CallbackCancelled} {
		add(gauge(s.callbacks, float64(n.Callbacks[state]), name, string(state)))
	}
	count(s.requested, n.Requested)
	for _, r := range dialler.RefusalReasons {
		count(s.refused, n.Refused[r], string(r))
	}
	for _, r := range []dialler.CloseReason{dialler.ByVoicemail, dialler.ByAbandoned, dialler.ByWindowClose, dialler.ByStop, dialler.ByExclusion} {
		add(gauge(s.closed, float64(n.Closed[r]), name, string(r)))
	}
	add(gauge(s.avgDelay, n.AvgDelay.Seconds(), name))
}

func gauge(d *prometheus.Desc, v float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
