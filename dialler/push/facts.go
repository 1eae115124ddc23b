package push

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"ringback/dialler"
)

// Facts are all that is known about a message: what a template's names stand
// for, by their parts.
type Facts map[string]any

// A Name is one that templates may use, with what it stands for. One that ends
// in "*" stands for all that begin so.
type Name struct{ Name, Means string }

// Names lists them all.
var Names = []Name{
	{"call.id", "the call; also the channel's ID on the switch"},
	{"call.campaign_id", "the campaign"},
	{"call.campaign", "the campaign's name"},
	{"call.run", "which run of the campaign, 1 for the first"},
	{"call.attempt", "which call to this contact in this run, 1 for the first"},
	{"call.class", "callback, pending or retry: as what the contact was rung"},
	{"call.callback_id", "the callback this call was to keep"},
	{"call.trunk", "the line it left by"},
	{"call.bot", "the bot it was for"},
	{"call.leased_at", "when the call was begun"},
	{"call.rang_at", "when the phone rang"},
	{"call.answered_at", "when it was answered"},
	{"call.joined_at", "when the bot was on the line"},
	{"call.ended_at", "when it ended"},
	{"call.talk_seconds", "from joined_at to ended_at, a number"},
	{"call.disposition", "answered, busy, no_answer, rejected, congestion, unallocated, machine, abandoned or failed"},
	{"call.q850", "the Q.850 cause, a number"},
	{"call.sip", "the SIP status, a number"},
	{"call.cause", "the switch's word for the cause"},
	{"call.machine", "human, machine or unsure, where calls are screened"},

	{"contact.id", "the contact"},
	{"contact.number", "E.164, with the plus"},
	{"contact.state", "what became of the contact by this"},
	{"contact.next_due_at", "when it is rung again"},
	{"contact.attempts", "calls made to it in this run, a number; as it is when this is sent"},
	{"contact.variables", "all of the list's own columns, an object"},
	{"contact.variables.*", "one of the list's own columns"},

	{"analysis", "the whole record the bot platform sent"},
	{"analysis.*", "a key of it, as it came; dots lead inside, numbers into lists: analysis.topics.0.name"},

	{"callback.id", "the promise: that was made or ended, or that the call was to keep"},
	{"callback.asked_on", "the call on which it was asked for"},
	{"callback.chain", "1, or one more than that of the promise before, a number"},
	{"callback.preferred_time_text", "the customer's words"},
	{"callback.reason", "why they could not talk"},
	{"callback.confidence", "0 to 1, a number"},
	{"callback.requested_at", "when they spoke"},
	{"callback.scheduled_at", "the first time promised"},
	{"callback.due_at", "when it is, or last was, due"},
	{"callback.rule", "how the words were read"},
	{"callback.clipped", "whether the time was moved into the calling window, true or false"},
	{"callback.attempts", "calls made to keep it, a number"},
	{"callback.state", "scheduled, completed, exhausted, closed or cancelled"},
	{"callback.why", "voicemail, abandoned, window_closed, stopped, excluded or operator"},
	{"callback.closed_at", "when it came to its end"},

	{"result.id", "the message, the same at every try: webhook-id"},
	{"result.event", "call.settled, call.analysed, callback.scheduled, callback.moved or callback.closed"},
	{"result.at", "when it happened"},
	{"result.verdict", "of an analysis: no_request, scheduled or refused"},
	{"result.refused", "why a callback was refused"},
}

// body is what the bodies of messages have in common, or not.
type body struct {
	dialler.CallbackMessage
	ContactState dialler.ContactState  `json:"contact_state"`
	NextDue      time.Time             `json:"next_due_at"`
	Verdict      dialler.RulingVerdict `json:"verdict"`
	Refused      dialler.RefusalReason `json:"refused"`
}

