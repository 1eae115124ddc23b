// Package farend plays the people at the other end of the trunk, and the voice bot: a
// SIP user agent on one UDP port.
package farend
