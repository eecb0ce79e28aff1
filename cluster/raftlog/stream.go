package raftlog

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"

	"github.com/aielon/edge/node/edge"
)

// A snapshot crosses the wire as
//
//	magic (8) | index and term of the mark (8, 8) | Applied of the mark (8) | index of the content (8)
//	chunks: length (4, 1 to 256 KiB) | that many bytes
//	0 (4) | bytes in all chunks (8) | SHA-256 of everything before
//
// and is used by nobody before the sum was found right.
const (
	chunkMax   = 256 << 10
	streamHead = 40
	ticketSize = 24
)

var (
	streamMagic = [8]byte{'A', 'E', 'S', 'N', 'A', 'P', '0', '1'}
	ticketMagic = [8]byte{'A', 'E', 'T', 'I', 'C', 'K', 'E', 'T'}
)

type snapHead struct {
	index, term uint64 // of the mark
	applied     uint64 // of the mark
	at          uint64 // what the content was taken at, as the Applier counts
}

func (h snapHead) encode() []byte {
	b := append(make([]byte, 0, streamHead), streamMagic[:]...)
	for _, v := range []uint64{h.index, h.term, h.applied, h.at} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return b
}

func newTicket() []byte {
	b := append(make([]byte, 0, ticketSize), ticketMagic[:]...)
	b = b[:ticketSize]
	rand.Read(b[8:])
	return b
}

func isTicket(b []byte) bool { return len(b) == ticketSize && bytes.Equal(b[:8], ticketMagic[:]) }

// openLive takes hold of the state and returns it as a stream. Close lets go of it.
func (l *Log) openLive(m Mark) (io.ReadCloser, error) {
	l.state.RLock()
	snap, err := l.o.Applier.Snapshot()
	l.state.RUnlock()
	if err != nil {
		return nil, err
	}
	if snap.Index() < m.Applied {
		snap.Release()
		return nil, edge.E(edge.Corrupt, "the state is at entry %d but was durable at %d", snap.Index(), m.Applied)
	}
	r, w := io.Pipe()
	go func() {
		defer snap.Release()
		w.CloseWithError(writeSnapshot(w, snapHead{m.Index, m.Term, m.Applied, snap.Index()}, snap))
	}()
	return r, nil
}

func writeSnapshot(w io.Writer, h snapHead, content io.WriterTo) error {
	c := &chunker{w: w, sum: sha256.New()}
	if err := c.raw(h.encode()); err != nil {
		return err
	}
	b := bufio.NewWriterSize(c, chunkMax)
	if _, err := content.WriteTo(b); err != nil {
		return err
	}
	if err := b.Flush(); err != nil {
		return err
	}
	if err := c.raw(binary.BigEndian.AppendUint64(make([]byte, 4), c.total)); err != nil {
		return err
	}
	_, err := w.Write(c.sum.Sum(nil))
	return err
}

type chunker struct {
	w     io.Writer
	sum   hash.Hash
	total uint64
}

func (c *chunker) raw(b []byte) error {
	c.sum.Write(b)
	_, err := c.w.Write(b)
	return err
}

func (c *chunker) Write(b []byte) (n int, err error) {
	for len(b) > 0 {
		part := b[:min(len(b), chunkMax)]
		if err := c.raw(binary.BigEndian.AppendUint32(nil, uint32(len(part)))); err != nil {
			return n, err
		}
		if err := c.raw(part); err != nil {
			return n, err
		}
		n, b, c.total = n+len(part), b[len(part):], c.total+uint64(len(part))
	}
	return n, nil
}

// readSnapshot reads a stream to its end and passes the content to sink chunk by chunk. Only its success
// makes what sink got worth anything. It fails with Corrupt and Exhausted (more than limit bytes).
func readSnapshot(r io.Reader, limit int64, sink io.Writer) (snapHead, error) {
	sum := sha256.New()
	in := io.TeeReader(r, sum)
	b := make([]byte, chunkMax)
	if _, err := io.ReadFull(in, b[:streamHead]); err != nil || !bytes.Equal(b[:8], streamMagic[:]) {
		return snapHead{}, edge.E(edge.Corrupt, "the snapshot does not start as one")
	}
	u := func(at int) uint64 { return binary.BigEndian.Uint64(b[at:]) }
	h, total := snapHead{u(8), u(16), u(24), u(32)}, int64(0)
	for {
		if _, err := io.ReadFull(in, b[:4]); err != nil {
			return h, edge.E(edge.Corrupt, "the snapshot ends early: %w", err)
		}
		n := binary.BigEndian.Uint32(b)
		if n == 0 {
			break
		}
		if total += int64(n); n > chunkMax || total > limit {
			return h, edge.E(edge.Exhausted, "the snapshot is larger than the %d bytes allowed", limit)
		}
		if _, err := io.ReadFull(in, b[:n]); err != nil {
			return h, edge.E(edge.Corrupt, "the snapshot ends early: %w", err)
		}
		if _, err := sink.Write(b[:n]); err != nil {
			return h, err
		}
	}
	if _, err := io.ReadFull(in, b[:8]); err != nil || binary.BigEndian.Uint64(b) != uint64(total) {
		return h, edge.E(edge.Corrupt, "the snapshot's length is not what was sent")
	}
	want := sum.Sum(nil)
	if _, err := io.ReadFull(r, b[:len(want)]); err != nil || !bytes.Equal(b[:len(want)], want) {
		return h, edge.E(edge.Corrupt, "the snapshot's sum is not what was sent")
	}
	return h, nil
}
