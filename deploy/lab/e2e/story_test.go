package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ringback/deploy/lab/farend"
	"ringback/dialler"
	"ringback/dialler/api"
)

// later is what a customer says who names no clear time: they are due again after
// the retry delay, which is two seconds in these tests.
var later = farend.Saying{Callback: true, Phrase: "jab time mile", Reason: "driving"}

// cast gives numbers to people; who is not in it is in the phone book.
func cast(people map[string]farend.Person) func(string) (farend.Person, bool) {
	return func(number string) (farend.Person, bool) {
		p, ok := people[number]
		return p, ok
	}
}

// nasty is a reason that would do harm wherever it was taken for syntax, as long
// as an analysis may bring it.
var nasty = "गाड़ी चला रहा हूँ, \"बाद में\" {कृपया}; ${HANGUP()}=100%\r\nX-Injected: yes\r\n\r\nv=0 " + strings.Repeat("बहुत व्यस्त, ", 120)

func TestContextReachesTheBot(t *testing.T) {
	t.Parallel()
	phrase := "जब \"समय\" मिले, {तब}; ${CHANNEL}\r\nX-Injected: yes"
	for _, bot := range []string{"asha", "plan"} {
		t.Run(bot, func(t *testing.T) {
			t.Parallel()
			who := number(1, "90")
			r := newRig(t, farend.Options{BotTalk: time.Second, Who: cast(map[string]farend.Person{
				who: {Says: []farend.Saying{{Callback: true, Phrase: phrase, Reason: nasty}, {}}},
			})})
			p := r.campaign(api.Campaign{Callbacks: true, Bot: bot}, who)
			p.state(who, "completed")
			r.heard("the bot's second call", func([]farend.Call) bool { return len(r.far.Record.Bots()) >= 2 })

			first, second := r.far.Record.Bots()[0], r.far.Record.Bots()[1]
			was, is := farend.Decode(first.Headers), farend.Decode(second.Headers)
			for field, want := range map[string]string{
				"class": "pending", "attempt": "1", "number": who, "campaign": t.Name(), "callback-phrase": "", "callback-chain": "",
			} {
				if was[field] != want {
					t.Errorf("first call: %s is %q, want %q", field, was[field], want)
				}
			}
			for field, want := range map[string]string{
				"class": "callback", "attempt": "2", "number": who, "callback-phrase": phrase, "callback-chain": "1", "callback-attempt": "1",
				"callback-asked-on": was["call-id"], "truncated": "1", "var-name": "Āśā, \"" + who + "\"",
			} {
				if is[field] != want {
					t.Errorf("callback: %s is %q, want %q", field, is[field], want)
				}
			}
			reason := is["callback-reason"]
			if len(reason) < 1000 || !strings.HasPrefix(nasty, reason) {
				t.Errorf("callback: the reason is %d bytes, %.80q…, want a long beginning of what was said", len(reason), reason)
			}
			for _, h := range second.Headers {
				if strings.EqualFold(h.Name, "X-Injected") || h.Value != strings.Map(printable, h.Value) {
					t.Errorf("I10: header %s: %q came from what a customer said", h.Name, h.Value)
				}
			}
			var whole dialler.Context
			r.must("GET", "/v1/calls/"+is["call-id"]+"/context", nil, &whole)
			if whole.Callback == nil || whole.Callback.Reason != nasty || whole.Callback.Phrase != phrase {
				t.Errorf("the context over HTTP is not whole: %+v", whole.Callback)
			}
			p.sober()
		})
	}
}

func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return -1
	}
	return r
}

// TestOrder: callbacks before pending before retries, by the INVITEs themselves.
func TestOrder(t *testing.T) {
	t.Parallel()
	asks, busy := number(1, "91"), number(2, "12")
	r := newRig(t, farend.Options{BotTalk: time.Second, Who: cast(map[string]farend.Person{
		asks: {Says: []farend.Saying{later, {}}},
	})})
	list := []string{asks, busy}
	for n := range 6 {
		list = append(list, number(10+n, "00"))
	}
	p := r.campaign(api.Campaign{Callbacks: true, Seats: 1}, list...)
	p.state(busy, "completed")
	p.state(asks, "completed")

	var order []string
	class := map[string]string{}
	for _, c := range p.calls("") {
		class[fmt.Sprint(c.Number, c.Attempt)] = c.Class
	}
	for _, c := range r.far.Record.Customers() {
		order = append(order, class[fmt.Sprint(c.Number, c.Nth)])
	}
	t.Log(strings.Join(order, " "))
	cb, lastPending := slices.Index(order, "callback"), -1
	for i, c := range order {
		if c == "pending" {
			lastPending = i
		}
	}
	switch retry := slices.Index(order, "retry"); {
	case len(order) != 10:
		t.Errorf("%d calls, want 8 first ones, a callback and a retry", len(order))
	case cb < 1 || cb > 6:
		t.Errorf("the callback was call %d, want it ahead of most of the 8 pending", cb+1)
	case retry < lastPending:
		t.Errorf("the retry was call %d, before the last pending (%d)", retry+1, lastPending+1)
	}
	inClassOrder(t, p.calls(""))
	p.sober()
}

