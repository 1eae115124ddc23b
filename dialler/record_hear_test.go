package dialler

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"ringback/callback"
)

// words reads phrases in these tests, which use only such as every version of
// the resolver must know: how it reads the rest is tested where it lives.
var words = &callback.Resolver{}

// asks is the analysis of a call on which the customer asked to be rung.
func asks(phrase string) callback.Analysis {
	return callback.Analysis{Requested: true, PreferredTimeText: phrase, Reason: "driving", Confidence: 0.8}
}

// held is the record after a conversation that ended on Thursday at 11:20.
func held(t testing.TB) (Record, Attempt) {
	a := ended(t, Answered)
	a.Leased = a.Ended.Add(-3 * time.Minute)
	r, _ := ordinary(t).Settle(a)
	return r, a
}

func TestHearDoubleGate(t *testing.T) {
	for _, tt := range []struct {
		bot, campaign bool
		want          RulingVerdict
		refused       RefusalReason
	}{
		{false, false, RulingRefused, RefusedBotGate},
		{false, true, RulingRefused, RefusedBotGate},
		{true, false, RulingRefused, RefusedCampaignGate},
		{true, true, RulingScheduled, ""},
	} {
		r, a := held(t)
		r.Bot.Callbacks, r.Campaign.CallbackDetection = tt.bot, tt.campaign
		got, ruling := r.Hear(a, nil, asks("10 minutes"), words, a.Ended)
		if ruling.Verdict != tt.want || ruling.Refused != tt.refused || (ruling.Callback != nil) != (tt.want == RulingScheduled) {
			t.Errorf("bot %v, campaign %v: %+v, want %s %s", tt.bot, tt.campaign, ruling, tt.want, tt.refused)
		}
		if ruling.Call != a.ID || ruling.Contact != a.Contact {
			t.Errorf("ruling on call %s of contact %d", ruling.Call, ruling.Contact)
		}
		if tt.want == RulingRefused && !reflect.DeepEqual(got, r) {
			t.Errorf("bot %v, campaign %v: a refusal changed the record", tt.bot, tt.campaign)
		}
	}
}

func TestHearRefuses(t *testing.T) {
	stopped := func(r *Record) { r.Campaign.State, r.Campaign.Ended = CampaignCompleted, EndStopped }
	kept := func(chain int) *Callback { return &Callback{Chain: chain} }
	limit := func(n int) func(*Record) { return func(r *Record) { r.Campaign.MaxCallbackReschedules = n } }
	nothing := func(*Record) {}
	for _, tt := range []struct {
		name   string
		change func(*Record)
		kept   *Callback
		want   RefusalReason // "": scheduled
	}{
		{"excluded", func(r *Record) { r.Excluded = true }, nil, RefusedExcluded},
		{"stopped", stopped, nil, RefusedStopped},
		{"the contact was stopped", func(r *Record) { r.Contact.State = Stopped }, nil, RefusedStopped},
		{"paused is no reason", func(r *Record) { r.Campaign.State = CampaignPaused }, nil, ""},
		{"finished is none either", func(r *Record) { r.Campaign.State, r.Campaign.Ended = CampaignCompleted, EndFinished }, nil, ""},
		{"a promise is open", func(r *Record) { r.Contact.Callback = &Callback{ID: 3}; r.Contact.State = CallbackScheduled }, nil, RefusedWaiting},

		{"the first needs no limit", limit(-1), nil, ""},
		{"none may follow", limit(-1), kept(1), RefusedLimit},
		{"one may follow", limit(1), kept(1), ""},
		{"one, not two", limit(1), kept(2), RefusedLimit},
		{"five unless set", nothing, kept(5), ""},
		{"five, not six", nothing, kept(6), RefusedLimit},

		{"gates before all else", func(r *Record) { r.Bot.Callbacks = false; r.Excluded = true; stopped(r) }, kept(9), RefusedBotGate},
		{"exclusion before a stop", func(r *Record) { r.Excluded = true; stopped(r) }, kept(9), RefusedExcluded},
		{"a stop before the limit", stopped, kept(9), RefusedStopped},
		{"the limit before an open promise", func(r *Record) { r.Contact.Callback = &Callback{ID: 3} }, kept(9), RefusedLimit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, a := held(t)
			tt.change(&r)
			got, ruling := r.Hear(a, tt.kept, asks("10 minutes"), words, a.Ended)
			want := RulingRefused
			if tt.want == "" {
				want = RulingScheduled
			}
			if ruling.Verdict != want || ruling.Refused != tt.want {
				t.Errorf("ruling %s %q, want %s %q", ruling.Verdict, ruling.Refused, want, tt.want)
			}
			if want == RulingRefused && !reflect.DeepEqual(got, r) {
				t.Error("a refusal changed the record")
			}
		})
	}
}

