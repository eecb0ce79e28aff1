package call

import (
	"math/rand/v2"

	"github.com/aielon/edge/node/edge"
)

// Name takes over the id a caller gave its request, where it has the form of one, or makes one.
func Name(given string) string {
	if edge.IsRequest(given) {
		return given
	}
	var b [16]byte
	for i, n := 0, rand.Uint64(); i < 8; i, n = i+1, n>>5 {
		b[i] = letters[n&31]
	}
	for i, n := 8, rand.Uint64(); i < 16; i, n = i+1, n>>5 {
		b[i] = letters[n&31]
	}
	return string(b[:])
}

// letters are those of base32, small (RFC 4648 section 6).
const letters = "abcdefghijklmnopqrstuvwxyz234567"
