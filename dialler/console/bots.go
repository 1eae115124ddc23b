package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ringback/dialler"
)

// Declared says what the configuration declares: it is written to the store at
// every start, so what a page changes of it does not outlive the process.
type Declared struct {
	File      string // as operators know it; empty: no file
	Bots      []string
	Campaigns []string
}

// bot says what it means that a bot is declared; "" if it is not.
func (d Declared) bot(name string) string {
	if !slices.Contains(d.Bots, name) {
		return ""
	}
	return fmt.Sprintf("Declared in %s. What is changed here holds until Ringback is started again: then the file’s settings are taken over. To keep a change, make it in the file too.", d.where())
}

// campaign says what it means that one is declared; "" if it is not.
func (d Declared) campaign(c dialler.Campaign) string {
	if !slices.Contains(d.Campaigns, c.Name) {
		return ""
	}
	return fmt.Sprintf("Declared in %s. Whenever Ringback is started while this campaign is a draft or paused, the file’s settings are taken over. To keep a change, make it in the file too.", d.where())
}

func (d Declared) where() string {
	if d.File == "" {
		return "the configuration"
	}
	return d.File
}

// A use is a campaign that has a bot, and how the two gates stand between them.
type use struct {
	dialler.Campaign
	Gates string // empty: both stand open
}

// A botCard is a bot with what there is to say of it.
type botCard struct {
	dialler.Bot
	Uses     []use
	Declared string
}

// RemoveURL is where it is asked whether the bot is to be removed.
func (b botCard) RemoveURL() string { return "/bots/" + url.PathEscape(b.Name) + "/confirm/remove" }

// URL is where the bot is edited.
func (b botCard) URL() string { return "/bots/" + url.PathEscape(b.Name) + "/edit" }

// gatesOfBot is gates as the bot's page says it.
func gatesOfBot(c dialler.Campaign, b dialler.Bot) string {
	switch {
	case c.CallbackDetection && !b.Callbacks:
		return "No callbacks are scheduled: Callback Detection is on there, but this bot’s callback toggle is off. Both must be on."
	case !c.CallbackDetection && b.Callbacks:
		return "No callbacks are scheduled: this bot’s callback toggle is on, but Callback Detection is off there. Both must be on."
	case !c.CallbackDetection:
		return "No callbacks are scheduled: this bot’s callback toggle is off, and Callback Detection is off there too."
	}
	return ""
}

func (c *console) botCard(b dialler.Bot, campaigns []dialler.Campaign) botCard {
	card := botCard{Bot: b, Declared: c.Declared.bot(b.Name)}
	for _, one := range campaigns {
		if one.Bot == b.Name {
			card.Uses = append(card.Uses, use{one, gatesOfBot(one, b)})
		}
	}
	slices.Reverse(card.Uses) // the newest first
	return card
}

// bots is the list of them.
func (c *console) bots(w http.ResponseWriter, r *http.Request, s session) {
	bots, err := c.Store.Bots(r.Context())
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	campaigns, err := c.Store.Campaigns(r.Context())
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	page := struct {
		Bots []botCard
		Done string
	}{Done: doneToBot(r.URL.Query().Get("done"))}
	for _, b := range bots {
		page.Bots = append(page.Bots, c.botCard(b, campaigns))
	}
	c.show(w, r, http.StatusOK, "bots", s, "Bots", page)
}

func doneToBot(what string) string {
	return map[string]string{"created": "Bot created.", "saved": "Bot saved. It holds for the next call.", "removed": "Bot removed."}[what]
}

type botPage struct {
	Form form
	Bot  botCard // its name empty: a new one
	New  bool
}

func botValues(b dialler.Bot) url.Values {
	v := url.Values{"name": {b.Name}, "endpoint": {b.Endpoint}, "extension": {b.Extension}, "capacity": {strconv.Itoa(b.Capacity)}}
	if b.Callbacks {
		v.Set("callbacks", "on")
	}
	return v
}

// readBot makes a bot of what was typed; what is wrong is in f.Wrong.
func readBot(f *form) (dialler.Bot, error) {
	b := dialler.Bot{
		Name: f.Get("name"), Endpoint: strings.TrimSpace(f.Get("endpoint")), Extension: strings.TrimSpace(f.Get("extension")),
		Capacity: f.number("capacity"), Callbacks: f.On("callbacks", "on"),
	}
	return b, f.blame(b.Check())
}

// bot returns the bot that the path names.
func (c *console) bot(ctx context.Context, name string) (dialler.Bot, error) {
	bots, err := c.Store.Bots(ctx)
	if err != nil {
		return dialler.Bot{}, err
	}
	i := slices.IndexFunc(bots, func(b dialler.Bot) bool { return b.Name == name })
	if i < 0 {
		return dialler.Bot{}, fmt.Errorf("bot %q: %w", name, dialler.ErrNotFound)
	}
	return bots[i], nil
}

