package dialler

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// thursday is 11:20 on a working day in Kolkata; attempts in these tests end
// then.
func thursday(t testing.TB) time.Time { return rfc(t, "2026-03-12T11:20:00+05:30") }

// ordinary is a record of somebody being rung for the first time, with two
// tries to come.
func ordinary(t testing.TB) Record {
	return Record{
		Campaign: Campaign{
			ID: 1, Name: "recall", State: CampaignRunning, Run: 1, Mode: MultiDay, Window: office(t),
			MaxAttempts: 3, RetryDelay: 15 * time.Minute, Seats: 1, CallbackDetection: true,
		},
		Bot:     Bot{Name: "asha", Endpoint: "PJSIP/bot", Callbacks: true},
		Contact: Contact{ID: 7, Campaign: 1, Number: "+919812345678", State: Dialling},
	}
}

// promised is the same where the call is to keep a promise.
func promised(t testing.TB) Record {
	r := ordinary(t)
	asked := thursday(t).Add(-time.Hour)
	r.Contact.Attempts = 1
	r.Contact.Due = thursday(t).Add(-time.Minute)
	r.Contact.Callback = &Callback{
		ID: 5, Contact: 7, Campaign: 1, AskedOn: "call-1", Chain: 1, Phrase: "ek ghante baad", Requested: asked,
		Scheduled: asked.Add(time.Hour), Due: asked.Add(time.Hour), Read: asked.Add(time.Hour), Trace: []string{"read"}, State: CallbackWaiting,
	}
	return r
}

func ended(t testing.TB, d Disposition) Attempt {
	return Attempt{ID: "call-2", Contact: 7, Campaign: 1, Run: 1, N: 1, Leased: thursday(t).Add(-time.Minute), Outcome: Outcome{Ended: thursday(t), Disposition: d}}
}

// standing is a record in one line: what the contact is, when it is due, and how
// the promise stands.
func standing(r Record, cb *Callback) string {
	s := string(r.Contact.State)
	if !r.Contact.Due.IsZero() {
		s += " " + r.Contact.Due.In(r.Campaign.Window.Location()).Format("Mon 15:04")
	}
	if cb != nil {
		s += ", callback " + string(cb.State)
		if cb.Why != "" {
			s += " (" + string(cb.Why) + ")"
		}
	}
	return s
}

