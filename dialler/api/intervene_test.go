package api_test

import (
	"fmt"
	"strings"
	"testing"

	"ringback/dialler"
)

// An operator's program cancels and moves a callback, and has somebody dialled
// now; what cannot be done is refused in a sentence.
func TestInterventions(t *testing.T) {
	h := newHouse(t)
	id, _ := h.call("9812345678", dialler.Answered)
	h.want(200, "POST", "/v1/calls/"+string(id)+"/analysis", asks)
	contact := func(path string) string { return fmt.Sprintf("/v1/contacts/1%s", path) }

	got := h.want(200, "POST", contact("/callback/move"), `{"words":"kal subah"}`)
	cb := got["callback"].(map[string]any)
	if cb["due_at"] != "2026-03-13T04:30:00Z" || cb["scheduled_at"] != "2026-03-12T07:50:00Z" || got["says"] != "The callback is moved to 10:00 on Fri 13 Mar." || got["clipped"] != nil {
		t.Errorf("moved by words: %v", got)
	}
	got = h.want(200, "POST", contact("/callback/move"), `{"to":"2026-03-12T18:00:00Z"}`)
	if got["clipped"] != true || got["meant_at"] != "2026-03-12T18:00:00Z" || got["contact"].(map[string]any)["due_at"] != "2026-03-13T03:30:00Z" {
		t.Errorf("moved into the night: %v", got)
	}
	for _, tt := range []struct{ body, says string }{
		{`{"words":"the colour blue"}`, "names no clear time"},
		{`{}`, "neither a time nor words"},
		{`{"words":"kal","to":"2026-03-12T18:00:00Z"}`, "both a time and words"},
		{`{"to":"2026-03-12T05:00:00Z"}`, "has passed"},
		{`{"to":"tomorrow"}`, "to"},
	} {
		if s := fmt.Sprint(h.want(422, "POST", contact("/callback/move"), tt.body)); !strings.Contains(s, "body.to") || !strings.Contains(s, tt.says) {
			t.Errorf("%s: %s", tt.body, s)
		}
	}

	got = h.want(200, "POST", contact("/dial"), "")
	if got["contact"].(map[string]any)["due_at"] != "2026-03-12T05:50:00Z" {
		t.Errorf("dialled now: %v", got)
	}
	got = h.want(200, "POST", contact("/callback/cancel"), "")
	cb = got["callback"].(map[string]any)
	if cb["state"] != "cancelled" || cb["why"] != "operator" || got["contact"].(map[string]any)["state"] != "stopped" || !strings.Contains(fmt.Sprint(cb["trace"]), "by crm") {
		t.Errorf("cancelled: %v", got)
	}
	if by := h.want(200, "GET", h.path("/counters"), "")["callbacks"].(map[string]any)["cancelled_by"]; by.(map[string]any)["operator"] != 1.0 {
		t.Errorf("cancelled by %v", by)
	}
	for _, path := range []string{"/callback/cancel", "/dial"} {
		if s := fmt.Sprint(h.want(409, "POST", contact(path), "")["detail"]); !strings.HasSuffix(s, ".") {
			t.Errorf("%s: %q is no sentence", path, s)
		}
	}
	h.want(409, "POST", contact("/callback/move"), `{"words":"kal"}`)

	h.want(200, "POST", h.path("/contacts"), `{"contacts":[{"number":"9812345601"}]}`)
	if got = h.want(200, "POST", "/v1/contacts/2/dial", ""); got["contact"].(map[string]any)["ahead"] != true {
		t.Errorf("dialled now: %v", got)
	}
	for _, path := range []string{"/v1/contacts/99/callback/cancel", "/v1/contacts/99/dial"} {
		h.want(404, "POST", path, "")
	}
	h.want(404, "POST", "/v1/contacts/99/callback/move", `{"words":"kal"}`)
}

// A test call is placed, and the forecast tells what is due and what can be.
func TestTestCallAndForecast(t *testing.T) {
	h := newHouse(t)
	id, _ := h.call("9812345678", dialler.Answered)
	h.want(200, "POST", "/v1/calls/"+string(id)+"/analysis", asks)
	got := h.want(200, "GET", h.path("/forecast?hours=3&step=30"), "")
	slots := got["slots"].([]any)
	if len(slots) != 6 || slots[4].(map[string]any)["callbacks"] != 1.0 || got["from"] != "2026-03-12T05:30:00Z" || got["until"] != "2026-03-12T08:30:00Z" || got["capacity"].(float64) <= 0 {
		t.Errorf("forecast %v", got)
	}
	for _, bad := range []string{"?hours=25", "?hours=0", "?step=0", "?step=61"} {
		h.want(422, "GET", h.path("/forecast"+bad), "")
	}
	h.want(404, "GET", "/v1/campaigns/99/forecast", "")

	got = h.want(200, "POST", h.path("/test-call"), `{"number":"9800000001"}`)
	if ct := got["contact"].(map[string]any); ct["ahead"] != true || ct["variables"].(map[string]any)["ringback_test"] != "yes" {
		t.Errorf("test call %v", got)
	}
	if s := fmt.Sprint(h.want(422, "POST", h.path("/test-call"), `{"number":"9812345678"}`)); !strings.Contains(s, "on the campaign's list") {
		t.Errorf("a customer's number: %s", s)
	}
	h.want(422, "POST", h.path("/test-call"), `{"number":"12"}`)
	h.want(404, "POST", "/v1/campaigns/99/test-call", `{"number":"9800000001"}`)
	h.want(200, "POST", h.path("/pause"), "")
	h.want(409, "POST", h.path("/test-call"), `{"number":"9800000001"}`)
}

// The checklist is the console's, check by check.
func TestChecklist(t *testing.T) {
	h := newHouse(t)
	checks := func() (list []string) {
		t.Helper()
		for _, c := range h.want(200, "GET", h.path("/checklist"), "")["checks"].([]any) {
			c := c.(map[string]any)
			list = append(list, fmt.Sprintf("%v %v", c["id"], c["state"]))
			if c["title"] == "" || !strings.HasSuffix(c["says"].(string), ".") {
				t.Errorf("%v is no sentence", c)
			}
		}
		return list
	}
	if got, want := fmt.Sprint(checks()), "[bot good campaign good test open zone open callbacks open]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	h.want(200, "POST", h.path("/start"), "")
	h.want(200, "POST", h.path("/test-call"), `{"number":"9812345678"}`)
	id, _ := h.lease(dialler.Busy)
	if got, want := fmt.Sprint(checks()), "[bot good campaign good test bad zone good callbacks open]"; got != want {
		t.Errorf("after busy: %s, want %s", got, want)
	}
	if test, call := h.want(200, "GET", h.path("/checklist"), "")["test_contact_id"], h.want(200, "GET", "/v1/calls/"+string(id), ""); test != call["contact_id"] {
		t.Errorf("the test contact is %v, the call was to %v", test, call["contact_id"])
	}
	h.want(404, "GET", "/v1/campaigns/99/checklist", "")
}
