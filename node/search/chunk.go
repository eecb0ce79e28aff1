package search

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// A chunk is one transaction while it is put together: what it changes, over the state before it.
type chunk struct {
	ix      *Index
	view    *state.View
	meta    meta
	staged  bool
	rows    map[string][]byte // nil: deleted
	stats   map[part]*stats
	terms   map[string]*dirtyTerm // by termKey
	removed bool
	size    int // about what it takes of the store's MaxBatch, in bytes
	buf     []byte
}

// A dirtyTerm is a dictionary row that has changed, and those of its blocks that have.
type dirtyTerm struct {
	part part
	term term
	termRow
	blocks map[uint64][]posting // by their key; nil: deleted
}

// What a row costs of a transaction beside its bytes, and a dirty term at most.
const (
	rowCost  = 200
	termCost = 600
)

func (ix *Index) begin(staged bool) (*chunk, error) {
	c := &chunk{ix: ix, view: ix.store.View(), staged: staged, rows: map[string][]byte{}, stats: map[part]*stats{}, terms: map[string]*dirtyTerm{}}
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
	p, err := c.meta.partOf(gen, a.Kind, a.Put.Class)
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
	st, err := c.sums(p)
	if err != nil {
		return err
	}
	st.docs, st.length = st.docs+1, st.length+uint64(a.forward.length)
	c.set(docKey(p, n), a.encoded)
	c.set(forwardKey(p, n), a.forward.encode())
	c.set(id, place{p, n, a.sum}.encode())
	if a.Put.Owner != "" {
		c.set(ownerKey(p, a.Put.Owner, n), []byte{})
	}
	return nil
}

// remove takes a document out of everything it is in.
func (c *chunk) remove(id []byte, at place) error {
	c.removed = true
	d, f, err := c.stored(at)
	if err != nil {
		return err
	}
	for _, t := range f.terms {
		if err := c.removePosting(at.part, t.term, at.doc); err != nil {
			return err
		}
	}
	st, err := c.sums(at.part)
	if err != nil {
		return err
	}
	st.docs, st.length = st.docs-1, st.length-uint64(f.length)
	c.drop(docKey(at.part, at.doc))
	c.drop(forwardKey(at.part, at.doc))
	c.drop(id)
	if d.Owner != "" {
		c.drop(ownerKey(at.part, d.Owner, at.doc))
	}
	return nil
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

func (c *chunk) addPosting(p part, t term, add posting) error {
	d, err := c.term(p, t)
	if err != nil {
		return err
	}
	d.df++
	d.tail = append(d.tail, add)
	c.size += 4
	if len(d.tail) >= blockSize {
		d.full = add.doc
		d.blocks[add.doc] = d.tail
		d.tail = nil
		c.size += rowCost + len(t)
	}
	return nil
}

func (c *chunk) removePosting(p part, t term, doc uint64) error {
	d, err := c.term(p, t)
	if err != nil {
		return err
	}
	d.df--
	if doc > d.full {
		return cutPosting(&d.tail, doc)
	}
	last, ps, err := c.block(d, doc)
	if err != nil {
		return err
	}
	if err := cutPosting(&ps, doc); err != nil {
		return err
	}
	if len(ps) == 0 {
		ps = nil
	}
	d.blocks[last] = ps
	c.size += rowCost + len(t) + 5*len(ps)
	return nil
}

func cutPosting(ps *[]posting, doc uint64) error {
	i, ok := slices.BinarySearchFunc(*ps, doc, func(p posting, doc uint64) int {
		switch {
		case p.doc < doc:
			return -1
		case p.doc > doc:
			return 1
		}
		return 0
	})
	if !ok {
		return errDamaged
	}
	*ps = slices.Delete(*ps, i, i+1)
	return nil
}

// block finds the block a document is in: the first whose key is not below it, in this chunk or before it.
func (c *chunk) block(d *dirtyTerm, doc uint64) (last uint64, ps []posting, err error) {
	found := false
	for k, b := range c.view.ScanFrom(blocksKey(d.part, d.term), blockKey(d.part, d.term, doc)) {
		last = lastOf(k)
		if _, changed := d.blocks[last]; changed {
			continue
		}
		if ps, err = readPostings(nil, b); err != nil {
			return 0, nil, err
		}
		found = true
		break
	}
	if err := c.view.Err(); err != nil {
		return 0, nil, err
	}
	for k, changed := range d.blocks {
		if changed != nil && k >= doc && (!found || k < last) {
			last, ps, found = k, changed, true
		}
	}
	if !found {
		return 0, nil, errDamaged
	}
	return last, ps, nil
}

func lastOf(blockKey []byte) uint64 { return binary.BigEndian.Uint64(blockKey[len(blockKey)-8:]) }

func (c *chunk) term(p part, t term) (*dirtyTerm, error) {
	c.buf = append(append(c.buf[:0], key(partTerm, uint32(p))...), t...)
	if d, ok := c.terms[string(c.buf)]; ok {
		return d, nil
	}
	k := string(c.buf)
	d := &dirtyTerm{part: p, term: t, blocks: map[uint64][]posting{}}
	b, err := c.view.GetInto(nil, c.buf)
	switch {
	case edge.IsKind(err, edge.NotFound):
	case err != nil:
		return nil, err
	default:
		if d.termRow, err = decodeTermRow(b); err != nil {
			return nil, err
		}
	}
	c.terms[k] = d
	c.size += rowCost + len(k) + len(b)
	return d, nil
}

func (c *chunk) sums(p part) (*stats, error) {
	if s, ok := c.stats[p]; ok {
		return s, nil
	}
	s, err := loadStats(c.view, p)
	if err != nil {
		return nil, err
	}
	c.stats[p] = &s
	return &s, nil
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
	err := c.ix.store.Commit(context.Background(), func(b *state.Batch) {
		b.Set([]byte(metaKey), c.meta.encode())
		for k, v := range c.rows {
			put(b, []byte(k), v)
		}
		for p, s := range c.stats {
			b.Set(statsKey(p), s.encode())
		}
		for k, d := range c.terms {
			if d.df == 0 {
				b.Delete([]byte(k))
			} else {
				b.Set([]byte(k), d.encode())
			}
			for last, ps := range d.blocks {
				put(b, blockKey(d.part, d.term, last), blockValue(ps))
			}
		}
	})
	if err != nil {
		return err
	}
	c.tell()
	return nil
}

// tell lets the dictionaries know what was committed.
func (c *chunk) tell() {
	news := map[part][]entry{}
	for _, d := range c.terms {
		if inMemory(d.term) {
			news[d.part] = append(news[d.part], entry{d.term, uint32(d.df)})
		}
	}
	for p, es := range news {
		c.ix.dict(p).set(es)
	}
}

func blockValue(ps []posting) []byte {
	if ps == nil {
		return nil
	}
	return appendPostings(nil, ps)
}

func put(b *state.Batch, k, v []byte) {
	if v == nil {
		b.Delete(k)
	} else {
		b.Set(k, v)
	}
}
