package sim

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// A Network carries everything between the nodes of one site. Each direction between two nodes has its
// own faults.
type Network struct {
	mu    sync.Mutex // guards all fields
	rng   *rand.Rand
	ends  map[int]*endpoint
	cut   map[[2]int]bool // nothing gets through from the first to the second
	hold  map[[2]int]bool // nothing gets through, and all of it arrives when the hold ends
	heal  chan struct{}   // closed and replaced when a hold ends
	delay time.Duration   // longest delay of one message, in each direction
	drop  float64         // share of messages that are lost

	Fired map[string]int // how often each fault hit a message

	under sync.WaitGroup // everything that is under way
}

// NewNetwork returns a network without faults, whose chances come from rng.
func NewNetwork(rng *rand.Rand) *Network {
	return &Network{rng: rng, ends: map[int]*endpoint{}, cut: map[[2]int]bool{}, hold: map[[2]int]bool{},
		heal: make(chan struct{}), delay: 2 * time.Millisecond, Fired: map[string]int{}}
}

// Cut stops everything from one node to another, or lets it through again. What is lost stays lost.
func (n *Network) Cut(from, to int, on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[[2]int{from, to}] = on
	n.woken()
}

// Hold keeps back everything from one node to another until it is let go.
func (n *Network) Hold(from, to int, on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hold[[2]int{from, to}] = on
	n.woken()
}

// Heal ends all cuts and holds.
func (n *Network) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.cut)
	clear(n.hold)
	n.woken()
}

// Weather sets the longest delay and the share of losses of all messages.
func (n *Network) Weather(delay time.Duration, drop float64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.delay, n.drop = delay, drop
}

func (n *Network) woken() {
	close(n.heal)
	n.heal = make(chan struct{})
}

// pass lets one message go from one node to another: it returns after the time that takes, or false where
// the message is lost.
func (n *Network) pass(from, to int) bool {
	at := [2]int{from, to}
	n.mu.Lock()
	if n.drop > 0 && n.rng.Float64() < n.drop {
		n.Fired["drop"]++
		n.mu.Unlock()
		return false
	}
	d := time.Duration(n.rng.Int64N(int64(n.delay) + 1))
	for held := false; n.hold[at]; held = true {
		if !held {
			n.Fired["hold"]++
		}
		heal := n.heal
		n.mu.Unlock()
		<-heal
		n.mu.Lock()
	}
	lost := n.cut[at]
	if lost {
		n.Fired["cut"]++
	}
	n.mu.Unlock()
	if !lost {
		time.Sleep(d)
	}
	return !lost
}

// uncut waits until a cut ends, and gives up after limit.
func (n *Network) uncut(from, to int, limit time.Duration) bool {
	t := time.NewTimer(limit)
	defer t.Stop()
	for {
		n.mu.Lock()
		cut, heal := n.cut[[2]int{from, to}], n.heal
		n.mu.Unlock()
		if !cut {
			return true
		}
		select {
		case <-heal:
		case <-t.C:
			return false
		}
	}
}

// connect returns both ends of a connection between two nodes, for streams: what is cut waits, as TCP
// would let it, and after a while the connection breaks.
func (n *Network) connect(from, to int) (near, far net.Conn) {
	near, a := net.Pipe()
	b, far := net.Pipe()
	n.under.Go(func() { n.pump(a, b, from, to) })
	n.under.Go(func() { n.pump(b, a, to, from) })
	return near, far
}

// pump carries one direction of a connection.
func (n *Network) pump(src, dst net.Conn, from, to int) {
	defer src.Close()
	defer dst.Close()
	buf := make([]byte, 64<<10)
	for {
		k, err := src.Read(buf)
		if err != nil && err != io.EOF || k == 0 && err != nil {
			return
		}
		for !n.pass(from, to) {
			if !n.uncut(from, to, streamPatience) {
				return
			}
		}
		if _, err := dst.Write(buf[:k]); err != nil {
			return
		}
	}
}

// streamPatience is how long a connection survives a cut.
const streamPatience = 2 * time.Second
