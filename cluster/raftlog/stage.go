package raftlog

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/aielon/edge/node/edge"
)

// staged is the verified content of a snapshot, waiting to be restored. It lies in a file that is already
// deleted, sealed with a key that is nowhere else: nothing of it is left after a crash.
type staged struct {
	head snapHead
	file *os.File // nil: in memory
	mem  []byte
	aead cipher.AEAD
	size int64 // bytes in the file
}

const diskReserve = 64 << 20 // bytes of disk a snapshot must leave free

// stage reads a snapshot to its end and returns its content once it is found sound.
func (l *Log) stage(r io.Reader) (*staged, error) {
	s := &staged{}
	if l.o.Dir != "" {
		if err := s.create(l.o.Dir); err != nil {
			return nil, err
		}
	}
	h, err := readSnapshot(r, l.o.MaxSnapshot, s)
	if err != nil {
		s.Close()
		return nil, err
	}
	s.head = h
	return s, nil
}

func (s *staged) create(dir string) (err error) {
	var key [chacha20poly1305.KeySize]byte
	rand.Read(key[:])
	if s.aead, err = chacha20poly1305.New(key[:]); err != nil {
		return err
	}
	name := filepath.Join(dir, stagingName)
	if s.file, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
		return edge.E(edge.Unavailable, "there is no place for the snapshot: %w", err)
	}
	os.Remove(name) // where that is not possible, the next snapshot or start removes it
	return nil
}

const stagingName = "incoming"

// Write seals one chunk: number of bytes (4) | sealed bytes. The nonce is its place in the file.
func (s *staged) Write(b []byte) (int, error) {
	if s.file == nil {
		s.mem = append(s.mem, b...)
		return len(b), nil
	}
	if free := diskFree(s.file); free >= 0 && free < diskReserve+int64(len(b)) {
		return 0, edge.E(edge.Exhausted, "the disk has no room for the snapshot").WithHint("free some space")
	}
	out := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(b)+16), uint32(len(b)+16))
	out = s.aead.Seal(out, placeNonce(s.size), b, nil)
	if _, err := s.file.WriteAt(out, s.size); err != nil {
		return 0, edge.E(edge.Exhausted, "the snapshot cannot be written: %w", err)
	}
	s.size += int64(len(out))
	return len(b), nil
}

func placeNonce(at int64) []byte {
	var n [chacha20poly1305.NonceSize]byte
	binary.BigEndian.PutUint64(n[4:], uint64(at))
	return n[:]
}

// open returns the content from its start. The reader is good until Close.
func (s *staged) open() (io.ReadCloser, error) { return &stagedReader{s: s, mem: s.mem}, nil }

// Close gives the space back.
func (s *staged) Close() error {
	s.mem = nil
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	if rm := os.Remove(s.file.Name()); rm != nil && !errors.Is(rm, os.ErrNotExist) {
		err = errors.Join(err, rm)
	}
	return err
}

type stagedReader struct {
	s   *staged
	at  int64
	mem []byte // opened and not yet read
}

func (r *stagedReader) Read(b []byte) (int, error) {
	for len(r.mem) == 0 {
		if r.s.file == nil || r.at >= r.s.size {
			return 0, io.EOF
		}
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n := copy(b, r.mem)
	r.mem = r.mem[n:]
	return n, nil
}

func (r *stagedReader) next() error {
	var n [4]byte
	if _, err := r.s.file.ReadAt(n[:], r.at); err != nil {
		return edge.E(edge.Corrupt, "the received snapshot cannot be read back: %w", err)
	}
	size := binary.BigEndian.Uint32(n[:])
	if size > chunkMax+16 {
		return edge.E(edge.Corrupt, "the received snapshot was changed on disk")
	}
	sealed := make([]byte, size)
	if _, err := r.s.file.ReadAt(sealed, r.at+4); err != nil {
		return edge.E(edge.Corrupt, "the received snapshot cannot be read back: %w", err)
	}
	plain, err := r.s.aead.Open(sealed[:0], placeNonce(r.at), sealed, nil)
	if err != nil {
		return edge.E(edge.Corrupt, "the received snapshot was changed on disk")
	}
	r.mem, r.at = plain, r.at+4+int64(size)
	return nil
}

func (r *stagedReader) Close() error { return nil }
