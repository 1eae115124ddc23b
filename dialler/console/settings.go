package console

import (
	"context"
	_ "embed" // the zones
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"ringback/dialler"
)

// zones are the time zones offered, a name a line, with its country after a
// tab, so that either is found: those of the IANA data base's zone.tab, and
// UTC. Others that the data base knows are taken too.
//
//go:embed zones.txt
var zones string

// A weekday as the form has it.
type weekday struct{ Key, Label string }

var week = []weekday{
	{"mon", "Monday"}, {"tue", "Tuesday"}, {"wed", "Wednesday"}, {"thu", "Thursday"}, {"fri", "Friday"}, {"sat", "Saturday"}, {"sun", "Sunday"},
}

// The fields of the first two parts of a campaign's settings; all others are
// of the third.
var (
	basicFields  = []string{"name", "bot"}
	numberFields = []string{"trunk", "caller_id", "region"}
)

// partOf is the step a field is on.
func partOf(field string) string {
	switch {
	case slices.Contains(basicFields, field):
		return "basics"
	case slices.Contains(numberFields, field):
		return "numbers"
	}
	return "dialling"
}

// A settingsForm is a campaign's settings being entered, and what there is to
// choose from.
type settingsForm struct {
	Form   form
	Bots   []dialler.Bot
	Trunks []trunkChoice
}

// A trunkChoice is a trunk, and whether calls can leave by it now.
type trunkChoice struct {
	dialler.Trunk
	Down bool // the link to its switch is
}

// Zones, Week and RetryOn are what else there is to choose from.
func (settingsForm) Zones() []string                { return strings.Split(strings.TrimSpace(zones), "\n") }
func (settingsForm) Week() []weekday                { return week }
func (settingsForm) RetryOn() []dialler.Disposition { return retriable }

// More reports whether one of the settings that are folded away is wrong.
func (s settingsForm) More() bool {
	for _, field := range []string{"ring_timeout", "bot_timeout", "max_duration", "apology"} {
		if s.Form.Wrong[field] != "" {
			return true
		}
	}
	return false
}

// retriable is what may be tried again: everything but a conversation.
var retriable = slices.DeleteFunc(slices.Clone(dialler.Dispositions), func(d dialler.Disposition) bool { return d == dialler.Answered })

// choices fills in what there is to choose from.
func (c *console) choices(ctx context.Context, s *settingsForm) (err error) {
	if s.Bots, err = c.Store.Bots(ctx); err != nil {
		return err
	}
	trunks, err := c.Store.Trunks(ctx)
	if err != nil {
		return err
	}
	var links map[string]bool
	if c.Status != nil {
		links = c.Status().Links
	}
	for _, t := range trunks {
		up, known := links[t.Switch]
		s.Trunks = append(s.Trunks, trunkChoice{t, known && !up})
	}
	return nil
}

// bot returns the one that is chosen.
func (s settingsForm) bot() dialler.Bot {
	for _, b := range s.Bots {
		if b.Name == s.Form.Get("bot") {
			return b
		}
	}
	return dialler.Bot{}
}

// freshValues is what a new campaign begins with: what is right for most, and
// what leaves no choice.
func (s settingsForm) freshValues() url.Values {
	v := campaignValues(dialler.Campaign{MaxAttempts: 3, Seats: 5}.WithDefaults())
	for _, d := range week {
		v.Set("window.hours."+d.Key, "09:00-18:00")
		if d.Key != "sat" && d.Key != "sun" {
			v.Set("window.hours."+d.Key+".on", "on")
		}
	}
	if len(s.Bots) == 1 {
		v.Set("bot", s.Bots[0].Name)
	}
	if len(s.Trunks) == 1 {
		v.Set("trunk", s.Trunks[0].Name)
	}
	return v
}

// campaignValues is a campaign as the form's fields have it.
func campaignValues(c dialler.Campaign) url.Values {
	s := c.Settings()
	v := url.Values{
		"name": {s.Name}, "bot": {s.Bot}, "trunk": {s.Trunk}, "caller_id": {s.CallerID}, "region": {s.Region},
		"seats": {strconv.Itoa(s.Seats)}, "cps": {strconv.FormatFloat(s.CPS, 'f', -1, 64)}, "mode": {s.Mode},
		"window.zone": {s.Zone}, "window.holidays": {strings.Join(s.Holidays, "\n")},
		"max_attempts": {strconv.Itoa(s.MaxAttempts)}, "retry_delay": {plainSpan(s.RetryDelay)}, "retry_on": s.RetryOn,
		"ring_timeout": {plainSpan(s.RingTimeout)}, "bot_timeout": {plainSpan(s.BotTimeout)}, "max_duration": {plainSpan(s.MaxDuration)}, "apology": {s.Apology},
		"callback_max_attempts": {strconv.Itoa(s.CallbackMaxAttempts)}, "max_callback_reschedules": {strconv.Itoa(s.MaxCallbackReschedules)},
	}
	if s.RetryOn == nil {
		for _, d := range dialler.DefaultRetryOn {
			v.Add("retry_on", string(d))
		}
	}
	for name, on := range map[string]bool{"screen": s.Screen, "callback_detection": s.CallbackDetection} {
		if on {
			v.Set(name, "on")
		}
	}
	for _, d := range week {
		if list := s.Hours[d.Key]; len(list) > 0 {
			v.Set("window.hours."+d.Key, strings.Join(list, ", "))
			v.Set("window.hours."+d.Key+".on", "on")
		}
	}
	return v
}

