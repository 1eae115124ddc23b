package sim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ringback/dialler"
)

// PutTrunk is as [dialler.Roster] says.
func (b *Book) PutTrunk(_ context.Context, t dialler.Trunk) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trunks = put(b.trunks, t, func(t dialler.Trunk) string { return t.Name })
	b.rouse()
	return nil
}

// PutBot is as [dialler.Roster] says.
func (b *Book) PutBot(_ context.Context, t dialler.Bot) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bots = put(b.bots, t, func(t dialler.Bot) string { return t.Name })
	b.rouse()
	return nil
}

// DropTrunk is as [dialler.Roster] says.
func (b *Book) DropTrunk(_ context.Context, name string) (err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trunks, err = drop(b, "trunk", name, b.trunks, func(t dialler.Trunk) string { return t.Name }, func(c *dialler.Campaign) string { return c.Trunk })
	return err
}

// DropBot is as [dialler.Roster] says.
func (b *Book) DropBot(_ context.Context, name string) (err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bots, err = drop(b, "bot", name, b.bots, func(t dialler.Bot) string { return t.Name }, func(c *dialler.Campaign) string { return c.Bot })
	return err
}

func drop[T any](b *Book, kind, name string, list []T, called func(T) string, has func(*dialler.Campaign) string) ([]T, error) {
	used := dialler.UsedError{Kind: kind, Name: name}
	for _, c := range slices.Backward(b.campaigns) {
		if c.ID != 0 && has(c) == name {
			used.Campaigns = append(used.Campaigns, c.Name)
		}
	}
	if len(used.Campaigns) > 0 {
		return list, &used
	}
	i := slices.IndexFunc(list, func(t T) bool { return called(t) == name })
	if i < 0 {
		return list, fmt.Errorf("%s %q: %w", kind, name, dialler.ErrNotFound)
	}
	return slices.Delete(list, i, i+1), nil
}

func put[T any](list []T, v T, name func(T) string) []T {
	i, found := slices.BinarySearchFunc(list, v, func(a, b T) int { return strings.Compare(name(a), name(b)) })
	if found {
		list[i] = v
		return list
	}
	return slices.Insert(list, i, v)
}

// Trunks is as [dialler.Roster] says.
func (b *Book) Trunks(context.Context) ([]dialler.Trunk, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.trunks), nil
}

// Bots is as [dialler.Roster] says.
func (b *Book) Bots(context.Context) ([]dialler.Bot, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.bots), nil
}

// CreateCampaign is as [dialler.Roster] says.
func (b *Book) CreateCampaign(_ context.Context, c dialler.Campaign) (dialler.Campaign, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c = c.WithDefaults()
	c.State, c.Ended, c.Run, c.Closes = dialler.CampaignDraft, "", 0, time.Time{}
	if err := b.fits(c); err != nil {
		return dialler.Campaign{}, err
	}
	c.ID = dialler.CampaignID(len(b.campaigns) + 1)
	kept := c
	b.campaigns = append(b.campaigns, &kept)
	return c, nil
}

// UpdateCampaign is as [dialler.Roster] says.
func (b *Book) UpdateCampaign(_ context.Context, c dialler.Campaign) (dialler.Campaign, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	old, err := b.campaign(c.ID)
	if err != nil {
		return dialler.Campaign{}, err
	}
	if c, err = old.Edit(c); err != nil {
		return dialler.Campaign{}, err
	}
	if err := b.fits(c); err != nil {
		return dialler.Campaign{}, err
	}
	*old = c
	return c, nil
}

// DropCampaign is as [dialler.Roster] says. The places of what is gone stay,
// as an ID is a place.
func (b *Book) DropCampaign(_ context.Context, id dialler.CampaignID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, err := b.campaign(id)
	if err != nil {
		return err
	}
	if err := c.CheckDrop(); err != nil {
		return err
	}
	*c = dialler.Campaign{}
	for _, ct := range b.contacts {
		if ct.Campaign == id {
			*ct = dialler.Contact{}
		}
	}
	return nil
}

// PutDraft is as [dialler.Drafts] says.
func (b *Book) PutDraft(_ context.Context, d dialler.Draft, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drafts = slices.DeleteFunc(b.drafts, func(o dialler.Draft) bool {
		return o.ID == d.ID || o.Changed.Before(now.Add(-dialler.DraftLife))
	})
	d.Body, d.Changed = slices.Clone(d.Body), now
	b.drafts = slices.Insert(b.drafts, 0, d)
	return nil
}

// Draft is as [dialler.Drafts] says.
func (b *Book) Draft(_ context.Context, id string) (dialler.Draft, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, d := range b.drafts {
		if d.ID == id {
			return d, nil
		}
	}
	return dialler.Draft{}, fmt.Errorf("draft %q: %w", id, dialler.ErrNotFound)
}

