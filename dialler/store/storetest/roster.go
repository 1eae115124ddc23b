package storetest

import (
	"errors"
	"reflect"
	"time"

	"ringback/dialler"
)

var rosterTests = []test{
	{"trunks and bots are replaced by name", func(w *world) {
		k := dialler.Trunk{Name: trunk, Switch: "s2", Dial: "sofia/gateway/t/{digits}", Channels: 30, CPS: 2.5}
		w.must(w.s.PutTrunk(w.ctx, k))
		ks, err := w.s.Trunks(w.ctx)
		w.must(err)
		w.eq("trunks", ks, []dialler.Trunk{{Name: otherTrunk, Switch: "pbx", Dial: "PJSIP/{number}@backup"}, k})
		b := dialler.Bot{Name: bot, Extension: "bots,asha,1", Capacity: 9}
		w.must(w.s.PutBot(w.ctx, b))
		bs, err := w.s.Bots(w.ctx)
		w.must(err)
		w.eq("bots", bs, []dialler.Bot{b, {Name: otherBot, Endpoint: "PJSIP/ravi", Callbacks: true}})
	}},
	{"a trunk or a bot that no campaign has is removed, and one that has some is not", func(w *world) {
		w.campaign("first")
		second := w.draft("second")
		second, err := w.s.CreateCampaign(w.ctx, second)
		w.must(err)
		for kind, drop := range map[string]func(name string) error{
			"bot":   func(name string) error { return w.s.DropBot(w.ctx, name) },
			"trunk": func(name string) error { return w.s.DropTrunk(w.ctx, name) },
		} {
			uses, free := map[string]string{"bot": bot, "trunk": trunk}[kind], map[string]string{"bot": otherBot, "trunk": otherTrunk}[kind]
			var used *dialler.UsedError
			if err := drop(uses); !errors.As(err, &used) || !errors.Is(err, dialler.ErrLocked) {
				w.Fatalf("drop %s: %v", uses, err)
			}
			w.eq("used", *used, dialler.UsedError{Kind: kind, Name: uses, Campaigns: []string{"second", "first"}})
			w.must(drop(free))
			w.is(drop(free), dialler.ErrNotFound)
		}
		bs, err := w.s.Bots(w.ctx)
		w.must(err)
		ts, err := w.s.Trunks(w.ctx)
		w.must(err)
		w.eq("left", []any{len(bs), bs[0].Name, len(ts), ts[0].Name}, []any{1, bot, 1, trunk})
		second.Bot = otherBot
		_, err = w.s.UpdateCampaign(w.ctx, second)
		w.is(err, dialler.ErrNotFound)
	}},
	{"a trunk in use can be replaced", func(w *world) {
		c := w.campaign("c")
		w.people(c, 2)
		w.one(c)
		w.must(w.s.PutTrunk(w.ctx, dialler.Trunk{Name: trunk, Switch: "s2", Dial: "X/{number}"}))
		w.must(w.s.PutBot(w.ctx, dialler.Bot{Name: bot, Endpoint: "PJSIP/new"}))
		w.one(c)
	}},
	{"a campaign comes back as it was given, every setting", func(w *world) {
		win, err := dialler.NewWindow("Asia/Kolkata", dialler.Hours{"mon-fri": {"09:00-13:00", "14:00-18:30"}, "sat": {"22:00-02:00"}}, "2026-01-26", "2026-08-15")
		w.must(err)
		full := dialler.Campaign{
			Name: "Diwali, ₹ \"offer\"; DROP TABLE campaign", Mode: dialler.SingleDay, Window: win, Trunk: trunk, Bot: bot,
			CallerID: "+911140001000", Region: "IN", Seats: 12, CPS: 0.75, MaxAttempts: 4, RetryDelay: 90 * time.Second,
			RetryOn: []dialler.Disposition{dialler.Busy, dialler.NoAnswer}, RingTimeout: 25 * time.Second, Screen: true,
			BotTimeout: 1500 * time.Millisecond, MaxDuration: 10 * time.Minute, Apology: "sound:sorry",
			CallbackDetection: true, CallbackMaxAttempts: 2, MaxCallbackReschedules: -1,
		}
		made, err := w.s.CreateCampaign(w.ctx, full)
		w.must(err)
		full.ID, full.State = made.ID, dialler.CampaignDraft
		read, err := w.s.Campaign(w.ctx, made.ID)
		w.must(err)
		named, err := w.s.CampaignNamed(w.ctx, full.Name)
		w.must(err)
		all, err := w.s.Campaigns(w.ctx)
		w.must(err)
		for _, got := range append(all, made, read, named) {
			if !sameCampaign(got, full) {
				w.Fatalf("got %+v, want %+v", got, full)
			}
		}
		w.eq("campaigns", len(all), 1)
	}},
	{"a campaign is made with defaults, as a draft, whatever it says of its state", func(w *world) {
		d := w.draft("c")
		d.MaxAttempts, d.RetryDelay = 0, 0
		d.State, d.Run, d.Ended, d.Closes = dialler.CampaignCompleted, 7, dialler.EndStopped, w.now()
		made, err := w.s.CreateCampaign(w.ctx, d)
		w.must(err)
		d.State, d.Run, d.Ended, d.Closes = dialler.CampaignDraft, 0, "", time.Time{}
		d = d.WithDefaults()
		d.ID = made.ID
		if !sameCampaign(made, d) || !sameCampaign(w.campaignNow(made), d) {
			w.Fatalf("got %+v, want %+v", w.campaignNow(made), d)
		}
		if d.RetryOn != nil || w.campaignNow(made).RetryOn != nil {
			w.Fatal("no list of what is retried is not an empty one")
		}
	}},
	{"to retry nothing is not to say nothing of retries", func(w *world) {
		made, err := w.s.CreateCampaign(w.ctx, w.draft("c", func(c *dialler.Campaign) { c.RetryOn = []dialler.Disposition{} }))
		w.must(err)
		if on := w.campaignNow(made).RetryOn; on == nil || len(on) != 0 {
			w.Fatalf("retry on %#v", on)
		}
	}},
	{"a campaign's name is its own", func(w *world) {
		a := w.campaign("a")
		_, err := w.s.CreateCampaign(w.ctx, w.draft("a"))
		w.is(err, dialler.ErrConflict)
		b, err := w.s.CreateCampaign(w.ctx, w.draft("b"))
		w.must(err)
		b.Name = "a"
		_, err = w.s.UpdateCampaign(w.ctx, b)
		w.is(err, dialler.ErrConflict)
		w.eq("name", w.campaignNow(b).Name, "b")
		if a.ID == b.ID {
			w.Fatal("two campaigns of one ID")
		}
	}},
	{"a campaign needs its trunk and its bot", func(w *world) {
		_, err := w.s.CreateCampaign(w.ctx, w.draft("c", func(c *dialler.Campaign) { c.Trunk = "gone" }))
		w.is(err, dialler.ErrNotFound)
		_, err = w.s.CreateCampaign(w.ctx, w.draft("c", func(c *dialler.Campaign) { c.Bot = "gone" }))
		w.is(err, dialler.ErrNotFound)
	}},
	{"what is not there is ErrNotFound", func(w *world) {
		c, err := w.s.CreateCampaign(w.ctx, w.draft("c"))
		w.must(err)
		gone := c
		gone.ID += 1000
		_, err = w.s.Campaign(w.ctx, gone.ID)
		w.is(err, dialler.ErrNotFound)
		_, err = w.s.CampaignNamed(w.ctx, "gone")
		w.is(err, dialler.ErrNotFound)
		_, err = w.s.UpdateCampaign(w.ctx, gone)
		w.is(err, dialler.ErrNotFound)
		_, err = w.s.AddContacts(w.ctx, gone.ID, []dialler.NewContact{{Number: "+919800000001"}}, w.now())
		w.is(err, dialler.ErrNotFound)
		_, err = w.s.Transition(w.ctx, gone.ID, dialler.Start, w.now())
		w.is(err, dialler.ErrNotFound)
		_, err = w.s.Counters(w.ctx, gone.ID)
		w.is(err, dialler.ErrNotFound)
		_, err = w.s.Contacts(w.ctx, gone.ID, 0, 10)
		w.is(err, dialler.ErrNotFound)
		_, _, err = w.s.Calls(w.ctx, dialler.CallQuery{Campaign: gone.ID})
		w.is(err, dialler.ErrNotFound)
		_, err = w.s.Contact(w.ctx, 4711)
		w.is(err, dialler.ErrNotFound)
		_, err = w.s.Call(w.ctx, "8f14e45f-ceea-467f-a9d5-000000000001")
		w.is(err, dialler.ErrNoCall)
		_, err = w.s.Hear(w.ctx, "no such call", content(), w.now())
		w.is(err, dialler.ErrNoCall)
	}},
	{"a running campaign is locked, a paused one is not", func(w *world) {
		c := w.campaign("c")
		c.Seats = 7
		_, err := w.s.UpdateCampaign(w.ctx, c)
		w.is(err, dialler.ErrLocked)
		w.eq("seats", w.campaignNow(c).Seats, 100)
		w.do(c, dialler.Pause)
		c.State, c.Run = dialler.CampaignDraft, 12
		got, err := w.s.UpdateCampaign(w.ctx, c)
		w.must(err)
		w.eq("seats, state, run", []any{got.Seats, got.State, got.Run}, []any{7, dialler.CampaignPaused, 1})
		got = w.campaignNow(c)
		w.eq("seats, state, run", []any{got.Seats, got.State, got.Run}, []any{7, dialler.CampaignPaused, 1})
	}},
	{"contacts are added in list order, with their variables", func(w *world) {
		c, err := w.s.CreateCampaign(w.ctx, w.draft("c"))
		w.must(err)
		n := w.people(c, 15)
		cts := w.contacts(c)
		for i, ct := range cts {
			w.eq("number", ct.Number, n[i])
			w.eq("variables", ct.Vars, map[string]string{"name": "N " + string(n[i])})
			w.eq("state", ct.State, dialler.Pending)
			w.near("added", ct.Added, w.now())
			if i > 0 && ct.ID <= cts[i-1].ID || ct.Campaign != c.ID || !ct.Due.IsZero() || !ct.Settled.IsZero() || ct.Attempts != 0 {
				w.Fatalf("contact %+v", ct)
			}
			one, err := w.s.Contact(w.ctx, ct.ID)
			w.must(err)
			w.eq("contact", one, ct)
		}
		w.eq("contacts", len(cts), 15)
	}},
	{"a number the campaign has, or the list names twice, is reported and not added", func(w *world) {
		a, b := w.campaign("a"), w.campaign("b")
		n := w.people(a, 2)
		fresh := w.numbers(2)
		dups, err := w.s.AddContacts(w.ctx, a.ID, []dialler.NewContact{{Number: fresh[0]}, {Number: n[1]}, {Number: fresh[1]}, {Number: fresh[0]}, {Number: n[1]}}, w.now())
		w.must(err)
		w.eq("duplicates", dups, []dialler.Duplicate{{Index: 1, Number: n[1]}, {Index: 3, Number: fresh[0], InList: true}, {Index: 4, Number: n[1], InList: true}})
		w.eq("contacts", len(w.contacts(a)), 4)
		w.add(b, n...) // another campaign is another matter
		w.audit()
	}},
	{"I10 what is not an E.164 number is not added, nor anything with it", func(w *world) {
		c := w.campaign("c")
		for _, bad := range []dialler.Number{"", "+", "919812345678", "+0123456789", "+91 98123", "+9198;x=1", "+91981234567890123"} {
			if _, err := w.s.AddContacts(w.ctx, c.ID, []dialler.NewContact{{Number: w.numbers(1)[0]}, {Number: bad}}, w.now()); err == nil {
				w.Fatalf("%q was added", bad)
			}
		}
		w.eq("contacts", len(w.contacts(c)), 0)
	}},
	{"new contacts set a finished campaign running", func(w *world) {
		c := w.campaign("c")
		w.eq("state", w.do(c, dialler.Finish).State, dialler.CampaignCompleted)
		n := w.people(c, 1)
		got := w.campaignNow(c)
		w.eq("state, ended, run", []any{got.State, got.Ended, got.Run}, []any{dialler.CampaignRunning, dialler.EndReason(""), 1})
		w.leased(n, c)
	}},
	{"contacts that nobody is to ring leave a finished campaign finished", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 1)
		w.settle(w.one(c), dialler.Answered)
		w.do(c, dialler.Finish)
		gone := w.numbers(1)
		w.must(w.s.Exclude(w.ctx, gone, w.now()))
		_, err := w.s.AddContacts(w.ctx, c.ID, []dialler.NewContact{{Number: n[0]}, {Number: gone[0]}}, w.now())
		w.must(err)
		w.eq("state", w.campaignNow(c).State, dialler.CampaignCompleted)
		w.audit()
	}},
	{"contacts added to a stopped campaign wait for its restart", func(w *world) {
		c := w.campaign("c")
		w.do(c, dialler.Stop)
		n := w.people(c, 1)
		w.eq("state", w.state(c, n[0]), dialler.Stopped)
		w.audit()
		w.do(c, dialler.Restart)
		w.leased(n, c)
	}},
	{"a long list at once, in order", func(w *world) {
		c := w.campaign("c")
		n := w.people(c, 1000)
		w.eq("pending", w.counters(c).Contacts[dialler.Pending], 1000)
		w.leased(n[:10], c)
	}},
}

// sameCampaign compares all but how a window holds its zone.
func sameCampaign(a, b dialler.Campaign) bool {
	x, errX := a.Window.MarshalJSON()
	y, errY := b.Window.MarshalJSON()
	if errors.Join(errX, errY) != nil || string(x) != string(y) || !a.Closes.Equal(b.Closes) {
		return false
	}
	a.Window, b.Window, a.Closes, b.Closes = dialler.Window{}, dialler.Window{}, time.Time{}, time.Time{}
	return reflect.DeepEqual(a, b)
}
