package hub

import (
	"context"
	"runtime"
	"runtime/debug"
	"time"
)

const (
	crowd    = 32               // sessions that begin or end before it is worth a collection, at least
	portion  = 8                // and at least this part of the live ones
	calmTime = 10 * time.Second // without another crowd, until memory goes back to the system
	busyTime = 9                // times what a collection took, until the next: it gets a tenth of the time
)

// moved notes that a session began or ended.
func (h *Hub) moved() {
	n := h.moves.Add(1)
	if n < max(crowd, h.live.Load()/portion) || !h.moves.CompareAndSwap(n, 0) {
		return
	}
	select {
	case h.crowded <- struct{}{}:
	default:
	}
}

// settle keeps the memory of a crowd that comes or goes close to what its sessions need. A handshake leaves
// five times as much garbage as its session keeps. Collected only when the heap has doubled, the sessions
// end up scattered over pages that are mostly empty and can never be given back. And the runtime keeps
// what a storm took for as long as the heap may grow to that size again.
func (h *Hub) settle(ctx context.Context) {
	calm := time.NewTimer(calmTime)
	calm.Stop()
	defer calm.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.crowded:
			began := time.Now()
			h.o.Collect(false)
			calm.Reset(calmTime)
			select {
			case <-ctx.Done():
				return
			case <-time.After(busyTime * time.Since(began)):
			}
		case <-calm.C:
			h.o.Collect(true)
		}
	}
}

// collect is the ordinary Options.Collect.
func collect(release bool) {
	if release {
		debug.FreeOSMemory()
		return
	}
	runtime.GC()
}
