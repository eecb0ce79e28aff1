package password

import (
	"context"
	"crypto/rand"
	"sync/atomic"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/aielon/edge/node/edge"
)

const (
	parallel = 2                // argon2id under way at a time: 38 MiB
	waiting  = 64               // that may wait for their turn
	patience = 20 * time.Second // and for how long
)

// A Hasher hashes and checks passwords, a few at a time. A process needs one.
type Hasher struct {
	edge.Redacted

	slots   chan struct{} // one per argon2id under way
	waiting chan struct{}
	cost    Cost
	decoy   phc // stands in for whoever is not known
	runs    atomic.Uint64
}

// NewHasher makes a Hasher that works on two passwords at a time and lets 64 wait.
func NewHasher(c Cost) *Hasher { return newHasher(c, parallel, waiting) }

func newHasher(c Cost, parallel, waiting int) *Hasher {
	h := &Hasher{slots: make(chan struct{}, parallel), waiting: make(chan struct{}, waiting), cost: c, decoy: fresh(c)}
	h.decoy.key = make([]byte, keyLen)
	rand.Read(h.decoy.key)
	return h
}

// Hash makes what is kept of a password. It does not judge it: see Rules. It fails with Exhausted where too
// many are waiting, and with ctx.
func (h *Hasher) Hash(ctx context.Context, password string) (kept string, err error) {
	p := fresh(h.cost)
	err = h.run(ctx, func() { p.key = p.derive(normal(password)) })
	return p.String(), err
}

// Verify checks a password against what was kept; kept is empty where there is no such person or no password,
// which takes as long and is never right. stale says that a right password should be hashed and kept again.
// It fails with Exhausted where too many are waiting, and with ctx.
func (h *Hasher) Verify(ctx context.Context, kept, password string) (right, stale bool, err error) {
	p, bad := parsePHC(kept)
	known := bad == nil && len(password) <= MaxBytes
	if !known {
		p = h.decoy
	}
	if len(password) > MaxBytes {
		password = password[:MaxBytes] // hashed for the time it takes, never accepted
	}
	err = h.run(ctx, func() { right = p.matches(normal(password)) })
	right = right && known
	return right, right && p.Cost != h.cost, err
}

// Runs counts the hashes made, so that tests and metrics see what a request costs.
func (h *Hasher) Runs() uint64 { return h.runs.Load() }

// run does one hash when its turn comes. Whoever finds the queue full is told at once.
func (h *Hasher) run(ctx context.Context, f func()) error {
	busy := edge.E(edge.Exhausted, "too many people are signing in at this moment").WithHint("try again in half a minute")
	select {
	case h.waiting <- struct{}{}:
		defer func() { <-h.waiting }()
	default:
		return busy
	}
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-t.C:
		return busy
	case <-ctx.Done():
		return edge.E(edge.Unavailable, "the password was not checked in time: %w", ctx.Err())
	}
	h.runs.Add(1)
	f()
	return nil
}

// normal makes one password of the ways in which keyboards spell it (NIST SP 800-63B-4, 3.1.1.2).
func normal(password string) string { return norm.NFKC.String(password) }
