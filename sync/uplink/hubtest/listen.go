package hubtest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/wire"
)

// Certs are the certificates of a small world: one authority, one hub, any number of nodes.
type Certs struct {
	pool *x509.CertPool
	ca   *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewCerts makes an authority.
func NewCerts() (*Certs, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make authority: %w", err)
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("make authority: %w", err)
	}
	ca, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("make authority: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	return &Certs{pool: pool, ca: ca, key: key}, nil
}

// Config makes a configuration for a new key, good for both ends.
func (c *Certs) Config() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"hub.test"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, t, c.ca, &key.PublicKey, c.key)
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, RootCAs: c.pool, ClientCAs: c.pool,
		ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13, NextProtos: []string{wire.ALPN}, ServerName: "hub.test"}, nil
}

// A Server listens for nodes on 127.0.0.1, QUIC and TCP on one port.
type Server struct {
	Addr string
	stop func()
	wg   sync.WaitGroup
}

// Listen starts serving a hub.
func Listen(h *Hub, c *Certs) (*Server, error) {
	conf, err := c.Config()
	if err != nil {
		return nil, err
	}
	for range 20 {
		u, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return nil, fmt.Errorf("listen: %w", err)
		}
		t, err := net.Listen("tcp", u.LocalAddr().String())
		if err != nil {
			u.Close()
			continue
		}
		return start(h, conf, u, t)
	}
	return nil, edge.E(edge.Unavailable, "no port is free for both UDP and TCP")
}

func start(h *Hub, conf *tls.Config, u *net.UDPConn, t net.Listener) (*Server, error) {
	tr := &quic.Transport{Conn: u}
	q, err := tr.Listen(conf, wire.HubQUIC(5*time.Minute, nil))
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{Addr: u.LocalAddr().String()}
	s.stop = func() { cancel(); q.Close(); t.Close(); tr.Close(); u.Close() }
	s.wg.Go(func() { s.acceptQUIC(ctx, h, q) })
	s.wg.Go(func() { s.acceptTCP(ctx, h, tls.NewListener(t, conf)) })
	return s, nil
}

func (s *Server) acceptQUIC(ctx context.Context, h *Hub, q *quic.Listener) {
	for {
		conn, err := q.Accept(ctx)
		if err != nil {
			return
		}
		s.wg.Go(func() {
			if l, err := wire.AcceptQUIC(ctx, conn); err == nil {
				h.Serve(ctx, l)
			}
		})
	}
}

func (s *Server) acceptTCP(ctx context.Context, h *Hub, t net.Listener) {
	pair := wire.NewPairing(5 * time.Minute)
	for {
		c, err := t.Accept()
		if err != nil {
			return
		}
		s.wg.Go(func() {
			tc := c.(*tls.Conn)
			if tc.HandshakeContext(ctx) != nil {
				tc.Close()
				return
			}
			if l, err := pair.Accept(ctx, tc, edge.NodeID{1}); err == nil && l != nil {
				h.Serve(ctx, l)
			}
		})
	}
}

// Close ends all links and waits.
func (s *Server) Close() {
	s.stop()
	s.wg.Wait()
}
