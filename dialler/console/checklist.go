package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"

	"ringback/dialler"
)

// A check is one line of the operations checklist.
type check struct {
	ID    string
	Title string
	State checkState
	Says  string
	More  []string // particulars, a sentence each
}

// checkState is how a check came out.
type checkState string

const (
	checkGood checkState = "good"
	checkWarn checkState = "warn"
	checkBad  checkState = "bad"
	checkOpen checkState = "open" // nothing to go by yet
)

// Mark is the state in a word, for those who see no colours.
func (s checkState) Mark() string {
	return map[checkState]string{checkGood: "In order", checkWarn: "Look at this", checkBad: "Not in order", checkOpen: "Not known yet"}[s]
}

type checklistPage struct {
	Campaign dialler.Campaign
	Checks   []check
	Test     *dialler.Contact // the newest for test calls; nil: none was placed
	Done     string
	Wrong    string
	Typed    string
	CSRF     string
}

// lateAfter is how late a callback may be begun and still be on time: what it
// takes to learn that a seat is free, with a margin.
const lateAfter = time.Minute

func (c *console) checklist(w http.ResponseWriter, r *http.Request, s session) {
	p, err := c.checklistPage(r.Context(), campaignID(r))
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	if r.URL.Query().Get("done") != "" {
		p.Done = c.notes.take(s.id)
	}
	p.CSRF = s.csrf()
	c.show(w, r, http.StatusOK, "checklist", s, "Checklist of "+p.Campaign.Name, p)
}

func (c *console) checklistPage(ctx context.Context, id dialler.CampaignID) (p checklistPage, err error) {
	if p.Campaign, err = c.Store.Campaign(ctx, id); err != nil {
		return p, err
	}
	bot, _, err := dialler.LinesOf(ctx, c.Store, p.Campaign)
	if err != nil {
		return p, err
	}
	gate := func(id, title string, on bool, says string) {
		one := check{ID: id, Title: title, State: checkGood, Says: says + " is on."}
		if !on {
			one.State, one.Says = checkBad, says+" is off: no callback is scheduled while it is."
		}
		p.Checks = append(p.Checks, one)
	}
	gate("bot", "Bot toggle", bot.Callbacks, "The callback toggle of the bot "+bot.Name)
	gate("campaign", "Campaign toggle", p.Campaign.CallbackDetection, "Callback Detection of the campaign")
	for _, f := range []func(context.Context, *checklistPage) (check, error){c.checkTest, c.checkZones, c.checkCallbacks} {
		one, err := f(ctx, &p)
		if err != nil {
			return p, err
		}
		p.Checks = append(p.Checks, one)
	}
	return p, nil
}

// checkTest tells how the last test call came out.
func (c *console) checkTest(ctx context.Context, p *checklistPage) (check, error) {
	one := check{ID: "test", Title: "Test call", State: checkOpen, Says: "No test call was placed yet."}
	found, _, err := c.Store.FindContacts(ctx, dialler.ContactQuery{Campaign: p.Campaign.ID, Test: true, Limit: 1})
	if err != nil || len(found) == 0 {
		return one, err
	}
	ct := found[0]
	p.Test = &ct
	calls, _, err := c.Store.Calls(ctx, dialler.CallQuery{Campaign: p.Campaign.ID, Contact: ct.ID, Limit: 1})
	if err != nil {
		return one, err
	}
	clock := func(t time.Time) string { return at(t, p.Campaign.Window, c.Now()).Text }
	switch {
	case ct.State == dialler.Dialling:
		one.Says = fmt.Sprintf("%s is being dialled.", ct.Number)
	case ct.State.Waiting() && (len(calls) == 0 || ct.Ahead):
		one.Says = fmt.Sprintf("%s waits to be dialled; its page says for what.", ct.Number)
	case len(calls) == 0:
		one.State, one.Says = checkBad, fmt.Sprintf("%s was not dialled: the contact is %s.", ct.Number, strings.ToLower(label(ct.State)))
	default:
		call := calls[0]
		one.State, one.Says = checkGood, fmt.Sprintf("%s talked with the bot at %s, for %s.", ct.Number, clock(call.Joined), span(call.Ended.Sub(call.Joined)))
		if call.Disposition != dialler.Answered {
			one.State, one.Says = checkBad, fmt.Sprintf("The test call to %s at %s did not reach the bot: %s (cause %s).", ct.Number, clock(call.Leased), strings.ToLower(label(call.Disposition)), call.Cause)
		}
		switch {
		case call.Disposition != dialler.Answered:
		case call.Ruling.Verdict == "":
			one.State = checkWarn
			one.More = append(one.More, "No analysis of it has come: without one no callback is ever scheduled.")
		case call.Ruling.Callback != nil:
			one.More = append(one.More, fmt.Sprintf("Its analysis asked for a callback, which was scheduled for %s.", clock(call.Ruling.Callback.Scheduled)))
		case call.Ruling.Verdict == dialler.RulingRefused:
			one.State = checkWarn
			one.More = append(one.More, "Its analysis asked for a callback, which was not scheduled: "+label(call.Ruling.Refused)+".")
		default:
			one.More = append(one.More, "Its analysis has come, and asked for no callback.")
		}
	}
	return one, nil
}

