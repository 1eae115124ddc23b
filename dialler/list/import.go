package list

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"ringback/dialler"
)

// Why a row was not added.
const (
	Invalid = "invalid"             // the row, its number or a variable is not acceptable
	Twice   = "twice_in_list"       // a row shortly before names the same number
	Have    = "already_in_campaign" // from before, or from a row long before
)

// A batch is handed over once it has so many rows, or so much text in it. Each
// is a transaction: larger ones gain nothing, and keep others waiting where
// there is one writer.
const (
	batchRows  = 2000 // unless Import.Batch says otherwise
	batchBytes = 2 << 20
)

// An Adder adds contacts to one campaign.
type Adder interface {
	// Add adds a batch, whole or not at all, but for the contacts it returns.
	Add(ctx context.Context, batch []dialler.NewContact) ([]Refusal, error)
}

// A Refusal is a contact of a batch that was not added.
type Refusal struct {
	Index  int    // in the batch
	Code   string // Invalid, Twice or Have
	Reason string // in words
}

// A Roster is the part of [dialler.Roster] that takes contacts in.
type Roster interface {
	AddContacts(ctx context.Context, id dialler.CampaignID, list []dialler.NewContact, now time.Time) ([]dialler.Duplicate, error)
}

// Into returns the Adder of a campaign in a store. now is asked once for each
// batch.
func Into(r Roster, id dialler.CampaignID, now func() time.Time) Adder { return into{r, id, now} }

type into struct {
	roster Roster
	id     dialler.CampaignID
	now    func() time.Time
}

func (i into) Add(ctx context.Context, batch []dialler.NewContact) ([]Refusal, error) {
	dups, err := i.roster.AddContacts(ctx, i.id, batch, i.now())
	if err != nil {
		return nil, err
	}
	out := make([]Refusal, len(dups))
	for k, d := range dups {
		out[k] = Refusal{Index: d.Index, Code: Have, Reason: "the campaign has this number already"}
		if d.InList {
			out[k].Code, out[k].Reason = Twice, "the list names this number twice"
		}
	}
	return out, nil
}

// A Skip is a row that was not added.
type Skip struct {
	Line   int    // of the file, from 1
	Number string // as the file has it, or as it was read; may be empty
	Code   string // Invalid, Twice or Have
	Reason string // in words
}

// A Count says how far an import is: Added + Invalid + Duplicate rows have been
// dealt with.
type Count struct {
	Added     int // on disk
	Invalid   int
	Duplicate int // Twice and Have
}

// Rows is how many rows have been dealt with.
func (c Count) Rows() int { return c.Added + c.Invalid + c.Duplicate }

// An Import says how rows become contacts.
type Import struct {
	To     Adder
	Region string // [dialler.Campaign].Region: whose national numbers are read
	Batch  int    // rows to a transaction; 0: 2000

	// Skipped is called with every row that was not added, in the order of
	// the file; its error ends the import. nil: nobody asks.
	Skipped func(Skip) error
	// Progress is called after every batch, from the goroutine that called
	// Run. offset is how many bytes of the file are dealt with. nil: nobody asks.
	Progress func(c Count, offset int64)
}

// A batch is rows on their way.
type batch struct {
	contacts []dialler.NewContact
	lines    []int // of each contact
	skips    []Skip
	offset   int64
	err      error // of reading, after these rows; io.EOF at the end
}

// Run imports what r still has to read. Count tells what is on disk also if
// there is an error; the import may then be repeated from the first row.
//
// It reads the next batch while one is being added, and returns only when no
// read is under way any more.
func (im Import) Run(ctx context.Context, r *Reader) (c Count, err error) {
	ctx, cancel := context.WithCancel(ctx)
	batches := make(chan batch)
	defer func() {
		cancel()
		for range batches { // until the reader has ended
		}
	}()
	go func() {
		defer close(batches)
		for end := false; !end && ctx.Err() == nil; {
			b := im.read(r)
			end = b.err != nil
			select {
			case batches <- b:
			case <-ctx.Done():
				return
			}
		}
	}()
	for b := range batches {
		if err := im.add(ctx, b, &c); err != nil {
			return c, err
		}
		if im.Progress != nil {
			im.Progress(c, b.offset)
		}
		switch {
		case errors.Is(b.err, io.EOF):
			return c, nil
		case b.err != nil:
			return c, b.err
		}
	}
	return c, ctx.Err()
}

// read makes a batch of the rows that come next.
func (im Import) read(r *Reader) (b batch) {
	most := cmp.Or(im.Batch, batchRows)
	seen := make(map[dialler.Number]int, most) // on which line
	for size := 0; len(b.contacts)+len(b.skips) < most && size < batchBytes; {
		row, err := r.Next()
		if err != nil {
			b.err = err
			break
		}
		n, skip := im.contact(row)
		if first, twice := seen[n]; skip == nil && twice {
			skip = &Skip{row.Line, row.Number, Twice, fmt.Sprintf("the same number as on line %d", first)}
		}
		if skip != nil {
			b.skips = append(b.skips, *skip)
			continue
		}
		seen[n] = row.Line
		b.contacts, b.lines = append(b.contacts, dialler.NewContact{Number: n, Vars: row.Vars}), append(b.lines, row.Line)
		for name, v := range row.Vars {
			size += len(name) + len(v)
		}
	}
	b.offset = r.Offset()
	return b
}

// contact reads a row.
func (im Import) contact(row Row) (dialler.Number, *Skip) {
	if row.Wrong != "" {
		return "", &Skip{row.Line, row.Number, Invalid, row.Wrong}
	}
	n, err := dialler.ParseNumber(row.Number, im.Region)
	if err != nil {
		return "", &Skip{row.Line, row.Number, Invalid, err.Error()}
	}
	if field, _, err := CheckVariables(row.Vars); err != nil {
		return "", &Skip{row.Line, row.Number, Invalid, field + ": " + err.Error()}
	}
	return n, nil
}

// add hands a batch over and tells of what was not added.
func (im Import) add(ctx context.Context, b batch, c *Count) error {
	skips := b.skips
	if len(b.contacts) > 0 {
		refused, err := im.To.Add(ctx, b.contacts)
		if err != nil {
			return fmt.Errorf("lines %d to %d: %w", b.lines[0], b.lines[len(b.lines)-1], err)
		}
		c.Added += len(b.contacts) - len(refused)
		for _, r := range refused {
			skips = append(skips, Skip{b.lines[r.Index], string(b.contacts[r.Index].Number), r.Code, r.Reason})
		}
		slices.SortStableFunc(skips, func(a, b Skip) int { return cmp.Compare(a.Line, b.Line) })
	}
	for _, s := range skips {
		if s.Code == Invalid {
			c.Invalid++
		} else {
			c.Duplicate++
		}
		if im.Skipped == nil {
			continue
		}
		if err := im.Skipped(s); err != nil {
			return err
		}
	}
	return nil
}
