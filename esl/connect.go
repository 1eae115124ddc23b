package esl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"ringback/dialler"
)

// Connect implements [dialler.Switch]. A second Connect of a call that has its
// bot, or waits for it, does nothing.
func (s *Switch) Connect(ctx context.Context, id dialler.CallID, h dialler.Handover) error {
	fail := func(err error) error { return fmt.Errorf("connecting %s: %w", id, err) }
	if err := checkID(id); err != nil {
		return fail(err)
	}
	if !s.link.Up() {
		return fail(dialler.ErrDown)
	}
	c := s.answeredCall(id)
	if c == nil {
		// From before our restart, or what we know of it is old.
		if _, err := s.Find(ctx, id); err != nil {
			return fail(err)
		}
		if c = s.answeredCall(id); c == nil {
			return fail(errNotAnswered)
		}
	}
	var err error
	if h.Bot.Extension != "" {
		err = s.transfer(ctx, c, h)
	} else {
		err = s.callBot(ctx, c, h)
	}
	if err != nil {
		return fail(err)
	}
	return nil
}

var errNotAnswered = errors.New("no answered call of that ID")

// answeredCall returns a call that can be connected, nil if we know of none.
func (s *Switch) answeredCall(id dialler.CallID) *call {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.calls[id]
	if c == nil || !c.answered || c.gone || c.ending != notEnding {
		return nil
	}
	return c
}

// callBot makes the bot leg, with the context on it before it is dialled. Its
// ID is put on the customer leg first, so that it is found after a restart.
func (s *Switch) callBot(ctx context.Context, c *call, h dialler.Handover) error {
	leg := uuid.NewString()
	command, err := s.botLeg(c, leg, h)
	if err != nil {
		return err
	}
	s.mu.Lock()
	c.ours = true
	if c.ext || c.state != noBot && c.state != botGone {
		s.bridge(c) // found parked after a restart
		s.mu.Unlock()
		return nil
	}
	c.state = botAsked
	s.ownBotLocked(c, leg)
	if h.Timeout > 0 {
		c.botWait = s.link.After(h.Timeout, func() { s.botLate(c, leg, h.Timeout) })
	}
	s.mu.Unlock()

	_, err = s.cmd.api(ctx, "uuid_setvar "+string(c.id)+" ringback_bot "+leg)
	if err == nil {
		err = s.cmd.bgapi(ctx, leg, command)
	}
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if c.bot == leg && c.state == botAsked {
			c.botWait.Stop()
			c.state = botGone // should it come all the same, it is hung up
		}
	}
	return err
}

// botLate gives up waiting for the bot. The lock is held.
func (s *Switch) botLate(c *call, leg string, limit time.Duration) {
	if c.joined || c.gone || c.bot != leg || c.state == botGone {
		return
	}
	s.killLocked(leg, "NO_ANSWER")
	s.botEnded(c, dialler.Cause{}, fmt.Sprintf("the bot did not answer within %v", limit), time.Now())
}

// botLeg makes the originate of the bot leg: our mark, the context as channel
// variables RINGBACK_*, and as SIP headers.
func (s *Switch) botLeg(c *call, id string, h dialler.Handover) (string, error) {
	if err := checkEndpoint(h.Bot.Endpoint); err != nil {
		return "", fmt.Errorf("endpoint of bot %q: %w", h.Bot.Name, err)
	}
	vars := append(s.mark(c.id, id, s.opts.App+"-bot"),
		dialler.Var{Name: "ignore_early_media", Value: "true"},
		dialler.Var{Name: "hangup_after_bridge", Value: "true"})
	if h.Timeout > 0 {
		vars = append(vars, dialler.Var{Name: "originate_timeout", Value: seconds(h.Timeout)})
	}
	if h.Context.Number.Check() == nil { // whom the bot talks to
		vars = append(vars,
			dialler.Var{Name: "origination_caller_id_number", Value: string(h.Context.Number)},
			dialler.Var{Name: "origination_caller_id_name", Value: string(h.Context.Number)})
	}
	vars = append(vars, variables(h.Context)...)
	vars = append(vars, s.sipHeaders(h.Context)...)
	kept := vars[:0]
	for _, v := range vars {
		if v.Value != "" { // FreeSWITCH has no empty variables
			kept = append(kept, v)
		}
	}
	return leg(kept, id, h.Bot.Endpoint, "&park()")
}

// sipHeaders is the context as the variables that mod_sofia sends as headers.
func (s *Switch) sipHeaders(x dialler.Context) []dialler.Var {
	headers := x.Headers()
	if s.opts.UserToUser {
		headers = append(headers, dialler.Var{Name: "User-to-User", Value: x.UserToUser()})
	}
	for i := range headers {
		headers[i] = sipHeader(headers[i])
	}
	return headers
}

// sipHeader makes the variable that mod_sofia sends as a header. A line end in
// it would begin another header, and an empty line the body: none gets there.
func sipHeader(v dialler.Var) dialler.Var {
	value := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, v.Value)
	return dialler.Var{Name: "sip_h_" + v.Name, Value: value}
}

// variables is the context as channel variables. The JSON gets by unharmed
// whichever way it is read: "[", "]" and "%" in it, which stand in strings
// only, since nothing in a context is a list, are written as \u escapes. The
// first two end FreeSWITCH's per-leg variables, and the third with two hex
// digits after it is undone in a plain event.
func variables(x dialler.Context) []dialler.Var {
	vars := x.Variables()
	for i := range vars {
		if vars[i].Name == "RINGBACK_CONTEXT" {
			vars[i].Value = string(jsonEscaper.replace([]byte(vars[i].Value)))
		}
	}
	return vars
}

type byteEscaper map[byte]string

var jsonEscaper = byteEscaper{'[': `\u005b`, ']': `\u005d`, '%': `\u0025`}

func (m byteEscaper) replace(b []byte) []byte {
	var out bytes.Buffer
	out.Grow(len(b) + len(b)/16)
	for _, c := range b {
		if s, ok := m[c]; ok {
			out.WriteString(s)
		} else {
			out.WriteByte(c)
		}
	}
	return out.Bytes()
}
