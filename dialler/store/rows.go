package store

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"ringback/dialler"
)

// How rows become nouns and back. Each noun has its columns in one constant,
// one function that reads them in that order, and one that writes them.

// Micros is how a time is stored.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Stored is t as it will be read back.
func Stored(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Microsecond)
}

// Trusted is when the holder of a lease asked for at now stops believing in it.
func Trusted(now time.Time, ttl time.Duration) time.Time {
	return now.Add(ttl - time.Duration(float64(ttl)*dialler.LeaseMargin))
}

// null is how a time that may be missing is stored.
func null(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// stamp reads a time; NULL is zero.
type stamp struct{ t *time.Time }

func (s stamp) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*s.t = time.Time{}
	case int64:
		*s.t = time.UnixMicro(v).UTC()
	default:
		return fmt.Errorf("a time is stored as %T", v)
	}
	return nil
}

// start reads a time of which 0, or less, says "at once".
type start struct{ t *time.Time }

func (s start) Scan(v any) error {
	if n, ok := v.(int64); ok && n <= 0 {
		v = nil
	}
	return stamp(s).Scan(v)
}

// ahead is contact.due of one that goes ahead of those due "at once".
const ahead = -1

// turn reads when a contact's turn is.
type turn struct{ c *dialler.Contact }

func (x turn) Scan(v any) error {
	x.c.Ahead = v == int64(ahead)
	return start{&x.c.Due}.Scan(v)
}

// dueColumn is how a waiting contact's turn is stored.
func dueColumn(c dialler.Contact) int64 {
	if c.Ahead {
		return ahead
	}
	return Micros(c.Due)
}

// text reads a string; NULL is empty.
type text[S ~string] struct{ s *S }

func (x text[S]) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*x.s = ""
	case string:
		*x.s = S(v)
	default:
		return fmt.Errorf("a text is stored as %T", v)
	}
	return nil
}

// span reads a duration.
type span struct{ d *time.Duration }

func (s span) Scan(v any) error {
	n, ok := v.(int64)
	if !ok {
		return fmt.Errorf("a duration is stored as %T", v)
	}
	*s.d = time.Duration(n) * time.Microsecond
	return nil
}

// list reads JSON; NULL is the zero value.
type list[T any] struct{ to *T }

func (l list[T]) Scan(v any) error {
	var fresh T // not what l.to holds from the row before
	switch v := v.(type) {
	case nil:
	case string:
		if err := json.Unmarshal([]byte(v), &fresh); err != nil {
			return err
		}
	default:
		return fmt.Errorf("JSON is stored as %T", v)
	}
	*l.to = fresh
	return nil
}

// jsonOrNull is how a list or map is stored.
func jsonOrNull(v any, none bool) any {
	if none {
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("store: strings do not marshal: %v", err))
	}
	return string(b)
}

func orNull[S ~string](s S) any {
	if s == "" {
		return nil
	}
	return string(s)
}

// notFound says what was looked for.
func notFound(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, dialler.ErrNotFound)...)
}

// windowCache keeps the windows that were read: to make one from its JSON
// reads the zone's file.
type windowCache struct {
	mu sync.Mutex
	m  map[string]dialler.Window
}

func (c *windowCache) get(s string) (dialler.Window, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w, ok := c.m[s]; ok {
		return w, nil
	}
	var w dialler.Window
	if err := json.Unmarshal([]byte(s), &w); err != nil {
		return w, err
	}
	if c.m == nil || len(c.m) > 1000 {
		c.m = map[string]dialler.Window{}
	}
	c.m[s] = w
	return w, nil
}

const trunkColumns = `trunk.name, trunk.switch, trunk.dial, trunk.channels, trunk.cps`

func trunkDest(t *dialler.Trunk) []any {
	return []any{&t.Name, &t.Switch, &t.Dial, &t.Channels, &t.CPS}
}

const botColumns = `bot.name, bot.endpoint, bot.extension, bot.capacity, bot.callbacks`

func botDest(b *dialler.Bot) []any {
	return []any{&b.Name, &b.Endpoint, &b.Extension, &b.Capacity, &b.Callbacks}
}

