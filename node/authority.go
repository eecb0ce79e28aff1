package node

import (
	"context"

	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/join"
)

// The commands by which a site's authority gets a successor.
const (
	opSucceed     = "members.succession"
	opMemberTrust = "members.trusts"
)

type authorityRow struct {
	edge.Redacted

	Export []byte `json:"export"`         // pki.Authority.Export; the site's state is sealed at rest and replicated over TLS
	Secret []byte `json:"secret"`         // of gossip
	Next   []byte `json:"next,omitempty"` // the successor of Export, trusted and not used yet
}

// succeeding replaces the authorities where they still are the ones it was decided on.
type succeeding struct {
	Was  [2]edge.NodeID `json:"was"` // the authority and its successor, zero where there is none
	CA   []byte         `json:"ca"`
	Next []byte         `json:"next,omitempty"`
}

// trusting says that a node trusts the successor of the site's authority.
type trusting struct {
	Node edge.NodeID `json:"node"`
	CA   edge.NodeID `json:"ca"`
}

func registerAuthority(m *edge.Mux) {
	edge.Do(m, edge.Op{Name: opKeepAuthority, Doc: "Keep the site's authority where every node has it.", Class: edge.SiteOnly}, keepAuthority)
	edge.Do(m, edge.Op{Name: opSucceed, Doc: "Replace the site's authority, or keep its successor.", Class: edge.SiteOnly}, succeed)
	edge.Do(m, edge.Op{Name: opMemberTrust, Doc: "Note that a node trusts the successor of the site's authority.", Class: edge.SiteOnly}, memberTrust)
}

func keepAuthority(tx edge.Tx, r authorityRow) (struct{}, error) {
	if err := onlyNodes(tx); err != nil {
		return struct{}{}, err
	}
	row, _, err := load[authorityRow](tx, []byte(authorityKey))
	if err != nil {
		return struct{}{}, err
	}
	r.Next = row.Next // the one that joined a hub knows nothing of a succession under way
	return struct{}{}, save(tx, []byte(authorityKey), r)
}

func succeed(tx edge.Tx, r succeeding) (struct{}, error) {
	none := struct{}{}
	if err := onlyNodes(tx); err != nil {
		return none, err
	}
	row, _, err := load[authorityRow](tx, []byte(authorityKey))
	if err != nil {
		return none, err
	}
	now, err := row.stand()
	if err != nil {
		return none, err
	}
	next, err := authorityRow{Export: r.CA, Next: r.Next}.stand()
	switch {
	case err != nil:
		return none, err
	case next.CA == nil || now.CA == nil || next.CA.Label() != now.CA.Label():
		return none, edge.E(edge.Invalid, "that is no successor of this site's authority")
	case ids(now) != r.Was:
		return none, edge.E(edge.Conflict, "the site's authority has changed meanwhile")
	}
	if next.CA.ID() != now.CA.ID() {
		tx.Emit(edge.Event{Type: "site.authority-changed", Subject: next.CA.ID().String(), Class: edge.SiteOnly, Urgency: edge.Ledger})
	}
	return none, save(tx, []byte(authorityKey), authorityRow{Export: r.CA, Secret: row.Secret, Next: r.Next})
}

func memberTrust(tx edge.Tx, r trusting) (struct{}, error) {
	if err := onlyNodes(tx); err != nil {
		return struct{}{}, err
	}
	key := []byte(memberPrefix + r.Node.String())
	row, found, err := load[memberRow](tx, key)
	if err != nil || !found || row.Removed || row.Trusts == r.CA {
		return struct{}{}, err
	}
	row.Trusts = r.CA
	return struct{}{}, save(tx, key, row)
}

// stand makes authorities of what is kept.
func (r authorityRow) stand() (st join.Stand, err error) {
	if len(r.Export) > 0 {
		if st.CA, err = pki.ImportAuthority(r.Export, nil, nil); err != nil {
			return st, err
		}
	}
	if len(r.Next) > 0 {
		st.Next, err = pki.ImportAuthority(r.Next, nil, nil)
	}
	return st, err
}

