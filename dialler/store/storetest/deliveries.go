package storetest

import (
	"fmt"
	"sync"
	"time"

	"ringback/dialler"
)

// A post is a world whose campaign has a webhook.
type post struct {
	*world
	d dialler.Deliveries
	c dialler.Campaign
}

func (w *world) post(edits ...func(*dialler.Webhook)) *post {
	w.Helper()
	p := &post{w, w.s.(dialler.Deliveries), w.campaign("c")}
	p.hook(edits...)
	return p
}

// hook sets the campaign's webhook, in time for all that happens next.
func (p *post) hook(edits ...func(*dialler.Webhook)) {
	p.Helper()
	h := dialler.Webhook{Campaign: p.c.ID, URL: "https://crm.example/hook", Secret: "whsec_c2VjcmV0", On: true, Mapping: `{"id":"{{call.id}}"}`,
		Changed: p.now().Add(-time.Second)}
	for _, edit := range edits {
		edit(&h)
	}
	p.must(p.d.PutWebhook(p.ctx, h))
}

// crashed loses the process.
func (p *post) crashed() {
	p.Helper()
	p.crash()
	p.d = p.s.(dialler.Deliveries)
}

// queue puts all there is in line.
func (p *post) queue() {
	p.Helper()
	for more := true; more; {
		var err error
		more, err = p.d.QueueDeliveries(p.ctx, p.now())
		p.must(err)
	}
}

// claim queues and claims.
func (p *post) claim(n int) []dialler.Delivery {
	p.Helper()
	p.queue()
	_, list, err := p.d.ClaimDeliveries(p.ctx, p.c.ID, n, p.now(), ttl)
	p.must(err)
	return list
}

func (p *post) only() dialler.Delivery {
	p.Helper()
	list := p.claim(100)
	if len(list) != 1 {
		p.Fatalf("%d deliveries claimed, want one: %+v", len(list), list)
	}
	return list[0]
}

func (p *post) end(d dialler.Delivery, t dialler.Try) {
	p.Helper()
	p.must(p.d.EndTry(p.ctx, d, t, p.now()))
}

func (p *post) delivered(d dialler.Delivery) {
	p.end(d, dialler.Try{State: dialler.Delivered, Status: 200})
}

func (p *post) failed(d dialler.Delivery, again time.Duration) {
	p.end(d, dialler.Try{State: dialler.DeliveryWaiting, Status: 500, Said: "answered 500", Again: again})
}

func (p *post) dead(d dialler.Delivery) {
	p.end(d, dialler.Try{State: dialler.DeliveryDead, Said: "no answer"})
}

// call rings one more person, who asks to be rung later: three messages.
func (p *post) call() dialler.CallID {
	p.Helper()
	l := p.asked(p.c)
	p.hear(l, later("1 hour", "driving"))
	return l.Attempt.ID
}

// drainPost delivers what waits until nothing does, and returns it in order.
func (p *post) drainPost() (out []dialler.Delivery) {
	p.Helper()
	for {
		list := p.claim(10)
		if len(list) == 0 {
			return out
		}
		for _, d := range list {
			p.delivered(d)
			out = append(out, d)
		}
	}
}

func (p *post) count(state dialler.DeliveryState) int {
	p.Helper()
	list, next, err := p.d.Deliveries(p.ctx, dialler.DeliveryQuery{Campaign: p.c.ID, State: state, Limit: 1000})
	p.must(err)
	p.eq("next", next, 0)
	return len(list)
}

func kindsOf(list []dialler.Delivery) (out []string) {
	for _, d := range list {
		out = append(out, d.Kind)
	}
	return out
}

