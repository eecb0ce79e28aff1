package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/aielon/edge/node"
)

type runCmd struct {
	Check bool `help:"Only check the configuration."`
}

func (r runCmd) Run(in *invocation) error {
	cfg, err := in.config()
	if err != nil {
		return err
	}
	if r.Check {
		fmt.Fprintln(in.std.Out, "The configuration is good.")
		return nil
	}
	n, err := node.New(in.ctx, cfg, node.Options{Logger: logger(in.std.Err, cfg.Log), Version: in.version})
	if err != nil {
		return err
	}
	return runNode(in.ctx, n)
}

// runNode runs a node until ctx ends and closes it.
func runNode(ctx context.Context, n *node.Node) error {
	err := n.Run(ctx)
	if cerr := n.Close(); err == nil {
		err = cerr
	}
	return err
}

func logger(w io.Writer, c node.LogConfig) *slog.Logger {
	var level slog.Level
	level.UnmarshalText([]byte(c.Level)) // Validate has checked it
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