// NewFacts gathers what is known about a message from itself and the call it
// is about.
func NewFacts(m dialler.Message, c dialler.Call) (Facts, error) {
	var b body
	if err := json.Unmarshal(m.Body, &b); err != nil {
		return nil, fmt.Errorf("the body of message %d: %w", m.ID, err)
	}
	call := section{}
	call.put("id", string(c.ID))
	call.put("campaign_id", int64(m.Campaign))
	call.put("campaign", b.CallbackMessage.Campaign)
	call.put("run", c.Run)
	call.put("attempt", c.N)
	call.put("class", string(c.Class))
	call.put("callback_id", int64(c.Attempt.Callback))
	call.put("trunk", c.Trunk)
	call.put("bot", c.Bot)
	call.at("leased_at", c.Leased)
	call.at("rang_at", c.Rang)
	call.at("answered_at", c.Answered)
	call.at("joined_at", c.Joined)
	call.at("ended_at", c.Ended)
	if !c.Joined.IsZero() && !c.Ended.IsZero() {
		call["talk_seconds"] = c.Ended.Sub(c.Joined).Round(time.Millisecond).Seconds()
	}
	call.put("disposition", string(c.Disposition))
	call.put("q850", c.Cause.Q850)
	call.put("sip", c.Cause.SIP)
	call.put("cause", c.Cause.Text)
	call.put("machine", string(c.Machine))

	contact := section{}
	contact.put("id", int64(m.Contact))
	contact.put("number", string(b.Number))
	contact.put("state", string(b.ContactState))
	contact.at("next_due_at", b.NextDue)
	contact["attempts"] = c.Contact.Attempts
	vars := section{}
	for name, value := range b.Vars {
		vars[name] = value
	}
	contact["variables"] = map[string]any(vars)

	result := section{}
	result.put("id", m.Key())
	result.put("event", m.Kind)
	result.at("at", m.At)
	result.put("verdict", string(b.Verdict))
	result.put("refused", string(b.Refused))

	f := Facts{"call": map[string]any(call), "contact": map[string]any(contact), "result": map[string]any(result)}
	switch {
	case m.Kind == dialler.CallbackMade, m.Kind == dialler.CallbackMoved, m.Kind == dialler.CallbackOver:
		f["callback"] = promise(b.CallbackMessage)
	case m.Kind == dialler.CallAnalysed && c.Ruling.Callback != nil && c.Ruling.Callback.ID == b.Callback:
		f["callback"] = promise(ofCallback(*c.Ruling.Callback))
	case m.Kind == dialler.CallSettled && c.Kept != nil:
		f["callback"] = promise(ofCallback(*c.Kept))
	}
	raw := []byte(b.Analysis)
	if raw == nil && m.Kind != dialler.CallSettled { // that one went out before there was any, or beside it
		raw = c.Analysis
	}
	if raw != nil {
		an, err := decode(raw)
		if err != nil {
			return nil, fmt.Errorf("the analysis of call %s: %w", c.ID, err)
		}
		f["analysis"] = an
	}
	return f, nil
}

func ofCallback(cb dialler.Callback) dialler.CallbackMessage {
	return dialler.CallbackMessage{
		Callback: cb.ID, AskedOn: cb.AskedOn, Chain: cb.Chain, Phrase: cb.Phrase, Reason: cb.Reason, Confidence: cb.Confidence,
		Requested: cb.Requested, Scheduled: cb.Scheduled, Due: cb.Due, Rule: cb.Rule, Clipped: cb.Clipped,
		Attempts: cb.Attempts, State: cb.State, Why: cb.Why, Closed: cb.Closed,
	}
}

func promise(cb dialler.CallbackMessage) map[string]any {
	s := section{}
	s.put("id", int64(cb.Callback))
	s.put("asked_on", string(cb.AskedOn))
	s.put("chain", cb.Chain)
	s.put("preferred_time_text", cb.Phrase)
	s.put("reason", cb.Reason)
	s["confidence"] = cb.Confidence
	s.at("requested_at", cb.Requested)
	s.at("scheduled_at", cb.Scheduled)
	s.at("due_at", cb.Due)
	s.put("rule", cb.Rule)
	s["clipped"] = cb.Clipped
	s["attempts"] = cb.Attempts
	s.put("state", string(cb.State))
	s.put("why", string(cb.Why))
	s.at("closed_at", cb.Closed)
	return s
}

// A section is the facts of one kind. What is zero is not known, and left out.
type section map[string]any

func (s section) put(name string, v any) {
	switch v := v.(type) {
	case string:
		if v == "" {
			return
		}
	case int:
		if v == 0 {
			return
		}
	case int64:
		if v == 0 {
			return
		}
	}
	s[name] = v
}

func (s section) at(name string, t time.Time) {
	if !t.IsZero() {
		s[name] = t.UTC().Format(time.RFC3339Nano)
	}
}

// decode reads JSON with its numbers as they were written.
func decode(raw []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

// lookup finds what a name stands for. At each level all that is left of the
// name may be a key, so that a column called "a.b" is found.
func (f Facts) lookup(name string) (any, bool) {
	var v any = map[string]any(f)
	for {
		switch at := v.(type) {
		case map[string]any:
			if whole, ok := at[name]; ok {
				return whole, true
			}
			first, rest, more := strings.Cut(name, ".")
			next, ok := at[first]
			if !ok || !more {
				return nil, false
			}
			v, name = next, rest
		case []any:
			first, rest, more := strings.Cut(name, ".")
			i, ok := index(first, len(at))
			if !ok {
				return nil, false
			}
			if !more {
				return at[i], true
			}
			v, name = at[i], rest
		default:
			return nil, false
		}
	}
}

func index(s string, n int) (int, bool) {
	i := 0
	for _, r := range s {
		if r < '0' || r > '9' || i > n {
			return 0, false
		}
		i = 10*i + int(r-'0')
	}
	return i, s != "" && i < n
}