func (c *console) newBot(w http.ResponseWriter, r *http.Request, s session) {
	p := botPage{New: true, Form: form{Action: "/bots/new", CSRF: s.csrf(), Values: botValues(dialler.Bot{})}}
	c.show(w, r, http.StatusOK, "bot", s, "New bot", p)
}

func (c *console) createBot(w http.ResponseWriter, r *http.Request, s session) {
	p := botPage{New: true, Form: form{Action: "/bots/new", CSRF: s.csrf(), Values: r.PostForm}}
	b, err := readBot(&p.Form)
	if err == nil && b.Name != "" {
		switch _, missing := c.bot(r.Context(), b.Name); {
		case missing == nil:
			err = p.Form.blame(&dialler.FieldError{Field: "name", Got: strconv.Quote(b.Name), Want: "a name that no other bot has"})
		case !errors.Is(missing, dialler.ErrNotFound):
			err = missing
		}
	}
	c.putBot(w, r, s, p, b, err, "created")
}

func (c *console) editBot(w http.ResponseWriter, r *http.Request, s session) {
	p, err := c.botPage(r, s)
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	c.show(w, r, http.StatusOK, "bot", s, p.Bot.Name, p)
}

func (c *console) saveBot(w http.ResponseWriter, r *http.Request, s session) {
	p, err := c.botPage(r, s)
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	p.Form.Values = r.PostForm
	p.Form.Values.Set("name", p.Bot.Name) // by which campaigns know it
	b, err := readBot(&p.Form)
	c.putBot(w, r, s, p, b, err, "saved")
}

func (c *console) botPage(r *http.Request, s session) (p botPage, err error) {
	b, err := c.bot(r.Context(), r.PathValue("name"))
	if err != nil {
		return p, err
	}
	campaigns, err := c.Store.Campaigns(r.Context())
	if err != nil {
		return p, err
	}
	p.Bot = c.botCard(b, campaigns)
	p.Form = form{
		Action: p.Bot.URL(), CSRF: s.csrf(), Values: botValues(b),
		Locked: map[string]string{"name": "A bot keeps its name: campaigns know it by that."},
	}
	return p, nil
}

// unused returns the bot that the path names, if no campaign has it. The store
// looks again.
func (c *console) unused(r *http.Request) (dialler.Bot, error) {
	b, err := c.bot(r.Context(), r.PathValue("name"))
	if err != nil {
		return b, err
	}
	campaigns, err := c.Store.Campaigns(r.Context())
	if err != nil {
		return b, err
	}
	used := &dialler.UsedError{Kind: "bot", Name: b.Name}
	for _, u := range c.botCard(b, campaigns).Uses {
		used.Campaigns = append(used.Campaigns, u.Name)
	}
	if len(used.Campaigns) > 0 {
		return b, used
	}
	return b, nil
}

func (c *console) confirmRemoveBot(w http.ResponseWriter, r *http.Request, s session) {
	b, err := c.unused(r)
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	here := "/bots/" + url.PathEscape(b.Name)
	says := "No campaign has it. It is removed for good."
	if c.Declared.bot(b.Name) != "" {
		says += " It is declared in " + c.Declared.where() + ", and comes back when Ringback is started again unless it is taken out there."
	}
	c.show(w, r, http.StatusOK, "confirm", s, "Remove", confirmation{
		Question: fmt.Sprintf("Remove the bot %s?", b.Name), Label: "Remove bot", Danger: true, Leave: true,
		Action: here + "/remove", Back: here + "/edit", CSRF: s.csrf(), Says: says,
	})
}

func (c *console) removeBot(w http.ResponseWriter, r *http.Request, s session) {
	b, err := c.unused(r)
	if err == nil {
		err = c.Store.DropBot(r.Context(), b.Name)
	}
	if err != nil {
		c.trouble(w, r, s, err)
		return
	}
	c.log.Info("bot removed", "bot", b.Name, "token", s.holder)
	c.Live.Changed()
	http.Redirect(w, r, "/bots?done=removed", http.StatusSeeOther)
}

// putBot writes a bot that is right, and otherwise says what is wrong.
func (c *console) putBot(w http.ResponseWriter, r *http.Request, s session, p botPage, b dialler.Bot, err error, done string) {
	switch {
	case err != nil:
		c.trouble(w, r, s, err)
	case onlyChecks(r):
		checked(w, p.Form)
	case len(p.Form.Wrong) > 0:
		title := "New bot"
		if !p.New {
			title = b.Name
		}
		c.show(w, r, http.StatusUnprocessableEntity, "bot", s, title, p)
	default:
		if err := c.Store.PutBot(r.Context(), b); err != nil {
			c.trouble(w, r, s, err)
			return
		}
		c.log.Info("bot "+done, "bot", b.Name, "callbacks", b.Callbacks, "token", s.holder)
		c.Live.Changed() // its gate is that of all its campaigns
		http.Redirect(w, r, "/bots?done="+done, http.StatusSeeOther)
	}
}
