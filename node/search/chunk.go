package search

import (
	"context"
	"crypto/sha256"
	"math"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// A chunk is one transaction while it is put together: what it changes, over the state before it.
type chunk struct {
	ix     *Index
	view   *state.View
	meta   meta
	staged bool
	rows   map[string][]byte    // nil: deleted
	terms  map[string]*dirtyRow // by termKey
	born   []part               // that this chunk makes
	lean   bool                 // as few bytes as can be: no block grows
	size   int                  // about what it takes of the store's MaxBatch, in bytes
	buf    []byte
}

// What a row costs of a transaction beside its bytes, and a dirty term at most.
const (
	rowCost  = 200
	termCost = 600
)

func (ix *Index) begin(staged bool) (*chunk, error) {
	c := &chunk{ix: ix, view: ix.store.View(), staged: staged, rows: map[string][]byte{}, terms: map[string]*dirtyRow{}}
	var err error
	if c.meta, err = loadMeta(c.view); err != nil {
		c.view.Close()
		return nil, err
	}
	return c, nil
}

// A change is an Op with everything computed that does not depend on the index.
type change struct {
	Op
	encoded []byte
	sum     [16]byte
	forward forward
}

func analyzed(op Op) (c change, err error) {
	c.Op = op
	if op.Put == nil {
		return c, nil
	}
	c.Kind, c.ID = op.Put.Kind, op.Put.ID
	if c.encoded, err = op.Put.encode(); err != nil {
		return c, err
	}
	sum := sha256.Sum256(c.encoded)
	copy(c.sum[:], sum[:])
	c.forward = analyze(op.Put)
	return c, nil
}

// cost is about what a change adds to a transaction at most.
func (a *change) cost() int { return 2*len(a.encoded) + len(a.forward.terms)*termCost/2 }

func (c *chunk) take(a change) error {
	gen := c.meta.generation(a.Kind, c.staged)
	id := idKey(gen, a.Kind, a.ID)
	b, err := c.get(id)
	if err != nil && !edge.IsKind(err, edge.NotFound) {
		return err
	}
	if err == nil {
		at, err := decodePlace(b)
		if err != nil {
			return err
		}
		if a.Put != nil && at.sum == a.sum {
			return nil
		}
		if err := c.remove(id, at); err != nil {
			return err
		}
	}
	if a.Put == nil {
		return nil
	}
	return c.put(id, gen, a)
}

func (c *chunk) put(id []byte, gen uint32, a change) error {
	p, err := c.part(gen, a)
	if err != nil {
		return err
	}
	c.meta.NextDoc++
	n := c.meta.NextDoc
	for _, t := range a.forward.terms {
		if err := c.addPosting(p, t.term, posting{n, t.tf, a.forward.length}); err != nil {
			return err
		}
	}
	sums := &c.meta.row(p).stats
	sums.Docs, sums.Length = sums.Docs+1, sums.Length+uint64(a.forward.length)
	c.set(docKey(p, n), a.encoded)
	c.set(forwardKey(p, n), a.forward.encode())
	c.set(id, place{p, n, a.sum}.encode())
	if a.Put.Owner != "" {
		c.set(ownerKey(p, a.Put.Owner, n), []byte{})
	}
	return nil
}

// part returns the part a document goes to.
func (c *chunk) part(gen uint32, a change) (part, error) {
	next := c.meta.NextPart
	p, err := c.meta.partOf(gen, a.Kind, a.Put.Class)
	if c.meta.NextPart != next && !c.staged {
		c.born = append(c.born, p)
	}
	return p, err
}

// remove takes a document out of everything it is in.
func (c *chunk) remove(id []byte, at place) error {
	_, err := c.removeSome(id, at, math.MaxInt)
	return err
}

// removeSome takes a document out of what it is in until the chunk has about size bytes, and reports whether it is
// gone. Where it is not, the rest of it is as if it were a shorter document that was made of something else.
func (c *chunk) removeSome(id []byte, at place, size int) (gone bool, err error) {
	d, f, err := c.stored(at)
	if err != nil {
		return false, err
	}
	for i, t := range f.terms {
		if c.size >= size {
			f.terms = f.terms[i:]
			c.set(forwardKey(at.part, at.doc), f.encode())
			c.set(id, place{part: at.part, doc: at.doc}.encode())
			return false, nil
		}
		if err := c.removePosting(at.part, t.term, at.doc); err != nil {
			return false, err
		}
	}
	sums := &c.meta.row(at.part).stats
	sums.Docs, sums.Length = sums.Docs-1, sums.Length-uint64(f.length)
	c.drop(docKey(at.part, at.doc))
	c.drop(forwardKey(at.part, at.doc))
	c.drop(id)
	if d.Owner != "" {
		c.drop(ownerKey(at.part, d.Owner, at.doc))
	}
	return true, nil
}

func (c *chunk) stored(at place) (d Document, f forward, err error) {
	b, err := c.get(docKey(at.part, at.doc))
	if err != nil {
		return d, f, missing(err)
	}
	if d, err = decodeDocument(b); err != nil {
		return d, f, err
	}
	if b, err = c.get(forwardKey(at.part, at.doc)); err != nil {
		return d, f, missing(err)
	}
	f, err = decodeForward(b)
	return d, f, err
}

// missing makes damage out of a row that is not there although another says so.
func missing(err error) error {
	if edge.IsKind(err, edge.NotFound) {
		return errDamaged
	}
	return err
}

func (c *chunk) get(k []byte) ([]byte, error) {
	if b, ok := c.rows[string(k)]; ok {
		if b == nil {
			return nil, edge.E(edge.NotFound, "there is nothing stored under this key")
		}
		return b, nil
	}
	return c.view.Get(k)
}

func (c *chunk) set(k, v []byte) {
	c.rows[string(k)] = v
	c.size += len(k) + len(v) + rowCost
}

func (c *chunk) drop(k []byte) {
	c.rows[string(k)] = nil
	c.size += len(k) + rowCost
}

// commit makes the chunk durable and tells the dictionaries. It does not give up while the outcome is open: the next
// chunk must see it.
func (c *chunk) commit() error {
	c.meta.Commit++
	err := c.ix.store.Commit(context.Background(), func(b *state.Batch) {
		b.Set([]byte(metaKey), c.meta.encode())
		for k, v := range c.rows {
			put(b, []byte(k), v)
		}
		for k, d := range c.terms {
			d.put(b, k)
		}
	})
	if err != nil {
		if !edge.IsKind(err, edge.Invalid) {
			c.doubt()
		}
		return err
	}
	c.tell()
	return nil
}

// changed yields the keys of all rows searches may have kept, and others.
func (c *chunk) changed(yield func(key string)) {
	for k := range c.rows {
		yield(k)
	}
	for k, r := range c.terms {
		yield(k)
		for _, d := range r.parts {
			for n := range d.dirty {
				yield(string(blockKey(d.part, d.term, n)))
			}
		}
	}
}

// doubt has the dictionaries read again: what could not be committed may have got through.
func (c *chunk) doubt() {
	var parts []part
	for _, p := range c.meta.Parts {
		parts = append(parts, p.Part)
	}
	c.ix.forgetDicts(parts)
}

// tell lets the dictionaries know what was committed. The dictionary of a part that is new holds all of it.
func (c *chunk) tell() {
	c.ix.cache.committed(c.meta.Commit, c.changed)
	for _, p := range c.born {
		c.ix.dict(p).born()
	}
	news := map[part][]entry{}
	for _, r := range c.terms {
		if !inMemory(r.term) {
			continue
		}
		for _, d := range r.parts {
			if d.changed {
				news[d.part] = append(news[d.part], entry{r.term, uint32(d.df)})
			}
		}
	}
	for p, es := range news {
		c.ix.dict(p).set(es)
	}
}

func put(b *state.Batch, k, v []byte) {
	if v == nil {
		b.Delete(k)
	} else {
		b.Set(k, v)
	}
}
