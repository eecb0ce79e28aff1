package search

import (
	"context"
	"iter"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// An Op is one change of the index: a document that is new or has changed, or one that is gone.
type Op struct {
	Put      *Document // nil: delete
	Kind, ID string    // what to delete
}

// Apply makes the changes, in order, in as few transactions as they fit. When it returns nil all of them are
// durable; on an error some may be, and doing all of them again leads to the same index. A document that is as it
// was costs one read. It fails with Invalid on documents that break a limit, before anything is changed.
func (ix *Index) Apply(ctx context.Context, ops ...Op) error {
	for i := range ops {
		if ops[i].Put == nil {
			continue
		}
		d := *ops[i].Put
		if err := d.check(); err != nil {
			return err
		}
		ops[i].Put = &d
	}
	ix.write.Lock()
	defer ix.write.Unlock()
	return ix.apply(ctx, ops, false)
}

func (ix *Index) apply(ctx context.Context, ops []Op, staged bool) error {
	for len(ops) > 0 {
		if err := ctx.Err(); err != nil {
			return edge.E(edge.Unavailable, "indexing was given up: %w", err)
		}
		n, err := ix.step(ops, staged)
		if err != nil {
			return err
		}
		ops = ops[n:]
	}
	return nil
}

// step commits as many of the changes as one transaction should hold and says how many those were.
func (ix *Index) step(ops []Op, staged bool) (n int, err error) {
	n, err = ix.together(ops, staged, false)
	if edge.IsKind(err, edge.Invalid) && n > 1 {
		n, err = ix.together(ops[:1], staged, false)
	}
	if edge.IsKind(err, edge.Invalid) && n == 1 {
		err = ix.stepwise(ops[0], staged)
	}
	return n, err
}

func (ix *Index) together(ops []Op, staged, lean bool) (n int, err error) {
	c, err := ix.begin(staged)
	if err != nil {
		return 0, err
	}
	defer c.view.Close()
	c.lean = lean
	for n < len(ops) && (n == 0 || c.size < ix.store.MaxBatch()/2) {
		a, err := analyzed(ops[n])
		if err != nil {
			return 0, err
		}
		if n > 0 && c.size+a.cost() > ix.store.MaxBatch()*4/5 {
			break
		}
		if err := c.take(a); err != nil {
			return 0, err
		}
		n++
	}
	return n, c.commit()
}

// stepwise changes a document that is too much for one transaction: what there was of it is removed first, in
// pieces. Searches in between do not find it whole; whoever is stopped in between does it again.
func (ix *Index) stepwise(op Op, staged bool) error {
	kind, id := op.Kind, op.ID
	if op.Put != nil {
		kind, id = op.Put.Kind, op.Put.ID
	}
	for gone := false; !gone; {
		var err error
		if gone, err = ix.removePiece(kind, id, staged); err != nil {
			return err
		}
	}
	if op.Put == nil {
		return nil
	}
	_, err := ix.together([]Op{op}, staged, true)
	return err
}

// removePiece removes as much of a document as one transaction should hold, and reports whether nothing is left.
func (ix *Index) removePiece(kind, id string, staged bool) (gone bool, err error) {
	c, err := ix.begin(staged)
	if err != nil {
		return false, err
	}
	defer c.view.Close()
	k := idKey(c.meta.generation(kind, staged), kind, id)
	b, err := c.get(k)
	if edge.IsKind(err, edge.NotFound) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	at, err := decodePlace(b)
	if err != nil {
		return false, err
	}
	if gone, err = c.removeSome(k, at, ix.store.MaxBatch()/2); err != nil {
		return false, err
	}
	return gone, c.commit()
}

// Rebuild makes the index of some kinds again out of all their documents. Searches go on in the old one until the
// new one is complete and takes its place in one step. Nothing of these kinds may be applied meanwhile: it would be
// lost. Documents that break a limit are left out and told. A Rebuild that is interrupted leaves the old index; its rest is removed by the next, or by Run.
func (ix *Index) Rebuild(ctx context.Context, kinds []string, docs iter.Seq2[Document, error]) error {
	if err := ix.stage(kinds, func(m *meta, kind string) {
		if g, ok := m.Staged[kind]; ok {
			m.kill(g)
		}
		delete(m.Staged, kind)
		m.generation(kind, true)
	}); err != nil {
		return err
	}
	if err := ix.fill(ctx, kinds, docs); err != nil {
		return err
	}
	if err := ix.stage(kinds, func(m *meta, kind string) {
		if g, ok := m.Kinds[kind]; ok {
			m.kill(g)
		}
		m.Kinds[kind] = m.Staged[kind]
		delete(m.Staged, kind)
	}); err != nil {
		return err
	}
	return ix.tidy(ctx)
}

// gather is how many documents a rebuild holds in memory, and how many bytes of text.
const (
	gather      = 256
	gatherBytes = 1 << 20
)

func (ix *Index) fill(ctx context.Context, kinds []string, docs iter.Seq2[Document, error]) error {
	known := map[string]bool{}
	for _, k := range kinds {
		known[k] = true
	}
	var ops []Op
	size := 0
	flush := func() error {
		ix.write.Lock()
		defer ix.write.Unlock()
		err := ix.apply(ctx, ops, true)
		ops, size = ops[:0], 0
		return err
	}
	for d, err := range docs {
		if err == nil && !known[d.Kind] {
			err = edge.E(edge.Invalid, "a document of kind %q came while others were rebuilt", d.Kind)
		}
		if err != nil {
			return err
		}
		if err := d.check(); err != nil {
			ix.refused(d.Kind, err)
			continue
		}
		ops, size = append(ops, Op{Put: &d}), size+d.size()
		if len(ops) >= gather || size >= gatherBytes {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// refused tells of a document that cannot be indexed, without saying what is in it.
func (ix *Index) refused(kind string, err error) {
	ix.log.Warn("a document cannot be searched for", "kind", kind, "error", err)
}

// stage changes the table of contents for some kinds.
func (ix *Index) stage(kinds []string, f func(*meta, string)) error {
	ix.write.Lock()
	defer ix.write.Unlock()
	c, err := ix.begin(false)
	if err != nil {
		return err
	}
	defer c.view.Close()
	for _, k := range kinds {
		if k == "" || len(k) > MaxID {
			return edge.E(edge.Invalid, "a document's kind must have 1 to %d bytes", MaxID)
		}
		f(&c.meta, k)
	}
	return c.commit()
}

var _ Store = (*state.Store)(nil)
