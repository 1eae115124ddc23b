package console_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"ringback/dialler"
	"ringback/dialler/push"
)

func TestAWebhookIsEdited(t *testing.T) {
	h := newHouse(t).signIn()
	const at = "/campaigns/1/webhook"
	has(t, h.page("/campaigns/1"), `href="/campaigns/1/webhook"`)
	has(t, h.page(at), `name="url"`, `name="events" type="checkbox" value="call.analysed" checked`, "contact.number", "{{contact.number}}")

	all := url.Values{"url": {"https://crm.example/hook"}, "on": {"on"}, "events": dialler.MessageKinds, "mapping": {`{"phone":"{{contact.number}}","x":"{{contact.phone}}","y":"{{analysis.mood}}"}`}}
	with := func(name string, value ...string) url.Values {
		v := url.Values{}
		for k, have := range all {
			v[k] = have
		}
		if v[name] = value; value == nil {
			delete(v, name)
		}
		return v
	}
	for _, tt := range []struct {
		form  url.Values
		field string
		says  string
	}{
		{with("url", ""), "url", "Nothing is given; want https://host/path"},
		{with("url", "crm.example"), "url", "want https://host/path"},
		{with("secret", "hunter2"), "secret", "24 to 64 bytes"},
		{with("events"), "events", "at least one"},
		{with("events", "call.begun"), "events", "want call.settled"},
		{with("mapping", "{"), "mapping", "a JSON object such as"},
		{with("mapping", "[1]"), "mapping", `Got JSON that is no object; want an object such as {"phone": "{{contact.number}}"}.`},
		{with("mapping", `{"a":"{{"}`), "mapping", "{{ and a name and }}"},
	} {
		for _, do := range []string{"save", "test"} {
			tt.form.Set("do", do)
			w := h.send(at, tt.form)
			if w.Code != http.StatusUnprocessableEntity || !strings.Contains(wrongAt(w.Body.String(), tt.field), tt.says) || strings.Contains(w.Body.String(), "hunter2") {
				t.Errorf("%s %v: %d, want it to say %q", do, tt.form, w.Code, tt.says)
			}
		}
	}
	if _, err := h.store.Webhook(t.Context(), 1); err == nil {
		t.Error("a webhook that is wrong was kept")
	}

	// A preview keeps nothing, and warns.
	preview := h.send(at, with("do", "preview")).Body.String()
	has(t, preview, "this is made up", "&#34;phone&#34;: &#34;&#43;12025550123&#34;", "<code>contact.phone</code>: there is no such name", "<code>analysis.mood</code>: not in this example")
	if strings.Contains(preview, "whsec_") {
		t.Error("a preview shows a secret")
	}
	made := h.send(at, with("do", "save"))
	if made.Code != http.StatusOK {
		t.Fatalf("%d", made.Code)
	}
	kept, err := h.store.Webhook(t.Context(), 1)
	if err != nil || kept.Events != nil || !kept.On || kept.URL != "https://crm.example/hook" {
		t.Fatalf("%+v %v", kept, err)
	}
	has(t, made.Body.String(), "Webhook saved.", strings.ReplaceAll(kept.Secret, "+", "&#43;"))
	if page := h.page(at); strings.Contains(page, "whsec_") || !strings.Contains(page, "unchanged") {
		t.Error("the secret is shown again")
	}
	// Saved again it keeps its secret, and says so by going back to the page.
	again := with("events", dialler.CallAnalysed)
	if w := h.send(at, again); w.Code != http.StatusSeeOther || w.Header().Get("Location") != at+"?done=saved" {
		t.Errorf("%d %s", w.Code, w.Header().Get("Location"))
	}
	has(t, h.page(at+"?done=saved"), "Webhook saved.")
	same, err := h.store.Webhook(t.Context(), 1)
	if err != nil || same.Secret != kept.Secret || len(same.Events) != 1 {
		t.Errorf("%+v %v", same, err)
	}
	renew := with("renew", "on")
	if w := h.send(at, renew); w.Code != http.StatusOK || strings.Contains(w.Body.String(), strings.ReplaceAll(kept.Secret, "+", "&#43;")) || !strings.Contains(w.Body.String(), "whsec_") {
		t.Errorf("a new secret: %d", w.Code)
	}
	if renewed, err := h.store.Webhook(t.Context(), 1); err != nil || renewed.Secret == kept.Secret {
		t.Errorf("%v", err)
	}
	if w := h.ask("GET", "/campaigns/99/webhook", nil); w.Code != http.StatusNotFound {
		t.Errorf("of no campaign: %d", w.Code)
	}
}

