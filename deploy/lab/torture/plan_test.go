package torture

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"ringback/deploy/lab/farend"
)

// chance is a source of it for one matter of a seed: one thing going otherwise
// does not make everything else go otherwise.
func chance(seed uint64, matter ...any) *rand.Rand {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, matter...)
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// pick chooses one by weight.
func pick[T comparable](r *rand.Rand, from ...weighted[T]) T {
	sum := 0
	for _, w := range from {
		sum += w.weight
	}
	n := r.IntN(sum)
	for _, w := range from {
		if n -= w.weight; n < 0 {
			return w.it
		}
	}
	panic("unreachable")
}

type weighted[T comparable] struct {
	it     T
	weight int
}

func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least)))
}

// What can go wrong.
const (
	kill       = "kill -9" // of a node; it is started again after a while
	retire     = "SIGTERM" // of a node; it drains, and is started again
	freeze     = "SIGSTOP" // of a node, for longer than its leases hold; then SIGCONT
	cut        = "cut"     // a wire's connections are reset, and for a while none is made
	stall      = "stall"   // all that is sent over a wire is held for a while
	slow       = "slow"    // all that is sent over a wire is late
	lose       = "lose"    // a wire's connections die without a word
	restart    = "restart" // of Postgres: fast, or of Asterisk: kill -9
	crash      = "crash"   // of Postgres: immediate
	leaseTTL   = 5 * time.Second
	lostNotice = 20 * time.Second // after which TCP's keepalive would have found out
)

// A mishap is something that goes wrong, for a while.
type mishap struct {
	at, lasts time.Duration // from the beginning of the run; and for how long
	what      string
	whom      string // n1, pbx-1, postgres, or a wire: n1—postgres, n1—pbx-1
}

func (m mishap) String() string {
	return fmt.Sprintf("%s of %s for %v", m.what, m.whom, m.lasts.Round(time.Millisecond))
}

// Where what runs: node n1 has an Asterisk for itself but for n2, which shares
// both.
var pbxOf = map[string][]string{"n1": {"pbx-1"}, "n2": {"pbx-1", "pbx-2"}, "n3": {"pbx-2"}}

var nodeNames, pbxNames = []string{"n1", "n2", "n3"}, []string{"pbx-1", "pbx-2"}

func wireName(node, to string) string { return node + "—" + to }

// Each minute of a run has its storm and its calm: in the calm it shows that
// all is well again.
const (
	round = time.Minute
	storm = 44 * time.Second
)

