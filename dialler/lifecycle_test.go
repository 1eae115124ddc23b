package dialler

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func TestApply(t *testing.T) {
	const draft, running, paused = CampaignDraft, CampaignRunning, CampaignPaused
	const finished, closed, stopped = "completed (finished)", "completed (window_closed)", "completed (stopped)"
	// Each row is an event, each column where the campaign stands; "": refused.
	states := []string{string(draft), string(running), string(paused), finished, closed, stopped}
	table := map[CampaignEvent][]string{
		Start:                    {"running, run 3", "", "", "", "", ""},
		Pause:                    {"", "paused, run 2", "", "", "", ""},
		Resume:                   {"", "", "running, run 2", "", "", ""},
		Stop:                     {"", stopped + ", run 2", stopped + ", run 2", stopped + ", run 2", "", ""},
		CloseDay:                 {"", closed + ", run 2", closed + ", run 2", "", "", ""},
		Finish:                   {"", finished + ", run 2", "", "", "", ""},
		Restart:                  {"", "", "", "running, run 3", "running, run 3", "running, run 3"},
		"":                       {"", "", "", "", "", ""},
		"begin":                  {"", "", "", "", "", ""},
		CampaignEvent("RESTART"): {"", "", "", "", "", ""},
	}
	now := thursday(t)
	for what, row := range table {
		for i, from := range states {
			c := Campaign{Name: "recall", Run: 2, Mode: SingleDay, Window: office(t), Closes: now}
			state, why, _ := strings.Cut(strings.TrimSuffix(from, ")"), " (")
			c.State, c.Ended = CampaignState(state), EndReason(why)
			got, err := c.Apply(what, now)
			if row[i] == "" {
				var refused *TransitionError
				if !errors.As(err, &refused) || *refused != (TransitionError{Campaign: "recall", Event: what, State: c.State}) {
					t.Errorf("%s of %s: error %v, want a *TransitionError", what, from, err)
				}
				if got.State != c.State || got.Ended != c.Ended || got.Run != c.Run || !got.Closes.Equal(c.Closes) {
					t.Errorf("%s of %s: refused, and yet it is %s %s, run %d", what, from, got.State, got.Ended, got.Run)
				}
				continue
			}
			is := string(got.State)
			if got.Ended != "" {
				is += " (" + string(got.Ended) + ")"
			}
			if is += ", run " + string(rune('0'+got.Run)); err != nil || is != row[i] {
				t.Errorf("%s of %s: %s, %v; want %s", what, from, is, err, row[i])
			}
		}
	}
}

func TestTransitionErrorSaysWhy(t *testing.T) {
	now := thursday(t)
	c := Campaign{Name: "recall", State: CampaignDraft}
	_, err := c.Apply(Pause, now)
	if want := `campaign "recall" is draft; it cannot pause`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	c.State = CampaignRunning
	_, err = c.Apply(CloseDay, now)
	if want := `campaign "recall" is running and its day is not over; it cannot closeday`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestCloseDayWaitsForTheDay(t *testing.T) {
	now := thursday(t)
	for _, tt := range []struct {
		name   string
		mode   Mode
		closes time.Time
		ok     bool
	}{
		{"over", SingleDay, now, true},
		{"long over", SingleDay, now.Add(-time.Hour), true},
		{"not yet", SingleDay, now.Add(1), false},
		{"a day nobody set", SingleDay, time.Time{}, false},
		{"many days have no close", MultiDay, now, false},
		{"nor has a mode nobody set", "", now, false},
	} {
		c := Campaign{State: CampaignRunning, Mode: tt.mode, Closes: tt.closes}
		if c.DayOver(now) != tt.ok {
			t.Errorf("%s: DayOver is %v", tt.name, !tt.ok)
		}
		if got, err := c.Apply(CloseDay, now); (err == nil) != tt.ok || (got.State == CampaignCompleted) != tt.ok {
			t.Errorf("%s: %s, %v", tt.name, got.State, err)
		}
	}
}

func TestSingleDayHasAClose(t *testing.T) {
	now := thursday(t)
	tonight, tomorrow := rfc(t, "2026-03-12T18:00:00+05:30"), rfc(t, "2026-03-13T18:00:00+05:30")
	late := mustWindow(t, "Asia/Kolkata", Hours{"daily": {"09:00-20:00"}})
	for _, tt := range []struct {
		name   string
		from   CampaignState
		what   CampaignEvent
		mode   Mode
		window Window
		closes time.Time // before
		now    time.Time
		want   time.Time
	}{
		{"started by day", CampaignDraft, Start, SingleDay, office(t), time.Time{}, now, tonight},
		{"started at night", CampaignDraft, Start, SingleDay, office(t), time.Time{}, tonight, tomorrow},
		{"restarted the next day", CampaignCompleted, Restart, SingleDay, office(t), tonight, tonight.Add(12 * time.Hour), tomorrow},
		{"a window that never opens: over at once", CampaignDraft, Start, SingleDay, Window{}, time.Time{}, now, now},
		{"many days", CampaignDraft, Start, MultiDay, office(t), time.Time{}, now, time.Time{}},
		{"restarted as many days", CampaignCompleted, Restart, MultiDay, office(t), tonight, now, time.Time{}},
		{"resumed", CampaignPaused, Resume, SingleDay, office(t), tonight, now, tonight},
		{"resumed with longer hours", CampaignPaused, Resume, SingleDay, late, tonight, now, tonight.Add(2 * time.Hour)},
		{"resumed when the day is over: it stays over", CampaignPaused, Resume, SingleDay, late, tonight, tonight.Add(time.Hour), tonight},
		{"resumed as a single day", CampaignPaused, Resume, SingleDay, office(t), time.Time{}, now, tonight},
		{"resumed as many days", CampaignPaused, Resume, MultiDay, office(t), tonight, now, time.Time{}},
		{"paused", CampaignRunning, Pause, SingleDay, office(t), tonight, now, tonight},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := Campaign{State: tt.from, Mode: tt.mode, Window: tt.window, Closes: tt.closes}
			got, err := c.Apply(tt.what, tt.now)
			if err != nil || !got.Closes.Equal(tt.want) {
				t.Errorf("closes %v, %v; want %v", got.Closes, err, tt.want)
			}
		})
	}
}

