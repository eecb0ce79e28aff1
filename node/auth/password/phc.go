package password

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/aielon/edge/node/edge"
)

// A Cost is what a password costs to check, by argon2id. What is stored at another cost is hashed again when
// its owner signs in.
type Cost struct {
	Memory  uint32 // KiB
	Passes  uint32
	Threads uint8
}

// Standard is 19 MiB and two passes, the second setting of the OWASP Password Storage Cheat Sheet.
func Standard() Cost { return Cost{Memory: 19 << 10, Passes: 2, Threads: 1} }

const (
	keyLen  = 32
	saltLen = 16
	maxPHC  = 200 // bytes
)

// phc is one kept password: $argon2id$v=19$m=19456,t=2,p=1$salt$key.
type phc struct {
	edge.Redacted

	Cost
	salt, key []byte
}

// fresh is a new salt; the key is not set yet.
func fresh(c Cost) phc {
	p := phc{Cost: c, salt: make([]byte, saltLen)}
	rand.Read(p.salt)
	return p
}

func (p phc) String() string {
	e := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.Memory, p.Passes, p.Threads, e.EncodeToString(p.salt), e.EncodeToString(p.key))
}

// parsePHC reads what String wrote, byte for byte. Stored costs are bounded so that a damaged or planted row
// cannot exhaust the box.
func parsePHC(s string) (p phc, err error) {
	bad := edge.E(edge.Invalid, "a kept password is not well formed")
	f := strings.Split(s, "$")
	if len(s) > maxPHC || len(f) != 6 || f[0] != "" || f[1] != "argon2id" || f[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, bad
	}
	if _, err := fmt.Sscanf(f[3], "m=%d,t=%d,p=%d", &p.Memory, &p.Passes, &p.Threads); err != nil {
		return phc{}, bad
	}
	var err1, err2 error
	p.salt, err1 = base64.RawStdEncoding.DecodeString(f[4])
	p.key, err2 = base64.RawStdEncoding.DecodeString(f[5])
	ok := err1 == nil && err2 == nil && len(p.salt) == saltLen && len(p.key) == keyLen &&
		p.Memory >= 8 && p.Memory <= 64<<10 && p.Passes >= 1 && p.Passes <= 10 && p.Threads >= 1 && p.Threads <= 4
	if !ok || p.String() != s {
		return phc{}, bad
	}
	return p, nil
}

// Check refuses, with Invalid, what Hasher.Hash would not have written at some version of this program.
func Check(kept string) error {
	_, err := parsePHC(kept)
	return err
}

func (p phc) derive(password string) []byte {
	return argon2.IDKey([]byte(password), p.salt, p.Passes, p.Memory, p.Threads, keyLen)
}

func (p phc) matches(password string) bool {
	return subtle.ConstantTimeCompare(p.derive(password), p.key) == 1
}
