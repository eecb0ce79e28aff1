package wsconn

import (
	"net/netip"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/aielon/edge/node/edge"
)

// Bounds of all connections together.
const (
	maxConns  = 512
	maxOfPeer = 64       // connections from one address
	maxQueued = 64 << 20 // bytes that wait to be read by their clients
)

// A Room holds the connections of a gateway, so that they stay within bounds together.
type Room struct {
	queued *semaphore.Weighted

	mu   sync.Mutex // guards what follows
	all  int
	from map[netip.Addr]int
}

// NewRoom returns an empty Room.
func NewRoom() *Room {
	return &Room{queued: semaphore.NewWeighted(maxQueued), from: map[netip.Addr]int{}}
}

// enter takes a place for a connection from peer, or refuses it with Exhausted.
func (r *Room) enter(peer netip.Addr) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all >= maxConns || r.from[peer] >= maxOfPeer {
		return edge.E(edge.Exhausted, "too many connections are open").WithHint("close one, or try again later")
	}
	r.all++
	r.from[peer]++
	return nil
}

func (r *Room) leave(peer netip.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all--
	if r.from[peer]--; r.from[peer] == 0 {
		delete(r.from, peer)
	}
}
