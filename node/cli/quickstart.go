package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/aielon/edge/node"
	"github.com/aielon/edge/node/edge"
)

type quickstartCmd struct {
	Simulate bool
	Fresh    bool
}

func (q *quickstartCmd) declare(c *declaration) {
	c.Use, c.Short = "quickstart", "Try it: a hub and a node side by side on this machine."
	c.Flags().BoolVar(&q.Simulate, "simulate", false, "Also run a few devices that replay real sensor series.")
	c.Flags().BoolVar(&q.Fresh, "fresh", false, "Begin with empty data directories.")
}

// Run starts a hub and a node on loopback, joins them, registers a device for the newcomer and says how to
// go on. Both keep their data between runs.
func (q *quickstartCmd) Run(in *invocation) error {
	err := q.run(in)
	if in.ctx.Err() != nil && (edge.IsKind(err, edge.Unavailable) || errors.Is(err, context.Canceled)) {
		return nil // Ctrl-C before everything was up
	}
	return err
}

func (q *quickstartCmd) run(in *invocation) error {
	dir, err := quickstartDir(in.flags.Data)
	if err != nil {
		return err
	}
	if q.Fresh {
		if err := os.RemoveAll(dir); err != nil {
			return edge.E(edge.Invalid, "the old data cannot be removed: %w", err)
		}
	}
	hub, err := startNode(in, hubConfig(dir), "hub")
	if err != nil {
		return err
	}
	defer hub.stop()
	edgeNode, err := startNode(in, edgeConfig(dir), "node")
	if err != nil {
		return err
	}
	defer edgeNode.stop()
	if err := q.introduce(in, hub.Node, edgeNode.Node); err != nil {
		return err
	}
	return q.serve(in, hub, edgeNode)
}

func quickstartDir(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	if base := os.Getenv("XDG_STATE_HOME"); base != "" {
		return filepath.Join(base, "aielon-edge", "quickstart"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", edge.E(edge.Invalid, "there is no home directory to keep the data in").WithHint("name a directory with --data")
	}
	return filepath.Join(home, ".local", "state", "aielon-edge", "quickstart"), nil
}

func hubConfig(dir string) node.Config {
	c := node.Default()
	c.DataDir, c.Site, c.Region, c.Role = filepath.Join(dir, "hub"), "hub", "quickstart", "hub"
	c.Door.Addr, c.MQTT.Addr = freePort("127.0.0.1:8481"), ""
	c.Hub.Addr, c.Hub.JoinAddr = freePort("127.0.0.1:8484"), freePort("127.0.0.1:8485")
	c.Host.Every = 0
	return c
}

func edgeConfig(dir string) node.Config {
	c := node.Default()
	c.DataDir, c.Site, c.Region = filepath.Join(dir, "node"), "clinic", "quickstart"
	c.Door.Addr, c.MQTT.Addr = freePort("127.0.0.1:8480"), freePort("127.0.0.1:1883")
	c.Host.Every = node.Duration(15 * time.Second)
	return c
}

// freePort returns addr, or a port the system chooses where that one is taken.
func freePort(addr string) string {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "127.0.0.1:0"
	}
	l.Close()
	return addr
}

// A running is a node that runs in this process.
type running struct {
	*node.Node
	cancel context.CancelFunc
	done   chan error
	once   sync.Once
	err    error
}

func startNode(in *invocation, cfg node.Config, name string) (*running, error) {
	log := logger(in.std.Err, node.LogConfig{Level: "warn", Format: "text"}).With("node", name)
	n, err := node.New(in.ctx, cfg, node.Options{Logger: log, Version: in.version})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(in.ctx)
	r := &running{Node: n, cancel: cancel, done: make(chan error, 1)}
	go func() { r.done <- runNode(ctx, n) }()
	ready, stop := context.WithTimeout(in.ctx, 30*time.Second)
	defer stop()
	if err := n.WaitReady(ready); err != nil {
		return nil, errors.Join(err, r.stop())
	}
	return r, nil
}

// stop ends the node and waits for it.
func (r *running) stop() error {
	r.once.Do(func() {
		r.cancel()
		r.err = <-r.done
	})
	return r.err
}

// introduce joins the node to the hub, the first time.
func (q *quickstartCmd) introduce(in *invocation, hub, n *node.Node) error {
	if n.Joined() {
		return n.MoveHub(hub)
	}
	ctx, cancel := context.WithTimeout(in.ctx, 30*time.Second)
	defer cancel()
	inv, err := hub.Invite(ctx, node.InviteRequest{Role: "site", Site: "clinic"})
	if err != nil {
		return err
	}
	_, err = n.JoinHub(ctx, node.JoinRequest{Addr: inv.Addr, Code: inv.Code})
	return err
}

func (q *quickstartCmd) serve(in *invocation, hub, n *running) error {
	ctx, cancel := context.WithCancel(in.ctx)
	defer cancel()
	guest, err := n.DeviceFor(ctx, "guest")
	if err != nil {
		return err
	}
	fmt.Fprintf(in.std.Out, quickstartText, n.DoorURL(), hub.DoorURL(), guest.Example)
	for _, x := range []struct {
		what string
		n    *node.Node
	}{{"node", n.Node}, {"hub", hub.Node}} {
		switch code, err := x.n.SetupCode(ctx); {
		case edge.IsKind(err, edge.Conflict): // somebody has set it up
		case err != nil:
			return err
		default:
			fmt.Fprintf(in.std.Out, "Nobody has set the %s up yet. Open its page and enter the code %s\n", x.what, code)
		}
	}
	sims := make(chan error, 1)
	if q.Simulate {
		go func() { sims <- simulate(ctx, n.Node) }()
		fmt.Fprintln(in.std.Out, "Two simulated devices replay real temperature series. Stop with Ctrl-C.")
	}
	for t := time.NewTicker(5 * time.Second); ; {
		select {
		case <-ctx.Done():
			return errors.Join(n.stop(), hub.stop())
		case err := <-sims:
			if ctx.Err() == nil {
				slog.New(slog.NewTextHandler(in.std.Err, nil)).Warn("the simulated devices ended", "error", err)
			}
		case err := <-n.done:
			n.done <- err
			return err
		case err := <-hub.done:
			hub.done <- err
			return err
		case <-t.C:
			l := n.Status(ctx).Ledger.Total
			fmt.Fprintf(in.std.Out, "%s  accepted %d, on the hub %d, waiting %d, lost %d\n", time.Now().Format(time.TimeOnly), l.Accepted, l.OnHub, l.Waiting, l.Lost)
		}
	}
}

const quickstartText = `A hub and a node run on this machine.

  The node's page:  %s
  The hub's page:   %s

Publish as a device (mosquitto_pub is in the package mosquitto-clients):

  %s

`
