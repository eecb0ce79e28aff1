package token

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"

	"github.com/aielon/edge/node/edge"
)

// A Kind says what a secret is for. It stands in front of the secret, so that one that leaks is known for
// what it is, and it is part of the hash, so that no secret works as one of another kind.
type Kind string

// Kinds of secrets.
const (
	Session Kind = "aes_" // somebody who signed in
	Service Kind = "aet_" // a program
	Ticket  Kind = "aep_" // a sign-in that is half done
)

// Bytes is how much of a secret is random.
const Bytes = 32

const textLen = 43 // of Bytes in base 64 without padding

// A Hash is what is kept of a secret.
type Hash [sha256.Size]byte

// New makes a secret: the kind and 43 letters, digits, - and _.
func New(k Kind) string {
	b := make([]byte, Bytes)
	rand.Read(b)
	return string(k) + base64.RawURLEncoding.EncodeToString(b)
}

// Is reports whether a text has the form of a secret of kind k. It says nothing about who knows it.
func Is(k Kind, secret string) bool {
	text, ok := strings.CutPrefix(secret, string(k))
	if !ok || len(text) != textLen {
		return false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil && len(b) == Bytes
}

// HashOf is what is kept of a secret: one SHA-256, since of 2^256 random values nobody can try a share worth
// speaking of at any price.
func HashOf(secret string) Hash { return digest("hash", secret) }

// IDOf is the public name of a secret: good for lists, logs and keys, and worth nothing as a proof. It is
// another hash of it, so that whoever shows a secret is found by one look.
func IDOf(secret string) edge.ID {
	h := digest("id", secret)
	return edge.ID(h[:16])
}

// Matches compares in constant time.
func (h Hash) Matches(secret string) bool {
	other := HashOf(secret)
	return subtle.ConstantTimeCompare(h[:], other[:]) == 1
}

// IsZero reports whether h was never set.
func (h Hash) IsZero() bool { return h == Hash{} }

// MarshalText and UnmarshalText let a Hash stand in JSON.
func (h Hash) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, h[:]), nil
}

// UnmarshalText reads what MarshalText wrote. It fails with Invalid.
func (h *Hash) UnmarshalText(b []byte) error {
	got, err := base64.RawURLEncoding.Strict().DecodeString(string(b))
	if err != nil || len(got) != len(h) {
		return edge.E(edge.Invalid, "a kept hash is not well formed")
	}
	copy(h[:], got)
	return nil
}

func digest(use, secret string) Hash {
	h := sha256.New()
	h.Write([]byte("aielon-edge/secret/1\x00" + use + "\x00"))
	h.Write([]byte(secret))
	return Hash(h.Sum(nil))
}
