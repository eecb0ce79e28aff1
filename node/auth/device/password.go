package device

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/aielon/edge/node/edge"
)

// The cost of a password: 9 MiB and four passes, one of the settings of the OWASP Password Storage Cheat
// Sheet for argon2id, at the small end so that a box with little memory can check two at a time.
const (
	argonMemory = 9 << 10 // KiB
	argonPasses = 4
	argonKey    = 32
	argonSalt   = 16
	minPassword = 8
)

// HashPassword makes what is kept of a password, in PHC form. It takes some tens of milliseconds and
// 9 MiB. It fails with Invalid where the password is too short, too long or looks like a token.
func HashPassword(password []byte) (string, error) {
	switch {
	case len(password) < minPassword || len(password) > maxSecret || !utf8.Valid(password):
		return "", edge.E(edge.Invalid, "a device's password needs %d to %d characters", minPassword, maxSecret)
	case IsToken(password):
		return "", edge.E(edge.Invalid, "a device's password must not look like a token").WithHint("leave the password out to get a token")
	}
	salt := make([]byte, argonSalt)
	rand.Read(salt)
	p := phc{memory: argonMemory, passes: argonPasses, threads: 1, salt: salt}
	p.key = p.derive(password)
	return p.String(), nil
}

// CheckPasswordHash refuses, with Invalid, what HashPassword would not have written at some version of
// this program; stored parameters must not be able to exhaust the box.
func CheckPasswordHash(s string) error {
	_, err := parsePHC(s)
	return err
}

type phc struct {
	edge.Redacted

	memory, passes uint32
	threads        uint8
	salt, key      []byte
}

// String is the PHC form: $argon2id$v=19$m=9216,t=4,p=1$salt$key.
func (p phc) String() string {
	e := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.passes, p.threads, e.EncodeToString(p.salt), e.EncodeToString(p.key))
}

func parsePHC(s string) (p phc, err error) {
	bad := edge.E(edge.Invalid, "a kept password is not well formed")
	f := strings.Split(s, "$")
	if len(s) > 200 || len(f) != 6 || f[0] != "" || f[1] != "argon2id" || f[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, bad
	}
	if _, err := fmt.Sscanf(f[3], "m=%d,t=%d,p=%d", &p.memory, &p.passes, &p.threads); err != nil {
		return p, bad
	}
	var err1, err2 error
	p.salt, err1 = base64.RawStdEncoding.DecodeString(f[4])
	p.key, err2 = base64.RawStdEncoding.DecodeString(f[5])
	ok := err1 == nil && err2 == nil && len(p.salt) == argonSalt && len(p.key) == argonKey &&
		p.memory >= 8 && p.memory <= 64<<10 && p.passes >= 1 && p.passes <= 10 && p.threads >= 1 && p.threads <= 4
	if !ok || p.String() != s {
		return phc{}, bad
	}
	return p, nil
}

func (p phc) derive(password []byte) []byte {
	return argon2.IDKey(password, p.salt, p.passes, p.memory, p.threads, argonKey)
}

func (p phc) check(password []byte) bool {
	return subtle.ConstantTimeCompare(p.derive(password), p.key) == 1
}
