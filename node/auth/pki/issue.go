package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net"
	"net/url"
	"slices"
	"time"

	"github.com/aielon/edge/node/edge"
)

const (
	// LeafLife is how long a node certificate is good for unless asked otherwise.
	LeafLife = 7 * 24 * time.Hour
	// ServerLife is the longest life of a certificate for browsers and devices.
	ServerLife = 90 * 24 * time.Hour
	// backdate forgives clocks that are a little behind the issuer's.
	backdate = 5 * time.Minute
	maxCSR   = 4 << 10 // bytes
)

// rootSubject says what a CA is for, so that a site's root can never be taken for a region's.
func rootSubject(s Scope, label string) pkix.Name {
	return pkix.Name{OrganizationalUnit: []string{"aielon " + string(s)}, CommonName: label}
}

func selfSign(scope Scope, label string, key *ecdsa.PrivateKey, now time.Time) (*x509.Certificate, error) {
	t := &x509.Certificate{
		Subject:               rootSubject(scope, label),
		NotBefore:             rootFrom(), // a root made while the clock was years ahead must be good once it is right
		NotAfter:              now.Add(siteLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true, // a site CA issues leaves only
		KeyUsage:              x509.KeyUsageCertSign,
	}
	if scope == ScopeRegion {
		t.NotAfter = now.Add(regionLife)
		t.MaxPathLen, t.MaxPathLenZero = 1, false
		constrain(t, "."+label)
	}
	return create(t, t, key.Public(), key)
}

// rootFrom is the start of every root. Whoever holds a root's key could backdate anyway.
func rootFrom() time.Time { return time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC) }

// constrain lets the holder of a CA certificate vouch for URIs at host and for no other kind of name,
// critically, so that software that cannot check it must refuse it (RFC 5280 section 4.2.1.10).
func constrain(t *x509.Certificate, host string) {
	t.PermittedDNSDomainsCritical = true // despite its name this makes the whole extension critical
	t.PermittedURIDomains = []string{host}
	t.ExcludedDNSDomains = []string{""}
	t.ExcludedEmailAddresses = []string{""}
	t.ExcludedIPRanges = []*net.IPNet{{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}, {IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}}
}

// CheckRoot says what a self-signed CA certificate is for. It fails with Invalid where the certificate is
// not one that NewAuthority could have made.
func CheckRoot(c *x509.Certificate) (Scope, string, error) {
	if !c.IsCA || !c.BasicConstraintsValid || !isP256(c) || c.CheckSignatureFrom(c) != nil {
		return "", "", edge.E(edge.Invalid, "a certificate is not that of a CA of a site or a region")
	}
	for _, s := range []Scope{ScopeSite, ScopeRegion} {
		subject, err := asn1.Marshal(rootSubject(s, c.Subject.CommonName).ToRDNSequence())
		if err == nil && bytes.Equal(subject, c.RawSubject) && len(c.SubjectKeyId) <= 64 { // a cross certificate copies both
			return s, c.Subject.CommonName, checkScope(s, c.Subject.CommonName)
		}
	}
	return "", "", edge.E(edge.Invalid, "a CA certificate does not say whether it is a site's or a region's")
}

// IssueLeaf certifies the key of a PKCS #10 request under a name and returns the chain to show: leaf
// first, root left out. ttl is LeafLife where 0, and never runs past the CA's own end. It fails with
// Invalid where the key is not the one the name says, and with Denied where the name is not this CA's to give.
func (a *Authority) IssueLeaf(csr []byte, n Name, ttl time.Duration) ([][]byte, error) {
	if err := a.mayName(n); err != nil {
		return nil, err
	}
	pub, id, err := ParseCSR(csr)
	if err != nil {
		return nil, err
	}
	if id != n.ID {
		return nil, edge.E(edge.Invalid, "the request is for the key of node %s, not of node %s", id.Short(), n.ID.Short())
	}
	leaf, err := a.issueURI(pub, n.String(), ttl, x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth)
	if err != nil {
		return nil, err
	}
	return a.chain(leaf), nil
}

