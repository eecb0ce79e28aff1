package join

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
)

const (
	serveTime = 20 * time.Second // for one whole exchange; 10 KiB take half a second at 200 kbit/s
	maxServed = 32               // exchanges at a time
)

// Codes keeps join codes.
type Codes interface {
	// Spend burns a code for a node, atomically and durably, as pki.CodeRecord.Try says. Its errors are
	// Denied where the code is refused and Unavailable where it may or may not have been burned; the
	// joiner then tries again, which is harmless because it is the same node.
	Spend(ctx context.Context, key string, hash [32]byte, node edge.NodeID) (pki.CodeRecord, error)
}

// A Registration is what becomes known of a machine that was let in.
type Registration struct {
	Name    pki.Name
	Role    pki.JoinRole
	SiteCA  edge.NodeID // the key of the site's CA; zero for a node of the own site
	Was     edge.NodeID // the site CA this one succeeds; zero mostly
	Addr    string
	Label   string
	Build   string
	Invited string // by whom, as the code says
}

// Members is where registrations go.
type Members interface {
	// Register makes a machine known, durably, before it is told so. Doing it twice is doing it once. It
	// fails with Conflict where a site or hub (Role) of that name is known with a CA that is neither SiteCA
	// nor Was, and with Denied where the machine was removed and must not come back by itself. A node of a
	// known site (JoinNode) may come with an older or newer CA of its site: the region vouches for both.
	Register(ctx context.Context, r Registration) error
}

// A Welcome is what a machine gets to know once it is in.
type Welcome struct {
	edge.Redacted

	Hubs    []string      // addresses of the region's hubs
	Peers   []string      // cluster addresses of the site's nodes
	Members []edge.NodeID // the site's nodes themselves
	Secret  []byte        // the site's gossip secret; goes to nodes of the site only
}

// A Server answers join and renewal requests. All fields are set before use and not changed after.
type Server struct {
	End      *pki.Endpoint
	SiteCA   func() *pki.Authority // nil where this node cannot use it
	RegionCA func() *pki.Authority // nil where this node is no hub
	Codes    Codes
	Members  Members
	Welcome  func() Welcome
	Log      *slog.Logger

	limit limiter
}

// A Listener hands out connections whose protocol is pki.ProtoJoin or pki.ProtoRenew.
type Listener interface{ Accept() (*tls.Conn, error) }

// Run serves until the listener is closed or ctx ends; whoever made the listener closes it. When
// maxServed exchanges are under way the next waits, as does the listener's own queue.
func (s *Server) Run(ctx context.Context, l Listener) error {
	slots := make(chan struct{}, maxServed)
	var served sync.WaitGroup
	defer served.Wait()
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return edge.E(edge.Unavailable, "the join port cannot be served: %w", err)
		}
		served.Go(func() {
			defer func() { <-slots }()
			if err := s.Serve(ctx, c); err != nil && s.Log != nil {
				s.Log.Warn("a machine was not let in", "from", c.RemoteAddr().String(), "err", err)
			}
		})
	}
}

// Serve answers the one request of a connection and closes it. The error is what was refused or what
// broke; the other side has been told as much as it may know.
func (s *Server) Serve(ctx context.Context, c *tls.Conn) error {
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, serveTime)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) }) // frees a blocked read
	defer stop()
	if err := c.HandshakeContext(ctx); err != nil {
		return edge.E(edge.Denied, "the handshake failed: %w", err)
	}
	switch cs := c.ConnectionState(); pki.Proto(cs.NegotiatedProtocol) {
	case pki.ProtoJoin:
		var q joinRequest
		if err := readFrame(c, &q); err != nil {
			return err
		}
		a, err := s.join(ctx, c, cs, q)
		if err != nil {
			a = joinAnswer{Refused: refuse(err)}
		}
		a.V, a.Time = version, s.End.Trust.Now()
		return errors.Join(err, writeFrame(c, a))
	case pki.ProtoRenew:
		var q renewRequest
		if err := readFrame(c, &q); err != nil {
			return err
		}
		a, err := s.renew(ctx, cs, q)
		if err != nil {
			a = renewAnswer{Refused: refuse(err)}
		}
		a.V, a.Time = version, s.End.Trust.Now()
		return errors.Join(err, writeFrame(c, a))
	default:
		return edge.E(edge.Denied, "the caller speaks %q, which is not spoken here", clip(cs.NegotiatedProtocol, 40))
	}
}

// join checks all that can be checked before it burns the code, so that a request with a mistake in it
// costs nothing.
func (s *Server) join(ctx context.Context, c *tls.Conn, cs tls.ConnectionState, q joinRequest) (joinAnswer, error) {
	if err := s.limit.allow(c.RemoteAddr(), s.End.Trust.Now()); err != nil {
		return joinAnswer{}, err
	}
	reg, site, err := s.inspect(cs, q)
	if err != nil {
		return joinAnswer{}, err
	}
	code := pki.Code{Secret: [16]byte(q.Secret)}
	if code.ID, err = pki.CodeID(q.Code); err != nil {
		return joinAnswer{}, pki.WrongCode()
	}
	rec, err := s.Codes.Spend(ctx, q.Code, code.Hash(), reg.Name.ID)
	if err != nil {
		return joinAnswer{}, err
	}
	if rec.Role != q.Role || rec.Site != "" && rec.Site != reg.Name.Site {
		return joinAnswer{}, edge.E(edge.Denied, "the join code is for a %s%s, not for a %s called %s", rec.Role, called(rec.Site), q.Role, reg.Name.Site)
	}
	reg.Invited = rec.By
	if err := s.Members.Register(ctx, reg); err != nil {
		return joinAnswer{}, err
	}
	if q.Role == pki.JoinNode {
		return s.letNodeIn(reg, q.CSR)
	}
	return s.letSiteIn(reg, site)
}