// mostCountries is how many countries are looked at, the lowest codes first.
const mostCountries = 12

// checkZones compares the campaign's clock with those of the contacts' numbers,
// of which it looks at one of each country.
func (c *console) checkZones(ctx context.Context, p *checklistPage) (check, error) {
	one := check{ID: "zone", Title: "Time zone against the contacts’ numbers", State: checkOpen, Says: "There are no contacts yet."}
	loc := p.Campaign.Window.Location()
	now := c.Now()
	_, ours := now.In(loc).Zone()
	after := ""
	var same, other []string
	for range mostCountries {
		found, _, err := c.Store.FindContacts(ctx, dialler.ContactQuery{Campaign: p.Campaign.ID, Order: dialler.ByNumber, Limit: 1, After: after})
		if err != nil {
			return one, err
		}
		if len(found) == 0 {
			break
		}
		n, err := phonenumbers.Parse(string(found[0].Number), "")
		if err != nil { // no such country; the next number may be of one
			after = string(found[0].Number)
			continue
		}
		country := fmt.Sprintf("+%d", n.GetCountryCode())
		after = country + strings.Repeat("9", 15-len(country)+1)
		zones, err := phonenumbers.GetTimezonesForNumber(n)
		if err != nil || len(zones) == 0 || slices.Contains(zones, "Etc/Unknown") {
			other = append(other, fmt.Sprintf("Nobody knows the time zone of %s numbers such as %s.", country, found[0].Number))
			continue
		}
		fits, clock := false, ""
		for _, zone := range zones {
			theirs, err := time.LoadLocation(zone)
			if err != nil {
				continue
			}
			if _, off := now.In(theirs).Zone(); off == ours {
				fits = true
			} else if clock == "" {
				clock = fmt.Sprintf("It is %s there (%s) when it is %s by the campaign’s clock.", now.In(theirs).Format("15:04"), zone, now.In(loc).Format("15:04"))
			}
		}
		if fits {
			same = append(same, country)
		} else {
			other = append(other, fmt.Sprintf("Numbers of %s, such as %s: %s", country, found[0].Number, clock))
		}
	}
	switch zone := p.Campaign.Window.Zone(); {
	case len(other) > 0:
		one.State, one.Says, one.More = checkWarn, fmt.Sprintf("Some are rung by a clock that is not theirs: the calling window is that of %s.", zone), other
	case len(same) > 0:
		one.State, one.Says = checkGood, fmt.Sprintf("%s goes with the contacts’ numbers (%s).", zone, strings.Join(same, ", "))
		one.More = []string{"One number of each country was looked at; a country may have several zones."}
	}
	return one, nil
}

