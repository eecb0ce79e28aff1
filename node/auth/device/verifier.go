package device

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
)

const (
	parallelHashes = 2    // 18 MiB at the most
	waitingHashes  = 256  // devices that may wait for their turn
	rememberMax    = 4096 // passwords just checked
	rememberFor    = 12 * time.Hour
)

// A Proof is what a device presented.
type Proof struct {
	edge.Redacted

	ID     string // who it says it is
	Secret []byte // token or password; nil: none
	Key    []byte // SHA-256 of the public key of a certificate for ID that TLS has checked; nil: none
}

// A Verifier checks proofs. How long it takes depends on what was presented and not on whether there is
// such a device: a token costs one SHA-256 and a password one argon2id, also where nobody is known by
// that name or the device has no password. Only a password that was right before is quicker.
type Verifier struct {
	edge.Redacted

	slots   chan struct{} // one per argon2id under way
	waiting chan struct{}
	dummy   phc
	secret  [32]byte // of this process; keys what is remembered

	mu       sync.Mutex // guards right
	right    map[string]memory
	remember int // entries allowed
}

// memory says that a password was right for a kept hash, without holding either.
type memory struct {
	mac   [32]byte
	until time.Time
}

// NewVerifier makes a Verifier; a process needs one.
func NewVerifier() *Verifier {
	v := &Verifier{slots: make(chan struct{}, parallelHashes), waiting: make(chan struct{}, waitingHashes), right: map[string]memory{}, remember: rememberMax}
	rand.Read(v.secret[:])
	v.dummy = phc{memory: argonMemory, passes: argonPasses, threads: 1, salt: make([]byte, argonSalt), key: make([]byte, argonKey)}
	rand.Read(v.dummy.salt)
	rand.Read(v.dummy.key)
	return v
}

// Check decides whether p proves to be the device with credential c; c is nil where there is no such
// device. It fails with Denied, always with the same words, and with Unavailable where too many
// passwords are being checked at once.
func (v *Verifier) Check(ctx context.Context, c *Credential, p Proof, now time.Time) error {
	kept := Credential{}
	if c != nil {
		kept = *c
	}
	ok := false
	switch {
	case p.Key != nil:
		ok = kept.checkKey(p.Key)
	case len(p.Secret) > maxSecret: // its length is the client's own choice and tells nothing
	case IsToken(p.Secret):
		ok = kept.checkToken(p.ID, p.Secret, now)
	case len(p.Secret) > 0:
		var err error
		if ok, err = v.password(ctx, kept.Password, p, now); err != nil {
			return err
		}
	}
	if !ok || c == nil {
		return Refused()
	}
	return nil
}

// Refused is the answer to every wrong proof.
func Refused() *edge.Error {
	return edge.E(edge.Denied, "the device is not known here or its secret is wrong").WithHint("register the device, or give it a new token")
}

func (v *Verifier) password(ctx context.Context, hash string, p Proof, now time.Time) (bool, error) {
	mac := v.mac(hash, p)
	if hash != "" && v.remembered(p.ID, mac, now) {
		return true, nil
	}
	kept, err := parsePHC(hash)
	known := err == nil
	if !known {
		kept = v.dummy
	}
	ok, err := v.slow(ctx, kept, p.Secret)
	if err != nil {
		return false, err
	}
	ok = ok && known
	if ok {
		v.keep(p.ID, memory{mac, now.Add(rememberFor)}, now)
	}
	return ok, nil
}

// slow runs argon2id, a few at a time, with a bounded queue before it.
func (v *Verifier) slow(ctx context.Context, p phc, password []byte) (bool, error) {
	busy := edge.E(edge.Unavailable, "too many devices are logging in at once").WithHint("they will get in within a minute; tokens are checked faster than passwords")
	select {
	case v.waiting <- struct{}{}:
		defer func() { <-v.waiting }()
	default:
		return false, busy
	}
	select {
	case v.slots <- struct{}{}:
		defer func() { <-v.slots }()
		return p.check(password), nil
	case <-ctx.Done():
		return false, busy
	}
}

func (v *Verifier) mac(hash string, p Proof) (m [32]byte) {
	h := hmac.New(sha256.New, v.secret[:])
	for _, s := range [...]string{p.ID, hash} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	h.Write(p.Secret)
	h.Sum(m[:0])
	return m
}

func (v *Verifier) remembered(id string, mac [32]byte, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	m, ok := v.right[id]
	return ok && now.Before(m.until) && subtle.ConstantTimeCompare(m.mac[:], mac[:]) == 1
}

func (v *Verifier) keep(id string, m memory, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.right) >= v.remember {
		for k, old := range v.right {
			if !now.Before(old.until) {
				delete(v.right, k)
			}
		}
	}
	if len(v.right) >= v.remember {
		clear(v.right) // rather check again than grow
	}
	v.right[id] = m
}
