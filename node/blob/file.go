package blob

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"io"
	"os"

	"github.com/aielon/edge/node/edge"
	"golang.org/x/crypto/chacha20poly1305"
)

// The file of a blob:
//
//	"AEBLOB1\n" | salt (32 bytes) | sealed hash (32 + 16) | pieces
//	piece: ciphertext of up to 64 KiB | tag (16)
//
// The key of a file is derived from the store's key and the salt, and so is used for one file only. Nonces
// are 0 for the hash and 1, 2, 3, ... for the pieces; the additional data of a piece is 1 where it is the
// last one. So pieces cannot be left out, moved or cut off.
const (
	magic     = "AEBLOB1\n"
	saltSize  = 32
	tagSize   = chacha20poly1305.Overhead
	pieceSize = 64 << 10
	headSize  = len(magic) + saltSize + sha256.Size + tagSize
)

// plainSize is the length of the content of a file.
func plainSize(file int64) int64 {
	body := file - int64(headSize)
	pieces := (body + pieceSize + tagSize - 1) / (pieceSize + tagSize)
	return max(0, body-pieces*tagSize)
}

func aead(key, salt []byte) (cipher.AEAD, error) {
	return chacha20poly1305.New(derive(key, purposeSeal, salt))
}

func nonce(n uint64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 4, 12), n) }

func lastPiece(last bool) []byte {
	if last {
		return []byte{1}
	}
	return []byte{0}
}

// A writer fills one file.
type writer struct {
	s     *Store
	f     *os.File
	salt  []byte
	hash  hash.Hash
	n     uint64
	taken int64 // bytes reserved in the store
}

func newWriter(s *Store, f *os.File) *writer {
	w := &writer{s: s, f: f, salt: make([]byte, saltSize), hash: sha256.New()}
	rand.Read(w.salt)
	return w
}

// fill writes all of r and syncs the file. One piece is read ahead, to know the last one.
func (w *writer) fill(ctx context.Context, r io.Reader, limit int64) (h Hash, err error) {
	a, err := aead(w.s.seal, w.salt)
	if err != nil {
		return h, err
	}
	if err := w.write(make([]byte, headSize)); err != nil {
		return h, err
	}
	r = io.LimitReader(r, limit+1)
	this, next := make([]byte, pieceSize), make([]byte, pieceSize)
	n, err := io.ReadFull(r, this)
	for total := int64(n); ; total += int64(n) {
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return h, edge.E(edge.Unavailable, "the content of the blob could not be read: %w", err)
		}
		if total > limit {
			return h, edge.E(edge.Invalid, "the blob has more than the %d bytes that are allowed", limit)
		}
		if err := ctx.Err(); err != nil {
			return h, edge.E(edge.Unavailable, "storing the blob was given up: %w", err)
		}
		now := n
		if n, err = 0, io.EOF; now == pieceSize {
			n, err = io.ReadFull(r, next)
		}
		w.n++
		w.hash.Write(this[:now])
		last := n == 0 && err == io.EOF
		if err := w.write(a.Seal(nil, nonce(w.n), this[:now], lastPiece(last))); err != nil {
			return h, err
		}
		if last {
			break
		}
		this, next = next, this
	}
	w.hash.Sum(h[:0])
	head := append(append([]byte(magic), w.salt...), a.Seal(nil, nonce(0), h[:], []byte(magic))...)
	if _, err := w.f.WriteAt(head, 0); err != nil {
		return h, err
	}
	return h, w.f.Sync()
}

func (w *writer) write(b []byte) error {
	if err := w.s.take(int64(len(b))); err != nil {
		return err
	}
	w.taken += int64(len(b))
	_, err := w.f.Write(b)
	return err
}

var errDamaged = errors.New("it is not what was written")

// readHead reads the head of a file.
func readHead(key []byte, f io.Reader) (h Hash, a cipher.AEAD, err error) {
	b := make([]byte, headSize)
	if _, err := io.ReadFull(f, b); err == io.EOF || err == io.ErrUnexpectedEOF {
		return h, nil, errDamaged
	} else if err != nil {
		return h, nil, err
	}
	if string(b[:len(magic)]) != magic {
		return h, nil, errDamaged
	}
	sealed := b[len(magic)+saltSize:]
	if a, err = aead(key, b[len(magic):len(magic)+saltSize]); err != nil {
		return h, nil, err
	}
	plain, err := a.Open(nil, nonce(0), sealed, []byte(magic))
	if err != nil {
		return h, nil, errDamaged
	}
	return Hash(plain), a, nil
}

// head is hash and length of the content of a file.
func (s *Store) head(name string) (h Hash, size int64, err error) {
	f, err := s.root.Open(name)
	if err != nil {
		return h, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return h, 0, err
	}
	h, _, err = readHead(s.seal, f)
	return h, plainSize(info.Size()), err
}

// Get opens a blob for reading; NotFound where there is none. Reads fail with Corrupt at the first piece that
// is not what was written; no byte of it is given out. The caller closes.
func (s *Store) Get(h Hash) (io.ReadCloser, error) {
	f, err := s.root.Open(s.file(h))
	if err != nil {
		return nil, s.fileError(h, err)
	}
	got, a, err := readHead(s.seal, f)
	if err == nil && got != h {
		err = errDamaged
	}
	if err != nil {
		f.Close()
		return nil, s.corrupt(h, err)
	}
	return &reader{s: s, h: h, f: f, aead: a, hash: sha256.New(), buf: make([]byte, pieceSize+tagSize+1)}, nil
}

func (s *Store) corrupt(h Hash, err error) error {
	if errors.Is(err, errDamaged) {
		return edge.E(edge.Corrupt, "the blob %s is damaged: %w", h, err).WithHint(hintDamaged)
	}
	return s.unavailable(err)
}

// A reader opens one piece after the other. It reads one byte ahead, to know the last piece.
type reader struct {
	s     *Store
	h     Hash
	f     *os.File
	aead  cipher.AEAD
	hash  hash.Hash
	n     uint64
	buf   []byte // a piece and the first byte of the next
	ahead int    // bytes of the next piece in buf
	plain []byte // opened and not yet given out
	err   error  // after plain
}

// Read gives out verified content only.
func (r *reader) Read(p []byte) (int, error) {
	for len(r.plain) == 0 && r.err == nil {
		r.err = r.piece()
	}
	if len(r.plain) == 0 {
		return 0, r.err
	}
	n := copy(p, r.plain)
	r.plain = r.plain[n:]
	return n, nil
}

// piece opens the next piece. It returns io.EOF with the last one.
func (r *reader) piece() error {
	n, err := io.ReadFull(r.f, r.buf[r.ahead:])
	n += r.ahead
	last := err == io.EOF || err == io.ErrUnexpectedEOF
	if err != nil && !last {
		return r.s.unavailable(err)
	}
	if !last {
		n--
	}
	r.n++
	next := r.buf[len(r.buf)-1]
	plain, err := r.aead.Open(r.buf[:0], nonce(r.n), r.buf[:n], lastPiece(last))
	if err != nil {
		return r.s.corrupt(r.h, errDamaged)
	}
	r.hash.Write(plain)
	if last {
		if Hash(r.hash.Sum(nil)) != r.h {
			return r.s.corrupt(r.h, errDamaged)
		}
		r.plain = plain
		return io.EOF
	}
	r.plain = append(make([]byte, 0, len(plain)), plain...)
	r.buf[0], r.ahead = next, 1
	return nil
}

// Close ends reading.
func (r *reader) Close() error { return r.f.Close() }