// CampaignColumns are read by [SQL.CampaignDest].
const CampaignColumns = `campaign.id, campaign.name, campaign.state, campaign.ended, campaign.run, campaign.closes,
	campaign.mode, campaign."window", campaign.trunk, campaign.bot, campaign.caller_id, campaign.region,
	campaign.seats, campaign.cps, campaign.max_attempts, campaign.retry_delay, campaign.retry_on, campaign.ring_timeout,
	campaign.screen, campaign.bot_timeout, campaign.max_duration, campaign.apology,
	campaign.callback_detection, campaign.callback_max_attempts, campaign.max_callback_reschedules`

// window reads a calling window.
type window struct {
	c  *windowCache
	to *dialler.Window
}

func (w window) Scan(v any) error {
	s, ok := v.(string)
	if !ok {
		return fmt.Errorf("a window is stored as %T", v)
	}
	got, err := w.c.get(s)
	*w.to = got
	return err
}

// CampaignDest is where CampaignColumns go.
func (s *SQL) CampaignDest(c *dialler.Campaign) []any {
	return []any{&c.ID, &c.Name, &c.State, text[dialler.EndReason]{&c.Ended}, &c.Run, stamp{&c.Closes},
		&c.Mode, window{&s.windows, &c.Window}, &c.Trunk, &c.Bot, &c.CallerID, &c.Region,
		&c.Seats, &c.CPS, &c.MaxAttempts, span{&c.RetryDelay}, list[[]dialler.Disposition]{&c.RetryOn}, span{&c.RingTimeout},
		&c.Screen, span{&c.BotTimeout}, span{&c.MaxDuration}, &c.Apology,
		&c.CallbackDetection, &c.CallbackMaxAttempts, &c.MaxCallbackReschedules}
}

// ContactColumns are read by [ContactDest].
const ContactColumns = `contact.id, contact.campaign_id, contact.number, contact.vars, contact.state, contact.due,
	contact.attempts, contact.added, contact.settled`

// ContactDest is where ContactColumns go.
func ContactDest(c *dialler.Contact) []any {
	return []any{&c.ID, &c.Campaign, &c.Number, list[map[string]string]{&c.Vars}, &c.State, turn{c},
		&c.Attempts, stamp{&c.Added}, stamp{&c.Settled}}
}

// CallbackColumns are read by [CallbackDest].
const CallbackColumns = `callback.id, callback.contact_id, callback.campaign_id, callback.asked_on, callback.chain,
	callback.phrase, callback.reason, callback.confidence, callback.requested, callback.scheduled, callback.due,
	callback.read, callback.rule, callback.clipped, callback.trace, callback.attempts, callback.state,
	callback.closed, callback.why`

// CallbackDest is where CallbackColumns go.
func CallbackDest(c *dialler.Callback) []any {
	return []any{&c.ID, &c.Contact, &c.Campaign, &c.AskedOn, &c.Chain,
		&c.Phrase, &c.Reason, &c.Confidence, stamp{&c.Requested}, stamp{&c.Scheduled}, stamp{&c.Due},
		stamp{&c.Read}, &c.Rule, &c.Clipped, list[[]string]{&c.Trace}, &c.Attempts, &c.State,
		stamp{&c.Closed}, text[dialler.CloseReason]{&c.Why}}
}

// AttemptColumns are read by [AttemptDest].
const AttemptColumns = `attempt.id, attempt.contact_id, attempt.campaign_id, attempt.run, attempt.number, attempt.n,
	attempt.class, coalesce(attempt.callback_id, 0), attempt.trunk, attempt.switch, attempt.bot, attempt.node, attempt.leased, attempt.due,
	attempt.rang, attempt.answered, attempt.joined, attempt.ended, attempt.disposition,
	attempt.q850, attempt.sip, attempt.cause, attempt.machine`

// AttemptDest is where AttemptColumns go.
func AttemptDest(a *dialler.Attempt) []any {
	return []any{&a.ID, &a.Contact, &a.Campaign, &a.Run, &a.Number, &a.N,
		&a.Class, &a.Callback, &a.Trunk, &a.Switch, &a.Bot, &a.Node, stamp{&a.Leased}, start{&a.Due},
		stamp{&a.Rang}, stamp{&a.Answered}, stamp{&a.Joined}, stamp{&a.Ended}, text[dialler.Disposition]{&a.Disposition},
		&a.Cause.Q850, &a.Cause.SIP, &a.Cause.Text, &a.Machine}
}