func TestSettle(t *testing.T) {
	type change func(*Record)
	tries := func(n int) change { return func(r *Record) { r.Contact.Attempts = n } }
	ownBudget := func(n, made int) change {
		return func(r *Record) { r.Campaign.CallbackMaxAttempts = n; r.Contact.Callback.Attempts = made }
	}
	retryOn := func(d ...Disposition) change { return func(r *Record) { r.Campaign.RetryOn = d } }
	excluded := func(r *Record) { r.Excluded = true }
	stopped := func(r *Record) { r.Campaign.State, r.Campaign.Ended = CampaignCompleted, EndStopped }
	dayClosed := func(r *Record) { r.Campaign.State, r.Campaign.Ended = CampaignCompleted, EndWindowClosed }
	paused := func(r *Record) { r.Campaign.State = CampaignPaused }
	closes := func(at string) change {
		return func(r *Record) { r.Campaign.Mode, r.Campaign.Closes = SingleDay, rfc(t, at) }
	}
	noWindow := func(r *Record) { r.Campaign.Window = Window{} }
	noDelay := func(r *Record) { r.Campaign.RetryDelay = 0 }
	unset := func(r *Record) { r.Campaign.MaxAttempts = 0 }
	const over, open = "2026-03-12T11:20:00+05:30", "2026-03-12T18:00:00+05:30" // the day's close: now, and tonight

	for _, tt := range []struct {
		name string
		from func(testing.TB) Record
		with []change
		came Disposition
		at   string // when the attempt ended; "": Thursday 11:20
		want string
	}{
		// An ordinary call.
		{"a conversation", ordinary, nil, Answered, "", "completed"},
		{"busy", ordinary, nil, Busy, "", "retry_scheduled Thu 11:35"},
		{"no answer", ordinary, nil, NoAnswer, "", "retry_scheduled Thu 11:35"},
		{"rejected", ordinary, nil, Rejected, "", "retry_scheduled Thu 11:35"},
		{"congestion", ordinary, nil, Congestion, "", "retry_scheduled Thu 11:35"},
		{"a voicemail", ordinary, nil, Machine, "", "retry_scheduled Thu 11:35"},
		{"no bot came", ordinary, nil, Abandoned, "", "retry_scheduled Thu 11:35"},
		{"nobody knows", ordinary, nil, Failed, "", "retry_scheduled Thu 11:35"},
		{"no such number", ordinary, nil, Unallocated, "", "exhausted"},
		{"no such number, to be tried again", ordinary, []change{retryOn(Unallocated)}, Unallocated, "", "retry_scheduled Thu 11:35"},
		{"busy is not to be tried again", ordinary, []change{retryOn(NoAnswer)}, Busy, "", "exhausted"},
		{"nothing is to be tried again", ordinary, []change{func(r *Record) { r.Campaign.RetryOn = []Disposition{} }}, Busy, "", "exhausted"},
		{"the last but one try", ordinary, []change{tries(1)}, Busy, "", "retry_scheduled Thu 11:35"},
		{"the last try", ordinary, []change{tries(2)}, Busy, "", "exhausted"},
		{"the last try, held", ordinary, []change{tries(2)}, Answered, "", "completed"},
		{"a budget nobody set is one", ordinary, []change{unset}, Busy, "", "exhausted"},
		{"a delay nobody set is the default", ordinary, []change{noDelay}, Busy, "", "retry_scheduled Thu 11:35"},
		{"paused", ordinary, []change{paused}, Busy, "", "retry_scheduled Thu 11:35"},
		{"shortly before the close", ordinary, nil, Busy, "2026-03-12T17:50:00+05:30", "retry_scheduled Fri 09:00"},
		{"the weekend", ordinary, nil, Busy, "2026-03-14T17:50:00+05:30", "retry_scheduled Mon 09:00"},
		{"excluded meanwhile", ordinary, []change{excluded}, Busy, "", "excluded"},
		{"excluded meanwhile, held", ordinary, []change{excluded}, Answered, "", "completed"},
		{"stopped meanwhile", ordinary, []change{stopped}, Busy, "", "stopped"},
		{"stopped meanwhile, held", ordinary, []change{stopped}, Answered, "", "completed"},
		{"excluded and stopped", ordinary, []change{excluded, stopped}, Busy, "", "excluded"},
		{"the day is over", ordinary, []change{closes(over)}, Busy, "", "window_closed"},
		{"the day is over, held", ordinary, []change{closes(over)}, Answered, "", "completed"},
		{"the day was closed", ordinary, []change{dayClosed}, Busy, "", "window_closed"},
		{"the day goes on", ordinary, []change{closes(open)}, Busy, "", "retry_scheduled Thu 11:35"},
		{"the day ends before the retry: it waits for the close", ordinary, []change{closes(open)}, Busy, "2026-03-12T17:50:00+05:30", "retry_scheduled Fri 09:00"},
		{"the window never opens", ordinary, []change{noWindow}, Busy, "", "window_closed"},

		// A call to keep a promise.
		{"the promise is kept", promised, nil, Answered, "", "completed, callback completed"},
		{"kept on the last try", promised, []change{tries(2)}, Answered, "", "completed, callback completed"},
		{"kept though excluded meanwhile", promised, []change{excluded}, Answered, "", "completed, callback completed"},
		{"busy: it stays a callback", promised, nil, Busy, "", "callback_scheduled Thu 11:35, callback scheduled"},
		{"no answer", promised, nil, NoAnswer, "", "callback_scheduled Thu 11:35, callback scheduled"},
		{"rejected", promised, nil, Rejected, "", "callback_scheduled Thu 11:35, callback scheduled"},
		{"congestion", promised, nil, Congestion, "", "callback_scheduled Thu 11:35, callback scheduled"},
		{"failed", promised, nil, Failed, "", "callback_scheduled Thu 11:35, callback scheduled"},
		{"no such number, where somebody talked to us", promised, nil, Unallocated, "", "callback_scheduled Thu 11:35, callback scheduled"},
		{"the retry list is about ordinary calls", promised, []change{retryOn(NoAnswer)}, Busy, "", "callback_scheduled Thu 11:35, callback scheduled"},
		{"a voicemail", promised, nil, Machine, "", "machine, callback closed (voicemail)"},
		{"a voicemail on the last try", promised, []change{tries(2)}, Machine, "", "machine, callback closed (voicemail)"},
		{"a voicemail, excluded meanwhile", promised, []change{excluded}, Machine, "", "machine, callback closed (voicemail)"},
		{"no bot came", promised, nil, Abandoned, "", "abandoned, callback closed (abandoned)"},
		{"no bot came, stopped meanwhile", promised, []change{stopped}, Abandoned, "", "abandoned, callback closed (abandoned)"},
		{"the contact's last try", promised, []change{tries(2)}, Busy, "", "exhausted, callback exhausted"},
		{"promised on the last try: one more, and that was it", promised, []change{tries(3)}, Busy, "", "exhausted, callback exhausted"},
		{"its own budget: the first of two", promised, []change{tries(3), ownBudget(2, 0)}, Busy, "", "callback_scheduled Thu 11:35, callback scheduled"},
		{"its own budget: the second of two", promised, []change{tries(1), ownBudget(2, 1)}, Busy, "", "exhausted, callback exhausted"},
		{"its own budget of one", promised, []change{tries(0), ownBudget(1, 0)}, Busy, "", "exhausted, callback exhausted"},
		{"paused", promised, []change{paused}, Busy, "", "callback_scheduled Thu 11:35, callback scheduled"},
		{"shortly before the close", promised, nil, Busy, "2026-03-12T17:50:00+05:30", "callback_scheduled Fri 09:00, callback scheduled"},
		{"excluded meanwhile", promised, []change{excluded}, Busy, "", "excluded, callback cancelled (excluded)"},
		{"stopped meanwhile", promised, []change{stopped}, Busy, "", "stopped, callback cancelled (stopped)"},
		{"the day is over", promised, []change{closes(over)}, Busy, "", "window_closed, callback cancelled (window_closed)"},
		{"the day was closed", promised, []change{dayClosed}, Busy, "", "window_closed, callback cancelled (window_closed)"},
		{"the last try, and stopped: it was tried out", promised, []change{tries(2), stopped}, Busy, "", "exhausted, callback exhausted"},
		{"the window never opens", promised, []change{noWindow}, Busy, "", "window_closed, callback cancelled (window_closed)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := tt.from(t)
			for _, c := range tt.with {
				c(&r)
			}
			a := ended(t, tt.came)
			if tt.at != "" {
				a.Ended = rfc(t, tt.at)
			}
			made := r.Contact.Attempts
			got, cb := r.Settle(a)
			if s := standing(got, cb); s != tt.want {
				t.Errorf("got  %s\nwant %s", s, tt.want)
			}
			if got.Contact.Attempts != made+1 || !got.Contact.Settled.Equal(a.Ended) {
				t.Errorf("%d attempts, settled %v; want %d, %v", got.Contact.Attempts, got.Contact.Settled, made+1, a.Ended)
			}
		})
	}
}

