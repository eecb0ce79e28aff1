package wire

import (
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/aielon/edge/node/edge"
)

// Origins take one of two forms on the wire: half of what streams name is a node, and 32 bytes are
// less than 64 digits.
const (
	originText = 0 // uvarint length | text
	originNode = 1 // 32 bytes
)

func putUint(dst []byte, n uint64) []byte { return binary.AppendUvarint(dst, n) }

func putBytes[S ~string | ~[]byte](dst []byte, s S) []byte {
	return append(putUint(dst, uint64(len(s))), s...)
}

// putTime writes nanoseconds since 1970, zigzag so that a clock before 1970 survives; 0 is no time.
func putTime(dst []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(dst, 0)
	}
	ns := t.UnixNano()
	return putUint(dst, uint64(ns)<<1^uint64(ns>>63))
}

func putPos(dst []byte, p edge.Pos) []byte {
	return append(putUint(putUint(dst, p.Epoch), p.Seq), p.Sum[:]...)
}

func putStream(dst []byte, s StreamID) []byte {
	if n, ok := s.Node(); ok {
		dst = append(append(dst, originNode), n[:]...)
	} else {
		dst = putBytes(append(dst, originText), s.Origin)
	}
	return putBytes(dst, s.Name)
}

// A dec takes values off the front of a body. After the first mistake it yields zeros and keeps the
// mistake, so that a frame is decoded straight down and checked once.
type dec struct {
	b   []byte
	err error
}

func (d *dec) fail(what string) {
	if d.err == nil {
		d.err = edge.E(edge.Invalid, "a frame is not well formed: %s", what)
	}
	d.b = nil
}

func (d *dec) uint(limit uint64) uint64 {
	n, w := binary.Uvarint(d.b)
	switch {
	case w <= 0 || w > 1 && d.b[w-1] == 0:
		d.fail("a number is cut short or too long")
		return 0
	case n > limit:
		d.fail("a number is out of range")
		return 0
	}
	d.b = d.b[w:]
	return n
}

// count reads how many items follow, each at least size bytes, so that a lie cannot make us allocate
// more than the frame itself holds.
func (d *dec) count(limit, size int) int {
	n := d.uint(uint64(limit))
	if n > uint64(len(d.b)/size) {
		d.fail("more is promised than follows")
		return 0
	}
	return int(n)
}

func (d *dec) take(n int) []byte {
	if n > len(d.b) {
		d.fail("it ends in the middle")
		return nil
	}
	b := d.b[:n:n]
	d.b = d.b[n:]
	return b
}

// bytes aliases the frame's buffer; nothing is copied.
func (d *dec) bytes(limit int) []byte {
	if n := d.uint(uint64(limit)); d.err == nil {
		return d.take(int(n))
	}
	return nil
}

func (d *dec) str(limit int) string { return string(d.bytes(limit)) }

func (d *dec) flag() bool { return d.uint(1) == 1 }

func (d *dec) time() time.Time {
	z := d.uint(^uint64(0))
	if z == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(z>>1)^-int64(z&1)).UTC()
}

func (d *dec) pos() (p edge.Pos) {
	p.Epoch, p.Seq = d.uint(^uint64(0)), d.uint(^uint64(0))
	copy(p.Sum[:], d.take(len(p.Sum)))
	return p
}

func (d *dec) stream() (s StreamID) {
	switch d.uint(originNode) {
	case originNode:
		s.Origin = hex.EncodeToString(d.take(32))
	default:
		s.Origin = d.str(MaxOrigin)
		if _, long := s.Node(); long { // a second spelling of the same stream
			d.fail("an origin is in its long form")
		}
	}
	s.Name = d.str(MaxName)
	if d.err == nil {
		if err := s.Check(); err != nil {
			d.fail(err.Error())
		}
	}
	return s
}

// end returns the first mistake, and one where something is left over.
func (d *dec) end() error {
	if d.err == nil && len(d.b) > 0 {
		d.fail("something follows its end")
	}
	return d.err
}
