package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ringback/callback"
	"ringback/dialler"
	"ringback/dialler/api"
	"ringback/dialler/store/sqlite"
	"ringback/dialler/user"
)

const token = "0123456789abcdef0123456789abcdef"

// A house is the API on a real store, with a trunk, a bot and a campaign in it.
type house struct {
	*testing.T
	store    *sqlite.Store
	handler  http.Handler
	campaign int64
	log      *bytes.Buffer
}

// now is a Thursday morning in Kolkata.
var now = time.Date(2026, 3, 12, 5, 50, 0, 0, time.UTC)

const campaignJSON = `{"name":"renewals","trunk":"carrier","bot":"asha","seats":2,"max_attempts":3,"retry_delay":"15m",
	"region":"IN","callback_detection":true,"window":{"zone":"Asia/Kolkata","hours":{"mon-sat":["09:00-18:00"]}}}`

func newHouse(t *testing.T, with ...func(*api.Options)) *house {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Memory, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	h := &house{T: t, store: store, log: &bytes.Buffer{}}
	o := api.Options{
		Store: store, Users: store, Version: "1.2.3",
		Logger: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:    func() time.Time { return now },
	}
	o.Door = user.NewDoor(user.Options{Store: store, Tokens: map[string]string{"crm": token, "ops": "another-token-of-ops"}, Now: o.Now})
	for _, f := range with {
		f(&o)
	}
	h.handler = api.New(o)
	h.want(200, "PUT", "/v1/trunks/carrier", `{"switch":"pbx","dial":"PJSIP/{number}@carrier"}`)
	h.want(200, "PUT", "/v1/bots/asha", `{"endpoint":"PJSIP/asha","callbacks":true}`)
	h.campaign = int64(h.want(201, "POST", "/v1/campaigns", campaignJSON)["id"].(float64))
	return h
}

// ask sends a request with the token and returns the answer.
func (h *house) ask(method, path, body string) *httptest.ResponseRecorder {
	h.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return w
}

// want is ask for an answer of which the status is known; it returns the JSON.
func (h *house) want(status int, method, path, body string) map[string]any {
	h.Helper()
	w := h.ask(method, path, body)
	if w.Code != status {
		h.Fatalf("%s %s: got %d, want %d: %s", method, path, w.Code, status, w.Body)
	}
	var out map[string]any
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			h.Fatalf("%s %s: %v in %s", method, path, err, w.Body)
		}
	}
	return out
}

func (h *house) path(format string) string {
	return fmt.Sprintf("/v1/campaigns/%d%s", h.campaign, format)
}

// call rings somebody: contacts are added, the campaign is started, and one
// call is leased and, if end says how, settled.
func (h *house) call(number string, end dialler.Disposition) (dialler.CallID, dialler.Lease) {
	h.Helper()
	h.want(200, "POST", h.path("/contacts"), `{"contacts":[{"number":"`+number+`","variables":{"name":"Ravi"}}]}`)
	if c := h.want(200, "GET", h.path(""), ""); c["state"] == "draft" {
		h.want(200, "POST", h.path("/start"), "")
	}
	return h.lease(end)
}

func (h *house) lease(end dialler.Disposition) (dialler.CallID, dialler.Lease) {
	h.Helper()
	leases, err := h.store.Lease(h.Context(), dialler.LeaseRequest{
		Node: "n1", Now: now, TTL: time.Minute,
		Trunks: []dialler.TrunkQuota{{Trunk: "carrier", N: 1}}, Campaigns: []dialler.CampaignQuota{{Campaign: dialler.CampaignID(h.campaign), N: 1}},
	})
	if err != nil || len(leases) != 1 {
		h.Fatalf("leased %d: %v", len(leases), err)
	}
	if end != "" {
		h.settle(leases[0], end)
	}
	return leases[0].Attempt.ID, leases[0]
}

func (h *house) settle(l dialler.Lease, how dialler.Disposition) {
	h.Helper()
	o := dialler.Outcome{Ended: now, Disposition: how, Cause: dialler.Cause{Q850: 16, SIP: 200, Text: "Normal Clearing"}}
	if how == dialler.Answered {
		o.Rang, o.Answered, o.Joined = now.Add(-50*time.Second), now.Add(-45*time.Second), now.Add(-44*time.Second)
	}
	if _, err := h.store.Settle(h.Context(), l, o); err != nil {
		h.Fatal(err)
	}
}

const asks = `{"callback_requested":true,"callback_preferred_time_text":"2 hours","callback_reason":"driving","callback_confidence":0.9,"mood":"fine"}`

