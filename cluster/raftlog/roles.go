package raftlog

import (
	"context"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"github.com/aielon/edge/node/edge"
)

// A Role is a change of one node's vote.
type Role struct {
	ID    edge.NodeID
	Addr  string
	Voter bool
}

// caughtUp is how many entries a node may lack and still be given a vote.
const caughtUp = 256

// Voters returns how many of n nodes should have a vote. An even number of votes survives no more failures
// than one less: of two nodes one votes and the other stands by, of four three vote.
func Voters(n int) int {
	switch {
	case n <= 2:
		return min(n, 1)
	case n <= 4:
		return 3
	}
	return 5
}

// PlanRoles returns the next change of votes a site should make, if any: first votes for nodes that have
// caught up and were heard from lately, in the order of their ids; then, where too many vote, one vote
// less, never the leader's. A vote is only given when enough nodes are fit to make up the whole number, so
// that a site does not stop at two votes.
func PlanRoles(members []Member, now time.Time) (Role, bool) {
	want, voters := Voters(len(members)), 0
	var fit, spare []Member
	for _, m := range members {
		switch {
		case m.Voter && m.Leader:
			voters++
		case m.Voter:
			voters++
			spare = append(spare, m)
		case m.Behind <= caughtUp && now.Sub(m.Seen) < 5*time.Second:
			fit = append(fit, m)
		}
	}
	switch {
	case voters < want && voters+len(fit) >= want && len(fit) > 0:
		return Role{fit[0].ID, fit[0].Addr, true}, true
	case voters > want && len(spare) > 0:
		slices.SortFunc(spare, func(a, b Member) int { return a.Seen.Compare(b.Seen) }) // the one away longest first
		return Role{spare[0].ID, spare[0].Addr, false}, true
	}
	return Role{}, false
}

// balance makes the next change PlanRoles asks for, if this node leads. Only Run's goroutine calls it.
func (l *Log) balance(ctx context.Context) {
	if l.o.ManualRoles || l.handing.Load() || !l.Leadership().Ready || l.raft.State() != raft.Leader {
		return
	}
	r, ok := PlanRoles(l.Members(), time.Now())
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*l.o.Timing.Election)
	defer cancel()
	err := error(nil)
	if r.Voter {
		err = l.AddVoter(ctx, r.ID, r.Addr)
	} else {
		err = l.DemoteVoter(ctx, r.ID)
	}
	l.log.Info("votes of the site", "node", r.ID.Short(), "voter", r.Voter, "error", err)
}
