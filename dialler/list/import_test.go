package list

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ringback/dialler"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// few is the size of a batch here.
const few = 20

// A roster is a campaign in memory, in which a database may go away.
type roster struct {
	have    map[dialler.Number]bool
	order   []dialler.Number
	batches []int
	failAt  int // which batch is refused, from 1; 0: none
}

var errGone = errors.New("the database has gone away")

func (r *roster) AddContacts(_ context.Context, _ dialler.CampaignID, list []dialler.NewContact, _ time.Time) (dups []dialler.Duplicate, err error) {
	r.batches = append(r.batches, len(list))
	if len(r.batches) == r.failAt {
		return nil, errGone
	}
	for i, c := range list {
		if r.have[c.Number] {
			dups = append(dups, dialler.Duplicate{Index: i, Number: c.Number})
			continue
		}
		r.have[c.Number] = true
		r.order = append(r.order, c.Number)
	}
	return dups, nil
}

func run(t *testing.T, r *roster, file io.Reader) (Count, []Skip, error) {
	t.Helper()
	rows, err := NewReader(file, 0)
	if err != nil {
		t.Fatal(err)
	}
	var skips []Skip
	var last Count
	c, err := Import{
		To: Into(r, 1, time.Now), Region: "IN", Batch: few,
		Skipped: func(s Skip) error { skips = append(skips, s); return nil },
		Progress: func(c Count, offset int64) {
			if c.Rows() <= last.Rows() || offset <= 0 {
				t.Errorf("progress went from %v to %v, at byte %d", last, c, offset)
			}
			last = c
		},
	}.Run(t.Context(), rows)
	if err == nil && c != last {
		t.Errorf("the last progress was %v, of %v", last, c)
	}
	return c, skips, err
}

func numbers(n int) string {
	var b strings.Builder
	b.WriteString("phone_number,name\n")
	for i := range n {
		_, _ = fmt.Fprintf(&b, "%d,Customer %d\n", 9800000000+i, i)
	}
	return b.String()
}

func TestEveryRowIsAddedOrTold(t *testing.T) {
	const far = few + 10
	file := "phone_number,name\n9812345671,Ravi\n12,short\n+91 98123 45671,twice\n" +
		strings.TrimPrefix(numbers(far), "phone_number,name\n") + "098123-45671,once more\n9812345672," + strings.Repeat("x", MaxVariableValue+1) + "\n"
	r := &roster{have: map[dialler.Number]bool{}}
	c, skips, err := run(t, r, strings.NewReader(file))
	if want := (Count{Added: far + 1, Invalid: 2, Duplicate: 2}); err != nil || c != want {
		t.Fatalf("got %+v, %v; want %+v", c, err, want)
	}
	want := []Skip{
		{3, "12", Invalid, `"12" is not a phone number (too short); want E.164, such as +919812345678, or a national number of IN`},
		{4, "+91 98123 45671", Twice, "the same number as on line 2"},
		{far + 5, "+919812345671", Have, "the campaign has this number already"}, // too far away to know the line
		{far + 6, "9812345672", Invalid, fmt.Sprintf("variables.name: %d bytes; want at most %d", MaxVariableValue+1, MaxVariableValue)},
	}
	if !slices.Equal(skips, want) {
		t.Errorf("got\n%v\nwant\n%v", skips, want)
	}
	if r.order[0] != "+919812345671" || !slices.IsSorted(r.order[1:]) {
		t.Error("the order is not that of the file")
	}
}

// An import that is cut short anywhere is finished by the same import again.
func TestAnImportCutShortIsFinishedByTheSameAgain(t *testing.T) {
	const rows = 5*few + 17
	file := numbers(rows)
	for failAt := 1; failAt <= 6; failAt++ {
		r := &roster{have: map[dialler.Number]bool{}, failAt: failAt}
		c, _, err := run(t, r, strings.NewReader(file))
		first := fmt.Sprintf("lines %d to ", (failAt-1)*few+2)
		if !errors.Is(err, errGone) || !strings.HasPrefix(err.Error(), first) || c.Added != (failAt-1)*few || len(r.order) != c.Added {
			t.Fatalf("batch %d lost: got %+v, %v, with %d on disk", failAt, c, err, len(r.order))
		}
		r.failAt = 0
		again, skips, err := run(t, r, strings.NewReader(file))
		if err != nil || c.Added+again.Added != rows || len(r.order) != rows || again.Duplicate != c.Added || len(skips) != c.Added {
			t.Errorf("batch %d lost, then again: got %+v, %v, with %d of %d on disk", failAt, again, err, len(r.order), rows)
		}
	}
}

