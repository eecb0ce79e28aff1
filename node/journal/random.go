package journal

import (
	"crypto/rand"
	"encoding/binary"
)

// random24 returns 24 random bits. Two stores that were made from one backup must not choose alike.
func random24() uint64 {
	var b [4]byte
	rand.Read(b[1:]) // never fails since Go 1.24
	return uint64(binary.BigEndian.Uint32(b[:]))
}
