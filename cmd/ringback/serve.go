package main

import (
	"context"
	"fmt"
	"log/slog"

	"ringback/cmd/ringback/serve"
)

type serveCommand struct {
	configFlag
}

// Run serves until ctx ends, then drains. A second signal ends the process at
// once; the next start asks the switch what became of its calls.
func (c serveCommand) Run(ctx context.Context, s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	log := serve.NewLogger(cfg.Log, s.err)
	slog.SetDefault(log)
	p, err := serve.Start(ctx, cfg, serve.Options{Version: version, Logger: log})
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-p.Done():
		err = fmt.Errorf("cannot go on: %w", p.Fault())
		log.Error("cannot go on", "err", p.Fault())
	}
	// Draining has a limit of its own.
	if stopped := p.Stop(context.WithoutCancel(ctx)); err == nil {
		err = stopped
	}
	return err
}
