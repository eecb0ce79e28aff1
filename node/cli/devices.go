package cli

import (
	"fmt"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/aielon/edge/node"
	"github.com/aielon/edge/node/edge"
)

type devicesListCmd struct{}

func (*devicesListCmd) declare(c *declaration) {
	c.Use, c.Short = "list", "List the devices."
}

func (*devicesListCmd) Run(in *invocation) error {
	c, err := in.client()
	if err != nil {
		return err
	}
	var list []node.DeviceInfo
	if err := c.call(in.ctx, "GET", "/v1/devices", nil, nil, &list); err != nil {
		return err
	}
	if len(list) == 0 {
		fmt.Fprintln(in.std.Out, "No devices yet. Add one with: aielon-edge devices add NAME")
		return nil
	}
	t := tabwriter.NewWriter(in.std.Out, 2, 0, 2, ' ', 0)
	fmt.Fprintln(t, "DEVICE\tNAME\tMAY PUBLISH TO")
	for _, d := range list {
		fmt.Fprintf(t, "%s\t%s\t%s\n", printable(d.ID), printable(d.Name), printable(strings.Join(d.Publish, " ")))
	}
	return t.Flush()
}

type devicesAddCmd struct {
	ID, Name string
	Publish  []string
}

func (d *devicesAddCmd) declare(c *declaration) {
	c.Use, c.Short = "add", "Register a device and print its password, once."
	c.arg(text(&d.ID), "id", "Identity of the device, a-z 0-9 and -; it is also its MQTT user name.")
	c.Flags().StringVar(&d.Name, "name", "", "What people call it.")
	c.Flags().Var(list(&d.Publish, "FILTER"), "publish", "Topics it may publish to (default ID/#).")
}

func (d *devicesAddCmd) Run(in *invocation) error {
	c, err := in.client()
	if err != nil {
		return err
	}
	var out node.DeviceCredentials
	if err := c.call(in.ctx, "POST", "/v1/devices", nil, node.DeviceInfo{ID: d.ID, Name: d.Name, Publish: d.Publish}, &out); err != nil {
		return err
	}
	printCredentials(in, out)
	return nil
}

func printCredentials(in *invocation, c node.DeviceCredentials) {
	fmt.Fprintf(in.std.Out, "user name  %s\npassword   %s\n\nThe password is shown this once. Publish with:\n  %s\n", c.ID, c.Password, c.Example)
}

type devicesChangeCmd struct {
	ID, Name string
	Publish  []string
}

func (d *devicesChangeCmd) declare(c *declaration) {
	c.Use, c.Short = "change", "Change the name or the topics of a device."
	c.arg(text(&d.ID), "id", "The device.")
	c.Flags().StringVar(&d.Name, "name", "", "What people call it.")
	c.Flags().Var(list(&d.Publish, "FILTER"), "publish", "Topics it may publish to, instead of all it may now.")
}

func (d *devicesChangeCmd) Run(in *invocation) error {
	if d.Name == "" && d.Publish == nil {
		return edge.E(edge.Invalid, "nothing is to be changed").WithHint("give it --name or --publish")
	}
	c, err := in.client()
	if err != nil {
		return err
	}
	var out node.DeviceInfo
	if err := c.call(in.ctx, "PATCH", "/v1/devices/"+url.PathEscape(d.ID), nil, node.DeviceInfo{Name: d.Name, Publish: d.Publish}, &out); err != nil {
		return err
	}
	fmt.Fprintf(in.std.Out, "%s is called %s and may publish to %s\n", printable(out.ID), printable(out.Name), printable(strings.Join(out.Publish, " ")))
	return nil
}

type devicesRotateCmd struct {
	ID string
}

func (d *devicesRotateCmd) declare(c *declaration) {
	c.Use, c.Short = "rotate", "Give a device a new password; the old one ends at once."
	c.arg(text(&d.ID), "id", "The device.")
}

func (d *devicesRotateCmd) Run(in *invocation) error {
	c, err := in.client()
	if err != nil {
		return err
	}
	var out node.DeviceCredentials
	if err := c.call(in.ctx, "POST", "/v1/devices/"+url.PathEscape(d.ID)+"/rotate", nil, nil, &out); err != nil {
		return err
	}
	printCredentials(in, out)
	return nil
}

type devicesRemoveCmd struct {
	ID string
}

func (d *devicesRemoveCmd) declare(c *declaration) {
	c.Use, c.Short = "remove", "Remove a device and close its connections."
	c.arg(text(&d.ID), "id", "The device.")
}

func (d *devicesRemoveCmd) Run(in *invocation) error {
	c, err := in.client()
	if err != nil {
		return err
	}
	if err := c.call(in.ctx, "DELETE", "/v1/devices/"+url.PathEscape(d.ID), nil, nil, nil); err != nil {
		return err
	}
	fmt.Fprintf(in.std.Out, "%s is removed; its connections are closed.\n", d.ID)
	return nil
}