func TestAWebhookIsTested(t *testing.T) {
	h := newHouse(t).signIn()
	var got string
	crm := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got = string(b)
	}))
	t.Cleanup(crm.Close)
	form := url.Values{"url": {crm.URL}, "events": dialler.MessageKinds, "mapping": {`{"p":"{{contact.number}}"}`}, "do": {"test"}, "event": {dialler.CallbackOver}}
	has(t, h.send("/campaigns/1/webhook", form).Body.String(), "The test arrived: answered 200", "This address is not encrypted")
	if got != `{"p":"+12025550123"}` {
		t.Errorf("it got %s", got)
	}
	form.Set("url", "http://127.0.0.2:9/")
	has(t, h.send("/campaigns/1/webhook", form).Body.String(), "The test did not arrive: 127.0.0.2 is a loopback address")
}

func TestDeliveriesAreSeenAndSentAgain(t *testing.T) {
	h := newHouse(t).signIn()
	has(t, h.page("/deliveries"), "No campaign has a webhook yet", "No dead letters.")
	h.must(h.store.PutWebhook(t.Context(), dialler.Webhook{Campaign: 1, URL: "https://crm.example/", Secret: push.NewSecret(), On: true, Changed: h.now.Add(-time.Hour)}))
	h.ring("+919812345678", dialler.Busy, "")
	_, err := h.store.QueueDeliveries(t.Context(), h.now)
	h.must(err)
	claim := func() dialler.Delivery {
		t.Helper()
		_, list, err := h.store.ClaimDeliveries(t.Context(), 1, 9, h.now, time.Minute)
		h.must(err)
		if len(list) != 1 {
			t.Fatalf("%d claimed", len(list))
		}
		return list[0]
	}
	d := claim()
	has(t, h.page("/deliveries?state=waiting"), "call.settled", "&#43;919812345678</a>", "Send again")
	h.must(h.store.EndTry(t.Context(), d, dialler.Try{State: dialler.DeliveryDead, Said: "answered 404: <b>no lead</b>"}, h.now))
	has(t, h.page("/deliveries?campaign=1"), "answered 404: &lt;b&gt;no lead&lt;/b&gt;", "Send all 1 dead letters again", ">renewals<")
	if w := h.send("/deliveries/1/resend", url.Values{}); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	has(t, h.page("/deliveries?state=waiting&resent=1"), "1 put in line again.", "call.settled")
	h.must(h.store.EndTry(t.Context(), claim(), dialler.Try{State: dialler.DeliveryDead}, h.now))
	if w := h.send("/campaigns/1/resend", url.Values{}); w.Header().Get("Location") != "/deliveries?state=waiting&campaign=1&resent=1" {
		t.Errorf("%d %s", w.Code, w.Header().Get("Location"))
	}
	h.must(h.store.EndTry(t.Context(), claim(), dialler.Try{State: dialler.Delivered, Status: 204}, h.now))
	has(t, h.page("/deliveries?state=delivered"), "answered 204")
	if w := h.send("/deliveries/99/resend", url.Values{}); w.Code != http.StatusNotFound {
		t.Errorf("%d", w.Code)
	}
}

func TestReportsAreDownloaded(t *testing.T) {
	h := newHouse(t).signIn()
	h.ring("+919812345678", dialler.Busy, "")
	has(t, h.page("/reports?campaign=1"), `<option value="1" selected>renewals</option>`, `action="/reports/download"`)
	w := h.ask("GET", "/reports/download?kind=attempts&format=csv&campaign=1&from=2026-03-12&to=2026-03-12", nil)
	if w.Code != 200 || !strings.Contains(w.Body.String(), "+919812345678") || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	// The day is that of Kolkata, which is well into it.
	if w := h.ask("GET", "/reports/download?kind=attempts&format=csv&campaign=1&to=2026-03-11", nil); w.Code != 200 || strings.Contains(w.Body.String(), "+9198") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := h.ask("GET", "/reports/download?kind=contacts&format=xlsx", nil); w.Code != 200 || !strings.HasPrefix(w.Body.String(), "PK") {
		t.Errorf("%d", w.Code)
	}
	for query, says := range map[string]string{
		"kind=attempts&format=csv&from=yesterday":                "a day such as 2026-03-12",
		"kind=attempts&format=csv&from=2026-03-12&to=2026-03-11": "a day not before the first",
	} {
		if w := h.ask("GET", "/reports/download?"+query, nil); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), says) {
			t.Errorf("%s: %d, want it to say %q", query, w.Code, says)
		}
	}
	for _, query := range []string{"kind=calls&format=csv", "kind=attempts&format=pdf", "kind=attempts&format=csv&campaign=99"} {
		if w := h.ask("GET", "/reports/download?"+query, nil); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", query, w.Code)
		}
	}
}
