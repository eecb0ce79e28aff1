package raftlog

import (
	"github.com/hashicorp/raft"

	"github.com/aielon/edge/node/edge"
)

// serverID is the name of a node in raft's configuration.
func serverID(n edge.NodeID) raft.ServerID { return raft.ServerID(n.String()) }

// A guard decides what a peer, whose id its connection proved, may ask of raft. Everything it looks at is
// raft's own present state, so that a removed member is refused from its next request on.
type guard struct{ l *Log }

// peer returns the peer's entry in the latest configuration, and whether it may be heard at all.
func (g guard) peer(id edge.NodeID) (srv raft.Server, known, ok bool) {
	if id == g.l.o.ID {
		return srv, false, false // nobody else has our key
	}
	c := g.l.configuration()
	for _, s := range c.Servers {
		if s.ID == serverID(id) {
			return s, true, true
		}
	}
	if g.l.o.Member == nil || len(c.Servers) > 0 && (g.l.alone() || !g.l.leaderless()) {
		return srv, false, false // whoever is the only voter has been replaced by nobody
	}
	return srv, false, g.l.o.Member(id)
}

// admit checks one request of a peer and sets the address raft will see to the one in the configuration.
// Refusals are of kind Denied.
func (g guard) admit(id edge.NodeID, cmd any) error {
	if g.l.away.Load() {
		return errAway
	}
	srv, known, ok := g.peer(id)
	if !ok {
		return edge.E(edge.Denied, "node %s is not a member of this site", id.Short())
	}
	h := headerOf(cmd)
	if string(h.ID) != id.String() {
		return edge.E(edge.Denied, "node %s speaks in the name of another", id.Short())
	}
	if len(h.Addr) > 256 || len(h.Addr) == 0 {
		return edge.E(edge.Denied, "node %s gives no usable address", id.Short())
	}
	if known {
		h.Addr = []byte(srv.Address)
	}
	return g.request(id, known, cmd)
}

func (g guard) request(id edge.NodeID, known bool, cmd any) error {
	switch r := cmd.(type) {
	case *raft.AppendEntriesRequest:
		//lint:ignore SA1019 the library still reads it where an address is empty
		r.Leader = r.Addr
		err := g.leader(id, r.Term)
		if err == nil && r.LeaderCommitIndex > 0 && r.Term >= g.l.raft.CurrentTerm() {
			g.l.heard.Store(r.LeaderCommitIndex) // only a leader's word counts, not that of one who is none any more
		}
		return err
	case *raft.InstallSnapshotRequest:
		r.Leader = r.Addr
		return g.leader(id, r.Term)
	case *raft.TimeoutNowRequest:
		if _, leader := g.l.raft.LeaderWithID(); leader != serverID(id) {
			return edge.E(edge.Denied, "node %s is not the leader and cannot hand over", id.Short())
		}
	case *raft.RequestVoteRequest:
		//lint:ignore SA1019 as above
		r.Candidate = r.Addr
		return g.vote(id, known)
	case *raft.RequestPreVoteRequest:
		return g.vote(id, known)
	}
	return nil
}

// leader refuses a second leader in a term, which no honest site can have.
func (g guard) leader(id edge.NodeID, term uint64) error {
	now := g.l.raft.CurrentTerm() // before the leader: raft forgets the leader first, then raises the term
	if _, leader := g.l.raft.LeaderWithID(); term == now && leader != "" && leader != serverID(id) {
		return edge.E(edge.Denied, "node %s claims to lead term %d, which another node leads", id.Short(), term)
	}
	return nil
}

// vote lets only configured nodes campaign, and gives no vote where entries may have been forgotten.
func (g guard) vote(id edge.NodeID, known bool) error {
	if !known {
		return edge.E(edge.Denied, "node %s is not a member of this site and cannot be elected", id.Short())
	}
	if g.l.store.Marks().NoVote {
		return edge.E(edge.Unavailable, "this node has no vote until it has caught up")
	}
	return nil
}

func headerOf(cmd any) *raft.RPCHeader {
	switch r := cmd.(type) {
	case *raft.AppendEntriesRequest:
		return &r.RPCHeader
	case *raft.InstallSnapshotRequest:
		return &r.RPCHeader
	case *raft.TimeoutNowRequest:
		return &r.RPCHeader
	case *raft.RequestVoteRequest:
		return &r.RPCHeader
	case *raft.RequestPreVoteRequest:
		return &r.RPCHeader
	}
	panic("raftlog: a request without a header")
}
