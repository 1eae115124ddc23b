package esl

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"ringback/dialler"
)

// Originate implements [dialler.Switch]: one originate, as a job whose name
// is the call's, to the application park.
//
// The answered leg therefore waits on FreeSWITCH by itself: neither the loss
// of the link nor our own death ends it, and it is found again by name.
func (s *Switch) Originate(ctx context.Context, o dialler.Origination) error {
	began := time.Now()
	command, err := s.customerLeg(o)
	if err != nil {
		return &dialler.RefusedError{Disposition: dialler.Failed, Reason: err.Error()}
	}
	s.mu.Lock()
	if !s.link.UpLocked() {
		s.mu.Unlock()
		return fmt.Errorf("originating %s: %w", o.ID, dialler.ErrDown)
	}
	if !o.Until.IsZero() && !time.Now().Before(o.Until) {
		s.mu.Unlock()
		return fmt.Errorf("originating %s: %w", o.ID, dialler.ErrLate)
	}
	if s.calls[o.ID] != nil {
		s.mu.Unlock()
		return fmt.Errorf("originating %s: there is a call of that ID: %w", o.ID, dialler.ErrUncertain)
	}
	c := s.addLocked(o.ID)
	c.ours = true
	if o.Screen {
		c.screen = screenWanted
	}
	s.mu.Unlock()

	err = s.cmd.bgapi(ctx, string(o.ID), command)

	s.mu.Lock()
	defer s.mu.Unlock()
	refused := new(refusal)
	switch {
	case errors.Is(err, errNotSent):
		s.forgetLocked(c)
		return fmt.Errorf("originating %s: %w (%w)", o.ID, err, dialler.ErrDown)
	case errors.As(err, &refused): // "command not found": nothing was started
		s.forgetLocked(c)
		return &dialler.RefusedError{Disposition: dialler.Failed, Reason: refused.Error()}
	}
	if o.RingTimeout > 0 && !c.answered && !c.gone {
		c.ringWait = s.link.After(o.RingTimeout-time.Since(began), func() { s.ringOut(c) })
	}
	if err != nil {
		return fmt.Errorf("originating %s: %w (%w)", o.ID, err, dialler.ErrUncertain)
	}
	return nil
}

// ringOut ends a call that has rung for long enough. FreeSWITCH's own timeout
// fires up to a second early, and is only there in case we are not.
func (s *Switch) ringOut(c *call) {
	if c.answered || c.gone || c.ending != notEnding {
		return
	}
	c.ending = ringTimeout
	s.killLocked(string(c.id), "NO_ANSWER")
}

// seconds rounds up, and adds one for what FreeSWITCH takes off.
func seconds(d time.Duration) string {
	return strconv.Itoa(int(math.Ceil(max(d, time.Second).Seconds())) + 1)
}

// customerLeg checks what came from outside and makes the command of it (I10).
func (s *Switch) customerLeg(o dialler.Origination) (string, error) {
	if err := checkID(o.ID); err != nil {
		return "", err
	}
	dial, err := o.Trunk.DialString(o.Number)
	if err != nil {
		return "", err
	}
	if err := checkEndpoint(dial); err != nil {
		return "", fmt.Errorf("dial string of trunk %q: %w", o.Trunk.Name, err)
	}
	vars := append(s.mark(o.ID, string(o.ID), s.opts.App),
		dialler.Var{Name: "ignore_early_media", Value: "true"}, // it is no answer
		// When the bot leaves, the customer waits for what we decide.
		dialler.Var{Name: "park_after_bridge", Value: "true"},
		dialler.Var{Name: "hangup_after_bridge", Value: "false"},
	)
	if o.RingTimeout > 0 {
		vars = append(vars, dialler.Var{Name: "originate_timeout", Value: seconds(o.RingTimeout)})
	}
	if o.CallerID != "" {
		if err := o.CallerID.Check(); err != nil {
			return "", fmt.Errorf("caller ID: %w", err)
		}
		vars = append(vars,
			dialler.Var{Name: "origination_caller_id_number", Value: string(o.CallerID)},
			dialler.Var{Name: "origination_caller_id_name", Value: string(o.CallerID)})
	}
	then := "&park()"
	if o.Screen {
		if s.opts.Detector == "" {
			vars = append(vars, dialler.Var{Name: "execute_on_answer", Value: "avmd_start"})
		} else {
			then = "'" + s.opts.Detector + ",park' inline"
		}
	}
	return leg(vars, string(o.ID), dial, then)
}

// mark is what makes a leg known as ours: to the filter of our events, to
// Live, and to whoever reads call records.
func (s *Switch) mark(id dialler.CallID, leg, account string) []dialler.Var {
	return []dialler.Var{
		{Name: "ringback_app", Value: s.opts.App},
		{Name: "ringback_call", Value: string(id)},
		{Name: "ringback_leg", Value: leg},
		{Name: "accountcode", Value: account},
	}
}

// leg is an originate. The ID is given in […], where it belongs to the leg;
// in {…} it would belong to all that the dial string might come to.
func leg(vars []dialler.Var, id, dial, then string) (string, error) {
	if strings.HasPrefix(dial, "loopback/") {
		// Or else mod_loopback takes itself out of the call when it can, and
		// the leg of that ID is gone with the call still up.
		vars = append(vars, dialler.Var{Name: "loopback_bowout", Value: "false"}, dialler.Var{Name: "loopback_bowout_on_execute", Value: "false"})
	}
	all, err := braces(vars)
	if err != nil {
		return "", err
	}
	return "originate " + all + "[origination_uuid=" + id + "]" + dial + " " + then, nil
}

// endpointForm is a dial string for one leg: the kind of channel, and where.
// What would make it more than that is not in it: blanks, quotes, variables
// in brackets, "," and "|" for further legs, "$" for an expansion.
var endpointForm = regexp.MustCompile(`^[a-z][a-z0-9_]*/[A-Za-z0-9_.+*#@:/;=-]+$`)

func checkEndpoint(dial string) error {
	if !endpointForm.MatchString(dial) || strings.Contains(dial, ":_:") || len(dial) > 512 {
		return fmt.Errorf("got %.100q; want one leg without blanks, quotes, brackets, commas or |, such as sofia/gateway/trunk/{number}", dial)
	}
	return nil
}
