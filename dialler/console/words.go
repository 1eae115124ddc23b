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

	"ringback/dialler/wording"
)

// parsePages reads the templates: each page, named for its file, with the frame
// and the parts all share.
func parsePages() map[string]*template.Template {
	parts := []string{"pages/frame.html", "pages/parts.html", "pages/fields.html", "pages/settings.html", "pages/making.html"}
	shared := template.Must(template.New("").Funcs(template.FuncMap{
		"at": wording.At, "span": wording.Span, "until": until, "since": since, "pretty": pretty, "label": label, "dict": dict,
		"comma": wording.Comma, "percent": percent, "split": strings.Split, "anchor": anchor, "day": day,
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

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// until is how far off t is, for people: the script counts it down.
func until(t, now time.Time) string {
	if !t.After(now) {
		return "due now"
	}
	return "in " + wording.Span(t.Sub(now))
}

// since is how long ago t was.
func since(t, now time.Time) string { return wording.Span(max(now.Sub(t), 0)) }

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

// label is a state or a reason as operators read it.
func label(v any) string {
	if stage, ok := v.(Stage); ok {
		return cmp.Or(map[Stage]string{StageScreening: "Connecting to bot", StageAnswered: "Connecting to bot", StageTalking: "Talking with bot"}[stage], wording.Initial(string(stage)))
	}
	return wording.Label(v)
}
