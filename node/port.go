package node

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
)

const (
	handshakeTime = 10 * time.Second
	maxHandshakes = 64 // at the same time; further connections wait in the kernel's queue
	laneQueue     = 16 // accepted connections that nobody has taken yet, per protocol
	acceptPause   = 50 * time.Millisecond
	dialTime      = 5 * time.Second // for the TCP handshake with another machine
	// A peer that has acknowledged nothing for silentTime is given up: a box that lost its power sends no
	// farewell, and what is written to it would wait for a quarter of an hour otherwise. Connections
	// without traffic are asked after idleTime.
	silentTime = 10 * time.Second
	idleTime   = 5 * time.Second
)

// keepAlive asks idle peers whether they are there.
func keepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: idleTime, Interval: idleTime, Count: int(silentTime / idleTime)}
}

// dialer opens connections to other machines.
func dialer() *net.Dialer {
	return &net.Dialer{Timeout: dialTime, KeepAliveConfig: keepAlive(), Control: giveUpSilent}
}

// A port is one TCP port that speaks several protocols over TLS 1.3, told apart by ALPN. Who may use
// which protocol is decided in the handshake, by package pki.
type port struct {
	l     net.Listener
	ep    *pki.Endpoint
	log   *slog.Logger
	tls   *tls.Config
	slots chan struct{} // one token per handshake under way

	lanes map[pki.Proto]*lane // not changed after newPort

	wg sync.WaitGroup
}

// newPort listens at addr; an empty one opens nothing, and nobody ever comes. Protocols are opened with lane before
// run is called.
func newPort(addr string, ep *pki.Endpoint, log *slog.Logger, protos ...pki.Proto) (*port, error) {
	l, err := portListener(addr)
	if err != nil {
		return nil, err
	}
	p := &port{l: l, ep: ep, log: log, tls: ep.ServerConfig(protos...), slots: make(chan struct{}, maxHandshakes), lanes: map[pki.Proto]*lane{}}
	for _, proto := range protos {
		p.lanes[proto] = &lane{port: p, in: make(chan *tls.Conn, laneQueue), closed: make(chan struct{})}
		for _, earlier := range proto.Earlier() {
			p.lanes[earlier] = p.lanes[proto]
		}
	}
	return p, nil
}

func portListener(addr string) (net.Listener, error) {
	if addr == "" {
		return newNowhere(), nil
	}
	lc := net.ListenConfig{KeepAliveConfig: keepAlive(), Control: giveUpSilent} // accepted connections take over what the listener has
	l, err := lc.Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, edge.E(edge.Unavailable, "port %s cannot be opened: %w", addr, err).WithHint("is another node running, or the address not of this machine?")
	}
	return l, nil
}

func (p *port) lane(proto pki.Proto) *lane { return p.lanes[proto] }

// run accepts until ctx ends.
func (p *port) run(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { p.l.Close() })()
	defer p.wg.Wait()
	for {
		p.slots <- struct{}{}
		c, err := p.l.Accept()
		if err != nil {
			<-p.slots
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			p.log.Warn("a connection could not be accepted", "error", err)
			time.Sleep(acceptPause) // out of file descriptors, most likely: let some go
			continue
		}
		p.wg.Go(func() {
			defer func() { <-p.slots }()
			p.welcome(ctx, c)
		})
	}
}

// welcome makes the handshake and hands the connection to its protocol.
func (p *port) welcome(ctx context.Context, raw net.Conn) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	c := tls.Server(raw, p.tls)
	if err := c.HandshakeContext(ctx); err != nil {
		p.log.Debug("a handshake was refused", "from", raw.RemoteAddr(), "error", err)
		raw.Close()
		return
	}
	l := p.lanes[pki.Proto(c.ConnectionState().NegotiatedProtocol)]
	if l == nil || !l.put(ctx, c) {
		c.Close()
	}
}

// A lane is one protocol of a port: the connections others open, and the way to open one.
type lane struct {
	port   *port
	in     chan *tls.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *lane) put(ctx context.Context, c *tls.Conn) bool {
	select {
	case l.in <- c:
		return true
	case <-l.closed:
	case <-ctx.Done():
	}
	return false
}

// Accept returns the next connection of this protocol, its handshake done.
func (l *lane) Accept() (*tls.Conn, error) {
	select {
	case c := <-l.in:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// AcceptContext is Accept that ends with ctx.
func (l *lane) AcceptContext(ctx context.Context) (*tls.Conn, error) {
	select {
	case c := <-l.in:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Dial opens a connection of this protocol to another node of the site.
func (l *lane) Dial(ctx context.Context, addr, proto string) (*tls.Conn, error) {
	return dialNode(ctx, l.port.ep, addr, pki.Proto(proto), edge.NodeID{})
}

func dialNode(ctx context.Context, ep *pki.Endpoint, addr string, proto pki.Proto, pin edge.NodeID) (*tls.Conn, error) {
	d := tls.Dialer{NetDialer: dialer(), Config: ep.ClientConfig(proto, pin)}
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, edge.E(edge.Unavailable, "%s cannot be reached: %w", addr, err)
	}
	return c.(*tls.Conn), nil
}

// Close ends Accept; the port itself closes when run ends.
func (l *lane) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr is where the port listens.
func (l *lane) Addr() net.Addr { return l.port.l.Addr() }
