package ari

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	asterisk "github.com/CyCoreSystems/ari/v6"

	"ringback/dialler"
)

// Find implements [dialler.Switch]. A call that is found is known from then
// on, whoever placed it: what becomes of it is told by events. One that was
// created and never dialled rings nobody: it is taken down, and is gone.
func (s *Switch) Find(ctx context.Context, id dialler.CallID) (dialler.Sighting, error) {
	fail := func(err error) (dialler.Sighting, error) {
		return dialler.Sighting{}, fmt.Errorf("finding %s: %w", id, err)
	}
	if err := checkID(id); err != nil {
		return fail(err)
	}
	// Known before Asterisk is asked: should it end now, we hear of it.
	fresh := s.register(id)
	s.mu.Lock()
	c := s.calls[id]
	if fresh != nil {
		fresh.holding = true
	}
	s.mu.Unlock()
	if c == nil {
		return dialler.Sighting{}, nil // ended this instant
	}

	var ch asterisk.ChannelData
	err := s.do(ctx, http.MethodGet, "channels/"+string(id), nil, nil, &ch)
	if code(err) == http.StatusNotFound {
		s.gone(c)
		return dialler.Sighting{}, nil
	}
	if err != nil {
		if fresh != nil {
			s.drop(fresh)
		}
		return fail(err)
	}
	var bridge asterisk.BridgeData
	err = s.do(ctx, http.MethodGet, "bridges/"+string(id), nil, nil, &bridge)
	if err != nil && code(err) != http.StatusNotFound {
		if fresh != nil {
			s.drop(fresh)
		}
		return fail(err)
	}
	inOurs := slices.Contains(bridge.ChannelIDs, ch.ID)
	if ch.Accountcode != s.opts.App {
		// Of another process with another name: its events go there.
		if fresh != nil {
			s.drop(fresh)
		}
		bot, err := s.botOf(ctx, id, bridge)
		if err != nil {
			return fail(err)
		}
		return dialler.Sighting{Found: true, Answered: ch.State == stateUp, Joined: bot != nil && bot.State == stateUp}, nil
	}
	if fresh != nil && ch.State == stateDown && !inOurs {
		s.abandon(fresh)
		return dialler.Sighting{}, nil
	}
	bot, err := s.botOf(ctx, id, bridge)
	if err == nil && !inStasis(&ch) {
		inOurs = false
		err = s.follow(ctx, id)
	}
	elsewhere := false
	if err == nil && !inStasis(&ch) && ch.State == stateUp {
		elsewhere, err = s.bridgedElsewhere(ctx, &ch)
	}
	if err != nil {
		if fresh != nil {
			s.drop(fresh)
		}
		return fail(err)
	}
	return s.adopt(c, &ch, inOurs, bot, elsewhere), nil
}

// botOf is the other channel in a call's bridge.
func (s *Switch) botOf(ctx context.Context, id dialler.CallID, bridge asterisk.BridgeData) (*asterisk.ChannelData, error) {
	for _, other := range bridge.ChannelIDs {
		if other == string(id) {
			continue
		}
		var ch asterisk.ChannelData
		err := s.do(ctx, http.MethodGet, "channels/"+url.PathEscape(other), nil, nil, &ch)
		if err == nil {
			return &ch, nil
		}
		if code(err) != http.StatusNotFound {
			return nil, err
		}
	}
	return nil, nil
}

// follow asks for the events of a channel that is in the dialplan: the
// subscription it was created with does not outlive a lost link.
func (s *Switch) follow(ctx context.Context, id dialler.CallID) error {
	err := s.do(ctx, http.MethodPost, "applications/"+s.opts.App+"/subscription",
		url.Values{"eventSource": {"channel:" + string(id)}}, nil, nil)
	if code(err) == http.StatusUnprocessableEntity {
		return nil // gone since; ChannelDestroyed may have been missed, so the next Find tells
	}
	return err
}

