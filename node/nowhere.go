package node

import (
	"net"
	"sync"
)

// nowhereAddr is what a port that is not open has as its address: of this machine, and of nothing on it.
const nowhereAddr = "127.0.0.1:0"

// nowhere is the listener of a port that was left closed in the configuration: whoever waits for its connections
// waits until it is closed. Nothing is opened, so that a scan finds what is documented and nothing else.
type nowhere struct {
	once sync.Once
	done chan struct{}
}

func newNowhere() *nowhere { return &nowhere{done: make(chan struct{})} }

// Accept returns net.ErrClosed once the listener is closed.
func (n *nowhere) Accept() (net.Conn, error) {
	<-n.done
	return nil, net.ErrClosed
}

// Close ends Accept.
func (n *nowhere) Close() error {
	n.once.Do(func() { close(n.done) })
	return nil
}

// Addr is nowhereAddr.
func (n *nowhere) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
