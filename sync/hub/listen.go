package hub

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"golang.org/x/time/rate"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/wire"
)

const handshakeTime = 10 * time.Second

// ports are the hub's two sockets. The accept loops only hand off.
type ports struct {
	h     *Hub
	tls   *tls.Config
	udp   *net.UDPConn
	tr    *quic.Transport
	quic  *quic.Listener
	tcp   net.Listener
	pairs *wire.Pairing
	slots chan struct{} // handshakes under way
	once  sync.Once
	wg    sync.WaitGroup
}

func listen(h *Hub) (*ports, error) {
	p := &ports{h: h, pairs: wire.NewPairing(h.o.Idle), slots: make(chan struct{}, h.o.Handshakes)}
	p.tls = p.check(h.o.TLS)
	var err error
	for range 20 { // port 0: find one that is free for both
		if err = p.bind(h.o.Addr); err == nil {
			break
		}
		if _, port, e := net.SplitHostPort(h.o.Addr); e != nil || port != "0" {
			break
		}
	}
	if err != nil {
		return nil, edge.E(edge.Unavailable, "the hub cannot listen on %s: %w", h.o.Addr, err).WithHint("is another program using the port?")
	}
	fresh := rate.NewLimiter(rate.Limit(h.o.Rate), h.o.Rate)
	reset, token := quic.StatelessResetKey(h.o.ResetKey), quic.TokenGeneratorKey(h.o.TokenKey)
	p.tr = &quic.Transport{Conn: p.udp, StatelessResetKey: &reset, TokenGeneratorKey: &token, DisableVersionNegotiationPackets: true,
		VerifySourceAddress: func(net.Addr) bool { return !fresh.Allow() }, ConnContext: p.admit}
	p.quic, err = p.tr.Listen(p.tls, wire.HubQUIC(h.o.Idle, h.grow))
	if err != nil {
		p.close()
		return nil, edge.E(edge.Unavailable, "the hub cannot listen for QUIC: %w", err)
	}
	return p, nil
}

func (p *ports) bind(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	udp, err := net.ResolveUDPAddr("udp", l.Addr().String())
	if err == nil {
		p.udp, err = net.ListenUDP("udp", udp)
	}
	if err != nil {
		l.Close()
		return err
	}
	p.tcp = l
	return nil
}

func (p *ports) addr() string { return p.tcp.Addr().String() }

// check adds our questions to a TLS configuration: VerifyConnection is asked on resumption too, where
// VerifyPeerCertificate is not.
func (p *ports) check(base *tls.Config) *tls.Config {
	c := base.Clone()
	c.NextProtos, c.MinVersion, c.ClientAuth = []string{wire.ALPN}, tls.VersionTLS13, strict(c.ClientAuth)
	next := c.VerifyConnection
	c.VerifyConnection = func(cs tls.ConnectionState) error {
		if next != nil {
			if err := next(cs); err != nil {
				return err
			}
		}
		_, err := p.peer(context.Background(), cs)
		if err != nil {
			p.h.count.Denied.Add(1)
		}
		return err
	}
	if dyn := c.GetConfigForClient; dyn != nil {
		c.GetConfigForClient = func(i *tls.ClientHelloInfo) (*tls.Config, error) {
			d, err := dyn(i)
			if err != nil || d == nil {
				return nil, err
			}
			d = d.Clone()
			d.GetConfigForClient = nil
			return p.check(d), nil
		}
	}
	return c
}

// strict makes sure that a certificate is asked for, whoever checks it.
func strict(t tls.ClientAuthType) tls.ClientAuthType { return max(t, tls.RequireAnyClientCert) }

// peer names the other end and asks whether it is welcome.
func (p *ports) peer(ctx context.Context, cs tls.ConnectionState) (Peer, error) {
	if len(cs.PeerCertificates) == 0 {
		return Peer{}, edge.E(edge.Denied, "a node must show its certificate")
	}
	id, site, err := p.h.o.PeerID(cs)
	if err != nil {
		return Peer{}, err
	}
	peer := Peer{id, site}
	return peer, p.h.welcome(ctx, peer)
}

type slotKey struct{}

// admit takes a slot for a QUIC handshake, given back when it is done or has failed.
func (p *ports) admit(ctx context.Context, _ *quic.ClientInfo) (context.Context, error) {
	free := p.slot()
	if free == nil {
		return nil, edge.E(edge.Exhausted, "too many nodes connect at the same time")
	}
	forget := context.AfterFunc(ctx, free)
	return context.WithValue(ctx, slotKey{}, func() { forget(); free() }), nil
}

// slot returns what gives the slot back, or nil where none is free.
func (p *ports) slot() func() {
	select {
	case p.slots <- struct{}{}:
		return sync.OnceFunc(func() { <-p.slots })
	default:
		p.h.count.Storm.Add(1)
		return nil
	}
}

func (p *ports) serve(ctx context.Context) {
	p.wg.Go(func() { p.acceptQUIC(ctx) })
	p.acceptTCP(ctx)
	p.wg.Wait()
}

func (p *ports) acceptQUIC(ctx context.Context) {
	for {
		c, err := p.quic.Accept(ctx)
		if err != nil {
			return // closed
		}
		p.wg.Go(func() { p.serveQUIC(ctx, c) })
	}
}

func (p *ports) serveQUIC(ctx context.Context, c *quic.Conn) {
	if free, ok := c.Context().Value(slotKey{}).(func()); ok {
		free()
	}
	defer p.h.shrink(c)
	hello, cancel := context.WithTimeout(ctx, helloTime)
	l, err := wire.AcceptQUIC(hello, c)
	cancel()
	if err == nil {
		p.start(ctx, l)
	}
}

func (p *ports) acceptTCP(ctx context.Context) {
	for {
		c, err := p.tcp.Accept()
		if errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
			return
		}
		if err != nil { // out of file descriptors, most likely
			time.Sleep(50 * time.Millisecond)
			continue
		}
		free := p.slot()
		if free == nil {
			c.Close()
			continue
		}
		p.wg.Go(func() { p.serveTCP(ctx, c, free) })
	}
}

func (p *ports) serveTCP(ctx context.Context, c net.Conn, free func()) {
	l, err := p.shake(ctx, c)
	free()
	if err != nil {
		c.Close()
		return
	}
	if l != nil {
		p.start(ctx, l)
	}
}

// shake does the handshake of a TCP connection. nil, nil: it is the second half of a link.
func (p *ports) shake(ctx context.Context, c net.Conn) (wire.Link, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	t := tls.Server(c, p.tls)
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	id, _, err := p.h.o.PeerID(t.ConnectionState())
	if err != nil {
		return nil, err
	}
	return p.pairs.Accept(ctx, t, id)
}

// start serves a session on a link.
func (p *ports) start(ctx context.Context, l wire.Link) {
	id, site, err := p.h.o.PeerID(l.TLS())
	if err != nil {
		l.Close(err)
		return
	}
	n := p.h.live.Add(1)
	defer p.h.live.Add(-1)
	if n > int64(p.h.o.Sessions) {
		l.Close(edge.E(edge.Exhausted, "the hub has as many nodes as it can serve"))
		return
	}
	p.h.serve(ctx, l, Peer{id, site})
}

// stop takes no new connections; live ones go on.
func (p *ports) stop() {
	p.tcp.Close()
	p.quic.Close()
}

func (p *ports) close() {
	p.once.Do(func() {
		p.tcp.Close()
		if p.tr != nil {
			p.tr.Close()
		}
		p.udp.Close()
	})
}
