package node

import (
	"context"
	"encoding/json"
	"time"

	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/join"
)

// The commands by which a site remembers who belongs to it and a hub who has joined it. They are proposed
// by the nodes themselves; no door leads to them.
const (
	opMemberRegister = "members.register"
	opMemberRemove   = "members.remove"
	opMembersAlone   = "members.alone"
	opKeepAuthority  = "members.authority"

	memberPrefix = "member/"
	sitePrefix   = "region/site/"
	nodePrefix   = "region/node/"
	authorityKey = "authority/site"
	maxMembers   = 5
)

// A memberRow is one node of this site.
type memberRow struct {
	ID      edge.NodeID `json:"id"`
	Addr    string      `json:"addr"`
	Gossip  string      `json:"gossip,omitempty"` // where its gossip is reached; empty: it takes no part
	Label   string      `json:"label,omitempty"`
	Since   time.Time   `json:"since"`
	Removed bool        `json:"removed,omitempty"`
	Trusts  edge.NodeID `json:"trusts,omitzero"` // the successor of the site's authority that it trusts
}

// A siteRow is one site of the region this hub serves; a nodeRow one of its nodes.
type siteRow struct {
	Site   string      `json:"site"`
	CA     edge.NodeID `json:"ca"`
	Was    edge.NodeID `json:"was,omitzero"` // the one that CA succeeded, and by which nodes are still certified
	Hub    bool        `json:"hub,omitempty"`
	Since  time.Time   `json:"since"`
	Remove bool        `json:"removed,omitempty"`
}

// certifies reports whether a CA is one by which nodes of the site may be certified: the one in use, or the
// one before it. Which of them still counts is for their certificates and revocations to say.
func (s siteRow) certifies(ca edge.NodeID) bool { return ca == s.CA || !s.Was.IsZero() && ca == s.Was }

// mayBe reports whether a registration is of this very site.
func (s siteRow) mayBe(r registration) bool {
	if r.Role == pki.JoinNode {
		return s.certifies(r.SiteCA)
	}
	return s.CA == r.SiteCA || s.CA == r.Was
}

type nodeRow struct {
	ID      edge.NodeID `json:"id"`
	Site    string      `json:"site"`
	Label   string      `json:"label,omitempty"`
	Build   string      `json:"build,omitempty"`
	Since   time.Time   `json:"since"`
	Removed bool        `json:"removed,omitempty"`
}

// registration is join.Registration in the form in which it travels.
type registration struct {
	Site   string       `json:"site"`
	Node   edge.NodeID  `json:"node"`
	Role   pki.JoinRole `json:"role"`
	SiteCA edge.NodeID  `json:"site_ca"`
	Was    edge.NodeID  `json:"was"`
	Addr   string       `json:"addr,omitempty"`
	Gossip string       `json:"gossip,omitempty"`
	Label  string       `json:"label,omitempty"`
	Build  string       `json:"build,omitempty"`
	Own    bool         `json:"own"` // the node is one of this very site
}

func registerMembers(m *edge.Mux) {
	edge.Do(m, edge.Op{Name: opMemberRegister, Doc: "Make a node or a site known.", Class: edge.SiteOnly}, memberRegister)
	edge.Do(m, edge.Op{Name: opMemberRemove, Doc: "Remove a node for good.", Class: edge.SiteOnly}, memberRemove)
	edge.Do(m, edge.Op{Name: opMembersAlone, Doc: "Begin the site anew with one node.", Class: edge.SiteOnly}, membersAlone)
	registerAuthority(m)
}

func memberRegister(tx edge.Tx, r registration) (struct{}, error) {
	if err := onlyNodes(tx); err != nil {
		return struct{}{}, err
	}
	if r.Own {
		return struct{}{}, registerOwn(tx, r)
	}
	return struct{}{}, registerBelow(tx, r)
}

// onlyNodes refuses actors that are not the site's own nodes.
func onlyNodes(tx edge.Tx) error {
	if a := tx.Actor(); a.Kind != edge.Node && a.Kind != edge.Service {
		return edge.E(edge.Denied, "only the site's own nodes may do this")
	}
	return nil
}

