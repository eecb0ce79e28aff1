package mqtt

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
)

func certificate(t *testing.T, name string, life time.Duration) (tls.Certificate, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(life), DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, _ := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, leaf
}

// byCertificate takes the device's name from its certificate.
type byCertificate struct{}

func (byCertificate) Authenticate(_ context.Context, c Credentials) (Device, error) {
	if c.TLS == nil || len(c.TLS.VerifiedChains) == 0 {
		return Device{}, edge.E(edge.Denied, "no certificate")
	}
	return Device{ID: c.TLS.PeerCertificates[0].Subject.CommonName, Publish: []string{"%d/#"}}, nil
}

func TestTLS(t *testing.T) {
	t.Parallel()
	server, ca := certificate(t, "server", time.Hour)
	short, shortLeaf := certificate(t, "d1", 3*time.Second) // certificates count in whole seconds
	old, oldLeaf := certificate(t, "d2", -time.Minute)
	pool, roots := x509.NewCertPool(), x509.NewCertPool()
	pool.AddCert(shortLeaf)
	pool.AddCert(oldLeaf)
	roots.AddCert(ca)
	w := start(t, func(o *Options) {
		o.Addr, o.TLSAddr, o.Auth = "", "127.0.0.1:0", byCertificate{}
		o.TLS = &tls.Config{Certificates: []tls.Certificate{server}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13}
	})
	dial := func(cert tls.Certificate) *raw {
		nc, err := tls.Dial("tcp", w.b.Addrs()[0].String(), &tls.Config{RootCAs: roots, ServerName: "localhost", Certificates: []tls.Certificate{cert}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { nc.Close() })
		return (&raw{t: t, nc: nc, br: bufio.NewReader(nc), v: 5}).send(connectOpt{id: "d1"}.bytes())
	}
	if f := w.dial(t).send(connectOpt{id: "d1"}.bytes()).read(); f != nil && f.kind() != 1 { // 21, a TLS alert, begins like type 1
		t.Fatalf("without TLS: %v", f)
	}
	if f := dial(old).read(); f != nil {
		t.Fatalf("an expired certificate got %v", f)
	}
	r := dial(short)
	r.want(tConnack)
	r.send(pub(5, 1, 1, "d1/x", "1"))
	r.want(tPuback)
	f := r.readWithin(6 * time.Second) // the certificate ends while the session goes on
	if f == nil || f.kind() != tDisconnect || f.body[0] != rcNotAuthorised {
		t.Fatalf("got %+v", f)
	}
}
