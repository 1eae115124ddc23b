package postgres_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"ringback/dialler"
	"ringback/dialler/store/postgres"
)

// BenchmarkPunctual is how late callbacks are rung: from the moment one is due
// to the request to originate, at the switch's door. A million contacts wait
// (a tenth of that with -short) in one Postgres; two nodes ring, each call
// answered at once and a second long, ordinary ones at a steady pace and
// callbacks that come due all the time, together on half of the trunk's
// channels. Beside it, in the same run, is how late a bare timer is that is set
// to the same moments.
func BenchmarkPunctual(b *testing.B) {
	const each = 20 // calls a second, of either kind
	lasts := time.Minute
	if testing.Short() {
		lasts = 15 * time.Second
	}
	for b.Loop() { // once: it takes longer than any -benchtime
		url := database(b)
		s, ordinary := filled(b, url, most())
		run(b, url, fmt.Sprintf(`UPDATE campaign SET cps = %d, seats = %d WHERE id = %d`, each, 4*each, ordinary.ID),
			fmt.Sprintf(`UPDATE trunk SET channels = %d`, 4*each))
		due, begins := promises(b, s, url, each, lasts)

		p := &thin{live: map[dialler.CallID]*port{}, due: due, late: make([]time.Duration, 0, len(due))}
		ctx, cancel := context.WithCancel(b.Context())
		var wg sync.WaitGroup
		for i := range 2 {
			loop, err := dialler.NewLoop(dialler.Options{
				Node: fmt.Sprint("node-", i), Store: open(b, url, postgres.Options{}), Switches: map[string]dialler.Switch{"s": &port{pbx: p}},
				Logger: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				b.Fatal(err)
			}
			wg.Go(func() {
				if err := loop.Run(ctx); err != nil {
					b.Error(err)
				}
			})
		}
		var mu sync.Mutex
		var bare []time.Duration
		var timers sync.WaitGroup
		for _, at := range due {
			timers.Add(1)
			time.AfterFunc(time.Until(at), func() {
				late := time.Since(at)
				mu.Lock()
				bare = append(bare, late)
				mu.Unlock()
				timers.Done()
			})
		}
		timers.Wait()
		for deadline := time.Now().Add(time.Minute); p.kept() < len(due) && time.Now().Before(deadline); {
			time.Sleep(100 * time.Millisecond)
		}
		cancel()
		wg.Wait()
		if n := p.kept(); n != len(due) {
			b.Fatalf("%d callbacks of %d were rung", n, len(due))
		}
		for what, late := range map[string][]time.Duration{"due": p.late, "timer": bare} {
			slices.Sort(late)
			for name, share := range map[string]float64{"p50": 0.5, "p99": 0.99, "p99.9": 0.999} {
				at := late[min(int(float64(len(late))*share), len(late)-1)]
				b.ReportMetric(float64(at.Microseconds())/1000, what+"-"+name+"-ms")
			}
		}
		b.ReportMetric(float64(p.rung)/time.Since(begins).Seconds(), "calls/s")
	}
}

// promises makes a campaign of people who are to be rung back, so many a
// second, each at an odd moment.
func promises(b *testing.B, s *postgres.Store, url string, each int, lasts time.Duration) (due map[dialler.Number]time.Time, begins time.Time) {
	b.Helper()
	ctx := b.Context()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	first, err := s.Campaign(ctx, 1)
	must(err)
	c, err := s.CreateCampaign(ctx, dialler.Campaign{Name: "callbacks", Window: first.Window, Trunk: "t", Bot: "b", Seats: 4 * each, MaxAttempts: 3, CallbackDetection: true})
	must(err)
	n := int(lasts.Seconds()) * each
	list := make([]dialler.NewContact, n)
	for i := range list {
		list[i].Number = dialler.Number(fmt.Sprintf("+9177%08d", i))
	}
	_, err = s.AddContacts(ctx, c.ID, list, time.Now())
	must(err)
	begins = time.Now().Add(5 * time.Second) // the nodes are at work by then
	r := rand.New(rand.NewPCG(1, 2))
	due = make(map[dialler.Number]time.Time, n)
	var values []byte
	for i, nc := range list {
		at := begins.Add(time.Duration(r.Int64N(int64(lasts)))).Truncate(time.Microsecond)
		due[nc.Number] = at
		if i > 0 {
			values = append(values, ',')
		}
		values = fmt.Appendf(values, "('%s', CAST(%d AS BIGINT))", nc.Number, at.UnixMicro())
	}
	run(b, url, fmt.Sprintf(`WITH d (number, due) AS (VALUES %s), made AS (
		INSERT INTO callback (contact_id, campaign_id, asked_on, asked_leased, chain, phrase, reason, confidence, requested, scheduled, due, read, rule, clipped, state)
			SELECT contact.id, contact.campaign_id, 'bench ' || contact.id, 0, 1, '', '', 1, d.due, d.due, d.due, d.due, 'bench', false, 'scheduled'
			FROM d JOIN contact ON contact.number = d.number AND contact.campaign_id = %d
			RETURNING id, contact_id, due)
		UPDATE contact SET state = 'callback_scheduled', attempts = 1, due = made.due, callback_id = made.id FROM made WHERE contact.id = made.contact_id`, values, c.ID))
	_, err = s.Transition(ctx, c.ID, dialler.Start, time.Now())
	must(err)
	return due, begins
}

// thin is a switch that is hardly there: everybody answers at once, the bot
// too, and hangs up a second later.
type thin struct {
	mu   sync.Mutex
	live map[dialler.CallID]*port
	due  map[dialler.Number]time.Time
	late []time.Duration // of callbacks
	rung int
}

func (p *thin) kept() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.late)
}

