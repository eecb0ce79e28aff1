package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/aielon/edge/node"
	"github.com/aielon/edge/node/edge"
)

type nodesListCmd struct{}

func (*nodesListCmd) declare(c *declaration) {
	c.Use, c.Short = "list", "List the nodes this hub knows."
}

func (*nodesListCmd) Run(in *invocation) error {
	c, err := in.client()
	if err != nil {
		return err
	}
	var list []node.NodeInfo
	if err := c.call(in.ctx, "GET", "/v1/nodes", nil, nil, &list); err != nil {
		return err
	}
	t := tabwriter.NewWriter(in.std.Out, 2, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NODE\tSITE\tSTATE\tDESIRED\tAPPLIED\tLAST SEEN\tIN FORCE")
	for _, n := range list {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%s\t%s\n", n.ID, printable(n.Site), n.State, n.Desired, n.Applied, ago(n.Seen), printable(cmp.Or(n.Trouble, n.InForce)))
	}
	return t.Flush()
}

func ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return time.Since(t).Round(time.Second).String() + " ago"
}

type nodesRevokeCmd struct {
	ID string
}

func (n *nodesRevokeCmd) declare(c *declaration) {
	c.Use, c.Short = "revoke", "Remove a node of this site, or of this hub's region, for good."
	c.arg(text(&n.ID), "id", "The node, 64 hexadecimal digits.")
}

func (n *nodesRevokeCmd) Run(in *invocation) error {
	c, err := in.client()
	if err != nil {
		return err
	}
	if err := c.call(in.ctx, "POST", "/v1/nodes/"+url.PathEscape(n.ID)+"/revoke", nil, nil, nil); err != nil {
		return err
	}
	fmt.Fprintln(in.std.Out, "The node is revoked; its connections are cut.")
	return nil
}

type nodesDesiredCmd struct {
	ID string
}

func (n *nodesDesiredCmd) declare(c *declaration) {
	c.Use, c.Short = "desired", "Set the desired configuration of a node (JSON on standard input)."
	c.arg(text(&n.ID), "id", "The node.")
}

func (n *nodesDesiredCmd) Run(in *invocation) error {
	doc, err := io.ReadAll(io.LimitReader(in.std.In, 64<<10))
	if err != nil {
		return edge.E(edge.Unavailable, "standard input cannot be read: %w", err)
	}
	if !json.Valid(doc) {
		return edge.E(edge.Invalid, "standard input is not one JSON document of at most 64 KiB")
	}
	c, err := in.client()
	if err != nil {
		return err
	}
	var out struct{ Version uint64 }
	if err := c.call(in.ctx, "PUT", "/v1/nodes/"+url.PathEscape(n.ID)+"/desired", nil, json.RawMessage(doc), &out); err != nil {
		return err
	}
	fmt.Fprintf(in.std.Out, "Desired configuration is now version %d.\n", out.Version)
	return nil
}

type nodesCommandCmd struct {
	ID, Name string
	For      time.Duration
}

func (n *nodesCommandCmd) declare(c *declaration) {
	c.Use, c.Short = "command", "Queue a signed, expiring command for a node."
	c.arg(text(&n.ID), "id", "The node.")
	c.arg(text(&n.Name), "name", "The command: sample, scrub or restart-uplink.")
	c.Flags().DurationVar(&n.For, "for", 24*time.Hour, "How long the command may wait for the node.")
}

func (n *nodesCommandCmd) Run(in *invocation) error {
	c, err := in.client()
	if err != nil {
		return err
	}
	var out struct{ ID edge.ID }
	if err := c.call(in.ctx, "POST", "/v1/nodes/"+url.PathEscape(n.ID)+"/commands", nil, node.CommandRequest{Name: n.Name, Life: n.For}, &out); err != nil {
		return err
	}
	fmt.Fprintln(in.std.Out, "Queued as", out.ID)
	return nil
}
