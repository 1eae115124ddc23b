package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"unicode"

	"ringback/dialler"
	"ringback/dialler/api"
	"ringback/dialler/list"
	"ringback/dialler/user"
	"ringback/dialler/wording"
)

// Limits of a list that is uploaded.
const (
	maxPasted  = 4 << 20
	shownSkips = 1000 // rows that are shown; the rest is counted
)

// An intake is what became of a list.
type intake struct {
	From    string      // the file's name; empty: it was pasted
	Count   list.Count  // of rows
	Skipped []list.Skip // the first of them
	More    int         // skipped rows that are not in Skipped
	Failed  string      // why it was not taken in to its end; empty: it was
}

// uploaded lets a form with a file in: as signedIn, but the body is a stream,
// of which the seal has to come first.
func (c *console) uploaded(next func(http.ResponseWriter, *http.Request, session, *multipart.Reader)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s, ok, err := c.session(r)
		switch {
		case err != nil:
			c.trouble(w, r, session{}, err)
			return
		case !ok:
			w.Header().Set("Ringback-Sign-In", "/sign-in")
			http.Error(w, "signed out", http.StatusUnauthorized)
			return
		case !s.may(user.Change):
			c.forbid(w, r, s)
			return
		}
		r = r.WithContext(user.With(r.Context(), user.Who{Name: s.holder, Role: s.role}))
		r, done := api.LongBody(w, r, api.MaxUpload+maxPasted+64<<10)
		defer done()
		parts, err := r.MultipartReader()
		if err != nil {
			c.trouble(w, r, s, &dialler.FieldError{Field: "body", Got: "no form with a file", Want: "the form of the page"})
			return
		}
		seal := ""
		if part, err := parts.NextPart(); err == nil && part.FormName() == "csrf" {
			text, _ := io.ReadAll(io.LimitReader(part, 1<<10)) // what cannot be read is no seal
			seal = string(text)
		}
		if !user.Genuine(s.id, seal) {
			c.show(w, r, http.StatusForbidden, "error", s, "Not done", errorPage{Said: "The form was not one of this session. Load the page again and repeat what you did."})
			return
		}
		next(w, r, s, parts)
	}
}

// takeIn adds the lists of an upload to a campaign: what was pasted, and the
// file. What is wrong with a list is told in the intake; an error is ours.
func (c *console) takeIn(ctx context.Context, campaign dialler.Campaign, parts *multipart.Reader) (in intake, err error) {
	came := false
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return in, in.fail(err, err, false)
		}
		switch {
		case part.FormName() == "numbers":
			text, err := io.ReadAll(io.LimitReader(part, maxPasted+1))
			if err != nil {
				return in, in.fail(err, err, false)
			}
			if len(text) > maxPasted {
				in.Failed = fmt.Sprintf("What was pasted is longer than %d MB. Save it as a file and upload that.", maxPasted>>20)
				return in, nil
			}
			if strings.TrimSpace(string(text)) == "" {
				continue
			}
			came = true
			if err := c.readList(ctx, campaign, pasted(string(text)), &in); err != nil || in.Failed != "" {
				return in, err
			}
		case part.FormName() == "file" && part.FileName() != "":
			came = true
			in.From = part.FileName()
			if err := c.readList(ctx, campaign, source{part, 0, new(error)}, &in); err != nil || in.Failed != "" {
				return in, err
			}
		}
	}
	if !came {
		in.Failed = "Choose a CSV file, or paste numbers."
	}
	return in, nil
}

// A source is a list to be read.
type source struct {
	io.Reader
	above  int    // lines that we have put above its first
	broken *error // why it could not be read to its end, once it could not
}

func (s source) Read(b []byte) (int, error) {
	n, err := s.Reader.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		*s.broken = err
	}
	return n, err
}

// pasted makes a list of numbers that were pasted, a number a line; one that
// begins with the names of columns is read as a file is.
func pasted(text string) source {
	first, _, _ := strings.Cut(strings.TrimLeft(text, "\ufeff \t\r\n"), "\n")
	if strings.IndexFunc(first, unicode.IsLetter) >= 0 {
		return source{strings.NewReader(text), 0, new(error)}
	}
	return source{strings.NewReader("phone_number\n" + text), 1, new(error)}
}

