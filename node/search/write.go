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
	c, err := ix.begin(staged)
	if err != nil {
		return 0, err
	}
	defer c.view.Close()
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
	err = c.commit()
	if edge.IsKind(err, edge.Invalid) && n == 1 && ops[0].Put != nil && c.removed {
		return n, ix.stepwise(ops[0], staged)
	}
	return n, err
}

// stepwise replaces a document whose old and new form together are too much for one transaction. Searches in
// between do not find it; whoever is stopped in between puts it again.
func (ix *Index) stepwise(op Op, staged bool) error {
	for _, o := range []Op{{Kind: op.Put.Kind, ID: op.Put.ID}, op} {
		c, err := ix.begin(staged)
		if err != nil {
			return err
		}
		defer c.view.Close()
		a, err := analyzed(o)
		if err != nil {
			return err
		}
		if err := c.take(a); err != nil {
			return err
		}
		if err := c.commit(); err != nil {
			return err
		}
	}
	return nil
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

// sweep is how many rows are removed at a time.
const sweep = 2000

// tidy removes generations that are not used any more.
func (ix *Index) tidy(ctx context.Context) error {
	for {
		more, err := ix.tidyStep()
		if err != nil || !more || ctx.Err() != nil {
			return err
		}
	}
}

func (ix *Index) tidyStep() (more bool, err error) {
	ix.write.Lock()
	defer ix.write.Unlock()
	c, err := ix.begin(false)
	if err != nil {
		return false, err
	}
	defer c.view.Close()
	if len(c.meta.Dead) == 0 {
		return false, nil
	}
	gen := c.meta.Dead[0]
	prefixes := [][]byte{key(genID, gen)}
	var parts []part
	for _, p := range c.meta.Parts {
		if p.Gen == gen {
			parts = append(parts, p.Part)
			for _, what := range []byte{partStats, partTerm, partBlock, partDoc, partFwd, partOwner} {
				prefixes = append(prefixes, key(what, uint32(p.Part)))
			}
		}
	}
	rows := 0
	for _, prefix := range prefixes {
		for k := range c.view.Scan(prefix) {
			if c.drop(k); rows >= sweep {
				return true, c.commit()
			}
			rows++
		}
	}
	if err := c.view.Err(); err != nil {
		return false, err
	}
	c.meta.bury(gen)
	ix.forgetDicts(parts)
	return true, c.commit()
}

// bury forgets a generation of which nothing is left.
func (m *meta) bury(gen uint32) {
	m.Dead = m.Dead[1:]
	var parts []partRow
	for _, p := range m.Parts {
		if p.Gen != gen {
			parts = append(parts, p)
		}
	}
	m.Parts = parts
}

var _ Store = (*state.Store)(nil)