// inClassOrder asserts that no call was begun while one of a better class was due.
func inClassOrder(t *testing.T, calls []api.Call) {
	t.Helper()
	rank := map[string]int{"callback": 0, "pending": 1, "retry": 2}
	for _, c := range calls {
		for _, other := range calls {
			if rank[other.Class] >= rank[c.Class] || !other.LeasedAt.After(*c.LeasedAt) {
				continue
			}
			if other.Class == "callback" && (other.DueAt == nil || other.DueAt.After(*c.LeasedAt)) {
				continue
			}
			t.Errorf("I8: %s was rung as %s at %v, ahead of %s, a %s due %v", c.Number, c.Class, c.LeasedAt, other.Number, other.Class, other.DueAt)
		}
	}
}

// TestHowCallbacksEnd: each way, on the telephone.
func TestHowCallbacksEnd(t *testing.T) {
	t.Parallel()
	busy, machine := farend.Take{Status: 486}, farend.Take{Audio: farend.Voicemail}
	gone, yes := farend.Take{Stay: -1}, farend.Take{}
	voicemail, abandoned, again, never, chain := number(1, "92"), number(2, "92"), number(3, "92"), number(4, "92"), number(5, "92")
	asks := []farend.Saying{later, {}}
	r := newRig(t, farend.Options{BotTalk: time.Second, Who: cast(map[string]farend.Person{
		voicemail: {Takes: []farend.Take{yes, machine}, Says: asks},
		abandoned: {Takes: []farend.Take{yes, gone}, Says: asks},
		again:     {Takes: []farend.Take{yes, busy, yes}, Says: asks},
		never:     {Takes: []farend.Take{yes, busy}, Says: asks},
		chain:     {Says: []farend.Saying{later, later, {}}},
	})})
	p := r.campaign(api.Campaign{Callbacks: true, Screen: true}, voicemail, abandoned, again, never, chain)
	p.state(voicemail, "machine")
	p.state(abandoned, "abandoned")
	p.state(again, "completed")
	p.state(never, "exhausted")
	p.state(chain, "completed")
	p.until("the last promise is kept", func() bool { return p.counters().Callbacks.Pending == 0 })

	var got []string
	for _, cb := range p.promises() {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%d:%s %s %d", cb.Chain, cb.State, cb.Why, cb.Attempts)))
	}
	slices.Sort(got)
	want := []string{"1:closed abandoned 1", "1:closed voicemail 1", "1:completed  1", "1:completed  2", "1:exhausted  2", "2:completed  1"}
	if !slices.Equal(got, want) {
		t.Errorf("the promises ended as %q, want %q", got, want)
	}
	c := p.counters().Callbacks
	if c.Requested != 6 || c.Completed != 6 || c.Held != 3 || c.Exhausted != 1 || c.Voicemail != 1 || c.Abandoned != 1 || c.Cancelled != 0 {
		t.Errorf("counters: %+v", c)
	}
	for _, call := range p.calls("") {
		if call.Number == again && call.Attempt > 1 && call.Class != "callback" {
			t.Errorf("a callback that failed was rung as %s: it is to keep its priority", call.Class)
		}
	}
	p.sober()
}

// TestGates: a promise is made only if the bot's toggle and the campaign's are
// both on.
func TestGates(t *testing.T) {
	t.Parallel()
	r := newRig(t, farend.Options{BotTalk: 300 * time.Millisecond})
	for i, gate := range []struct {
		bot      string
		campaign bool
		refused  string
	}{
		{"deaf", false, "bot_gate"},
		{"deaf", true, "bot_gate"},
		{"asha", false, "campaign_gate"},
		{"asha", true, ""},
	} {
		name, who := fmt.Sprintf("%s-%v", gate.bot, gate.campaign), number(i, "47")
		p := r.campaign(api.Campaign{Name: name, Bot: gate.bot, Callbacks: gate.campaign}, who)
		p.until("the analysis of "+name+" is ruled on", func() bool {
			calls := p.calls("")
			return len(calls) > 0 && calls[0].Ruling != nil && calls[0].Ruling.Verdict != "deferred"
		})
		ruling := p.calls("")[0].Ruling
		if ruling.Refused != gate.refused {
			t.Errorf("%s: ruled %s %q, want refused %q", name, ruling.Verdict, ruling.Refused, gate.refused)
		}
		if n := p.counters().Callbacks.Refused[gate.refused]; gate.refused != "" && n != 1 {
			t.Errorf("%s: counted %d times as refused", name, n)
		}
	}
}

