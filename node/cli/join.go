package cli

import (
	"fmt"
	"time"

	"github.com/aielon/edge/node"
)

type joinCmd struct {
	Addr string `arg:"" help:"Address of the hub's (or the other node's) join port, host:port."`
	Code string `arg:"" help:"The one-time code."`
}

func (j joinCmd) Run(in *invocation) error {
	c, err := in.client()
	if err != nil {
		return err
	}
	var out node.Joined
	if err := c.call(in.ctx, "POST", "/v1/join", nil, node.JoinRequest{Addr: j.Addr, Code: j.Code}, &out); err != nil {
		return err
	}
	fmt.Fprintln(in.std.Out, out.Message)
	return nil
}

type inviteCmd struct {
	Role string        `help:"What the bearer becomes: node (of this site), site or hub (of this hub's region)." enum:"node,site,hub,auto" default:"auto"`
	Site string        `help:"The one site the code is for."`
	For  time.Duration `help:"How long the code is good for, at most 1h." default:"15m"`
}

func (i inviteCmd) Run(in *invocation) error {
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
