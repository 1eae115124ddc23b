package serve_test

import (
	"log/slog"
	"testing"

	"ringback/ari/aritest"
	"ringback/cmd/ringback/serve"
	"ringback/config"
	"ringback/dialler"
	"ringback/esl/esltest"
)

// One process drives an Asterisk and a FreeSWITCH; each trunk names its switch.
func TestBothSwitchesAtOnce(t *testing.T) {
	asterisk := aritest.Start(aritest.Options{Faults: &aritest.Faults{}})
	t.Cleanup(asterisk.Close)
	freeswitch, err := esltest.Start(esltest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(freeswitch.Close)

	cfg := house(t)
	cfg.Switches = map[string]config.Switch{
		"old": {Kind: "asterisk", URL: asterisk.URL, User: "ringback", Password: config.Secret(asterisk.Password), App: "ringback"},
		"new": {Kind: "freeswitch", URL: "esl://" + freeswitch.Addr(), Password: "ClueCon", App: "ringback"},
	}
	cfg.Trunks = map[string]config.Trunk{
		"by-old": {Switch: "old", Dial: "PJSIP/{number}@trunk"},
		"by-new": {Switch: "new", Dial: "sofia/gateway/trunk/{number}"},
	}
	cfg.Bots = map[string]config.Bot{
		"asha": {Endpoint: "PJSIP/bot@bot"},
		"ravi": {Endpoint: "sofia/gateway/bot/bot"},
	}
	one := cfg.Campaigns["renewals"]
	one.Trunk = "by-old"
	two := one
	two.Trunk, two.Bot = "by-new", "ravi"
	cfg.Campaigns = map[string]config.Campaign{"renewals": one, "surveys": two}

	r := &running{T: t, happening: make(chan dialler.Happening, 1000), log: &journal{}}
	r.Process, err = serve.Start(t.Context(), cfg, serve.Options{
		Version: "test", Logger: slog.New(slog.NewTextHandler(r.log, nil)), Observe: func(h dialler.Happening) { r.happening <- h },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Stop(t.Context()); err != nil { // ended: whatever is still up stays up
			t.Error(err)
		}
	})
	for _, id := range []string{"1", "2"} {
		r.want(200, "POST", "/v1/campaigns/"+id+"/contacts", `{"contacts":[{"number":"+9198123456`+id+`0"}]}`, `"added":1`)
	}
	by := map[string]int{}
	for range 2 {
		by[r.await("a bot on the line", joined).Lease.Attempt.Switch]++
	}
	if len(by) != 2 {
		t.Errorf("calls by switch: %v, want some by each", by)
	}
	r.want(200, "GET", "/readyz", "", `"new":"up"`)
	r.want(200, "GET", "/readyz", "", `"old":"up"`)
}
