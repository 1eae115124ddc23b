package storetest

import (
	"errors"
	"strings"
	"time"

	"ringback/dialler"
)

// locked checks that err says that a campaign is locked, and why.
func (w *world) locked(err error, says string) {
	w.Helper()
	w.is(err, dialler.ErrLocked)
	var locked *dialler.LockedError
	if !errors.As(err, &locked) || !strings.Contains(err.Error(), says) {
		w.Fatalf("locked: %v; want %q", err, says)
	}
}

var draftTests = []test{
	{"what has run keeps its name and its bot", func(w *world) {
		c := w.campaign("c")
		w.do(c, dialler.Pause)
		for _, tt := range []struct {
			edit func(*dialler.Campaign)
			says string
		}{
			{func(c *dialler.Campaign) { c.Name = "d" }, "its name"},
			{func(c *dialler.Campaign) { c.Bot = otherBot }, "its bot"},
		} {
			edited := w.campaignNow(c)
			tt.edit(&edited)
			_, err := w.s.UpdateCampaign(w.ctx, edited)
			w.locked(err, tt.says)
		}
		w.eq("name, bot", []any{w.campaignNow(c).Name, w.campaignNow(c).Bot}, []any{"c", bot})
		w.do(c, dialler.Stop)
		_, err := w.s.UpdateCampaign(w.ctx, w.campaignNow(c))
		w.locked(err, "is completed")

		draft, err := w.s.CreateCampaign(w.ctx, w.draft("never ran"))
		w.must(err)
		draft.Name, draft.Bot = "another", otherBot
		_, err = w.s.UpdateCampaign(w.ctx, draft)
		w.must(err)
		w.eq("name, bot", []any{w.campaignNow(draft).Name, w.campaignNow(draft).Bot}, []any{"another", otherBot})
	}},
	{"a draft is dropped with its contacts, and what has run is not", func(w *world) {
		c, err := w.s.CreateCampaign(w.ctx, w.draft("c"))
		w.must(err)
		n := w.people(c, 3)
		w.must(w.s.Exclude(w.ctx, n[:1], w.now()))
		other := w.campaign("other")
		w.add(other, n[1:]...)
		ct := w.contacts(c)[0]
		w.must(w.s.DropCampaign(w.ctx, c.ID))
		_, err = w.s.Campaign(w.ctx, c.ID)
		w.is(err, dialler.ErrNotFound)
		_, err = w.s.Contact(w.ctx, ct.ID)
		w.is(err, dialler.ErrNotFound)
		_, err = w.s.Counters(w.ctx, c.ID)
		w.is(err, dialler.ErrNotFound)
		w.is(w.s.DropCampaign(w.ctx, c.ID), dialler.ErrNotFound)
		w.eq("the other's contacts", len(w.contacts(other)), 2)
		all, err := w.s.Campaigns(w.ctx)
		w.must(err)
		w.eq("campaigns", len(all), 1)
		w.audit()

		// The name is free again, and nobody of the old list is in the new one.
		again, err := w.s.CreateCampaign(w.ctx, w.draft("c"))
		w.must(err)
		w.eq("contacts", len(w.contacts(again)), 0)
		if again.ID == c.ID {
			w.Fatal("an ID is used again")
		}
		w.eq("counted", len(w.counters(again).Contacts), 0)
		for _, what := range []dialler.CampaignEvent{"", dialler.Pause, dialler.Stop} {
			if what != "" {
				w.do(other, what)
			}
			w.locked(w.s.DropCampaign(w.ctx, other.ID), "only a draft can be removed")
		}
		w.eq("the other's contacts", len(w.contacts(other)), 2)
		w.audit()
	}},
	{"drafts are kept until they are dropped or forgotten", func(w *world) {
		put := func(id, holder, body string, at time.Time) {
			w.Helper()
			w.must(w.s.PutDraft(w.ctx, dialler.Draft{ID: id, Holder: holder, Body: []byte(body)}, at))
		}
		ids := func() (out []string) {
			w.Helper()
			all, err := w.s.Drafts(w.ctx)
			w.must(err)
			for _, d := range all {
				out = append(out, d.ID)
			}
			return out
		}
		_, err := w.s.Draft(w.ctx, "a")
		w.is(err, dialler.ErrNotFound)
		w.must(w.s.DropDraft(w.ctx, "a"))
		put("a", "ops", `{"name": ["कॉल \"1\""]}`, w.now())
		w.pass(time.Second)
		put("b", "ops", `{}`, w.now())
		w.pass(time.Second)
		w.eq("drafts", ids(), []string{"b", "a"})
		put("a", "night", `{"name": ["2"]}`, w.now())
		d, err := w.s.Draft(w.ctx, "a")
		w.must(err)
		w.eq("draft", []any{d.ID, d.Holder, string(d.Body)}, []any{"a", "night", `{"name": ["2"]}`})
		w.near("changed", d.Changed, w.now())
		w.eq("drafts", ids(), []string{"a", "b"})
		w.must(w.s.DropDraft(w.ctx, "a"))
		w.eq("drafts", ids(), []string{"b"})
		w.pass(dialler.DraftLife + time.Hour)
		put("c", "ops", `{}`, w.now())
		w.eq("drafts", ids(), []string{"c"})
	}},
}
