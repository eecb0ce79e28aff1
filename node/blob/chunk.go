package blob

import (
	"crypto/cipher"
	"os"

	"github.com/aielon/edge/node/edge"
)

// ChunkSize is the length in bytes of every chunk of a blob but the last, which may be shorter. A chunk is
// one sealed piece of the file, so each can be read, written and checked alone.
const ChunkSize = pieceSize

// Chunks is how many chunks a blob of size bytes has: at least one, which is empty for an empty blob.
func Chunks(size int64) int { return int(max(1, (size+ChunkSize-1)/ChunkSize)) }

// chunkLen is the length of chunk i of a blob of size bytes.
func chunkLen(size int64, i int) int {
	return int(min(ChunkSize, size-int64(i)*ChunkSize))
}

// fileSize is the length of the file of a blob of size bytes.
func fileSize(size int64) int64 { return int64(headSize) + size + int64(Chunks(size))*tagSize }

func chunkAt(i int) int64 { return int64(headSize) + int64(i)*(pieceSize+tagSize) }

// A ChunkReader reads the chunks of one blob in any order. It is not safe for concurrent use.
type ChunkReader struct {
	s    *Store
	h    Hash
	f    *os.File
	aead cipher.AEAD
	size int64
	buf  []byte
}

// Chunks opens a blob to be read chunk by chunk; NotFound where there is none, Corrupt where its head is
// damaged. The caller closes.
func (s *Store) Chunks(h Hash) (*ChunkReader, error) {
	f, a, size, err := s.openFile(h, s.file(h), os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	return &ChunkReader{s: s, h: h, f: f, aead: a, size: size, buf: make([]byte, pieceSize+tagSize)}, nil
}

// openFile opens a file that should hold, or come to hold, the blob h.
func (s *Store) openFile(h Hash, name string, mode int) (*os.File, cipher.AEAD, int64, error) {
	f, err := s.root.OpenFile(name, mode, 0)
	if err != nil {
		return nil, nil, 0, s.fileError(h, err)
	}
	got, a, err := readHead(s.seal, f)
	if err == nil && got != h {
		err = errDamaged
	}
	var size int64
	if err == nil {
		var info os.FileInfo
		if info, err = f.Stat(); err == nil {
			size = plainSize(info.Size())
		}
	}
	if err != nil {
		f.Close()
		return nil, nil, 0, s.corrupt(h, err)
	}
	return f, a, size, nil
}

// Size is the length of the blob in bytes.
func (r *ChunkReader) Size() int64 { return r.size }

// Read returns chunk i; the bytes are good until the next call. It fails with Corrupt where they are not
// what was written.
func (r *ChunkReader) Read(i int) ([]byte, error) {
	if i < 0 || i >= Chunks(r.size) {
		return nil, edge.E(edge.Invalid, "the blob %s has no chunk %d", r.h, i)
	}
	return readChunk(r.s, r.h, r.f, r.aead, r.size, i, r.buf)
}

func readChunk(s *Store, h Hash, f *os.File, a cipher.AEAD, size int64, i int, buf []byte) ([]byte, error) {
	b := buf[:chunkLen(size, i)+tagSize]
	if _, err := f.ReadAt(b, chunkAt(i)); err != nil {
		return nil, s.unavailable(err)
	}
	plain, err := a.Open(b[:0], nonce(uint64(i)+1), b, lastPiece(i == Chunks(size)-1))
	if err != nil {
		return nil, s.corrupt(h, errDamaged)
	}
	return plain, nil
}

// Close ends reading.
func (r *ChunkReader) Close() error { return r.f.Close() }