// TestSingleDay: at the close of the window what waits is cancelled, and nobody is
// rung any more.
func TestSingleDay(t *testing.T) {
	t.Parallel()
	asks, busy := number(1, "94"), number(2, "01")
	r := newRig(t, farend.Options{BotTalk: time.Second, Who: cast(map[string]farend.Person{
		asks: {Says: []farend.Saying{{Callback: true, Phrase: "2 ghante baad", Reason: "meeting"}}},
	})})
	zone, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	closes := time.Now().In(zone).Add(25 * time.Second).Truncate(time.Minute).Add(time.Minute)
	hours := closes.Add(-12*time.Hour).Format("15:04") + "-" + closes.Format("15:04")
	p := r.campaign(api.Campaign{
		Callbacks: true, Mode: "single_day", Retry: "30m",
		Window: api.Window{Zone: zone.String(), Hours: map[string][]string{"daily": {hours}}},
	}, asks, busy)
	p.state(asks, "callback_scheduled")
	p.state(busy, "retry_scheduled")
	if n := p.counters().Callbacks.Pending; n != 1 {
		t.Errorf("%d callbacks pending before the close, want 1", n)
	}
	p.state(asks, "window_closed")
	p.state(busy, "window_closed")
	if now := time.Now(); now.Before(closes) {
		t.Errorf("closed at %v, before the window did at %v", now, closes)
	}
	var c api.Campaign
	r.must("GET", fmt.Sprintf("/v1/campaigns/%d", p.id), nil, &c)
	if c.State != "completed" || c.Ended != "window_closed" {
		t.Errorf("the campaign is %s (%s)", c.State, c.Ended)
	}
	if cb := p.promises(); len(cb) != 1 || cb[0].State != "cancelled" || cb[0].Why != "window_closed" {
		t.Errorf("the promise: %+v", cb)
	}
	if n := p.counters().Callbacks; n.Cancelled != 1 || n.Pending != 0 {
		t.Errorf("counters: %+v", n)
	}
	for _, call := range r.far.Record.Customers() {
		if call.Invited.After(closes) {
			t.Errorf("I6: %s was rung at %v, after the close", call.Number, call.Invited)
		}
	}
	p.sober()
}

// TestTheDialplansBot: a bot that is dialplan, and never speaks HTTP, sets variables
// on the customer's channel. A callback comes of it, and is rung; what it asks for
// on that one is beyond the limit.
func TestTheDialplansBot(t *testing.T) {
	t.Parallel()
	who := number(1, "00")
	r := newRig(t, farend.Options{})
	p := r.campaign(api.Campaign{Bot: "teller", Callbacks: true, CBChain: -1}, who)
	p.state(who, "completed")
	calls := p.calls("")
	if len(calls) != 2 {
		t.Fatalf("%d calls, want the one on which they asked and the one that kept the promise", len(calls))
	}
	first, second := calls[0], calls[1]
	if first.Disposition != "answered" || first.Ruling == nil || first.Ruling.Verdict != "scheduled" || second.Class != "callback" || second.Ruling == nil || second.Ruling.Refused != "limit" {
		t.Errorf("got %+v, then %+v", first, second)
	}
	if cb := second.Kept; cb == nil || cb.Phrase != "jab \"समय\" मिले, 100%" || cb.Reason != "driving" || cb.State != "completed" {
		t.Errorf("the promise is %+v", cb)
	}
	p.sober()
}

// TestNoBot: nobody is left in silence when the bot cannot be had.
func TestNoBot(t *testing.T) {
	t.Parallel()
	who := number(1, "00")
	r := newRig(t, farend.Options{})
	p := r.campaign(api.Campaign{Bot: "nobody", Attempts: 1, BotWait: "1s"}, who)
	p.state(who, "exhausted")
	if c := p.calls("")[0]; c.Disposition != "abandoned" {
		t.Errorf("the call is %s, want abandoned", c.Disposition)
	}
	p.sober()
}

// TestStopPauseExclude: what an operator does is looked at when dialling.
func TestStopPauseExclude(t *testing.T) {
	t.Parallel()
	asks, out := number(1, "95"), number(2, "95")
	wait := farend.Saying{Callback: true, Phrase: "2 ghante baad", Reason: "meeting"}
	r := newRig(t, farend.Options{BotTalk: 500 * time.Millisecond, Who: cast(map[string]farend.Person{
		asks: {Says: []farend.Saying{wait}}, out: {Says: []farend.Saying{wait}},
	})})
	p := r.campaign(api.Campaign{Callbacks: true}, asks, out)
	p.state(asks, "callback_scheduled")
	p.state(out, "callback_scheduled")
	r.must("POST", "/v1/exclusions", map[string]any{"numbers": []string{out}}, nil)
	p.state(out, "excluded")

	r.must("POST", p.path("pause"), nil, nil)
	p.add(number(3, "00"))
	r.must("POST", p.path("stop"), nil, nil)
	p.state(asks, "stopped")
	if n := p.counters(); n.Callbacks.Cancelled != 2 || n.Callbacks.Reasons["excluded"] != 1 || n.Callbacks.Reasons["stopped"] != 1 || n.Contacts["stopped"] != 2 {
		t.Errorf("counters: %+v", n)
	}
	if calls := r.far.Record.To(number(3, "00")); len(calls) != 0 {
		t.Errorf("I6: a contact of a paused campaign was rung")
	}
	p.sober()
}
