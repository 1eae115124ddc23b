package report

import (
	"archive/zip"
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"ringback/dialler"
)

// An xlsxTable is a workbook (ECMA-376) that is written from front to back:
// the sheets first, as their rows come, and then the parts that say which
// sheets there are. The libraries for this keep the rows, in memory or in a
// file beside, until the last has come.
type xlsxTable struct {
	name   string
	zip    *zip.Writer
	sheet  *bufio.Writer // nil: none has been begun
	sheets int
	rows   int // on this sheet
	head   []any
}

// Limits of Excel.
const (
	maxRows = 1 << 20
	maxCell = 32767 // characters of UTF-16
)

// NewXLSX makes a table that is written to w as a workbook, with a sheet of
// that name, and more of them ("name 2") if there are more rows than fit.
func NewXLSX(w io.Writer, name string) Table {
	return &xlsxTable{name: name, zip: zip.NewWriter(w)}
}

func (t *xlsxTable) Row(cells []any) error {
	switch {
	case t.sheet == nil:
		t.head = append([]any(nil), cells...)
		if err := t.begin(); err != nil {
			return err
		}
	case t.rows == maxRows:
		if err := t.end(); err != nil {
			return err
		}
		if err := t.begin(); err != nil {
			return err
		}
		if err := t.row(t.head); err != nil {
			return err
		}
	}
	return t.row(cells)
}

func (t *xlsxTable) begin() error {
	t.sheets++
	t.rows = 0
	w, err := t.create(fmt.Sprintf("xl/worksheets/sheet%d.xml", t.sheets))
	if err != nil {
		return err
	}
	t.sheet = bufio.NewWriterSize(w, 64<<10)
	_, err = t.sheet.WriteString(xml.Header + `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">` +
		`<sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData>`)
	return err
}

func (t *xlsxTable) create(name string) (io.Writer, error) {
	return t.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)})
}

func (t *xlsxTable) end() error {
	if _, err := t.sheet.WriteString(`</sheetData></worksheet>`); err != nil {
		return err
	}
	return t.sheet.Flush()
}

func (t *xlsxTable) row(cells []any) error {
	t.rows++
	b := t.sheet
	row := strconv.Itoa(t.rows)
	_, _ = b.WriteString(`<row r="` + row + `">`) // a bufio.Writer remembers its error
	for i, c := range cells {
		open := func(kind string) { _, _ = b.WriteString(`<c r="` + column(i) + row + `"` + kind + `>`) }
		switch c := c.(type) {
		case nil:
			continue
		case string:
			inline(b, open, c)
		case dialler.Number:
			inline(b, open, string(c))
		case time.Time:
			inline(b, open, plain(c))
		case bool:
			open(` t="b"`)
			v := "0"
			if c {
				v = "1"
			}
			_, _ = b.WriteString(`<v>` + v + `</v></c>`)
		default:
			open("")
			_, _ = b.WriteString(`<v>` + plain(c) + `</v></c>`)
		}
	}
	_, err := b.WriteString(`</row>`)
	return err
}

// inline writes a text.
func inline(b *bufio.Writer, open func(string), s string) {
	if s == "" {
		return
	}
	open(` t="inlineStr"`)
	_, _ = b.WriteString(`<is><t xml:space="preserve">`)
	_ = xml.EscapeText(b, []byte(escapeEscapes(cut(s)))) // what XML cannot say becomes U+FFFD
	_, _ = b.WriteString(`</t></is></c>`)
}

// escapeEscapes keeps "_x0041_" what it is: Excel would read an A (ECMA-376
// part 1, §22.9.2.19).
func escapeEscapes(s string) string {
	if !strings.Contains(s, "_x") {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if s[i] == '_' && len(s) >= i+7 && s[i+1] == 'x' && s[i+6] == '_' && hex(s[i+2:i+6]) {
			b.WriteString("_x005F")
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func hex(s string) bool {
	_, err := strconv.ParseUint(s, 16, 16)
	return err == nil
}

// cut is as much of a text as a cell can hold.
func cut(s string) string {
	if len(s) <= maxCell {
		return s
	}
	n := 0
	for i, r := range s {
		if n++; r > 0xffff {
			n++
		}
		if n > maxCell {
			return s[:i]
		}
	}
	return s
}

// column names the column with that index: A, …, Z, AA, …
func column(i int) string {
	name := ""
	for i++; i > 0; i = (i - 1) / 26 {
		name = string(rune('A'+(i-1)%26)) + name
	}
	return name
}

// Flush passes on what there is of the sheet; the compression keeps some.
func (t *xlsxTable) Flush() error {
	if err := t.sheet.Flush(); err != nil {
		return err
	}
	return t.zip.Flush()
}

func (t *xlsxTable) Close() error {
	if t.sheet == nil {
		if err := t.begin(); err != nil {
			return err
		}
	}
	if err := t.end(); err != nil {
		return err
	}
	var types, sheets, rels strings.Builder
	for i := 1; i <= t.sheets; i++ {
		name := sheetName(t.name)
		if i > 1 {
			name += " " + strconv.Itoa(i)
		}
		fmt.Fprintf(&types, `<Override PartName="/xl/worksheets/sheet%d.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>`, i)
		fmt.Fprintf(&sheets, `<sheet name="%s" sheetId="%d" r:id="rId%d"/>`, name, i, i)
		fmt.Fprintf(&rels, `<Relationship Id="rId%d" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet%d.xml"/>`, i, i)
	}
	for _, part := range []struct{ name, body string }{
		{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">` +
			`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>` +
			`<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>` + types.String() + `</Types>`},
		{"_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
			`<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"xl/workbook.xml", `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">` +
			`<sheets>` + sheets.String() + `</sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` + rels.String() + `</Relationships>`},
	} {
		w, err := t.create(part.name)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, xml.Header+part.body); err != nil {
			return err
		}
	}
	return t.zip.Close()
}

// sheetName is a name that Excel takes: not long, and without []:*?/\ or what
// XML would mind.
func sheetName(s string) string {
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`[]:*?/\<>&"'`, r) || r < ' ' || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
	if len(s) > 25 {
		s = strings.ToValidUTF8(s[:25], "")
	}
	return s
}