// draw makes the mishaps of a run, by time. None begins in the calm of a
// round, or in the last five seconds.
func draw(seed uint64, lasts time.Duration) []mishap {
	var all []mishap
	track := func(whom string, first, least, most time.Duration, next func(r *rand.Rand, n int) mishap) {
		r := chance(seed, "mishaps", whom)
		at := first + between(r, 0, 2*time.Second)
		for n := 0; at < lasts-5*time.Second; n++ {
			if at%round > storm {
				at = at.Truncate(round) + round + between(r, 0, 2*time.Second)
				continue
			}
			m := next(r, n)
			m.at = at
			all = append(all, m)
			at += m.lasts + between(r, least, most)
		}
	}
	for i, name := range nodeNames {
		track(name, time.Duration(2+3*i)*time.Second, 1500*time.Millisecond, 7*time.Second, func(r *rand.Rand, n int) mishap {
			wires := []string{wireName(name, "postgres")}
			for _, pbx := range pbxOf[name] {
				wires = append(wires, wireName(name, pbx))
			}
			m := mishap{whom: name, what: pick(r, weighted[string]{kill, 12}, weighted[string]{retire, 1}, weighted[string]{freeze, 2},
				weighted[string]{cut, 3}, weighted[string]{stall, 2}, weighted[string]{slow, 2}, weighted[string]{lose, 1})}
			if n == 0 { // a short run has one of each
				m.what = []string{kill, freeze, cut}[i]
			}
			switch m.what {
			case kill:
				m.lasts = between(r, 0, 1500*time.Millisecond)
				if r.IntN(6) == 0 { // others are to take over
					m.lasts = absence(r)
				}
			case retire:
				m.lasts = 3 * time.Second // at most
			case freeze:
				m.lasts = absence(r)
			case cut:
				m.lasts = between(r, 100*time.Millisecond, 4*time.Second)
			case stall:
				m.lasts = between(r, time.Second, 8*time.Second)
			case slow:
				m.lasts = between(r, 2*time.Second, 6*time.Second)
			case lose:
				m.lasts = 0
			}
			if slices.Contains([]string{cut, stall, slow, lose}, m.what) {
				m.whom = wires[r.IntN(len(wires))]
			}
			return m
		})
	}
	track("postgres", 10*time.Second, 20*time.Second, 70*time.Second, func(r *rand.Rand, n int) mishap {
		m := mishap{whom: "postgres", what: restart, lasts: between(r, 0, 3*time.Second)}
		if (n+int(seed))%2 == 0 {
			m.what = crash
		}
		return m
	})
	track("pbx", 40*time.Second, 60*time.Second, 150*time.Second, func(r *rand.Rand, n int) mishap {
		return mishap{whom: pbxNames[r.IntN(len(pbxNames))], what: restart, lasts: between(r, 0, 3*time.Second)}
	})
	slices.SortStableFunc(all, func(a, b mishap) int { return int(a.at - b.at) })
	return all
}

// absence is longer than leases hold; now and then for so long that all that
// the node had to do is done by others.
func absence(r *rand.Rand) time.Duration {
	if r.IntN(6) == 0 {
		return between(r, 4*leaseTTL, 6*leaseTTL)
	}
	return between(r, leaseTTL+time.Second, 2*leaseTTL)
}

// personOf is who has a number: how they take each call to it, and what they
// ask the bot for.
func personOf(seed uint64, number string, long bool) farend.Person {
	r := chance(seed, "person", number)
	var p farend.Person
	for range 6 {
		p.Takes = append(p.Takes, takeOf(r))
		p.Says = append(p.Says, sayingOf(r, long))
	}
	return p
}

func takeOf(r *rand.Rand) farend.Take {
	return [...]farend.Take{
		{},
		{Ring: 2 * time.Second},
		{Status: 486},
		{Status: 486, Early: true, Audio: farend.Chatter},
		{Never: true},
		{Status: 603},
		{Status: 503},
		{Status: 404},
		{Stay: -1},
		{Stay: 300 * time.Millisecond},
		{Audio: farend.Voicemail},
		{Deaf: true},
	}[pick(r, weighted[int]{0, 50}, weighted[int]{1, 6}, weighted[int]{2, 10}, weighted[int]{3, 3}, weighted[int]{4, 6}, weighted[int]{5, 4},
		weighted[int]{6, 4}, weighted[int]{7, 2}, weighted[int]{8, 4}, weighted[int]{9, 3}, weighted[int]{10, 4}, weighted[int]{11, 1})]
}

func sayingOf(r *rand.Rand, long bool) farend.Saying {
	switch r.IntN(10) {
	case 0:
		return farend.Saying{Nothing: true}
	case 1:
		return farend.Saying{Phrase: "later", Reason: "not interested"}
	case 2:
		return farend.Saying{}
	}
	s := farend.Saying{Callback: true, Reason: "driving"}
	if phrase := r.IntN(4); phrase == 0 && long {
		s.Phrase = "ek minute baad"
	} else if phrase > 1 {
		s.Phrase = "jab time mile" // no clear time: after the retry delay
	}
	switch r.IntN(6) {
	case 0:
		s.Times = 2
	case 1:
		s.Early = true
	case 2:
		s.Late = between(r, 0, 2*time.Second)
	}
	return s
}
