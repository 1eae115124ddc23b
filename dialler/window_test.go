package dialler

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

// mustWindow makes a window that the test knows to be right.
func mustWindow(t testing.TB, zone string, hours Hours, holidays ...string) Window {
	t.Helper()
	w, err := NewWindow(zone, hours, holidays...)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// office is Monday to Saturday, nine to six, in Kolkata.
func office(t testing.TB, holidays ...string) Window {
	return mustWindow(t, "Asia/Kolkata", Hours{"mon-sat": {"09:00-18:00"}}, holidays...)
}

func TestNewWindowReads(t *testing.T) {
	for _, tt := range []struct {
		name  string
		hours Hours
		want  Hours
	}{
		{"a day", Hours{"mon": {"09:00-18:00"}}, Hours{"mon": {"09:00-18:00"}}},
		{"capitals, spaces and one-digit hours", Hours{" Mon ": {" 9:00 - 18:00 "}}, Hours{"mon": {"09:00-18:00"}}},
		{"a span", Hours{"thu-sat": {"09:00-18:00"}}, Hours{"thu": {"09:00-18:00"}, "fri": {"09:00-18:00"}, "sat": {"09:00-18:00"}}},
		{"a span over the week's end", Hours{"sat-mon": {"10:00-12:00"}}, Hours{"sat": {"10:00-12:00"}, "sun": {"10:00-12:00"}, "mon": {"10:00-12:00"}}},
		{"a span of one day", Hours{"wed-wed": {"10:00-12:00"}}, Hours{"wed": {"10:00-12:00"}}},
		{"several a day, in any order", Hours{"mon": {"14:00-18:00", "09:00-13:00"}}, Hours{"mon": {"09:00-13:00", "14:00-18:00"}}},
		{"side by side", Hours{"mon": {"09:00-13:00", "13:00-18:00"}}, Hours{"mon": {"09:00-13:00", "13:00-18:00"}}},
		{"a day named twice has both", Hours{"mon-tue": {"09:00-13:00"}, "tue": {"14:00-18:00"}}, Hours{"mon": {"09:00-13:00"}, "tue": {"09:00-13:00", "14:00-18:00"}}},
		{"the same said twice", Hours{"mon-tue": {"09:00-13:00"}, "tue": {"09:00-13:00"}}, Hours{"mon": {"09:00-13:00"}, "tue": {"09:00-13:00"}}},
		{"over midnight", Hours{"fri": {"22:00-02:00"}}, Hours{"fri": {"22:00-02:00"}}},
		{"over midnight up to the next day's", Hours{"fri": {"22:00-02:00"}, "sat": {"02:00-03:00"}}, Hours{"fri": {"22:00-02:00"}, "sat": {"02:00-03:00"}}},
		{"to midnight, as 24:00", Hours{"fri": {"22:00-24:00"}}, Hours{"fri": {"22:00-24:00"}}},
		{"to midnight, as 00:00", Hours{"fri": {"22:00-00:00"}}, Hours{"fri": {"22:00-00:00"}}},
		{"round the clock", Hours{"sun": {"00:00-24:00"}}, Hours{"sun": {"00:00-24:00"}}},
		{"a minute", Hours{"sun": {"23:59-00:00"}}, Hours{"sun": {"23:59-00:00"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, err := NewWindow("Asia/Kolkata", tt.hours)
			if err != nil {
				t.Fatal(err)
			}
			if got := w.Hours(); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("hours %v, want %v", got, tt.want)
			}
		})
	}
}

func TestNewWindowRefuses(t *testing.T) {
	mon := func(list ...string) Hours { return Hours{"mon": list} }
	for _, tt := range []struct {
		name     string
		zone     string
		hours    Hours
		holidays []string
		want     []string // the whole error, a line each
	}{
		{"no zone", "", mon("09:00-18:00"), nil, []string{`window.zone: got ""; want an IANA time zone such as Asia/Kolkata`}},
		{"this machine's zone", "Local", mon("09:00-18:00"), nil, []string{`window.zone: got "Local"; want an IANA time zone such as Asia/Kolkata`}},
		{"this machine's zone by its file", "localtime", mon("09:00-18:00"), nil, []string{`window.zone: got "localtime"; want an IANA time zone such as Asia/Kolkata`}},
		{"a zone nobody knows", "Asia/Calcuta", mon("09:00-18:00"), nil, []string{`window.zone: got "Asia/Calcuta"; want an IANA time zone such as Asia/Kolkata`}},
		{"an offset for a zone", "+05:30", mon("09:00-18:00"), nil, []string{`window.zone: got "+05:30"; want an IANA time zone such as Asia/Kolkata`}},
		{"a path for a zone", "../../etc/passwd", mon("09:00-18:00"), nil, []string{`window.zone: got "../../etc/passwd"; want an IANA time zone such as Asia/Kolkata`}},
		{"no hours", "Asia/Kolkata", nil, nil, []string{`window.hours: got no hours; want at least one interval, or nobody can ever be rung`}},
		{"a day without hours", "Asia/Kolkata", mon(), nil, []string{`window.hours: got no hours; want at least one interval, or nobody can ever be rung`}},
		{"a day nobody knows", "Asia/Kolkata", Hours{"monday": {"09:00-18:00"}}, nil, []string{`window.hours: got "monday"; want a day or days: mon, mon-fri, daily`}},
		{"half a span", "Asia/Kolkata", Hours{"mon-": {"09:00-18:00"}}, nil, []string{`window.hours: got "mon-"; want a day or days: mon, mon-fri, daily`}},
		{"three days", "Asia/Kolkata", Hours{"mon-wed-fri": {"09:00-18:00"}}, nil, []string{`window.hours: got "mon-wed-fri"; want a day or days: mon, mon-fri, daily`}},
		{"a list of days", "Asia/Kolkata", Hours{"mon,tue": {"09:00-18:00"}}, nil, []string{`window.hours: got "mon,tue"; want a day or days: mon, mon-fri, daily`}},
		{"an overlap", "Asia/Kolkata", mon("09:00-13:00", "12:59-18:00"), nil, []string{`window.hours: got "mon 09:00-13:00 and 12:59-18:00"; want intervals that do not overlap`}},
		{"one in another", "Asia/Kolkata", mon("09:00-18:00", "09:00-10:00"), nil, []string{`window.hours: got "mon 09:00-10:00 and 09:00-18:00"; want intervals that do not overlap`}},
		{"an overlap after midnight", "Asia/Kolkata", Hours{"sat": {"22:00-02:00"}, "sun": {"01:00-03:00"}}, nil, []string{`window.hours: got "sat 22:00-02:00 and sun 01:00-03:00"; want intervals that do not overlap`}},
		{"one over midnight before the day's end", "Asia/Kolkata", mon("22:00-02:00", "23:00-23:30"), nil, []string{`window.hours: got "mon 22:00-02:00 and 23:00-23:30"; want intervals that do not overlap`}},
		{"a holiday in words", "Asia/Kolkata", mon("09:00-18:00"), []string{"Diwali"}, []string{`window.holidays: got "Diwali"; want dates such as 2026-01-26`}},
		{"a holiday that does not exist", "Asia/Kolkata", mon("09:00-18:00"), []string{"2026-02-29"}, []string{`window.holidays: got "2026-02-29"; want dates such as 2026-01-26`}},
		{"a holiday the American way", "Asia/Kolkata", mon("09:00-18:00"), []string{"01/26/2026"}, []string{`window.holidays: got "01/26/2026"; want dates such as 2026-01-26`}},
		{"everything at once, in a fixed order", "Mars", Hours{"xyz": {"1"}, "mon": {"2"}, "abc": nil}, []string{"3"}, []string{
			`window.hours: got "abc"; want a day or days: mon, mon-fri, daily`,
			`window.hours.mon: got "2"; want hours such as 09:00-18:00, 22:00-02:00 or 00:00-24:00`,
			`window.hours: got "xyz"; want a day or days: mon, mon-fri, daily`,
			`window.holidays: got "3"; want dates such as 2026-01-26`,
			`window.zone: got "Mars"; want an IANA time zone such as Asia/Kolkata`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, err := NewWindow(tt.zone, tt.hours, tt.holidays...)
			if err == nil {
				t.Fatal("no error")
			}
			if want := strings.Join(tt.want, "\n"); err.Error() != want {
				t.Errorf("error:\n%v\nwant:\n%v", err, want)
			}
			var field *FieldError
			if !errors.As(err, &field) {
				t.Errorf("%T has no *FieldError in it", err)
			}
			if _, open := w.Next(time.Now()); open || w.Contains(time.Now()) {
				t.Error("the refused window opens")
			}
		})
	}
}

func TestIntervalsPeopleWriteWrongly(t *testing.T) {
	for _, s := range []string{
		"", "-", "09:00", "09:00-", "-18:00", "9-18", "0900-1800", "09:00–18:00", "09:00-18:00-20:00", "9am-6pm",
		"09.00-18.00", "09:60-18:00", "24:00-02:00", "25:00-26:00", "09:00-24:01", "09:00-24:30", "09:00-09:00",
		"00:00-00:00", "24:00-24:00", "-1:00-02:00", "09:00:00-18:00:00", "09:0-18:00", "०९:००-१८:००", "09:00-18:00 IST", "09:00.5-18:00",
	} {
		_, err := NewWindow("Asia/Kolkata", Hours{"mon": {s}})
		var field *FieldError
		if !errors.As(err, &field) {
			t.Errorf("%q: %v, want a *FieldError", s, err)
		} else if field.Field != "window.hours.mon" || !strings.Contains(field.Got, `"`) {
			t.Errorf("%q: %v, want it to name window.hours.mon and what came", s, err)
		}
	}
}

func TestWindowOfNoKnownZoneIsClosed(t *testing.T) {
	noon := time.Date(2026, 3, 12, 12, 0, 0, 0, time.UTC)
	var unknown Window
	if err := json.Unmarshal([]byte(`{"zone":"Mars/Olympus","hours":{"sun":["00:00-24:00"],"mon":["09:00-18:00"]},"holidays":["2026-01-26"]}`), &unknown); err != nil {
		t.Fatalf("a record with a zone unknown here cannot be read: %v", err)
	}
	for name, w := range map[string]Window{"zero": {}, "unknown zone": unknown} {
		if w.Contains(noon) {
			t.Errorf("%s: open", name)
		}
		if at, ok := w.Next(noon); ok {
			t.Errorf("%s: opens at %v", name, at)
		}
		if at, ok := w.CloseAfter(noon); !ok || !at.Equal(noon) {
			t.Errorf("%s: closed from %v, %v; want from %v on", name, at, ok, noon)
		}
		if at, ok := w.DayCloses(noon); ok {
			t.Errorf("%s: its day closes at %v", name, at)
		}
		if w.Location() != time.UTC {
			t.Errorf("%s: location %v", name, w.Location())
		}
		var field *FieldError
		if err := w.Check(); !errors.As(err, &field) || field.Field != "window.zone" {
			t.Errorf("%s: Check says %v, want window.zone", name, err)
		}
	}
	// A node without this zone writes back what it read.
	back, err := json.Marshal(unknown)
	if want := `{"zone":"Mars/Olympus","hours":{"mon":["09:00-18:00"],"sun":["00:00-24:00"]},"holidays":["2026-01-26"]}`; err != nil || string(back) != want {
		t.Errorf("written back: %s %v, want %s", back, err, want)
	}
}

func TestWindowJSON(t *testing.T) {
	w := mustWindow(t, "Asia/Kolkata", Hours{"mon-tue": {"14:00-18:00", "09:00-13:00"}, "sat": {"22:00-02:00"}}, "2026-10-02", "2026-01-26", "2026-10-02")
	b, err := json.Marshal(w)
	want := `{"zone":"Asia/Kolkata","hours":{"mon":["09:00-13:00","14:00-18:00"],"sat":["22:00-02:00"],"tue":["09:00-13:00","14:00-18:00"]},"holidays":["2026-01-26","2026-10-02"]}`
	if err != nil || string(b) != want {
		t.Fatalf("marshalled: %s, %v\nwant %s", b, err, want)
	}
	var back Window
	if err := json.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(back, w) {
		t.Errorf("read back: %+v, %v\nwant %+v", back, err, w)
	}

	for _, tt := range []struct {
		name, json string
		zone       string // of the window read; the error otherwise
		err        string
	}{
		{"the zero window", `{"zone":"","hours":{}}`, "", ""},
		{"a week without hours", `{"zone":"Asia/Kolkata","hours":{}}`, "Asia/Kolkata", ""},
		{"null changes nothing", `null`, "Europe/London", ""},
		{"bad hours", `{"zone":"Asia/Kolkata","hours":{"mon":["9-6"]}}`, "Europe/London", "window.hours.mon"},
		{"bad hours in a zone unknown", `{"zone":"Mars","hours":{"mon":["9-6"]}}`, "Europe/London", "window.hours.mon"},
		{"bad holidays without hours", `{"zone":"Asia/Kolkata","holidays":["x"]}`, "Europe/London", "window.holidays"},
		{"another type", `[1]`, "Europe/London", "window: "},
	} {
		got := mustWindow(t, "Europe/London", Hours{"mon": {"09:00-17:00"}})
		err := json.Unmarshal([]byte(tt.json), &got)
		if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: error %v, want %q in it", tt.name, err, tt.err)
		}
		if got.Zone() != tt.zone {
			t.Errorf("%s: zone %q, want %q", tt.name, got.Zone(), tt.zone)
		}
	}
}

func TestWindowCheck(t *testing.T) {
	if err := office(t).Check(); err != nil {
		t.Error(err)
	}
	var idle Window
	if err := json.Unmarshal([]byte(`{"zone":"Asia/Kolkata","hours":{}}`), &idle); err != nil {
		t.Fatal(err)
	}
	var field *FieldError
	if err := idle.Check(); !errors.As(err, &field) || field.Field != "window.hours" {
		t.Errorf("a week without hours: %v, want window.hours", err)
	}
}

func TestHolidaysAreACopy(t *testing.T) {
	w := office(t, "2026-01-26", "1969-12-31")
	list := w.Holidays()
	if want := []string{"1969-12-31", "2026-01-26"}; !reflect.DeepEqual(list, want) {
		t.Fatalf("holidays %v, want %v", list, want)
	}
	list[0] = "2026-03-12"
	if w.Holidays()[0] != "1969-12-31" {
		t.Error("changing the list changed the window")
	}
}
