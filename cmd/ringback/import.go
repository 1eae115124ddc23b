package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"ringback/dialler"
	"ringback/dialler/api"
	"ringback/dialler/list"
)

type importCommand struct {
	remoteFlags
	File      string `arg:"" help:"CSV file with a column phone_number; the other columns become the contacts' variables. - is standard input."`
	Campaign  string `required:"" placeholder:"NAME" help:"Campaign to add the contacts to."`
	Report    string `placeholder:"FILE" help:"Write every row that was not added to this CSV file: line, phone_number, code, reason."`
	Delimiter string `placeholder:"CHAR" help:"What separates columns; found out unless given."`
}

// Help is shown beneath the flags.
func (importCommand) Help() string {
	return `The contacts go through the API of a running Ringback, so its limits and checks are the API's, and dialling
begins at once if the campaign runs.

Rows are added in file order. A row that is not valid (no phone number, wrong number of fields, not UTF-8) and a row
whose number the file or the campaign has already are not added, and every one of them is reported with its line. The
import may be repeated: what is there already is not added twice.

It exits with 0 if every row was added or was there already, and with 1 if a row was not valid or the import did not
come to its end.`
}

// onTerminal is how many rows are reported on standard error; a report file
// has them all.
const onTerminal = 100

func (c importCommand) Run(ctx context.Context, s streams) error {
	delimiter, err := c.delimiter()
	if err != nil {
		return err
	}
	file, clean, err := c.open(s.in)
	if err != nil {
		return err
	}
	defer clean()
	total, err := count(file, delimiter) // also: is it a list at all, before anything is sent
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	r, err := c.remote()
	if err != nil {
		return err
	}
	campaign, err := r.campaign(ctx, c.Campaign)
	if err != nil {
		return err
	}
	report, err := newReport(c.Report, s.err)
	if err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	rows, err := list.NewReader(file, delimiter)
	if err != nil {
		return err
	}
	bar := progress(total, s.err)
	done, err := list.Import{
		To: listOf{r, campaign.ID}, Region: campaign.Region, Skipped: report.add,
		Progress: func(done list.Count, _ int64) { _ = bar.Set(done.Rows()) },
	}.Run(ctx, rows)
	if closed := report.close(); err == nil {
		err = closed
	}
	_ = bar.Finish()
	_, _ = fmt.Fprintf(s.out, "%s: %d of %s added to %s; %d not valid, %d there already\n",
		c.File, done.Added, plural(total, "row", "rows"), campaign.Name, done.Invalid, done.Duplicate)
	if err != nil {
		return fmt.Errorf("the import stopped: %w; it may be repeated, what is there is not added twice", err)
	}
	if done.Invalid > 0 {
		return errFailed
	}
	return nil
}

func (c importCommand) delimiter() (rune, error) {
	switch c.Delimiter {
	case "":
		return 0, nil
	case `\t`, "tab":
		return '\t', nil
	}
	d, n := utf8.DecodeRuneInString(c.Delimiter)
	if n != len(c.Delimiter) || d == utf8.RuneError || d == '"' || d == '\r' || d == '\n' {
		return 0, fmt.Errorf("delimiter: got %q; want one character such as , or ; or tab", c.Delimiter)
	}
	return d, nil
}

// open returns the list as a file that can be read twice.
func (c importCommand) open(stdin io.Reader) (*os.File, func(), error) {
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return nil, nil, err
		}
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			return f, func() { _ = f.Close() }, nil
		}
		defer func() { _ = f.Close() }() // a pipe: copied as standard input is
		stdin = f
	}
	f, err := os.CreateTemp("", "ringback-import-*.csv")
	if err != nil {
		return nil, nil, err
	}
	done := func() { _, _ = f.Close(), os.Remove(f.Name()) }
	if _, err = io.Copy(f, stdin); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		done()
		return nil, nil, fmt.Errorf("read %s: %w", c.File, err)
	}
	return f, done, nil
}

// count goes through the list once and returns how many rows it has.
func count(in io.Reader, delimiter rune) (int, error) {
	rows, err := list.NewReader(in, delimiter)
	if err != nil {
		return 0, err
	}
	for n := 0; ; n++ {
		switch _, err := rows.Next(); {
		case errors.Is(err, io.EOF) && n == 0:
			return 0, errors.New("there is no row beneath the names of the columns")
		case errors.Is(err, io.EOF):
			return n, nil
		case err != nil:
			return 0, err
		}
	}
}

// progress is a bar on a terminal, and nothing elsewhere.
func progress(rows int, w io.Writer) *progressbar.ProgressBar {
	visible := false
	if f, ok := w.(*os.File); ok {
		visible = term.IsTerminal(int(f.Fd()))
	}
	return progressbar.NewOptions(rows,
		progressbar.OptionSetWriter(w), progressbar.OptionSetVisibility(visible), progressbar.OptionShowCount(),
		progressbar.OptionSetDescription("importing"), progressbar.OptionClearOnFinish())
}

// listOf is the contacts of a campaign on a running Ringback.
type listOf struct {
	remote   *remote
	campaign int64
}

// Add is as [list.Adder] says. The server looks at contacts again: it has the
// last word.
func (l listOf) Add(ctx context.Context, batch []dialler.NewContact) ([]list.Refusal, error) {
	var in struct {
		Contacts []api.NewContact `json:"contacts"`
	}
	for _, c := range batch {
		in.Contacts = append(in.Contacts, api.NewContact{Number: string(c.Number), Variables: c.Vars})
	}
	var answer api.Added
	if err := l.remote.do(ctx, http.MethodPost, fmt.Sprintf("/v1/campaigns/%d/contacts", l.campaign), in, &answer); err != nil {
		return nil, err
	}
	var out []list.Refusal
	for _, r := range answer.Rejected {
		if r.Code == list.Invalid {
			r.Reason = r.Field + ": " + r.Reason
		}
		out = append(out, list.Refusal{Index: r.Index, Code: r.Code, Reason: r.Reason})
	}
	return out, nil
}

// A report takes down every row that was not added.
type report struct {
	file  *os.File // nil: none
	csv   *csv.Writer
	w     io.Writer
	lines int
}

func newReport(path string, w io.Writer) (*report, error) {
	r := &report{w: w}
	if path == "" {
		return r, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	r.file, r.csv = f, csv.NewWriter(f)
	return r, r.csv.Write([]string{"line", "phone_number", "code", "reason"})
}

func (r *report) add(s list.Skip) error {
	r.lines++
	switch {
	case r.csv != nil:
		return r.csv.Write([]string{strconv.Itoa(s.Line), s.Number, s.Code, s.Reason})
	case r.lines <= onTerminal:
		_, err := fmt.Fprintf(r.w, "line %d: %s %s: %s\n", s.Line, s.Code, s.Number, s.Reason)
		return err
	}
	return nil
}

func (r *report) close() error {
	if r.csv == nil {
		if more := r.lines - onTerminal; more > 0 {
			_, _ = fmt.Fprintf(r.w, "… and %s; --report FILE takes them all down\n", plural(more, "row more", "rows more"))
		}
		return nil
	}
	r.csv.Flush()
	return errors.Join(r.csv.Error(), r.file.Close())
}
