package console

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"ringback/dialler"
	"ringback/dialler/wording"
)

// A horizon is how far a timeline looks ahead, and in what steps.
type horizon struct {
	Hours  int
	Step   time.Duration
	Label  string
	Active bool
	URL    string
}

var horizons = []horizon{
	{Hours: 3, Step: time.Minute, Label: "3 hours"}, {Hours: 12, Step: 5 * time.Minute, Label: "12 hours"}, {Hours: 24, Step: 15 * time.Minute, Label: "24 hours"},
}

// A timeline is what becomes due, step by step, and what can be rung by then.
type timeline struct {
	Campaign *dialler.Campaign // nil: all that run or are paused
	Zone     dialler.Window    // whose clock is shown
	From     time.Time
	Step     time.Duration
	Horizons []horizon
	Overdue  dialler.Slot // due already, and not rung yet
	Slots    []slot
	Until    time.Time // how far it is whole
	Cut      bool      // Until comes before the end
	Top      float64   // of the picture's scale, in calls a step
	Why      []why     // how each campaign's capacity was worked out
	Says     string    // what the picture shows, in words
}

type slot struct {
	dialler.Slot
	At       time.Time
	Capacity float64 // calls that can be begun in it
	Late     time.Duration
}

type why struct {
	Campaign dialler.Campaign
	dialler.Capacity
}

func (c *console) timeline(w http.ResponseWriter, r *http.Request, s session) {
	ctx := r.Context()
	var campaigns []dialler.Campaign
	var p timeline
	title := "Timeline"
	if r.PathValue("id") != "" {
		one, err := c.Store.Campaign(ctx, campaignID(r))
		if err != nil {
			c.trouble(w, r, s, err)
			return
		}
		campaigns, p.Campaign = []dialler.Campaign{one}, &one
		title += " of " + one.Name
	} else {
		all, err := c.Store.Campaigns(ctx)
		if err != nil {
			c.trouble(w, r, s, err)
			return
		}
		for _, each := range all {
			if each.State == dialler.CampaignRunning || each.State == dialler.CampaignPaused {
				campaigns = append(campaigns, each)
			}
		}
	}
	chosen := 0
	if q := r.URL.Query().Get("hours"); q != "" {
		if chosen = slices.IndexFunc(horizons, func(h horizon) bool { return strconv.Itoa(h.Hours) == q }); chosen < 0 {
			c.trouble(w, r, s, &dialler.FieldError{Field: "hours", Got: strconv.Quote(q), Want: "3, 12 or 24"})
			return
		}
	}
	p.Horizons = slices.Clone(horizons)
	for i := range p.Horizons {
		p.Horizons[i].Active = i == chosen
		p.Horizons[i].URL = fmt.Sprintf("%s?hours=%d", r.URL.Path, p.Horizons[i].Hours)
	}
	if len(campaigns) > 0 {
		p.Zone = campaigns[0].Window
	}
	h := horizons[chosen]
	p.Step, p.From = h.Step, c.Now().Truncate(h.Step)
	if err := c.forecast(ctx, &p, campaigns, int(time.Duration(h.Hours)*time.Hour/h.Step)); err != nil {
		c.trouble(w, r, s, err)
		return
	}
	c.show(w, r, http.StatusOK, "timeline", s, title, p)
}

// forecast fills in what is due, and the capacity.
func (c *console) forecast(ctx context.Context, p *timeline, campaigns []dialler.Campaign, n int) error {
	p.Slots = make([]slot, n)
	for i := range p.Slots {
		p.Slots[i].At = p.From.Add(time.Duration(i) * p.Step)
	}
	p.Until = p.From.Add(time.Duration(n) * p.Step)
	end := p.Until
	// Campaigns on one trunk, and with one bot, share what those allow.
	byTrunk, byBot := make([]map[string]float64, n), make([]map[string]float64, n)
	most := map[string]float64{} // of a trunk or a bot, alone
	for _, campaign := range campaigns {
		f, err := c.Store.Forecast(ctx, campaign.ID, p.From, p.Step, n)
		if err != nil {
			return err
		}
		counters, err := c.Store.Counters(ctx, campaign.ID)
		if err != nil {
			return err
		}
		bot, trunk, err := dialler.LinesOf(ctx, c.Store, campaign)
		if err != nil {
			return err
		}
		can := campaign.Expect(bot, trunk, counters)
		p.Why = append(p.Why, why{campaign, can})
		p.Overdue.Callbacks += f.Overdue.Callbacks
		p.Overdue.Retries += f.Overdue.Retries
		if f.Until.Before(p.Until) {
			p.Until, p.Cut = f.Until, true
		}
		for of, limit := range map[string]float64{"trunk " + trunk.Name: lineLimit(trunk.Channels, trunk.CPS, can.Hold), "bot " + bot.Name: lineLimit(bot.Capacity, 0, can.Hold)} {
			most[of] = max(most[of], limit)
		}
		for i := range p.Slots {
			p.Slots[i].Callbacks += f.Slots[i].Callbacks
			p.Slots[i].Retries += f.Slots[i].Retries
			// What lies within the hours, of a step that they cut in two too.
			if at := p.Slots[i].At.Add(p.Step / 2); campaign.State == dialler.CampaignCompleted || !campaign.Open(at) {
				continue
			}
			for _, sums := range []struct {
				m  []map[string]float64
				of string
			}{{byTrunk, "trunk " + trunk.Name}, {byBot, "bot " + bot.Name}} {
				if sums.m[i] == nil {
					sums.m[i] = map[string]float64{}
				}
				sums.m[i][sums.of] += can.PerMinute
			}
		}
	}
	steps := p.Step.Minutes()
	for i := range p.Slots {
		p.Slots[i].Capacity = steps * min(bounded(byTrunk[i], most), bounded(byBot[i], most))
	}
	p.wait()
	for _, s := range p.Slots {
		p.Top = max(p.Top, float64(s.Callbacks+s.Retries))
		if s.Capacity < 4*p.Top+10 { // one far above all bars would only flatten them
			p.Top = max(p.Top, s.Capacity)
		}
	}
	p.Top = max(math.Ceil(1.1*p.Top), 4)
	p.Says = p.says(end)
	return nil
}

