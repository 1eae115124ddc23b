package dialler

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// oracle is Contains written the slow way: what the clock on the wall shows, as
// text, looked up in what the operator wrote.
func oracle(zone *time.Location, hours Hours, holidays []string, t time.Time) bool {
	local := t.In(zone)
	y, m, d := local.Date()
	today := time.Date(y, m, d, 12, 0, 0, 0, time.UTC)
	off := func(date time.Time) bool {
		for _, h := range holidays {
			if date.Format("2006-01-02") == h {
				return true
			}
		}
		return false
	}
	list := func(date time.Time) []string { return hours[weekdays[date.Weekday()]] }
	now := local.Format("15:04")
	if off(today) {
		return false
	}
	for _, iv := range list(today) {
		from, to := iv[:5], iv[6:]
		if to <= from && now >= from || now >= from && now < to {
			return true
		}
	}
	yesterday := today.AddDate(0, 0, -1)
	if off(yesterday) {
		return false
	}
	for _, iv := range list(yesterday) {
		from, to := iv[:5], iv[6:]
		if to <= from && now < to {
			return true
		}
	}
	return false
}

// The days on which clocks did something odd.
var oddDays = []struct {
	zone, date, what string
}{
	{"America/Sao_Paulo", "2018-11-04", "midnight does not exist: 00:00 is 01:00"},
	{"America/Sao_Paulo", "2018-02-17", "23:00 to midnight twice"},
	{"Africa/Cairo", "2024-04-26", "midnight does not exist: 00:00 is 01:00"},
	{"Africa/Cairo", "2024-10-31", "23:00 to midnight twice"},
	{"Asia/Beirut", "2024-03-31", "midnight does not exist: 00:00 is 01:00"},
	{"Asia/Beirut", "2024-10-26", "23:00 to midnight twice"},
	{"Australia/Lord_Howe", "2024-10-06", "forward half an hour, 02:00 to 02:30"},
	{"Australia/Lord_Howe", "2024-04-07", "back half an hour, 02:00 to 01:30"},
	{"Europe/London", "2024-03-31", "forward, 01:00 to 02:00"},
	{"Europe/London", "2024-10-27", "back, 02:00 to 01:00"},
	{"America/New_York", "2024-03-10", "forward, 02:00 to 03:00"},
	{"America/New_York", "2024-11-03", "back, 02:00 to 01:00"},
	{"Asia/Kolkata", "2024-03-31", "nothing ever happens"},
	{"Pacific/Apia", "2011-12-30", "a day that did not exist"},
	{"Pacific/Kwajalein", "1969-09-30", "a day that was there twice, nearly"},
	{"Africa/Casablanca", "2024-03-10", "back for Ramadan"},
	{"Asia/Pyongyang", "2018-05-05", "forward half an hour at 23:30"},
	{"America/St_Johns", "2006-04-02", "forward at one past midnight"},
	{"Antarctica/Troll", "2024-03-31", "forward two hours"},
}

// weeks of hours that put an edge where it hurts.
var oddWeeks = []Hours{
	{"daily": {"00:00-24:00"}},
	{"daily": {"00:00-06:00"}},
	{"daily": {"09:00-18:00"}},
	{"daily": {"22:00-02:00"}},
	{"daily": {"00:30-00:45", "01:15-01:45", "02:15-02:20", "23:10-23:50"}},
	{"daily": {"01:00-02:00"}},
	{"daily": {"12:00-11:59"}},
	{"daily": {"23:30-00:30"}},
	{"mon-fri": {"09:00-13:00", "14:00-18:00"}, "sat": {"23:00-01:30"}},
}

// TestWindowOnOddDays goes through the days on which clocks are changed minute
// by minute and asks the oracle about each.
func TestWindowOnOddDays(t *testing.T) {
	for n, odd := range oddDays {
		for i, week := range oddWeeks {
			if raced && (n+i)%5 > 0 {
				continue
			}
			t.Run(fmt.Sprintf("%s/%s/%d", odd.zone, odd.date, i), func(t *testing.T) {
				t.Parallel()
				w := mustWindow(t, odd.zone, week)
				noon, err := time.Parse(time.DateOnly, odd.date)
				if err != nil {
					t.Fatal(err)
				}
				checkMinutes(t, w, nil, noon.Add(-20*time.Hour), 42*60)
			})
		}
	}
}

