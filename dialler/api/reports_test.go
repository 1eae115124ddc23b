package api_test

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"

	"ringback/dialler"
)

func TestReports(t *testing.T) {
	h := newHouse(t)
	id, _ := h.call("9812345678", dialler.Answered)
	h.want(200, "POST", "/v1/calls/"+string(id)+"/analysis", `{"callback_requested":true,"callback_preferred_time_text":"=2 hours","callback_reason":"driving"}`)
	h.call("9812345679", dialler.Busy)
	rows := func(path string) []map[string]string {
		t.Helper()
		w := h.ask("GET", path, "")
		if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/csv") || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment") {
			t.Fatalf("%s: %d %v %s", path, w.Code, w.Header(), w.Body)
		}
		all, err := csv.NewReader(w.Body).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		var out []map[string]string
		for _, r := range all[1:] {
			m := map[string]string{}
			for i, cell := range r {
				m[all[0][i]] = cell
			}
			out = append(out, m)
		}
		return out
	}
	attempts := rows("/v1/reports/attempts.csv")
	// Both were begun at one instant, where the order is that of their IDs.
	slices.SortFunc(attempts, func(a, b map[string]string) int { return strings.Compare(a["number"], b["number"]) })
	if len(attempts) != 2 || attempts[0]["call_id"] != string(id) || attempts[0]["number"] != "+919812345678" || attempts[0]["callback_preferred_time_text"] != "'=2 hours" ||
		attempts[0]["talk_seconds"] != "44" || attempts[1]["disposition"] != "busy" || attempts[1]["callback_id"] != "" || attempts[0]["variables"] != `{"name":"Ravi"}` {
		t.Errorf("attempts: %v", attempts)
	}
	if callbacks := rows(fmt.Sprintf("/v1/reports/callbacks.csv?campaign_id=%d", h.campaign)); len(callbacks) != 1 || callbacks[0]["asked_on"] != string(id) || callbacks[0]["callback_reason"] != "driving" || callbacks[0]["number"] != "+919812345678" {
		t.Errorf("callbacks: %v", callbacks)
	}
	contacts := rows("/v1/reports/contacts.csv")
	if len(contacts) != 2 || contacts[0]["state"] != "callback_scheduled" || contacts[0]["callback_state"] != "scheduled" || contacts[1]["state"] != "retry_scheduled" {
		t.Errorf("contacts: %v", contacts)
	}
	if later := rows("/v1/reports/attempts.csv?from=2026-03-12T05:50:01Z"); len(later) != 0 {
		t.Errorf("later: %v", later)
	}
	if until := rows("/v1/reports/attempts.csv?to=2026-03-12T05:50:01Z&from=2026-03-12T05:00:00Z"); len(until) != 2 {
		t.Errorf("until then: %v", until)
	}
	for path, status := range map[string]int{
		"/v1/reports/calls.csv":                                                       422,
		"/v1/reports/attempts.csv?campaign_id=99":                                     404,
		"/v1/reports/attempts.csv?campaign_id=-1":                                     422,
		"/v1/reports/attempts.csv?from=yesterday":                                     422,
		"/v1/reports/attempts.xlsx?from=2026-03-12T06:00:00Z&to=2026-03-12T05:00:00Z": 422,
	} {
		h.want(status, "GET", path, "")
	}
	if w := h.ask("GET", "/v1/reports/attempts.xlsx", ""); w.Code != 200 || !slices.Equal(w.Body.Bytes()[:2], []byte("PK")) {
		t.Errorf("workbook: %d %.40s", w.Code, w.Body)
	}
}
