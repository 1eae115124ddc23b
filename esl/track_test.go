package esl

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"ringback/dialler"
	"ringback/esl/esltest"
)

// replay lets a Switch hear the events of one call, as if it had placed it.
// Commands go to a FreeSWITCH that knows no such call.
func replay(t *testing.T, id dialler.CallID, screen bool, heard [][]byte) []dialler.Event {
	t.Helper()
	fs, err := esltest.Start(esltest.Options{Calm: true})
	if err != nil {
		t.Fatal(err)
	}
	defer fs.Close()
	s, err := New(Options{Addr: fs.Addr(), Password: "ClueCon"})
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.link.RaiseLocked()
	_ = s.link.Told()
	c := s.addLocked(id)
	if screen {
		c.screen = screenWanted
	}
	s.mu.Unlock()
	for _, body := range heard {
		e, err := decoder{}.decode(body)
		if err != nil {
			t.Fatal(err)
		}
		if e.name == evJob {
			e.job = string(id) // each was recorded with a name of its own
		}
		s.handle(&e)
	}
	ctx, done := context.WithTimeout(t.Context(), 2*time.Minute)
	defer done()
	var told []dialler.Event
	ended := false
	if err := s.link.Run(ctx, func(ctx context.Context) error { <-ctx.Done(); return nil }, func(e dialler.Event) {
		told = append(told, e)
		if e.Kind == dialler.HungUp {
			ended = true
			done()
		}
	}); err != nil || !ended {
		t.Fatalf("the call never ends: %v", err)
	}
	told = append(told, s.link.Told()...)
	s.cmd.close()
	return told
}

