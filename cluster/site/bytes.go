package site

import (
	"encoding/binary"
	"strings"

	"github.com/aielon/edge/node/edge"
)

// A reader takes fields off the front of a message. After the first thing that does not fit, bad is set
// and every further take returns zero values, so that a decoder checks once, at the end.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.b) {
		r.bad = true
		return nil
	}
	s := r.b[:n:n]
	r.b = r.b[n:]
	return s
}

func (r *reader) u8() byte {
	if s := r.take(1); s != nil {
		return s[0]
	}
	return 0
}

func (r *reader) u64() uint64 {
	if s := r.take(8); s != nil {
		return binary.BigEndian.Uint64(s)
	}
	return 0
}

// uvarint refuses any but the shortest form, so that one value has one encoding.
func (r *reader) uvarint() uint64 {
	n, w := binary.Uvarint(r.b)
	if r.bad || w <= 0 || (w > 1 && r.b[w-1] == 0) {
		r.bad = true
		return 0
	}
	r.b = r.b[w:]
	return n
}

// count reads how many items follow, each of at least min bytes, so that nothing is allocated for items
// that cannot be there.
func (r *reader) count(min int) int {
	n := r.uvarint()
	if r.bad || n > uint64(len(r.b)/min) {
		r.bad = true
		return 0
	}
	return int(n)
}

// bytes reads a length and that many bytes; the result aliases the message.
func (r *reader) bytes(limit int) []byte {
	n := r.uvarint()
	if r.bad || n > uint64(limit) || n > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	return r.take(int(n))
}

func (r *reader) pos() (p edge.Pos) {
	p.Epoch, p.Seq = r.u64(), r.u64()
	copy(p.Sum[:], r.take(len(p.Sum)))
	return p
}

func appendBytes[S ~string | ~[]byte](dst []byte, s S) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendPos(dst []byte, p edge.Pos) []byte {
	dst = binary.BigEndian.AppendUint64(dst, p.Epoch)
	dst = binary.BigEndian.AppendUint64(dst, p.Seq)
	return append(dst, p.Sum[:]...)
}

// appendError writes a refusal; what lies beneath it stays on the node it happened on.
func appendError(dst []byte, e *edge.Error) []byte {
	dst = append(dst, byte(e.Kind))
	dst = appendBytes(dst, clip(e.Msg, maxSentence))
	return appendBytes(dst, clip(plain(e.Hint), maxSentence-maxCoded)+coded(e))
}

// maxCoded bounds the code of a refusal and its facts, in bytes with what separates them.
const maxCoded = 1024

// coded is the code of a refusal and its facts, behind the hint: a replica of an earlier version takes them for part
// of it, so that entries stay readable to all. Facts that are too many are left out from the end.
func coded(e *edge.Error) string {
	if e.Code == "" {
		return ""
	}
	s := "\x00" + clip(plain(e.Code), 64)
	for _, f := range e.Facts {
		if more := "\x00" + plain(f.Name) + "\x00" + plain(f.Value); len(s)+len(more) <= maxCoded {
			s += more
		}
	}
	return s
}

// plain is s without what separates a code from a hint.
func plain(s string) string { return strings.ReplaceAll(s, "\x00", "") }

// decoded takes what coded wrote off the hint.
func decoded(e *edge.Error) *edge.Error {
	parts := strings.Split(e.Hint, "\x00")
	if len(parts) < 2 {
		return e
	}
	e.Hint, e.Code = parts[0], parts[1]
	for f := parts[2:]; len(f) >= 2; f = f[2:] {
		e.Facts = append(e.Facts, edge.Fact{Name: f[0], Value: f[1]})
	}
	return e
}

func (r *reader) error() *edge.Error {
	k := r.u8()
	msg, hint := r.bytes(maxSentence), r.bytes(maxSentence)
	e := decoded(&edge.Error{Kind: edge.Kind(k), Msg: string(msg), Hint: string(hint)})
	if e.Hint+coded(e) != string(hint) {
		r.bad = true // there is one form only
	}
	return e
}

func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "")
	}
	return s
}