// Drafts is as [dialler.Drafts] says.
func (b *Book) Drafts(context.Context) ([]dialler.Draft, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.drafts), nil
}

// DropDraft is as [dialler.Drafts] says.
func (b *Book) DropDraft(_ context.Context, id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drafts = slices.DeleteFunc(b.drafts, func(d dialler.Draft) bool { return d.ID == id })
	return nil
}

// fits looks whether a campaign's name is free, and its trunk and bot there.
func (b *Book) fits(c dialler.Campaign) error {
	if _, err := b.trunk(c.Trunk); err != nil {
		return err
	}
	if _, err := b.bot(c.Bot); err != nil {
		return err
	}
	for _, o := range b.campaigns {
		if o.Name == c.Name && o.ID != c.ID {
			return fmt.Errorf("a campaign named %q: %w", c.Name, dialler.ErrConflict)
		}
	}
	return nil
}

// Campaign is as [dialler.Roster] says.
func (b *Book) Campaign(_ context.Context, id dialler.CampaignID) (dialler.Campaign, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, err := b.campaign(id)
	if err != nil {
		return dialler.Campaign{}, err
	}
	return *c, nil
}

// CampaignNamed is as [dialler.Roster] says.
func (b *Book) CampaignNamed(_ context.Context, name string) (dialler.Campaign, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.campaigns {
		if c.Name == name {
			return *c, nil
		}
	}
	return dialler.Campaign{}, fmt.Errorf("campaign %q: %w", name, dialler.ErrNotFound)
}

// Campaigns is as [dialler.Roster] says.
func (b *Book) Campaigns(context.Context) (out []dialler.Campaign, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.campaigns {
		if c.ID != 0 { // not dropped
			out = append(out, *c)
		}
	}
	return out, nil
}

// AddContacts is as [dialler.Roster] says.
func (b *Book) AddContacts(_ context.Context, id dialler.CampaignID, list []dialler.NewContact, now time.Time) (dups []dialler.Duplicate, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, err := b.campaign(id)
	if err != nil {
		return nil, err
	}
	for i, nc := range list {
		if err := nc.Number.Check(); err != nil {
			return nil, fmt.Errorf("add contacts: entry %d: %w", i, err)
		}
	}
	// Nothing waits in a campaign that is over: they wait for its restart.
	state := map[dialler.EndReason]dialler.ContactState{
		"": dialler.Pending, dialler.EndFinished: dialler.Pending, dialler.EndStopped: dialler.Stopped, dialler.EndWindowClosed: dialler.WindowClosed,
	}[c.Ended]
	seen := map[dialler.Number]bool{}
	waiting := false
	for i, nc := range list {
		has := slices.ContainsFunc(b.contacts, func(ct *dialler.Contact) bool { return ct.Campaign == id && ct.Number == nc.Number })
		if seen[nc.Number] || has {
			dups = append(dups, dialler.Duplicate{Index: i, Number: nc.Number, InList: seen[nc.Number]})
			seen[nc.Number] = true
			continue
		}
		seen[nc.Number] = true
		ct := &dialler.Contact{
			ID: dialler.ContactID(len(b.contacts) + 1), Campaign: id, Number: nc.Number, Vars: maps.Clone(nc.Vars), State: state, Added: now,
		}
		if b.excluded[nc.Number] {
			ct.State = dialler.ExcludedContact
		}
		b.contacts = append(b.contacts, ct)
		waiting = waiting || ct.State.Waiting()
	}
	if waiting && c.Ended == dialler.EndFinished {
		c.State, c.Ended = dialler.CampaignRunning, ""
	}
	b.rouse()
	return dups, nil
}

// Exclude is as [dialler.Roster] says.
func (b *Book) Exclude(_ context.Context, numbers []dialler.Number, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range numbers {
		if err := n.Check(); err != nil {
			return fmt.Errorf("exclude: %w", err)
		}
	}
	for _, n := range numbers {
		b.excluded[n] = true
		b.cancel(dialler.ExcludedContact, dialler.ByExclusion, now, func(ct *dialler.Contact) bool { return ct.Number == n })
	}
	return nil
}

// Readmit is as [dialler.Roster] says.
func (b *Book) Readmit(_ context.Context, numbers []dialler.Number) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range numbers {
		delete(b.excluded, n)
	}
	return nil
}

// Excluded is as [dialler.Roster] says.
func (b *Book) Excluded(_ context.Context, n dialler.Number) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.excluded[n], nil
}

