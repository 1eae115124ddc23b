package torture

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"ringback/deploy/lab/farend"
	"ringback/dialler"
)

// A line of a story: when, whose word it is, and what it says.
type line struct {
	at   time.Time
	side string // far end, database, operator, mishap, or a node
	text string
}

// story is the timeline of a violation's number from both sides, with what
// happened around it.
func (e *evidence) story(v violation) string {
	if v.number == "" {
		return ""
	}
	var all []line
	say := func(at time.Time, side, format string, args ...any) {
		if !at.IsZero() {
			all = append(all, line{at, side, fmt.Sprintf(format, args...)})
		}
	}
	for _, c := range slices.Concat(e.invites, e.bots) {
		leg := "customer"
		if c.Bot {
			leg = "bot"
		}
		if c.Number != v.number && farend.Decode(c.Headers)["number"] != v.number {
			continue
		}
		id := c.ID[:min(8, len(c.ID))]
		if a := e.of[c.ID]; a != nil {
			id += " of call " + string(a.ID)
		}
		say(c.Invited, "far end", "INVITE %s to the %s, his no. %d", id, leg, c.Nth)
		say(c.Rang, "far end", "%s rings", id)
		say(c.Answered, "far end", "%s is answered", id)
		say(c.Cancelled, "far end", "%s: CANCEL", id)
		say(c.Ended, "far end", "%s is over: %d %s", id, c.Status, c.EndedBy)
	}
	ids := []string{v.number}
	for _, a := range e.calls {
		if string(a.Number) != v.number {
			continue
		}
		ids = append(ids, string(a.ID))
		name := e.campaigns[a.Campaign].Name
		say(a.Leased, "database", "call %s leased by %s for %s, run %d, attempt %d, as %s due %s", a.ID, a.Node, name, a.Run, a.N, a.Class, clock(a.Due))
		say(a.Joined, "database", "call %s: the bot is there", a.ID)
		say(a.Ended, "database", "call %s ended: %s (%s)", a.ID, a.Disposition, a.Cause)
		if cb := a.Ruling.Callback; cb != nil {
			say(cb.Requested, "database", "callback %d asked for on call %s: %q, promised for %s", cb.ID, a.ID, cb.Phrase, clock(cb.Scheduled))
			say(cb.Closed, "database", "callback %d is %s %s after %d attempts", cb.ID, cb.State, cb.Why, cb.Attempts)
		} else if a.Ruling.Verdict != "" {
			say(e.told(a.ID), "database", "the analysis of call %s is ruled %s %s", a.ID, a.Ruling.Verdict, a.Ruling.Refused)
		}
	}
	for _, d := range e.deliveries {
		if slices.Contains(ids, d.CallID) {
			say(d.At, "far end", "the bot's analysis of call %s, try %d: %s: answered %d %.200s", d.CallID, d.Tries, d.Body, d.Status, d.Answer)
		}
	}
	for _, ct := range e.contacts {
		if string(ct.Number) == v.number {
			say(ct.Added, "database", "contact %d added to %s; it is now %s after %d attempts", ct.ID, e.campaigns[ct.Campaign].Name, ct.State, ct.Attempts)
		}
	}
	if x, ok := e.excluded[v.number]; ok {
		say(x.asked, "operator", "asks that the number be excluded")
		say(x.sure, "operator", "is told that it is")
	}
	all = append(all, e.logged(ids)...)
	if len(all) == 0 {
		return ""
	}
	slices.SortStableFunc(all, func(a, b line) int { return a.at.Compare(b.at) })
	first, last := all[0].at.Add(-10*time.Second), all[len(all)-1].at.Add(10*time.Second)
	for _, o := range e.ordeals {
		if o.from.Before(last) && o.to.After(first) {
			say(o.from, "mishap", "%s", o.mishap)
			say(o.to, "mishap", "over: %s of %s", o.what, o.whom)
		}
	}
	for _, h := range e.halts {
		if h.from.Before(last) && h.to.After(first) {
			say(h.from, "operator", "%s is halted", e.campaigns[dialler.CampaignID(h.campaign)].Name)
			say(h.to, "operator", "%s is to go on", e.campaigns[dialler.CampaignID(h.campaign)].Name)
		}
	}
	slices.SortStableFunc(all, func(a, b line) int { return a.at.Compare(b.at) })
	var b strings.Builder
	for _, l := range all {
		mark := " "
		if l.at.Equal(v.at) {
			mark = ">"
		}
		fmt.Fprintf(&b, "  %s %s  %-9s %s\n", mark, clock(l.at), l.side, l.text)
	}
	return b.String()
}

// logged is what the nodes' logs say of any of these.
func (e *evidence) logged(ids []string) (lines []line) {
	for node, name := range e.logs {
		file, err := os.Open(name)
		if err != nil {
			continue
		}
		s := bufio.NewScanner(file)
		for s.Scan() {
			text := s.Text()
			if !slices.ContainsFunc(ids, func(id string) bool { return strings.Contains(text, id) }) {
				continue
			}
			stamp, rest, _ := strings.Cut(strings.TrimPrefix(text, "time="), " ")
			at, err := time.Parse(time.RFC3339Nano, stamp)
			if err != nil {
				continue
			}
			lines = append(lines, line{at, node, rest})
		}
		_ = file.Close()
	}
	return lines
}
