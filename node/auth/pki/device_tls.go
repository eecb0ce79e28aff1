package pki

import (
	"crypto/tls"
	"crypto/x509"

	"github.com/aielon/edge/node/edge"
)

// ProtoDevice is what devices come in under. It keys the tickets of device connections; it is never negotiated.
const ProtoDevice Proto = "device"

// A DeviceCert is what a device's certificate has proved.
type DeviceCert struct {
	Name DeviceName
	Key  edge.NodeID // hash of its public key
}

// DeviceConfig accepts devices over TLS. server is the certificate shown to them (see IssueServer); a
// device may show one of IssueDevice, and must then hold a good one. minVersion is tls.VersionTLS13, or
// lower where old devices are let in by an explicit setting.
func (e *Endpoint) DeviceConfig(server func(*tls.ClientHelloInfo) (*tls.Certificate, error), minVersion uint16, protos ...string) *tls.Config {
	fresh := func() *tls.Config {
		c := e.base(protos)
		c.MinVersion = max(minVersion, tls.VersionTLS12)
		c.GetCertificate = server
		c.ClientAuth = tls.RequestClientCert
		c.ClientCAs = e.Trust.cur.Load().roots[RootSite] // named to the other side, so that browsers do not offer their owners' other certificates
		c.VerifyConnection = func(cs tls.ConnectionState) error {
			_, err := e.Device(cs)
			e.told(cs, ProtoDevice, err)
			return err
		}
		c.SetSessionTicketKeys(e.tickets.forProto(ProtoDevice, e.Trust.Now()))
		return c
	}
	c := fresh()
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return fresh(), nil } // fresh ticket keys
	return c
}

// Device returns what the certificate of a device connection proves, and nil where it showed none. It
// fails with Denied where the certificate does not hold.
func (e *Endpoint) Device(cs tls.ConnectionState) (*DeviceCert, error) {
	if len(cs.PeerCertificates) == 0 {
		return nil, nil
	}
	leaf := cs.PeerCertificates[0]
	bad := edge.E(edge.Denied, "the device's certificate is not one of this site")
	if len(cs.PeerCertificates) > maxChain || leaf.IsCA || len(leaf.URIs) != 1 || !isP256(leaf) {
		return nil, bad
	}
	name, err := ParseDeviceName(leaf.URIs[0].String())
	if err != nil || name.Site != e.Trust.Site() {
		return nil, bad
	}
	v := e.Trust.cur.Load()
	if v.roots[RootSite] == nil || v.revokedKey(KeyID(leaf)) {
		return nil, bad
	}
	chains, err := leaf.Verify(x509.VerifyOptions{Roots: v.roots[RootSite], CurrentTime: e.Trust.Now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return nil, edge.E(edge.Denied, "the device's certificate does not hold: %w", err)
	}
	for _, c := range chains {
		if !v.revokedKey(KeyID(c[len(c)-1])) {
			return &DeviceCert{Name: name, Key: KeyID(leaf)}, nil
		}
	}
	return nil, bad
}
