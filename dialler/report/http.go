package report

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"ringback/dialler"
)

// A Format is how a report is written.
type Format string

// The formats.
const (
	CSV  Format = "csv"
	XLSX Format = "xlsx"
)

// Formats lists them all.
var Formats = []Format{CSV, XLSX}

// Type is the media type of a file of that format.
func (f Format) Type() string {
	if f == XLSX {
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	}
	return "text/csv; charset=utf-8"
}

// Respond answers with a report, as a file to keep. The campaign should have
// been looked up: what goes wrong once rows have been sent can only be shown by
// breaking off, which it does, as [http.ErrAbortHandler] has it. What went
// wrong before is returned.
func Respond(w http.ResponseWriter, r *http.Request, s Store, q Query, f Format) error {
	out := &begun{w: w, head: func() {
		h := w.Header()
		h.Set("Content-Type", f.Type())
		h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", fileName(q, f)))
	}}
	var t Table
	if f == XLSX {
		t = NewXLSX(out, string(q.Kind))
	} else {
		t = NewCSV(out)
	}
	control := http.NewResponseController(w)
	err := Write(r.Context(), s, q, t, func() {
		// Not every writer has them. That of reading counts too: when it passes,
		// net/http takes the client for gone.
		_ = control.SetReadDeadline(time.Now().Add(2 * pageTime))
		_ = control.SetWriteDeadline(time.Now().Add(2 * pageTime))
	})
	if err != nil && out.yes {
		panic(http.ErrAbortHandler) // a file that is cut short must not look whole
	}
	return err
}

// begun remembers whether anything was written, and sets the head before.
type begun struct {
	w    io.Writer
	head func()
	yes  bool
}

func (b *begun) Write(p []byte) (int, error) {
	if !b.yes {
		b.yes = true
		b.head()
	}
	return b.w.Write(p)
}

func fileName(q Query, f Format) string {
	name := "ringback-" + string(q.Kind)
	if q.Campaign != 0 {
		name += "-" + strconv.FormatInt(int64(q.Campaign), 10)
	}
	for _, t := range []time.Time{q.From, q.To} {
		if !t.IsZero() {
			name += "-" + t.UTC().Format("20060102T150405Z")
		}
	}
	return name + "." + string(f)
}

// ParseFile reads the last part of an address: "attempts.csv".
func ParseFile(name string) (Kind, Format, error) {
	kind, format, _ := strings.Cut(name, ".")
	for _, k := range Kinds {
		for _, f := range Formats {
			if string(k) == kind && string(f) == format {
				return k, f, nil
			}
		}
	}
	return "", "", fmt.Errorf("%w: there is no report %q; there are attempts, callbacks and contacts, each as .csv and .xlsx", dialler.ErrNotFound, name)
}
