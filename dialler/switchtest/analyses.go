package switchtest

import (
	"strings"
	"testing"

	"ringback/callback"
	"ringback/dialler"
)

// analysis waits for what the dialplan says of a call, and reads it. On a
// faulty switch it may be lost with the link; then ok is false.
func (l *link) analysis(id dialler.CallID) (a callback.Analysis, ok bool) {
	l.t.Helper()
	if l.h.Faulty {
		l.wait(func([]dialler.Event) bool {
			return l.has(id, dialler.Analysed) || l.has(id, dialler.HungUp) || l.count("", dialler.LinkUp) > 1
		})
		if !l.has(id, dialler.Analysed) {
			return a, false
		}
	}
	ev := l.of(id, dialler.Analysed)
	a, err := callback.ParseAnalysis([]byte(ev.Analysis))
	if err != nil {
		l.t.Fatalf("the analysis %s: %v", ev.Analysis, err)
	}
	return a, true
}

// hand hands a call to the dialplan.
func (l *link) hand(id dialler.CallID, h dialler.Handover) {
	l.t.Helper()
	if err := l.connect(id, h); err != nil && !l.h.Faulty {
		l.t.Fatalf("Connect: %v", err)
	}
}

// end waits for a call to be hung up by its bot; on a faulty switch, where the
// bot may never have had it, it is.
func (l *link) end(id dialler.CallID) {
	l.t.Helper()
	if l.h.Faulty {
		l.hangup(id)
	}
	l.over(id)
}

func analysisByVariables(t *testing.T, h Harness) {
	l := up(t, h)
	o := h.origination(Talks)
	id := l.place(o)
	l.of(id, dialler.Up)
	l.hand(id, h.handover(h.ByVariables, id, o.Number)) // whose context has a reason, of another call
	a, ok := l.analysis(id)
	l.end(id)
	if !ok {
		return
	}
	l.order(id, dialler.Up, dialler.Analysed, dialler.HungUp)
	if !a.Requested || a.PreferredTimeText != "5 मिनट" || a.Reason != "driving" || a.Confidence != 0.8 {
		t.Errorf("got %+v, want a callback in 5 minutes, for they are driving, at 0.8", a)
	}
	if want := `"mood":"100%"`; !strings.Contains(string(a.Raw), want) {
		t.Errorf("the record is %s, want %s in it", a.Raw, want)
	}
	l.quiet()
}

func analysisByEvent(t *testing.T, h Harness) {
	l := up(t, h)
	o := h.origination(Talks)
	id := l.place(o)
	l.of(id, dialler.Up)
	l.hand(id, h.handover(h.ByEvent, id, o.Number))
	a, ok := l.analysis(id)
	if ok {
		l.never(id, dialler.HungUp) // it was told at once
		if !a.Requested || a.PreferredTimeText != "5 minutes" || a.Reason != "driving" {
			t.Errorf("got %+v, want a callback in 5 minutes, for they are driving", a)
		}
	}
	l.hangup(id)
	l.over(id)
	l.quiet()
}

// The context says how a promise was asked for. That is no analysis of the call
// that keeps it.
func noAnalysis(t *testing.T, h Harness) {
	l := up(t, h)
	o := h.origination(Talks)
	id := l.place(o)
	l.of(id, dialler.Up)
	l.hand(id, h.handover(h.ByNothing, id, o.Number))
	l.end(id)
	l.never(id, dialler.Analysed)
	l.quiet()
}
