package wire

import (
	_ "embed" // dict1.zdict
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/aielon/edge/node/edge"
)

// DictReadings is the dictionary made from ordinary SenML readings.
const DictReadings = 1

//go:embed dict1.zdict
var dictReadings []byte

// smallest is the size below which packing costs more than it saves.
const smallest = 48

// A Codec packs and unpacks batches. One serves a whole process: its coders are shared by all sessions,
// made when first needed, and bounded in number. It is safe for concurrent use.
type Codec struct {
	dec   *zstd.Decoder
	known map[uint32][]byte // read only after NewCodec

	mu   sync.Mutex
	encs map[uint32]*zstd.Encoder // guarded by mu; 0 is without a dictionary
}

// NewCodec returns a Codec that has the built-in dictionary and can unpack up to parallel batches at once.
func NewCodec(parallel int) (*Codec, error) {
	known := map[uint32][]byte{DictReadings: dictReadings}
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(max(1, parallel)), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(MaxRaw), zstd.WithDecoderMaxWindow(1<<20), zstd.WithDecodeAllCapLimit(true),
		zstd.WithDecoderDicts(dictReadings))
	if err != nil {
		return nil, edge.E(edge.Internal, "the unpacker cannot be made: %w", err)
	}
	return &Codec{dec: d, known: known, encs: map[uint32]*zstd.Encoder{}}, nil
}

// Close frees the coders.
func (c *Codec) Close() error {
	c.dec.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.encs)
	return nil
}

// Dicts lists the dictionaries the codec has.
func (c *Codec) Dicts() []uint32 { return []uint32{DictReadings} }

// Choose returns the best dictionary for a stream that the other side has too, or 0.
func (c *Codec) Choose(theirs []uint32) uint32 {
	for _, id := range theirs {
		if _, ok := c.known[id]; ok {
			return id
		}
	}
	return 0
}

func (c *Codec) encoder(dict uint32) *zstd.Encoder {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.encs[dict]; e != nil {
		return e
	}
	opts := []zstd.EOption{zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
		zstd.WithWindowSize(256 << 10), zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true)}
	if dict != 0 {
		opts = append(opts, zstd.WithEncoderDict(c.known[dict]))
	}
	e, err := zstd.NewWriter(nil, opts...)
	if err != nil { // the options are constants and the dictionary ours: a mistake of the program
		return nil
	}
	c.encs[dict] = e
	return e
}

// Pack returns the smaller of raw as it is and raw compressed, with a dictionary where dict is one the
// codec has. The result does not alias raw.
func (c *Codec) Pack(raw []byte, dict uint32) (packing uint8, id uint32, out []byte) {
	if _, ok := c.known[dict]; !ok {
		dict = 0
	}
	if len(raw) >= smallest {
		if e := c.encoder(dict); e != nil {
			out = e.EncodeAll(raw, nil)
		}
	}
	switch {
	case out == nil || len(out) >= len(raw):
		return Plain, 0, append([]byte(nil), raw...)
	case dict != 0:
		return Shared, dict, out
	}
	return Zstd, 0, out
}

// Unpack reverses Pack. It never writes more than rawLen bytes, which may be MaxRaw at most. A Plain
// payload is returned as it is. It fails with Invalid and Corrupt.
func (c *Codec) Unpack(packing uint8, dict uint32, rawLen int, payload []byte) ([]byte, error) {
	if packing == Plain {
		return payload, nil
	}
	if _, ok := c.known[dict]; packing == Shared && !ok {
		return nil, edge.E(edge.Invalid, "a batch is packed with dictionary %d, which is not known here", dict).
			WithHint("update this program")
	}
	if rawLen > MaxRaw {
		return nil, edge.E(edge.Invalid, "a batch would unpack to %d bytes, %d are allowed", rawLen, MaxRaw)
	}
	raw, err := c.dec.DecodeAll(payload, make([]byte, 0, rawLen))
	if err != nil || len(raw) != rawLen {
		return nil, edge.E(edge.Corrupt, "a batch does not unpack to the %d bytes it announced: %w", rawLen, errOr(err))
	}
	return raw, nil
}

func errOr(err error) error {
	if err == nil {
		return edge.E(edge.Corrupt, "its length is another")
	}
	return err
}
