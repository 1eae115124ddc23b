package torture

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"ringback/dialler/api"
)

// An operator sets campaigns up, feeds them with contacts, and does what
// operators do: pauses, stops, restarts, excludes. He asks nodes that are not
// known to be sick, and again when he was not answered.
type operator struct {
	*floor
	long  bool
	began time.Time

	mu       sync.Mutex
	named    map[string]int64 // campaigns
	lists    []string         // of those that are fed, by name
	numbers  []string         // on any list
	halts    []halt
	doubt    map[string]time.Time // when a request to go on was not answered, and may yet be carried out
	excluded map[string]exclusion
}

// A halt is a time in which a campaign was surely paused or stopped.
type halt struct {
	campaign int64
	from, to time.Time
}

// An exclusion is when one was asked for, and when it was sure.
type exclusion struct{ asked, sure time.Time }

const zone = "Asia/Kolkata"

// refusal is an answer that says no.
type refusal struct {
	status int
	body   string
}

func (e *refusal) Error() string { return fmt.Sprintf("%d: %s", e.status, e.body) }

// ask makes a request of a node that is not known to be sick. The error is a
// *refusal when the answer was no; any other leaves open what was done.
func (o *operator) ask(ctx context.Context, method, path string, in, out any) error {
	n := o.nodes[nodeNames[o.turn.Add(1)%uint64(len(nodeNames))]]
	for range nodeNames {
		n.mu.Lock()
		sick := n.sick
		n.mu.Unlock()
		if !sick {
			break
		}
		n = o.nodes[nodeNames[o.turn.Add(1)%uint64(len(nodeNames))]]
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, n.base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = closeBody(resp) }()
	b, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode >= 500:
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, b)
	case resp.StatusCode >= 300:
		return &refusal{resp.StatusCode, string(b)}
	case out == nil:
		return nil
	}
	return json.Unmarshal(b, out)
}

// insist asks until there is an answer: nil, a *refusal, or ctx's error. It
// tells how often there was none.
func (o *operator) insist(ctx context.Context, method, path string, in, out any) (unanswered int, err error) {
	for {
		err := o.ask(ctx, method, path, in, out)
		var no *refusal
		if err == nil || errors.As(err, &no) {
			return unanswered, err
		}
		if ctx.Err() != nil {
			return unanswered, ctx.Err()
		}
		unanswered++
		pause(ctx, 300*time.Millisecond)
	}
}

// open makes and starts a campaign; what c leaves out is what suits a run.
func (o *operator) open(ctx context.Context, c api.Campaign) error {
	if c.Window.Zone == "" {
		c.Window = api.Window{Zone: zone, Hours: map[string][]string{"daily": {"00:00-24:00"}}}
	}
	if c.Bot == "" {
		c.Bot = "asha"
	}
	if c.Retry == "" {
		c.Retry = "2s"
	}
	if c.Ring == "" {
		c.Ring = "4s"
	}
	c.Callbacks, c.State, c.Longest = true, "draft", "20s"
	var made api.Campaign
	_, err := o.insist(ctx, "POST", "/v1/campaigns", c, &made)
	if no := (*refusal)(nil); errors.As(err, &no) && no.status == http.StatusConflict { // it was made, and we were not told
		made, err = o.named1(ctx, c.Name)
	}
	if err != nil {
		return fmt.Errorf("making campaign %s: %w", c.Name, err)
	}
	o.mu.Lock()
	o.named[c.Name] = made.ID
	o.lists = append(o.lists, c.Name)
	o.mu.Unlock()
	_, err = o.drive(ctx, c.Name, "running")
	return err
}

func (o *operator) named1(ctx context.Context, name string) (api.Campaign, error) {
	var all struct {
		Campaigns []api.Campaign `json:"campaigns"`
	}
	if _, err := o.insist(ctx, "GET", "/v1/campaigns", nil, &all); err != nil {
		return api.Campaign{}, err
	}
	for _, c := range all.Campaigns {
		if c.Name == name {
			return c, nil
		}
	}
	return api.Campaign{}, fmt.Errorf("there is no campaign %s", name)
}

func (o *operator) path(name, more string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return fmt.Sprintf("/v1/campaigns/%d%s", o.named[name], more)
}

