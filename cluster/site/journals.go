package site

import (
	"context"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/journal"
)

// Journal is the site's journal of an urgency, as this replica has it.
func (s *Site) Journal(u edge.Urgency) edge.Journal {
	wait := func(ctx context.Context, after edge.Pos) error { return s.waitJournal(ctx, u, after) }
	return journal.NewReader(s.view, Stream(u), wait)
}

// waitJournal returns once a journal may have a record after a position.
func (s *Site) waitJournal(ctx context.Context, u edge.Urgency, after edge.Pos) error {
	for {
		s.mu.Lock()
		head, moved := s.at.heads[u], s.moved
		s.mu.Unlock()
		if head.Epoch > after.Epoch && head.Seq > 0 || head.Epoch == after.Epoch && head.Seq > after.Seq {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return edge.E(edge.Unavailable, "nothing came after %v: %w", after, ctx.Err())
		}
	}
}

// Trim lets a journal of the site be pruned up to and including a position, which the hub has. One call
// removes some hundred commits' worth at most; call it whenever the hub has more.
func (s *Site) Trim(ctx context.Context, u edge.Urgency, upTo edge.Pos) error {
	return s.ask(ctx, OpTrim, TrimRequest{Urgency: u, Upto: upTo})
}

// NewEpoch begins a new epoch of every journal of the site, after a restore from a backup or a forced
// recovery, so that the hub sees a fork instead of merging two histories.
func (s *Site) NewEpoch(ctx context.Context, reason string) error {
	return s.ask(ctx, OpEpoch, EpochRequest{Reason: reason})
}
