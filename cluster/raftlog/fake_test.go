package raftlog

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/gob"
	"errors"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"context"

	"github.com/aielon/edge/node/edge"
)

// ledger is an edge.Applier that keeps every entry in order. What Sync did not cover is lost by crash.
type ledger struct {
	mu      sync.Mutex
	entries []edge.Entry
	applied uint64
	durable int // entries Sync covered
	refuse  func(edge.Entry) error
	stop    error // Apply takes nothing any more
	restore int
}

func (g *ledger) Apply(entries []edge.Entry) []error {
	g.mu.Lock()
	defer g.mu.Unlock()
	errs := make([]error, len(entries))
	for i, e := range entries {
		if g.stop != nil {
			errs[i] = g.stop
			continue
		}
		if e.Index <= g.applied {
			continue
		}
		if g.refuse != nil {
			errs[i] = g.refuse(e)
		}
		if errs[i] == nil {
			g.entries = append(g.entries, edge.Entry{Index: e.Index, Data: bytes.Clone(e.Data)})
		}
		g.applied = e.Index
	}
	return errs
}

func (g *ledger) Applied() uint64 { g.mu.Lock(); defer g.mu.Unlock(); return g.applied }

func (g *ledger) Sync() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.durable = len(g.entries)
	return nil
}

// crash forgets what was not synced.
func (g *ledger) crash() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.entries, g.applied = g.entries[:g.durable], 0
	if g.durable > 0 {
		g.applied = g.entries[g.durable-1].Index
	}
}

func (g *ledger) Snapshot() (edge.Snapshot, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return &ledgerSnap{g.entries[:len(g.entries):len(g.entries)], g.applied}, nil
}

func (g *ledger) Restore(r io.Reader) error {
	var s ledgerSnap
	if err := gob.NewDecoder(r).Decode(&s); err != nil {
		return edge.E(edge.Corrupt, "the snapshot cannot be read: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.entries, g.applied, g.durable = s.Entries, s.At, len(s.Entries)
	g.restore++
	return nil
}

func (g *ledger) texts() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []string
	for _, e := range g.entries {
		out = append(out, string(e.Data))
	}
	return out
}

type ledgerSnap struct {
	Entries []edge.Entry
	At      uint64
}

func (s *ledgerSnap) Index() uint64 { return s.At }
func (s *ledgerSnap) Release()      {}
func (s *ledgerSnap) WriteTo(w io.Writer) (int64, error) {
	return 0, gob.NewEncoder(w).Encode(s)
}

// authority signs certificates for the nodes of a test site.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "site"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := x509.ParseCertificate(der)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &authority{cert, key, pool}
}

// identity is a node's certificate.
type identity struct {
	id   edge.NodeID
	conf *tls.Config
}

func (a *authority) node(t testing.TB) identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "node"}, DNSNames: []string{"site"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, _ := x509.ParseCertificate(der)
	return identity{id: sha256.Sum256(leaf.RawSubjectPublicKeyInfo), conf: &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}},
		RootCAs: a.pool, ClientCAs: a.pool, ClientAuth: tls.RequireAndVerifyClientCert, ServerName: "site", NextProtos: []string{Proto}}}
}

func peerID(cs tls.ConnectionState) (edge.NodeID, error) {
	if len(cs.PeerCertificates) == 0 {
		return edge.NodeID{}, errors.New("no certificate")
	}
	return sha256.Sum256(cs.PeerCertificates[0].RawSubjectPublicKeyInfo), nil
}

// netem is what lies between the nodes of a test: it can be cut, per direction.
type netem struct {
	mu  sync.Mutex
	cut map[[2]string]bool // from, to: bytes on this way are dropped
}

func (n *netem) set(from, to string, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[[2]string{from, to}] = cut
}

func (n *netem) isCut(from, to string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cut[[2]string{from, to}]
}

// leaky is a connection whose writes vanish while the way is cut, for good: what TLS has sealed is lost.
type leaky struct {
	net.Conn
	n        *netem
	from, to string
}

func (l *leaky) Write(b []byte) (int, error) {
	if l.n.isCut(l.from, l.to) {
		return len(b), nil
	}
	return l.Conn.Write(b)
}

// streams are a node's connections over loopback through a netem. It learns who is at the other end of an
// accepted connection from the address it was dialled from.
type streams struct {
	ln   net.Listener
	id   identity
	addr string
	n    *netem
	dirs *directory
}

// directory says which node a local port belongs to.
type directory struct{ m sync.Map }

func listen(t testing.TB, id identity, n *netem, d *directory, addr string) *streams {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return &streams{ln: ln, id: id, addr: ln.Addr().String(), n: n, dirs: d}
}

func (s *streams) Accept() (*tls.Conn, error) {
	c, err := s.ln.Accept()
	if err != nil {
		return nil, err
	}
	from := ""
	for range 100 {
		if v, ok := s.dirs.m.Load(c.RemoteAddr().String()); ok {
			from = v.(string)
			break
		}
		time.Sleep(time.Millisecond)
	}
	return tls.Server(&leaky{c, s.n, s.addr, from}, s.id.conf), nil
}

func (s *streams) Dial(ctx context.Context, addr, _ string) (*tls.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	s.dirs.m.Store(c.LocalAddr().String(), s.addr)
	return tls.Client(&leaky{c, s.n, s.addr, addr}, s.id.conf), nil
}

func (s *streams) Close() error   { return s.ln.Close() }
func (s *streams) Addr() net.Addr { return s.ln.Addr() }
