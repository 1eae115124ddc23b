package dialler

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Settings are a campaign's settings as people write them down: in the
// configuration, over the API, in a form. [Settings.Campaign] reads them, so
// that all three are told the same of the same mistake. Zero values mean what
// those of a [Campaign] do.
type Settings struct {
	Name, Mode, Trunk, Bot, CallerID, Region string

	Zone     string // IANA
	Hours    Hours
	Holidays []string // "2026-01-26"

	Seats       int
	CPS         float64
	MaxAttempts int
	RetryOn     []string // nil: [DefaultRetryOn]; empty: nothing

	// Durations as Go writes them, "1m30s"; empty: the default.
	RetryDelay, RingTimeout, BotTimeout, MaxDuration string

	Screen  bool
	Apology string

	CallbackDetection      bool
	CallbackMaxAttempts    int
	MaxCallbackReschedules int
}

// Campaign returns the campaign that s describes, with its defaults, or a
// [*FieldError] for every field that is not right, joined.
func (s Settings) Campaign() (Campaign, error) {
	var errs []error
	duration := func(field, text string) time.Duration {
		if text == "" {
			return 0
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			errs = append(errs, &FieldError{field, fmt.Sprintf("%q", text), "a duration such as 30s, 15m or 1h30m"})
		}
		return d
	}
	window, wrong := NewWindow(s.Zone, s.Hours, s.Holidays...)
	if wrong != nil {
		errs = append(errs, fieldErrors(wrong)...)
	}
	c := Campaign{
		Name: s.Name, Mode: Mode(s.Mode), Window: window, Trunk: s.Trunk, Bot: s.Bot, CallerID: Number(s.CallerID), Region: s.Region,
		Seats: s.Seats, CPS: s.CPS, MaxAttempts: s.MaxAttempts, RetryDelay: duration("retry_delay", s.RetryDelay),
		RingTimeout: duration("ring_timeout", s.RingTimeout), Screen: s.Screen, BotTimeout: duration("bot_timeout", s.BotTimeout),
		MaxDuration: duration("max_duration", s.MaxDuration), Apology: s.Apology, CallbackDetection: s.CallbackDetection,
		CallbackMaxAttempts: s.CallbackMaxAttempts, MaxCallbackReschedules: s.MaxCallbackReschedules,
	}
	if s.RetryOn != nil {
		c.RetryOn = []Disposition{}
	}
	for _, d := range s.RetryOn {
		c.RetryOn = append(c.RetryOn, Disposition(d))
	}
	for _, err := range fieldErrors(c.Check()) {
		if fe := (*FieldError)(nil); wrong != nil && errors.As(err, &fe) && strings.HasPrefix(fe.Field, "window.") {
			continue // NewWindow has said it, and better
		}
		errs = append(errs, err)
	}
	return c.WithDefaults(), errors.Join(errs...)
}

