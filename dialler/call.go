package dialler

import "time"

// A call is the state machine of one attempt from the request to originate to
// its end. It is pure: it is told what happened and when, and answers with
// what to do. One goroutine owns it; see ring.go.
//
//	placing ──Up──▶ [screening ──▶] connecting ──Joined──▶ talking ──BotLeft──▶ hanging
//	   │                │  machine      │ BotFailed, too late       too long ────▶ hanging
//	   │ too long       ▼               ▼
//	   └──────────▶ hanging ◀── apologising (the campaign's sound, if it has one)
//
//	any phase ──HungUp──▶ over
//
// News may come twice or be missing: a call that is told Joined without Up has
// been answered all the same. Times that cannot be, of a switch whose clock is
// off or that gave none, are replaced by the time of hearing: a retry must not
// come early because a clock elsewhere is late.
type call struct {
	phase    phase
	began    time.Time // when it was asked for: nothing of it can have happened before
	deadline time.Time // when the phase has lasted too long; zero only when over
	limits   limits
	verdict  Disposition // what ends the call, where we do; empty: the network's word counts

	Outcome
}

// limits are what a campaign allows each phase.
type limits struct {
	ring, bot, talk time.Duration
	screen          bool
	apology         string
}

// phase is where a call stands.
type phase string

const (
	placing     phase = "placing" // asked for; perhaps ringing
	screening   phase = "screening"
	connecting  phase = "connecting" // the bot was sent for
	talking     phase = "talking"
	apologising phase = "apologising"
	hanging     phase = "hanging" // we asked for its end
	over        phase = "over"
)

// Limits that are ours rather than a campaign's.
const (
	ringSlack   = 5 * time.Second  // the switch ends the ringing itself; this is for one that forgets
	screenLimit = 10 * time.Second // Asterisk's AMD() takes 5 s at most by default
	apologyMax  = 15 * time.Second
	hangupWait  = 5 * time.Second // from our Hangup to HungUp, before we ask again
)

// An order is what a call wants done.
type order string

const (
	connect order = "connect" // Switch.Connect
	play    order = "play"    // Switch.Play the apology
	hangup  order = "hangup"  // Switch.Hangup
	mark    order = "mark"    // Ledger.Mark
	ask     order = "ask"     // Switch.Find, then resume
	settle  order = "settle"  // Ledger.Settle; the last
)

func newCall(c Campaign, now time.Time) *call {
	c = c.WithDefaults()
	l := limits{ring: c.RingTimeout, bot: c.BotTimeout, talk: c.MaxDuration, screen: c.Screen, apology: c.Apology}
	return &call{phase: placing, limits: l, began: now, deadline: now.Add(l.ring + ringSlack)}
}

// hear takes a piece of news.
func (c *call) hear(ev Event, now time.Time) []order {
	if c.phase == over {
		return nil
	}
	at := ev.At
	if at.Before(c.began) || at.After(now) {
		at = now
	}
	switch ev.Kind {
	case Ringing:
		if c.phase == placing {
			first(&c.Rang, at)
		}
	case Up:
		return c.up(at, now)
	case Screened:
		if c.phase != placing && c.phase != screening {
			return nil
		}
		first(&c.Answered, at)
		c.Machine = ev.Verdict
		if ev.Verdict == VerdictMachine {
			return c.hang(Machine, now)
		}
		return c.sendForBot(now)
	case Joined:
		if c.phase == talking || c.phase == hanging {
			return nil
		}
		return c.join(at, now)
	case BotFailed:
		if c.phase == connecting {
			return c.noBot(now)
		}
	case BotLeft:
		switch c.phase {
		case talking:
			return c.hang("", now)
		case connecting: // it left before it was there
			return c.noBot(now)
		}
	case PlayDone:
		if c.phase == apologising {
			return c.hang(Abandoned, now)
		}
	case HungUp:
		return c.end(at, c.outcome(ev.Disposition), ev.Cause)
	}
	return nil
}

