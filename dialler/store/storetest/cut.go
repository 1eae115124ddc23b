package storetest

import (
	"fmt"
	"time"

	"ringback/dialler"
)

// cuts are the methods that write. Each makes what it needs in a campaign of
// its own, and returns the call that is cut short.
var cuts = []struct {
	name string
	make func(w *world, c dialler.Campaign) func() error
}{
	{"AddContacts", func(w *world, c dialler.Campaign) func() error {
		list := []dialler.NewContact{{Number: w.numbers(1)[0]}, {Number: w.numbers(1)[0]}}
		return func() error {
			dups, err := w.s.AddContacts(w.ctx, c.ID, list, w.now())
			if err == nil && len(dups) > 0 {
				return fmt.Errorf("added before: %v", dups)
			}
			return err
		}
	}},
	{"Lease", func(w *world, c dialler.Campaign) func() error {
		w.people(c, 2)
		req := w.request(2, c)
		return func() error {
			ls, err := w.s.Lease(w.ctx, req)
			if err == nil && len(ls) != 2 {
				return fmt.Errorf("leased %d of 2", len(ls))
			}
			return err
		}
	}},
	{"Renew", func(w *world, c dialler.Campaign) func() error {
		w.people(c, 1)
		l := w.one(c)
		return func() error {
			_, err := w.s.Renew(w.ctx, []dialler.Lease{l}, w.now(), ttl)
			return err
		}
	}},
	{"Mark", func(w *world, c dialler.Campaign) func() error {
		w.people(c, 1)
		l := w.one(c)
		return func() error { return w.s.Mark(w.ctx, l, dialler.Outcome{Answered: w.now()}) }
	}},
	{"Withdraw", func(w *world, c dialler.Campaign) func() error {
		w.people(c, 1)
		l := w.one(c)
		return func() error { return w.s.Withdraw(w.ctx, l, time.Time{}, w.now()) }
	}},
	{"Settle", func(w *world, c dialler.Campaign) func() error {
		w.people(c, 1)
		l := w.one(c)
		return func() error {
			_, err := w.s.Settle(w.ctx, l, w.ended(dialler.Busy))
			return err
		}
	}},
	{"Settle, of one who asked meanwhile", func(w *world, c dialler.Campaign) func() error {
		w.people(c, 1)
		l := w.one(c)
		w.hear(l, later("1 hour", "driving"))
		return func() error {
			_, err := w.s.Settle(w.ctx, l, w.ended(dialler.Answered))
			return err
		}
	}},
	{"Settle, of a callback", func(w *world, c dialler.Campaign) func() error {
		w.people(c, 1)
		w.promised(c)
		w.pass(2 * time.Hour)
		l := w.one(c)
		return func() error {
			_, err := w.s.Settle(w.ctx, l, w.ended(dialler.Answered))
			return err
		}
	}},
	{"Hear", func(w *world, c dialler.Campaign) func() error {
		w.people(c, 1)
		l := w.one(c)
		w.settle(l, dialler.Answered)
		return func() error {
			r, err := w.s.Hear(w.ctx, l.Attempt.ID, later("1 hour", "driving"), w.now())
			if err == nil && r.Duplicate {
				return fmt.Errorf("I11: it was heard before")
			}
			return err
		}
	}},
	{"Adopt", func(w *world, c dialler.Campaign) func() error {
		w.people(c, 1)
		l := w.one(c)
		return func() error {
			_, err := w.s.Adopt(w.ctx, l.Attempt.ID, node, w.now(), ttl)
			return err
		}
	}},
	{"Exclude", func(w *world, c dialler.Campaign) func() error {
		numbers := w.people(c, 1)
		w.promised(c)
		numbers = append(numbers, w.people(c, 1)...)
		return func() error { return w.s.Exclude(w.ctx, numbers, w.now()) }
	}},
	{"Transition", func(w *world, c dialler.Campaign) func() error {
		w.people(c, 1)
		w.promised(c)
		w.people(c, 2)
		return func() error {
			_, err := w.s.Transition(w.ctx, c.ID, dialler.Stop, w.now())
			return err
		}
	}},
	{"Transition, again from the beginning", func(w *world, c dialler.Campaign) func() error {
		w.people(c, 1)
		w.settle(w.one(c), dialler.Unallocated)
		w.people(c, 1)
		w.do(c, dialler.Stop)
		return func() error {
			_, err := w.s.Transition(w.ctx, c.ID, dialler.Restart, w.now())
			return err
		}
	}},
	{"CreateCampaign", func(w *world, c dialler.Campaign) func() error {
		return func() error {
			_, err := w.s.CreateCampaign(w.ctx, w.draft(c.Name+" 2"))
			return err
		}
	}},
	{"UpdateCampaign", func(w *world, c dialler.Campaign) func() error {
		c = w.do(c, dialler.Pause)
		c.Seats = 7
		return func() error {
			_, err := w.s.UpdateCampaign(w.ctx, c)
			return err
		}
	}},
}

// cutTests cut each of them short before each of its statements in turn, the
// commit last: nothing of it may be there, and it succeeds when it is called
// again.
func cutTests() (out []test) {
	for _, of := range cuts {
		out = append(out, test{of.name, func(w *world) {
			for n := 1; ; n++ {
				c := w.campaign(fmt.Sprint("c", n))
				call := of.make(w, c)
				before, told := w.counters(c), len(w.allMessages())
				reached := w.o.Cut(w.T, w.s, n)
				err := call()
				if !reached() {
					w.must(err)
					w.audit()
					if n < 3 {
						w.Fatalf("cut %d times: there is nothing to cut", n-1)
					}
					return
				}
				if err == nil {
					w.Fatalf("cut before statement %d, and no error", n)
				}
				if live := w.counters(c).Live; of.name == "Lease" && live > 0 {
					// It was committed, and only the answer is missing: whoever
					// comes back finds the calls, and asks what became of them (I3).
					w.audit()
					for _, a := range w.adrift(node) {
						if a.Campaign != c.ID {
							continue
						}
						l, err := w.s.Adopt(w.ctx, a.ID, node, w.now(), ttl)
						w.must(err)
						w.settle(l, dialler.Unallocated)
					}
					w.eq("left in progress", w.counters(c).Live, 0)
					continue
				}
				w.eq("counters after the cut", w.counters(c), before)
				w.eq("messages after the cut", len(w.allMessages()), told)
				w.audit()
				if err := call(); err != nil {
					w.Fatalf("cut before statement %d, then again: %v", n, err)
				}
				w.audit()
				if w.campaignNow(c).State == dialler.CampaignRunning { // whom it has waiting is not to be rung by the next
					w.do(c, dialler.Pause)
				}
			}
		}})
	}
	return out
}

func (w *world) allMessages() (out []dialler.Message) {
	for _, kind := range []string{dialler.CallSettled, dialler.CallbackMade, dialler.CallbackMoved, dialler.CallbackOver} {
		out = append(out, w.outbox(kind)...)
	}
	return out
}