func TestHearNothingAsked(t *testing.T) {
	r, a := held(t)
	r.Bot.Callbacks = false // the gates are not even looked at
	an := asks("10 minutes")
	an.Requested = false // the words decide nothing
	got, ruling := r.Hear(a, nil, an, words, a.Ended)
	if ruling.Verdict != RulingNone || ruling.Refused != "" || ruling.Callback != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("ruling %+v, record %+v", ruling, got)
	}
}

func TestHearMakesThePromise(t *testing.T) {
	r, a := held(t)
	an := asks("10 minutes")
	an.RequestedAt = a.Ended.Add(-time.Minute)
	now := a.Ended.Add(20 * time.Second)
	got, ruling := r.Hear(a, &Callback{ID: 5, Chain: 2}, an, words, now)

	cb := ruling.Callback
	if cb == nil {
		t.Fatalf("ruling %+v", ruling)
	}
	due := an.RequestedAt.Add(10 * time.Minute)
	if !cb.Due.Equal(due) || !cb.Scheduled.Equal(due) || !cb.Read.Equal(due) || cb.Clipped || cb.Delay() != 10*time.Minute {
		t.Errorf("due %v, scheduled %v, read %v, clipped %v, delay %v; want all %v", cb.Due, cb.Scheduled, cb.Read, cb.Clipped, cb.Delay(), due)
	}
	if cb.State != CallbackWaiting || cb.Why != "" || !cb.Closed.IsZero() || cb.Attempts != 0 {
		t.Errorf("it stands as %s %s, closed %v, %d attempts", cb.State, cb.Why, cb.Closed, cb.Attempts)
	}
	if cb.Chain != 3 || cb.AskedOn != a.ID || cb.Contact != 7 || cb.Campaign != 1 || cb.Phrase != "10 minutes" || cb.Reason != "driving" || cb.Confidence != 0.8 || !cb.Requested.Equal(an.RequestedAt) {
		t.Errorf("promise %+v", cb)
	}
	if cb.Rule != string(callback.Relative) || len(cb.Trace) == 0 {
		t.Errorf("rule %q, trace %q", cb.Rule, cb.Trace)
	}
	if got.Contact.State != CallbackScheduled || got.Contact.Callback != cb || !got.Contact.Due.Equal(due) {
		t.Errorf("contact %+v", got.Contact)
	}
	if got.Contact.Attempts != r.Contact.Attempts || !got.Contact.Settled.Equal(r.Contact.Settled) {
		t.Error("hearing counts as no attempt")
	}
}

