package serve_test

import (
	"testing"

	"ringback/deploy/lab/browsertest"
	"ringback/dialler"
)

// Somebody tries the API on its page: by the session of the browser, and by a
// token; what is missing and what is refused is said.
func TestTheAPIInABrowser(t *testing.T) {
	browsertest.Require(t)
	r := &running{T: t, pbx: newPBX(), happening: make(chan dialler.Happening, 10000), log: &journal{}}
	r.Process = startWith(t, house(t), r.pbx, r)
	b := signedIn(t, r)
	b.Click(".nav a[href='/api']")
	b.Shows("h1", "API")
	b.Shows("#operations", "/v1/campaigns/{id}/contacts.csv")
	b.Fill("find", "post webhook test")
	b.Until("document.querySelectorAll('.op:not([hidden])').length === 1")
	b.Fill("find", "get-campaign")
	b.Click("#get-campaign summary")
	b.Click("#send-get-campaign")
	b.Shows("#get-campaign .said", "Give id first.")
	b.Until("document.activeElement.id === 'f-get-campaign-id'")
	b.Fill("get-campaign-id", "1")
	b.Click("#send-get-campaign")
	b.Shows("#get-campaign .said", "200 OK")
	b.Shows("#get-campaign-answer", `"name": "renewals"`)
	b.Shows("#get-campaign-answer", "/v1/campaigns/1' -H \"Authorization: Bearer $TOKEN\"")
	b.Shot("read")

	// What is sent is what the example says, changed; the session may change things.
	b.Fill("find", "add-contacts")
	b.Click("#add-contacts summary")
	b.Until(`JSON.parse(document.querySelector("#f-add-contacts-body").value).contacts.length === 1`)
	b.Fill("add-contacts-id", "1")
	b.Fill("add-contacts-key", "one-for-all")
	b.Fill("add-contacts-body", `{"contacts": [{"number": "+919812345601"}]}`)
	b.Click("#send-add-contacts")
	b.Shows("#add-contacts-answer", `"added": 1`)
	b.Click("#send-add-contacts")
	b.Shows("#add-contacts-answer", "idempotent-replayed: true")
	b.Shows("#add-contacts-answer", `-H 'Idempotency-Key: "one-for-all"'`)
	b.Shot("write")

	b.Fill("token", "nobody's")
	b.Fill("find", "get-me")
	b.Click("#get-me summary")
	b.Click("#send-get-me")
	b.Shows("#get-me .said", "401")
	b.Refused("/v1/me")
	b.Fill("token", token)
	b.Click("#send-get-me")
	b.Shows("#get-me-answer", `"name": "test"`)
	b.Faults()
}
