package raftlog

import (
	"context"
	"time"

	"github.com/hashicorp/raft"

	"github.com/aielon/edge/node/edge"
)

// A node that was killed or lost its power begins with a state that may lie behind what it showed and
// acknowledged before. Open brings the state to Options.Reached, which a kill does not forget. A power cut may
// forget it, so the state is only fresh once it also holds what the log's leader has committed: a sole voter
// then has everything in its log, and a follower everything it can have applied before.

// Settled is closed once the state here is fresh, or once Options.Patience is over without a leader. In the
// second case Doubt says why the state may be old.
func (l *Log) Settled() <-chan struct{} { return l.settled }

// WaitFresh returns nil once Settled is closed. It fails with Unavailable when ctx ends before or after
// Options.Patience and two seconds more, and with what the log failed with: whoever reads is better served by a reason
// than by silence.
func (l *Log) WaitFresh(ctx context.Context) error {
	if l.fresh.Load() {
		return nil
	}
	patience := time.NewTimer(l.o.Patience + freshGrace)
	defer patience.Stop()
	select {
	case <-l.settled:
		return nil
	case <-patience.C:
	case <-l.failing:
		return l.Err()
	case <-l.closed:
		return edge.E(edge.Unavailable, "this node is stopping")
	case <-ctx.Done():
	}
	select {
	case <-l.settled: // just now
		return nil
	default:
		return l.Doubt()
	}
}

// Doubt is nil once the state here holds at least what this node had shown or acknowledged before it was
// started. Until then it says, with kind Unavailable, that the state may be old.
func (l *Log) Doubt() error {
	if l.fresh.Load() {
		return nil
	}
	select {
	case <-l.settled:
		if l.cramped.Load() {
			return edge.E(edge.Unavailable, "the disk is full, so this node cannot take in the newest that the site agreed on; what it shows may be old").
				WithHint("free some space; it goes on by itself then")
		}
		if l.led() {
			return edge.E(edge.Unavailable, "this node hears the leader of its site but does not get on; what it shows may be old").
				WithHint("see this node's log and the health of the others")
		}
		return edge.E(edge.Unavailable, "no leader of the site has been heard since this node was started; what it shows may be old").
			WithHint("see that more than half of the site's nodes are on and reach each other")
	default:
		return edge.E(edge.Unavailable, "this node is still taking in what the site agreed on before it was started").WithHint("try again in a moment")
	}
}

const (
	freshFirst = 5 * time.Millisecond // between looks, while a start is young
	freshLate  = 250 * time.Millisecond
	freshGrace = 2 * time.Second // beyond Patience: who asks right after the start hears what becomes of it
	stuckAfter = 12              // times Patience: a follower that gets on settles for what it has all the same after this
)

// becomeFresh watches a start until the state is fresh.
func (l *Log) becomeFresh(ctx context.Context) {
	var c catching
	start := time.Now()
	moved, at := start, uint64(0) // when this node last got on, and how far
	for pause := freshFirst; ; pause = min(pause+freshFirst, freshLate) {
		if c.done(l) {
			l.fresh.Store(true)
			l.settle()
			return
		}
		if p := l.place(); p != at {
			moved, at = time.Now(), p
		}
		if l.enough(time.Since(start), time.Since(moved)) || l.noRoom() {
			l.settle()
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		case <-l.closed:
			return
		}
	}
}

// enough reports whether what is here has to do, so long after the start and after this node last got on. A sole
// voter only has to read its own log; and a node that has nothing has nothing to show.
func (l *Log) enough(since, still time.Duration) bool {
	if since < l.o.Patience || l.alone() || l.o.Applier.Applied() == 0 {
		return false
	}
	return !l.led() || still > l.o.Patience || since > stuckAfter*l.o.Patience
}

// noRoom reports whether the state cannot take in more because the disk is full. What it showed before is there,
// and nobody was told anything of the rest: it is better shown than waited for.
func (l *Log) noRoom() bool {
	return l.cramped.Load() && l.o.Applier.Applied() >= l.o.Reached
}

// place changes whenever log or state here grow.
func (l *Log) place() uint64 {
	last, err := l.store.LastIndex()
	if err != nil {
		return 0
	}
	return last + l.o.Applier.Applied()
}

// settle closes settled. Only becomeFresh's goroutine calls it.
func (l *Log) settle() {
	select {
	case <-l.settled:
	default:
		close(l.settled)
	}
}

// led reports whether a leader is known.
func (l *Log) led() bool { _, id := l.raft.LeaderWithID(); return id != "" }

// alone reports whether this node is the only voter: it needs nobody to know what is committed.
func (l *Log) alone() bool {
	self := false
	for _, s := range l.configuration().Servers {
		if s.Suffrage == raft.Voter {
			if s.ID != serverID(l.o.ID) {
				return false
			}
			self = true
		}
	}
	return self
}

// catching is how far a follower's start is: first the commit index a leader told of is fixed, then, once it
// is reached here, the newest command below it. Both belong to one term, for a leader knows all that is
// committed only when an entry of its own term is.
type catching struct {
	term, heard uint64
	goal        uint64
	set         bool
}

func (c *catching) done(l *Log) bool {
	applied := l.o.Applier.Applied()
	if applied < l.o.Reached {
		return false
	}
	if lead := l.Leadership(); lead.Self || l.raft.State() == raft.Leader {
		return lead.Ready
	}
	if !l.led() {
		return false
	}
	if term := l.raft.CurrentTerm(); c.term != term {
		*c = catching{term: term, heard: l.heard.Load()}
	}
	if commit := l.raft.CommitIndex(); !c.set && commit >= c.heard && l.termAt(commit) == c.term {
		c.goal, c.set = l.CommitIndex(), true
	}
	return c.set && l.o.Applier.Applied() >= c.goal
}

// termAt is the term of an entry, 0 where it is not known here.
func (l *Log) termAt(index uint64) uint64 {
	var e raft.Log
	if err := l.store.GetLog(index, &e); err == nil {
		return e.Term
	}
	if m := l.store.Marks().Done; index > 0 && m.Index == index {
		return m.Term
	}
	return 0
}