// bridgedElsewhere reports whether the dialplan has brought a customer
// together with somebody.
func (s *Switch) bridgedElsewhere(ctx context.Context, ch *asterisk.ChannelData) (bool, error) {
	if ch.Dialplan != nil && talks[ch.Dialplan.AppName] {
		return true, nil
	}
	var bridges []asterisk.BridgeData
	if err := s.do(ctx, http.MethodGet, "bridges", nil, nil, &bridges); err != nil {
		return false, err
	}
	return slices.ContainsFunc(bridges, func(b asterisk.BridgeData) bool {
		return slices.Contains(b.ChannelIDs, ch.ID) && len(b.ChannelIDs) > 1
	}), nil
}

// adopt makes what we know of a call what Asterisk says of it.
func (s *Switch) adopt(c *call, ch *asterisk.ChannelData, inOurs bool, bot *asterisk.ChannelData, elsewhere bool) dialler.Sighting {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls[c.id] != c {
		return dialler.Sighting{} // ended meanwhile, as news has told or will
	}
	now := &event{Type: "Find"}
	l := c.customer
	l.bridged = inOurs
	if inStasis(ch) {
		l.start()
	} else {
		l.stasis = false
	}
	fresh := c.holding && len(c.held) == 0
	if fresh && ch.State == stateUp { // told by the sighting
		l.up, c.answered = true, true
	}
	if ch.State == stateRinging {
		l.rang = true
	}
	args := stasisArgs(ch, s.opts.App)
	screened := len(args) > 0 && args[0] == roleScreened
	amd := !inStasis(ch) && ch.Dialplan != nil && ch.Dialplan.Context == s.opts.AMDContext
	switch {
	case amd && c.screen == noScreening:
		c.screen = screenRunning
		c.wait = s.link.After(s.opts.ScreenTimeout, func() {
			if s.calls[c.id] == c {
				s.screenFailed(c, "no verdict in time", nil)
			}
		})
	case screened && c.screen == noScreening && !c.talked && bot == nil:
		c.screen = screenRunning // the process before us may not have heard the verdict
	}
	wanted := bot == nil && len(args) == 2 && args[0] == roleCustomer && args[1] == forScreening
	if wanted && c.screen == noScreening {
		c.screen = screenWanted
	}
	switch {
	case ch.State == stateUp && !c.answered:
		s.customerUp(c, now) // answered while the link was down
	case ch.State == stateUp && c.screen == screenWanted && c.ending == notEnding:
		s.startScreening(c) // the process before us did not come to it
	}
	if screened {
		s.screened(c, args[1:], now)
	}

	if !inStasis(ch) && !amd && c.answered && c.screen != screenRunning {
		c.ext = true
	}
	switch {
	case bot != nil:
		if c.bot == nil || c.bot.id != bot.ID {
			if c.bot != nil {
				delete(s.legs, c.bot.id)
			}
			c.bot = newLeg(bot.ID, c, true)
			s.legs[bot.ID] = c.bot
		}
		c.bot.start()
		c.bot.bridged = true
		if bot.State == stateUp && !c.bot.up {
			c.bot.up = true
			s.joinQuietly(c, fresh, now)
		}
	case elsewhere && c.ext:
		s.joinQuietly(c, fresh, now)
	case c.bot != nil && c.bot.up:
		// The bot has left unseen, or is not bridged: in neither case is
		// there a conversation.
		gone := c.bot
		delete(s.legs, gone.id)
		s.botGone(c, gone, dialler.Cause{}, now)
	}
	held := c.held
	c.holding, c.held = false, nil
	s.link.Tell(held...)
	return dialler.Sighting{Found: true, Answered: c.answered, Joined: c.joined}
}

// joinQuietly: what the sighting says of a call new to us is no news.
func (s *Switch) joinQuietly(c *call, quiet bool, e *event) {
	if quiet {
		c.joined, c.talked = true, true
		return
	}
	s.join(c, e)
}

// gone drops a call that Asterisk no longer has. If its end comes as news
// after all, nobody is told twice.
func (s *Switch) gone(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls[c.id] != c {
		return
	}
	bot := c.bot
	s.forgetLocked(c)
	s.link.GoLocked(func(ctx context.Context) { s.clear(ctx, c.id, bot, false) })
}

