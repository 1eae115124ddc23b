package console

import (
	"cmp"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"ringback/dialler"
)

// parsePages reads the templates: each page, named for its file, with the frame
// and the parts all share.
func parsePages() map[string]*template.Template {
	parts := []string{"pages/frame.html", "pages/parts.html", "pages/fields.html", "pages/settings.html", "pages/making.html"}
	shared := template.Must(template.New("").Funcs(template.FuncMap{
		"at": at, "span": span, "until": until, "since": since, "pretty": pretty, "label": label, "dict": dict,
		"comma": comma, "percent": percent, "anchor": anchor, "day": day,
	}).ParseFS(files, parts...))
	pages := map[string]*template.Template{}
	all, err := fs.Glob(files, "pages/*.html")
	if err != nil {
		panic(err) // the pattern is right
	}
	for _, file := range all {
		if slices.Contains(parts, file) {
			continue
		}
		t := template.Must(shared.Clone())
		pages[strings.TrimSuffix(path.Base(file), ".html")] = template.Must(t.ParseFS(files, file))
	}
	return pages
}

func initial(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// A moment is a time as a page shows it.
type moment struct {
	ISO   string // for machines
	Text  string // as the campaign's wall clock has it
	Title string // in full
}

// at is a time in the campaign's zone; the zero time is "–".
func at(t time.Time, w dialler.Window, now time.Time) moment {
	if t.IsZero() {
		return moment{Text: "–"}
	}
	t, now = t.In(w.Location()), now.In(w.Location())
	form := "15:04:05"
	switch {
	case t.Year() != now.Year():
		form = "2 Jan 2006 15:04"
	case t.YearDay() != now.YearDay():
		form = "Mon 2 Jan 15:04"
	}
	return moment{t.UTC().Format(time.RFC3339), t.Format(form), t.Format("Monday 2 January 2006, 15:04:05 MST")}
}

// span is a duration as people say it, in its two largest units.
func span(d time.Duration) string {
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

// until is how far off t is, for people: the script counts it down.
func until(t, now time.Time) string {
	if !t.After(now) {
		return "due now"
	}
	return "in " + span(t.Sub(now))
}

// since is how long ago t was.
func since(t, now time.Time) string { return span(max(now.Sub(t), 0)) }

func comma(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:] // narrow space, as in ISO 80000
	}
	return s
}

func percent(n, of int) int {
	if of == 0 {
		return 0
	}
	return 100 * n / of
}

// dict makes the arguments of a part.
func dict(pairs ...any) map[string]any {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return m
}

func dispositionLabel(d dialler.Disposition) string {
	return cmp.Or(map[dialler.Disposition]string{dialler.NoAnswer: "No answer", dialler.Machine: "Voicemail"}[d], initial(string(d)))
}

// label is a state or a reason as operators read it.
func label(v any) string {
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
		}[v], initial(string(v)))
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
		return initial(string(v))
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
	case Stage:
		return cmp.Or(map[Stage]string{StageScreening: "Connecting to bot", StageAnswered: "Connecting to bot", StageTalking: "Talking with bot"}[v], initial(string(v)))
	}
	return initial(fmt.Sprint(v))
}
