package edge

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"
)

// An ID is a 128-bit identifier chosen by whoever makes the thing it names. The first 48 bits are
// milliseconds since 1970, so that IDs made later sort later (the layout of RFC 9562 UUIDv7).
type ID [16]byte

// idLetters are those of Crockford's base 32, small.
const idLetters = "0123456789abcdefghjkmnpqrstvwxyz"

// idLength is how many letters an ID has. The last carries three bits; its two lowest are 0.
const idLength = 26

// idValues are what letters stand for, of both cases, plus one; 0 stands for nothing.
var idValues = func() (v [256]byte) {
	for i, c := range idLetters {
		v[c], v[strings.ToUpper(string(c))[0]] = byte(i+1), byte(i+1)
	}
	return v
}()

// NewID returns an ID that no one else will choose.
func NewID() ID {
	var id ID
	rand.Read(id[:])
	ms := uint64(time.Now().UnixMilli())
	id[0], id[1] = byte(ms>>40), byte(ms>>32)
	binary.BigEndian.PutUint32(id[2:], uint32(ms))
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}

// ParseID reads what String wrote. It fails with Invalid.
func ParseID(s string) (ID, error) {
	id, ok := ReadID(s)
	if !ok {
		return ID{}, E(Invalid, "%q is not an identifier: 26 letters and digits are expected", clip(s, 40))
	}
	return id, nil
}

// ReadID is ParseID without an allocation.
func ReadID[S ~string | ~[]byte](s S) (id ID, ok bool) {
	if len(s) != idLength {
		return ID{}, false
	}
	var acc, n, at uint
	for i := range len(s) {
		v := idValues[s[i]]
		if v == 0 {
			return ID{}, false
		}
		acc, n = acc<<5|uint(v-1), n+5
		if n >= 8 {
			n -= 8
			id[at] = byte(acc >> n)
			at++
		}
	}
	return id, true
}

// String returns 26 characters of Crockford's base 32 in lower case.
func (id ID) String() string {
	var room [idLength]byte
	return string(id.Append(room[:0]))
}

// Append appends what String returns to dst.
func (id ID) Append(dst []byte) []byte {
	hi, lo := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	var room [idLength]byte
	put := func(at int, bits uint64) { *(*[2]byte)(room[at:]) = idPairs[bits&1023] }
	for i := range 6 { // ten bits are two letters
		put(2*i, hi>>(54-10*i))
	}
	put(12, hi<<6|lo>>58)
	for i := range 5 {
		put(14+2*i, lo>>(48-10*i))
	}
	put(24, lo<<2)
	return append(dst, room[:]...)
}

// idPairs are the letters of ten bits.
var idPairs = func() (p [1024][2]byte) {
	for i := range p {
		p[i] = [2]byte{idLetters[i>>5], idLetters[i&31]}
	}
	return p
}()

// IsZero reports whether id was never set.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText and UnmarshalText let an ID stand in JSON and TOML.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (id *ID) UnmarshalText(b []byte) (err error) {
	*id, err = ParseID(string(b))
	return err
}

// A NodeID is the SHA-256 of a node's public key (its SubjectPublicKeyInfo in DER), so it outlives
// every certificate the node will hold.
type NodeID [32]byte

// ParseNodeID reads 64 hexadecimal digits. It fails with Invalid.
func ParseNodeID(s string) (NodeID, error) {
	var n NodeID
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(n) {
		return n, E(Invalid, "%q is not a node id: 64 hexadecimal digits are expected", clip(s, 80))
	}
	copy(n[:], b)
	return n, nil
}

// String returns all 64 hexadecimal digits.
func (n NodeID) String() string { return hex.EncodeToString(n[:]) }

// Short returns the first 12 digits, enough for a person to tell the nodes of a region apart.
func (n NodeID) Short() string { return hex.EncodeToString(n[:6]) }

// IsZero reports whether n was never set.
func (n NodeID) IsZero() bool { return n == NodeID{} }

// MarshalText and UnmarshalText let a NodeID stand in JSON and TOML.
func (n NodeID) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (n *NodeID) UnmarshalText(b []byte) (err error) {
	*n, err = ParseNodeID(string(b))
	return err
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
