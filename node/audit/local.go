package audit

import (
	"context"

	"github.com/aielon/edge/node/edge"
)

// A Ledger takes events and returns once they are durable. *journal.Set is one.
type Ledger interface {
	Append(ctx context.Context, events ...edge.Event) (edge.Pos, error)
}

// Local records what happens at this node without a command: what was shown to whom, and who was refused.
type Local struct {
	to   Ledger
	mask *Mask
}

// NewLocal returns a Local that writes to the node's own ledger journal.
func NewLocal(to Ledger, mask *Mask) *Local { return &Local{to, mask} }

// Append records and returns after the fsync, which it shares with whatever else waits for one. An error means that
// there is no record, or that nobody knows: the operation must be refused. It fails with Invalid, Exhausted (the disk
// is at its red line, or the ledger has used up its budget and its reserve) or Unavailable.
func (l *Local) Append(ctx context.Context, r Record) (edge.Pos, error) {
	e, err := l.mask.clean(r).ToEvent()
	if err != nil {
		return edge.Pos{}, err
	}
	p, err := l.to.Append(ctx, e)
	if err != nil {
		return p, refused(err)
	}
	return p, nil
}

// refused says why nothing is shown: no audit, no access.
func refused(err error) error {
	kind := edge.KindOf(err)
	if kind == edge.Internal || kind == edge.Invalid {
		kind = edge.Unavailable
	}
	return edge.E(kind, "this cannot be shown or done now, because it cannot be recorded: %w", err).
		WithHint("free space on the disk of this node, or bring the link to the hub back")
}

// Then records r and, once that is durable, does f. Without a record f is not called.
func (l *Local) Then(ctx context.Context, r Record, f func() error) error {
	if _, err := l.Append(ctx, r); err != nil {
		return err
	}
	return f()
}