// plainSpan is a duration without the zeros that Go puts at its end: "15m".
func plainSpan(s string) string {
	if short := strings.TrimSuffix(s, "0s"); strings.HasSuffix(short, "m") {
		s = short
	}
	if short := strings.TrimSuffix(s, "0m"); strings.HasSuffix(short, "h") {
		s = short
	}
	return s
}

// settings reads the form. What is not even a number is in f.Wrong.
func (f *form) settings() dialler.Settings {
	s := dialler.Settings{
		Name: f.Get("name"), Bot: f.Get("bot"), Trunk: f.Get("trunk"), Mode: f.Get("mode"),
		CallerID: strings.TrimSpace(f.Get("caller_id")), Region: strings.ToUpper(f.raw("region")),
		Seats: f.number("seats"), CPS: f.decimal("cps"), MaxAttempts: f.number("max_attempts"),
		Zone: strings.TrimSpace(f.Get("window.zone")), Hours: dialler.Hours{}, Holidays: apart(f.Get("window.holidays")),
		RetryDelay: f.span("retry_delay"), RingTimeout: f.span("ring_timeout"), BotTimeout: f.span("bot_timeout"), MaxDuration: f.span("max_duration"),
		RetryOn: []string{}, Screen: f.On("screen", "on"), Apology: strings.TrimSpace(f.Get("apology")),
		CallbackDetection:   f.On("callback_detection", "on"),
		CallbackMaxAttempts: f.number("callback_max_attempts"), MaxCallbackReschedules: f.number("max_callback_reschedules"),
	}
	s.RetryOn = append(s.RetryOn, f.Values["retry_on"]...)
	if sameDispositions(s.RetryOn, dialler.DefaultRetryOn) {
		s.RetryOn = nil
	}
	for _, d := range week {
		if !f.On("window.hours."+d.Key+".on", "on") {
			continue
		}
		list := apartByComma(f.Get("window.hours." + d.Key))
		if len(list) == 0 {
			list = []string{""} // a working day without hours is a mistake, not a day off
		}
		s.Hours[d.Key] = list
	}
	return s
}

// span reads a field that holds a duration.
func (f *form) span(name string) string { return strings.Join(strings.Fields(f.raw(name)), "") }

func sameDispositions(a []string, b []dialler.Disposition) bool {
	if len(a) != len(b) {
		return false
	}
	for _, d := range b {
		if !slices.Contains(a, string(d)) {
			return false
		}
	}
	return true
}

// apart takes a list of words apart, however they are separated.
func apart(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == ',' || r == ';' })
}

// apartByComma takes a list of intervals apart: "9:00 - 13:00" has spaces of
// its own.
func apartByComma(s string) []string {
	var out []string
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ';' || r == '\n' }) {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// judge reads the settings and takes down what is wrong with each; own is the
// campaign that is being edited, whose name is its own.
func (c *console) judge(ctx context.Context, s *settingsForm, own dialler.CampaignID) (dialler.Campaign, error) {
	campaign, err := s.Form.settings().Campaign()
	if err := s.Form.blame(err); err != nil {
		return campaign, err
	}
	trunks := make([]dialler.Trunk, 0, len(s.Trunks))
	for _, t := range s.Trunks {
		trunks = append(trunks, t.Trunk)
	}
	if err := s.Form.blame(campaign.CheckLines(s.Bots, trunks)); err != nil {
		return campaign, err
	}
	if s.Form.Wrong["name"] == "" {
		switch other, err := c.Store.CampaignNamed(ctx, campaign.Name); {
		case err == nil && other.ID != own:
			_ = s.Form.blame(&dialler.FieldError{Field: "name", Got: strconv.Quote(campaign.Name), Want: "a name that no other campaign has"})
		case err != nil && !errors.Is(err, dialler.ErrNotFound):
			return campaign, err
		}
	}
	// What the two gates come to is said as soon as there is a bot.
	s.Form.Notes = map[string]string{"gates": ""}
	if b := s.bot(); b.Name != "" {
		s.Form.Notes["gates"] = gates(campaign, b)
	}
	return campaign, nil
}
