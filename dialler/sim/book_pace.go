package sim

import (
	"fmt"
	"time"

	"ringback/dialler"
)

// takeTurn gives the call of c its turn among those of all nodes, or says how
// long it is to wait; see [dialler.TurnHolds]. Its caller holds mu.
func (b *Book) takeTurn(c *dialler.Clearance, now time.Time) {
	on, in := "trunk "+c.Trunk.Name, fmt.Sprint("campaign ", c.Campaign.ID)
	wait := func(of string, cps float64) time.Duration {
		last, known := b.paces[of]
		if cps <= 0 || !known {
			return 0
		}
		return max(last.Add(gap(cps)).Sub(now), 0)
	}
	if c.OnTrunk, c.InCampaign = wait(on, c.Trunk.CPS), wait(in, c.Campaign.CPS); c.OnTrunk > 0 || c.InCampaign > 0 {
		return
	}
	take := func(of string, cps float64) {
		if cps <= 0 {
			return
		}
		turn := now.Add(-min(dialler.TurnSlips, gap(cps)))
		if next := b.paces[of].Add(gap(cps)); next.After(turn) {
			turn = next
		}
		b.paces[of] = turn
	}
	take(on, c.Trunk.CPS)
	take(in, c.Campaign.CPS)
}

// gap is the time between two turns.
func gap(cps float64) time.Duration {
	return time.Duration(min(float64(time.Second)/cps, float64(1000*time.Hour)))
}
