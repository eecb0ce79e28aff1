package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"syscall"
	"time"

	"github.com/aielon/edge/node"
	"github.com/aielon/edge/node/edge"
)

type joinCmd struct {
	edge.Redacted

	Addr, Code string
}

func (j *joinCmd) declare(c *declaration) {
	c.Use, c.Short = "join", "Join a hub or a site with a one-time code."
	c.arg(text(&j.Addr), "addr", "Address of the hub's (or the other node's) join port, host:port.")
	c.arg(text(&j.Code), "code", "The one-time code.")
}

// Run asks the running node to join. Where none runs, it is done here: becoming a node of another site is
// only possible while the node is stopped.
func (j *joinCmd) Run(in *invocation) error {
	cfg, err := in.config()
	if err != nil {
		return err
	}
	q := node.JoinRequest{Addr: j.Addr, Code: j.Code}
	var out node.Joined
	if stopped(in.ctx, cfg) {
		out, err = node.Join(in.ctx, cfg, q)
	} else if c, cerr := in.client(); cerr != nil {
		err = cerr
	} else {
		err = c.call(in.ctx, "POST", "/v1/join", nil, q, &out)
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(in.std.Out, out.Message)
	return nil
}

// stopped reports whether nothing listens on the socket of the data directory. A node that is about to
// listen holds the directory's lock, and node.Join says so.
func stopped(ctx context.Context, cfg node.Config) bool {
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(cfg.DataDir, node.SocketName))
	if err == nil {
		c.Close()
		return false
	}
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)
}

type inviteCmd struct {
	Role, Site string
	For        time.Duration
}

func (i *inviteCmd) declare(c *declaration) {
	c.Use, c.Short = "invite", "Make a one-time code with which another box joins this one."
	c.choice(&i.Role, "role", "What the bearer becomes: node (of this site), site or hub (of this hub's region).", "auto", "node", "site", "hub")
	c.Flags().StringVar(&i.Site, "site", "", "The one site the code is for.")
	c.Flags().DurationVar(&i.For, "for", 15*time.Minute, "How long the code is good for, at most 1h.")
}

func (i *inviteCmd) Run(in *invocation) error {
	c, err := in.client()
	if err != nil {
		return err
	}
	var out node.Invitation
	if err := c.call(in.ctx, "POST", "/v1/invites", nil, node.InviteRequest{Role: i.Role, Site: i.Site, Life: i.For}, &out); err != nil {
		return err
	}
	fmt.Fprintf(in.std.Out, "On the other box, before %s:\n\n  aielon-edge join %s %s\n\nThe code works once.\n", out.Expires.Local().Format("15:04"), out.Addr, out.Code)
	return nil
}
