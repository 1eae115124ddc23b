package esltest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A channel is one leg.
type channel struct {
	id, name, kind string // kind: sofia or loopback
	number         string
	vars           [][2]string
	made           time.Time

	originating bool // its originate is not over
	ignoreEarly bool
	rang, early bool
	answered    bool
	hung        bool
	destroyed   bool
	replied     bool // a SIP peer has
	status      int  // its final status
	cause       string
	app         string // current_application
	peer        *channel
	caller      bool // of a bridge, the one it was made from
	avmd        bool
	take        Take
	host        string              // dialled, if by no gateway
	hangUp      func()              // of the carrier's call
	job         func(result string) // ends its originate
	timers      []*time.Timer
}

func (c *channel) get(name string) (string, bool) {
	for _, v := range c.vars {
		if strings.EqualFold(v[0], name) {
			return v[1], true
		}
	}
	return "", false
}

func (c *channel) is(name string) bool {
	v, _ := c.get(name)
	return v == "true"
}

// set sets a variable; empty unsets it.
func (c *channel) set(name, value string) {
	c.vars = slices.DeleteFunc(c.vars, func(v [2]string) bool { return strings.EqualFold(v[0], name) })
	if value != "" {
		c.vars = append(c.vars, [2]string{name, value})
	}
}

func (c *channel) answerState() string {
	switch {
	case c.hung:
		return "hangup"
	case c.answered:
		return "answered"
	case c.early:
		return "early"
	}
	return "ringing"
}

func (c *channel) answeredTime() string {
	if c.answered {
		return strconv.FormatInt(c.made.UnixMicro(), 10)
	}
	return "0"
}

// data is what an event tells of a channel, in the recorded order.
func (c *channel) data(e *Event) {
	state, number := "CS_CONSUME_MEDIA", "7"
	switch {
	case c.hung:
		state, number = "CS_REPORTING", "11"
	case c.app != "":
		state, number = "CS_EXECUTE", "4"
	}
	e.add("Channel-State", state, "Channel-Call-State", map[bool]string{true: "ACTIVE", false: "DOWN"}[c.answered],
		"Channel-State-Number", number, "Channel-Name", c.name, "Unique-ID", c.id,
		"Call-Direction", "outbound", "Presence-Call-Direction", "outbound", "Channel-HIT-Dialplan", "false",
		"Channel-Call-UUID", c.id, "Answer-State", c.answerState())
	if c.hung {
		e.add("Hangup-Cause", c.cause)
	}
	if c.answered {
		for _, d := range []string{"Read", "Write"} {
			e.add("Channel-"+d+"-Codec-Name", "PCMU", "Channel-"+d+"-Codec-Rate", "8000", "Channel-"+d+"-Codec-Bit-Rate", "64000")
		}
	}
	stamp := strconv.FormatInt(c.made.UnixMicro(), 10)
	e.add("Caller-Direction", "outbound", "Caller-Logical-Direction", "outbound",
		"Caller-Caller-ID-Number", "0000000000", "Caller-Orig-Caller-ID-Number", "0000000000",
		"Caller-Callee-ID-Name", "Outbound Call", "Caller-Callee-ID-Number", c.number, "Caller-Network-Addr", "127.0.0.1",
		"Caller-ANI", "0000000000", "Caller-Destination-Number", c.number, "Caller-Unique-ID", c.id,
		"Caller-Source", "src/switch_ivr_originate.c", "Caller-Context", "default", "Caller-Channel-Name", c.name,
		"Caller-Profile-Index", "1", "Caller-Profile-Created-Time", stamp, "Caller-Channel-Created-Time", stamp,
		"Caller-Channel-Answered-Time", c.answeredTime(), "Caller-Channel-Progress-Time", "0", "Caller-Channel-Progress-Media-Time", "0",
		"Caller-Channel-Hangup-Time", "0", "Caller-Channel-Transfer-Time", "0", "Caller-Channel-Resurrect-Time", "0",
		"Caller-Channel-Bridged-Time", "0", "Caller-Channel-Last-Hold", "0", "Caller-Channel-Hold-Accum", "0",
		"Caller-Screen-Bit", "true", "Caller-Privacy-Hide-Name", "false", "Caller-Privacy-Hide-Number", "false",
		"variable_direction", "outbound", "variable_is_outbound", "true", "variable_uuid", c.id, "variable_call_uuid", c.id,
		"variable_channel_name", c.name)
	for _, v := range c.vars {
		e.add("variable_"+v[0], v[1])
	}
	e.add("variable_originate_early_media", "false", "variable_originate_endpoint", c.kind)
	if c.kind == "sofia" {
		e.add("variable_rtp_local_sdp_str", "v=0\r\no=FreeSWITCH 1795298881 1795298882 IN IP4 127.0.0.1\r\ns=FreeSWITCH\r\n"+
			"c=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 25382 RTP/AVP 0 8 101 13\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\n")
		if c.replied {
			e.add("variable_sip_reply_host", "127.0.0.1", "variable_sip_network_ip", "127.0.0.1", "variable_sip_network_port", "5093")
		}
		e.add("variable_sip_full_from", "<sip:0000000000@127.0.0.1>;tag=3pcarHm1v8p6D", "variable_sip_to_uri", c.number+"@127.0.0.1:5093")
	}
	if c.answered {
		e.add("variable_endpoint_disposition", "ANSWER")
	} else if c.early {
		e.add("variable_endpoint_disposition", "EARLY MEDIA")
	}
	if c.app != "" {
		e.add("variable_current_application", c.app)
	}
	if c.status != 0 {
		e.add("variable_sip_term_status", strconv.Itoa(c.status), "variable_proto_specific_hangup_cause", fmt.Sprintf("sip:%d", c.status))
	}
	if c.hung {
		e.add("variable_hangup_cause", c.cause)
		if q, ok := q850[c.cause]; ok {
			e.add("variable_hangup_cause_q850", strconv.Itoa(q))
		}
	}
}

