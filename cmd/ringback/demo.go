package main

import (
	"context"

	"ringback/cmd/ringback/demo"
)

type demoCommand struct{}

// Run tells the demo's story, and fails if it does not come true.
func (demoCommand) Run(ctx context.Context, s streams) error { return demo.Run(ctx, s.out) }
