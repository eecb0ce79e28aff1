package edge

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"
)

// An ID is a 128-bit identifier chosen by whoever makes the thing it names. The first 48 bits are
// milliseconds since 1970, so that IDs made later sort later (the layout of RFC 9562 UUIDv7).
type ID [16]byte

var idText = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

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
	var id ID
	b, err := idText.DecodeString(strings.ToLower(s))
	if err != nil || len(b) != len(id) {
		return id, E(Invalid, "%q is not an identifier: 26 letters and digits are expected", clip(s, 40))
	}
	copy(id[:], b)
	return id, nil
}

// String returns 26 characters of Crockford's base 32 in lower case.
func (id ID) String() string { return idText.EncodeToString(id[:]) }

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
