package state

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"sync"

	"github.com/klauspost/compress/s2"
	"golang.org/x/crypto/chacha20"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/aielon/edge/node/edge"
)

// A sealed value is
//
//	format (1 byte) | nonce (24) | ciphertext | tag (16)
//
// XChaCha20-Poly1305 with additional data format || key, so that a value counts only under its own key
// and format. The nonce is 16 bytes drawn once per open store and a counter of 8 bytes: it cannot repeat,
// and the subkey (HChaCha20 of the first 16 bytes) is computed once instead of once per value.
const (
	formatPlain = 1 // the plaintext is the value
	formatS2    = 2 // the plaintext is the value compressed with S2

	headSize     = 1 + chacha20poly1305.NonceSizeX
	sealOverhead = headSize + chacha20poly1305.Overhead

	minCompress = 256 // bytes; below it compression costs more than it saves
	maxSubkeys  = 256 // sessions remembered for reading, bounded; others are derived again
)

var errUnauthentic = errors.New("the seal of a stored value is broken")

// An envelope seals and opens values. It is safe for concurrent use, except that one goroutine seals.
type envelope struct {
	edge.Redacted

	key      []byte
	maxValue int
	session  [16]byte
	count    uint64 // owned by the goroutine that commits
	seal     cipher.AEAD

	mu   sync.RWMutex // guards subs
	subs map[[16]byte]cipher.AEAD
}

func newEnvelope(key []byte, maxValue int) (*envelope, error) {
	e := &envelope{key: key, maxValue: maxValue, subs: map[[16]byte]cipher.AEAD{}}
	rand.Read(e.session[:])
	var err error
	e.seal, err = e.sub(e.session)
	return e, err
}

// sub returns the cipher of one session's subkey (draft-irtf-cfrg-xchacha section 2.3).
func (e *envelope) sub(session [16]byte) (cipher.AEAD, error) {
	e.mu.RLock()
	a, ok := e.subs[session]
	e.mu.RUnlock()
	if ok {
		return a, nil
	}
	k, err := chacha20.HChaCha20(e.key, session[:])
	if err != nil {
		return nil, err
	}
	if a, err = chacha20poly1305.New(k); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.subs) >= maxSubkeys {
		clear(e.subs)
	}
	e.subs[session] = a
	return a, nil
}

// sealInPlace seals the plaintext that starts at buf[headSize:]. buf needs capacity for the tag.
// key must be followed in memory by nothing the caller minds: it is only read.
func (e *envelope) sealInPlace(buf, key []byte, format byte) []byte {
	e.count++
	buf[0] = format
	copy(buf[1:], e.session[:])
	binary.BigEndian.PutUint64(buf[17:], e.count)
	var nonce [chacha20poly1305.NonceSize]byte
	copy(nonce[4:], buf[17:headSize])
	var room [128]byte
	aad := append(append(room[:0], format), key...)
	return e.seal.Seal(buf[:headSize], nonce[:], buf[headSize:], aad)
}

// open appends the value of a sealed value to dst. Its error says nothing but that the seal is broken.
func (e *envelope) open(dst, sealed, key []byte) ([]byte, error) {
	if len(sealed) < sealOverhead || sealed[0] != formatPlain && sealed[0] != formatS2 {
		return dst, errUnauthentic
	}
	a, err := e.sub([16]byte(sealed[1:17]))
	if err != nil {
		return dst, err
	}
	var nonce [chacha20poly1305.NonceSize]byte
	copy(nonce[4:], sealed[17:headSize])
	var room [128]byte
	aad := append(append(room[:0], sealed[0]), key...)
	if sealed[0] == formatPlain {
		out, err := a.Open(dst, nonce[:], sealed[headSize:], aad)
		if err != nil {
			return dst, errUnauthentic
		}
		return out, nil
	}
	packed, err := a.Open(nil, nonce[:], sealed[headSize:], aad)
	if err != nil {
		return dst, errUnauthentic
	}
	return e.unpack(dst, packed)
}

// unpack appends what packed decompresses to. It is authentic, but a bound costs nothing.
func (e *envelope) unpack(dst, packed []byte) ([]byte, error) {
	n, err := s2.DecodedLen(packed)
	if err != nil || n > e.maxValue {
		return dst, errUnauthentic
	}
	start := len(dst)
	if cap(dst)-start < n {
		dst = append(make([]byte, 0, start+n), dst...)
	}
	out, err := s2.Decode(dst[start:start+n:cap(dst)], packed)
	if err != nil || len(out) != n {
		return dst[:start], errUnauthentic
	}
	return dst[:start+n], nil
}
