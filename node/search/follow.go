package search

import (
	"context"
	"iter"

	"github.com/aielon/edge/node/edge"
)

// A Feed says what the records of journals mean to the index, and where all documents of its kinds are found in the
// state of a site.
type Feed struct {
	Name    string   // of the follower, under which its mark is kept
	Kinds   []string // of the documents
	Changes func(r edge.Record) ([]Op, error)
	All     func(ctx context.Context, v edge.View) iter.Seq2[Document, error]
}

// Follower keeps an index up to date from journals. It gathers changes, so whoever drives it must call Flush before
// it keeps a mark: only then are they durable.
type Follower struct {
	ix   *Index
	feed Feed
	ops  []Op
	size int
}

// NewFollower returns a follower. One goroutine at a time may use it.
func NewFollower(ix *Index, feed Feed) *Follower { return &Follower{ix: ix, feed: feed} }

// Name implements edge.Follower.
func (f *Follower) Name() string { return f.feed.Name }

// Follow takes one record. Documents the index refuses are left out and told, so that one of them does not hold up
// all others. What is gathered is bounded: a record that finds too much waiting is taken after a Flush or not at all.
func (f *Follower) Follow(ctx context.Context, r edge.Record) error {
	if len(f.ops) >= gather || f.size >= gatherBytes {
		if err := f.Flush(ctx); err != nil {
			return err
		}
	}
	ops, err := f.feed.Changes(r)
	if err != nil {
		return err
	}
	for _, op := range ops {
		if op.Put != nil {
			d := *op.Put
			if err := d.check(); err != nil {
				f.ix.refused(d.Kind, err)
				continue
			}
			f.size += d.size()
		}
		f.ops = append(f.ops, op)
	}
	return nil
}

// Flush makes durable what was followed. After an error it is still to be done: whoever keeps a mark must not move
// it. Following the same records again does no harm.
func (f *Follower) Flush(ctx context.Context) error {
	if len(f.ops) == 0 {
		return nil
	}
	if err := f.ix.Apply(ctx, f.ops...); err != nil {
		return err
	}
	f.ops, f.size = f.ops[:0], 0
	return nil
}

// Rebuild implements edge.Follower.
func (f *Follower) Rebuild(ctx context.Context, v edge.View) error {
	f.ops, f.size = f.ops[:0], 0
	return f.ix.Rebuild(ctx, f.feed.Kinds, f.feed.All(ctx, v))
}

var _ edge.Follower = (*Follower)(nil)
