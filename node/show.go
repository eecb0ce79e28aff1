package node

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway"
	"github.com/aielon/edge/node/journal"
)

// show is what the door sees of a node.
type show struct{ n *Node }

// Status implements gateway.Source.
func (s show) Status(ctx context.Context) gateway.Status {
	n := s.n
	st := gateway.Status{Node: n.keys.id.ID().String(), Site: n.keys.trust.Site(), Region: n.keys.trust.Region(), Role: n.cfg.Role, Version: n.version,
		Started: n.started, Now: time.Now(), Parts: n.partStatus(ctx), Link: n.linkStatus(), Ledger: n.ledger(), Members: n.members()}
	if region := n.keys.region.Load(); region != nil {
		st.Region = region.Label()
	}
	st.Level = edge.OK.String()
	for _, p := range st.Parts {
		if p.Level == edge.Failed.String() || st.Level == edge.OK.String() {
			st.Level = p.Level
		}
	}
	for _, e := range n.recent.newest() {
		st.Recent = append(st.Recent, gateway.Recent{Time: e.Time, Type: e.Type, Subject: e.Subject, Class: e.Urgency.String(), Text: brief(e.Body)})
	}
	st.Attention = append([]gateway.Attention{}, n.attention(ctx)...)
	if n.hub != nil {
		st.Hub = n.hub.status(ctx)
	}
	return st
}

// brief is what a person wants to see of a record: the first values of a SenML pack.
func brief(body []byte) string {
	var pack []struct {
		N  string   `json:"n"`
		U  string   `json:"u"`
		V  *float64 `json:"v"`
		VS *string  `json:"vs"`
		VB *bool    `json:"vb"`
	}
	if json.Unmarshal(body, &pack) != nil {
		return strings.ToValidUTF8(string(body[:min(len(body), 120)]), "")
	}
	var parts []string
	for _, s := range pack[:min(len(pack), 4)] {
		switch {
		case s.V != nil:
			parts = append(parts, strings.TrimSpace(fmt.Sprintf("%s %.6g %s", s.N, *s.V, s.U)))
		case s.VS != nil:
			parts = append(parts, s.N+" "+*s.VS)
		case s.VB != nil:
			parts = append(parts, fmt.Sprintf("%s %t", s.N, *s.VB))
		}
	}
	return strings.Join(parts, ", ")
}

// ledger is what became of everything this node acknowledged, class by class.
func (n *Node) ledger() gateway.Ledger {
	var l gateway.Ledger
	for _, j := range n.journals.Journals() {
		l.Rows = append(l.Rows, n.ledgerRow(j))
	}
	l.Sum()
	l.Objects = n.blobs.ledger()
	return l
}

func (n *Node) ledgerRow(j *journal.Journal) gateway.LedgerRow {
	c := j.Counts(uplinkFollower)
	row := gateway.LedgerRow{Class: j.Urgency().String(), Accepted: c.Accepted, OnHub: c.Acked, Waiting: c.Waiting, Shed: c.Shed + c.Trimmed, Lost: c.Lost}
	n.book(&row, j, j.Mark(uplinkFollower), false)
	n.addSite(&row, j.Urgency())
	return row
}

// addSite adds the site's own journal of a class, on the node that delivers it. What was accepted is
// counted by the journal as it grows; what the hub has and what waits follow from positions.
func (n *Node) addSite(row *gateway.LedgerRow, u edge.Urgency) {
	if _, self := n.raft.Leader(); !self {
		return
	}
	v := n.site.View()
	defer v.Close()
	c, err := journal.LoadChain(v, site.Stream(u))
	if err != nil {
		return
	}
	j := n.siteJournal(u)
	mark := n.marks.Source(j).Mark(uplinkFollower)
	var acked, waiting uint64
	before := !mark.IsZero()
	for _, e := range c.Epochs() {
		switch {
		case e.Number == mark.Epoch:
			acked, waiting, before = acked+mark.Seq, waiting+e.Last.Seq-mark.Seq, false
		case before:
			acked += e.Last.Seq
		default:
			waiting += e.Last.Seq
		}
	}
	accepted := c.Totals().Accepted.Records
	own := gateway.LedgerRow{Accepted: accepted, OnHub: acked, Waiting: waiting, Lost: accepted - acked - waiting}
	n.book(&own, j, mark, true)
	row.Accepted, row.OnHub, row.Waiting, row.Lost = row.Accepted+own.Accepted, row.OnHub+own.OnHub, row.Waiting+own.Waiting, row.Lost+own.Lost
}

