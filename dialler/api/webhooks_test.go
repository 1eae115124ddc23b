package api_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ringback/dialler"
	"ringback/dialler/api"
	"ringback/dialler/push"
)

// pushing is a house whose API may send to loopback.
func pushing(t *testing.T) *house {
	t.Helper()
	guard, err := push.NewGuard([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	sender := push.NewSender(guard, "test", 5*time.Second)
	t.Cleanup(sender.Close)
	return newHouse(t, func(o *api.Options) { o.Sender = sender })
}

func TestAWebhookIsSetAndItsSecretShownOnce(t *testing.T) {
	h := pushing(t)
	h.want(404, "GET", h.path("/webhook"), "")
	made := h.want(200, "PUT", h.path("/webhook"), `{"url":"https://crm.example/hook","on":true,"events":["call.settled"],"mapping":{"b":"{{call.id}}","a":1.50}}`)
	if s, _ := made["secret"].(string); !strings.HasPrefix(s, "whsec_") {
		t.Errorf("no secret was made: %v", made)
	}
	w := h.ask("GET", h.path("/webhook"), "")
	if got := w.Body.String(); w.Code != 200 || strings.Contains(got, "secret") || !strings.Contains(got, `"mapping":{"b":"{{call.id}}","a":1.50}`) || !strings.Contains(got, `"on":true`) {
		t.Errorf("%d %s", w.Code, got)
	}
	kept, err := h.store.Webhook(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	again := h.want(200, "PUT", h.path("/webhook"), w.Body.String()) // what was read may be sent back
	if after, err := h.store.Webhook(t.Context(), 1); err != nil || after.Secret != kept.Secret || again["secret"] != nil {
		t.Errorf("the secret changed, or was shown: %v %v", again, err)
	}
	own := push.NewSecret()
	h.want(200, "PUT", h.path("/webhook"), fmt.Sprintf(`{"url":"https://crm.example/hook","secret":%q}`, own))
	if after, err := h.store.Webhook(t.Context(), 1); err != nil || after.Secret != own || after.On || after.Events != nil || after.Mapping != "" {
		t.Errorf("%+v %v", after, err)
	}

	for _, tt := range []struct{ body, location, message string }{
		{`{"url":"ftp://x/"}`, "body.url", "https://host/path"},
		{`{"url":"https://x/","secret":"short"}`, "body.secret", "24 to 64 bytes"},
		{`{"url":"https://x/","events":["call.begun"]}`, "body.events[0]", "call.settled"},
		{`{"url":"https://x/","events":[]}`, "body.events", "at least one"},
		{`{"url":"https://x/","mapping":{"a":"{{"}}`, "body.mapping", "{{ and a name and }}"},
		{`{"url":"https://x/","mapping":[]}`, "body.mapping", "object"},
	} {
		got := h.want(422, "PUT", h.path("/webhook"), tt.body)
		if e := got["errors"].([]any)[0].(map[string]any); e["location"] != tt.location || !strings.Contains(e["message"].(string), tt.message) {
			t.Errorf("%s: %v", tt.body, e)
		}
	}
	h.want(404, "PUT", "/v1/campaigns/99/webhook", `{"url":"https://x/"}`)
	h.want(404, "GET", "/v1/campaigns/99/webhook", "")
	h.want(404, "POST", "/v1/campaigns/99/webhook/preview", `{"mapping":{}}`)
	h.want(404, "POST", h.path("/webhook/preview")[:len("/v1/campaigns/")]+"99/deliveries/resend", "")
	h.want(404, "GET", "/v1/deliveries/99", "")
	h.want(404, "POST", "/v1/deliveries/99/resend", "")
	h.want(422, "GET", "/v1/deliveries?state=lost", "")
}

func TestAMappingIsTried(t *testing.T) {
	h := pushing(t)
	got := h.want(200, "POST", h.path("/webhook/preview"), `{"mapping":{"phone":"{{contact.number}}","x":"{{contact.phone}}"}}`)
	if got["sample"] != true || fmt.Sprint(got["body"]) != "map[phone:+12025550123 x:]" {
		t.Errorf("with nothing yet: %v", got)
	}
	if w := got["warnings"].([]any); len(w) != 1 || w[0].(map[string]any)["name"] != "contact.phone" {
		t.Errorf("warnings: %v", w)
	}
	h.call("9812345678", dialler.Answered)
	var asked []*http.Request
	var bodies []string
	crm := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		asked, bodies = append(asked, r), append(bodies, string(b))
		if len(asked) > 1 {
			http.Error(w, "no such lead", http.StatusNotFound)
		}
	}))
	t.Cleanup(crm.Close)
	h.want(404, "POST", h.path("/webhook/test"), `{}`)
	h.want(200, "PUT", h.path("/webhook"), fmt.Sprintf(`{"url":%q,"mapping":{"phone":"{{contact.number}}"}}`, crm.URL))
	ok := h.want(200, "POST", h.path("/webhook/test"), `{}`)
	if ok["ok"] != true || ok["status"] != 200.0 || len(asked) != 1 || !strings.HasPrefix(asked[0].Header.Get(push.HeaderID), "msg_test_") {
		t.Errorf("%v %v", ok, bodies)
	}
	if bad := h.want(200, "POST", h.path("/webhook/test"), `{"event":"callback.closed"}`); bad["ok"] != false || bad["said"] != "answered 404 Not Found: no such lead" {
		t.Errorf("%v", bad)
	}
	h.want(200, "PUT", h.path("/webhook"), `{"url":"http://169.254.169.254/"}`)
	if no := h.want(200, "POST", h.path("/webhook/test"), `{}`); no["ok"] != false || !strings.Contains(no["said"].(string), "a link-local address") {
		t.Errorf("%v", no)
	}
}

