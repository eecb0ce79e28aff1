package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/aielon/edge/node/gateway"
)

type statusCmd struct {
	JSON, Watch bool
}

func (s *statusCmd) declare(c *declaration) {
	c.Use, c.Short = "status", "Show how the node is and what became of its data."
	c.Flags().BoolVar(&s.JSON, "json", false, "Print JSON.")
	c.Flags().BoolVar(&s.Watch, "watch", false, "Print it anew every two seconds until stopped.")
}

func (s *statusCmd) Run(in *invocation) error {
	c, err := in.client()
	if err != nil {
		return err
	}
	for {
		var st gateway.Status
		if err := c.call(in.ctx, "GET", "/v1/status", nil, nil, &st); err != nil {
			return err
		}
		if err := s.print(in.std.Out, st); err != nil || !s.Watch {
			return err
		}
		select {
		case <-in.ctx.Done():
			return nil
		case <-time.After(2 * time.Second):
		}
	}
}

func (s *statusCmd) print(w io.Writer, st gateway.Status) error {
	if s.JSON {
		return json.NewEncoder(w).Encode(st)
	}
	fmt.Fprintf(w, "%s of site %s (%s), version %s, node %.12s, up %s\n", st.Role, st.Site, st.Region, st.Version, st.Node, st.Now.Sub(st.Started).Round(time.Second))
	fmt.Fprintln(w, linkLine(st.Link))
	printLedger(w, st.Ledger)
	printHub(w, st.Hub)
	printMembers(w, st.Members)
	for _, a := range st.Attention {
		fmt.Fprintf(w, "%s, since %s: %s\n", a.Severity, a.Since.Local().Format(time.DateTime), printable(a.Text))
		if a.Hint != "" {
			fmt.Fprintf(w, "    %s\n", printable(a.Hint))
		}
	}
	for _, p := range st.Parts {
		if p.Level != "ok" {
			fmt.Fprintf(w, "%s: %s: %s\n", p.Level, p.Name, printable(p.Msg))
			if p.Hint != "" {
				fmt.Fprintf(w, "    %s\n", printable(p.Hint))
			}
		}
	}
	return nil
}

func linkLine(l gateway.Link) string {
	switch {
	case !l.Joined:
		return "not joined to a hub: everything stays on this site"
	case l.Connected:
		return fmt.Sprintf("connected to %s by %s, round trip %s", l.Hub, l.Transport, l.RTT.Round(time.Millisecond))
	}
	line := "no link to the hub: everything is kept here and sent later"
	if l.Err != "" {
		line += " (" + printable(l.Err) + ")"
	}
	return line
}

func printLedger(w io.Writer, l gateway.Ledger) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\taccepted\ton the hub\twaiting\tshed\tlost\t")
	rows := append(l.Rows, l.Total)
	if l.Objects != nil {
		rows = append(rows, *l.Objects)
	}
	for _, r := range rows {
		if r.Accepted > 0 || r.Class == "total" {
			fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t\n", r.Class, r.Accepted, r.OnHub, r.Waiting, r.Shed, r.Lost)
		}
	}
	t.Flush()
}

func printHub(w io.Writer, h *gateway.HubStatus) {
	if h == nil {
		return
	}
	fmt.Fprintf(w, "hub: %d records gathered, %d nodes connected\n", h.Records, h.Online)
	t := tabwriter.NewWriter(w, 2, 0, 2, ' ', 0)
	for _, s := range h.Streams {
		fmt.Fprintf(t, "  %s\t%s\t%d received\t%d skipped\t%s\n", printable(s.Site), printable(s.Name), s.Received, s.Skipped, printable(s.Frozen))
	}
	t.Flush()
	for _, a := range h.Alarms {
		fmt.Fprintln(w, "alarm:", printable(a))
	}
}

func printMembers(w io.Writer, members []gateway.Member) {
	if len(members) < 2 {
		return
	}
	for _, m := range members {
		note := ""
		if m.Leader {
			note = ", leader"
		}
		if m.Self {
			note += ", this node"
		}
		fmt.Fprintf(w, "member %.12s at %s: %s%s\n", m.Node, m.Addr, m.Role, note)
	}
}
