package wire

import (
	"time"

	"github.com/aielon/edge/node/edge"
)

// Limits on large objects. An object is cut into chunks of ChunkSize bytes; the last may be shorter.
const (
	ChunkSize = 64 << 10
	MaxObject = 16 << 30 // bytes; its HAVE with every second chunk missing still fits in a control frame
	MaxChunks = MaxObject / ChunkSize
	maxChunk  = ChunkSize + 64 // body of a CHUNK frame
)

// Objects is the name in WELCOME's and HELLO's Extra of what says that a side knows the frames below.
const Objects = "objects"

// An ObjectID is the SHA-256 of an object's content.
type ObjectID [32]byte

func putObject(dst []byte, id ObjectID) []byte { return append(dst, id[:]...) }

func (d *dec) object() (id ObjectID) {
	copy(id[:], d.take(len(id)))
	return id
}

// Object offers an object. The answer is HAVE, or DECLINE.
type Object struct {
	ID   ObjectID
	Size uint64
}

// Type returns TObject.
func (*Object) Type() Type { return TObject }

func (f *Object) appendBody(dst []byte) []byte { return putUint(putObject(dst, f.ID), f.Size) }

func (f *Object) decodeBody(b []byte) error {
	d := dec{b: b}
	f.ID, f.Size = d.object(), d.uint(MaxObject)
	return d.end()
}

// Chunk is one chunk of an object: the bytes from Number times ChunkSize on.
type Chunk struct {
	ID     ObjectID
	Number uint64
	Data   []byte
}

// Type returns TChunk.
func (*Chunk) Type() Type { return TChunk }

func (f *Chunk) appendBody(dst []byte) []byte {
	return putBytes(putUint(putObject(dst, f.ID), f.Number), f.Data)
}

func (f *Chunk) decodeBody(b []byte) error {
	d := dec{b: b}
	f.ID, f.Number, f.Data = d.object(), d.uint(MaxChunks-1), d.bytes(ChunkSize)
	return d.end()
}

// Have says what of an object is on the disk of whoever receives it: all chunks before Next, and of those
// from Next on the ones whose bit is set, lowest bit of the first byte first. Next itself is missing, and
// the last byte of Bits is not zero. Done says that the whole object is there, verified and durable.
type Have struct {
	ID   ObjectID
	Done bool
	Next uint64
	Bits []byte
}

// Type returns THave.
func (*Have) Type() Type { return THave }

func (f *Have) appendBody(dst []byte) []byte {
	return putBytes(putUint(append(putObject(dst, f.ID), bit(f.Done)), f.Next), f.Bits)
}

func (f *Have) decodeBody(b []byte) error {
	d := dec{b: b}
	f.ID, f.Done, f.Next, f.Bits = d.object(), d.flag(), d.uint(MaxChunks), d.bytes(MaxChunks/8)
	if n := len(f.Bits); n > 0 && (f.Bits[0]&1 == 1 || f.Bits[n-1] == 0 || f.Done || f.Next+uint64(8*n) > MaxChunks+7) {
		d.fail("what is said to be here does not add up")
	}
	return d.end()
}

// Want asks the other side to offer an object.
type Want struct{ ID ObjectID }

// Type returns TWant.
func (*Want) Type() Type { return TWant }

func (f *Want) appendBody(dst []byte) []byte { return putObject(dst, f.ID) }

func (f *Want) decodeBody(b []byte) error {
	d := dec{b: b}
	f.ID = d.object()
	return d.end()
}

// Decline says that an object is not taken (the answer to OBJECT and CHUNK) or not given (to WANT).
type Decline struct {
	ID    ObjectID
	Kind  edge.Kind
	Retry time.Duration // do not ask again before
	Text  string
}

// Type returns TDecline.
func (*Decline) Type() Type { return TDecline }

// Err returns the frame as an error of its kind.
func (f *Decline) Err() *edge.Error { return edge.E(f.Kind, "%s", f.Text) }

func (f *Decline) appendBody(dst []byte) []byte {
	return putBytes(putMillis(append(putObject(dst, f.ID), byte(f.Kind)), f.Retry), f.Text)
}

func (f *Decline) decodeBody(b []byte) error {
	d := dec{b: b}
	f.ID, f.Kind = d.object(), edge.Kind(d.uint(127))
	f.Retry, f.Text = d.millis(24*time.Hour), d.str(MaxText)
	return d.end()
}
