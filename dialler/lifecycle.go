package dialler

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"
)

// A CampaignEvent moves a campaign from state to state.
type CampaignEvent string

// The events of a campaign, and what becomes of the contacts that wait.
const (
	Start    CampaignEvent = "start"    // draft → running, run 1
	Pause    CampaignEvent = "pause"    // running → paused: no new calls, nothing is lost
	Resume   CampaignEvent = "resume"   // paused → running; Mode and Window may have been edited meanwhile, so Closes is set anew unless the day is over
	Stop     CampaignEvent = "stop"     // running, paused, finished → completed (stopped): waiting contacts become stopped, their callbacks cancelled (stopped)
	CloseDay CampaignEvent = "closeday" // running, paused, once DayOver → completed (window_closed): likewise, window_closed
	Finish   CampaignEvent = "finish"   // running → completed (finished): nobody waits and nobody is being rung
	Restart  CampaignEvent = "restart"  // completed → running, the next run: all but completed and excluded contacts are pending again, their attempts counted anew
)

// A TransitionError says that a campaign cannot do that from where it stands.
type TransitionError struct {
	Campaign string
	Event    CampaignEvent
	State    CampaignState
	DayOpen  bool // it could if its day were over
}

func (e *TransitionError) Error() string {
	if e.DayOpen {
		return fmt.Sprintf("campaign %q is %s and its day is not over; it cannot %s", e.Campaign, e.State, e.Event)
	}
	return fmt.Sprintf("campaign %q is %s; it cannot %s", e.Campaign, e.State, e.Event)
}

// Apply returns the campaign after event what at now, or a [*TransitionError]
// and the campaign as it was.
func (c Campaign) Apply(what CampaignEvent, now time.Time) (Campaign, error) {
	from := map[CampaignEvent][]CampaignState{
		Start:    {CampaignDraft},
		Pause:    {CampaignRunning},
		Resume:   {CampaignPaused},
		Stop:     {CampaignRunning, CampaignPaused},
		CloseDay: {CampaignRunning, CampaignPaused},
		Finish:   {CampaignRunning},
		Restart:  {CampaignCompleted},
	}[what]
	// A finished campaign can be stopped: a late analysis would set it running.
	late := what == Stop && c.State == CampaignCompleted && c.Ended == EndFinished
	if !slices.Contains(from, c.State) && !late {
		return c, &TransitionError{Campaign: c.Name, Event: what, State: c.State}
	}
	if what == CloseDay && !c.DayOver(now) {
		// Asked for by somebody who saw the campaign before it was restarted
		// or its hours were edited.
		return c, &TransitionError{Campaign: c.Name, Event: what, State: c.State, DayOpen: true}
	}
	switch what {
	case Start, Restart:
		c.State, c.Ended = CampaignRunning, ""
		c.Run++
		c.Closes = c.dayCloses(now)
	case Pause:
		c.State = CampaignPaused
	case Resume:
		c.State = CampaignRunning
		if !c.DayOver(now) {
			c.Closes = c.dayCloses(now)
		}
	case Stop:
		c.State, c.Ended = CampaignCompleted, EndStopped
	case CloseDay:
		c.State, c.Ended = CampaignCompleted, EndWindowClosed
	case Finish:
		c.State, c.Ended = CampaignCompleted, EndFinished
	}
	return c, nil
}

// dayCloses is what Closes is to be for a campaign set going at now.
func (c Campaign) dayCloses(now time.Time) time.Time {
	if c.Mode != SingleDay {
		return time.Time{}
	}
	closes, ok := c.Window.DayCloses(now)
	if !ok {
		return now // an unknown zone or an empty week has no day: it is over at once
	}
	return closes
}

// Cancels says what a waiting contact becomes when what has happened to its
// campaign, and why its callback is cancelled; false: it goes on waiting.
func (what CampaignEvent) Cancels() (ContactState, CloseReason, bool) {
	switch what {
	case Stop:
		return Stopped, ByStop, true
	case CloseDay:
		return WindowClosed, ByWindowClose, true
	}
	return "", "", false
}

// DayOver reports whether a Single Day campaign's day has ended by now.
func (c Campaign) DayOver(now time.Time) bool {
	return c.Mode == SingleDay && !c.Closes.IsZero() && !now.Before(c.Closes)
}

// retries reports whether a contact that came out as d is tried again.
func (c Campaign) retries(d Disposition) bool {
	on := c.RetryOn
	if on == nil {
		on = DefaultRetryOn
	}
	return slices.Contains(on, d)
}

// retryDelay is RetryDelay or what its zero value means. A campaign that was
// stored without its defaults must not be rung again at once.
func (c Campaign) retryDelay() time.Duration {
	if c.RetryDelay <= 0 {
		return DefaultRetryDelay
	}
	return c.RetryDelay
}

func (c Campaign) maxReschedules() int {
	switch n := c.MaxCallbackReschedules; {
	case n == 0:
		return DefaultMaxReschedules
	case n < 0:
		return 0
	default:
		return n
	}
}

