package farend

import (
	"bytes"
	"net/url"
	"slices"
	"time"

	"github.com/emiago/sipgo/sip"
)

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
	if err == errNoACK {
		l.bye() // RFC 3261 §13.3.1.4: end what was never confirmed
	}
	return err == nil && !l.isOver()
}

func (l *leg) isOver() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}

// hear drops what is sent to a number with nobody there, before the library, which
// would answer 100, has seen it.
func (f *FarEnd) hear(_ sip.TransportReadProps, data []byte) ([]byte, error) {
	rest, isInvite := bytes.CutPrefix(data, []byte("INVITE sip:"))
	if !isInvite {
		return data, nil
	}
	at := time.Now()
	user, _, _ := bytes.Cut(rest, []byte("@"))
	number, err := url.PathUnescape(string(user))
	if err != nil {
		number = string(user)
	}
	takes := f.who(number).Takes
	if isBot(number) {
		takes = botTakes(number)
	}
	if !slices.ContainsFunc(takes, func(t Take) bool { return t.Deaf }) {
		return data, nil
	}
	msg, err := sip.ParseMessage(data)
	if err != nil {
		return data, nil // the library says what it thinks of it
	}
	req, ok := msg.(*sip.Request)
	if !ok || req.CallID() == nil || req.From() == nil {
		return data, nil
	}
	call := Call{
		ID: req.CallID().Value(), Number: number, Bot: isBot(number), From: req.From().Address.User,
		Headers: headers(req), Invited: at,
	}
	if f.Record.unheard(call, takes) {
		return nil, nil
	}
	return data, nil
}
