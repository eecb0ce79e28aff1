package state

import (
	"crypto/hkdf"
	"crypto/sha256"
)

// Purposes of derived keys. They are part of the format of a store: never change one.
const (
	purposeBadger   = "aielon-edge/state/badger/1"
	purposeEnvelope = "aielon-edge/state/envelope/1"
	purposeWitness  = "aielon-edge/state/witness/1"
	purposeSums     = "aielon-edge/state/sums/1"
	purposeBackup   = "aielon-edge/state/backup/1"
)

// derive makes the 32-byte key for one purpose (HKDF with SHA-256, RFC 5869). A key is used for one
// purpose only, so that a weakness of one use cannot be turned against another.
func derive(key []byte, purpose string, salt []byte) []byte {
	k, err := hkdf.Key(sha256.New, key, salt, purpose, 32)
	if err != nil {
		panic("state: " + err.Error()) // only for lengths no caller can ask for
	}
	return k
}
