package list

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Reader reads a contact list row by row. What is wrong with the file as a
// whole is an error; what is wrong with a row is told with the row, and the
// next row is read all the same.
type Reader struct {
	r      *csv.Reader
	guard  *guard
	header []string // names of the columns, trimmed
	number int      // the column of the phone number
	line   int      // on which the row read last begins
	past   int64    // bytes of the byte order mark
}

// A Row is a row of a list, or what is wrong with it.
type Row struct {
	Line   int               // on which it begins, from 1
	Number string            // as the file has it, without spaces around
	Vars   map[string]string // the other columns, by their names
	Wrong  string            // in words; empty: nothing
}

// MaxRow is how many bytes a row may have. It is above all the end of a quoted
// field that was never closed: without it, all that follows would be that
// field.
const MaxRow = 1 << 20

// ErrRowTooLong is wrapped with the line on which such a row begins. What
// follows it cannot be told apart from it, so the file ends there.
var ErrRowTooLong = fmt.Errorf("a row goes on for more than %d bytes; is a \" not closed?", MaxRow)

// A guard ends a row that does not end.
type guard struct {
	in   io.Reader
	left int
}

func (g *guard) Read(p []byte) (int, error) {
	if g.left <= 0 {
		return 0, ErrRowTooLong
	}
	n, err := g.in.Read(p[:min(len(p), g.left)])
	g.left -= n
	return n, err
}

// buffer is how much is read at once.
const buffer = 64 << 10

// allow lets a row more be read; what is in the buffer may be of the one before.
func (g *guard) allow() { g.left = MaxRow + buffer }

// numberNames are the names that a column of phone numbers goes by, once in
// lower case with "_" for spaces and hyphens. The first wins over the rest.
var numberNames = []string{
	"phone_number", "phone", "phonenumber", "phone_no", "mobile", "mobile_number", "mobile_no", "mobileno",
	"msisdn", "number", "contact_number", "contact_no", "telephone", "tel", "cell", "cell_phone",
}

// NewReader reads the header. delimiter 0 finds out for itself: the comma,
// unless the header has none and has semicolons or tabs. The column of the
// phone number is phone_number, or one of the names that column commonly goes
// by if there is just one such. Its errors are for the eyes of whoever made the
// file, but for those of in.
func NewReader(in io.Reader, delimiter rune) (*Reader, error) {
	g := &guard{in: in}
	g.allow()
	b := bufio.NewReaderSize(g, buffer)
	start, err := b.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	l := &Reader{guard: g, number: -1}
	switch {
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		_, _ = b.Discard(3) // it was peeked at
		l.past = 3
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return nil, errors.New("the file is UTF-16; save it as UTF-8 (in Excel: CSV UTF-8)")
	case bytes.HasPrefix(start, []byte("PK\x03\x04")):
		return nil, errors.New("the file is a spreadsheet or an archive; save it as CSV")
	}
	if delimiter == 0 {
		delimiter = guessDelimiter(b)
	}
	l.r = csv.NewReader(b)
	l.r.Comma = delimiter
	l.r.FieldsPerRecord = -1 // rows are counted here, to go on after a bad one
	l.r.ReuseRecord = true
	return l, l.readHeader()
}

func guessDelimiter(b *bufio.Reader) rune {
	head, _ := b.Peek(32 << 10) // a shorter file is peeked at whole
	first, _, _ := bytes.Cut(head, []byte("\n"))
	for _, d := range []byte{',', ';', '\t'} {
		if bytes.IndexByte(first, d) >= 0 {
			return rune(d)
		}
	}
	return ','
}

func (l *Reader) readHeader() error {
	record, err := l.r.Read()
	if errors.Is(err, io.EOF) {
		return errors.New("the file is empty; want a first line with the names of the columns, phone_number among them")
	}
	if err != nil {
		return fmt.Errorf("the first line: %w", parseError(err))
	}
	var plain []string // as numberNames are
	for i, name := range record {
		if !utf8.ValidString(name) {
			return fmt.Errorf("the name of column %d is not UTF-8; save the file as UTF-8", i+1)
		}
		name = strings.TrimSpace(name)
		if name == "" {
			return fmt.Errorf("column %d has no name", i+1)
		}
		if j := slices.IndexFunc(l.header, func(other string) bool { return strings.EqualFold(other, name) }); j >= 0 {
			return fmt.Errorf("columns %d and %d are both named %q", j+1, i+1, name)
		}
		l.header = append(l.header, name)
		plain = append(plain, strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(name)))
	}
	var candidates []string
	for _, want := range numberNames {
		if i := slices.Index(plain, want); i >= 0 {
			candidates = append(candidates, l.header[i])
			if l.number < 0 {
				l.number = i
			}
			if want == numberNames[0] {
				return nil
			}
		}
	}
	switch len(candidates) {
	case 0:
		return fmt.Errorf("no column phone_number; there are: %s", strings.Join(l.header, ", "))
	case 1:
		return nil
	}
	return fmt.Errorf("several columns may hold the phone number (%s); name the right one phone_number", strings.Join(candidates, ", "))
}

// Next returns the next row, or io.EOF, or [ErrRowTooLong], or an error of
// reading; after an error there is no next.
func (l *Reader) Next() (Row, error) {
	l.guard.allow()
	record, err := l.r.Read()
	var pe *csv.ParseError
	switch {
	case errors.As(err, &pe):
		l.line = pe.Line
		return Row{Line: pe.StartLine, Wrong: parseError(err).Error()}, nil
	case errors.Is(err, ErrRowTooLong):
		return Row{}, fmt.Errorf("the row after line %d: %w", l.line, err)
	case err != nil:
		return Row{}, err
	}
	line, _ := l.r.FieldPos(0)
	l.line = line
	row := Row{Line: line}
	if len(record) != len(l.header) {
		row.Wrong = fmt.Sprintf("%d fields; the header has %d", len(record), len(l.header))
		return row, nil
	}
	row.Vars = make(map[string]string, len(record)-1)
	for i, v := range record {
		if !utf8.ValidString(v) {
			row.Wrong = l.header[i] + " is not UTF-8; save the file as UTF-8"
			return row, nil
		}
		if i != l.number {
			row.Vars[l.header[i]] = v
		}
	}
	row.Number = strings.TrimSpace(record[l.number])
	if row.Number == "" {
		row.Wrong = l.header[l.number] + " is empty"
	}
	return row, nil
}

// Offset is how many bytes of the file have been read, for a bar of progress.
func (l *Reader) Offset() int64 { return l.past + l.r.InputOffset() }

// parseError says in words what encoding/csv found.
func parseError(err error) error {
	switch {
	case errors.Is(err, csv.ErrBareQuote):
		return errors.New(`a " in the middle of a field; a field with quotes is written "…""…"`)
	case errors.Is(err, csv.ErrQuote):
		return errors.New(`a quoted field is not closed properly; what follows was taken to be part of it`)
	}
	return err
}
