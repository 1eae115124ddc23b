package dialler

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite the golden transcripts; read the diff, and be able to explain it")

// TestCallStories tells the state machine the stories of testdata/call. A line
// is "+time event → phase until deadline: orders"; what follows the arrow is
// what the call made of it.
func TestCallStories(t *testing.T) {
	files, err := filepath.Glob("testdata/call/*.txt")
	if err != nil || len(files) < 20 {
		t.Fatalf("found %d stories, err %v; want the two dozen there are", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := tell(t, string(b))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(b) {
				t.Errorf("the story goes otherwise:\n%s\nwant:\n%s", got, b)
			}
			if !strings.Contains(got, "settled ") {
				t.Error("the story has no end")
			}
		})
	}
}

var epoch = time.Date(2026, 3, 12, 11, 0, 0, 0, time.UTC)

func tell(t *testing.T, story string) string {
	t.Helper()
	var out strings.Builder
	var c *call
	campaign := Campaign{}
	for line := range strings.Lines(story) {
		line = strings.TrimRight(line, "\n")
		said, _, _ := strings.Cut(line, "→")
		said = strings.TrimRight(said, " ")
		words := strings.Fields(said)
		switch {
		case len(words) == 0 || words[0] == "#":
			fmt.Fprintln(&out, line)
			continue
		case words[0] == "campaign":
			set(t, &campaign, words[1:])
			fmt.Fprintln(&out, line)
			continue
		}
		after, err := time.ParseDuration(strings.TrimPrefix(words[0], "+"))
		if err != nil || len(words) < 2 {
			t.Fatalf("%q: want +time event, # or campaign", line)
		}
		now := epoch.Add(after)
		if c == nil {
			if words[1] != "originate" {
				t.Fatalf("%q: a story begins with originate", line)
			}
			c = newCall(campaign, now)
			fmt.Fprintf(&out, "%-32s → %s\n", said, stands(c))
			continue
		}
		orders := hearWords(t, c, words[1:], now)
		fmt.Fprintf(&out, "%-32s → %s%s\n", said, stands(c), list(orders))
	}
	return out.String()
}

// hearWords tells c one line of a story.
func hearWords(t *testing.T, c *call, words []string, now time.Time) []order {
	ev := Event{At: now}
	arg := func(n int) string {
		if n < len(words) {
			return words[n]
		}
		return ""
	}
	// "@+2s" is when the switch says that it happened, "@none" that it doesn't.
	if last := words[len(words)-1]; strings.HasPrefix(last, "@") {
		words = words[:len(words)-1]
		ev.At = time.Time{}
		if last != "@none" {
			d, err := time.ParseDuration(strings.TrimPrefix(last, "@"))
			if err != nil {
				t.Fatal(err)
			}
			ev.At = epoch.Add(d)
		}
	}
	switch words[0] {
	case "expire":
		if now.Before(c.deadline) {
			t.Fatalf("expire before the deadline, %s", since(c.deadline))
		}
		return c.expire(now)
	case "find":
		s, ok := map[string]Sighting{
			"gone": {}, "ringing": {Found: true}, "answered": {Found: true, Answered: true},
			"joined": {Found: true, Answered: true, Joined: true},
		}[arg(1)]
		if !ok {
			t.Fatalf("find %q: want gone, ringing, answered or joined", arg(1))
		}
		return c.resume(s, now)
	case "ringing":
		ev.Kind = Ringing
	case "early-media":
		ev.Kind = EarlyMedia
	case "up":
		ev.Kind = Up
	case "screened":
		ev.Kind, ev.Verdict = Screened, Verdict(arg(1))
	case "joined":
		ev.Kind = Joined
	case "botfailed":
		ev.Kind = BotFailed
	case "botleft":
		ev.Kind = BotLeft
	case "playdone":
		ev.Kind = PlayDone
	case "hungup":
		ev.Kind, ev.Disposition = HungUp, Disposition(arg(2))
		q, sip, _ := strings.Cut(arg(1), "/")
		ev.Cause.Q850, _ = strconv.Atoi(q)
		ev.Cause.SIP, _ = strconv.Atoi(sip)
	default:
		t.Fatalf("%q: no such event", words[0])
	}
	return c.hear(ev, now)
}

func set(t *testing.T, c *Campaign, words []string) {
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		d, _ := time.ParseDuration(value)
		switch key {
		case "ring":
			c.RingTimeout = d
		case "bot":
			c.BotTimeout = d
		case "talk":
			c.MaxDuration = d
		case "screen":
			c.Screen = true
		case "apology":
			c.Apology = value
		default:
			t.Fatalf("campaign %q: want ring, bot, talk, screen or apology", key)
		}
	}
}

func since(at time.Time) string { return "+" + at.Sub(epoch).String() }