// drive brings a campaign to a state ("running", "paused", "stopped"), and
// returns false if that cannot be from where it stands.
func (o *operator) drive(ctx context.Context, name, to string) (bool, error) {
	for {
		var c api.Campaign
		if _, err := o.insist(ctx, "GET", o.path(name, ""), nil, &c); err != nil {
			return false, err
		}
		at := c.State
		if at == "completed" && c.Ended == "stopped" {
			at = "stopped"
		}
		if at == to {
			return true, nil
		}
		verb := map[[2]string]string{
			{"draft", "running"}: "start", {"paused", "running"}: "resume", {"stopped", "running"}: "restart",
			{"running", "paused"}: "pause", {"running", "stopped"}: "stop", {"paused", "stopped"}: "stop", {"completed", "stopped"}: "stop",
		}[[2]string{at, to}]
		if verb == "" { // it has finished by itself, or its day is over
			return false, nil
		}
		n, err := o.insist(ctx, "POST", o.path(name, "/"+verb), nil, nil)
		if to == "running" && (n > 0 || err != nil) {
			o.mu.Lock()
			o.doubt[name] = time.Now()
			o.mu.Unlock()
		}
		if no := (*refusal)(nil); err != nil && !(errors.As(err, &no) && no.status == http.StatusConflict) {
			return false, err
		}
	}
}

// stays is for how long a request that was not answered may yet be carried
// out: by a node that was frozen when it came, say.
const stays = 30 * time.Second

// hold brings a campaign to a halt for a while, and sets it going again.
func (o *operator) hold(ctx context.Context, name, how string, d time.Duration) error {
	ok, err := o.drive(ctx, name, how)
	if err != nil || !ok {
		return err
	}
	from := time.Now()
	pause(ctx, d)
	o.mu.Lock()
	if from.Sub(o.doubt[name]) > stays {
		o.halts = append(o.halts, halt{o.named[name], from, time.Now()})
	}
	o.mu.Unlock()
	o.counted(map[string]string{"paused": "pauses", "stopped": "stops"}[how])
	if ctx.Err() != nil {
		return nil // the last act of a run sets it going
	}
	_, err = o.drive(ctx, name, "running")
	return err
}

// setUp makes the campaigns.
func (o *operator) setUp(ctx context.Context) error {
	odd := map[string][]string{"daily": oddMinutes(o.began)}
	for _, c := range []api.Campaign{
		{Name: "steady", Trunk: "line-1", Seats: 12, Attempts: 4},
		{Name: "promises", Trunk: "line-2", Bot: "plan", Seats: 10, Attempts: 3, Retry: "1s", CBMax: 2, CBChain: 2},
		{Name: "screened", Trunk: "line-1", Seats: 4, Attempts: 3, Screen: true},
		{Name: "halted", Trunk: "line-2", Seats: 8, Attempts: 3, RetryOn: []string{"busy", "no_answer", "failed"}},
		{Name: "minutes", Trunk: "line-1", Seats: 6, Attempts: 3, Window: api.Window{Zone: zone, Hours: odd}},
		{Name: "deaf", Trunk: "line-2", Bot: "deaf", Seats: 4, Attempts: 2},
	} {
		if err := o.open(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// oddMinutes are the hours of a campaign that may ring in every other minute,
// now for some two hours.
func oddMinutes(now time.Time) (spans []string) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		panic(err)
	}
	for at := now.In(loc).Truncate(time.Minute); len(spans) < 60; at = at.Add(2 * time.Minute) {
		spans = append(spans, span(at, at.Add(time.Minute)))
	}
	return spans
}

func span(from, to time.Time) string {
	ends := to.Format("15:04")
	if ends == "00:00" {
		ends = "24:00"
	}
	return from.Format("15:04") + "-" + ends
}

// day opens a campaign whose day ends at the first full minute in at least that
// long.
func (o *operator) day(ctx context.Context, n int, in, lasts time.Duration) error {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return err
	}
	closes := time.Now().In(loc).Add(in).Truncate(time.Minute).Add(time.Minute)
	if closes.After(o.began.Add(lasts + 10*time.Second)) {
		return nil // a short run that began just after the full minute does without
	}
	return o.open(ctx, api.Campaign{
		Name: fmt.Sprintf("day-%d", n), Mode: "single_day", Trunk: []string{"line-1", "line-2"}[n%2], Seats: 5, Attempts: 3,
		Window: api.Window{Zone: zone, Hours: map[string][]string{"daily": {span(closes.Add(-12*time.Hour), closes)}}},
	})
}

