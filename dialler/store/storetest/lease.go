package storetest

import (
	"slices"
	"time"

	"ringback/dialler"
)

var leaseTests = []test{
	{"I2 the attempt is there when Lease returns", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 1)[0]
		l := w.one(c)
		call, err := w.s.Call(w.ctx, l.Attempt.ID)
		w.must(err)
		if !call.Live() || call.Number != n || call.Node != node || call.N != 1 || call.Class != dialler.ClassPending || call.Run != 1 || call.Trunk != trunk || call.Switch != "pbx" || call.Bot != bot {
			w.Fatalf("attempt: %+v", call.Attempt)
		}
		w.eq("attempt", call.Attempt, l.Attempt)
		w.near("leased", l.Attempt.Leased, w.now())
		w.eq("contact now", call.Contact.State, dialler.Dialling)
		w.audit()
	}},
	{"a lease says what the contact was, and its variables", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 1)[0]
		l := w.one(c)
		w.eq("state", l.Contact.State, dialler.Pending)
		w.eq("number", l.Contact.Number, n)
		w.eq("variables", l.Contact.Vars, map[string]string{"name": "N " + string(n)})
		w.eq("node", l.Node, node)
		if l.Contact.Callback != nil || !l.Attempt.Due.IsZero() || l.Attempt.Callback != 0 {
			w.Fatalf("lease: %+v", l)
		}
	}},
	{"a lease is trusted for less than it lasts, counted from the request", func(w *world) {
		c := w.campaign("c")
		w.people(c, 1)
		req := w.request(1, c)
		req.TTL = time.Hour
		ls, err := w.s.Lease(w.ctx, req)
		w.must(err)
		w.at("trusted", ls[0].Trusted, req.Now.Add(time.Hour-time.Duration(dialler.LeaseMargin*float64(time.Hour))))
	}},
	{"IDs are the caller's where it makes them, else random UUIDs", func(w *world) {
		c := w.campaign("c")
		w.people(c, 3)
		req := w.request(1, c)
		req.NewID = func() dialler.CallID { return "8f14e45f-ceea-467f-a9d5-000000000001" }
		ls, err := w.s.Lease(w.ctx, req)
		w.must(err)
		w.eq("ID", ls[0].Attempt.ID, dialler.CallID("8f14e45f-ceea-467f-a9d5-000000000001"))
		two := w.lease(2, c)
		if a, b := two[0].Attempt.ID, two[1].Attempt.ID; a == b || len(a) != 36 || a[14] != '4' {
			w.Fatalf("IDs %q, %q", a, b)
		}
	}},
	{"pending contacts in list order", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 25)
		w.leased(n[:10], c)
		w.leased(n[10:20], c)
		w.leased(n[20:], c)
		w.none(c)
	}},
	{"pending contacts in list order, one that was withdrawn included", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 4)
		ls := w.leased(n[:2], c)
		w.must(w.s.Withdraw(w.ctx, ls[0], w.now().Add(time.Minute), w.now()))
		w.leased(n[2:3], c)
		w.pass(2 * time.Minute)
		w.leased([]dialler.Number{n[0], n[3]}, c)
	}},
	{"I8 callbacks before pending before retries", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 2)
		ls := w.leased(n, c)
		w.settle(ls[0], dialler.Answered)
		w.hear(ls[0], later("1 minute", ""))
		w.settle(ls[1], dialler.Busy)
		fresh := w.people(c, 2)
		w.pass(time.Hour)
		w.leased([]dialler.Number{n[0], fresh[0], fresh[1], n[1]}, c)
	}},
	{"I8 the order is strict across campaigns on a trunk", func(w *world) {
		a, b := w.campaign("a"), w.campaign("b")
		retry, promise := w.people(a, 1)[0], w.people(b, 1)[0]
		w.settle(w.one(a), dialler.Busy)
		w.promised(b)
		w.pass(2 * time.Hour)
		fresh := w.people(a, 3)
		w.eq("first", called(w.lease(1, a, b)), []dialler.Number{promise})
		w.eq("then", called(w.lease(3, a, b)), fresh)
		w.eq("last", called(w.lease(3, a, b)), []dialler.Number{retry})
	}},
	{"I8 a callback is not rung before it is due", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 1)
		w.promised(c)
		w.none(c)
		w.pass(59 * time.Minute)
		w.none(c)
		w.pass(2 * time.Minute)
		l := w.leased(n, c)[0]
		w.eq("class", l.Attempt.Class, dialler.ClassCallback)
		w.eq("state", l.Contact.State, dialler.CallbackScheduled)
		if cb := l.Contact.Callback; cb == nil || cb.ID != l.Attempt.Callback || cb.Reason != "driving" || cb.Phrase != "1 hour" {
			w.Fatalf("callback: %+v of attempt %+v", cb, l.Attempt)
		}
		w.at("due", l.Attempt.Due, l.Contact.Callback.Due)
		call, err := w.s.Call(w.ctx, l.Attempt.ID)
		w.must(err)
		w.eq("kept", *call.Kept, *l.Contact.Callback)
	}},
	{"I8 a retry is not rung before it is due", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 1)
		w.settle(w.one(c), dialler.NoAnswer)
		w.pass(50 * time.Second)
		w.none(c)
		w.pass(20 * time.Second)
		l := w.leased(n, c)[0]
		w.eq("class", l.Attempt.Class, dialler.ClassRetry)
		w.eq("attempt", l.Attempt.N, 2)
	}},
	{"I8 the longest due callback first, whatever its campaign", func(w *world) {
		a, b := w.campaign("a"), w.campaign("b")
		var want []dialler.Number
		for i, minutes := range []string{"30", "10", "20", "40"} {
			c := []dialler.Campaign{a, b}[i%2]
			n := w.people(c, 1)[0]
			l := w.one(c)
			w.settle(l, dialler.Answered)
			w.hear(l, later(minutes+" minutes", ""))
			want = append(want, n)
		}
		w.pass(time.Hour)
		w.leased([]dialler.Number{want[1], want[2], want[0], want[3]}, a, b)
	}},
	{"I8 the longest due retry first, whatever its campaign", func(w *world) {
		a, b := w.campaign("a"), w.campaign("b")
		na, nb := w.people(a, 3), w.people(b, 3)
		var want []dialler.Number
		for i := range 3 {
			w.settle(w.one(b), dialler.Busy)
			w.pass(time.Second)
			w.settle(w.one(a), dialler.Busy)
			w.pass(time.Second)
			want = append(want, nb[i], na[i])
		}
		w.pass(time.Hour)
		w.leased(want, a, b)
	}},
	{"campaigns take turns with pending contacts within a lease", func(w *world) {
		a, b, c := w.campaign("a"), w.campaign("b"), w.campaign("c")
		na, nb, nc := w.people(a, 4), w.people(b, 1), w.people(c, 4)
		got := called(w.lease(9, a, b, c))
		count := func(of []dialler.Number, upTo int) (n int) {
			for _, g := range got[:upTo] {
				if slices.Contains(of, g) {
					n++
				}
			}
			return n
		}
		w.eq("leased", len(got), 9)
		w.eq("in the first three", []int{count(na, 3), count(nb, 3), count(nc, 3)}, []int{1, 1, 1})
		w.eq("in the first five", []int{count(na, 5), count(nc, 5)}, []int{2, 2})
		w.eq("in the first seven", []int{count(na, 7), count(nc, 7)}, []int{3, 3})
	}},
	{"campaigns take turns with pending contacts from lease to lease", func(w *world) {
		cs := []dialler.Campaign{w.campaign("a"), w.campaign("b"), w.campaign("c")}
		for _, c := range cs {
			w.people(c, 10)
		}
		got := map[dialler.CampaignID]int{}
		for i := range 12 {
			got[w.one(cs...).Attempt.Campaign]++
			if lead := i/3 + 1; got[cs[0].ID] > lead || got[cs[1].ID] > lead || got[cs[2].ID] > lead {
				w.Fatalf("after %d leases: %v", i+1, got)
			}
		}
	}},
	{"trunks do not wait for each other", func(w *world) {
		a, b := w.campaign("a"), w.campaign("b", onOtherTrunk)
		na, nb := w.people(a, 1), w.people(b, 1)
		w.promised(a)
		w.pass(2 * time.Hour)
		got := called(w.lease(1, a, b))
		slices.Sort(got)
		w.eq("leased", got, []dialler.Number{na[0], nb[0]})
	}},
	{"I1 a number in two campaigns is rung by one at a time", func(w *world) {
		a, b := w.campaign("a"), w.campaign("b")
		n := w.numbers(1)
		w.add(a, n...)
		w.add(b, n...)
		l := w.leased(n, a, b)[0]
		w.none(a, b)
		w.settle(l, dialler.Answered)
		// The other was skipped, not lost.
		m := w.leased(n, a, b)[0]
		if m.Attempt.Campaign == l.Attempt.Campaign {
			w.Fatal("the same campaign rang again")
		}
		w.none(a, b)
		w.audit()
	}},
	{"I1 a number in two campaigns is leased once in one lease, and blocks nobody behind it", func(w *world) {
		a, b := w.campaign("a"), w.campaign("b", onOtherTrunk)
		n := w.numbers(3)
		w.add(a, n[0], n[1])
		w.add(b, n[0], n[2])
		got := called(w.lease(10, a, b))
		slices.Sort(got)
		w.eq("leased", got, n)
		w.audit()
	}},
	{"I1 a long run of numbers being rung elsewhere blocks nobody behind it", func(w *world) {
		a, b := w.campaign("a", seats(500)), w.campaign("b", seats(500))
		n := w.numbers(301)
		w.add(a, n[:300]...)
		w.add(b, n...)
		w.eq("leased by a", len(w.lease(300, a)), 300)
		w.leased(n[300:], b)
	}},
	{"nothing for a campaign or trunk that is not named", func(w *world) {
		c := w.campaign("c")
		w.people(c, 1)
		for _, req := range []dialler.LeaseRequest{
			{},
			{Trunks: w.request(1, c).Trunks},
			{Campaigns: w.request(1, c).Campaigns},
			{Campaigns: w.request(1, c).Campaigns, Trunks: []dialler.TrunkQuota{{Trunk: otherTrunk, N: 5}}},
			w.request(0, c),
			w.request(-1, c),
		} {
			req.Node, req.Now, req.TTL = node, w.now(), ttl
			ls, err := w.s.Lease(w.ctx, req)
			w.must(err)
			w.eq("leased", called(ls), []dialler.Number{})
		}
	}},
	{"nothing of a campaign that is not running", func(w *world) {
		draft, err := w.s.CreateCampaign(w.ctx, w.draft("draft"))
		w.must(err)
		paused, stopped := w.campaign("paused"), w.campaign("stopped")
		for _, c := range []dialler.Campaign{draft, paused, stopped} {
			w.people(c, 1)
		}
		w.do(paused, dialler.Pause)
		w.do(stopped, dialler.Stop)
		w.none(draft, paused, stopped)
		w.do(paused, dialler.Resume)
		w.eq("leased", len(w.lease(5, draft, paused, stopped)), 1)
	}},
}