func (n *Node) linkStatus() gateway.Link {
	l := gateway.Link{Joined: n.hasHub()}
	u := n.up.get()
	if u == nil {
		return l
	}
	st := u.Status()
	l.Connected, l.Transport, l.Hub, l.RTT, l.Err = st.Connected, st.Transport, st.Hub, st.RTT, st.LastError
	if !st.NextRetry.IsZero() && !st.Connected {
		l.NextTry = &st.NextRetry
	}
	return l
}

func (n *Node) members() []gateway.Member {
	list := []gateway.Member{}
	for _, m := range n.raft.Members() {
		role := "standby"
		if m.Voter {
			role = "voter"
		}
		list = append(list, gateway.Member{Node: m.ID.String(), Addr: m.Addr, Role: role, Leader: m.Leader, Self: m.ID == n.keys.id.ID()})
	}
	return list
}

// partStatus asks every part how it is. A part that is being started again says so itself.
func (n *Node) partStatus(ctx context.Context) []gateway.PartStatus {
	type reporter interface {
		Name() string
		edge.Reporter
	}
	parts := []reporter{n.raft, n.site, n.broker, n.renewer, n.succession, named{"journal", n.journals}, named{"disk", reportFunc(n.reportDisk)}, named{"audit", reportFunc(n.reportAudit)}, named{"audit trail", n.trail},
		named{"delivery", reportFunc(n.reportGone)}, named{"policies", reportFunc(n.reportPolicies)}, named{"search", n.finder}, n.hooks}
	if u := n.up.get(); u != nil {
		parts = append(parts, u)
	}
	if n.hub != nil {
		parts = append(parts, n.hub.h)
	}
	if n.gossip != nil {
		parts = append(parts, n.gossip)
	}
	for _, b := range n.bridges {
		parts = append(parts, b)
	}
	list := []gateway.PartStatus{}
	for _, p := range parts {
		h, down := n.sup.health(p.Name())
		if !down {
			h = p.Report(ctx)
		}
		list = append(list, gateway.PartStatus{Name: p.Name(), Level: h.Level.String(), Msg: h.Msg, Hint: h.Hint})
	}
	return list
}

type named struct {
	name string
	edge.Reporter
}

func (n named) Name() string { return n.name }

type reportFunc func() edge.Health

func (f reportFunc) Report(context.Context) edge.Health { return f() }

func (n *Node) reportDisk() edge.Health {
	for _, s := range n.stores() {
		if err := s.Writable(); err != nil {
			return edge.Health{Level: edge.Failed, Msg: err.Error()}
		}
	}
	lsm, free := n.readings.Size()
	return edge.Health{Msg: fmt.Sprintf("%d MiB free, readings take %d MiB", free>>20, lsm>>20)}
}

func (n *Node) reportAudit() edge.Health {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.auditErr != nil:
		return edge.Health{Level: edge.Failed, Msg: n.auditErr.Error(), Hint: "restore from a backup, or remove the node's data and let it join its site again"}
	case n.audited.IsZero():
		return edge.Health{Msg: "what is stored was checked when the node started; a full check comes once a day"}
	}
	return edge.Health{Msg: "everything that is stored was read and checked " + n.audited.Format(time.DateTime)}
}

// Ready implements gateway.Source.
func (s show) Ready(context.Context) error {
	s.n.mu.Lock()
	defer s.n.mu.Unlock()
	return s.n.ready
}

func (n *Node) setReady(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ready = err
}

func (p *hubPart) status(ctx context.Context) *gateway.HubStatus {
	h := &gateway.HubStatus{Online: len(p.h.Sessions()), Streams: []gateway.HubStream{}, Alarms: []string{}}
	streams, err := p.h.Streams(ctx)
	if err != nil {
		h.Alarms = append(h.Alarms, err.Error())
		return h
	}
	for _, s := range streams {
		received := s.Counts.Accepted
		h.Records, h.Trimmed, h.Kept = h.Records+received, h.Trimmed+s.Counts.Trimmed, h.Kept+s.Counts.Kept()
		h.Streams = append(h.Streams, gateway.HubStream{Site: s.Site, Origin: s.ID.Origin, Name: s.ID.Name, Received: received, Skipped: s.Counts.Skipped, Missing: s.Counts.Missing, Trimmed: s.Counts.Trimmed, Frozen: s.Frozen})
	}
	slices.SortFunc(h.Streams, func(a, b gateway.HubStream) int {
		return strings.Compare(a.Site+"\x00"+a.Origin+a.Name, b.Site+"\x00"+b.Origin+b.Name)
	})
	if u := p.n.up.get(); u != nil {
		for _, s := range u.Status().Streams {
			h.Above += s.Waiting
		}
	}
	for _, a := range p.h.Alarms() {
		h.Alarms = append(h.Alarms, a.Text)
	}
	return h
}
