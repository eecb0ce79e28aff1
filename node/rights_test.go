package node

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/aielon/edge/node/api/devicesv1"
	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
)

// A thing is a device with a certificate, which keeps its TLS sessions.
type thing struct {
	t    *testing.T
	n    *box
	id   string
	key  edge.NodeID
	conf *tls.Config
}

// newThing registers a device and lets it prove itself by a certificate of the site.
func newThing(t *testing.T, n *box, id string) *thing {
	t.Helper()
	who, err := pki.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	csr, err := who.CSR()
	if err != nil {
		t.Fatal(err)
	}
	ca := n.keys.site.Load()
	der, err := ca.IssueDevice(csr, id, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.Root())
	th := &thing{t: t, n: n, id: id, key: who.ID(), conf: &tls.Config{RootCAs: roots, ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(4),
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: who.Signer()}}}}
	if _, err := n.RegisterDevice(t.Context(), DeviceInfo{ID: id}); err != nil {
		t.Fatal(err)
	}
	th.certify(hex.EncodeToString(th.key[:]))
	return th
}

func (th *thing) certify(key string) {
	th.t.Helper()
	if _, err := proposeMessage[*devicesv1.Device](th.t.Context(), th.n.Node, &devicesv1.CertifyDeviceRequest{Id: th.id, Key: key}); err != nil {
		th.t.Fatal(err)
	}
}

// enter connects and reports the return code of CONNACK (MQTT 3.1.1 section 3.2.2.3).
func (th *thing) enter() (c *tls.Conn, code byte, err error) {
	raw, err := net.Dial("tcp", th.n.broker.Addrs()[1].String())
	if err != nil {
		th.t.Fatal(err)
	}
	th.t.Cleanup(func() { raw.Close() })
	raw.SetDeadline(time.Now().Add(10 * time.Second))
	c = tls.Client(raw, th.conf)
	body := append([]byte{0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, byte(len(th.id))}, th.id...)
	if _, err := c.Write(append([]byte{0x10, byte(len(body))}, body...)); err != nil {
		return nil, 0, err
	}
	var ack [4]byte
	_, err = io.ReadFull(c, ack[:])
	return c, ack[3], err
}

func (th *thing) resumed(c *tls.Conn) {
	th.t.Helper()
	if !c.ConnectionState().DidResume {
		th.t.Error("the session was not resumed: this test shows nothing")
	}
}

// ends waits until the broker closes a connection.
func (th *thing) ends(c *tls.Conn) {
	th.t.Helper()
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		th.t.Errorf("the connection stands: %v", err)
	}
}

func isTimeout(err error) bool {
	n, ok := err.(net.Error)
	return ok && n.Timeout()
}

// TestDeviceCertificates: what was taken back counts no more, neither on connections that stand nor on TLS
// sessions that are resumed.
func TestDeviceCertificates(t *testing.T) {
	cfg := smallConfig(t)
	cfg.MQTT.TLSAddr = "127.0.0.1:0"
	n := start(t, cfg)
	for i, tt := range []struct {
		what string
		take func(*thing)
	}{
		{"the registry has another key", func(th *thing) { th.certify(hex.EncodeToString(make([]byte, 32))) }},
		{"the registry has no key", func(th *thing) { th.certify("") }},
		{"the device was removed", func(th *thing) {
			if err := n.removeDevice(t.Context(), th.id); err != nil {
				t.Fatal(err)
			}
		}},
		{"the key was revoked", func(th *thing) {
			if err := n.keys.trust.Revoke(th.key); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(tt.what, func(t *testing.T) {
			th := newThing(t, n, fmt.Sprint("pump-", i))
			first, code, err := th.enter()
			if err != nil || code != 0 {
				t.Fatalf("code %d, %v", code, err)
			}
			first.Close()
			second, code, err := th.enter()
			if err != nil || code != 0 {
				t.Fatalf("resumed: code %d, %v", code, err)
			}
			th.resumed(second)
			tt.take(th)
			th.ends(second)
			if c, code, err := th.enter(); err == nil && code == 0 {
				t.Errorf("it came back (resumed %v)", c.ConnectionState().DidResume)
			}
		})
	}
}
