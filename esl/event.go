package esl

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/percipia/eslgo/command"

	"ringback/dialler"
)

// An event is what FreeSWITCH said, as far as a call is moved by it.
//
// Events are asked for in the plain format, which is read in one pass that
// keeps only what is needed. Plain is lossy: "%" and two hex digits, in upper
// case, are not encoded again by FreeSWITCH, so "100%41" comes as "100A". JSON
// is exact, but five times the work. Nothing that is read here can hold a per
// cent sign followed by hex digits: it is UUIDs, names, numbers and states.
// What a customer said is read back of an analysis only, for people who
// percent-encode it as we do: see say.
type event struct {
	name     string // Event-Name
	subclass string // Event-Subclass, of CUSTOM; quoted nowhere
	core     string // Core-UUID: another one, another FreeSWITCH
	at       time.Time

	leg    string // Unique-ID
	state  string // Answer-State: ringing, early, answered, hangup
	talked bool   // Caller-Channel-Answered-Time is set: it has been answered
	bridge [2]string

	app, call, own string            // our mark: ringback_app, ringback_call, ringback_leg
	verdict        string            // of a detector
	said, vars     map[string]string // of an analysis, by dialler.AnalysisField, decoded: fields of the event, variables of the leg

	cause   string // Hangup-Cause
	q850    int    // hangup_cause_q850
	status  int    // sip_term_status
	replied bool   // a SIP peer did: sip_network_ip, sip_reply_host

	job    string // Job-UUID
	result []byte // body of BACKGROUND_JOB; holds until the next frame
}

// A decoder makes events of the bodies of frames.
type decoder struct {
	verdict string // the header with a detector's verdict; "": none
}

// decode reads the body of a frame of type text/event-plain.
func (d decoder) decode(body []byte) (event, error) {
	var e event
	length := -1
	rest, ok := eachLine(body, func(line []byte) {
		if !d.mayMatter(line) {
			return
		}
		name, value, ok := cutHeader(line)
		if !ok || len(value) == 0 {
			return
		}
		switch string(name) {
		case "Event-Name":
			set(&e.name, value)
		case "Event-Subclass":
			set(&e.subclass, value)
		case "Core-UUID":
			set(&e.core, value)
		case "Event-Date-Timestamp":
			if us, err := strconv.ParseInt(string(value), 10, 64); err == nil && e.at.IsZero() {
				e.at = time.UnixMicro(us)
			}
		case "Unique-ID":
			set(&e.leg, value)
		case "Answer-State":
			set(&e.state, value)
		case "Caller-Channel-Answered-Time":
			e.talked = string(value) != "0"
		case "Bridge-A-Unique-ID":
			set(&e.bridge[0], value)
		case "Bridge-B-Unique-ID":
			set(&e.bridge[1], value)
		case "variable_ringback_app":
			set(&e.app, value)
		case "variable_ringback_call":
			set(&e.call, value)
		case "variable_ringback_leg":
			set(&e.own, value)
		case "Hangup-Cause":
			set(&e.cause, value)
		case "variable_hangup_cause_q850":
			e.q850 = number(value)
		case "variable_sip_term_status":
			e.status = number(value)
		case "variable_sip_network_ip", "variable_sip_reply_host":
			e.replied = true
		case "Job-UUID":
			set(&e.job, value)
		case "Content-Length":
			length = number(value)
		default:
			if d.verdict != "" && string(name) == d.verdict {
				set(&e.verdict, value)
			} else if ofAnalysis(name) {
				e.say(string(name), value)
			}
		}
	})
	switch {
	case !ok:
		return event{}, fmt.Errorf("%w: event without an empty line: %.80q", errFrame, body)
	case e.name == "":
		return event{}, fmt.Errorf("%w: event without a name: %.80q", errFrame, body)
	case length > len(rest):
		return event{}, fmt.Errorf("%w: event %s of %d bytes has %d", errFrame, e.name, length, len(rest))
	case length > 0:
		e.result = rest[:length]
	}
	return e, nil
}

// ofAnalysis reports whether a header may be part of an analysis: a variable of
// ours, or a field of our own event.
func ofAnalysis(name []byte) bool {
	for _, prefix := range [...]string{"variable_RINGBACK_", "callback_", "analysis", "requested_at"} {
		if len(name) >= len(prefix) && string(name[:len(prefix)]) == prefix {
			return true
		}
	}
	return false
}

// say takes part of an analysis. Percent-encoding with upper-case digits is
// gone with FreeSWITCH's own, which does not encode it again; that with
// lower-case ones is still there.
func (e *event) say(name string, value []byte) {
	name, variable := strings.CutPrefix(name, "variable_")
	field := dialler.AnalysisField(name)
	if field == "" {
		return
	}
	text := unescape(value)
	if field != "analysis" || !strings.HasPrefix(strings.TrimSpace(text), "{") {
		text = unescapeLower(text)
	}
	into := &e.said
	if variable {
		into = &e.vars
	}
	if *into == nil {
		*into = map[string]string{}
	}
	(*into)[field] = text
}

