package join

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"

	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
)

// renew answers a caller who has proved its key, perhaps with a certificate that has run out.
func (s *Server) renew(ctx context.Context, cs tls.ConnectionState, q renewRequest) (renewAnswer, error) {
	peer, err := s.End.Caller(cs) // again, because a revocation may have come since the handshake
	if err != nil {
		return renewAnswer{}, err
	}
	switch q.Kind {
	case renewTime:
		return renewAnswer{}, nil
	case renewLeaf:
		return s.renewLeaf(peer, q.CSR)
	case renewCross:
		return s.renewCross(ctx, cs, peer, q)
	}
	return renewAnswer{}, edge.E(edge.Invalid, "the request to renew is not well formed")
}

// renewLeaf gives a new leaf for the same key and the same name. Below the region the region's own CA
// signs: such a leaf opens the uplink and nothing within the site, whose nodes trust their own CA alone.
func (s *Server) renewLeaf(peer pki.Peer, csr []byte) (renewAnswer, error) {
	ca, name := usable(s.SiteCA), peer.Name
	if peer.As == pki.Below {
		ca = usable(s.RegionCA)
	} else {
		name.Region = s.End.Trust.Region() // the site may have joined one since
	}
	if ca == nil {
		return renewAnswer{}, edge.E(edge.Unavailable, "this node cannot renew certificates just now").WithHint("try another node of the site, or the hub")
	}
	if name.Role != pki.RoleNode {
		return renewAnswer{}, edge.E(edge.Denied, "a hub renews its own certificates")
	}
	chain, err := ca.IssueLeaf(csr, name, 0) // refuses any key but the one proved
	if err != nil {
		return renewAnswer{}, err
	}
	return renewAnswer{Chain: chain}, nil
}

// renewCross vouches for a site's CA anew: for the key the region knows, or for a successor that the
// known key has signed over to.
func (s *Server) renewCross(ctx context.Context, cs tls.ConnectionState, peer pki.Peer, q renewRequest) (renewAnswer, error) {
	ca := usable(s.RegionCA)
	if ca == nil || peer.As != pki.Below || !peer.Fresh || len(cs.PeerCertificates) < 2 {
		return renewAnswer{}, edge.E(edge.Denied, "a site's CA is renewed by a node with a good certificate of the site, at its hub")
	}
	site, err := siteRoot(q.SiteCA)
	if err != nil {
		return renewAnswer{}, err
	}
	if site.Subject.CommonName != peer.Name.Site {
		return renewAnswer{}, edge.E(edge.Denied, "a node of site %s cannot renew the CA of %s", peer.Name.Site, site.Subject.CommonName)
	}
	if err := checkProof(cs, site.PublicKey.(*ecdsa.PublicKey), proofSite, q.SiteCA, q.SiteProof); err != nil {
		return renewAnswer{}, err
	}
	r := Registration{Name: peer.Name, Role: pki.JoinSite, SiteCA: pki.KeyID(site)}
	if old := issuerOf(cs.PeerCertificates); old == nil {
		return renewAnswer{}, edge.E(edge.Denied, "the CA of the caller's certificate was not shown")
	} else if was := pki.KeyID(old); was != r.SiteCA {
		r.Was = was
		if err := checkProof(cs, old.PublicKey.(*ecdsa.PublicKey), proofOld, q.SiteCA, q.OldProof); err != nil {
			return renewAnswer{}, err
		}
	}
	if s.End.Trust.RevokedKey(r.SiteCA) {
		return renewAnswer{}, edge.E(edge.Denied, "this CA has been revoked")
	}
	if err := s.Members.Register(ctx, r); err != nil {
		return renewAnswer{}, err
	}
	cross, err := ca.CrossSign(site)
	if err != nil {
		return renewAnswer{}, err
	}
	return renewAnswer{Cross: cross.Raw}, nil
}

// issuerOf returns the shown certificate that signed the leaf, if its key is of our kind.
func issuerOf(certs []*x509.Certificate) *x509.Certificate {
	for _, c := range certs[1:] {
		if _, ok := c.PublicKey.(*ecdsa.PublicKey); ok && certs[0].CheckSignatureFrom(c) == nil {
			return c
		}
	}
	return nil
}

// Admit registers the node at the other end of an accepted uplink connection: any node of a site that was
// let in is let in too, because its site's CA vouches for it and the region's constraint holds that CA to
// its own site. The hub calls it at the start of each connection.
func Admit(ctx context.Context, end *pki.Endpoint, m Members, cs tls.ConnectionState) (pki.Peer, error) {
	peer, err := end.Caller(cs)
	if err != nil {
		return pki.Peer{}, err
	}
	r := Registration{Name: peer.Name, Role: pki.JoinNode}
	if c := issuerOf(cs.PeerCertificates); c != nil {
		r.SiteCA = pki.KeyID(c)
	}
	if err := m.Register(ctx, r); err != nil {
		return pki.Peer{}, err
	}
	return peer, nil
}