// IssueDevice certifies a device's key, for MQTT and for the door; the certificate is good at this site only.
func (a *Authority) IssueDevice(csr []byte, device string, ttl time.Duration) ([]byte, error) {
	d := DeviceName{Site: a.label, ID: device}
	if a.scope != ScopeSite || !validDeviceID(device) {
		return nil, edge.E(edge.Invalid, "no certificate can be made for a device called %q", clip(device, 80))
	}
	pub, _, err := ParseCSR(csr)
	if err != nil {
		return nil, err
	}
	return a.issueURI(pub, d.String(), ttl, x509.ExtKeyUsageClientAuth)
}

// IssueServer certifies a key for browsers and devices that trust the site's root, under DNS names and IP
// addresses. The region's constraint keeps such certificates from counting outside the site.
func (a *Authority) IssueServer(csr []byte, names []string, ips []net.IP, ttl time.Duration) ([]byte, error) {
	if a.scope != ScopeSite || len(names)+len(ips) == 0 || len(names)+len(ips) > 64 {
		return nil, edge.E(edge.Invalid, "a server certificate needs 1 to 64 names and addresses, from a site's CA")
	}
	pub, _, err := ParseCSR(csr)
	if err != nil {
		return nil, err
	}
	t := a.template(min(ttl, ServerLife), x509.ExtKeyUsageServerAuth)
	t.Subject = pkix.Name{CommonName: "aielon-edge"}
	t.DNSNames, t.IPAddresses = names, ips
	c, err := a.sign(t, pub)
	if err != nil {
		return nil, err
	}
	return c.Raw, nil
}

// CrossSign lets a region vouch for a site: for the key of the site's root, for names at <site>.<region>
// only, and for leaves only. The caller has made sure that whoever asks holds the site CA's key.
func (a *Authority) CrossSign(site *x509.Certificate) (*x509.Certificate, error) {
	scope, label, err := CheckRoot(site)
	if err != nil {
		return nil, err
	}
	if a.scope != ScopeRegion || scope != ScopeSite {
		return nil, edge.E(edge.Denied, "only a region's CA can vouch for a site, and only for a site")
	}
	now := a.now()
	t := &x509.Certificate{
		Subject:               site.Subject,
		RawSubject:            site.RawSubject,
		SubjectKeyId:          site.SubjectKeyId,
		NotBefore:             now.Add(-caBackdate),
		NotAfter:              earliest(site.NotAfter, a.root.NotAfter, now.Add(siteLife)),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	constrain(t, label+"."+a.label)
	return a.sign(t, site.PublicKey.(*ecdsa.PublicKey)) // CheckRoot made sure of the type
}

func checkCross(cross *x509.Certificate, site string, region *x509.Certificate, now time.Time) error {
	scope, label, err := CheckRoot(region)
	switch {
	case err != nil || scope != ScopeRegion:
		return edge.E(edge.Invalid, "the cross certificate's issuer is not a region")
	case cross.CheckSignatureFrom(region) != nil:
		return edge.E(edge.Invalid, "the cross certificate is not signed by the region")
	case !cross.IsCA || !cross.MaxPathLenZero || !slices.Equal(cross.PermittedURIDomains, []string{site + "." + label}):
		return edge.E(edge.Invalid, "the cross certificate does not allow the names of %s.%s and those only", site, label)
	case now.After(cross.NotAfter):
		return edge.E(edge.Invalid, "the cross certificate has expired")
	}
	return nil
}

// ParseCSR checks a PKCS #10 request and returns its key and the key's hash. Names asked for in it are
// ignored: the issuer decides those. It fails with Invalid.
func ParseCSR(der []byte) (*ecdsa.PublicKey, edge.NodeID, error) {
	if len(der) > maxCSR {
		return nil, edge.NodeID{}, edge.E(edge.Invalid, "a certificate request may have %d bytes, this one has %d", maxCSR, len(der))
	}
	r, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, edge.NodeID{}, edge.E(edge.Invalid, "a certificate request cannot be read: %w", err)
	}
	pub, ok := r.PublicKey.(*ecdsa.PublicKey)
	if !ok || pub.Curve != elliptic.P256() {
		return nil, edge.NodeID{}, edge.E(edge.Invalid, "a certificate request must be for an ECDSA P-256 key")
	}
	if err := r.CheckSignature(); err != nil {
		return nil, edge.NodeID{}, edge.E(edge.Invalid, "a certificate request is not signed by its own key: %w", err)
	}
	return pub, sha256.Sum256(r.RawSubjectPublicKeyInfo), nil
}