func registerOwn(tx edge.Tx, r registration) error {
	key := []byte(memberPrefix + r.Node.String())
	row, found, err := load[memberRow](tx, key)
	switch {
	case err != nil:
		return err
	case row.Removed:
		return edge.E(edge.Denied, "this node was removed from the site").WithHint("give it a new key: delete its keys directory and join again")
	case found && (r.Addr == "" || r.Addr == row.Addr) && (r.Gossip == "" || r.Gossip == row.Gossip):
		return nil
	case !found && living(tx) >= maxMembers:
		return edge.E(edge.Exhausted, "a site has at most %d nodes", maxMembers).WithHint("remove one first")
	case !found:
		row = memberRow{ID: r.Node, Label: r.Label, Since: tx.Now()}
		tx.Emit(edge.Event{Type: "site.member-joined", Subject: r.Node.String(), Class: edge.SiteOnly, Urgency: edge.Ledger})
	}
	if r.Addr != "" {
		row.Addr = r.Addr
	}
	if r.Gossip != "" {
		row.Gossip = r.Gossip
	}
	return save(tx, key, row)
}

func living(v edge.View) (n int) {
	for _, m := range membersOf(v) {
		if !m.Removed {
			n++
		}
	}
	return n
}

func registerBelow(tx edge.Tx, r registration) error {
	s, known, err := load[siteRow](tx, []byte(sitePrefix+r.Site))
	if err != nil {
		return err
	}
	n, seen, err := load[nodeRow](tx, []byte(nodePrefix+r.Node.String()))
	switch seen = seen && n.Site == r.Site; {
	case err != nil:
		return err
	case n.Removed || s.Remove:
		return edge.E(edge.Denied, "this node or its site was removed from the region")
	case !known && r.Role == pki.JoinNode:
		return edge.E(edge.Denied, "the site %s has not joined this region", r.Site).WithHint("join it with a code of this hub")
	case known && !s.mayBe(r):
		return edge.E(edge.Conflict, "there is another site called %s in this region", r.Site).WithHint("choose another site name")
	case seen && (s.CA == r.SiteCA || r.Role == pki.JoinNode):
		return nil
	}
	if r.Role != pki.JoinNode {
		if err := registerSite(tx, s, known, r); err != nil {
			return err
		}
	}
	return save(tx, []byte(nodePrefix+r.Node.String()), nodeRow{ID: r.Node, Site: r.Site, Label: r.Label, Build: r.Build, Since: tx.Now()})
}

// registerSite makes a site known, or the successor of its authority.
func registerSite(tx edge.Tx, s siteRow, known bool, r registration) error {
	switch {
	case !known:
		s = siteRow{Site: r.Site, Since: tx.Now()}
		tx.Emit(edge.Event{Type: "region.site-joined", Subject: r.Site, Class: edge.SiteOnly, Urgency: edge.Ledger})
	case s.CA != r.SiteCA:
		s.Was = s.CA
	}
	s.CA, s.Hub = r.SiteCA, s.Hub || r.Role == pki.JoinHub
	return save(tx, []byte(sitePrefix+r.Site), s)
}

type removal struct {
	Node edge.NodeID `json:"node"`
}

func memberRemove(tx edge.Tx, r removal) (struct{}, error) {
	if err := onlyNodes(tx); err != nil {
		return struct{}{}, err
	}
	mkey, nkey := []byte(memberPrefix+r.Node.String()), []byte(nodePrefix+r.Node.String())
	m, own, err := load[memberRow](tx, mkey)
	if err != nil {
		return struct{}{}, err
	}
	n, below, err := load[nodeRow](tx, nkey)
	switch {
	case err != nil:
		return struct{}{}, err
	case own && !m.Removed && living(tx) == 1:
		return struct{}{}, edge.E(edge.Conflict, "this is the only node of the site").WithHint("let another one join first")
	case own:
		m.Removed = true
		err = save(tx, mkey, m)
	case below:
		n.Removed = true
		err = save(tx, nkey, n)
	default:
		return struct{}{}, edge.E(edge.NotFound, "no node %s is known here", r.Node.Short())
	}
	tx.Emit(edge.Event{Type: "site.node-revoked", Subject: r.Node.String(), Class: edge.SiteOnly, Urgency: edge.Ledger})
	return struct{}{}, err
}

// membersAlone forgets all nodes of the site but one: it was restored from a backup, and the logs that the others
// may still have are not this one's any more. They can join again with a code; then they start over.
func membersAlone(tx edge.Tx, r removal) (struct{}, error) {
	if err := onlyNodes(tx); err != nil {
		return struct{}{}, err
	}
	gone := 0
	for _, m := range membersOf(tx) {
		if m.ID == r.Node || m.Removed {
			continue
		}
		tx.Delete([]byte(memberPrefix + m.ID.String()))
		gone++
	}
	if gone > 0 {
		tx.Emit(edge.Event{Type: "site.began-anew", Subject: r.Node.String(), Class: edge.SiteOnly, Urgency: edge.Ledger})
	}
	return struct{}{}, tx.Err()
}