var deliveryTests = []test{
	{"a webhook is kept as it was given, and replaced", func(w *world) {
		p := w.post(func(h *dialler.Webhook) { h.Events = []string{dialler.CallSettled} })
		got, err := p.d.Webhook(w.ctx, p.c.ID)
		w.must(err)
		w.eq("webhook", []any{got.Campaign, got.URL, got.Secret, got.On, got.Events, got.Mapping},
			[]any{p.c.ID, "https://crm.example/hook", "whsec_c2VjcmV0", true, []string{"call.settled"}, `{"id":"{{call.id}}"}`})
		p.hook(func(h *dialler.Webhook) { h.On, h.URL = false, "https://other.example/" })
		got, err = p.d.Webhook(w.ctx, p.c.ID)
		w.must(err)
		w.eq("webhook", []any{got.URL, got.On, got.Events == nil}, []any{"https://other.example/", false, true})
		_, err = p.d.Webhook(w.ctx, w.campaign("without").ID)
		w.is(err, dialler.ErrNotFound)
		w.is(p.d.PutWebhook(w.ctx, dialler.Webhook{Campaign: 1e9}), dialler.ErrNotFound)
	}},
	{"a contact's messages are given one after the other, in the order in which they happened", func(w *world) {
		p := w.post()
		p.call()
		for _, kind := range []string{dialler.CallSettled, dialler.CallAnalysed, dialler.CallbackMade} {
			d := p.only()
			w.eq("kind and tries", []any{d.Kind, d.Tries, d.State}, []any{kind, 1, dialler.DeliveryWaiting})
			w.eq("while it is under way", len(p.claim(10)), 0)
			p.delivered(d)
		}
		w.eq("after the last", len(p.claim(10)), 0)
		w.eq("delivered", p.count(dialler.Delivered), 3)
		all, _, err := p.d.Deliveries(w.ctx, dialler.DeliveryQuery{State: dialler.Delivered})
		w.must(err)
		w.eq("of all campaigns", len(all), 3)
	}},
	{"a contact whose message fails waits, and others go on", func(w *world) {
		p := w.post()
		first := p.call()
		d := p.only()
		w.eq("call", d.Call, first)
		p.failed(d, time.Hour)
		p.call()
		others := p.drainPost()
		w.eq("others", kindsOf(others), []string{dialler.CallSettled, dialler.CallAnalysed, dialler.CallbackMade})
		w.eq("not the first", others[0].Call == first, false)
		got, err := p.d.Delivery(w.ctx, d.ID)
		w.must(err)
		w.eq("the one that failed", []any{got.State, got.Tries, got.Status, got.Said, got.Key()}, []any{dialler.DeliveryWaiting, 1, 500, "answered 500", d.Key()})
		w.near("due", got.Due, w.now().Add(time.Hour))
		w.pass(2 * time.Hour)
		again := p.only()
		w.eq("again", []any{again.ID, again.Tries, again.Key(), string(again.Body)}, []any{d.ID, 2, d.Key(), string(d.Body)})
		p.delivered(again)
		w.eq("what waited behind it", kindsOf(p.drainPost()), []string{dialler.CallAnalysed, dialler.CallbackMade})
	}},
	{"a dead one is passed over, and sent again before what waits", func(w *world) {
		p := w.post()
		p.call()
		settled := p.only()
		p.dead(settled)
		w.eq("dead", p.count(dialler.DeliveryDead), 1)
		analysed := p.only()
		w.eq("next", analysed.Kind, dialler.CallAnalysed)
		// While a try is under way the one sent again waits for it.
		w.must(p.d.Resend(w.ctx, settled.ID, w.now()))
		w.eq("while a try is under way", len(p.claim(10)), 0)
		p.failed(analysed, time.Minute)
		again := p.only()
		w.eq("again", []any{again.ID, again.Tries, again.Over.IsZero()}, []any{settled.ID, 2, true})
		p.delivered(again)
		w.eq("the rest", kindsOf(p.drainPost()), []string{dialler.CallAnalysed, dialler.CallbackMade})
		w.must(p.d.Resend(w.ctx, settled.ID, w.now()))
		w.eq("one that was delivered", p.only().ID, settled.ID)
		w.is(p.d.Resend(w.ctx, 1e9, w.now()), dialler.ErrNotFound)
	}},
	{"sending again pulls a waiting one forward, and one behind another not before it", func(w *world) {
		p := w.post()
		p.call()
		d := p.only()
		p.failed(d, time.Hour)
		waiting, _, err := p.d.Deliveries(w.ctx, dialler.DeliveryQuery{State: dialler.DeliveryWaiting})
		w.must(err)
		w.eq("waiting", kindsOf(waiting), []string{dialler.CallbackMade, dialler.CallAnalysed, dialler.CallSettled})
		w.must(p.d.Resend(w.ctx, waiting[0].ID, w.now()))
		w.eq("one behind another", len(p.claim(10)), 0)
		w.must(p.d.Resend(w.ctx, d.ID, w.now()))
		w.eq("the first", p.only().ID, d.ID)
	}},
	{"all that are dead are sent again, the oldest first", func(w *world) {
		p := w.post()
		for range 3 {
			p.call()
		}
		for list := p.claim(10); len(list) > 0; list = p.claim(10) {
			for _, d := range list {
				p.dead(d)
			}
		}
		w.eq("dead", p.count(dialler.DeliveryDead), 9)
		n, err := p.d.ResendDead(w.ctx, p.c.ID, 4, w.now())
		w.must(err)
		w.eq("some", n, 4)
		n, err = p.d.ResendDead(w.ctx, p.c.ID, 100, w.now())
		w.must(err)
		w.eq("the rest", []int{n, p.count(dialler.DeliveryDead)}, []int{5, 0})
		seen := map[dialler.ContactID][]string{}
		for _, d := range p.drainPost() {
			seen[d.Contact] = append(seen[d.Contact], d.Kind)
		}
		for id, kinds := range seen {
			w.eq(fmt.Sprint("contact ", id), kinds, []string{dialler.CallSettled, dialler.CallAnalysed, dialler.CallbackMade})
		}
		w.eq("contacts", len(seen), 3)
	}},
	{"a claim lapses, and whoever had it changes nothing any more", func(w *world) {
		p := w.post()
		p.call()
		d := p.only()
		w.pass(2 * ttl)
		e := p.only()
		w.eq("again", []any{e.ID, e.Tries}, []any{d.ID, 2})
		w.is(p.d.EndTry(w.ctx, d, dialler.Try{State: dialler.Delivered}, w.now()), dialler.ErrLeaseLost)
		w.eq("delivered", p.count(dialler.Delivered), 0)
		p.delivered(e)
		w.is(p.d.EndTry(w.ctx, e, dialler.Try{State: dialler.DeliveryDead}, w.now()), dialler.ErrLeaseLost)
		w.eq("delivered", p.count(dialler.Delivered), 1)
	}},
	{"nothing is pushed that happened while the webhook was off, or is not one of its events", func(w *world) {
		p := w.post(func(h *dialler.Webhook) { h.On = false })
		p.call()
		w.eq("off", len(p.claim(10)), 0)
		w.pass(time.Minute)
		p.hook(func(h *dialler.Webhook) { h.Events = []string{dialler.CallbackMade, dialler.CallbackOver} })
		w.eq("on", len(p.claim(10)), 0)
		w.pass(time.Minute)
		p.call()
		w.eq("events", kindsOf(p.drainPost()), []string{dialler.CallbackMade})
		other := w.campaign("other")
		w.people(other, 1)
		w.settle(w.one(other), dialler.Busy)
		w.eq("of another campaign", len(p.claim(10)), 0)
	}},
	{"what waits goes on waiting while the webhook is off", func(w *world) {
		p := w.post()
		p.call()
		p.queue()
		due := func() int {
			list, err := p.d.DueDeliveries(w.ctx, w.now())
			w.must(err)
			return len(list)
		}
		w.eq("due", due(), 1)
		p.hook(func(h *dialler.Webhook) { h.On = false })
		w.eq("while it is off", []int{due(), len(p.claim(10)), p.count(dialler.DeliveryWaiting)}, []int{0, 0, 3})
		p.hook()
		w.eq("again", []int{due(), len(p.drainPost())}, []int{1, 3})
	}},
	{"the list is paged, by state", func(w *world) {
		p := w.post()
		for range 5 {
			p.call()
		}
		want := p.drainPost()
		var got []int64
		q := dialler.DeliveryQuery{Campaign: p.c.ID, State: dialler.Delivered, Limit: 4}
		for {
			list, next, err := p.d.Deliveries(w.ctx, q)
			w.must(err)
			for _, d := range list {
				if len(got) > 0 && d.ID >= got[len(got)-1] {
					w.Fatalf("message %d after %d", d.ID, got[len(got)-1])
				}
				got = append(got, d.ID)
			}
			if next == 0 {
				break
			}
			q.After = next
		}
		w.eq("messages", len(got), len(want))
		none, _, err := p.d.Deliveries(w.ctx, dialler.DeliveryQuery{Campaign: p.c.ID + 1, State: dialler.Delivered})
		w.must(err)
		w.eq("of another campaign", len(none), 0)
	}},
	{"backlogs count what waits and since when", func(w *world) {
		p := w.post()
		backlog := func() dialler.Backlog {
			list, err := p.d.Backlogs(w.ctx)
			w.must(err)
			w.eq("webhooks", len(list), 1)
			return list[0]
		}
		w.eq("nothing", backlog(), dialler.Backlog{Campaign: p.c.ID, On: true})
		p.call()
		d := p.only()
		b := backlog()
		w.eq("waiting", []any{b.Waiting, b.Dead}, []any{3, 0})
		w.near("oldest", b.Oldest, w.now())
		p.dead(d)
		b = backlog()
		w.eq("one dead", []any{b.Waiting, b.Dead}, []any{2, 1})
	}},
	{"the latest message of a kind", func(w *world) {
		p := w.post()
		_, err := p.d.LatestMessage(w.ctx, p.c.ID, dialler.CallSettled)
		w.is(err, dialler.ErrNotFound)
		p.call()
		id := p.call()
		p.queue()
		m, err := p.d.LatestMessage(w.ctx, p.c.ID, dialler.CallSettled)
		w.must(err)
		w.eq("message", []any{m.Call, m.Kind}, []any{id, dialler.CallSettled})
	}},
	{"many that claim at once get each delivery once", func(w *world) {
		p := w.post()
		for range 20 {
			p.call()
		}
		p.queue()
		var mu sync.Mutex
		tries, order := map[int64]int{}, map[dialler.ContactID][]int64{}
		var work sync.WaitGroup
		for range 4 {
			work.Go(func() {
				for idle := 0; idle < 3; {
					_, list, err := p.d.ClaimDeliveries(w.ctx, p.c.ID, 3, w.now(), ttl)
					if err != nil {
						w.Error(err)
						return
					}
					if len(list) == 0 {
						idle++
						time.Sleep(10 * time.Millisecond)
						continue
					}
					idle = 0
					for _, d := range list {
						mu.Lock()
						tries[d.ID]++
						order[d.Contact] = append(order[d.Contact], d.ID)
						mu.Unlock()
						if err := p.d.EndTry(w.ctx, d, dialler.Try{State: dialler.Delivered, Status: 200}, w.now()); err != nil {
							w.Error(err)
						}
					}
				}
			})
		}
		work.Wait()
		for _, d := range p.drainPost() { // what the impatient left
			tries[d.ID]++
			order[d.Contact] = append(order[d.Contact], d.ID)
		}
		w.eq("deliveries", len(tries), 60)
		for id, n := range tries {
			w.eq(fmt.Sprint("tries of message ", id), n, 1)
		}
		for id, list := range order {
			w.eq(fmt.Sprint("order of contact ", id), len(list), 3)
			for i := range list[1:] {
				if list[i] >= list[i+1] {
					w.Fatalf("contact %d: message %d before %d", id, list[i], list[i+1])
				}
			}
		}
	}},
}

var deliveryCrashTests = []test{
	{"what waits, what was tried and what is dead outlive the process", func(w *world) {
		p := w.post()
		p.call()
		p.crashed()
		d := p.only()
		p.crashed() // in the middle of a try: it may have arrived, and is made again
		w.eq("before the claim lapses", len(p.claim(10)), 0)
		w.pass(2 * ttl)
		again := p.only()
		w.eq("again", []any{again.ID, again.Tries, again.Key()}, []any{d.ID, 2, d.Key()})
		p.dead(again)
		p.crashed()
		w.eq("dead", p.count(dialler.DeliveryDead), 1)
		w.must(p.d.Resend(w.ctx, d.ID, w.now()))
		p.crashed()
		w.eq("in order", kindsOf(p.drainPost()), []string{dialler.CallSettled, dialler.CallAnalysed, dialler.CallbackMade})
		p.crashed()
		w.eq("none twice", len(p.drainPost()), 0)
		w.eq("delivered", p.count(dialler.Delivered), 3)
	}},
}
