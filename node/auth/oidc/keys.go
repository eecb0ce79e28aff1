package oidc

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/aielon/edge/node/edge"
)

const (
	keyLife  = 30 * 24 * time.Hour // how long a key signs
	keyShown = time.Hour           // how long it is shown before it signs, for those who keep the list of keys
	keyAfter = 24 * time.Hour      // how long it is shown after: longer than any token lives
	maxKeys  = 4
)

// A keyRow is a signing key (ECDSA P-384), sealed by the secret that the nodes of the site share.
type keyRow struct {
	ID     string    `json:"id"`
	Sealed []byte    `json:"sealed"` // PKCS #8
	Made   time.Time `json:"made"`
	From   time.Time `json:"from"`           // it signs from here on
	Until  time.Time `json:"until,omitzero"` // it is shown until; zero for the newest
}

// A keyProposal is a new key, and the age the newest must have for it to be needed.
type keyProposal struct {
	Key keyRow `json:"key"`
}

func keepKey(tx edge.Tx, in keyProposal) (none, error) {
	rows, _, err := load[[]keyRow](tx, keysRow)
	if err != nil {
		return none{}, err
	}
	now := tx.Now()
	if n := len(rows); n > 0 && now.Sub(rows[n-1].Made) < keyLife { // another node was first
		return none{}, nil
	}
	k := in.Key
	k.Made, k.From = now, now
	if n := len(rows); n > 0 {
		k.From = now.Add(keyShown)
		rows[n-1].Until = k.From.Add(keyAfter)
	}
	rows = slices.DeleteFunc(rows, func(r keyRow) bool { return !r.Until.IsZero() && now.After(r.Until) })
	rows = append(rows, k)
	return none{}, save(tx, keysRow, rows[max(0, len(rows)-maxKeys):])
}

// A signer is a key that was opened.
type signer struct {
	edge.Redacted

	keyRow
	private *ecdsa.PrivateKey
}

// ring opens the site's keys once each.
type ring struct {
	edge.Redacted

	secret func() []byte
	mu     sync.Mutex // guards opened
	opened map[string]signer
}

func newRing(secret func() []byte) *ring { return &ring{secret: secret, opened: map[string]signer{}} }

// make returns a new key, sealed.
func (r *ring) make() (keyRow, error) {
	private, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return keyRow{}, edge.E(edge.Internal, "a signing key cannot be made: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return keyRow{}, edge.E(edge.Internal, "a signing key cannot be encoded: %w", err)
	}
	thumb, err := (&jose.JSONWebKey{Key: private.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		return keyRow{}, edge.E(edge.Internal, "a signing key has no name: %w", err)
	}
	k := keyRow{ID: base64.RawURLEncoding.EncodeToString(thumb[:12])}
	box, err := r.box()
	if err != nil {
		return keyRow{}, err
	}
	k.Sealed = box.Seal(nil, nil, der, []byte(k.ID))
	return k, nil
}

func (r *ring) box() (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, r.secret(), nil, "aielon-edge/oidc/keys/1", 32)
	if err != nil {
		return nil, edge.E(edge.Internal, "the seal of the signing keys cannot be made: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, edge.E(edge.Internal, "the seal of the signing keys cannot be made: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// open returns the keys that are shown now, in the order they were made. It fails with Unavailable where the site has
// none yet.
func (r *ring) open(v edge.View, now time.Time) (list []signer, err error) {
	rows, _, err := load[[]keyRow](v, keysRow)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, row := range rows {
		if !row.Until.IsZero() && now.After(row.Until) {
			delete(r.opened, row.ID)
			continue
		}
		k, ok := r.opened[row.ID]
		if !ok {
			if k.private, err = r.unseal(row); err != nil {
				return nil, err
			}
		}
		k.keyRow = row
		r.opened[row.ID] = k
		list = append(list, k)
	}
	if len(list) == 0 {
		return nil, edge.E(edge.Unavailable, "the site has no key to sign tokens with yet").WithHint("try again in a moment")
	}
	return list, nil
}

func (r *ring) unseal(row keyRow) (*ecdsa.PrivateKey, error) {
	box, err := r.box()
	if err != nil {
		return nil, err
	}
	der, err := box.Open(nil, nil, row.Sealed, []byte(row.ID))
	if err != nil {
		return nil, edge.E(edge.Corrupt, "the site's signing key %s does not open", row.ID)
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if private, ok := key.(*ecdsa.PrivateKey); err == nil && ok {
		return private, nil
	}
	return nil, edge.E(edge.Corrupt, "the site's signing key %s cannot be read", row.ID)
}

// signing is the newest key that signs already; the clocks of nodes differ, so a young one may be all there is.
func signing(list []signer, now time.Time) signer {
	for _, k := range slices.Backward(list) {
		if !now.Before(k.From) {
			return k
		}
	}
	return list[0]
}

func public(list []signer) jose.JSONWebKeySet {
	var set jose.JSONWebKeySet
	for _, k := range list {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.private.Public(), KeyID: k.ID, Algorithm: string(jose.ES384), Use: "sig"})
	}
	return set
}
