package ari

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"

	asterisk "github.com/CyCoreSystems/ari/v6"

	"ringback/dialler"
)

// talks are the dialplan applications that are a bot, or the way to one,
// without dialling anybody: the customer talks to it as soon as it runs.
var talks = map[string]bool{
	"AudioSocket": true, "AGI": true, "EAGI": true, "ExternalIVR": true, "Stasis": true,
	"ConfBridge": true, "SpeechBackground": true,
}

// A place is where in the dialplan: "context,exten,priority", the latter two
// being s and 1 if left out.
type place struct{ context, exten, priority string }

var placePart = regexp.MustCompile(`^[A-Za-z0-9_.+*#-]{1,79}$`)

func parsePlace(s string) (place, error) {
	parts := strings.Split(s, ",")
	for len(parts) < 3 {
		parts = append(parts, [...]string{"", "s", "1"}[len(parts)])
	}
	for i, p := range parts {
		parts[i] = strings.TrimSpace(p)
		if i > 2 || !placePart.MatchString(parts[i]) {
			return place{}, fmt.Errorf("extension: got %q; want context,exten,priority", s)
		}
	}
	return place{parts[0], parts[1], parts[2]}, nil
}

// exists asks whether the dialplan has an extension there. A channel sent to
// one that is not there is hung up, and with it the customer. ARI cannot list
// the dialplan, but the state of the device Local/exten@context is INVALID
// exactly if it has no such extension (main/core_local.c, local_devicestate).
func (s *Switch) exists(ctx context.Context, p place) (bool, error) {
	key := p.exten + "@" + p.context
	s.mu.Lock()
	known := s.places[key]
	s.mu.Unlock()
	if known {
		return true, nil
	}
	var device struct {
		State string `json:"state"`
	}
	if err := s.do(ctx, http.MethodGet, "deviceStates/"+url.PathEscape("Local/"+key), nil, nil, &device); err != nil {
		return false, err
	}
	if device.State == "INVALID" {
		return false, nil
	}
	s.mu.Lock()
	s.places[key] = true
	s.mu.Unlock()
	return true, nil
}

// send lets the dialplan have a channel that is under our control. It leaves
// the bridge by that. Asterisk may have done so and say that it failed; so
// where it refuses, the channel is looked at, and not being ours any more is
// as good as being sent.
func (s *Switch) send(ctx context.Context, l *leg, p place) error {
	query := url.Values{"context": {p.context}, "extension": {p.exten}, "priority": {p.priority}}
	err := s.again(ctx, "channels/"+l.id+"/continue", query)
	if n := code(err); n == 0 || n == http.StatusNotFound {
		return err
	}
	var ch asterisk.ChannelData
	if s.do(ctx, http.MethodGet, "channels/"+l.id, nil, nil, &ch) == nil && !inStasis(&ch) {
		return nil
	}
	return err
}

// handOver lets a bot that is an extension have the customer. It is joined
// when the dialplan's Dial() is answered, when the channel enters a bridge, or
// when an application runs that is a bot itself (talks); or when the dialplan
// says so, by UserEvent(RingbackJoined). It has failed when Dial() says so, by
// UserEvent(RingbackBotFailed), or after the time-out; the channel is then
// still in the dialplan, and only hanging it up is left.
func (s *Switch) handOver(ctx context.Context, id dialler.CallID, h dialler.Handover) error {
	p, err := parsePlace(h.Bot.Extension)
	if err != nil {
		return err
	}
	vars := s.dialplanVariables(h.Context)
	for _, v := range vars {
		if err := printable(v.Name, v.Value); err != nil {
			return err
		}
	}
	s.mu.Lock()
	c, err := s.readyLocked(id)
	if err == nil {
		c.ext = true // from here on what the dialplan does with it is news
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	for _, v := range vars {
		if v.Name == varReason {
			s.mu.Lock()
			c.reason = v.Value
			s.mu.Unlock()
		}
	}
	giveUp := func(err error) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		c.ext = false
		c.stopWait()
		return err
	}
	if ok, err := s.exists(ctx, p); err != nil {
		return giveUp(err)
	} else if !ok {
		return giveUp(fmt.Errorf("the dialplan has no extension %s in context %s", p.exten, p.context))
	}
	if err := s.setVariables(ctx, c.customer, vars); err != nil {
		return giveUp(err)
	}
	s.mu.Lock()
	s.expectBot(c, h)
	s.mu.Unlock()
	if err := s.send(ctx, c.customer, p); err != nil {
		if code(err) == 0 && !errors.Is(err, errNotSent) {
			return nil // no answer in time: the dialplan may have it all the same, and events or the time-out tell
		}
		return giveUp(err)
	}
	return nil
}