func TestAnAnalysisSchedulesACallback(t *testing.T) {
	h := newHouse(t)
	id, _ := h.call("9812345678", dialler.Answered)

	got := h.want(200, "POST", "/v1/calls/"+string(id)+"/analysis", asks)
	cb, _ := got["callback"].(map[string]any)
	if got["verdict"] != "scheduled" || cb["scheduled_at"] != "2026-03-12T07:50:00Z" || cb["preferred_time_text"] != "2 hours" || cb["rule"] != "relative" {
		t.Errorf("got %v, want a callback two hours after the call", got)
	}
	if got["says"] != "a callback is scheduled at 2026-03-12T07:50:00Z" {
		t.Errorf("says: %v", got["says"])
	}

	again := h.want(200, "POST", "/v1/calls/"+string(id)+"/analysis", asks)
	if again["duplicate"] != true || again["verdict"] != "scheduled" {
		t.Errorf("the same analysis again: got %v, want a duplicate (I11)", again)
	}

	call := h.want(200, "GET", "/v1/calls/"+string(id), "")
	if a := call["analysis"].(map[string]any); a["mood"] != "fine" {
		t.Errorf("the analysis' other keys are lost: %v", a)
	}
	if call["disposition"] != "answered" || call["live"] != false || call["answered_at"] != "2026-03-12T05:49:15Z" ||
		call["cause"].(map[string]any)["q850"] != 16.0 || call["ruling"].(map[string]any)["verdict"] != "scheduled" {
		t.Errorf("call: %v", call)
	}
	contact := h.want(200, "GET", fmt.Sprintf("/v1/contacts/%v", call["contact_id"]), "")
	if contact["state"] != "callback_scheduled" || contact["due_at"] != "2026-03-12T07:50:00Z" || contact["callback"] == nil {
		t.Errorf("contact: %v", contact)
	}
	n := h.want(200, "GET", h.path("/counters"), "")["callbacks"].(map[string]any)
	if n["requested"] != 1.0 || n["pending"] != 1.0 || n["avg_delay"] != "2h0m0s" {
		t.Errorf("counters: %v", n)
	}
}

func TestAnAnalysisOfACallInProgressIsKeptForItsEnd(t *testing.T) {
	h := newHouse(t)
	id, l := h.call("9812345678", "")
	got := h.want(202, "POST", "/v1/calls/"+string(id)+"/analysis", asks)
	if got["verdict"] != "deferred" {
		t.Errorf("got %v, want deferred", got)
	}
	h.settle(l, dialler.Answered)
	if r := h.want(200, "GET", "/v1/calls/"+string(id), "")["ruling"].(map[string]any); r["verdict"] != "scheduled" {
		t.Errorf("after the call: %v, want scheduled", r)
	}
}

func TestARefusedCallbackSaysWhy(t *testing.T) {
	for _, tt := range []struct{ refused, says, method, path, body string }{
		{"bot_gate", "toggle is off", "PUT", "/v1/bots/asha", `{"endpoint":"PJSIP/asha"}`},
		{"excluded", "do-not-call", "POST", "/v1/exclusions", `{"numbers":["+919812345678"]}`},
		{"stopped", "was stopped", "POST", "/v1/campaigns/1/stop", ""},
	} {
		h := newHouse(t)
		id, _ := h.call("9812345678", dialler.Answered)
		h.want(200, "POST", h.path("/contacts"), `{"contacts":[{"number":"9812345679"}]}`) // so that it does not finish
		h.want(200, tt.method, tt.path, tt.body)
		got := h.want(200, "POST", "/v1/calls/"+string(id)+"/analysis", asks)
		if got["verdict"] != "refused" || got["refused"] != tt.refused || !strings.Contains(got["says"].(string), tt.says) {
			t.Errorf("%s: got %v", tt.refused, got)
		}
	}
}

func TestNoRequestIsNoCallback(t *testing.T) {
	h := newHouse(t)
	id, _ := h.call("9812345678", dialler.Answered)
	if got := h.want(200, "POST", "/v1/calls/"+string(id)+"/analysis", `{"summary":"call me later"}`); got["verdict"] != "no_request" {
		t.Errorf("got %v", got)
	}
}

// The context is there while the phone rings and long after, and is that of the
// call: not of a promise made later.
func TestContext(t *testing.T) {
	h := newHouse(t)
	first, _ := h.call("9812345678", dialler.Answered)
	h.want(200, "POST", "/v1/calls/"+string(first)+"/analysis", `{"callback_requested":true,"callback_preferred_time_text":"1 minute","callback_reason":"गाड़ी चला रहा हूँ"}`)
	defer func(was time.Time) { now = was }(now)
	now = now.Add(2 * time.Minute)

	second, l := h.lease("")
	ringing := h.want(200, "GET", "/v1/calls/"+string(second)+"/context", "")
	cb, _ := ringing["callback"].(map[string]any)
	if cb["preferred_time_text"] != "1 minute" || cb["reason"] != "गाड़ी चला रहा हूँ" || cb["chain"] != 1.0 || cb["attempt"] != 1.0 || cb["asked_on"] != string(first) ||
		ringing["number"] != "+919812345678" || ringing["variables"].(map[string]any)["name"] != "Ravi" || ringing["class"] != "callback" {
		t.Errorf("while it rings: %v", ringing)
	}

	h.settle(l, dialler.Answered)
	h.want(200, "POST", "/v1/calls/"+string(second)+"/analysis", asks)
	after := h.want(200, "GET", "/v1/calls/"+string(second)+"/context", "")
	if fmt.Sprint(after) != fmt.Sprint(ringing) {
		t.Errorf("afterwards: got\n%v\nwant\n%v", after, ringing)
	}
	if x := h.want(200, "GET", "/v1/calls/"+string(first)+"/context", ""); x["callback"] != nil {
		t.Errorf("the first call kept no promise, but its context says %v", x["callback"])
	}
}

