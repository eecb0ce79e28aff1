package limit

import (
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A Budget bounds retries to a share of calls, so that whoever is down is not kept down by those who ask again
// (as Finagle's RetryBudget and gRPC's retry throttling do).
type Budget struct {
	ratio   float64
	reserve float64
	mu      sync.Mutex // guards w
	w       window     // calls, retries
}

// NewBudget allows, in any 10 seconds, ratio retries for each call (0.1: one in ten) and a reserve of retries a second
// beside, for those who call seldom. It fails with Invalid on a ratio outside 0 to 1 or a reserve below 0.
func NewBudget(ratio, reservePerSecond float64) (*Budget, error) {
	if !(ratio >= 0 && ratio <= 1 && reservePerSecond >= 0 && reservePerSecond <= 1000) {
		return nil, edge.E(edge.Invalid, "a budget of retries needs a ratio from 0 to 1 and a reserve from 0 to 1000 a second")
	}
	return &Budget{ratio: ratio, reserve: reservePerSecond * 10, w: window{part: time.Second}}, nil
}

// Call counts a call that is no retry.
func (b *Budget) Call(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.w.roll(now)
	b.w.add(0)
}

// Retry reports whether there may be a retry, and counts it.
func (b *Budget) Retry(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.w.roll(now)
	calls, retries := b.w.sum()
	if float64(retries+1) > b.ratio*float64(calls)+b.reserve {
		return false
	}
	b.w.add(1)
	return true
}
