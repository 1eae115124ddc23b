package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"ringback/deploy/lab/farend"
	"ringback/dialler"
)

// patience is how late a callback may be rung in the demo. It is wide, because the
// machine is busy with a PBX, thirty customers and a bot; make bench measures.
const patience = 2 * time.Second

// verdict compares what came of everybody with what was to come of them, and
// returns what is not as it should be.
func verdict(ctx context.Context, store dialler.Store, id dialler.CampaignID, far *farend.FarEnd) (wrong []string, err error) {
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	calls, err := allCalls(ctx, store, id)
	if err != nil {
		return nil, err
	}
	for i, p := range cast {
		var last *dialler.Call
		var promise *dialler.Callback
		n := 0
		for _, c := range calls {
			if c.Number != number(i) {
				continue
			}
			n++
			last = &c
			if c.Ruling.Callback != nil {
				promise = c.Ruling.Callback
			}
			if c.Kept != nil {
				promise = c.Kept
			}
		}
		switch {
		case last == nil:
			bad("%s was never rung", number(i))
			continue
		case last.Contact.State != p.state:
			bad("%s is %s, and was to be %s", number(i), last.Contact.State, p.state)
		case p.calls != 0 && n != p.calls:
			bad("%s was rung %d times, and was to be rung %d times", number(i), n, p.calls)
		}
		switch {
		case p.callback == "" && promise != nil:
			bad("%s was promised a callback, and had asked for none", number(i))
		case p.callback != "" && promise == nil:
			bad("%s asked for a callback, and none was scheduled", number(i))
		case p.callback != "" && (promise.State != p.callback || promise.Why != p.why):
			bad("the callback of %s is %s %s, and was to be %s %s", number(i), promise.State, promise.Why, p.callback, p.why)
		}
	}
	wrong = append(wrong, outOfOrder(calls)...)
	wrong = append(wrong, outOfContext(far, calls)...)
	for _, o := range far.Record.Overlaps() {
		bad("%s was rung twice at once", o.First.Number)
	}

	n, err := store.Counters(ctx, id)
	if err != nil {
		return nil, err
	}
	if n.Pending()+n.Completed()+n.Callbacks[dialler.CallbackCancelled] != n.Requested {
		bad("the counters of callbacks do not add up: %+v", n)
	}
	return wrong, nil
}

// outOfOrder finds calls begun while one of a better class was due.
func outOfOrder(calls []dialler.Call) (wrong []string) {
	rank := func(c dialler.Class) int { return slices.Index(dialler.LeaseOrder[:], c) }
	for _, c := range calls {
		for _, better := range calls {
			waited := better.Due
			if added := better.Contact.Added; added.After(waited) {
				waited = added
			}
			if rank(better.Class) < rank(c.Class) && better.Leased.After(c.Leased) && waited.Before(c.Leased) {
				wrong = append(wrong, fmt.Sprintf("%s was rung as %s while %s, a %s, was due", c.Number, c.Class, better.Number, better.Class))
			}
		}
		if late := c.Leased.Sub(c.Due); c.Class == dialler.ClassCallback && late > patience {
			wrong = append(wrong, fmt.Sprintf("the callback of %s was %v late", c.Number, late.Round(time.Millisecond)))
		}
	}
	return wrong
}

// outOfContext finds conversations whose INVITE to the bot did not say what the
// customer had said when they asked to be rung.
func outOfContext(far *farend.FarEnd, calls []dialler.Call) (wrong []string) {
	told := map[string]map[string]string{}
	for _, b := range far.Record.Bots() {
		context := farend.Decode(b.Headers)
		told[context["call-id"]] = context
	}
	for _, c := range calls {
		if c.Joined.IsZero() || c.Kept == nil {
			continue
		}
		got := told[string(c.ID)]
		if got["callback-phrase"] != c.Kept.Phrase || got["callback-reason"] != c.Kept.Reason {
			wrong = append(wrong, fmt.Sprintf("the bot was told %q, %q of %s, who had said %q, %q", got["callback-phrase"], got["callback-reason"], c.Number, c.Kept.Phrase, c.Kept.Reason))
		}
	}
	return wrong
}

// allCalls are the campaign's calls, oldest first.
func allCalls(ctx context.Context, store dialler.Store, id dialler.CampaignID) ([]dialler.Call, error) {
	var all []dialler.Call
	for q := (dialler.CallQuery{Campaign: id, Limit: 1000}); ; {
		page, next, err := store.Calls(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("list the calls: %w", err)
		}
		all = append(all, page...)
		if next == "" {
			slices.Reverse(all)
			return all, nil
		}
		q.After = next
	}
}

// table is the summary: who was rung, how often, and what came of it.
func table(calls []dialler.Call) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-15s %-58s %5s  %-14s %s\n", "number", "who", "calls", "contact", "callback")
	for i := range cast {
		n, state, promise := 0, "", ""
		for _, c := range calls {
			if c.Number != number(i) {
				continue
			}
			n++
			state = string(c.Contact.State)
			for _, cb := range []*dialler.Callback{c.Ruling.Callback, c.Kept} {
				if cb != nil {
					promise = strings.TrimSpace(string(cb.State) + " " + string(cb.Why))
				}
			}
		}
		fmt.Fprintf(&b, "%-15s %-58.58s %5d  %-14s %s\n", number(i), what(i), n, state, promise)
	}
	return b.String()
}
