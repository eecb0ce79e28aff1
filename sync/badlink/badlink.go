// Package badlink is a bad network for tests: a relay in user space between a client and a target that
// limits rate, delays, loses, reorders, duplicates and cuts what passes, over UDP and TCP on one port.
// It needs no privileges and no kernel support. Everything that passes in one direction, whatever its
// protocol or connection, shares one bottleneck, as the flows of a clinic share one modem.
package badlink

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A Direction names one or both ways through a link.
type Direction uint8

const (
	Both Direction = iota
	Up             // from the client to the target
	Down           // from the target to the client
)

// A Shape says how bad one direction is. The zero Shape passes everything at once.
type Shape struct {
	Rate      int64         // bit/s of payload (UDP and TCP headers are not counted); 0: no limit
	Delay     time.Duration // one way
	Jitter    time.Duration // up to this much is added to Delay, uniformly, without reordering
	Loss      float64       // share of datagrams lost, 0 to 1; a TCP segment is held for Stall instead
	Reorder   float64       // share of datagrams held back by Hold, so that later ones overtake
	Hold      time.Duration // default 20 ms
	Duplicate float64       // share of datagrams delivered twice
	Queue     int           // bytes that may wait for the bottleneck, drop-tail; default 64 KiB; used with Rate
	Stall     time.Duration // what losing a segment costs a TCP stream; default 200 ms
}

// Options describe a link.
type Options struct {
	Target    string // host:port of the UDP side, and of the TCP side where TCPTarget is empty
	TCPTarget string
	Up, Down  Shape
	Seed      uint64 // same seed and same arrivals, same fate
}

// Counts is what happened in one direction so far. Bytes are payload.
type Counts struct {
	InBytes, InPackets   uint64 // offered to the link
	OutBytes, OutPackets uint64 // delivered, duplicates included
	Lost                 uint64 // datagrams lost at random
	Overflow             uint64 // datagrams dropped because the queue was full
	Cut                  uint64 // datagrams dropped because the direction was cut
	Duplicated           uint64
	Reordered            uint64
}

// A Link is one running relay. All methods may be called at any time from any goroutine.
type Link struct {
	target    netip.AddrPort
	tcpTarget string
	udp       *net.UDPConn
	tcp       *net.TCPListener
	up, down  *lane
	wg        sync.WaitGroup
	done      chan struct{}

	mu     sync.Mutex // guards the fields below
	flows  map[netip.AddrPort]*flow
	conns  map[*pair]struct{}
	state  [3]fault // indexed by Direction; Both is unused
	udpOff bool
	closed bool
}

// A fault is what is wrong with a direction at the moment.
type fault uint8

const (
	healthy fault = iota
	hole          // datagrams vanish and streams stall, but nobody is told
	severed       // as hole, and TCP connections are reset and refused
)

// Listen opens a link on 127.0.0.1. UDP and TCP share the port number. It fails with Invalid on an
// unusable target and Unavailable when no port can be had.
func Listen(o Options) (*Link, error) {
	ua, err := net.ResolveUDPAddr("udp", o.Target)
	if err != nil {
		return nil, edge.E(edge.Invalid, "the target %q of the link is not an address: %w", o.Target, err)
	}
	l := &Link{
		target: netip.AddrPortFrom(ua.AddrPort().Addr().Unmap(), uint16(ua.Port)), tcpTarget: o.TCPTarget,
		flows: map[netip.AddrPort]*flow{}, conns: map[*pair]struct{}{}, done: make(chan struct{}),
	}
	if l.tcpTarget == "" {
		l.tcpTarget = o.Target
	}
	if err := l.bind(); err != nil {
		return nil, err
	}
	l.up, l.down = newLane(o.Up, o.Seed, 1), newLane(o.Down, o.Seed, 2)
	for _, run := range []func(){l.up.run, l.down.run, l.readClients, l.acceptTCP} {
		l.wg.Go(run)
	}
	return l, nil
}

// bind finds a port that is free for both protocols.
func (l *Link) bind() error {
	var last error
	for range 20 {
		u, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return edge.E(edge.Unavailable, "no UDP port for the link: %w", err)
		}
		lc := net.ListenConfig{Control: smallSegments}
		t, err := lc.Listen(context.Background(), "tcp4", u.LocalAddr().String())
		if err == nil {
			u.SetReadBuffer(1 << 20)
			l.udp, l.tcp = u, t.(*net.TCPListener)
			return nil
		}
		u.Close()
		last = err
	}
	return edge.E(edge.Unavailable, "no port free for both UDP and TCP: %w", last)
}

// Addr is where the client connects to, "127.0.0.1:40123", the same for UDP and TCP.
func (l *Link) Addr() string { return l.udp.LocalAddr().String() }

// SetShape changes how bad a direction is. What is under way already is not changed.
func (l *Link) SetShape(d Direction, s Shape) {
	l.each(d, func(_ Direction, n *lane) { n.reshape(s) })
}

// Cut severs a direction: datagrams are dropped. Cutting both also resets every TCP connection and
// refuses new ones; a cut in one direction only stalls them, as a broken radio does.
func (l *Link) Cut(d Direction) {
	l.setFault(d, severed)
	if d == Both {
		l.resetTCP()
	}
}

// Blackhole swallows everything in both directions and tells nobody: connections stay open and stall.
func (l *Link) Blackhole() { l.setFault(Both, hole) }

// Heal ends every cut, black hole and UDPOff.
func (l *Link) Heal() {
	l.setFault(Both, healthy)
	l.UDPOff(false)
}

// UDPOff drops all datagrams while TCP goes on, as many guest networks do.
func (l *Link) UDPOff(off bool) {
	l.mu.Lock()
	l.udpOff = off
	l.mu.Unlock()
}

// Meter is what happened in one direction so far; Both adds the two up.
func (l *Link) Meter(d Direction) (c Counts) {
	l.each(d, func(_ Direction, n *lane) { c.add(n.counts()) })
	return c
}

// Backlog is how many bytes wait for the bottleneck of a direction now.
func (l *Link) Backlog(d Direction) (n int) {
	l.each(d, func(_ Direction, a *lane) { n += a.backlog(time.Now()) })
	return n
}

// Close ends the link and everything that passes through it, and waits for its goroutines.
func (l *Link) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	close(l.done)
	for _, f := range l.flows {
		f.conn.Close()
	}
	l.mu.Unlock()
	err := l.udp.Close()
	if e := l.tcp.Close(); err == nil {
		err = e
	}
	l.resetTCP()
	l.up.close()
	l.down.close()
	l.wg.Wait()
	if err != nil {
		return fmt.Errorf("close link: %w", err)
	}
	return nil
}

func (l *Link) each(d Direction, f func(Direction, *lane)) {
	if d != Down {
		f(Up, l.up)
	}
	if d != Up {
		f(Down, l.down)
	}
}

func (l *Link) setFault(d Direction, f fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.each(d, func(d Direction, _ *lane) { l.state[d] = f })
}

// passes reports whether a datagram may go in direction d.
func (l *Link) passes(d Direction) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.udpOff && l.state[d] == healthy
}

func (c *Counts) add(o Counts) {
	c.InBytes += o.InBytes
	c.InPackets += o.InPackets
	c.OutBytes += o.OutBytes
	c.OutPackets += o.OutPackets
	c.Lost += o.Lost
	c.Overflow += o.Overflow
	c.Cut += o.Cut
	c.Duplicated += o.Duplicated
	c.Reordered += o.Reordered
}
