package switchtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"ringback/dialler"
)

// A link is a Switch that runs, and all the news it has brought.
type link struct {
	dialler.Switch
	t    *testing.T
	h    Harness
	stop func()

	mu      sync.Mutex
	news    []dialler.Event
	changed chan struct{} // closed, and made anew, by every piece of news
	busy    bool          // inside deliver
}

// up makes a Switch, runs it until the test ends, and waits for its link.
func up(t *testing.T, h Harness) *link {
	t.Helper()
	l := &link{Switch: h.New(t), t: t, h: h, changed: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx, l.deliver) }()
	l.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v, want nil once its context has ended", err)
			}
		case <-time.After(patience):
			t.Errorf("Run has not returned %v after its context ended", patience)
		}
	})
	t.Cleanup(l.stop)
	t.Cleanup(l.hangUpAll)
	l.await("link_up", func(e dialler.Event) bool { return e.Kind == dialler.LinkUp })
	return l
}

func (l *link) deliver(e dialler.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy {
		l.t.Error("deliver was called while it was running")
	}
	l.busy = true
	if len(l.news) == 0 && e.Kind != dialler.LinkUp {
		l.t.Errorf("the first news of a link is %s, want link_up", e.Kind)
	}
	if e.At.IsZero() {
		l.t.Errorf("news without a time: %+v", e)
	}
	if link := e.Kind == dialler.LinkUp || e.Kind == dialler.LinkDown; link != (e.Call == "") {
		l.t.Errorf("news %s is of call %q", e.Kind, e.Call)
	}
	l.news = append(l.news, e)
	close(l.changed)
	l.changed = make(chan struct{})
	l.busy = false
}

// wait returns when done says so of all news so far; false after patience.
func (l *link) wait(done func([]dialler.Event) bool) bool {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		l.mu.Lock()
		news, changed := slices.Clip(l.news), l.changed
		l.mu.Unlock()
		if done(news) {
			return true
		}
		select {
		case <-changed:
		case <-limit.C:
			return false
		}
	}
}

// await waits for a piece of news.
func (l *link) await(what string, wanted func(dialler.Event) bool) dialler.Event {
	l.t.Helper()
	var found dialler.Event
	if !l.wait(func(news []dialler.Event) bool {
		i := slices.IndexFunc(news, wanted)
		if i >= 0 {
			found = news[i]
		}
		return i >= 0
	}) {
		l.t.Fatalf("%s did not come within %v; the news is %s", what, patience, l.story(""))
	}
	return found
}

// of waits for news of a call. On a faulty switch, where the news may be lost
// with the link, it asks as the dialler does: after every LinkUp.
func (l *link) of(id dialler.CallID, kinds ...dialler.EventKind) dialler.Event {
	l.t.Helper()
	var found dialler.Event
	for asked, began := 1, time.Now(); ; { // nothing was lost with the first link yet
		ok, links := false, 0
		l.wait(func(news []dialler.Event) bool {
			links = 0
			for _, e := range news {
				if e.Kind == dialler.LinkUp {
					links++
				}
				if e.Call == id && slices.Contains(kinds, e.Kind) {
					found, ok = e, true
					return true
				}
			}
			return links > asked
		})
		if ok {
			return found
		}
		if links <= asked || time.Since(began) > 2*patience {
			l.t.Fatalf("%v of %s did not come; the news is %s", kinds, id, l.story(id))
		}
		asked = links
		l.ask(id)
	}
}

