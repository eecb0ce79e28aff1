package gossip

import (
	"net"
	"strconv"

	"github.com/hashicorp/memberlist"

	"github.com/aielon/edge/node/edge"
)

// delegate is what memberlist asks and tells. It holds locks of its own while it does: nothing here may
// block or call back into it.
type delegate struct{ g *Gossip }

// NodeMeta is what this node says about itself.
func (d delegate) NodeMeta(int) []byte { d.g.mu.Lock(); defer d.g.mu.Unlock(); return d.g.meta }

// NotifyMsg and the two after it carry user data, of which we have none.
func (d delegate) NotifyMsg([]byte) { d.g.count.content.Add(1) }

// GetBroadcasts returns nothing.
func (d delegate) GetBroadcasts(int, int) [][]byte { return nil }

// LocalState returns nothing.
func (d delegate) LocalState(bool) []byte { return nil }

// MergeRemoteState ignores what it is given.
func (d delegate) MergeRemoteState([]byte, bool) { d.g.count.content.Add(1) }

// NotifyAlive refuses whatever is said about a node without that node's own, newest word for it: its name
// is its key's, its address is the one it signed, and the site knows it.
func (d delegate) NotifyAlive(n *memberlist.Node) error {
	g := d.g
	m, err := DecodeMeta(n.Meta)
	if err != nil {
		g.count.meta.Add(1)
		return err
	}
	if n.Name != m.ID.String() || m.Addrs[Self] != net.JoinHostPort(n.Addr.String(), strconv.Itoa(int(n.Port))) {
		g.count.meta.Add(1)
		return edge.E(edge.Denied, "node %s is not where or who it is said to be", m.ID.Short())
	}
	if m.ID == g.id {
		return nil // memberlist refutes what is not as we say
	}
	if err := g.o.Verify(m); err != nil {
		g.count.stranger.Add(1)
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	last, known := g.known[m.ID]
	if m.Seq < last {
		g.count.replay.Add(1)
		return edge.E(edge.Denied, "node %s has said something newer", m.ID.Short())
	}
	if !known && len(g.known) >= g.o.Peers {
		g.count.busy.Add(1)
		return edge.E(edge.Exhausted, "more than %d nodes", g.o.Peers)
	}
	g.known[m.ID] = m.Seq
	return nil
}

// NotifyMerge refuses a merge that is larger than any site; its nodes are checked one by one after it.
func (d delegate) NotifyMerge(peers []*memberlist.Node) error {
	if len(peers) > 2*d.g.o.Peers {
		d.g.count.busy.Add(1)
		return edge.E(edge.Exhausted, "%d nodes at once are too many", len(peers))
	}
	return nil
}

// NotifyConflict hears that a node is said to be at two addresses.
func (d delegate) NotifyConflict(_, _ *memberlist.Node) { d.g.count.meta.Add(1) }

// NotifyJoin, NotifyUpdate and NotifyLeave turn memberlist's events into ours.
func (d delegate) NotifyJoin(n *memberlist.Node) { d.note(Joined, n) }

// NotifyUpdate hears that a node says something new.
func (d delegate) NotifyUpdate(n *memberlist.Node) { d.note(Updated, n) }

// NotifyLeave hears that a node left or does not answer.
func (d delegate) NotifyLeave(n *memberlist.Node) { d.note(Left, n) }

func (d delegate) note(k Kind, n *memberlist.Node) {
	g := d.g
	m, err := DecodeMeta(n.Meta)
	if err != nil || m.ID == g.id {
		return
	}
	g.mu.Lock()
	if k == Left {
		delete(g.here, m.ID)
		g.trim()
	} else {
		g.here[m.ID] = m
	}
	g.mu.Unlock()
	select {
	case g.events <- Event{k, m}:
	default:
		g.count.events.Add(1)
	}
}

// trim makes room for new nodes by forgetting one that left. Its old words could then be replayed, by
// somebody with the site's secret, until it speaks again.
func (g *Gossip) trim() {
	for id := range g.known {
		if len(g.known) < g.o.Peers {
			return
		}
		if _, here := g.here[id]; !here {
			delete(g.known, id)
		}
	}
}