func TestCancels(t *testing.T) {
	for _, tt := range []struct {
		what  CampaignEvent
		state ContactState
		why   CloseReason
	}{
		{Stop, Stopped, ByStop}, {CloseDay, WindowClosed, ByWindowClose},
		{Start, "", ""}, {Pause, "", ""}, {Resume, "", ""}, {Finish, "", ""}, {Restart, "", ""}, {"", "", ""},
	} {
		if state, why, ok := tt.what.Cancels(); state != tt.state || why != tt.why || ok != (tt.state != "") {
			t.Errorf("%s makes %s %s %v", tt.what, state, why, ok)
		}
	}
}

func TestWithDefaults(t *testing.T) {
	got := Campaign{}.WithDefaults()
	if got.RingTimeout != 30*time.Second || got.BotTimeout != 5*time.Second || got.MaxDuration != time.Hour ||
		got.RetryDelay != 15*time.Minute || got.Mode != MultiDay || got.MaxAttempts != 1 {
		t.Errorf("%+v", got)
	}
	set := Campaign{RingTimeout: 1, BotTimeout: 2, MaxDuration: 3, RetryDelay: 4, Mode: SingleDay, MaxAttempts: 5}
	if got := set.WithDefaults(); got.RingTimeout != 1 || got.BotTimeout != 2 || got.MaxDuration != 3 || got.RetryDelay != 4 || got.Mode != SingleDay || got.MaxAttempts != 5 {
		t.Errorf("what is set was changed: %+v", got)
	}
}

// fieldsOf lists the fields that err names, in order.
func fieldsOf(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var names []string
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	}
	for _, e := range list {
		var f *FieldError
		if !errors.As(e, &f) {
			t.Fatalf("%T %v is no *FieldError", e, e)
		}
		if f.Got == "" || f.Want == "" || !strings.Contains(e.Error(), f.Field+": got "+f.Got+"; want "+f.Want) {
			t.Errorf("%q does not say what came and what would be right", e)
		}
		names = append(names, f.Field)
	}
	return strings.Join(names, " ")
}

