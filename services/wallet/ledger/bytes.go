package ledger

import (
	"encoding/binary"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// Rows are written as they are read, field by field: numbers as uvarints in their shortest form, texts with their length.

func appendText[S ~string | ~[]byte](b []byte, s S) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// appendAmount writes the high word, which is nearly always one byte of 0, and the low word.
func appendAmount(b []byte, a amount.Amount) []byte {
	b = binary.AppendUvarint(b, a.Hi)
	return binary.AppendUvarint(b, a.Lo)
}

func appendSigned(b []byte, s amount.Signed) []byte {
	if s.Neg {
		return appendAmount(append(b, 1), s.Amount)
	}
	return appendAmount(append(b, 0), s.Amount)
}

// A reader takes fields off the front of a row. Once something is wrong it stays bad and yields nothing more.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uvarint() uint64 {
	if len(r.b) > 0 && r.b[0] < 0x80 { // most are small
		n := uint64(r.b[0])
		r.b = r.b[1:]
		return n
	}
	n, w := binary.Uvarint(r.b)
	if w <= 0 || r.b[w-1] == 0 {
		r.fail()
		return 0
	}
	r.b = r.b[w:]
	return n
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.fail()
		return nil
	}
	t := r.b[:n]
	r.b = r.b[n:]
	return t
}

func (r *reader) byte() byte {
	if t := r.take(1); t != nil {
		return t[0]
	}
	return 0
}

func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	return r.take(int(n))
}

func (r *reader) text() string { return string(r.bytes()) }

func (r *reader) id() (id edge.ID) {
	copy(id[:], r.take(len(id)))
	return id
}

func (r *reader) u64() uint64 {
	if t := r.take(8); t != nil {
		return binary.BigEndian.Uint64(t)
	}
	return 0
}

func (r *reader) amount() amount.Amount {
	hi := r.uvarint()
	return amount.Amount{Hi: hi, Lo: r.uvarint()}
}

func (r *reader) signed() amount.Signed {
	neg := r.byte()
	s := amount.Signed{Amount: r.amount(), Neg: neg == 1}
	if neg > 1 || s.Neg && s.IsZero() {
		r.fail()
	}
	return s
}

func (r *reader) fail() { r.b, r.bad = nil, true }

// done is an error where the row was not what was written, or something is left of it.
func (r *reader) done(what string) error {
	if r.bad || len(r.b) > 0 {
		return edge.E(edge.Corrupt, "%s cannot be read", what).WithHint("run aielon-edge wallet check, and restore the node from another one or a backup")
	}
	return nil
}
