package farend

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/google/uuid"
)

// leg is the far end's side of one dialog (RFC 3261 §12), from its INVITE on.
type leg struct {
	f      *FarEnd
	id     string // Call-ID
	number string
	bot    bool
	nth    int
	invite *sip.Request // its To has our tag
	tx     sip.ServerTransaction
	offer  answer

	cancelled chan struct{} // closed when CANCEL came in time
	byed      chan struct{} // closed when BYE came

	mu    sync.Mutex
	audio *stream
	acks  map[uint32]chan struct{} // by CSeq of the INVITE or re-INVITE, closed when its ACK came
	over  bool                     // byed is closed
	final int                      // what the INVITE is answered with, 0 while that is open
}

var reasons = map[int]string{
	100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK",
	403: "Forbidden", 404: "Not Found", 408: "Request Timeout", 410: "Gone", 480: "Temporarily Unavailable",
	484: "Address Incomplete", 486: "Busy Here", 488: "Not Acceptable Here", 500: "Server Internal Error",
	502: "Bad Gateway", 503: "Service Unavailable", 600: "Busy Everywhere", 603: "Decline", 608: "Rejected",
}

func (l *leg) tag() string {
	tag, _ := l.invite.To().Params.Get("tag")
	return tag
}

func (l *leg) response(status int, body []byte) *sip.Response {
	reason := reasons[status]
	if reason == "" {
		reason = fmt.Sprintf("Status %d", status)
	}
	res := sip.NewResponseFromRequest(l.invite, status, reason, body)
	if status > 100 && status < 300 {
		res.AppendHeader(l.f.contact())
	}
	if body != nil {
		kind := sip.ContentTypeHeader("application/sdp")
		res.AppendHeader(&kind)
	}
	return res
}

// respond sends a response. An error means that the transaction is over: CANCEL came,
// or the far end is closing.
func (l *leg) respond(status int, body []byte) error {
	return l.tx.Respond(l.response(status, body))
}

// settle decides on the final response: an answer, a refusal and a CANCEL may come at
// one moment, and the first has it.
func (l *leg) settle(status int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.final != 0 {
		return false
	}
	l.final = status
	return true
}

// refuse sends a final failure, unless CANCEL was first.
func (l *leg) refuse(status int) {
	if !l.settle(status) {
		return
	}
	// Noted first: who is told may dial again before this line is done.
	l.f.Record.final(l.id, status)
	l.fail(status)
}

// fail sends a final failure and stays until its ACK.
func (l *leg) fail(status int) {
	if l.respond(status, nil) != nil {
		return
	}
	select {
	case <-l.tx.Acks():
	case <-l.tx.Done():
	case <-l.f.ctx.Done():
	}
}

// cancel is what CANCEL does to a call that is not yet decided (RFC 3261 §9.2).
func (l *leg) cancel() {
	if l.settle(487) {
		l.f.Record.cancelled(l.id)
		close(l.cancelled)
	}
}

// accept sends 200 and repeats it until the ACK comes (RFC 3261 §13.3.1.4), unless
// CANCEL was first.
func (l *leg) accept() error {
	if !l.settle(200) {
		return errGone
	}
	l.f.Record.answered(l.id)
	return l.confirm(l.f.ctx, l.tx, l.response(200, l.f.media.describe(l.offer)), l.invite.CSeq().SeqNo)
}

var errNoACK = errors.New("no ACK came")

func (l *leg) confirm(ctx context.Context, tx sip.ServerTransaction, ok *sip.Response, cseq uint32) error {
	ack := make(chan struct{})
	l.mu.Lock()
	l.acks[cseq] = ack
	l.mu.Unlock()
	limit := time.NewTimer(64 * sip.T1)
	defer limit.Stop()
	for wait := sip.T1; ; wait = min(2*wait, sip.T2) {
		if err := tx.Respond(ok); err != nil {
			return err
		}
		again := time.NewTimer(wait)
		select {
		case <-ack:
			again.Stop()
			return nil
		case <-l.byed:
			again.Stop()
			return nil
		case <-ctx.Done():
			again.Stop()
			return ctx.Err()
		case <-limit.C:
			again.Stop()
			return errNoACK
		case <-again.C:
		}
	}
}

