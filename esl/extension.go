package esl

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"ringback/dialler"
)

// dialplanVariables is the context for a customer leg that goes to the
// dialplan: as RINGBACK_*, and as headers for whoever the dialplan then bridges
// to. Those are exported and begin with _nolocal_, so that they reach the leg
// that is bridged and stay off the customer's own, where a re-INVITE would
// carry them to the carrier.
func (s *Switch) dialplanVariables(x dialler.Context) []dialler.Var {
	vars := []dialler.Var{
		{Name: "ringback_bot", Value: inDialplan},
		{Name: "park_after_bridge", Value: "false"}, // what follows is the dialplan's to say
	}
	for _, v := range variables(x) {
		if v.Value != "" { // FreeSWITCH has no empty variables
			vars = append(vars, v)
		}
	}
	var exported []string
	for _, v := range s.sipHeaders(x) {
		if v.Value != "" {
			v.Name = "_nolocal_" + v.Name
			exported = append(exported, v.Name)
			vars = append(vars, v)
		}
	}
	return append(vars, dialler.Var{Name: "export_vars", Value: strings.Join(exported, ",")})
}

// placeExists asks whether the dialplan can have such an extension. A leg that
// is sent to one that is not there is hung up, and with it the customer. A
// context that comes from elsewhere than the XML dialplan is not seen, and
// neither is one whose extensions ask for more than the number.
func (s *Switch) placeExists(ctx context.Context, place, exten string) (bool, error) {
	key := place + "," + exten
	s.mu.Lock()
	known := s.places[key]
	s.mu.Unlock()
	if known {
		return true, nil
	}
	text, err := s.cmd.api(ctx, "xml_locate dialplan context name "+place)
	if err != nil {
		return false, err
	}
	if !hasExtension(text, exten) {
		return false, nil
	}
	s.mu.Lock()
	s.places[key] = true
	s.mu.Unlock()
	return true, nil
}

// hasExtension reports whether a context, as XML, has an extension that may
// take the number: none of its conditions on destination_number speaks against
// it. What cannot be read is taken to.
func hasExtension(text, exten string) bool {
	if !strings.HasPrefix(strings.TrimSpace(text), "<") {
		return false
	}
	var c struct {
		Extensions []struct {
			Continue   string `xml:"continue,attr"`
			Conditions []struct {
				Field      string `xml:"field,attr"`
				Expression string `xml:"expression,attr"`
			} `xml:"condition"`
		} `xml:"extension"`
	}
	if err := xml.Unmarshal([]byte(text), &c); err != nil {
		return true
	}
	for _, e := range c.Extensions {
		may := e.Continue != "true" // such a one is passed through
		for _, cond := range e.Conditions {
			if cond.Field != "destination_number" {
				continue
			}
			re, err := regexp.Compile(cond.Expression)
			if err == nil && !re.MatchString(exten) {
				may = false
			}
		}
		if may {
			return true
		}
	}
	return false
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
	commands, err := setvars(string(c.id), s.dialplanVariables(h.Context))
	if err != nil {
		return err
	}
	if ok, err := s.placeExists(ctx, place, exten); err != nil {
		return err
	} else if !ok {
		return fmt.Errorf("the dialplan has no extension %s in context %s", exten, place)
	}
	s.mu.Lock()
	if c.ext || c.joined {
		s.mu.Unlock()
		return nil
	}
	c.ext, c.ours = true, true
	for _, v := range variables(h.Context) {
		if v.Name == "RINGBACK_CALLBACK_REASON" {
			c.reason = dialler.Unpercent(v.Value)
		}
	}
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
	s.link.Go(func(ctx context.Context) { s.awaitDialplan(ctx, c, h.Bot, limit-time.Since(began)) })
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

// passing are the applications of a dialplan that come before a bot; bridge
// is told by CHANNEL_BRIDGE once the other end has answered.
var passing = map[string]bool{
	"_undef_": true, "": true, "park": true, "bridge": true, "set": true, "multiset": true, "unset": true, "export": true,
	"answer": true, "pre_answer": true, "ring_ready": true, "sleep": true, "log": true, "info": true, "event": true,
	"transfer": true, "execute_extension": true, "hash": true, "db": true, "limit": true, "sched_hangup": true,
	"record_session": true, "set_audio_level": true, "jitterbuffer": true, "hangup": true, "check_acl": true,
}

// talks reports whether an application is a bot, or holds the customer for
// one: socket, lua, playback, conference, a module's own.
func talks(app string) bool { return !passing[app] }

// awaitDialplan tells that the bot is on the line once the dialplan runs an
// application that talks. One that bridges is told by its event.
func (s *Switch) awaitDialplan(ctx context.Context, c *call, bot dialler.Bot, limit time.Duration) {
	end := time.After(max(limit, time.Second))
	pause := 10 * time.Millisecond
	for {
		app, err := s.cmd.api(ctx, "uuid_getvar "+string(c.id)+" current_application")
		if err == nil && talks(app) {
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