// mayMatter says no to most headers by a glance at a few bytes: of some 180 in
// an event, twenty matter.
func (d decoder) mayMatter(line []byte) bool {
	const variable = len("variable_")
	switch {
	case len(line) <= variable+4:
		return true
	case line[0] == 'C': // Core-UUID, Content-Length; not Channel-…, Call-…
		return line[1] == 'o' || bytes.HasPrefix(line, []byte("Caller-Channel-A"))
	case line[0] != 'v' || d.verdict != "" && bytes.HasPrefix(line, []byte(d.verdict)):
		return true
	}
	switch name := line[variable:]; name[0] {
	case 'R':
		return true // RINGBACK_…
	case 'r':
		return name[1] == 'i' // ringback_…; not rtp_…, read_…, remote_…
	case 's':
		return name[1] == 'i' && (name[4] == 't' || name[4] == 'n' || name[4] == 'r') // sip_term_status, sip_network_ip, sip_reply_host
	case 'h':
		return true // hangup_cause_q850
	}
	return false
}

// eachLine calls f with each header of an event, still encoded, up to the
// empty line, and returns what follows it; ok is false if there is none.
func eachLine(body []byte, f func(line []byte)) (rest []byte, ok bool) {
	for rest = body; len(rest) > 0; {
		var line []byte
		line, rest = cutLine(rest)
		if len(line) == 0 {
			return rest, true
		}
		f(line)
	}
	return nil, false
}

// set decodes value into *s, unless there is one already: FreeSWITCH repeats
// a few headers in one event, Unique-ID in those of mod_avmd.
func set(s *string, value []byte) {
	if *s == "" {
		*s = unescape(value)
	}
}

// unescape undoes FreeSWITCH's encoding of a header's value: %XX is a byte.
// Whatever else looks like that, it leaves.
func unescape(v []byte) string {
	i := bytes.IndexByte(v, '%')
	if i < 0 {
		return string(v)
	}
	out := make([]byte, 0, len(v))
	for ; i >= 0; i = bytes.IndexByte(v, '%') {
		out = append(out, v[:i]...)
		if hi, lo := hexAt(v, i+1), hexAt(v, i+2); hi >= 0 && lo >= 0 {
			out = append(out, byte(hi<<4|lo))
			v = v[i+3:]
		} else {
			out = append(out, '%')
			v = v[i+1:]
		}
	}
	return string(append(out, v...))
}

// unescapeLower undoes the escapes that have a lower-case digit, unless what
// they make is not UTF-8: then they were none.
func unescapeLower(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && s[i+1:i+3] != strings.ToUpper(s[i+1:i+3]) {
			if b, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				out = append(out, byte(b))
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	if !utf8.Valid(out) {
		return s
	}
	return string(out)
}

func hexAt(v []byte, i int) int {
	if i >= len(v) {
		return -1
	}
	switch c := v[i]; {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

// number reads a small decimal number; 0 for anything else.
func number(v []byte) int {
	n := 0
	for _, c := range v {
		if c < '0' || c > '9' || n > 1<<26 {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// when is the time it happened by FreeSWITCH's clock, or now if it is not
// told.
func (e *event) when() time.Time {
	if e.at.IsZero() {
		return time.Now()
	}
	return e.at
}

// Events, by their name on the wire.
const (
	evCreate         = "CHANNEL_CREATE"
	evProgress       = "CHANNEL_PROGRESS"
	evProgressMedia  = "CHANNEL_PROGRESS_MEDIA"
	evAnswer         = "CHANNEL_ANSWER"
	evPark           = "CHANNEL_PARK"
	evBridge         = "CHANNEL_BRIDGE"
	evHangup         = "CHANNEL_HANGUP"
	evHangupComplete = "CHANNEL_HANGUP_COMPLETE"
	evDestroy        = "CHANNEL_DESTROY"
	evPlayStart      = "PLAYBACK_START"
	evPlayStop       = "PLAYBACK_STOP"
	evJob            = "BACKGROUND_JOB"
	evCustom         = "CUSTOM"

	beep = "avmd::beep"
)

// subscription is the one line that asks for events. CUSTOM comes last, for
// whatever follows it is the name of a subclass. CHANNEL_HANGUP and
// CHANNEL_DESTROY are left out: CHANNEL_HANGUP_COMPLETE says what they say,
// with the Q.850 cause.
var subscription = command.Event{Format: "plain", Listen: []string{
	evCreate, evProgress, evProgressMedia, evAnswer, evPark, evBridge, evHangupComplete, evPlayStart, evPlayStop, evJob,
	evCustom, beep, dialler.AnalysisSubclass,
}}.BuildMessage()

// filters narrow the subscription to our own calls: an event is sent if one
// of them fits. Those without our mark on them are named.
func filters(app string) []string {
	return []string{
		"filter variable_ringback_app " + app,
		"filter Event-Name " + evJob,
		"filter Event-Name " + evPlayStart,
		"filter Event-Name " + evPlayStop,
		"filter Event-Subclass " + beep,
		"filter Event-Subclass " + dialler.AnalysisSubclass,
	}
}

// cause is the event's as the domain has it. A status counts only if a peer
// sent it: of a gateway that is not there, FreeSWITCH says 503 too.
func (e *event) hangupCause() dialler.Cause {
	c := dialler.Cause{Q850: e.q850, Text: e.cause}
	if e.replied && e.status >= 300 {
		c.SIP = e.status
	}
	if !e.replied && e.status >= 300 {
		c.Text += " (no answer from the far end)"
	}
	if c.Q850 == 0 {
		c.Q850 = q850[e.cause]
	}
	return c
}