// TestHearAfterTheEnd is about analyses that come when the contact, or the
// campaign, is done.
func TestHearAfterTheEnd(t *testing.T) {
	closes := func(at string) func(*Record) {
		return func(r *Record) { r.Campaign.Mode, r.Campaign.Closes = SingleDay, rfc(t, at) }
	}
	none := func(*Record) {}
	for _, tt := range []struct {
		name   string
		came   Disposition
		change func(*Record)
		phrase string
		now    string
		want   string
		camp   CampaignState
	}{
		{"at once", Answered, none, "10 minutes", "2026-03-12T11:20:30+05:30", "callback_scheduled Thu 11:30, callback scheduled", CampaignRunning},
		{"no time named: the retry delay", Answered, none, "", "2026-03-12T11:20:30+05:30", "callback_scheduled Thu 11:35, callback scheduled", CampaignRunning},
		{"the time named has passed: at once", Answered, none, "10 minutes", "2026-03-12T15:00:00+05:30", "callback_scheduled Thu 15:00, callback scheduled", CampaignRunning},
		{"into the night: the next opening", Answered, none, "10 hours", "2026-03-12T11:20:30+05:30", "callback_scheduled Fri 09:00, callback scheduled", CampaignRunning},
		{"heard at night: the next opening", Answered, none, "10 minutes", "2026-03-12T23:00:00+05:30", "callback_scheduled Fri 09:00, callback scheduled", CampaignRunning},
		{"heard on Sunday: Monday", Answered, none, "10 minutes", "2026-03-15T12:00:00+05:30", "callback_scheduled Mon 09:00, callback scheduled", CampaignRunning},
		{"out of attempts: a promise gets one all the same", Answered, func(r *Record) { r.Contact.Attempts = 3 }, "10 minutes", "2026-03-12T11:20:30+05:30", "callback_scheduled Thu 11:30, callback scheduled", CampaignRunning},
		{"the call had counted as failed after a crash", Failed, none, "10 minutes", "2026-03-12T11:20:30+05:30", "callback_scheduled Thu 11:30, callback scheduled", CampaignRunning},
		{"and exhausted the contact", Failed, func(r *Record) { r.Contact.State, r.Contact.Due = Exhausted, time.Time{} }, "10 minutes", "2026-03-12T11:20:30+05:30", "callback_scheduled Thu 11:30, callback scheduled", CampaignRunning},
		{"the campaign had finished: it runs again", Answered, func(r *Record) { r.Campaign.State, r.Campaign.Ended = CampaignCompleted, EndFinished }, "10 minutes", "2026-03-12T11:20:30+05:30", "callback_scheduled Thu 11:30, callback scheduled", CampaignRunning},
		{"paused stays paused", Answered, func(r *Record) { r.Campaign.State = CampaignPaused }, "10 minutes", "2026-03-12T11:20:30+05:30", "callback_scheduled Thu 11:30, callback scheduled", CampaignPaused},
		{"a single day that goes on", Answered, closes("2026-03-12T18:00:00+05:30"), "10 minutes", "2026-03-12T11:20:30+05:30", "callback_scheduled Thu 11:30, callback scheduled", CampaignRunning},
		{"a time after the single day: it waits for the close", Answered, closes("2026-03-12T18:00:00+05:30"), "10 hours", "2026-03-12T11:20:30+05:30", "callback_scheduled Fri 09:00, callback scheduled", CampaignRunning},
		{"the single day is over: cancelled at once", Answered, closes("2026-03-12T18:00:00+05:30"), "10 minutes", "2026-03-12T18:00:00+05:30", "window_closed, callback cancelled (window_closed)", CampaignRunning},
		{"and was closed", Answered, func(r *Record) { r.Campaign.State, r.Campaign.Ended = CampaignCompleted, EndWindowClosed }, "10 minutes", "2026-03-12T18:30:00+05:30", "window_closed, callback cancelled (window_closed)", CampaignCompleted},
		{"finished, and over since: it does not run again", Answered, func(r *Record) {
			closes("2026-03-12T18:00:00+05:30")(r)
			r.Campaign.State, r.Campaign.Ended = CampaignCompleted, EndFinished
		}, "10 minutes", "2026-03-12T18:30:00+05:30", "window_closed, callback cancelled (window_closed)", CampaignCompleted},
		{"the window never opens", Answered, func(r *Record) { r.Campaign.Window = Window{} }, "10 minutes", "2026-03-12T11:20:30+05:30", "window_closed, callback cancelled (window_closed)", CampaignRunning},
		{"the window never opens, no time named", Answered, func(r *Record) { r.Campaign.Window = Window{} }, "", "2026-03-12T11:20:30+05:30", "window_closed, callback cancelled (window_closed)", CampaignRunning},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := ended(t, tt.came)
			r, _ := ordinary(t).Settle(a)
			tt.change(&r)
			now := rfc(t, tt.now)
			got, ruling := r.Hear(a, nil, asks(tt.phrase), words, now)
			cb := ruling.Callback
			if s := standing(got, cb); s != tt.want || got.Campaign.State != tt.camp {
				t.Errorf("got  %s, campaign %s\nwant %s, campaign %s", s, got.Campaign.State, tt.want, tt.camp)
			}
			if ruling.Verdict != RulingScheduled {
				t.Errorf("verdict %s: a request that passed the gates counts as one", ruling.Verdict)
			}
			if got.Campaign.State == CampaignRunning && got.Campaign.Ended != "" {
				t.Errorf("running, and ended %s", got.Campaign.Ended)
			}
			if open := cb.State == CallbackWaiting; open != (got.Contact.Callback == cb) || open == !cb.Closed.IsZero() {
				t.Errorf("promise %s, contact has %v, closed %v", cb.State, got.Contact.Callback, cb.Closed)
			}
			if cb.Delay() < 0 || cb.Scheduled.IsZero() || cb.Read.IsZero() || len(cb.Trace) == 0 {
				t.Errorf("scheduled %v, read %v, delay %v, trace %q", cb.Scheduled, cb.Read, cb.Delay(), cb.Trace)
			}
			if w := got.Campaign.Window; cb.State == CallbackWaiting && !w.Contains(cb.Due) {
				t.Errorf("due %v, outside the window", cb.Due)
			}
			if cb.Clipped != !cb.Read.Equal(cb.Scheduled) {
				t.Errorf("clipped %v: read %v, scheduled %v", cb.Clipped, cb.Read, cb.Scheduled)
			}
		})
	}
}

