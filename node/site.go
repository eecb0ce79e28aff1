package node

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"path/filepath"
	"slices"
	"time"

	"github.com/aielon/edge/cluster/raftlog"
	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/hardware/registry"
	"github.com/aielon/edge/node/auth/identity"
	"github.com/aielon/edge/node/auth/oidc"
	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/policy"
	"github.com/aielon/edge/node/webhook"
	"github.com/aielon/edge/services/wallet"
	"github.com/aielon/edge/sync/join"
)

const (
	reconcileEvery = 2 * time.Second // the leader compares who is registered with who is in the log
	heirSeen       = 5 * time.Second // a node heard of later than this cannot be made to lead
	heirBehind     = 256             // nor one that lacks more entries
)

// mux is everything this site can do, with a record of what was done.
func (n *Node) mux() *edge.Mux {
	m := siteOps(n.policies.Base(), n.wallet)
	m.OnDone(n.trail.mask.Done)
	return m
}

// siteOps is everything a site can do. base decides what a policy may say.
func siteOps(base *policy.Engine, money *wallet.Service) *edge.Mux {
	m := edge.NewMux()
	registerMembers(m)
	join.Register(m)
	registry.Register(m)
	registerSettings(m)
	identity.Register(m)
	webhook.Register(m)
	oidc.Register(m)
	policy.Register(m, base)
	money.Register(m)
	return m
}

func (n *Node) openSite(ctx context.Context) (err error) {
	o := n.storeOptions("site", "site")
	o.Managed = true
	if n.shelf, err = site.OpenShelf(ctx, o); err != nil {
		return err
	}
	n.onClose(n.shelf.Close)
	n.client = site.NewClient(n.dialMember)
	n.onClose(n.client.Close)
	n.site, err = site.Open(site.Options{Shelf: n.shelf, Mux: n.mux(), Site: n.keys.trust.Site(), Node: n.keys.id.ID(), Forward: n.client,
		Member: roll{n}.Member, Answer: n.answerMember, Watch: memberPrefix, Fresh: n.freshSite, Forever: wallet.Lasting, Held: n.heldBack, Wall: n.keys.trust.Now, Floor: buildTime(), Logger: n.part("site"),
		Alarm: func(err error) { n.log.Error("this replica has stopped applying", "error", err) }})
	return err
}

// freshSite waits until the site's state here is not older than what this node showed before its start.
func (n *Node) freshSite(ctx context.Context) error { return n.raft.WaitFresh(ctx) }

func (n *Node) openRaft(context.Context) (err error) {
	n.port, err = newPort(n.cfg.Cluster.Addr, n.keys.end, n.part("cluster port"), pki.ProtoRaft, pki.ProtoSite, pki.ProtoJoin, pki.ProtoRenew)
	if err != nil {
		return err
	}
	n.onClose(func() error { n.port.l.Close(); return nil })
	n.raft, err = raftlog.Open(raftlog.Options{ID: n.keys.id.ID(), Applier: n.site, Dir: filepath.Join(n.cfg.DataDir, "log"), Key: n.keys.derive("log"),
		Streams: n.port.lane(pki.ProtoRaft), PeerID: peerOf, Advertise: n.advertise(), Member: roll{n}.Member,
		Reached: n.shelf.Store().Witness(), Bootstrap: !n.link.get().Joined, Resync: n.link.get().Joined, Logger: n.part("log")})
	if err != nil {
		return err
	}
	n.onClose(n.raft.Close)
	n.site.SetLog(n.raft, func() (edge.NodeID, bool) {
		l := n.raft.Leadership()
		return l.Leader, l.Self
	})
	return nil
}

func peerOf(cs tls.ConnectionState) (edge.NodeID, error) {
	id, _, err := pki.PeerID(cs)
	return id, err
}

// advertise is where the other nodes of the site reach this one.
func (n *Node) advertise() string {
	if n.cfg.Cluster.Advertise != "" {
		return n.cfg.Cluster.Advertise
	}
	return n.port.l.Addr().String()
}

// dialMember connects to a member of the site and makes sure that it is that member.
func (n *Node) dialMember(ctx context.Context, id edge.NodeID) (net.Conn, error) {
	for _, m := range n.raft.Members() {
		if m.ID == id {
			return dialNode(ctx, n.keys.end, m.Addr, pki.ProtoSite, id)
		}
	}
	if addr := n.awayAddr(id); addr != "" {
		return dialNode(ctx, n.keys.end, addr, pki.ProtoSite, id)
	}
	return nil, edge.E(edge.Unavailable, "node %s is not known here", id.Short())
}

