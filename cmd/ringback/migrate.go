package main

import (
	"context"
	"fmt"

	"ringback/cmd/ringback/serve"
)

type migrateCommand struct {
	configFlag
}

// Run migrates. Of several at once, and of processes that start meanwhile, one
// works and the others wait.
func (c migrateCommand) Run(ctx context.Context, s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if err := serve.Migrate(ctx, cfg); err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.out, "the schema is up to date")
	return err
}