// WithDefaults returns c with the zero values of its durations and mode
// replaced by what they mean.
func (c Campaign) WithDefaults() Campaign {
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	set(&c.RingTimeout, DefaultRingTimeout)
	set(&c.BotTimeout, DefaultBotTimeout)
	set(&c.MaxDuration, DefaultMaxDuration)
	set(&c.RetryDelay, DefaultRetryDelay)
	if c.Mode == "" {
		c.Mode = MultiDay
	}
	if c.MaxAttempts == 0 {
		c.MaxAttempts = 1
	}
	return c
}

// A FieldError says which field of what somebody gave us is wrong, what came,
// and what would be right.
type FieldError struct {
	Field string // "retry_delay"
	Got   string
	Want  string
}

func (e *FieldError) Error() string {
	return fmt.Sprintf("%s: got %s; want %s", e.Field, e.Got, e.Want)
}

// Check returns a [*FieldError] for each setting that is missing or out of
// range, joined, or nil.
func (c Campaign) Check() error {
	var errs []error
	bad := func(ok bool, field string, got any, want string) {
		if !ok {
			errs = append(errs, &FieldError{field, fmt.Sprintf("%q", fmt.Sprint(got)), want})
		}
	}
	within := func(field string, d, least, most time.Duration) {
		bad(d == 0 || d >= least && d <= most, field, d, fmt.Sprintf("%v to %v", least, most))
	}
	bad(named(c.Name), "name", c.Name, nameForm)
	bad(c.Mode == "" || c.Mode == SingleDay || c.Mode == MultiDay, "mode", c.Mode, "single_day or multi_day")
	bad(c.Trunk != "", "trunk", c.Trunk, "the name of a trunk")
	bad(c.Bot != "", "bot", c.Bot, "the name of a bot")
	bad(c.CallerID == "" || c.CallerID.Check() == nil, "caller_id", c.CallerID, "an E.164 number such as +911234567890")
	bad(c.Region == "" || phonenumbers.GetSupportedRegions()[c.Region], "region", c.Region, "an ISO 3166 code in capitals such as IN")
	bad(c.Apology == "" || printable(c.Apology), "apology", c.Apology, "at most 1000 printable characters")
	bad(c.Seats >= 1 && c.Seats <= 10000, "seats", c.Seats, "1 to 10000")
	bad(c.CPS >= 0 && c.CPS <= 1000, "cps", c.CPS, "0 (no limit) to 1000")
	bad(c.MaxAttempts >= 0 && c.MaxAttempts <= 100, "max_attempts", c.MaxAttempts, "1 to 100")
	bad(c.CallbackMaxAttempts >= 0 && c.CallbackMaxAttempts <= 100, "callback_max_attempts", c.CallbackMaxAttempts, "0 (the contact's) to 100")
	bad(c.MaxCallbackReschedules >= -1 && c.MaxCallbackReschedules <= 100, "max_callback_reschedules", c.MaxCallbackReschedules, "-1 (none), 0 (5) or up to 100")
	within("retry_delay", c.RetryDelay, time.Second, 30*24*time.Hour)
	within("ring_timeout", c.RingTimeout, time.Second, 5*time.Minute)
	within("bot_timeout", c.BotTimeout, 100*time.Millisecond, time.Minute)
	within("max_duration", c.MaxDuration, time.Second, 24*time.Hour)
	for i, d := range c.RetryOn {
		bad(!slices.Contains(c.RetryOn[:i], d), "retry_on", d, "each disposition once")
		bad(slices.Contains(Dispositions, d) && d != Answered, "retry_on", d, "busy, no_answer, rejected, congestion, unallocated, machine, abandoned or failed")
	}
	if err := c.Window.Check(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Check is as [Campaign.Check].
func (b Bot) Check() error {
	var errs []error
	if !named(b.Name) {
		errs = append(errs, &FieldError{"name", fmt.Sprintf("%q", b.Name), nameForm})
	}
	switch {
	case (b.Endpoint == "") == (b.Extension == ""):
		errs = append(errs, &FieldError{"endpoint", fmt.Sprintf("endpoint %q and extension %q", b.Endpoint, b.Extension), "exactly one of the two"})
	case b.Endpoint != "" && !printable(b.Endpoint):
		errs = append(errs, &FieldError{"endpoint", fmt.Sprintf("%q", b.Endpoint), "a dial string such as PJSIP/bot, at most 1000 printable characters"})
	case b.Extension != "" && !extension(b.Extension):
		errs = append(errs, &FieldError{"extension", fmt.Sprintf("%q", b.Extension), "context,exten,priority such as bots,agent,1"})
	}
	if b.Capacity < 0 {
		errs = append(errs, &FieldError{"capacity", fmt.Sprint(b.Capacity), "0 (no limit) or more"})
	}
	return errors.Join(errs...)
}

// extension reports whether s is "context,exten,priority", nothing left out.
func extension(s string) bool {
	parts := strings.Split(s, ",")
	return printable(s) && len(parts) == 3 && !slices.Contains(parts, "") && !strings.ContainsRune(s, ' ')
}