// serveSite answers what other members forward.
func (n *Node) serveSite(ctx context.Context) error {
	lane := n.port.lane(pki.ProtoSite)
	for {
		c, err := lane.AcceptContext(ctx)
		if err != nil {
			return nil
		}
		id, err := peerOf(c.ConnectionState())
		if err != nil || !(roll{n}).Member(id) {
			c.Close()
			continue
		}
		n.sup.wg.Go(func() { n.site.Serve(ctx, c, id) })
	}
}

// actor is this node in its own commands.
func (n *Node) actor() edge.Actor {
	return edge.Actor{Kind: edge.Node, ID: n.keys.id.ID().String(), Site: n.keys.trust.Site()}
}

// propose gets one of the node's own commands decided, whatever becomes of the leader meanwhile.
func (n *Node) propose(ctx context.Context, op string, in, out any) error {
	return n.proposeAs(ctx, n.actor(), op, in, out)
}

func (n *Node) proposeAs(ctx context.Context, who edge.Actor, op string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return edge.E(edge.Internal, "%s cannot be encoded: %w", op, err)
	}
	o, err := n.site.Propose(ctx, edge.Command{ID: edge.NewID(), Type: op, Actor: who, Body: body})
	switch {
	case err != nil:
		return err
	case o.Err != nil:
		return o.Err
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(o.Reply, out); err != nil {
		return edge.E(edge.Internal, "the answer of %s cannot be read: %w", op, err)
	}
	return nil
}

// followLeader tells those who wait for a leader that there is another one.
func (n *Node) followLeader(ctx context.Context) error {
	changes, cancel := n.raft.Subscribe()
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changes:
			n.site.LeaderChanged()
			n.succession.Wake()
			n.up.kick() // the site's journals are delivered by the leader
		}
	}
}

// keepMembers keeps log and registry of members the same while this node leads, and registers this node.
func (n *Node) keepMembers(ctx context.Context) error {
	changes, cancel := n.raft.Subscribe()
	defer cancel()
	t := time.NewTicker(reconcileEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case l := <-changes:
			if l.Self && l.Ready {
				n.settle(ctx)
			}
		case <-t.C:
			n.settle(ctx)
		}
	}
}

// settle does what is left to do between registry and log. What fails is tried again soon.
func (n *Node) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	l := n.raft.Leadership()
	if l.Self && !l.Ready {
		return
	}
	if l.Self { // before anybody is taken into the log, and before anything else is decided
		if err := n.forkSite(ctx); err != nil {
			if ctx.Err() == nil {
				n.log.Warn("the restored site cannot begin anew yet", "error", err)
			}
			return
		}
	}
	if err := n.adoptAuthority(ctx); err != nil && ctx.Err() == nil {
		n.log.Warn("the site's authority cannot be taken over", "error", err)
	}
	if err := n.revokeRemoved(); err != nil {
		n.log.Warn("the trust in removed nodes is not ended yet", "error", err)
	}
	if err := n.rememberMembers(); err != nil {
		n.log.Warn("the site's nodes cannot be written down", "error", err)
	}
	err := n.registerSelf(ctx)
	if err == nil && l.Self {
		err = n.settleLeader(ctx)
	}
	if err != nil && ctx.Err() == nil {
		n.log.Warn("the members of the site are not settled yet", "error", err)
	}
}

// revokeRemoved makes the handshakes of this node refuse those who were removed from the site, who still
// have certificates of its authority. Whoever is still in the log is needed to be taken out of it.
func (n *Node) revokeRemoved() error {
	v := n.site.View()
	rows := membersOf(v)
	v.Close()
	members := n.raft.Members()
	for _, r := range rows {
		in := slices.ContainsFunc(members, func(m raftlog.Member) bool { return m.ID == r.ID })
		if !r.Removed || in || r.ID == n.keys.id.ID() || n.keys.trust.RevokedKey(r.ID) {
			continue
		}
		if err := n.keys.trust.Revoke(r.ID); err != nil {
			return err
		}
	}
	return nil
}

// rememberMembers keeps whom this node may hear should it lose the site's state, see roll.Member: those who were
// there when it joined may be gone by then.
func (n *Node) rememberMembers() error {
	was := n.link.get()
	if !was.Joined {
		return nil
	}
	v := n.site.View()
	defer v.Close()
	var ids []edge.NodeID
	for _, r := range membersOf(v) {
		if !r.Removed {
			ids = append(ids, r.ID)
		}
	}
	if err := v.Err(); err != nil || len(ids) == 0 || slices.Equal(ids, was.Members) {
		return err
	}
	return n.link.update(func(l *link) { l.Members = ids })
}