// checkMinutes compares Contains, Next and CloseAfter with the oracle at every
// one of n minutes from start.
func checkMinutes(t interface{ Fatalf(string, ...any) }, w Window, holidays []string, start time.Time, n int) {
	start = start.Truncate(time.Minute)
	zone, hours := w.Location(), w.Hours()
	open := make([]bool, n)
	for i := range open {
		at := start.Add(time.Duration(i) * time.Minute)
		open[i] = oracle(zone, hours, holidays, at)
		if got := w.Contains(at); got != open[i] {
			t.Fatalf("%v: Contains is %v, the wall says %v", at.In(zone), got, open[i])
		}
	}
	nextOpen, nextClosed := -1, -1 // from i on; -1: not within sight
	for i := n - 1; i >= 0; i-- {
		if open[i] {
			nextOpen = i
		} else {
			nextClosed = i
		}
		at := start.Add(time.Duration(i) * time.Minute)
		for _, look := range []struct {
			name   string
			answer func(time.Time) (time.Time, bool)
			want   int
		}{{"Next", w.Next, nextOpen}, {"CloseAfter", w.CloseAfter, nextClosed}} {
			got, ok := look.answer(at)
			switch end := start.Add(time.Duration(n) * time.Minute); {
			case look.want < 0:
				if ok && got.Before(end) {
					t.Fatalf("%v: %s is %v, where the wall says it is not", at.In(zone), look.name, got)
				}
			case !ok || !got.Equal(start.Add(time.Duration(look.want)*time.Minute)):
				t.Fatalf("%v: %s is %v, %v; want %v", at.In(zone), look.name, got, ok, start.Add(time.Duration(look.want)*time.Minute).In(zone))
			}
		}
	}
}

