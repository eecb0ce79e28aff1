package policy

import (
	"sync"
	"sync/atomic"

	"github.com/aielon/edge/node/edge"
)

// Live is the engine of a site that follows the site's policies. Asking it is one atomic load.
type Live struct {
	base    *Engine
	current atomic.Pointer[Engine]
	mu      sync.Mutex // held while an engine is made, so that an older one never replaces a newer one
}

// NewLive starts with the built-in policies alone: call Refresh before the first door opens.
func NewLive() (*Live, error) {
	base, err := New()
	if err != nil {
		return nil, err
	}
	l := &Live{base: base}
	l.current.Store(base)
	return l, nil
}

// Base is the engine of the built-in policies alone, for Register.
func (l *Live) Base() *Engine { return l.base }

// Engine is the one to ask now.
func (l *Live) Engine() *Engine { return l.current.Load() }

// Refresh makes a new engine where the site's policies have changed. Where they cannot be read it keeps the one it
// has, and fails.
func (l *Live) Refresh(v edge.View) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	head, err := loadHead(v)
	if err != nil || head.Version <= l.Engine().Version() {
		return err
	}
	s, err := LoadState(v)
	if err != nil {
		return err
	}
	n, err := l.base.With(s)
	if err != nil {
		return err
	}
	l.current.Store(n)
	return nil
}

// Reset forgets the site's policies, for a site whose state was replaced: version numbers may have gone back.
func (l *Live) Reset(v edge.View) error {
	l.mu.Lock()
	was := l.current.Swap(l.base)
	l.mu.Unlock()
	if err := l.Refresh(v); err != nil {
		l.current.CompareAndSwap(l.base, was)
		return err
	}
	return nil
}
