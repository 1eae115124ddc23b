package switchtest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"ringback/dialler"
)

func down(t *testing.T, h Harness) {
	sw := h.New(t)
	ctx, cancel := context.WithCancel(context.Background())
	o := h.origination(Talks)
	if err := sw.Originate(ctx, o); !errors.Is(err, dialler.ErrDown) {
		t.Errorf("Originate before Run: %v, want ErrDown", err)
	}
	up, done := make(chan struct{}, 100), make(chan error, 1)
	go func() {
		done <- sw.Run(ctx, func(e dialler.Event) {
			if e.Kind == dialler.LinkUp {
				up <- struct{}{}
			}
		})
	}()
	select {
	case <-up:
	case <-time.After(patience):
		t.Error("no link_up")
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v, want nil", err)
	}
	if err := sw.Originate(context.Background(), o); !errors.Is(err, dialler.ErrDown) {
		t.Errorf("Originate after Run: %v, want ErrDown", err)
	}
	for _, s := range h.Seen() {
		if s.Number == string(o.Number) {
			t.Error("the telephone rang all the same")
		}
	}
}

func refused(t *testing.T, h Harness) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := h.Refused(t).Run(ctx, func(e dialler.Event) { t.Errorf("there is news: %+v", e) })
	if err == nil || ctx.Err() != nil {
		t.Errorf("Run: %v, want an error at once", err)
	}
}

func outcomes(t *testing.T, h Harness) {
	l := up(t, h)
	type want struct {
		person Person
		as     dialler.Disposition
		q850   []int // one of them; none: any
		sip    int   // 0: any
	}
	wants := []want{
		{IsBusy, dialler.Busy, []int{17}, 486},
		{Rejects, dialler.Rejected, []int{21}, 603},
		{NoSuchOne, dialler.Unallocated, []int{1}, 404},
		{Congested, dialler.Congestion, []int{34, 41}, 503}, // RFC 3398 says 41, Asterisk 34
		{EarlyBusy, dialler.Busy, []int{17}, 486},
		{Unreachable, dialler.NoAnswer, nil, 480},
		{NeverThere, dialler.NoAnswer, nil, 0},
	}
	ids := make([]dialler.CallID, len(wants))
	for i, w := range wants {
		o := h.origination(w.person)
		if w.person == NeverThere {
			o.RingTimeout = 2 * time.Second
		}
		ids[i] = l.place(o)
	}
	for i, w := range wants {
		t.Run(string(w.as)+"/"+string(w.person[:5]), func(t *testing.T) {
			end := l.over(ids[i])
			l.never(ids[i], dialler.Up, dialler.Joined, dialler.Screened)
			if end.Reason == "found out" {
				return // the news was lost with the link, and the cause with it
			}
			if end.Disposition != w.as {
				t.Errorf("%s: got %s (%s), want %s", w.person, end.Disposition, end.Cause, w.as)
			}
			if w.q850 != nil && !slices.Contains(w.q850, end.Cause.Q850) {
				t.Errorf("%s: got cause %s, want Q.850 %v", w.person, end.Cause, w.q850)
			}
			if w.sip != 0 && end.Cause.SIP != 0 && end.Cause.SIP != w.sip {
				t.Errorf("%s: got cause %s, want SIP %d", w.person, end.Cause, w.sip)
			}
		})
	}
	l.quiet()
}

func late(t *testing.T, h Harness) {
	l := up(t, h)
	o := h.origination(Talks)
	o.Until = time.Now()
	for {
		err := l.originate(o)
		if errors.Is(err, dialler.ErrLate) {
			break
		}
		if !h.Faulty || err == nil || errors.Is(err, dialler.ErrUncertain) {
			t.Fatalf("Originate of a call whose time was up: %v, want ErrLate", err)
		}
		o.ID = NewID()
	}
	// Another call goes through, by which time the late one would have rung as well.
	l.of(l.place(h.origination(Talks)), dialler.Up)
	if slices.ContainsFunc(h.Seen(), func(s Seen) bool { return s.Number == string(o.Number) || "+"+s.Number == string(o.Number) }) {
		t.Error("the telephone rang")
	}
	in := h.origination(Talks)
	in.Until = time.Now().Add(time.Hour)
	l.of(l.place(in), dialler.Up)
}

func hungUpByUs(t *testing.T, h Harness) {
	l := up(t, h)
	o := h.origination(Talks)
	id := l.place(o)
	l.of(id, dialler.Up)
	if i := slices.IndexFunc(h.Seen(), func(s Seen) bool { return s.Number == string(o.Number) || "+"+s.Number == string(o.Number) }); i < 0 {
		t.Errorf("the far end has not seen a call to %s", o.Number)
	} else if from := h.Seen()[i].From; from != string(o.CallerID) {
		t.Errorf("it came from %q, want the caller ID %q", from, o.CallerID)
	}
	l.hangup(id)
	l.over(id)
	l.order(id, dialler.Up, dialler.HungUp)
	l.quiet()
	l.hangup(id) // it is over: not an error
}

func hungUpByCustomer(t *testing.T, h Harness) {
	l := up(t, h)
	id := l.place(h.origination(Leaves))
	end := l.over(id)
	if end.Reason != "found out" {
		l.order(id, dialler.Up, dialler.HungUp)
		if end.Disposition != dialler.Abandoned {
			t.Errorf("got %s, want %s: answered, and no bot was there", end.Disposition, dialler.Abandoned)
		}
	}
	l.quiet()
}