// acked notes the ACK of a 200; it may come several times.
func (l *leg) acked(cseq uint32) {
	l.mu.Lock()
	ack := l.acks[cseq]
	delete(l.acks, cseq)
	l.mu.Unlock()
	if ack != nil {
		close(ack)
	}
	l.f.Record.confirmed(l.id)
}

// play lets audio be heard, in place of what was.
func (l *leg) play(audio Audio) {
	s := l.f.media.start(l.offer, audio)
	l.mu.Lock()
	l.audio = s
	l.mu.Unlock()
}

// listen returns nil when something has been heard, and otherwise as wait does. An
// offer without an address leaves nothing to hear.
func (l *leg) listen() error {
	var heard <-chan struct{}
	l.mu.Lock()
	if l.audio != nil {
		heard = l.audio.first
	}
	l.mu.Unlock()
	return await(l, heard)
}

// hush ends the audio and notes how much came.
func (l *leg) hush() {
	l.mu.Lock()
	s := l.audio
	l.audio = nil
	l.mu.Unlock()
	if s == nil {
		return
	}
	heard := l.f.media.stop(s)
	l.f.Record.heard(l.id, heard)
}

// bye hangs up (RFC 3261 §15.1.1).
func (l *leg) bye() {
	l.hush()
	target := l.invite.Contact()
	if target == nil {
		l.f.Record.ended(l.id, EndedLost)
		return
	}
	req := sip.NewRequest(sip.BYE, target.Address)
	from := l.invite.To().AsFrom()
	to := l.invite.From().AsTo()
	forwards := sip.MaxForwardsHeader(70)
	for _, route := range l.invite.GetHeaders("Record-Route") {
		req.AppendHeader(sip.NewHeader("Route", route.Value()))
	}
	req.AppendHeader(&from)
	req.AppendHeader(&to)
	req.AppendHeader(sip.HeaderClone(l.invite.CallID()))
	req.AppendHeader(&sip.CSeqHeader{SeqNo: 1, MethodName: sip.BYE})
	req.AppendHeader(&forwards)
	req.SetTransport("UDP")
	req.SetDestination(l.invite.Source())
	// The call is over for us when BYE is sent; its answer changes nothing (§15.1.1).
	l.f.Record.ended(l.id, EndedByUs)
	ctx, cancel := context.WithTimeout(l.f.ctx, 64*sip.T1)
	defer cancel()
	_, _ = l.f.client.Do(ctx, req)
}

// wait returns nil after d, or why it ended before: errGone when the other side hung
// up, cancelled, or the far end closes. Negative d waits for that alone.
func (l *leg) wait(d time.Duration) error {
	var timer <-chan time.Time
	if d >= 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		timer = t.C
	}
	return await(l, timer)
}

// await returns nil when there is something in c, or why the call ended before.
func await[T any](l *leg, c <-chan T) error {
	select {
	case <-c:
		return nil
	case <-l.cancelled:
	case <-l.byed:
	case <-l.f.ctx.Done():
	}
	return errGone
}

var errGone = errors.New("the other side is gone")

func (f *FarEnd) contact() *sip.ContactHeader {
	c := &sip.ContactHeader{}
	if err := sip.ParseUri("sip:farend@"+f.Addr, &c.Address); err != nil {
		panic("farend: own address does not parse: " + err.Error()) // host:port of our own socket
	}
	return c
}