// port is the switch as one node reaches it.
type port struct {
	pbx  *thin
	mu   sync.Mutex // one piece of news at a time
	tell func(dialler.Event)
}

func (p *port) Run(ctx context.Context, deliver func(dialler.Event)) error {
	p.mu.Lock()
	p.tell = deliver
	p.mu.Unlock()
	p.say(dialler.LinkUp, "")
	<-ctx.Done()
	return nil
}

func (p *port) say(k dialler.EventKind, id dialler.CallID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tell(dialler.Event{Kind: k, Call: id, At: time.Now()})
}

func (p *port) Originate(_ context.Context, o dialler.Origination) error {
	now := time.Now()
	p.pbx.mu.Lock()
	p.pbx.rung++
	p.pbx.live[o.ID] = p
	if at, promised := p.pbx.due[o.Number]; promised {
		p.pbx.late = append(p.pbx.late, now.Sub(at))
	}
	p.pbx.mu.Unlock()
	go p.say(dialler.Up, o.ID)
	return nil
}

func (p *port) Connect(ctx context.Context, id dialler.CallID, _ dialler.Handover) error {
	go p.say(dialler.Joined, id)
	time.AfterFunc(time.Second, func() { _ = p.Hangup(ctx, id) })
	return nil
}

func (p *port) Play(context.Context, dialler.CallID, string) error { return nil }

func (p *port) Hangup(_ context.Context, id dialler.CallID) error {
	p.pbx.mu.Lock()
	_, up := p.pbx.live[id]
	delete(p.pbx.live, id)
	p.pbx.mu.Unlock()
	if up {
		p.say(dialler.HungUp, id)
	}
	return nil
}

func (p *port) Find(_ context.Context, id dialler.CallID) (dialler.Sighting, error) {
	p.pbx.mu.Lock()
	defer p.pbx.mu.Unlock()
	_, up := p.pbx.live[id]
	return dialler.Sighting{Found: up, Answered: up, Joined: up}, nil
}

func (p *port) Live(context.Context) (ids []dialler.CallID, err error) {
	p.pbx.mu.Lock()
	defer p.pbx.mu.Unlock()
	for id := range p.pbx.live {
		ids = append(ids, id)
	}
	return ids, nil
}
