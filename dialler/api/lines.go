package api

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"ringback/dialler"
	"ringback/dialler/user"
)

// Trunk is a carrier line on the wire.
type Trunk struct {
	Name     string  `json:"name" readOnly:"true"`
	Switch   string  `json:"switch" doc:"name of the switch that has the line"`
	Dial     string  `json:"dial" example:"PJSIP/{number}@carrier" doc:"dial string with {number} or {digits} where the number goes"`
	Channels int     `json:"channels,omitempty" doc:"calls at once; 0: no limit of its own"`
	CPS      float64 `json:"cps,omitempty" doc:"new calls per second over all campaigns; 0: no limit"`
}

// Bot is a voice agent on the wire.
type Bot struct {
	Name      string `json:"name" readOnly:"true"`
	Endpoint  string `json:"endpoint,omitempty" example:"PJSIP/bot" doc:"dial string; exactly one of endpoint and extension"`
	Extension string `json:"extension,omitempty" example:"bots,s,1" doc:"context,exten,priority"`
	Capacity  int    `json:"capacity,omitempty" doc:"conversations at once over all campaigns; 0: no limit of its own"`
	Callbacks bool   `json:"callbacks,omitempty" doc:"the bot's half of the double gate"`
}

func showTrunk(t dialler.Trunk) Trunk { return Trunk(t) }
func showBot(b dialler.Bot) Bot       { return Bot(b) }

type (
	named struct {
		Name string `path:"name" minLength:"1" maxLength:"400"`
	}
	trunkInput struct {
		Name string `path:"name" minLength:"1" maxLength:"400"`
		Body Trunk
	}
	trunkOutput struct{ Body Trunk }
	trunkList   struct {
		Body struct {
			Trunks []Trunk `json:"trunks"`
		}
	}
	botInput struct {
		Name string `path:"name" minLength:"1" maxLength:"400"`
		Body Bot
	}
	botOutput struct{ Body Bot }
	botList   struct {
		Body struct {
			Bots []Bot `json:"bots"`
		}
	}
)

func (a *api) registerLines(h huma.API) {
	huma.Register(h, operation("trunks", http.MethodGet, "/v1/trunks", "list-trunks", "All trunks"), a.listTrunks)
	huma.Register(h, operation("trunks", http.MethodGet, "/v1/trunks/{name}", "get-trunk", "One trunk", 404), a.getTrunk)
	huma.Register(h, operation("trunks", http.MethodPut, "/v1/trunks/{name}", "put-trunk", "Make or replace a trunk", 413, 422), a.putTrunk)
	dropTrunk := operation("trunks", http.MethodDelete, "/v1/trunks/{name}", "drop-trunk", "Remove a trunk that no campaign has; 409 names those that do", 404, 409)
	dropTrunk.DefaultStatus = http.StatusNoContent
	huma.Register(h, dropTrunk, func(ctx context.Context, in *named) (*struct{}, error) {
		return a.dropLine(ctx, "trunk", in.Name, a.Store.DropTrunk)
	})
	dropBot := operation("bots", http.MethodDelete, "/v1/bots/{name}", "drop-bot", "Remove a bot that no campaign has; 409 names those that do", 404, 409)
	dropBot.DefaultStatus = http.StatusNoContent
	huma.Register(h, dropBot, func(ctx context.Context, in *named) (*struct{}, error) {
		return a.dropLine(ctx, "bot", in.Name, a.Store.DropBot)
	})
	huma.Register(h, operation("bots", http.MethodGet, "/v1/bots", "list-bots", "All bots"), a.listBots)
	huma.Register(h, operation("bots", http.MethodGet, "/v1/bots/{name}", "get-bot", "One bot", 404), a.getBot)
	huma.Register(h, operation("bots", http.MethodPut, "/v1/bots/{name}", "put-bot", "Make or replace a bot", 413, 422), a.putBot)
}

func (a *api) dropLine(ctx context.Context, kind, name string, drop func(context.Context, string) error) (*struct{}, error) {
	if err := drop(ctx, name); err != nil {
		return nil, a.problem("remove a "+kind, err)
	}
	a.log.Info(kind+" removed", kind, name, "by", user.From(ctx).Name)
	return nil, nil
}

func (a *api) listTrunks(ctx context.Context, _ *struct{}) (*trunkList, error) {
	list, err := a.Store.Trunks(ctx)
	if err != nil {
		return nil, a.problem("list trunks", err)
	}
	out := &trunkList{}
	out.Body.Trunks = make([]Trunk, 0, len(list))
	for _, t := range list {
		out.Body.Trunks = append(out.Body.Trunks, showTrunk(t))
	}
	return out, nil
}

func (a *api) getTrunk(ctx context.Context, in *named) (*trunkOutput, error) {
	list, err := a.Store.Trunks(ctx)
	if err != nil {
		return nil, a.problem("list trunks", err)
	}
	for _, t := range list {
		if t.Name == in.Name {
			return &trunkOutput{showTrunk(t)}, nil
		}
	}
	return nil, huma.Error404NotFound("there is no trunk " + shorten(in.Name))
}

func (a *api) putTrunk(ctx context.Context, in *trunkInput) (*trunkOutput, error) {
	t := dialler.Trunk(in.Body)
	t.Name = in.Name
	err := t.Check()
	if err == nil && a.Health != nil {
		if links := a.Health().Links; len(links) > 0 {
			if _, ok := links[t.Switch]; !ok {
				return nil, unprocessable("body.switch", shorten(t.Switch), "one of the configured switches: "+strings.Join(slices.Sorted(maps.Keys(links)), ", "))
			}
		}
	}
	if err == nil {
		err = a.Store.PutTrunk(ctx, t)
	}
	if err != nil {
		return nil, a.problem("put a trunk", err)
	}
	return &trunkOutput{showTrunk(t)}, nil
}

func (a *api) listBots(ctx context.Context, _ *struct{}) (*botList, error) {
	list, err := a.Store.Bots(ctx)
	if err != nil {
		return nil, a.problem("list bots", err)
	}
	out := &botList{}
	out.Body.Bots = make([]Bot, 0, len(list))
	for _, b := range list {
		out.Body.Bots = append(out.Body.Bots, showBot(b))
	}
	return out, nil
}

func (a *api) getBot(ctx context.Context, in *named) (*botOutput, error) {
	list, err := a.Store.Bots(ctx)
	if err != nil {
		return nil, a.problem("list bots", err)
	}
	for _, b := range list {
		if b.Name == in.Name {
			return &botOutput{showBot(b)}, nil
		}
	}
	return nil, huma.Error404NotFound("there is no bot " + shorten(in.Name))
}

func (a *api) putBot(ctx context.Context, in *botInput) (*botOutput, error) {
	b := dialler.Bot(in.Body)
	b.Name = in.Name
	err := b.Check()
	if err == nil {
		err = a.Store.PutBot(ctx, b)
	}
	if err != nil {
		return nil, a.problem("put a bot", err)
	}
	return &botOutput{showBot(b)}, nil
}
