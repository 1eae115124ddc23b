package ari

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	asterisk "github.com/CyCoreSystems/ari/v6"

	"ringback/dialler"
)

// Originate implements [dialler.Switch]. The customer leg is created, put into
// a mixing bridge of its own, and then dialled:
//
//   - not by ARI's originate, which rings the customer even when nobody is
//     connected who could take the answer, and then drops them;
//   - into a bridge of its own, since created channels otherwise share one
//     holding bridge, and each one's dialling takes longer the more ring.
//
// Nothing rings before dial, so an error before it is never ErrUncertain.
func (s *Switch) Originate(ctx context.Context, o dialler.Origination) error {
	began := time.Now()
	params, variables, err := s.customerLeg(o)
	if err != nil {
		return &dialler.RefusedError{Disposition: dialler.Failed, Reason: err.Error()}
	}
	if !s.link.Up() {
		return fmt.Errorf("originating %s: %w", o.ID, dialler.ErrDown)
	}
	c := s.register(o.ID)
	if c == nil {
		return fmt.Errorf("originating %s: there is a call of that ID: %w", o.ID, dialler.ErrUncertain)
	}
	s.mu.Lock()
	c.holding = true
	if o.Screen {
		c.screen = screenWanted
	}
	s.mu.Unlock()

	if err := s.prepare(ctx, c, params, variables); err != nil {
		if errors.Is(err, errDuplicate) {
			s.drop(c) // not ours to take down
		} else {
			s.abandon(c)
		}
		return fmt.Errorf("originating %s: %w", o.ID, s.refusal(ctx, o, err))
	}

	if !o.Until.IsZero() && !time.Now().Before(o.Until) {
		s.abandon(c)
		return fmt.Errorf("originating %s: %w", o.ID, dialler.ErrLate)
	}
	// From here on it may ring. Should we sleep now, there is a channel that
	// tells others of it (Find).
	s.mu.Lock()
	if c.ending != notEnding { // Hangup was quicker
		s.mu.Unlock()
		s.abandon(c)
		return &dialler.RefusedError{Disposition: dialler.Failed, Reason: "hung up before it was dialled"}
	}
	if o.RingTimeout > 0 {
		c.ring = s.link.After(o.RingTimeout-time.Since(began)+ringGrace(o.RingTimeout), func() { s.ringOut(c) })
	}
	s.mu.Unlock()
	query := url.Values{}
	if o.RingTimeout > 0 {
		query.Set("timeout", seconds(o.RingTimeout))
	}
	err = s.do(ctx, http.MethodPost, "channels/"+string(o.ID)+"/dial", query, nil, nil)
	switch {
	case err == nil:
		s.release(c)
		return nil
	case errors.Is(err, errNotSent), code(err) == http.StatusNotFound, code(err) == http.StatusConflict:
		// Gone before it was dialled, or no longer under our control.
		s.abandon(c)
		return fmt.Errorf("originating %s: %w", o.ID, s.refusal(ctx, o, err))
	}
	s.release(c)
	return fmt.Errorf("originating %s: %w (%w)", o.ID, err, dialler.ErrUncertain)
}

// ringGrace is how much longer than Asterisk's we let a phone ring. Asterisk
// counts whole seconds; given those, it is left to end the call, with cause 19
// on the wire (Reason in the CANCEL), and we only see to it that it does.
func ringGrace(d time.Duration) time.Duration {
	if d%time.Second == 0 {
		return 1500 * time.Millisecond
	}
	return 0
}

// seconds rounds up, since Asterisk takes whole ones and 0 is for ever.
func seconds(d time.Duration) string {
	return strconv.Itoa(int(math.Ceil(max(d, time.Second).Seconds())))
}

