package dialler

import (
	"context"
	"errors"
	"fmt"
)

// StandStore is what a standing is gathered from.
type StandStore interface {
	Campaigns(ctx context.Context) ([]Campaign, error)
	Bots(ctx context.Context) ([]Bot, error)
	Trunks(ctx context.Context) ([]Trunk, error)
	Counters(ctx context.Context, id CampaignID) (Counters, error)
	Excluded(ctx context.Context, n Number) (bool, error)
}

// Stand gathers what decides whether contact ct of campaign c is rung now.
// status is that of the dialling in this process; nil: nothing dials in it.
func Stand(ctx context.Context, store StandStore, c Campaign, ct Contact, status *Status) (s Standing, err error) {
	s = Standing{Contact: ct, Campaign: c}
	if s.Excluded, err = store.Excluded(ctx, ct.Number); err != nil {
		return s, err
	}
	if s.Bot, s.Trunk, err = LinesOf(ctx, store, c); err != nil {
		return s, err
	}
	if status != nil {
		s.Draining = status.Draining
		s.LinkDown = !status.Links[s.Trunk.Switch]
	}
	if !ct.State.Waiting() {
		return s, nil // nobody asks after the lines
	}
	all, err := store.Campaigns(ctx)
	if err != nil {
		return s, err
	}
	for _, other := range all {
		if other.Bot != c.Bot && other.Trunk != c.Trunk {
			continue
		}
		n, err := store.Counters(ctx, other.ID)
		if err != nil {
			return s, err
		}
		if other.ID == c.ID {
			s.Live = n.Live
		}
		if other.Bot == c.Bot {
			s.BotLive += n.Live
		}
		if other.Trunk == c.Trunk {
			s.TrunkLive += n.Live
		}
	}
	return s, nil
}

// LinesOf returns a campaign's bot and trunk; one that is gone has a name and
// nothing else.
func LinesOf(ctx context.Context, store interface {
	Bots(ctx context.Context) ([]Bot, error)
	Trunks(ctx context.Context) ([]Trunk, error)
}, c Campaign) (b Bot, t Trunk, err error) {
	bots, err := store.Bots(ctx)
	if err != nil {
		return b, t, err
	}
	trunks, err := store.Trunks(ctx)
	if err != nil {
		return b, t, err
	}
	b.Name, t.Name = c.Bot, c.Trunk
	for _, each := range bots {
		if each.Name == c.Bot {
			b = each
		}
	}
	for _, each := range trunks {
		if each.Name == c.Trunk {
			t = each
		}
	}
	return b, t, nil
}

// CopyName is the name of the next copy of a campaign that no other has:
// "renewals (copy)", "renewals (copy 2)", …
func CopyName(ctx context.Context, store interface {
	CampaignNamed(ctx context.Context, name string) (Campaign, error)
}, of string) (string, error) {
	name := of
	if n := []rune(name); len(n) > 80 {
		name = string(n[:80])
	}
	for i := 1; ; i++ {
		try := name + " (copy)"
		if i > 1 {
			try = fmt.Sprintf("%s (copy %d)", name, i)
		}
		_, err := store.CampaignNamed(ctx, try)
		if errors.Is(err, ErrNotFound) {
			return try, nil
		}
		if err != nil {
			return "", err
		}
	}
}
