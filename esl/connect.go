package esl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"ringback/dialler"
)

// Connect implements [dialler.Switch]. A second Connect of a call that has its
// bot, or waits for it, does nothing.
func (s *Switch) Connect(ctx context.Context, id dialler.CallID, h dialler.Handover) error {
	fail := func(err error) error { return fmt.Errorf("connecting %s: %w", id, err) }
	if err := checkID(id); err != nil {
		return fail(err)
	}
	if !s.linkUp() {
		return fail(dialler.ErrDown)
	}
	s.mu.Lock()
	c := s.calls[id]
	s.mu.Unlock()
	if c == nil || !c.knownUp(&s.mu) {
		// From before our restart, or what we know of it is old.
		if _, err := s.Find(ctx, id); err != nil {
			return fail(err)
		}
		s.mu.Lock()
		c = s.calls[id]
		s.mu.Unlock()
	}
	if c == nil || !c.knownUp(&s.mu) {
		return fail(errNoSession)
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

func (c *call) knownUp(mu interface {
	Lock()
	Unlock()
}) bool {
	mu.Lock()
	defer mu.Unlock()
	return c.answered && !c.gone && c.ending == notEnding
}

// callBot makes the bot leg, with the context on it before it is dialled.
func (s *Switch) callBot(ctx context.Context, c *call, h dialler.Handover) error {
	command, err := s.botLeg(c, h)
	if err != nil {
		return err
	}
	s.mu.Lock()
	switch c.state {
	case noBot, botGone:
		c.state = botAsked
	default:
		s.bridge(c) // found parked after a restart
		s.mu.Unlock()
		return nil
	}
	c.ours = true
	if h.Timeout > 0 {
		c.botWait = s.after(h.Timeout, func() { s.botLate(c, h.Timeout) })
	}
	s.mu.Unlock()

	err = s.cmd.bgapi(ctx, c.bot, command)
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if c.botWait != nil {
			c.botWait.Stop()
		}
		if c.state == botAsked {
			c.state = botGone // should it come all the same, it is hung up
		}
	}
	return err
}

// botLate gives up waiting for the bot. The lock is held.
func (s *Switch) botLate(c *call, limit time.Duration) {
	if c.joined || c.gone || c.state == noBot || c.state == botGone {
		return
	}
	s.killLocked(c.bot, "NO_ANSWER")
	s.botEnded(c, dialler.Cause{}, fmt.Sprintf("the bot did not answer within %v", limit), time.Now())
}

// botLeg makes the originate of the bot leg: our mark, the context as channel
// variables RINGBACK_*, and as SIP headers.
func (s *Switch) botLeg(c *call, h dialler.Handover) (string, error) {
	if err := checkEndpoint(h.Bot.Endpoint); err != nil {
		return "", fmt.Errorf("endpoint of bot %q: %w", h.Bot.Name, err)
	}
	vars := append(s.mark(c.id, s.opts.App+"-bot"),
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
	for _, header := range h.Context.Headers() {
		vars = append(vars, sipHeader(header))
	}
	if s.opts.UserToUser {
		vars = append(vars, sipHeader(dialler.Var{Name: "User-to-User", Value: h.Context.UserToUser()}))
	}
	kept := vars[:0]
	for _, v := range vars {
		if v.Value != "" { // FreeSWITCH has no empty variables
			kept = append(kept, v)
		}
	}
	return leg(kept, c.bot, h.Bot.Endpoint, "&park()")
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

// extensionForm is "context,exten" or, as Asterisk writes it,
// "context,exten,priority"; FreeSWITCH has no priorities.
var extensionForm = regexp.MustCompile(`^([A-Za-z0-9_.-]+),([A-Za-z0-9_.*#+-]+)(,[0-9]+)?$`)

// transfer hands the customer leg to the dialplan, with the context on it.
func (s *Switch) transfer(ctx context.Context, c *call, h dialler.Handover) error {
	m := extensionForm.FindStringSubmatch(h.Bot.Extension)
	if m == nil {
		return fmt.Errorf("extension of bot %q: got %.100q; want context,exten such as ringback-bot,agent", h.Bot.Name, h.Bot.Extension)
	}
	place, exten := m[1], m[2]
	vars := []dialler.Var{{Name: "ringback_bot", Value: "extension"}}
	for _, v := range variables(h.Context) {
		if v.Value != "" {
			vars = append(vars, v)
		}
	}
	commands, err := setvars(string(c.id), vars)
	if err != nil {
		return err
	}
	s.mu.Lock()
	if c.ext || c.joined {
		s.mu.Unlock()
		return nil
	}
	c.ext, c.ours = true, true
	settled := c.settled
	s.mu.Unlock()

	limit := h.Timeout
	if limit <= 0 {
		limit = dialler.DefaultBotTimeout
	}
	began := time.Now()
	err = s.handOver(ctx, c, settled, append(commands, "uuid_transfer "+string(c.id)+" "+exten+" XML "+place), limit)
	if err != nil {
		s.mu.Lock()
		c.ext = false
		s.mu.Unlock()
		return err
	}
	s.background(func(ctx context.Context) { s.awaitDialplan(ctx, c, h.Bot, limit-time.Since(began)) })
	return nil
}

// handOver runs the commands once the leg is parked: as long as its originate
// is not over, that would put it back to where it was to go.
func (s *Switch) handOver(ctx context.Context, c *call, settled <-chan struct{}, commands []string, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-settled:
	case <-c.done:
		return errNoSession
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return errors.New("the customer leg is not parked yet")
	}
	for _, command := range commands {
		if _, err := s.cmd.api(ctx, command); err != nil {
			return err
		}
	}
	return nil
}

// awaitDialplan tells that the dialplan has the call once it runs an
// application of its own on it. Where there is no such extension, FreeSWITCH
// hangs up, and that is told anyway.
func (s *Switch) awaitDialplan(ctx context.Context, c *call, bot dialler.Bot, limit time.Duration) {
	end := time.After(max(limit, time.Second))
	pause := 10 * time.Millisecond
	for {
		app, err := s.cmd.api(ctx, "uuid_getvar "+string(c.id)+" current_application")
		if err == nil && app != "_undef_" && app != "park" {
			s.mu.Lock()
			s.join(c, time.Now())
			s.mu.Unlock()
			return
		}
		select {
		case <-c.done:
			return
		case <-ctx.Done():
			return
		case <-end:
			s.mu.Lock()
			defer s.mu.Unlock()
			if !c.joined && !c.gone && c.ending == notEnding {
				c.ext = false
				s.tell(c, dialler.Event{Kind: dialler.BotFailed, Reason: fmt.Sprintf(
					"extension %q of bot %q ran no application within %v", bot.Extension, bot.Name, limit)})
			}
			return
		case <-time.After(pause):
			pause = min(2*pause, 200*time.Millisecond)
		}
	}
}
