package dialler_test

import (
	"fmt"
	"time"

	"ringback/callback"
	"ringback/dialler"
)

func ExampleWindow_Next() {
	w, err := dialler.NewWindow("Asia/Kolkata", dialler.Hours{"mon-fri": {"09:00-13:00", "14:00-18:00"}, "sat": {"10:00-12:00"}}, "2026-03-13")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, at := range []string{"2026-03-12T11:20:00+05:30", "2026-03-12T13:05:00+05:30", "2026-03-12T18:00:00+05:30"} {
		t, _ := time.Parse(time.RFC3339, at)
		next, _ := w.Next(t)
		fmt.Println(t.Format("Mon 15:04"), "→", next.Format("Mon 15:04"))
	}
	// Output:
	// Thu 11:20 → Thu 11:20
	// Thu 13:05 → Thu 14:00
	// Thu 18:00 → Sat 10:00
}

func ExampleNewWindow_invalid() {
	_, err := dialler.NewWindow("Asia/Calcuta", dialler.Hours{"mon-fri": {"9am-6pm"}, "caturday": {"10:00-12:00"}})
	fmt.Println(err)
	// Output:
	// window.hours: got "caturday"; want a day or days: mon, mon-fri, daily
	// window.hours.mon-fri: got "9am-6pm"; want hours such as 09:00-18:00, 22:00-02:00 or 00:00-24:00
	// window.zone: got "Asia/Calcuta"; want an IANA time zone such as Asia/Kolkata
}

// A customer is busy, answers the retry, asks to be rung in half an hour, and
// is rung then.
func ExampleRecord() {
	zone := time.FixedZone("IST", 5*3600+1800)
	clock := time.Date(2026, 3, 12, 11, 0, 0, 0, zone)
	window, _ := dialler.NewWindow("Asia/Kolkata", dialler.Hours{"daily": {"09:00-18:00"}})
	r := dialler.Record{
		Campaign: dialler.Campaign{State: dialler.CampaignRunning, Window: window, MaxAttempts: 3, RetryDelay: 15 * time.Minute, CallbackDetection: true},
		Bot:      dialler.Bot{Callbacks: true},
		Contact:  dialler.Contact{Number: "+919812345678", State: dialler.Pending},
	}
	tell := func(what string) {
		fmt.Printf("%s %s: %s", clock.Format("15:04"), what, r.Contact.State)
		if !r.Contact.Due.IsZero() {
			fmt.Printf(", due %s", r.Contact.Due.In(zone).Format("15:04"))
		}
		fmt.Println()
	}
	call := func(id dialler.CallID, d dialler.Disposition) dialler.Attempt {
		a := dialler.Attempt{ID: id, Leased: clock}
		clock = clock.Add(time.Minute)
		a.Outcome = dialler.Outcome{Ended: clock, Disposition: d}
		r, _ = r.Settle(a)
		tell(string(d))
		return a
	}

	call("call-1", dialler.Busy)
	clock = r.Contact.Due
	second := call("call-2", dialler.Answered)

	asked := callback.Analysis{Requested: true, PreferredTimeText: "30 minutes", Reason: "driving"}
	r, ruling := r.Hear(second, nil, asked, &callback.Resolver{}, clock)
	tell(string(ruling.Verdict))

	clock = r.Contact.Due
	call("call-3", dialler.Answered)
	// Output:
	// 11:01 busy: retry_scheduled, due 11:16
	// 11:17 answered: completed
	// 11:17 scheduled: callback_scheduled, due 11:47
	// 11:48 answered: completed
}

