package node

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"

	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge/testport"
	"github.com/aielon/edge/node/gateway"
)

// secureDoor opens the node's door a second time, with TLS, on loopback where tests may listen.
func (b *box) secureDoor() string {
	b.t.Helper()
	addr := testport.Addr(b.t)
	l, err := net.Listen("tcp", addr)
	if err != nil {
		b.t.Fatal(err)
	}
	u, err := net.ListenPacket("udp", addr)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { u.Close() })
	s, err := gateway.NewServer(gateway.ServerOptions{TCP: l, UDP: u, TLS: b.doorTLS(), Handler: b.front.entrance, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.t.Fatal(err)
	}
	go s.Run(b.t.Context())
	return "https://" + addr
}

// A holder is a key and the certificate an authority gave it.
type holder struct {
	tls.Certificate
	id [32]byte // hash of the public key
}

func certify(t *testing.T, ca *pki.Authority, name string, life time.Duration) holder {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := ca.IssueDevice(csr, name, life)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return holder{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, sha256.Sum256(spki)}
}

// clients are the ways a browser or program comes, by the name of the protocol.
func (b *box) clients(certs ...tls.Certificate) map[string]*http.Client {
	b.t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(b.keys.site.Load().Root())
	conf := func() *tls.Config {
		return &tls.Config{RootCAs: roots, ServerName: "localhost", Certificates: certs, ClientSessionCache: tls.NewLRUClientSessionCache(4)}
	}
	one, two, three := &http.Transport{TLSClientConfig: conf(), TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}}, &http.Transport{TLSClientConfig: conf(), ForceAttemptHTTP2: true}, &http3.Transport{TLSClientConfig: conf()}
	b.t.Cleanup(func() { one.CloseIdleConnections(); two.CloseIdleConnections(); three.Close() })
	return map[string]*http.Client{"HTTP/1.1": {Transport: one}, "HTTP/2.0": {Transport: two}, "HTTP/3.0": {Transport: three}}
}

// TestCertificateAtTheDoor: a device that shows its certificate is itself, by every HTTP there is, and nobody else;
// what is decided after the handshake counts at the next request.
func TestCertificateAtTheDoor(t *testing.T) {
	b := start(t, smallConfig(t))
	door, me, ca := b.secureDoor(), b.owner(), b.keys.site.Load()
	probe, other := certify(t, ca, "probe-1", time.Hour), certify(t, ca, "probe-2", time.Hour)
	for i, h := range []holder{probe, other} {
		id := fmt.Sprintf("probe-%d", i+1)
		b.must("POST", "/v1/devices", me.Session, fmt.Sprintf(`{"id":%q,"name":"Probe"}`, id), nil)
		b.must("POST", "/v1/devices/"+id+"/certify", me.Session, fmt.Sprintf(`{"key":%q}`, hex.EncodeToString(h.id[:])), nil)
	}
	ask := func(c *http.Client, path string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "GET", door+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := c.Do(r)
		if err != nil {
			return 0, err.Error()
		}
		io.Copy(io.Discard, res.Body) // to the end: the connection is used again
		res.Body.Close()
		return res.StatusCode, res.Proto
	}
	with := b.clients(probe.Certificate)
	for proto, c := range with {
		for _, x := range []struct {
			path string
			want int
		}{{"/v1/devices/probe-1", 200}, {"/v1/devices/probe-2", 403}, {"/v1/people", 403}, {"/healthz", 200}} {
			if status, how := ask(c, x.path); status != x.want || how != proto {
				t.Errorf("%s %s with the certificate: %d by %s; want %d", proto, x.path, status, how, x.want)
			}
		}
		if status, how := ask(b.clients()[proto], "/v1/devices/probe-1"); status != 401 {
			t.Errorf("%s without a certificate: %d %s", proto, status, how)
		}
	}
	stranger, err := pki.NewAuthority(pki.ScopeSite, "clinic", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for proto, c := range b.clients(certify(t, stranger, "probe-1", time.Hour).Certificate) {
		if status, how := ask(c, "/healthz"); status != 0 {
			t.Errorf("%s with a certificate of another authority: %d %s", proto, status, how)
		}
	}
	b.must("POST", "/v1/devices/probe-1/certify", me.Session, fmt.Sprintf(`{"key":%q}`, hex.EncodeToString(other.id[:])), nil)
	for proto, c := range with {
		if status, how := ask(c, "/v1/devices/probe-1"); status != 401 {
			t.Errorf("%s with a key that is registered no more: %d %s", proto, status, how)
		}
	}
	late := b.clients(other.Certificate)
	for proto, c := range late {
		if status, how := ask(c, "/v1/devices/probe-2"); status != 200 {
			t.Fatalf("%s: %d %s", proto, status, how)
		}
	}
	if err := b.keys.trust.Revoke(other.id); err != nil {
		t.Fatal(err)
	}
	for proto, c := range late { // over the connections that are there
		if status, how := ask(c, "/v1/devices/probe-2"); status != 401 {
			t.Errorf("%s with a revoked certificate: %d %s", proto, status, how)
		}
	}
}

// TestIssuedCertificate lets a device have its certificate from the door, with a key nobody else has seen.
func TestIssuedCertificate(t *testing.T) {
	b := start(t, smallConfig(t))
	me := b.owner()
	member := b.invite(me.Session, "omar", `"member"`)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	old, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	other, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, old)
	if err != nil {
		t.Fatal(err)
	}
	request := func(der []byte, days int) string {
		text, err := json.Marshal(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})))
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf(`{"request":%s,"days":%d}`, text, days)
	}
	b.must("POST", "/v1/devices", me.Session, `{"id":"probe-1","name":"Probe"}`, nil)
	forged := bytes.Clone(csr)
	forged[len(forged)-1] ^= 1
	for _, x := range []struct {
		what, id, by, body string
		want               int
	}{
		{"a member", "probe-1", member.Session, request(csr, 0), 403},
		{"nobody", "probe-1", "", request(csr, 0), 401},
		{"no such device", "probe-9", me.Session, request(csr, 0), 404},
		{"no request", "probe-1", me.Session, `{}`, 400},
		{"no PEM", "probe-1", me.Session, `{"request":"x"}`, 400},
		{"a key of another kind", "probe-1", me.Session, request(other, 0), 400},
		{"not signed by its key", "probe-1", me.Session, request(forged, 0), 400},
		{"for ever", "probe-1", me.Session, request(csr, 3650), 400},
	} {
		if status, answer := b.rest("POST", "/v1/devices/"+x.id+"/certificate", x.by, x.body); status != x.want {
			t.Errorf("%s: %d %s", x.what, status, answer)
		}
	}
	var d struct{ HasKey bool }
	if b.must("GET", "/v1/devices/probe-1", me.Session, "", &d); d.HasKey {
		t.Error("what was refused certified a key")
	}
	var made struct {
		Certificate, Authority, Key string
		Until                       time.Time
	}
	b.must("POST", "/v1/devices/probe-1/certificate", me.Session, request(csr, 0), &made)
	block, _ := pem.Decode([]byte(made.Certificate))
	if days := time.Until(made.Until).Hours() / 24; block == nil || days < 89 || days > 91 || !strings.Contains(made.Authority, "BEGIN CERTIFICATE") {
		t.Fatalf("%+v", made)
	}
	door := b.secureDoor()
	for proto, c := range b.clients(tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: key}) {
		res, err := c.Get(door + "/v1/devices/probe-1")
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("%s: %v %v", proto, res, err)
		}
		res.Body.Close()
	}
}