// TestHearWhenTheySpoke is about requested_at, which a bot platform's clock
// says.
func TestHearWhenTheySpoke(t *testing.T) {
	_, a := held(t) // 11:17 to 11:20
	for _, tt := range []struct {
		name string
		at   time.Time
		want string // the moment that counts
	}{
		{"not said", time.Time{}, "11:20:00"},
		{"during the call", a.Ended.Add(-time.Minute), "11:19:00"},
		{"as it began", a.Leased, "11:17:00"},
		{"a clock slightly behind", a.Leased.Add(-time.Minute), "11:16:00"},
		{"too far behind", a.Leased.Add(-time.Minute - 1), "11:20:00"},
		{"as it ended", a.Ended, "11:20:00"},
		{"when the analysis was written", a.Ended.Add(time.Second), "11:20:00"},
		{"in an hour", a.Ended.Add(time.Hour), "11:20:00"},
		{"in a thousand years", a.Ended.AddDate(1000, 0, 0), "11:20:00"},
		{"yesterday", a.Ended.AddDate(0, 0, -1), "11:20:00"},
		{"in 1970", time.Unix(0, 0), "11:20:00"},
		{"in the year 1, and UTC taken for local time", a.Ended.Add(-5*time.Hour - 30*time.Minute), "11:20:00"},
	} {
		r, _ := held(t)
		an := asks("10 minutes")
		an.RequestedAt = tt.at
		_, ruling := r.Hear(a, nil, an, words, a.Ended.Add(10*time.Second))
		if got := ruling.Callback.Requested.In(r.Campaign.Window.Location()).Format(time.TimeOnly); got != tt.want {
			t.Errorf("%s: they spoke at %s, want %s", tt.name, got, tt.want)
		}
		if due := ruling.Callback.Requested.Add(10 * time.Minute); !ruling.Callback.Due.Equal(due) {
			t.Errorf("%s: due %v, want %v", tt.name, ruling.Callback.Due, due)
		}
	}
}

func TestHearLeavesItsArgumentsAlone(t *testing.T) {
	r, a := held(t)
	before := r
	kept := &Callback{ID: 5, Chain: 1, State: CallbackCompleted}
	r.Hear(a, kept, asks("10 minutes"), words, a.Ended)
	if !reflect.DeepEqual(r, before) || !reflect.DeepEqual(*kept, Callback{ID: 5, Chain: 1, State: CallbackCompleted}) {
		t.Error("Hear changed what it was given")
	}
	one, first := r.Hear(a, kept, asks("10 minutes"), words, a.Ended)
	two, second := r.Hear(a, kept, asks("10 minutes"), words, a.Ended)
	if !reflect.DeepEqual(one, two) || !reflect.DeepEqual(first, second) {
		t.Error("the same arguments gave two answers")
	}
}

func TestClearance(t *testing.T) {
	now := thursday(t)
	good := func() Clearance {
		return Clearance{Held: true, Campaign: ordinary(t).Campaign}
	}
	for _, tt := range []struct {
		name   string
		change func(*Clearance)
		want   string // in the refusal; "": it may be dialled
	}{
		{"all is well", func(*Clearance) {}, ""},
		{"the lease is lost", func(c *Clearance) { c.Held = false }, "lease"},
		{"excluded since it was leased", func(c *Clearance) { c.Excluded = true }, "excluded"},
		{"draft", func(c *Clearance) { c.Campaign.State = CampaignDraft }, "draft"},
		{"paused", func(c *Clearance) { c.Campaign.State = CampaignPaused }, "paused"},
		{"completed", func(c *Clearance) { c.Campaign.State = CampaignCompleted }, "completed"},
		{"no state", func(c *Clearance) { c.Campaign.State = "" }, "campaign"},
		{"the day is over", func(c *Clearance) { c.Campaign.Mode, c.Campaign.Closes = SingleDay, now }, "day is over"},
		{"outside the window", func(c *Clearance) { c.Campaign.Window = mustWindow(t, "Asia/Kolkata", Hours{"thu": {"12:00-13:00"}}) }, "outside"},
		{"a holiday", func(c *Clearance) { c.Campaign.Window = office(t, "2026-03-12") }, "outside"},
		{"no window", func(c *Clearance) { c.Campaign.Window = Window{} }, "outside"},
	} {
		c := good()
		tt.change(&c)
		if got := c.Refuse(now); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q in it", tt.name, got, tt.want)
		}
	}
}
