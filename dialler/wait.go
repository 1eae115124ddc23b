package dialler

import (
	"fmt"
	"time"
)

// A Standing is all that decides whether a contact is rung now.
type Standing struct {
	Contact  Contact // as it stands: one that is being rung is Dialling
	Campaign Campaign
	Bot      Bot
	Trunk    Trunk
	Excluded bool // the number is on the do-not-call list

	Live      int // calls the campaign has under way
	BotLive   int // calls of all campaigns with its bot
	TrunkLive int // calls of all campaigns on its trunk

	LinkDown bool // the trunk's switch cannot be reached
	Draining bool // this process begins no new calls
}

// A WaitReason says why a contact is not being dialled.
type WaitReason string

// The reasons, in the order in which they are looked at. After the first four
// the contact is not rung again unless somebody does something; after the rest
// it is a matter of time.
const (
	WaitDialling   WaitReason = "dialling"    // it is: a call is under way
	WaitExcluded   WaitReason = "excluded"    // do not call
	WaitOver       WaitReason = "over"        // its state is final
	WaitCampaign   WaitReason = "campaign"    // the campaign does not run
	WaitDayOver    WaitReason = "day_over"    // Single Day: the day ends before it can be rung
	WaitNeverOpens WaitReason = "never_opens" // the calling window does not open within 400 days
	WaitDue        WaitReason = "due"         // it is not due yet
	WaitWindow     WaitReason = "window"      // outside the calling window
	WaitDraining   WaitReason = "draining"
	WaitLink       WaitReason = "link"  // the switch is away
	WaitSeats      WaitReason = "seats" // the campaign's seats are taken
	WaitBot        WaitReason = "bot"   // the bot is at its capacity
	WaitTrunk      WaitReason = "trunk" // the trunk's channels are taken
	WaitTurn       WaitReason = "turn"  // it may be rung: others go first, or the pace allows no more just now
)

// A Wait is why a contact is not being dialled, and from when it may be.
type Wait struct {
	Reason WaitReason

	// Next is the first instant at which the contact may be rung, inside the
	// calling window; zero: never, as things stand. Of WaitCampaign it holds
	// if the campaign is set going by then, and from WaitDraining on it is
	// the moment of asking: what it waits for has no known end.
	Next time.Time

	// Sentence says it to people, in the campaign's time zone.
	Sentence string
}

