package ari_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"ringback/deploy/lab"
	"ringback/deploy/lab/farend"
	"ringback/dialler"
	"ringback/dialler/switchtest"
)

// On FreePBX calls leave by Local/…@from-internal, whose dialplan picks the
// trunk, and a bot may be behind a dialplan too: the context is then in
// variables that are inherited.
func TestLocalChannels(t *testing.T) {
	r := startReal(t, farend.Options{BotTalk: -1, Talk: time.Minute}, lab.Options{})
	sw := newSwitch(t, r.options(t))
	var n news
	run(t, sw, n.deliver)
	local := dialler.Trunk{Name: "freepbx", Switch: "pbx", Dial: "Local/{number}@from-internal"}
	place := func(p switchtest.Person) dialler.Origination {
		t.Helper()
		o := dialler.Origination{
			ID: switchtest.NewID(), Number: r.number(p), CallerID: "+911140001234", Trunk: local, RingTimeout: 20 * time.Second,
		}
		if err := sw.Originate(context.Background(), o); err != nil {
			t.Fatal(err)
		}
		return o
	}
	if end := n.kind(t, place(switchtest.IsBusy).ID, dialler.HungUp); end.Disposition != dialler.Busy {
		t.Errorf("got %s (%s), want busy", end.Disposition, end.Cause)
	}

	o := place(switchtest.Talks)
	n.kind(t, o.ID, dialler.Up)
	if ids, err := sw.Live(context.Background()); err != nil || !slices.Equal(ids, []dialler.CallID{o.ID}) {
		t.Errorf("Live: %v, %v, want %s", ids, err, o.ID)
	}
	x := dialler.Context{Call: o.ID, Campaign: "कल सुबह", Number: o.Number, Vars: map[string]string{"City": "Pune, MH"}}
	if err := sw.Connect(context.Background(), o.ID, dialler.Handover{
		Bot: dialler.Bot{Name: "local", Endpoint: "Local/s@ringback-bot"}, Context: x, Timeout: 10 * time.Second,
	}); err != nil {
		t.Fatal(err)
	}
	n.kind(t, o.ID, dialler.Joined)
	bots := r.far.Record.Bots()
	if len(bots) != 1 {
		t.Fatalf("%d calls reached the bot, want 1", len(bots))
	}
	for _, v := range x.Headers() {
		if got := bots[0].Header(v.Name); got != v.Value {
			t.Errorf("%s: the bot got %q, want %q", v.Name, got, v.Value)
		}
	}
	if c := r.far.Record.Customers(); c[len(c)-1].From != string(o.CallerID) {
		t.Errorf("the customer sees a call from %q, want %s", c[len(c)-1].From, o.CallerID)
	}
	if err := sw.Hangup(context.Background(), o.ID); err != nil {
		t.Error(err)
	}
	if end := n.kind(t, o.ID, dialler.HungUp); end.Disposition != dialler.Answered {
		t.Errorf("got %s, want answered", end.Disposition)
	}
	if err := r.far.Record.Wait(within(t), func(calls []farend.Call) bool {
		return !slices.ContainsFunc(calls, farend.Call.Live)
	}); err != nil {
		t.Errorf("the far end: %v", err)
	}
}

// The dialplan's Dial() says that there is no bot.
func TestExtensionFails(t *testing.T) {
	r := startReal(t, farend.Options{BotTalk: -1, Talk: time.Minute}, lab.Options{})
	sw := newSwitch(t, r.options(t))
	var n news
	run(t, sw, n.deliver)
	o := dialler.Origination{ID: switchtest.NewID(), Number: r.number(switchtest.Talks), Trunk: r.harness().Trunk, RingTimeout: 20 * time.Second}
	if err := sw.Originate(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	n.kind(t, o.ID, dialler.Up)
	if err := sw.Connect(context.Background(), o.ID, dialler.Handover{
		Bot: dialler.Bot{Name: "down", Extension: "ringback-bot,bot-down,1"}, Context: dialler.Context{Call: o.ID}, Timeout: 10 * time.Second,
	}); err != nil {
		t.Fatal(err)
	}
	if e := n.kind(t, o.ID, dialler.BotFailed); e.Cause.Text == "" || e.Reason == "" {
		t.Errorf("got %+v, want Dial's word for it", e)
	}
	if slices.Contains(n.of(o.ID), dialler.Joined) {
		t.Error("joined, by a bot that is down")
	}
	if err := sw.Hangup(context.Background(), o.ID); err != nil {
		t.Error(err)
	}
	n.kind(t, o.ID, dialler.HungUp)
}
