package node

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/api/nodev1"
	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway"
)

const (
	watchLook  = time.Second      // how often a watched status is compared with what was sent last
	watchPulse = 15 * time.Second // a message comes this often, changed or not
)

func (n *Node) getStatus(ctx context.Context, _ *nodev1.GetStatusRequest) (*nodev1.Status, error) {
	return n.statusMessage(ctx), nil
}

func (n *Node) watchStatus(ctx context.Context, _ *nodev1.WatchStatusRequest, send func(*nodev1.Status) error) error {
	return watch(ctx, func() *nodev1.Status { return n.statusMessage(ctx) }, func(s *nodev1.Status) { s.Now = nil }, send)
}

func (n *Node) getLedger(context.Context, *nodev1.GetLedgerRequest) (*nodev1.Ledger, error) {
	return n.ledgerMessage(), nil
}

func (n *Node) watchLedger(ctx context.Context, _ *nodev1.WatchLedgerRequest, send func(*nodev1.Ledger) error) error {
	return watch(ctx, n.ledgerMessage, func(l *nodev1.Ledger) { l.Now = nil }, send)
}

// watch sends what make makes whenever it is another than the one before, and now and then besides. What still
// takes out does not count as a change.
func watch[M proto.Message](ctx context.Context, make func() M, still func(M), send func(M) error) error {
	var last M
	var sent time.Time
	for {
		m := make()
		bare := proto.Clone(m).(M)
		still(bare)
		if sent.IsZero() || time.Since(sent) >= watchPulse || !proto.Equal(bare, last) {
			if err := send(m); err != nil {
				return err
			}
			last, sent = bare, time.Now()
		}
		wait(ctx, watchLook)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

func (n *Node) statusMessage(ctx context.Context) *nodev1.Status {
	s := show{n}.Status(ctx)
	out := &nodev1.Status{Node: s.Node, Site: s.Site, Region: s.Region, Role: s.Role, Version: s.Version, Level: s.Level,
		Started: timestamppb.New(s.Started), Now: timestamppb.New(s.Now), Link: n.linkMessage(s.Link), Ledger: n.ledgerMessage(), Members: n.memberMessages(), SiteName: n.siteName()}
	for _, p := range s.Parts {
		out.Parts = append(out.Parts, &nodev1.Part{Name: p.Name, Level: p.Level, Text: p.Msg, Hint: p.Hint})
	}
	for _, a := range s.Attention {
		out.Attention = append(out.Attention, &nodev1.Attention{Id: a.ID, Severity: a.Severity, Text: a.Text, Hint: a.Hint, Since: timestamppb.New(a.Since)})
	}
	if h := s.Hub; h != nil {
		out.Hub = &nodev1.HubSummary{Records: h.Records, Trimmed: h.Trimmed, KeptBytes: h.Kept, Above: h.Above, Alarms: h.Alarms, Online: int32(h.Online)}
	}
	return out
}

func (n *Node) linkMessage(l gateway.Link) *nodev1.Link {
	out := &nodev1.Link{Joined: l.Joined, Connected: l.Connected, Transport: l.Transport, Hub: l.Hub, RttMs: float64(l.RTT) / 1e6, Error: l.Err, Held: n.link.get().Held}
	if l.NextTry != nil {
		out.NextTry = timestamppb.New(*l.NextTry)
	}
	return out
}

func (n *Node) ledgerMessage() *nodev1.Ledger {
	l, link := n.ledger(), n.linkStatus()
	out := &nodev1.Ledger{Total: rowMessage(l.Total), Connected: link.Connected, Joined: link.Joined, Now: timestamppb.Now()}
	for _, r := range l.Rows {
		out.Rows = append(out.Rows, rowMessage(r))
	}
	if l.Objects != nil {
		out.Objects = rowMessage(*l.Objects)
	}
	return out
}

func rowMessage(r gateway.LedgerRow) *nodev1.LedgerRow {
	return &nodev1.LedgerRow{Class: r.Class, Accepted: r.Accepted, OnHub: r.OnHub, Waiting: r.Waiting, Shed: r.Shed, Lost: r.Lost}
}

// memberMessages lists the nodes of the site, with what gossip and the leader's log say of them.
func (n *Node) memberMessages() []*nodev1.Member {
	versions := map[edge.NodeID]string{n.ID(): n.version}
	if n.gossip != nil {
		for _, p := range n.gossip.Peers() {
			versions[p.ID] = p.Version
		}
	}
	var list []*nodev1.Member
	for _, m := range n.raft.Members() {
		out := &nodev1.Member{Node: m.ID.String(), Address: m.Addr, Role: "standby", Leader: m.Leader, Self: m.ID == n.ID(), Version: versions[m.ID], Lag: m.Behind}
		if m.Voter {
			out.Role = "voter"
		}
		if !m.Seen.IsZero() {
			out.Seen = timestamppb.New(m.Seen)
		}
		if c := n.keys.id.Chain(pki.UseSite); out.Self && c != nil {
			out.CertifiedUntil = timestamppb.New(c.Leaf.NotAfter)
		}
		list = append(list, out)
	}
	return list
}

// siteName is what people call the site: the setting site.name, else its label.
func (n *Node) siteName() string {
	v := n.site.View()
	defer v.Close()
	if s, found, err := loadSetting(v, "site.name"); err == nil && found && s.Value != "" {
		return s.Value
	}
	return n.keys.trust.Site()
}