// inspect checks a request for itself and returns whom it is about and the site's root, if any.
func (s *Server) inspect(cs tls.ConnectionState, q joinRequest) (r Registration, site *x509.Certificate, err error) {
	switch {
	case q.V < 1 || !q.Role.Valid() || len(q.Secret) != 16:
		return r, nil, edge.E(edge.Invalid, "the request to join is not well formed")
	case len(q.Addr) > 255 || len(q.Label) > 100 || len(q.Build) > 100:
		return r, nil, edge.E(edge.Invalid, "the address, the label or the version in the request is too long")
	}
	pub, id, err := pki.ParseCSR(q.CSR)
	if err != nil {
		return r, nil, err
	}
	if err := checkProof(cs, pub, proofNode, q.CSR, q.Proof); err != nil {
		return r, nil, err
	}
	if s.End.Trust.RevokedKey(id) {
		return r, nil, edge.E(edge.Denied, "node %s has been revoked", id.Short()).WithHint("to let the box in again, remove its node.key so that it becomes a new node")
	}
	r = Registration{Role: q.Role, Addr: q.Addr, Label: q.Label, Build: q.Build}
	r.Name = pki.Name{Site: s.End.Trust.Site(), Region: s.End.Trust.Region(), ID: id}
	if q.Role == pki.JoinNode {
		if usable(s.SiteCA) == nil {
			return r, nil, edge.E(edge.Unavailable, "this node cannot let others in just now: it does not hold its site's CA").WithHint("try another node of the site")
		}
		return r, nil, nil
	}
	region := usable(s.RegionCA)
	if region == nil {
		return r, nil, edge.E(edge.Denied, "this node is no hub, so no site can join here")
	}
	site, err = s.inspectSite(cs, q)
	if err != nil {
		return r, nil, err
	}
	r.Name.Site, r.Name.Region, r.SiteCA = site.Subject.CommonName, region.Label(), pki.KeyID(site)
	return r, site, nil
}

func (s *Server) inspectSite(cs tls.ConnectionState, q joinRequest) (*x509.Certificate, error) {
	site, err := siteRoot(q.SiteCA)
	if err != nil {
		return nil, err
	}
	if err := checkProof(cs, site.PublicKey.(*ecdsa.PublicKey), proofSite, q.SiteCA, q.SiteProof); err != nil {
		return nil, err
	}
	label := site.Subject.CommonName
	if s.End.Trust.RevokedKey(pki.KeyID(site)) || s.End.Trust.Revoked(pki.Name{Site: label}) {
		return nil, edge.E(edge.Denied, "site %s has been revoked", label)
	}
	if label == s.End.Trust.Site() {
		return nil, edge.E(edge.Conflict, "this hub's own site is called %s", label).WithHint("give the site another name")
	}
	return site, nil
}

// siteRoot reads a site's root and makes sure that its key is one proofs can be checked with.
func siteRoot(der []byte) (*x509.Certificate, error) {
	site, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, edge.E(edge.Invalid, "the site's CA certificate cannot be read: %w", err)
	}
	if scope, _, err := pki.CheckRoot(site); err != nil || scope != pki.ScopeSite {
		return nil, edge.E(edge.Invalid, "the certificate sent is not that of a site's CA")
	}
	return site, nil
}

func (s *Server) letNodeIn(r Registration, csr []byte) (joinAnswer, error) {
	ca := usable(s.SiteCA)
	if ca == nil {
		return joinAnswer{}, edge.E(edge.Unavailable, "this node lost its site's CA just now").WithHint("try again")
	}
	chain, err := ca.IssueLeaf(csr, r.Name, 0)
	if err != nil {
		return joinAnswer{}, err
	}
	w := s.Welcome()
	return joinAnswer{Site: r.Name.Site, Region: r.Name.Region, Chain: chain, Roots: s.End.Trust.State().Roots, Hubs: w.Hubs, Peers: w.Peers, Members: w.Members, Secret: w.Secret}, nil
}

func (s *Server) letSiteIn(r Registration, site *x509.Certificate) (joinAnswer, error) {
	ca := usable(s.RegionCA)
	if ca == nil {
		return joinAnswer{}, edge.E(edge.Unavailable, "this hub lost its region's CA just now").WithHint("try again")
	}
	cross, err := ca.CrossSign(site)
	if err != nil {
		return joinAnswer{}, err
	}
	return joinAnswer{Site: r.Name.Site, Region: r.Name.Region, Cross: cross.Raw, Hubs: s.Welcome().Hubs,
		Roots: []pki.Root{{Kind: pki.RootAbove, Cert: ca.Root().Raw}}}, nil
}

func usable(f func() *pki.Authority) *pki.Authority {
	if f == nil {
		return nil
	}
	return f()
}

func called(site string) string {
	if site == "" {
		return ""
	}
	return " called " + site
}
