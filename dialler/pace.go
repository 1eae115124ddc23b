package dialler

import (
	"sync"
	"time"
)

// A pace keeps the CPS of one trunk or one campaign in this process. Leases
// are taken at that pace; then each call looks at the store once more, which
// takes one call longer than another, and two that were leased apart could be
// dialled together. So the requests to originate are paced again (I9). Where
// other nodes share the CPS the store has a word in it, too (TurnHolds).
type pace struct {
	lease, dial Pacer
	waiting     int // calls leased that wait for their turn to be dialled
}

// paces are all of them.
type paces struct {
	mu       sync.Mutex
	trunk    map[string]*pace
	campaign map[CampaignID]*pace
}

func newPaces() *paces {
	return &paces{trunk: map[string]*pace{}, campaign: map[CampaignID]*pace{}}
}

// of returns the two that bind a call of c on t. Its caller holds mu.
func (p *paces) of(c Campaign, t Trunk) [2]*pace {
	on, in := p.trunk[t.Name], p.campaign[c.ID]
	if on == nil {
		on = &pace{}
		p.trunk[t.Name] = on
	}
	if in == nil {
		in = &pace{}
		p.campaign[c.ID] = in
	}
	on.lease.CPS, on.dial.CPS = t.CPS, t.CPS
	in.lease.CPS, in.dial.CPS = c.CPS, c.CPS
	return [2]*pace{on, in}
}

// allow returns how many contacts may be leased at now on the trunk and in the
// campaign; where that is none because of CPS, next is when to look again.
func (p *paces) allow(w Work, now time.Time, onTrunk, inCampaign int) (trunk, campaign int, next time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := [2]int{onTrunk, inCampaign}
	for i, pc := range p.of(w.Campaign, w.Trunk) {
		if pc.waiting > 0 { // they go first, and wake the loop when they have gone
			n[i] = 0
			continue
		}
		var at time.Time
		if n[i], at = pc.lease.Allow(now, n[i]); at.After(next) {
			next = at
		}
	}
	return n[0], n[1], next
}

// leased says that a contact was leased at now.
func (p *paces) leased(w Work, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, pc := range p.of(w.Campaign, w.Trunk) {
		pc.lease.Take(now, 1)
	}
}

// turn reports whether a call may be dialled at now, and takes its turn; if
// not, it says when to ask again. The call counts as waiting until then: wait
// is what it is to hand in when it asks again.
func (p *paces) turn(c Clearance, now time.Time, wait *waiting) (bool, time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	wait.end()
	both := p.of(c.Campaign, c.Trunk)
	var at time.Time
	for i, pc := range both {
		n, next := pc.dial.Allow(now, 1)
		if others := [2]time.Duration{c.OnTrunk, c.InCampaign}[i]; others > 0 {
			if turn := now.Add(others); n > 0 || turn.After(next) {
				n, next = 0, turn
			}
		}
		if n == 0 {
			pc.waiting++
			wait.paces = append(wait.paces, pc)
			if next.After(at) {
				at = next
			}
		}
	}
	if len(wait.paces) > 0 {
		return false, at
	}
	for _, pc := range both {
		pc.dial.Take(now, 1)
	}
	return true, time.Time{}
}

// leave gives up waiting.
func (p *paces) leave(wait *waiting) {
	p.mu.Lock()
	defer p.mu.Unlock()
	wait.end()
}

// waiting is what one call waits for.
type waiting struct{ paces []*pace }

func (w *waiting) end() {
	for _, pc := range w.paces {
		pc.waiting--
	}
	w.paces = nil
}
