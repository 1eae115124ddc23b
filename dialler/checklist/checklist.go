// Package checklist looks at what has to be right before and while a campaign
// rings its callbacks, one check after the other: the two gates, a test call,
// the time zone against the contacts' numbers, and whether callbacks are begun
// when they are due. The console shows it, the API answers it.
package checklist

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"

	"ringback/dialler"
	"ringback/dialler/wording"
)

// A List is the checklist of a campaign.
type List struct {
	Campaign dialler.Campaign
	Checks   []Check
	Test     *dialler.Contact // the newest for test calls; nil: none was placed
}

// A Check is one line of the operations checklist.
type Check struct {
	ID    string // bot, campaign, test, zone, callbacks
	Title string
	State State
	Says  string
	More  []string // particulars, a sentence each
}

// A State is how a check came out.
type State string

const (
	Good State = "good"
	Warn State = "warn"
	Bad  State = "bad"
	Open State = "open" // nothing to go by yet
)

// Mark is the state in a word, for those who see no colours.
func (s State) Mark() string {
	return map[State]string{Good: "In order", Warn: "Look at this", Bad: "Not in order", Open: "Not known yet"}[s]
}

// A Store is what the checks look at.
type Store interface {
	Campaign(ctx context.Context, id dialler.CampaignID) (dialler.Campaign, error)
	Bots(ctx context.Context) ([]dialler.Bot, error)
	Trunks(ctx context.Context) ([]dialler.Trunk, error)
	Calls(ctx context.Context, q dialler.CallQuery) (calls []dialler.Call, next string, err error)
	FindContacts(ctx context.Context, q dialler.ContactQuery) (contacts []dialler.Contact, next string, err error)
	Counters(ctx context.Context, id dialler.CampaignID) (dialler.Counters, error)
	NextCallback(ctx context.Context, id dialler.CampaignID) (time.Time, error)
}

// lateAfter is how late a callback may be begun and still be on time: what it
// takes to learn that a seat is free, with a margin.
const lateAfter = time.Minute

// newestCalls is how many calls are looked at for callbacks that began late.
const newestCalls = 50

// gathering is a list as it is being made.
type gathering struct {
	List
	store Store
	now   time.Time
}

// Of makes the checklist of a campaign, as things stand now. The error is
// [dialler.ErrNotFound] if there is no such campaign, or the store's.
func Of(ctx context.Context, store Store, id dialler.CampaignID, now time.Time) (List, error) {
	c, err := store.Campaign(ctx, id)
	if err != nil {
		return List{}, err
	}
	bot, _, err := dialler.LinesOf(ctx, store, c)
	if err != nil {
		return List{}, err
	}
	g := gathering{List{Campaign: c}, store, now}
	gate := func(id, title string, on bool, says string) {
		one := Check{ID: id, Title: title, State: Good, Says: says + " is on."}
		if !on {
			one.State, one.Says = Bad, says+" is off: no callback is scheduled while it is."
		}
		g.Checks = append(g.Checks, one)
	}
	gate("bot", "Bot toggle", bot.Callbacks, "The callback toggle of the bot "+bot.Name)
	gate("campaign", "Campaign toggle", c.CallbackDetection, "Callback Detection of the campaign")
	for _, f := range []func(context.Context) (Check, error){g.checkTest, g.checkZones, g.checkCallbacks} {
		one, err := f(ctx)
		if err != nil {
			return List{}, err
		}
		g.Checks = append(g.Checks, one)
	}
	return g.List, nil
}