// lineLimit is how many calls a minute channels and a pace allow; 0 of either
// is no limit.
func lineLimit(channels int, cps float64, hold time.Duration) float64 {
	least := math.Inf(1)
	if channels > 0 {
		least = float64(channels) * float64(time.Minute) / float64(hold)
	}
	if cps > 0 {
		least = min(least, 60*cps)
	}
	return least
}

func bounded(sums, most map[string]float64) (total float64) {
	for of, sum := range sums {
		total += min(sum, most[of])
	}
	return total
}

// wait works out how late the last callback of each step would be rung, if
// callbacks are rung in the order in which they are due and nothing else
// happens.
func (p *timeline) wait() {
	queue, rung := float64(p.Overdue.Callbacks), 0.0
	at := 0 // the step whose capacity is being used
	for i := range p.Slots {
		queue += float64(p.Slots[i].Callbacks)
		if at < i {
			at, rung = i, 0
		}
		for at < len(p.Slots) && queue > 1e-9 {
			use := min(queue, p.Slots[at].Capacity-rung)
			queue, rung = queue-use, rung+use
			if queue > 1e-9 {
				at, rung = at+1, 0
			}
		}
		if p.Slots[i].Callbacks > 0 && at > i {
			p.Slots[i].Late = time.Duration(at-i) * p.Step
		}
	}
}

// says tells what is in the picture.
func (p *timeline) says(end time.Time) string {
	var callbacks, retries int
	var high, late slot
	for _, s := range p.Slots {
		callbacks, retries = callbacks+s.Callbacks, retries+s.Retries
		if s.Callbacks > high.Callbacks {
			high = s
		}
		if s.Late > late.Late {
			late = s
		}
	}
	clock := func(t time.Time) string { return wording.At(t, p.Zone, p.From).Text }
	says := fmt.Sprintf("Until %s %s and %s become due.", clock(end), wording.Count(callbacks, "callback", "callbacks"), wording.Count(retries, "retry", "retries"))
	if n := p.Overdue.Callbacks; n > 0 {
		says += fmt.Sprintf(" Due already: %s.", wording.Count(n, "callback", "callbacks"))
	}
	if high.Callbacks > 0 {
		says += fmt.Sprintf(" Most at once at %s: %s, and room for %.0f calls.", clock(high.At), wording.Count(high.Callbacks, "callback", "callbacks"), high.Capacity)
	}
	switch {
	case callbacks == 0:
	case late.Late == 0:
		says += " All of them can be rung when they are due."
	case late.At.Add(late.Late).Before(end):
		says += fmt.Sprintf(" Those due at %s would be rung up to %s late: more become due than can be begun.", clock(late.At), wording.Span(late.Late))
	default:
		says += fmt.Sprintf(" Those due at %s cannot all be rung before %s: more become due than can be begun.", clock(late.At), clock(end))
	}
	return says
}

// A bar is a part of the picture, in its own units: 1000 wide, 200 high.
type bar struct {
	X, Y, W, H float64
	Class      string
}

// Bars are what becomes due: callbacks at the foot, retries on them.
func (p timeline) Bars() []bar {
	var list []bar
	w := 1000 / float64(len(p.Slots))
	for i, s := range p.Slots {
		foot := 200.0
		for _, part := range []struct {
			n     int
			class string
		}{{s.Callbacks, "t-callback"}, {s.Retries, "t-retry"}} {
			if part.n == 0 {
				continue
			}
			h := min(200*float64(part.n)/p.Top, foot)
			foot -= h
			list = append(list, bar{float64(i)*w + w*.08, foot, w * .84, h, part.class})
		}
	}
	return list
}

// Line is the capacity, as a path of steps.
func (p timeline) Line() string {
	w := 1000 / float64(len(p.Slots))
	path := ""
	for i, s := range p.Slots {
		y := 200 - min(200*s.Capacity/p.Top, 199)
		verb := "L"
		if i == 0 {
			verb = "M"
		}
		path += fmt.Sprintf("%s%.1f %.1fL%.1f %.1f", verb, float64(i)*w, y, float64(i+1)*w, y)
	}
	return path
}

// A tick is a time on the axis.
type tick struct {
	X    float64
	Text string
}

// Ticks are some six of them.
func (p timeline) Ticks() []tick {
	var list []tick
	every := len(p.Slots) / 6
	for i := 0; i < len(p.Slots); i += every {
		list = append(list, tick{1000 * float64(i) / float64(len(p.Slots)), p.Slots[i].At.In(p.Zone.Location()).Format("15:04")})
	}
	return list
}

// Rows are the steps in which something becomes due, for the table.
func (p timeline) Rows() []slot {
	return slices.DeleteFunc(slices.Clone(p.Slots), func(s slot) bool { return s.Callbacks+s.Retries == 0 })
}
