package node

import (
	"context"

	"github.com/aielon/edge/cluster/gossip"
	"github.com/aielon/edge/node/edge"
)

// openGossip joins the site's gossip where it is wanted. What is heard there is shown and used to find
// addresses; who belongs to the site is decided by the site's state alone.
func (n *Node) openGossip(context.Context) (err error) {
	if n.cfg.Cluster.GossipAddr == "" {
		return nil
	}
	n.gossip, err = gossip.Open(gossip.Options{Site: n.keys.trust.Site(), Secret: n.link.get().Secret, Key: n.keys.id.Signer(), Role: n.cfg.Role,
		Version: n.version[:min(len(n.version), 32)], Addrs: map[string]string{"cluster": n.advertise()}, Verify: n.gossipMember,
		Bind: n.cfg.Cluster.GossipAddr, Seeds: n.gossipSeeds, Discover: n.cfg.Cluster.LANDiscover, Logger: n.part("gossip")})
	if err != nil {
		return err
	}
	n.onClose(n.gossip.Close)
	return nil
}

func (n *Node) gossipMember(m gossip.Meta) error {
	if (roll{n}).Member(m.ID) {
		return nil
	}
	return edge.E(edge.Denied, "node %s is no member of this site", m.ID.Short())
}

// gossipSeeds is where the other nodes of the site said they are.
func (n *Node) gossipSeeds() (addrs []string) {
	v := n.site.View()
	defer v.Close()
	for _, m := range membersOf(v) {
		if m.ID != n.keys.id.ID() && !m.Removed && m.Gossip != "" {
			addrs = append(addrs, m.Gossip)
		}
	}
	return addrs
}