// drop forgets a call that was registered only to be asked for.
func (s *Switch) drop(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls[c.id] == c {
		s.forgetLocked(c)
	}
}

// Live implements [dialler.Switch]: the channels with our account code whose
// ID is a call's. Those that were never dialled are not among them.
func (s *Switch) Live(ctx context.Context) ([]dialler.CallID, error) {
	var channels []asterisk.ChannelData
	if err := s.do(ctx, http.MethodGet, "channels", nil, nil, &channels); err != nil {
		return nil, fmt.Errorf("listing calls: %w", err)
	}
	var ids []dialler.CallID
	for i := range channels {
		if s.isCustomer(&channels[i]) {
			ids = append(ids, dialler.CallID(channels[i].ID))
		}
	}
	return ids, nil
}

func (s *Switch) isCustomer(ch *asterisk.ChannelData) bool {
	return ch.Accountcode == s.opts.App && uuidForm.MatchString(ch.ID) && !slices.Contains(stasisArgs(ch, s.opts.App), roleBot)
}

// sweep takes down what a lost link or a dead process has left behind:
// channels made and never dialled, bot legs without a customer, empty bridges.
func (s *Switch) sweep(ctx context.Context) error {
	known := map[*call]bool{} // which must be among the channels, if they live
	s.mu.Lock()
	for _, c := range s.calls {
		known[c] = !c.holding
	}
	s.mu.Unlock()
	var channels []asterisk.ChannelData
	var bridges []asterisk.BridgeData
	if err := s.do(ctx, http.MethodGet, "channels", nil, nil, &channels); err != nil {
		return err
	}
	if err := s.do(ctx, http.MethodGet, "bridges", nil, nil, &bridges); err != nil {
		return err
	}
	there, bridged := map[string]bool{}, map[string]bool{}
	for i := range channels {
		there[channels[i].ID] = true
	}
	for _, b := range bridges {
		for _, id := range b.ChannelIDs {
			bridged[id] = true
		}
	}
	var strays []string
	s.mu.Lock()
	for c, should := range known {
		if should && !there[string(c.id)] && s.calls[c.id] == c {
			// It ended unseen. Who believes in it will ask for it.
			if c.bot != nil && there[c.bot.id] {
				strays = append(strays, "channels/"+c.bot.id)
			}
			s.forgetLocked(c)
		}
	}
	for i := range channels {
		ch := &channels[i]
		if s.legs[ch.ID] != nil {
			continue
		}
		args := stasisArgs(ch, s.opts.App)
		switch {
		case len(args) == 2 && args[0] == roleBot && (!there[args[1]] || ch.State == stateDown && !bridged[ch.ID]):
			strays = append(strays, "channels/"+ch.ID)
		case s.isCustomer(ch) && ch.State == stateDown && !bridged[ch.ID]:
			strays = append(strays, "channels/"+ch.ID)
			there[ch.ID] = false
		}
	}
	for _, b := range bridges {
		if b.Name == s.opts.App && uuidForm.MatchString(b.ID) && !there[b.ID] && s.calls[dialler.CallID(b.ID)] == nil {
			strays = append(strays, "bridges/"+b.ID)
		}
	}
	s.mu.Unlock()
	for _, path := range strays {
		s.log.Info("asterisk: left behind, taken down", "what", path)
		s.link.Go(func(ctx context.Context) { s.remove(ctx, path) })
	}
	return nil
}

func inStasis(ch *asterisk.ChannelData) bool {
	return ch.Dialplan != nil && ch.Dialplan.AppName == "Stasis"
}

// stasisArgs are the arguments with which a channel is in our application.
func stasisArgs(ch *asterisk.ChannelData, app string) []string {
	if !inStasis(ch) {
		return nil
	}
	data := strings.Split(ch.Dialplan.AppData, ",")
	if data[0] != app {
		return nil
	}
	return data[1:]
}
