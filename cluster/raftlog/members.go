package raftlog

import (
	"context"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"github.com/aielon/edge/node/edge"
)

// A Member is one node of the site as the log sees it.
type Member struct {
	ID     edge.NodeID
	Addr   string
	Voter  bool
	Leader bool
	Behind uint64    // entries it lacks; only the leader knows
	Seen   time.Time // of its last answer; only the leader knows
}

// Members lists the nodes of the site by id.
func (l *Log) Members() []Member {
	_, leader := l.raft.LeaderWithID()
	last, self := l.raft.LastIndex(), l.raft.State() == raft.Leader
	var out []Member
	for _, s := range l.configuration().Servers {
		id, err := edge.ParseNodeID(string(s.ID))
		if err != nil {
			continue
		}
		m := Member{ID: id, Addr: string(s.Address), Voter: s.Suffrage == raft.Voter, Leader: s.ID == leader}
		if self && id != l.o.ID {
			p := l.watch.progress(s.ID)
			m.Seen = p.Contact
			m.Behind = last - min(last, p.Index)
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b Member) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return out
}

// Add takes a node into the site, without a vote at first, or gives a member a new address. Only the leader
// can. It fails with Unavailable, and with Invalid for a full site.
func (l *Log) Add(ctx context.Context, id edge.NodeID, addr string) error {
	servers := l.configuration().Servers
	at := slices.IndexFunc(servers, func(s raft.Server) bool { return s.ID == serverID(id) })
	if at < 0 && len(servers) >= maxServers {
		return edge.E(edge.Invalid, "a site cannot have more than %d nodes", maxServers)
	}
	if at >= 0 && servers[at].Suffrage == raft.Voter {
		return l.AddVoter(ctx, id, addr)
	}
	return l.AddNonvoter(ctx, id, addr)
}

// AddNonvoter takes a node into the site that follows the log and has no vote.
func (l *Log) AddNonvoter(ctx context.Context, id edge.NodeID, addr string) error {
	return l.change(ctx, func(wait time.Duration) raft.Future {
		return l.raft.AddNonvoter(serverID(id), raft.ServerAddress(addr), 0, wait)
	})
}

// AddVoter gives a node a vote, at once.
func (l *Log) AddVoter(ctx context.Context, id edge.NodeID, addr string) error {
	return l.change(ctx, func(wait time.Duration) raft.Future {
		return l.raft.AddVoter(serverID(id), raft.ServerAddress(addr), 0, wait)
	})
}

// DemoteVoter takes a node's vote away; it goes on following the log.
func (l *Log) DemoteVoter(ctx context.Context, id edge.NodeID) error {
	return l.change(ctx, func(wait time.Duration) raft.Future { return l.raft.DemoteVoter(serverID(id), 0, wait) })
}

// Remove takes a node out of the site. Every member closes its connections with it and hears it no more.
func (l *Log) Remove(ctx context.Context, id edge.NodeID) error {
	return l.change(ctx, func(wait time.Duration) raft.Future { return l.raft.RemoveServer(serverID(id), 0, wait) })
}

// change makes one change of membership and waits for it, as long as ctx lets it.
func (l *Log) change(ctx context.Context, f func(wait time.Duration) raft.Future) error {
	wait := appendTimeout
	if d, ok := ctx.Deadline(); ok {
		wait = max(time.Until(d), time.Nanosecond)
	}
	if !l.begin() {
		return edge.E(edge.Unavailable, "this node is stopping: %w", ErrNotLeader)
	}
	done := make(chan error, 1)
	go func() {
		defer l.appends.Done()
		if err := f(wait).Error(); err != nil {
			done <- appendError(err)
			return
		}
		l.configured()
		done <- nil
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return edge.E(edge.Unavailable, "the site did not answer in time; it is not known whether the change was made: %w", ctx.Err())
	}
}