// readList adds one list.
func (c *console) readList(ctx context.Context, campaign dialler.Campaign, from source, in *intake) error {
	delimiter := rune(0)
	if from.above > 0 {
		delimiter = '\t' // between numbers there is none: what else is on a line makes it wrong
	}
	rows, err := list.NewReader(from, delimiter)
	if err != nil {
		return in.fail(err, *from.broken, true)
	}
	into := list.Import{
		To: list.Into(c.Store, campaign.ID, c.Now), Region: campaign.Region,
		Skipped: func(s list.Skip) error {
			s.Line -= from.above
			if len(in.Skipped) < shownSkips {
				in.Skipped = append(in.Skipped, s)
			} else {
				in.More++
			}
			return nil
		},
	}
	n, err := into.Run(ctx, rows)
	in.Count.Added += n.Added
	in.Count.Invalid += n.Invalid
	in.Count.Duplicate += n.Duplicate
	if err != nil {
		return in.fail(err, *from.broken, errors.Is(err, list.ErrRowTooLong))
	}
	if n.Rows() == 0 {
		in.Failed = "There is no row beneath the names of the columns."
	}
	return nil
}

// fail takes down why a list was not taken in to its end: it is too long, or
// something in it says so. An error that is neither is returned.
func (in *intake) fail(err, broken error, lists bool) error {
	var long *http.MaxBytesError
	switch {
	case errors.As(broken, &long):
		in.Failed = fmt.Sprintf("The file is longer than %d MB. What came before the limit is added; split the file, or use ringback import.", api.MaxUpload>>20)
		return nil
	case broken != nil || !lists:
		return err
	}
	in.Failed = wording.Initial(err.Error()) + "."
	return nil
}

// An addPage is where contacts are added to a campaign that is there.
type addPage struct {
	Campaign dialler.Campaign
	CSRF     string
	Intake   *intake
}

// addContacts is the page that takes a list in.
func (c *console) addContacts(w http.ResponseWriter, r *http.Request, s session) {
	campaign, err := c.Store.Campaign(r.Context(), campaignID(r))
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	c.show(w, r, http.StatusOK, "add", s, "Add contacts", addPage{Campaign: campaign, CSRF: s.csrf()})
}

func (c *console) takeContacts(w http.ResponseWriter, r *http.Request, s session, parts *multipart.Reader) {
	campaign, err := c.Store.Campaign(r.Context(), campaignID(r))
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	in, err := c.takeIn(r.Context(), campaign, parts)
	if in.Count.Added > 0 {
		c.log.Info("contacts added", "campaign", campaign.Name, "added", in.Count.Added, "token", s.holder)
		c.Live.Changed(campaign.ID)
	}
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	status := http.StatusOK
	if in.Failed != "" {
		status = http.StatusUnprocessableEntity
	}
	c.show(w, r, status, "add", s, "Add contacts", addPage{Campaign: campaign, CSRF: s.csrf(), Intake: &in})
}

// takeDraftContacts takes a list in on the wizard's fourth step. The campaign
// is made for it, as its contacts have to be somewhere.
func (c *console) takeDraftContacts(w http.ResponseWriter, r *http.Request, s session, parts *multipart.Reader) {
	r.SetPathValue("step", "contacts")
	p, e, err := c.wizard(r, s, nil)
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	if !p.Ready {
		c.showStep(w, r, s, http.StatusUnprocessableEntity, p) // which says what is in the way
		return
	}
	ctx := r.Context()
	made, err := c.campaignOf(ctx, &e, p.Draft)
	if err == nil {
		_, err = c.change(ctx, p.ID, s.holder, func(now *entries) { now.Campaign = e.Campaign })
	}
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	in, err := c.takeIn(ctx, made, parts)
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	_, err = c.change(ctx, p.ID, s.holder, func(now *entries) { now.Intake = &in })
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	c.Live.Changed()
	http.Redirect(w, r, "/drafts/"+p.ID+"/contacts", http.StatusSeeOther)
}

// dropDraftContacts takes all contacts out of a draft again.
func (c *console) dropDraftContacts(w http.ResponseWriter, r *http.Request, s session) {
	id := r.PathValue("draft")
	e, err := c.draft(r.Context(), id)
	if err == nil && e.Campaign != 0 {
		if err = c.Store.DropCampaign(r.Context(), e.Campaign); errors.Is(err, dialler.ErrNotFound) {
			err = nil
		}
	}
	if err == nil {
		_, err = c.change(r.Context(), id, s.holder, func(now *entries) { now.Campaign, now.Intake = 0, nil })
	}
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	c.Live.Changed()
	http.Redirect(w, r, "/drafts/"+id+"/contacts", http.StatusSeeOther)
}
