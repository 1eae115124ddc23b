package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"ringback/callback"
	"ringback/config"
	"ringback/dialler"
	"ringback/dialler/push"
)

// A declaration is what a configuration says there should be, in the domain's
// own nouns.
type declaration struct {
	trunks    []dialler.Trunk
	bots      []dialler.Bot
	campaigns []dialler.Campaign
	start     map[string]bool // campaigns to be started if they never ran
	words     *callback.Resolver
	guard     *push.Guard // of requests to webhooks
}

// Check returns everything wrong with what cfg declares, as config.Problems
// joined: what [config.Config.Check] cannot judge.
func Check(cfg config.Config) error {
	_, err := declared(cfg)
	if len(cfg.Switches) == 0 {
		err = errors.Join(append(problems(cfg, "switches", &dialler.FieldError{Got: "none", Want: "at least one"}), err)...)
	}
	return err
}

func declared(cfg config.Config) (declaration, error) {
	d := declaration{start: map[string]bool{}}
	var errs []error
	add := func(key string, err error) { errs = append(errs, problems(cfg, key, err)...) }

	for _, name := range slices.Sorted(maps.Keys(cfg.Trunks)) {
		t := cfg.Trunks[name]
		trunk := dialler.Trunk{Name: name, Switch: t.Switch, Dial: t.Dial, Channels: t.Channels, CPS: t.CPS}
		for _, err := range flat(trunk.Check()) {
			if fe := (*dialler.FieldError)(nil); errors.As(err, &fe) && fe.Field == "switch" {
				continue // the configuration's own check has said so
			}
			add("trunks."+name, err)
		}
		d.trunks = append(d.trunks, trunk)
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Bots)) {
		b := cfg.Bots[name]
		bot := dialler.Bot{Name: name, Endpoint: b.Endpoint, Extension: b.Extension, Capacity: b.Capacity, Callbacks: b.Callbacks}
		add("bots."+name, bot.Check())
		d.bots = append(d.bots, bot)
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Campaigns)) {
		c := cfg.Campaigns[name]
		campaign, err := dialler.Settings{
			Name: name, Mode: c.Mode, Trunk: c.Trunk, Bot: c.Bot, CallerID: c.CallerID, Region: c.Region,
			Zone: c.Window.Zone, Hours: c.Window.Hours, Holidays: c.Window.Holidays,
			Seats: c.Seats, CPS: c.CPS, MaxAttempts: c.MaxAttempts, RetryOn: c.RetryOn,
			RetryDelay: c.RetryDelay.String(), RingTimeout: c.RingTimeout.String(), BotTimeout: c.BotTimeout.String(), MaxDuration: c.MaxDuration.String(),
			Screen: c.Screen, Apology: c.Apology,
			CallbackDetection: c.CallbackDetection, CallbackMaxAttempts: c.CallbackMaxAttempts, MaxCallbackReschedules: c.MaxCallbackReschedules,
		}.Campaign()
		add("campaigns."+name, err)
		d.campaigns = append(d.campaigns, campaign)
		d.start[name] = c.Start
	}
	var err error
	d.words, err = callback.NewResolver(callback.Lexicon{Dayparts: cfg.Phrases.Dayparts, Synonyms: cfg.Phrases.Synonyms})
	add("phrases", err)
	d.guard, err = push.NewGuard(cfg.Push.Allow)
	add("push", err)
	return d, errors.Join(errs...)
}

// problems turns the field errors in err, which are about what stands at key,
// into the configuration's own.
func problems(cfg config.Config, key string, err error) []error {
	var out []error
	for _, e := range flat(err) {
		p := &config.Problem{Key: key, Got: e.Error(), Want: "something else"}
		var fe *dialler.FieldError
		if errors.As(e, &fe) {
			p.Got, p.Want = fe.Got, fe.Want
			if fe.Field != "" {
				p.Key = key + "." + fe.Field
			}
		} else {
			p.Got, p.Want = "words that cannot be read ("+e.Error()+")", "a word and its meaning"
		}
		p.Where = cfg.Where(p.Key)
		for at := p.Key; p.Where == "" && at != ""; p.Where = cfg.Where(at) { // not set: where its section is
			at = at[:max(strings.LastIndex(at, "."), 0)]
		}
		if p.Where == "" {
			p.Where = cfg.File()
		}
		out = append(out, p)
	}
	return out
}

