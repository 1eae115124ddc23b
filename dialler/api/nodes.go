package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ringback/dialler"
)

// Node is one dialler process on the wire.
type Node struct {
	Name     string          `json:"name"`
	Alive    bool            `json:"alive" doc:"heard of lately; one that is not has died, and is listed for a day"`
	Heard    time.Time       `json:"heard_at" doc:"when last, by the store's clock"`
	Started  time.Time       `json:"started_at"`
	Version  string          `json:"version,omitempty"`
	Host     string          `json:"host,omitempty"`
	PID      int             `json:"pid,omitempty"`
	Draining bool            `json:"draining" doc:"it begins no new calls"`
	Links    map[string]bool `json:"links" doc:"by switch: whether the link is up, when last heard of"`
	Live     int             `json:"live" doc:"calls it holds"`
}

func showNode(n dialler.Node) Node {
	v := Node{
		Name: n.Name, Alive: n.Alive, Heard: n.Heard.UTC(), Started: n.Started.UTC(), Version: n.Version,
		Host: n.Process.Host, PID: n.Process.PID, Draining: n.Draining, Links: n.Links, Live: n.Held,
	}
	if v.Links == nil {
		v.Links = map[string]bool{}
	}
	return v
}

type nodeList struct {
	Body struct {
		Nodes []Node `json:"nodes"`
	}
}

func (a *api) registerNodes(h huma.API) {
	huma.Register(h, operation("nodes", http.MethodGet, "/v1/nodes", "list-nodes", "The dialler processes on this store"), a.listNodes)
}

func (a *api) listNodes(ctx context.Context, _ *struct{}) (*nodeList, error) {
	list, err := a.Store.Nodes(ctx, a.Now())
	if err != nil {
		return nil, a.problem("list nodes", err)
	}
	out := &nodeList{}
	out.Body.Nodes = make([]Node, 0, len(list))
	for _, n := range list {
		out.Body.Nodes = append(out.Body.Nodes, showNode(n))
	}
	return out, nil
}
