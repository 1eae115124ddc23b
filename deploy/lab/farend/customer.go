package farend

import "errors"

// beCustomer takes one call as its number's [Person] does.
func (l *leg) beCustomer() { l.take(nth(l.f.who(l.number).Takes, l.nth)) }

// take plays a [Take] from the first ringing to the hang-up.
func (l *leg) take(t Take) {
	switch {
	case t.Early:
		if l.respond(183, l.f.media.describe(l.offer)) != nil {
			return
		}
		l.f.Record.rang(l.id, "progress")
		l.play(t.Audio)
	case t.Status == 0 || t.Never:
		if l.respond(180, nil) != nil {
			return
		}
		l.f.Record.rang(l.id, "ringing")
	}
	ring := orDefault(t.Ring, l.f.o.Ring)
	if t.Never {
		ring = -1
	} else {
		ring = max(ring, 0)
	}
	if l.wait(ring) != nil {
		return
	}
	if t.Status != 0 {
		l.hush()
		l.refuse(t.Status)
		return
	}
	l.hush()
	if !l.pickUp(t.Audio) {
		return
	}
	stay := orDefault(t.Stay, l.f.o.Talk)
	if l.wait(max(stay, 0)) == nil {
		l.bye()
	}
}

// pickUp answers, and lets be heard what is to be heard. It is false when the call is
// over before it began.
func (l *leg) pickUp(audio Audio) bool {
	l.play(audio)
	err := l.accept()
	if errors.Is(err, errNoACK) {
		l.bye() // RFC 3261 §13.3.1.4: end what was never confirmed
	}
	return err == nil && !l.isOver()
}

func (l *leg) isOver() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}
