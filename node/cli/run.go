package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/aielon/edge/node"
)

// gcPercent is how much garbage a node lets gather before it is collected, in percent of what is in use. Go's default is
// 100; a box has little memory, and its throughput does not suffer (node/DESIGN.md). GOGC in the environment goes first.
const gcPercent = 40

type runCmd struct {
	Check bool
}

func (r *runCmd) declare(c *declaration) {
	c.Use, c.Short = "run", "Run a node (or a hub) until it is stopped."
	c.Flags().BoolVar(&r.Check, "check", false, "Only check the configuration.")
}

func (r *runCmd) Run(in *invocation) error {
	cfg, err := in.config()
	if err != nil {
		return err
	}
	if r.Check {
		fmt.Fprintln(in.std.Out, "The configuration is good.")
		return nil
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	n, err := node.New(in.ctx, cfg, node.Options{Logger: logger(in.std.Err, cfg.Log), Version: in.version})
	if err != nil {
		return err
	}
	go func() {
		if n.WaitReady(in.ctx) == nil {
			greet(in, n)
		}
	}()
	return runNode(in.ctx, n)
}

// greet tells whoever started the node where to go on. The code is for those who stand before the box: it is
// printed once, and good once.
func greet(in *invocation, n *node.Node) {
	page := n.DoorURL()
	if page == "" {
		fmt.Fprintln(in.std.Out, "The node is ready. Its door is closed: door.addr is empty.")
		return
	}
	fmt.Fprintf(in.std.Out, "The node is ready: %s\n", page)
	code, err := n.FirstCode(in.ctx)
	switch {
	case err != nil:
		fmt.Fprintf(in.std.Err, "There is no set-up code yet: %s\nOnce the site is ready, get one with: aielon-edge setup-code\n", printable(err.Error()))
	case code != "":
		fmt.Fprintf(in.std.Out, "Nobody has set this site up yet. Open the address above and enter the code %s\n", code)
	}
}

type setupCodeCmd struct{}

func (*setupCodeCmd) declare(c *declaration) {
	c.Use, c.Short = "setup-code", "Print a new code for setting the site up in the browser, where nobody has yet."
}

// Run asks a running node for a code; the one before is void then.
func (*setupCodeCmd) Run(in *invocation) error {
	c, err := in.client()
	if err != nil {
		return err
	}
	var out struct{ Code, Page string }
	if err := c.call(in.ctx, "POST", "/v1/setup-code", nil, struct{}{}, &out); err != nil {
		return err
	}
	fmt.Fprintf(in.std.Out, "Open %s and enter the code %s\n", out.Page, out.Code)
	return nil
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