// story is what the dialler is told, in a line.
func story(told []dialler.Event) string {
	var parts []string
	for _, e := range told {
		s := string(e.Kind)
		switch e.Kind {
		case dialler.HungUp:
			s += fmt.Sprintf(" %s %s", e.Disposition, e.Cause)
		case dialler.Screened:
			s += " " + string(e.Verdict)
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, ", ")
}

// recorded is what becomes of the first call of each transcript.
var recorded = []struct{ name, id, news string }{
	{"03-originate-answer-setvar-kill-plain", "615f2c44-6169-41d4-a0b2-2eeefdba0706", "up, hung_up abandoned 16 NORMAL_CLEARING"},
	{"04-dead-gateway", "ce3effeb-a290-4c4c-9872-ebf7c268dd63", "hung_up congestion 41 NORMAL_TEMPORARY_FAILURE (no answer from the far end)"},
	{"04b-dead-address", "33bab8f6-8752-45b9-ae6b-56e540e6804c", "hung_up congestion 41 NORMAL_TEMPORARY_FAILURE (no answer from the far end)"},
	{"04c-unknown-gateway", "24bfbbba-42d7-4d6e-aac3-df398038bdfd", "hung_up failed 0 INVALID_GATEWAY"},
	{"04d-unknown-endpoint", "4a330fda-8397-4270-af51-f12c3eaad49e", "hung_up failed 66 CHAN_NOT_IMPLEMENTED"},
	{"04e-silent-peer", "a8d7b0c3-cc46-484d-9d7c-718a25b1e4d1", "hung_up congestion 102 RECOVERY_ON_TIMER_EXPIRE (no answer from the far end)"},
	{"05a-ring-no-answer", "ef1a37da-24d7-4014-a706-4a7174e7df30", "ringing, hung_up no_answer 19 NO_ANSWER"},
	{"05a2-trying-only", "02b48bd8-340f-4f1b-a6e7-8ba46590a4fa", "hung_up no_answer 19 NO_ANSWER"},
	{"05b-busy-486", "", "hung_up busy 17/486 USER_BUSY"},
	{"05c-404", "", "hung_up unallocated 1/404 UNALLOCATED_NUMBER"},
	{"05d-503", "", "hung_up congestion 41/503 NORMAL_TEMPORARY_FAILURE"},
	{"05e-ring-then-486", "", "ringing, hung_up busy 17/486 USER_BUSY"},
	{"05f-603", "", "hung_up rejected 21/603 CALL_REJECTED"},
	{"05g-480", "", "hung_up no_answer 18/480 NO_USER_RESPONSE"},
	{"05h-403", "", "hung_up rejected 21/403 CALL_REJECTED"},
	{"05i-484", "", "hung_up unallocated 28/484 INVALID_NUMBER_FORMAT"},
	{"05j-408", "", "hung_up no_answer 102/408 RECOVERY_ON_TIMER_EXPIRE"},
	{"05k-500", "", "hung_up congestion 41/500 NORMAL_TEMPORARY_FAILURE"},
	{"05l-488", "", "hung_up failed 88/488 INCOMPATIBLE_DESTINATION"},
	{"05m-early-media-no-answer", "", "early_media, hung_up no_answer 19 NO_ANSWER"},
	{"05o-answer", "", "ringing, up, hung_up abandoned 16 NORMAL_CLEARING"},
	{"05p-answer-far-end-bye", "", "ringing, up, hung_up abandoned 16 NORMAL_CLEARING"},
	{"05q-self-real-sip-answer", "", "up, hung_up abandoned 16 NORMAL_CLEARING"},
	{"07-shutdown-sigterm", "6c8f70f0-24b9-4b68-a3e1-e3c7d8f39316", "up, hung_up abandoned 16 SYSTEM_SHUTDOWN"},
	{"07-shutdown-sigterm", "b507ef43-fac2-4110-b4e9-889c49dccd47", "hung_up failed 16 SYSTEM_SHUTDOWN"},
	{"22-avmd-beep", "078d19df-0328-4dd5-8f4e-12546b064ee8", "up, hung_up abandoned 16 NORMAL_CLEARING"},
	{"22b-avmd-beep-sip", "6505fc1a-3e4b-4bbb-ac9e-f88d27791e02", "up, screened machine, hung_up abandoned 16 NORMAL_CLEARING"},
}

// eventsOf are the events of one call; with id "", of the first.
func eventsOf(t *testing.T, name, id string) (dialler.CallID, [][]byte) {
	t.Helper()
	var own [][]byte
	sent := transcripts(t)[name]
	all := bodies(t, sent)
	for _, b := range all {
		e, err := decoder{}.decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if id == "" {
			id = e.leg
		}
		// Which job was whose is told by what it was asked to do.
		if e.leg == id || e.name == evJob && strings.Contains(string(b), id) {
			own = append(own, b)
		}
	}
	if len(own) == 0 {
		t.Fatalf("%s: no events of %s", name, id)
	}
	return dialler.CallID(id), own
}

func TestTellsTheRecordedCalls(t *testing.T) {
	for _, r := range recorded {
		t.Run(r.name+"/"+r.id[:min(4, len(r.id))], func(t *testing.T) {
			t.Parallel()
			id, own := eventsOf(t, r.name, r.id)
			if got := story(replay(t, id, r.name == "22b-avmd-beep-sip", own)); got != r.news {
				t.Errorf("got  %s\nwant %s", got, r.news)
			}
		})
	}
}

// In whatever order the events come, and how often, the end of a call is told
// once, last, and as the same thing.
func TestTellsTheSameEndInAnyOrder(t *testing.T) {
	for _, r := range recorded {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			id, own := eventsOf(t, r.name, r.id)
			want := r.news[strings.Index(r.news, "hung_up"):]
			for seed := range uint64(12) {
				rng := rand.New(rand.NewPCG(seed, 1))
				mixed := append(slices.Clone(own), own[rng.IntN(len(own))], own[rng.IntN(len(own))])
				rng.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
				told := replay(t, id, false, mixed)
				if got := story(told[len(told)-1:]); got != want {
					t.Errorf("seed %d: ends with %s, want %s", seed, got, want)
				}
				seen := map[dialler.EventKind]int{}
				for _, e := range told {
					if seen[e.Kind]++; seen[e.Kind] > 1 {
						t.Errorf("seed %d: %s is told twice: %s", seed, e.Kind, story(told))
					}
				}
			}
		})
	}
}

// The recorded table, SIP status by SIP status.
func TestMeaningOfEverySIPStatus(t *testing.T) {
	want := map[dialler.Disposition][]int{
		dialler.Busy:        {486, 600},
		dialler.NoAnswer:    {408, 422, 480, 487, 491, 580},
		dialler.Rejected:    {403, 603, 607, 608},
		dialler.Unallocated: {404, 410, 484, 604},
		dialler.Congestion:  {400, 481, 485, 500, 502, 503, 504},
		dialler.Failed:      {401, 402, 405, 406, 407, 413, 415, 420, 423, 482, 483, 488, 501, 505, 513, 606},
	}
	table := recordedCauses(t)
	seen := 0
	for d, codes := range want {
		for _, code := range codes {
			row, ok := table[code]
			if !ok {
				t.Errorf("%d is not in the table", code)
			}
			seen++
			if got := meaning(row.cause, dialler.Cause{Q850: row.q850, SIP: code}); got != d {
				t.Errorf("%d %s: got %s, want %s", code, row.cause, got, d)
			}
			if n := q850[row.cause]; n != row.q850 {
				t.Errorf("%s is Q.850 %d, recorded %d", row.cause, n, row.q850)
			}
		}
	}
	if seen != len(table) {
		t.Errorf("%d of %d statuses were looked at", seen, len(table))
	}
}
