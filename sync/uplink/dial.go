package uplink

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/wire"
)

const dialTimeout = 15 * time.Second

// connect returns a link to the first hub that answers.
func (u *Uplink) connect(ctx context.Context) (*link, error) {
	if l := u.ready; l != nil {
		u.ready = nil
		select {
		case <-l.dead:
		default:
			return l, nil
		}
	}
	u.mu.Lock()
	hubs := append([]string(nil), u.hubs...)
	u.mu.Unlock()
	var last error
	for _, hub := range hubs {
		l, err := u.dial(ctx, hub)
		if err == nil {
			return l, nil
		}
		last = err
		if ctx.Err() != nil {
			break
		}
	}
	return nil, last
}

// race tries QUIC, and TCP a little later: at once where TCP is what worked on this network.
func (u *Uplink) race(ctx context.Context, hub string) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	type result struct {
		l   *link
		err error
	}
	results, running := make(chan result, 2), 0
	try := func(dial func(context.Context, string) (*link, error)) {
		running++
		go func() {
			l, err := dial(ctx, hub)
			results <- result{l, err}
		}()
	}
	head := u.o.FallbackAfter
	if !u.o.NoQUIC {
		try(u.dialQUIC)
	}
	if u.o.NoQUIC || u.tcpFirst() {
		head = 0
	}
	later := time.NewTimer(head)
	defer later.Stop()
	tcpStarted := u.o.NoTCP
	var last error
	for running > 0 || !tcpStarted {
		select {
		case <-later.C:
			if !tcpStarted {
				tcpStarted = true
				try(u.dialTCP)
			}
		case r := <-results:
			running--
			if r.err == nil {
				go func(n int) { // whoever comes second is not needed
					for range n {
						if r := <-results; r.l != nil {
							r.l.end(nil)
						}
					}
				}(running)
				return r.l, nil
			}
			last = r.err
			if !tcpStarted {
				later.Reset(0)
			}
		}
	}
	return nil, last
}

func (u *Uplink) tls(hub string) (*tls.Config, error) {
	c, err := u.o.TLS(hub)
	if err != nil {
		return nil, edge.E(edge.Denied, "there is no certificate to show to hub %s: %w", hub, err)
	}
	c = c.Clone()
	c.NextProtos, c.MinVersion = []string{wire.ALPN}, tls.VersionTLS13
	if c.ServerName == "" {
		if host, _, err := net.SplitHostPort(hub); err == nil {
			c.ServerName = host
		}
	}
	return c, nil
}

// dialQUIC uses a socket of its own that is bound to no address, so that the link outlives a change of
// the box's addresses: the hub sees a new path and follows.
func (u *Uplink) dialQUIC(ctx context.Context, hub string) (*link, error) {
	conf, err := u.tls(hub)
	if err != nil {
		return nil, err
	}
	addr, err := resolve(ctx, hub)
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenUDP("udp", nil)
	if err != nil {
		return nil, edge.E(edge.Unavailable, "no UDP socket: %w", err)
	}
	tr := &quic.Transport{Conn: conn}
	idle := u.keepaliveEvery(nil) * 5 / 2
	l, err := wire.DialQUIC(ctx, tr, addr, conf, wire.NodeQUIC(0, idle)) // keepalive is ours: see live.go
	if err != nil {
		tr.Close()
		conn.Close()
		return nil, err
	}
	k := serve(l, hub)
	go func() {
		<-k.dead
		tr.Close()
		conn.Close()
	}()
	return k, nil
}

func resolve(ctx context.Context, hub string) (*net.UDPAddr, error) {
	host, port, err := net.SplitHostPort(hub)
	if err != nil {
		return nil, edge.E(edge.Invalid, "%q is not the address of a hub: %w", hub, err)
	}
	ips, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil || len(ips) == 0 {
		return nil, edge.E(edge.Unavailable, "the name of hub %s cannot be looked up: %w", hub, err)
	}
	n, err := net.DefaultResolver.LookupPort(ctx, "udp", port)
	if err != nil {
		return nil, edge.E(edge.Invalid, "%q is not the address of a hub: %w", hub, err)
	}
	return &net.UDPAddr{IP: ips[0].IP, Zone: ips[0].Zone, Port: n}, nil
}

// dialTCP makes the urgent connection; the bulk one is made when it is first used.
func (u *Uplink) dialTCP(ctx context.Context, hub string) (*link, error) {
	d := net.Dialer{Timeout: dialTimeout, Control: shallow}
	l, err := wire.DialTCP(ctx, u.keepaliveEvery(nil)*5/2, func(ctx context.Context) (*tls.Conn, error) {
		conf, err := u.tls(hub)
		if err != nil {
			return nil, err
		}
		c, err := d.DialContext(ctx, "tcp", hub)
		if err != nil {
			return nil, edge.E(edge.Unavailable, "hub %s cannot be reached: %w", hub, err)
		}
		return tls.Client(c, conf), nil
	})
	if err != nil {
		return nil, err
	}
	return serve(l, hub), nil
}

// reprobe tries QUIC from time to time while on TCP, and ends the session when it works again.
func (s *session) reprobe(ctx context.Context) {
	for {
		t := time.NewTimer(s.u.o.ReprobeEvery)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		try, cancel := context.WithTimeout(ctx, dialTimeout)
		l, err := s.u.dialQUIC(try, s.link.hub)
		cancel()
		if err != nil {
			continue
		}
		if ctx.Err() != nil {
			l.end(nil)
			return
		}
		s.u.ready = l // Run reads it after this goroutine has ended
		s.fail(errBetter)
		return
	}
}
