package dialler

import (
	"strings"
	"testing"
	"time"
)

// Why a contact is not being dialled, and when it may be next.
func TestWait(t *testing.T) {
	window, err := NewWindow("Asia/Kolkata", Hours{"mon-fri": {"09:00-18:00"}}, "2026-03-13")
	if err != nil {
		t.Fatal(err)
	}
	local := func(s string) time.Time {
		at, err := time.ParseInLocation("2006-01-02 15:04", s, window.Location())
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	thursday := local("2026-03-12 11:20") // inside
	evening := local("2026-03-12 19:00")  // closed, and Friday is a holiday
	monday := local("2026-03-16 09:00")
	never := time.Time{}
	standing := func(edit func(*Standing)) Standing {
		s := Standing{
			Contact:  Contact{State: Pending},
			Campaign: Campaign{State: CampaignRunning, Run: 1, Window: window, Seats: 2, MaxAttempts: 3},
			Bot:      Bot{Name: "asha"},
			Trunk:    Trunk{Name: "carrier", Switch: "pbx"},
		}
		edit(&s)
		return s
	}
	single := func(s *Standing) { s.Campaign.Mode, s.Campaign.Closes = SingleDay, local("2026-03-12 18:00") }
	for _, tt := range []struct {
		name   string
		edit   func(*Standing)
		now    time.Time
		reason WaitReason
		next   time.Time
		says   string
	}{
		{"nothing stands in its way", func(*Standing) {}, thursday, WaitTurn, thursday, "takes its turn"},
		{"dialling, whatever else", func(s *Standing) { s.Contact.State, s.Excluded = Dialling, true }, thursday, WaitDialling, never, "under way"},
		{"excluded while it waits", func(s *Standing) { s.Excluded = true }, thursday, WaitExcluded, never, "on the do-not-call list and"},
		{"excluded", func(s *Standing) { s.Contact.State, s.Excluded = ExcludedContact, true }, thursday, WaitExcluded, never, "on the do-not-call list and"},
		{"excluded, and readmitted since", func(s *Standing) { s.Contact.State = ExcludedContact }, thursday, WaitExcluded, never, "stays excluded"},
		{"completed", func(s *Standing) { s.Contact.State = Completed }, thursday, WaitOver, never, "conversation was held"},
		{"exhausted", func(s *Standing) { s.Contact.State, s.Contact.Attempts = Exhausted, 3 }, thursday, WaitOver, never, "No attempt is left (3 made)"},
		{"not to be retried", func(s *Standing) { s.Contact.State, s.Contact.Attempts = Exhausted, 1 }, thursday, WaitOver, never, "not tried again"},
		{"machine", func(s *Standing) { s.Contact.State = MachineReached }, thursday, WaitOver, never, "voicemail"},
		{"abandoned", func(s *Standing) { s.Contact.State = AbandonedContact }, thursday, WaitOver, never, "no bot"},
		{"window closed", func(s *Standing) { s.Contact.State = WindowClosed }, thursday, WaitOver, never, "day ended"},
		{"stopped", func(s *Standing) { s.Contact.State, s.Campaign.State = Stopped, CampaignCompleted }, thursday, WaitOver, never, "campaign was stopped"},
		{"its callback cancelled by hand", func(s *Standing) { s.Contact.State = Stopped }, thursday, WaitOver, never, "cancelled by an operator"},

		{"draft", func(s *Standing) { s.Campaign.State = CampaignDraft }, thursday, WaitCampaign, thursday, "draft: nobody is rung until it is started."},
		{"paused", func(s *Standing) { s.Campaign.State = CampaignPaused }, thursday, WaitCampaign, thursday, "resumed."},
		{"paused in the evening", func(s *Standing) { s.Campaign.State = CampaignPaused }, evening, WaitCampaign, monday, "resumed. Even then, not before 09:00 on Mon 16 Mar."},
		{"completed campaign", func(s *Standing) { s.Campaign.State = CampaignCompleted }, thursday, WaitCampaign, thursday, "restarted."},

		{"a callback in an hour", func(s *Standing) { s.Contact.State, s.Contact.Due = CallbackScheduled, thursday.Add(time.Hour) }, thursday, WaitDue, thursday.Add(time.Hour), "The callback is not due before 12:20."},
		{"a callback to the second", func(s *Standing) {
			s.Contact.State, s.Contact.Due = CallbackScheduled, thursday.Add(time.Hour+7*time.Second)
		}, thursday, WaitDue, thursday.Add(time.Hour + 7*time.Second), "not due before 12:20:07."},
		{"a retry next week", func(s *Standing) { s.Contact.State, s.Contact.Due = RetryScheduled, monday.Add(time.Hour) }, thursday, WaitDue, monday.Add(time.Hour), "The retry is not due before 10:00 on Mon 16 Mar."},
		{"next year", func(s *Standing) { s.Contact.Due = local("2027-03-15 10:00") }, thursday, WaitDue, local("2027-03-15 10:00"), "10:00 on Mon 15 Mar 2027"},
		{"due where the window was since closed", func(s *Standing) { s.Contact.State, s.Contact.Due = CallbackScheduled, local("2026-03-13 10:00") }, thursday, WaitDue, monday, "is due at 10:00 on Fri 13 Mar, when the calling window is closed; it opens at 09:00 on Mon 16 Mar."},
		{"due just now", func(s *Standing) { s.Contact.State, s.Contact.Due = CallbackScheduled, thursday }, thursday, WaitTurn, thursday, "callbacks go first"},
		{"the window is closed", func(*Standing) {}, evening, WaitWindow, monday, "The calling window is closed; it opens at 09:00 on Mon 16 Mar."},
		{"the window never opens", func(s *Standing) { s.Campaign.Window = Window{} }, thursday, WaitNeverOpens, never, "400 days"},
		{"its single day ends first", func(s *Standing) {
			single(s)
			s.Contact.State, s.Contact.Due = RetryScheduled, local("2026-03-12 18:00")
		}, thursday, WaitDayOver, never, "ends at 18:00, before the retry"},
		{"its single day is over", single, evening, WaitDayOver, never, "before the call can be rung"},
		{"its single day is long enough", func(s *Standing) { single(s); s.Contact.Due = thursday.Add(time.Minute) }, thursday, WaitDue, thursday.Add(time.Minute), "11:21"},

		{"draining", func(s *Standing) { s.Draining, s.LinkDown = true, true }, thursday, WaitDraining, thursday, "shutting down"},
		{"the switch is away", func(s *Standing) { s.LinkDown = true }, thursday, WaitLink, thursday, "switch pbx is down"},
		{"the seats are taken", func(s *Standing) { s.Live = 2 }, thursday, WaitSeats, thursday, "(2 of 2)"},
		{"no seats at all", func(s *Standing) { s.Campaign.Seats = 0 }, thursday, WaitSeats, thursday, "(0 of 0)"},
		{"the bot is busy elsewhere", func(s *Standing) { s.Bot.Capacity, s.BotLive = 5, 5 }, thursday, WaitBot, thursday, "asha is at its capacity (5 of 5"},
		{"the trunk is full", func(s *Standing) { s.Trunk.Channels, s.TrunkLive = 4, 6 }, thursday, WaitTrunk, thursday, "trunk carrier are taken (6 of 4)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := standing(tt.edit).Wait(tt.now)
			if w.Reason != tt.reason || !w.Next.Equal(tt.next) || !strings.Contains(w.Sentence, tt.says) {
				t.Errorf("got %s, next %v: %s\nwant %s, next %v, saying %q", w.Reason, w.Next, w.Sentence, tt.reason, tt.next, tt.says)
			}
			if !strings.HasSuffix(w.Sentence, ".") {
				t.Errorf("%q is not a sentence", w.Sentence)
			}
			// Next is never outside the window.
			if !w.Next.IsZero() && !standing(tt.edit).Campaign.Window.Contains(w.Next) {
				t.Errorf("%v is outside the calling window", w.Next)
			}
		})
	}
}