func ids(st join.Stand) (list [2]edge.NodeID) {
	if st.CA != nil {
		list[0] = st.CA.ID()
	}
	if st.Next != nil {
		list[1] = st.Next.ID()
	}
	return list
}

// newSuccession watches over the end of the site's authority.
func (n *Node) newSuccession(dial join.Dial) *join.Succession {
	return &join.Succession{End: n.keys.end, Sources: n.renewalSources, Dial: dial, Log: n.part("authority"),
		Leads: func() bool { l := n.raft.Leadership(); return l.Self && l.Ready },
		Read:  n.stand, Keep: n.keepStand, Trusted: n.allTrust}
}

// stand is what the site's state says of its authorities, dated by this node's clock.
func (n *Node) stand() (st join.Stand, err error) {
	row, _, err := n.authorityRow()
	if err != nil || len(row.Export) == 0 {
		return st, err
	}
	if st.CA, err = pki.ImportAuthority(row.Export, nil, n.keys.trust.Now); err != nil || len(row.Next) == 0 {
		return st, err
	}
	st.Next, err = pki.ImportAuthority(row.Next, nil, n.keys.trust.Now)
	return st, err
}

func (n *Node) authorityRow() (row authorityRow, kept bool, err error) {
	v := n.site.View()
	defer v.Close()
	return load[authorityRow](v, []byte(authorityKey))
}

func (n *Node) keepStand(ctx context.Context, st join.Stand) (err error) {
	was, err := n.stand()
	if err != nil {
		return err
	}
	r := succeeding{Was: ids(was)}
	if r.CA, err = st.CA.Export(nil); err != nil {
		return err
	}
	if st.Next != nil {
		if r.Next, err = st.Next.Export(nil); err != nil {
			return err
		}
	}
	if err := n.propose(ctx, opSucceed, r, nil); err != nil {
		return err
	}
	return n.adoptAuthority(ctx)
}

// allTrust reports whether every node of the site has said that it trusts a successor.
func (n *Node) allTrust(ca edge.NodeID) bool {
	v := n.site.View()
	defer v.Close()
	rows := membersOf(v)
	for _, m := range rows {
		if !m.Removed && m.Trusts != ca {
			return false
		}
	}
	return len(rows) > 0
}

// adoptAuthority takes the site's authorities from the state: the one in use where this node has none, an
// older one, or one without the region's word; and trust in its successor, which it says it has.
func (n *Node) adoptAuthority(ctx context.Context) error {
	st, err := n.stand()
	if err != nil || st.CA == nil {
		return err
	}
	for _, ca := range []*pki.Authority{st.CA, st.Next} {
		if ca == nil {
			continue
		}
		if err := n.keys.trust.AddRoot(pki.RootSite, ca.Root()); err != nil {
			return err
		}
	}
	have := n.keys.site.Load()
	if newer(st.CA, have) || st.CA.ID() != have.ID() && !newer(have, st.CA) {
		if err := n.keys.keepSite(st.CA); err != nil {
			return err
		}
		n.renewer.Kick()
	}
	if st.Next == nil {
		return nil
	}
	return n.sayTrust(ctx, st.Next.ID())
}

// newer reports whether ca is to be used in place of have: a later authority, or the same with a later word
// of the region.
func newer(ca, have *pki.Authority) bool {
	switch {
	case have == nil:
		return true
	case ca.ID() != have.ID():
		return ca.Root().NotAfter.After(have.Root().NotAfter)
	case ca.Cross() == nil || have.Cross() == nil:
		return have.Cross() == nil && ca.Cross() != nil
	}
	return ca.Cross().NotAfter.After(have.Cross().NotAfter)
}

func (n *Node) sayTrust(ctx context.Context, ca edge.NodeID) error {
	self := n.keys.id.ID()
	v := n.site.View()
	row, found, err := load[memberRow](v, []byte(memberPrefix+self.String()))
	v.Close()
	if err != nil || !found || row.Removed || row.Trusts == ca || n.raft.Leadership().Leader.IsZero() {
		return err
	}
	return n.propose(ctx, opMemberTrust, trusting{self, ca}, nil)
}