func TestCallsArePagedAndFiltered(t *testing.T) {
	h := newHouse(t)
	var ids []string
	for i := range 5 {
		id, _ := h.call(fmt.Sprintf("981234567%d", i), dialler.Answered)
		ids = append(ids, string(id))
		if i%2 == 0 {
			h.want(200, "POST", "/v1/calls/"+string(id)+"/analysis", asks)
		}
	}
	seen := map[string]bool{}
	after, pages := "", 0
	for {
		page := h.want(200, "GET", h.path("/calls?limit=2&after="+after), "")
		for _, c := range page["calls"].([]any) {
			seen[c.(map[string]any)["id"].(string)] = true
		}
		pages++
		next, more := page["next"].(string)
		if !more {
			break
		}
		after = next
	}
	if len(seen) != len(ids) || pages != 3 {
		t.Errorf("saw %d calls on %d pages, want 5 on 3", len(seen), pages)
	}
	for filter, want := range map[string]int{"requested": 3, "pending": 3, "completed": 0, "cancelled": 0} {
		if got := h.want(200, "GET", h.path("/calls?callbacks="+filter), "")["calls"].([]any); len(got) != want {
			t.Errorf("%s: %d calls, want %d", filter, len(got), want)
		}
	}
	contact := h.want(200, "GET", "/v1/calls/"+ids[0], "")["contact_id"]
	if got := h.want(200, "GET", h.path(fmt.Sprintf("/calls?contact_id=%v", contact)), "")["calls"].([]any); len(got) != 1 {
		t.Errorf("calls of a contact: %d, want 1", len(got))
	}
}

func TestACampaignsLife(t *testing.T) {
	h := newHouse(t)
	h.want(200, "POST", h.path("/contacts"), `{"contacts":[{"number":"+919812345678"}]}`)
	for _, tt := range []struct {
		act    string
		status int
		state  string
	}{
		{"pause", 409, ""}, {"resume", 409, ""}, {"restart", 409, ""},
		{"start", 200, "running"}, {"start", 409, ""},
		{"pause", 200, "paused"}, {"resume", 200, "running"},
		{"stop", 200, "completed"}, {"stop", 409, ""}, {"restart", 200, "running"},
	} {
		got := h.want(tt.status, "POST", h.path("/"+tt.act), "")
		if tt.status == 200 && got["state"] != tt.state {
			t.Errorf("%s: %v, want %s", tt.act, got["state"], tt.state)
		}
		if tt.status == 409 && !strings.Contains(got["detail"].(string), `campaign "renewals" is `) {
			t.Errorf("%s: %v, want it to say where the campaign stands", tt.act, got["detail"])
		}
	}
	if c := h.want(200, "GET", h.path(""), ""); c["run"] != 2.0 {
		t.Errorf("run: %v, want 2", c["run"])
	}
}

// What was read may be sent back, changed.
func TestUpdateTakesWhatGetGave(t *testing.T) {
	h := newHouse(t)
	w := h.ask("GET", h.path(""), "")
	body := strings.Replace(w.Body.String(), `"retry_delay":"15m0s"`, `"retry_delay":"20m"`, 1)
	if body == w.Body.String() {
		t.Fatalf("no retry_delay in %s", body)
	}
	got := h.want(200, "PUT", h.path(""), body)
	if got["retry_delay"] != "20m0s" || got["callback_detection"] != true || fmt.Sprint(got["window"]) != fmt.Sprint(h.want(200, "GET", h.path(""), "")["window"]) {
		t.Errorf("got %v", got)
	}
	h.want(200, "POST", h.path("/start"), "")
	if got := h.want(409, "PUT", h.path(""), body); !strings.Contains(got["detail"].(string), "pause it to edit it") {
		t.Errorf("while it runs: %v", got)
	}
	h.want(200, "POST", h.path("/pause"), "")
	if got := h.want(409, "PUT", h.path(""), strings.Replace(body, `"name":"`, `"name":"new `, 1)); !strings.Contains(got["detail"].(string), "its name can no longer be changed") {
		t.Errorf("another name for what has run: %v", got)
	}
	h.want(200, "PUT", h.path(""), body)
	if list := h.want(200, "GET", "/v1/campaigns", "")["campaigns"].([]any); len(list) != 1 {
		t.Errorf("%d campaigns, want 1", len(list))
	}
}

