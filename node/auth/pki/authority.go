package pki

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"sync/atomic"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A Scope is what an authority speaks for.
type Scope string

const (
	ScopeSite   Scope = "site"   // the nodes and devices of one site
	ScopeRegion Scope = "region" // the sites of one region, and the hubs that serve it
)

const (
	regionLife = 10 * 365 * 24 * time.Hour
	siteLife   = 2 * 365 * 24 * time.Hour
	// siteOverlap is how long before the end of a site CA its successor should be made and trusted.
	siteOverlap = 180 * 24 * time.Hour
	// caBackdate lets machines whose clocks are a day behind trust a new CA at once.
	caBackdate = 24 * time.Hour
)

// An Authority is a CA: its key, its self-signed certificate and, for a site's, the cross certificate by
// which a region vouches for it. Methods may be called from many goroutines.
type Authority struct {
	edge.Redacted

	scope Scope
	label string // of the site or the region
	key   *ecdsa.PrivateKey
	root  *x509.Certificate
	cross atomic.Pointer[x509.Certificate]
	now   func() time.Time
}

// NewAuthority makes a CA for a site or a region with that label. now is the clock certificates are
// dated by, usually Trust.Now; time.Now where nil.
func NewAuthority(scope Scope, label string, now func() time.Time) (*Authority, error) {
	if err := checkScope(scope, label); err != nil {
		return nil, err
	}
	if now == nil {
		now = time.Now
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, edge.E(edge.Internal, "no key can be made: %w", err)
	}
	root, err := selfSign(scope, label, key, now())
	if err != nil {
		return nil, err
	}
	return &Authority{scope: scope, label: label, key: key, root: root, now: now}, nil
}

func checkScope(scope Scope, label string) error {
	if scope != ScopeSite && scope != ScopeRegion {
		return edge.E(edge.Invalid, "an authority is for a site or for a region, not for %q", clip(string(scope), 40))
	}
	if scope == ScopeRegion && label == LocalRegion {
		return edge.E(edge.Invalid, "a region cannot be called %q, which stands for having none", LocalRegion)
	}
	return CheckLabel(label)
}

// Scope says whether this is a site's or a region's authority.
func (a *Authority) Scope() Scope { return a.scope }

// Label is the name of the site or region.
func (a *Authority) Label() string { return a.label }

// Root is the self-signed certificate.
func (a *Authority) Root() *x509.Certificate { return a.root }

// ID is the hash of the CA's key: the pin in join codes and the handle for revocation.
func (a *Authority) ID() edge.NodeID { return KeyID(a.root) }

// Cross is the region's certificate for this site's CA, or nil where the site is in no region.
func (a *Authority) Cross() *x509.Certificate { return a.cross.Load() }

// SetCross takes the region's certificate for this site CA. It fails with Invalid where it is for another
// key, or is not signed by region, or allows other names than <site>.<region>.
func (a *Authority) SetCross(cross, region *x509.Certificate) error {
	if a.scope != ScopeSite || KeyID(cross) != a.ID() {
		return edge.E(edge.Invalid, "the cross certificate is for another CA")
	}
	if err := checkCross(cross, a.label, region, a.now()); err != nil {
		return err
	}
	a.cross.Store(cross)
	return nil
}

// Due reports whether the CA is so near its end that a successor should be made now and trusted beside it.
func (a *Authority) Due() bool {
	return a.scope == ScopeSite && a.now().After(a.root.NotAfter.Add(-siteOverlap))
}

// Sign signs a digest (SHA-256) with the CA's key, as proof of holding it. Callers must hash a text of
// their own making with a prefix no certificate can start with.
func (a *Authority) Sign(digest [32]byte) ([]byte, error) {
	sig, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	if err != nil {
		return nil, edge.E(edge.Internal, "nothing can be signed: %w", err)
	}
	return sig, nil
}

// chain is what a holder of leaf shows: the leaf and the cross certificate, if there is one.
func (a *Authority) chain(leaf []byte) [][]byte {
	if c := a.cross.Load(); c != nil {
		return [][]byte{leaf, c.Raw}
	}
	return [][]byte{leaf}
}

const (
	pemAuthority = "AIELON EDGE AUTHORITY"
	sealInfo     = "aielon-edge/pki/authority/1"
)

