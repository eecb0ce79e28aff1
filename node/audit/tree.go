package audit

import (
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// Tiles are as in C2SP tlog-tiles: 256 hashes of one level, each over 256 of the level below.
const (
	tileBits  = 8
	tileWidth = 1 << tileBits
)

type tileID struct {
	level int
	index int64
}

// A tree is the right edge of a Merkle tree (RFC 6962) in memory, and the tiles that are not written yet. It is as
// large as the logarithm of the tree, and what is not written.
type tree struct {
	size int64
	edge [][]tlog.Hash          // by level of tiles: the hashes of the tile that is not full
	full map[tileID][]tlog.Hash // not written
	part map[int]bool           // levels of which the tile that is not full is not written
}

func newTree() *tree { return &tree{full: map[tileID][]tlog.Hash{}, part: map[int]bool{}} }

// leafHash is the hash of a record's leaf: over the canonical encoding of its event, head and all.
func leafHash(e edge.Event, scratch []byte) (tlog.Hash, []byte) {
	scratch = edge.AppendEvent(scratch[:0], e)
	return tlog.RecordHash(scratch), scratch
}

// add makes a leaf the newest.
func (t *tree) add(leaf tlog.Hash) {
	t.size++
	for level, h := 0, leaf; ; level++ {
		if level == len(t.edge) {
			t.edge = append(t.edge, make([]tlog.Hash, 0, tileWidth))
		}
		t.edge[level], t.part[level] = append(t.edge[level], h), true
		if len(t.edge[level]) < tileWidth {
			return
		}
		whole := t.edge[level]
		t.full[tileID{level, t.size>>(tileBits*(level+1)) - 1}] = whole
		t.edge[level], t.part[level] = make([]tlog.Hash, 0, tileWidth), false
		h = fold(whole)
	}
}

// fold is the root over a power of two of hashes.
func fold(hs []tlog.Hash) tlog.Hash {
	if len(hs) == 1 {
		return hs[0]
	}
	row := append(make([]tlog.Hash, 0, len(hs)), hs...)
	for len(row) > 1 {
		for i := range len(row) / 2 {
			row[i] = tlog.NodeHash(row[2*i], row[2*i+1])
		}
		row = row[:len(row)/2]
	}
	return row[0]
}

// root is the root of the tree; only of one with leaves.
func (t *tree) root() tlog.Hash {
	var peaks []tlog.Hash // roots of the largest complete subtrees, from the left
	for level := len(t.edge) - 1; level >= 0; level-- {
		for rest := t.edge[level]; len(rest) > 0; {
			n := 1 << (bits.Len(uint(len(rest))) - 1)
			peaks, rest = append(peaks, fold(rest[:n])), rest[n:]
		}
	}
	h := peaks[len(peaks)-1]
	for i := len(peaks) - 2; i >= 0; i-- {
		h = tlog.NodeHash(peaks[i], h)
	}
	return h
}

// write adds what is not written to b.
func (t *tree) write(b *state.Batch, stream string, epoch uint64) {
	for id, hs := range t.full {
		b.Set(tileKey(stream, epoch, id), join(hs))
	}
	for level, dirty := range t.part {
		if dirty && len(t.edge[level]) > 0 {
			b.Set(tileKey(stream, epoch, tileID{level, t.size >> (tileBits * (level + 1))}), join(t.edge[level]))
		}
	}
}

// written says that what write added is durable.
func (t *tree) written() {
	clear(t.full)
	clear(t.part)
}

func join(hs []tlog.Hash) []byte {
	b := make([]byte, 0, len(hs)*tlog.HashSize)
	for _, h := range hs {
		b = append(b, h[:]...)
	}
	return b
}

// loadTree reads the right edge of a stored tree. It fails with Corrupt.
func loadTree(v *state.View, stream string, epoch uint64, size int64) (*tree, error) {
	t, s := newTree(), &stored{v: v, stream: stream, epoch: epoch}
	t.size = size
	for level := 0; size>>(tileBits*level) > 0; level++ {
		n := size >> (tileBits * level)
		part := make([]tlog.Hash, 0, tileWidth)
		if k := int(n & (tileWidth - 1)); k > 0 {
			hs, err := s.tile(tileID{level, n >> tileBits})
			if err != nil {
				return nil, err
			}
			if len(hs) < k {
				return nil, s.damaged()
			}
			part = append(part, hs[:k]...)
		}
		t.edge = append(t.edge, part)
	}
	return t, nil
}

// stored reads the hashes of a stored tree; it is a tlog.HashReader. It serves one proof, or one walk, and keeps a
// few tiles in memory.
type stored struct {
	v      *state.View
	stream string
	epoch  uint64
	cache  map[tileID][]tlog.Hash
}

// maxCached bounds the tiles one reader keeps, 8 KiB each.
const maxCached = 16

func (s *stored) damaged() error {
	return edge.E(edge.Corrupt, "the hashes of the audit of %s are damaged or incomplete", clip(s.stream)).
		WithHint("verify the journal; the hashes can be made again from records that are still there")
}

func (s *stored) tile(id tileID) ([]tlog.Hash, error) {
	if hs, ok := s.cache[id]; ok {
		return hs, nil
	}
	b, err := s.v.Get(tileKey(s.stream, s.epoch, id))
	if edge.IsKind(err, edge.NotFound) {
		return nil, s.damaged()
	}
	if err != nil {
		return nil, err
	}
	if len(b)%tlog.HashSize != 0 || len(b) > tileWidth*tlog.HashSize {
		return nil, s.damaged()
	}
	hs := make([]tlog.Hash, len(b)/tlog.HashSize)
	for i := range hs {
		copy(hs[i][:], b[i*tlog.HashSize:])
	}
	if s.cache == nil || len(s.cache) >= maxCached {
		s.cache = map[tileID][]tlog.Hash{}
	}
	s.cache[id] = hs
	return hs, nil
}

// hash is the root of the n-th complete subtree of 2^level leaves.
func (s *stored) hash(level int, n int64) (tlog.Hash, error) {
	below := level % tileBits
	first := n << below
	hs, err := s.tile(tileID{level / tileBits, first >> tileBits})
	if err != nil {
		return tlog.Hash{}, err
	}
	from := int(first & (tileWidth - 1))
	if to := from + 1<<below; to <= len(hs) {
		return fold(hs[from:to]), nil
	}
	return tlog.Hash{}, s.damaged()
}

// ReadHashes implements tlog.HashReader.
func (s *stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		level, n := tlog.SplitStoredHashIndex(x)
		h, err := s.hash(level, n)
		if err != nil {
			return nil, err
		}
		out[i] = h
	}
	return out, nil
}
