// Package metrics shows Prometheus how the dialling goes.
//
// There are two sources. What happens is counted as the loop tells it
// ([Metrics.Observe]); what is, is read from the store when Prometheus asks
// (scrape.go), so it is true after a restart, and on every node. Sums of the
// first and of the second agree as long as the process lives.
//
// Nothing here is global: each [Metrics] has a registry of its own. The values
// that a label can have stand beside it; campaign, trunk, switch and route are
// as many as the operator made.
package metrics

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"ringback/dialler"
)

// Options of the metrics. Store must be given.
type Options struct {
	Store   Store
	Version string                // of the program
	Status  func() dialler.Status // how the loop stands; nil: there is none
	Now     func() time.Time      // nil: time.Now

	// OldestTransaction is the age of the transaction that has been open the
	// longest on the store's database; nil: a database where it does no harm.
	OldestTransaction func(context.Context) (time.Duration, error)

	// Fresh is how long figures read from the store are shown again without
	// reading it: counting a million contacts is work. 0: 5 s.
	Fresh time.Duration
}

// Metrics are all of one process's.
type Metrics struct {
	registry *prometheus.Registry
	names    names

	leases      *prometheus.CounterVec
	withdrawn   *prometheus.CounterVec
	originated  *prometheus.CounterVec
	late        *prometheus.HistogramVec
	settled     *prometheus.CounterVec
	rings       *prometheus.HistogramVec
	botDelay    *prometheus.HistogramVec
	talks       *prometheus.HistogramVec
	troubles    *prometheus.CounterVec
	links       *prometheus.CounterVec
	gaps        *prometheus.CounterVec
	lapsed      prometheus.Counter
	adopted     prometheus.Counter
	orphans     prometheus.Counter
	pruned      *prometheus.CounterVec
	requests    *prometheus.CounterVec
	requestTime *prometheus.HistogramVec
	pushes      *prometheus.CounterVec
	pushTime    *prometheus.HistogramVec
}

const namespace = "ringback"

// New makes the metrics of a process and registers them.
func New(o Options) *Metrics {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Fresh == 0 {
		o.Fresh = 5 * time.Second
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		names:    names{store: o.Store, known: map[dialler.CampaignID]string{}},

		leases: counter("leases_total", "Contacts leased to be rung.",
			"campaign", "class"), // class: callback, pending, retry
		withdrawn: counter("leases_withdrawn_total", "Leases given back because the contact might not be rung at that moment, or the switch was away.",
			"campaign", "because"), // because: refused (window, pause, exclusion, …), switch
		originated: counter("originations_total", "Originate requests sent.",
			"campaign", "class", "trunk"),
		late: histogram("origination_delay_seconds", "From when a contact was due, or leased if it was not due at a certain time, to the originate request.",
			[]float64{.0025, .005, .01, .015, .025, .035, .05, .075, .1, .15, .25, .5, 1, 2.5, 5, 15, 60, 300, 1800},
			"class"),
		settled: counter("calls_total", "Calls that have ended.",
			"campaign", "class", "disposition"), // disposition: dialler.Dispositions
		rings: histogram("call_answer_seconds", "From the lease to the customer's answer.",
			[]float64{1, 2, 5, 10, 15, 20, 30, 45, 60, 120},
			"campaign"),
		botDelay: histogram("call_bot_delay_seconds", "From the customer's answer to the bot on the line, screening included.",
			[]float64{.05, .1, .25, .5, 1, 2, 3, 5, 10},
			"campaign"),
		talks: histogram("call_conversation_seconds", "From the bot on the line to the end of the call.",
			[]float64{1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600},
			"campaign"),
		troubles: counter("troubles_total", "What the store or the switch could not do at once and is tried again; doing=\"settle\" is a call's end that is not yet written down.",
			"doing"), // doing: dialler.Doings
		links: counter("switch_links_total", "Times the link to a switch came up; all but the first are reconnections.",
			"switch"),
		gaps: counter("switch_event_gaps_total", "Times the link to a switch was lost: what happened until the next link was not heard.",
			"switch"),
		lapsed:  prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: "leases_lapsed_total", Help: "Leases lost while their call went on."}),
		adopted: prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: "calls_adopted_total", Help: "Calls of a process that died, taken over."}),
		orphans: prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: "calls_orphaned_total", Help: "Calls on a switch that no attempt stood for, hung up."}),
		pruned: counter("pruned_total", "Rows that were let go of because they are older than retention.days.",
			"what"), // calls, analyses, callbacks, messages
		requests: counter("http_requests_total", "HTTP requests answered.",
			"route", "method", "code"), // route: as in the OpenAPI document, "other" where there is no such page
		requestTime: histogram("http_request_seconds", "Time to answer an HTTP request.",
			[]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5},
			"route"),
		pushes: counter("webhook_requests_total", "Requests that pushed a result to a campaign's webhook, by what came of it.",
			"campaign", "result"), // result: delivered, retry, dead
		pushTime: histogram("webhook_request_seconds", "Time a webhook took to answer, or not to.",
			[]float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
			"campaign"),
	}
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: "build_info", Help: "1, with what this is."}, []string{"version", "goversion"})
	info.WithLabelValues(o.Version, runtime.Version()).Set(1)

	// Those that an alert looks at are there from the start, at zero.
	for _, d := range dialler.Doings {
		m.troubles.WithLabelValues(d)
	}
	for _, c := range dialler.LeaseOrder {
		m.late.WithLabelValues(string(c))
	}
	m.registry.MustRegister(
		m.leases, m.withdrawn, m.originated, m.late, m.settled, m.rings, m.botDelay, m.talks, m.troubles,
		m.links, m.gaps, m.lapsed, m.adopted, m.orphans, m.pruned, m.requests, m.requestTime, m.pushes, m.pushTime, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		newScrape(o, &m.names),
	)
	return m
}