func TestCampaignCheck(t *testing.T) {
	good := func() Campaign {
		return Campaign{Name: "recall", Trunk: "carrier", Bot: "asha", Seats: 5, Window: office(t)}
	}
	if err := good().Check(); err != nil {
		t.Fatalf("the least a campaign needs: %v", err)
	}
	if err := good().WithDefaults().Check(); err != nil {
		t.Fatalf("with defaults: %v", err)
	}
	for _, tt := range []struct {
		field  string // "": it is right
		change func(*Campaign)
	}{
		{"name", func(c *Campaign) { c.Name = "" }},
		{"name", func(c *Campaign) { c.Name = " recall" }},
		{"name", func(c *Campaign) { c.Name = "re\ncall" }},
		{"name", func(c *Campaign) { c.Name = "re\x00call" }},
		{"name", func(c *Campaign) { c.Name = "re\xffcall" }},
		{"name", func(c *Campaign) { c.Name = strings.Repeat("r", 101) }},
		{"", func(c *Campaign) { c.Name = strings.Repeat("र", 100) }},
		{"", func(c *Campaign) { c.Name = "दिवाली recall, 2026 (east)" }},
		{"mode", func(c *Campaign) { c.Mode = "daily" }},
		{"", func(c *Campaign) { c.Mode = SingleDay }},
		{"trunk", func(c *Campaign) { c.Trunk = "" }},
		{"bot", func(c *Campaign) { c.Bot = "" }},
		{"caller_id", func(c *Campaign) { c.CallerID = "Asha <100>" }},
		{"", func(c *Campaign) { c.CallerID = "+911234567890" }},
		{"region", func(c *Campaign) { c.Region = "in" }},
		{"region", func(c *Campaign) { c.Region = "India" }},
		{"", func(c *Campaign) { c.Region = "IN" }},
		{"apology", func(c *Campaign) { c.Apology = "sound:sorry\r\nX: 1" }},
		{"", func(c *Campaign) { c.Apology = "sound:sorry" }},
		{"seats", func(c *Campaign) { c.Seats = 0 }},
		{"seats", func(c *Campaign) { c.Seats = -1 }},
		{"seats", func(c *Campaign) { c.Seats = 10001 }},
		{"cps", func(c *Campaign) { c.CPS = -0.1 }},
		{"cps", func(c *Campaign) { c.CPS = 1000.1 }},
		{"cps", func(c *Campaign) { c.CPS = math.NaN() }},
		{"cps", func(c *Campaign) { c.CPS = math.Inf(1) }},
		{"", func(c *Campaign) { c.CPS = 0.1 }},
		{"max_attempts", func(c *Campaign) { c.MaxAttempts = -1 }},
		{"max_attempts", func(c *Campaign) { c.MaxAttempts = 101 }},
		{"callback_max_attempts", func(c *Campaign) { c.CallbackMaxAttempts = -1 }},
		{"callback_max_attempts", func(c *Campaign) { c.CallbackMaxAttempts = 101 }},
		{"max_callback_reschedules", func(c *Campaign) { c.MaxCallbackReschedules = -2 }},
		{"max_callback_reschedules", func(c *Campaign) { c.MaxCallbackReschedules = 101 }},
		{"", func(c *Campaign) { c.MaxCallbackReschedules = -1 }},
		{"retry_delay", func(c *Campaign) { c.RetryDelay = -time.Second }},
		{"retry_delay", func(c *Campaign) { c.RetryDelay = time.Millisecond }},
		{"retry_delay", func(c *Campaign) { c.RetryDelay = 31 * 24 * time.Hour }},
		{"ring_timeout", func(c *Campaign) { c.RingTimeout = time.Hour }},
		{"bot_timeout", func(c *Campaign) { c.BotTimeout = time.Millisecond }},
		{"bot_timeout", func(c *Campaign) { c.BotTimeout = time.Hour }},
		{"max_duration", func(c *Campaign) { c.MaxDuration = 48 * time.Hour }},
		{"retry_on", func(c *Campaign) { c.RetryOn = []Disposition{Answered} }},
		{"retry_on", func(c *Campaign) { c.RetryOn = []Disposition{"Busy"} }},
		{"retry_on", func(c *Campaign) { c.RetryOn = []Disposition{Busy, Failed, Busy} }},
		{"", func(c *Campaign) { c.RetryOn = []Disposition{} }},
		{"", func(c *Campaign) { c.RetryOn = Dispositions[1:] }},
		{"window.zone", func(c *Campaign) { c.Window = Window{} }},
		{"name trunk bot seats window.zone", func(c *Campaign) { *c = Campaign{} }},
	} {
		c := good()
		tt.change(&c)
		if got := fieldsOf(t, c.Check()); got != tt.field {
			t.Errorf("%+v:\nCheck names %q, want %q", c, got, tt.field)
		}
	}
}

