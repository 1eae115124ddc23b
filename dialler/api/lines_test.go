package api_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"ringback/dialler"
	"ringback/dialler/api"
)

func TestLinesAreRemoved(t *testing.T) {
	h := newHouse(t)
	h.want(200, "PUT", "/v1/trunks/spare", `{"switch":"pbx","dial":"PJSIP/{number}@spare"}`)
	h.want(200, "PUT", "/v1/bots/ravi", `{"endpoint":"PJSIP/ravi"}`)
	for path, says := range map[string]string{
		"/v1/trunks/carrier": `the trunk "carrier" is that of "renewals"; give them another`,
		"/v1/bots/asha":      `the bot "asha" is that of "renewals"; give them another`,
	} {
		if got := h.want(409, "DELETE", path, "")["detail"].(string); !strings.HasPrefix(got, says) {
			t.Errorf("%s: %q", path, got)
		}
	}
	for _, path := range []string{"/v1/trunks/spare", "/v1/bots/ravi"} {
		h.want(204, "DELETE", path, "")
		h.want(404, "DELETE", path, "")
		h.want(404, "GET", path, "")
	}
}

func TestACampaignIsCloned(t *testing.T) {
	h := newHouse(t)
	h.call("+919812345601", dialler.Busy)
	of := h.want(200, "GET", h.path(""), "")
	for i, tt := range []struct{ body, name string }{{"", "renewals (copy)"}, {"{}", "renewals (copy 2)"}, {`{"name":"spring"}`, "spring"}} {
		c := h.want(201, "POST", h.path("/clone"), tt.body)
		if c["name"] != tt.name || c["state"] != "draft" || c["run"] != 0.0 || c["id"] != float64(i+2) {
			t.Errorf("%s: %v", tt.body, c)
		}
		for key := range of {
			switch key {
			case "id", "name", "state", "run":
			default:
				if !reflect.DeepEqual(c[key], of[key]) {
					t.Errorf("%s: %v, want %v", key, c[key], of[key])
				}
			}
		}
	}
	h.want(409, "POST", h.path("/clone"), `{"name":"spring"}`)
	h.want(422, "POST", h.path("/clone"), `{"title":"x"}`)
	h.want(404, "POST", "/v1/campaigns/99/clone", "")
}

func TestWhyAContactWaits(t *testing.T) {
	health := api.Health{Links: map[string]bool{"pbx": true}}
	at := now
	h := newHouse(t, func(o *api.Options) {
		o.Health, o.Now = func() api.Health { return health }, func() time.Time { return at }
	})
	h.want(200, "POST", h.path("/contacts"), `{"contacts":[{"number":"+919812345601"}]}`)
	wants := func(reason, says string) {
		t.Helper()
		if w := h.want(200, "GET", "/v1/contacts/1/wait", ""); w["reason"] != reason || !strings.Contains(w["says"].(string), says) {
			t.Errorf("%v, want %s and %q", w, reason, says)
		}
	}
	wants("campaign", "The campaign is draft")
	h.want(200, "POST", h.path("/start"), "")
	wants("turn", "")
	health.Links["pbx"] = false
	wants("link", "The link to the switch pbx is down")
	at = at.Add(10 * time.Hour)
	wants("window", "The calling window is closed; it opens at")
	h.want(404, "GET", "/v1/contacts/9/wait", "")
}
