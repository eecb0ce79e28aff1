package wire

import (
	"encoding/binary"
	"io"

	"github.com/aielon/edge/node/edge"
)

// A Type says what a frame's body is. Bit 0 set: a reader that does not know the type must give up.
type Type uint64

// The frames of AES/1. Numbers are never reused.
const (
	THello     Type = 1  // node to hub, first frame of control
	TWelcome   Type = 3  // hub to node, answer to HELLO
	TCursors   Type = 5  // hub to node, right behind WELCOME
	TBatch     Type = 7  // records
	TAck       Type = 9  // what is safe at the hub
	TNack      Type = 11 // what the hub did not take, and why
	TSkip      Type = 13 // a gap the sender declares
	TEpoch     Type = 15 // a stream starts, or starts anew
	TError     Type = 17 // last words before closing
	TGoaway    Type = 19 // the other side will close
	TCmd       Type = 21 // hub to node
	TTwin      Type = 23 // hub to node: desired configuration
	TCredit    Type = 25 // how much the hub takes
	TTime      Type = 2  // clock exchange
	TPing      Type = 4  // is the path alive
	TPong      Type = 6  // it is
	TPolicy    Type = 8  // hub to node: data budget, windows, back-off
	TReceipt   Type = 10 // hub to node: signed word that it has a stream up to a position
	TReported  Type = 12 // node to hub: configuration in force
	TCmdResult Type = 14 // node to hub
	TObject    Type = 16 // an object is offered; this and what follows only where both sides know it
	TChunk     Type = 18 // a part of it
	THave      Type = 20 // what of it is on the disk of the other side
	TWant      Type = 22 // please offer an object
	TDecline   Type = 24 // an object is not taken, or not given
	TBacklog   Type = 26 // node to hub: what waits at the node
)

// Caps on the body of a frame, in bytes.
const (
	MaxControl = 64 << 10
	// MaxRaw bounds the records of one batch before compression: one record of the largest body and its head.
	MaxRaw = edge.MaxBody + 2<<10
	// MaxBatch is MaxRaw that did not compress and what a batch says about itself.
	MaxBatch = MaxRaw + 2<<10
)

// A Frame is one message. Byte slices of a decoded frame alias the buffer it was read into, which is
// its own.
type Frame interface {
	Type() Type
	appendBody(dst []byte) []byte
	decodeBody(b []byte) error
}

// Cap returns the most bytes a body of type t may have.
func Cap(t Type) uint64 {
	switch t {
	case TBatch:
		return MaxBatch
	case TChunk:
		return maxChunk
	}
	return MaxControl
}

// newFrame returns an empty frame of type t, and nil where t is unknown.
func newFrame(t Type) Frame {
	switch t {
	case THello:
		return new(Hello)
	case TWelcome:
		return new(Welcome)
	case TCursors:
		return new(Cursors)
	case TBatch:
		return new(Batch)
	case TAck:
		return new(Ack)
	case TNack:
		return new(Nack)
	case TSkip:
		return new(Skip)
	case TEpoch:
		return new(Epoch)
	case TError:
		return new(ErrorFrame)
	case TGoaway:
		return new(Goaway)
	}
	return newMoreFrame(t)
}

func newMoreFrame(t Type) Frame {
	switch t {
	case TCmd:
		return new(Cmd)
	case TTwin:
		return new(Twin)
	case TCredit:
		return new(Credit)
	case TTime:
		return new(Time)
	case TPing:
		return new(Ping)
	case TPong:
		return new(Pong)
	case TPolicy:
		return new(Policy)
	case TReceipt:
		return new(Receipt)
	case TReported:
		return new(Reported)
	case TCmdResult:
		return new(CmdResult)
	}
	return newObjectFrame(t)
}

func newObjectFrame(t Type) Frame {
	switch t {
	case TObject:
		return new(Object)
	case TChunk:
		return new(Chunk)
	case THave:
		return new(Have)
	case TWant:
		return new(Want)
	case TDecline:
		return new(Decline)
	case TBacklog:
		return new(Backlog)
	}
	return nil
}

