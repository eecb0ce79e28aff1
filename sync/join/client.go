package join

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"time"

	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
)

// callTime bounds one exchange as the client sees it, dialling included.
const callTime = 30 * time.Second

// A Dial opens a TCP connection. (*net.Dialer).DialContext with "tcp" is the usual one.
type Dial func(ctx context.Context, addr string) (net.Conn, error)

// A Request is what a joiner brings.
type Request struct {
	edge.Redacted

	Code   pki.Code
	Server string // host:port
	Dial   Dial   // nil: plain TCP
	ID     *pki.Identity
	Role   pki.JoinRole
	SiteCA *pki.Authority // the site's own CA; for JoinSite and JoinHub

	Addr  string // where the node's cluster port can be reached
	Label string // what people call the box
	Build string // of the program
}

// A Result is what a joiner got, checked against the code's pin. Nothing is in force before Apply.
type Result struct {
	edge.Redacted

	Role         pki.JoinRole
	Site, Region string
	Chain        [][]byte          // JoinNode: this node's chain
	Cross        *x509.Certificate // JoinSite, JoinHub: the region's word for the site's CA
	Pinned       *x509.Certificate // the CA the code named
	Roots        []pki.Root        // everything to trust from now on, by kind
	Hubs, Peers  []string
	Members      []edge.NodeID // JoinNode: who the site's nodes are; empty: a server that does not say
	Secret       []byte        // JoinNode: the site's gossip secret
	Time         time.Time
}

// Join asks to be let in. Nothing but the code's pin, which is no secret, leaves this machine before the
// server has proved to belong to whoever made the code. Errors are Denied where the server or the code is
// refused, Invalid where the answer cannot be true, Unavailable where trying again may help; the same
// node may use the same code again while it lasts.
func Join(ctx context.Context, q Request) (Result, error) {
	if !q.Role.Valid() || (q.Role != pki.JoinNode) != (q.SiteCA != nil) {
		return Result{}, edge.E(edge.Invalid, "a site joins with its CA and a node without one")
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	c, err := connect(ctx, q.Dial, q.Server, pki.JoinConfig(q.Code.CA))
	if err != nil {
		return Result{}, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })()
	cs := c.ConnectionState()
	server, ca, err := pki.Pinned(cs, q.Code.CA) // the handshake has seen to it already; here for the CA
	if err != nil {
		return Result{}, err
	}
	m, err := q.message(cs)
	if err != nil {
		return Result{}, err
	}
	if err := writeFrame(c, m); err != nil {
		return Result{}, err
	}
	var a joinAnswer
	if err := readFrame(c, &a); err != nil {
		return Result{}, err
	}
	if err := a.Refused.err(); err != nil {
		return Result{}, err
	}
	return q.check(a, server, cs.PeerCertificates[0], ca)
}

func (q Request) message(cs tls.ConnectionState) (m joinRequest, err error) {
	m = joinRequest{V: version, Code: q.Code.Key(), Secret: q.Code.Secret[:], Role: q.Role, Addr: q.Addr, Label: q.Label, Build: q.Build}
	if m.CSR, err = q.ID.CSR(); err != nil {
		return m, err
	}
	if m.Proof, err = signProof(cs, q.ID.Signer(), proofNode, m.CSR); err != nil {
		return m, err
	}
	if q.SiteCA != nil {
		m.SiteCA = q.SiteCA.Root().Raw
		m.SiteProof, err = proveCA(cs, q.SiteCA, proofSite, m.SiteCA)
	}
	return m, err
}

// proveCA signs a statement about this connection with a CA's key.
func proveCA(cs tls.ConnectionState, ca *pki.Authority, what string, about []byte) ([]byte, error) {
	d, err := proofDigest(cs, what, about)
	if err != nil {
		return nil, err
	}
	return ca.Sign(d)
}

// check believes nothing of an answer that the pinned CA does not vouch for.
func (q Request) check(a joinAnswer, server pki.Name, leaf, ca *x509.Certificate) (Result, error) {
	r := Result{Role: q.Role, Site: a.Site, Region: a.Region, Pinned: ca, Hubs: a.Hubs, Peers: a.Peers, Members: a.Members, Secret: a.Secret, Time: a.Time}
	if len(a.Hubs) > 64 || len(a.Peers) > 64 || len(a.Members) > 64 || len(a.Roots) > 16 || len(a.Secret) > 64 {
		return Result{}, edge.E(edge.Invalid, "the answer is longer than any true one")
	}
	if a.Time.Before(leaf.NotBefore) || a.Time.After(leaf.NotAfter) {
		return Result{}, edge.E(edge.Invalid, "the server says it is %s, which its own certificate contradicts", a.Time.UTC().Format(time.DateTime))
	}
	if pki.CheckLabel(a.Site) != nil || pki.CheckLabel(a.Region) != nil {
		return Result{}, edge.E(edge.Invalid, "the answer names no site and region")
	}
	if q.Role == pki.JoinNode {
		return r, r.checkNode(a, q, server, ca)
	}
	return r, r.checkSite(a, q, server, ca)
}