// fieldErrors takes joined errors apart.
func fieldErrors(err error) []error {
	if list, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range list.Unwrap() {
			all = append(all, fieldErrors(e)...)
		}
		return all
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// FieldErrors takes err apart into the field errors that it joins or wraps, or
// returns nil if there is anything else in it.
func FieldErrors(err error) []*FieldError {
	var all []*FieldError
	for _, e := range fieldErrors(err) {
		fe := (*FieldError)(nil)
		if !errors.As(e, &fe) {
			return nil
		}
		all = append(all, fe)
	}
	return all
}

// Settings are c's settings as people write them.
func (c Campaign) Settings() Settings {
	s := Settings{
		Name: c.Name, Mode: string(c.Mode), Trunk: c.Trunk, Bot: c.Bot, CallerID: string(c.CallerID), Region: c.Region,
		Zone: c.Window.Zone(), Hours: c.Window.Hours(), Holidays: c.Window.Holidays(),
		Seats: c.Seats, CPS: c.CPS, MaxAttempts: c.MaxAttempts, RetryDelay: c.RetryDelay.String(), RingTimeout: c.RingTimeout.String(),
		BotTimeout: c.BotTimeout.String(), MaxDuration: c.MaxDuration.String(), Screen: c.Screen, Apology: c.Apology,
		CallbackDetection: c.CallbackDetection, CallbackMaxAttempts: c.CallbackMaxAttempts, MaxCallbackReschedules: c.MaxCallbackReschedules,
	}
	if c.RetryOn != nil {
		s.RetryOn = []string{}
	}
	for _, d := range c.RetryOn {
		s.RetryOn = append(s.RetryOn, string(d))
	}
	return s
}

// CheckLines returns a [*FieldError] for the bot and the trunk of c that are
// not among those there are, joined, or nil.
func (c Campaign) CheckLines(bots []Bot, trunks []Trunk) error {
	var errs []error
	if c.Bot != "" && !slices.ContainsFunc(bots, func(b Bot) bool { return b.Name == c.Bot }) {
		errs = append(errs, &FieldError{"bot", fmt.Sprintf("%q", c.Bot), "the name of a bot that exists"})
	}
	if c.Trunk != "" && !slices.ContainsFunc(trunks, func(t Trunk) bool { return t.Name == c.Trunk }) {
		errs = append(errs, &FieldError{"trunk", fmt.Sprintf("%q", c.Trunk), "the name of a trunk that exists"})
	}
	return errors.Join(errs...)
}

// A LockedError says that a campaign, or a part of it, cannot be edited as it
// stands. It is an [ErrLocked].
type LockedError struct {
	Campaign string
	State    CampaignState
	Part     string // "its name", "its bot": locked because it has run; empty: all of it, because of State
	Drop     bool   // it was to be removed, not edited
}

func (e *LockedError) Error() string {
	switch {
	case e.Drop:
		return fmt.Sprintf("campaign %q has run, so it and its contacts stay; only a draft can be removed", e.Campaign)
	case e.Part != "":
		return fmt.Sprintf("campaign %q has run, so %s can no longer be changed; clone it and change the clone", e.Campaign, e.Part)
	case e.State == CampaignRunning:
		return fmt.Sprintf("campaign %q is running; pause it to edit it", e.Campaign)
	}
	return fmt.Sprintf("campaign %q is %s; only a draft or a paused campaign can be edited, so clone it, or restart and pause it", e.Campaign, e.State)
}

// Unwrap makes it an [ErrLocked].
func (e *LockedError) Unwrap() error { return ErrLocked }

// A UsedError says that a bot or a trunk cannot be removed, for campaigns have
// it. It is an [ErrLocked].
type UsedError struct {
	Kind, Name string   // "bot", "asha"
	Campaigns  []string // by name
}

// mostUses is how many campaigns are named of those that have a line.
const mostUses = 5

func (e *UsedError) Error() string {
	list, more := e.Campaigns, ""
	if n := len(list); n > mostUses {
		list, more = list[:mostUses], fmt.Sprintf(" and %d more", n-mostUses)
	}
	return fmt.Sprintf("the %s %q is that of %s%s; give them another, or remove those that are drafts. What has run keeps its bot", e.Kind, e.Name, strings.Join(quoted(list), ", "), more)
}

// Unwrap makes it an [ErrLocked].
func (e *UsedError) Unwrap() error { return ErrLocked }

func quoted(list []string) (out []string) {
	for _, s := range list {
		out = append(out, strconv.Quote(s))
	}
	return out
}

// Edit returns c with the settings of to, or a [*LockedError]: a campaign is
// edited while it is a draft or paused, and one that has run keeps its name and
// its bot, by which its calls are known.
func (c Campaign) Edit(to Campaign) (Campaign, error) {
	if c.State != CampaignDraft && c.State != CampaignPaused {
		return c, &LockedError{Campaign: c.Name, State: c.State}
	}
	if c.Run > 0 {
		if to.Name != c.Name {
			return c, &LockedError{Campaign: c.Name, State: c.State, Part: "its name"}
		}
		if to.Bot != c.Bot {
			return c, &LockedError{Campaign: c.Name, State: c.State, Part: "its bot"}
		}
	}
	to.ID, to.State, to.Ended, to.Run, to.Closes = c.ID, c.State, c.Ended, c.Run, c.Closes
	return to.WithDefaults(), nil
}

// CheckDrop returns a [*LockedError] if c cannot be removed: what has run is
// what results and promises hang on.
func (c Campaign) CheckDrop() error {
	if c.State != CampaignDraft {
		return &LockedError{Campaign: c.Name, State: c.State, Drop: true}
	}
	return nil
}