// Wait answers why the contact is not being dialled at now.
func (s Standing) Wait(now time.Time) Wait {
	ct, c := s.Contact, s.Campaign
	say := func(r WaitReason, next time.Time, format string, args ...any) Wait {
		return Wait{r, next, fmt.Sprintf(format, args...)}
	}
	never := time.Time{}
	switch {
	case ct.State == Dialling:
		return say(WaitDialling, never, "It is being dialled: a call is under way.")
	case s.Excluded, ct.State == ExcludedContact:
		if !s.Excluded {
			return say(WaitExcluded, never, "The number was on the do-not-call list; it has been taken off it since, but this contact stays excluded.")
		}
		return say(WaitExcluded, never, "The number is on the do-not-call list and is not rung.")
	case !ct.State.Waiting():
		return say(WaitOver, never, "%s", s.over())
	}

	from := now
	if ct.Due.After(now) {
		from = ct.Due
	}
	next, opens := c.Window.Next(from)
	if c.State != CampaignRunning {
		w := say(WaitCampaign, next, "The campaign is %s: nobody is rung until it is %s.", c.State, map[CampaignState]string{
			CampaignDraft: "started", CampaignPaused: "resumed", CampaignCompleted: "restarted"}[c.State])
		if next.After(now) {
			w.Sentence += fmt.Sprintf(" Even then, not before %s.", s.clock(next, now))
		}
		return w
	}
	switch what := s.what(); {
	case !opens:
		return say(WaitNeverOpens, never, "The calling window does not open within the next 400 days; its hours or holidays need mending.")
	case c.Mode == SingleDay && !c.Closes.IsZero() && !next.Before(c.Closes):
		return say(WaitDayOver, never, "The campaign's single day ends at %s, before %s can be rung: what still waits then is cancelled.", s.clock(c.Closes, now), what)
	case ct.Due.After(now):
		if next.After(ct.Due) {
			return say(WaitDue, next, "%s is due at %s, when the calling window is closed; it opens at %s.", initial(what), s.clock(ct.Due, now), s.clock(next, now))
		}
		return say(WaitDue, next, "%s is not due before %s.", initial(what), s.clock(next, now))
	case next.After(now):
		return say(WaitWindow, next, "The calling window is closed; it opens at %s.", s.clock(next, now))
	case s.Draining:
		return say(WaitDraining, now, "The dialler is shutting down and begins no new calls.")
	case s.LinkDown:
		return say(WaitLink, now, "The link to the switch %s is down: no new calls until it is back.", s.Trunk.Switch)
	case s.Live >= c.Seats:
		return say(WaitSeats, now, "All of the campaign's seats are taken (%d of %d): %s waits for a call to end.", s.Live, c.Seats, what)
	case s.Bot.Capacity > 0 && s.BotLive >= s.Bot.Capacity:
		return say(WaitBot, now, "The bot %s is at its capacity (%d of %d conversations): %s waits for one to end.", s.Bot.Name, s.BotLive, s.Bot.Capacity, what)
	case s.Trunk.Channels > 0 && s.TrunkLive >= s.Trunk.Channels:
		return say(WaitTrunk, now, "All channels of the trunk %s are taken (%d of %d): %s waits for a call to end.", s.Trunk.Name, s.TrunkLive, s.Trunk.Channels, what)
	}
	return say(WaitTurn, now, "It may be rung now and takes its turn: due callbacks go first, then contacts never rung, then retries, as fast as the pace allows.")
}

// over is the sentence for a contact in a final state.
func (s Standing) over() string {
	switch ct := s.Contact; ct.State {
	case Completed:
		return "The conversation was held; there is nothing left to ring for."
	case Exhausted:
		if ct.Attempts < max(s.Campaign.MaxAttempts, 1) {
			return "The last call ended in a way that is not tried again."
		}
		return fmt.Sprintf("No attempt is left (%d made); only a restart of the campaign rings it again.", ct.Attempts)
	case MachineReached:
		return "The callback met a voicemail and was closed."
	case AbandonedContact:
		return "The callback was answered, but no bot was on the line in time, and it was closed."
	case WindowClosed:
		return "The campaign's day ended before it was reached; only a restart rings it again."
	case Stopped:
		if s.Campaign.State != CampaignCompleted {
			return "Its callback was cancelled by an operator; only a restart of the campaign rings it again."
		}
		return "The campaign was stopped; only a restart rings it again."
	}
	return fmt.Sprintf("It is %s and does not wait for a call.", s.Contact.State)
}

// what is the call that the contact waits for.
func (s Standing) what() string {
	switch s.Contact.State {
	case CallbackScheduled:
		return "the callback"
	case RetryScheduled:
		return "the retry"
	}
	return "the call"
}

func initial(s string) string { return string(s[0]-'a'+'A') + s[1:] }

// clock is t as the campaign's wall clock shows it, with as much of the date
// as is needed.
func (s Standing) clock(t, now time.Time) string {
	loc := s.Campaign.Window.Location()
	t, now = t.In(loc), now.In(loc)
	form := "15:04"
	if t.Second() != 0 { // else "not before" would be a little too soon
		form = "15:04:05"
	}
	switch {
	case t.Year() == now.Year() && t.YearDay() == now.YearDay():
	case t.Sub(now).Abs() < 300*24*time.Hour:
		form += " on Mon 2 Jan"
	default:
		form += " on Mon 2 Jan 2006"
	}
	return t.Format(form)
}
