package search

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// A dirtyRow is a dictionary row while a chunk changes it.
type dirtyRow struct {
	term  term
	parts []*dirtyTerm // by part
	tails int          // postings in the row
}

// A dirtyTerm is what one part has in such a row, and those of its blocks that have changed.
type dirtyTerm struct {
	part part
	term term
	termRow
	changed bool
	dirty   map[uint64][]posting // blocks by their key; nil: deleted
}

// row reads the dictionary row that has a part's postings of a term, once.
func (c *chunk) row(p part, t term) (*dirtyRow, error) {
	c.buf = append(c.buf[:0], termKey(p, t)...)
	if r, ok := c.terms[string(c.buf)]; ok {
		return r, nil
	}
	k, r := string(c.buf), &dirtyRow{term: t}
	b, err := c.view.Get(c.buf)
	if err != nil && !edge.IsKind(err, edge.NotFound) {
		return nil, err
	}
	var bad error
	err = sections(b, func(s section) bool {
		d := &dirtyTerm{part: s.part, term: t}
		if d.termRow, bad = decodeTermRow(s.body, nil); bad == nil {
			r.parts, r.tails = append(r.parts, d), r.tails+len(d.tail)
		}
		return bad == nil
	})
	if err = cmp.Or(err, bad); err != nil {
		return nil, err
	}
	c.terms[k] = r
	c.size += rowCost + len(k) + len(b)
	return r, nil
}

// of returns a part's piece of the row, a new one where there is none.
func (r *dirtyRow) of(p part) *dirtyTerm {
	i, ok := slices.BinarySearchFunc(r.parts, p, func(d *dirtyTerm, p part) int { return cmp.Compare(d.part, p) })
	if !ok {
		r.parts = slices.Insert(r.parts, i, &dirtyTerm{part: p, term: r.term})
	}
	r.parts[i].changed = true
	return r.parts[i]
}

func (c *chunk) addPosting(p part, t term, add posting) error {
	r, err := c.row(p, t)
	if err != nil {
		return err
	}
	d := r.of(p)
	d.df++
	d.tail = append(d.tail, add)
	c.size += 4
	if r.tails++; r.tails <= maxTail {
		return nil
	}
	longest := slices.MaxFunc(r.parts, func(a, b *dirtyTerm) int { return cmp.Compare(len(a.tail), len(b.tail)) })
	r.tails -= len(longest.tail)
	return c.store(longest)
}

// store moves a tail into a block: into the newest one if there is room in it and in the transaction.
func (c *chunk) store(d *dirtyTerm) error {
	ps := d.tail
	d.tail, d.full, d.changed = nil, ps[len(ps)-1].doc, true
	if n := len(d.blocks); n > 0 && !c.lean && c.size < c.ix.store.MaxBatch()/2 {
		key := d.blocks[n-1]
		old, err := c.block(d, key)
		if err != nil {
			return err
		}
		if len(old)+len(ps) <= blockSize {
			c.change(d, key, append(old, ps...))
			return nil
		}
	}
	c.change(d, ps[0].doc, ps)
	if d.blocks = append(d.blocks, ps[0].doc); d.many || len(d.blocks) > maxListed {
		d.many, d.blocks = true, d.blocks[len(d.blocks)-1:]
	}
	return nil
}

func (c *chunk) removePosting(p part, t term, doc uint64) error {
	r, err := c.row(p, t)
	if err != nil {
		return err
	}
	d := r.of(p)
	d.df--
	if doc > d.full {
		r.tails--
		return cutPosting(&d.tail, doc)
	}
	key, err := c.find(d, doc)
	if err != nil {
		return err
	}
	ps, err := c.block(d, key)
	if err != nil {
		return err
	}
	if err := cutPosting(&ps, doc); err != nil {
		return err
	}
	c.change(d, key, ps)
	if len(ps) == 0 {
		d.forget(key)
	}
	return nil
}

// forget takes a block that is gone out of those that are named.
func (d *dirtyTerm) forget(key uint64) {
	if i := slices.Index(d.blocks, key); i >= 0 {
		d.blocks = slices.Delete(d.blocks, i, i+1)
	}
	if d.df == uint64(len(d.tail)) {
		d.many = false
	}
}

// change puts postings under a block's key; none delete it.
func (c *chunk) change(d *dirtyTerm, key uint64, ps []posting) {
	if len(ps) == 0 {
		ps = nil
	}
	if d.dirty == nil {
		d.dirty = map[uint64][]posting{}
	}
	if _, ok := d.dirty[key]; !ok {
		c.size += rowCost + len(d.term) + 5*len(ps)
	}
	d.dirty[key] = ps
}

func cutPosting(ps *[]posting, doc uint64) error {
	i, ok := slices.BinarySearchFunc(*ps, doc, func(p posting, doc uint64) int { return cmp.Compare(p.doc, doc) })
	if !ok {
		return errDamaged
	}
	*ps = slices.Delete(*ps, i, i+1)
	return nil
}

// find returns the key of the block a document is in: the last that is not after it, in this chunk or before it.
func (c *chunk) find(d *dirtyTerm, doc uint64) (key uint64, err error) {
	if !d.many {
		for _, k := range d.blocks {
			if k <= doc {
				key = k
			}
		}
		return key, nil
	}
	for k := range c.view.ScanDownFrom(blocksKey(d.part, d.term), blockKey(d.part, d.term, doc)) {
		n := lastOf(k)
		if ps, changed := d.dirty[n]; !changed || ps != nil {
			key = n
			break
		}
	}
	for k, ps := range d.dirty {
		if ps != nil && k <= doc {
			key = max(key, k)
		}
	}
	return key, c.view.Err()
}

// block returns a block as it is in this chunk.
func (c *chunk) block(d *dirtyTerm, key uint64) ([]posting, error) {
	if ps, ok := d.dirty[key]; ok {
		return ps, nil
	}
	b, err := c.view.Get(blockKey(d.part, d.term, key))
	if err != nil {
		return nil, missing(err)
	}
	return readPostings(nil, b)
}

func lastOf(key []byte) uint64 { return binary.BigEndian.Uint64(key[len(key)-8:]) }

// put writes a dictionary row and its blocks.
func (r *dirtyRow) put(b *state.Batch, key string) {
	var row, body []byte
	for _, d := range r.parts {
		if d.df > 0 {
			body = d.append(body[:0])
			row = section{d.part, body}.append(row)
		}
		for k, ps := range d.dirty {
			if ps == nil {
				b.Delete(blockKey(d.part, d.term, k))
			} else {
				b.Set(blockKey(d.part, d.term, k), appendPostings(nil, ps))
			}
		}
	}
	put(b, []byte(key), row)
}
