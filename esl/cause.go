package esl

import "ringback/dialler"

// byCause says what FreeSWITCH's cause means for a call nobody answered. What
// SIP status makes which cause was recorded (testdata/23-sip-code-to-cause.json);
// where one cause stands for several, bySIP decides.
var byCause = map[string]dialler.Disposition{
	"UNALLOCATED_NUMBER":    dialler.Unallocated, // 404
	"NUMBER_CHANGED":        dialler.Unallocated, // 410
	"INVALID_NUMBER_FORMAT": dialler.Unallocated, // 484
	"USER_BUSY":             dialler.Busy,        // 486, 600
	"NO_USER_RESPONSE":      dialler.NoAnswer,    // 480
	"NO_ANSWER":             dialler.NoAnswer,    // our own ring timeout; 422
	"ALLOTTED_TIMEOUT":      dialler.NoAnswer,
	"PROGRESS_TIMEOUT":      dialler.NoAnswer,
	"SUBSCRIBER_ABSENT":     dialler.NoAnswer,
	"ORIGINATOR_CANCEL":     dialler.NoAnswer, // 487: the answer to our own CANCEL
	"NORMAL_CLEARING":       dialler.NoAnswer, // of a call that only rang
	"NORMAL_UNSPECIFIED":    dialler.NoAnswer, // 491, 580
	"CALL_REJECTED":         dialler.Rejected, // 403, 603, 608
	"UNWANTED":              dialler.Rejected, // 607

	"NORMAL_TEMPORARY_FAILURE":  dialler.Congestion, // 400, 481, 500, 503; a gateway that is not there
	"NORMAL_CIRCUIT_CONGESTION": dialler.Congestion,
	"SWITCH_CONGESTION":         dialler.Congestion,
	"NETWORK_OUT_OF_ORDER":      dialler.Congestion, // 502
	"REQUESTED_CHAN_UNAVAIL":    dialler.Congestion,
	"GATEWAY_DOWN":              dialler.Congestion, // its OPTIONS ping says so
	"RECOVERY_ON_TIMER_EXPIRE":  dialler.Congestion, // 504; a peer silent for 32 s
	"DESTINATION_OUT_OF_ORDER":  dialler.Congestion, // from the network; our own are told apart, see refusal.go
	"NO_ROUTE_TRANSIT_NET":      dialler.Congestion,
	"NO_ROUTE_DESTINATION":      dialler.Congestion, // 485
	"BEARERCAPABILITY_NOTAVAIL": dialler.Congestion,
	"ACCESS_INFO_DISCARDED":     dialler.Congestion,
	"EXCHANGE_ROUTING_ERROR":    dialler.Failed, // 482, 483: the call goes round in circles
	"INVALID_GATEWAY":           dialler.Failed, // FreeSWITCH has no gateway of that name
	"CHAN_NOT_IMPLEMENTED":      dialler.Failed, // nor an endpoint of that kind
	"INCOMPATIBLE_DESTINATION":  dialler.Failed, // 488, 606: codecs
	"BEARERCAPABILITY_NOTAUTH":  dialler.Failed,
	"SERVICE_UNAVAILABLE":       dialler.Failed, // 405
	"SERVICE_NOT_IMPLEMENTED":   dialler.Failed, // 406, 415, 501
	"INTERWORKING":              dialler.Failed, // 413, 420, 423, 505, 513
	"SYSTEM_SHUTDOWN":           dialler.Failed,
	"MANAGER_REQUEST":           dialler.Failed, // fsctl hupall
	"INVALID_URL":               dialler.Failed,
	"MANDATORY_IE_MISSING":      dialler.Failed,
	"PROTOCOL_ERROR":            dialler.Failed,
	"CRASH":                     dialler.Failed,
}

// bySIP goes before byCause, where a peer sent a status and the cause made of
// it is too coarse. Sections are RFC 3261's.
var bySIP = map[int]dialler.Disposition{
	401: dialler.Failed,      // §21.4.2, CALL_REJECTED: the trunk wants other credentials
	402: dialler.Failed,      // §21.4.3, likewise
	407: dialler.Failed,      // §21.4.8, likewise
	408: dialler.NoAnswer,    // §21.4.9, RECOVERY_ON_TIMER_EXPIRE
	604: dialler.Unallocated, // §21.6.3, NO_ROUTE_DESTINATION: does not exist anywhere
}

// q850 is the number of a cause, for events that name it only.
var q850 = map[string]int{
	"UNALLOCATED_NUMBER": 1, "NO_ROUTE_TRANSIT_NET": 2, "NO_ROUTE_DESTINATION": 3, "NORMAL_CLEARING": 16,
	"USER_BUSY": 17, "NO_USER_RESPONSE": 18, "NO_ANSWER": 19, "SUBSCRIBER_ABSENT": 20, "CALL_REJECTED": 21,
	"NUMBER_CHANGED": 22, "EXCHANGE_ROUTING_ERROR": 25, "DESTINATION_OUT_OF_ORDER": 27, "INVALID_NUMBER_FORMAT": 28,
	"NORMAL_UNSPECIFIED": 31, "NORMAL_CIRCUIT_CONGESTION": 34, "NETWORK_OUT_OF_ORDER": 38,
	"NORMAL_TEMPORARY_FAILURE": 41, "SWITCH_CONGESTION": 42, "ACCESS_INFO_DISCARDED": 43, "REQUESTED_CHAN_UNAVAIL": 44,
	"BEARERCAPABILITY_NOTAUTH": 57, "BEARERCAPABILITY_NOTAVAIL": 58, "SERVICE_UNAVAILABLE": 63,
	"CHAN_NOT_IMPLEMENTED": 66, "SERVICE_NOT_IMPLEMENTED": 79, "INCOMPATIBLE_DESTINATION": 88,
	"RECOVERY_ON_TIMER_EXPIRE": 102, "PROTOCOL_ERROR": 111, "INTERWORKING": 127,
	// FreeSWITCH's own causes, from 142 up, are no Q.850; it maps these.
	"ORIGINATOR_CANCEL": 16, "SYSTEM_SHUTDOWN": 16, "MANAGER_REQUEST": 16, "UNWANTED": 16,
}

// meaning is what a cause says of a call nobody answered.
func meaning(name string, cause dialler.Cause) dialler.Disposition {
	if d, ok := bySIP[cause.SIP]; ok {
		return d
	}
	if d, ok := byCause[name]; ok {
		return d
	}
	return dialler.Failed
}

// disposition says what the end of a customer leg means.
func (c *call) disposition(name string, cause dialler.Cause) dialler.Disposition {
	switch {
	case c.talked:
		return dialler.Answered
	case c.answered:
		return dialler.Abandoned
	case name == "SYSTEM_SHUTDOWN":
		return dialler.Failed
	case c.ending != notEnding:
		return dialler.NoAnswer // we gave up; the causes are our own
	}
	return meaning(name, cause)
}