// AppendFrame appends f whole. It fails with Invalid, and appends nothing, where the body would be over its cap.
func AppendFrame(dst []byte, f Frame) ([]byte, error) {
	body := f.appendBody(nil)
	if uint64(len(body)) > Cap(f.Type()) {
		return dst, edge.E(edge.Invalid, "a frame of type %d would have %d bytes, %d are allowed", f.Type(), len(body), Cap(f.Type()))
	}
	dst = putUint(dst, uint64(f.Type()))
	return append(putUint(dst, uint64(len(body))), body...), nil
}

// DecodeFrame takes one frame off b and returns what follows. An unknown type that may be skipped comes
// back as a nil Frame. Failures are of kind Invalid (Corrupt for a batch whose checksum is wrong).
func DecodeFrame(b []byte) (f Frame, rest []byte, err error) {
	d := dec{b: b}
	t := Type(d.uint(^uint64(0)))
	n := d.uint(Cap(t))
	body := d.take(int(n))
	if d.err != nil {
		return nil, nil, d.err
	}
	f, err = decode(t, body)
	return f, d.b, err
}

func decode(t Type, body []byte) (Frame, error) {
	f := newFrame(t)
	if f == nil {
		if t&1 == 1 {
			return nil, edge.E(edge.Invalid, "the other side sent a frame of type %d, which this version does not know and may not skip", t).
				WithHint("update this program")
		}
		return nil, nil
	}
	if err := f.decodeBody(body); err != nil {
		return nil, err
	}
	return f, nil
}

// A Reader takes frames off a byte stream. Between frames it holds no buffer.
type Reader struct {
	r       io.Reader
	one     [1]byte
	Bytes   uint64 // taken so far, heads included
	Skipped uint64 // frames of unknown type passed over
}

// NewReader returns a Reader on r, which should be cheap to read byte by byte.
func NewReader(r io.Reader) *Reader { return &Reader{r: r} }

// Next returns the next frame it knows and its size on the wire. It returns io.EOF where the stream ends
// between frames and an error of kind Invalid or Corrupt where the other side broke a rule.
func (r *Reader) Next() (Frame, int, error) {
	for {
		start := r.Bytes
		t, n, err := r.head()
		if err != nil {
			return nil, 0, err
		}
		if newFrame(t) == nil && t&1 == 0 {
			r.Skipped++
			if err := r.discard(n); err != nil {
				return nil, 0, err
			}
			continue
		}
		body, err := r.body(n)
		if err != nil {
			return nil, 0, err
		}
		f, err := decode(t, body)
		return f, int(r.Bytes - start), err
	}
}

func (r *Reader) head() (Type, uint64, error) {
	t, err := r.uvarint()
	if err != nil {
		return 0, 0, err
	}
	n, err := r.uvarint()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err == nil && n > Cap(Type(t)) {
		err = edge.E(edge.Invalid, "the other side announced a frame of type %d with %d bytes, %d are allowed", t, n, Cap(Type(t)))
	}
	return Type(t), n, err
}

func (r *Reader) uvarint() (uint64, error) {
	var buf [binary.MaxVarintLen64]byte
	for i := range buf {
		if _, err := io.ReadFull(r.r, r.one[:]); err != nil {
			if i > 0 && err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		r.Bytes++
		if buf[i] = r.one[0]; buf[i] < 0x80 {
			d := dec{b: buf[:i+1]}
			n := d.uint(^uint64(0))
			return n, d.err
		}
	}
	return 0, edge.E(edge.Invalid, "a frame is not well formed: a number is too long")
}

// body grows with what has arrived, so that a promise of a megabyte without the megabyte costs 32 KiB.
func (r *Reader) body(n uint64) ([]byte, error) {
	const step = 32 << 10
	b := make([]byte, 0, min(n, step))
	for uint64(len(b)) < n {
		if len(b) == cap(b) {
			grown := make([]byte, len(b), min(n, uint64(2*cap(b))))
			copy(grown, b)
			b = grown
		}
		m, err := io.ReadFull(r.r, b[len(b):cap(b)])
		b = b[:len(b)+m]
		r.Bytes += uint64(m)
		if err != nil {
			return nil, short(err)
		}
	}
	return b, nil
}

func (r *Reader) discard(n uint64) error {
	m, err := io.CopyN(io.Discard, r.r, int64(n))
	r.Bytes += uint64(m)
	return short(err)
}

// short turns an end in the middle of a frame into what it is.
func short(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
