package switchtest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"ringback/dialler"
)

func botEndpoint(t *testing.T, h Harness) {
	l := up(t, h)
	o := h.origination(Talks)
	id := l.place(o)
	l.of(id, dialler.Up)
	hand := h.handover(h.Bot, id, o.Number)
	l.join(id, hand)
	l.order(id, dialler.Up, dialler.Joined)
	checkContext(t, h, hand.Context)
	l.hangup(id)
	end := l.over(id)
	if end.Disposition != dialler.Answered && end.Reason != "found out" {
		t.Errorf("got %s, want %s", end.Disposition, dialler.Answered)
	}
	l.never(id, dialler.BotLeft) // we hung up, both legs
	l.quiet()
}

// checkContext compares what reached the bot with what it was to be told:
// those fields, those values, once each, and no other of ours.
func checkContext(t *testing.T, h Harness, x dialler.Context) {
	t.Helper()
	eventually(t, "the bot's call with its context", func() bool { _, ok := h.botFor(x.Call); return ok })
	s, _ := h.botFor(x.Call)
	want := x.Headers()
	prefix := "X-Ringback-"
	if !h.Headers {
		want, prefix = x.Variables(), "RINGBACK_"
	}
	cut := prefix + "Truncated"
	if !h.Headers {
		cut = prefix + "TRUNCATED"
	}
	said := slices.Equal(s.Fields[cut], []string{"1"})
	for _, v := range want {
		if got := s.Fields[v.Name]; !slices.Equal(got, []string{v.Value}) {
			// A PBX may carry less than the most we send, if it says so.
			if len(got) == 1 && len(got[0]) >= 2048 && strings.HasPrefix(v.Value, got[0]) && said {
				continue
			}
			t.Errorf("%s: the bot got %.120q, want %.120q once", v.Name, got, v.Value)
		}
	}
	ours := 0
	for name := range s.Fields {
		if strings.HasPrefix(name, prefix) && name != "RINGBACK_APP" && name != "RINGBACK_HEADERS" {
			ours++
		}
		if strings.Contains(strings.ToLower(name), "evil") && !strings.HasPrefix(name, prefix+"Var-") && !strings.HasPrefix(name, prefix+"VAR_") {
			t.Errorf("a field of the customer's own making reached the bot: %s", name)
		}
	}
	if said && !slices.ContainsFunc(want, func(v dialler.Var) bool { return v.Name == cut }) {
		ours--
	}
	if ours != len(want) {
		t.Errorf("the bot got %d of our fields, want %d", ours, len(want))
	}
}

func hostileContext(t *testing.T, h Harness) {
	l := up(t, h)
	bots := []dialler.Bot{h.Bot, h.Extension}
	for _, bot := range bots {
		o := h.origination(Talks)
		id := l.place(o)
		l.of(id, dialler.Up)
		hand := h.handover(bot, id, o.Number)
		hand.Context.Campaign = "a, b; c=d & \"e\" 100% ${HANGUP()} 'f' \\ ^g^"
		hand.Context.Callback.Phrase = "कल सुबह\r\nX-Evil: 1\r\n\r\nINVITE sip:evil@example.com SIP/2.0"
		hand.Context.Callback.Reason = strings.Repeat("बाद में ", 4096/22)
		hand.Context.Vars = map[string]string{
			"evil\r\nX-Evil": "1", "X-Evil: 2": "\r\nX-Evil: 3", "${SHELL(id)}": "$[1+1]", "emoji": "☎️🙂",
			"json": `{"a":"b\u0000"}`, "nul": "a\x00b", "latin": "\xff\xfe", "Name": "Asha \"A,B\" Rao <sip:x@y>",
		}
		l.join(id, hand)
		checkContext(t, h, hand.Context)
		l.hangup(id)
		l.over(id)
	}
	l.quiet()
}

func botLeaves(t *testing.T, h Harness) {
	l := up(t, h)
	o := h.origination(Talks)
	id := l.place(o)
	l.of(id, dialler.Up)
	l.join(id, h.handover(h.BotLeaves, id, o.Number))
	l.leave(id)
	if l.has(id, dialler.HungUp) {
		return // of a faulty switch
	}
	if !h.Faulty { // where Joined may have been found out, after BotLeft was told
		l.order(id, dialler.Joined, dialler.BotLeft)
	}
	l.never(id, dialler.BotFailed)
	// The customer is still there, and may be told something.
	l.play(id)
	l.hangup(id)
	l.over(id)
	l.quiet()
}