// ask is what the dialler does after a LinkUp: it turns a sighting into news.
func (l *link) ask(id dialler.CallID) {
	seen, err := l.find(id)
	if err != nil {
		l.t.Fatalf("Find(%s): %v", id, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	tell := func(k dialler.EventKind) {
		if !slices.ContainsFunc(l.news, func(e dialler.Event) bool { return e.Call == id && e.Kind == k }) {
			l.news = append(l.news, dialler.Event{Kind: k, Call: id, At: time.Now(), Reason: "found out"})
		}
	}
	switch {
	case !seen.Found:
		tell(dialler.HungUp)
	case seen.Joined:
		tell(dialler.Up)
		tell(dialler.Joined)
	case seen.Answered:
		tell(dialler.Up)
	}
}

// find is Find, asked again while the switch cannot say.
func (l *link) find(id dialler.CallID) (seen dialler.Sighting, err error) {
	for began := time.Now(); time.Since(began) < patience; {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		seen, err = l.Find(ctx, id)
		cancel()
		if err == nil {
			return seen, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return seen, err
}

// place originates and returns the call's ID. A faulty switch may refuse, and
// is asked again for another call; one that leaves it open is asked to hang up.
func (l *link) place(o dialler.Origination) dialler.CallID {
	l.t.Helper()
	for tries := 0; ; tries++ {
		err := l.originate(o)
		if err == nil {
			return o.ID
		}
		var no *dialler.RefusedError
		if !l.h.Faulty || tries > 200 {
			l.t.Fatalf("Originate: %v", err)
		}
		if !errors.As(err, &no) && !errors.Is(err, dialler.ErrDown) && !errors.Is(err, dialler.ErrUncertain) {
			l.t.Fatalf("Originate: %v, want it refused, down or uncertain", err)
		}
		if errors.Is(err, dialler.ErrUncertain) {
			l.hangup(o.ID)
		}
		if errors.Is(err, dialler.ErrDown) {
			time.Sleep(20 * time.Millisecond)
		}
		o.ID = NewID()
	}
}

func (l *link) originate(o dialler.Origination) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return l.Originate(ctx, o)
}

// hangup hangs up, again while the switch cannot be asked.
func (l *link) hangup(id dialler.CallID) {
	var err error
	for began := time.Now(); time.Since(began) < patience; time.Sleep(20 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		err = l.Hangup(ctx, id)
		cancel()
		if err == nil || !l.h.Faulty {
			break
		}
	}
	if err != nil {
		l.t.Errorf("Hangup: %v", err)
	}
}

// connect is Connect, asked again on a faulty switch while that makes sense.
func (l *link) connect(id dialler.CallID, h dialler.Handover) error {
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		err := l.Connect(ctx, id, h)
		cancel()
		if err == nil || !l.h.Faulty || time.Since(began) > patience || l.has(id, dialler.HungUp) || l.has(id, dialler.Joined) {
			return err
		}
	}
}

// join brings a call to its bot. On a faulty switch the bot may fail without
// being to blame.
func (l *link) join(id dialler.CallID, h dialler.Handover) {
	l.t.Helper()
	for {
		before, asked := l.count(id, dialler.BotFailed), l.count("", dialler.LinkUp)
		if err := l.connect(id, h); err != nil && !l.has(id, dialler.Joined) {
			l.t.Fatalf("Connect: %v; the news is %s", err, l.story(id))
		}
		for {
			var links int
			ok := l.wait(func([]dialler.Event) bool {
				links = l.count("", dialler.LinkUp)
				return l.has(id, dialler.Joined) || l.has(id, dialler.HungUp) || l.count(id, dialler.BotFailed) > before || links > asked
			})
			if !ok {
				l.t.Fatalf("neither joined nor failed; the news is %s", l.story(id))
			}
			if links == asked {
				break
			}
			asked = links
			l.ask(id)
			if seen, _ := l.find(id); seen.Found && !seen.Joined {
				break // connect again, if it has no bot
			}
		}
		switch {
		case l.has(id, dialler.Joined):
			return
		case !l.h.Faulty || l.has(id, dialler.HungUp):
			l.t.Fatalf("the bot was not joined; the news is %s", l.story(id))
		}
	}
}

func (l *link) count(id dialler.CallID, k dialler.EventKind) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.news {
		if e.Call == id && e.Kind == k {
			n++
		}
	}
	return n
}

func (l *link) has(id dialler.CallID, k dialler.EventKind) bool { return l.count(id, k) > 0 }

// over checks what holds of every call that has ended: the hang-up is told,
// and nothing after it.
func (l *link) over(id dialler.CallID) dialler.Event {
	l.t.Helper()
	end := l.of(id, dialler.HungUp)
	l.mu.Lock()
	defer l.mu.Unlock()
	after := false
	for _, e := range l.news {
		if e.Call != id {
			continue
		}
		if after && e.Kind != dialler.HungUp {
			l.t.Errorf("%s comes after hung_up", e.Kind)
		}
		after = after || e.Kind == dialler.HungUp
	}
	return end
}

// never checks that a call has had no such news.
func (l *link) never(id dialler.CallID, kinds ...dialler.EventKind) {
	l.t.Helper()
	for _, k := range kinds {
		if l.has(id, k) {
			l.t.Errorf("there is %s; the news is %s", k, l.story(id))
		}
	}
}

// order checks that the first news of each kind comes in that order.
func (l *link) order(id dialler.CallID, kinds ...dialler.EventKind) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	at := -1
	for _, k := range kinds {
		i := slices.IndexFunc(l.news, func(e dialler.Event) bool { return e.Call == id && e.Kind == k })
		if i < at {
			l.t.Errorf("%s comes too early, or not at all", k)
		}
		at = i
	}
}

func (l *link) story(id dialler.CallID) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := ""
	for _, e := range l.news {
		if id == "" || e.Call == id || e.Call == "" {
			s += fmt.Sprintf("\n\t%s %s %s %s %s %s %s", e.At.Format("05.000"), e.Call, e.Kind, e.Verdict, e.Disposition, e.Cause, e.Reason)
		}
	}
	return s
}

func (l *link) hangUpAll() {
	ids := map[dialler.CallID]bool{}
	l.mu.Lock()
	for _, e := range l.news {
		if e.Call != "" {
			ids[e.Call] = ids[e.Call] || e.Kind == dialler.HungUp
		}
	}
	l.mu.Unlock()
	for id, over := range ids {
		if !over {
			l.hangup(id)
		}
	}
}

// quiet waits until no call is live at the far end.
func (l *link) quiet() {
	l.t.Helper()
	eventually(l.t, "the far end is quiet", func() bool {
		return !slices.ContainsFunc(l.h.Seen(), func(s Seen) bool { return s.Live })
	})
}

// eventually waits for what the far end or the switch shows, which tells
// nobody when it changes.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for began := time.Now(); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > patience {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// botFor is the bot's call that carries the context of a call.
func (h Harness) botFor(id dialler.CallID) (Seen, bool) {
	name := "RINGBACK_CALL_ID"
	if h.Headers {
		name = "X-Ringback-Call-Id"
	}
	var found Seen
	ok := false
	for _, s := range h.Seen() {
		if s.Bot && slices.Contains(s.Fields[name], string(id)) {
			found, ok = s, true // the last, if there were several
		}
	}
	return found, ok
}
