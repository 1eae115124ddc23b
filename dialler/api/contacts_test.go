package api_test

import (
	"strings"
	"testing"
)

// Contacts are found by state and number, in an order, a page at a time.
func TestContactsAreListed(t *testing.T) {
	h := newHouse(t)
	h.want(200, "POST", h.path("/contacts"), `{"contacts":[{"number":"9812345673"},{"number":"9812345671"},{"number":"9812345672","variables":{"name":"Ravi"}},{"number":"9912345670"}]}`)
	h.want(200, "POST", "/v1/exclusions", `{"numbers":["+919812345671"]}`)
	find := func(query string) (numbers string, next string) {
		t.Helper()
		page := h.want(200, "GET", h.path("/contacts?"+query), "")
		for _, c := range page["contacts"].([]any) {
			n := c.(map[string]any)["number"].(string)
			numbers += n[len(n)-1:]
		}
		next, _ = page["next"].(string)
		return numbers, next
	}
	for query, want := range map[string]string{
		"": "3120", "order=newest": "0213", "order=number": "1230", "state=excluded": "1", "state=pending": "230",
		"number=%2B9198&order=number": "123", "state=completed": "", "state=pending&limit=1000": "230",
	} {
		if got, next := find(query); got != want || next != "" {
			t.Errorf("%s: got %s, then %q, want %s", query, got, next, want)
		}
	}
	got, after, pages := "", "", 0
	for {
		some, next := find("limit=3&after=" + after)
		got, pages = got+some, pages+1
		if next == "" {
			break
		}
		after = next
	}
	if got != "3120" || pages != 2 {
		t.Errorf("by pages: %s on %d, want 3120 on 2", got, pages)
	}
	for query, field := range map[string]string{"after=x": "query.after", "order=loudest": "query.order", "state=asleep": "query.state", "limit=0": "query.limit", "colour=red": "query.colour"} {
		if w := h.ask("GET", h.path("/contacts?"+query), ""); w.Code != 422 || !strings.Contains(w.Body.String(), field) {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
	h.want(404, "GET", "/v1/campaigns/99/contacts", "")
}
