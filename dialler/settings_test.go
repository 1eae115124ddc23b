package dialler_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"ringback/dialler"
)

func settings() dialler.Settings {
	return dialler.Settings{
		Name: "renewals", Trunk: "carrier", Bot: "asha", Zone: "Asia/Kolkata", Seats: 2,
		Hours: dialler.Hours{"mon-fri": {"09:00-13:00", "14:00-18:00"}},
	}
}

// Each mistake is told of its own field, with what came and what would be
// right, once.
func TestSettingsSayWhatIsWrong(t *testing.T) {
	for _, tt := range []struct {
		edit func(*dialler.Settings)
		want string // "": it is right
	}{
		{func(*dialler.Settings) {}, ""},
		{func(s *dialler.Settings) { s.Name = "" }, `name: got ""; want 1 to 100 printable characters, no space at either end`},
		{func(s *dialler.Settings) { s.Mode = "weekly" }, `mode: got "weekly"; want single_day or multi_day`},
		{func(s *dialler.Settings) { s.Seats = 0 }, `seats: got "0"; want 1 to 10000`},
		{func(s *dialler.Settings) { s.RetryDelay = "15" }, `retry_delay: got "15"; want a duration such as 30s, 15m or 1h30m`},
		{func(s *dialler.Settings) { s.RetryDelay = "1ms" }, `retry_delay: got "1ms"; want 1s to 720h0m0s`},
		{func(s *dialler.Settings) { s.BotTimeout = "soon" }, `bot_timeout: got "soon"; want a duration such as 30s, 15m or 1h30m`},
		{func(s *dialler.Settings) { s.RetryOn = []string{"busy", "happy"} }, `retry_on: got "happy"; want busy, no_answer`},
		{func(s *dialler.Settings) { s.Zone = "Mars" }, `window.zone: got "Mars"; want an IANA time zone such as Asia/Kolkata`},
		{func(s *dialler.Settings) { s.Hours = nil }, `window.hours: got no hours; want at least one interval`},
		{func(s *dialler.Settings) { s.Hours["sun"] = []string{"9-5"} }, `window.hours.sun: got "9-5"; want hours such as 09:00-18:00`},
		{func(s *dialler.Settings) { s.Hours["mon"] = []string{"12:00-15:00"} }, `window.hours: got "mon 09:00-13:00 and 12:00-15:00"; want intervals that do not overlap`},
		{func(s *dialler.Settings) { s.Holidays = []string{"26 January"} }, `window.holidays: got "26 January"; want dates such as 2026-01-26`},
	} {
		s := settings()
		tt.edit(&s)
		_, err := s.Campaign()
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("settings that are right: %v", err)
		case tt.want == "":
		case err == nil || strings.Count(err.Error(), tt.want) != 1:
			t.Errorf("got %v\nwant %s", err, tt.want)
		}
		if err != nil && dialler.FieldErrors(err) == nil {
			t.Errorf("%v: not all are field errors", err)
		}
	}
	s := settings()
	s.Name, s.Zone, s.Seats, s.MaxDuration = "", "Mars", -1, "long"
	_, err := s.Campaign()
	var fields []string
	for _, fe := range dialler.FieldErrors(err) {
		fields = append(fields, fe.Field)
	}
	if want := []string{"window.zone", "max_duration", "name", "seats"}; !reflect.DeepEqual(fields, want) {
		t.Errorf("wrong fields %v, want %v", fields, want)
	}
	if dialler.FieldErrors(errors.Join(err, errors.New("the disk"))) != nil {
		t.Error("an error of another kind is passed over")
	}
}

// What is written down and read again is the same.
func TestSettingsAndBack(t *testing.T) {
	s := settings()
	s.Mode, s.CallerID, s.Region, s.CPS, s.MaxAttempts = "single_day", "+911140001000", "IN", 0.5, 4
	s.RetryOn, s.Holidays = []string{}, []string{"2026-01-26"}
	s.RetryDelay, s.RingTimeout, s.BotTimeout, s.MaxDuration = "1h30m0s", "25s", "1.5s", "10m0s"
	s.Screen, s.Apology, s.CallbackDetection, s.CallbackMaxAttempts, s.MaxCallbackReschedules = true, "sound:sorry", true, 2, -1
	c, err := s.Campaign()
	if err != nil {
		t.Fatal(err)
	}
	if c.RetryDelay != 90*time.Minute || c.BotTimeout != 1500*time.Millisecond || c.RetryOn == nil {
		t.Errorf("read as %+v", c)
	}
	again, err := c.Settings().Campaign()
	if err != nil || !reflect.DeepEqual(again.Settings(), c.Settings()) {
		t.Errorf("%v\ngot  %+v\nwant %+v", err, again.Settings(), c.Settings())
	}
}

func TestLinesThatAreNotThere(t *testing.T) {
	c := dialler.Campaign{Bot: "asha", Trunk: "carrier"}
	bots, trunks := []dialler.Bot{{Name: "asha"}}, []dialler.Trunk{{Name: "carrier"}}
	if err := c.CheckLines(bots, trunks); err != nil {
		t.Error(err)
	}
	err := c.CheckLines(nil, nil)
	if fields := dialler.FieldErrors(err); len(fields) != 2 || fields[0].Field != "bot" || fields[1].Field != "trunk" {
		t.Errorf("none is there: %v", err)
	}
	if err := (dialler.Campaign{}).CheckLines(nil, nil); err != nil {
		t.Errorf("what is not given is Check's to say: %v", err)
	}
}

func TestEdit(t *testing.T) {
	for _, tt := range []struct {
		state dialler.CampaignState
		run   int
		edit  func(*dialler.Campaign)
		want  string // "": it may be done
	}{
		{dialler.CampaignDraft, 0, func(c *dialler.Campaign) { c.Name, c.Bot, c.Seats = "b", "ravi", 9 }, ""},
		{dialler.CampaignPaused, 1, func(c *dialler.Campaign) { c.Seats, c.Mode = 9, dialler.SingleDay }, ""},
		{dialler.CampaignPaused, 1, func(c *dialler.Campaign) { c.Name = "b" }, `campaign "a" has run, so its name can no longer be changed; clone it and change the clone`},
		{dialler.CampaignPaused, 2, func(c *dialler.Campaign) { c.Bot = "ravi" }, `campaign "a" has run, so its bot can no longer be changed; clone it and change the clone`},
		{dialler.CampaignRunning, 1, func(*dialler.Campaign) {}, `campaign "a" is running; pause it to edit it`},
		{dialler.CampaignCompleted, 1, func(*dialler.Campaign) {}, `campaign "a" is completed; only a draft or a paused campaign can be edited, so clone it, or restart and pause it`},
	} {
		old := dialler.Campaign{ID: 7, Name: "a", Bot: "asha", State: tt.state, Run: tt.run, Seats: 1}.WithDefaults()
		to := old
		tt.edit(&to)
		to.ID, to.State, to.Run = 8, dialler.CampaignRunning, 40 // not settings
		got, err := old.Edit(to)
		if tt.want != "" {
			if !errors.Is(err, dialler.ErrLocked) || err.Error() != tt.want || !reflect.DeepEqual(got, old) {
				t.Errorf("%s: %v\nwant %s", tt.state, err, tt.want)
			}
			continue
		}
		if err != nil || got.ID != 7 || got.State != tt.state || got.Run != tt.run || got.Seats != 9 {
			t.Errorf("%s: %+v %v", tt.state, got, err)
		}
	}
}