// flat takes joined errors apart.
func flat(err error) []error {
	if err == nil {
		return nil
	}
	if list, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range list.Unwrap() {
			all = append(all, flat(e)...)
		}
		return all
	}
	return []error{err}
}

// carryOut makes the store have what is declared. What the operator does
// through the API to other trunks, bots and campaigns is left alone.
func (d declaration) carryOut(ctx context.Context, store dialler.Store, log *slog.Logger, now time.Time) error {
	for _, t := range d.trunks {
		if err := store.PutTrunk(ctx, t); err != nil {
			return fmt.Errorf("declare trunk %q: %w", t.Name, err)
		}
	}
	for _, b := range d.bots {
		if err := store.PutBot(ctx, b); err != nil {
			return fmt.Errorf("declare bot %q: %w", b.Name, err)
		}
	}
	for _, c := range d.campaigns {
		if err := d.campaign(ctx, store, log.With("campaign", c.Name), c, now); err != nil {
			return fmt.Errorf("declare campaign %q: %w", c.Name, err)
		}
	}
	return nil
}

func (d declaration) campaign(ctx context.Context, store dialler.Store, log *slog.Logger, want dialler.Campaign, now time.Time) error {
	have, err := store.CampaignNamed(ctx, want.Name)
	switch {
	case errors.Is(err, dialler.ErrNotFound):
		if have, err = store.CreateCampaign(ctx, want); err != nil {
			return err
		}
		log.Info("campaign created")
	case err != nil:
		return err
	default:
		differ := difference(have.WithDefaults(), want)
		switch {
		case len(differ) == 0:
		case have.State == dialler.CampaignDraft, have.State == dialler.CampaignPaused:
			want.ID = have.ID
			if have.Run > 0 && want.Bot != have.Bot {
				log.Warn("campaign keeps its bot, as it has run; give the configuration's bot to a campaign of another name", "bot", have.Bot, "not_applied", want.Bot)
				want.Bot = have.Bot
			}
			if have, err = store.UpdateCampaign(ctx, want); err != nil {
				return err
			}
			log.Info("campaign takes over the settings of the configuration", "changed", strings.Join(differ, ", "))
		default:
			log.Warn("campaign keeps its settings, the configuration's are not applied; pause it and start again to apply them",
				"state", have.State, "not_applied", strings.Join(differ, ", "))
		}
	}
	if d.start[want.Name] && have.State == dialler.CampaignDraft && have.Run == 0 {
		if _, err := store.Transition(ctx, have.ID, dialler.Start, now); err != nil {
			return err
		}
		log.Info("campaign started")
	}
	return nil
}

// difference names the settings in which two campaigns differ.
func difference(a, b dialler.Campaign) []string {
	var names []string
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range va.NumField() {
		name := va.Type().Field(i).Name
		switch name {
		case "ID", "State", "Ended", "Run", "Closes": // not settings
			continue
		}
		x, _ := json.Marshal(va.Field(i).Interface()) // plain values and a Window, which always marshals
		y, _ := json.Marshal(vb.Field(i).Interface())
		if string(x) != string(y) {
			names = append(names, snake(name))
		}
	}
	return names
}

// snake is a field's name as the configuration has it: RetryDelay is
// retry_delay, CPS is cps.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		upper := r >= 'A' && r <= 'Z'
		if upper && i > 0 && (name[i-1] >= 'a' || i+1 < len(name) && name[i+1] >= 'a') {
			b.WriteByte('_')
		}
		if upper {
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}