// Intervene is as [dialler.Roster] says.
func (b *Book) Intervene(ctx context.Context, id dialler.ContactID, i dialler.Intervention, now time.Time) (dialler.Intervened, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return dialler.Intervened{}, err
	}
	if id < 1 || int(id) > len(b.contacts) {
		return dialler.Intervened{}, fmt.Errorf("contact %d: %w", id, dialler.ErrNotFound)
	}
	ct := b.contacts[id-1]
	r := b.record(ct)
	if b.ringing(ct) {
		r.Contact.State = dialler.Dialling
	}
	r, done, err := r.Intervene(i, b.words, now)
	if err != nil {
		return dialler.Intervened{}, err
	}
	*ct = r.Contact
	b.put(done.Callback)
	if done.Moved {
		b.post(dialler.NewCallbackMessage(dialler.CallbackMoved, r.Campaign, *ct, *done.Callback, nil, now))
	}
	if ct.Callback != nil {
		ct.Callback = b.callbacks[ct.Callback.ID-1]
	}
	done.Contact = clone(ct)
	b.rouse()
	return done, nil
}

// Contact is as [dialler.Reports] says.
func (b *Book) Contact(_ context.Context, id dialler.ContactID) (dialler.Contact, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if id < 1 || int(id) > len(b.contacts) || b.contacts[id-1].ID == 0 {
		return dialler.Contact{}, fmt.Errorf("contact %d: %w", id, dialler.ErrNotFound)
	}
	return b.seen(b.contacts[id-1]), nil
}

// Contacts is as [dialler.Reports] says.
func (b *Book) Contacts(_ context.Context, id dialler.CampaignID, after dialler.ContactID, n int) (out []dialler.Contact, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.campaign(id); err != nil {
		return nil, err
	}
	for _, ct := range b.contacts {
		if ct.Campaign == id && ct.ID > after && len(out) < n {
			out = append(out, b.seen(ct))
		}
	}
	return out, nil
}

// seen is a contact as people see it: one that is being rung is dialling.
func (b *Book) seen(ct *dialler.Contact) dialler.Contact {
	c := clone(ct)
	if b.ringing(ct) {
		c.State = dialler.Dialling
	}
	return c
}

func (b *Book) asCall(e *entry) dialler.Call {
	c := dialler.Call{Attempt: e.Attempt, Contact: b.seen(b.contacts[e.Contact-1]), Analysis: e.body, Ruling: copied(e.ruling)}
	if e.Callback != 0 {
		kept := *b.callbacks[e.Callback-1]
		kept.Attempts = 0
		for _, o := range b.calls {
			if o == e {
				break
			}
			if o.Callback == e.Callback {
				kept.Attempts++
			}
		}
		c.Kept = &kept
	}
	return c
}

// Counters is as [dialler.Reports] says: counted anew each time.
func (b *Book) Counters(_ context.Context, id dialler.CampaignID) (dialler.Counters, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := dialler.Counters{
		Contacts: map[dialler.ContactState]int{}, Dispositions: map[dialler.Disposition]int{},
		Callbacks: map[dialler.CallbackState]int{}, Closed: map[dialler.CloseReason]int{}, Refused: map[dialler.RefusalReason]int{},
	}
	if _, err := b.campaign(id); err != nil {
		return c, err
	}
	for _, ct := range b.contacts {
		if ct.Campaign == id {
			c.Contacts[b.seen(ct).State]++
		}
	}
	for _, e := range b.calls {
		if e.Campaign != id {
			continue
		}
		c.Attempts++
		if e.Live() {
			c.Live++
		} else {
			c.Dispositions[e.Disposition]++
			if e.Disposition == dialler.Answered && !e.Joined.IsZero() {
				c.Talk += max(e.Ended.Sub(e.Joined), 0)
			}
		}
		if e.ruling.Refused != "" {
			c.Refused[e.ruling.Refused]++
		}
	}
	var delay time.Duration
	for _, cb := range b.callbacks {
		if cb.Campaign != id {
			continue
		}
		c.Requested++
		c.Callbacks[cb.State]++
		if cb.Why != "" {
			c.Closed[cb.Why]++
		}
		delay += cb.Delay()
	}
	if c.Requested > 0 {
		c.AvgDelay = delay / time.Duration(c.Requested)
	}
	return c, nil
}

// NextCallback is as [dialler.Reports] says.
func (b *Book) NextCallback(_ context.Context, id dialler.CampaignID) (due time.Time, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.campaign(id); err != nil {
		return due, err
	}
	for _, ct := range b.contacts {
		if ct.Campaign == id && b.seen(ct).State == dialler.CallbackScheduled && b.rung(ct.Number) == nil && (due.IsZero() || ct.Due.Before(due)) {
			due = ct.Due
		}
	}
	return due, nil
}

// Outbox is as [dialler.Reports] says.
func (b *Book) Outbox(_ context.Context, after int64, n int) ([]dialler.Message, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	from := min(max(int(after), 0), len(b.outbox))
	return slices.Clone(b.outbox[from:min(from+max(n, 0), len(b.outbox))]), nil
}
