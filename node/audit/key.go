package audit

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/aielon/edge/node/edge"
)

// Algorithms of note signatures, the byte that goes into a key's hash (C2SP signed-note).
const (
	algEd25519     = 1
	algCosignature = 4
)

// A Key is what a node signs its own checkpoints with and cosigns those of others: two Ed25519 keys made from one
// seed, and the statement by which the node's certified key vouches for both.
type Key struct {
	edge.Redacted

	log, witness ed25519.PrivateKey
	statement    Statement
}

// NewKey makes the keys that belong to a seed of 32 bytes, which must be kept secret. node is the node's own key,
// the one its certificates are for; it signs the statement. It fails with Invalid.
func NewKey(seed []byte, node crypto.Signer, now time.Time) (*Key, error) {
	if len(seed) != 32 {
		return nil, edge.E(edge.Invalid, "the seed of the audit keys must have 32 bytes, this one has %d", len(seed))
	}
	k := &Key{}
	for _, x := range []struct {
		to   *ed25519.PrivateKey
		name string
	}{{&k.log, "log"}, {&k.witness, "witness"}} {
		s, err := hkdf.Key(sha256.New, seed, nil, "aielon-edge/audit/"+x.name+"/1", ed25519.SeedSize)
		if err != nil {
			return nil, edge.E(edge.Internal, "no key can be derived: %w", err)
		}
		*x.to = ed25519.NewKeyFromSeed(s)
	}
	return k, k.certify(node, now)
}

func (k *Key) certify(node crypto.Signer, now time.Time) error {
	spki, err := x509.MarshalPKIXPublicKey(node.Public())
	if err != nil {
		return edge.E(edge.Invalid, "the node's key cannot be encoded: %w", err)
	}
	k.statement = Statement{Node: sha256.Sum256(spki), NodeKey: spki, Log: public(k.log), Witness: public(k.witness), Time: now.Unix()}
	digest := k.statement.digest()
	if k.statement.Signature, err = node.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
		return edge.E(edge.Internal, "the statement of the audit keys cannot be signed: %w", err)
	}
	return k.statement.Check()
}

func public(k ed25519.PrivateKey) []byte { return k.Public().(ed25519.PublicKey) } // always of this type

// Statement returns what links the keys to the node.
func (k *Key) Statement() Statement { return k.statement }

// A Statement says that a node signs with these keys. Node is the hash of NodeKey, so that whoever knows the node's
// id, from a certificate or a list of members, need trust nothing else.
type Statement struct {
	Node      edge.NodeID `json:"node"`
	NodeKey   []byte      `json:"node_key"` // SubjectPublicKeyInfo, DER
	Log       []byte      `json:"log"`      // Ed25519, of checkpoints
	Witness   []byte      `json:"witness"`  // Ed25519, of cosignatures
	Time      int64       `json:"time"`     // when it was made, Unix seconds
	Signature []byte      `json:"signature"`
}

func (s Statement) digest() [32]byte {
	b64 := base64.StdEncoding.EncodeToString
	return sha256.Sum256([]byte("aielon-edge/audit-keys/1\nnode " + s.Node.String() + "\nlog " + b64(s.Log) + "\nwitness " + b64(s.Witness) +
		"\ntime " + strconv.FormatInt(s.Time, 10) + "\n"))
}

// Check proves a statement. It fails with Denied.
func (s Statement) Check() error {
	pub, err := x509.ParsePKIXPublicKey(s.NodeKey)
	key, ok := pub.(*ecdsa.PublicKey)
	digest := s.digest()
	if err != nil || !ok || key.Curve != elliptic.P256() || s.Node != sha256.Sum256(s.NodeKey) || len(s.Log) != ed25519.PublicKeySize ||
		len(s.Witness) != ed25519.PublicKeySize || !ecdsa.VerifyASN1(key, digest[:], s.Signature) {
		return edge.E(edge.Denied, "a statement about the audit keys of node %s does not hold", s.Node.Short())
	}
	return nil
}