// expire is told that the deadline has passed.
func (c *call) expire(now time.Time) []order {
	switch c.phase {
	case placing:
		return c.hang(NoAnswer, now)
	case screening: // no verdict is unsure, and unsure is a person
		c.Machine = VerdictUnsure
		return c.sendForBot(now)
	case connecting:
		return c.noBot(now)
	case talking:
		return c.hang("", now)
	case apologising:
		return c.hang(Abandoned, now)
	case hanging:
		c.enter(hanging, now, hangupWait)
		return []order{ask}
	}
	return nil
}

// resume takes what the switch says of the call when it was asked, because
// news may have been missed.
func (c *call) resume(s Sighting, now time.Time) []order {
	switch {
	case c.phase == over:
		return nil
	case !s.Found:
		// Gone unseen. What we know to have happened counts; for the rest
		// the attempt is taken as made and failed (I3).
		return c.end(now, c.outcome(gone), Cause{Text: "gone when the switch was asked"})
	case s.Joined && (c.phase != hanging || c.verdict == Abandoned || c.verdict == NoAnswer):
		// Also where we had given up: they met while we could not see, and
		// our Hangup did not get through. We don't break in on them.
		if c.phase == talking {
			return nil
		}
		c.verdict = ""
		return c.join(now, now)
	case c.phase == hanging:
		if s.Answered {
			c.up(now, now)
		}
		return []order{hangup}
	case c.phase == talking: // the bot left unseen
		return c.hang("", now)
	case s.Answered && c.phase == placing:
		return c.up(now, now)
	case c.phase == connecting:
		// The request may have been lost; a second makes no second bot leg.
		// What time was left, while nothing could be seen, does not count.
		if !now.Before(c.deadline) {
			c.enter(connecting, now, c.limits.bot)
		}
		return []order{connect}
	case c.phase == apologising:
		return c.hang(Abandoned, now)
	}
	return nil
}

func (c *call) up(at, now time.Time) []order {
	if c.phase == hanging && c.verdict == NoAnswer { // they crossed: answered while we gave up
		first(&c.Answered, at)
		c.verdict = Abandoned
	}
	if c.phase != placing {
		return nil
	}
	first(&c.Answered, at)
	if c.limits.screen && c.Machine == "" {
		c.enter(screening, now, screenLimit)
		return nil
	}
	return c.sendForBot(now)
}

func (c *call) join(at, now time.Time) []order {
	first(&c.Answered, at)
	first(&c.Joined, at)
	c.enter(talking, now, c.limits.talk)
	return []order{mark}
}

func (c *call) sendForBot(now time.Time) []order {
	c.enter(connecting, now, c.limits.bot)
	return []order{connect}
}

func (c *call) noBot(now time.Time) []order {
	if c.limits.apology == "" {
		return c.hang(Abandoned, now)
	}
	c.enter(apologising, now, apologyMax)
	return []order{play}
}

// hang asks for the call's end; v is what that makes of it, empty for a
// conversation that was held.
func (c *call) hang(v Disposition, now time.Time) []order {
	c.verdict = v
	c.enter(hanging, now, hangupWait)
	return []order{hangup}
}

func (c *call) end(at time.Time, d Disposition, cause Cause) []order {
	c.Ended, c.Disposition, c.Cause = at, d, cause
	c.phase, c.deadline = over, time.Time{}
	return []order{settle}
}

// gone stands for the network's word on a call that ended unseen.
const gone Disposition = "gone"

// outcome is the disposition of a call that has ended; network is what the
// switch makes of its cause.
func (c *call) outcome(network Disposition) Disposition {
	switch {
	case !c.Joined.IsZero():
		return Answered
	case c.verdict != "":
		return c.verdict
	case network == gone:
		return Failed
	case !c.Answered.IsZero():
		return Abandoned // the customer left before the bot was there
	case network == "" || network == Answered:
		return Failed
	}
	return network
}

func (c *call) enter(p phase, now time.Time, limit time.Duration) {
	c.phase, c.deadline = p, now.Add(limit)
}

// first sets *t once: of news told twice the first counts.
func first(t *time.Time, at time.Time) {
	if t.IsZero() {
		*t = at
	}
}
