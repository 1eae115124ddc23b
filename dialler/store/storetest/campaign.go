package storetest

import (
	"errors"
	"time"

	"ringback/dialler"
)

// mixed makes a running campaign with a contact in every state that waits, one
// being rung as a callback, and one completed. It returns the lease of the one
// being rung.
func (w *world) mixed(name string, edits ...func(*dialler.Campaign)) (c dialler.Campaign, n map[dialler.ContactState]dialler.Number, ringing dialler.Lease) {
	w.Helper()
	c = w.campaign(name, edits...)
	n = map[dialler.ContactState]dialler.Number{}
	n[dialler.Dialling] = w.people(c, 1)[0]
	w.promised(c)
	w.pass(2 * time.Hour)
	ringing = w.one(c)
	n[dialler.CallbackScheduled] = w.people(c, 1)[0]
	w.promised(c)
	n[dialler.RetryScheduled] = w.people(c, 1)[0]
	w.settle(w.one(c), dialler.Busy)
	n[dialler.Completed] = w.people(c, 1)[0]
	w.settle(w.one(c), dialler.Answered)
	n[dialler.Pending] = w.people(c, 1)[0]
	for state, number := range n {
		w.eq("state", w.state(c, number), state)
	}
	return c, n, ringing
}

var campaignTests = []test{
	{"a campaign goes where its states allow, and nowhere else", func(w *world) {
		c, err := w.s.CreateCampaign(w.ctx, w.draft("c"))
		w.must(err)
		for _, step := range []struct {
			what dialler.CampaignEvent
			to   dialler.CampaignState // "": it cannot
		}{
			{dialler.Pause, ""}, {dialler.Stop, ""}, {dialler.Resume, ""}, {dialler.Restart, ""},
			{dialler.Start, dialler.CampaignRunning}, {dialler.Start, ""}, {dialler.Resume, ""},
			{dialler.Pause, dialler.CampaignPaused}, {dialler.Finish, ""}, {dialler.Pause, ""},
			{dialler.Resume, dialler.CampaignRunning}, {dialler.Stop, dialler.CampaignCompleted},
			{dialler.Stop, ""}, {dialler.CloseDay, ""}, {dialler.Restart, dialler.CampaignRunning},
			{dialler.Finish, dialler.CampaignCompleted},
		} {
			before := w.campaignNow(c)
			got, err := w.s.Transition(w.ctx, c.ID, step.what, w.now())
			if step.to == "" {
				var te *dialler.TransitionError
				if !errors.As(err, &te) || te.State != before.State || te.Event != step.what {
					w.Fatalf("%s from %s: %v", step.what, before.State, err)
				}
				w.eq("state", w.campaignNow(c).State, before.State)
				continue
			}
			w.must(err)
			w.eq("state", []any{got.State, w.campaignNow(c).State}, []any{step.to, step.to})
		}
		w.eq("run", w.campaignNow(c).Run, 2)
	}},
	{"a single day ends when its window does", func(w *world) {
		c := w.campaign("c", func(c *dialler.Campaign) { c.Mode = dialler.SingleDay })
		if !c.Closes.After(w.now()) || c.Closes.After(w.now().Add(25*time.Hour)) {
			w.Fatalf("closes %v, now %v", c.Closes, w.now())
		}
		w.at("closes", w.campaignNow(c).Closes, c.Closes)
	}},
	{"stop cancels what waits, and lets the call in progress end", func(w *world) {
		c, n, ringing := w.mixed("c")
		other, m, _ := w.mixed("other")
		w.do(c, dialler.Stop)
		for was, number := range n {
			want := dialler.Stopped
			if was == dialler.Completed || was == dialler.Dialling {
				want = was
			}
			w.eq("a contact that was "+string(was), w.state(c, number), want)
		}
		w.eq("closed", w.counters(c).Closed, map[dialler.CloseReason]int{dialler.ByStop: 1})
		w.eq("ended", w.campaignNow(c).Ended, dialler.EndStopped)
		w.audit()
		st := w.settle(ringing, dialler.Busy)
		w.eq("then", []any{st.Contact.State, st.Callback.State, st.Callback.Why}, []any{dialler.Stopped, dialler.CallbackCancelled, dialler.ByStop})
		for was, number := range m {
			w.eq("of another campaign", w.state(other, number), was)
		}
		w.pass(24 * time.Hour)
		w.none(c)
		w.audit()
	}},
	{"a conversation held when the campaign was stopped is completed", func(w *world) {
		c, _, ringing := w.mixed("c")
		w.do(c, dialler.Stop)
		st := w.settle(ringing, dialler.Answered)
		w.eq("state", []any{st.Contact.State, st.Callback.State}, []any{dialler.Completed, dialler.CallbackCompleted})
		w.audit()
	}},
	{"a single day's end cancels what waits, and lets the call in progress end", func(w *world) {
		c, n, ringing := w.mixed("c", func(c *dialler.Campaign) { c.Mode = dialler.SingleDay })
		_, err := w.s.Transition(w.ctx, c.ID, dialler.CloseDay, w.now())
		var te *dialler.TransitionError
		if !errors.As(err, &te) || !te.DayOpen {
			w.Fatalf("closed before the day was over: %v", err)
		}
		w.pass(30 * time.Hour)
		w.do(c, dialler.CloseDay)
		for was, number := range n {
			want := dialler.WindowClosed
			if was == dialler.Completed || was == dialler.Dialling {
				want = was
			}
			w.eq("a contact that was "+string(was), w.state(c, number), want)
		}
		w.eq("closed", w.counters(c).Closed, map[dialler.CloseReason]int{dialler.ByWindowClose: 1})
		w.eq("ended", w.campaignNow(c).Ended, dialler.EndWindowClosed)
		w.audit()
		st := w.settle(ringing, dialler.NoAnswer)
		w.eq("then", []any{st.Contact.State, st.Callback.State, st.Callback.Why}, []any{dialler.WindowClosed, dialler.CallbackCancelled, dialler.ByWindowClose})
		w.audit()
	}},
	{"each cancelled callback is told once", func(w *world) {
		c := w.campaign("c")
		for range 20 {
			w.people(c, 1)
			w.promised(c)
		}
		w.do(c, dialler.Stop)
		ms := w.outbox(dialler.CallbackOver)
		w.eq("messages", len(ms), 20)
		m := body[dialler.CallbackMessage](w, ms[0])
		w.eq("told", []any{m.State, m.Why, m.Campaign, m.Vars["name"], m.Phrase}, []any{dialler.CallbackCancelled, dialler.ByStop, "c", "N " + string(m.Number), "1 hour"})
		w.near("closed", m.Closed, w.now())
		w.audit()
	}},
	{"pause stops new calls and loses nothing", func(w *world) {
		c, n, ringing := w.mixed("c")
		before := w.counters(c)
		w.do(c, dialler.Pause)
		w.pass(2 * time.Hour)
		w.none(c)
		w.eq("counters", w.counters(c), before)
		w.settle(ringing, dialler.Answered)
		w.do(c, dialler.Resume)
		w.leased([]dialler.Number{n[dialler.CallbackScheduled], n[dialler.Pending], n[dialler.RetryScheduled]}, c)
		w.audit()
	}},
	{"an analysis that comes while paused is ruled on", func(w *world) {
		c := w.campaign("c")
		l := w.asked(c)
		w.do(c, dialler.Pause)
		w.eq("verdict", w.hear(l, later("1 hour", "")).Verdict, dialler.RulingScheduled)
		w.eq("state", w.campaignNow(c).State, dialler.CampaignPaused)
		w.audit()
	}},
	{"nobody finishes a campaign in which somebody waits or is being rung", func(w *world) {
		c := w.campaign("c")
		w.people(c, 1)
		w.eq("with one pending", []any{w.do(c, dialler.Finish).State, w.campaignNow(c).State}, []any{dialler.CampaignRunning, dialler.CampaignRunning})
		l := w.one(c)
		w.eq("during a call", []any{w.do(c, dialler.Finish).State, w.campaignNow(c).State}, []any{dialler.CampaignRunning, dialler.CampaignRunning})
		w.settle(l, dialler.Answered)
		w.do(c, dialler.Finish)
		w.eq("ended", w.campaignNow(c).Ended, dialler.EndFinished)
		w.audit()
	}},
	{"a restart rings all again but the completed and the excluded, attempts counted anew", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 5)
		ls := w.lease(5, c)
		w.settle(ls[0], dialler.Answered)
		w.settle(ls[1], dialler.Unallocated)
		w.settle(ls[2], dialler.Busy)
		w.must(w.s.Exclude(w.ctx, n[3:4], w.now()))
		w.settle(ls[3], dialler.Busy)
		w.settle(ls[4], dialler.Busy)
		w.do(c, dialler.Stop)
		w.must(w.s.Exclude(w.ctx, n[4:], w.now())) // of one that does not wait
		w.audit()
		got := w.do(c, dialler.Restart)
		w.eq("run", []any{got.Run, got.State, got.Ended}, []any{2, dialler.CampaignRunning, dialler.EndReason("")})
		for i, want := range []dialler.ContactState{dialler.Completed, dialler.Pending, dialler.Pending, dialler.ExcludedContact, dialler.ExcludedContact} {
			w.eq("contact", w.state(c, n[i]), want)
		}
		w.audit()
		for _, l := range w.leased(n[1:3], c) {
			w.eq("attempt, run", []int{l.Attempt.N, l.Attempt.Run, l.Contact.Attempts}, []int{1, 2, 0})
			w.settle(l, dialler.Busy)
		}
		w.audit()
	}},
	{"a call that outlasts a restart counts in the new run, and is not rung beside", func(w *world) {
		c, n, ringing := w.mixed("c")
		w.do(c, dialler.Stop)
		w.do(c, dialler.Restart)
		w.eq("state", w.state(c, n[dialler.Dialling]), dialler.Dialling)
		for _, l := range w.lease(10, c) {
			if l.Attempt.Number == n[dialler.Dialling] {
				w.Fatal("I1: rung twice")
			}
		}
		st := w.settle(ringing, dialler.Busy)
		w.eq("attempts", st.Contact.Attempts, 1)
		w.eq("state", []any{st.Contact.State, st.Callback.State}, []any{dialler.CallbackScheduled, dialler.CallbackWaiting})
		w.audit()
	}},
	{"the loop is told of what may be due sooner", func(w *world) {
		c, err := w.s.CreateCampaign(w.ctx, w.draft("c"))
		w.must(err)
		w.drain()
		for _, step := range []struct {
			what string
			f    func()
		}{
			{"start", func() { w.do(c, dialler.Start) }},
			{"new contacts", func() { w.people(c, 1) }},
			{"a callback", func() { l := w.one(c); w.settle(l, dialler.Answered); w.drain(); w.hear(l, later("1 hour", "")) }},
			{"resume", func() { w.do(c, dialler.Pause); w.drain(); w.do(c, dialler.Resume) }},
			{"restart", func() { w.do(c, dialler.Stop); w.drain(); w.do(c, dialler.Restart) }},
		} {
			step.f()
			w.eq("woken by "+step.what, w.woken(), true)
		}
		for range 3 { // coalesced: one token for three
			w.people(c, 1)
		}
		w.eq("woken", w.woken(), true)
	}},
}