// customerLeg checks what came from outside and makes the request of it (I10).
func (s *Switch) customerLeg(o dialler.Origination) (url.Values, map[string]string, error) {
	if err := checkID(o.ID); err != nil {
		return nil, nil, err
	}
	dial, err := o.Trunk.DialString(o.Number)
	if err != nil {
		return nil, nil, err
	}
	variables := map[string]string{
		"CHANNEL(accountcode)": s.opts.App, // our mark
		"RINGBACK_APP":         s.opts.App,
		"RINGBACK_CALL_ID":     string(o.ID),
	}
	if o.CallerID != "" {
		if err := o.CallerID.Check(); err != nil {
			return nil, nil, fmt.Errorf("caller ID: %w", err)
		}
		// A channel that is created and dialled calls as its connected
		// line; CALLERID(num) is not looked at.
		variables["CONNECTEDLINE(num)"] = string(o.CallerID)
	}
	args := roleCustomer
	if o.Screen {
		args += "," + forScreening
	}
	return url.Values{
		"endpoint":  {dial},
		"app":       {s.opts.App},
		"appArgs":   {args},
		"channelId": {string(o.ID)},
	}, variables, nil
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

func checkID(id dialler.CallID) error {
	if !uuidForm.MatchString(string(id)) {
		return fmt.Errorf("call ID: got %.60q; want a UUID in lower case", string(id))
	}
	return nil
}

// prepare brings the customer leg to where only dial is missing.
func (s *Switch) prepare(ctx context.Context, c *call, params url.Values, variables map[string]string) error {
	bridge := make(chan error, 1)
	s.mu.Lock()
	begun := s.link.GoLocked(func(context.Context) { bridge <- s.createBridge(ctx, c.id) })
	s.mu.Unlock()
	if !begun {
		return errLinkLost
	}
	err := s.create(ctx, c.customer, params, variables)
	if berr := <-bridge; err == nil {
		err = berr
	}
	if err != nil {
		return err
	}
	return s.enter(ctx, c.customer)
}

// createBridge makes the call's bridge. Its ID is the call's, so that it is
// found again after a restart, and its name our mark.
func (s *Switch) createBridge(ctx context.Context, id dialler.CallID) error {
	return s.again(ctx, "bridges/"+string(id), url.Values{"type": {"mixing"}, "name": {s.opts.App}})
}

var (
	errLinkLost   = errors.New("the event link was lost")
	errDiedEarly  = errors.New("the channel ended before it was dialled")
	errNoStart    = errors.New("the channel did not enter Stasis")
	errDuplicate  = errors.New("there is a channel of that ID")
	errAllocation = errors.New("allocation failed")
)

// create makes a channel and waits until it is in Stasis: a request to dial
// that comes sooner is refused, one time in eight.
func (s *Switch) create(ctx context.Context, l *leg, params url.Values, variables map[string]string) error {
	err := s.do(ctx, http.MethodPost, "channels/create", params, map[string]any{"variables": variables}, nil)
	switch code(err) {
	case http.StatusConflict:
		// Sticky: once a connection has had one true conflict, every
		// failure to allocate on it reads as one.
		if err := s.do(ctx, http.MethodGet, "channels/"+l.id, nil, nil, nil); code(err) != http.StatusNotFound {
			return fmt.Errorf("%w, or Asterisk cannot say: %w", errDuplicate, cmp.Or(err, errors.New("it is there")))
		}
		return fmt.Errorf("%w: %w", errAllocation, err)
	case http.StatusInternalServerError:
		if strings.Contains(err.Error(), "Allocation failed") {
			return fmt.Errorf("%w: %w", errAllocation, err)
		}
	}
	if err != nil {
		return err
	}
	limit := time.NewTimer(s.opts.RequestTimeout)
	defer limit.Stop()
	select {
	case <-l.started:
		return nil
	case <-l.gone:
		return errDiedEarly
	case <-ctx.Done():
		return ctx.Err()
	case <-limit.C:
		return errNoStart
	}
}

// enter puts a leg into its call's bridge. Asterisk would tell a SIP peer by a
// re-INVITE who is at the other end; it is asked not to.
func (s *Switch) enter(ctx context.Context, legs ...*leg) error {
	ids := make([]string, len(legs))
	for i, l := range legs {
		ids[i] = l.id
	}
	query := url.Values{"channel": {strings.Join(ids, ",")}, "inhibitConnectedLineUpdates": {"true"}}
	err := s.again(ctx, "bridges/"+string(legs[0].call.id)+"/addChannel", query)
	if err == nil {
		s.mu.Lock()
		for _, l := range legs {
			l.bridged = l.stasis
		}
		s.mu.Unlock()
	}
	return err
}

// refusal says what an error before dialling comes to. Nobody was rung.
func (s *Switch) refusal(ctx context.Context, o dialler.Origination, err error) error {
	refused := func(d dialler.Disposition, why string) error {
		return &dialler.RefusedError{Disposition: d, Reason: why}
	}
	switch {
	case errors.Is(err, errDuplicate):
		return fmt.Errorf("%w: %w", err, dialler.ErrUncertain) // that one may be ringing
	case errors.Is(err, errAllocation):
		return s.whyNotAllocated(ctx, o)
	case !s.link.Up(), errors.Is(err, errNotSent), errors.Is(err, errLinkLost):
		return fmt.Errorf("%w (%w)", err, dialler.ErrDown)
	case code(err) == http.StatusUnauthorized, code(err) == http.StatusForbidden:
		return fmt.Errorf("%w (%w)", err, dialler.ErrDown)
	case code(err) == http.StatusServiceUnavailable:
		return refused(dialler.Congestion, err.Error())
	case code(err) == 0 && !errors.Is(err, errDiedEarly) && !errors.Is(err, errNoStart):
		// No answer at all, in time. Had the channel been made, it would
		// not have been dialled: as good as not asked.
		return fmt.Errorf("%w (%w)", err, dialler.ErrDown)
	}
	return refused(dialler.Failed, err.Error())
}

// whyNotAllocated asks about the trunk, since "Allocation failed" is all that
// Asterisk says of an endpoint it does not have and of one out of reach.
func (s *Switch) whyNotAllocated(ctx context.Context, o dialler.Origination) error {
	tech, resource, _ := strings.Cut(o.Trunk.Dial, "/")
	if i := strings.LastIndexByte(resource, '@'); i >= 0 && strings.EqualFold(tech, "PJSIP") {
		resource = resource[i+1:]
	} else if strings.EqualFold(tech, "PJSIP") {
		resource, _, _ = strings.Cut(resource, "/") // PJSIP/trunk/sip:{number}@host
	}
	var end asterisk.EndpointData
	err := s.do(ctx, http.MethodGet, "endpoints/"+url.PathEscape(tech)+"/"+url.PathEscape(resource), nil, nil, &end)
	switch {
	case code(err) == http.StatusNotFound:
		return &dialler.RefusedError{Disposition: dialler.Failed,
			Reason: fmt.Sprintf("trunk %q dials %q, but Asterisk has no endpoint %s/%s", o.Trunk.Name, o.Trunk.Dial, tech, resource)}
	case err == nil && end.State == "offline":
		return &dialler.RefusedError{Disposition: dialler.Congestion,
			Reason: fmt.Sprintf("trunk %q: endpoint %s/%s is offline", o.Trunk.Name, tech, resource)}
	}
	return &dialler.RefusedError{Disposition: dialler.Congestion,
		Reason: fmt.Sprintf("trunk %q: Asterisk could not make a channel for %q", o.Trunk.Name, o.Trunk.Dial)}
}

// abandon forgets a call that was not dialled, and takes down what there is.
func (s *Switch) abandon(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	bot := c.bot
	s.forgetLocked(c)
	s.link.GoLocked(func(ctx context.Context) { s.clear(ctx, c.id, bot, true) })
}

// ringOut ends a call that has rung for long enough. The lock is held. We may
// have missed the answer with a lost link: an answered call is not ended.
func (s *Switch) ringOut(c *call) {
	s.link.GoLocked(func(ctx context.Context) {
		var ch asterisk.ChannelData
		err := s.do(ctx, http.MethodGet, "channels/"+string(c.id), nil, nil, &ch)
		s.mu.Lock()
		late := s.calls[c.id] == c && !c.answered && c.ending == notEnding
		if late && err == nil && ch.State == stateUp {
			s.answered(c.customer, &event{Type: "Find"})
			late = false
		}
		if late {
			c.ending = ringTimeout
		}
		s.mu.Unlock()
		if late {
			s.remove(ctx, "channels/"+string(c.id))
		}
	})
}
