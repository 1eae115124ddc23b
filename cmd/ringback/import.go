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

// importBatch is how many contacts are sent at once.
const importBatch = 1000

// onTerminal is how many rows are reported on standard error; a report file
// has them all.
const onTerminal = 100

func (c importCommand) Run(ctx context.Context, s streams) error {
	delimiter, err := c.delimiter()
	if err != nil {
		return err
	}
	file, done, err := c.open(s.in)
	if err != nil {
		return err
	}
	defer done()
	rows, err := count(file, delimiter) // also: is it a list at all, before anything is sent
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
	list, err := newCSVList(file, delimiter)
	if err != nil {
		return err
	}
	im := &importing{remote: r, campaign: campaign, report: report, bar: progress(rows, s.err), lines: map[dialler.Number]int{}}
	err = im.all(ctx, list)
	if closed := report.close(); err == nil {
		err = closed
	}
	_ = im.bar.Finish()
	_, _ = fmt.Fprintf(s.out, "%s: %d of %s added to %s; %d not valid, %d there already\n",
		c.File, im.added, plural(rows, "row", "rows"), campaign.Name, im.invalid, im.duplicate)
	if err != nil {
		return fmt.Errorf("the import stopped: %w; it may be repeated, what is there is not added twice", err)
	}
	if im.invalid > 0 {
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
	list, err := newCSVList(in, delimiter)
	if err != nil {
		return 0, err
	}
	for n := 0; ; n++ {
		switch _, err := list.next(); {
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

// importing is one import under way.
type importing struct {
	remote   *remote
	campaign api.Campaign
	report   *report
	bar      *progressbar.ProgressBar
	lines    map[dialler.Number]int // where the file had a number first

	batch                     []api.NewContact
	batchLines                []int
	added, invalid, duplicate int
}

func (im *importing) all(ctx context.Context, list *csvList) error {
	for {
		row, err := list.next()
		if errors.Is(err, io.EOF) {
			return im.send(ctx)
		}
		if err != nil {
			return err
		}
		if err := im.row(row); err != nil {
			return err
		}
		if len(im.batch) == importBatch {
			if err := im.send(ctx); err != nil {
				return err
			}
		}
	}
}

// row takes a row up into the batch, or reports it. The server looks at it
// again; here it is for the line of the first of two, which only we know.
func (im *importing) row(row csvRow) error {
	if row.wrong == "" {
		n, err := dialler.ParseNumber(row.number, im.campaign.Region)
		if err != nil {
			row.wrong = err.Error()
		} else if first, twice := im.lines[n]; twice {
			im.duplicate++
			return im.rejected(row.line, row.number, api.RejectedTwice, fmt.Sprintf("the same number as on line %d", first))
		} else {
			im.lines[n] = row.line
			row.number = string(n)
		}
	}
	if row.wrong != "" {
		im.invalid++
		return im.rejected(row.line, row.number, api.RejectedInvalid, row.wrong)
	}
	im.batch = append(im.batch, api.NewContact{Number: row.number, Variables: row.vars})
	im.batchLines = append(im.batchLines, row.line)
	return nil
}

func (im *importing) rejected(line int, number, code, why string) error {
	_ = im.bar.Add(1)
	return im.report.add(line, number, code, why)
}

func (im *importing) send(ctx context.Context) error {
	if len(im.batch) == 0 {
		return nil
	}
	var answer api.Added
	in := struct {
		Contacts []api.NewContact `json:"contacts"`
	}{im.batch}
	if err := im.remote.do(ctx, http.MethodPost, fmt.Sprintf("/v1/campaigns/%d/contacts", im.campaign.ID), in, &answer); err != nil {
		return fmt.Errorf("lines %d to %d: %w", im.batchLines[0], im.batchLines[len(im.batchLines)-1], err)
	}
	im.added += answer.Added
	_ = im.bar.Add(answer.Added)
	for _, r := range answer.Rejected {
		if r.Code == api.RejectedInvalid {
			im.invalid++
		} else {
			im.duplicate++
		}
		if err := im.rejected(im.batchLines[r.Index], im.batch[r.Index].Number, r.Code, r.Field+": "+r.Reason); err != nil {
			return err
		}
	}
	im.batch, im.batchLines = im.batch[:0], im.batchLines[:0]
	return nil
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

func (r *report) add(line int, number, code, why string) error {
	r.lines++
	switch {
	case r.csv != nil:
		return r.csv.Write([]string{strconv.Itoa(line), number, code, why})
	case r.lines <= onTerminal:
		_, err := fmt.Fprintf(r.w, "line %d: %s %s: %s\n", line, code, number, why)
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
