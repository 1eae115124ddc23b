package switchtest

import (
	"context"
	"slices"
	"testing"

	"ringback/dialler"
)

func findAndLive(t *testing.T, h Harness) {
	l := up(t, h)
	if seen, err := l.find(NewID()); err != nil || seen != (dialler.Sighting{}) {
		t.Errorf("Find of a call that never was: %+v, %v, want nothing", seen, err)
	}
	o := h.origination(Slow)
	id := l.place(o)
	if seen, err := l.find(id); err != nil || !seen.Found || seen.Joined || seen.Answered && !h.Faulty {
		t.Errorf("Find while it rings: %+v, %v, want found only", seen, err)
	}
	l.of(id, dialler.Up)
	if seen, err := l.find(id); err != nil || !seen.Answered || seen.Joined {
		t.Errorf("Find of an answered call: %+v, %v, want answered and not joined", seen, err)
	}
	l.join(id, h.handover(h.Bot, id, o.Number))
	if seen, err := l.find(id); err != nil || seen != (dialler.Sighting{Found: true, Answered: true, Joined: true}) {
		t.Errorf("Find of a conversation: %+v, %v, want found, answered and joined", seen, err)
	}
	if ids := l.live(); !slices.Equal(ids, []dialler.CallID{id}) {
		t.Errorf("Live: %v, want only %s: the customer legs", ids, id)
	}
	l.hangup(id)
	l.over(id)
	eventually(t, "it is gone", func() bool { seen, err := l.find(id); return err == nil && !seen.Found })
	if ids := l.live(); len(ids) != 0 {
		t.Errorf("Live: %v, want none", ids)
	}
}

func (l *link) live() []dialler.CallID {
	l.t.Helper()
	var ids []dialler.CallID
	var err error
	for range 100 {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		ids, err = l.Live(ctx)
		cancel()
		if err == nil || !l.h.Faulty {
			break
		}
	}
	if err != nil {
		l.t.Errorf("Live: %v", err)
	}
	return ids
}

// linkCut: what happens unseen is found out afterwards, and what happens after
// that is news again.
func linkCut(t *testing.T, h Harness) {
	l := up(t, h)
	talks, slow, busyBot := h.origination(Talks), h.origination(Slow), h.origination(Talks)
	held := l.place(talks)
	l.of(held, dialler.Up)
	l.join(held, h.handover(h.BotLeaves, held, talks.Number))
	waits := l.place(busyBot)
	l.of(waits, dialler.Up)
	rings := l.place(slow)

	// A faulty switch may have cut it at this very moment by itself: it is cut
	// when it is up.
	var links, downs int
	stood := func([]dialler.Event) bool {
		links, downs = l.count("", dialler.LinkUp), l.count("", dialler.LinkDown)
		return links > downs
	}
	if !l.wait(stood) {
		t.Fatalf("the link stays down; the news is %s", l.story(""))
	}
	h.Cut()
	if !l.wait(func([]dialler.Event) bool {
		return l.count("", dialler.LinkUp) > links && l.count("", dialler.LinkDown) > downs
	}) {
		t.Fatalf("no link_down and link_up; the news is %s", l.story(""))
	}
	for _, id := range []dialler.CallID{held, waits, rings} {
		l.ask(id)
	}
	l.leaveInGap(held)
	l.of(rings, dialler.Up) // in the gap or after it
	l.join(rings, h.handover(h.Bot, rings, slow.Number))
	l.join(waits, h.handover(h.Extension, waits, busyBot.Number))
	for _, id := range []dialler.CallID{held, waits, rings} {
		l.hangup(id)
		l.over(id)
	}
	l.quiet()
}

// successor: a process finds the calls of the one before it, and they are its
// own from then on.
func successor(t *testing.T, h Harness) {
	first := up(t, h)
	talks, left, alone, later := h.origination(Talks), h.origination(Talks), h.origination(Talks), h.origination(Slow)
	held, leaving, waiting := first.place(talks), first.place(left), first.place(alone)
	for _, id := range []dialler.CallID{held, leaving, waiting} {
		first.of(id, dialler.Up)
	}
	first.join(held, h.handover(h.Bot, held, talks.Number))
	first.join(leaving, h.handover(h.BotLeaves, leaving, left.Number))
	ringing := first.place(later)
	first.t = t
	first.stop()
	first.mu.Lock()
	first.news = nil // its calls are not its own any more
	first.mu.Unlock()

	second := up(t, h)
	live := second.live()
	for _, id := range []dialler.CallID{held, leaving, waiting, ringing} {
		if !slices.Contains(live, id) {
			t.Errorf("Live does not have %s; it has %v", id, live)
		}
	}
	if seen, err := second.find(held); err != nil || seen != (dialler.Sighting{Found: true, Answered: true, Joined: true}) {
		t.Errorf("Find of a conversation: %+v, %v, want found, answered and joined", seen, err)
	}
	if seen, err := second.find(waiting); err != nil || seen != (dialler.Sighting{Found: true, Answered: true}) {
		t.Errorf("Find of an answered call: %+v, %v, want found and answered", seen, err)
	}
	for _, id := range []dialler.CallID{leaving, ringing} {
		if seen, err := second.find(id); err != nil || !seen.Found {
			t.Errorf("Find: %+v, %v, want found", seen, err)
		}
	}
	second.of(ringing, dialler.Up)
	second.leaveInGap(leaving)
	second.join(waiting, h.handover(h.Bot, waiting, alone.Number))
	second.join(ringing, h.handover(h.Bot, ringing, later.Number))
	for _, id := range []dialler.CallID{held, leaving, waiting, ringing} {
		second.hangup(id)
		second.over(id)
	}
	second.quiet()
}

func crash(t *testing.T, h Harness) {
	l := up(t, h)
	id := l.place(h.origination(Talks))
	l.of(id, dialler.Up)
	ringing := l.place(h.origination(NeverThere))
	links := l.count("", dialler.LinkUp)
	h.Crash(t)
	if !l.wait(func([]dialler.Event) bool { return l.count("", dialler.LinkUp) > links }) {
		t.Fatalf("no link after the crash; the news is %s", l.story(""))
	}
	for _, id := range []dialler.CallID{id, ringing} {
		if seen, err := l.find(id); err != nil || seen.Found {
			t.Errorf("Find after a crash: %+v, %v, want nothing", seen, err)
		}
	}
	again := l.place(h.origination(Talks))
	l.of(again, dialler.Up)
	l.hangup(again)
	l.over(again)
}
