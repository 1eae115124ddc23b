package storetest

import (
	"encoding/json"
	"strings"
	"time"

	"ringback/callback"
	"ringback/dialler"
)

// asked makes a contact that has had its conversation, and the lease of it.
func (w *world) asked(c dialler.Campaign) dialler.Lease {
	w.Helper()
	w.people(c, 1)
	l := w.one(c)
	w.settle(l, dialler.Answered)
	return l
}

var hearTests = []test{
	{"somebody who asks is promised a time, with its working", func(w *world) {
		c := w.campaign("c")
		l := w.asked(c)
		call, err := w.s.Call(w.ctx, l.Attempt.ID)
		w.must(err)
		r := w.hear(l, later("30 minutes", "driving, \"now\" — गाड़ी"))
		w.eq("verdict", []any{r.Verdict, r.Call, r.Contact, r.Duplicate}, []any{dialler.RulingScheduled, l.Attempt.ID, l.Contact.ID, false})
		cb := r.Callback
		w.eq("callback", []any{cb.Contact, cb.Campaign, cb.AskedOn, cb.Chain, cb.Phrase, cb.Reason, cb.Confidence, cb.State, cb.Attempts},
			[]any{l.Contact.ID, c.ID, l.Attempt.ID, 1, "30 minutes", "driving, \"now\" — गाड़ी", 0.9, dialler.CallbackWaiting, 0})
		w.at("requested", cb.Requested, call.Ended)
		w.at("due", cb.Due, call.Ended.Add(30*time.Minute))
		w.at("scheduled", cb.Scheduled, cb.Due)
		w.at("read", cb.Read, cb.Due)
		if cb.ID == 0 || cb.Rule == "" || len(cb.Trace) == 0 {
			w.Fatalf("callback %+v", cb)
		}
		ct, err := w.s.Contact(w.ctx, l.Contact.ID)
		w.must(err)
		w.eq("state", ct.State, dialler.CallbackScheduled)
		w.eq("owed", *ct.Callback, *cb)
		w.at("due", ct.Due, cb.Due)
		w.audit()
		got := w.counters(c)
		w.eq("requested, pending", []int{got.Requested, got.Pending()}, []int{1, 1})
		w.eq("average delay", got.AvgDelay, 30*time.Minute)
	}},
	{"requested_at is when they spoke", func(w *world) {
		c := w.campaign("c")
		l := w.asked(c)
		a := later("1 hour", "")
		a.RequestedAt = w.now().Add(-time.Second)
		r := w.hear(l, a)
		w.at("requested", r.Callback.Requested, a.RequestedAt)
		w.at("due", r.Callback.Due, a.RequestedAt.Add(time.Hour))
	}},
	{"words without a time fall back to the retry delay", func(w *world) {
		c := w.campaign("c")
		r := w.hear(w.asked(c), later("whenever the stars allow", ""))
		w.at("due", r.Callback.Due, r.Callback.Requested.Add(time.Minute))
		w.eq("rule", r.Callback.Rule, string(callback.Fallback))
	}},
	{"the record is kept as it came, and told with the callback", func(w *world) {
		c := w.campaign("c")
		l := w.asked(c)
		a := later("1 hour", "driving")
		w.hear(l, a)
		call, err := w.s.Call(w.ctx, l.Attempt.ID)
		w.must(err)
		w.eq("analysis", string(call.Analysis), string(a.Raw))
		w.eq("verdict", call.Ruling.Verdict, dialler.RulingScheduled)
		m := body[dialler.CallbackMessage](w, w.outbox(dialler.CallbackMade)[0])
		var told, sent map[string]any
		w.must(json.Unmarshal(m.Analysis, &told))
		w.must(json.Unmarshal(a.Raw, &sent))
		w.eq("analysis", told, sent)
		w.eq("reason", m.Reason, "driving")
	}},
	{"I10 a record full of quotes is kept to the letter", func(w *world) {
		c := w.campaign("c")
		l := w.asked(c)
		nasty := `'); DROP TABLE contact; --` + "\r\n\"" + strings.Repeat("कल ", 500)
		raw, err := json.Marshal(map[string]any{"callback_requested": true, "callback_preferred_time_text": "1 hour", "callback_reason": nasty[:200], "notes": nasty})
		w.must(err)
		a, err := callback.ParseAnalysis(raw)
		w.must(err)
		r := w.hear(l, a)
		call, err := w.s.Call(w.ctx, l.Attempt.ID)
		w.must(err)
		w.eq("analysis", string(call.Analysis), string(raw))
		w.eq("reason", r.Callback.Reason, a.Reason)
		w.eq("reason", call.Ruling.Callback.Reason, a.Reason)
	}},
	{"an analysis made in code is kept with its keys", func(w *world) {
		c := w.campaign("c")
		l := w.asked(c)
		w.hear(l, callback.Analysis{Requested: true, PreferredTimeText: "1 hour", Reason: "busy", Confidence: 0.5})
		call, err := w.s.Call(w.ctx, l.Attempt.ID)
		w.must(err)
		a, err := callback.ParseAnalysis(call.Analysis)
		w.must(err)
		w.eq("kept", []any{a.Requested, a.PreferredTimeText, a.Reason, a.Confidence}, []any{true, "1 hour", "busy", 0.5})
	}},
	{"somebody who does not ask is promised nothing, and the record is kept", func(w *world) {
		c := w.campaign("c")
		l := w.asked(c)
		r := w.hear(l, content())
		w.eq("verdict", r.Verdict, dialler.RulingNone)
		call, err := w.s.Call(w.ctx, l.Attempt.ID)
		w.must(err)
		w.eq("analysis", string(call.Analysis), string(content().Raw))
		w.eq("verdict", call.Ruling.Verdict, dialler.RulingNone)
		w.eq("requested", w.counters(c).Requested, 0)
		w.audit()
	}},
	{"I11 the same analysis twice schedules once", func(w *world) {
		c := w.campaign("c")
		l := w.asked(c)
		first := w.hear(l, later("1 hour", "driving"))
		again := w.hear(l, later("1 hour", "driving"))
		w.eq("duplicate", []bool{first.Duplicate, again.Duplicate}, []bool{false, true})
		w.eq("verdict", again.Verdict, dialler.RulingScheduled)
		w.eq("callback", *again.Callback, *first.Callback)
		w.eq("requested", w.counters(c).Requested, 1)
		w.audit()
	}},
	{"I11 also when the promise was kept meanwhile", func(w *world) {
		c := w.campaign("c")
		l := w.asked(c)
		first := w.hear(l, later("1 hour", "driving"))
		w.pass(2 * time.Hour)
		w.settle(w.one(c), dialler.Answered)
		again := w.hear(l, later("1 hour", "driving"))
		w.eq("again", []any{again.Duplicate, again.Verdict, again.Callback.ID}, []any{true, dialler.RulingScheduled, first.Callback.ID})
		w.pass(24 * time.Hour)
		w.none(c)
		w.audit()
	}},
	{"I11 also when it says no, or was refused", func(w *world) {
		c := w.campaign("c", func(c *dialler.Campaign) { c.CallbackDetection = false })
		l, m := w.asked(c), w.asked(c)
		w.hear(l, content())
		again := w.hear(l, content())
		w.eq("again", []any{again.Duplicate, again.Verdict}, []any{true, dialler.RulingNone})
		w.hear(m, later("1 hour", ""))
		again = w.hear(m, later("1 hour", ""))
		w.eq("again", []any{again.Duplicate, again.Verdict, again.Refused}, []any{true, dialler.RulingRefused, dialler.RefusedCampaignGate})
		w.eq("refused", w.counters(c).Refused[dialler.RefusedCampaignGate], 1)
		w.audit()
	}},
	{"a record that differs replaces the first, and is ruled on where that scheduled nothing", func(w *world) {
		c := w.campaign("c")
		l := w.asked(c)
		w.hear(l, content())
		r := w.hear(l, later("1 hour", "driving"))
		w.eq("verdict", []any{r.Verdict, r.Duplicate}, []any{dialler.RulingScheduled, false})
		call, err := w.s.Call(w.ctx, l.Attempt.ID)
		w.must(err)
		w.eq("analysis", string(call.Analysis), string(later("1 hour", "driving").Raw))
		// What was promised stands.
		again := w.hear(l, later("2 hour", "changed my mind"))
		w.eq("again", []any{again.Duplicate, again.Callback.ID, again.Callback.Phrase}, []any{true, r.Callback.ID, "1 hour"})
		call, err = w.s.Call(w.ctx, l.Attempt.ID)
		w.must(err)
		w.eq("analysis", string(call.Analysis), string(later("2 hour", "changed my mind").Raw))
		w.eq("requested", w.counters(c).Requested, 1)
		w.audit()
	}},
	{"the double gate, each refusal counted with its reason", func(w *world) {
		c := w.campaign("c", onOtherBot)
		shut := w.campaign("shut", func(c *dialler.Campaign) { c.CallbackDetection = false })
		w.must(w.s.PutBot(w.ctx, dialler.Bot{Name: otherBot, Endpoint: "PJSIP/ravi", Callbacks: false}))
		r := w.hear(w.asked(c), later("1 hour", ""))
		w.eq("refused", []any{r.Verdict, r.Refused}, []any{dialler.RulingRefused, dialler.RefusedBotGate})
		r = w.hear(w.asked(shut), later("1 hour", ""))
		w.eq("refused", []any{r.Verdict, r.Refused}, []any{dialler.RulingRefused, dialler.RefusedCampaignGate})
		// The gates are read when the analysis is, not as they were during the call.
		l := w.asked(c)
		w.must(w.s.PutBot(w.ctx, dialler.Bot{Name: otherBot, Endpoint: "PJSIP/ravi", Callbacks: true}))
		w.eq("verdict", w.hear(l, later("1 hour", "")).Verdict, dialler.RulingScheduled)
		w.eq("refused", w.counters(c).Refused, map[dialler.RefusalReason]int{dialler.RefusedBotGate: 1})
		w.audit()
	}},
	{"an analysis that comes during its call waits for its end", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 1)
		l := w.one(c)
		r := w.hear(l, later("1 hour", "driving"))
		w.eq("verdict", r.Verdict, dialler.RulingDeferred)
		again := w.hear(l, later("1 hour", "driving"))
		w.eq("again", []any{again.Verdict, again.Duplicate}, []any{dialler.RulingDeferred, true})
		w.audit()
		st := w.settle(l, dialler.Answered)
		w.eq("rulings", len(st.Rulings), 1)
		r = st.Rulings[0]
		w.eq("ruling", []any{r.Call, r.Verdict, st.Contact.State}, []any{l.Attempt.ID, dialler.RulingScheduled, dialler.CallbackScheduled})
		w.eq("owed", st.Contact.Callback.ID, r.Callback.ID)
		again = w.hear(l, later("1 hour", "driving"))
		w.eq("again", []any{again.Verdict, again.Duplicate, again.Callback.ID}, []any{dialler.RulingScheduled, true, r.Callback.ID})
		w.audit()
		w.pass(2 * time.Hour)
		w.leased(n, c)
	}},
	{"an analysis that comes while its contact is rung again waits, and they are ruled on in order", func(w *world) {
		c := w.campaign("c", func(c *dialler.Campaign) { c.MaxAttempts = 9 })
		w.people(c, 1)
		first := w.one(c)
		w.settle(first, dialler.Abandoned)
		w.pass(2 * time.Minute)
		second := w.one(c)
		w.settle(second, dialler.NoAnswer)
		w.pass(2 * time.Minute)
		third := w.one(c)
		for _, l := range []dialler.Lease{second, first} {
			w.eq("verdict", w.hear(l, later("1 hour", "call "+string(l.Attempt.ID))).Verdict, dialler.RulingDeferred)
		}
		st := w.settle(third, dialler.NoAnswer)
		w.eq("rulings", len(st.Rulings), 2)
		w.eq("first", []any{st.Rulings[0].Call, st.Rulings[0].Verdict}, []any{second.Attempt.ID, dialler.RulingScheduled})
		w.eq("second", []any{st.Rulings[1].Call, st.Rulings[1].Verdict, st.Rulings[1].Refused}, []any{first.Attempt.ID, dialler.RulingRefused, dialler.RefusedWaiting})
		w.audit()
	}},
	{"an analysis that waited is ruled on when the lease is withdrawn, too", func(w *world) {
		c := w.campaign("c", func(c *dialler.Campaign) { c.MaxAttempts = 9 })
		w.people(c, 1)
		first := w.one(c)
		w.settle(first, dialler.NoAnswer)
		w.pass(2 * time.Minute)
		second := w.one(c)
		w.eq("verdict", w.hear(first, later("1 hour", "")).Verdict, dialler.RulingDeferred)
		w.must(w.s.Withdraw(w.ctx, second, time.Time{}, w.now()))
		w.eq("verdict", w.hear(first, later("1 hour", "")).Verdict, dialler.RulingScheduled)
		w.eq("requested", w.counters(c).Requested, 1)
		w.audit()
	}},
	{"a chain of promises is bounded", func(w *world) {
		c := w.campaign("c", func(c *dialler.Campaign) { c.MaxCallbackReschedules, c.MaxAttempts = 2, 99 })
		w.people(c, 1)
		for chain := 1; chain <= 3; chain++ {
			l := w.one(c)
			w.settle(l, dialler.Answered)
			r := w.hear(l, later("1 hour", ""))
			w.eq("verdict", r.Verdict, dialler.RulingScheduled)
			w.eq("chain", r.Callback.Chain, chain)
			w.pass(2 * time.Hour)
		}
		l := w.one(c)
		w.settle(l, dialler.Answered)
		r := w.hear(l, later("1 hour", ""))
		w.eq("fourth", []any{r.Verdict, r.Refused}, []any{dialler.RulingRefused, dialler.RefusedLimit})
		w.audit()
	}},
	{"a late analysis sets a finished campaign running", func(w *world) {
		c := w.campaign("c")
		l := w.asked(c)
		w.do(c, dialler.Finish)
		w.drain()
		w.hear(l, later("1 hour", ""))
		got := w.campaignNow(c)
		w.eq("state", []any{got.State, got.Ended, got.Run}, []any{dialler.CampaignRunning, dialler.EndReason(""), 1})
		w.eq("woken", w.woken(), true)
		w.pass(2 * time.Hour)
		w.one(c)
	}},
	{"a late analysis of a stopped campaign is refused", func(w *world) {
		c := w.campaign("c")
		l := w.asked(c)
		w.do(c, dialler.Stop)
		r := w.hear(l, later("1 hour", ""))
		w.eq("refused", []any{r.Verdict, r.Refused}, []any{dialler.RulingRefused, dialler.RefusedStopped})
		w.audit()
	}},
	{"a promise asked for after the day is over is made, cancelled and counted", func(w *world) {
		c := w.campaign("c", func(c *dialler.Campaign) { c.Mode = dialler.SingleDay })
		l := w.asked(c)
		w.pass(30 * time.Hour)
		w.do(c, dialler.CloseDay)
		r := w.hear(l, later("1 hour", ""))
		w.eq("ruling", []any{r.Verdict, r.Callback.State, r.Callback.Why}, []any{dialler.RulingScheduled, dialler.CallbackCancelled, dialler.ByWindowClose})
		got := w.counters(c)
		w.eq("requested, cancelled", []int{got.Requested, got.Callbacks[dialler.CallbackCancelled]}, []int{1, 1})
		w.audit()
	}},
	{"a promise to somebody waiting for a retry takes its place", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 1)
		l := w.one(c)
		w.settle(l, dialler.Abandoned)
		w.eq("state", w.state(c, n[0]), dialler.RetryScheduled)
		w.hear(l, later("1 hour", ""))
		w.eq("state", w.state(c, n[0]), dialler.CallbackScheduled)
		w.pass(30 * time.Minute)
		w.none(c)
		w.audit()
	}},
}
