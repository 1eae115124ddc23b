package report

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"ringback/dialler"
)

// A csvTable is RFC 4180: UTF-8, commas, CRLF, quotes where they are needed.
type csvTable struct {
	buf *bufio.Writer
	w   *csv.Writer
	row []string
}

// NewCSV makes a table that is written to w as CSV.
func NewCSV(w io.Writer) Table {
	buf := bufio.NewWriterSize(w, 64<<10)
	c := csv.NewWriter(buf)
	c.UseCRLF = true
	return &csvTable{buf: buf, w: c}
}

func (t *csvTable) Row(cells []any) error {
	t.row = t.row[:0]
	for _, c := range cells {
		t.row = append(t.row, csvCell(c))
	}
	return t.w.Write(t.row)
}

func (t *csvTable) Flush() error {
	t.w.Flush()
	if err := t.w.Error(); err != nil {
		return err
	}
	return t.buf.Flush()
}

func (t *csvTable) Close() error { return t.Flush() }

func csvCell(c any) string {
	switch c := c.(type) {
	case nil:
		return ""
	case string:
		return harmless(c)
	case dialler.Number:
		return string(c) // + and digits: see the package comment
	}
	return plain(c)
}

// plain writes what is no text.
func plain(c any) string {
	switch c := c.(type) {
	case int:
		return strconv.Itoa(c)
	case int64:
		return strconv.FormatInt(c, 10)
	case float64:
		return strconv.FormatFloat(c, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(c)
	case time.Time:
		if c.IsZero() {
			return ""
		}
		return c.UTC().Format(time.RFC3339Nano)
	}
	panic(fmt.Sprintf("report: a cell is a %T", c))
}

// harmless puts an apostrophe before what a spreadsheet would take for a
// formula: OWASP's list, with the wide forms that Excel takes for the same.
func harmless(s string) string {
	if strings.HasPrefix(strings.TrimLeft(s, " "), "=") { // some skip spaces
		return "'" + s
	}
	for _, lead := range []string{"=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"} {
		if strings.HasPrefix(s, lead) {
			return "'" + s
		}
	}
	return s
}