var exclusionTests = []test{
	{"exclusion takes who waits out of every campaign", func(w *world) {
		a, n, _ := w.mixed("a")
		b := w.campaign("b")
		gone := []dialler.Number{n[dialler.Pending], n[dialler.CallbackScheduled], n[dialler.RetryScheduled], n[dialler.Completed]}
		w.add(b, gone...)
		w.must(w.s.Exclude(w.ctx, gone, w.now()))
		for was, number := range n {
			want := dialler.ExcludedContact
			if was == dialler.Completed || was == dialler.Dialling {
				want = was
			}
			w.eq("a contact that was "+string(was), w.state(a, number), want)
		}
		for _, number := range gone {
			w.eq("of the other campaign", w.state(b, number), dialler.ExcludedContact)
			yes, err := w.s.Excluded(w.ctx, number)
			w.must(err)
			w.eq("excluded", yes, true)
		}
		w.eq("closed", w.counters(a).Closed, map[dialler.CloseReason]int{dialler.ByExclusion: 1})
		w.pass(24 * time.Hour)
		w.none(a, b)
		w.must(w.s.Exclude(w.ctx, gone, w.now())) // again: nothing new
		w.audit()
	}},
	{"one that is being rung is excluded when the call ends", func(w *world) {
		c, n, ringing := w.mixed("c")
		w.must(w.s.Exclude(w.ctx, []dialler.Number{n[dialler.Dialling]}, w.now()))
		w.eq("state", w.state(c, n[dialler.Dialling]), dialler.Dialling)
		w.audit()
		st := w.settle(ringing, dialler.Busy)
		w.eq("then", []any{st.Contact.State, st.Callback.State, st.Callback.Why}, []any{dialler.ExcludedContact, dialler.CallbackCancelled, dialler.ByExclusion})
		w.audit()
	}},
	{"one whose lease is withdrawn is excluded then", func(w *world) {
		c, n, ringing := w.mixed("c")
		w.must(w.s.Exclude(w.ctx, []dialler.Number{n[dialler.Dialling]}, w.now()))
		w.must(w.s.Withdraw(w.ctx, ringing, time.Time{}, w.now()))
		w.eq("state", w.state(c, n[dialler.Dialling]), dialler.ExcludedContact)
		w.audit()
	}},
	{"an excluded number is added as excluded", func(w *world) {
		c := w.campaign("c")
		n := w.numbers(2)
		w.must(w.s.Exclude(w.ctx, n[:1], w.now()))
		w.add(c, n...)
		w.eq("states", []any{w.state(c, n[0]), w.state(c, n[1])}, []any{dialler.ExcludedContact, dialler.Pending})
		w.leased(n[1:], c)
		w.audit()
	}},
	{"an analysis of an excluded number is refused", func(w *world) {
		c := w.campaign("c")
		l := w.asked(c)
		w.must(w.s.Exclude(w.ctx, []dialler.Number{l.Attempt.Number}, w.now()))
		r := w.hear(l, later("1 hour", ""))
		w.eq("refused", []any{r.Verdict, r.Refused}, []any{dialler.RulingRefused, dialler.RefusedExcluded})
	}},
	{"readmission leaves contacts what they are", func(w *world) {
		a, b := w.campaign("a"), w.campaign("b")
		n := w.people(a, 1)
		w.must(w.s.Exclude(w.ctx, n, w.now()))
		w.must(w.s.Readmit(w.ctx, n))
		w.must(w.s.Readmit(w.ctx, w.numbers(1))) // one that never was
		yes, err := w.s.Excluded(w.ctx, n[0])
		w.must(err)
		w.eq("excluded", yes, false)
		w.eq("state", w.state(a, n[0]), dialler.ExcludedContact)
		w.none(a)
		w.add(b, n...)
		w.leased(n, b)
	}},
	{"I10 what is not a number is not excluded", func(w *world) {
		if err := w.s.Exclude(w.ctx, []dialler.Number{"+919800000001", "12"}, w.now()); err == nil {
			w.Fatal("12 was taken")
		}
		yes, err := w.s.Excluded(w.ctx, "+919800000001")
		w.must(err)
		w.eq("excluded", yes, false)
	}},
}