// q850 is FreeSWITCH's number for a cause in hangup_cause_q850, as recorded;
// the rest of its table is generic.
var q850 = map[string]int{
	"NORMAL_TEMPORARY_FAILURE": 41, "CALL_REJECTED": 21, "UNALLOCATED_NUMBER": 1, "SERVICE_UNAVAILABLE": 63,
	"SERVICE_NOT_IMPLEMENTED": 79, "RECOVERY_ON_TIMER_EXPIRE": 102, "NUMBER_CHANGED": 22, "INTERWORKING": 127,
	"NO_ANSWER": 19, "NO_USER_RESPONSE": 18, "EXCHANGE_ROUTING_ERROR": 25, "INVALID_NUMBER_FORMAT": 28,
	"NO_ROUTE_DESTINATION": 3, "USER_BUSY": 17, "ORIGINATOR_CANCEL": 16, "INCOMPATIBLE_DESTINATION": 88,
	"NORMAL_UNSPECIFIED": 31, "NETWORK_OUT_OF_ORDER": 38, "UNWANTED": 16, "NORMAL_CLEARING": 16,
	"SYSTEM_SHUTDOWN": 16, "MANAGER_REQUEST": 16,
}

// bySIP is the cause a SIP status makes, as recorded (23-sip-code-to-cause.json).
var bySIP = map[int]string{
	400: "NORMAL_TEMPORARY_FAILURE", 401: "CALL_REJECTED", 402: "CALL_REJECTED", 403: "CALL_REJECTED",
	404: "UNALLOCATED_NUMBER", 405: "SERVICE_UNAVAILABLE", 406: "SERVICE_NOT_IMPLEMENTED", 407: "CALL_REJECTED",
	408: "RECOVERY_ON_TIMER_EXPIRE", 410: "NUMBER_CHANGED", 413: "INTERWORKING", 415: "SERVICE_NOT_IMPLEMENTED",
	420: "INTERWORKING", 422: "NO_ANSWER", 423: "INTERWORKING", 480: "NO_USER_RESPONSE", 481: "NORMAL_TEMPORARY_FAILURE",
	482: "EXCHANGE_ROUTING_ERROR", 483: "EXCHANGE_ROUTING_ERROR", 484: "INVALID_NUMBER_FORMAT", 485: "NO_ROUTE_DESTINATION",
	486: "USER_BUSY", 487: "ORIGINATOR_CANCEL", 488: "INCOMPATIBLE_DESTINATION", 491: "NORMAL_UNSPECIFIED",
	500: "NORMAL_TEMPORARY_FAILURE", 501: "SERVICE_NOT_IMPLEMENTED", 502: "NETWORK_OUT_OF_ORDER",
	503: "NORMAL_TEMPORARY_FAILURE", 504: "RECOVERY_ON_TIMER_EXPIRE", 505: "INTERWORKING", 513: "INTERWORKING",
	580: "NORMAL_UNSPECIFIED", 600: "USER_BUSY", 603: "CALL_REJECTED", 604: "NO_ROUTE_DESTINATION",
	606: "INCOMPATIBLE_DESTINATION", 607: "UNWANTED", 608: "CALL_REJECTED",
}
