package storetest

import (
	"time"

	"ringback/dialler"
)

// work is what Running says of the one running campaign.
func (w *world) work() dialler.Work {
	w.Helper()
	ws, err := w.s.Running(w.ctx, w.now())
	w.must(err)
	if len(ws) != 1 {
		w.Fatalf("%d campaigns are running, want one", len(ws))
	}
	return ws[0]
}

// dueNow fails the test unless somebody can be rung at once.
func (w *world) dueNow() {
	w.Helper()
	if due := w.work().NextDue; due.IsZero() || due.After(w.now().Add(time.Second)) {
		w.Fatalf("next due %v, want now (%v)", due, w.now())
	}
}

var runningTests = []test{
	{"running campaigns come with their bot and trunk, others not at all", func(w *world) {
		a := w.campaign("a", onOtherTrunk, onOtherBot)
		b := w.campaign("b")
		w.do(b, dialler.Pause)
		c := w.campaign("c")
		w.do(c, dialler.Stop)
		_, err := w.s.CreateCampaign(w.ctx, w.draft("d"))
		w.must(err)
		got := w.work()
		w.eq("work", []any{got.Campaign.ID, got.Bot.Name, got.Trunk.Name, got.Live, got.Waiting, got.NextDue.IsZero()}, []any{a.ID, otherBot, otherTrunk, 0, 0, true})
		if !sameCampaign(got.Campaign, a) {
			w.Fatalf("campaign %+v, want %+v", got.Campaign, a)
		}
	}},
	{"a paused Single Day is still cared for: its day ends all the same", func(w *world) {
		c := w.campaign("c", func(c *dialler.Campaign) { c.Mode = dialler.SingleDay })
		w.do(c, dialler.Pause)
		w.eq("work", []any{w.work().Campaign.ID, w.work().Campaign.State}, []any{c.ID, dialler.CampaignPaused})
		w.pass(30 * time.Hour)
		w.do(c, dialler.CloseDay)
		ws, err := w.s.Running(w.ctx, w.now())
		w.must(err)
		w.eq("work", len(ws), 0)
	}},
	{"waiting and live are counted apart", func(w *world) {
		c := w.campaign("c")
		w.people(c, 5)
		w.lease(2, c)
		got := w.work()
		w.eq("waiting, live, all", []int{got.Waiting, got.Live, got.Contacts}, []int{3, 2, 5})
	}},
	{"the next due is now where somebody can be rung", func(w *world) {
		c := w.campaign("c")
		w.people(c, 1)
		w.dueNow()
		w.settle(w.one(c), dialler.Busy)
		w.pass(2 * time.Minute)
		w.dueNow()
	}},
	{"the next due is the earliest of all classes", func(w *world) {
		c := w.campaign("c")
		w.people(c, 1)
		r := w.promised(c)
		w.at("next due", w.work().NextDue, r.Callback.Due)
		w.people(c, 1)
		o := w.ended(dialler.Busy)
		_, err := w.s.Settle(w.ctx, w.one(c), o)
		w.must(err)
		w.at("next due", w.work().NextDue, o.Ended.Add(time.Minute))
		w.people(c, 1)
		w.dueNow()
		until := w.now().Add(30 * time.Second)
		w.must(w.s.Withdraw(w.ctx, w.one(c), until, w.now()))
		w.at("next due", w.work().NextDue, until)
	}},
	{"a contact being rung is not due, nor is another of its number, until the call is over", func(w *world) {
		a, b := w.campaign("a"), w.campaign("b")
		n := w.numbers(1)
		w.add(a, n...)
		w.add(b, n...)
		l := w.one(a)
		w.do(a, dialler.Pause) // leaves b
		got := w.work()
		w.eq("of b", []any{got.Campaign.ID, got.Waiting, got.Live, got.NextDue.IsZero()}, []any{b.ID, 1, 0, true})
		w.drain()
		w.settle(l, dialler.Answered)
		w.eq("woken", w.woken(), true)
		w.dueNow()
	}},
	{"a new promise is the next due, and the loop is told", func(w *world) {
		c := w.campaign("c")
		l := w.asked(c)
		w.drain()
		r := w.hear(l, later("1 hour", ""))
		w.eq("woken", w.woken(), true)
		w.at("next due", w.work().NextDue, r.Callback.Due)
	}},
}