// Export returns the key and certificates of the CA for keeping. With a storage key (32 bytes) they are
// sealed by AES-256-GCM under a key derived from it; without one the caller must keep them encrypted.
func (a *Authority) Export(storageKey []byte) ([]byte, error) {
	k, err := encodeKey(a.key)
	if err != nil {
		return nil, err
	}
	certs := [][]byte{a.root.Raw}
	if c := a.cross.Load(); c != nil {
		certs = append(certs, c.Raw)
	}
	plain := append(k, encodeCerts(certs)...)
	if storageKey == nil {
		return plain, nil
	}
	aead, err := sealer(storageKey)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize())
	rand.Read(nonce)
	sealed := aead.Seal(nonce, nonce, plain, []byte(sealInfo))
	return pem.EncodeToMemory(&pem.Block{Type: pemAuthority, Bytes: sealed}), nil
}

// ImportAuthority reads what Export wrote. It fails with Denied where the storage key is missing or wrong
// and with Corrupt where what is inside does not belong together.
func ImportAuthority(b, storageKey []byte, now func() time.Time) (*Authority, error) {
	if now == nil {
		now = time.Now
	}
	plain, err := unseal(b, storageKey)
	if err != nil {
		return nil, err
	}
	key, err := parseKey(plain)
	if err != nil {
		return nil, edge.E(edge.Corrupt, "the key of a CA cannot be used: %w", err)
	}
	certs := decodeCerts(plain)
	if len(certs) < 1 || len(certs) > 2 {
		return nil, edge.E(edge.Corrupt, "a kept CA has %d certificates instead of one or two", len(certs))
	}
	root, err := x509.ParseCertificate(certs[0])
	if err != nil {
		return nil, edge.E(edge.Corrupt, "the certificate of a CA cannot be read: %w", err)
	}
	scope, label, err := CheckRoot(root)
	if err != nil || !key.PublicKey.Equal(root.PublicKey) {
		return nil, edge.E(edge.Corrupt, "a kept CA's key and certificate do not belong together: %w", errors.Join(err))
	}
	a := &Authority{scope: scope, label: label, key: key, root: root, now: now}
	if len(certs) == 2 {
		cross, err := x509.ParseCertificate(certs[1])
		if err != nil || KeyID(cross) != a.ID() {
			return nil, edge.E(edge.Corrupt, "a kept cross certificate does not belong to its CA: %w", errors.Join(err))
		}
		a.cross.Store(cross)
	}
	return a, nil
}

// Save keeps the CA in a file of mode 0600, sealed where a storage key is given.
func (a *Authority) Save(path string, storageKey []byte) error {
	b, err := a.Export(storageKey)
	if err != nil {
		return err
	}
	return WritePrivate(path, b)
}

// LoadAuthority reads what Save kept. It fails like ReadPrivate and ImportAuthority.
func LoadAuthority(path string, storageKey []byte, now func() time.Time) (*Authority, error) {
	b, err := ReadPrivate(path)
	if err != nil {
		return nil, err
	}
	return ImportAuthority(b, storageKey, now)
}

func unseal(b, storageKey []byte) ([]byte, error) {
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, edge.E(edge.Corrupt, "the kept key of a CA is damaged")
	}
	if block.Type != pemAuthority {
		return b, nil
	}
	aead, err := sealer(storageKey)
	if err != nil {
		return nil, err
	}
	if len(block.Bytes) < aead.NonceSize() {
		return nil, edge.E(edge.Corrupt, "the kept key of a CA is damaged")
	}
	nonce, ct := block.Bytes[:aead.NonceSize()], block.Bytes[aead.NonceSize():]
	plain, err := aead.Open(nil, nonce, ct, []byte(sealInfo))
	if err != nil {
		return nil, edge.E(edge.Denied, "the key of a CA cannot be unsealed: the storage key is another one, or the file is damaged: %w", err)
	}
	return plain, nil
}

func sealer(storageKey []byte) (cipher.AEAD, error) {
	if len(storageKey) != 32 {
		return nil, edge.E(edge.Denied, "the key of a CA is sealed, and no storage key of 32 bytes was given")
	}
	k, err := hkdf.Key(sha256.New, storageKey, nil, sealInfo, 32)
	if err != nil {
		return nil, edge.E(edge.Internal, "no key can be derived: %w", err)
	}
	block, err := aes.NewCipher(k)
	if err != nil {
		return nil, edge.E(edge.Internal, "AES is not available: %w", err)
	}
	return cipher.NewGCM(block)
}

// sameDER reports whether two certificates are one and the same.
func sameDER(a, b *x509.Certificate) bool { return bytes.Equal(a.Raw, b.Raw) }
