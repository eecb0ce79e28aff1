package wire

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/aielon/edge/node/edge"
)

// How a batch's payload is packed.
const (
	Plain  = 0
	Zstd   = 1 // RFC 8878
	Shared = 2 // Zstd with a shared dictionary
)

// Limits on one batch.
const (
	MaxRecords = 1024
	// MaxRecord bounds one record's encoding: the largest event edge.CheckEvent lets through.
	MaxRecord = edge.MaxBody + edge.MaxSubject + edge.MaxType + 32
)

// A Batch is a run of records of one stream. Its payload, unpacked, is for each record
//
//	uvarint length | encoding (edge.AppendEvent)
//
// The lengths stand there so that a record nobody can read has an end, and the stream a way past it.
type Batch struct {
	Stream  StreamID
	Urgency edge.Urgency
	Epoch   uint64
	First   uint64   // sequence number of the first record
	Count   uint32   // 1 to MaxRecords
	Before  [32]byte // sum of the position before the first record
	After   [32]byte // sum of the position of the last
	Packing uint8    // Plain, Zstd or Shared
	Dict    uint32   // of Shared, else 0
	RawLen  uint32   // bytes unpacked, at most MaxRaw
	Payload []byte
}

// Type returns TBatch.
func (*Batch) Type() Type { return TBatch }

// From is the position before the first record.
func (f *Batch) From() edge.Pos { return edge.Pos{Epoch: f.Epoch, Seq: f.First - 1, Sum: f.Before} }

// To is the position of the last record.
func (f *Batch) To() edge.Pos {
	return edge.Pos{Epoch: f.Epoch, Seq: f.First + uint64(f.Count) - 1, Sum: f.After}
}

// castagnoli is the polynomial of iSCSI (RFC 3720 section 12.1), which CPUs have in hardware.
func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

func (f *Batch) appendBody(dst []byte) []byte {
	start := len(dst)
	dst = append(putStream(dst, f.Stream), byte(f.Urgency))
	dst = putUint(putUint(putUint(dst, f.Epoch), f.First), uint64(f.Count))
	dst = append(append(dst, f.Before[:]...), f.After[:]...)
	dst = putUint(putUint(append(dst, f.Packing), uint64(f.Dict)), uint64(f.RawLen))
	dst = append(dst, f.Payload...)
	return binary.LittleEndian.AppendUint32(dst, checksum(dst[start:]))
}

func (f *Batch) decodeBody(b []byte) error {
	if len(b) < 4 || checksum(b[:len(b)-4]) != binary.LittleEndian.Uint32(b[len(b)-4:]) {
		return edge.E(edge.Corrupt, "a batch was damaged on its way: its checksum is wrong")
	}
	d := dec{b: b[:len(b)-4]}
	f.Stream, f.Urgency = d.stream(), d.urgency()
	f.Epoch, f.First = d.uint(^uint64(0)), d.uint(1<<63)
	f.Count = uint32(d.uint(MaxRecords))
	copy(f.Before[:], d.take(32))
	copy(f.After[:], d.take(32))
	f.Packing = uint8(d.uint(Shared))
	f.Dict, f.RawLen = uint32(d.uint(1<<32-1)), uint32(d.uint(MaxRaw))
	f.Payload = d.b
	switch {
	case d.err != nil:
	case f.Count == 0 || f.First == 0 || f.Epoch == 0:
		d.fail("a batch has no records, no place or no epoch")
	case f.RawLen < f.Count*2, f.Packing == Plain && int(f.RawLen) != len(f.Payload):
		d.fail("a batch's length is not what it says")
	case (f.Packing == Shared) != (f.Dict != 0):
		d.fail("a batch names a dictionary and does not use it")
	}
	return d.err
}

// A Builder gathers records that follow one another into a batch.
type Builder struct {
	id     StreamID
	u      edge.Urgency
	before edge.Pos
	after  edge.Pos
	limit  int
	raw    []byte
	enc    []byte
	count  uint32
}

// NewBuilder starts a batch right after a position. limit bounds the unpacked bytes; one record always fits.
func NewBuilder(id StreamID, u edge.Urgency, before edge.Pos, limit int) *Builder {
	return &Builder{id: id, u: u, before: before, after: before, limit: min(limit, MaxRaw)}
}

// Add takes the next record. It reports false, taking nothing, where the batch is full. It fails with
// Corrupt where r does not follow the record before it.
func (b *Builder) Add(r edge.Record) (bool, error) {
	b.enc = edge.AppendEvent(b.enc[:0], r.Event)
	next := b.after.Next(b.enc)
	if next != r.Pos {
		return false, edge.E(edge.Corrupt, "record %v of stream %s does not follow %v: its sum should be %x", r.Pos, b.id, b.after, next.Sum[:4])
	}
	if b.count > 0 && (len(b.raw)+len(b.enc)+3 > b.limit || b.count == MaxRecords) {
		return false, nil
	}
	b.raw = putBytes(b.raw, b.enc)
	b.after, b.count = next, b.count+1
	return true, nil
}

// Len returns the number of records, Size their bytes unpacked, After the position of the last.
func (b *Builder) Len() int        { return int(b.count) }
func (b *Builder) Size() int       { return len(b.raw) }
func (b *Builder) After() edge.Pos { return b.after }

// Seal packs what was gathered and starts the next batch behind it. It returns nil where nothing was
// gathered. dict is a dictionary both ends have, or 0.
func (b *Builder) Seal(c *Codec, dict uint32) *Batch {
	if b.count == 0 {
		return nil
	}
	f := &Batch{Stream: b.id, Urgency: b.u, Epoch: b.before.Epoch, First: b.before.Seq + 1, Count: b.count,
		Before: b.before.Sum, After: b.after.Sum, RawLen: uint32(len(b.raw))}
	f.Packing, f.Dict, f.Payload = c.Pack(b.raw, dict)
	b.before, b.raw, b.count = b.after, b.raw[:0], 0
	return f
}

// An Item is one record as it travelled.
type Item struct {
	Pos edge.Pos
	Raw []byte // what edge.DecodeEvent reads, if it can
}

// Open unpacks a batch and checks that its records chain from Before to After. It fails with Corrupt
// where they do not and with Invalid where the packing is not ours.
func (c *Codec) Open(f *Batch) ([]Item, error) {
	raw, err := c.Unpack(f.Packing, f.Dict, int(f.RawLen), f.Payload)
	if err != nil {
		return nil, err
	}
	items, err := Split(raw, f.From(), int(f.Count))
	if err != nil || items[len(items)-1].Pos != f.To() {
		return nil, edge.E(edge.Corrupt, "the records of batch %v of stream %s are not the ones its sums were made of", f.From(), f.Stream)
	}
	return items, nil
}

// Split takes exactly count records apart, as they follow one another in a payload after a position. The
// records alias raw. It fails with Corrupt.
func Split(raw []byte, from edge.Pos, count int) ([]Item, error) {
	items, d := make([]Item, 0, count), dec{b: raw}
	for range count {
		enc := d.bytes(MaxRecord)
		if d.err != nil || len(enc) == 0 {
			return nil, edge.E(edge.Corrupt, "records after %v end in the middle", from)
		}
		from = from.Next(enc)
		items = append(items, Item{from, enc})
	}
	if d.end() != nil || count == 0 {
		return nil, edge.E(edge.Corrupt, "records after %v are more or fewer than announced", from)
	}
	return items, nil
}

// Join is the reverse of Split.
func Join(dst []byte, items []Item) []byte {
	for _, it := range items {
		dst = putBytes(dst, it.Raw)
	}
	return dst
}
