package ari

import "ringback/dialler"

// bySIP says what a SIP status means for a call nobody answered. Asterisk
// gives it as tech_cause, from version 22 on, for a failure that came from the
// network, and it is then surer than the Q.850 cause, which is made from it
// (res/res_pjsip/pjsip_cause.c lumps 401, 403 and 603 as 21, say). Sections
// are RFC 3261's unless another is named.
var bySIP = map[int]dialler.Disposition{
	401: dialler.Failed,      // §21.4.2: the trunk wants other credentials
	403: dialler.Rejected,    // §21.4.4
	404: dialler.Unallocated, // §21.4.5
	407: dialler.Failed,      // §21.4.8
	408: dialler.NoAnswer,    // §21.4.9; Asterisk's own for a peer silent for 32 s
	410: dialler.Unallocated, // §21.4.11
	433: dialler.Rejected,    // RFC 5079 §5: anonymity disallowed
	480: dialler.NoAnswer,    // §21.4.18: switched off, out of reach
	484: dialler.Unallocated, // §21.4.22: address incomplete
	486: dialler.Busy,        // §21.4.24
	500: dialler.Congestion,  // §21.5
	502: dialler.Congestion,
	503: dialler.Congestion, // §21.5.4
	504: dialler.Congestion,
	600: dialler.Busy,        // §21.6.1
	603: dialler.Rejected,    // §21.6.2
	604: dialler.Unallocated, // §21.6.3: does not exist anywhere
	607: dialler.Rejected,    // RFC 8197: unwanted
	608: dialler.Rejected,    // RFC 8688: rejected by an analytics engine
}

// byQ850 does the same for a cause of ITU-T Q.850 (05/98) §2.2.7; what each
// is as SIP is in RFC 3398 §7.2.4.1. A cause not listed is [dialler.Failed].
var byQ850 = map[int]dialler.Disposition{
	1:   dialler.Unallocated, // unallocated (unassigned) number
	2:   dialler.Congestion,  // no route to network: the carrier's trouble, may be mended
	3:   dialler.Congestion,  // no route to destination: likewise
	16:  dialler.NoAnswer,    // normal clearing, of a call that only rang
	17:  dialler.Busy,        // user busy
	18:  dialler.NoAnswer,    // no user responding
	19:  dialler.NoAnswer,    // user alerting, no answer
	20:  dialler.NoAnswer,    // subscriber absent
	21:  dialler.Rejected,    // call rejected
	22:  dialler.Unallocated, // number changed
	27:  dialler.Congestion,  // destination out of order
	28:  dialler.Unallocated, // invalid number format
	31:  dialler.NoAnswer,    // normal, unspecified: 480 by RFC 3398
	34:  dialler.Congestion,  // no circuit/channel available
	38:  dialler.Congestion,  // network out of order
	41:  dialler.Congestion,  // temporary failure
	42:  dialler.Congestion,  // switching equipment congestion
	44:  dialler.Congestion,  // requested circuit/channel not available
	47:  dialler.Congestion,  // resource unavailable, unspecified
	102: dialler.Congestion,  // recovery on timer expiry: 504 by RFC 3398
}

// disposition says what the end of a customer leg means.
func (c *call) disposition(cause dialler.Cause) dialler.Disposition {
	switch {
	case c.talked:
		return dialler.Answered
	case c.answered:
		return dialler.Abandoned
	case c.customer.soft&softShutdown != 0:
		return dialler.Failed // Asterisk is being shut down
	case c.ending != notEnding, c.customer.soft != 0:
		// Hung up here: by us, or by the timeout we gave to dial. The
		// causes are then our own (16, or 19 and 480).
		return dialler.NoAnswer
	}
	return meaning(cause)
}

func meaning(cause dialler.Cause) dialler.Disposition {
	if d, ok := bySIP[cause.SIP]; ok {
		return d
	}
	if cause.SIP >= 500 && cause.SIP < 600 {
		return dialler.Congestion
	}
	if d, ok := byQ850[cause.Q850]; ok {
		return d
	}
	return dialler.Failed
}
