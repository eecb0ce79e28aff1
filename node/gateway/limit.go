package gateway

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/aielon/edge/node/limit"
)

// limitConns lets at most n connections be open at a time; further ones wait in the kernel's queue.
func limitConns(l net.Listener, n int) net.Listener {
	return &limited{Listener: l, free: make(chan struct{}, n), closed: make(chan struct{})}
}

type limited struct {
	net.Listener
	free   chan struct{} // one token per open connection
	closed chan struct{}
	once   sync.Once
}

func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.free <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &counted{Conn: c, done: func() { <-l.free }}, nil
}

func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type counted struct {
	net.Conn
	once sync.Once
	done func()
}

func (c *counted) Close() error {
	c.once.Do(c.done)
	return c.Conn.Close()
}

// limitPeers closes at once what one address opens beyond most connections, faster than peerConnRate, or after it
// was told to stay away. The box's own programs are not counted.
func limitPeers(l net.Listener, most int, away *floods) (net.Listener, error) {
	rate, err := limit.NewBuckets(limit.Options{Rate: peerConnRate, Burst: 2 * most, Keys: 4096})
	return &perPeer{Listener: l, most: most, rate: rate, away: away, open: map[netip.Addr]int{}}, err
}

// peerConnRate is how many connections a second one address may open for long. Each costs a TLS handshake.
const peerConnRate = 25

type perPeer struct {
	net.Listener
	most int
	rate *limit.Buckets
	away *floods

	mu   sync.Mutex // guards open
	open map[netip.Addr]int
}

func (p *perPeer) Accept() (net.Conn, error) {
	for {
		c, err := p.Listener.Accept()
		if err != nil {
			return nil, err
		}
		ap, err := netip.ParseAddrPort(c.RemoteAddr().String())
		if err != nil || ap.Addr().IsLoopback() {
			return c, nil
		}
		if a := ap.Addr().Unmap(); p.take(a) {
			return &counted{Conn: c, done: func() { p.give(a) }}, nil
		}
		c.Close()
	}
}

func (p *perPeer) take(a netip.Addr) bool {
	now := time.Now()
	if p.away.banned(a, now) {
		return false
	}
	if ok, _ := p.rate.Allow(limit.KeyOf(a), 1, now); !ok {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[a] >= p.most {
		return false
	}
	p.open[a]++
	return true
}

func (p *perPeer) give(a netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[a]--; p.open[a] == 0 {
		delete(p.open, a)
	}
}
