package gossip

import (
	"errors"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// memnet is a network in memory. A transport that is down swallows what is sent to it.
type memnet struct {
	mu sync.Mutex
	m  map[string]*memTransport
}

type memTransport struct {
	n       *memnet
	ip      net.IP
	port    int
	packets chan *memberlist.Packet
	streams chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func (n *memnet) transport() *memTransport {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.m == nil {
		n.m = map[string]*memTransport{}
	}
	t := &memTransport{n: n, ip: net.IPv4(10, 0, 0, byte(len(n.m)+1)).To4(), port: 7946, packets: make(chan *memberlist.Packet, 256), streams: make(chan net.Conn), closed: make(chan struct{})}
	n.m[t.addr()] = t
	return t
}

func (t *memTransport) addr() string { return net.JoinHostPort(t.ip.String(), strconv.Itoa(t.port)) }

func (n *memnet) at(addr string) *memTransport {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.m[addr]
}

func (t *memTransport) FinalAdvertiseAddr(string, int) (net.IP, int, error) { return t.ip, t.port, nil }

func (t *memTransport) WriteTo(b []byte, addr string) (time.Time, error) {
	now := time.Now()
	if to := t.n.at(addr); to != nil {
		select {
		case to.packets <- &memberlist.Packet{Buf: append([]byte{}, b...), From: &net.UDPAddr{IP: t.ip, Port: t.port}, Timestamp: now}:
		default:
		}
	}
	return now, nil
}

func (t *memTransport) PacketCh() <-chan *memberlist.Packet { return t.packets }
func (t *memTransport) StreamCh() <-chan net.Conn           { return t.streams }

func (t *memTransport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	to := t.n.at(addr)
	if to == nil {
		return nil, errors.New("no route")
	}
	a, b := net.Pipe()
	select {
	case to.streams <- b:
		return a, nil
	case <-to.closed:
	case <-time.After(timeout):
	}
	return nil, errors.New("refused")
}

func (t *memTransport) Shutdown() error {
	t.once.Do(func() { close(t.closed) })
	return nil
}