func TestDeadLettersAreSeenAndSentAgain(t *testing.T) {
	h := pushing(t)
	h.want(200, "PUT", h.path("/webhook"), `{"url":"https://crm.example/hook","on":true}`)
	h.call("9812345678", dialler.Answered)
	claim := func() []dialler.Delivery {
		if _, err := h.store.QueueDeliveries(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		_, list, err := h.store.ClaimDeliveries(t.Context(), 1, 10, now, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	list := claim()
	if len(list) != 1 {
		t.Fatalf("%d claimed", len(list))
	}
	if err := h.store.EndTry(t.Context(), list[0], dialler.Try{State: dialler.DeliveryDead, Status: 500, Said: "answered 500"}, now); err != nil {
		t.Fatal(err)
	}
	dead := h.want(200, "GET", "/v1/deliveries", "")["deliveries"].([]any)
	if len(dead) != 1 {
		t.Fatalf("dead: %v", dead)
	}
	d := dead[0].(map[string]any)
	if d["state"] != "dead" || d["said"] != "answered 500" || d["status"] != 500.0 || d["key"] != list[0].Key() || d["event"] != "call.settled" || d["message"].(map[string]any)["number"] != "+919812345678" {
		t.Errorf("%v", d)
	}
	one := fmt.Sprintf("/v1/deliveries/%v", d["id"])
	if got := h.want(200, "POST", one+"/resend", ""); got["state"] != "waiting" || got["due_at"] == nil {
		t.Errorf("%v", got)
	}
	if n := len(h.want(200, "GET", "/v1/deliveries?state=waiting&campaign_id=1", "")["deliveries"].([]any)); n != 1 {
		t.Errorf("%d wait", n)
	}
	list = claim()
	if len(list) != 1 || list[0].Tries != 2 || list[0].Before != 1 {
		t.Fatalf("claimed again: %+v", list)
	}
	if err := h.store.EndTry(t.Context(), list[0], dialler.Try{State: dialler.DeliveryDead}, now); err != nil {
		t.Fatal(err)
	}
	if got := h.want(200, "POST", h.path("/deliveries/resend"), ""); got["resent"] != 1.0 {
		t.Errorf("%v", got)
	}
}
