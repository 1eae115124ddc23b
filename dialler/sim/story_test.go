package sim

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"ringback/dialler"
)

var update = flag.Bool("update", false, "rewrite the golden stories; read the diff, and be able to explain it")

// A story is a plan made by hand, for one situation.
type story struct {
	*plan
	about string
}

func tell(about string) *story {
	return &story{about: about, plan: &plan{
		opens: time.Date(2026, 3, 12, 10, 0, 0, 0, zone), lasts: time.Hour, nodes: 1, ttl: time.Minute,
		trunks: []dialler.Trunk{{Name: "trunk", Switch: "pbx", Dial: "PJSIP/{number}@trunk"}},
		bots:   []dialler.Bot{{Name: "bot", Endpoint: "PJSIP/bot", Callbacks: true}},
		parts:  map[dialler.Number][]Part{}, names: map[dialler.Number]string{},
	}}
}

// campaign adds a campaign that starts at ten.
func (s *story) campaign(edits ...func(*dialler.Campaign)) *story {
	w, err := dialler.NewWindow("Asia/Kolkata", dialler.Hours{"daily": {"09:00-18:00"}})
	if err != nil {
		panic(err)
	}
	i := len(s.campaigns)
	c := dialler.Campaign{
		Name: string(rune('A' + i)), Window: w, Trunk: "trunk", Bot: "bot", Seats: 1, MaxAttempts: 3, RetryDelay: 2 * time.Minute, CallbackDetection: true,
	}
	for _, edit := range edits {
		edit(&c)
	}
	s.campaigns = append(s.campaigns, c)
	s.lists = append(s.lists, nil)
	s.act(0, "start", func(w *world) { w.transition(i, dialler.Start) })
	return s
}

// person puts somebody on the list of the campaign added last; the nth call to
// them goes as the nth part.
func (s *story) person(name string, parts ...Part) *story {
	n := number(len(s.names) + 1)
	s.names[n] = name
	s.parts[n] = parts
	i := len(s.lists) - 1
	s.lists[i] = append(s.lists[i], n)
	return s
}

func (s *story) at(d time.Duration, do func(*world)) *story {
	s.act(d, "", do)
	return s
}

func (s *story) until(d time.Duration) *story {
	s.lasts = d
	return s
}

func seats(n int) func(*dialler.Campaign) { return func(c *dialler.Campaign) { c.Seats = n } }
func tries(n int) func(*dialler.Campaign) { return func(c *dialler.Campaign) { c.MaxAttempts = n } }
func screened(c *dialler.Campaign)        { c.Screen = true }
func deaf(c *dialler.Campaign)            { c.CallbackDetection = false }