func TestBotCheck(t *testing.T) {
	for _, tt := range []struct {
		field string
		bot   Bot
	}{
		{"", Bot{Name: "asha", Endpoint: "PJSIP/bot"}},
		{"", Bot{Name: "asha", Endpoint: "{absolute_codec_string=PCMA}sofia/gateway/bot/agent", Capacity: 10}},
		{"", Bot{Name: "asha", Extension: "bots,agent,1"}},
		{"name", Bot{Endpoint: "PJSIP/bot"}},
		{"endpoint", Bot{Name: "asha"}},
		{"endpoint", Bot{Name: "asha", Endpoint: "PJSIP/bot", Extension: "bots,agent,1"}},
		{"endpoint", Bot{Name: "asha", Endpoint: "PJSIP/bot\n"}},
		{"extension", Bot{Name: "asha", Extension: "agent"}},
		{"extension", Bot{Name: "asha", Extension: "bots,agent"}},
		{"extension", Bot{Name: "asha", Extension: "bots,,1"}},
		{"extension", Bot{Name: "asha", Extension: "bots, agent,1"}},
		{"extension", Bot{Name: "asha", Extension: "bots,agent,1,2"}},
		{"capacity", Bot{Name: "asha", Endpoint: "PJSIP/bot", Capacity: -1}},
		{"name endpoint capacity", Bot{Capacity: -1}},
	} {
		if got := fieldsOf(t, tt.bot.Check()); got != tt.field {
			t.Errorf("%+v: Check names %q, want %q", tt.bot, got, tt.field)
		}
	}
}

func TestTrunkCheck(t *testing.T) {
	for _, tt := range []struct {
		field string
		trunk Trunk
	}{
		{"", Trunk{Name: "carrier", Switch: "pbx", Dial: "PJSIP/{number}@trunk"}},
		{"", Trunk{Name: "carrier", Switch: "pbx", Dial: "Local/{digits}@from-internal", Channels: 30, CPS: 2.5}},
		{"name", Trunk{Switch: "pbx", Dial: "PJSIP/{number}@trunk"}},
		{"switch", Trunk{Name: "carrier", Dial: "PJSIP/{number}@trunk"}},
		{"dial", Trunk{Name: "carrier", Switch: "pbx"}},
		{"dial", Trunk{Name: "carrier", Switch: "pbx", Dial: "PJSIP/trunk"}},
		{"dial", Trunk{Name: "carrier", Switch: "pbx", Dial: "PJSIP/{Number}@trunk"}},
		{"dial", Trunk{Name: "carrier", Switch: "pbx", Dial: "PJSIP/{number}@trunk\r\n"}},
		{"channels", Trunk{Name: "carrier", Switch: "pbx", Dial: "PJSIP/{number}@trunk", Channels: -1}},
		{"cps", Trunk{Name: "carrier", Switch: "pbx", Dial: "PJSIP/{number}@trunk", CPS: -1}},
		{"cps", Trunk{Name: "carrier", Switch: "pbx", Dial: "PJSIP/{number}@trunk", CPS: math.NaN()}},
		{"name switch dial channels cps", Trunk{Channels: -1, CPS: -1}},
	} {
		if got := fieldsOf(t, tt.trunk.Check()); got != tt.field {
			t.Errorf("%+v: Check names %q, want %q", tt.trunk, got, tt.field)
		}
	}
}

func TestDialString(t *testing.T) {
	for _, tt := range []struct{ dial, want string }{
		{"PJSIP/{number}@trunk", "PJSIP/+919812345678@trunk"},
		{"sofia/gateway/trunk/{digits}", "sofia/gateway/trunk/919812345678"},
		{"Local/0{digits}@from-internal/n", "Local/0919812345678@from-internal/n"},
		{"{origination_caller_id={number}}sofia/gateway/t/{digits}", "{origination_caller_id=+919812345678}sofia/gateway/t/919812345678"},
	} {
		if got, err := (Trunk{Dial: tt.dial}).DialString("+919812345678"); got != tt.want || err != nil {
			t.Errorf("%s: %q, %v; want %q", tt.dial, got, err, tt.want)
		}
	}
	for _, n := range []Number{"", "919812345678", "+9198{digits}", "+91981234,n", "+919812345678@evil", "+919812345678\r\nX: 1", "+९१९८१२३४५६७८"} {
		if got, err := (Trunk{Dial: "PJSIP/{number}@trunk"}).DialString(n); err == nil || got != "" {
			t.Errorf("%q may be dialled: %q", n, got)
		}
	}
	if got, err := (Trunk{Name: "carrier", Dial: "PJSIP/100@trunk"}).DialString("+919812345678"); err == nil || got != "" {
		t.Errorf("a trunk without a place for the number dials %q for everyone", got)
	}
}
