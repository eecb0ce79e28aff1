package journal

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A block is the records one commit added to one journal, in one value:
//
//	version (1 byte, 1) | first seq 8 | count 4 | newest time 8 (Unix nanoseconds)
//	| sum before the first record 32 | sum after the last 32 | encodings (edge.AppendEvent), count of them
//
// All numbers are big endian. The key holds the epoch and the last sequence number.
const (
	blockVersion = 1
	blockHeader  = 1 + 8 + 4 + 8 + 32 + 32
	maxBlock     = 256 << 10 // bytes of value; one record larger than this has a block to itself
	maxValue     = blockHeader + edge.MaxBody + edge.MaxSubject + edge.MaxType + 64
)

// A block as its key and header describe it. records is what follows the header.
type block struct {
	before, after edge.Pos
	newest        int64 // Unix nanoseconds
	records       []byte
	size          int // bytes of key and value
}

func (b block) count() uint64 { return b.after.Seq - b.before.Seq }

// openBlock reads the header of a stored block without looking at its records. It fails with Corrupt.
func openBlock(key, prefix, value []byte) (block, error) {
	epoch, last, ok := cutAt(key, prefix)
	if !ok || len(value) < blockHeader || len(value) > maxValue || value[0] != blockVersion {
		return block{}, edge.E(edge.Corrupt, "a block of the journal is damaged or of an unknown version")
	}
	first, count := binary.BigEndian.Uint64(value[1:]), uint64(binary.BigEndian.Uint32(value[9:]))
	if first == 0 || count == 0 || last < first || last-first != count-1 {
		return block{}, edge.E(edge.Corrupt, "a block of the journal says it holds %d records from %d, but lies at %d", count, first, last)
	}
	b := block{
		before:  edge.Pos{Epoch: epoch, Seq: first - 1, Sum: [32]byte(value[21:])},
		after:   edge.Pos{Epoch: epoch, Seq: last, Sum: [32]byte(value[53:])},
		newest:  int64(binary.BigEndian.Uint64(value[13:])),
		records: value[blockHeader:],
		size:    len(key) + len(value),
	}
	return b, nil
}

// decode reads all records and proves that they lead from the sum before to the sum after. Bodies
// alias the block's value. It fails with Corrupt and then returns none.
func (b block) decode() ([]edge.Record, error) {
	if uint64(len(b.records)) < b.count()*14 { // the shortest record; checked before anything is allocated
		return nil, edge.E(edge.Corrupt, "a block of the journal is too short for the records it claims")
	}
	out := make([]edge.Record, 0, b.count())
	rest, pos, newest := b.records, b.before, int64(math.MinInt64)
	for range b.count() {
		e, after, err := edge.DecodeEvent(rest)
		if err != nil {
			return nil, edge.E(edge.Corrupt, "record %d of epoch %x cannot be read: %w", pos.Seq+1, pos.Epoch, err)
		}
		pos = pos.Next(rest[:len(rest)-len(after)])
		newest = max(newest, e.Time.UnixNano())
		out = append(out, edge.Record{Pos: pos, Event: e})
		rest = after
	}
	if len(rest) != 0 || newest != b.newest {
		return nil, edge.E(edge.Corrupt, "the block of the journal up to %v does not end where it says", b.after)
	}
	if pos != b.after {
		return nil, edge.E(edge.Corrupt, "the chain of the journal is broken before %v: its records are not those that were written", b.after)
	}
	return out, nil
}

// A builder gathers the records of one block. The zero builder is empty.
type builder struct {
	buf    []byte // header space, then encodings
	spare  []byte // memory of the block before
	before edge.Pos
	newest int64
}

// add appends e, whose position before it is p, and returns the position after it. digest is e's, where
// somebody has computed it.
func (w *builder) add(p edge.Pos, e edge.Event, digest *[32]byte, room int) edge.Pos {
	if len(w.buf) == 0 {
		w.begin(blockHeader + min(room, maxBlock))
		w.before, w.newest = p, math.MinInt64
	}
	from := len(w.buf)
	w.buf = edge.AppendEvent(w.buf, e)
	w.newest = max(w.newest, e.Time.UnixNano())
	if digest != nil {
		return p.NextDigest(w.buf[from:], *digest)
	}
	return p.Next(w.buf[from:])
}

// begin makes room for n bytes, in the memory of the block before where that is enough.
func (w *builder) begin(n int) {
	if cap(w.spare) < n {
		w.spare = make([]byte, 0, n)
	}
	w.buf, w.spare = w.spare[:blockHeader], nil
}

// value fills in the header and returns the block's value, which holds until the next add. The builder
// is empty afterwards.
func (w *builder) value(after edge.Pos) []byte {
	v := w.buf
	v[0] = blockVersion
	binary.BigEndian.PutUint64(v[1:], w.before.Seq+1)
	binary.BigEndian.PutUint32(v[9:], uint32(after.Seq-w.before.Seq))
	binary.BigEndian.PutUint64(v[13:], uint64(w.newest))
	copy(v[21:], w.before.Sum[:])
	copy(v[53:], after.Sum[:])
	*w = builder{}
	if cap(v) <= 2*maxBlock {
		w.spare = v[:0]
	}
	return v
}

// encodedSize is an upper bound of the bytes AppendEvent needs for e.
func encodedSize(e edge.Event) int { return 11 + 9 + len(e.Type) + len(e.Subject) + len(e.Body) }

// storable reports whether t survives the encoding (Unix nanoseconds in 64 bits: years 1678 to 2261).
func storable(t time.Time) bool { return t.Year() > 1678 && t.Year() < 2262 }
