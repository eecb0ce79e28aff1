package auth

import (
	"context"
	"crypto/sha256"
	"strings"
	"sync"
	"time"
)

// opaque begins the secrets of sessions and service tokens. Tokens of other kinds prove more than themselves, such
// as who holds a key, and are looked at each time.
const opaque = "ae"

const (
	recentFor  = time.Second // nothing is remembered for longer
	recentMost = 4096        // callers that are remembered
)

// Recent remembers for a moment whom credentials prove, while nothing is decided: whoever calls often is looked up
// once. What the site or this node decides shows at once, since it moves the index.
type Recent struct {
	Next interface {
		Authenticate(ctx context.Context, c Credentials) (Caller, error)
	}
	Index func() uint64    // moves with all that is decided, by the site and by this node alone
	Now   func() time.Time // nil: time.Now

	mu sync.Mutex // guards by
	by map[[32]byte]recentCaller
}

type recentCaller struct {
	Caller
	index uint64
	at    time.Time
}

// Authenticate answers as Next does. Refusals are not remembered.
func (r *Recent) Authenticate(ctx context.Context, c Credentials) (Caller, error) {
	secret := c.Bearer
	if secret == "" {
		secret = c.Cookie
	}
	if !strings.HasPrefix(secret, opaque) {
		return r.Next.Authenticate(ctx, c)
	}
	now, index, key := r.now(), r.Index(), sha256.Sum256([]byte(secret)) // the index first: what moves it later makes this old
	r.mu.Lock()
	known, ok := r.by[key]
	r.mu.Unlock()
	if age := now.Sub(known.at); ok && known.index == index && age >= 0 && age < recentFor && now.Before(known.Until) {
		return known.Caller, nil
	}
	caller, err := r.Next.Authenticate(ctx, c)
	r.keep(key, recentCaller{caller, index, now}, err == nil && caller.Proven())
	return caller, err
}

func (r *Recent) keep(key [32]byte, c recentCaller, good bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !good:
		delete(r.by, key)
		return
	case r.by == nil || len(r.by) >= recentMost:
		r.by = map[[32]byte]recentCaller{} // they are a second old at most
	}
	r.by[key] = c
}

func (r *Recent) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}