func load[T any](v edge.View, key []byte) (row T, found bool, err error) {
	b, err := v.Get(key)
	if edge.IsKind(err, edge.NotFound) {
		return row, false, nil
	}
	if err != nil {
		return row, false, err
	}
	if err := json.Unmarshal(b, &row); err != nil {
		return row, false, edge.E(edge.Corrupt, "%q cannot be read: %w", key, err)
	}
	return row, true, nil
}

func save(tx edge.Tx, key []byte, row any) error {
	b, err := json.Marshal(row)
	if err != nil {
		return edge.E(edge.Internal, "%q cannot be written: %w", key, err)
	}
	tx.Set(key, b)
	return nil
}

func rowsOf[T any](v edge.View, prefix string) (list []T) {
	for _, b := range v.Scan([]byte(prefix)) {
		var row T
		if json.Unmarshal(b, &row) == nil {
			list = append(list, row)
		}
	}
	return list
}

func membersOf(v edge.View) []memberRow { return rowsOf[memberRow](v, memberPrefix) }

// roll answers who belongs here from the site's state; it is join.Members for the join server.
type roll struct{ n *Node }

// Register implements join.Members.
func (r roll) Register(ctx context.Context, reg join.Registration) error {
	own := reg.Role == pki.JoinNode && reg.Name.Site == r.n.keys.trust.Site() && reg.Name.Role == pki.RoleNode && reg.SiteCA.IsZero()
	in := registration{Site: reg.Name.Site, Node: reg.Name.ID, Role: reg.Role, SiteCA: reg.SiteCA, Was: reg.Was, Addr: reg.Addr, Label: reg.Label, Build: reg.Build, Own: own}
	if reg.Role != pki.JoinNode && reg.Name.Site == r.n.keys.trust.Site() {
		return edge.E(edge.Conflict, "the hub's own site is called %s", reg.Name.Site).WithHint("choose another site name")
	}
	if !own && reg.Role == pki.JoinNode && r.known(in) {
		return nil // every reconnection comes here: nothing new is no command
	}
	return r.n.propose(ctx, opMemberRegister, in, nil)
}

func (r roll) known(in registration) bool {
	v := r.n.site.View()
	defer v.Close()
	s, ok1, err1 := load[siteRow](v, []byte(sitePrefix+in.Site))
	n, ok2, err2 := load[nodeRow](v, []byte(nodePrefix+in.Node.String()))
	return err1 == nil && err2 == nil && ok1 && ok2 && s.certifies(in.SiteCA) && !s.Remove && !n.Removed && n.Site == in.Site
}

// Known reports whether a node is registered here and not removed; it opens the renewal lane.
func (r roll) Known(id edge.NodeID) bool {
	if r.n.site == nil {
		return false
	}
	v := r.n.site.View()
	defer v.Close()
	m, own, err := load[memberRow](v, []byte(memberPrefix+id.String()))
	if err == nil && own {
		return !m.Removed
	}
	n, below, err := load[nodeRow](v, []byte(nodePrefix+id.String()))
	return err == nil && below && !n.Removed
}

// Member reports whether a node is one of this site's. A node that has just joined has no list yet; until
// it has one it hears those who were nodes of the site it joined. The certificate of the site's authority, which
// every caller has shown, is not enough: where a site was begun anew from a backup, the nodes of the old one have it
// too, and may still count this node as theirs. A restored node knows no such list; it does not speak before a site
// has taken it back, and believes the certificate then. Member is asked for every request of another node and reads
// the site's list only where that has changed.
func (r roll) Member(id edge.NodeID) bool {
	changes := r.n.site.Changes()
	l := r.n.rolled.Load()
	if l == nil || l.changes != changes {
		var err error
		if l, err = r.list(changes); err != nil {
			return false
		}
		r.n.rolled.Store(l)
	}
	belongs, known := l.nodes[id]
	return belongs || !known && len(l.nodes) == 0 && r.n.link.get().mayBeHeard(id)
}

// A rollList is who belongs to the site, as its state said it after so many changes.
type rollList struct {
	changes uint64
	nodes   map[edge.NodeID]bool // false: removed
}

func (r roll) list(changes uint64) (*rollList, error) {
	v := r.n.site.View()
	defer v.Close()
	l := &rollList{changes: changes, nodes: map[edge.NodeID]bool{}}
	for k, b := range v.Scan([]byte(memberPrefix)) {
		id, err := edge.ParseNodeID(string(k[len(memberPrefix):]))
		var row memberRow
		if err == nil {
			l.nodes[id] = json.Unmarshal(b, &row) == nil && !row.Removed
		}
	}
	return l, v.Err()
}
