// Package recovery is the paper key of a person: codes that each replace the second proof once.
package recovery

import (
	"slices"

	"github.com/aielon/edge/node/auth/token"
)

// Count is how many codes a set has.
const Count = 8

// A Set is what is kept of the codes that are left.
type Set []token.Hash

// New makes a set for a person and the codes themselves, which are shown once and kept nowhere.
func New(person string) (codes []string, set Set) {
	for range Count {
		code := token.NewCode(token.Recovery())
		codes, set = append(codes, code), append(set, hash(person, code))
	}
	return codes, set
}

// Find looks for a code as a person typed it among those left. What it returns names the code for Burn and
// is no secret. All codes are compared, so that the time says nothing about which one it was.
func (s Set) Find(person, typed string) (found token.Hash, ok bool) {
	code, err := token.ParseCode(token.Recovery(), typed)
	if err != nil {
		return found, false
	}
	for _, h := range s {
		if h.Matches(salted(person, code)) {
			found, ok = h, true
		}
	}
	return found, ok
}

// Burn returns the set without a code, and false where the set did not hold it: somebody was first.
func (s Set) Burn(h token.Hash) (Set, bool) {
	i := slices.Index(s, h)
	if i < 0 {
		return s, false
	}
	return slices.Delete(slices.Clone(s), i, i+1), true
}

func hash(person, code string) token.Hash { return token.HashOf(salted(person, code)) }

// salted binds a code to its person, so that a kept hash cannot be moved to another.
func salted(person, code string) string { return "recovery\x00" + person + "\x00" + code }
