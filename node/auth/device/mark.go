package device

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Mark names the part of a credential that a proof, once it was checked, has matched. Whoever holds a
// connection keeps the mark and asks Stands when the credential changes. It is worth nothing as a proof.
func (c Credential) Mark(p Proof) string {
	switch {
	case p.Key != nil:
		return mark("key", p.Key)
	case IsToken(p.Secret):
		return mark("token", TokenHash(p.ID, string(p.Secret)))
	}
	return mark("password", []byte(c.Password))
}

// Stands reports whether what left a mark still proves the device, and for how long where that has an
// end: left is 0 where it has none.
func (c Credential) Stands(m string, now time.Time) (left time.Duration, ok bool) {
	switch {
	case len(c.Key) > 0 && m == mark("key", c.Key), len(c.Token) > 0 && m == mark("token", c.Token),
		c.Password != "" && m == mark("password", []byte(c.Password)):
		return 0, true
	case len(c.Old) > 0 && m == mark("token", c.Old) && now.Before(c.OldUntil):
		return c.OldUntil.Sub(now), true
	}
	return 0, false
}

func mark(kind string, b []byte) string {
	h := sha256.New()
	h.Write([]byte("aielon-edge/device-mark/1\x00" + kind + "\x00"))
	h.Write(b)
	return hex.EncodeToString(h.Sum(nil)[:16])
}
