package ari

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"ringback/dialler"
)

// Connect implements [dialler.Switch]. After an error neither Joined nor
// BotFailed follows, and no bot leg is left. Asked again while a bot is on its
// way, it makes no second one.
//
// A bot that is an endpoint gets a leg of its own, made as the customer's:
// created with the context on it, put into the call's bridge, then dialled. It
// is joined when it answers. If the dial string begins with PJSIP/, the
// context is SIP headers of the INVITE; if not (Local/…), it is channel
// variables that the channels behind it inherit.
func (s *Switch) Connect(ctx context.Context, id dialler.CallID, h dialler.Handover) error {
	fail := func(err error) error {
		if errors.Is(err, errNotSent) || code(err) == 0 && !s.link.Up() {
			err = fmt.Errorf("%w (%w)", err, dialler.ErrDown)
		}
		return fmt.Errorf("connecting %s to bot %q: %w", id, h.Bot.Name, err)
	}
	if err := checkID(id); err != nil {
		return fail(err)
	}
	if err := h.Bot.Check(); err != nil {
		return fail(err)
	}
	if !s.link.Up() {
		return fail(dialler.ErrDown)
	}
	if !s.knows(id) { // a call of a process before this one
		if seen, err := s.Find(ctx, id); err != nil {
			return fail(err)
		} else if !seen.Found {
			return fail(errOver)
		}
	}
	if s.underWay(id, h) {
		return nil
	}
	if h.Bot.Extension != "" {
		if err := s.handOver(ctx, id, h); err != nil {
			return fail(err)
		}
		return nil
	}
	if err := s.dialBot(ctx, id, h); err != nil {
		return fail(err)
	}
	return nil
}

// underWay reports whether a call has a bot already, or one that is coming.
func (s *Switch) underWay(id dialler.CallID, h dialler.Handover) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.calls[id]
	switch {
	case c == nil || c.ending != notEnding:
		return false
	case c.joined:
		s.tell(c, dialler.Event{Kind: dialler.Joined})
		return true
	case c.extFail:
		s.tell(c, dialler.Event{Kind: dialler.BotFailed, Reason: "the dialplan has failed to bring a bot"})
		return true
	case c.bot != nil || c.ext:
		if c.wait == nil { // the process before this one sent for it
			s.expectBot(c, h)
		}
		return true
	}
	return false
}

// expectBot bounds the wait for a bot. The lock is held.
func (s *Switch) expectBot(c *call, h dialler.Handover) {
	if h.Timeout <= 0 {
		return
	}
	bot := c.bot
	c.wait = s.link.After(h.Timeout, func() {
		switch {
		case s.calls[c.id] != c || c.joined || c.bot != bot:
		case bot != nil:
			s.botLate(c, bot, fmt.Sprintf("the bot did not answer within %v", h.Timeout))
		default:
			s.dialplanFailed(c, dialler.Cause{}, fmt.Sprintf("the dialplan brought no bot within %v", h.Timeout), nil)
		}
	})
}

var (
	errOver      = errors.New("the call is over")
	errNotUp     = errors.New("the call is not answered")
	errHasBot    = errors.New("the call has a bot, or is getting one")
	errElsewhere = errors.New("the customer's channel is in the dialplan, out of our control")
)

func (s *Switch) knows(id dialler.CallID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[id] != nil
}

// readyLocked returns a call that can be given a bot.
func (s *Switch) readyLocked(id dialler.CallID) (*call, error) {
	c := s.calls[id]
	switch {
	case c == nil, c.ending != notEnding:
		return nil, errOver
	case !c.answered:
		return nil, errNotUp
	case c.bot != nil || c.joined || c.ext:
		return nil, errHasBot
	case !c.customer.stasis:
		return nil, errElsewhere
	}
	return c, nil
}

func (s *Switch) dialBot(ctx context.Context, id dialler.CallID, h dialler.Handover) error {
	variables, err := s.botVariables(h)
	if err != nil {
		return err
	}
	s.mu.Lock()
	c, err := s.readyLocked(id)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	bot := newLeg(uuid.NewString(), c, true)
	c.bot, s.legs[bot.id] = bot, bot
	s.mu.Unlock()

	params := url.Values{
		"endpoint":  {h.Bot.Endpoint},
		"app":       {s.opts.App},
		"appArgs":   {roleBot + "," + string(id)},
		"channelId": {bot.id},
	}
	giveUp := func(err error) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if c.bot == bot {
			c.bot = nil
		}
		bot.unwanted = true
		c.stopWait()
		delete(s.legs, bot.id)
		s.link.GoLocked(func(ctx context.Context) { s.remove(ctx, "channels/"+bot.id) })
		return err
	}
	if err := s.create(ctx, bot, params, variables); err != nil {
		return giveUp(err)
	}
	if err := s.enter(ctx, c.customer, bot); err != nil {
		return giveUp(err)
	}
	query := url.Values{}
	if h.Timeout > 0 {
		query.Set("timeout", seconds(h.Timeout))
		s.mu.Lock()
		s.expectBot(c, h)
		s.mu.Unlock()
	}
	err = s.do(ctx, http.MethodPost, "channels/"+bot.id+"/dial", query, nil, nil)
	if code(err) != 0 || errors.Is(err, errNotSent) {
		return giveUp(err)
	}
	if err != nil { // no answer in time: it may be ringing; c.wait bounds that, or the bot's events come
		s.log.Warn("asterisk: no answer to a request to dial a bot", "call", id, "error", err)
	}
	return nil
}