// mayName refuses names this CA has no say over.
func (a *Authority) mayName(n Name) error {
	if CheckLabel(n.Site) != nil || CheckLabel(n.Region) != nil || n.Role > RoleHub {
		return edge.E(edge.Invalid, "%q is not the name of a node", clip(n.String(), 200))
	}
	switch a.scope {
	case ScopeSite:
		if n.Site != a.label || n.Role != RoleNode {
			return edge.E(edge.Denied, "the CA of site %s cannot vouch for %s", a.label, n)
		}
	case ScopeRegion:
		if n.Region != a.label {
			return edge.E(edge.Denied, "the CA of region %s cannot vouch for %s", a.label, n)
		}
	}
	return nil
}

func (a *Authority) issueURI(pub *ecdsa.PublicKey, uri string, ttl time.Duration, use ...x509.ExtKeyUsage) ([]byte, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return nil, edge.E(edge.Internal, "a name is not a URI: %w", err)
	}
	t := a.template(ttl, use...)
	t.URIs = []*url.URL{u}
	c, err := a.sign(t, pub)
	if err != nil {
		return nil, err
	}
	return c.Raw, nil
}

func (a *Authority) template(ttl time.Duration, use ...x509.ExtKeyUsage) *x509.Certificate {
	if ttl <= 0 {
		ttl = LeafLife
	}
	now := a.now()
	return &x509.Certificate{
		NotBefore:             now.Add(-backdate),
		NotAfter:              earliest(now.Add(ttl), a.root.NotAfter),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           use,
	}
}

func (a *Authority) sign(t *x509.Certificate, pub *ecdsa.PublicKey) (*x509.Certificate, error) {
	if !t.NotAfter.After(a.now()) {
		return nil, edge.E(edge.Unavailable, "the CA of %s %s has expired", a.scope, a.label).WithHint("make a new one and let every node trust it")
	}
	return create(t, a.root, pub, a.key)
}

func create(t, parent *x509.Certificate, pub any, key *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, t, parent, pub, key) // picks a random serial number itself
	if err != nil {
		return nil, edge.E(edge.Internal, "no certificate can be made: %w", err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, edge.E(edge.Internal, "the certificate just made cannot be read: %w", err)
	}
	return c, nil
}

func earliest(first time.Time, rest ...time.Time) time.Time {
	for _, t := range rest {
		if t.Before(first) {
			first = t
		}
	}
	return first
}

func isP256(c *x509.Certificate) bool {
	pub, ok := c.PublicKey.(*ecdsa.PublicKey)
	return ok && pub.Curve == elliptic.P256()
}

// CheckCross checks that cross vouches, in the name of region, for the key of the site CA root and for
// names of that site only. It fails with Invalid. Time is not looked at.
func CheckCross(cross, root, region *x509.Certificate) error {
	scope, label, err := CheckRoot(root)
	if err != nil || scope != ScopeSite || KeyID(cross) != KeyID(root) {
		return edge.E(edge.Invalid, "the cross certificate is for another CA")
	}
	return checkCross(cross, label, region, cross.NotBefore)
}
