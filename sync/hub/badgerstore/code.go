package badgerstore

import (
	"encoding/binary"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

// Versions of what is stored. Version 2 of a block says when it was taken in, version 2 of a stream how many
// bytes were forgotten; version 1 of both is read for ever.
const (
	version  = 1
	version2 = 2
)

func streamKey(id wire.StreamID) []byte { return []byte("hs/" + id.String()) }

func forkPrefix(id wire.StreamID) []byte { return []byte("hf/" + id.String() + "/") }

func forkKey(id wire.StreamID, epoch uint64) []byte {
	return binary.BigEndian.AppendUint64(forkPrefix(id), epoch)
}

func blocksOf(id wire.StreamID) []byte { return []byte("h/" + id.String() + "/") }

func epochPrefix(id wire.StreamID, epoch uint64) []byte {
	return binary.BigEndian.AppendUint64(blocksOf(id), epoch)
}

func blockKey(id wire.StreamID, last edge.Pos) []byte {
	return binary.BigEndian.AppendUint64(epochPrefix(id, last.Epoch), last.Seq)
}

func partKey(block []byte, n int) []byte {
	return append(append([]byte("hp/"), block[len("h/"):]...), byte(n))
}

func rowKey(site, kind, key string) []byte { return []byte("hr/" + site + "/" + kind + "/" + key) }

// A coder reads what the put functions wrote. It is only ever shown authentic values; it checks lengths
// all the same, because a mistake of ours must not become a panic.
type coder struct {
	b   []byte
	bad bool
}

func putBytes[S ~string | ~[]byte](dst []byte, s S) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func putPos(dst []byte, p edge.Pos) []byte {
	return append(binary.AppendUvarint(binary.AppendUvarint(dst, p.Epoch), p.Seq), p.Sum[:]...)
}

func putTime(dst []byte, t time.Time) []byte { return binary.AppendVarint(dst, t.UnixNano()) }

func (c *coder) uint() uint64 {
	n, w := binary.Uvarint(c.b)
	if w <= 0 {
		c.bad, c.b = true, nil
		return 0
	}
	c.b = c.b[w:]
	return n
}

func (c *coder) take(n uint64) []byte {
	if n > uint64(len(c.b)) {
		c.bad, c.b = true, nil
		return nil
	}
	b := c.b[:n:n]
	c.b = c.b[n:]
	return b
}

func (c *coder) bytes() []byte { return c.take(c.uint()) }

func (c *coder) pos() (p edge.Pos) {
	p.Epoch, p.Seq = c.uint(), c.uint()
	copy(p.Sum[:], c.take(32))
	return p
}

func (c *coder) time() time.Time {
	n, w := binary.Varint(c.b)
	if w <= 0 {
		c.bad, c.b = true, nil
		return time.Time{}
	}
	c.b = c.b[w:]
	return time.Unix(0, n).UTC()
}

func (c *coder) end(what string) error {
	if c.bad || len(c.b) > 0 {
		return edge.E(edge.Corrupt, "the hub's %s cannot be read", what)
	}
	return nil
}

func encodeStream(s store.Stream) []byte {
	b := putBytes(putBytes(putBytes([]byte{version2}, s.ID.Origin), s.ID.Name), s.Site)
	b = append(append(b, byte(s.Urgency)), s.Via[:]...)
	b = putBytes(putPos(b, s.Cursor), s.Frozen)
	c := s.Counts
	for _, n := range []uint64{c.Accepted, c.Skipped, c.Missing, c.Quarantined, c.Duplicates, c.Bytes, c.Trimmed} {
		b = binary.AppendUvarint(b, n)
	}
	return binary.AppendUvarint(putTime(putTime(b, s.Created), s.Updated), c.TrimmedSize)
}

func decodeStream(b []byte) (s store.Stream, err error) {
	c := coder{b: b}
	v := c.uint()
	c.bad = v != version && v != version2
	s.ID = wire.StreamID{Origin: string(c.bytes()), Name: string(c.bytes())}
	s.Site, s.Urgency = string(c.bytes()), edge.Urgency(c.uint())
	copy(s.Via[:], c.take(32))
	s.Cursor, s.Frozen = c.pos(), string(c.bytes())
	n := &s.Counts
	for _, p := range []*uint64{&n.Accepted, &n.Skipped, &n.Missing, &n.Quarantined, &n.Duplicates, &n.Bytes, &n.Trimmed} {
		*p = c.uint()
	}
	s.Created, s.Updated = c.time(), c.time()
	if v == version2 {
		n.TrimmedSize = c.uint()
	}
	return s, c.end("row of a stream")
}

func encodeFork(f store.Fork) []byte {
	b := putPos(putPos(putPos([]byte{version}, f.Genesis), f.From), f.At)
	return putTime(putBytes(binary.AppendUvarint(b, f.Missing), f.Reason), f.Time)
}

func decodeFork(b []byte) (f store.Fork, err error) {
	c := coder{b: b}
	c.bad = c.uint() != version
	f.Genesis, f.From, f.At = c.pos(), c.pos(), c.pos()
	f.Missing, f.Reason, f.Time = c.uint(), string(c.bytes()), c.time()
	return f, c.end("row of an epoch")
}

// encodeBlock packs what an Append brings. Its records are compressed: sealed values do not compress
// any more further down.
func encodeBlock(z *wire.Codec, a store.Append) []byte {
	b := putBytes(putPos(putPos(putTime([]byte{version2}, a.Time), a.From), a.To), a.Skip)
	b = binary.AppendUvarint(b, uint64(len(a.Poison)))
	for _, it := range a.Items {
		if why, bad := a.Poison[it.Pos.Seq]; bad {
			b = putBytes(binary.AppendUvarint(b, it.Pos.Seq), why)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(a.Items)))
	if len(a.Items) == 0 {
		return b
	}
	raw := wire.Join(nil, a.Items)
	packing, dict, payload := z.Pack(raw, wire.DictReadings)
	b = binary.AppendUvarint(append(b, packing), uint64(dict))
	return append(binary.AppendUvarint(b, uint64(len(raw))), payload...)
}

func decodeBlock(z *wire.Codec, b []byte) (u store.Unit, err error) {
	c := coder{b: b}
	switch v := c.uint(); v {
	case version2:
		u.Time = c.time()
	default:
		c.bad = v != version
	}
	u.From, u.To, u.Skip = c.pos(), c.pos(), string(c.bytes())
	for range min(c.uint(), wire.MaxRecords) {
		if u.Poison == nil {
			u.Poison = map[uint64]string{}
		}
		u.Poison[c.uint()] = string(c.bytes())
	}
	count := c.uint()
	if count == 0 || c.bad {
		return u, c.end("block")
	}
	packing, dict, size := uint8(c.uint()), uint32(c.uint()), c.uint()
	if c.bad || count > wire.MaxRecords || size > maxRaw {
		return u, edge.E(edge.Corrupt, "the hub's block %v cannot be read", u.To)
	}
	raw, err := z.Unpack(packing, dict, int(size), c.b)
	if err == nil {
		u.Items, err = wire.Split(raw, u.From, int(count))
	}
	if err != nil || u.Items[len(u.Items)-1].Pos != u.To {
		return u, edge.E(edge.Corrupt, "the hub's block %v is not what was written: %w", u.To, err)
	}
	return u, nil
}

const maxRaw = wire.MaxRaw