// everyRecord calls yield with a record and a disposition for each combination
// of what Settle looks at.
func everyRecord(t *testing.T, yield func(name string, r Record, a Attempt)) {
	bools := []bool{false, true}
	windows := []Window{office(t), {}}
	for _, d := range Dispositions {
		for _, promise := range []string{"none", "shared budget", "own budget left", "own budget spent"} {
			for _, left := range bools {
				for _, list := range [][]Disposition{nil, {}, {Busy, Unallocated}} {
					for _, excluded := range bools {
						for _, state := range []struct {
							s CampaignState
							e EndReason
						}{{CampaignRunning, ""}, {CampaignPaused, ""}, {CampaignCompleted, EndStopped}, {CampaignCompleted, EndWindowClosed}} {
							for _, dayOver := range bools {
								for wi, w := range windows {
									r := ordinary(t)
									if promise != "none" {
										r = promised(t)
									}
									switch promise {
									case "own budget left":
										r.Campaign.CallbackMaxAttempts = 2
									case "own budget spent":
										r.Campaign.CallbackMaxAttempts = 1
									}
									r.Contact.Attempts = 2
									if left {
										r.Contact.Attempts = 1
									}
									r.Campaign.RetryOn, r.Excluded = list, excluded
									r.Campaign.State, r.Campaign.Ended = state.s, state.e
									r.Campaign.Window = w
									if dayOver {
										r.Campaign.Mode, r.Campaign.Closes = SingleDay, thursday(t)
									}
									yield(fmt.Sprintf("%s, promise %s, tries left %v, retry on %v, excluded %v, campaign %s %s, day over %v, window %d",
										d, promise, left, list, excluded, state.s, state.e, dayOver, wi), r, ended(t, d))
								}
							}
						}
					}
				}
			}
		}
	}
}

