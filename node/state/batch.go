package state

import (
	"bytes"

	"github.com/aielon/edge/node/edge"
	"github.com/klauspost/compress/s2"
)

// opOverhead is what one write costs besides its key and value, in Badger's counting: node of the
// skip list (at most 96 bytes) and headers. It also bounds the number of writes of a batch.
const opOverhead = 128

// slab is how much a batch allocates at a time.
const slab = 64 << 10

// reserved are the prefixes users may not write under: Badger's own and ours.
var (
	badgerPrefix = []byte("!badger!")
	ownPrefix    = []byte("!state!")
)

// A Batch is a list of writes that take effect together or not at all. A later write of a key replaces
// an earlier one. A Batch copies what it is given, once. The zero Batch is not usable; see NewBatch.
type Batch struct {
	ops  []op
	size int
	free []byte // rest of the current slab
	pack []byte // reused by seal

	lent  [][]byte // memory the writes lie in
	spare [][]byte // such memory of writes that are done with
}

// What a batch keeps for its next use: pieces of memory, each of so many bytes at most.
const (
	maxSpares = 4
	maxSpare  = 512 << 10
)

// op is one write: key, and room for the sealed value with the plaintext already in its place.
type op struct {
	key    []byte
	val    []byte // head, plaintext; capacity for the tag. nil: delete
	sealed bool
}

// NewBatch returns an empty Batch.
func NewBatch() *Batch { return &Batch{} }

// Set makes key hold value. Both are copied.
func (b *Batch) Set(key, value []byte) {
	n := headSize + len(value)
	v := b.alloc(n + sealOverhead - headSize)[:n]
	copy(v[headSize:], value)
	b.add(op{key: b.copy(key), val: v}, len(value)+sealOverhead)
}

// Delete removes key, if it is there.
func (b *Batch) Delete(key []byte) { b.add(op{key: b.copy(key)}, 0) }

// Apply adds a service's writes: a nil Value deletes.
func (b *Batch) Apply(writes []edge.Write) {
	for _, w := range writes {
		if w.Value == nil {
			b.Delete(w.Key)
		} else {
			b.Set(w.Key, w.Value)
		}
	}
}

// Len is the number of writes.
func (b *Batch) Len() int { return len(b.ops) }

// Size is what the batch will take of Store.MaxBatch, in bytes.
func (b *Batch) Size() int { return b.size }

// Reset empties the batch for another use, in the same memory. Nobody may be committing it.
func (b *Batch) Reset() {
	clear(b.ops)
	b.ops, b.size, b.free = b.ops[:0], 0, nil
	for _, p := range b.lent {
		if len(b.spare) < maxSpares && cap(p) <= maxSpare {
			b.spare = append(b.spare, p)
		}
	}
	b.leave()
}

// leave forgets what memory the writes lie in: it is not used again.
func (b *Batch) leave() {
	clear(b.lent)
	b.lent = b.lent[:0]
}

func (b *Batch) add(o op, value int) {
	b.ops = append(b.ops, o)
	b.size += len(o.key) + value + opOverhead
}

func (b *Batch) copy(p []byte) []byte {
	c := b.alloc(len(p))
	copy(c, p)
	return c
}

// alloc returns n bytes of a slab, with anything in them. Large pieces get memory of their own.
func (b *Batch) alloc(n int) []byte {
	if n > slab/4 {
		return b.lend(n)[:n:n]
	}
	if len(b.free) < n {
		b.free = b.lend(slab)
	}
	p := b.free[:n:n]
	b.free = b.free[n:]
	return p
}

// lend returns at least n bytes, spare ones where there are as many.
func (b *Batch) lend(n int) (p []byte) {
	for i, s := range b.spare {
		if cap(s) >= n {
			last := len(b.spare) - 1
			b.spare[i], b.spare[last] = b.spare[last], nil
			p, b.spare = s[:cap(s)], b.spare[:last]
			break
		}
	}
	if p == nil {
		p = make([]byte, (n+slab-1)/slab*slab)
	}
	b.lent = append(b.lent, p)
	return p
}

// truncate forgets all writes from the n-th on, and the size says what was counted before them.
func (b *Batch) truncate(n, size int) {
	clear(b.ops[n:])
	b.ops, b.size = b.ops[:n], size
}

// check refuses, with Invalid, writes from the n-th on that no store can hold.
func (b *Batch) check(n int, s *Store) error {
	for _, o := range b.ops[n:] {
		switch {
		case len(o.key) == 0 || len(o.key) > MaxKey:
			return edge.E(edge.Invalid, "a key must have 1 to %d bytes, this one has %d", MaxKey, len(o.key))
		case bytes.HasPrefix(o.key, badgerPrefix) || bytes.HasPrefix(o.key, ownPrefix):
			return edge.E(edge.Invalid, "the key %q is reserved", clipKey(o.key))
		case !o.sealed && len(o.val)-headSize > s.env.maxValue:
			return edge.E(edge.Invalid, "a value of %d bytes is too large for the store %q, which takes %d", len(o.val)-headSize, s.opt.Name, s.env.maxValue).
				WithHint("put large values in the blob store and refer to them by hash")
		}
	}
	return nil
}

// sealAll seals what is not sealed yet, so that a batch that was refused can be committed again.
func (b *Batch) sealAll(e *envelope) {
	for i := range b.ops {
		o := &b.ops[i]
		if o.val == nil || o.sealed {
			continue
		}
		format := byte(formatPlain)
		if plain := o.val[headSize:]; len(plain) >= minCompress {
			if b.pack = s2.Encode(b.pack[:cap(b.pack)], plain); len(b.pack) < len(plain)-len(plain)/8 {
				o.val = o.val[:headSize+copy(plain, b.pack)]
				format = formatS2
			}
		}
		o.val = e.sealInPlace(o.val, o.key, format)
		o.sealed = true
	}
}
