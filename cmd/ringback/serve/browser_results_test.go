package serve_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"ringback/config"
	"ringback/deploy/lab/browsertest"
	"ringback/dialler"
)

// An operator sets a webhook up, tries it, and sees what a receiver that refuses
// everything was sent; then the whole process pushes what it refused once more.
func TestResultsInABrowser(t *testing.T) {
	browsertest.Require(t)
	var mu sync.Mutex
	var got []string
	status := http.StatusNotFound
	crm := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		got = append(got, string(body))
		w.WriteHeader(status)
	}))
	t.Cleanup(crm.Close)
	cfg := house(t)
	cfg.Push = config.Push{Allow: []string{"127.0.0.1"}}
	p := newPBX()
	r := &running{T: t, pbx: p, happening: make(chan dialler.Happening, 10000), log: &journal{}}
	r.Process = startWith(t, cfg, p, r)

	// stands waits for the one delivery to have been answered so.
	stands := func(state dialler.DeliveryState, status int) {
		t.Helper()
		for range 600 {
			list, _, err := r.Store().Deliveries(t.Context(), dialler.DeliveryQuery{State: state})
			if err != nil {
				t.Fatal(err)
			}
			if len(list) == 1 && list[0].Status == status {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Fatalf("no delivery is %s and answered %d", state, status)
	}

	b := signedIn(t, r)
	b.Go("/campaigns/1")
	b.Click("#webhook")
	b.Shows("h1", "Webhook")
	b.Fill("url", crm.URL+"/hook")
	b.Fill("mapping", `{"phone": "{{contact.number}}", "mood": "{{contact.mood}}"}`)
	b.Click("#preview")
	b.Shows("#preview-is", "contact.mood: there is no such name")
	b.Shows("#preview-is pre", "+12025550123")
	b.Shot("webhook")
	b.Click("#test")
	b.Shows("#test-said", "The test did not arrive: answered 404")
	b.Fill("mapping", `{"phone": "{{contact.number}}"}`)
	b.Click("#save")
	b.Shows("#secret-made", "whsec_")

	r.want(200, "POST", "/v1/campaigns/1/contacts", `{"contacts":[{"number":"+919812345601"}]}`, "")
	l := r.await("a call", joined).Lease
	_ = p.Hangup(t.Context(), l.Attempt.ID)
	r.await("its end", func(h dialler.Happening) bool { return h.Kind == dialler.HasSettled })
	stands(dialler.DeliveryWaiting, http.StatusNotFound)
	b.Go("/deliveries?state=waiting")
	b.Shows("#deliveries", "call.settled")
	b.Shot("deliveries")
	mu.Lock()
	status = http.StatusOK
	mu.Unlock()
	b.Click("#deliveries button")
	b.Shows("main", "1 put in line again.")
	stands(dialler.Delivered, http.StatusOK)
	mu.Lock()
	if len(got) < 3 || got[len(got)-1] != `{"phone":"+919812345601"}` {
		t.Errorf("the receiver got %q", got)
	}
	mu.Unlock()
	b.Go("/reports?campaign=1")
	b.Shows("h1", "Reports")
	b.Shot("reports")
	b.Faults()
}
