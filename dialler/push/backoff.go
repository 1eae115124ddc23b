package push

import (
	"time"

	"ringback/dialler"
)

// The schedule of retries: 5 s after the first try, then twice as long each
// time until it is an hour, each a fifth longer or shorter by chance, for a day.
const (
	FirstWait = 5 * time.Second
	LastWait  = time.Hour
	GiveUp    = 24 * time.Hour // after Delivery.Made
	// LeastTries are made however old a message is: one that waited a day
	// behind another, or for its webhook to be on again, is not given up for
	// one bad moment.
	LeastTries = 8
)

// Next says what an answer makes of a delivery, at now. chance is from 0 to 1.
func Next(d dialler.Delivery, a Answer, now time.Time, chance float64) dialler.Try {
	try := dialler.Try{Status: a.Status, Said: a.Said}
	if a.OK() {
		try.State = dialler.Delivered
		return try
	}
	tries, left := d.Tries-d.Before, d.Made.Add(GiveUp).Sub(now)
	if left <= 0 && tries >= LeastTries {
		try.State = dialler.DeliveryDead
		return try
	}
	wait := LastWait
	if doublings := tries - 1; doublings < 20 {
		wait = min(LastWait, FirstWait<<max(0, doublings))
	}
	wait = time.Duration(float64(wait) * (0.8 + 0.4*chance))
	wait = max(wait, a.After)
	if left > 0 {
		wait = min(wait, left) // the last try is at the end of the day, not after
	}
	try.State, try.Again = dialler.DeliveryWaiting, wait
	return try
}
