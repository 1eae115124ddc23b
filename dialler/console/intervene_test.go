package console_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"ringback/dialler"
)

// submit posts a form of fields beside its seal.
func (h *house) submit(path string, fields url.Values) (code int, said string) {
	h.Helper()
	form := url.Values{"csrf": {csrf(h.T, h.page("/"))}}
	for name, values := range fields {
		form[name] = values
	}
	w := h.ask("POST", path, form)
	if w.Code != 303 {
		return w.Code, w.Body.String()
	}
	return w.Code, h.page(w.Header().Get("Location"))
}

// Cancel, move and dial now: offered where they fit, done after a question,
// told of once, and refused in a sentence.
func TestInterventions(t *testing.T) {
	h := newHouse(t).signIn()
	l := h.ring("+919812345601", dialler.Answered, asks)
	path := fmt.Sprintf("/contacts/%d", l.Contact.ID)
	page := h.page(path)
	has(t, page, `id="move"`, `id="cancel"`, `id="dial"`)
	has(t, h.page(path+"/confirm/move"), "Move the callback to &#43;919812345601", `name="words"`, `type="datetime-local"`, "a time in Asia/Kolkata", `action="`+path+`/move"`)
	has(t, h.page(path+"/confirm/cancel"), "Cancel the callback to &#43;919812345601?", `action="`+path+`/cancel"`)
	has(t, h.page(path+"/confirm/dial"), "Dial &#43;919812345601 now?", `action="`+path+`/dial"`)

	for _, tt := range []struct {
		to, words string
		code      int
		says      string
	}{
		{"2026-03-12T16:00", "", 303, "The callback is moved to 16:00."},
		{"", "kal subah", 303, "The callback is moved to 10:00 on Fri 13 Mar."},
		{"2026-03-12T23:15:00", "", 303, "moved to 09:00 on Fri 13 Mar, the next opening: 23:15 is outside the calling window."},
		{"2026-03-12T11:00", "", 400, "To: got Thu 12 Mar 2026 11:00, which has passed; want a time to come"},
		{"2036-03-12T11:00", "", 400, "more than a year away"},
		{"soon", "", 400, "To: got &#34;soon&#34;; want a date and time such as 2026-03-13T09:30"},
		{"", "the colour <b>blue</b>", 400, "which names no clear time"},
		{"", " ", 400, "got neither a time nor words"},
		{"2026-03-12T16:00", "kal", 400, "got both a time and words"},
	} {
		code, said := h.submit(path+"/move", url.Values{"to": {tt.to}, "words": {tt.words}})
		if code != tt.code || !strings.Contains(said, tt.says) {
			t.Errorf("move to %q %q: %d, want %d and %q in %s", tt.to, tt.words, code, tt.code, tt.says, said)
		}
		if tt.code != 303 && !strings.Contains(said, "data-failed") {
			t.Errorf("move to %q %q: the script does not find what is wrong", tt.to, tt.words)
		}
	}
	page = h.page(path)
	has(t, page, "moved by an operator", "moved to 16:00 by ops on Thu 2026-03-12 11:20", "read from &#34;kal subah&#34;")
	hasNot(t, page, "data-said") // once

	// Now: it is due, and its page says what it waits for.
	code, said := h.submit(path+"/dial", nil)
	if code != 303 {
		t.Fatalf("dial: %d %s", code, said)
	}
	has(t, said, "The callback is due now", `data-reason="turn"`)
	rung := h.lease()
	page = h.page(path)
	hasNot(t, page, `id="move"`, `id="cancel"`, `id="dial"`)
	for _, what := range []string{"move", "cancel", "dial"} {
		if code, said := h.submit(path+"/"+what, url.Values{"words": {"kal"}}); code != 409 || !strings.Contains(said, "being dialled") {
			t.Errorf("%s while it is rung: %d", what, code)
		}
	}
	h.settle(rung, dialler.Answered, asks)

	// Cancelled.
	code, said = h.submit(path+"/cancel", nil)
	if code != 303 {
		t.Fatalf("cancel: %d %s", code, said)
	}
	has(t, said, "The callback is cancelled", "because an operator cancelled it", "Its callback was cancelled by an operator")
	hasNot(t, said, `id="cancel"`)
	n, err := h.store.Counters(t.Context(), h.campaign.ID)
	h.must(err)
	if n.Callbacks[dialler.CallbackCancelled] != 1 || n.Closed[dialler.ByOperator] != 1 {
		t.Errorf("counters %+v", n)
	}
	if code, said := h.submit(path+"/cancel", nil); code != 409 || !strings.Contains(said, "there is none to be cancelled") {
		t.Errorf("cancelled twice: %d", code)
	}

	// One never rung goes ahead; in the evening it does not.
	_, err = h.store.AddContacts(t.Context(), h.campaign.ID, []dialler.NewContact{{Number: "+919812345602"}, {Number: "+919812345603"}}, h.now)
	h.must(err)
	list, err := h.store.Contacts(t.Context(), h.campaign.ID, l.Contact.ID, 10)
	h.must(err)
	if code, said = h.submit(fmt.Sprintf("/contacts/%d/dial", list[1].ID), nil); code != 303 || !strings.Contains(said, "ahead of the whole list") {
		t.Errorf("dial: %d %s", code, said)
	}
	if next := h.lease(); next.Attempt.Number != "+919812345603" {
		t.Errorf("%s is rung first", next.Attempt.Number)
	}
	h.now = h.now.Add(8 * time.Hour)
	if code, said = h.submit(fmt.Sprintf("/contacts/%d/dial", list[0].ID), nil); code != 409 || !strings.Contains(said, "The calling window is closed; it opens at 09:00 on Fri 13 Mar.") {
		t.Errorf("dial in the evening: %d %s", code, said)
	}

	for path, want := range map[string]int{"/contacts/99/move": 404, "/contacts/99/cancel": 404, "/contacts/1/explode": 404} {
		if w := h.do(path); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	for path, want := range map[string]int{"/contacts/99/confirm/move": 404, "/contacts/99/confirm/cancel": 404, "/contacts/1/confirm/explode": 404} {
		if w := h.ask("GET", path, nil); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	if !strings.Contains(h.log.String(), "what=cancel_callback contact=1 token=ops") {
		t.Error("the log does not say who cancelled")
	}
}