// checkCallbacks tells whether callbacks fire when they are due.
func (c *console) checkCallbacks(ctx context.Context, p *checklistPage) (check, error) {
	one := check{ID: "callbacks", Title: "Callbacks pending and firing on time", State: checkOpen}
	n, err := c.Store.Counters(ctx, p.Campaign.ID)
	if err != nil {
		return one, err
	}
	next, err := c.Store.NextCallback(ctx, p.Campaign.ID)
	if err != nil {
		return one, err
	}
	calls, _, err := c.Store.Calls(ctx, dialler.CallQuery{Campaign: p.Campaign.ID, Limit: pageOfCalls})
	if err != nil {
		return one, err
	}
	now := c.Now()
	fired, late, worst := 0, 0, time.Duration(0)
	for _, call := range calls {
		if call.Class != dialler.ClassCallback || call.Due.IsZero() {
			continue
		}
		fired++
		if d := call.Leased.Sub(call.Due); d > lateAfter {
			late++
			worst = max(worst, d)
		}
	}
	one.Says = fmt.Sprintf("%s pending.", count(n.Pending(), "callback is", "callbacks are"))
	if n.Requested == 0 {
		one.Says = "No callback was asked for yet."
		return one, nil
	}
	if !next.IsZero() {
		one.Says += fmt.Sprintf(" The next is due at %s.", at(next, p.Campaign.Window, now).Text)
	}
	if fired > 0 {
		one.State = checkGood
		one.More = append(one.More, fmt.Sprintf("Of the newest %d calls %s to keep a promise, begun within %s of its time.", len(calls), count(fired, "was", "were"), span(lateAfter)))
	}
	if late > 0 {
		one.State = checkWarn
		one.More = []string{fmt.Sprintf("Of %s among the newest %d calls %d began more than %s late, the latest by %s: seats, the trunk or the calling window held them up.",
			count(fired, "callback", "callbacks"), len(calls), late, span(lateAfter), span(worst))}
	}
	if wait := now.Sub(next); !next.IsZero() && wait > lateAfter {
		one.State = checkBad
		one.More = append(one.More, fmt.Sprintf("The one due first has waited for %s. Its contact’s page says why.", span(wait)))
		if !p.Campaign.Open(now) || p.Campaign.State != dialler.CampaignRunning {
			one.State = checkWarn
			one.More[len(one.More)-1] = fmt.Sprintf("The one due first waits since %s ago: the calling window is closed, or the campaign does not run.", span(wait))
		}
	}
	return one, nil
}

func (c *console) testCall(w http.ResponseWriter, r *http.Request, s session) {
	ctx, id := r.Context(), campaignID(r)
	campaign, err := c.Store.Campaign(ctx, id)
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	var done dialler.Intervened
	number, err := dialler.ParseNumber(r.PostFormValue("number"), campaign.Region)
	if err != nil {
		err = &dialler.FieldError{Field: "number", Got: fmt.Sprintf("%q", r.PostFormValue("number")), Want: "a telephone number such as +919812345678"}
	} else {
		done, err = dialler.PlaceTest(ctx, c.Store, id, number, s.holder, c.Now())
	}
	var refused *dialler.InterventionError
	var field *dialler.FieldError
	if errors.As(err, &refused) || errors.As(err, &field) {
		var said string
		if field != nil {
			said = initial(field.Error()) + "."
		} else {
			said = refused.Why
		}
		p, err := c.checklistPage(ctx, id)
		if err != nil {
			c.trouble(w, r, s, err)
			return
		}
		p.Wrong, p.Typed, p.CSRF = said, r.PostFormValue("number"), s.csrf()
		status := http.StatusConflict
		if field != nil {
			status = http.StatusBadRequest
		}
		c.show(w, r, status, "checklist", s, "Checklist of "+campaign.Name, p)
		return
	}
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	c.log.Info("test call", "campaign", campaign.Name, "contact", done.Contact.ID, "token", s.holder)
	c.Live.Changed(id)
	c.notes.put(s.id, "Test call placed. "+done.Says)
	http.Redirect(w, r, fmt.Sprintf("/campaigns/%d/checklist?done=test", id), http.StatusSeeOther)
}
