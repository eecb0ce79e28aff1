package journal

import (
	"bytes"
	"encoding/binary"

	"github.com/aielon/edge/node/edge"
)

// rowVersion begins every row of this package that is not a block.
const rowVersion = 1

// A Tally counts records and the bytes they take in the store, keys and headers of blocks included.
type Tally struct {
	Records, Bytes uint64
}

func (t Tally) plus(o Tally) Tally  { return Tally{t.Records + o.Records, t.Bytes + o.Bytes} }
func (t Tally) minus(o Tally) Tally { return Tally{t.Records - o.Records, t.Bytes - o.Bytes} }

// headRow says where a journal stands. It is written with every commit of the journal. The counters
// are kept apart on purpose: Accepted by appending, Stored by blocks coming and going, Shed and
// Trimmed by removing. Each commit must leave Accepted = Stored + Shed + Trimmed.
type headRow struct {
	head, tail edge.Pos // newest record; the position before the oldest record that is still stored
	lastTime   int64    // the newest time this journal filled in itself, Unix nanoseconds
	blocks     uint64   // stored blocks
	accepted   Tally
	stored     Tally
	shed       Tally
	trimmed    Tally
}

func (h headRow) encode() []byte {
	b := appendPos(appendPos([]byte{rowVersion}, h.head), h.tail)
	for _, n := range []uint64{uint64(h.lastTime), h.blocks,
		h.accepted.Records, h.accepted.Bytes, h.stored.Records, h.stored.Bytes,
		h.shed.Records, h.shed.Bytes, h.trimmed.Records, h.trimmed.Bytes} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

func decodeHead(b []byte) (h headRow, err error) {
	d := cursor{b: b}
	d.version()
	h.head, h.tail = d.pos(), d.pos()
	h.lastTime, h.blocks = int64(d.u64()), d.u64()
	for _, t := range []*Tally{&h.accepted, &h.stored, &h.shed, &h.trimmed} {
		t.Records, t.Bytes = d.u64(), d.u64()
	}
	return h, d.end("head row")
}

// An Epoch is one unbroken run of sequence numbers of a journal.
type Epoch struct {
	Number uint64
	Fork   edge.Pos // the last record before it, as this store knew it
	First  edge.Pos // its genesis, with sequence number 0
	Last   edge.Pos // its newest record; First while it is empty
	Reason string   // why it was begun
	Time   int64    // when, Unix nanoseconds

	base uint64 // records in all epochs before it, forgotten ones included
}

// epochsRow is the list of epochs with the name their sums are bound to. It is written when an epoch
// begins. Of the newest epoch, the head row says where it ends.
type epochsRow struct {
	chain string // origin + "/" + stream
	list  []Epoch
}

func (e epochsRow) encode() []byte {
	b := appendString([]byte{rowVersion}, e.chain)
	b = binary.AppendUvarint(b, uint64(len(e.list)))
	for _, x := range e.list {
		b = appendPos(appendPos(appendPos(b, x.Fork), x.First), x.Last)
		b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, uint64(x.Time)), x.base)
		b = appendString(b, x.Reason)
	}
	return b
}

// decodeEpochs checks the genesis of every epoch too.
func decodeEpochs(b []byte) (e epochsRow, err error) {
	d := cursor{b: b}
	d.version()
	e.chain = d.str()
	n := d.uvarint(maxEpochs)
	for range n {
		x := Epoch{Fork: d.pos(), First: d.pos(), Last: d.pos(), Time: int64(d.u64()), base: d.u64(), Reason: d.str()}
		x.Number = x.First.Epoch
		if d.bad || x.Number == 0 || x.First != edge.Genesis(e.chain, x.Number, x.Fork) || x.Last.Epoch != x.Number {
			d.bad = true
			break
		}
		if k := len(e.list); k > 0 && e.list[k-1].Number >= x.Number {
			d.bad = true
			break
		}
		e.list = append(e.list, x)
	}
	return e, d.end("list of epochs")
}

// gapRow is what was removed from one epoch, without a break. shed is how many of them were removed
// before every required follower had them.
type gapRow struct {
	from, to edge.Pos
	sum      Tally
	shed     uint64
	time     int64 // of the newest removal, Unix nanoseconds
	reason   string
}

func (g gapRow) encode() []byte {
	b := appendPos(appendPos([]byte{rowVersion}, g.from), g.to)
	for _, n := range []uint64{g.sum.Records, g.sum.Bytes, g.shed, uint64(g.time)} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return appendString(b, g.reason)
}

func decodeGap(b []byte) (g gapRow, err error) {
	d := cursor{b: b}
	d.version()
	g.from, g.to = d.pos(), d.pos()
	g.sum = Tally{d.u64(), d.u64()}
	g.shed, g.time, g.reason = d.u64(), int64(d.u64()), d.str()
	if g.from.Epoch != g.to.Epoch || g.from.Seq >= g.to.Seq || g.to.Seq-g.from.Seq != g.sum.Records {
		d.bad = true
	}
	return g, d.end("gap")
}

// markRow is how far one follower has come, and what that came to.
type markRow struct {
	pos     edge.Pos
	acked   uint64 // records it took
	shed    uint64 // records shed before it took them
	trimmed uint64 // records trimmed before it took them; 0 for a required follower
}

func (m markRow) encode() []byte {
	b := appendPos([]byte{rowVersion}, m.pos)
	for _, n := range []uint64{m.acked, m.shed, m.trimmed} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

func decodeMark(b []byte) (m markRow, err error) {
	d := cursor{b: b}
	d.version()
	m.pos, m.acked, m.shed, m.trimmed = d.pos(), d.u64(), d.u64(), d.u64()
	return m, d.end("mark")
}

func appendPos(b []byte, p edge.Pos) []byte {
	b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, p.Epoch), p.Seq)
	return append(b, p.Sum[:]...)
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// A cursor reads a row from front to back. Once it met something bad, all it returns is zero.
type cursor struct {
	b   []byte
	bad bool
}

func (d *cursor) take(n int) []byte {
	if d.bad || n > len(d.b) {
		d.bad = true
		return make([]byte, min(n, 64))
	}
	s := d.b[:n]
	d.b = d.b[n:]
	return s
}

func (d *cursor) version() {
	if d.take(1)[0] != rowVersion {
		d.bad = true
	}
}

func (d *cursor) u64() uint64 { return binary.BigEndian.Uint64(d.take(8)) }

func (d *cursor) pos() edge.Pos {
	return edge.Pos{Epoch: d.u64(), Seq: d.u64(), Sum: [32]byte(d.take(32))}
}

func (d *cursor) uvarint(limit uint64) uint64 {
	n, w := binary.Uvarint(d.b)
	if d.bad || w <= 0 || n > limit {
		d.bad = true
		return 0
	}
	d.b = d.b[w:]
	return n
}

func (d *cursor) str() string {
	n := d.uvarint(uint64(len(d.b)))
	return string(bytes.Clone(d.take(int(n))))
}

func (d *cursor) end(what string) error {
	if d.bad || len(d.b) != 0 {
		return edge.E(edge.Corrupt, "the %s of a journal is damaged or of an unknown version", what).
			WithHint("if another version of this program wrote it, use that version; otherwise restore the last backup, or with quickstart begin anew: --fresh")
	}
	return nil
}