func (r *Result) checkNode(a joinAnswer, q Request, server pki.Name, ca *x509.Certificate) error {
	r.Chain, r.Roots = a.Chain, a.Roots
	want := pki.Name{Site: server.Site, Region: a.Region, ID: q.ID.ID()}
	if a.Site != server.Site {
		return edge.E(edge.Invalid, "a node of site %s lets in to site %s", server.Site, a.Site)
	}
	if len(a.Chain) == 0 {
		return edge.E(edge.Invalid, "the answer has no certificate in it")
	}
	leaf, err := x509.ParseCertificate(a.Chain[0])
	if err != nil || leaf.CheckSignatureFrom(ca) != nil || len(leaf.URIs) != 1 || leaf.URIs[0].String() != want.String() || pki.KeyID(leaf) != want.ID {
		return edge.E(edge.Invalid, "the certificate in the answer is not for %s", want)
	}
	for _, root := range a.Roots {
		if root.Kind == pki.RootSite && string(root.Cert) == string(ca.Raw) {
			return nil
		}
	}
	return edge.E(edge.Invalid, "the answer does not trust the CA that the code names")
}

func (r *Result) checkSite(a joinAnswer, q Request, server pki.Name, ca *x509.Certificate) error {
	if a.Region != server.Region || a.Site != q.SiteCA.Label() {
		return edge.E(edge.Invalid, "the answer is for %s.%s, and %s asked to join %s", a.Site, a.Region, q.SiteCA.Label(), server.Region)
	}
	cross, err := x509.ParseCertificate(a.Cross)
	if err != nil {
		return edge.E(edge.Invalid, "the answer has no certificate for the site's CA in it: %w", err)
	}
	r.Cross = cross
	r.Roots = []pki.Root{{Kind: pki.RootAbove, Cert: ca.Raw}} // whatever else a hub names is not its to say
	return pki.CheckCross(cross, q.SiteCA.Root(), ca)
}

// Apply puts the result in force: time, trust and certificates, in an order in which a crash at any point
// leaves a node that can join again with the same code. siteCA is the site's CA for JoinSite and JoinHub,
// and keep, where not nil, makes its new state durable before it is relied on.
func (r Result) Apply(id *pki.Identity, t *pki.Trust, siteCA *pki.Authority, keep func(*pki.Authority) error) error {
	if r.Role == pki.JoinNode {
		t.Adopt(r.Time)
	} else {
		t.Tell(r.Time)
	}
	if siteCA != nil {
		if err := siteCA.SetCross(r.Cross, r.Pinned); err != nil {
			return err
		}
		if keep != nil {
			if err := keep(siteCA); err != nil {
				return err
			}
		}
	}
	if err := t.Update(r.edit); err != nil {
		return err
	}
	if siteCA == nil {
		return id.Install(pki.UseSite, r.Chain)
	}
	csr, err := id.CSR()
	if err != nil {
		return err
	}
	chain, err := siteCA.IssueLeaf(csr, pki.Name{Site: r.Site, Region: r.Region, ID: id.ID()}, 0)
	if err != nil {
		return err
	}
	return id.Install(pki.UseSite, chain)
}

// edit replaces the roots of the kinds that joining settles and keeps the others: a hub that joins a hub
// goes on serving its own region.
func (r Result) edit(s *pki.TrustState) {
	var roots []pki.Root
	for _, have := range s.Roots {
		if r.Role != pki.JoinNode && have.Kind != pki.RootAbove {
			roots = append(roots, have)
		}
	}
	s.Site, s.Region, s.Roots = r.Site, r.Region, append(roots, r.Roots...)
}

func connect(ctx context.Context, dial Dial, addr string, cfg *tls.Config) (*tls.Conn, error) {
	if dial == nil {
		dial = func(ctx context.Context, addr string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		}
	}
	raw, err := dial(ctx, addr)
	if err != nil {
		return nil, edge.E(edge.Unavailable, "%s cannot be reached: %w", addr, err).WithHint("check the address and the network")
	}
	c := tls.Client(raw, cfg)
	if err := c.HandshakeContext(ctx); err != nil {
		raw.Close()
		if edge.IsKind(err, edge.Denied) {
			return nil, err
		}
		return nil, edge.E(edge.Unavailable, "no safe connection to %s: %w", addr, err)
	}
	return c, nil
}