// TestSettleLaws asserts, for every combination, the sentences of the rules one
// by one.
func TestSettleLaws(t *testing.T) {
	n := 0
	everyRecord(t, func(name string, r Record, a Attempt) {
		n++
		promise := r.Contact.Callback
		got, cb := r.Settle(a)
		law := func(holds bool, says string) {
			if !holds {
				t.Errorf("%s:\n%s\nbut it is %s", name, says, standing(got, cb))
			}
		}
		state := got.Contact.State
		waits := state.Waiting()

		law(state != Dialling && state != Pending, "a settled contact is neither being rung nor fresh")
		law((cb != nil) == (promise != nil), "Settle returns the promise there was, and makes none")
		law(waits == !got.Contact.Due.IsZero(), "a contact is due exactly if it waits")
		law((got.Contact.Callback != nil) == (state == CallbackScheduled), "a promise is owed exactly in state callback_scheduled")
		law(promise == nil || state != RetryScheduled, "a callback never goes to the retry queue")
		law(promise != nil || state != CallbackScheduled, "no callback without a promise")
		law(a.Disposition != Answered || state == Completed, "a conversation completes")
		law(state != Completed || a.Disposition == Answered, "only a conversation completes")
		law(promise == nil || a.Disposition != Machine || state == MachineReached, "voicemail closes a promise")
		law(promise == nil || a.Disposition != Abandoned || state == AbandonedContact, "an abandoned call closes a promise")
		law(!waits || !r.Excluded, "nobody excluded waits")
		law(!waits || r.Campaign.State != CampaignCompleted, "nobody waits in a campaign that is over")
		law(!waits || !r.Campaign.DayOver(a.Ended), "nobody waits when the day is over")
		law(!waits || r.Campaign.Window.Contains(got.Contact.Due), "a contact is due inside the window")
		law(!waits || !got.Contact.Due.Before(a.Ended.Add(15*time.Minute)), "not before the retry delay")
		law(!waits || promise != nil || got.Contact.Attempts < 3, "an ordinary contact that waits has tries left")
		law(!waits || promise == nil || got.Contact.Attempts < 3 || r.Campaign.CallbackMaxAttempts > 1, "so has a promise without a budget of its own")
		law(state != Exhausted || promise == nil || cb.Attempts >= 1, "a promise had at least one try")
		law(state != Stopped || r.Campaign.Ended == EndStopped, "stopped only if it was")
		law(state != ExcludedContact || r.Excluded, "excluded only if it is")
		if cb != nil {
			law(cb.Attempts == promise.Attempts+1, "the try counts for the promise")
			law((cb.State == CallbackWaiting) == (state == CallbackScheduled), "the promise waits exactly if the contact does")
			law((cb.State == CallbackWaiting) == cb.Closed.IsZero(), "closed exactly if final")
			law((cb.Why != "") == (cb.State == CallbackClosed || cb.State == CallbackCancelled), "a reason exactly if closed or cancelled")
			law(cb.State != CallbackWaiting || cb.Due.Equal(got.Contact.Due), "promise and contact are due together")
			law(cb.Scheduled.Equal(promise.Scheduled), "the first time promised is never rewritten")
		}
		again, cb2 := r.Settle(a)
		law(reflect.DeepEqual(again, got) && reflect.DeepEqual(cb, cb2), "the same arguments give the same answer")
	})
	if want := 9 * 4 * 2 * 3 * 2 * 4 * 2 * 2; n != want {
		t.Errorf("%d combinations, want %d", n, want)
	}
}

