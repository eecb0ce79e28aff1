package site

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/aielon/edge/node/edge"
)

// counts are written where things happen and read by anyone.
type counts struct {
	proposed  atomic.Uint64
	evaluated atomic.Uint64
	answered  atomic.Uint64
	again     atomic.Uint64
	panics    atomic.Uint64
	batches   atomic.Uint64
	bytes     atomic.Uint64
	largest   atomic.Uint64
	refused   atomic.Uint64
	turned    atomic.Uint64
	ahead     atomic.Uint64
	givenUp   atomic.Uint64
	doubts    atomic.Uint64
	marks     atomic.Uint64
	restored  atomic.Uint64
	busy      atomic.Int64 // when the evaluation under way began, Unix nanoseconds; 0: none is
	doubted   atomic.Bool  // the leading node's clock is not believed
}

// stuck reports whether one command keeps the sequencer from all others.
func (c *counts) stuck() bool {
	since := c.busy.Load()
	return since != 0 && time.Since(time.Unix(0, since)) > 5*time.Second
}

func (c *counts) batch(commands, bytes int) {
	if commands == 0 {
		c.marks.Add(1)
		return
	}
	c.batches.Add(1)
	c.answered.Add(uint64(commands))
	c.bytes.Add(uint64(bytes))
	if n := uint64(commands); n > c.largest.Load() { // one writer
		c.largest.Store(n)
	}
}

// Stats are figures for metrics and for the health page, since Open.
type Stats struct {
	Proposed  uint64 // commands that came to this node as leader, retries included
	Evaluated uint64 // evaluations; more than once for a batch that was refused
	Answered  uint64 // commands answered through the log
	Again     uint64 // commands answered from memory
	Panics    uint64 // commands and queries that panicked
	Batches   uint64 // entries this node appended that carried commands
	Bytes     uint64 // of those entries
	Largest   uint64 // commands in the largest of them
	Refused   uint64 // batches of this node that were evaluated anew because another leader's came first
	TurnedOff uint64 // entries this replica refused for their base, whoever appended them
	Ahead     uint64 // commands answered that were evaluated while the batch before theirs was on its way
	GivenUp   uint64 // commands evaluated so and again, because that batch was refused or in doubt
	Doubts    uint64 // appends whose outcome was not known
	Marks     uint64 // entries appended for reads and after a change of leaders
	Restored  uint64 // snapshots taken over from another node
	Waiting   int    // commands in the queue

	Index   uint64 // of the log entry applied last
	Commits uint64 // batches that made this state
}

// Stats returns figures from memory.
func (s *Site) Stats() Stats {
	c := &s.count
	s.mu.Lock()
	at := s.at
	s.mu.Unlock()
	return Stats{
		Proposed: c.proposed.Load(), Evaluated: c.evaluated.Load(), Answered: c.answered.Load(), Again: c.again.Load(),
		Panics: c.panics.Load(), Batches: c.batches.Load(), Bytes: c.bytes.Load(), Largest: c.largest.Load(),
		Refused: c.refused.Load(), TurnedOff: c.turned.Load(), Ahead: c.ahead.Load(), GivenUp: c.givenUp.Load(), Doubts: c.doubts.Load(), Marks: c.marks.Load(),
		Restored: c.restored.Load(), Waiting: s.seq.len(), Index: at.Index, Commits: at.Head.Count,
	}
}

// Head names the state of this replica: how many batches made it, and the sum over them. Replicas with the
// same head have the same state.
func (s *Site) Head() (count uint64, sum [32]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at.Head.Count, s.at.Head.Sum
}

// Report implements edge.Reporter.
func (s *Site) Report(context.Context) edge.Health {
	leader, _ := s.leader()
	switch err := s.writable(); {
	case err != nil && s.halt(nil) != nil:
		return edge.Health{Level: edge.Failed, Msg: "this node no longer follows the site: " + err.Error(), Hint: "upgrade this node, or let it take the state over from another node"}
	case err != nil:
		return edge.Health{Level: edge.Degraded, Msg: err.Error()}
	case leader.IsZero():
		return edge.Health{Level: edge.Degraded, Msg: "the site has no leader; it can be read and not changed", Hint: "most of its nodes must be on and reach each other"}
	case s.count.stuck():
		return edge.Health{Level: edge.Degraded, Msg: "a command has been under evaluation for more than five seconds; all others wait for it", Hint: "restart this node if that does not end"}
	case s.count.doubted.Load():
		return edge.Health{Level: edge.Degraded, Msg: "this node's clock does not fit the site's time and is not used", Hint: "set the clock"}
	}
	return edge.Health{Level: edge.OK, Msg: "the site takes commands"}
}
