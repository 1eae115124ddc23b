// Package wording says in an operator's words what the domain calls by its own:
// states and reasons, times by a campaign's clock, durations, numbers of things.
// The console, the API and the checklist say the same by it.
package wording

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"ringback/dialler"
)

// Initial is s with a capital, as a sentence begins.
func Initial(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// A Moment is a time as a page shows it.
type Moment struct {
	ISO   string // for machines
	Text  string // as the campaign's wall clock has it
	Title string // in full
}

// At is a time in the campaign's zone; the zero time is "–".
func At(t time.Time, w dialler.Window, now time.Time) Moment {
	if t.IsZero() {
		return Moment{Text: "–"}
	}
	t, now = t.In(w.Location()), now.In(w.Location())
	form := "15:04:05"
	switch {
	case t.Year() != now.Year():
		form = "2 Jan 2006 15:04"
	case t.YearDay() != now.YearDay():
		form = "Mon 2 Jan 15:04"
	}
	return Moment{t.UTC().Format(time.RFC3339), t.Format(form), t.Format("Monday 2 January 2006, 15:04:05 MST")}
}

// Span is a duration as people say it, in its two largest units.
func Span(d time.Duration) string {
	d = d.Abs()
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return two(int(d.Minutes()), "min", int(d.Seconds())%60, "s")
	case d < 24*time.Hour:
		return two(int(d.Hours()), "h", int(d.Minutes())%60, "min")
	}
	return two(int(d.Hours())/24, "d", int(d.Hours())%24, "h")
}

func two(a int, unit string, b int, smaller string) string {
	if b == 0 {
		return fmt.Sprintf("%d %s", a, unit)
	}
	return fmt.Sprintf("%d %s %d %s", a, unit, b, smaller)
}

// Comma is n with its thousands apart.
func Comma(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:] // narrow space, as in ISO 80000
	}
	return s
}

// Count is n of something, which has a name for one and a name for many.
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Comma(n) + " " + many
}

func dispositionLabel(d dialler.Disposition) string {
	return cmp.Or(map[dialler.Disposition]string{dialler.NoAnswer: "No answer", dialler.Machine: "Voicemail"}[d], Initial(string(d)))
}

// Label is a state or a reason as operators read it.
func Label(v any) string {
	switch v := v.(type) {
	case dialler.Disposition:
		if v == "" {
			return "In progress"
		}
		return dispositionLabel(v)
	case dialler.ContactState:
		return cmp.Or(map[dialler.ContactState]string{
			dialler.CallbackScheduled: "Callback scheduled", dialler.RetryScheduled: "Retry scheduled",
			dialler.MachineReached: "Voicemail", dialler.WindowClosed: "Window closed",
		}[v], Initial(string(v)))
	case dialler.CloseReason:
		return cmp.Or(map[dialler.CloseReason]string{dialler.ByWindowClose: "the window closed", dialler.ByStop: "the campaign was stopped", dialler.ByExclusion: "the number was excluded",
			dialler.ByVoicemail: "a voicemail answered", dialler.ByAbandoned: "no bot was there in time", dialler.ByOperator: "an operator cancelled it"}[v], string(v))
	case dialler.RefusalReason:
		return cmp.Or(map[dialler.RefusalReason]string{
			dialler.RefusedBotGate: "the bot's callback toggle is off", dialler.RefusedCampaignGate: "Callback Detection is off in the campaign",
			dialler.RefusedExcluded: "the number is excluded", dialler.RefusedStopped: "the campaign was stopped, or the contact was by an operator",
			dialler.RefusedLimit: "it was rung back as often as the campaign allows", dialler.RefusedWaiting: "a callback was promised already",
		}[v], string(v))
	case dialler.CallbackState:
		if v == dialler.CallbackWaiting {
			return "Scheduled"
		}
		return Initial(string(v))
	case dialler.EndReason:
		return cmp.Or(map[dialler.EndReason]string{dialler.EndFinished: "nobody is left to ring", dialler.EndWindowClosed: "its day is over", dialler.EndStopped: "stopped"}[v], string(v))
	case dialler.Mode:
		if v == dialler.SingleDay {
			return "Single Day"
		}
		return "Multi Day"
	case dialler.Verdict:
		return cmp.Or(map[dialler.Verdict]string{dialler.VerdictHuman: "a person", dialler.VerdictMachine: "a machine", dialler.VerdictUnsure: "unsure, taken for a person"}[v], string(v))
	case dialler.Class:
		return cmp.Or(map[dialler.Class]string{dialler.ClassCallback: "Callback", dialler.ClassPending: "First call", dialler.ClassRetry: "Retry"}[v], string(v))
	}
	return Initial(fmt.Sprint(v))
}