func stands(c *call) string {
	if c.phase == over {
		s := fmt.Sprintf("over; settled %s, cause %s", c.Disposition, c.Cause)
		for _, w := range []struct {
			what string
			at   time.Time
		}{{"rang", c.Rang}, {"answered", c.Answered}, {"joined", c.Joined}, {"ended", c.Ended}} {
			if !w.at.IsZero() {
				s += fmt.Sprintf(", %s %s", w.what, since(w.at))
			}
		}
		if c.Machine != "" {
			s += ", screened " + string(c.Machine)
		}
		return s
	}
	return fmt.Sprintf("%s until %s", c.phase, since(c.deadline))
}

func list(orders []order) string {
	if len(orders) == 0 {
		return ""
	}
	s := make([]string, len(orders))
	for i, o := range orders {
		s[i] = string(o)
	}
	return ": " + strings.Join(s, ", ")
}

// TestCallAlwaysEnds says of every sequence of news, deadlines and sightings,
// possible or not, what must hold of a call.
func TestCallAlwaysEnds(t *testing.T) {
	kinds := []EventKind{Ringing, EarlyMedia, Up, Screened, Joined, BotFailed, BotLeft, PlayDone, HungUp, LinkUp, ""}
	sightings := []Sighting{{}, {Found: true}, {Found: true, Answered: true}, {Found: true, Answered: true, Joined: true}}
	rapid.Check(t, func(t *rapid.T) {
		campaign := Campaign{
			Screen:  rapid.Bool().Draw(t, "screen"),
			Apology: rapid.SampledFrom([]string{"", "sorry"}).Draw(t, "apology"),
		}
		now := epoch
		c := newCall(campaign, now)
		if rapid.Bool().Draw(t, "adopted while talking") {
			c.Answered, c.Joined = now, now
			c.enter(talking, now, c.limits.talk)
		}
		settled := 0
		check := func(orders []order) {
			t.Helper()
			if settled > 0 && len(orders) > 0 {
				t.Fatalf("orders %v after the settlement", orders)
			}
			for i, o := range orders {
				if o == settle {
					settled++
					if i != len(orders)-1 {
						t.Fatalf("settle is not the last of %v", orders)
					}
				}
			}
			if (c.phase == over) != (settled == 1) {
				t.Fatalf("phase %s, settled %d times", c.phase, settled)
			}
			if c.phase == over {
				if !c.deadline.IsZero() || c.Ended.IsZero() || c.Disposition == "" || c.Disposition == gone {
					t.Fatalf("over with deadline %v and outcome %+v", c.deadline, c.Outcome)
				}
				if (c.Disposition == Answered) != !c.Joined.IsZero() {
					t.Fatalf("disposition %s, joined %v: a conversation is one with a bot", c.Disposition, c.Joined)
				}
			} else if c.deadline.IsZero() {
				t.Fatalf("phase %s can last for ever", c.phase)
			}
			for _, at := range []time.Time{c.Rang, c.Answered, c.Joined, c.Ended} {
				if !at.IsZero() && (at.Before(epoch) || at.After(now)) {
					t.Fatalf("outcome %+v has a time outside of the call", c.Outcome)
				}
			}
			if !c.Joined.IsZero() && c.Answered.IsZero() {
				t.Fatal("joined a call that nobody answered")
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {},
			"hear": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 4000).Draw(t, "ms")) * time.Millisecond)
				ev := Event{
					Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), At: now.Add(time.Duration(rapid.IntRange(-9, 9).Draw(t, "skew")) * time.Second),
					Verdict:     rapid.SampledFrom([]Verdict{VerdictHuman, VerdictMachine, VerdictUnsure, ""}).Draw(t, "verdict"),
					Disposition: rapid.SampledFrom(append(Dispositions, "")).Draw(t, "disposition"),
				}
				if rapid.IntRange(0, 9).Draw(t, "no time") == 0 {
					ev.At = time.Time{}
				}
				check(c.hear(ev, now))
			},
			"expire": func(t *rapid.T) {
				if c.deadline.After(now) {
					now = c.deadline
				}
				check(c.expire(now))
			},
			"resume": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 4000).Draw(t, "ms")) * time.Millisecond)
				check(c.resume(rapid.SampledFrom(sightings).Draw(t, "sighting"), now))
			},
		})
		// Nothing more is heard. The deadlines alone bring it to hanging, where it
		// asks, again and again, until the switch says that the call is gone.
		for i := 0; c.phase != over; i++ {
			if c.deadline.After(now) { // it may be late
				now = c.deadline
			}
			orders := c.expire(now)
			check(orders)
			for _, o := range orders {
				if o == ask {
					check(c.resume(Sighting{}, now))
				}
			}
			if i > 10 {
				t.Fatalf("left alone, the call stays %s", c.phase)
			}
		}
	})
}