func ExampleCampaign_Apply() {
	now := time.Date(2026, 3, 12, 6, 0, 0, 0, time.UTC)
	c := dialler.Campaign{Name: "recall", State: dialler.CampaignDraft}
	for _, what := range []dialler.CampaignEvent{dialler.Start, dialler.Pause, dialler.Finish, dialler.Stop, dialler.Restart} {
		next, err := c.Apply(what, now)
		if err != nil {
			fmt.Println(err)
			continue
		}
		c = next
		fmt.Println(what, "→", c.State, c.Ended, "run", c.Run)
	}
	// Output:
	// start → running  run 1
	// pause → paused  run 1
	// campaign "recall" is paused; it cannot finish
	// stop → completed stopped run 1
	// restart → running  run 2
}

func ExampleCampaign_Check() {
	window, _ := dialler.NewWindow("Asia/Kolkata", dialler.Hours{"daily": {"09:00-18:00"}})
	c := dialler.Campaign{Name: "recall", Trunk: "carrier", Window: window, Seats: 5, RetryDelay: -time.Minute}
	fmt.Println(c.Check())
	// Output:
	// bot: got ""; want the name of a bot
	// retry_delay: got "-1m0s"; want 1s to 720h0m0s
}

func ExampleParseNumber() {
	for _, s := range []string{"+91 98123 45678", "098123-45678", "९८१२३ ४५६७८", "9.81235E+09"} {
		n, err := dialler.ParseNumber(s, "IN")
		fmt.Println(n, err)
	}
	// Output:
	// +919812345678 <nil>
	// +919812345678 <nil>
	// +919812345678 <nil>
	//  "9.81235E+09" is not a phone number (it has the letter 'E' in it); want E.164, such as +919812345678, or a national number of IN
}

func ExampleTrunk_DialString() {
	trunk := dialler.Trunk{Name: "carrier", Switch: "pbx", Dial: "PJSIP/{number}@trunk"}
	dial, err := trunk.DialString("+919812345678")
	fmt.Println(dial, err)
	_, err = trunk.DialString("+919812345678@elsewhere")
	fmt.Println(err)
	// Output:
	// PJSIP/+919812345678@trunk <nil>
	// "+919812345678@elsewh" is not an E.164 number; want + and 5 to 15 digits
}

func ExamplePacer() {
	p := dialler.Pacer{CPS: 2}
	now := time.Date(2026, 3, 12, 11, 0, 0, 0, time.UTC)
	for range 3 {
		n, next := p.Allow(now, 10)
		if n == 0 {
			fmt.Println("wait", next.Sub(now))
			now = next
			continue
		}
		p.Take(now, n)
		fmt.Println("start", n)
	}
	// Output:
	// start 1
	// wait 500ms
	// start 1
}

func ExampleContext_Headers() {
	x := dialler.Context{
		Call: "3f0e2a77-9f2b-4c1d-8a35-5d1f0b6c7e21", Campaign: "recall", CampaignID: 1, Contact: 7, Number: "+919812345678", Attempt: 2,
		Class: dialler.ClassPending, Vars: map[string]string{"first name": "राहुल, ${x}"},
	}
	for _, h := range x.Headers() {
		fmt.Printf("%s: %s\n", h.Name, h.Value)
	}
	fmt.Printf("%s\n", x.JSON(0))
	// Output:
	// X-Ringback-Call-Id: 3f0e2a77-9f2b-4c1d-8a35-5d1f0b6c7e21
	// X-Ringback-Campaign: recall
	// X-Ringback-Campaign-Id: 1
	// X-Ringback-Contact-Id: 7
	// X-Ringback-Number: %2B919812345678
	// X-Ringback-Attempt: 2
	// X-Ringback-Class: pending
	// X-Ringback-Var-first-name: %E0%A4%B0%E0%A4%BE%E0%A4%B9%E0%A5%81%E0%A4%B2%2C%20%24%7Bx%7D
	// {"call_id":"3f0e2a77-9f2b-4c1d-8a35-5d1f0b6c7e21","campaign":"recall","campaign_id":1,"contact_id":7,"number":"+919812345678","attempt":2,"class":"pending","variables":{"first name":"\u0930\u093e\u0939\u0941\u0932, \u0024\u007bx\u007d"}}
}
