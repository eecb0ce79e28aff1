package device

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"strings"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A Credential is what is kept of how a device proves itself. None of it is enough to be the device.
type Credential struct {
	edge.Redacted

	Token    []byte    `json:"token,omitempty"`    // TokenHash
	Old      []byte    `json:"old,omitempty"`      // hash of the token before, good until OldUntil
	OldUntil time.Time `json:"old_until,omitzero"` //
	Password string    `json:"password,omitempty"` // HashPassword
	Key      []byte    `json:"key,omitempty"`      // SHA-256 of the public key of its certificate
}

const (
	tokenPrefix = "aed1-"
	tokenBytes  = 20 // 160 random bits
	tokenLen    = len(tokenPrefix) + tokenBytes*8/5
	maxSecret   = 256 // bytes a device may present
)

// NewToken makes the secret of a device: "aed1-" and 32 letters and digits, 160 random bits.
func NewToken() string {
	b := make([]byte, tokenBytes)
	rand.Read(b)
	return tokenPrefix + tokenText().EncodeToString(b)
}

// IsToken reports whether a secret has the form of a token; anything else is taken for a password.
func IsToken(secret []byte) bool {
	return len(secret) == tokenLen && strings.HasPrefix(string(secret), tokenPrefix)
}

// TokenHash is what is kept of a token: one SHA-256 over the device's id and the token. A slow hash would
// protect nothing here. It makes each guess dear where guesses are few, as with words people choose; of
// 2^160 random tokens nobody can try a share worth speaking of at any price. And a box must take back
// hundreds of devices within seconds after a power cut: a slow hash would turn that storm into an outage.
// The id is part of the hash so that a kept hash cannot be moved to another device.
func TokenHash(id, token string) []byte {
	h := sha256.New()
	h.Write([]byte("aielon-edge/device-token/1\x00" + id + "\x00" + token))
	return h.Sum(nil)
}

// CheckID refuses, with Invalid, what cannot be the id of a device: 1 to 64 letters, digits and ._:-
// so that it needs no escaping in a topic, a certificate or a key.
func CheckID(id string) error {
	ok := len(id) >= 1 && len(id) <= 64
	for i := 0; ok && i < len(id); i++ {
		c := id[i]
		ok = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("._:-", c) >= 0
	}
	if !ok {
		return edge.E(edge.Invalid, "%q cannot be the id of a device", clip(id, 80)).WithHint("use 1 to 64 letters, digits and . _ : - such as bp-monitor-3")
	}
	return nil
}

// checkToken compares in constant time, with the present token and the one before.
func (c Credential) checkToken(id string, secret []byte, now time.Time) bool {
	h := TokenHash(id, string(secret))
	ok := subtle.ConstantTimeCompare(h, c.Token)
	old := subtle.ConstantTimeCompare(h, c.Old)
	return ok == 1 || old == 1 && now.Before(c.OldUntil)
}

func (c Credential) checkKey(key []byte) bool {
	return len(c.Key) == sha256.Size && subtle.ConstantTimeCompare(c.Key, key) == 1
}

func tokenText() *base32.Encoding {
	return base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
