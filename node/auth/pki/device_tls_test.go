package pki

import (
	"crypto/tls"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
)

func TestDevicesOverTLS(t *testing.T) {
	w := newWorld(t)
	a, b := w.site("clinic-a"), w.site("clinic-b")
	key := must(NewIdentity())
	chain := func(der ...[]byte) *tls.Config {
		c := &tls.Config{InsecureSkipVerify: true, ServerName: "clinic.lan", ClientSessionCache: tls.NewLRUClientSessionCache(1), Time: w.time}
		if der != nil {
			shown := &tls.Certificate{Certificate: der, PrivateKey: key.key}
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return shown, nil } // whichever authorities are asked for
		}
		return c
	}
	device := func(ca *Authority, ttl time.Duration) []byte {
		return must(ca.IssueDevice(must(key.CSR()), "bp-01", ttl))
	}
	own := must(NewIdentity())
	srv := must(a.ca.IssueServer(must(own.CSR()), []string{"clinic.lan"}, nil, ServerLife))
	server := a.DeviceConfig(func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return &tls.Certificate{Certificate: [][]byte{srv}, PrivateKey: own.key}, nil
	}, tls.VersionTLS13)
	good := chain(device(a.ca, time.Hour))
	for _, tt := range []struct {
		what   string
		client *tls.Config
		ok     bool
	}{
		{"no certificate", chain(), true},
		{"its certificate", good, true},
		{"its certificate, resumed", good, true},
		{"another site's", chain(device(b.ca, time.Hour)), false},
		{"another site's, with the region behind it", chain(device(b.ca, time.Hour), b.ca.Cross().Raw), false},
		{"a node's", chain(must(a.ca.IssueLeaf(must(key.CSR()), Name{Site: "clinic-a", Region: "punjab", ID: key.ID()}, 0))...), false},
	} {
		sc, cc, serr, cerr := meet(t, server, tt.client)
		if ok := serr == nil && cerr == nil; ok != tt.ok {
			t.Errorf("%s: server %v, client %v", tt.what, serr, cerr)
		}
		if d, err := a.Device(sc); tt.client == good && (err != nil || d == nil || d.Name.ID != "bp-01" || d.Key != key.ID()) {
			t.Errorf("%s: proved %v, %v (resumed %v)", tt.what, d, err, cc.DidResume)
		}
	}
	check(t, a.Trust.Revoke(edge.NodeID(key.ID())))
	if _, cc, serr, _ := meet(t, server, good); serr == nil {
		t.Errorf("a revoked device got in (resumed %v)", cc.DidResume)
	}
}