func (n *Node) settleLeader(ctx context.Context) error {
	v := n.site.View()
	rows := membersOf(v)
	v.Close()
	st, err := n.stand()
	if err != nil {
		return err
	}
	if ca := n.keys.site.Load(); ca != nil && (st.CA == nil || newer(ca, st.CA)) { // also what a crash kept from being shared
		if err := n.shareAuthority(ctx, ca); err != nil {
			return err
		}
	}
	return n.followRoll(ctx, rows)
}

// registerSelf lets the site know where this node is reached, where it does not know yet.
func (n *Node) registerSelf(ctx context.Context) error {
	r := registration{Node: n.keys.id.ID(), Role: pki.JoinNode, Addr: n.advertise(), Own: true}
	if n.gossip != nil {
		r.Gossip = n.gossip.Addr()
	}
	v := n.site.View()
	row, found, err := load[memberRow](v, []byte(memberPrefix+r.Node.String()))
	v.Close()
	if err != nil || row.Removed || found && row.Addr == r.Addr && (r.Gossip == "" || row.Gossip == r.Gossip) {
		return err
	}
	if !n.raft.Leadership().Leader.IsZero() {
		return n.propose(ctx, opMemberRegister, r, nil)
	}
	return n.callIn(ctx, r)
}

// callIn tells the others where this node is now. One whose address has changed is not found by the leader
// and does not know who that is; but it can reach the others, and one of them leads.
func (n *Node) callIn(ctx context.Context, r registration) error {
	body, err := json.Marshal(r)
	if err != nil {
		return edge.E(edge.Internal, "a registration cannot be encoded: %w", err)
	}
	cmd := edge.Command{ID: edge.NewID(), Type: opMemberRegister, Actor: n.actor(), Body: body}
	for _, m := range n.raft.Members() {
		if m.ID == r.Node {
			continue
		}
		one, cancel := context.WithTimeout(ctx, dialTime)
		o, err := n.client.Forward(one, m.ID, cmd)
		cancel()
		switch {
		case err != nil:
			n.log.Debug("a node does not take the new address", "node", m.ID.Short(), "error", err)
		case o.Err != nil:
			return o.Err
		default:
			return nil
		}
	}
	return nil
}

// followRoll takes registered nodes into the log and removed ones out of it. The removed ones go first: a new box
// often has the address of the one it replaces, and the log takes no address twice.
func (n *Node) followRoll(ctx context.Context, rows []memberRow) error {
	have := map[edge.NodeID]string{}
	for _, m := range n.raft.Members() {
		have[m.ID] = m.Addr
	}
	for _, r := range removedFirst(rows) {
		addr, in := have[r.ID]
		var err error
		switch {
		case r.Removed && in && r.ID == n.keys.id.ID():
			err = n.handOver(ctx, rows)
		case r.Removed && in:
			err = n.raft.Remove(ctx, r.ID)
		case !r.Removed && addr != r.Addr && r.Addr != "":
			err = n.raft.Add(ctx, r.ID, r.Addr)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func removedFirst(rows []memberRow) []memberRow {
	list := slices.Clone(rows)
	slices.SortStableFunc(list, func(a, b memberRow) int {
		switch {
		case a.Removed == b.Removed:
			return 0
		case a.Removed:
			return -1
		}
		return 1
	})
	return list
}

// handOver makes another node lead, because this one was removed; the other then takes it out of the log.
// A standby, which gets its vote with it, only has to where nobody else has one.
func (n *Node) handOver(ctx context.Context, rows []memberRow) error {
	stays := func(m raftlog.Member) bool {
		return slices.ContainsFunc(rows, func(r memberRow) bool { return r.ID == m.ID && !r.Removed })
	}
	var standby *raftlog.Member
	for _, m := range n.raft.Members() {
		switch {
		case !stays(m) || time.Since(m.Seen) > heirSeen || m.Behind > heirBehind:
		case m.Voter:
			return n.raft.Transfer(ctx, m.ID)
		default:
			standby = &m
		}
	}
	if standby == nil {
		return edge.E(edge.Unavailable, "this node was removed, and no other can lead yet")
	}
	return n.raft.Transfer(ctx, standby.ID)
}

// shareAuthority puts the site's authority into the site's state, so that it outlives this box and any
// node can renew certificates.
func (n *Node) shareAuthority(ctx context.Context, ca *pki.Authority) error {
	b, err := ca.Export(nil)
	if err != nil {
		return err
	}
	return n.propose(ctx, opKeepAuthority, authorityRow{Export: b, Secret: n.link.get().Secret}, nil)
}