func earlyMedia(t *testing.T, h Harness) {
	l := up(t, h)
	id := l.place(h.origination(EarlyTalks))
	l.of(id, dialler.Up)
	if l.has(id, dialler.EarlyMedia) {
		l.order(id, dialler.EarlyMedia, dialler.Up)
	} else if !h.Faulty {
		t.Error("no early_media before the answer")
	}
	l.hangup(id)
	l.over(id)
}

func ringTime(t *testing.T, h Harness) {
	l := up(t, h)
	o := h.origination(NeverThere)
	o.RingTimeout = 1300 * time.Millisecond
	began := time.Now()
	id := l.place(o)
	end := l.over(id)
	if took := time.Since(began); took < o.RingTimeout {
		t.Errorf("given up after %v, want %v", took, o.RingTimeout)
	}
	if end.Disposition != dialler.NoAnswer && end.Reason != "found out" {
		t.Errorf("got %s (%s), want %s", end.Disposition, end.Cause, dialler.NoAnswer)
	}
	l.never(id, dialler.Up)
	l.quiet()
}

func cancelled(t *testing.T, h Harness) {
	l := up(t, h)
	o := h.origination(NeverThere)
	id := l.place(o)
	eventually(t, "it rings", func() bool {
		return slices.ContainsFunc(h.Seen(), func(s Seen) bool { return s.Live && !s.Bot })
	})
	l.hangup(id)
	end := l.over(id)
	if end.Disposition == dialler.Busy || end.Disposition == dialler.Rejected {
		t.Errorf("our own hang-up came out as the network's %s (%s)", end.Disposition, end.Cause)
	}
	l.quiet()
}

func hangupNothing(t *testing.T, h Harness) {
	l := up(t, h)
	l.hangup(NewID())
}

func hostileOrigination(t *testing.T, h Harness) {
	l := up(t, h)
	before := len(h.Seen())
	for what, spoil := range map[string]func(*dialler.Origination){
		"number with a dial-string option": func(o *dialler.Origination) { o.Number = "+919800000000,30,A(x)" },
		"number with another endpoint":     func(o *dialler.Origination) { o.Number = "+919800000000&PJSIP/other" },
		"number with a line end":           func(o *dialler.Origination) { o.Number = "+9198\r\nX: y" },
		"number that is an expression":     func(o *dialler.Origination) { o.Number = "${SHELL(id)}" },
		"no number":                        func(o *dialler.Origination) { o.Number = "" },
		"caller ID with a line end":        func(o *dialler.Origination) { o.CallerID = "+911140001234\r\nX-Evil: 1" },
		"caller ID with a name":            func(o *dialler.Origination) { o.CallerID = `"Bank" <+911140001234>` },
		"ID that is no UUID":               func(o *dialler.Origination) { o.ID = "../bridges/x" },
		"no ID":                            func(o *dialler.Origination) { o.ID = "" },
	} {
		o := h.origination(Talks)
		spoil(&o)
		var no *dialler.RefusedError
		if err := l.originate(o); !errors.As(err, &no) || no.Disposition != dialler.Failed {
			t.Errorf("%s: got %v, want it refused as failed", what, err)
		}
	}
	if n := len(h.Seen()) - before; n != 0 {
		t.Errorf("%d calls reached the far end, want none", n)
	}
}

// nowhere: the call is refused, or over as soon as it began, for a switch that
// takes every request before it looks at it.
func nowhere(t *testing.T, h Harness) {
	l := up(t, h)
	for try := 0; ; try++ {
		o := h.origination(Talks)
		o.Trunk = h.Nowhere
		err := l.originate(o)
		var no *dialler.RefusedError
		if errors.As(err, &no) && no.Reason != "" {
			return
		}
		if err == nil {
			if end := l.over(o.ID); end.Reason != "found out" && (end.Disposition != dialler.Failed || end.Cause.Text == "") {
				t.Errorf("got %s (%s), want %s with the reason", end.Disposition, end.Cause, dialler.Failed)
			}
			l.never(o.ID, dialler.Ringing, dialler.Up)
			return
		}
		if !h.Faulty || try > 50 {
			t.Fatalf("got %v, want a RefusedError with the reason", err)
		}
	}
}

// many: a burst, of which each call ends as it must.
func many(t *testing.T, h Harness) {
	l := up(t, h)
	persons := []Person{Talks, IsBusy, Leaves, Rejects, Congested}
	ids := map[dialler.CallID]Person{}
	for range 8 {
		for _, p := range persons {
			ids[l.place(h.origination(p))] = p
		}
	}
	answered := []dialler.EventKind{dialler.Up}
	if h.Faulty { // to place them all takes so long that who talks may be gone, unseen in a gap
		answered = append(answered, dialler.HungUp)
	}
	for id, p := range ids {
		if p == Talks && l.of(id, answered...).Kind == dialler.Up {
			l.hangup(id)
		}
	}
	for id, p := range ids {
		end := l.over(id)
		want := map[Person]dialler.Disposition{
			Talks: dialler.Abandoned, IsBusy: dialler.Busy, Leaves: dialler.Abandoned,
			Rejects: dialler.Rejected, Congested: dialler.Congestion,
		}[p]
		if end.Disposition != want && end.Reason != "found out" {
			t.Errorf("%s: got %s (%s), want %s", p, end.Disposition, end.Cause, want)
		}
	}
	l.quiet()
}
