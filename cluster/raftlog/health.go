package raftlog

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aielon/edge/node/edge"
)

// Stats is how the log is, in numbers.
type Stats struct {
	Leader      string // id of the leader, empty: none known
	Self        bool
	Term        uint64
	First, Last uint64 // entries held
	Commit      uint64
	Passed      uint64        // raft's index up to which entries have gone through the state here
	Applied     uint64        // the state's own index
	Mark        uint64        // up to here the state is durable without the log
	Bytes       int64         // of entries held
	Contact     time.Duration // since the leader was last heard; 0 on the leader
	Refused     uint64        // connections and requests refused because of who made them or what they were
	Members     []Member
	NoVote      bool
}

// Stats answers from memory.
func (l *Log) Stats() Stats {
	id, self := l.Leader()
	first, _ := l.store.FirstIndex()
	last, _ := l.store.LastIndex()
	marks := l.store.Marks()
	s := Stats{Leader: id, Self: self, Term: l.raft.CurrentTerm(), First: first, Last: last, Commit: l.raft.CommitIndex(),
		Passed: l.passed.Load(), Applied: l.o.Applier.Applied(), Mark: marks.Done.Index, NoVote: marks.NoVote,
		Bytes: l.store.Size(), Members: l.Members()}
	if !self {
		s.Contact = time.Since(l.raft.LastContact())
	}
	if l.wire != nil {
		s.Refused = l.wire.refused.Load()
	}
	return s
}

var _ edge.Reporter = (*Log)(nil)

// Report says how the site's log is, as far as this node sees.
func (l *Log) Report(context.Context) edge.Health {
	if err := l.Err(); err != nil {
		return edge.Health{Level: edge.Failed, Msg: err.Error(), Hint: "this node stopped following the site; restart it, then see its log"}
	}
	if err := l.store.Writable(); err != nil {
		return edge.Health{Level: edge.Failed, Msg: err.Error(), Hint: "free some space"}
	}
	if l.Away() {
		return edge.Health{Level: edge.Degraded, Msg: "this node was restored and waits for its site to take it back"}
	}
	if h, ok := l.strangerHealth(); ok {
		return h
	}
	s := l.Stats()
	switch {
	case len(s.Members) == 0:
		return edge.Health{Level: edge.Degraded, Msg: "this node belongs to no site yet"}
	case !slices.ContainsFunc(s.Members, func(m Member) bool { return m.ID == l.o.ID }):
		return edge.Health{Level: edge.Degraded, Msg: "this node is no longer a member of the site"}
	case s.Leader == "":
		h := edge.Health{Level: edge.Failed, Msg: "the site has no leader; nothing can be changed", Hint: "see that more than half of its nodes are on and reach each other"}
		if l.Doubt() != nil {
			h.Msg += ", and what this node shows may be old"
		}
		return h
	case s.NoVote:
		return edge.Health{Level: edge.Degraded, Msg: "this node is being filled from the others after damage"}
	case l.Doubt() != nil:
		return edge.Health{Level: edge.Degraded, Msg: l.Doubt().Error()}
	case s.Self:
		return leaderHealth(s)
	case s.Commit > s.Passed+1000:
		return edge.Health{Level: edge.Degraded, Msg: fmt.Sprintf("this node is %d entries behind", s.Commit-s.Passed)}
	}
	return edge.Health{Msg: "following " + short(s.Leader)}
}

func leaderHealth(s Stats) edge.Health {
	for _, m := range s.Members {
		if !m.Leader && time.Since(m.Seen) > 5*time.Second {
			return edge.Health{Level: edge.Degraded, Msg: fmt.Sprintf("leading; node %s does not answer", m.ID.Short()), Hint: "see that it is on and reachable"}
		}
	}
	return edge.Health{Msg: fmt.Sprintf("leading %d nodes", len(s.Members))}
}

func short(id string) string { return id[:min(len(id), 12)] }