func TestADraftIsRemoved(t *testing.T) {
	h := newHouse(t)
	h.want(200, "POST", h.path("/contacts"), `{"contacts":[{"number":"+919812345670"}]}`)
	if w := h.ask("DELETE", h.path(""), ""); w.Code != 204 || w.Body.Len() != 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	h.want(404, "GET", h.path(""), "")
	h.want(404, "DELETE", h.path(""), "")

	h = newHouse(t)
	h.want(200, "POST", h.path("/start"), "")
	if got := h.want(409, "DELETE", h.path(""), ""); !strings.Contains(got["detail"].(string), "only a draft can be removed") {
		t.Errorf("what runs: %v", got)
	}
}

func TestRetryOnNothingIsNotRetryOnTheDefault(t *testing.T) {
	h := newHouse(t)
	if c := h.want(200, "GET", h.path(""), ""); c["retry_on"] != nil {
		t.Errorf("not given: %v", c["retry_on"])
	}
	c := h.want(200, "PUT", h.path(""), strings.Replace(campaignJSON, `"seats":2`, `"seats":2,"retry_on":[]`, 1))
	if on, ok := c["retry_on"].([]any); !ok || len(on) != 0 {
		t.Errorf("[] given: %v", c["retry_on"])
	}
}

func TestContactsThatAreNotAddedAreSaid(t *testing.T) {
	h := newHouse(t)
	h.want(200, "POST", h.path("/contacts"), `{"contacts":[{"number":"+919812345670"}]}`)
	got := h.want(200, "POST", h.path("/contacts"), `{"contacts":[
		{"number":"9812345671","variables":{"नाम":"रवि"}},
		{"number":"12"},
		{"number":"+91 98123-45671"},
		{"number":"+919812345670"},
		{"number":"9812345672","variables":{"":"x"}},
		{"number":"9812345673","variables":{"note":"`+strings.Repeat("x", 5000)+`"}},
		{"number":"9812345674\r\nX-Evil: 1"},
		{"number":"9812345675"}]}`)
	if got["added"] != 2.0 {
		t.Errorf("added %v, want 2", got["added"])
	}
	want := []struct {
		index       float64
		field, code string
	}{
		{1, "number", "invalid"}, {2, "number", "twice_in_list"}, {3, "number", "already_in_campaign"},
		{4, "variables", "invalid"}, {5, "variables.note", "invalid"}, {6, "number", "invalid"},
	}
	list := got["rejected"].([]any)
	if len(list) != len(want) {
		t.Fatalf("rejected %v, want %d", list, len(want))
	}
	for i, w := range want {
		r := list[i].(map[string]any)
		if r["index"] != w.index || r["field"] != w.field || r["code"] != w.code || r["reason"] == "" || len(r["value"].(string)) > 100 {
			t.Errorf("rejection %d: got %v, want %v", i, r, w)
		}
	}
}

func TestExclusions(t *testing.T) {
	h := newHouse(t)
	h.call("9812345678", dialler.Busy)
	got := h.want(200, "POST", "/v1/exclusions", `{"numbers":["098123 45678","+14155550100"],"region":"IN"}`)
	if fmt.Sprint(got["numbers"]) != "[+919812345678 +14155550100]" {
		t.Errorf("got %v", got)
	}
	if c := h.want(200, "GET", "/v1/contacts/1", ""); c["state"] != "excluded" {
		t.Errorf("the contact that waited is %v, want excluded", c["state"])
	}
	if e := h.want(200, "GET", "/v1/exclusions/+919812345678", ""); e["excluded"] != true {
		t.Errorf("got %v", e)
	}
	h.want(204, "DELETE", "/v1/exclusions/+919812345678", "")
	if e := h.want(200, "GET", "/v1/exclusions/+919812345678", ""); e["excluded"] != false {
		t.Errorf("got %v", e)
	}
	h.want(422, "POST", "/v1/exclusions", `{"numbers":["+14155550101","12"]}`)
	if e := h.want(200, "GET", "/v1/exclusions/+14155550101", ""); e["excluded"] != false {
		t.Error("a list with a wrong number was excluded in part")
	}
}

func TestTrunksAndBots(t *testing.T) {
	h := newHouse(t)
	if got := h.want(200, "GET", "/v1/trunks/carrier", ""); got["dial"] != "PJSIP/{number}@carrier" {
		t.Errorf("got %v", got)
	}
	h.want(200, "PUT", "/v1/bots/second%20bot", `{"extension":"bots,s,1","capacity":3,"name":"ignored: the address says it"}`)
	if got := h.want(200, "GET", "/v1/bots/second%20bot", ""); got["extension"] != "bots,s,1" || got["name"] != "second bot" {
		t.Errorf("got %v", got)
	}
	if list := h.want(200, "GET", "/v1/bots", "")["bots"].([]any); len(list) != 2 {
		t.Errorf("%d bots, want 2", len(list))
	}
	if list := h.want(200, "GET", "/v1/trunks", "")["trunks"].([]any); len(list) != 1 {
		t.Errorf("%d trunks, want 1", len(list))
	}
}

