package join

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"

	"github.com/aielon/edge/node/edge"
)

// maxFrame bounds one message, in bytes. An answer with full chains, roots and addresses has about 4 KiB.
const maxFrame = 48 << 10

// version is what this program speaks. A higher one adds fields, which a lower one skips; what cannot be
// said that way needs a new ALPN name.
const version = 1

// writeFrame sends v as JSON after its length (4 bytes, big endian), in one write.
func writeFrame(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return edge.E(edge.Internal, "a message cannot be encoded: %w", err)
	}
	if len(b) > maxFrame {
		return edge.E(edge.Exhausted, "a message has %d bytes and may have %d", len(b), maxFrame)
	}
	if _, err := w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)); err != nil {
		return edge.E(edge.Unavailable, "the other side cannot be reached: %w", err)
	}
	return nil
}

// readFrame reads what writeFrame sent. It fails with Invalid on what is no message, and allocates only
// after it has seen that the length is allowed.
func readFrame(r io.Reader, v any) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return lost(err)
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxFrame {
		return edge.E(edge.Invalid, "the other side sends %d bytes where %d are allowed", n, maxFrame)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return lost(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return edge.E(edge.Invalid, "the other side sends what cannot be read: %w", err)
	}
	return nil
}

// lost keeps the words of a refused handshake, which TLS 1.3 shows a client at its first read.
func lost(err error) error {
	var e *edge.Error
	if errors.As(err, &e) {
		return e
	}
	return edge.E(edge.Unavailable, "the connection ended before an answer came: %w", err)
}