// feed gives a campaign people to ring when it has few left. Some are on
// another campaign's list as well.
func (o *operator) feed(ctx context.Context, r *rand.Rand, n int) error {
	o.mu.Lock()
	name := o.lists[n%len(o.lists)]
	o.mu.Unlock()
	var has api.Counters
	if _, err := o.insist(ctx, "GET", o.path(name, "/counters"), nil, &has); err != nil {
		return err
	}
	if has.Contacts["pending"] > 5 {
		return nil
	}
	var list []api.NewContact
	o.mu.Lock()
	for i := range 8 {
		number := fmt.Sprintf("+9198%08d", 10000000+len(o.numbers))
		if old := len(o.numbers); i%4 == 3 && old > 0 {
			number = o.numbers[max(0, old-1-r.IntN(60))]
		} else {
			o.numbers = append(o.numbers, number)
		}
		list = append(list, api.NewContact{Number: number, Variables: map[string]string{"name": name}})
	}
	o.mu.Unlock()
	_, err := o.insist(ctx, "POST", o.path(name, "/contacts"), map[string]any{"contacts": list}, nil)
	return err
}

// exclude puts some numbers on the do-not-call list.
func (o *operator) exclude(ctx context.Context, r *rand.Rand) error {
	var some []string
	asked := time.Now()
	o.mu.Lock()
	for range 2 {
		if n := len(o.numbers); n > 0 {
			who := o.numbers[max(0, n-1-r.IntN(100))]
			some = append(some, who)
			if _, ok := o.excluded[who]; !ok {
				o.excluded[who] = exclusion{asked: asked}
			}
		}
	}
	o.mu.Unlock()
	if len(some) == 0 {
		return nil
	}
	_, err := o.insist(ctx, "POST", "/v1/exclusions", map[string]any{"numbers": some}, nil)
	if err != nil {
		return err
	}
	sure := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, who := range some {
		if e := o.excluded[who]; e.sure.IsZero() {
			e.sure = sure
			o.excluded[who] = e
		}
	}
	return nil
}

// work is the operator's day: it ends with ctx.
func (o *operator) work(ctx context.Context, lasts time.Duration) (wait func()) {
	var wg sync.WaitGroup
	each := func(matter string, least, most time.Duration, act func(r *rand.Rand, n int) error) {
		r := chance(o.seed, matter)
		wg.Go(func() {
			for n := 0; ; n++ {
				pause(ctx, between(r, least, most))
				if ctx.Err() != nil {
					return
				}
				if err := act(r, n); err != nil && ctx.Err() == nil {
					o.fault(fmt.Errorf("%s: %w", matter, err))
				}
			}
		})
	}
	each("feed", 200*time.Millisecond, 600*time.Millisecond, func(r *rand.Rand, n int) error {
		if lasts-time.Since(o.began) < 5*time.Second {
			return nil // what is begun is to be brought to its end
		}
		return o.feed(ctx, r, n)
	})
	each("exclude", 3*time.Second, 8*time.Second, func(r *rand.Rand, _ int) error { return o.exclude(ctx, r) })
	each("hold", 2*time.Second, 6*time.Second, func(r *rand.Rand, n int) error {
		d := between(r, 8*time.Second, 10*time.Second)
		if o.long {
			d = between(r, 8*time.Second, 25*time.Second)
		}
		return o.hold(ctx, "halted", []string{"paused", "stopped"}[(n+int(o.seed))%2], d)
	})
	wg.Go(func() {
		for n := 0; ; n++ {
			in := 5 * time.Second
			if o.long {
				in = time.Minute
			}
			if left := lasts - time.Since(o.began); left < in+20*time.Second && n > 0 {
				return
			}
			if err := o.day(ctx, n, in, lasts); err != nil && ctx.Err() == nil {
				o.fault(err)
			}
			pause(ctx, 2*time.Minute)
			if ctx.Err() != nil {
				return
			}
		}
	})
	return wg.Wait
}
