package badlink

import (
	"errors"
	"net"
	"net/netip"
)

// maxFlows bounds the clients a link serves at a time; the datagrams of further ones are dropped.
const maxFlows = 4096

// A flow is one client's path to the target: its source port there is what Rebind changes.
type flow struct {
	client netip.AddrPort
	conn   *net.UDPConn // connected to the target
}

// readClients relays datagrams of clients until the socket closes. It is the only reader of l.udp.
func (l *Link) readClients() {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := l.udp.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error of an earlier datagram
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if l.flow(from) == nil {
			continue
		}
		l.up.send(buf[:n], l.passes(Up), func(b []byte) {
			// Looked up again when it is due: a rebind changes the port of what is under way too.
			if f := l.flow(from); f != nil {
				f.conn.Write(b)
			}
		})
	}
}

// flow returns the flow of a client, opening it where needed; nil when closed or at the bound.
func (l *Link) flow(client netip.AddrPort) *flow {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f := l.flows[client]; f != nil || l.closed || len(l.flows) >= maxFlows {
		return f
	}
	return l.open(client)
}

// open makes the socket of a flow and starts its reader. l.mu is held.
func (l *Link) open(client netip.AddrPort) *flow {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(l.target))
	if err != nil {
		return nil
	}
	c.SetReadBuffer(1 << 20)
	f := &flow{client: client, conn: c}
	l.flows[client] = f
	l.wg.Go(func() { l.readTarget(f) })
	return f
}

// readTarget relays what the target answers on one flow's socket until that closes.
func (l *Link) readTarget(f *flow) {
	buf := make([]byte, 64<<10)
	deliver := func(b []byte) { l.udp.WriteToUDPAddrPort(b, f.client) }
	for {
		n, err := f.conn.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // connection refused: the target is not there at the moment
		}
		l.down.send(buf[:n], l.passes(Down), deliver)
	}
}

// Rebind moves every client to a new source port towards the target, as a NAT does that lost its
// table. What the target still sends to the old ports is lost. It returns the number of flows moved.
func (l *Link) Rebind() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for client, old := range l.flows {
		if l.closed {
			break
		}
		if l.open(client) != nil { // before closing the old one, so that the port is a new one
			old.conn.Close()
			n++
		}
	}
	return n
}
