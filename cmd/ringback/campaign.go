package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"text/tabwriter"

	"ringback/dialler/api"
)

type campaignCommand struct {
	List    campaignList    `cmd:"" help:"List all campaigns."`
	Status  campaignStatus  `cmd:"" help:"Show a campaign's figures."`
	Start   campaignStart   `cmd:"" help:"Start a draft."`
	Pause   campaignPause   `cmd:"" help:"Pause: no new calls; nothing is lost."`
	Resume  campaignResume  `cmd:"" help:"Go on after a pause."`
	Stop    campaignStop    `cmd:"" help:"Stop: contacts that wait are not rung, their callbacks are cancelled."`
	Restart campaignRestart `cmd:"" help:"Run a completed campaign again."`
}

type campaignList struct {
	remoteFlags
}

func (c campaignList) Run(ctx context.Context, s streams) error {
	r, err := c.remote()
	if err != nil {
		return err
	}
	var list struct {
		Campaigns []api.Campaign `json:"campaigns"`
	}
	if err := r.do(ctx, http.MethodGet, "/v1/campaigns", nil, &list); err != nil {
		return err
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "ID\tSTATE\tRUN\tNAME")
	for _, c := range list.Campaigns {
		_, _ = fmt.Fprintf(w, "%d\t%s\t%d\t%s\n", c.ID, stateOf(c), c.Run, c.Name)
	}
	return w.Flush()
}

func stateOf(c api.Campaign) string {
	if c.Ended != "" {
		return c.State + " (" + c.Ended + ")"
	}
	return c.State
}

// campaignAction is what the verbs have in common.
type campaignAction struct {
	remoteFlags
	Name string `arg:"" help:"The campaign's name."`
}

type (
	campaignStart   struct{ campaignAction }
	campaignPause   struct{ campaignAction }
	campaignResume  struct{ campaignAction }
	campaignStop    struct{ campaignAction }
	campaignRestart struct{ campaignAction }
)

func (c campaignStart) Run(ctx context.Context, s streams) error   { return c.act(ctx, s, "start") }
func (c campaignPause) Run(ctx context.Context, s streams) error   { return c.act(ctx, s, "pause") }
func (c campaignResume) Run(ctx context.Context, s streams) error  { return c.act(ctx, s, "resume") }
func (c campaignStop) Run(ctx context.Context, s streams) error    { return c.act(ctx, s, "stop") }
func (c campaignRestart) Run(ctx context.Context, s streams) error { return c.act(ctx, s, "restart") }

func (a campaignAction) act(ctx context.Context, s streams, verb string) error {
	r, err := a.remote()
	if err != nil {
		return err
	}
	campaign, err := r.campaign(ctx, a.Name)
	if err != nil {
		return err
	}
	var after api.Campaign
	if err := r.do(ctx, http.MethodPost, fmt.Sprintf("/v1/campaigns/%d/%s", campaign.ID, verb), nil, &after); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s is %s\n", after.Name, stateOf(after))
	return err
}

type campaignStatus struct {
	remoteFlags
	Name string `arg:"" help:"The campaign's name."`
}

func (c campaignStatus) Run(ctx context.Context, s streams) error {
	r, err := c.remote()
	if err != nil {
		return err
	}
	campaign, err := r.campaign(ctx, c.Name)
	if err != nil {
		return err
	}
	var n api.Counters
	if err := r.do(ctx, http.MethodGet, fmt.Sprintf("/v1/campaigns/%d/counters", campaign.ID), nil, &n); err != nil {
		return err
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	row := func(label string, value any) { _, _ = fmt.Fprintf(w, "%s\t%v\n", label, value) }
	some := func(label string, m map[string]int) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if m[k] > 0 {
				row(label+" "+k, m[k])
			}
		}
	}
	row("state", stateOf(campaign))
	row("run", campaign.Run)
	some("contacts", n.Contacts)
	row("calls made", n.Attempts)
	row("calls in progress", n.Live)
	some("calls", n.Dispositions)
	cb := n.Callbacks
	row("callbacks requested", cb.Requested)
	row("callbacks pending", cb.Pending)
	row("callbacks completed", fmt.Sprintf("%d (held %d, exhausted %d, voicemail %d, abandoned %d)", cb.Completed, cb.Held, cb.Exhausted, cb.Voicemail, cb.Abandoned))
	row("callbacks cancelled", cb.Cancelled)
	some("callbacks refused", cb.Refused)
	row("average delay", cb.AvgDelay)
	return w.Flush()
}
