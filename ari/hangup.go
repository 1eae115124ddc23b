package ari

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"ringback/dialler"
)

// Hangup implements [dialler.Switch]. The legs are told Q.850 16: with 17
// Asterisk would report our own hang-up as the network's busy.
func (s *Switch) Hangup(ctx context.Context, id dialler.CallID) error {
	if err := checkID(id); err != nil {
		return fmt.Errorf("hanging up: %w", err)
	}
	s.mu.Lock()
	c := s.calls[id]
	var bot *leg
	if c != nil {
		if c.ending == notEnding {
			c.ending = hungUpByUs
		}
		bot = c.bot
	}
	s.mu.Unlock()
	err := s.delete(ctx, "channels/"+string(id))
	if c == nil || bot != nil {
		// The customer's end brings the rest down, if we see it.
		s.link.Go(func(ctx context.Context) { s.clear(ctx, id, bot, false) })
	}
	if err != nil {
		return fmt.Errorf("hanging up %s: %w", id, err)
	}
	return nil
}

// delete takes down a channel or a bridge. That it is gone already is fine.
func (s *Switch) delete(ctx context.Context, path string) error {
	var query url.Values
	if strings.HasPrefix(path, "channels/") {
		query = url.Values{"reason_code": {"16"}} // normal clearing
	}
	err := s.do(ctx, http.MethodDelete, path, query, nil, nil)
	if code(err) == http.StatusNotFound {
		return nil
	}
	return err
}

// remove deletes until that is done or out of reach: what is then left is
// found when the link comes back.
func (s *Switch) remove(ctx context.Context, path string) {
	// Taking down waits for its turn, so that it never keeps a call waiting.
	select {
	case s.clearing <- struct{}{}:
		defer func() { <-s.clearing }()
	case <-ctx.Done():
		return
	}
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = 50*time.Millisecond, 5*time.Second
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := s.delete(ctx, path)
		if errors.Is(err, errNotSent) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(pause), backoff.WithMaxElapsedTime(time.Minute))
	if err != nil && ctx.Err() == nil {
		s.log.Warn("asterisk: could not take down; it is looked for when the link comes back", "what", path, "error", err)
	}
}

// clear takes down what is left of a call: the bot leg, which Asterisk leaves
// up when the customer goes, the bridge, and the customer leg if asked to.
func (s *Switch) clear(ctx context.Context, id dialler.CallID, bot *leg, customer bool) {
	if customer {
		s.remove(ctx, "channels/"+string(id))
	}
	if bot != nil {
		s.remove(ctx, "channels/"+bot.id)
	}
	s.remove(ctx, "bridges/"+string(id))
}
