package pki

import (
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"
)

// TicketLife bounds how long a TLS session can be resumed: keys change daily and the last one is kept.
// Every resumption is checked for revocation all the same; the bound limits what a stolen ticket key opens.
const TicketLife = 2 * ticketRotation

const ticketRotation = 24 * time.Hour

// ticketKeys are the keys of session tickets. They live in memory only, so a restart ends all sessions.
type ticketKeys struct {
	mu          sync.Mutex // guards all
	since       time.Time
	now, before [32]byte
}

// forProto returns the keys in use for one protocol, newest first. Protocols do not share keys, so a
// session of one cannot be resumed under another.
func (k *ticketKeys) forProto(p Proto, now time.Time) [][32]byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	age := now.Sub(k.since)
	if k.since.IsZero() || age >= ticketRotation || age < -time.Hour { // a clock set back must not keep a key alive
		k.before = k.now
		if k.since.IsZero() || age >= TicketLife || age < 0 {
			rand.Read(k.before[:])
		}
		rand.Read(k.now[:])
		k.since = now
	}
	return [][32]byte{derive(k.now, p), derive(k.before, p)}
}

func derive(key [32]byte, p Proto) [32]byte {
	return sha256.Sum256(append(key[:], p...))
}