// leave waits for the bot to leave; on a faulty switch a lost link may hide it.
func (l *link) leave(id dialler.CallID) {
	l.t.Helper()
	for began := time.Now(); ; {
		if l.has(id, dialler.BotLeft) || l.has(id, dialler.HungUp) {
			return
		}
		if time.Since(began) > patience {
			l.t.Fatalf("bot_left did not come; the news is %s", l.story(id))
		}
		if l.h.Faulty {
			if seen, err := l.find(id); err == nil && seen.Found && !seen.Joined {
				return
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// leaveInGap is leave for a bot that may have left while nobody listened: that is
// found out by asking. One that is still there then leaves with news.
func (l *link) leaveInGap(id dialler.CallID) {
	l.t.Helper()
	if seen, err := l.find(id); err == nil && !seen.Joined {
		return
	}
	l.leave(id)
}

func (l *link) play(id dialler.CallID) {
	l.t.Helper()
	for tries := 0; tries < 50; tries++ {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		err := l.Play(ctx, id, l.h.Sound)
		cancel()
		if err == nil {
			links := l.count("", dialler.LinkUp)
			if !l.wait(func([]dialler.Event) bool {
				return l.has(id, dialler.PlayDone) || l.count("", dialler.LinkUp) > links
			}) {
				l.t.Errorf("play_done did not come; the news is %s", l.story(id))
				return
			}
			if l.has(id, dialler.PlayDone) {
				return
			}
			continue // the link was lost, and the news with it
		}
		if !l.h.Faulty {
			l.t.Errorf("Play: %v", err)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	l.t.Error("the sound was never played")
}

func botBusy(t *testing.T, h Harness) {
	l := up(t, h)
	o := h.origination(Talks)
	id := l.place(o)
	l.of(id, dialler.Up)
	l.failWith(id, h.handover(h.BotBusy, id, o.Number))
	l.never(id, dialler.Joined, dialler.HungUp)
	// Another bot may be tried.
	l.join(id, h.handover(h.Bot, id, o.Number))
	l.hangup(id)
	l.over(id)
	l.quiet()
}

// failWith connects to a bot that fails.
func (l *link) failWith(id dialler.CallID, h dialler.Handover) {
	l.t.Helper()
	for {
		links := l.count("", dialler.LinkUp)
		if err := l.connect(id, h); err != nil {
			l.t.Fatalf("Connect: %v, want bot_failed to tell", err)
		}
		if !l.wait(func([]dialler.Event) bool {
			return l.has(id, dialler.BotFailed) || l.count("", dialler.LinkUp) > links
		}) {
			l.t.Fatalf("bot_failed did not come; the news is %s", l.story(id))
		}
		if l.has(id, dialler.BotFailed) {
			return
		}
		if seen, _ := l.find(id); !seen.Found || seen.Joined {
			l.t.Fatalf("after a lost link the call is %+v", seen)
		}
		if l.has(id, dialler.BotFailed) {
			return
		}
		// The bot failed while the link was down, or it still may: asked
		// again, Connect does not make a second one.
	}
}

func botNever(t *testing.T, h Harness) {
	l := up(t, h)
	o := h.origination(Talks)
	id := l.place(o)
	l.of(id, dialler.Up)
	hand := h.handover(h.BotNever, id, o.Number)
	hand.Timeout = 1200 * time.Millisecond
	began := time.Now()
	l.failWith(id, hand)
	if took := time.Since(began); took < hand.Timeout && !h.Faulty {
		t.Errorf("given up after %v, want %v", took, hand.Timeout)
	}
	l.never(id, dialler.Joined)
	eventually(t, "the bot's telephone stops ringing", func() bool {
		return !slices.ContainsFunc(h.Seen(), func(s Seen) bool { return s.Bot && s.Live })
	})
	l.hangup(id)
	l.over(id)
	l.quiet()
}

func customerLeavesFirst(t *testing.T, h Harness) {
	l := up(t, h)
	o := h.origination(Leaves)
	id := l.place(o)
	l.of(id, dialler.Up, dialler.HungUp)
	// Too late, or nearly: whatever comes of it, no bot stays behind.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	_ = l.Connect(ctx, id, h.handover(h.Bot, id, o.Number))
	cancel()
	l.over(id)
	l.quiet()
}

func botExtension(t *testing.T, h Harness) {
	l := up(t, h)
	o := h.origination(Talks)
	id := l.place(o)
	l.of(id, dialler.Up)
	hand := h.handover(h.Extension, id, o.Number)
	l.join(id, hand)
	l.order(id, dialler.Up, dialler.Joined)
	checkContext(t, h, hand.Context)
	seen, err := l.find(id)
	if err != nil || seen != (dialler.Sighting{Found: true, Answered: true, Joined: true}) {
		t.Errorf("Find: %+v, %v, want found, answered and joined", seen, err)
	}
	l.hangup(id)
	l.over(id)
	l.quiet()
}

func noExtension(t *testing.T, h Harness) {
	l := up(t, h)
	o := h.origination(Talks)
	id := l.place(o)
	l.of(id, dialler.Up)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	err := l.Connect(ctx, id, h.handover(h.NoSuchExt, id, o.Number))
	cancel()
	if err == nil {
		l.of(id, dialler.BotFailed)
	}
	l.never(id, dialler.Joined, dialler.HungUp) // the customer must not be dropped by it
	l.join(id, h.handover(h.Bot, id, o.Number))
	l.hangup(id)
	l.over(id)
	l.quiet()
}

func screening(t *testing.T, h Harness) {
	l := up(t, h)
	type want struct {
		person Person
		is     dialler.Verdict
	}
	wants := []want{{Talks, dialler.VerdictHuman}, {Voicemail, dialler.VerdictMachine}, {Silent, dialler.VerdictUnsure}}
	if h.NoHuman {
		wants[0].is = dialler.VerdictUnsure
	}
	ids, numbers := make([]dialler.CallID, len(wants)), make([]dialler.Number, len(wants))
	for i, w := range wants {
		o := h.origination(w.person)
		o.Screen = true
		ids[i], numbers[i] = l.place(o), o.Number
	}
	for i, w := range wants {
		got := l.of(ids[i], dialler.Screened)
		l.order(ids[i], dialler.Up, dialler.Screened)
		// On a faulty switch the way to the screening, or its verdict, may
		// be lost: then nobody is sure.
		if lost := h.Faulty && got.Verdict == dialler.VerdictUnsure; got.Verdict != w.is && !lost {
			t.Errorf("%s: got %s, want %s", w.person, got.Verdict, w.is)
		}
	}
	// A screened call goes to the bot as any other.
	if !h.Faulty {
		l.join(ids[0], h.handover(h.Bot, ids[0], numbers[0]))
	}
	for _, id := range ids {
		l.hangup(id)
		l.over(id)
	}
	l.quiet()
}