// checkTest tells how the last test call came out.
func (g *gathering) checkTest(ctx context.Context) (Check, error) {
	one := Check{ID: "test", Title: "Test call", State: Open, Says: "No test call was placed yet."}
	found, _, err := g.store.FindContacts(ctx, dialler.ContactQuery{Campaign: g.Campaign.ID, Test: true, Limit: 1})
	if err != nil || len(found) == 0 {
		return one, err
	}
	ct := found[0]
	g.Test = &ct
	calls, _, err := g.store.Calls(ctx, dialler.CallQuery{Campaign: g.Campaign.ID, Contact: ct.ID, Limit: 1})
	if err != nil {
		return one, err
	}
	clock := func(t time.Time) string { return wording.At(t, g.Campaign.Window, g.now).Text }
	switch {
	case ct.State == dialler.Dialling:
		one.Says = fmt.Sprintf("%s is being dialled.", ct.Number)
	case ct.State.Waiting() && (len(calls) == 0 || ct.Ahead):
		one.Says = fmt.Sprintf("%s waits to be dialled; its page says for what.", ct.Number)
	case len(calls) == 0:
		one.State, one.Says = Bad, fmt.Sprintf("%s was not dialled: the contact is %s.", ct.Number, strings.ToLower(wording.Label(ct.State)))
	default:
		call := calls[0]
		one.State, one.Says = Good, fmt.Sprintf("%s talked with the bot at %s, for %s.", ct.Number, clock(call.Joined), wording.Span(call.Ended.Sub(call.Joined)))
		if call.Disposition != dialler.Answered {
			one.State, one.Says = Bad, fmt.Sprintf("The test call to %s at %s did not reach the bot: %s (cause %s).", ct.Number, clock(call.Leased), strings.ToLower(wording.Label(call.Disposition)), call.Cause)
		}
		switch {
		case call.Disposition != dialler.Answered:
		case call.Ruling.Verdict == "":
			one.State = Warn
			one.More = append(one.More, "No analysis of it has come: without one no callback is ever scheduled.")
		case call.Ruling.Callback != nil:
			one.More = append(one.More, fmt.Sprintf("Its analysis asked for a callback, which was scheduled for %s.", clock(call.Ruling.Callback.Scheduled)))
		case call.Ruling.Verdict == dialler.RulingRefused:
			one.State = Warn
			one.More = append(one.More, "Its analysis asked for a callback, which was not scheduled: "+wording.Label(call.Ruling.Refused)+".")
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
func (g *gathering) checkZones(ctx context.Context) (Check, error) {
	one := Check{ID: "zone", Title: "Time zone against the contacts’ numbers", State: Open, Says: "There are no contacts yet."}
	loc := g.Campaign.Window.Location()
	now := g.now
	_, ours := now.In(loc).Zone()
	after := ""
	var same, other []string
	for range mostCountries {
		found, _, err := g.store.FindContacts(ctx, dialler.ContactQuery{Campaign: g.Campaign.ID, Order: dialler.ByNumber, Limit: 1, After: after})
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
	switch zone := g.Campaign.Window.Zone(); {
	case len(other) > 0:
		one.State, one.Says, one.More = Warn, fmt.Sprintf("Some are rung by a clock that is not theirs: the calling window is that of %s.", zone), other
	case len(same) > 0:
		one.State, one.Says = Good, fmt.Sprintf("%s goes with the contacts’ numbers (%s).", zone, strings.Join(same, ", "))
		one.More = []string{"One number of each country was looked at; a country may have several zones."}
	}
	return one, nil
}

// checkCallbacks tells whether callbacks fire when they are due.
func (g *gathering) checkCallbacks(ctx context.Context) (Check, error) {
	one := Check{ID: "callbacks", Title: "Callbacks pending and firing on time", State: Open}
	n, err := g.store.Counters(ctx, g.Campaign.ID)
	if err != nil {
		return one, err
	}
	next, err := g.store.NextCallback(ctx, g.Campaign.ID)
	if err != nil {
		return one, err
	}
	calls, _, err := g.store.Calls(ctx, dialler.CallQuery{Campaign: g.Campaign.ID, Limit: newestCalls})
	if err != nil {
		return one, err
	}
	now := g.now
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
	one.Says = fmt.Sprintf("%s pending.", wording.Count(n.Pending(), "callback is", "callbacks are"))
	if n.Requested == 0 {
		one.Says = "No callback was asked for yet."
		return one, nil
	}
	if !next.IsZero() {
		one.Says += fmt.Sprintf(" The next is due at %s.", wording.At(next, g.Campaign.Window, now).Text)
	}
	if fired > 0 {
		one.State = Good
		one.More = append(one.More, fmt.Sprintf("Of the newest %d calls %s to keep a promise, begun within %s of its time.", len(calls), wording.Count(fired, "was", "were"), wording.Span(lateAfter)))
	}
	if late > 0 {
		one.State = Warn
		one.More = []string{fmt.Sprintf("Of %s among the newest %d calls %d began more than %s late, the latest by %s: seats, the trunk or the calling window held them up.",
			wording.Count(fired, "callback", "callbacks"), len(calls), late, wording.Span(lateAfter), wording.Span(worst))}
	}
	if wait := now.Sub(next); !next.IsZero() && wait > lateAfter {
		one.State = Bad
		one.More = append(one.More, fmt.Sprintf("The one due first has waited for %s. Its contact’s page says why.", wording.Span(wait)))
		if !g.Campaign.Open(now) || g.Campaign.State != dialler.CampaignRunning {
			one.State = Warn
			one.More[len(one.More)-1] = fmt.Sprintf("The one due first waits since %s ago: the calling window is closed, or the campaign does not run.", wording.Span(wait))
		}
	}
	return one, nil
}
