package wsconn

import (
	"net/netip"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/aielon/edge/node/edge"
)

// Bounds of all connections together.
const (
	maxConns   = 512
	maxUnknown = 128      // connections of callers who have proven nothing
	maxOfPeer  = 64       // connections from one address, or from one network of 64 bits
	maxQueued  = 64 << 20 // bytes that wait to be read by their clients
)

// A Room holds the connections of a gateway, so that they stay within bounds together.
type Room struct {
	queued *semaphore.Weighted

	mu      sync.Mutex // guards what follows
	all     int
	unknown int
	from    map[netip.Addr]int
}

// NewRoom returns an empty Room.
func NewRoom() *Room {
	return &Room{queued: semaphore.NewWeighted(maxQueued), from: map[netip.Addr]int{}}
}

// enter takes a place for a connection from peer, or refuses it with Exhausted. Who has proven nothing cannot take
// the places of those who have.
func (r *Room) enter(peer netip.Addr, proven bool) (leave func(), err error) {
	if p, err := peer.Prefix(64); err == nil && peer.Is6() {
		peer = p.Addr()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all >= maxConns || r.from[peer] >= maxOfPeer || !proven && r.unknown >= maxUnknown {
		return nil, edge.E(edge.Exhausted, "too many connections are open").WithHint("close one, or try again later")
	}
	r.count(peer, proven, 1)
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.count(peer, proven, -1)
	}, nil
}

func (r *Room) count(peer netip.Addr, proven bool, n int) {
	r.all += n
	if !proven {
		r.unknown += n
	}
	if r.from[peer] += n; r.from[peer] == 0 {
		delete(r.from, peer)
	}
}
