package site

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"io"
	"sync"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// A snapshot stream is
//
//	"aielon-site/1\n" | index (8) | { uvarint length+1 of a key, key, uvarint length of its value, value }
//	| 0 | how many keys (8) | SHA-256 of everything before (32)
//
// with keys ascending. It holds the state as plaintext: whoever carries or keeps it must protect it.
const snapshotMagic = "aielon-site/1\n"

// snapshotStep is how many bytes a restore commits at once.
const snapshotStep = 256 << 10

// A snapshot is an edge.Snapshot on a view of the store.
type snapshot struct {
	view *state.View
	once sync.Once
}

// Snapshot implements edge.Applier.
func (s *Site) Snapshot() (edge.Snapshot, error) {
	v := s.view()
	if err := v.Err(); err != nil {
		v.Close()
		return nil, err
	}
	return &snapshot{view: v}, nil
}

// Index implements edge.Snapshot.
func (s *snapshot) Index() uint64 { return s.view.Index() }

// Release implements edge.Snapshot.
func (s *snapshot) Release() { s.once.Do(s.view.Close) }

// WriteTo implements io.WriterTo. Anything that cannot be read ends it with an error, and the stream then
// has no valid end.
func (s *snapshot) WriteTo(w io.Writer) (int64, error) {
	sum := sha256.New()
	out := &counter{w: bufio.NewWriterSize(w, 64<<10), sum: sum}
	out.Write([]byte(snapshotMagic))
	out.u64(s.view.Index())
	keys := uint64(0)
	for k, v := range s.view.Scan(nil) {
		out.uvarint(uint64(len(k)) + 1)
		out.Write(k)
		out.uvarint(uint64(len(v)))
		out.Write(v)
		if keys++; out.err != nil {
			return out.n, out.err
		}
	}
	if err := s.view.Err(); err != nil {
		return out.n, err
	}
	out.uvarint(0)
	out.u64(keys)
	out.Write(sum.Sum(nil))
	if out.err == nil {
		out.err = out.w.Flush()
	}
	return out.n, out.err
}

// WriteAt writes the state as it was at a recent index, in the form of a snapshot.
func (s *Shelf) WriteAt(w io.Writer, index uint64) error {
	snap := &snapshot{view: s.Store().ViewAt(index)}
	defer snap.Release()
	_, err := snap.WriteTo(w)
	return err
}

// Fill reads a snapshot into a store that is still empty.
func (s *Shelf) Fill(r io.Reader) error {
	if err := fill(s.Store(), r); err != nil {
		return err
	}
	return s.Store().Sync()
}

// A counter counts and sums what it writes, and keeps the first error.
type counter struct {
	w   *bufio.Writer
	sum hash.Hash
	n   int64
	err error
}

func (c *counter) Write(p []byte) (int, error) {
	if c.err == nil {
		_, c.err = c.w.Write(p)
		c.sum.Write(p)
		c.n += int64(len(p))
	}
	return len(p), c.err
}

func (c *counter) u64(n uint64)     { c.Write(binary.BigEndian.AppendUint64(nil, n)) }
func (c *counter) uvarint(n uint64) { c.Write(binary.AppendUvarint(nil, n)) }

// Restore implements edge.Applier: it reads the stream into a store beside the one in use, and only when
// all of it has been found sound puts that in its place.
func (s *Site) Restore(r io.Reader) error {
	st, name, err := s.shelf.fresh(context.Background())
	if err != nil {
		return err
	}
	if err = fill(st, r); err == nil {
		err = st.Sync()
	}
	var at *place
	if err == nil {
		at, err = loadPlace(st, s.opt.Site)
	}
	if err != nil {
		s.shelf.drop(st, name)
		return err
	}
	if err := s.shelf.replace(st, name); err != nil {
		return err // which of the two is in use is known after the next start; both are whole
	}
	s.count.restored.Add(1) // before anybody is woken, so that whoever follows the state sees that it is another one
	s.resume(at)
	return nil
}

// fill reads a snapshot stream into an empty store. It fails with Corrupt.
func fill(st *state.Store, r io.Reader) error {
	var at uint64
	b := state.NewBatch()
	put := func(index uint64, k, v []byte) error {
		if b.Len() > 0 && b.Size()+len(k)+len(v) >= snapshotStep {
			if err := st.CommitAt(b, index); err != nil {
				return err
			}
			b = state.NewBatch()
		}
		at = index
		b.Set(k, v)
		return nil
	}
	if err := readSnapshot(r, st.MaxValue(), put); err != nil || b.Len() == 0 {
		return err
	}
	return st.CommitAt(b, at)
}

// readSnapshot hands every row of a snapshot stream to put. Only its success makes what put got worth
// anything. It fails with Corrupt, or as put does.
func readSnapshot(r io.Reader, maxValue int, put func(index uint64, k, v []byte) error) error {
	in := &source{r: bufio.NewReaderSize(r, 64<<10), sum: sha256.New()}
	if string(in.take(len(snapshotMagic))) != snapshotMagic {
		return edge.E(edge.Corrupt, "this is no snapshot of a site, or one of an unknown version")
	}
	index, keys, last := in.u64(), uint64(0), []byte(nil)
	for {
		k, v, more := in.row(maxValue)
		if !more {
			return in.end(keys)
		}
		if index == 0 || len(k) == 0 || keys > 0 && bytes.Compare(last, k) >= 0 {
			return edge.E(edge.Corrupt, "the snapshot's rows cannot be")
		}
		if err := put(index, k, v); err != nil {
			return err
		}
		last, keys = k, keys+1
	}
}

// A source reads and sums a snapshot stream, and keeps the first error.
type source struct {
	r   *bufio.Reader
	sum hash.Hash
	err error
}

func (s *source) take(n int) []byte {
	b := make([]byte, n)
	if s.err == nil {
		_, s.err = io.ReadFull(s.r, b)
		s.sum.Write(b)
	}
	return b
}

func (s *source) u64() uint64 { return binary.BigEndian.Uint64(s.take(8)) }

// ReadByte lets binary.ReadUvarint read from s.
func (s *source) ReadByte() (byte, error) {
	b, err := s.r.ReadByte()
	if err == nil {
		s.sum.Write([]byte{b})
	}
	return b, err
}

func (s *source) uvarint(limit int) int {
	if s.err != nil {
		return 0
	}
	n, err := binary.ReadUvarint(s)
	if err == nil && n > uint64(limit) {
		err = errors.New("a length is out of bounds")
	}
	if s.err = err; err != nil {
		return 0
	}
	return int(n)
}

// row reads one key and value; more is false at the end of the rows and after an error.
func (s *source) row(maxValue int) (k, v []byte, more bool) {
	n := s.uvarint(state.MaxKey + 1)
	if n == 0 {
		return nil, nil, false
	}
	k = s.take(n - 1)
	v = s.take(s.uvarint(maxValue))
	return k, v, s.err == nil
}

// end checks what follows the rows.
func (s *source) end(keys uint64) error {
	said := s.u64()
	sum := s.sum.Sum(nil)
	if s.err == nil && (said != keys || !bytes.Equal(s.take(len(sum)), sum)) {
		s.err = errors.New("its sum is not that of what it holds")
	}
	if s.err != nil {
		return edge.E(edge.Corrupt, "the snapshot is damaged or ends in the middle: %w", s.err)
	}
	return nil
}
