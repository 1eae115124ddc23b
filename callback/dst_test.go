package callback

import (
	"testing"
	"time"
)

// Delays run in elapsed time; wall-clock times follow the zone's rules. A time
// that the spring change skips may come out on either side of the gap; of one
// that comes twice the first that is still ahead counts.
func TestDST(t *testing.T) {
	for _, c := range []struct {
		name, phrase, zone, heard string
		want                      []string // any of these
	}{
		{"elapsed over the spring gap", "in 12 hours", "America/New_York", "2025-03-08T15:00:00-05:00", []string{"2025-03-09T04:00:00-04:00"}},
		{"elapsed over the autumn overlap", "12 ghante baad", "Europe/London", "2025-10-25T16:00:00+01:00", []string{"2025-10-26T03:00:00Z"}},
		{"a wall time after the change", "tomorrow 3 pm", "America/New_York", "2025-03-08T15:00:00-05:00", []string{"2025-03-09T15:00:00-04:00"}},
		{"a day is a day, not 24 hours", "in 2 days at 9 am", "America/New_York", "2025-03-08T15:00:00-05:00", []string{"2025-03-10T09:00:00-04:00"}},
		{"a skipped time", "tomorrow 2:30 am", "America/New_York", "2025-03-08T15:00:00-05:00", []string{"2025-03-09T01:30:00-05:00", "2025-03-09T03:30:00-04:00"}},
		{"a skipped time in London", "1:30 am tomorrow", "Europe/London", "2025-03-29T16:00:00Z", []string{"2025-03-30T00:30:00Z", "2025-03-30T02:30:00+01:00"}},
		{"a time that comes twice", "1:30 am tomorrow", "Europe/London", "2025-10-25T16:00:00+01:00", []string{"2025-10-26T01:30:00+01:00", "2025-10-26T01:30:00Z"}},
		{"said between the two", "today 1:45 am", "Europe/London", "2025-10-26T01:50:00+01:00", []string{"2025-10-26T01:45:00Z"}},
		{"a half-hour change", "tomorrow 2:15 am", "Australia/Lord_Howe", "2025-10-04T15:00:00+10:30", []string{"2025-10-05T01:45:00+10:30", "2025-10-05T02:45:00+11:00"}},
		{"a weekday over the change", "Monday 10 am", "America/New_York", "2025-10-31T15:00:00-04:00", []string{"2025-11-03T10:00:00-05:00"}},
		{"a quarter-hour zone", "tomorrow 10 am", "Asia/Kathmandu", "2025-06-16T09:45:00+05:45", []string{"2025-06-17T10:00:00+05:45"}},
		{"a day that a zone left out", "parso 10 baje", "Pacific/Apia", "2011-12-29T09:00:00-10:00", []string{"2011-12-31T10:00:00+14:00"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Resolve(c.phrase, mustTime(t, c.heard), mustZone(t, c.zone))
			for _, w := range c.want {
				if got.At.Equal(mustTime(t, w)) {
					return
				}
			}
			t.Errorf("%q gave %s, want one of %v\n%s", c.phrase, got.At, c.want, got.Trace())
		})
	}
}

// Every hour of two changes: nothing comes out in the past or on the wrong day.
func TestDSTHourByHour(t *testing.T) {
	for _, zoneName := range []string{"America/New_York", "Europe/London", "Australia/Lord_Howe", "America/Santiago"} {
		zone := mustZone(t, zoneName)
		for _, day := range []time.Time{
			time.Date(2025, 3, 8, 0, 0, 0, 0, time.UTC), time.Date(2025, 10, 25, 0, 0, 0, 0, time.UTC),
			time.Date(2025, 3, 29, 0, 0, 0, 0, time.UTC), time.Date(2025, 11, 1, 0, 0, 0, 0, time.UTC),
			time.Date(2025, 4, 5, 0, 0, 0, 0, time.UTC), time.Date(2025, 9, 6, 0, 0, 0, 0, time.UTC),
		} {
			for hours := range 60 {
				heard := day.Add(time.Duration(hours) * time.Hour)
				for _, phrase := range []string{"kal", "tomorrow 2:30 am", "5 baje", "raat 2 baje", "in 3 hours", "subah", "tonight", "Sunday", "7 baje tak"} {
					checkReading(t, phrase, heard, zone)
				}
				got := Resolve("tomorrow", heard, zone)
				y0, m0, d0 := heard.In(zone).Date()
				want := time.Date(y0, m0, d0+1, 12, 0, 0, 0, zone)
				if y, m, d := got.At.Date(); y != want.Year() || m != want.Month() || d != want.Day() {
					t.Errorf("tomorrow of %s is %s", heard.In(zone), got.At)
				}
			}
		}
	}
}

// TestSameTime: the time of day at which they speak, on another day.
func TestSameTime(t *testing.T) {
	kolkata := time.FixedZone("IST", 5*3600+1800)
	heard := time.Date(2026, 11, 18, 11, 20, 0, 0, kolkata)
	for phrase, day := range map[string]int{
		"same time tomorrow": 19, "kal isi time": 19, "कल इसी समय": 19, "parso isi waqt call karna": 20, "at the same time on friday": 20,
	} {
		want := time.Date(2026, 11, day, 11, 20, 0, 0, kolkata)
		if got := Resolve(phrase, heard, kolkata); !got.At.Equal(want) {
			t.Errorf("%q: %v, want %v", phrase, got.At, want)
		}
	}
}