// botLate gives up on a bot. The lock is held.
func (s *Switch) botLate(c *call, bot *leg, why string) {
	if s.calls[c.id] != c || c.bot != bot || c.joined {
		return
	}
	bot.unwanted = true
	c.bot = nil
	s.link.GoLocked(func(ctx context.Context) { s.remove(ctx, "channels/"+bot.id) })
	s.botFailed(c, dialler.Cause{}, why, nil)
}

// botVariables is the context as a bot's leg carries it. Asterisk's limit for
// the whole request is 40960 bytes (http.c, MAX_CONTENT_LENGTH).
func (s *Switch) botVariables(h dialler.Handover) (map[string]string, error) {
	out := map[string]string{}
	if n := h.Context.Number; n.Check() == nil {
		out["CONNECTEDLINE(num)"] = string(n) // whom the bot sees as the caller
	}
	if tech, _, _ := strings.Cut(h.Bot.Endpoint, "/"); strings.EqualFold(tech, "PJSIP") {
		for _, v := range h.Context.Headers() {
			out["PJSIP_HEADER(add,"+v.Name+")"] = v.Value
		}
		if s.opts.UserToUser {
			out["PJSIP_HEADER(add,User-to-User)"] = h.Context.UserToUser()
		}
		out["RINGBACK_CALL_ID"] = string(h.Context.Call)
	} else {
		for _, v := range s.dialplanVariables(h.Context) {
			out["__"+v.Name] = v.Value // inherited by the channels it brings about
		}
	}
	for name, value := range out {
		if err := printable(name, value); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// dialplanVariables is the context as the dialplan snippets of deploy/asterisk
// read it: each field in a variable, and in RINGBACK_HEADERS those that are the
// contact's own, which no dialplan can know.
func (s *Switch) dialplanVariables(x dialler.Context) []dialler.Var {
	const mostJSON = 12 << 10 // half of it quotes and backslashes, to be escaped once more
	vars := x.Variables()
	cut, said := false, false
	for i, v := range vars {
		switch {
		case v.Name == "RINGBACK_CONTEXT":
			if len(v.Value) > mostJSON {
				vars[i].Value = string(x.JSON(mostJSON))
			}
		case len(v.Value) > mostDialplan:
			vars[i].Value, cut = cutEncoded(v.Value, mostDialplan), true
		}
		said = said || v.Name == "RINGBACK_TRUNCATED"
	}
	if cut && !said {
		vars = append(vars, dialler.Var{Name: "RINGBACK_TRUNCATED", Value: "1"})
	}
	var names []string
	for _, v := range x.Headers() {
		if name := strings.TrimPrefix(v.Name, "X-Ringback-"); strings.HasPrefix(name, "Var-") {
			names = append(names, name)
		}
	}
	vars = append(vars, dialler.Var{Name: "RINGBACK_HEADERS", Value: strings.Join(names, "&")})
	if s.opts.UserToUser {
		vars = append(vars, dialler.Var{Name: "RINGBACK_USER_TO_USER", Value: x.UserToUser()})
	}
	return vars
}

// mostDialplan is how long a value may be that a dialplan works on: ${…} gives
// 4095 bytes at most, and a line that sets a header has more in it.
const mostDialplan = 3072

// cutEncoded cuts percent-encoded UTF-8 to at most n bytes, between characters.
func cutEncoded(s string, n int) string {
	end := 0
	for i := 0; i < len(s); {
		width := 1
		if s[i] == '%' && i+2 < len(s) {
			b, _ := strconv.ParseUint(s[i+1:i+3], 16, 8)
			width = 3 * max(1, bits.LeadingZeros8(^uint8(b))) // the lead byte says how many there are
		}
		if i+width > n {
			break
		}
		i += width
		end = i
	}
	return s[:min(end, len(s))]
}

// printable is the last look at what goes to Asterisk (I10): PJSIP_HEADER puts
// a CR or LF into the message as it comes.
func printable(name, value string) error {
	for _, c := range []byte(name + value) {
		if c < ' ' || c > '~' {
			return fmt.Errorf("variable %.60q: got a byte %#x in it; want printable ASCII", name, c)
		}
	}
	return nil
}

// Play implements [dialler.Switch]. A sound is a media URI of ARI, such as
// "tone:busy", or the name of a sound file, such as "sorry-youre-having-problems".
func (s *Switch) Play(ctx context.Context, id dialler.CallID, sound string) error {
	if err := checkID(id); err != nil {
		return fmt.Errorf("playing: %w", err)
	}
	media := sound
	if !strings.Contains(sound, ":") {
		media = "sound:" + sound
	}
	if err := printable("sound", sound); err != nil || sound == "" {
		return fmt.Errorf("playing to %s: sound: got %q; want the name of a sound file or a media URI", id, sound)
	}
	if !s.link.Up() {
		return fmt.Errorf("playing to %s: %w", id, dialler.ErrDown)
	}
	if err := s.do(ctx, http.MethodPost, "channels/"+string(id)+"/play", url.Values{"media": {media}}, nil, nil); err != nil {
		return fmt.Errorf("playing %q to %s: %w", sound, id, err)
	}
	return nil
}