func TestDecisionsLeaveTheirArgumentsAlone(t *testing.T) {
	everyRecord(t, func(name string, r Record, a Attempt) {
		before := r
		if cb := r.Contact.Callback; cb != nil {
			was := *cb
			before.Contact.Callback = &was
		}
		r.Settle(a)
		r.Withdraw(a.Ended.Add(time.Hour), a.Ended)
		if !reflect.DeepEqual(r, before) {
			t.Fatalf("%s: the record was changed", name)
		}
	})
}

func TestWithdraw(t *testing.T) {
	now := thursday(t)
	soon := now.Add(time.Minute)
	for _, tt := range []struct {
		name   string
		from   func(testing.TB) Record
		change func(*Record)
		not    time.Time
		want   string
	}{
		{"a fresh contact", ordinary, func(*Record) {}, time.Time{}, "pending"},
		{"a fresh contact, not yet", ordinary, func(*Record) {}, soon, "pending Thu 11:21"},
		{"a retry", ordinary, func(r *Record) { r.Contact.Attempts = 1; r.Contact.Due = now.Add(-time.Minute) }, time.Time{}, "retry_scheduled Thu 11:19"},
		{"a callback keeps its place", promised, func(*Record) {}, time.Time{}, "callback_scheduled Thu 11:19"},
		{"a callback, not yet", promised, func(*Record) {}, soon, "callback_scheduled Thu 11:21"},
		{"where the store kept the state it was leased in", promised, func(r *Record) { r.Contact.State = CallbackScheduled }, time.Time{}, "callback_scheduled Thu 11:19"},
		{"paused", ordinary, func(r *Record) { r.Campaign.State = CampaignPaused }, time.Time{}, "pending"},
		{"excluded meanwhile", promised, func(r *Record) { r.Excluded = true }, soon, "excluded, callback cancelled (excluded)"},
		{"stopped meanwhile", promised, func(r *Record) { r.Campaign.State, r.Campaign.Ended = CampaignCompleted, EndStopped }, soon, "stopped, callback cancelled (stopped)"},
		{"the day is over", promised, func(r *Record) { r.Campaign.Mode, r.Campaign.Closes = SingleDay, now }, soon, "window_closed, callback cancelled (window_closed)"},
		{"the day is over, no callback", ordinary, func(r *Record) { r.Campaign.Mode, r.Campaign.Closes = SingleDay, now }, soon, "window_closed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := tt.from(t)
			tt.change(&r)
			got, cb := r.Withdraw(tt.not, now)
			if s := standing(got, cb); s != tt.want {
				t.Errorf("got  %s\nwant %s", s, tt.want)
			}
			if got.Contact.Attempts != r.Contact.Attempts {
				t.Errorf("%d attempts, want %d: it does not count", got.Contact.Attempts, r.Contact.Attempts)
			}
			if (got.Contact.Callback != nil) != (got.Contact.State == CallbackScheduled) {
				t.Errorf("state %s and callback %v", got.Contact.State, got.Contact.Callback)
			}
			if cb != nil && (!cb.Closed.Equal(now) || cb.Attempts != r.Contact.Callback.Attempts) {
				t.Errorf("callback closed %v after %d attempts", cb.Closed, cb.Attempts)
			}
		})
	}
}

