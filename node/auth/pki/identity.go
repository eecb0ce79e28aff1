package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A Use is what a certificate chain of a node is shown for. A node holds at most one chain per use.
type Use uint8

const (
	UseSite Use = iota // from the site CA, with the cross certificate behind it once the site joined a region
	UseHub             // hubs only: from the region CA this hub holds
	UseUp              // from the hub itself, for a node that could not reach its own site's CA in time
)

var useFiles = [...]string{"site.pem", "hub.pem", "up.pem"}

// A Chain is a leaf certificate and what it needs behind it to reach a root. It is never changed.
type Chain struct {
	Name Name
	Leaf *x509.Certificate
	DER  [][]byte // leaf first, root left out
	tls  *tls.Certificate
}

// Cross reports whether the chain reaches beyond the site.
func (c *Chain) Cross() bool { return len(c.DER) > 1 }

// good reports whether there is a chain and its leaf is within its time.
func (c *Chain) good(now time.Time) bool {
	return c != nil && !now.Before(c.Leaf.NotBefore) && !now.After(c.Leaf.NotAfter)
}

// An Identity is a node's key and the chains that certify it. Chains are swapped while connections run;
// the key never changes.
type Identity struct {
	edge.Redacted

	dir    string // empty: nothing is kept
	key    *ecdsa.PrivateKey
	id     edge.NodeID
	chains [len(useFiles)]atomic.Pointer[Chain]
}

// LoadOrCreate opens the identity kept in dir and makes one where there is none. It fails with Denied
// where others may read the key and with Corrupt where the key cannot be used. A chain file that cannot
// be used counts as missing: renewal replaces it, and the node must start without help.
func LoadOrCreate(dir string) (*Identity, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, edge.E(edge.Unavailable, "cannot make the directory for the node's key: %w", err)
	}
	path := filepath.Join(dir, "node.key")
	b, err := ReadPrivate(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := createKey(path); err != nil && !errors.Is(err, fs.ErrExist) { // another process may have been first
			return nil, err
		}
		b, err = ReadPrivate(path)
	}
	if err != nil {
		return nil, err
	}
	key, err := parseKey(b)
	if err != nil {
		return nil, edge.E(edge.Corrupt, "the node's key in %s cannot be used: %w", path, err).
			WithHint("restore the file from a backup, or remove it and join again as a new node")
	}
	i, err := newIdentity(dir, key)
	if err != nil {
		return nil, err
	}
	for u, name := range useFiles {
		if b, err := ReadPrivate(filepath.Join(dir, name)); err == nil {
			if c, err := i.check(Use(u), decodeCerts(b)); err == nil {
				i.chains[u].Store(c)
			}
		}
	}
	return i, nil
}

// NewIdentity makes an identity that is kept in memory only, for simulations and short-lived tools.
func NewIdentity() (*Identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, edge.E(edge.Internal, "no key can be made: %w", err)
	}
	return newIdentity("", key)
}

func newIdentity(dir string, key *ecdsa.PrivateKey) (*Identity, error) {
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, edge.E(edge.Internal, "the node's key cannot be encoded: %w", err)
	}
	return &Identity{dir: dir, key: key, id: sha256.Sum256(spki)}, nil
}

// ID is the hash of the node's public key.
func (i *Identity) ID() edge.NodeID { return i.id }

// Signer is the node's key, for signing and nothing else.
func (i *Identity) Signer() crypto.Signer { return i.key }

// CSR returns a PKCS #10 request for the node's key. It carries no names: the issuer decides those.
func (i *Identity) CSR() ([]byte, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, i.key)
	if err != nil {
		return nil, edge.E(edge.Internal, "no certificate request can be made: %w", err)
	}
	return der, nil
}

// Chain returns the present chain for a use, or nil.
func (i *Identity) Chain(u Use) *Chain { return i.chains[u].Load() }

// Install puts a new chain (DER, leaf first, root left out) in force and keeps it for the next start.
// It fails with Invalid, changing nothing, where the leaf is not for this node's key.
func (i *Identity) Install(u Use, der [][]byte) error {
	c, err := i.check(u, der)
	if err != nil {
		return err
	}
	if i.dir != "" {
		if err := WritePrivate(filepath.Join(i.dir, useFiles[u]), encodeCerts(der)); err != nil {
			return err
		}
	}
	i.chains[u].Store(c)
	return nil
}

func (i *Identity) check(u Use, der [][]byte) (*Chain, error) {
	if len(der) == 0 || len(der) > maxChain {
		return nil, edge.E(edge.Invalid, "a certificate chain needs 1 to %d certificates, this one has %d", maxChain, len(der))
	}
	leaf, err := x509.ParseCertificate(der[0])
	if err != nil {
		return nil, edge.E(edge.Invalid, "a certificate for this node cannot be read: %w", err)
	}
	name, err := leafName(leaf)
	if err != nil {
		return nil, err
	}
	if name.ID != i.id {
		return nil, edge.E(edge.Invalid, "a certificate is for node %s, and this is node %s", name.ID.Short(), i.id.Short())
	}
	if (name.Role == RoleHub) != (u == UseHub) {
		return nil, edge.E(edge.Invalid, "a certificate for %s cannot be used here", name)
	}
	return &Chain{Name: name, Leaf: leaf, DER: der, tls: &tls.Certificate{Certificate: der, PrivateKey: i.key, Leaf: leaf}}, nil
}

func createKey(path string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return edge.E(edge.Internal, "no key can be made: %w", err)
	}
	b, err := encodeKey(key)
	if err != nil {
		return err
	}
	return createPrivate(path, b)
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, edge.E(edge.Internal, "a key cannot be encoded: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func parseKey(b []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New("it holds no PEM block of type PRIVATE KEY")
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := k.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("it is not an ECDSA P-256 key")
	}
	return key, nil
}

func encodeCerts(der [][]byte) []byte {
	var b bytes.Buffer
	for _, d := range der {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: d}))
	}
	return b.Bytes()
}

func decodeCerts(b []byte) (der [][]byte) {
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			return der
		}
		if block.Type == "CERTIFICATE" {
			der = append(der, block.Bytes)
		}
	}
}