func TestOddDaysInWords(t *testing.T) {
	for _, tt := range []struct {
		name, zone string
		hours      Hours
		holidays   []string
		at         string // RFC 3339
		next       string // the next opening
		closes     string // CloseAfter of that; "": never
	}{
		{"inside", "Asia/Kolkata", Hours{"daily": {"09:00-18:00"}}, nil, "2026-03-12T11:20:30.5+05:30", "2026-03-12T11:20:30.5+05:30", "2026-03-12T18:00:00+05:30"},
		{"the opening is inside", "Asia/Kolkata", Hours{"daily": {"09:00-18:00"}}, nil, "2026-03-12T09:00:00+05:30", "2026-03-12T09:00:00+05:30", "2026-03-12T18:00:00+05:30"},
		{"the close is not", "Asia/Kolkata", Hours{"daily": {"09:00-18:00"}}, nil, "2026-03-12T18:00:00+05:30", "2026-03-13T09:00:00+05:30", "2026-03-13T18:00:00+05:30"},
		{"the nanosecond before it is", "Asia/Kolkata", Hours{"daily": {"09:00-18:00"}}, nil, "2026-03-12T17:59:59.999999999+05:30", "2026-03-12T17:59:59.999999999+05:30", "2026-03-12T18:00:00+05:30"},
		{"asked from another zone", "Asia/Kolkata", Hours{"daily": {"09:00-18:00"}}, nil, "2026-03-12T20:00:00-08:00", "2026-03-12T20:00:00-08:00", "2026-03-13T18:00:00+05:30"},
		{"lunch", "Asia/Kolkata", Hours{"daily": {"09:00-13:00", "14:00-18:00"}}, nil, "2026-03-12T13:00:00+05:30", "2026-03-12T14:00:00+05:30", "2026-03-12T18:00:00+05:30"},
		{"no gap between side by side", "Asia/Kolkata", Hours{"daily": {"09:00-13:00", "13:00-18:00"}}, nil, "2026-03-12T10:00:00+05:30", "2026-03-12T10:00:00+05:30", "2026-03-12T18:00:00+05:30"},
		{"the weekend", "Asia/Kolkata", Hours{"mon-fri": {"09:00-18:00"}}, nil, "2026-03-13T18:00:00+05:30", "2026-03-16T09:00:00+05:30", "2026-03-16T18:00:00+05:30"},
		{"a holiday", "Asia/Kolkata", Hours{"mon-fri": {"09:00-18:00"}}, []string{"2026-03-16"}, "2026-03-13T18:00:00+05:30", "2026-03-17T09:00:00+05:30", "2026-03-17T18:00:00+05:30"},
		{"over midnight", "Asia/Kolkata", Hours{"fri": {"22:00-02:00"}}, nil, "2026-03-12T22:00:00+05:30", "2026-03-13T22:00:00+05:30", "2026-03-14T02:00:00+05:30"},
		{"over midnight, after it", "Asia/Kolkata", Hours{"fri": {"22:00-02:00"}}, nil, "2026-03-14T01:59:00+05:30", "2026-03-14T01:59:00+05:30", "2026-03-14T02:00:00+05:30"},
		{"a holiday cuts what runs into it", "Asia/Kolkata", Hours{"fri": {"22:00-02:00"}}, []string{"2026-03-14"}, "2026-03-13T23:00:00+05:30", "2026-03-13T23:00:00+05:30", "2026-03-14T00:00:00+05:30"},
		{"what would have run out of a holiday never began", "Asia/Kolkata", Hours{"fri": {"22:00-02:00"}}, []string{"2026-03-13"}, "2026-03-13T23:00:00+05:30", "2026-03-20T22:00:00+05:30", "2026-03-21T02:00:00+05:30"},
		{"round the clock but for a holiday", "Asia/Kolkata", Hours{"daily": {"00:00-24:00"}}, []string{"2026-03-14"}, "2026-03-13T23:00:00+05:30", "2026-03-13T23:00:00+05:30", "2026-03-14T00:00:00+05:30"},
		{"round the clock, no holiday", "Asia/Kolkata", Hours{"daily": {"00:00-24:00"}}, nil, "2026-03-13T23:00:00+05:30", "2026-03-13T23:00:00+05:30", ""},

		{"São Paulo, the night without midnight", "America/Sao_Paulo", Hours{"sun": {"00:00-06:00"}}, nil, "2018-11-03T23:59:00-03:00", "2018-11-04T01:00:00-02:00", "2018-11-04T06:00:00-02:00"},
		{"São Paulo, hours that the clock never shows", "America/Sao_Paulo", Hours{"sun": {"00:00-01:00"}}, nil, "2018-11-03T23:59:00-03:00", "2018-11-11T00:00:00-02:00", "2018-11-11T01:00:00-02:00"},
		{"São Paulo, over midnight without midnight", "America/Sao_Paulo", Hours{"sat": {"22:00-00:30"}}, nil, "2018-11-03T23:00:00-03:00", "2018-11-03T23:00:00-03:00", "2018-11-04T01:00:00-02:00"},
		{"Cairo, the day without midnight", "Africa/Cairo", Hours{"daily": {"00:00-02:00"}}, nil, "2024-04-25T12:00:00+02:00", "2024-04-26T01:00:00+03:00", "2024-04-26T02:00:00+03:00"},
		{"Beirut, the day without midnight", "Asia/Beirut", Hours{"daily": {"00:30-02:00"}}, nil, "2024-03-30T12:00:00+02:00", "2024-03-31T01:00:00+03:00", "2024-03-31T02:00:00+03:00"},
		{"Lord Howe, forward half an hour", "Australia/Lord_Howe", Hours{"daily": {"02:15-03:00"}}, nil, "2024-10-06T01:00:00+10:30", "2024-10-06T02:30:00+11:00", "2024-10-06T03:00:00+11:00"},
		{"Lord Howe, back half an hour: twice", "Australia/Lord_Howe", Hours{"daily": {"01:30-01:45"}}, nil, "2024-04-07T01:45:00+11:00", "2024-04-07T01:30:00+10:30", "2024-04-07T01:45:00+10:30"},
		{"London, forward", "Europe/London", Hours{"daily": {"01:30-03:00"}}, nil, "2024-03-31T00:00:00Z", "2024-03-31T02:00:00+01:00", "2024-03-31T03:00:00+01:00"},
		{"London, forward over the whole", "Europe/London", Hours{"sun": {"01:00-02:00"}}, nil, "2024-03-31T00:00:00Z", "2024-04-07T01:00:00+01:00", "2024-04-07T02:00:00+01:00"},
		{"London, back: the first time", "Europe/London", Hours{"daily": {"01:00-01:30"}}, nil, "2024-10-27T00:00:00+01:00", "2024-10-27T01:00:00+01:00", "2024-10-27T01:30:00+01:00"},
		{"London, back: the second time", "Europe/London", Hours{"daily": {"01:00-01:30"}}, nil, "2024-10-27T01:30:00+01:00", "2024-10-27T01:00:00Z", "2024-10-27T01:30:00Z"},
		{"London, back: both in one", "Europe/London", Hours{"daily": {"00:30-02:00"}}, nil, "2024-10-27T00:30:00+01:00", "2024-10-27T00:30:00+01:00", "2024-10-27T02:00:00Z"},
		{"Apia, the Friday that did not exist", "Pacific/Apia", Hours{"fri": {"09:00-18:00"}}, nil, "2011-12-29T12:00:00-10:00", "2012-01-06T09:00:00+14:00", "2012-01-06T18:00:00+14:00"},
		{"Apia, into Saturday", "Pacific/Apia", Hours{"thu": {"22:00-02:00"}, "sat": {"09:00-18:00"}}, nil, "2011-12-29T23:00:00-10:00", "2011-12-29T23:00:00-10:00", "2011-12-31T00:00:00+14:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := mustWindow(t, tt.zone, tt.hours, tt.holidays...)
			next, ok := w.Next(rfc(t, tt.at))
			if !ok || !next.Equal(rfc(t, tt.next)) {
				t.Fatalf("next %v, %v; want %v", next, ok, tt.next)
			}
			closes, ok := w.CloseAfter(next)
			if ok != (tt.closes != "") || ok && !closes.Equal(rfc(t, tt.closes)) {
				t.Errorf("closes %v, %v; want %v", closes, ok, tt.closes)
			}
		})
	}
}

