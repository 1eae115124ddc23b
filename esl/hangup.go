package esl

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"ringback/dialler"
)

// Hangup implements [dialler.Switch]. A call whose leg is still to be made is
// hung up when it is.
func (s *Switch) Hangup(ctx context.Context, id dialler.CallID) error {
	if err := checkID(id); err != nil {
		return fmt.Errorf("hanging up: %w", err)
	}
	if !s.link.Up() {
		return fmt.Errorf("hanging up %s: %w", id, dialler.ErrDown)
	}
	s.mu.Lock()
	bot := ""
	c := s.calls[id]
	if c != nil {
		bot = c.bot
		if c.ending == notEnding {
			c.ending = hungUpByUs
		}
	}
	s.mu.Unlock()
	if c == nil { // from before our restart: it may have a bot leg
		if d, err := s.dump(ctx, string(id)); err == nil {
			bot = d.bot()
		}
	}
	err := s.kill(ctx, string(id), "NORMAL_CLEARING")
	if bot != "" {
		if botErr := s.kill(ctx, bot, "NORMAL_CLEARING"); err == nil {
			err = botErr
		}
	}
	if err != nil {
		return fmt.Errorf("hanging up %s: %w", id, err)
	}
	return nil
}

// kill hangs up one leg. That it is gone already is fine.
func (s *Switch) kill(ctx context.Context, leg, cause string) error {
	_, err := s.cmd.api(ctx, "uuid_kill "+leg+" "+cause)
	if errors.Is(err, errNoSession) {
		return nil
	}
	return err
}

// soundForm is what uuid_broadcast plays: a file, or a stream such as
// tone_stream://%(1000,0,640). "::" and "!" would make it run an application
// instead, and "$" an expansion.
var soundForm = regexp.MustCompile(`^[A-Za-z0-9_./:%(),;=+@-]+$`)

// Play implements [dialler.Switch]. A sound that does not begin within two
// seconds, because there is no such file, is told as done.
func (s *Switch) Play(ctx context.Context, id dialler.CallID, sound string) error {
	fail := func(err error) error { return fmt.Errorf("playing to %s: %w", id, err) }
	if err := checkID(id); err != nil {
		return fail(err)
	}
	if !soundForm.MatchString(sound) || strings.Contains(sound, "::") || len(sound) > 512 {
		return fail(fmt.Errorf("sound: got %.100q; want a file or stream without blanks, such as ivr/ivr-call_back_later.wav", sound))
	}
	if !s.link.Up() {
		return fail(dialler.ErrDown)
	}
	s.mu.Lock()
	c := s.calls[id]
	if c != nil {
		c.play = playAsked
		c.playWait = s.link.After(2*time.Second, func() {
			if c.play == playAsked {
				s.playDone(c, time.Now())
			}
		})
	}
	s.mu.Unlock()
	if _, err := s.cmd.api(ctx, "uuid_broadcast "+string(id)+" "+sound+" aleg"); err != nil {
		s.mu.Lock()
		if c != nil {
			c.play = notPlaying
			c.playWait.Stop()
		}
		s.mu.Unlock()
		return fail(err)
	}
	return nil
}

func (s *Switch) playDone(c *call, at time.Time) {
	if c.play == notPlaying || c.gone {
		return
	}
	c.play = notPlaying
	if c.playWait != nil {
		c.playWait.Stop()
	}
	s.tell(c, dialler.Event{Kind: dialler.PlayDone, At: at})
}