func onOtherTrunk(c *dialler.Campaign) { c.Trunk = otherTrunk }
func onOtherBot(c *dialler.Campaign)   { c.Bot = otherBot }

func seats(n int) func(*dialler.Campaign) { return func(c *dialler.Campaign) { c.Seats = n } }

var limitTests = []test{
	{"I9 a campaign's quota and its trunk's both hold", func(w *world) {
		a, b := w.campaign("a"), w.campaign("b")
		w.people(a, 10)
		w.people(b, 10)
		req := dialler.LeaseRequest{
			Node: node, Now: w.now(), TTL: ttl, Trunks: []dialler.TrunkQuota{{Trunk: trunk, N: 5}},
			Campaigns: []dialler.CampaignQuota{{Campaign: a.ID, N: 2}, {Campaign: b.ID, N: 10}},
		}
		ls, err := w.s.Lease(w.ctx, req)
		w.must(err)
		n := map[dialler.CampaignID]int{}
		for _, l := range ls {
			n[l.Attempt.Campaign]++
		}
		w.eq("of a and b", []int{n[a.ID], n[b.ID]}, []int{2, 3})
	}},
	{"I9 seats, counting calls under way", func(w *world) {
		c := w.campaign("c", seats(3))
		w.people(c, 10)
		ls := w.lease(10, c)
		w.eq("leased", len(ls), 3)
		w.none(c)
		w.settle(ls[1], dialler.Answered)
		w.eq("leased", len(w.lease(10, c)), 1)
		w.none(c)
	}},
	{"I9 a bot's capacity, over all campaigns and trunks", func(w *world) {
		w.must(w.s.PutBot(w.ctx, dialler.Bot{Name: bot, Endpoint: "PJSIP/asha", Capacity: 4}))
		a, b, c := w.campaign("a"), w.campaign("b", onOtherTrunk), w.campaign("c", onOtherBot)
		for _, x := range []dialler.Campaign{a, b, c} {
			w.people(x, 10)
		}
		ls := w.lease(10, a, b)
		w.eq("leased", len(ls), 4)
		w.none(a, b)
		w.eq("with another bot", len(w.lease(10, c)), 10)
		w.settle(ls[0], dialler.Busy)
		w.eq("leased", len(w.lease(10, a, b)), 1)
	}},
	{"I9 a trunk's channels, over all campaigns", func(w *world) {
		w.must(w.s.PutTrunk(w.ctx, dialler.Trunk{Name: trunk, Switch: "pbx", Dial: "PJSIP/{number}@x", Channels: 4}))
		a, b, c := w.campaign("a"), w.campaign("b"), w.campaign("c", onOtherTrunk)
		for _, x := range []dialler.Campaign{a, b, c} {
			w.people(x, 10)
		}
		ls := w.lease(10, a, b)
		w.eq("leased", len(ls), 4)
		w.none(a, b)
		w.eq("on another trunk", len(w.lease(10, c)), 10)
		w.settle(ls[0], dialler.Busy)
		w.eq("leased", len(w.lease(10, a, b)), 1)
	}},
	{"I9 a limit lowered below what is under way gives nothing", func(w *world) {
		c := w.campaign("c")
		w.people(c, 10)
		w.eq("leased", len(w.lease(5, c)), 5)
		w.must(w.s.PutTrunk(w.ctx, dialler.Trunk{Name: trunk, Switch: "pbx", Dial: "PJSIP/{number}@x", Channels: 3}))
		w.none(c)
	}},
	{"I9 a lapsed lease still takes its seat", func(w *world) {
		c := w.campaign("c", seats(1))
		w.people(c, 2)
		w.one(c)
		w.pass(time.Hour)
		w.none(c)
	}},
	{"I8 a callback that may not be rung, its campaign's seats being full, holds up no other campaign", func(w *world) {
		a, b := w.campaign("a", seats(1)), w.campaign("b")
		w.people(a, 1)
		w.promised(a)
		w.people(a, 1)
		w.one(a) // takes the seat
		w.pass(2 * time.Hour)
		n := w.people(b, 1)
		w.leased(n, a, b)
	}},
	{"I8 a campaign with no quota holds up no other", func(w *world) {
		a, b := w.campaign("a"), w.campaign("b")
		w.people(a, 1)
		w.promised(a)
		w.pass(2 * time.Hour)
		n := w.people(b, 1)
		req := w.request(1, b)
		req.Campaigns = append(req.Campaigns, dialler.CampaignQuota{Campaign: a.ID})
		ls, err := w.s.Lease(w.ctx, req)
		w.must(err)
		w.eq("leased", called(ls), n)
	}},
}
