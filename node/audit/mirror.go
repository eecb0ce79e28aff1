package audit

import (
	"context"
	"errors"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/aielon/edge/node/edge"
)

// CatchUp follows whatever the journal has now, without a Runner.
func (l *Log) CatchUp(ctx context.Context) error {
	at, n := l.Mark(l.Name()), 0
	for r, err := range l.Read(ctx, at) {
		if _, gap := errors.AsType[*edge.Gap](err); gap {
			continue
		}
		if err != nil {
			return err
		}
		if err := l.Follow(ctx, r); err != nil {
			return err
		}
		if at, n = r.Pos, n+1; n%writeEvery == 0 {
			if err := l.SetMark(ctx, l.Name(), at); err != nil {
				return err
			}
		}
	}
	return l.SetMark(ctx, l.Name(), at)
}

// Mirror brings the trees over a journal that was delivered here up to date, and vouches for them as if the node they
// are of had asked: here the records themselves are the proof. What was cosigned before must be part of them; else it
// is a fork, as with Cosign. The store of l is the witness's own.
func (w *Witness) Mirror(ctx context.Context, l *Log) error {
	if err := l.CatchUp(ctx); err != nil {
		return err
	}
	if err := l.Checkpoint(ctx); err != nil {
		return err
	}
	v := l.o.Store.View()
	defer v.Close()
	trees, err := Trees(v, l.o.Name)
	if err != nil {
		return err
	}
	for _, t := range trees[max(0, len(trees)-gatherEpochs):] {
		if t.Signed == 0 {
			continue
		}
		signed, err := v.Get(numberKey(checkpointPrefix, l.o.Name, t.Origin.Epoch, t.Signed))
		if err != nil {
			return err
		}
		if err := w.mirror(ctx, t, signed, &stored{v: v, stream: l.o.Name, epoch: t.Origin.Epoch}); err != nil {
			return err
		}
	}
	return nil
}

func (w *Witness) mirror(ctx context.Context, t Tree, signed []byte, hashes tlog.HashReader) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	had, err := w.had(t.Origin)
	if err != nil || had.Forks > 0 || had.Size > t.Signed {
		return err
	}
	root, err := tlog.TreeHash(t.Signed, hashes)
	if err != nil {
		return internal(err)
	}
	c := Checkpoint{Head: Head{Origin: t.Origin.String(), Size: t.Signed, Root: root}}
	if had.Size > 0 {
		was, err := tlog.TreeHash(had.Size, hashes)
		if err != nil {
			return internal(err)
		}
		if was != had.Root {
			return w.forked(ctx, t.Origin, had, Request{Checkpoint: signed, By: w.o.Key.statement}, c, "is not of the records that were delivered")
		}
	}
	if had.Size == t.Signed {
		return nil
	}
	_, err = w.vouch(ctx, t.Origin, c)
	return err
}
