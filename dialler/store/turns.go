package store

import (
	"maps"

	"ringback/dialler"
)

// Turns remembers which campaign was served last, so that campaigns take turns
// from one lease to the next. It is not kept: after a restart the order is by
// ID once. The zero Turns is ready to use.
type Turns struct {
	last   map[dialler.CampaignID]int64
	ticket int64
}

// Of is a campaign's ticket: the lower, the longer ago it was served.
func (u *Turns) Of(id dialler.CampaignID) int64 { return u.last[id] }

// Served gives a campaign the newest ticket.
func (u *Turns) Served(id dialler.CampaignID) {
	if u.last == nil {
		u.last = map[dialler.CampaignID]int64{}
	}
	u.ticket++
	u.last[id] = u.ticket
}

// Clone is a copy that can be thrown away.
func (u *Turns) Clone() Turns { return Turns{last: maps.Clone(u.last), ticket: u.ticket} }