// Registry is where everything is registered.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// Handler answers a scrape.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry, MaxRequestsInFlight: 4, Timeout: 20 * time.Second})
}

// Observe counts what the loop tells.
func (m *Metrics) Observe(h dialler.Happening) {
	at := h.Lease.Attempt
	campaign := func() string { return m.names.of(at.Campaign) }
	switch h.Kind {
	case dialler.WasLeased:
		m.leases.WithLabelValues(campaign(), string(at.Class)).Inc()
	case dialler.WasWithdrawn:
		because := "refused"
		if errors.Is(h.Err, dialler.ErrDown) {
			because = "switch"
		}
		m.withdrawn.WithLabelValues(campaign(), because).Inc()
	case dialler.HasOriginated:
		m.originated.WithLabelValues(campaign(), string(at.Class), at.Trunk).Inc()
		m.late.WithLabelValues(string(at.Class)).Observe(h.Late.Seconds())
	case dialler.HasSettled:
		m.settle(campaign(), at)
	case dialler.HasTrouble:
		m.troubles.WithLabelValues(h.Doing).Inc()
	case dialler.LinkChanged:
		if h.Event.Kind == dialler.LinkUp {
			m.links.WithLabelValues(h.Switch).Inc()
		} else {
			m.gaps.WithLabelValues(h.Switch).Inc()
		}
	case dialler.LeaseLapsed:
		m.lapsed.Inc()
	case dialler.WasAdopted:
		m.adopted.Inc()
	case dialler.OrphanEnded:
		m.orphans.Inc()
	}
}

func (m *Metrics) settle(campaign string, at dialler.Attempt) {
	m.settled.WithLabelValues(campaign, string(at.Class), string(at.Disposition)).Inc()
	between := func(h *prometheus.HistogramVec, from, to time.Time) {
		if !from.IsZero() && !to.IsZero() {
			h.WithLabelValues(campaign).Observe(to.Sub(from).Seconds())
		}
	}
	between(m.rings, at.Leased, at.Answered)
	between(m.botDelay, at.Answered, at.Joined)
	between(m.talks, at.Joined, at.Ended)
}

// Pruned counts what was let go of.
func (m *Metrics) Pruned(p dialler.Pruned) {
	m.pruned.WithLabelValues("calls").Add(float64(p.Calls))
	m.pruned.WithLabelValues("analyses").Add(float64(p.Analyses))
	m.pruned.WithLabelValues("callbacks").Add(float64(p.Callbacks))
	m.pruned.WithLabelValues("messages").Add(float64(p.Messages))
}

// Request counts an answered HTTP request. An empty route is a page that does
// not exist.
func (m *Metrics) Request(method, route string, status int, took time.Duration) {
	if route == "" {
		route = "other"
	}
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodHead, http.MethodOptions:
	default: // a client may send any word
		method = "other"
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	m.requestTime.WithLabelValues(route).Observe(took.Seconds())
}

// Pushed counts a request to a campaign's webhook, by what it made of the
// delivery.
func (m *Metrics) Pushed(id dialler.CampaignID, state dialler.DeliveryState, took time.Duration) {
	result := string(state)
	if state == dialler.DeliveryWaiting {
		result = "retry"
	}
	m.pushes.WithLabelValues(m.names.of(id), result).Inc()
	m.pushTime.WithLabelValues(m.names.of(id)).Observe(took.Seconds())
}

// names knows what campaigns are called.
type names struct {
	store Store
	mu    sync.Mutex
	known map[dialler.CampaignID]string
}

// of returns the name of a campaign. It asks the store once for each; the loop
// is waiting, so it does not ask for long.
func (n *names) of(id dialler.CampaignID) string {
	n.mu.Lock()
	name, ok := n.known[id]
	n.mu.Unlock()
	if ok {
		return name
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c, err := n.store.Campaign(ctx, id)
	if err != nil {
		return strconv.FormatInt(int64(id), 10) // better an odd label than a lost count
	}
	n.learn(c)
	return c.Name
}

func (n *names) learn(list ...dialler.Campaign) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range list {
		n.known[c.ID] = c.Name
	}
}