func TestNodes(t *testing.T) {
	h := newHouse(t)
	if list := h.want(200, "GET", "/v1/nodes", "")["nodes"].([]any); len(list) != 0 {
		t.Errorf("nobody has been heard of, and there are %v", list)
	}
	for name, heard := range map[string]time.Time{"pbx-1": now.Add(-time.Second), "pbx-2": now.Add(-time.Hour)} {
		n := dialler.Node{
			Name: name, Instance: name, Process: dialler.Process{Host: "h", PID: 7, Machine: "m"}, Version: "1", Started: now.Add(-2 * time.Hour),
			TTL: time.Minute, Links: map[string]bool{"pbx": name == "pbx-1"},
		}
		if _, err := h.store.Beat(t.Context(), dialler.Beat{Node: n, Now: heard}); err != nil {
			t.Fatal(err)
		}
	}
	list := h.want(200, "GET", "/v1/nodes", "")["nodes"].([]any)
	for i, want := range []string{
		"map[alive:true draining:false heard_at:2026-03-12T05:49:59Z host:h links:map[pbx:true] live:0 name:pbx-1 pid:7 started_at:2026-03-12T03:50:00Z version:1]",
		"map[alive:false draining:false heard_at:2026-03-12T04:50:00Z host:h links:map[pbx:false] live:0 name:pbx-2 pid:7 started_at:2026-03-12T03:50:00Z version:1]",
	} {
		if got := fmt.Sprint(list[i]); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// Everything a client can do wrong, and what it is told.
func TestErrorsNameTheField(t *testing.T) {
	h := newHouse(t, func(o *api.Options) {
		o.Health = func() api.Health { return api.Health{Links: map[string]bool{"pbx": true}} }
	})
	id, _ := h.call("9812345678", dialler.Answered)
	analysis := "/v1/calls/" + string(id) + "/analysis"
	with := func(key, value string) string {
		return strings.Replace(campaignJSON, `"name":"renewals"`, `"name":"second",`+key+`:`+value, 1)
	}
	without := func(s string) string {
		return strings.Replace(strings.Replace(campaignJSON, s, "", 1), "renewals", "second", 1)
	}
	for _, tt := range []struct {
		method, path, body string
		status             int
		location, message  string // of the first of errors; empty: there are none
		detail             string
	}{
		{"GET", "/v1/nowhere", "", 404, "", "", "there is nothing at /v1/nowhere"},
		{"DELETE", "/v1/campaigns", "", 405, "", "", "/v1/campaigns takes GET, HEAD, POST"},
		{"GET", "/v1/campaigns?colour=red", "", 422, "query.colour", "unknown query", ""},

		{"POST", analysis, "", 400, "", "", "body is required"},
		{"POST", analysis, " ", 422, "body", "want a JSON object", ""},
		{"POST", analysis, "[]", 422, "body", "want a JSON object", ""},
		{"POST", analysis, "{", 422, "body", "want a JSON object", ""},
		{"POST", analysis, "{\"a\":\"\xff\"}", 422, "body", "want JSON in UTF-8", ""},
		{"POST", analysis, `{"callback_requested":"perhaps"}`, 422, "body.callback_requested", "want true or false", ""},
		{"POST", analysis, `{"callback_confidence":1.5}`, 422, "body.callback_confidence", "want a number from 0 to 1", ""},
		{"POST", analysis, `{"callback_preferred_time_text":7}`, 422, "body.callback_preferred_time_text", "want text", ""},
		{"POST", analysis, `{"callback_reason":"` + strings.Repeat("x", callback.MaxReasonBytes+1) + `"}`, 422, "body.callback_reason", "want at most", ""},
		{"POST", analysis, `{"requested_at":"yesterday"}`, 422, "body.requested_at", "want a time in RFC 3339", ""},
		{"POST", analysis, `{"x":"` + strings.Repeat("x", 300<<10) + `"}`, 413, "", "", ""},
		{"POST", "/v1/calls/00000000-0000-4000-8000-000000000000/analysis", asks, 404, "", "", "no such call"},
		{"GET", "/v1/calls/no-such-call", "", 404, "", "", "no such call"},
		{"GET", "/v1/calls/no-such-call/context", "", 404, "", "", "no such call"},
		{"GET", "/v1/calls/" + strings.Repeat("x", 65), "", 422, "path.id", "length", ""},

		{"GET", "/v1/campaigns/99", "", 404, "", "", "not found"},
		{"GET", "/v1/campaigns/0", "", 422, "path.id", ">= 1", ""},
		{"GET", "/v1/campaigns/renewals", "", 422, "path.id", "invalid integer", ""},
		{"GET", "/v1/campaigns/99/counters", "", 404, "", "", "not found"},
		{"GET", "/v1/campaigns/99/calls", "", 404, "", "", "not found"},
		{"POST", "/v1/campaigns/99/start", "", 404, "", "", "not found"},
		{"POST", "/v1/campaigns/99/contacts", `{"contacts":[{"number":"+919812345678"}]}`, 404, "", "", "not found"},
		{"PUT", "/v1/campaigns/99", campaignJSON, 404, "", "", "not found"},
		{"POST", "/v1/campaigns", campaignJSON, 409, "", "", "already exists"},
		{"POST", "/v1/campaigns", "", 400, "", "", "body is required"},
		{"POST", "/v1/campaigns", "{", 400, "body", "unexpected end", ""},
		{"POST", "/v1/campaigns", with(`"apology"`, `3`), 422, "body.apology", "expected string", ""},
		{"POST", "/v1/campaigns", without(`"name":"renewals",`), 422, "body", "required property name", ""},
		{"POST", "/v1/campaigns", strings.Replace(campaignJSON, "renewals", " ", 1), 422, "body.name", "want 1 to 100", ""},
		{"POST", "/v1/campaigns", without(`"seats":2,`), 422, "body", "required property seats", ""},
		{"POST", "/v1/campaigns", with(`"colour"`, `"red"`), 422, "body.colour", "unexpected property", ""},
		{"POST", "/v1/campaigns", with(`"mode"`, `"lunar"`), 422, "body.mode", "single_day, multi_day", ""},
		{"POST", "/v1/campaigns", with(`"ring_timeout"`, `"30"`), 422, "body.ring_timeout", "want a duration", ""},
		{"POST", "/v1/campaigns", with(`"bot_timeout"`, `"1h"`), 422, "body.bot_timeout", "want 100ms to 1m0s", ""},
		{"POST", "/v1/campaigns", with(`"cps"`, `-1`), 422, "body.cps", "want 0 (no limit) to 1000", ""},
		{"POST", "/v1/campaigns", with(`"retry_on"`, `["answered"]`), 422, "body.retry_on", "want busy", ""},
		{"POST", "/v1/campaigns", with(`"caller_id"`, `"123"`), 422, "body.caller_id", "want an E.164 number", ""},
		{"POST", "/v1/campaigns", strings.NewReplacer("renewals", "second", `"asha"`, `"nobody"`).Replace(campaignJSON), 422, "body.bot", "want the name of a bot that exists", ""},
		{"POST", "/v1/campaigns", strings.NewReplacer("renewals", "second", `"carrier"`, `"nobody"`).Replace(campaignJSON), 422, "body.trunk", "want the name of a trunk that exists", ""},
		{"POST", "/v1/campaigns", strings.NewReplacer("renewals", "second", "Asia/Kolkata", "Mars/Olympus").Replace(campaignJSON), 422, "body.window.zone", "want an IANA time zone", ""},
		{"POST", "/v1/campaigns", strings.NewReplacer("renewals", "second", "mon-sat", "mo").Replace(campaignJSON), 422, "body.window.hours", "want a day or days", ""},
		{"POST", "/v1/campaigns", strings.NewReplacer("renewals", "second", "09:00-18:00", "nine").Replace(campaignJSON), 422, "body.window.hours.mon-sat", "want hours such as", ""},

		{"POST", h.path("/contacts"), `{"contacts":[]}`, 422, "body.contacts", ">= 1", ""},
		{"POST", h.path("/contacts"), `{"contacts":[{"variables":{}}]}`, 422, "body.contacts[0]", "required property number", ""},
		{"POST", h.path("/contacts"), `{"contacts":[{"number":"+919812345678","variables":{"age":7}}]}`, 422, "body.contacts[0].variables.age", "expected string", ""},
		{"POST", h.path("/contacts"), `{"contacts":[` + strings.Repeat(`{"number":"+919812345678"},`, 10_000) + `{"number":"+919812345678"}]}`, 422, "body.contacts", "<= 10000", ""},
		{"GET", "/v1/contacts/99", "", 404, "", "", "not found"},

		{"GET", h.path("/calls?limit=0"), "", 422, "query.limit", ">= 1", ""},
		{"GET", h.path("/calls?limit=5000"), "", 422, "query.limit", "<= 1000", ""},
		{"GET", h.path("/calls?callbacks=lost"), "", 422, "query.callbacks", "requested, pending, completed, cancelled", ""},
		{"GET", h.path("/calls?after=nonsense"), "", 422, "query.after", "want", ""},

		{"PUT", "/v1/trunks/second", `{"switch":"pbx","dial":"PJSIP/carrier"}`, 422, "body.dial", "want a dial string with {number}", ""},
		{"PUT", "/v1/trunks/second", `{"switch":"xbp","dial":"PJSIP/{number}@x"}`, 422, "body.switch", "want one of the configured switches: pbx", ""},
		{"GET", "/v1/trunks/second", "", 404, "", "", "there is no trunk second"},
		{"PUT", "/v1/bots/second", `{}`, 422, "body.endpoint", "exactly one of the two", ""},
		{"PUT", "/v1/bots/%20", `{"endpoint":"PJSIP/x"}`, 422, "body.name", "1 to 100", ""},
		{"GET", "/v1/bots/second", "", 404, "", "", "there is no bot second"},

		{"POST", "/v1/exclusions", `{"numbers":["+919812345678","12"]}`, 422, "body.numbers[1]", "not a phone number", ""},
		{"POST", "/v1/exclusions", `{"numbers":[]}`, 422, "body.numbers", ">= 1", ""},
		{"GET", "/v1/exclusions/12", "", 422, "path.number", "not a phone number", ""},
		{"DELETE", "/v1/exclusions/12", "", 422, "path.number", "not a phone number", ""},
	} {
		w := h.ask(tt.method, tt.path, tt.body)
		var p struct {
			Status int    `json:"status"`
			Detail string `json:"detail"`
			Errors []struct {
				Location, Message string
				Value             any
			} `json:"errors"`
		}
		name := fmt.Sprintf("%s %.60s %.60s", tt.method, tt.path, tt.body)
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != tt.status || p.Status != tt.status {
			t.Errorf("%s: got %d, want %d: %.300s", name, w.Code, tt.status, w.Body)
			continue
		}
		if ct := w.Header().Get("Content-Type"); ct != "application/problem+json" {
			t.Errorf("%s: Content-Type %s", name, ct)
		}
		if !strings.Contains(p.Detail, tt.detail) {
			t.Errorf("%s: detail %q, want %q", name, p.Detail, tt.detail)
		}
		if tt.location == "" {
			if len(p.Errors) > 0 && tt.status != 413 {
				t.Errorf("%s: errors %v, want none", name, p.Errors)
			}
			continue
		}
		if len(p.Errors) != 1 || p.Errors[0].Location != tt.location || !strings.Contains(p.Errors[0].Message, tt.message) {
			t.Errorf("%s: errors %+v, want one at %s saying %q", name, p.Errors, tt.location, tt.message)
		}
	}
	if c := h.want(200, "GET", "/v1/campaigns", "")["campaigns"].([]any); len(c) != 1 {
		t.Errorf("a refused request made a campaign: there are %d", len(c))
	}
}

// What curl -d says a body is, is taken for JSON; what says that it is something
// else is not.
func TestBodiesAreJSON(t *testing.T) {
	h := newHouse(t)
	for kind, want := range map[string]int{"application/x-www-form-urlencoded": 200, "": 200, "application/json; charset=utf-8": 200, "text/plain": 415} {
		r := httptest.NewRequest(http.MethodPost, h.path("/contacts"), strings.NewReader(`{"contacts":[{"number":"+919812345601"}]}`))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		if h.handler.ServeHTTP(w, r); w.Code != want || !strings.Contains(w.Header().Get("Content-Type"), "json") {
			t.Errorf("%q: %d %v %s, want %d", kind, w.Code, w.Header(), w.Body, want)
		}
	}
}

func TestSeveralFieldsAreSaidAtOnce(t *testing.T) {
	h := newHouse(t)
	got := h.want(422, "POST", "/v1/campaigns", `{"name":" x","trunk":"","bot":"","seats":0,"retry_delay":"soon","window":{"zone":"","hours":{}}}`)
	var at []string
	for _, e := range got["errors"].([]any) {
		at = append(at, e.(map[string]any)["location"].(string))
	}
	for _, want := range []string{"body.name", "body.trunk", "body.bot", "body.seats", "body.retry_delay", "body.window.zone"} {
		if !strings.Contains(strings.Join(at, " "), want) {
			t.Errorf("errors at %v, want %s among them", at, want)
		}
	}
}

func TestTokens(t *testing.T) {
	h := newHouse(t)
	for _, tt := range []struct {
		path, header string
		want         int
	}{
		{"/v1/campaigns", "", 401},
		{"/v1/campaigns", "Bearer", 401},
		{"/v1/campaigns", "Bearer ", 401},
		{"/v1/campaigns", "Bearer wrong", 401},
		{"/v1/campaigns", "Basic " + token, 401},
		{"/v1/campaigns", token, 401},
		{"/v1/campaigns", "Bearer " + token + "x", 401},
		{"/v1/campaigns", "Bearer " + token, 200},
		{"/v1/campaigns", "bearer another-token-of-ops", 200},
		{"/v1/nowhere", "", 401},
		{"/nowhere", "", 401},
		{"//v1/campaigns", "", 401},
		{"/v1/../v1/campaigns", "", 401},
		{"/openapi.json", "", 200},
		{"/healthz", "", 200},
		{"/readyz", "", 200},
	} {
		r := httptest.NewRequest(http.MethodGet, tt.path, nil)
		r.Header.Set("Authorization", tt.header)
		w := httptest.NewRecorder()
		h.handler.ServeHTTP(w, r)
		if w.Code != tt.want {
			t.Errorf("%s with %q: got %d, want %d", tt.path, tt.header, w.Code, tt.want)
		}
		if w.Code == 401 && (w.Header().Get("WWW-Authenticate") == "" || w.Header().Get("Content-Type") != "application/problem+json") {
			t.Errorf("%s: headers %v", tt.path, w.Header())
		}
	}
	if strings.Contains(h.log.String(), token) {
		t.Error("the log has a token in it")
	}
	if !strings.Contains(h.log.String(), "who=ops") {
		t.Error("the log does not say whose token it was")
	}

	none := newHouse(t)
	none.handler = api.New(api.Options{Store: none.store})
	if w := none.ask("GET", "/v1/campaigns", ""); w.Code != 401 {
		t.Errorf("without any tokens: got %d, want 401", w.Code)
	}
}

func TestHealth(t *testing.T) {
	var health atomic.Pointer[api.Health]
	health.Store(&api.Health{Node: "n1", Live: 3, Links: map[string]bool{"pbx": true, "spare": false}})
	h := newHouse(t, func(o *api.Options) { o.Health = func() api.Health { return *health.Load() } })

	got := h.want(200, "GET", "/readyz", "")
	if got["ready"] != true || got["store"] != "up" || got["node"] != "n1" || got["live"] != 3.0 ||
		fmt.Sprint(got["switches"]) != "map[pbx:up spare:down]" || fmt.Sprint(got["why"]) != "[the link to switch spare is down]" {
		t.Errorf("one link of two: %v", got)
	}
	health.Store(&api.Health{Links: map[string]bool{"pbx": false}})
	if got := h.want(503, "GET", "/readyz", ""); got["ready"] != false || fmt.Sprint(got["why"]) != "[the link to switch pbx is down]" {
		t.Errorf("no link: %v", got)
	}
	health.Store(&api.Health{Links: map[string]bool{"pbx": true}, Draining: true})
	if got := h.want(503, "GET", "/readyz", ""); fmt.Sprint(got["why"]) != "[the process is draining]" {
		t.Errorf("draining: %v", got)
	}
	health.Store(&api.Health{})
	if got := h.want(503, "GET", "/readyz", ""); fmt.Sprint(got["why"]) != "[no switch is configured]" {
		t.Errorf("no switches: %v", got)
	}
	h.want(200, "GET", "/healthz", "")
}

// broken is a store that cannot, or worse.
type broken struct {
	api.Store
	fail  error
	crash bool
}

func (b broken) Campaigns(context.Context) ([]dialler.Campaign, error) {
	if b.crash {
		panic("secret of the stack")
	}
	return nil, b.fail
}
func (b broken) Ping(context.Context) error { return b.fail }

func TestOurOwnFaultsTellTheClientNothing(t *testing.T) {
	h := newHouse(t)
	for _, tt := range []struct {
		store broken
		want  int
	}{
		{broken{h.store, errors.New("secret of the disk"), false}, 500},
		{broken{h.store, fmt.Errorf("secret: %w", context.DeadlineExceeded), false}, 503},
		{broken{h.store, nil, true}, 500},
	} {
		var log bytes.Buffer
		h.handler = api.New(api.Options{Store: tt.store, Door: user.NewDoor(user.Options{Tokens: map[string]string{"crm": token}}), Logger: slog.New(slog.NewTextHandler(&log, nil))})
		got := h.want(tt.want, "GET", "/v1/campaigns", "")
		if s := fmt.Sprint(got); strings.Contains(s, "secret") || !strings.Contains(log.String(), "secret") {
			t.Errorf("told the client %s\nand the log %s", s, log.String())
		}
	}
	h.handler = api.New(api.Options{Store: broken{h.store, errors.New("gone"), false}})
	if got := h.want(503, "GET", "/readyz", ""); got["store"] != "down" || fmt.Sprint(got["why"]) != "[the store does not answer]" {
		t.Errorf("a store that is gone: %v", got)
	}
}

func TestMetricsPage(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "figures") })
	for _, protect := range []bool{false, true} {
		var seen []api.Request
		h := newHouse(t, func(o *api.Options) {
			o.Metrics, o.ProtectMetrics = page, protect
			o.Observe = func(r api.Request) { seen = append(seen, r) }
		})
		w := httptest.NewRecorder()
		h.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		if want := map[bool]int{false: 200, true: 401}[protect]; w.Code != want {
			t.Errorf("protected %v: got %d, want %d", protect, w.Code, want)
		}
		if w := h.ask("GET", "/metrics", ""); w.Code != 200 || w.Body.String() != "figures" {
			t.Errorf("with a token: %d", w.Code)
		}
		h.ask("GET", "/v1/contacts/7", "")
		last := seen[len(seen)-1]
		if last.Route != "/v1/contacts/{id}" || last.Status != 404 || last.Token != "crm" || last.Method != http.MethodGet {
			t.Errorf("observed %+v", last)
		}
	}
}