// setVariables sets them one by one, a few at a time: only a channel that is
// yet to be created takes them all in one request.
func (s *Switch) setVariables(ctx context.Context, l *leg, vars []dialler.Var) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := make(chan struct{}, 4)
	var wg sync.WaitGroup
	for _, v := range vars {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			body := map[string]string{"variable": v.Name, "value": v.Value}
			if err := s.do(ctx, http.MethodPost, "channels/"+l.id+"/variable", nil, body, nil); err != nil {
				cancel(fmt.Errorf("setting %s: %w", v.Name, err))
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// dialplanDialled hears how the dialplan's Dial() fares on behalf of a customer.
func (s *Switch) dialplanDialled(c *call, e *event) {
	switch e.DialStatus {
	case "", "RINGING", "PROGRESS", "PROCEEDING":
	case "ANSWER":
		s.join(c, e)
	default: // BUSY, CONGESTION, NOANSWER, CHANUNAVAIL, CANCEL, DONTCALL, …
		s.dialplanFailed(c, dialler.Cause{Text: e.DialStatus}, "the dialplan's Dial came to "+e.DialStatus, e)
	}
}

// dialplanSaid hears UserEvent(RingbackJoined) and UserEvent(RingbackBotFailed).
func (s *Switch) dialplanSaid(c *call, e *event) {
	switch e.EventName {
	case "RingbackJoined":
		s.join(c, e)
	case "RingbackBotFailed":
		s.dialplanFailed(c, dialler.Cause{}, "the dialplan says that the bot failed", e)
	}
}

func (s *Switch) dialplanFailed(c *call, cause dialler.Cause, why string, e *event) {
	if c.joined || c.extFail || c.ending != notEnding {
		return
	}
	c.extFail = true
	s.botFailed(c, cause, why, e)
}

// analysed hears UserEvent(RingbackAnalysis,callback_requested: true,…), of the
// customer's channel or the bot's.
func (s *Switch) analysed(c *call, e *event) {
	said := map[string]string{}
	for name, value := range e.UserEvent {
		if text, ok := value.(string); ok {
			say(said, name, text)
		}
	}
	s.tellAnalysis(c, said, e)
}

// varsSaid hears what the dialplan has left in variables of the customer's
// channel: they are shown with its end, if ari.conf names them in channelvars.
func (s *Switch) varsSaid(c *call, e *event) {
	said := map[string]string{}
	for _, name := range dialler.AnalysisVariables {
		// A reason that we set ourselves, as part of the context, is what the
		// customer gave last time.
		if value := e.Channel.ChannelVars[name]; name != varReason || value != c.reason {
			say(said, name, value)
		}
	}
	s.tellAnalysis(c, said, e)
}

// varReason is part of the context and of an analysis.
const varReason = "RINGBACK_CALLBACK_REASON"

// say takes a field, decoded.
func say(said map[string]string, name, value string) {
	field := dialler.AnalysisField(name)
	if field == "" || value == "" {
		return
	}
	if field == "analysis" && strings.HasPrefix(strings.TrimSpace(value), "{") {
		said[field] = value // JSON as it is; a per cent sign in it is one
		return
	}
	said[field] = dialler.Unpercent(value)
}

func (s *Switch) tellAnalysis(c *call, said map[string]string, e *event) {
	if record := dialler.NewAnalysis(said); record != "" {
		s.tell(c, dialler.Event{Kind: dialler.Analysed, At: e.at(), Analysis: record})
	}
}
