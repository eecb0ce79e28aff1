package site

import (
	"encoding/binary"

	"github.com/aielon/edge/node/edge"
)

// The rows site keeps for itself begin with a zero byte, which no service may write (see Tx.Set).
//
//	\x00 m              the meta row: where this replica is
//	\x00 o <id>         the remembered outcome of one command
//	\x00 q <count>      which outcomes batch <count> added that may be forgotten one day
//	\x00 r              how many those are, and how old the oldest
//	\x00 t <urgency>    up to where a journal of the site may be pruned
const (
	keyMeta      = "\x00m"
	keyOutcome   = "\x00o"
	keyQueue     = "\x00q"
	keyRetention = "\x00r"
)

// A meta says where a replica is. It is written with every entry, in the same commit as the entry's other
// writes, so that state and position cannot disagree.
type meta struct {
	Head  head
	Index uint64 // of the log entry that came last, accepted or not
	Now   int64  // the site's clock, Unix nanoseconds
}

func (m meta) append(dst []byte) []byte {
	dst = append(dst, 1)
	dst = binary.BigEndian.AppendUint64(dst, m.Head.Count)
	dst = append(dst, m.Head.Sum[:]...)
	dst = binary.BigEndian.AppendUint64(dst, m.Index)
	return binary.BigEndian.AppendUint64(dst, uint64(m.Now))
}

func decodeMeta(b []byte) (m meta, err error) {
	r := &reader{b: b}
	v := r.u8()
	m.Head.Count = r.u64()
	copy(m.Head.Sum[:], r.take(len(m.Head.Sum)))
	m.Index, m.Now = r.u64(), int64(r.u64())
	if v != 1 || r.bad || len(r.b) > 0 {
		return meta{}, edge.E(edge.Corrupt, "the row that says where this replica is cannot be read")
	}
	return m, nil
}

// loadMeta reads the meta row; a state that has none has not begun.
func loadMeta(v edge.View) (meta, error) {
	b, err := v.Get([]byte(keyMeta))
	if edge.IsKind(err, edge.NotFound) {
		return meta{}, nil
	}
	if err != nil {
		return meta{}, err
	}
	return decodeMeta(b)
}

func outcomeKey(id edge.ID) []byte { return append([]byte(keyOutcome), id[:]...) }

func queueKey(count uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte(keyQueue), count)
}

// appendOutcome writes the row under which an outcome is remembered:
//
//	version 1 | index (8) | position (48) | digest (16) | answer
func appendOutcome(dst []byte, index uint64, pos edge.Pos, r result) []byte {
	dst = append(dst, 1)
	dst = binary.BigEndian.AppendUint64(dst, index)
	dst = appendPos(dst, pos)
	dst = append(dst, r.Digest[:]...)
	return appendAnswer(dst, r.Reply, r.Err)
}

func decodeOutcome(b []byte) (o edge.Outcome, d [sumLen]byte, err error) {
	r := &reader{b: b}
	v := r.u8()
	o.Index, o.Pos = r.u64(), r.pos()
	copy(d[:], r.take(sumLen))
	o.Reply, o.Err = r.answer()
	if v != 1 || r.bad || len(r.b) > 0 {
		return edge.Outcome{}, d, edge.E(edge.Corrupt, "a remembered outcome cannot be read")
	}
	return o, d, nil
}

// recall looks up what a command came to when it was first evaluated. found is false where it never was.
// The same ID with another body is a Conflict.
func recall(v edge.View, id edge.ID, d [sumLen]byte) (o edge.Outcome, found bool, err error) {
	b, err := v.Get(outcomeKey(id))
	if edge.IsKind(err, edge.NotFound) {
		return o, false, nil
	}
	if err != nil {
		return o, false, err
	}
	o, was, err := decodeOutcome(b)
	if err != nil {
		return o, false, err
	}
	if was != d {
		return edge.Outcome{}, false, reused()
	}
	o.Again = true
	return o, true, nil
}

func reused() *edge.Error {
	return edge.E(edge.Conflict, "this identifier was used before for another request").WithCode("idempotency_conflict").
		WithHint("give every new request an identifier of its own")
}

// retention counts the outcomes that may be forgotten one day.
type retention struct {
	Kept   uint64 // how many there are
	First  uint64 // the oldest of their queue rows
	Oldest int64  // when that row was written, Unix nanoseconds
}

func (t retention) append(dst []byte) []byte {
	dst = append(dst, 1)
	dst = binary.BigEndian.AppendUint64(dst, t.Kept)
	dst = binary.BigEndian.AppendUint64(dst, t.First)
	return binary.BigEndian.AppendUint64(dst, uint64(t.Oldest))
}

func loadRetention(v edge.View) (t retention, err error) {
	b, err := v.Get([]byte(keyRetention))
	if edge.IsKind(err, edge.NotFound) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	r := &reader{b: b}
	ver := r.u8()
	t.Kept, t.First, t.Oldest = r.u64(), r.u64(), int64(r.u64())
	if ver != 1 || r.bad || len(r.b) > 0 {
		return t, edge.E(edge.Corrupt, "the count of remembered outcomes cannot be read")
	}
	return t, nil
}

// appendQueued writes a queue row: when, and which IDs.
func appendQueued(dst []byte, now int64, ids []edge.ID) []byte {
	dst = binary.BigEndian.AppendUint64(append(dst, 1), uint64(now))
	for _, id := range ids {
		dst = append(dst, id[:]...)
	}
	return dst
}

func decodeQueued(b []byte) (at int64, ids []edge.ID, err error) {
	r := &reader{b: b}
	v, at := r.u8(), int64(r.u64())
	if v != 1 || r.bad || len(r.b)%16 != 0 {
		return at, nil, edge.E(edge.Corrupt, "a row of remembered outcomes cannot be read")
	}
	for len(r.b) > 0 {
		ids = append(ids, edge.ID(r.take(16)))
	}
	return at, ids, nil
}
