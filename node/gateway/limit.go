package gateway

import (
	"net"
	"net/netip"
	"sync"
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

// limitPeers closes at once what one address opens beyond n connections. The box's own programs are not counted.
func limitPeers(l net.Listener, n int) net.Listener {
	return &perPeer{Listener: l, most: n, open: map[netip.Addr]int{}}
}

type perPeer struct {
	net.Listener
	most int

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