// Encode returns the statement as it is kept and sent.
func (s Statement) Encode() []byte {
	b, _ := json.Marshal(s) // plain fields always encode
	return b
}

// maxStatement bounds an encoded statement, in bytes.
const maxStatement = 2 << 10

// ParseStatement reads and proves what Encode wrote. It fails with Invalid or Denied.
func ParseStatement(b []byte) (s Statement, err error) {
	if len(b) > maxStatement {
		return s, edge.E(edge.Invalid, "a statement about audit keys may have %d bytes, this one has %d", maxStatement, len(b))
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return Statement{}, edge.E(edge.Invalid, "a statement about audit keys cannot be read: %w", err)
	}
	return s, s.Check()
}

// WitnessName is the name under which a node cosigns.
func WitnessName(n edge.NodeID) string { return originHost + "node/" + n.String() }

// keyHash is the key id of C2SP signed-note: the first four bytes of SHA-256(name, newline, algorithm, key).
func keyHash(name string, alg byte, key []byte) uint32 {
	sum := sha256.Sum256(append(append([]byte(name+"\n"), alg), key...))
	return binary.BigEndian.Uint32(sum[:])
}

// signer signs notes under a name; it is a note.Signer.
type signer struct {
	name string
	hash uint32
	sign func(msg []byte) []byte
}

func (s signer) Name() string                    { return s.name }
func (s signer) KeyHash() uint32                 { return s.hash }
func (s signer) Sign(msg []byte) ([]byte, error) { return s.sign(msg), nil }

// verifier is the other side of it; it is a note.Verifier and knows whose key it is.
type verifier struct {
	signer
	node   edge.NodeID
	verify func(msg, sig []byte) bool
}

func (v verifier) Verify(msg, sig []byte) bool { return v.verify(msg, sig) }

// logSigner signs checkpoints of a tree, under the tree's own name as C2SP tlog-checkpoint asks.
func (k *Key) logSigner(origin string) note.Signer {
	return signer{origin, keyHash(origin, algEd25519, public(k.log)), func(msg []byte) []byte { return ed25519.Sign(k.log, msg) }}
}

func (s Statement) logVerifier(origin string) verifier {
	return verifier{signer{name: origin, hash: keyHash(origin, algEd25519, s.Log)}, s.Node, func(msg, sig []byte) bool { return ed25519.Verify(s.Log, msg, sig) }}
}

// witnessSigner cosigns as C2SP tlog-cosignature says for Ed25519: eight bytes of time, then the signature.
func (k *Key) witnessSigner(now time.Time) note.Signer {
	name := WitnessName(k.statement.Node)
	return signer{name, keyHash(name, algCosignature, public(k.witness)), func(msg []byte) []byte {
		at := uint64(max(now.Unix(), 0))
		return append(binary.BigEndian.AppendUint64(nil, at), ed25519.Sign(k.witness, cosigned(at, msg))...)
	}}
}

func (s Statement) witnessVerifier() verifier {
	name := WitnessName(s.Node)
	return verifier{signer{name: name, hash: keyHash(name, algCosignature, s.Witness)}, s.Node, func(msg, sig []byte) bool {
		return len(sig) == 8+ed25519.SignatureSize && ed25519.Verify(s.Witness, cosigned(binary.BigEndian.Uint64(sig), msg), sig[8:])
	}}
}

func cosigned(at uint64, text []byte) []byte {
	return append([]byte("cosignature/v1\ntime "+strconv.FormatUint(at, 10)+"\n"), text...)
}

// Keys are the statements somebody trusts. They are read only once they are put together.
type Keys []Statement

// of is the note.Verifiers for checkpoints of one origin.
func (ks Keys) of(origin string) note.Verifiers {
	var list []note.Verifier
	seen := map[uint32]bool{} // a key that is there twice would count as ambiguous
	for _, s := range ks {
		for _, v := range []verifier{s.logVerifier(origin), s.witnessVerifier()} {
			if !seen[v.hash] {
				seen[v.hash] = true
				list = append(list, v)
			}
		}
	}
	return note.VerifierList(list...)
}