// A slow source is a file that has not arrived yet.
type slow struct {
	r   io.Reader
	end error
}

func (s slow) Read(p []byte) (int, error) {
	n, err := s.r.Read(p[:min(len(p), 100)])
	if errors.Is(err, io.EOF) {
		err = s.end
	}
	return n, err
}

func TestAFileThatBreaksOffKeepsWhatCame(t *testing.T) {
	const rows = few + 3
	r := &roster{have: map[dialler.Number]bool{}}
	c, _, err := run(t, r, slow{strings.NewReader(numbers(rows)), io.ErrUnexpectedEOF})
	if !errors.Is(err, io.ErrUnexpectedEOF) || c.Added != rows || len(r.order) != rows {
		t.Errorf("got %+v, %v, with %d of %d on disk", c, err, len(r.order), rows)
	}
}

func TestAnImportEndsWithItsContextAndItsReport(t *testing.T) {
	file := numbers(3 * few)
	ctx, cancel := context.WithCancel(t.Context())
	r := &roster{have: map[dialler.Number]bool{}}
	rows, err := NewReader(strings.NewReader(file), 0)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Import{To: Into(r, 1, time.Now), Region: "IN", Batch: few, Progress: func(Count, int64) { cancel() }}.Run(ctx, rows)
	if err != nil && !errors.Is(err, context.Canceled) || c.Added != len(r.order) || c.Added == 0 {
		t.Errorf("cancelled: got %+v, %v, with %d on disk", c, err, len(r.order))
	}

	full := errors.New("no space left on device")
	if rows, err = NewReader(strings.NewReader("phone_number\n1\n"+file[len("phone_number,name\n"):]), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := (Import{To: Into(r, 1, time.Now), Skipped: func(Skip) error { return full }}).Run(t.Context(), rows); !errors.Is(err, full) {
		t.Errorf("the report cannot be written: got %v", err)
	}
}

// Batches are bounded by what they hold too: a few thousand rows of four
// hundred kilobytes each would be more than a machine has.
func TestWideRowsGoInSmallBatches(t *testing.T) {
	var b strings.Builder
	b.WriteString("phone_number,note\n")
	const rows = batchBytes/MaxVariableValue + 10
	for i := range rows {
		_, _ = fmt.Fprintf(&b, "%d,%s\n", 9800000000+i, strings.Repeat("x", MaxVariableValue))
	}
	r := &roster{have: map[dialler.Number]bool{}}
	wide, err := NewReader(strings.NewReader(b.String()), 0)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := (Import{To: Into(r, 1, time.Now), Region: "IN"}).Run(t.Context(), wide); err != nil || c.Added != rows {
		t.Fatal(c, err)
	}
	if most := batchBytes/MaxVariableValue + 1; slices.Max(r.batches) > most {
		t.Errorf("a batch of %d rows; want at most %d", slices.Max(r.batches), most)
	}
}

// A quote that is not closed would make one field of the rest of the file.
func TestARowThatDoesNotEndIsTheEnd(t *testing.T) {
	endless := io.MultiReader(strings.NewReader("phone_number,name\n9812345671,Ravi\n9812345672,\"Sita\n"),
		strings.NewReader(strings.Repeat("9812345673,Gita\n", MaxRow/8)))
	r := &roster{have: map[dialler.Number]bool{}}
	c, _, err := run(t, r, endless)
	if !errors.Is(err, ErrRowTooLong) || !strings.Contains(err.Error(), "the row after line 2") || c.Added != 1 {
		t.Errorf("got %+v, %v", c, err)
	}
	long := "phone_number,name\n9812345671," + strings.Repeat("x", MaxRow-100) + "\n9812345672,a\n9812345673,b\n"
	if c, skips, err := run(t, r, strings.NewReader(long)); err != nil || c.Added != 2 || len(skips) != 1 {
		t.Errorf("a long row: got %+v, %d skipped, %v", c, len(skips), err)
	}
}