func stories() map[string]*story {
	const s = time.Second
	m := map[string]*story{}

	m["callback_before_pending_before_retry"] = tell(`One seat. While Chetan talks, Asha's callback, Divya (never rung) and Bala's
retry all come due. They are rung in that order, though Bala has waited longest.`).
		campaign(func(c *dialler.Campaign) { c.RetryDelay = 30 * s }).
		person("Asha", Says(Talks(4*s, 10*s), "ek minute baad"), Talks(4*s, 20*s)).
		person("Bala", Busy(), Talks(4*s, 20*s)).
		person("Chetan", Talks(4*s, 3*time.Minute)).
		person("Divya", Talks(4*s, 20*s)).
		until(8 * time.Minute)

	m["five_minutes_on_time"] = tell(`"5 minute baad", and nothing in the way: the INVITE leaves five minutes after the
call's end, to the millisecond.`).
		campaign().
		person("Asha", Says(Talks(4*s, 20*s), "5 minute baad"), Talks(4*s, 20*s)).
		until(8 * time.Minute)

	m["failing_callback_keeps_its_place"] = tell(`Asha's callback meets a busy line. It stays a callback, due after the retry delay,
and goes ahead of Divya, who is still pending then.`).
		campaign().
		person("Asha", Says(Talks(4*s, 10*s), "1 minute"), Busy(), Talks(4*s, 20*s)).
		person("Bala", Talks(4*s, 4*time.Minute)).
		person("Chetan", Talks(4*s, 30*s)).
		person("Divya", Talks(4*s, 30*s)).
		until(9 * time.Minute)

	m["callback_meets_voicemail"] = tell(`A machine answers Asha's callback: the callback is closed. One that answered Bala's
first call is only a retry.`).
		campaign(screened).
		person("Asha", Says(Talks(4*s, 20*s), "2 minutes"), Voicemail(6*s)).
		person("Bala", Voicemail(6*s), Talks(4*s, 20*s)).
		until(8 * time.Minute)

	nobot := Talks(4*s, 0)
	nobot.Bot = 0
	m["callback_meets_no_bot"] = tell(`Asha answers her callback, and no bot comes: abandoned, and the callback is closed.`).
		campaign(func(c *dialler.Campaign) { c.Apology = "sorry" }).
		person("Asha", Says(Talks(4*s, 20*s), "2 minutes"), nobot).
		until(8 * time.Minute)

	m["out_of_attempts"] = tell(`Two attempts each. Asha used one when she asked: her callback has one. Bala used both,
and asked on the second: a promise gets one attempt at least.`).
		campaign(tries(2), seats(2)).
		person("Asha", Says(Talks(4*s, 20*s), "2 minutes"), NobodyHome()).
		person("Bala", Busy(), Says(Talks(4*s, 20*s), "2 minutes"), NobodyHome()).
		until(12 * time.Minute)

	m["single_day_ends"] = tell(`The window closes at eleven. Asha's callback for the next morning is cancelled, and Bala's
retry is given up. Chetan, who talks, may finish; Divya, whose phone rings, is not tried again.`).
		campaign(seats(4), func(c *dialler.Campaign) {
			c.Mode = dialler.SingleDay
			c.RetryDelay = 30 * time.Minute
			c.Window, _ = dialler.NewWindow("Asia/Kolkata", dialler.Hours{"daily": {"09:00-11:00"}})
		}).
		person("Asha", Says(Talks(4*s, 20*s), "kal subah")).
		person("Bala", NobodyHome(), NobodyHome(), NobodyHome()).
		at(58*time.Minute, func(w *world) {
			w.add(0, []dialler.Number{number(3)})
		}).
		at(59*time.Minute+45*s, func(w *world) {
			w.add(0, []dialler.Number{number(4)})
		}).
		until(64 * time.Minute)
	m["single_day_ends"].names[number(3)], m["single_day_ends"].names[number(4)] = "Chetan", "Divya"
	m["single_day_ends"].parts[number(3)] = []Part{Talks(4*s, 4*time.Minute)}

	m["killed_while_ringing"] = tell(`kill -9 while Asha's phone rings. After the restart the switch is asked; the call is
there, and goes on. Bala's ended meanwhile: it counts, and the retry delay holds.`).
		campaign(seats(2)).
		person("Asha", Talks(20*s, 30*s)).
		person("Bala", Part{Rings: s, Fails: dialler.Busy, Cause: dialler.Cause{Q850: 17, SIP: 486}, Ends: 8 * s}, Talks(4*s, 10*s)).
		at(5*s, func(w *world) { w.crash(0, 6*s, false) }).
		until(5 * time.Minute)

	m["killed_while_talking"] = tell(`kill -9 while Asha and Bala talk. Asha still talks after the restart. Bala has hung up:
they had talked, and what he asked for is not lost.`).
		campaign(seats(2)).
		person("Asha", Says(Talks(4*s, time.Minute), "2 minutes"), Talks(4*s, 10*s)).
		person("Bala", Says(Talks(4*s, 10*s), "3 minutes"), Talks(4*s, 10*s)).
		at(12*s, func(w *world) { w.crash(0, 20*s, false) }).
		until(6 * time.Minute)

	m["link_lost_with_the_answer"] = tell(`The link goes while Asha's phone rings, and with it the news of her answer. When it is
back the switch is asked, and the bot sent for at once.`).
		campaign().
		person("Asha", Talks(6*s, 30*s)).
		at(5*s, func(w *world) { w.cut(0, 4*s) }).
		until(2 * time.Minute)

	early := Says(Talks(4*s, 20*s), "2 minutes")
	early.Analyses = []time.Duration{-3 * s, time.Minute, 10 * time.Minute}
	m["analysis_before_the_end_and_again"] = tell(`The analysis comes before the hang-up, a minute later, and ten minutes later, after the
callback was kept. It schedules once.`).
		campaign().
		person("Asha", early, Talks(4*s, 10*s)).
		until(15 * time.Minute)

	m["both_gates"] = tell(`The same wish on four calls. Only where the bot's toggle (bot) and the campaign's
detection (A) are both on is it granted.`)
	m["both_gates"].bots = append(m["both_gates"].bots, dialler.Bot{Name: "mute", Endpoint: "PJSIP/mute"})
	mute := func(c *dialler.Campaign) { c.Bot = "mute" }
	m["both_gates"].
		campaign().person("both", Says(Talks(4*s, 20*s), "2 minutes"), Talks(4*s, 10*s)).
		campaign(deaf).person("bot only", Says(Talks(5*s, 20*s), "2 minutes")).
		campaign(mute).person("camp only", Says(Talks(6*s, 20*s), "2 minutes")).
		campaign(deaf, mute).person("neither", Says(Talks(7*s, 20*s), "2 minutes")).
		until(5 * time.Minute)

	m["excluded_while_dialling"] = tell(`Asha is put on the do-not-call list while her callback rings: the call goes on, and is
not repeated. Bala's callback was waiting: it is cancelled.`).
		campaign(seats(2)).
		person("Asha", Says(Talks(4*s, 20*s), "2 minutes"), NobodyHome()).
		person("Bala", Says(Talks(4*s, 20*s), "10 minutes")).
		at(2*time.Minute+40*s, func(w *world) {
			for _, n := range []dialler.Number{number(1), number(2)} {
				w.exclude(n)
			}
		}).
		until(15 * time.Minute)

	m["two_campaigns_take_turns"] = tell(`A and B share a trunk that carries one call. Within a class they take turns.`)
	m["two_campaigns_take_turns"].trunks[0].Channels = 1
	two := m["two_campaigns_take_turns"].campaign(seats(5))
	for i := range 4 {
		two.person(fmt.Sprintf("A%d", i+1), Talks(2*s, 10*s))
	}
	two.campaign(seats(5))
	for i := range 3 {
		two.person(fmt.Sprintf("B%d", i+1), Talks(2*s, 10*s))
	}
	two.until(2 * time.Minute)

	m["two_calls_a_second"] = tell(`The trunk takes two new calls a second, the campaign has seats enough.`)
	m["two_calls_a_second"].trunks[0].CPS = 2
	m["two_calls_a_second"].campaign(seats(10))
	for i := range 6 {
		m["two_calls_a_second"].person(fmt.Sprintf("P%d", i+1), Talks(10*s, 10*s))
	}
	m["two_calls_a_second"].until(time.Minute)

	lost := Talks(8*s, 10*s)
	lost.Uncertain = PlacedOnce
	never := Talks(8*s, 10*s)
	never.Uncertain = NotPlaced
	m["was_it_placed"] = tell(`The switch does not answer the request. Asha's call was placed: it is found. Bala's was
not: after two looks it counts as made, and the retry delay holds.`).
		campaign(seats(2)).
		person("Asha", lost).
		person("Bala", never, Talks(4*s, 10*s)).
		until(4 * time.Minute)
	m["suspended_and_taken_over"] = tell(`Node 1 is suspended while Asha talks, for longer than its lease holds. She hangs up.
Node 2 finds the lease lapsed and the call gone, and settles it; node 1 wakes and lets go.`).
		campaign().
		person("Asha", Says(Talks(4*s, 20*s), "4 minutes"), Talks(4*s, 10*s)).
		at(10*s, func(w *world) { w.freeze(0, 3*time.Minute) }).
		until(6 * time.Minute)
	m["suspended_and_taken_over"].nodes = 2

	m["a_node_is_lost_with_its_switch"] = tell(`Node 1 is lost while Asha and Bala are on the line, and nobody else has its switch.
Node 2 holds their calls for five minutes after the leases lapsed, then gives them up: Asha
talked, so she is done; Bala's call counts as made, and his retry waits until node 1 is back.`).
		campaign(seats(2)).
		person("Asha", Talks(4*s, 20*s)).
		person("Bala", NobodyHome(), Talks(4*s, 10*s)).
		at(11*s, func(w *world) { w.crash(0, 12*time.Minute, false) }).
		until(14 * time.Minute)
	m["a_node_is_lost_with_its_switch"].nodes = 2
	m["a_node_is_lost_with_its_switch"].apart = true

	inFlight := Talks(8*s, 20*s)
	inFlight.Uncertain = PlacedLate
	m["killed_with_the_request_in_flight"] = tell(`kill -9 while the switch sits on the request. After the restart it does not know the
call yet; it is given time, and the call turns up.`).
		campaign().
		person("Asha", inFlight).
		at(s, func(w *world) { w.crash(0, s, false) }).
		until(time.Minute)

	slow := Talks(4*s, 40*s)
	slow.Bot = 4 * s
	m["link_lost_while_the_bot_comes"] = tell(`The link goes while the bot is on its way to Asha, for longer than a bot may take. They
talk, unseen. When the link is back they are left to talk.`).
		campaign().
		person("Asha", slow).
		at(6*s, func(w *world) { w.cut(0, 20*s) }).
		until(2 * time.Minute)
	return m
}

// TestStories compares the transcripts with those of testdata.
func TestStories(t *testing.T) {
	for name, s := range stories() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, s.plan, NewBook(nil))
				w.run()
				if v := w.rec.verdict(); v != "" {
					t.Error(v)
				}
				got := s.about + "\n\n" + w.rec.transcript()
				file := filepath.Join("testdata", name+".txt")
				if *update {
					if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
					return
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if got != string(want) {
					t.Errorf("the story goes otherwise:\n%s\nwant:\n%s", got, want)
				}
			})
		})
	}
}