func rfc(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestNeverWithinAYear(t *testing.T) {
	var year []string
	for d := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); d.Year() < 2029; d = d.AddDate(0, 0, 1) {
		year = append(year, d.Format(time.DateOnly))
	}
	w := mustWindow(t, "Asia/Kolkata", Hours{"daily": {"00:00-24:00"}}, year...)
	if at, ok := w.Next(rfc(t, "2026-06-01T12:00:00Z")); ok {
		t.Errorf("years of holidays end at %v", at)
	}
	if at, ok := w.DayCloses(rfc(t, "2026-06-01T12:00:00Z")); ok {
		t.Errorf("a day of years of holidays closes at %v", at)
	}
	if at, ok := w.Next(rfc(t, "2028-06-01T12:00:00Z")); !ok || !at.Equal(rfc(t, "2029-01-01T00:00:00+05:30")) {
		t.Errorf("the first day after is %v, %v", at, ok)
	}
}

func TestExtremeTimesEndTheSearch(t *testing.T) {
	for _, zone := range []string{"Asia/Kolkata", "Europe/London", "America/Sao_Paulo"} {
		w := mustWindow(t, zone, Hours{"mon": {"09:00-10:00"}, "sat": {"22:00-02:00"}})
		for _, at := range []time.Time{{}, time.Unix(0, 0), time.Date(9999, 12, 31, 23, 59, 0, 0, time.UTC), time.Date(-4000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(250000, 1, 1, 0, 0, 0, 0, time.UTC)} {
			next, ok := w.Next(at)
			if !ok || next.Before(at) || !w.Contains(next) {
				t.Errorf("%s, %v: next %v, %v", zone, at, next, ok)
			}
		}
	}
}

func TestDayCloses(t *testing.T) {
	for _, tt := range []struct {
		name, zone string
		hours      Hours
		holidays   []string
		start      string
		want       string
	}{
		{"started inside", "Asia/Kolkata", Hours{"daily": {"09:00-18:00"}}, nil, "2026-03-12T11:20:00+05:30", "2026-03-12T18:00:00+05:30"},
		{"before the opening", "Asia/Kolkata", Hours{"daily": {"09:00-18:00"}}, nil, "2026-03-12T06:00:00+05:30", "2026-03-12T18:00:00+05:30"},
		{"after the close: tomorrow's day", "Asia/Kolkata", Hours{"daily": {"09:00-18:00"}}, nil, "2026-03-12T18:00:00+05:30", "2026-03-13T18:00:00+05:30"},
		{"a split day ends with its last close", "Asia/Kolkata", Hours{"daily": {"09:00-13:00", "14:00-18:00"}}, nil, "2026-03-12T10:00:00+05:30", "2026-03-12T18:00:00+05:30"},
		{"started at lunch", "Asia/Kolkata", Hours{"daily": {"09:00-13:00", "14:00-18:00"}}, nil, "2026-03-12T13:30:00+05:30", "2026-03-12T18:00:00+05:30"},
		{"over midnight belongs to the evening before", "Asia/Kolkata", Hours{"daily": {"22:00-02:00"}}, nil, "2026-03-12T23:00:00+05:30", "2026-03-13T02:00:00+05:30"},
		{"started after midnight", "Asia/Kolkata", Hours{"daily": {"22:00-02:00"}}, nil, "2026-03-13T01:00:00+05:30", "2026-03-13T02:00:00+05:30"},
		{"over midnight straight into the next day's", "Asia/Kolkata", Hours{"daily": {"22:00-02:00", "02:00-03:00"}}, nil, "2026-03-12T23:00:00+05:30", "2026-03-13T02:00:00+05:30"},
		{"morning and over midnight", "Asia/Kolkata", Hours{"daily": {"09:00-12:00", "22:00-01:00"}}, nil, "2026-03-12T09:00:00+05:30", "2026-03-13T01:00:00+05:30"},
		{"a holiday cuts the evening before", "Asia/Kolkata", Hours{"daily": {"22:00-02:00"}}, []string{"2026-03-13"}, "2026-03-12T23:00:00+05:30", "2026-03-13T00:00:00+05:30"},
		{"started on a holiday: the next day that is none", "Asia/Kolkata", Hours{"daily": {"09:00-18:00"}}, []string{"2026-03-12"}, "2026-03-12T11:00:00+05:30", "2026-03-13T18:00:00+05:30"},
		{"started on a day off", "Asia/Kolkata", Hours{"mon-fri": {"09:00-18:00"}}, nil, "2026-03-14T11:00:00+05:30", "2026-03-16T18:00:00+05:30"},
		{"round the clock ends at midnight", "Asia/Kolkata", Hours{"daily": {"00:00-24:00"}}, nil, "2026-03-12T11:00:00+05:30", "2026-03-13T00:00:00+05:30"},
		{"round the clock from noon to noon", "Asia/Kolkata", Hours{"daily": {"12:00-11:59"}}, nil, "2026-03-12T15:00:00+05:30", "2026-03-13T11:59:00+05:30"},
		{"to midnight", "Asia/Kolkata", Hours{"daily": {"18:00-00:00"}}, nil, "2026-03-12T19:00:00+05:30", "2026-03-13T00:00:00+05:30"},
		{"São Paulo, closing in the gap", "America/Sao_Paulo", Hours{"sat": {"22:00-00:30"}}, nil, "2018-11-03T22:00:00-03:00", "2018-11-04T01:00:00-02:00"},
		{"São Paulo, round the clock over the repeated hour", "America/Sao_Paulo", Hours{"daily": {"00:00-24:00"}}, nil, "2018-02-17T12:00:00-02:00", "2018-02-18T00:00:00-03:00"},
		{"São Paulo, the last hour comes back", "America/Sao_Paulo", Hours{"sat": {"20:00-23:30"}}, nil, "2018-02-17T21:00:00-02:00", "2018-02-17T23:30:00-03:00"},
		{"London, the last hour comes back after midnight", "Europe/London", Hours{"sat": {"22:00-01:30"}}, nil, "2024-10-26T23:00:00+01:00", "2024-10-27T01:30:00Z"},
		{"Apia, over a day that did not exist", "Pacific/Apia", Hours{"daily": {"22:00-02:00"}}, nil, "2011-12-29T23:00:00-10:00", "2011-12-31T00:00:00+14:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := mustWindow(t, tt.zone, tt.hours, tt.holidays...)
			got, ok := w.DayCloses(rfc(t, tt.start))
			if !ok || !got.Equal(rfc(t, tt.want)) {
				t.Errorf("the day closes at %v, %v; want %v", got, ok, tt.want)
			}
		})
	}
}

