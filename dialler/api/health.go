package api

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

type healthOutput struct {
	Body struct {
		Status string `json:"status" enum:"ok"`
	}
}

type readyOutput struct {
	Status int
	Body   Readiness
}

// Readiness says whether calls can be made, and what is in the way.
type Readiness struct {
	Ready    bool              `json:"ready"`
	Node     string            `json:"node,omitempty"`
	Store    string            `json:"store" enum:"up,down"`
	Switches map[string]string `json:"switches,omitempty" doc:"up or down, by name"`
	Live     int               `json:"live" doc:"calls this process has in progress"`
	Draining bool              `json:"draining" doc:"no new call is begun: the process is about to end"`
	Why      []string          `json:"why,omitempty" doc:"what is in the way, in words"`
}

func (a *api) registerHealth(h huma.API) {
	open := func(o huma.Operation) huma.Operation {
		o.Security, o.Errors = nil, nil
		return o
	}
	huma.Register(h, open(operation("health", http.MethodGet, "/healthz", "healthz", "The process is alive")),
		func(context.Context, *struct{}) (*healthOutput, error) {
			out := &healthOutput{}
			out.Body.Status = "ok"
			return out, nil
		})
	ready := open(operation("health", http.MethodGet, "/readyz", "readyz", "Calls can be made: the store answers and a switch is there"))
	ready.Responses = map[string]*huma.Response{"503": {
		Description: "Calls cannot be made",
		Content: map[string]*huma.MediaType{"application/json": {
			Schema: &huma.Schema{Ref: "#/components/schemas/Readiness"},
		}},
	}}
	huma.Register(h, ready, func(ctx context.Context, _ *struct{}) (*readyOutput, error) {
		out := &readyOutput{Body: a.readiness(ctx), Status: http.StatusOK}
		if !out.Body.Ready {
			out.Status = http.StatusServiceUnavailable
		}
		return out, nil
	})
}

// readiness asks the store and Health. One switch of several is enough: the
// trunks of the others wait, and the answer names them.
func (a *api) readiness(ctx context.Context) Readiness {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	r := Readiness{Ready: true, Store: "up"}
	if err := a.Store.Ping(ctx); err != nil {
		a.log.Warn("the store does not answer", "err", err)
		r.Ready, r.Store = false, "down"
		r.Why = append(r.Why, "the store does not answer")
	}
	if a.Health == nil {
		return r
	}
	h := a.Health()
	r.Node, r.Live, r.Draining = h.Node, h.Live, h.Draining
	r.Switches = map[string]string{}
	up := 0
	for _, name := range slices.Sorted(maps.Keys(h.Links)) {
		if h.Links[name] {
			up++
			r.Switches[name] = "up"
			continue
		}
		r.Switches[name] = "down"
		r.Why = append(r.Why, "the link to switch "+name+" is down")
	}
	r.Ready = r.Ready && up > 0
	if len(h.Links) == 0 {
		r.Why = append(r.Why, "no switch is configured")
	}
	if r.Draining {
		r.Ready = false
		r.Why = append(r.Why, "the process is draining")
	}
	return r
}
