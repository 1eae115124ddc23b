package farend

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"
)

// HeaderPrefix starts the names of the headers that carry the callback context; their
// values are percent-encoded UTF-8 (RFC 3986 §2.1).
const HeaderPrefix = "X-Ringback-"

// A BotCall is one conversation as the bot has it.
type BotCall struct {
	Call // Ended is zero in an analysis that is delivered early

	// Context is the headers whose name starts with X-Ringback-, by the rest of the
	// name in lower case ("callback-phrase"), decoded.
	Context map[string]string
	// CallID is that of Ringback, from X-Ringback-Call-Id.
	CallID string
	// Customer is the number of who talked, from X-Ringback-Number.
	Customer string
	// Talk is which conversation with that customer this is, from 1.
	Talk int
}

// Decode reads the callback context of an INVITE's headers.
func Decode(headers []Header) map[string]string {
	context := map[string]string{}
	for _, h := range headers {
		if len(h.Name) <= len(HeaderPrefix) || !strings.EqualFold(h.Name[:len(HeaderPrefix)], HeaderPrefix) {
			continue
		}
		value, err := url.PathUnescape(h.Value)
		if err != nil {
			value = h.Value // what is not encoded is kept as it came
		}
		context[strings.ToLower(h.Name[len(HeaderPrefix):])] = value
	}
	return context
}

// A Post is one delivery of an analysis: POST {API}/v1/calls/{CallID}/analysis.
type Post struct {
	// After is the time from the bot's hang-up. It is not looked at where Early is set.
	After time.Duration
	// Early delivers it right after the bot answered.
	Early bool
	// Body is the JSON.
	Body []byte
}

// Analyse is what the phone book, or who, makes of a conversation.
func Analyse(c BotCall, who func(number string) (Person, bool)) []Post {
	p := lookUp(c.Customer)
	if who != nil {
		if other, ok := who(c.Customer); ok {
			p = other
		}
	}
	s := nth(p.Says, c.Talk)
	if s.Nothing || c.CallID == "" {
		return nil
	}
	post := Post{After: s.Late, Early: s.Early, Body: s.Body()}
	return slices.Repeat([]Post{post}, max(s.Times, 1))
}

// Body is the analysis as the bot platform sends it.
func (s Saying) Body() []byte {
	a := map[string]any{
		"callback_requested":  s.Callback,
		"callback_confidence": 0.9,
		"summary":             "a conversation of the lab",
	}
	if s.Sure != 0 {
		a["callback_confidence"] = s.Sure
	}
	if s.Phrase != "" {
		a["callback_preferred_time_text"] = s.Phrase
	}
	if s.Reason != "" {
		a["callback_reason"] = s.Reason
	}
	body, err := json.Marshal(a)
	if err != nil {
		panic("farend: an analysis of strings and numbers does not marshal: " + err.Error())
	}
	return body
}

// botTakes is how a bot takes calls, by its user part: any that starts with bot answers
// and talks, but for these.
func botTakes(user string) []Take {
	switch user {
	case "bot-busy":
		return takes(Take{Status: 486})
	case "bot-down":
		return takes(Take{Status: 503})
	case "bot-slow":
		return takes(Take{Never: true})
	case "bot-deaf":
		return takes(Take{Deaf: true})
	case "bot-drops":
		return takes(Take{Stay: -1})
	}
	return nil
}

// beBot takes one call as a voice bot: at once, talking, and with an analysis after.
func (l *leg) beBot() {
	t := nth(botTakes(l.number), l.nth)
	if t.Status != 0 || t.Never {
		l.take(t)
		return
	}
	if !l.pickUp(Chatter) {
		return
	}
	posts := l.f.o.Analyse(l.conversation())
	l.post(posts, true)
	stay := l.f.o.BotTalk
	if t.Stay != 0 {
		stay = max(t.Stay, 0)
	}
	if (!l.f.o.BotListens || l.listen() == nil) && l.wait(stay) == nil {
		l.bye()
	}
	if l.f.ctx.Err() == nil {
		l.post(posts, false)
	}
}

// conversation is the call as the record has it, with what its headers say.
func (l *leg) conversation() BotCall {
	call := l.f.Record.call(l.id)
	c := BotCall{Call: call, Context: Decode(call.Headers)}
	c.CallID, c.Customer = c.Context["call-id"], c.Context["number"]
	c.Talk = l.f.poster.talk(c.Customer)
	return c
}

func (l *leg) post(posts []Post, early bool) {
	for _, p := range posts {
		if p.Early == early {
			l.f.poster.deliver(l.id, p)
		}
	}
}
