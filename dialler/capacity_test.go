package dialler

import (
	"math"
	"strings"
	"testing"
	"time"
)

// The least of what seats, bot, trunk and pace allow is what a campaign can do.
func TestExpect(t *testing.T) {
	talked := Counters{Dispositions: map[Disposition]int{Answered: 50, NoAnswer: 50}, Talk: 50 * 90 * time.Second}
	c := Campaign{Seats: 10, RingTimeout: 30 * time.Second}
	for _, tt := range []struct {
		name string
		c    Campaign
		b    Bot
		k    Trunk
		n    Counters
		want float64
		says string
	}{
		{"seats", c, Bot{}, Trunk{}, talked, 10, "its 10 seats"}, // 15 s of ringing, half of 90 s
		{"nothing known yet", c, Bot{}, Trunk{}, Counters{}, 600 / 135.0, "No conversation was held yet"},
		{"calls, but none talked on", c, Bot{}, Trunk{}, Counters{Dispositions: map[Disposition]int{Busy: 9}}, 600 / 135.0, "No conversation"},
		{"the bot", c, Bot{Name: "asha", Capacity: 4}, Trunk{}, talked, 4, "the 4 conversations of the bot asha"},
		{"the channels", c, Bot{Capacity: 9}, Trunk{Name: "carrier", Channels: 2}, talked, 2, "the 2 channels of the trunk carrier"},
		{"its pace", Campaign{Seats: 100, CPS: 0.1, RingTimeout: 30 * time.Second}, Bot{}, Trunk{CPS: 5}, talked, 6, "its limit of 0.1 new calls"},
		{"the trunk's pace", c, Bot{}, Trunk{Name: "carrier", CPS: 0.05}, talked, 3, "the 0.05 new calls a second of the trunk carrier"},
		{"no seats", Campaign{}, Bot{}, Trunk{}, talked, 0, "its 0 seats"},
	} {
		got := tt.c.Expect(tt.b, tt.k, tt.n)
		if math.Abs(got.PerMinute-tt.want) > 0.001 || !strings.Contains(got.Why, tt.says) {
			t.Errorf("%s: %v a minute, want %v; %s", tt.name, got.PerMinute, tt.want, got.Why)
		}
	}
}
