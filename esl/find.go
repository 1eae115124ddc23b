package esl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"ringback/dialler"
)

// Find implements [dialler.Switch]. It asks for the leg's own data
// (uuid_dump), which is there as soon as the leg is; "show channels" is a
// fifth of a second late.
func (s *Switch) Find(ctx context.Context, id dialler.CallID) (dialler.Sighting, error) {
	fail := func(err error) (dialler.Sighting, error) {
		return dialler.Sighting{}, fmt.Errorf("looking for %s: %w", id, err)
	}
	if err := checkID(id); err != nil {
		return fail(err)
	}
	if !s.link.Up() {
		return fail(dialler.ErrDown)
	}
	d, err := s.dump(ctx, string(id))
	if errors.Is(err, errNoSession) || err == nil && d.State == "hangup" {
		s.missing(id)
		return dialler.Sighting{}, nil
	}
	if err != nil {
		return fail(err)
	}
	seen := dialler.Sighting{Found: true, Answered: d.State == "answered"}
	joinedThere := d.Bot == inDialplan && (talks(d.Running) || d.Bridged != "")
	bot := d.bot()
	if bot != "" {
		there, err := s.exists(ctx, bot)
		if err != nil {
			return fail(err)
		}
		if !there {
			bot = ""
		}
	}
	seen.Joined = joinedThere || bot != "" && d.Bridged == bot
	s.found(id, seen, d, bot)
	return seen, nil
}

// A dump is what is needed of uuid_dump. JSON is exact; a value of FreeSWITCH's
// own list type would be a list in it, but none of these is.
type dump struct {
	State   string `json:"Answer-State"`
	Bot     string `json:"variable_ringback_bot"`
	Running string `json:"variable_current_application"`
	Bridged string `json:"variable_bridge_uuid"`
}

// inDialplan is the variable ringback_bot of a call that was handed over to
// the dialplan; that of any other is the ID of its bot leg.
const inDialplan = "extension"

func (d dump) bot() string {
	if uuidForm.MatchString(d.Bot) {
		return d.Bot
	}
	return ""
}

func (s *Switch) dump(ctx context.Context, leg string) (dump, error) {
	var d dump
	text, err := s.cmd.api(ctx, "uuid_dump "+leg+" json")
	if err != nil {
		return d, err
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return d, fmt.Errorf("uuid_dump: %w: %.80q", err, text)
	}
	return d, nil
}

// found brings what we know of a call up to what was seen: news may have been
// missed. It tells nothing but that the bot is gone; whoever asked knows the
// rest now. A leg that has answered and has run no application yet is still
// being originated: it is not parked, and must not be bridged.
func (s *Switch) found(id dialler.CallID, seen dialler.Sighting, d dump, bot string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.calls[id]
	if c == nil {
		c = s.addLocked(id)
	}
	c.ours, c.created = true, true
	if c.gone {
		return
	}
	if seen.Answered && !c.answered {
		c.answered = true
		if c.ringWait != nil {
			c.ringWait.Stop()
		}
		s.startScreening(c)
	}
	if seen.Answered && (d.Running != "" || d.Bridged != "") && !c.parked {
		c.parked = true
		close(c.settled)
	}
	ext := d.Bot == inDialplan
	c.ext = c.ext || ext
	if seen.Joined && !c.joined {
		c.joined, c.talked = true, true
	}
	if bot != "" {
		s.ownBotLocked(c, bot)
	}
	switch {
	case ext:
	case seen.Joined:
		c.state = botJoined
	case bot != "" && c.state == noBot:
		c.state = botParked // or about to be; Connect goes on from here
	case bot == "" && (c.state == botJoined || c.state == botBridging):
		s.botEnded(c, dialler.Cause{}, "the bot hung up while it was out of sight", time.Now())
	}
}

// missing notes that FreeSWITCH has no such leg. If news of its end is still
// to come, it is told.
func (s *Switch) missing(id dialler.CallID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.calls[id]; c != nil && c.over.IsZero() && (c.created || c.answered) {
		c.over = time.Now()
	}
}

// exists reports whether there is a leg of that ID.
func (s *Switch) exists(ctx context.Context, leg string) (bool, error) {
	text, err := s.cmd.api(ctx, "uuid_exists "+leg)
	switch {
	case err != nil:
		return false, err
	case text == "true":
		return true, nil
	case text == "false":
		return false, nil
	}
	return false, fmt.Errorf("uuid_exists: got %.80q; want true or false", text)
}

// listLag is how long a leg may take to appear in "show channels", with some
// to spare: 0.18 s was measured.
const listLag = 500 * time.Millisecond

// Live implements [dialler.Switch]. Calls with our account code, or with none,
// are asked for their mark: other legs inherit the code, and the list does not
// have it of a call that rings.
func (s *Switch) Live(ctx context.Context) ([]dialler.CallID, error) {
	fail := func(err error) ([]dialler.CallID, error) { return nil, fmt.Errorf("listing calls: %w", err) }
	s.mu.Lock()
	up, since := s.link.UpLocked(), s.since
	s.mu.Unlock()
	if !up {
		return fail(dialler.ErrDown)
	}
	// A call that somebody else placed just before we came is on the list by
	// then; one of our own we know.
	select {
	case <-time.After(time.Until(since.Add(listLag))):
	case <-ctx.Done():
		return fail(ctx.Err())
	}
	text, err := s.cmd.api(ctx, "show channels as json")
	if err != nil {
		return fail(err)
	}
	var list struct { // without calls there is no rows
		Rows []struct {
			UUID    string `json:"uuid"`
			Account string `json:"accountcode"`
		} `json:"rows"`
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return fail(fmt.Errorf("show channels: %w: %.80q", err, text))
	}
	maybe := map[dialler.CallID]bool{}
	for _, row := range list.Rows {
		if (row.Account == s.opts.App || row.Account == "") && uuidForm.MatchString(row.UUID) {
			maybe[dialler.CallID(row.UUID)] = true
		}
	}
	s.mu.Lock()
	for id, c := range s.calls { // those too new to be listed
		if !c.gone {
			maybe[id] = true
		}
	}
	s.mu.Unlock()
	var live []dialler.CallID
	for id := range maybe {
		ours, err := s.marked(ctx, id)
		if err != nil {
			return fail(err)
		}
		if ours {
			live = append(live, id)
		}
	}
	return live, nil
}

// marked reports whether there is a customer leg of that ID, and it is ours.
func (s *Switch) marked(ctx context.Context, id dialler.CallID) (bool, error) {
	for name, want := range map[string]string{"ringback_call": string(id), "ringback_app": s.opts.App} {
		value, err := s.cmd.api(ctx, "uuid_getvar "+string(id)+" "+name)
		if errors.Is(err, errNoSession) {
			return false, nil
		}
		if err != nil || strings.TrimSpace(value) != want {
			return false, err
		}
	}
	return true, nil
}