// TestBudgets lives through lives: whatever comes of the calls and of the
// analyses, attempts stay within the budget (I4) and each promise ends once
// (I5).
func TestBudgets(outer *testing.T) {
	rapid.Check(outer, func(t *rapid.T) {
		r := ordinary(outer)
		r.Campaign.MaxAttempts = rapid.IntRange(0, 5).Draw(t, "max_attempts")
		r.Campaign.CallbackMaxAttempts = rapid.IntRange(0, 4).Draw(t, "callback_max_attempts")
		r.Campaign.MaxCallbackReschedules = rapid.IntRange(-1, 4).Draw(t, "max_callback_reschedules")
		r.Campaign.RetryOn = rapid.SampledFrom([][]Disposition{nil, {}, {Busy, Failed}, Dispositions[1:]}).Draw(t, "retry_on")
		if rapid.Bool().Draw(t, "single day") {
			r.Campaign.Mode = SingleDay
			r.Campaign.Closes = rfc(outer, "2026-03-12T18:00:00+05:30")
		}
		r.Contact.State = Pending
		now := thursday(outer)

		promises := map[CallID]*Callback{} // by the call they were asked on, as they last stood
		settled := map[CallID]int{}
		ordinaryCalls, calls := 0, 0
		note := func(cb *Callback) {
			if cb == nil {
				return
			}
			if old := promises[cb.AskedOn]; old != nil && old.State != CallbackWaiting {
				t.Fatalf("the promise of %s was %s already and is now %s", cb.AskedOn, old.State, cb.State)
			}
			was := *cb
			promises[cb.AskedOn] = &was
			if cb.State != CallbackWaiting {
				settled[cb.AskedOn]++
			}
		}
		for r.Contact.State.Waiting() {
			if calls++; calls > 200 {
				t.Fatalf("200 calls and still %s", standing(r, r.Contact.Callback))
			}
			if r.Contact.Due.After(now) {
				now = r.Contact.Due
			}
			if r.Campaign.DayOver(now) { // as the store does at the close
				s, why, _ := CloseDay.Cancels()
				r.Contact.Callback.close(CallbackCancelled, why, now)
				note(r.Contact.Callback)
				r.Contact.State, r.Contact.Callback = s, nil
				break
			}
			kept := r.Contact.Callback
			if kept == nil {
				ordinaryCalls++
			}
			a := Attempt{ID: CallID(fmt.Sprint("call-", calls)), Contact: 7, Leased: now}
			r.Contact.State = Dialling
			now = now.Add(time.Duration(rapid.IntRange(1, 600).Draw(t, "seconds")) * time.Second)
			a.Ended, a.Disposition = now, rapid.SampledFrom(Dispositions).Draw(t, "disposition")
			if rapid.IntRange(0, 9).Draw(t, "excluded") == 0 {
				r.Excluded = true
			}
			var cb *Callback
			r, cb = r.Settle(a)
			note(cb)
			if a.Disposition == Answered && rapid.Bool().Draw(t, "asks") {
				var ruling Ruling
				r, ruling = r.Hear(a, kept, asks(rapid.SampledFrom([]string{"", "10 minutes", "5 hours"}).Draw(t, "phrase")), words, now)
				note(ruling.Callback)
			}
		}

		if most := max(1, r.Campaign.MaxAttempts); ordinaryCalls > most {
			t.Fatalf("%d ordinary calls, %d allowed", ordinaryCalls, most)
		}
		if most := 1 + r.Campaign.maxReschedules(); len(promises) > most {
			t.Fatalf("%d promises, %d allowed", len(promises), most)
		}
		for asked, cb := range promises {
			if settled[asked] != 1 {
				t.Fatalf("the promise of %s ended %d times", asked, settled[asked])
			}
			most := r.Campaign.CallbackMaxAttempts
			if most == 0 {
				most = max(1, r.Campaign.MaxAttempts)
			}
			if cb.Attempts > most {
				t.Fatalf("the promise of %s was tried %d times, %d allowed", asked, cb.Attempts, most)
			}
			if cb.Attempts == 0 && cb.State != CallbackCancelled {
				t.Fatalf("the promise of %s is %s without a try", asked, cb.State)
			}
		}
		if r.Campaign.CallbackMaxAttempts == 0 {
			if most := max(1, r.Campaign.MaxAttempts) + len(promises); r.Contact.Attempts > most {
				t.Fatalf("%d attempts, %d allowed", r.Contact.Attempts, most)
			}
		}
	})
}