// drawWeek draws hours without overlaps: cuts of the week, in minutes since Sunday
// midnight, of which every second stretch is open.
func drawWeek(t *rapid.T) Hours {
	const minutes = 7 * 24 * 60
	hours := Hours{}
	step := rapid.SampledFrom([]int{1, 15, 30, 60, 360}).Draw(t, "step")
	cuts := rapid.SliceOfNDistinct(rapid.Map(rapid.IntRange(0, minutes/step-1), func(n int) int { return n * step }), 2, 24, rapid.ID[int]).Draw(t, "cuts")
	slices.Sort(cuts)
	for i := 0; i+1 < len(cuts); i += 2 {
		from, to := cuts[i], min(cuts[i+1], cuts[i]+24*60-1)
		d := from / (24 * 60)
		iv := Interval{Clock(from % (24 * 60)), Clock(to % (24 * 60))}
		hours[weekdays[d]] = append(hours[weekdays[d]], iv.String())
	}
	return hours
}

// TestWindowProperties draws weeks, zones, holidays and days, odd ones often,
// and compares each minute with the oracle.
func TestWindowProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		odd := rapid.SampledFrom(oddDays).Draw(t, "day")
		noon, _ := time.Parse(time.DateOnly, odd.date)
		hours := drawWeek(t)
		var holidays []string
		for _, ahead := range rapid.SliceOfN(rapid.IntRange(-3, 4), 0, 3).Draw(t, "holidays") {
			holidays = append(holidays, noon.AddDate(0, 0, ahead).Format(time.DateOnly))
		}
		w, err := NewWindow(odd.zone, hours, holidays...)
		if err != nil {
			t.Fatalf("%v: %v", hours, err)
		}
		checkMinutes(t, w, holidays, noon.Add(-18*time.Hour), 36*60)

		at := noon.Add(time.Duration(rapid.Int64Range(-int64(100*time.Hour), int64(100*time.Hour)).Draw(t, "at")))
		next, ok := w.Next(at)
		if !ok || next.Before(at) || !w.Contains(next) {
			t.Fatalf("Next(%v) is %v, %v", at, next, ok)
		}
		if w.Contains(at) != next.Equal(at) {
			t.Fatalf("Next(%v) is %v; open then: %v", at, next, w.Contains(at))
		}
		if closes, ok := w.CloseAfter(next); ok && (!closes.After(next) || w.Contains(closes) || !w.Contains(closes.Add(-1))) {
			t.Fatalf("open at %v, closes at %v", next, closes)
		}
		dayCloses, ok := w.DayCloses(at)
		if !ok || !dayCloses.After(next) || !w.Contains(dayCloses.Add(-1)) {
			t.Fatalf("DayCloses(%v) is %v, %v; the day opens %v", at, dayCloses, ok, next)
		}
		// By the clock on the wall it has its own hours and those after its
		// midnight, however often a clock that is put back shows them.
		date, _ := w.opened(next)
		if last, _, _ := w.at(dayCloses.Add(-1)); last < midnight(date) || last >= midnight(date+2) {
			t.Fatalf("DayCloses(%v) is %v, not of the day that opens %v", at, dayCloses, next)
		}
		// All of the day is the same day: from wherever in it, it closes then.
		for m := next; m.Before(dayCloses); m = m.Add(7 * time.Minute) {
			if d, open := w.opened(m); open && d == date {
				if again, _ := w.DayCloses(m); !again.Equal(dayCloses) {
					t.Fatalf("from %v the day closes at %v, from %v at %v", at, dayCloses, m, again)
				}
			}
		}
		if d, open := w.opened(dayCloses); open && d == date {
			t.Fatalf("the day goes on after %v", dayCloses)
		}
	})
}

func BenchmarkWindowNext(b *testing.B) {
	office := office(b, "2026-01-26", "2026-08-15", "2026-10-02")
	london := mustWindow(b, "Europe/London", Hours{"mon-fri": {"09:00-13:00", "14:00-18:00"}})
	for _, bb := range []struct {
		name string
		w    Window
		at   time.Time
	}{
		{"open", office, rfc(b, "2026-03-12T11:20:00+05:30")},
		{"tonight", office, rfc(b, "2026-03-12T20:00:00+05:30")},
		{"weekend", london, rfc(b, "2026-03-14T20:00:00Z")},
		{"over-a-clock-change", london, rfc(b, "2026-03-28T20:00:00Z")},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := bb.w.Next(bb.at); !ok {
					b.Fatal("never")
				}
			}
		})
	}
}

func BenchmarkWindowContains(b *testing.B) {
	w := office(b, "2026-01-26")
	at := rfc(b, "2026-03-12T11:20:00+05:30")
	b.ReportAllocs()
	for b.Loop() {
		if !w.Contains(at) {
			b.Fatal("closed")
		}
	}
}
