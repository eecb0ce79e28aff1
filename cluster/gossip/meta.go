package gossip

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/aielon/edge/node/edge"
)

// MetaMax is the most bytes a node may say about itself, its signature included (memberlist's limit).
const MetaMax = 512

// Self is the name in Meta.Addrs of the address gossip itself is reached at, "host:port".
const Self = "gossip"

// Meta is what a node says about itself, under its own signature.
type Meta struct {
	ID      edge.NodeID       // follows from the key that signed
	Seq     uint64            // rises with every change; Unix nanoseconds of it
	Role    string            // "node", "hub"; at most 16 bytes
	Version string            // of the program; at most 32 bytes
	Addrs   map[string]string // where its doors are, by name; at most 6
}

// An encoded Meta is version (1 byte, 1) | key (2-byte length, SubjectPublicKeyInfo in DER) | seq (8)
// | role | version | number of addresses (1) | name, address, ... | signature, all strings with a 1-byte
// length, addresses in the order of their names. The signature is ECDSA over SHA-256 of a context string
// and everything before it.
const metaContext = "aielon-edge/gossip/1\x00"

// Encode signs m. It fails with Invalid where m is not within its bounds.
func (m Meta) Encode(key crypto.Signer) ([]byte, error) {
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, edge.E(edge.Invalid, "the node's key cannot be used: %w", err)
	}
	b := binary.BigEndian.AppendUint16([]byte{1}, uint16(len(spki)))
	b = append(b, spki...)
	b = binary.BigEndian.AppendUint64(b, m.Seq)
	names := make([]string, 0, len(m.Addrs))
	for n := range m.Addrs {
		names = append(names, n)
	}
	slices.Sort(names)
	if len(m.Role) > 16 || len(m.Version) > 32 || len(names) > 6 {
		return nil, edge.E(edge.Invalid, "a node may give a role of 16 bytes, a version of 32 and 6 addresses")
	}
	b = appendString(appendString(b, m.Role), m.Version)
	b = append(b, byte(len(names)))
	for _, n := range names {
		if len(n) > 16 || len(m.Addrs[n]) > 100 {
			return nil, edge.E(edge.Invalid, "the address %q is too long", n)
		}
		b = appendString(appendString(b, n), m.Addrs[n])
	}
	sum := sha256.Sum256(append([]byte(metaContext), b...))
	sig, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return nil, edge.E(edge.Internal, "the node's key does not sign: %w", err)
	}
	if b = appendString(b, string(sig)); len(b) > MetaMax {
		return nil, edge.E(edge.Invalid, "what this node says about itself takes %d bytes, %d is the most", len(b), MetaMax)
	}
	return b, nil
}

func appendString(b []byte, s string) []byte { return append(append(b, byte(len(s))), s...) }

// DecodeMeta reads what Encode wrote and checks the signature. It fails with Denied and Invalid.
func DecodeMeta(b []byte) (Meta, error) {
	bad := edge.E(edge.Invalid, "what a node says about itself cannot be read")
	if len(b) > MetaMax || len(b) < 3 || b[0] != 1 {
		return Meta{}, bad
	}
	whole, n := b, int(binary.BigEndian.Uint16(b[1:]))
	if b = b[3:]; n > len(b)-8 {
		return Meta{}, bad
	}
	spki := b[:n]
	m := Meta{ID: sha256.Sum256(spki), Seq: binary.BigEndian.Uint64(b[n:]), Addrs: map[string]string{}}
	c := cutter{b: b[n+8:]}
	m.Role, m.Version = c.text(16), c.text(32)
	last := ""
	for range c.count(6) {
		name := c.text(16)
		if name <= last {
			return Meta{}, bad
		}
		last, m.Addrs[name] = name, c.text(100)
	}
	signed := whole[:len(whole)-len(c.b)]
	sig := c.raw(255)
	if c.bad || len(c.b) != 0 {
		return Meta{}, bad
	}
	key, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return Meta{}, bad
	}
	pub, ok := key.(*ecdsa.PublicKey)
	sum := sha256.Sum256(append([]byte(metaContext), signed...))
	if !ok || !ecdsa.VerifyASN1(pub, sum[:], sig) {
		return Meta{}, edge.E(edge.Denied, "what a node says about itself is not signed by it")
	}
	return m, nil
}

// A cutter takes strings off b. After the first that is not there all are empty and bad is set.
type cutter struct {
	b   []byte
	bad bool
}

func (c *cutter) count(limit byte) int {
	if c.bad || len(c.b) == 0 || c.b[0] > limit {
		c.bad = true
		return 0
	}
	n := int(c.b[0])
	c.b = c.b[1:]
	return n
}

func (c *cutter) raw(limit byte) []byte {
	n := c.count(limit)
	if c.bad || n > len(c.b) {
		c.bad = true
		return nil
	}
	s := c.b[:n]
	c.b = c.b[n:]
	return s
}

func (c *cutter) text(limit byte) string { return strings.ToValidUTF8(string(c.raw(limit)), "?") }
