package pki

import (
	"crypto/ecdsa"
	"crypto/x509"
	"time"

	"github.com/aielon/edge/node/edge"
)

// early is by how much the clock of another site may be ahead of ours.
const early = 10 * time.Minute

// Sibling checks the chain (DER, leaf first, root left out) of a node of any site of the region, as the region's own root
// says, at the moment at which it signed something. What was signed then stays signed after the leaf has ended, and the
// moment is the signer's own word: a caller who keeps what it learns believes the first word only. It fails with Denied.
func (t *Trust) Sibling(der [][]byte, at time.Time) (Name, *ecdsa.PublicKey, error) {
	if len(der) == 0 || len(der) > maxChain || at.After(t.Now().Add(early)) {
		return Name{}, nil, edge.E(edge.Denied, "a chain of %d certificates, used at %s, cannot be believed", len(der), stamp(at))
	}
	var certs []*x509.Certificate
	for _, d := range der {
		c, err := x509.ParseCertificate(d)
		if err != nil {
			return Name{}, nil, edge.E(edge.Denied, "a certificate cannot be read: %w", err)
		}
		certs = append(certs, c)
	}
	name, err := leafName(certs[0])
	if err != nil {
		return name, nil, err
	}
	v := t.cur.Load()
	if v.revokedKey(name.ID) || v.revokedSite(name) {
		return name, nil, edge.E(edge.Denied, "node %s or its site has been revoked", name.ID.Short())
	}
	key, ok := certs[0].PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return name, nil, edge.E(edge.Denied, "a certificate is not one of a node")
	}
	return name, key, v.sibling(certs, name, at)
}

func (v *trustView) sibling(certs []*x509.Certificate, name Name, at time.Time) error {
	o := x509.VerifyOptions{CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, Intermediates: x509.NewCertPool()}
	for _, c := range certs[1:] {
		o.Intermediates.AddCert(c)
	}
	refused := edge.E(edge.Denied, "%s is not known here: no region trusted for this says so", name)
	for _, kind := range [...]RootKind{RootAbove, RootRegion} {
		if o.Roots = v.roots[kind]; o.Roots == nil {
			continue
		}
		chains, err := certs[0].Verify(o)
		if err != nil {
			refused = edge.E(edge.Denied, "the certificate of %s does not hold: %w", name, err)
			continue
		}
		for _, c := range chains {
			if err := v.allowed(c, name, Below); err != nil {
				refused = err
				continue
			}
			return nil
		}
	}
	return refused
}
