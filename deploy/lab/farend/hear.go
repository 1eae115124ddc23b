package farend

import (
	"bytes"
	"net/url"
	"slices"
	"time"

	"github.com/emiago/sipgo/sip"
)

// hear is the first to see a datagram, before the library parses it: it keeps back what
// the library would answer in a way of its own.
func (f *FarEnd) hear(from sip.TransportReadProps, data []byte) ([]byte, error) {
	handled := false
	switch {
	case f.ctx.Err() != nil:
		handled = true // closing: nobody is there
	case bytes.HasPrefix(data, []byte("INVITE sip:")):
		handled = f.hearInvite(data)
	case bytes.HasPrefix(data, []byte("CANCEL sip:")):
		handled = f.hearCancel(from, data)
	}
	if handled {
		return nil, nil
	}
	return data, nil
}

// hearInvite notes what is sent to a number with nobody there. The library would
// answer 100.
func (f *FarEnd) hearInvite(data []byte) bool {
	at := time.Now()
	user, _, _ := bytes.Cut(data[len("INVITE sip:"):], []byte("@"))
	number, err := url.PathUnescape(string(user))
	if err != nil {
		number = string(user)
	}
	takes := f.who(number).Takes
	if isBot(number) {
		takes = botTakes(number)
	}
	if !slices.ContainsFunc(takes, func(t Take) bool { return t.Deaf }) {
		return false
	}
	req := parse(data)
	return req != nil && f.Record.unheard(Call{
		ID: req.CallID().Value(), Number: number, Bot: isBot(number), From: req.From().Address.User,
		Headers: headers(req), Invited: at,
	}, takes)
}

// hearCancel answers 200 and lets the call answer 487, with the tag its other responses
// have: the library makes one up.
func (f *FarEnd) hearCancel(from sip.TransportReadProps, data []byte) bool {
	req := parse(data)
	if req == nil {
		return false
	}
	l := f.leg(req)
	if l == nil {
		return false
	}
	req.SetSource(from.RemoteAddr.String())
	req.To().Params.Add("tag", l.tag())
	// One that is lost is asked for again.
	_, _ = f.conn.WriteTo([]byte(sip.NewResponseFromRequest(req, 200, "OK", nil).String()), from.RemoteAddr)
	l.cancel()
	return true
}

// parse is nil for what the library had better say something about.
func parse(data []byte) *sip.Request {
	msg, err := sip.ParseMessage(data)
	if err != nil {
		return nil
	}
	req, ok := msg.(*sip.Request)
	if !ok || req.CallID() == nil || req.From() == nil || req.To() == nil {
		return nil
	}
	return req
}
