package torture

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ringback/deploy/lab/farend"
	"ringback/dialler"
)

// The auditor is tried on a quiet hour in which nothing went wrong, and on the
// same hour with one thing changed: he has to say nothing, then name the
// promise that was broken.
func TestAuditor(t *testing.T) {
	noon := time.Date(2026, 3, 12, 12, 0, 0, 0, time.UTC)
	at := func(seconds float64) time.Time { return noon.Add(time.Duration(seconds * float64(time.Second))) }
	const who, other = "+919810000001", "+919810000002"
	window, err := dialler.NewWindow("UTC", map[string][]string{"daily": {"12:00-12:02", "13:00-24:00"}})
	if err != nil {
		t.Fatal(err)
	}
	attempt := func(id string, number dialler.Number, contact dialler.ContactID, n int, class dialler.Class, leased, ended float64, d dialler.Disposition) dialler.Call {
		return dialler.Call{Attempt: dialler.Attempt{ID: dialler.CallID(id), Number: number, Contact: contact, Campaign: 1, Run: 1, N: n, Class: class,
			Node: "n1", Switch: "pbx-1", Leased: at(leased), Outcome: dialler.Outcome{Ended: at(ended), Disposition: d}}}
	}
	// who is busy, asks the second time to be rung back, and is; other is
	// rung after that.
	quiet := func() *evidence {
		e := &evidence{
			campaigns: map[dialler.CampaignID]dialler.Campaign{1: {ID: 1, Name: "steady", State: dialler.CampaignCompleted, Ended: dialler.EndFinished, Window: window,
				Seats: 1, MaxAttempts: 3, RetryDelay: 2 * time.Second, Bot: "asha", CallbackDetection: true}},
			detection: map[string]bool{"asha": true}, excluded: map[string]exclusion{},
		}
		e.calls = []dialler.Call{
			attempt("one", who, 1, 1, dialler.ClassPending, 1, 2, dialler.Busy),
			attempt("two", who, 1, 2, dialler.ClassRetry, 5, 8, dialler.Answered),
			attempt("three", who, 1, 3, dialler.ClassCallback, 11, 14, dialler.Answered),
			attempt("four", other, 2, 1, dialler.ClassPending, 20, 21, dialler.Busy),
		}
		promise := dialler.Callback{ID: 7, Contact: 1, Campaign: 1, AskedOn: "two", Chain: 1, Requested: at(8), Scheduled: at(10), Due: at(10),
			State: dialler.CallbackCompleted, Closed: at(14), Attempts: 1}
		e.calls[1].Ruling = dialler.Ruling{Call: "two", Verdict: dialler.RulingScheduled, Callback: &promise}
		e.calls[1].Analysis = []byte(`{}`)
		kept := promise
		kept.Attempts = 0
		e.calls[2].Callback, e.calls[2].Due, e.calls[2].Kept = 7, at(10), &kept
		for i, c := range e.calls {
			inv := farend.Call{ID: fmt.Sprint("leg", i), Number: string(c.Number), Invited: c.Leased.Add(10 * time.Millisecond), Ended: c.Ended, Status: 486}
			e.invites = append(e.invites, inv)
			if c.Disposition == dialler.Answered {
				e.bots = append(e.bots, farend.Call{ID: fmt.Sprint("bot", i), Bot: true, Number: "bot", Invited: c.Leased.Add(time.Second), Answered: c.Leased.Add(time.Second), Ended: c.Ended,
					Headers: []farend.Header{{Name: "X-Ringback-Call-Id", Value: string(c.ID)}, {Name: "X-Ringback-Number", Value: string(c.Number)}}})
			}
		}
		body, err := json.Marshal(map[string]any{"callback_requested": true})
		if err != nil {
			t.Fatal(err)
		}
		e.deliveries = []farend.Delivery{{At: at(8.5), CallID: "two", Body: body, Status: 200}}
		return e
	}
	if found := quiet().audit(); len(found) > 0 {
		t.Fatalf("of a quiet hour it is said: %v", found)
	}
	e := quiet()
	if e.audit(); e.judged != 1 {
		t.Errorf("%d callbacks were judged, want the one", e.judged)
	}
	if s := e.story(violation{number: who, at: e.invites[0].Invited}); strings.Count(s, "INVITE") != 5 || strings.Count(s, "  > ") != 1 || !strings.Contains(s, "callback 7 is completed") {
		t.Errorf("the story of %s is not whole:\n%s", who, s)
	}
	campaign := func(e *evidence, change func(*dialler.Campaign)) {
		c := e.campaigns[1]
		change(&c)
		e.campaigns[1] = c
	}
	for _, broken := range []struct {
		promise, what string
		change        func(*evidence)
	}{
		{"I1", "is rung while a call is up", func(e *evidence) { e.invites[1].Ended = at(11.5) }},
		{"I2", "an attempt is not in the database", func(e *evidence) { e.calls = e.calls[:3] }},
		{"I2", "one attempt rings twice", func(e *evidence) {
			e.invites = append(e.invites, farend.Call{ID: "again", Number: other, Invited: at(20.5), Ended: at(20.6)})
			e.invites[3].Ended = at(20.4)
		}},
		{"I2", "the bot is called for nobody", func(e *evidence) {
			e.bots = append(e.bots, farend.Call{ID: "stray", Bot: true, Invited: at(3), Headers: []farend.Header{{Name: "X-Ringback-Call-Id", Value: "nobody"}}})
		}},
		{"I3", "an attempt that is settled rings", func(e *evidence) { e.invites[3].Invited, e.invites[3].Ended = at(25), at(26) }},
		{"I3", "rings before the retry delay is over", func(e *evidence) { campaign(e, func(c *dialler.Campaign) { c.RetryDelay = time.Minute }) }},
		{"I3", "a promise is kept before its time", func(e *evidence) { e.calls[2].Due = at(12) }},
		{"I3", "a call goes on after its attempt was settled", func(e *evidence) { e.invites[3].Ended = at(60) }},
		{"I9", "a call too many at once", func(e *evidence) {
			e.calls[3].Leased, e.calls[3].Ended = at(13), at(15)
			e.invites[3].Invited, e.invites[3].Ended = at(13.1), at(15)
		}},
		{"I4", "an attempt too many", func(e *evidence) { campaign(e, func(c *dialler.Campaign) { c.MaxAttempts = 1 }) }},
		{"I4", "a promise too many in a row", func(e *evidence) {
			campaign(e, func(c *dialler.Campaign) { c.MaxCallbackReschedules = -1 })
			e.calls[1].Ruling.Callback.Chain = 2
		}},
		{"I5", "a callback waits for ever", func(e *evidence) { e.calls[1].Ruling.Callback.State = dialler.CallbackWaiting }},
		{"I5", "an analysis is lost", func(e *evidence) { e.calls[1].Analysis = nil }},
		{"I5", "a request is not granted", func(e *evidence) { e.calls[1].Ruling = dialler.Ruling{Verdict: dialler.RulingNone} }},
		{"I5", "a request is refused for no reason", func(e *evidence) {
			e.calls[1].Ruling = dialler.Ruling{Verdict: dialler.RulingRefused, Refused: dialler.RefusedBotGate}
		}},
		{"I5", "a callback is made of nothing", func(e *evidence) { e.deliveries[0].Body = []byte(`{}`) }},
		{"I5", "an analysis is answered that there is no such call", func(e *evidence) { e.deliveries[0].Status = 404 }},
		{"I5", "a conversation that no bot had", func(e *evidence) { e.bots = e.bots[:1] }},
		{"I5", "a call without an end", func(e *evidence) { e.calls[3].Outcome = dialler.Outcome{} }},
		{"I6", "outside the window", func(e *evidence) {
			e.calls[3].Leased, e.calls[3].Ended = at(126), at(128)
			e.invites[3].Invited, e.invites[3].Ended = at(127), at(128)
		}},
		{"I6", "after the day", func(e *evidence) {
			campaign(e, func(c *dialler.Campaign) { c.Mode, c.Closes = dialler.SingleDay, at(3) })
		}},
		{"I6", "while paused", func(e *evidence) { e.halts = []halt{{1, at(9), at(30)}} }},
		{"I6", "while excluded", func(e *evidence) { e.excluded[other] = exclusion{at(1), at(2)} }},
		{"I8", "a callback waits for a pending contact", func(e *evidence) {
			e.calls[3].Leased, e.calls[3].Ended = at(15), at(16)
			e.invites[3].Invited, e.invites[3].Ended = at(15.1), at(16)
			e.calls[2].Leased, e.calls[2].Ended = at(17), at(18)
			e.invites[2].Invited, e.invites[2].Ended = at(17.1), at(18)
		}},
	} {
		e := quiet()
		broken.change(e)
		slices.SortFunc(e.calls, func(a, b dialler.Call) int { return a.Leased.Compare(b.Leased) })
		found := e.audit()
		if len(found) == 0 {
			t.Errorf("%s (%s): nothing is said", broken.promise, broken.what)
		}
		for _, v := range found {
			if v.promise != broken.promise {
				t.Errorf("%s (%s): it is said that %s: %s", broken.promise, broken.what, v.promise, v.text)
			}
		}
	}
	// What a sleeping node did when it woke is forgiven; in its time, not
	// later.
	for _, slept := range []struct {
		to       float64
		forgiven bool
	}{{18, true}, {10, false}} {
		e := quiet()
		e.halts = []halt{{1, at(9), at(30)}}
		e.ordeals = []ordeal{{mishap{what: freeze, whom: "n1"}, at(8), at(slept.to)}}
		if found := e.hours(); len(found) > 0 {
			t.Fatal("hours found something before match said whose INVITE it is")
		}
		e.match()
		if found := e.hours(); (len(found) == 0) != slept.forgiven {
			t.Errorf("a node that slept until %v: %v", slept.to, found)
		}
	}
}

// A run of twenty minutes is to have at least these.
func TestPlan(t *testing.T) {
	for seed := range uint64(200) {
		n := map[string]int{}
		for _, m := range draw(seed, 20*time.Minute) {
			n[m.what]++
			if m.whom == "postgres" {
				n["postgres"]++
			}
		}
		if n[kill] < 110 || n["postgres"] < 11 || n[freeze] < 8 || n[cut] < 15 || n[stall] < 8 || n[slow] < 8 || n[lose] < 3 {
			t.Errorf("seed %d: %v", seed, n)
		}
	}
}
