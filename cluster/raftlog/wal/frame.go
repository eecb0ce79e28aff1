package wal

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"slices"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/aielon/edge/node/edge"
)

// A segment file is a head and then frames, each the records of one write:
//
//	head   magic (8) | number of the segment (8) | index of its first record (8) | salt (24) | MAC (16)
//	frame  magic (4) | length of the sealed part (4) | index of the first record (8) | records (4)
//	       | number of the frame in the segment (4) | zero (4) | CRC-32C of the above (4) | sealed part
//
// All numbers are big endian. The sealed part is ChaCha20-Poly1305 over uvarint-prefixed records and
// zero padding; its key belongs to the segment (HKDF over the salt), its nonce is the frame's number
// and its additional data the frame's head, so a frame cannot be moved, renumbered or joined to another
// segment. A segment is written by one run of the program and never after a failed write, so no nonce is
// used twice. Frames are multiples of 32 bytes: no frame head crosses a disk sector, and every sector a
// frame touches holds at least 32 bytes of it.
const (
	headSize  = 64
	frameHead = 32
	align     = 32
	sector    = 512

	// MaxRecord is the largest record, in bytes.
	MaxRecord = 16 << 20
	// softFrame is the size at which the records of one Append go on in another frame.
	softFrame = 1 << 20
	maxFrame  = MaxRecord + softFrame
)

var (
	headMagic  = [8]byte{'A', 'E', 'L', 'O', 'G', '0', '0', '1'}
	frameMagic = [4]byte{'A', 'E', 'F', '1'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

type head struct {
	seq, first uint64
	salt       [24]byte
}

func newHead(seq, first uint64) head {
	h := head{seq: seq, first: first}
	rand.Read(h.salt[:])
	return h
}

func (h head) encode(key []byte) []byte {
	b := append(make([]byte, 0, headSize), headMagic[:]...)
	b = binary.BigEndian.AppendUint64(b, h.seq)
	b = binary.BigEndian.AppendUint64(b, h.first)
	b = append(b, h.salt[:]...)
	return append(b, headMAC(key, b)...)
}

func decodeHead(key, b []byte) (h head, ok bool) {
	if len(b) < headSize || !bytes.Equal(b[:8], headMagic[:]) || !hmac.Equal(headMAC(key, b[:48]), b[48:headSize]) {
		return h, false
	}
	h.seq, h.first = binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:])
	copy(h.salt[:], b[24:48])
	return h, true
}

func headMAC(key, b []byte) []byte {
	m := hmac.New(sha256.New, subkey(key, nil, "aielon-edge/wal/1 head"))
	m.Write(b)
	return m.Sum(nil)[:16]
}

func (h head) aead(key []byte) cipher.AEAD {
	a, err := chacha20poly1305.New(subkey(key, h.salt[:], "aielon-edge/wal/1 segment"))
	if err != nil {
		panic(err) // the key is 32 bytes, by construction
	}
	return a
}

func subkey(key, salt []byte, info string) []byte {
	k, err := hkdf.Key(sha256.New, key, salt, info, chacha20poly1305.KeySize)
	if err != nil {
		panic(err) // only for lengths SHA-256 cannot give
	}
	return k
}

// A frame is the head of one, as read.
type frame struct {
	off     int64 // where it starts in its file
	sealed  uint32
	first   uint64
	records uint32
	no      uint32
}

func (f frame) last() uint64 { return f.first + uint64(f.records) - 1 }
func (f frame) size() int64  { return frameHead + int64(f.sealed) }
func (f frame) end() int64   { return f.off + f.size() }

// appendFrame appends the frame number no holding recs, the first of which has index first.
func appendFrame(dst []byte, a cipher.AEAD, no uint32, first uint64, recs [][]byte) []byte {
	start, plain := len(dst), 0 // dst grows once: sealing in place needs room for the tag
	for _, r := range recs {
		plain += uvarintLen(uint64(len(r))) + len(r)
	}
	plain += (align - (plain+a.Overhead())%align) % align
	dst = slices.Grow(dst, frameHead+plain+a.Overhead())
	dst = append(dst, frameMagic[:]...)
	dst = binary.BigEndian.AppendUint32(dst, uint32(plain+a.Overhead()))
	dst = binary.BigEndian.AppendUint64(dst, first)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(recs)))
	dst = binary.BigEndian.AppendUint32(dst, no)
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
	body := len(dst)
	for _, r := range recs {
		dst = binary.AppendUvarint(dst, uint64(len(r)))
		dst = append(dst, r...)
	}
	dst = append(dst, make([]byte, plain-(len(dst)-body))...)
	return a.Seal(dst[:body], nonce(no), dst[body:], dst[start:body])
}

func uvarintLen(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}

func nonce(no uint32) []byte {
	var n [chacha20poly1305.NonceSize]byte
	binary.BigEndian.PutUint32(n[8:], no)
	return n[:]
}

// decodeFrameHead reads a frame's head from the front of b. It is ok only if every byte is plausible.
func decodeFrameHead(b []byte) (f frame, ok bool) {
	if len(b) < frameHead || !bytes.Equal(b[:4], frameMagic[:]) ||
		crc32.Checksum(b[:28], castagnoli) != binary.BigEndian.Uint32(b[28:]) {
		return f, false
	}
	f.sealed, f.first = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint64(b[8:])
	f.records, f.no = binary.BigEndian.Uint32(b[16:]), binary.BigEndian.Uint32(b[20:])
	return f, f.sealed%align == 0 && f.sealed >= align && f.sealed <= maxFrame && f.records > 0 && f.records <= f.sealed
}

// openFrame returns the records of a whole frame. Anything that was not written as it is now is Corrupt.
func openFrame(a cipher.AEAD, f frame, whole []byte) ([][]byte, error) {
	if int64(len(whole)) != f.size() {
		return nil, edge.E(edge.Corrupt, "a frame of the log is cut short")
	}
	plain, err := a.Open(nil, nonce(f.no), whole[frameHead:], whole[:frameHead])
	if err != nil {
		return nil, edge.E(edge.Corrupt, "records %d to %d of the log are not what was written", f.first, f.last())
	}
	recs := make([][]byte, 0, f.records)
	for range f.records {
		n, w := binary.Uvarint(plain)
		if w <= 0 || n > uint64(len(plain)-w) {
			return nil, edge.E(edge.Corrupt, "records %d to %d of the log do not fit their frame", f.first, f.last())
		}
		recs = append(recs, plain[w:w+int(n):w+int(n)])
		plain = plain[w+int(n):]
	}
	return recs, nil
}