// onInvite is a new call, or new terms (re-INVITE) of one that is up. The library wants
// the handler to stay for as long as the transaction is to live.
func (f *FarEnd) onInvite(req *sip.Request, tx sip.ServerTransaction) {
	at := time.Now()
	if !f.enter() {
		return
	}
	defer f.quit.Done()
	if req.CallID() == nil || req.To() == nil || req.From() == nil || req.CSeq() == nil {
		_ = tx.Respond(sip.NewResponseFromRequest(req, 400, "Bad Request", nil))
		return
	}
	if req.To().Params.Has("tag") {
		f.reinvite(req, tx)
		return
	}

	// One tag for all responses. The library reads its own copy of the request for as long
	// as the transaction lives.
	tagged := req.Clone()
	tagged.To().Params.Add("tag", uuid.NewString())
	number, err := url.PathUnescape(req.Recipient.User)
	if err != nil {
		number = req.Recipient.User
	}
	l := &leg{
		f: f, id: req.CallID().Value(), number: number, bot: isBot(number), invite: tagged, tx: tx,
		cancelled: make(chan struct{}), byed: make(chan struct{}), acks: map[uint32]chan struct{}{},
	}
	l.nth, _ = f.Record.invite(Call{
		ID: l.id, Number: number, Bot: l.bot, From: req.From().Address.User, Headers: headers(req), Invited: at,
	})
	f.mu.Lock()
	f.legs[l.id] = l
	f.mu.Unlock()
	defer func() {
		l.hush()
		f.mu.Lock()
		delete(f.legs, l.id)
		f.mu.Unlock()
	}()
	// hear takes CANCEL; one that was faster than the lines above went to the library,
	// which sends the 487 by itself.
	if !tx.OnCancel(func(*sip.Request) { l.cancel() }) {
		l.cancel()
		return
	}
	if l.respond(100, nil) != nil {
		return
	}
	if l.offer, err = readOffer(req.Body()); err != nil {
		l.refuse(488)
		return
	}
	if l.bot {
		l.beBot()
	} else {
		l.beCustomer()
	}
	select {
	case <-l.cancelled:
		l.fail(487)
	default:
	}
}

// enter counts a handler in, unless Close waits already.
func (f *FarEnd) enter() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.quit.Add(1)
	return true
}

func (f *FarEnd) leg(req *sip.Request) *leg {
	if req.CallID() == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.legs[req.CallID().Value()]
}

// reinvite agrees to what is offered and answers with the same session as before.
func (f *FarEnd) reinvite(req *sip.Request, tx sip.ServerTransaction) {
	l := f.leg(req)
	if l == nil {
		_ = tx.Respond(sip.NewResponseFromRequest(req, 481, "Call Does Not Exist", nil))
		return
	}
	res := sip.NewResponseFromRequest(req, 200, "OK", f.media.describe(l.offer))
	kind := sip.ContentTypeHeader("application/sdp")
	res.AppendHeader(f.contact())
	res.AppendHeader(&kind)
	f.Record.change(l.id, "reinvite", func(*Call, time.Time) bool { return true })
	_ = l.confirm(f.ctx, tx, res, req.CSeq().SeqNo)
}

func (f *FarEnd) onAck(req *sip.Request, _ sip.ServerTransaction) {
	if l := f.leg(req); l != nil && req.CSeq() != nil {
		l.acked(req.CSeq().SeqNo)
	}
}

func (f *FarEnd) onBye(req *sip.Request, tx sip.ServerTransaction) {
	l := f.leg(req)
	if l == nil {
		_ = tx.Respond(sip.NewResponseFromRequest(req, 481, "Call Does Not Exist", nil))
		return
	}
	l.hush() // first, so that a call that has ended has its count
	f.Record.ended(l.id, EndedBySwitch)
	l.mu.Lock()
	if !l.over {
		l.over = true
		close(l.byed)
	}
	l.mu.Unlock()
	_ = tx.Respond(sip.NewResponseFromRequest(req, 200, "OK", nil))
}

// onStrayCancel is a CANCEL of no call.
func (f *FarEnd) onStrayCancel(req *sip.Request, tx sip.ServerTransaction) {
	_ = tx.Respond(sip.NewResponseFromRequest(req, 481, "Call Does Not Exist", nil))
}

func (f *FarEnd) onOther(req *sip.Request, tx sip.ServerTransaction) {
	res := sip.NewResponseFromRequest(req, 200, "OK", nil)
	res.AppendHeader(f.contact())
	res.AppendHeader(sip.NewHeader("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY"))
	res.AppendHeader(sip.NewHeader("Accept", "application/sdp"))
	_ = tx.Respond(res)
}

func headers(req *sip.Request) []Header {
	var out []Header
	for _, h := range req.Headers() {
		out = append(out, Header{h.Name(), h.Value()})
	}
	return out
}
